"""What a command that came by MQTT carries with it to its end, over restarts: where it came from, and what correlates.

It is kept as the command's purpose, as JSON, and comes back with the record of the command's end.
"""

from __future__ import annotations

import base64

import msgspec

from jimigw.gateway.commands import LONGEST_PURPOSE

OWNER = "mqtt"
"""The owner of the commands that came by MQTT."""

_LONGEST_ID = 200


class Request(msgspec.Struct, omit_defaults=True, frozen=True):
    """A message on a down topic. ``packet`` and ``sum`` tell a repeat of it; ``id`` and ``msg_sn`` are what it said of
    itself, ``response`` and ``correlation`` (base64) what MQTT 5 has for that."""

    topic: str
    packet: int = 0
    sum: str = ""
    id: str | int | None = None
    msg_sn: int | None = None
    response: str | None = None
    correlation: str | None = None

    def purpose(self) -> str | None:
        """The text that is kept; None if it is too long."""
        text = msgspec.json.encode(self).decode()
        return text if len(text) <= LONGEST_PURPOSE else None

    def told(self) -> dict[str, str | int]:
        """What correlates, for the one who gave the command."""
        found = {"topic": self.topic, "id": self.id, "msg_sn": self.msg_sn, "correlation": self.correlation}
        return {key: value for key, value in found.items() if value is not None}

    def repeats(self, other: Request | None) -> bool:
        """Whether both are the same message of the broker."""
        mine = (self.topic, self.packet, self.sum)
        return other is not None and bool(self.packet) and mine == (other.topic, other.packet, other.sum)

    @property
    def correlation_data(self) -> bytes | None:
        """The correlation data of MQTT 5 as it came."""
        return None if self.correlation is None else base64.b64decode(self.correlation)


_read = msgspec.json.Decoder(Request).decode


def request_of(purpose: object) -> Request | None:
    """The request that a purpose holds; None if it holds none."""
    if not isinstance(purpose, str) or not purpose.startswith("{"):
        return None
    try:
        return _read(purpose)
    except (msgspec.MsgspecError, RecursionError):
        return None


def request_id(value: object) -> str | int | None:
    """The id that a message gives itself, None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 63 else None
    return value[:_LONGEST_ID]
