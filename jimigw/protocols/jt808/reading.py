"""What JT/T 808 messages mean to a platform: kind of record, position, alarms."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from jimigw.model.report import Alarm, Position, trusted_time

from .messages.location import LocationFacts, alarm_bits, metres, utc_of
from .messages.safety_items import SAFETY_NAMES

#: the additional items that a position has
MILEAGE, SATELLITES = 0x01, 0x31

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


#: the additional items that tell of alarms
SAFETY = frozenset(SAFETY_NAMES)


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
    extra = location.extra
    mileage = satellites = None
    if extra:
        there = extra.ids
        mileage = extra.get(MILEAGE) if MILEAGE in there else None
        satellites = extra.get(SATELLITES) if SATELLITES in there else None
    return position_of(
        zone,
        received,
        location.status,
        location.latitude,
        location.longitude,
        location.altitude,
        location.speed,
        location.direction,
        location.time,
        mileage if isinstance(mileage, int) else None,
        satellites if isinstance(satellites, int) else None,
        replayed,
    )


def position_of(
    zone: timezone,
    received: datetime,
    status: int,
    latitude: int,
    longitude: int,
    altitude: int,
    speed: int,
    direction: int,
    time: str,
    mileage: int | None,
    satellites: int | None,
    replayed: bool = False,
) -> Position:
    """The position that the fields of a location say, as they are in the message (``mileage`` in 0.1 km)."""
    moment, source = trusted_time(utc_of(time, zone), received)
    return Position(
        moment,
        latitude / (-1e6 if status & 4 else 1e6),
        longitude / (-1e6 if status & 8 else 1e6),
        status & 2 != 0,
        speed / 10,
        direction,
        metres(altitude),
        satellites,
        None if mileage is None else mileage * 100,
        status & 1 != 0,
        replayed,
        source,
    )


def word_alarms(word: int, edition: int) -> list[Alarm] | None:
    """The alarms that an alarm word tells of, None if there are none."""
    return [Alarm(code, name) for code, name in alarm_bits(word, edition)] if word else None


def _alarms(locations: list[Any], edition: int) -> list[Alarm] | None:
    found: dict[int, Alarm] = {}
    for location in locations:
        if location.alarm:
            for code, name in location.alarms(edition):
                found.setdefault(code, Alarm(code, name))
        if location.extra and not SAFETY.isdisjoint(location.extra.ids):
            for code, name in location.safety_alarms():
                found.setdefault(code, Alarm(code, name))
    return list(found.values()) or None
