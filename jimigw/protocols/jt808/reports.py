"""The report that a message of a terminal makes."""

from __future__ import annotations

from datetime import datetime

from jimigw.model.report import Report

from .codec import Packet
from .reading import read
from .settings import SessionCounters, Settings
from .talk import Talk

PROTOCOL = "jt808"


def report_of(
    talk: Talk, packet: Packet, raw: bytes, received: datetime, settings: Settings, counters: SessionCounters
) -> Report:
    """The report of a message, counted, without its answer; ``raw`` is the frame that completed it."""
    counters.reports += 1
    message = packet.to_json(settings.dialect)
    if packet.notes:
        message["notes"] = packet.notes
    if packet.body is None:
        if packet.opaque == "unknown":
            counters.unknown += 1
        else:
            counters.unreadable += 1
        return Report(PROTOCOL, "unknown", message, raw, received, identity=talk.identity)
    kind, position, alarms = read(packet.header.msg_id, packet.body, talk.version, settings.zone, received)
    return Report(PROTOCOL, kind, message, raw, received, None, position, alarms, talk.identity)
