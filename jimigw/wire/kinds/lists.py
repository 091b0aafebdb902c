"""Kinds of lists: counted, open, and chains of items with an id and a length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from ..errors import DecodeError, EncodeError
from .base import Kind, Measured, Notes, shown
from .numbers import Int, whole
from .octets import PrefixedBytes, Raw, Rest, extend, from_base64, to_base64


class ListKind(Kind):
    """What the kinds of lists share."""

    def __init__(self, element: Kind) -> None:
        self.element = element
        self.needs_owner = element.needs_owner

    def _elements(
        self, data: bytes, pos: int, end: int, most: int | None, owner: Any, notes: Notes
    ) -> tuple[list[Any], int]:
        values: list[Any] = []
        while pos < end if most is None else len(values) < most:
            try:
                value, after = self.element.read(data, pos, end, owner, notes)
            except DecodeError as error:
                notes.append(str(error.within(f"[{len(values)}]")))
                break
            if after == pos:  # an element without bytes would never end
                break
            values.append(value)
            pos = after
        return values, pos

    def write_all(self, values: list[Any], out: bytearray, owner: Any) -> None:
        for index, value in enumerate(values):
            try:
                self.element.write(value, out, owner)
            except EncodeError as error:
                raise error.within(f"[{index}]") from None

    def to_json(self, value: list[Any], dialect: str) -> list[Any]:
        element = self.element
        return value if element.plain_json else [element.to_json(item, dialect) for item in value]

    def from_json(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise EncodeError(f"{shown(value)} is not a list")
        values = []
        for index, item in enumerate(value):
            try:
                values.append(self.element.from_json(item))
            except EncodeError as error:
                raise error.within(f"[{index}]") from None
        return values


class Counted(ListKind, Measured):
    """A list with its count in front. ``key``: the count's own name in JSON, if the format shows it.

    A count that promises more than the bytes that are there gives what is there, and a note.
    """

    def __init__(self, count: Int, element: Kind, *, key: str = "", dialects: Mapping[str, str] | None = None) -> None:
        super().__init__(element)
        self.count, self.key, self.dialects = count, key, dialects or {}

    @property
    def wire_type(self) -> str:
        return f"{self.count.wire_type} count, list of {self.element.wire_type}"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[list[Any], int]:
        count, pos = self.count.read(data, pos, end, owner, notes)
        values, pos = self._elements(data, pos, end, count, owner, notes)
        if len(values) < count:
            notes.append(f"count says {count}, {len(values)} could be read")
        return values, pos

    def write(self, value: list[Any], out: bytearray, owner: Any) -> None:
        if len(value) > self.count.highest:
            raise EncodeError(f"{len(value)} items are too many, at most {self.count.highest} fit")
        self.count.write(len(value), out, owner)
        self.write_all(value, out, owner)

    def measure(self, value: list[Any]) -> int:
        """The count, for the key that shows it."""
        return len(value)


class Repeated(ListKind):
    """A list that goes on to the end."""

    @property
    def wire_type(self) -> str:
        return f"list of {self.element.wire_type} to the end"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[list[Any], int]:
        return self._elements(data, pos, end, None, owner, notes)

    def write(self, value: list[Any], out: bytearray, owner: Any) -> None:
        self.write_all(value, out, owner)


@attrs.define
class Item:
    """One link of a :class:`Chain`: its id and its value; bytes where the id or the form is unknown."""

    id: int
    value: Any


@attrs.frozen
class ItemKind:
    """What a chain knows of one id: the key and the kind of its value, what it means, the chapter, the unit.

    ``length`` overrides the kind of the chain's length for this id (some peripherals of 0xF2 have two bytes).
    """

    key: str
    kind: Kind
    meaning: str
    chapter: str = ""
    unit: str = ""
    length: Int | None = None


class Chain(Kind):
    """Items of id, length and value, one behind the other to the end; as ``of`` counted ones, a :class:`Counted` does.

    An unknown id and a value that does not fit its kind to the last byte are kept as bytes. An item that runs over the
    end stops the chain: it and what follows stay unread, and end in the message's surplus.
    JSON is a list of objects: ``{"id": 51, "name": "gnss", "value": ...}``.
    """

    def __init__(
        self,
        id_kind: Int,
        length: Int,
        items: Mapping[int, ItemKind],
        *,
        unique: bool = False,
        most: int | None = None,
    ) -> None:
        self.id_kind, self.length, self.items, self.unique, self.most = id_kind, length, dict(items), unique, most

    @property
    def needs_owner(self) -> bool:  # type: ignore[override]
        """Whether reading any of the items looks at earlier fields of the message."""
        return any(known.kind.needs_owner for known in self.items.values())

    @property
    def wire_type(self) -> str:
        return f"chain of {self.id_kind.wire_type} id, {self.length.wire_type} length, value"

    def spans(self, data: bytes, pos: int, end: int, notes: Notes) -> Iterator[tuple[int, int, int, int]]:
        """Each item as (id, start of the item, start of its value, end of its value)."""
        count = 0
        while pos < end and (self.most is None or count < self.most):
            head = pos
            try:
                identity, pos = self.id_kind.read(data, pos, end, None, notes)
                known = self.items.get(identity)
                length, pos = ((known and known.length) or self.length).read(data, pos, end, None, notes)
            except DecodeError as error:
                notes.append(f"item cut short: {error}")
                return
            if pos + length > end:
                width = 2 * self.id_kind.struct.size
                notes.append(
                    f"item 0x{identity:0{width}X} at byte {head} has length {length}, {end - pos} bytes are left"
                )
                return
            yield identity, head, pos, pos + length
            pos += length
            count += 1

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[list[Item], int]:
        found: list[Item] = []
        for identity, _head, start, stop in self.spans(data, pos, end, notes):
            found.append(Item(identity, self.value_of(identity, data, start, stop, owner, notes)))
            pos = stop
        return found, pos

    def value_of(self, identity: int, data: bytes, start: int, stop: int, owner: Any, notes: Notes) -> Any:
        """The value of one item, bytes if the id is unknown or the bytes do not fit its kind."""
        known = self.items.get(identity)
        if known is None:
            return data[start:stop]
        heard: Notes = []
        try:
            value, after = known.kind.read(data, start, stop, owner, heard)
        except DecodeError as error:
            notes.append(f"item {known.key}: {error}; kept raw")
            return data[start:stop]
        if after != stop:
            notes.append(f"item {known.key}: {stop - after} of {stop - start} bytes too many; kept raw")
            return data[start:stop]
        notes += heard
        return value

    def write(self, value: list[Item], out: bytearray, owner: Any) -> None:
        if self.most is not None and len(value) > self.most:
            raise EncodeError(f"{len(value)} items are too many, at most {self.most} fit")
        seen: set[int] = set()
        for index, item in enumerate(value):
            try:
                if self.unique and item.id in seen:
                    raise EncodeError(f"id {item.id} stands twice, each may stand once only")
                seen.add(item.id)
                self._write_item(item, out, owner)
            except EncodeError as error:
                raise error.within(f"[{index}]") from None

    def _write_item(self, item: Item, out: bytearray, owner: Any) -> None:
        known = self.items.get(item.id)
        length = (known and known.length) or self.length
        body = bytearray()
        try:
            if known is None or (isinstance(item.value, bytes) and not isinstance(known.kind, PrefixedBytes)):
                extend(body, item.value)
            else:
                known.kind.write(item.value, body, owner)
        except EncodeError as error:
            raise error.within("value") from None
        if len(body) > length.highest:
            raise EncodeError(f"{len(body)} bytes are too long, at most {length.highest} fit", "value")
        self.id_kind.write(item.id, out, owner)
        length.write(len(body), out, owner)
        out += body

    def to_json(self, value: list[Item], dialect: str) -> list[dict[str, Any]]:
        shown_items = []
        for item in value:
            known = self.items.get(item.id)
            entry: dict[str, Any] = {"id": item.id}
            if known is not None:
                entry["name"] = known.key
            if known is None or (
                isinstance(item.value, bytes) and not isinstance(known.kind, Rest | Raw | PrefixedBytes)
            ):
                entry["data"] = to_base64(item.value)
            else:
                entry["value"] = known.kind.to_json(item.value, dialect)
            shown_items.append(entry)
        return shown_items

    def from_json(self, value: Any) -> list[Item]:
        if not isinstance(value, list):
            raise EncodeError(f"{shown(value)} is not a list of items")
        items = []
        for index, entry in enumerate(value):
            try:
                items.append(self._item_from_json(entry))
            except EncodeError as error:
                raise error.within(f"[{index}]") from None
        return items

    def _item_from_json(self, entry: Any) -> Item:
        if not isinstance(entry, dict) or "id" not in entry:
            raise EncodeError(f'{shown(entry)} is not an item such as {{"id": 1, "value": ...}}')
        try:
            identity = whole(entry["id"], 0, self.id_kind.highest)
        except EncodeError as error:
            raise error.within("id") from None
        if "data" in entry:
            try:
                return Item(identity, from_base64(entry["data"]))
            except EncodeError as error:
                raise error.within("data") from None
        known = self.items.get(identity)
        if known is None:
            raise EncodeError(f'id {identity} is not known here: give its bytes as base64 in "data"')
        if "value" not in entry:
            raise EncodeError(f'item {identity} ({known.key}) has no "value"')
        try:
            return Item(identity, known.kind.from_json(entry["value"]))
        except EncodeError as error:
            raise error.within("value") from None
