"""The additional items of a location: id, length and value, one behind the other to the end. JT/T 808-2019, 8.21.2.

A location may carry a dozen items, and a fleet sends the same ones again and again: the same ids with the same lengths
in the same order. Each such shape gets a function of its own, made once, that turns all items into JSON at one go; a
number of shapes is remembered, any other is walked item by item, with the same result.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import attrs

from jimigw.wire.errors import DecodeError, EncodeError
from jimigw.wire.kinds import (
    U8,
    Chain,
    Int,
    Item,
    ItemKind,
    Legend,
    Nested,
    Notes,
    Optional,
    Rest,
    Scope,
    bare,
    from_base64,
    shown,
    to_base64,
)
from jimigw.wire.rows import Plan, Row, Run, Word
from jimigw.wire.source import Source, compiled

#: shapes that are remembered, of each table; ids come from outside, so never all
MOST_SHAPES = 256

Items = dict[str, Any]
#: puts the item ``raw[start:stop]`` into the JSON object
Show = Callable[[bytes, int, int, Items], None]


class Extra:
    """The additional items of one location: their bytes, read when asked for, so that nothing gets lost or changed.

    Bytes at the end that are no item are kept as well. Make one by :meth:`Extras.of`.
    """

    __slots__ = ("_table", "raw", "shape")

    def __init__(self, raw: bytes, table: Extras, shape: Shape | None = None) -> None:
        self.raw, self._table, self.shape = raw, table, shape

    @property
    def items(self) -> list[Item]:
        """The items in order; the value is bytes where the id is unknown or the length is not what its kind needs."""
        table, raw = self._table, self.raw
        return [
            Item(identity, table.value_of(identity, raw, start, stop, None, []))
            for identity, _head, start, stop in table.spans(raw, 0, len(raw), [])
        ]

    @property
    def ids(self) -> Collection[int]:
        """The ids of the items, in order. Costs nothing where the shape is known, as almost always."""
        if self.shape is not None:
            return self.shape.places.keys()
        return [span[0] for span in self._table.spans(self.raw, 0, len(self.raw), [])]

    def get(self, identity: int) -> Any:
        """The value of the last item of this id, or None."""
        table, raw, place = self._table, self.raw, None
        if self.shape is not None:
            place = self.shape.places.get(identity)
        else:
            for found, _head, start, stop in table.spans(raw, 0, len(raw), []):
                if found == identity:
                    place = start, stop
        return None if place is None else table.value_of(identity, raw, *place, None, [])

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __bool__(self) -> bool:
        return bool(self.raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Extra) and self.raw == other.raw

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Extra({', '.join(f'0x{item.id:02X}: {shown(item.value)}' for item in self.items)})"


@attrs.frozen
class FusedItems:
    """Items of one shape as source: struct codes, the names that unpacking fills, the lines that make the object ``d``
    of them, and the names of those that are single numbers, by id."""

    codes: str
    names: list[str]
    lines: list[str]
    numbers: dict[int, str]


@attrs.define(eq=False)
class Shape:
    """Ids and lengths of the items of a location, in order: whoever equals ``marks`` under ``mask`` has this shape."""

    table: Extras
    mask: int
    marks: int
    places: dict[int, tuple[int, int]]  # by id, in order: start and stop of the value
    shows: dict[str, Callable[[bytes], Items]] = attrs.Factory(dict)

    def to_json(self, raw: bytes, dialect: str) -> Items:
        """The items of ``raw``, which has this shape."""
        function = self.shows.get(dialect)
        if function is None:
            function = self.shows[dialect] = compiled(self._source(dialect))
        return function(raw)

    def _source(self, dialect: str) -> Source:
        scope = Scope()
        fused = self.fused(dialect, scope)
        lines = list(fused.lines)
        if fused.names:
            unpack = scope.bind(struct.Struct(">" + fused.codes).unpack, "unpack")
            lines.insert(0, f"{', '.join(fused.names)}, = {unpack}(raw)")
        return Source(f"items[{dialect}]", "def generated(raw):", [*lines, "return d"], scope)

    def fused(self, dialect: str, scope: Scope, offset: int = 0) -> FusedItems:
        """The items as source, for who fuses them with what stands before them; they begin at byte ``offset`` of
        ``raw``."""
        codes = ""
        names: list[str] = []
        numbers: dict[int, str] = {}
        entries: list[str] = []  # of the object that is made at once: the items before the first one that needs a call
        lines: list[str] = []
        for number, (identity, (start, stop)) in enumerate(self.places.items()):
            codes += "2x"
            inline = self.table.inline(identity, stop - start, dialect, f"v{number}_")
            if inline is None:
                codes += f"{stop - start}x"
                show = scope.bind(self.table.shower(identity, stop - start, dialect), "show")
                lines.append(f"{show}(raw, {offset + start}, {offset + stop}, d)")
            else:
                item_codes, item_names, key, shown_value = inline
                codes += item_codes
                names += item_names
                if item_names == [shown_value]:
                    numbers[identity] = shown_value
                if lines:
                    lines.append(f"d[{key}] = {shown_value}")
                else:
                    entries.append(f"{key}: {shown_value}")
        return FusedItems(codes, names, [f"d = {{{', '.join(entries)}}}", *lines], numbers)


def _members(layout: Plan, length: int) -> Iterator[Row | Word]:
    """The fields of a layout that ``length`` bytes have, for one that is fixed but for optional fields at its end."""
    left = length
    for segment in layout.segments:
        if isinstance(segment, Run):
            yield from segment.members
            left -= segment.struct.size
        elif not isinstance(segment.kind, Optional) or left:
            yield segment
            left -= bare(segment.kind).size or 0


class Blob(Rest):
    """Bytes that are an item's value by the standard, under its own key; :class:`Rest` is for unknown layouts."""


class Extras(Chain):
    """The kind of a location's additional items; the value is an :class:`Extra`, the JSON an object.

    ``items`` says what is known of each id; what the exchange format does not name has its decimal id as key and
    base64 as value. ``emqx`` are the ids that the EMQX dialect names. Of an id that is there twice the exchange format
    keeps the last; items that it does not know (alarms of active safety) become a list then.
    """

    needs_owner = False

    def __init__(
        self,
        items: Mapping[int, ItemKind],
        *,
        emqx: frozenset[int],
        shows: Mapping[int, Any],
        aliases: Mapping[str, int],
    ) -> None:
        super().__init__(U8, U8, items)
        self.emqx = emqx
        #: items whose JSON is not under one key: (how a dialect shows them, how they are taken out of an object)
        self.spread = dict(shows)
        self.by_key = {known.key: identity for identity, known in self.items.items()} | dict(aliases)
        self._shapes: dict[int, list[Shape]] = {}
        self._count = 0

    # -- bytes ----------------------------------------------------------------------------------------------------
    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[Any, int]:
        raw = data[pos:end]
        if not raw:
            return Extra(raw, self), end
        number = int.from_bytes(raw, "big")
        for shape in self._shapes.get(end - pos, ()):
            if number & shape.mask == shape.marks:
                return Extra(raw, self, shape), end
        return Extra(raw, self, self._new_shape(raw, number, pos, notes)), end

    def shape_of(self, raw: bytes) -> Shape | None:
        """The shape of these bytes, if it is one that is remembered."""
        number = int.from_bytes(raw, "big")
        for shape in self._shapes.get(len(raw), ()):
            if number & shape.mask == shape.marks:
                return shape
        return None

    def _new_shape(self, raw: bytes, number: int, offset: int, notes: Notes) -> Shape | None:
        """The shape of these bytes, new; None if they are not items to the end or too many shapes are known."""
        heard: Notes = []
        twice = False
        places: dict[int, tuple[int, int]] = {}
        marks = bytearray(len(raw))
        for identity, head, start, stop in self.spans(raw, 0, len(raw), heard):
            twice = twice or identity in places
            places[identity] = start, stop
            marks[head:start] = b"\xff\xff"
        if heard:
            notes += [f"additional items from byte {offset}: {note}" for note in heard]
            return None
        if self._count >= MOST_SHAPES or twice:
            return None
        self._count += 1
        mask = int.from_bytes(marks, "big")
        shape = Shape(self, mask, number & mask, places)
        self._shapes.setdefault(len(raw), []).append(shape)
        return shape

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        if not isinstance(value, Extra):
            raise EncodeError(f"{shown(value)} is not an Extra")
        out += value.raw

    def of(self, items: list[Item] | None = None) -> Extra:
        """The bytes of these items, as a value. :class:`EncodeError` for one that does not fit."""
        out = bytearray()
        Chain.write(self, items or [], out, None)
        raw = bytes(out)
        return Extra(raw, self, self._new_shape(raw, int.from_bytes(raw, "big"), 0, [])) if raw else Extra(raw, self)

    # -- JSON -----------------------------------------------------------------------------------------------------
    def to_json(self, value: Any, dialect: str) -> Items:  # type: ignore[override]
        if value.shape is not None:
            return value.shape.to_json(value.raw, dialect)  # type: ignore[no-any-return]
        raw: bytes = value.raw
        found: Items = {}
        for identity, _head, start, stop in self.spans(raw, 0, len(raw), []):
            show = self.shower(identity, stop - start, dialect)
            if dialect != "document":
                show(raw, start, stop, found)
                continue
            entry: Items = {}
            show(raw, start, stop, entry)
            for key, shown_value in entry.items():
                if key in found and identity not in self.emqx:
                    before = found[key]
                    found[key] = [*before, shown_value] if isinstance(before, list) else [before, shown_value]
                else:
                    found[key] = shown_value
        return found

    def known_in(self, identity: int, dialect: str) -> ItemKind | None:
        """What this dialect knows of an id; None where it shows raw bytes."""
        known = self.items.get(identity)
        if known is None or type(known.kind) is Rest:
            return None
        return known if dialect == "document" or identity in self.emqx else None

    def inline(self, identity: int, length: int, dialect: str, name: str) -> tuple[str, list[str], str, str] | None:
        """Struct codes, names of the values, and the sources of key and JSON, of an item that is numbers only."""
        known = self.known_in(identity, dialect)
        if known is None or identity in self.spread:
            return None
        if isinstance(known.kind, Int) and known.kind.size == length:
            return known.kind.codes, [name], repr(known.key), name
        if not isinstance(known.kind, Nested):
            return None
        codes = ">"
        names: list[str] = []
        entries: list[str] = []
        for member in _members(known.kind.target.__wire__, length):
            value = f"{name}{len(names)}"
            names.append(value)
            if isinstance(member, Word):
                codes += member.code
                shifts = [(each, low, mask) for each, low, mask in member.shifted() if each.show == "always"]
                entries += [f"{each.key_in(dialect)!r}: {value} >> {low} & {mask}" for each, low, mask in shifts]
                continue
            kind = bare(member.kind)
            plain = member.names is None or isinstance(member.names, Legend)
            if not isinstance(kind, Int) or not plain or member.show != "always":
                return None
            codes += kind.codes
            entries.append(f"{member.key_in(dialect)!r}: {value}")
        if struct.calcsize(codes) != length:
            return None
        return codes[1:], names, repr(known.key), f"{{{', '.join(entries)}}}"

    def shower(self, identity: int, length: int, dialect: str) -> Show:
        """The function that puts an item of this id and length into a JSON object."""
        known = self.known_in(identity, dialect)
        if identity in self.spread and known is not None and known.kind.size in (None, length):
            shower: Show = self.spread[identity][0](dialect)
            return shower
        if known is None and dialect == "emqx" and identity >= 0xE0:
            return lambda raw, start, stop, found: _put_custom(identity, raw[start:stop], found)

        def show(raw: bytes, start: int, stop: int, found: Items) -> None:
            if known is not None:
                heard: Notes = []
                try:
                    value, after = known.kind.read(raw, start, stop, None, heard)
                except DecodeError:
                    after = -1
                if after == stop:
                    found[known.key] = known.kind.to_json(value, dialect)
                    return
            found[str(identity)] = to_base64(raw[start:stop])

        return show

    def from_json(self, value: Any) -> Extra:  # type: ignore[override]
        if not isinstance(value, dict):
            raise EncodeError(f"{shown(value)} is not an object of additional items")
        out = bytearray()
        left = dict(value)
        while left:
            key = next(iter(left))
            try:
                for item in self._items_of(key, left):
                    self._write_item(item, out, None)
            except EncodeError as error:
                raise error.within(str(key)[:60]) from None
        return Extra(bytes(out), self)

    def _items_of(self, key: Any, left: Items) -> list[Item]:
        """The items that the entry under ``key`` means, which is taken out of ``left`` with all that belongs to it."""
        for identity, (_put, take) in self.spread.items():
            found = take(key, left)
            if found is not None:
                return [Item(identity, found)]
        held = left.pop(key)
        if key == "custome" and isinstance(held, dict):
            return [self._item_of(number, each) for number, each in held.items()]
        return [self._item_of(key, each) for each in (held if isinstance(held, list) else [held])]

    def _item_of(self, key: Any, value: Any) -> Item:
        if not isinstance(key, str):
            raise EncodeError("is not text")
        if key.isdecimal() and key.isascii():
            if len(key) > 3 or int(key) > 255:
                raise EncodeError("is not the number of an item, which goes from 0 to 255")
            return Item(int(key), from_base64(value))
        identity = self.by_key.get(key)
        if identity is None:
            raise EncodeError(
                f"is not an additional item; known are {', '.join(sorted(self.by_key))}, and decimal ids with base64"
            )
        return Item(identity, self.items[identity].kind.from_json(value))


def _put_custom(identity: int, data: bytes, found: Items) -> None:
    """A vendor's item as EMQX shows it: 0xE0 as a string, the others by number in an object; together, all there."""
    held = found.get("custome")
    if identity == 0xE0 and not isinstance(held, dict):
        found["custome"] = to_base64(data)
        return
    if not isinstance(held, dict):
        held = found["custome"] = {} if held is None else {"224": held}
    held[str(identity)] = to_base64(data)
