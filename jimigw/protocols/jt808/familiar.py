"""Location reports of a form that was met before, from the bytes to the report at one go.

A terminal sends the same frame again and again, only the numbers in it change: the same header, the same additional
items with the same lengths in the same order. Such a :class:`Form` gets one function, made once for all terminals from
the declared tables, that unpacks header, location and items by a single struct and makes the JSON object. It is a short
cut and nothing else: what it gives is what the tables give, and whatever is not quite so goes the common way.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import attrs

from jimigw.wire.kinds import Int, Scope
from jimigw.wire.rows import Row, Run, Word
from jimigw.wire.source import Source, compiled, fixed_part

from .dialect import Dialect
from .extras import Extras, Shape
from .frame import Frame
from .messages.location import LocationReport, LocationReport2019
from .reading import MILEAGE, SAFETY, SATELLITES
from .versions import V2019

LOCATION = 0x0200
#: forms that are remembered in all: as many as there are shapes of items, times headers
MOST_FORMS = 1024

#: the exchange format; the serial number and the alarm word; then what :func:`.reading.position_of` wants
Read = Callable[[bytes, str], tuple[dict[str, Any], int, int, Any]]


@attrs.frozen(eq=False)
class Form:
    """Frames of ``size`` unescaped bytes that equal ``marks`` under ``mask``, both as one big-endian number.

    ``properties`` is the word of the header that has the length; ``read`` takes such bytes, and the phone number as
    JSON shows it.
    """

    size: int
    mask: int
    marks: int
    properties: int
    read: Read


_forms: dict[Any, Form | None] = {}


def form_of(frame: Frame, dialect: Dialect) -> Form | None:
    """The form of a location report; None for one that has to go the common way."""
    header, body = frame.header, frame.body
    if not frame.fits or header.encrypt or header.fragmented or header.versioned is not (header.version == V2019):
        return None
    layout: Any = LocationReport2019 if header.version == V2019 else LocationReport
    fixed, items = layout.__wire__.segments
    table: Extras = items.kind
    raw = body[fixed.struct.size :]
    shape = table.shape_of(raw)
    if len(body) < fixed.struct.size or (raw and shape is None):
        return None
    key = (layout, shape, header.proto_ver, header.reserved, dialect)
    if key not in _forms:
        if len(_forms) >= MOST_FORMS:
            return None
        _forms[key] = _made(frame, layout, shape, dialect)
    return _forms[key]


def _made(frame: Frame, layout: Any, shape: Shape | None, dialect: Dialect) -> Form | None:
    if shape is not None and not SAFETY.isdisjoint(shape.places):
        return None
    header: Any = frame.header.__wire__
    fixed, items = layout.__wire__.segments
    scope = Scope()
    codes, names, entries = _header(header.segments[0], header.shown, frame, dialect)
    start = header.size + fixed.struct.size
    body = fixed_part(fixed, dialect, scope)
    lines, facts = list(body.lines), [f"{key}: {value}" for key, value in body.entries]
    numbers: dict[int, str] = {}
    codes += body.codes
    names += body.names
    marks = bytearray(header.size + len(frame.body) + 1)
    if shape is not None:
        fused = shape.fused(dialect, scope, start)
        if any(_is_number(shape, identity) and identity not in fused.numbers for identity in (MILEAGE, SATELLITES)):
            return None
        codes, names, numbers = codes + fused.codes, names + fused.names, fused.numbers
        lines += fused.lines
        facts.append(f"{items.key_in(dialect)!r}: d")
        for at, _stop in shape.places.values():
            marks[start + at - 2 : start + at] = b"\xff\xff"
    marks[0:4] = b"\xff" * 4
    if header.cls.version == V2019:
        marks[4] = 0xFF
    unpack = scope.bind(struct.Struct(f">{codes}x").unpack, "unpack")
    place = "status, latitude, longitude, altitude, speed, direction, time"
    lines = [
        f"{', '.join(names)}, = {unpack}(raw)",
        *lines,
        f"return {{'header': {{{', '.join(entries)}}}, 'body': {{{', '.join(facts)}}}}}, msg_sn, alarm, "
        f"({place}, {numbers.get(MILEAGE)}, {numbers.get(SATELLITES)})",
    ]
    read = compiled(Source(f"location report[{dialect}]", "def generated(raw, phone):", lines, scope))
    mask = int.from_bytes(marks, "big")
    plain = bytes(header.size) + frame.body + b"\0"
    head = frame.header.encode()[: 5 if header.cls.version == V2019 else 4]
    number = int.from_bytes(head + plain[len(head) :], "big")
    return Form(len(marks), mask, number & mask, int.from_bytes(head[2:4], "big"), read)


def _header(run: Run, shown: list[Row], frame: Frame, dialect: Dialect) -> tuple[str, list[str], list[str]]:
    """Struct codes, names and JSON of the header: of all of it only the serial number changes."""
    codes, names = "", []
    for member in run.members:
        if isinstance(member, Row) and member.name == "msg_sn":
            codes += member.kind.codes  # type: ignore[attr-defined]
            names.append(member.name)
        else:
            codes += f"{member.bits // 8 if isinstance(member, Word) else member.kind.size}x"
    values = {each.name: repr(getattr(frame.header, each.name)) for each in shown}
    values |= {"phone": "phone", "msg_sn": "msg_sn"}
    return codes, names, [f"{each.key_in(dialect)!r}: {values[each.name]}" for each in shown if each.key_in(dialect)]


def _is_number(shape: Shape, identity: int) -> bool:
    """Whether a position takes a number out of the item of this id."""
    if identity not in shape.places:
        return False
    start, stop = shape.places[identity]
    known = shape.table.items.get(identity)
    return known is not None and isinstance(known.kind, Int) and known.kind.size == stop - start
