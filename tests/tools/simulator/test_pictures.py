"""Pictures and sounds: files that others can read."""

import random
import wave
from io import BytesIO
from itertools import accumulate

import pytest

from jimigw.tools.simulator.pictures import picture, sound


def segments(data: bytes) -> tuple[dict[int, bytes], bytes]:
    """The segments of a JPEG by marker (tables in one), and its scan."""
    assert data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9"
    found: dict[int, bytes] = {}
    at = 2
    while True:
        assert data[at] == 0xFF
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        found[marker] = found.get(marker, b"") + data[at + 4 : at + 2 + size]
        at += 2 + size
        if marker == 0xDA:
            return found, data[at:-2]


def brightness(data: bytes) -> list[int]:
    """The mean of each block, read as a decoder reads it: a code of four bits, the difference, the end of the block."""
    scan = segments(data)[1].replace(b"\xff\x00", b"\xff")
    bits = "".join(f"{byte:08b}" for byte in scan)
    differences, at = [], 0
    while len(bits) - at >= 8 or "0" in bits[at:]:
        size = int(bits[at : at + 4], 2)
        raw = int(bits[at + 4 : at + 4 + size] or "0", 2)
        differences.append(raw if size == 0 or raw >> size - 1 else raw - (1 << size) + 1)
        at += 4 + size
        assert bits[at] == "0", "nothing but the mean"
        at += 1
    return [128 + level for level in accumulate(differences)]


@pytest.mark.parametrize(("width", "height"), [(176, 144), (320, 240), (640, 480)])
def test_a_picture(width: int, height: int) -> None:
    data = picture(random.Random(1), width, height)
    found, _scan = segments(data)
    assert found[0xC0] == b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\1\1\x11\0"
    assert len(found[0xDB]) == 65
    levels = brightness(data)
    assert len(levels) == width * height // 64
    assert all(0 <= level <= 255 for level in levels)
    # The sky is lighter than the road.
    assert sum(levels[: len(levels) // 3]) > sum(levels[-len(levels) // 3 :])
    assert 500 < len(data) < 20_000


def test_no_marker_within_the_scan() -> None:
    for seed in range(50):
        scan = segments(picture(random.Random(seed)))[1]
        assert all(scan[at + 1] == 0 for at in range(len(scan) - 1) if scan[at] == 0xFF)


def test_a_sound() -> None:
    with wave.open(BytesIO(sound(random.Random(1), 1.5))) as found:
        assert (found.getnchannels(), found.getsampwidth(), found.getframerate(), found.getnframes()) == (
            1, 1, 8000, 12_000,
        )  # fmt: skip
