"""The table of a message: its rows, and how they are grouped for the wire.

Consecutive fields of fixed size are one run, and become one ``struct.Struct``; consecutive rows of bits share a word.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from .kinds import Bits, Const, Derived, Fixed, Hemisphere, Kind, Names, Optional, When

#: the default of a field that has none
REQUIRED: Any = object()


@attrs.frozen
class Row:
    """One field of a message, as declared by :func:`row`; ``name`` is filled in from the class body."""

    kind: Kind
    meaning: str
    unit: str = ""
    names: Names | None = None
    default: Any = REQUIRED
    key: str = ""
    dialects: Mapping[str, str] = attrs.Factory(dict)
    aliases: tuple[str, ...] = ()
    show: str = "always"  # or "set": left out of JSON while it is empty, zero or None; or "never"
    chapter: str = ""
    name: str = ""

    def key_in(self, dialect: str) -> str:
        """The JSON key in this dialect; empty if this dialect does not show the row."""
        found = self.dialects.get(dialect)
        return self.key or self.name if found is None else found

    def all_keys(self) -> tuple[str, ...]:
        """Every spelling that is understood in JSON, the plain one first."""
        return (self.key or self.name, *filter(None, self.dialects.values()), *self.aliases)


def row(
    kind: Kind,
    meaning: str,
    unit: str = "",
    *,
    names: Names | None = None,
    default: Any = REQUIRED,
    key: str = "",
    dialects: Mapping[str, str] | None = None,
    aliases: tuple[str, ...] = (),
    show: str = "always",
    chapter: str = "",
) -> Any:
    """One row of a message's table.

    ``names`` gives codes their names: JSON then has the name beside the code, under the key with ``_name`` behind it.
    (a :class:`~jimigw.wire.kinds.Legend` is for people only). ``key`` is the JSON key where it is not the attribute's
    name, ``dialects`` the keys of other dialects (empty: not shown there), ``aliases`` further spellings understood on
    input. ``show="set"`` leaves an empty value out of JSON, ``"never"`` every value.
    """
    if default is REQUIRED and isinstance(kind, Optional | When | Hemisphere):
        default = None
    return Row(kind, meaning, unit, names, default, key, dialects or {}, aliases, show, chapter)


_WORDS = {8: "B", 16: "H", 32: "I", 64: "Q"}


@attrs.frozen
class Word:
    """Consecutive rows of bits that share one word, highest bit first."""

    rows: tuple[Row, ...]
    bits: int

    @property
    def code(self) -> str:
        """The struct code of the word."""
        return _WORDS[self.bits]

    def shifted(self) -> Iterator[tuple[Row, int, int]]:
        """Each row with the number of its lowest bit and its mask."""
        low = self.bits
        for found in self.rows:
            count = found.kind.count  # type: ignore[attr-defined]
            low -= count
            yield found, low, (1 << count) - 1


@attrs.frozen
class Run:
    """Consecutive fields of fixed size: one struct."""

    members: tuple[Row | Word, ...]

    @property
    def struct(self) -> struct.Struct:
        """The fused struct of all members."""
        return struct.Struct(">" + "".join(m.code if isinstance(m, Word) else m.kind.codes for m in self.members))  # type: ignore[attr-defined]


Segment = Run | Row


def segments(rows: list[Row], owner: str) -> list[Segment]:
    """The rows grouped: runs of fixed fields, and each variable field by itself."""
    found: list[Segment] = []
    run: list[Row | Word] = []
    bits: list[Row] = []
    for each in rows:
        kind = each.kind
        if isinstance(kind, Derived):
            continue
        if isinstance(kind, Bits):
            bits.append(each)
            total = sum(b.kind.count for b in bits)  # type: ignore[attr-defined]
            if total in _WORDS and total >= bits[0].kind.word:  # type: ignore[attr-defined]
                run.append(Word(tuple(bits), total))
                bits = []
            continue
        if bits:
            raise TypeError(f"{owner}: the bits before {each.name} do not fill a word of 8, 16, 32 or 64")
        if isinstance(kind, Fixed):
            run.append(each)
            continue
        if run:
            found.append(Run(tuple(run)))
            run = []
        found.append(each)
    if bits:
        raise TypeError(f"{owner}: the bits at the end do not fill a word of 8, 16, 32 or 64")
    if run:
        found.append(Run(tuple(run)))
    return found


class Plan:
    """What is known of a message before its functions are made."""

    def __init__(self, cls: type[Any], title: str, chapter: str, rows: list[Row], surplus: Row | None) -> None:
        self.cls, self.title, self.chapter = cls, title, chapter
        self.rows, self.surplus = rows, surplus
        self.segments = segments(rows, cls.__name__)
        self.attributes = [each for each in rows if not isinstance(each.kind, Const | Derived)]
        self.shown = [each for each in rows if not isinstance(each.kind, Const) and each.show != "never"]

    @property
    def size(self) -> int | None:
        """The size in bytes if that is fixed."""
        total = 0
        for segment in self.segments:
            if not isinstance(segment, Run):
                return None
            total += segment.struct.size
        return total
