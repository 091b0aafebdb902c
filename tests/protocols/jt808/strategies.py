"""How the values of the kinds of JT/T 808 are drawn, for :mod:`tests.support.strategies`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from jimigw.protocols.jt808.extras import Extra, Extras
from jimigw.protocols.jt808.kinds import (
    BcdNumber,
    CarriageTemperature,
    CountedTwice,
    EndedText,
    FirstFit,
    ListOf,
    Sized,
    SizedText,
    SizedTwice,
)
from jimigw.protocols.jt808.messages.control import Control, Controls
from jimigw.protocols.jt808.messages.parameters import Parameter, Parameters
from jimigw.protocols.jt808.messages.safety_items import IdentityKind
from jimigw.protocols.jt808.messages.stored import FoundList
from jimigw.protocols.jt808.messages.text import Event, EventList
from jimigw.wire.errors import DecodeError
from jimigw.wire.kinds import Int, Item, Nested, Rest
from tests.support.strategies import Draw, register, text, value_of

_FEW = st.integers(0, 3)


def _gbk(draw: Draw, most: int = 20) -> str:
    return draw(text("gb18030", most).map(lambda t: t.rstrip("\0")))  # type: ignore[no-any-return]


def _item(kind: Extras, identity: int, draw: Draw) -> Item | None:
    """An item in the form that its own JSON gives again; None where none was found."""
    known = kind.items.get(identity)
    if known is None or type(known.kind) is Rest:
        return Item(identity, draw(st.binary(max_size=8)))
    value = value_of(known.kind, draw, None)
    if identity in (0x25, 0x2A):
        value.reserved = 0  # JSON has no place for these bits
    out, heard = bytearray(), list[str]()
    known.kind.write(value, out, None)
    try:
        read, after = known.kind.read(bytes(out), 0, len(out), None, heard)
    except DecodeError:
        return None
    return Item(identity, read) if after == len(out) <= 255 and not heard else None


def _extra(kind: Extras, draw: Draw, owner: Any) -> Extra:
    identities = draw(st.lists(st.sampled_from(sorted(kind.items)) | st.integers(0, 255), max_size=4, unique=True))
    items = [_item(kind, identity, draw) for identity in identities]
    return kind.of([item for item in items if item is not None])


def _parameters(kind: Parameters, draw: Draw, owner: Any) -> list[Parameter]:
    found = []
    for identity in draw(st.lists(st.sampled_from(sorted(kind.items)) | st.integers(0, 0xFFFFFFFF), max_size=4)):
        known = kind.items.get(identity)
        out = bytearray()
        if known is None or isinstance(known.kind, Rest):
            out += draw(st.binary(max_size=8))
        elif isinstance(known.kind, Int) or draw(st.booleans()):
            known.kind.write(value_of(known.kind, draw, None), out, None)
        if len(out) <= 255:
            found.append(Parameter(identity, bytes(out)))
    return found


def _controls(kind: Controls, draw: Draw, owner: Any) -> list[Control]:
    doors = [Control(1, bytes((draw(st.integers(0, 255)),))) for _ in range(draw(_FEW))]
    other = Control(draw(st.integers(2, 0xFFFF)), draw(st.binary(max_size=8)))
    return [*doors, other] if draw(st.booleans()) else doors


def _events(kind: EventList, draw: Draw, owner: Any) -> list[Event]:
    if owner.type == 4:
        return [Event(id=draw(st.integers(0, 255)), content=None) for _ in range(draw(_FEW))]
    count = draw(_FEW)
    return [Event(id=draw(st.integers(0, 255)), content=_gbk(draw)) for _ in range(count)]


def _twice(kind: CountedTwice, draw: Draw, owner: Any) -> list[Any]:
    if isinstance(kind.element, Nested) and kind.element.target is Event:
        return [Event(id=draw(st.integers(0, 255)), content=_gbk(draw)) for _ in range(draw(_FEW))]
    return [value_of(kind.element, draw, owner) for _ in range(draw(_FEW))]


def _list_of(kind: ListOf, draw: Draw, owner: Any) -> list[Any]:
    if kind.key:
        return [value_of(kind.element, draw, owner) for _ in range(draw(_FEW))]
    return [value_of(kind.element, draw, owner) for _ in range(kind.count(owner))]


def _first_fit(kind: FirstFit, draw: Draw, owner: Any) -> Any:
    return value_of(draw(st.sampled_from(kind.kinds)), draw, owner)


register(BcdNumber, lambda kind, draw, owner: kind.base + draw(st.integers(0, 99)))
register(CarriageTemperature, lambda kind, draw, owner: draw(st.integers(0, 0x7FFF) | st.integers(0xFC18, 0xFFFF)))
register(SizedText, lambda kind, draw, owner: _gbk(draw))
register(EndedText, lambda kind, draw, owner: _gbk(draw), greedy=True)
register(Sized, lambda kind, draw, owner: value_of(kind.inner, draw, owner))
register(SizedTwice, lambda kind, draw, owner: value_of(kind.sized, draw, owner))
register(FirstFit, _first_fit, greedy=True)
register(IdentityKind, _first_fit, greedy=True)
register(CountedTwice, _twice)
register(ListOf, _list_of)
register(Extras, _extra, greedy=True)
register(Parameters, _parameters)
register(Controls, _controls, greedy=True)
register(EventList, _events)
register(
    FoundList,
    lambda kind, draw, owner: [value_of(kind.element, draw, owner) for _ in range(draw(_FEW))],
    greedy=True,  # bytes behind the list may be additional items
)

#: the kinds that are drawn here; importing this module is what counts
KINDS = (Extras, Parameters, Controls)
