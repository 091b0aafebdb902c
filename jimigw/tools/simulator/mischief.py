"""How a terminal misbehaves on purpose: what it does to the bytes on their way out, and to its reading."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection

import attrs

from .tally import Tally

TRICKS = {
    "split": "frames cut into small pieces, some time apart",
    "junk": "bytes that are no frame before a frame",
    "badcrc": "frames with a wrong check code",
    "promise": "the beginning of a frame that never goes on",
    "duplicate": "frames sent twice",
    "early": "a report before the login",
    "hangup": "connections cut in the middle of a frame",
    "slowread": "answers left unread for seconds",
    "lostparts": "parts of long messages that are never sent",
    "reorder": "frames sent in another order than they were made",
    "repeats": "parts of long messages sent again, alone",
    "loss": "datagrams lost on their way, in both directions",
    "gaps": "pieces of attachments left out until they are asked for",
    "breakoff": "uploads and attachments broken off in the middle",
    "twice": "files uploaded twice at once",
}
"""Every trick and what it is."""

_ODDS = {
    "split": 0.3,
    "junk": 0.2,
    "badcrc": 0.05,
    "promise": 0.01,
    "duplicate": 0.1,
    "early": 0.5,
    "hangup": 0.01,
    "lostparts": 0.1,
    "reorder": 0.5,
    "repeats": 0.1,
    "loss": 0.05,
    "gaps": 0.3,
    "breakoff": 0.2,
    "twice": 0.2,
}


@attrs.frozen
class Wire:
    """What tricks have to know of a protocol: which there are, bytes that start no frame, bytes that promise one, how a
    check code is made wrong, and which frame is a part of a long message. ``datagrams``: each frame goes by itself."""

    tricks: frozenset[str]
    harmless: bytes
    promise: bytes
    spoiled: Callable[[bytes, random.Random], bytes]
    is_part: Callable[[bytes], bool] = lambda frame: False
    datagrams: bool = False


def _spoiled_jimi(frame: bytes, rng: random.Random) -> bytes:
    return frame[:-3] + bytes((frame[-3] ^ 1 << rng.randrange(8),)) + frame[-2:]


JIMI = Wire(
    frozenset({"split", "junk", "badcrc", "promise", "duplicate", "early", "hangup", "slowread", "breakoff", "twice"}),
    bytes(set(range(256)) - {0x78, 0x79, 0x7E}),
    b"\x78\x78\xf0\x22",
    _spoiled_jimi,
)


@attrs.frozen
class Write:
    """Bytes to write, ``after`` seconds from the write before; ``cut``: then close the connection."""

    data: bytes
    after: float = 0.0
    cut: bool = False


class Mischief:
    """Plays the chosen tricks by chance, those that the protocol has. ``tally`` hears of each."""

    def __init__(self, tricks: Collection[str], rng: random.Random, tally: Tally, wire: Wire = JIMI) -> None:
        unknown = sorted(set(tricks) - TRICKS.keys())
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no such misbehaviour; there are {', '.join(TRICKS)}")
        self.tricks = frozenset(tricks) & wire.tricks
        self.honest = False
        self._rng, self._tally, self._wire = rng, tally, wire

    def chance(self, trick: str) -> bool:
        """Whether to play this trick now."""
        if trick not in self.tricks or self.honest or self._rng.random() >= _ODDS[trick]:
            return False
        self._tally.played(trick)
        return True

    @property
    def reads_slowly(self) -> bool:
        """Whether answers are left unread for a while."""
        return "slowread" in self.tricks

    def pauses(self) -> None:
        """Note that reading stops for a while."""
        self._tally.played("slowread")

    def broken_at(self) -> float | None:
        """The share of an upload after which it is broken off; None: it is not."""
        return self._rng.random() if self.chance("breakoff") else None

    def pause(self) -> float:
        """Seconds until the next change between reading and not reading."""
        return self._rng.uniform(0.5, 3.0)

    def writes(self, frames: list[bytes]) -> list[Write]:
        """How these frames go out."""
        if not self.tricks or self.honest:
            if self._wire.datagrams:
                return [Write(frame) for frame in frames]
            return [Write(b"".join(frames))] if frames else []
        found: list[Write] = []
        for frame in self._chosen(frames):
            if self.chance("loss"):
                continue
            frame = self._bent(frame)
            if self.chance("hangup"):
                found.append(Write(frame[: self._rng.randrange(1, len(frame))], cut=True))
                return found
            if self.chance("split"):
                found += self._pieces(frame)
            else:
                found.append(Write(frame))
        return found

    def _chosen(self, frames: list[bytes]) -> list[bytes]:
        """Which frames go out, in which order."""
        if self.tricks & {"lostparts", "repeats"}:
            chosen: list[bytes] = []
            for frame in frames:
                part = self._wire.is_part(frame)
                if part and self.chance("lostparts"):
                    continue
                chosen += [frame, frame] if part and self.chance("repeats") else [frame]
            frames = chosen
        if len(frames) > 1 and self.chance("reorder"):
            frames = self._rng.sample(frames, len(frames))
        return frames

    def _bent(self, frame: bytes) -> bytes:
        """The bytes that go out instead of a frame."""
        if self.chance("badcrc"):
            frame = self._wire.spoiled(frame, self._rng)
        if self.chance("junk"):
            frame = bytes(self._rng.choices(self._wire.harmless, k=self._rng.randint(1, 40))) + frame
        if self.chance("promise"):
            frame = self._wire.promise + frame
        if self.chance("duplicate"):
            frame += frame
        return frame

    def _pieces(self, frame: bytes) -> list[Write]:
        pieces: list[Write] = []
        at = 0
        while at < len(frame):
            size = self._rng.randint(1, 20)
            pieces.append(Write(frame[at : at + size], self._rng.uniform(0.0, 0.1)))
            at += size
        return pieces
