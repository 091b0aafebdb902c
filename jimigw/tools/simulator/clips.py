"""What the files of simulated cameras hold: JPEG, MPEG-TS or MP4 by their heads, of any size, the same for a name."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache

import attrs

from .pictures import picture

_PACKET, _PACKETS = 188, 348
_LONGEST_COMMENT = 0xFFFF - 2


@attrs.frozen
class Content:
    """The content of a file: ``size`` bytes, of the kind that its name says."""

    name: str
    size: int

    def pieces(self) -> Iterator[bytes]:
        """All of it, in pieces of 64 KiB at most."""
        left = self.size
        for piece in self._endless():
            piece = piece[:left]
            left -= len(piece)
            if piece:
                yield piece
            if not left:
                return

    def _endless(self) -> Iterator[bytes]:
        extension = self.name.rpartition(".")[2].lower()
        if extension in ("jpg", "jpeg"):
            yield from _jpeg(self.name, self.size)
        elif extension == "mp4":
            yield b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + max(8, self.size - 24).to_bytes(4, "big") + b"mdat"
            yield self.name.encode()
        else:
            # A null packet, which players pass over: it makes each file another one.
            yield (b"\x47\x1f\xff\x10" + self.name.encode()).ljust(_PACKET, b"\xff")[:_PACKET]
        while True:
            yield _packets()


@lru_cache(maxsize=1)
def _packets() -> bytes:
    """Packets of MPEG-TS with nothing in them that can be seen."""
    rng = random.Random(0)
    return b"".join(
        b"\x47\x01\x00" + bytes((0x10 | number & 0x0F,)) + rng.randbytes(_PACKET - 4) for number in range(_PACKETS)
    )


def _jpeg(name: str, size: int) -> Iterator[bytes]:
    """A picture, made as long as it should be by remarks behind its first marker."""
    drawn = picture(random.Random(name))
    yield drawn[:2]
    missing = size - len(drawn)
    while missing >= 4:
        length = min(missing - 4, _LONGEST_COMMENT)
        yield b"\xff\xfe" + (length + 2).to_bytes(2, "big") + bytes(length)
        missing -= length + 4
    yield drawn[2:]
    yield bytes(max(0, missing))
