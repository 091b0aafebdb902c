"""The camera of a simulated JT/T 808 terminal: what it took, and how that is sent. JT/T 808-2019, 8.50 to 8.59."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

import attrs

from jimigw.protocols.jt808.messages.multimedia import MediaData, MediaData2011, MediaEvent
from jimigw.protocols.jt808.versions import V2011

from .life import NEVER
from .message808 import MEDIA_DATA
from .outbox import Outbox
from .pictures import picture, sound
from .reports808 import Reporter, digits

EVENT = 0x0800
IMAGE, AUDIO = 0, 1
JPEG, WAV = 0, 3
BY_COMMAND, TIMED = 0, 1
CHANNELS = 2

MOST_KEPT = 50
"""Pictures and sounds that are stored; the oldest goes for one more."""

#: pixels by the code of the resolution; what a terminal lacks becomes the nearest
_PIXELS = {1: (320, 240), 2: (640, 480), 5: (176, 144), 6: (352, 288)}
_HEAD_2011 = 16

#: type checkers do not see the rows that a message includes
_event: Callable[..., Any] = MediaEvent
_data: Callable[..., Any] = MediaData
_data_2011: Callable[..., Any] = MediaData2011


@attrs.define
class Media:
    """A picture or a sound: what, when (YYMMDDhhmmss, GMT+8), where."""

    id: int
    type: int
    format: int
    event: int
    channel: int
    time: str
    place: Any
    data: bytes


class Sender(Protocol):
    """What an album needs of its terminal."""

    version: int
    part_size: int
    reporter: Reporter
    outbox: Outbox

    def keep(self, msg_id: int, body: bytes, *, media_id: int = 0) -> None: ...


class Album:
    """Takes pictures: by chance, for an alarm, or as it is told."""

    def __init__(self, terminal: Sender, rng: random.Random, now: float, pictures_an_hour: float) -> None:
        self.stored: dict[int, Media] = {}
        self._terminal, self._rng, self._rate = terminal, rng, pictures_an_hour
        self._last = 0
        self.next_shot = self._after(now)

    def _after(self, now: float) -> float:
        return now + self._rng.expovariate(self._rate / 3600) if self._rate > 0 else NEVER

    def shoot(self, now: float, event: int = TIMED) -> None:
        """Take a picture and send it."""
        if event == TIMED:
            self.next_shot = self._after(now)
        self.send(self.take(now, event, self._rng.randint(1, CHANNELS)))

    def take(self, now: float, event: int, channel: int, resolution: int = 1) -> Media:
        """Take a picture and store it."""
        return self._store(now, IMAGE, JPEG, event, channel, picture(self._rng, *_PIXELS.get(resolution, (320, 240))))

    def record(self, now: float, seconds: float) -> Media:
        """Record the cabin and store it."""
        return self._store(now, AUDIO, WAV, BY_COMMAND, 1, sound(self._rng, seconds))

    def _store(self, now: float, type: int, format: int, event: int, channel: int, data: bytes) -> Media:
        self._last += 1
        media = Media(self._last, type, format, event, channel, digits(now), self._terminal.reporter.place(now), data)
        if len(self.stored) >= MOST_KEPT:
            del self.stored[next(iter(self.stored))]
        self.stored[media.id] = media
        return media

    def search(self, body: Any) -> list[Media]:
        """What is stored of a type, a channel (0: any), an event, and between two times (zeros: no limit)."""
        start, end = (time if time.strip("0") else "" for time in (body.start_time, body.end_time))
        return [
            media
            for media in self.stored.values()
            if media.type == body.type
            and body.channel in (0, media.channel)
            and media.event == body.event
            and start <= media.time <= (end or "9")
        ]

    def send(self, media: Media) -> None:
        """Send what is stored, unless it is on its way; what no command asked for is announced before."""
        terminal = self._terminal
        if terminal.outbox.holds(lambda kept: kept.media_id == media.id):
            return
        about = {"id": media.id, "type": media.type, "format": media.format, "event": media.event,
                 "channel": media.channel}  # fmt: skip
        if media.event != BY_COMMAND:
            terminal.keep(EVENT, _event(**about).encode())
        if terminal.version != V2011:
            body = _data(**about, location=media.place, multimedia=media.data).encode()
            terminal.keep(MEDIA_DATA, body, media_id=media.id)
            return
        # The edition of 2011 counts its packets in the body.
        size = terminal.part_size - _HEAD_2011
        pieces = [media.data[at : at + size] for at in range(0, len(media.data), size)]
        for number, piece in enumerate(pieces, 1):
            body = _data_2011(**about, packets=len(pieces), packet=number, multimedia=piece).encode()
            terminal.keep(MEDIA_DATA, body, media_id=media.id)
