"""The declared messages as Markdown: what :func:`table` and :func:`page` print is read from the rows and nothing else.

A layout or a list of codes that several messages share is printed once and linked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from .book import Book, Entry
from .kinds import (
    Chain,
    Const,
    Counted,
    Derived,
    Kind,
    Legend,
    LengthOf,
    Measured,
    Names,
    Nested,
    Optional,
    Repeated,
    Switch,
    When,
)
from .message import Message
from .rows import REQUIRED, Plan, Row, Run, Word

_DIRECTIONS = {
    "up": "from the terminal",
    "down": "to the terminal",
    "both": "in both directions",
}
_COLUMNS = ("Offset", "Bytes", "Type", "JSON key", "Unit", "Meaning")
#: codes up to this number, whose names take up to so many characters, stand in the row itself
_FEW, _SHORT = 4, 90


def table(entry: Entry) -> str:
    """One message: its title, where it goes, its table, and behind it the parts and codes that it refers to.

    Offsets and sizes are in bytes; an offset is given as long as it is the same in every such message. The title has
    the id in hexadecimal, as many digits as it needs.
    """
    writer = _Writer(digits=4 if entry.identity > 0xFF else 2)
    return _text([*writer.message(entry), *writer.rest(level=4)])


def page(book: Book, title: str, intro: str) -> str:
    """A whole protocol: a list of its messages, the messages in the order of their ids, then parts and codes."""
    writer = _Writer(book.digits)
    entries = sorted(book, key=lambda entry: (entry.identity, entry.direction == "down"))
    messages = [line for entry in entries for line in writer.message(entry)]
    contents = _markdown_table(
        ("Id", "Message", "Goes", "Versions", "Chapter"),
        (
            (
                book.name(entry.identity),
                writer.links[id(entry)],
                _DIRECTIONS[entry.direction],
                _versions(entry),
                _plan(entry.cls).chapter,
            )
            for entry in entries
        ),
    )
    head = [
        f"# {title}",
        "",
        "<!-- Written by `make docs` from the declarations in the code. -->",
        "",
        intro.strip(),
        "",
    ]
    return _text([*head, "## Messages", "", *contents, *messages, *writer.rest(level=2)])


def _text(lines: Iterable[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _plan(cls: type[Message]) -> Plan:
    return cls.__wire__


class _Writer:
    """Writes messages and remembers what they refer to."""

    def __init__(self, digits: int) -> None:
        self.digits = digits
        self.links: dict[int, str] = {}
        self._headings: set[str] = set()
        # Each with its heading and its link, in the order of the first reference.
        self._parts: dict[type[Message], tuple[str, str]] = {}
        self._codes: dict[tuple[tuple[Any, str], ...], tuple[str, str]] = {}

    def _heading(self, text: str) -> tuple[str, str]:
        """A heading that no other has, and a link to it."""
        number, found = 2, text
        while _anchor(found) in self._headings:
            found, number = f"{text} ({number})", number + 1
        self._headings.add(_anchor(found))
        return found, f"[{_escaped(text)}](#{_anchor(found)})"

    # -- sections -------------------------------------------------------------------------------------------------
    def message(self, entry: Entry) -> Iterator[str]:
        """The section of one message."""
        plan, versions = _plan(entry.cls), _versions(entry)
        title = f"0x{entry.identity:0{self.digits}X} {plan.title}" + (f", {versions}" if versions else "")
        heading, link = self._heading(title)
        self.links[id(entry)] = f"[{_escaped(plan.title)}]{link[link.index('](') + 1 :]}"
        facts = [_DIRECTIONS[entry.direction], *([f"version {versions}"] if versions else [])]
        if plan.chapter:
            facts.append(f"chapter {plan.chapter}")
        if plan.size is not None and plan.rows:
            facts.append(f"{plan.size} bytes")
        sentence = "; ".join(facts)
        yield from ["", f"### {heading}", "", f"{sentence[0].upper()}{sentence[1:]}.", ""]
        told = vars(entry.cls).get("__doc__")
        if told:
            yield from [_escaped(" ".join(told.split())), ""]
        yield from self.rows(plan)

    def rest(self, level: int) -> Iterator[str]:
        """The parts and the codes that the messages so far refer to, parts of parts included."""
        written = 0
        lines: list[str] = []
        while written < len(self._parts):
            cls, (heading, _) = list(self._parts.items())[written]
            written += 1
            plan = _plan(cls)
            chapter = [f"Chapter {plan.chapter}.", ""] if plan.chapter else []
            lines += ["", f"{'#' * max(level, 3)} {heading}", "", *chapter, *self.rows(plan)]
        if lines:
            yield from (["", "## Parts of messages", ""] if level < 3 else [])
            yield from lines
        if self._codes:
            yield from (["", "## Codes", ""] if level < 3 else [])
        for codes, (heading, _) in self._codes.items():
            yield from ["", f"{'#' * max(level, 3)} {heading}", ""]
            yield from _markdown_table(
                ("Code", "Name"), ((_code(code, both=True), _escaped(name)) for code, name in codes)
            )

    # -- tables ---------------------------------------------------------------------------------------------------
    def rows(self, plan: Plan) -> Iterator[str]:
        """The table of a layout, and what its switches and chains choose from."""
        if not plan.rows:
            yield from ["No body.", ""]
            return
        yield from _markdown_table(_COLUMNS, self._cells(plan))
        for each in plan.rows:
            yield from self._choices(each, each.kind, plan)

    def _cells(self, plan: Plan) -> Iterator[tuple[str, ...]]:
        offset: int | None = 0
        for segment in plan.segments:
            for member in segment.members if isinstance(segment, Run) else (segment,):
                at = "" if offset is None else str(offset)
                if isinstance(member, Word):
                    sizes = [member.bits // 8]
                    for each, low, mask in member.shifted():
                        high = low + mask.bit_length() - 1
                        bits = f"bits {high}-{low}" if high > low else f"bit {low}"
                        yield at, f"{sizes[0]}, {bits}", f"`{each.kind.wire_type}`", *self._about(each, plan)
                else:
                    sizes = _sizes(member.kind)
                    yield at, " or ".join(map(str, sizes)), self._type(member.kind), *self._about(member, plan)
                offset = offset + sizes[0] if offset is not None and len(sizes) == 1 else None
        for each in plan.rows:
            if isinstance(each.kind, Derived):
                yield "", "", "derived", *self._about(each, plan)

    def _about(self, row: Row, plan: Plan) -> tuple[str, str, str]:
        """Key, unit and meaning of a row."""
        meaning = [_escaped(row.meaning)]
        if row.names is not None:
            meaning.append(self._names(row.names, row.name, plan))
        if row.show == "set" and not isinstance(row.kind, Derived):
            meaning.append("not in JSON while it is empty")
        default = row.default
        if default is not REQUIRED and default not in (None, b"", "") and default != [] and row.show == "always":
            meaning.append(f"{_said(default)} where JSON leaves it out")
        if row.chapter and row.chapter != plan.chapter:
            meaning.append(f"chapter {row.chapter}")
        return _keys(row), _escaped(row.unit), "; ".join(filter(None, meaning))

    def _names(self, names: Names, name: str, plan: Plan) -> str:
        """The names of codes: themselves if they are few, otherwise a link to their table."""
        listed = ", ".join(f"{_code(code)} = {_escaped(text)}" for code, text in names.items())
        if len(names) <= _FEW and len(listed) <= _SHORT and listed.count(",") == len(names) - 1:
            return listed
        found = tuple(names.items())
        if found not in self._codes:
            title = f"Codes of {name}"
            self._codes[found] = self._heading(f"{title}, {plan.title}" if _anchor(title) in self._headings else title)
        return self._codes[found][1]

    def _type(self, kind: Kind) -> str:
        if isinstance(kind, Nested):
            return self._part(kind.target)
        if isinstance(kind, Optional):
            return f"{self._type(kind.inner)}, optional"
        if isinstance(kind, When):
            return f"{self._type(kind.inner)}, if {_escaped(kind.condition)}"
        if isinstance(kind, Counted):
            return f"{self._type(kind.count)} count, list of {self._type(kind.element)}"
        if isinstance(kind, Repeated):
            return f"list of {self._type(kind.element)} to the end"
        if isinstance(kind, Switch):
            return f"by `{kind.by}`, see below"
        if isinstance(kind, Chain):
            most = f", at most {kind.most}" if kind.most is not None else ""
            return f"`{kind.id_kind.wire_type}` id, `{kind.length.wire_type}` length, value{most}; repeated"
        return f"`{kind.wire_type}`".replace("|", "\\|")

    def _part(self, cls: type[Message]) -> str:
        if cls not in self._parts:
            self._parts[cls] = self._heading(_plan(cls).title)
        return self._parts[cls][1]

    def _choices(self, row: Row, kind: Kind, plan: Plan) -> Iterator[str]:
        """What a switch or a chain chooses from, however deep in the row it stands."""
        if isinstance(kind, Optional | When):
            yield from self._choices(row, kind.inner, plan)
        elif isinstance(kind, Counted | Repeated):
            yield from self._choices(row, kind.element, plan)
        elif isinstance(kind, Switch):
            by = next((each for each in plan.rows if each.name == kind.by), None)
            names: Names = (by and by.names) or {}
            yield from [f"`{row.name}`, by `{kind.by}`:", ""]
            for code, case in kind.cases.items():
                name = f" {_escaped(names[code])}" if code in names else ""
                yield f"- {_code(code, both=True)}{name}: {self._type(case)}"
            yield from ([] if kind.whole else [f"- any other: {self._type(kind.default)}"])
            yield ""
        elif isinstance(kind, Chain):
            yield from self._items(row, kind)

    def _items(self, row: Row, kind: Chain) -> Iterator[str]:
        digits = 2 * kind.id_kind.struct.size
        once = " Each id stands once only." if kind.unique else ""
        if not kind.items:
            yield from [f"The items of `{row.name}` are kept raw, whatever their id.{once}", ""]
            return
        yield from [f"The items of `{row.name}`; any other id is kept raw.{once}", ""]
        yield from _markdown_table(
            ("Id", "Name", "Length", "Type", "Unit", "Meaning", "Chapter"),
            (
                (
                    f"{identity} (0x{identity:0{digits}X})",
                    f"`{item.key}`",
                    f"`{(item.length or kind.length).wire_type}`",
                    self._type(item.kind),
                    _escaped(item.unit),
                    _escaped(item.meaning),
                    item.chapter,
                )
                for identity, item in kind.items.items()
            ),
        )
        for item in kind.items.values():
            yield from self._choices(Row(item.kind, item.meaning, name=item.key), item.kind, Plan)  # type: ignore[arg-type]


def _keys(row: Row) -> str:
    """Every key that a row has in JSON."""
    if isinstance(row.kind, Const) or row.show == "never":
        return ""
    plain = row.key or row.name
    keys = [f"`{plain}`"]
    if row.names is not None and not isinstance(row.names, Legend):
        keys.append(f"`{plain}_name`")
    inner = row.kind.inner if isinstance(row.kind, Optional | When) else row.kind
    if isinstance(inner, Measured) and inner.key:
        keys.append(f"`{inner.key}` ({'count' if isinstance(inner, Counted) else 'length'})")
    keys += [f"{dialect}: `{key}`" for dialect, key in row.dialects.items() if key != plain]
    keys += [f"also read: `{key}`" for key in row.aliases]
    return ", ".join(keys)


def _sizes(kind: Kind) -> list[int]:
    """The numbers of bytes that a value of this kind may take; none if there is no saying."""
    if isinstance(kind, Optional | When):
        inner = _sizes(kind.inner)
        return [0, *inner] if inner else []
    if isinstance(kind, Switch) and kind.whole:
        return sorted({size for case in kind.cases.values() for size in _sizes(case)})
    if isinstance(kind, LengthOf):
        return _sizes(kind.base)
    return [] if kind.size is None else [kind.size]


def _versions(entry: Entry) -> str:
    # A version is an edition (2019) or a mark on the wire (0x78).
    return ", ".join(f"0x{v:02X}" if isinstance(v, int) and v < 0x100 else str(v) for v in entry.versions)


def _code(code: Any, *, both: bool = False) -> str:
    """A code as JSON has it; ``both``: and as the documents print it."""
    if isinstance(code, bool) or not isinstance(code, int):
        return _said(code)
    return f"{code} (0x{code:02X})" if both and code > 9 else str(code)


def _said(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{value.hex()} (hexadecimal)"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(text: str) -> str:
    return re.sub(r"([|<*\\])", r"\\\1", text)


def _anchor(heading: str) -> str:
    """The anchor that GitHub and most others give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _markdown_table(columns: tuple[str, ...], cells: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table; columns that are empty in every row are left out."""
    lines = list(cells)
    kept = [i for i in range(len(columns)) if any(line[i] for line in lines)]
    yield "| " + " | ".join(columns[i] for i in kept) + " |"
    yield "|" + "---|" * len(kept)
    for line in lines:
        yield "| " + " | ".join(line[i] for i in kept) + " |"
    yield ""
