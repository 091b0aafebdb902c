"""What reading, showing and answering one message costs, without a socket and without a journal."""

from __future__ import annotations

import struct
from timeit import Timer
from typing import Any

from jimigw.model.record import record_json
from jimigw.protocols.jimi.codec import read_up
from jimigw.protocols.jimi.frame import Frame, FrameDecoder, answer_frame
from jimigw.protocols.jimi.messages import Location
from jimigw.wire.checks import crc_itu, crc_itu_table

from .figures import Figure, Part
from .plan import Plan
from .samples import frames, location

DECODE_TARGET = 1.5
"""Microseconds that decoding a location packet may take."""

# The fields of a location packet (JC261/JC400 V1.3.5, 5.3.1), the cell id as two: no decoder in Python undercuts this.
_FLOOR = struct.Struct(">6BBIIBHHBHBHBBBI")


def measure(plan: Plan) -> Part:
    """Every step that a location packet takes, then the reading of every kind of message in the vectors."""
    sample = location()
    frame, layout, raw = sample.frame, Location.__wire__, sample.frame.raw
    floor = timed(plan, "unpack(data, start)", unpack=_FLOOR.unpack_from, data=frame.data, start=frame.start)
    figures = [Figure("struct.unpack alone, the yardstick", floor, "us", 1.0)]

    def add(what: str, statement: str, at_most: float | None = None, **names: Any) -> None:
        value = timed(plan, statement, **names)
        figures.append(Figure(what, value, "us", value / floor, at_most))

    place = {"data": frame.data, "start": frame.start, "end": frame.end}
    add("frame: FrameDecoder.feed", "feed(raw, 0.0)", feed=FrameDecoder().feed, raw=raw)
    add("decode to the message", "decode(data, start, end, [])", DECODE_TARGET, decode=layout.decode, **place)
    add("decode straight to JSON", "decode(data, start, end, [])", DECODE_TARGET, decode=layout.decode_json, **place)
    add("the message to JSON", "to_json(message)", to_json=layout.to_json, message=Location.decode(frame.content))
    add("the whole session: Session.receive", "receive(raw, 1.7e9)", receive=sample.session.receive, raw=raw)
    add("the record of the journal", "record(imei, report)", record=record_json, imei=sample.imei, report=sample.report)
    add("the answer", "answer(0x22, 1)", answer=answer_frame)
    checked = raw[2:-4]
    add(f"check code of {len(checked)} bytes", "crc(data)", crc=crc_itu, data=checked)
    add(f"check code of {len(checked)} bytes, without fastcrc", "crc(data)", crc=crc_itu_table, data=checked)
    for title, each in _longest().items():
        add(f"read: {title}, {len(each.raw)} bytes", "read(frame)", read=read_up, frame=each)
    return Part("codec", f"a location packet of {len(raw)} bytes; the least of {plan.repeats} repeats", figures)


def timed(plan: Plan, statement: str, **names: Any) -> float:
    """Microseconds of one call; the least of all repeats, for what makes a repeat longer is not the code."""
    timer = Timer(statement, globals=names)
    count = 10
    while (took := timer.timeit(count)) < plan.repeat_seconds / 4:
        count *= 4
    count = max(1, round(count * plan.repeat_seconds / took))
    return min(timer.repeat(plan.repeats, count)) / count * 1e6


def _longest() -> dict[str, Frame]:
    """The longest frame of each kind of message that the vectors have, by the title of the message."""
    found: dict[str, Frame] = {}
    for frame in frames().values():
        packet = read_up(frame)
        if packet.error is None:
            title = "unknown type" if packet.layout is None else packet.layout.__wire__.title
            if title not in found or len(frame.raw) > len(found[title].raw):
                found[title] = frame
    return found
