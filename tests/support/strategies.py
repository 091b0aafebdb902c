"""Hypothesis strategies made from declarations: valid messages of any declared class, in the form that decode gives.

:func:`messages` walks the rows of a class and draws each value in order, so that what depends on an earlier field (a
switch, a condition, a flag) fits it. A protocol's own kind says with :func:`register` how its values are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import attrs
from hypothesis import strategies as st

from jimigw.wire.kinds import (
    U24,
    Bcd,
    Bit,
    Bits,
    Chain,
    Coordinate,
    Counted,
    Hemisphere,
    Int,
    Item,
    Kind,
    LengthOf,
    Nested,
    Optional,
    PaddedDigits,
    PrefixedBytes,
    PrefixedText,
    Raw,
    Repeated,
    Rest,
    RestText,
    Scaled,
    SignMagnitude,
    Switch,
    Terminated,
    Text,
    TextOf,
    UnixTime,
    UtcTime,
    When,
    time_of_bytes,
)
from jimigw.wire.message import Message
from jimigw.wire.rows import Row, Run, Word

#: draws a value of a strategy, as hypothesis hands it to a composite
Draw = Callable[[st.SearchStrategy[Any]], Any]
#: gets the kind, how to draw, and the message so far
Maker = Callable[[Any, Draw, Any], Any]

_MAKERS: dict[type[Kind], Maker] = {}
_MOST_ITEMS = 3
#: kinds that take all bytes that are left
GREEDY: set[type[Kind]] = {Chain, Rest, RestText, Repeated}


def register(kind: type[Kind], make: Maker, *, greedy: bool = False) -> None:
    """Say how the values of a kind, and of what inherits from it, are drawn. ``greedy``: it reads all that is left."""
    _MAKERS[kind] = make
    if greedy:
        GREEDY.add(kind)


def value_of(kind: Kind, draw: Draw, owner: Any) -> Any:
    """A value of this kind, drawn."""
    for base in type(kind).__mro__:
        if base in _MAKERS:
            return _MAKERS[base](kind, draw, owner)
    raise TypeError(f"no strategy for {type(kind).__name__}: give one with register()")


@st.composite
def messages(draw: Draw, cls: type[Message], *, complete: bool = False) -> Any:
    """Instances of a declared message or part. ``complete``: no optional field is left out, nothing stands behind."""
    layout = cls.__wire__
    owner = SimpleNamespace()
    rows = [
        member
        for segment in layout.segments
        for each in (segment.members if isinstance(segment, Run) else (segment,))
        for member in (each.rows if isinstance(each, Word) else (each,))
    ]
    attributes = {row.name for row in layout.attributes}
    ended = False  # an optional field was left out, or one takes all that is left: nothing can follow
    for row in rows:
        if row.name not in attributes:
            continue
        if isinstance(row.kind, Optional):
            here = not ended and (complete or draw(st.booleans()))
            value = _optional(row.kind, draw, owner, rows) if here else None
            # One that is known by the exact number of bytes left is never beside what follows it.
            ended = ended or (value is None) is (row.kind.left is None) or _greedy(row.kind, owner)
            setattr(owner, row.name, value)
        else:
            setattr(owner, row.name, value_of(row.kind, draw, owner))
            ended = ended or _greedy(row.kind, owner)
    _hemispheres(rows, owner, draw)
    made = cls(**vars(owner))
    if layout.surplus is not None and rows and not complete and not ended:
        made.surplus = draw(st.binary(max_size=4))  # type: ignore[attr-defined]
    return made


def _hemispheres(rows: list[Row], owner: Any, draw: Draw) -> None:
    """A coordinate other than zero decides its bit, at zero the bit is free."""
    for row in rows:
        if isinstance(row.kind, Hemisphere):
            name = row.kind.coordinate
            coordinate = next(each.kind for each in rows if each.name == name)
            assert isinstance(coordinate, Coordinate)
            value = getattr(owner, name)
            setattr(owner, row.name, (value < 0) is coordinate.negative if value else draw(st.booleans()))


def _greedy(kind: Kind, owner: Any) -> bool:
    if isinstance(kind, Optional | When):
        return _greedy(kind.inner, owner)
    if isinstance(kind, Switch):
        return _greedy(kind.chosen(owner), owner)
    if isinstance(kind, Nested):
        return bool(rows := kind.target.__wire__.attributes) and _greedy(rows[-1].kind, owner)
    return isinstance(kind, tuple(GREEDY))


def _optional(kind: Optional, draw: Draw, owner: Any, rows: list[Row]) -> Any:
    """A value that takes the bytes by which it is known to be there, and not the ones that mean something else."""
    others = {row.kind.left for row in rows if isinstance(row.kind, Optional) and row.kind is not kind}
    value = value_of(kind.inner, draw, owner)
    out = bytearray()
    kind.inner.write(value, out, owner)
    return value if len(out) >= kind.least and len(out) not in others else None


# -- numbers and bits ---------------------------------------------------------------------------------------------


def _integers(lowest: int, highest: int) -> st.SearchStrategy[int]:
    return st.sampled_from((lowest, highest)) | st.integers(lowest, highest)


def _coordinate(kind: Coordinate, draw: Draw, owner: Any) -> float:
    steps = draw(_integers(0, kind.most * 1_800_000))
    degrees: float = (steps * 50 + 4) // 9 / 1e7
    return -degrees if degrees and draw(st.booleans()) else degrees


def _padded(kind: PaddedDigits, draw: Draw, owner: Any) -> str:
    digits: str = draw(st.binary(min_size=kind.size or 0, max_size=kind.size)).hex()
    usual = kind.fill + digits[len(kind.fill) :]
    return draw(st.sampled_from((digits, usual))).removeprefix(kind.fill)  # type: ignore[no-any-return]


def _sign_magnitude(kind: SignMagnitude, draw: Draw, owner: Any) -> float:
    steps: int = draw(_integers(1 - kind.top, kind.top - 1))
    return steps if kind.divisor == 1 else steps / kind.divisor


register(Int, lambda kind, draw, owner: draw(_integers(kind.lowest, kind.highest)))
register(type(U24), lambda kind, draw, owner: draw(_integers(0, 0xFFFFFF)))
register(Scaled, lambda kind, draw, owner: draw(_integers(kind.base.lowest, kind.base.highest)) / kind.divisor)
register(SignMagnitude, _sign_magnitude)
register(Bcd, lambda kind, draw, owner: draw(st.binary(min_size=kind.size, max_size=kind.size)).hex())
register(PaddedDigits, _padded)
register(Bits, lambda kind, draw, owner: draw(st.integers(0, (1 << kind.count) - 1)))
register(Bit, lambda kind, draw, owner: draw(st.booleans()))
register(Hemisphere, lambda kind, draw, owner: None)  # follows its coordinate
register(Coordinate, _coordinate)


# -- times --------------------------------------------------------------------------------------------------------


def _utc_time(kind: UtcTime, draw: Draw, owner: Any) -> datetime | str:
    whole = st.datetimes(datetime(2000, 1, 1), datetime(2255, 12, 31, 23, 59, 59))
    broken = st.binary(min_size=6, max_size=6).filter(lambda b: isinstance(time_of_bytes(*b), str)).map(bytes.hex)
    value: datetime | str = draw(whole.map(lambda time: time.replace(microsecond=0, tzinfo=UTC)) | broken)
    return value


register(UtcTime, _utc_time)
register(
    UnixTime,
    lambda kind, draw, owner: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=draw(_integers(0, 0xFFFFFFFF))),
)


# -- texts and bytes ----------------------------------------------------------------------------------------------


def text(encoding: str, most: int = 20) -> st.SearchStrategy[str]:
    """Text that an encoding writes to at most so many bytes: any character it has, stray bytes among them."""
    stray = st.integers(0x80, 0xFF).map(lambda byte: chr(0xDC00 + byte))
    characters = st.characters(codec=encoding)
    parts = st.lists(characters if encoding.startswith("utf-16") else characters | stray, max_size=most)
    # Stray bytes in a row may be a character after all: what reading gives is what is meant.
    return parts.map("".join).map(lambda t: _cut(t, encoding, most))


def _cut(value: str, encoding: str, most: int) -> str:
    while len(data := value.encode(encoding, "surrogateescape")) > most:
        value = value[:-1]
    return data.decode(encoding, "replace" if encoding.startswith("utf-16") else "surrogateescape")


def _fixed_text(kind: Text, draw: Draw, owner: Any) -> str:
    return draw(text(kind.encoding, kind.size or 0).map(lambda t: t.strip("\0 ")))  # type: ignore[no-any-return]


def _rest_text(kind: RestText, draw: Draw, owner: Any) -> str:
    return draw(text(kind.encoding).map(lambda t: t.rstrip("\0") if kind.strip_nul else t))  # type: ignore[no-any-return]


def _terminated(kind: Terminated, draw: Draw, owner: Any) -> str:
    end = kind.terminator.decode("latin-1")
    return draw(text(kind.encoding).map(lambda t: _cut(t.replace(end, ""), kind.encoding, 20)))  # type: ignore[no-any-return]


register(Text, _fixed_text)
register(RestText, _rest_text)
register(Terminated, _terminated)
register(TextOf, lambda kind, draw, owner: draw(text(kind.encoding)))
register(PrefixedText, lambda kind, draw, owner: draw(text(kind.encoding)))
register(LengthOf, lambda kind, draw, owner: None)  # known when all is written, see settled()
register(Raw, lambda kind, draw, owner: draw(st.binary(min_size=kind.size, max_size=kind.size)))
register(Rest, lambda kind, draw, owner: draw(st.binary(max_size=20)))
register(PrefixedBytes, lambda kind, draw, owner: draw(st.binary(max_size=20)))


# -- choices and lists --------------------------------------------------------------------------------------------


def _switch(kind: Switch, draw: Draw, owner: Any) -> Any:
    # A number at random would hardly ever be a case.
    if not isinstance(getattr(owner, kind.by), bool) and draw(st.integers(0, 3)):
        setattr(owner, kind.by, draw(st.sampled_from(list(kind.cases))))
    return value_of(kind.chosen(owner), draw, owner)


def _list(kind: Any, draw: Draw, owner: Any) -> list[Any]:
    return [value_of(kind.element, draw, owner) for _ in range(draw(st.integers(0, _MOST_ITEMS)))]


def _chain(kind: Chain, draw: Draw, owner: Any) -> list[Item]:
    items: list[Item] = []
    for _ in range(draw(st.integers(0, min(_MOST_ITEMS, kind.most or _MOST_ITEMS)))):
        unknown = st.integers(0, kind.id_kind.highest).filter(lambda i: i not in kind.items)
        identity = draw(unknown | st.sampled_from(list(kind.items)) if kind.items else unknown)
        if kind.unique and any(item.id == identity for item in items):
            continue
        known = kind.items.get(identity)
        items.append(Item(identity, value_of(known.kind, draw, owner) if known else draw(st.binary(max_size=8))))
    return items


register(Switch, _switch)
register(When, lambda kind, draw, owner: value_of(kind.inner, draw, owner) if kind.said(owner) else None)
register(Optional, lambda kind, draw, owner: value_of(kind.inner, draw, owner))
register(Nested, lambda kind, draw, owner: draw(messages(kind.target, complete=True)))
register(Counted, _list)
register(Repeated, _list)
register(Chain, _chain)


def settled(message: Any) -> Any:
    """The message with the lengths in it that decode would give: those are None in one that was made."""
    lengths = {
        row.name: row.kind.measured(message) for row in message.__wire__.attributes if isinstance(row.kind, LengthOf)
    }
    return attrs.evolve(message, **lengths) if lengths else message
