"""Text commands of the JC cameras as they go over JT/T 808: transparent data (0x8900, 0x0900) of type 0xF0."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any


def text_of(reply: Any) -> str | None:
    """The text in a reply to a text command over JT/T 808, whose data is base64; None if it is none."""
    data = reply.get("data") if isinstance(reply, Mapping) else None
    if not isinstance(data, str):
        return None
    try:
        return base64.b64decode(data, validate=True).decode("gb18030", "replace")
    except ValueError:
        return None


def text_in(message: Mapping[str, Any]) -> str | None:
    """The text command in a message: transparent data of the type for it; None for any other message."""
    header, body = message.get("header"), message.get("body")
    if not isinstance(header, Mapping) or not isinstance(body, Mapping):
        return None
    return text_of(body) if (header.get("msg_id"), body.get("type")) == (0x8900, 0xF0) else None
