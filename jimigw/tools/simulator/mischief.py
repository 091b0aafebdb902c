"""How a terminal misbehaves on purpose: what it does to the bytes on their way out, and to its reading."""

from __future__ import annotations

import random
from collections.abc import Collection

import attrs

from .tally import Tally

TRICKS = {
    "split": "frames cut into small pieces, some time apart",
    "junk": "bytes that are no frame before a frame",
    "badcrc": "frames with a wrong check code",
    "promise": "a header that promises more than ever comes",
    "duplicate": "frames sent twice",
    "early": "a report before the login",
    "hangup": "connections cut in the middle of a frame",
    "slowread": "answers left unread for seconds",
}
"""Every trick and what it is."""

_ODDS = {"split": 0.3, "junk": 0.2, "badcrc": 0.05, "promise": 0.01, "duplicate": 0.1, "early": 0.5, "hangup": 0.01}
_HARMLESS = bytes(set(range(256)) - {0x78, 0x79, 0x7E})


@attrs.frozen
class Write:
    """Bytes to write, ``after`` seconds from the write before; ``cut``: then close the connection."""

    data: bytes
    after: float = 0.0
    cut: bool = False


class Mischief:
    """Plays the chosen tricks by chance. ``tally`` hears of each."""

    def __init__(self, tricks: Collection[str], rng: random.Random, tally: Tally) -> None:
        unknown = sorted(set(tricks) - TRICKS.keys())
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no such misbehaviour; there are {', '.join(TRICKS)}")
        self.tricks = frozenset(tricks)
        self.honest = False
        self._rng, self._tally = rng, tally

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

    def pause(self) -> float:
        """Seconds until the next change between reading and not reading."""
        return self._rng.uniform(0.5, 3.0)

    def writes(self, frames: list[bytes]) -> list[Write]:
        """How these frames go out."""
        if not self.tricks or self.honest:
            return [Write(b"".join(frames))] if frames else []
        found: list[Write] = []
        for frame in frames:
            if self.chance("junk"):
                frame = bytes(self._rng.choices(_HARMLESS, k=self._rng.randint(1, 40))) + frame
            if self.chance("badcrc"):
                frame = frame[:-3] + bytes((frame[-3] ^ 1 << self._rng.randrange(8),)) + frame[-2:]
            if self.chance("promise"):
                frame = b"\x78\x78\xf0\x22" + frame
            if self.chance("duplicate"):
                frame += frame
            if self.chance("hangup"):
                found.append(Write(frame[: self._rng.randrange(1, len(frame))], cut=True))
                return found
            if self.chance("split"):
                found += self._pieces(frame)
            else:
                found.append(Write(frame))
        return found

    def _pieces(self, frame: bytes) -> list[Write]:
        pieces: list[Write] = []
        at = 0
        while at < len(frame):
            size = self._rng.randint(1, 20)
            pieces.append(Write(frame[at : at + size], self._rng.uniform(0.0, 0.1)))
            at += size
        return pieces
