"""Conversions that one push alone needs."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any

from .conversions import Zones, as_said

_GPS, _WIFI = 1, 3
_BY_WIFI = 0x0B
_LABEL_BYTES = 16


def post_type(value: Any, zones: Zones) -> int:
    """What a position is from, by the upload mode of 5.3.1."""
    return _WIFI if value == _BY_WIFI else _GPS


def first(value: Any, zones: Zones) -> Any:
    """The first of a list of numbers."""
    return value[0] if isinstance(value, list) and isinstance(value[0], int | float) else None


def message_class(value: Any, zones: Zones) -> int:
    """The hub's number of a protocol."""
    return int(value == "jt808")


def digits(value: str, zones: Zones) -> str:
    """An ICCID without the ``f`` that fills it up."""
    return value.rstrip("fF")


def as_given(value: Any, zones: Zones) -> int | str | None:
    """Text or a whole number, as it is."""
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def label(value: Any, zones: Zones) -> str | None:
    """The identity of an alarm as hex digits: of active safety from its fields, of an event as it came."""
    if isinstance(value, str):
        data = base64.b64decode(value, validate=True)
        if len(data) == _LABEL_BYTES + 1 and data[0] == _LABEL_BYTES:
            data = data[1:]
        return data.hex() if len(data) == _LABEL_BYTES else None
    if not isinstance(value, Mapping) or "size" in value:
        return None  # A wide identity is no label of the hub.
    name = value["terminal_id"].encode("gb18030").ljust(7, b"\0")
    if len(name) != 7 or len(value["time"]) != 12:
        return None
    tail = bytes([value["seq"], value["count"], value.get("reserved", 0)])
    identity: bytes = name + bytes.fromhex(value["time"]) + tail
    return identity.hex()


_STATES = {1: (">H", 100), 2: (">I", 1), 3: ("B", 1), 4: ("B", 1), 7: (">H", 10), 0x2001: (">H", 10)}
"""How the states of 0x2005 stand in bytes: form, and what their value is multiplied by."""
_ICCID = 5


def extension(value: Any, zones: Zones) -> str | None:
    """The content of an item 0xE8 as hex: bytes as they came, states (0x2005) written again."""
    if isinstance(value, str):
        return base64.b64decode(value, validate=True).hex()
    content = b""
    for state in value["states"]:
        data = _state(state)
        content += struct.pack(">HB", state["id"], len(data)) + data
    return content.hex()


def _state(state: Mapping[str, Any]) -> bytes:
    if "data" in state:
        return base64.b64decode(state["data"], validate=True)
    if state["id"] == _ICCID:
        return bytes.fromhex(state["value"])
    form, factor = _STATES[state["id"]]
    return struct.pack(form, round(state["value"] * factor))


_RESOURCE = {
    "channel": "channel",
    "alarm": "alarmFlag",
    "av_type": "resourceType",
    "stream": "codeType",
    "storage": "storageType",
    "size": "fileSize",
}


def resources(value: Any, zones: Zones) -> list[dict[str, Any]]:
    """The recordings of 0x1205 under the hub's names."""
    found = []
    for clip in value:
        if isinstance(clip, Mapping):
            item = {name: clip[key] for key, name in _RESOURCE.items() if isinstance(clip.get(key), int)}
            item["beginTime"] = as_said(clip["start_time"], zones)
            item["endTime"] = as_said(clip["end_time"], zones)
            found.append(item)
    return found
