"""The circuit breaker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from jimigw.client.breaker import Breaker


def breaker(clock: Clock, chance: float = 0.5, failures: int = 3) -> Breaker:
    """One whose times are as written, where ``chance`` is one half."""
    return Breaker(clock.seconds, failures=failures, shortest=2, longest=10, chance=lambda: chance)


def test_it_opens_after_failures_in_a_row_only() -> None:
    made = breaker(Clock())
    for outcome in (made.failed, made.failed, made.succeeded, made.failed, made.failed):
        assert made.enter()
        assert not outcome()
    assert made.enter()
    assert made.failed()
    assert not made.enter()
    assert not made.closed


def test_it_opens_for_twice_as_long_each_time_and_not_for_ever() -> None:
    clock = Clock()
    made = breaker(clock, failures=1)
    for time in (2, 4, 8, 10, 10):
        assert made.enter()
        assert made.failed()
        assert made.left == time
        clock.advance(time - 0.25)
        assert not made.allows()
        clock.advance(0.25)
    assert made.enter()
    assert made.succeeded()
    assert made.enter()
    made.failed()
    assert made.left == 2


def test_one_try_is_let_through() -> None:
    clock = Clock()
    made = breaker(clock, failures=1)
    made.failed()
    clock.advance(2)
    assert made.allows()
    assert made.enter()
    assert not made.allows()
    assert not made.enter()
    clock.advance(100)
    assert not made.enter()
    assert made.succeeded()
    assert made.enter()
    assert made.enter()


def test_what_began_before_it_opened_does_not_make_it_longer() -> None:
    clock = Clock()
    made = breaker(clock)
    assert [made.enter() for _ in range(6)] == [True] * 6
    assert [made.failed() for _ in range(6)] == [False, False, True, False, False, False]
    assert made.left == 2


def test_chance_spreads_the_time() -> None:
    for chance, time in ((0, 1.5), (0.5, 2), (1, 2.5)):
        made = breaker(Clock(), chance, failures=1)
        made.failed()
        assert made.left == time


@given(st.lists(st.tuples(st.sampled_from(["enter", "yes", "no"]), st.floats(0, 15))))
def test_it_is_never_shut_for_ever(steps: list[tuple[str, float]]) -> None:
    clock = Clock()
    made = breaker(clock)
    running = 0
    for step, time in steps:
        clock.advance(time)
        if step == "enter":
            running += made.enter()
        elif running:
            running -= 1
            made.succeeded() if step == "yes" else made.failed()
    for _ in range(running):
        made.failed()
    clock.advance(12.5)
    assert made.enter()
