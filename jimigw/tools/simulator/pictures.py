"""What simulated cameras and microphones take: small JPEG and WAV files that any program opens."""

from __future__ import annotations

import random
from itertools import pairwise

_DC_CODE, _DC_SIZES = 4, range(9)  # nine sizes of a difference of brightness, each a code of four bits
_STEP = 8  # of the brightness: the quotient by which the coefficients are divided


def picture(rng: random.Random, width: int = 320, height: int = 240) -> bytes:
    """A grey JPEG of a road under the sky, in blocks of eight by eight pixels. ITU-T T.81, baseline."""
    rows, columns = height // 8, width // 8
    horizon = rows // 2 + rng.randint(-2, 2)
    level = [
        [_brightness(rng, row, column, horizon, rows, columns) for column in range(columns)] for row in range(rows)
    ]
    flat = [0, *(each - 128 for row in level for each in row)]
    bits = "".join(_coded(after - before) for before, after in pairwise(flat))
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    size = (8 * rows).to_bytes(2, "big") + (8 * columns).to_bytes(2, "big")
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\0\1\1\1\0\x48\0\x48\0\0"),
            _segment(0xDB, bytes((0, *[_STEP] * 64))),
            _segment(0xC0, b"\x08" + size + b"\1\1\x11\0"),
            _segment(0xC4, bytes((0x00, 0, 0, 0, len(_DC_SIZES), *[0] * 12, *_DC_SIZES))),
            _segment(0xC4, bytes((0x10, 1, *[0] * 15, 0))),
            _segment(0xDA, b"\1\1\0\0\x3f\0"),
            scan,
            b"\xff\xd9",
        )
    )


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


def _coded(difference: int) -> str:
    """A difference to the block before, and that the block has nothing else."""
    size = abs(difference).bit_length()
    bits = difference if difference >= 0 else difference + (1 << size) - 1
    return f"{size:0{_DC_CODE}b}" + (f"{bits:0{size}b}" if size else "") + "0"


def _brightness(rng: random.Random, row: int, column: int, horizon: int, rows: int, columns: int) -> int:
    """Of one block, 0 to 255: the sky gets lighter towards the horizon, the road has a line and verges."""
    if row < horizon:
        return 150 + 80 * row // max(1, horizon) + rng.randint(-6, 6)
    depth = (row - horizon + 1) / (rows - horizon)
    off = abs(column - columns / 2) / columns
    if off < 0.01 + 0.01 * depth and row % 3:
        return 220 + rng.randint(-10, 10)
    return (70 if off < 0.1 + 0.4 * depth else 120) + rng.randint(-14, 14)


def sound(rng: random.Random, seconds: float = 1.0, rate: int = 8000) -> bytes:
    """A mono WAV of noise, eight bits a sample."""
    samples = bytes(rng.choices(range(118, 139), k=int(rate * seconds)))
    head = b"WAVEfmt " + b"".join(
        number.to_bytes(size, "little")
        for number, size in ((16, 4), (1, 2), (1, 2), (rate, 4), (rate, 4), (1, 2), (8, 2))
    )
    body = head + b"data" + len(samples).to_bytes(4, "little") + samples
    return b"RIFF" + len(body).to_bytes(4, "little") + body
