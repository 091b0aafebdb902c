"""The config written down from its rows: the complete ``conf/jimigw.toml`` and the table of the reference page."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

import attrs

from jimigw.ops.config_kinds import Choice, Kind, ListOf, Number, Size, Whole
from jimigw.ops.config_rows import Row, SectionRow, SectionsRow, rows
from jimigw.ops.config_schema import Config

EXAMPLE = Path("conf/jimigw.toml")
"""Where `example_toml` belongs in the checkout."""

_WIDTH = 110
_RESTART = " A change needs a restart."
_HEAD = """\
The config of jimigw: every key with its default, so an empty file means the same as this one.
Any key can be set over the file on the command line, repeatably, as TOML:
    twistd -n jimigw --config conf/jimigw.toml --set 'log.level="debug"'
`jimigw check-config FILE` names everything that is wrong in a file. This file is written by `make docs`.
"""


def example_toml() -> str:
    """Give the whole text of the shipped config file: every key at its default, with its meaning, unit and bounds."""
    return "\n".join([*_comment(_HEAD), *_table(Config, "")]) + "\n"


def reference_markdown() -> str:
    """Give the reference table of all keys as Markdown: a heading and a table for each section."""
    return "\n".join([*_markdown(Config, "")]) + "\n"


def _comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for wrapped in textwrap.wrap(line, _WIDTH, subsequent_indent="", replace_whitespace=False) or [""]:
            yield f"# {wrapped}".rstrip()


def _table(cls: type[attrs.AttrsInstance], prefix: str) -> Iterator[str]:
    sections: list[tuple[str, SectionRow | SectionsRow]] = []
    for name, row in rows(cls):
        if not isinstance(row, Row):
            # TOML takes keys that follow a [section] for its own, so sections come last.
            sections.append((name, row))
            continue
        yield from _explained(row)
        yield f"{name} = {row.kind.toml(row.default)}"
    for name, row in sections:
        yield ""
        yield ""
        yield from _comment(row.meaning)
        if isinstance(row, SectionsRow):
            yield from _example(row, f"{prefix}{name}")
        else:
            yield f"[{prefix}{name}]"
            yield from _table(row.cls, f"{prefix}{name}.")


def _explained(row: Row) -> Iterator[str]:
    yield ""
    yield from _comment(row.meaning)
    if limits := _limits(row):
        yield from _comment(f"({limits})")
    if row.restart:
        yield from _comment("A change needs a restart.")


def _example(row: SectionsRow, name: str) -> Iterator[str]:
    """One of a list of sections, commented out: by default there is none."""
    yield from _comment("There is none by default. To have one, take the # off these lines:")
    yield f"#[[{name}]]"
    for key, nested in rows(row.cls):
        assert isinstance(nested, Row)
        yield from _explained(nested)
        yield f"#{key} = {nested.kind.toml(row.example.get(key, nested.default))}"


def _limits(row: Row) -> str:
    """Give unit and bounds of a key on one line, or nothing where its meaning says it all."""
    return ", ".join(filter(None, [row.unit, _bounds(row.kind)]))


def _bounds(kind: Kind) -> str:
    match kind:
        case Whole() | Number() | Size() | Choice():
            return kind.expected
        case ListOf(item=Whole() as item):
            return f"each {item.expected}"
        case _:
            return ""


def _markdown(cls: type[attrs.AttrsInstance], prefix: str) -> Iterator[str]:
    keys = [(name, row) for name, row in rows(cls) if isinstance(row, Row)]
    if keys:
        yield "| key | default | unit | takes | meaning |"
        yield "|---|---|---|---|---|"
    for name, row in keys:
        default = row.kind.toml(row.default)
        cells = [f"`{prefix}{name}`", f"`{default}`", row.unit, row.kind.expected, row.meaning + _RESTART * row.restart]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    for name, nested in rows(cls):
        if isinstance(nested, Row):
            continue
        several = isinstance(nested, SectionsRow)
        yield ""
        yield f"## `[[{prefix}{name}]]`" if several else f"## `[{prefix}{name}]`"
        yield ""
        yield nested.meaning
        yield ""
        yield from _markdown(nested.cls, f"{prefix}{name}[]." if several else f"{prefix}{name}.")
