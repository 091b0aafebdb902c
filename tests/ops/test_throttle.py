"""The brake: one complaint of a kind a period, and every one that was held back is counted."""

import pytest
from twisted.internet.task import Clock

from jimigw.ops.throttle import Throttle


class Said:
    """Takes down what is said, and when."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.lines: list[tuple[float, str]] = []

    def __call__(self, format: str, **fields: object) -> None:
        self.lines.append((self.clock.seconds(), format.format(**fields)))


def test_the_first_is_said_at_once_and_the_rest_at_the_end_of_the_period() -> None:
    said = Said()
    throttle = Throttle(said.clock, 60)
    answers = []
    for n in range(5):
        answers.append(throttle.complain(said, "frame {n} dropped", n=n))
        said.clock.advance(1)
    assert answers == [True, False, False, False, False]
    said.clock.pump([1] * 300)
    assert said.lines == [(0, "frame 0 dropped"), (60, "frame 4 dropped (this and 3 more in the last 60 s)")]
    assert not said.clock.getDelayedCalls()


@pytest.mark.parametrize(
    ("at", "lines"),
    [
        ([0], [(0, "0")]),
        ([0, 30], [(0, "0"), (60, "30")]),
        ([0, 30, 31], [(0, "0"), (60, "31 (this and 1 more in the last 60 s)")]),
        ([0, 61], [(0, "0"), (61, "61")]),
        ([0, 30, 70], [(0, "0"), (60, "30"), (120, "70")]),
        ([0, 30, 121], [(0, "0"), (60, "30"), (121, "121")]),
    ],
)
def test_when_it_is_said(at: list[int], lines: list[tuple[int, str]]) -> None:
    said = Said()
    throttle = Throttle(said.clock, 60)
    for second in range(300):
        if second in at:
            throttle.complain(said, "{second}", second=second)
        said.clock.advance(1)
    assert said.lines == lines
    assert not said.clock.getDelayedCalls()


def test_kinds_are_told_apart() -> None:
    said = Said()
    throttle = Throttle(said.clock, 60)
    for peer in ("a", "b", "a"):
        throttle.complain(said, "no {peer}", kind=("no", peer), peer=peer)
    throttle.complain(said, "other {peer}", peer="a")
    assert [line for _, line in said.lines] == ["no a", "no b", "other a"]


def test_kinds_from_outside_do_not_fill_memory() -> None:
    said = Said()
    throttle = Throttle(said.clock, 60, max_kinds=10)
    for n in range(1000):
        throttle.complain(said, "from {n}", kind=n, n=n)
    assert len(said.lines) == 11
    assert len(said.clock.getDelayedCalls()) == 11
    said.clock.advance(60)
    assert said.lines[11:] == [(60, "from 999 (this and 988 more in the last 60 s)")]


def test_close_says_what_is_held_back_and_leaves_no_timer() -> None:
    said = Said()
    throttle = Throttle(said.clock, 60)
    for n in range(3):
        throttle.complain(said, "{n}", n=n)
    throttle.close()
    assert [line for _, line in said.lines] == ["0", "2 (this and 1 more in the last 60 s)"]
    assert not said.clock.getDelayedCalls()


@pytest.mark.parametrize(("period", "kinds"), [(0, 1), (-1, 1), (1, 0)])
def test_a_throttle_that_makes_no_sense(period: float, kinds: int) -> None:
    with pytest.raises(ValueError, match="a throttle needs"):
        Throttle(Clock(), period, kinds)
