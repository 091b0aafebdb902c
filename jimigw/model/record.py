"""The one place that turns a report into the JSON of a journal record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from .report import Alarm, Position, Report


class Record(msgspec.Struct, omit_defaults=True, gc=False):
    """A journal record without its ``id``, which the journal knows only when it stores the record.

    ``message`` is the exchange format; ``position`` and ``alarms`` are there where the report has them.
    """

    device: str
    protocol: str
    kind: str
    received_at: datetime
    message: dict[str, Any]
    position: Position | None = None
    alarms: list[Alarm] | None = None


_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def record_json(device: str, report: Report) -> bytes:
    """The record of a device's report as a JSON object."""
    return _encode(
        Record(device, report.protocol, report.kind, report.received, report.message, report.position, report.alarms)
    )
