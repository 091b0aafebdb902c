"""``docs/hub-fields.md``: the pushes of the hub and its command API, from their tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jimigw.delivery.hub.rows import Field, Table
from jimigw.delivery.hub.tables import NEVER, TABLES
from jimigw.gateway.hub import CODES
from jimigw.web.hub_content import CONTENTS, NEEDED, Key
from jimigw.web.hub_request import FIELDS

_HEAD = """\
# Fields of the vendor's hub

<!-- Written by `make docs` from the declarations in the code. -->

What [hub.md](hub.md) explains, field by field. *Open*: what the hub does here is not known for certain. A field that
the terminal does not say is left out.

"From" is a place in the [record](records.md). Where a record makes several items, `at` is the position of one location
(in degrees, km/h and m) and `said` its part of the body; `item`, `event`, `channels` and `word` are the alarm, the
sensor or the sample that the item is about; `instruction` and `told` come from the command.

| path | what | from these [records](records.md) |
|---|---|---|"""

_COMMANDS = """\
## Fields of a command

`POST /api/device/sendInstruct`. The case of names does not count; other fields are passed over.

| field | meaning |
|---|---|"""

_CODES = """
## `_code`

| `_code` | `_msg` | when |
|---|---|---|"""

_CONTENT = """
## Content of JT/T commands

`cmdContent` is a JSON object. `instructionID` may stand in it. Numbers may be text. Times are `yyMMddHHmmss` in the
terminal's own zone, and are passed on as they are; `yyyy-MM-dd HH:mm:ss` is read too. 33027 is
`{"<parameter in decimal>": "<value>"}`, 33030 `{"<parameter>": ""}`. Any other message id is taken with its body in
the [exchange format](messages-jt808.md); the keys below may have their names there, too.

| `proNo` | message | keys of `cmdContent` (key of the exchange format) |
|---|---|---|"""

_NEVER = """
## Paths without a push

| path of the hub | why |
|---|---|"""


def hub_page() -> str:
    """The page."""
    lines = [_HEAD]
    lines += [f"| [`{table.path}`](#{_anchor(table)}) | {table.title} | {table.records} |" for table in TABLES]
    lines.append("")
    for table in TABLES:
        lines += [*_table(table), ""]
    lines += [_COMMANDS, *(f"| {_names(row.spellings)} | {row.meaning} |" for row in FIELDS)]
    lines += [_CODES, *(f"| {code.value} | {words} | {when} |" for code, (words, when) in CODES.items())]
    lines += [_CONTENT, *(_content(id, keys) for id, keys in CONTENTS.items())]
    lines += [_NEVER, *(f"| `{path}` | {why} |" for path, why in NEVER.items())]
    return "\n".join(lines) + "\n"


def _title(table: Table) -> str:
    return f"{table.path}: {table.title}"


def _anchor(table: Table) -> str:
    """The anchor that GitHub gives the table's heading."""
    kept = [each for each in _title(table).lower() if each.isalnum() or each in " -_"]
    return "".join(kept).replace(" ", "-")


def _table(table: Table) -> Iterator[str]:
    yield f"## {_title(table)}"
    yield ""
    yield f"From {table.records}."
    yield ""
    yield "| field | from | | |"
    yield "|---|---|---|---|"
    for field in table.fields:
        yield _row(field)
    if table.open:
        yield ""
        yield f"*Open*: {table.open}"


def _row(field: Field) -> str:
    places = " or ".join(f"`{place}`" for place in field.source.split(" | ")) if field.source else ""
    return f"| `{field.name}` | {places} | {field.note} | {'open' if field.open else ''} |"


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{each}`" for each in names)


def _content(id: int, keys: Sequence[Key]) -> str:
    return f"| {id} | 0x{id:04X} | {'; '.join(map(_key, keys)) or 'none'} |"


def _key(key: Key) -> str:
    names = " or ".join(f"`{name}`" for name in key.hub.split(" | "))
    other = "" if key.name in key.hub.split(" | ") else f" (`{key.name}`)"
    return f"{names}{other}{'' if key.default is NEEDED else ', optional'}"
