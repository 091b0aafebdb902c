"""Deadlines behind one timer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from jimigw.gateway.timers import Deadlines


def made() -> tuple[Clock, Deadlines[object], list[object]]:
    clock, due = Clock(), list[object]()
    return clock, Deadlines(clock, due.append), due


def test_keys_come_due_in_the_order_of_their_times() -> None:
    clock, deadlines, due = made()
    for key, when in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
        deadlines.set(key, when)
    clock.advance(1.0)
    assert due == ["a"]
    clock.advance(5.0)
    assert due == ["a", "b", "c"]
    assert clock.getDelayedCalls() == []


def test_a_key_has_one_deadline_and_may_lose_it() -> None:
    clock, deadlines, due = made()
    deadlines.set("a", 1.0)
    deadlines.set("a", 5.0)
    deadlines.set("b", 2.0)
    deadlines.drop("b")
    deadlines.drop("never set")
    clock.advance(3.0)
    assert due == []
    clock.advance(3.0)
    assert due == ["a"]


def test_nothing_comes_after_the_stop() -> None:
    clock, deadlines, due = made()
    deadlines.set("a", 1.0)
    deadlines.stop()
    clock.advance(10.0)
    assert (due, clock.getDelayedCalls()) == ([], [])


def test_a_deadline_set_while_another_comes_due_is_kept() -> None:
    clock = Clock()
    due: list[object] = []

    def again(key: object) -> None:
        due.append(key)
        if len(due) < 3:
            deadlines.set(key, clock.seconds() + 1.0)

    deadlines = Deadlines(clock, again)
    deadlines.set("a", 1.0)
    for _ in range(5):
        clock.advance(1.0)
    assert due == ["a", "a", "a"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 300) | st.none(), st.floats(0, 20)), max_size=200))
def test_every_deadline_comes_due_once_and_not_before_its_time(steps: list[tuple[str, float | None, float]]) -> None:
    clock, told = Clock(), list[tuple[str, float]]()
    wanted: dict[str, float] = {}

    def due(key: object) -> None:
        assert clock.seconds() >= wanted.pop(str(key))
        told.append((str(key), clock.seconds()))

    deadlines = Deadlines(clock, due)
    for key, when, pause in steps:
        if when is None:
            deadlines.drop(key)
            wanted.pop(key, None)
        else:
            deadlines.set(key, when)
            wanted[key] = when
        clock.advance(pause)
        assert all(when > clock.seconds() for when in wanted.values()) or clock.getDelayedCalls()
    clock.pump([61.0] * 10)
    assert not wanted
