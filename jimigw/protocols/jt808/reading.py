"""What JT/T 808 messages mean to a platform: kind of record, position, alarms."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from jimigw.model.report import Alarm, Position, trusted_time

from .messages.location import LocationFacts, utc_of
from .messages.safety_items import SAFETY_NAMES

#: kinds of records by message id; locations are told apart by what is in them
KINDS = {
    0x0001: "command_result",
    0x0002: "heartbeat",
    0x0003: "status",
    0x0004: "status",
    0x0005: "status",
    0x0100: "login",
    0x0101: "status",
    0x0102: "login",
    0x0104: "command_result",
    0x0107: "status",
    0x0108: "command_result",
    0x0200: "position",
    0x0201: "command_result",
    0x0205: "status",
    0x0301: "status",
    0x0302: "command_result",
    0x0303: "status",
    0x0500: "command_result",
    0x0608: "command_result",
    0x0700: "command_result",
    0x0701: "status",
    0x0702: "status",
    0x0704: "position",
    0x0705: "status",
    0x0800: "status",
    0x0801: "upload",
    0x0802: "command_result",
    0x0805: "command_result",
    0x0900: "status",
    0x0901: "status",
    0x0A00: "status",
    0x1003: "command_result",
    0x1005: "status",
    0x1205: "command_result",
    0x1206: "command_result",
    0x1210: "status",
    0x1211: "status",
    0x1212: "status",
}


_SAFETY = frozenset(SAFETY_NAMES)


def read(
    msg_id: int, body: Any, edition: int, zone: timezone, received: datetime
) -> tuple[str, Position | None, list[Alarm] | None]:
    """Kind, position and alarms of a message; ``zone`` is that of the terminal's clock.

    A location with alarm bits or active safety alarms is of kind "alarm". A batch has the position of its newest
    location, and the alarms of all.
    """
    kind = KINDS.get(msg_id, "unknown")
    replayed = False
    locations: list[Any] = []
    if isinstance(body, LocationFacts):
        locations = [body]
    elif msg_id == 0x0704:
        replayed = body.type == 1
        locations = [each for each in body.location if isinstance(each, LocationFacts)]
    else:
        location = getattr(body, "location", None)
        if isinstance(location, LocationFacts):
            locations = [location]
    if not locations:
        return kind, None, None
    newest = locations[0] if len(locations) == 1 else max(locations, key=lambda each: str(each.time))
    alarms = _alarms(locations, edition)
    if alarms and kind == "position":
        kind = "alarm"
    return kind, _position(newest, zone, received, replayed), alarms


def _position(location: Any, zone: timezone, received: datetime, replayed: bool) -> Position:
    time, source = trusted_time(utc_of(location.time, zone), received)
    status, latitude, longitude = location.status, location.latitude / 1e6, location.longitude / 1e6
    extra = location.extra
    mileage = satellites = None
    if extra:
        there = extra.ids
        mileage = extra.get(0x01) if 0x01 in there else None
        satellites = extra.get(0x31) if 0x31 in there else None
    return Position(
        time,
        -latitude if status & 4 else latitude,
        -longitude if status & 8 else longitude,
        status & 2 != 0,
        location.speed / 10,
        location.direction,
        location.altitude_m,
        satellites if isinstance(satellites, int) else None,
        mileage * 100 if isinstance(mileage, int) else None,
        status & 1 != 0,
        replayed,
        source,
    )


def _alarms(locations: list[Any], edition: int) -> list[Alarm] | None:
    found: dict[int, Alarm] = {}
    for location in locations:
        if location.alarm:
            for code, name in location.alarms(edition):
                found.setdefault(code, Alarm(code, name))
        if location.extra and not _SAFETY.isdisjoint(location.extra.ids):
            for code, name in location.safety_alarms():
                found.setdefault(code, Alarm(code, name))
    return list(found.values()) or None
