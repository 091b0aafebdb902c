"""What terminals of JT/T models say of a file that they upload: the field ``callbackBody``, a JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import msgspec

LONGEST = 16 << 10
"""Bytes of the longest one."""
_LONGEST_NAME = 255
_MOST_LEVELS = 16


@attrs.frozen
class Said:
    """What of ``callbackBody`` the gateway asks for; what is not there is None, 0 or empty.

    ``imei`` is the terminal, ``name`` the file, ``label`` that of its alarm (``instructionId``); ``camera`` is the
    logical channel. ``taken`` is when a video begins, or the alarm was: seconds since 1970.
    """

    imei: str = ""
    name: str = ""
    label: str = ""
    mime: str = ""
    camera: int | None = None
    taken: float = 0.0


_NOTHING = Said()


def details_of(text: str) -> Mapping[str, Any]:
    """The object that it is. What is none is kept as text: the file is worth more than what is said of it."""
    if not text:
        return {}
    try:
        found = msgspec.json.decode(text)
        msgspec.json.encode(found)  # or no record could say it
    except (msgspec.MsgspecError, RecursionError, OverflowError, ValueError):
        found = None
    return found if isinstance(found, dict) and _levels(found) <= _MOST_LEVELS else {"callbackBody": text}


def said_in(details: Mapping[str, Any]) -> Said:
    """What ``callbackBody`` says; whatever is not as it should be is passed over."""
    if not details:
        return _NOTHING
    camera = _number(details, "camera")
    return Said(
        _text(details, "imei", 64),
        _text(details, "localFileName", _LONGEST_NAME),
        _text(details, "instructionId", 64),
        _text(details, "mimeType", 100),
        int(camera) if camera is not None and 0 <= camera <= 255 else None,
        _moment(details, "videoBeginTime") or _moment(details, "alarmTime"),
    )


def _moment(details: Mapping[str, Any], name: str) -> float:
    """Seconds since 1970, of seconds or milliseconds; 0 for what is no time of these decades."""
    number = _number(details, name) or 0.0
    seconds = number / 1000 if number > 1e11 else number
    return seconds if 9e8 < seconds < 5e9 else 0.0


def _number(details: Mapping[str, Any], name: str) -> float | None:
    value = details.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e18 else None


def _text(details: Mapping[str, Any], name: str, longest: int) -> str:
    value = details.get(name)
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if len(text.encode("utf-8", "replace")) <= longest and text.isprintable() else ""


def _levels(value: Any) -> int:
    """How deep a value goes, counted until it is too deep."""
    deepest, waiting = 0, [(value, 1)]
    while waiting and deepest <= _MOST_LEVELS:
        each, level = waiting.pop()
        deepest = max(deepest, level)
        inside = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        waiting += [(one, level + 1) for one in inside if isinstance(one, dict | list)]
    return deepest
