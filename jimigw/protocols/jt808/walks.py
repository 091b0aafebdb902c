"""How the kinds of JT/T 808 that hold others are explained, piece by piece; see :mod:`jimigw.wire.explain`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from jimigw.wire.errors import DecodeError
from jimigw.wire.explain import Walk, walks
from jimigw.wire.kinds import U8, Kind, Nested, Notes
from jimigw.wire.rows import Row

from .kinds import CountedTwice, FirstFit, ListOf, Sized, SizedTwice
from .messages.stored import FoundList, FoundWide
from .messages.text import EventList

Walked = tuple[Any, int]


def _elements(walk: Walk, row: Row, kind: Kind, pos: int, end: int, most: int, owner: Any) -> Iterator[Walked]:
    """Up to ``most`` elements, each with the position behind it; stops at one that cannot be read."""
    within = attrs.evolve(row, meaning="")
    for index in range(most):
        try:
            with walk.attempt():
                value, after = walk.under(f"[{index}]", kind, pos, end, owner, within)
        except DecodeError:
            return
        if after == pos:
            return
        pos = after
        yield value, pos


def _list(walk: Walk, row: Row, kind: Kind, start: int, pos: int, end: int, most: int, owner: Any) -> Walked:
    """A list from ``pos``, as one piece from ``start`` that has its elements within."""
    with walk.whole(row, start) as tell:
        values: list[Any] = []
        for value, after in _elements(walk, row, kind, pos, end, most, owner):
            values.append(value)
            pos = after
        short = [f"count says {most}, {len(values)} could be read"] if len(values) < most else []
        tell(values, pos, short)
    return values, pos


@walks(ListOf)
def _list_of(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> Walked:
    assert isinstance(row.kind, ListOf)
    return _list(walk, row, row.kind.element, pos, pos, end, row.kind.count(owner), owner)


@walks(CountedTwice)
def _counted_twice(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> Walked:
    kind = row.kind
    assert isinstance(kind, CountedTwice)
    _total, pos = walk.under("total", kind.count, pos, end, owner, Row(kind, "number of items in all packets"))
    count, pos = walk.under("count", U8, pos, end, owner, Row(kind, "number of items in this packet"))
    return _list(walk, row, kind.element, pos, pos, end, count, owner)


@walks(Sized)
def _sized(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> Walked:
    kind = row.kind
    assert isinstance(kind, Sized)
    value, stop = kind.read(walk.data, pos, end, owner, [])
    with walk.whole(row, pos) as tell:
        _length, start = walk.under("length", kind.length, pos, end, owner, Row(kind, "length in bytes"))
        within = attrs.evolve(row, meaning="")
        try:
            with walk.attempt():
                _value, after = walk.under("value", kind.inner, start, stop, owner, within)
                if after != stop:
                    raise DecodeError(f"{stop - after} bytes too many", after)
        except DecodeError as error:
            walk.raw("value", start, stop, f"kept raw: {error}")
        tell(value, stop, [])
    return value, stop


@walks(SizedTwice)
def _sized_twice(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> Walked:
    kind = row.kind
    assert isinstance(kind, SizedTwice)
    _total, pos = walk.under("total", kind.total, pos, end, owner, Row(kind, "length in all packets in bytes"))
    return walk.under(row.name, kind.sized, pos, end, owner, row)


@walks(FirstFit)
def _first_fit(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> Walked:
    assert isinstance(row.kind, FirstFit)
    chosen, _value = row.kind.choose(walk.data, pos, end, owner)
    return walk.under(row.name, chosen, pos, end, owner, row)


@walks(FoundList)
def _found_list(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> Walked:
    kind = row.kind
    assert isinstance(kind, FoundList)
    values, stop = kind.read(walk.data, pos, end, owner, [])
    count, pos = walk.under("count", kind.count, pos, end, owner, Row(kind, "number of items"))
    if not values or not isinstance(values[0], FoundWide):
        return _list(walk, row, kind.element, pos, pos, end, count, owner)
    size = (stop - pos) // len(values)
    within = attrs.evolve(row, meaning="")
    with walk.whole(row, pos) as tell:
        for index in range(len(values)):
            at = pos + index * size
            walk.under(f"[{index}]", Nested(FoundWide), at, at + size, owner, within)
        tell(values, stop, [])
    return values, stop


@walks(EventList)
def _event_list(walk: Walk, row: Row, pos: int, end: int, owner: Any) -> Walked:
    kind = row.kind
    assert isinstance(kind, EventList)
    notes: Notes = []
    values, stop = kind.read(walk.data, pos, end, owner, notes)
    count, pos = walk.under("count", kind.count, pos, end, owner, Row(kind, "number of items"))
    if values and values[0].content is None and stop - pos == len(values):
        walk.add(row.name, pos, stop, values, row, meaning="ids of the events to delete", notes=notes)
        return values, stop
    return _list(walk, row, kind.element, pos, pos, end, count, owner)
