"""The table that forgets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from jimigw.gateway.recent import Recent


def test_it_forgets_by_age() -> None:
    clock = Clock()
    table: Recent[str, int] = Recent(clock.seconds, 60, 10)
    table.put("a", 1)
    clock.advance(59)
    table.put("b", 2)
    assert (table.get("a"), table.get("b")) == (1, 2)
    clock.advance(1)
    assert (table.get("a"), table.get("b"), table.get("c")) == (None, 2, None)


def test_what_is_put_in_again_is_new() -> None:
    clock = Clock()
    table: Recent[str, int] = Recent(clock.seconds, 60, 2)
    table.put("a", 1)
    table.put("b", 2)
    clock.advance(30)
    table.put("a", 3)
    table.put("c", 4)
    assert (table.get("a"), table.get("b"), table.get("c")) == (3, None, 4)
    clock.advance(59)
    assert table.get("a") == 3


def test_what_is_dropped_is_gone() -> None:
    table: Recent[str, int] = Recent(Clock().seconds, 60, 2)
    table.put("a", 1)
    table.drop("a")
    table.drop("b")
    assert table.get("a") is None


def test_an_age_of_nothing_keeps_nothing() -> None:
    table: Recent[str, int] = Recent(Clock().seconds, 0, 2)
    table.put("a", 1)
    assert len(table) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 20)), max_size=60))
def test_it_is_bounded_and_keeps_the_newest(steps: list[tuple[int, float]]) -> None:
    clock = Clock()
    table: Recent[int, int] = Recent(clock.seconds, 30, 4)
    put: dict[int, tuple[int, float]] = {}
    for number, (key, time) in enumerate(steps):
        clock.advance(time)
        table.put(key, number)
        put.pop(key, None)
        put[key] = (number, clock.seconds())
        assert len(table) <= 4
    for key, (number, at) in put.items():
        newer = sum(other > number for other, _ in put.values())
        there = newer < 4 and clock.seconds() < at + 30
        assert table.get(key) == (number if there else None)
