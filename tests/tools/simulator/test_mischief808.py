"""Tricks of JT/T 808 terminals: what they do to the bytes, and that they are noted."""

import random

import pytest

from jimigw.protocols.jt808.frame import Frame, FrameDecoder, build, build_all, frames_of
from jimigw.protocols.jt808.header import Addressing, phone_bytes
from jimigw.tools.simulator.kind808 import KIND
from jimigw.tools.simulator.mischief import TRICKS, Mischief
from jimigw.tools.simulator.tally import Tally

TO = Addressing(2019, phone_bytes("13900000000", 2019))
PARTS = build_all(TO, 0x0801, bytes(range(256)) * 8, 5, size=300)
FRAMES = [build(TO, 0x0002, b"", 1), build(TO, 0x0200, bytes(range(0x70, 0x90)), 2), *PARTS]


def played(*tricks: str, udp: bool = False, times: int = 60) -> tuple[list[bytes], Tally, int]:
    """All frames through these tricks, as a decoder reads them at the other end; and how much else it found."""
    tally = Tally()
    mischief = Mischief(tricks, random.Random(5), tally, KIND.wire(udp))
    decoder, pieces = FrameDecoder(), []
    for _ in range(times):
        for write in mischief.writes(FRAMES):
            pieces += frames_of(write.data) if udp else decoder.feed(write.data)
    frames = [piece.data for piece in pieces if isinstance(piece, Frame)]
    return frames, tally, len(pieces) - len(frames)


@pytest.mark.parametrize("trick", ["split", "junk", "promise"])
def test_tricks_that_cost_no_frame(trick: str) -> None:
    found, tally, _others = played(trick)
    assert found == FRAMES * 60
    assert tally.mischief[trick] > 0


@pytest.mark.parametrize("udp", [False, True])
def test_false_check_codes(udp: bool) -> None:
    found, tally, others = played("badcrc", udp=udp)
    assert others == tally.mischief["badcrc"] > 0
    assert len(found) == len(FRAMES) * 60 - others


def test_lost_parts_are_parts() -> None:
    found, tally, _others = played("lostparts")
    assert len(found) == len(FRAMES) * 60 - tally.mischief["lostparts"]
    assert [found.count(frame) for frame in FRAMES[:2]] == [60, 60]
    assert min(found.count(frame) for frame in PARTS) < 60


def test_repeated_parts() -> None:
    found, tally, _others = played("repeats")
    assert len(found) == len(FRAMES) * 60 + tally.mischief["repeats"]
    assert [found.count(frame) for frame in FRAMES[:2]] == [60, 60]


def test_another_order() -> None:
    found, tally, _others = played("reorder")
    assert found != FRAMES * 60 and sorted(found) == sorted(FRAMES * 60)
    assert tally.mischief["reorder"] > 0


def test_lost_datagrams() -> None:
    found, tally, _others = played("loss", udp=True)
    assert len(found) == len(FRAMES) * 60 - tally.mischief["loss"]


def test_each_datagram_holds_its_frame() -> None:
    for tricks in ((), TRICKS):
        mischief = Mischief(tricks, random.Random(1), Tally(), KIND.wire(True))
        for write in mischief.writes(FRAMES):
            assert len([piece for piece in frames_of(write.data) if isinstance(piece, Frame)]) <= 2
        mischief.honest = True
        assert [write.data for write in mischief.writes(FRAMES)] == FRAMES


def test_what_makes_no_sense_is_left_out() -> None:
    assert "loss" not in Mischief(TRICKS, random.Random(1), Tally(), KIND.wire(False)).tricks
    assert not {"split", "hangup", "slowread"} & Mischief(TRICKS, random.Random(1), Tally(), KIND.wire(True)).tricks
