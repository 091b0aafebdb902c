"""How a value of a record becomes the hub's: one function a kind of value.

A function that raises, or gives None, leaves the field out.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import msgspec

HUB_TIME = "%Y-%m-%d %H:%M:%S"
"""``yyyy-MM-dd HH:mm:ss``, how the hub writes a time."""

_STANDARD_ZONE = timezone(timedelta(hours=8))


@attrs.frozen
class Zones:
    """``told``: the zone of the times in pushes, of the hub UTC; ``terminals``: that of JT/T 808 terminals' clocks."""

    told: timezone = UTC
    terminals: timezone = _STANDARD_ZONE


Convert = Callable[[Any, Zones], Any]


def text(value: Any, zones: Zones) -> str | None:
    """Text; whole numbers in decimal."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def whole(value: float, zones: Zones) -> int:
    """A whole number, rounded."""
    return round(value)


def number(value: Any, zones: Zones) -> int | float | None:
    """A number as it is."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def flag(value: Any, zones: Zones) -> int:
    """0 or 1."""
    return int(bool(value))


def moment(value: str, zones: Zones) -> str:
    """A time of a record, or twelve digits of a JT/T 808 terminal's clock, in the hub's form and zone."""
    if value[-1] == "Z" and zones.told is UTC and value[10] == "T":
        return f"{value[:10]} {value[11:19]}"  # as nearly always
    twelve = len(value) == 12 and value.isdecimal()
    time = _digits(value).replace(tzinfo=zones.terminals) if twelve else _read(value)
    return time.astimezone(zones.told).strftime(HUB_TIME)


def milliseconds(value: str, zones: Zones) -> int:
    """A time of a record as milliseconds since 1970."""
    return round(_read(value).timestamp() * 1000)


def as_said(value: str, zones: Zones) -> str:
    """Twelve digits of a terminal's clock in the hub's form, in the terminal's own zone."""
    return _digits(value).strftime(HUB_TIME)


def zone_name(value: str, zones: Zones) -> str:
    """``+08:00`` as ``GMT+08:00``; ``jt808`` is the zone of JT/T 808 terminals' clocks."""
    if value != "jt808":
        return f"GMT{value}"
    offset = zones.terminals.utcoffset(None)
    minutes = round(offset.total_seconds() / 60)
    return f"GMT{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def hexadecimal(value: str, zones: Zones) -> str:
    """Base64 as hex digits."""
    return base64.b64decode(value, validate=True).hex()


def hex_of_text(value: str, zones: Zones) -> str:
    """Text as the hex digits of its UTF-8; of bytes that are no text (base64 in a record) see :func:`hexadecimal`."""
    return value.encode("utf-8").hex()


def document(value: Any, zones: Zones) -> str:
    """An object as JSON text."""
    return msgspec.json.encode(value).decode("utf-8")


def joined(separator: str) -> Convert:
    """A list of texts in one, with this between them."""

    def join(value: Any, zones: Zones) -> str:
        return separator.join(each for each in value if isinstance(each, str))

    return join


def by(table: Mapping[Any, Any]) -> Convert:
    """A code by this table; one that is not in it is left out."""
    return lambda value, zones: table.get(value)


def bits(mask: int) -> Convert:
    """1 where one of these bits is set, else 0."""
    return lambda value, zones: int(value & mask != 0)


def always(value: Any) -> Convert:
    """This value, whatever the record says."""
    return lambda _, zones: value


def _read(value: str) -> datetime:
    found = datetime.fromisoformat(value)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _digits(value: str) -> datetime:
    return datetime.strptime(value, "%y%m%d%H%M%S")
