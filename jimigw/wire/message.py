"""Messages, declared once: a class whose body is the table of its fields.

One row is one field: its kind, what it means, its unit, the names of its codes. From the rows :func:`message` makes, at
import, the attrs class with slots, one fused ``struct.Struct`` for each run of fixed fields, and functions to decode,
encode, show as JSON and read from JSON. :mod:`jimigw.wire.explain` and :mod:`jimigw.wire.document` walk the same rows.

    @message(BOOK, 0x13, "Heartbeat", chapter="5.2.1")
    class Heartbeat(Message):
        voltage_level: int = row(U8, "battery from 0 (none) to 6 (very high)", names=VOLTAGE_LEVELS)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

import attrs

from .kinds import Const, Derived, Notes, Rest
from .layout import Layout
from .rows import REQUIRED, Row, row


class Message:
    """The base of all declared messages and parts of messages."""

    __slots__ = ()
    __wire__: ClassVar[Layout]

    @classmethod
    def decode(cls, data: bytes, start: int = 0, end: int | None = None, notes: Notes | None = None) -> Self:
        """The message in ``data[start:end]``.

        What is wrong but does not cost the rest is told in ``notes``; bytes left over are kept in ``surplus``.
        Raises :class:`DecodeError` where the fixed part does not fit, and nothing else.
        """
        return cls.__wire__.decode(data, start, len(data) if end is None else end, [] if notes is None else notes)  # type: ignore[no-any-return]

    def encode(self) -> bytes:
        """The bytes of the message. Raises :class:`EncodeError`, and nothing else, for a value that does not fit."""
        return self.__wire__.encode(self)

    def to_json(self, dialect: str = "document") -> dict[str, Any]:
        """The message as a dictionary of plain values, ready for a JSON encoder that knows :mod:`datetime`."""
        return self.__wire__.to_json(self, dialect)

    @classmethod
    def from_json(cls, body: Any) -> Self:
        """The message that this JSON object means; :class:`EncodeError` names the key that is wrong."""
        return cls.__wire__.from_json(body)  # type: ignore[no-any-return]


M = TypeVar("M", bound=Message)


@dataclass_transform(kw_only_default=True, field_specifiers=(row,))
def part(title: str, *, chapter: str = "") -> Callable[[type[M]], type[M]]:
    """Declares a layout that stands within messages."""

    def declare(cls: type[M]) -> type[M]:
        return _built(cls, title, chapter, surplus=False)

    return declare


@dataclass_transform(kw_only_default=True, field_specifiers=(row,))
def message(book: Any, identity: int, title: str, *, chapter: str = "", **placing: Any) -> Callable[[type[M]], type[M]]:
    """Declares a message and enters it in ``book`` under ``identity``; ``placing`` is the book's own business.

    A message has one attribute more than its rows: ``surplus``, the bytes behind the last field, normally none.
    """

    def declare(cls: type[M]) -> type[M]:
        built = _built(cls, title, chapter, surplus=True)
        book.enter(identity, built, **placing)
        return built

    return declare


_SURPLUS = Row(Rest(), "bytes behind the last field, kept", default=b"", show="set", name="surplus")


def _built(cls: type[M], title: str, chapter: str, *, surplus: bool) -> type[M]:
    rows = _rows(cls)
    for found in rows:
        if isinstance(found.kind, Derived):
            setattr(cls, found.name, property(found.kind.compute, doc=found.meaning))
    # "surplus" is read by the generated decode itself, all else about it is as for any row.
    every = [*rows, _SURPLUS] if surplus else rows
    these = {each.name: _attribute(each) for each in every if not isinstance(each.kind, Const | Derived)}
    built = attrs.define(cls, these=these, slots=True, kw_only=True, eq=True, order=False)
    built.__wire__ = Layout(built, title, chapter, rows, _SURPLUS if surplus else None)
    return built


def _rows(cls: type[Any]) -> list[Row]:
    """Takes the rows out of the class body, the included ones in the place of their :func:`include`."""
    rows: list[Row] = []
    for name, value in list(vars(cls).items()):
        if isinstance(value, Row):
            rows.append(attrs.evolve(value, name=name))
        elif isinstance(value, _Included):
            rows += value.rows
        else:
            continue
        delattr(cls, name)
    return rows


@attrs.frozen
class _Included:
    rows: tuple[Row, ...]


def fragment(cls: type[Any]) -> Any:
    """Declares rows that several messages share and that :func:`include` puts into them; no layout of its own."""
    return _Included(tuple(_rows(cls)))


def include(declared: Any, *, since: str = "", until: str = "") -> Any:
    """The rows of a fragment or a message, in this place, as the message's own: for a table that the document refers
    to again. ``since`` names the first row that is taken, ``until`` the first that is not.
    """
    rows = declared.rows if isinstance(declared, _Included) else declared.__wire__.rows
    at = [each.name for each in rows]
    return _Included(tuple(rows[at.index(since) if since else 0 : at.index(until) if until else None]))


def _attribute(found: Row) -> Any:
    if isinstance(found.default, list):
        return attrs.field(factory=list)
    return attrs.field() if found.default is REQUIRED else attrs.field(default=found.default)


__all__ = ["Message", "fragment", "include", "message", "part", "row"]
