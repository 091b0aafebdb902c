"""Values of messages as text for people."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from .kinds import Item, Kind, Names, text_to_json
from .message import Message

#: longer bytes are shown as their number only
_MOST_BYTES = 32
#: characters of a shown value
_MOST_TEXT = 200


def shown_value(value: Any, kind: Kind, unit: str = "", names: Names | None = None) -> str:
    """A value for people, on one line of bounded length: with its unit, or with the name of its code."""
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, int | float):
        text = f"{value:.12g}" if isinstance(value, float) else str(value)
        if names is not None:
            text += f": {names[int(value)]}" if value in names else ": no name"
    elif isinstance(value, datetime):
        text = value.isoformat().replace("+00:00", "Z")
    elif isinstance(value, bytes | bytearray | memoryview):
        text = f"{len(value)} bytes" if len(value) > _MOST_BYTES else bytes(value).hex(" ").upper() or "nothing"
    elif isinstance(value, str):
        text = json.dumps(text_to_json(value), ensure_ascii=False)
    elif isinstance(value, list):
        text = f"{len(value)} item{'' if len(value) == 1 else 's'}"
    elif isinstance(value, Message):
        text = value.__wire__.title
    elif isinstance(value, Item):
        text = f"item {value.id}"
    else:
        text = "none" if value is None else _as_json(value, kind)
    if unit and isinstance(value, int | float):
        text = f"{text} {unit}"
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 3]}..."


def _as_json(value: Any, kind: Kind) -> str:
    """The value of a protocol's own kind, as JSON has it."""
    return json.dumps(kind.to_json(value, "document"), ensure_ascii=False, default=str)
