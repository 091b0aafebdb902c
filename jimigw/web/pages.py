"""The API for people: one page of HTML without anything from elsewhere, and docs/api.md; both from the table."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from .openapi import document, problems_of
from .problems import KINDS, Fault, ProblemBody
from .routes import Answer, Parameter, Route

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --blue: #36c; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
a { color: var(--blue); } code, .path { font-family: ui-monospace, monospace; font-size: .9em; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; } caption { text-align: left; font-weight: 600; }
td, th { border-top: 1px solid var(--line); padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; } .method { display: inline-block; min-width: 4.2rem; font-weight: 700; }
.scope { float: right; background: var(--soft); border-radius: 1rem; padding: 0 .6rem; font-size: .85em; }
"""

_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

PAGE_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
"""Nothing on the page runs, and nothing is fetched for it."""


def html_page(routes: Iterable[Route]) -> bytes:
    """The page."""
    rows = list(routes)
    schemas = document(rows)["components"]["schemas"]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>jimigw API</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body><h1>jimigw API</h1>",
        "<p>The same for programs: <a href='/openapi.json'>OpenAPI 3.1</a>. Requests want a token in the header ",
        "<code>Authorization: Bearer TOKEN</code>, with the scope that stands at the right: <code>read</code>, ",
        "<code>command</code> (holds read) or <code>admin</code> (holds both).</p>",
    ]
    for tag in dict.fromkeys(route.tag for route in rows):
        parts.append(f"<h2>{escape(tag)}</h2>")
        parts += [_html_route(route) for route in rows if route.tag == tag]
    parts.append("<h2>Problems</h2><p>Errors are <code>application/problem+json</code> (RFC 9457).</p><table>")
    for kind in KINDS:
        parts.append(
            f'<tr id="problem-{kind.word}"><td>{kind.status}</td><td><code>{kind.word}</code></td>'
            f"<td>{escape(kind.title)}. {_html(kind.meaning)}</td></tr>"
        )
    parts.append("</table><h2>Types</h2>")
    loose = _loose(rows)
    parts += [_html_schema(name, schema, name in loose) for name, schema in schemas.items()]
    parts.append("</body></html>")
    return "\n".join(parts).encode()


def _html(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text, quote=False))


def _html_route(route: Route) -> str:
    scope = f'<span class="scope">{route.scope.word}</span>' if route.scope else '<span class="scope">no token</span>'
    parts = [
        f'<details id="{route.name}"><summary>{scope}<span class="method">{route.method}</span> '
        f'<span class="path">{escape(route.path)}</span> · {escape(route.does)}</summary>'
    ]
    if route.more:
        parts.append(f"<p>{_html(route.more)}</p>")
    given = [*route.parameters, *route.query]
    if given:
        parts.append("<table><caption>Parameters</caption>")
        parts += [
            f"<tr><td><code>{each.name}</code></td><td>{_html(each.meaning)}</td><td>{escape(_kind(each))}</td></tr>"
            for each in given
        ]
        parts.append("</table>")
    if route.body is not None:
        named = _html_type(route.body.type)
        parts.append(f"<p>Body: {_html(route.body.meaning)}, <code>{route.body.media}</code> {named}</p>")
    parts.append("<table><caption>Answers</caption>")
    for status, answer in route.answers.items():
        types = ", ".join(_html_type(each) for each in (answer.type, *answer.others.values()))
        parts.append(f"<tr><td>{status}</td><td>{_html(answer.meaning)}</td><td>{types}</td></tr>")
    problems = ", ".join(f'<a href="#problem-{kind.word}">{kind.status} {kind.word}</a>' for kind in problems_of(route))
    parts.append(f"</table><p>Problems: {problems}</p></details>")
    return "".join(parts)


def _html_type(type: Any) -> str:
    name = str(getattr(type, "__name__", ""))
    return f'<a href="#type-{name}">{name}</a>' if hasattr(type, "__struct_fields__") else ""


def _html_schema(name: str, schema: dict[str, Any], loose: bool) -> str:
    parts = [f'<details id="type-{name}"><summary><code>{name}</code></summary>']
    parts.append(f"<p>{_html(schema.get('description', ''))}</p><table>")
    needed = schema.get("required", ())
    for key, each in schema.get("properties", {}).items():
        need = "may be left out" if loose and key not in needed else ""
        parts.append(
            f"<tr><td><code>{escape(key)}</code></td><td>{_linked(_shape(each))}</td>"
            f"<td>{_html(each.get('description', ''))}</td><td>{need}</td></tr>"
        )
    return "".join([*parts, "</table></details>"])


def _loose(routes: Iterable[Route]) -> set[str]:
    """The types of which keys may be missing: those of bodies, and answers that leave out what is not there."""
    types: list[Any] = [ProblemBody, Fault]
    for route in routes:
        types += [answer.type for answer in route.answers.values()]
    loose = {each.__name__ for each in types if getattr(_settings(each), "omit_defaults", False)}
    return loose | {route.body.type.__name__ for route in routes if route.body is not None}


def _settings(type: Any) -> Any:
    return getattr(type, "__struct_config__", None)


def _linked(text: str) -> str:
    return re.sub(r"\{(\w+)\}", r'<a href="#type-\1">\1</a>', escape(text))


def _shape(schema: dict[str, Any]) -> str:
    """A schema in a few words; names of types in braces."""
    if "$ref" in schema:
        return "{" + str(schema["$ref"]).rpartition("/")[2] + "}"
    if "anyOf" in schema:
        return " or ".join(_shape(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_shape(schema.get('items', {}))}"
    text = str(schema.get("format") or schema.get("type") or "any")
    bounds = [f"{sign} {schema[key]}" for key, sign in _BOUNDS.items() if key in schema]
    return " ".join([text, *bounds])


_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "maxLength": "up to", "multipleOf": "times"}


def _kind(parameter: Parameter) -> str:
    default = "" if parameter.default in (None, "") else f"; {_text(parameter.default)} if not given"
    return f"{parameter.kind.expected}{default}"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


# -- Markdown ---------------------------------------------------------------------------------------------------------


def markdown(routes: Iterable[Route]) -> str:
    """The tables of docs/api.md."""
    rows = list(routes)
    parts = []
    for tag in dict.fromkeys(route.tag for route in rows):
        parts.append(f"### {tag}\n")
        for route in rows:
            if route.tag == tag:
                parts.append(_markdown_route(route))
    parts.append("## Problems\n\n| status | kind | |\n|---|---|---|")
    parts += [f"| {kind.status} | `{kind.word}` | {kind.title}. {kind.meaning} |" for kind in KINDS]
    parts.append("\n## Types\n")
    loose = _loose(rows)
    schemas = document(rows)["components"]["schemas"]
    parts += [_markdown_schema(name, schema, name in loose) for name, schema in schemas.items()]
    return "\n".join(parts).rstrip() + "\n"


def _markdown_route(route: Route) -> str:
    scope = f"scope `{route.scope.word}`" if route.scope else "no token"
    parts = [f"#### `{route.method} {route.path}`\n", f"{route.does} · {scope}\n"]
    if route.more:
        parts.append(f"{route.more}\n")
    given: Sequence[Parameter] = [*route.parameters, *route.query]
    if given:
        parts.append("| parameter | | |\n|---|---|---|")
        parts += [f"| `{each.name}` | {each.meaning} | {_kind(each)} |".replace("[]", "\\[\\]") for each in given]
        parts.append("")
    if route.body is not None:
        name = _name_of(route.body.type)
        parts.append(f"Body: {route.body.meaning}, `{route.body.media}`{f', {name}' if name else ''}\n")
    parts += [f"- **{status}** {_markdown_answer(answer)}" for status, answer in route.answers.items()]
    special = [f"{kind.status} `{kind.word}`" for kind in route.problems]
    if special:
        parts.append(f"- Problems beside those of every request: {', '.join(special)}")
    return "\n".join([*parts, ""])


def _markdown_answer(answer: Answer) -> str:
    names = [_name_of(each) for each in (answer.type, *answer.others.values())]
    return ": ".join(filter(None, [answer.meaning, " or ".join(filter(None, names))]))


def _name_of(type: Any) -> str:
    return f"[{type.__name__}](#{type.__name__.lower()})" if hasattr(type, "__struct_fields__") else ""


def _markdown_schema(name: str, schema: dict[str, Any], loose: bool) -> str:
    parts = [f"### {name}\n", f"{schema.get('description', '')}\n", "| key | type | |\n|---|---|---|"]
    needed = schema.get("required", ())
    for key, each in schema.get("properties", {}).items():
        shape = re.sub(r"\{(\w+)\}", lambda found: f"[{found[1]}](#{found[1].lower()})", _shape(each))
        about = each.get("description", "") + (" (may be left out)" if loose and key not in needed else "")
        parts.append(f"| `{key}` | {shape} | {about.strip()} |")
    return "\n".join([*parts, ""])
