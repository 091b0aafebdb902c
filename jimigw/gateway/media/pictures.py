"""Pictures, sounds and clips in reports of JT/T 808 (0x0801), and the packets of the edition of 2011."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import msgspec

from jimigw.journal.interface import IJournal, Record
from jimigw.model.media import Source

from .settings import Told

MOST_PACKETS = 4096
"""Packets of one file, as far as they are looked for."""
_FARTHEST, _OTHERS = 4, 64
"""How far back they are looked for: messages for each packet, for some are sent again, and others between them."""
_EXTENSIONS = {0: "jpg", 1: "tif", 2: "mp3", 3: "wav", 4: "wmv"}
_parsed = msgspec.json.Decoder().decode


@attrs.frozen
class Picture:
    """The head of a 0x0801: what it is, by the terminal's own number, and where it was taken (JT/T 808-2019, 8.51)."""

    device: str
    id: int
    type: int
    format: int
    event: int
    channel: int
    time: str
    packets: int
    packet: int

    @classmethod
    def of(cls, device: str, body: Mapping[str, Any]) -> Picture:
        """What the body of the message says."""
        numbers = {name: body[name] for name in ("id", "type", "format", "event", "channel")}
        if not all(isinstance(value, int) for value in numbers.values()):
            raise ValueError("the head of the multimedia data is not made of numbers")
        location = body.get("location") or {}
        time = location.get("time")
        packets, packet = body.get("packets", 1), body.get("packet", 1)
        return cls(device, **numbers, time=time if isinstance(time, str) else "", packets=packets, packet=packet)

    @property
    def name(self) -> str:
        """A name for it: terminals give none."""
        when = f"_{self.time}" if self.time.isdigit() else ""
        return f"{self.device}_{self.id:08d}{when}_{self.channel}.{_EXTENSIONS.get(self.format, 'bin')}"

    def told(self, zone: float) -> Told:
        """The same as the library wants it; ``zone`` is that of the terminal's clock, hours east of UTC."""
        details = {"media_id": self.id, "type": self.type, "format": self.format, "event": self.event}
        return Told(
            self.name, source=Source.JT808, camera=self.channel, taken=seconds_of(self.time, zone), details=details
        )


async def pieces_of(journal: IJournal, record: Record, picture: Picture, data: bytes) -> bytes | None:
    """All of a file whose last packet to come this is; None while some are missing. The earlier ones are in the
    journal: nothing is kept in memory for them, and a restart between two packets costs nothing."""
    if not 1 <= picture.packet <= picture.packets <= MOST_PACKETS:
        raise ValueError(f"packet {picture.packet} of {picture.packets}")
    if picture.packet < picture.packets and await _in_order(journal, record, picture):
        return None
    found, before = {picture.packet: data}, record.id
    left = _FARTHEST * picture.packets + _OTHERS
    while left > 0:
        earlier = await journal.newest(min(left, 1000), record.device, {"upload"}, before)
        left -= 1000
        for each in reversed(earlier):
            body = _body(each)
            if (body.get("id"), body.get("packets")) != (picture.id, picture.packets):
                continue
            number, piece = int(body.get("packet", 0)), base64.b64decode(body.get("multimedia") or "")
            if len(found) == picture.packets:
                # They are all there; but they are those of an older file, if that has a packet of this number too.
                return None if number == picture.packet and piece != data else _joined(found)
            if found.setdefault(number, piece) != piece:
                return None  # another file that once had this number
        if not earlier.through:
            break
        before = earlier.through + 1
    return _joined(found) if len(found) == picture.packets else None


def _joined(found: Mapping[int, bytes]) -> bytes:
    return b"".join(piece for _, piece in sorted(found.items()))


async def _in_order(journal: IJournal, record: Record, picture: Picture) -> bool:
    """Whether this is the packet after the one before it: then others are still to come."""
    if picture.packet == 1:
        return False
    newest = await journal.newest(1, record.device, {"upload"}, record.id)
    body = _body(newest[-1]) if newest else {}
    return (body.get("id"), body.get("packet")) == (picture.id, picture.packet - 1)


def _body(record: Record) -> Mapping[str, Any]:
    return (_parsed(record.data).get("message") or {}).get("body") or {}


def seconds_of(digits: object, zone: float) -> float:
    """YYMMDDhhmmss of a terminal's clock, ``zone`` hours east of UTC, in seconds since 1970; 0 for none."""
    if not isinstance(digits, str) or len(digits) != 12 or not digits.isdigit():
        return 0.0
    try:
        return datetime.strptime(digits, "%y%m%d%H%M%S").replace(tzinfo=UTC).timestamp() - zone * 3600
    except ValueError:
        return 0.0
