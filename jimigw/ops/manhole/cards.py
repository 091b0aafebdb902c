"""Devices, positions, commands and records as tables and cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from jimigw.journal.interface import Record
from jimigw.model.command import Command, Life
from jimigw.model.device import Device
from jimigw.model.report import Position
from jimigw.ops.columns import printable, wrapped

from .tables import Column, ago, card, duration, local_time, said, table

MAX_VALUE = 2000
"""Characters of a reply or a message that are shown."""

_FLEET = (
    Column("id"),
    Column("plate", least=6, spare=1),
    Column("name", least=6, spare=4),
    Column("model", least=6, spare=2),
    Column("protocol", spare=6),
    Column("on line"),
    Column("last seen", spare=3),
    Column("place", spare=5),
    Column("km/h", right=True, spare=7),
    Column("ignition", spare=8),
    Column("firmware", least=8, spare=9),
)


def fleet_table(devices: Iterable[Device], now: float, width: int) -> list[str]:
    """A line for each device."""
    return table(_FLEET, [_fleet_row(device, now) for device in devices], width)


def _fleet_row(device: Device, now: float) -> list[object]:
    place = device.position
    return [
        device.id,
        device.plate,
        device.card.name,
        device.model,
        device.protocol,
        duration(now - device.link_since) if device.online and device.link_since else device.online,
        ago(device.last_seen, now),
        place and _coordinates(place),
        (place and place.speed_kmh is not None and f"{place.speed_kmh:.0f}") or None,
        {True: "on", False: "off", None: ""}[device.ignition],
        device.firmware,
    ]


def device_card(device: Device, now: float, width: int) -> list[str]:
    """All that is known of a device."""
    told = device.card
    online = "no"
    if device.online:
        online = f"for {duration(now - device.link_since)}, from {device.address}" if device.link_since else "yes"
    elif device.left_at:
        online = f"no, since {local_time(device.left_at)}: {device.left or 'no reason is known'}"
    link = None
    if device.online:
        link = f"{device.link_frames:,} frames, {device.link_bytes:,} bytes, {device.link_errors:,} errors"
    place = device.position
    alarm = device.alarm
    return card(
        [
            ("id", told.id),
            ("imei", None if told.imei == told.id else told.imei),
            ("phone", None if told.phone == told.id else told.phone),
            ("plate", device.plate),
            ("name", told.name),
            ("model", device.model),
            ("firmware", device.firmware),
            ("iccid", device.iccid),
            ("cameras", device.cameras),
            ("protocol", device.protocol),
            ("on line", online),
            ("connection", link),
            ("first seen", local_time(device.first_seen)),
            (
                "last seen",
                (device.last_seen and f"{local_time(device.last_seen)} ({ago(device.last_seen, now)})") or None,
            ),
            ("logins", device.logins),
            ("ignition", {True: "on", False: "off", None: None}[device.ignition]),
            ("position", place and f"{_coordinates(place)} at {local_time(place.time)}"),
            ("last alarm", alarm and f"{alarm.name or f'0x{alarm.code:X}'} at {local_time(device.alarm_at)}"),
            ("listed", told.listed),
            ("admitted", device.admitted),
            ("time zone", None if told.zone is None else f"{told.zone:+d} min from UTC"),
            ("notes", told.notes),
        ],
        width,
    )


def position_card(place: Position, width: int) -> list[str]:
    """A position, with a link to a map."""
    at = f"{place.latitude:.6f}&mlon={place.longitude:.6f}"
    return card(
        [
            ("time", f"{local_time(place.time)}{'' if place.time_source == 'terminal' else ' (of receipt)'}"),
            ("place", _coordinates(place)),
            ("fix", place.fix),
            ("speed", None if place.speed_kmh is None else f"{place.speed_kmh:g} km/h"),
            ("course", None if place.course is None else f"{place.course}°"),
            ("altitude", None if place.altitude_m is None else f"{place.altitude_m} m"),
            ("satellites", place.satellites),
            ("mileage", None if place.mileage_m is None else f"{place.mileage_m / 1000:,.1f} km"),
            ("ignition", {True: "on", False: "off", None: None}[place.ignition]),
            ("replayed", place.replayed or None),
            ("map", f"https://www.openstreetmap.org/?mlat={at}"),
        ],
        width,
    )


def _coordinates(place: Position) -> str:
    return f"{place.latitude:.5f} {place.longitude:.5f}"


# -- commands

_COMMANDS = (
    Column("id", right=True),
    Column("device"),
    Column("command", least=8),
    Column("state"),
    Column("given", spare=1),
    Column("by", least=6, spare=4),
    Column("sent", right=True, spare=5),
    Column("reply or reason", least=8, spare=2),
    Column("purpose", least=6, spare=6),
)


def commands_table(commands: Iterable[Command], width: int) -> list[str]:
    """A line for each command."""
    rows = [
        [
            str(each.id),
            each.device,
            each.title,
            each.state.value,
            local_time(each.created),
            each.owner,
            f"{each.sendings}x" if each.sendings else None,
            one_line(each.reply) or each.why,
            each.purpose,
        ]
        for each in commands
    ]
    return table(_COMMANDS, rows, width)


def command_begun(command: Command, online: bool) -> str:
    """That a command is stored, and what it waits for."""
    what = f"command {command.id}, {printable(command.title)} for {command.device}"
    if command.state is Life.QUEUED and not online:
        return (
            f"{what}, waits: the terminal is off line. It goes at the next login, until {local_time(command.expires)}."
        )
    return f"{what}, is {command.state}."


def command_ended(command: Command, width: int) -> list[str]:
    """How a command ended, with what the terminal answered."""
    since = command.sent or command.created
    took = f" after {command.ended - since:.1f} s" if command.ended and since else ""
    why = f": {printable(command.why)}" if command.why and command.state is not Life.ANSWERED else ""
    head = f"command {command.id}, {printable(command.title)} for {command.device}, is {command.state}{took}{why}"
    late = ["what it said later:", *_indented(command.late, width)] if command.late is not None else []
    return [*wrapped(head, width), *_indented(command.reply, width), *late]


def _indented(value: object, width: int) -> list[str]:
    if value is None or value == "":
        return []
    text = value if isinstance(value, str) else msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    left = len(text) - MAX_VALUE
    lines = [part for line in text[:MAX_VALUE].splitlines() for part in wrapped(line, max(width - 2, 10))]
    return [f"  {line}" for line in lines] + ([f"  … {left} characters more"] if left > 0 else [])


def one_line(value: object) -> str:
    """Anything as text on one line."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return " ".join(text.split())[:MAX_VALUE]


# -- the journal

_RECORDS = (
    Column("record", right=True, spare=2),
    Column("received"),
    Column("device", spare=1),
    Column("kind"),
    Column("what", least=10),
)


def records_table(records: Sequence[Record], width: int) -> list[str]:
    """A line for each record."""
    rows = [
        [
            str(each.id),
            local_time(datetime.fromtimestamp(each.received_at / 1e6, UTC)),
            each.device,
            each.kind,
            record_in_short(each.data),
        ]
        for each in records
    ]
    return table(_RECORDS, rows, width)


def record_in_short(data: bytes) -> str:
    """What a record says, on one line: alarms, the place, else the values of its message."""
    try:
        told = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return "it cannot be read"
    parts = []
    for alarm in told.get("alarms") or ():
        parts.append(str(alarm.get("name") or alarm.get("code")))
    if place := told.get("position"):
        speed = place.get("speed_kmh")
        parts.append(f"{place['latitude']:.5f} {place['longitude']:.5f}")
        parts.append("" if speed is None else f"{speed:g} km/h")
        parts.append("replayed" if place.get("replayed") else "")
    else:
        message = told.get("message") or {}
        header = message.get("header") or {}
        if "msg_id" in header:
            parts.append(f"0x{header['msg_id']:X}" if isinstance(header["msg_id"], int) else str(header["msg_id"]))
        parts += [f"{name}={_short(value)}" for name, value in (message.get("body") or {}).items()]
    return "  ".join(filter(None, parts))


def _short(value: Any) -> str:
    return one_line(value)[:80]


def sections(told: Mapping[str, Mapping[str, Any]], width: int) -> list[str]:
    """Sections of names and values."""
    lines: list[str] = []
    for name, values in told.items():
        lines += ["", name] if lines else [name]
        lines += [f"  {line}" for line in card(((each, _plain(value)) for each, value in values.items()), width - 2)]
    return lines


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(_plain, value)) or "none"
    return said(value) or "none"
