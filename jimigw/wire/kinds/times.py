"""Kinds of times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..errors import EncodeError
from .base import Fixed, Scope, shown


class UtcTime(Fixed):
    """Six bytes year (from 2000), month, day, hour, minute, second, plain binary, UTC.

    The value is an aware :class:`datetime.datetime`; six bytes that are no date are kept as their twelve hex digits,
    so that a terminal with a broken clock loses nothing else. JC261/JC400 V1.3.5, 5.3.1.
    """

    plain_json = True
    wire_type = "u8[6] YY MM DD hh mm ss"
    wanted = "a time such as 2025-11-28T09:30:00Z, from 2000 to 2255, or twelve hex digits"

    def __init__(self) -> None:
        super().__init__("6B")

    def load(self, args: Sequence[str], scope: Scope) -> str:
        return f"{scope.bind(time_of_bytes, 'time')}({', '.join(args)})"

    def store(self, value: str, scope: Scope) -> list[str]:
        return [f"*{scope.bind(self._bytes, 'time')}({value})"]

    def _bytes(self, value: datetime | str) -> bytes:
        if isinstance(value, str):
            if len(value) != 12:
                raise EncodeError(self.complaint(value))
            return bytes.fromhex(value)
        time = aware(value, self).astimezone(UTC)
        return bytes((time.year - 2000, time.month, time.day, time.hour, time.minute, time.second))

    def from_json(self, value: Any) -> datetime | str:
        if isinstance(value, str) and len(value) == 12:
            try:
                digits = bytes.fromhex(value)
            except ValueError:
                digits = b""
            if len(digits) == 6:  # fromhex passes over spaces
                return time_of_bytes(*digits)
        return time_from_json(value, self)


def time_of_bytes(
    year: int, month: int, day: int, hour: int, minute: int, second: int, _utc: Any = UTC
) -> datetime | str:
    """The UTC time of six binary bytes, or their hex digits if there is no such time."""
    try:
        return datetime(2000 + year, month, day, hour, minute, second, 0, _utc)
    except ValueError:
        return bytes((year, month, day, hour, minute, second)).hex()


def aware(value: Any, kind: Fixed) -> datetime:
    """``value`` if it is a time that knows its zone: one without would be read in the zone of this machine."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise EncodeError(kind.complaint(value))
    return value


def time_from_json(value: Any, kind: Fixed) -> datetime:
    """The aware time of an RFC 3339 string with whole seconds."""
    try:
        time = datetime.fromisoformat(value)
    except (ValueError, TypeError, OverflowError):
        raise EncodeError(kind.complaint(value)) from None
    if time.tzinfo is None or time.microsecond:
        raise EncodeError(f"{shown(value)} needs whole seconds and a zone, such as 2025-11-28T09:30:00Z")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise EncodeError(kind.complaint(value)) from None


class UnixTime(Fixed):
    """Seconds since 1970-01-01 UTC in four bytes; the value is an aware :class:`datetime.datetime`."""

    plain_json = True
    wire_type = "u32 seconds since 1970"
    wanted = "a time such as 2025-11-28T09:30:00Z, from 1970 to 2106"

    def __init__(self) -> None:
        super().__init__("I")

    def load(self, args: Sequence[str], scope: Scope) -> str:
        return f"{scope.bind(datetime.fromtimestamp, 'time')}({args[0]}, {scope.bind(UTC, 'utc')})"

    def store(self, value: str, scope: Scope) -> list[str]:
        return [f"{scope.bind(self._seconds, 'seconds')}({value})"]

    def _seconds(self, value: datetime) -> int:
        return int(aware(value, self).timestamp())

    def from_json(self, value: Any) -> datetime:
        return time_from_json(value, self)
