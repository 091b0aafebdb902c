"""Alarms of JT/T 808 that have attachments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen
class AttachmentAlarm:
    """An alarm that has attachments."""

    identity_hex: str
    identity: Mapping[str, Any]
    count: int
    code: int
    name: str | None
    time: str
    kind: str


def attachment_alarms(message: Mapping[str, Any]) -> list[AttachmentAlarm]:
    """The alarms in a location that have attachments."""
    return []


def attachment_request(identity: Mapping[str, Any], number: str, host: str, port: int) -> dict[str, Any]:
    """The message 0x9208."""
    return {"header": {"msg_id": 0x9208}, "body": {}}
