"""Tricks: what they do to the bytes, and that they are noted."""

import random

import pytest

from jimigw.protocols.jimi.frame import FrameDecoder
from jimigw.tools.simulator.mischief import TRICKS, Mischief
from jimigw.tools.simulator.tally import Tally
from tests.vectors.jimi import named

FRAMES = [named("location"), named("heartbeat"), named("cameras")] * 100


def played(*tricks: str) -> tuple[list[bytes], FrameDecoder, Tally, list[float]]:
    """All frames through these tricks, as a decoder reads them at the other end."""
    tally = Tally()
    mischief = Mischief(tricks, random.Random(5), tally)
    decoder, found, waits = FrameDecoder(), [], []
    for frame in FRAMES:
        for write in mischief.writes([frame]):
            found += [each.raw for each in decoder.feed(write.data, 0.0)]
            waits.append(write.after)
    found += [each.raw for each in decoder.give_up(1e9)]
    return found, decoder, tally, waits


@pytest.mark.parametrize("trick", ["split", "junk", "promise"])
def test_tricks_that_cost_no_frame(trick: str) -> None:
    found, _decoder, tally, _waits = played(trick)
    assert found == FRAMES
    assert tally.mischief[trick] > 0


def test_split_takes_time() -> None:
    waits = played("split")[3]
    assert any(wait > 0 for wait in waits)
    assert max(waits) <= 0.1


def test_false_check_codes_are_dropped_and_noted() -> None:
    found, decoder, tally, _waits = played("badcrc")
    assert len(found) == len(FRAMES) - tally.mischief["badcrc"]
    assert decoder.counters.bad_crc >= tally.mischief["badcrc"] > 0


def test_duplicates() -> None:
    found, _decoder, tally, _waits = played("duplicate")
    assert len(found) == len(FRAMES) + tally.mischief["duplicate"]


def test_a_cut_ends_in_the_middle_of_a_frame() -> None:
    mischief = Mischief(["hangup"], random.Random(1), Tally())
    cuts = [write for frame in FRAMES for write in mischief.writes([frame]) if write.cut]
    assert cuts
    assert all(write.data not in FRAMES for write in cuts)


def test_honest_ones_write_everything_at_once() -> None:
    mischief = Mischief(TRICKS, random.Random(1), Tally())
    mischief.honest = True
    assert [write.data for write in mischief.writes(FRAMES)] == [b"".join(FRAMES)]
    assert mischief.writes([]) == []
    assert not mischief.chance("early")


def test_unknown_tricks_are_named() -> None:
    with pytest.raises(ValueError, match="dance: no such misbehaviour; there are split, junk, badcrc"):
        Mischief(["dance", "split"], random.Random(1), Tally())
