"""Messages of a simulated JT/T 808 terminal on their way: one frame or many, and which answers they wait for."""

from __future__ import annotations

from collections.abc import Hashable

import attrs

from jimigw.protocols.jt808.frame import build_all
from jimigw.protocols.jt808.header import Addressing
from jimigw.protocols.jt808.messages.location import LocationFacts
from jimigw.protocols.jt808.versions import V2011

from .outbox import Kept

MEDIA_DATA = 0x0801

#: what answers a message: (id of the answer, ...)
Key = tuple[Hashable, ...]
#: messages with an answer of their own, and whether that quotes the serial number
ANSWERS = {0x0100: (0x8100, True), 0x0004: (0x8004, False)}


def general(msg_id: int, serial: int) -> Key:
    """The platform's general answer to a frame."""
    return 0x8001, msg_id, serial


def media(identity: int) -> Key:
    """The platform's word that multimedia data are complete."""
    return 0x8800, identity


def media_2011(serial: int) -> Key:
    """The same for one packet in the edition of 2011, which quotes its serial number."""
    return 0x8800, "packet", serial


@attrs.define(eq=False)
class Message808(Kept):
    """A message until it is answered; ``body`` is its bytes.

    It is answered when every frame is, but for multimedia data, which have an answer of their own behind that of the
    frames. Repeats are the very frames that were sent before; after a new connection they are made anew.
    """

    media_id: int = 0
    location: LocationFacts | None = None  # the report that it is, which may go in a batch instead
    carries: int = 0  # of a batch: how many of its reports had been sent alone before
    first: int = 0
    repeats: int = 0
    frames: list[bytes] = attrs.Factory(list)
    open: dict[Key, int] = attrs.Factory(dict)  # frames without an answer, by what would answer them
    until: Key | None = None

    def make(self, to: Addressing, version: int, serial: int, size: int) -> int:
        """Make the frames; the number of serial numbers that they take."""
        self.first = serial
        self.frames = build_all(to, self.kind, self.body, serial, size=size)
        for index in range(len(self.frames)):
            self.open[self._answer_to(serial + index & 0xFFFF, version)] = index
        if self.kind == MEDIA_DATA and version != V2011:
            self.until = media(self.media_id)
        return len(self.frames)

    def _answer_to(self, serial: int, version: int) -> Key:
        """What answers the frame with this serial number."""
        if self.kind == MEDIA_DATA and version == V2011:
            return media_2011(serial)
        answer, quotes = ANSWERS.get(self.kind, (None, False))
        if answer is None:
            return general(self.kind, serial)
        return (answer, serial) if quotes else (answer,)

    @property
    def wanted(self) -> list[Hashable]:
        """The answers it waits for."""
        return [*self.open, self.until] if self.until is not None else list(self.open)

    def again(self) -> list[bytes]:
        """The frames to send once more: those without an answer, or the last one where only the end is missing."""
        return [self.frames[index] for index in self.open.values()] or self.frames[-1:]

    def parts(self, indices: list[int]) -> list[bytes]:
        """The frames with these numbers, from 1, that the platform asks for."""
        return [self.frames[index - 1] for index in indices if 1 <= index <= len(self.frames)]

    def answered_by(self, key: Hashable) -> bool:
        if key == self.until:
            return True
        self.open.pop(key, None)  # type: ignore[call-overload]
        return self.until is None and not self.open

    def left(self) -> None:
        super().left()
        self.frames, self.open, self.until, self.repeats = [], {}, None, 0
