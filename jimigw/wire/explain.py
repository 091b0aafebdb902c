"""What every byte of a message says, for people: the rows of a layout walked over the bytes, piece by piece.

This goes the way of the generated decode, field by field instead of fused, and stops nowhere: what decode refuses or
keeps raw is a piece with the reason. A kind of a protocol's own is one piece unless it tells more with :func:`walks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any, TypeVar

import attrs

from .errors import DecodeError
from .kinds import (
    Bit,
    Chain,
    Const,
    Coordinate,
    Counted,
    Item,
    Kind,
    Nested,
    Notes,
    Optional,
    PrefixedBytes,
    PrefixedText,
    Repeated,
    Rest,
    Switch,
    When,
)
from .kinds.lists import ListKind
from .kinds.octets import Prefixed
from .presentation import shown_value
from .rows import Plan, Row, Run, Word


@attrs.frozen
class Piece:
    """A range of bytes and what it says. Offsets count from the start of the buffer; ``depth`` is that of the nesting.

    A piece that is followed by deeper ones is the whole of them. The bits of a word have the same range each, and say
    in ``bits`` which of it they are. ``problem`` is a sentence where something is wrong, otherwise "".
    """

    start: int
    end: int
    name: str
    value: Any
    shown: str
    unit: str = ""
    meaning: str = ""
    chapter: str = ""
    bits: str = ""
    depth: int = 0
    problem: str = ""


def explain(what: Any, data: bytes, start: int = 0, end: int | None = None) -> list[Piece]:
    """The pieces of ``data[start:end]``, read as ``what``: a declared message or part, or its layout.

    The pieces that have none deeper behind them cover every byte once, from first to last (the bits of a word share
    theirs). Never raises for any bytes.
    """
    layout: Plan = getattr(what, "__wire__", what)
    stop = len(data) if end is None else min(end, len(data))
    walk = Walk(data, stop)
    pos = start
    try:
        _, pos = walk.layout(layout, start, stop)
    except DecodeError as error:
        pos = max([start, *(piece.end for piece in walk.pieces)])
        walk.raw("unread", pos, stop, str(error))
        return walk.pieces
    if pos < stop:
        walk.add("surplus", pos, stop, data[pos:stop], None, meaning="bytes behind the last field, kept")
    return walk.pieces


def leaves(pieces: list[Piece]) -> Iterator[Piece]:
    """The pieces that have none deeper behind them."""
    for piece, after in zip_longest(pieces, pieces[1:]):
        if after is None or after.depth <= piece.depth:
            yield piece


_BARE = Row(Kind(), "")


class Walk:
    """One walk over some bytes; gathers :attr:`pieces`. What its methods raise is a :class:`DecodeError`."""

    def __init__(self, data: bytes, end: int) -> None:
        self.data, self.end = data, end
        self.pieces: list[Piece] = []
        self.depth = 0
        self.chapter = ""  # of the layout that is walked: that of its rows which name none

    # -- pieces ---------------------------------------------------------------------------------------------------
    def add(
        self,
        name: str,
        start: int,
        end: int,
        value: Any,
        row: Row | None,
        *,
        bits: str = "",
        meaning: str = "",
        notes: Notes | None = None,
    ) -> None:
        """One piece. ``row`` gives its unit, names, meaning and chapter, ``notes`` become its problem."""
        row = row or _BARE
        text = shown_value(value, row.kind, row.unit, row.names)
        meaning, chapter = meaning or row.meaning, row.chapter or self.chapter
        problem = "; ".join(notes or ())
        piece = Piece(start, end, name, value, text, row.unit, meaning, chapter, bits, self.depth, problem)
        self.pieces.append(piece)

    def raw(self, name: str, start: int, end: int, problem: str, row: Row | None = None) -> None:
        """The bytes of a range as they are, with the reason."""
        row = attrs.evolve(row or _BARE, unit="", names=None)
        self.add(name, start, end, self.data[start:end], row, notes=[problem])

    @contextmanager
    def whole(self, row: Row, pos: int) -> Iterator[Callable[[Any, int, Notes], None]]:
        """A piece made of the pieces that are added within. The function it gives is told the value and the end."""
        at, told = len(self.pieces), False

        def tell(value: Any, end: int, notes: Notes) -> None:
            nonlocal told
            told = True
            self.depth -= 1
            self.add(row.name, pos, end, value, row, notes=notes)
            self.depth += 1
            self.pieces[at] = self.pieces.pop()

        self.pieces.append(Piece(pos, pos, row.name, None, "", depth=self.depth))
        self.depth += 1
        try:
            yield tell
        finally:
            if not told:  # its bytes cannot be read: the error on its way says why
                reached = max([pos, *(piece.end for piece in self.pieces[at + 1 :])])
                self.pieces[at] = attrs.evolve(
                    self.pieces[at],
                    end=reached,
                    shown="incomplete",
                    meaning=row.meaning,
                    chapter=row.chapter or self.chapter,
                )
            self.depth -= 1

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Takes the pieces added within back if an error leaves it."""
        at, chapter = len(self.pieces), self.chapter
        try:
            yield
        except DecodeError:
            del self.pieces[at:]
            self.chapter = chapter
            raise

    # -- rows -----------------------------------------------------------------------------------------------------
    def layout(self, layout: Plan, pos: int, end: int) -> tuple[Any, int]:
        """The rows of a layout: the message, and the position behind its last row."""
        owner = object.__new__(layout.cls)
        outer, self.chapter = self.chapter, layout.chapter or self.chapter
        coordinates: list[tuple[Row, int]] = []
        for segment in layout.segments:
            for member in segment.members if isinstance(segment, Run) else (segment,):
                if isinstance(member, Word):
                    pos = self._word(member, pos, end, owner)
                    continue
                if isinstance(member.kind, Coordinate):
                    coordinates.append((member, len(self.pieces)))
                try:
                    value, pos = self.row(member, pos, end, owner)
                except DecodeError as error:
                    raise error.within(member.name) from None
                if not isinstance(member.kind, Const):
                    setattr(owner, member.name, value)
        for row, at in coordinates:
            self._sign(row, at, owner)
        if layout.surplus is not None:
            owner.surplus = b""
        self.chapter = outer
        return owner, pos

    def _sign(self, row: Row, at: int, owner: Any) -> None:
        """Gives a coordinate the sign that a bit, perhaps a later one, says."""
        kind, value = row.kind, getattr(owner, row.name)
        assert isinstance(kind, Coordinate)
        if getattr(owner, kind.flag) is kind.negative and value:
            setattr(owner, row.name, -value)
            self.pieces[at] = attrs.evolve(self.pieces[at], value=-value, shown=shown_value(-value, kind, row.unit))

    def _word(self, word: Word, pos: int, end: int, owner: Any) -> int:
        after = pos + word.bits // 8
        if after > end:
            raise DecodeError(f"needs {word.bits // 8} bytes, {end - pos} are left", pos, word.rows[0].name)
        whole = int.from_bytes(self.data[pos:after], "big")
        for row, low, mask in word.shifted():
            value: Any = whole >> low & mask
            if isinstance(row.kind, Bit):
                value = bool(value)
            setattr(owner, row.name, value)
            high = low + mask.bit_length() - 1
            self.add(row.name, pos, after, value, row, bits=f"bits {high}-{low}" if high > low else f"bit {low}")
        return after

    def row(self, row: Row, pos: int, end: int, owner: Any) -> tuple[Any, int]:
        """One row: its value and the position behind it."""
        for base in type(row.kind).__mro__:
            if base in _WALKS:
                return _WALKS[base](self, row, pos, end, owner)
        return self.plain(row, pos, end, owner)

    def plain(self, row: Row, pos: int, end: int, owner: Any) -> tuple[Any, int]:
        """A row that is one piece."""
        notes: Notes = []
        value, after = row.kind.read(self.data, pos, end, owner, notes)
        self.add(row.name, pos, after, value, row, notes=notes)
        return value, after

    def under(self, name: str, kind: Kind, pos: int, end: int, owner: Any, row: Row | None = None) -> tuple[Any, int]:
        """A kind within another one, as a row called ``name``; ``row`` gives its unit and names."""
        return self.row(attrs.evolve(row or _BARE, kind=kind, name=name), pos, end, owner)


Walker = Callable[[Walk, Row, int, int, Any], tuple[Any, int]]
W = TypeVar("W", bound=Walker)
_WALKS: dict[type[Kind], Walker] = {}


def walks(kind: type[Kind]) -> Callable[[W], W]:
    """Says how a kind, and what inherits from it, is walked: the function gets the walk, the row, position, end and
    owner, adds the pieces, and returns what the kind's ``read`` would."""

    def declare(walker: W) -> W:
        _WALKS[kind] = walker
        return walker

    return declare


@walks(Const)
def _const(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> tuple[Any, int]:
    kind = row.kind
    assert isinstance(kind, Const)
    value, after = kind.read(walk.data, pos, end, owner, [])
    if value != kind.value:
        raise DecodeError(f"0x{value:X} is not {kind.wire_type}", pos)
    walk.add(row.name, pos, after, value, row)
    return value, after


@walks(Optional)
def _optional(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> tuple[Any, int]:
    assert isinstance(row.kind, Optional)
    return walk.under(row.name, row.kind.inner, pos, end, owner, row) if row.kind.present(pos, end) else (None, pos)


@walks(When)
def _when(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> tuple[Any, int]:
    assert isinstance(row.kind, When)
    return walk.under(row.name, row.kind.inner, pos, end, owner, row) if row.kind.said(owner) else (None, pos)


@walks(Switch)
def _switch(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> tuple[Any, int]:
    kind = row.kind
    assert isinstance(kind, Switch)
    try:
        with walk.attempt():
            return walk.under(row.name, kind.chosen(owner), pos, end, owner, row)
    except DecodeError as error:
        if kind.whole:
            raise
        walk.raw(row.name, pos, end, f"kept raw: {error}", row)
        return walk.data[pos:end], end


@walks(Nested)
def _nested(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> tuple[Any, int]:
    assert isinstance(row.kind, Nested)
    layout = row.kind.target.__wire__
    with walk.whole(row if row.chapter else attrs.evolve(row, chapter=layout.chapter), pos) as tell:
        value, after = walk.layout(layout, pos, end)
        tell(value, after, [])
    return value, after


def _prefixed(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> tuple[Any, int]:
    kind = row.kind
    assert isinstance(kind, Prefixed)
    with walk.whole(row, pos) as tell:
        notes: Notes = []
        value, after = kind.read(walk.data, pos, end, owner, notes)
        _, start = walk.under("length", kind.length, pos, end, owner, Row(kind, "length in bytes"))
        walk.add("bytes" if isinstance(value, bytes) else "text", start, after, value, attrs.evolve(row, meaning=""))
        tell(value, after, notes)
    return value, after


walks(PrefixedText)(_prefixed)
walks(PrefixedBytes)(_prefixed)


@walks(Counted)
def _counted(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> tuple[Any, int]:
    kind = row.kind
    assert isinstance(kind, Counted)
    with walk.whole(row, pos) as tell:
        count, after = walk.under("count", kind.count, pos, end, owner, Row(kind, "number of items"))
        values, after, notes = _elements(walk, row, after, end, count, owner)
        if len(values) < count:
            notes.append(f"count says {count}, {len(values)} could be read")
        tell(values, after, notes)
    return values, after


@walks(Repeated)
def _repeated(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> tuple[Any, int]:
    with walk.whole(row, pos) as tell:
        values, after, notes = _elements(walk, row, pos, end, None, owner)
        tell(values, after, notes)
    return values, after


def _elements(walk: Walk, row: Row, pos: int, end: int, most: int | None, owner: Any) -> tuple[list[Any], int, Notes]:
    kind = row.kind
    assert isinstance(kind, ListKind)
    values: list[Any] = []
    notes: Notes = []
    within = attrs.evolve(row, meaning="")
    while pos < end if most is None else len(values) < most:
        try:
            with walk.attempt():
                at = len(walk.pieces)
                value, after = walk.under(f"[{len(values)}]", kind.element, pos, end, owner, within)
        except DecodeError as error:
            notes.append(str(error.within(f"[{len(values)}]")))
            break
        if after == pos:
            del walk.pieces[at:]
            break
        values.append(value)
        pos = after
    return values, pos, notes


@walks(Chain)
def _chain(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> tuple[Any, int]:
    kind = row.kind
    assert isinstance(kind, Chain)
    notes: Notes = []
    items: list[Item] = []
    after = pos
    with walk.whole(row, pos) as tell:
        for span in kind.spans(walk.data, pos, end, notes):
            items.append(_item(walk, kind, f"[{len(items)}]", span, owner))
            after = span[-1]
        tell(items, after, notes)
    return items, after


def _item(walk: Walk, kind: Chain, name: str, span: tuple[int, int, int, int], owner: Any) -> Item:
    identity, head, start, stop = span
    known = kind.items.get(identity)
    held = Row(known.kind, known.meaning, known.unit, chapter=known.chapter) if known else Row(Rest(), "id not known")
    behind = head + (kind.id_kind.size or 0)
    with walk.whole(attrs.evolve(held, name=name, unit=""), head) as tell:
        names = {identity: known.key} if known else None
        walk.under("id", kind.id_kind, head, behind, owner, Row(kind.id_kind, "id of the item", names=names))
        length = (known and known.length) or kind.length
        walk.under("length", length, behind, start, owner, Row(length, "length of the value in bytes"))
        item = Item(identity, _item_value(walk, held, start, stop, owner))
        tell(item, stop, [])
    return item


def _item_value(walk: Walk, held: Row, start: int, stop: int, owner: Any) -> Any:
    within = attrs.evolve(held, meaning="", chapter="")
    try:
        with walk.attempt():
            value, after = walk.under("value", held.kind, start, stop, owner, within)
            if after != stop:
                raise DecodeError(f"{stop - after} of {stop - start} bytes are too many", after)
    except DecodeError as error:
        walk.raw("value", start, stop, f"kept raw: {error}")
        return walk.data[start:stop]
    return value
