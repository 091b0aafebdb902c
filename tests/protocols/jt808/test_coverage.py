"""Which bytes of a file have come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.protocols.jt808.coverage import Coverage

SIZE = 60


def pieces(*spans: tuple[int, int], most: int = 4096) -> Coverage:
    coverage = Coverage(most)
    for begin, end in spans:
        coverage.add(begin, end)
    return coverage


@pytest.mark.parametrize(
    ("spans", "missing", "stretches"),
    [
        ((), [(0, 60)], 0),
        (((0, 60),), [], 1),
        (((0, 20), (20, 60)), [], 1),
        (((20, 60), (0, 20)), [], 1),
        (((0, 30), (20, 60)), [], 1),
        (((0, 20), (40, 60)), [(20, 20)], 2),
        (((10, 20), (30, 40)), [(0, 10), (20, 10), (40, 20)], 2),
        (((10, 20), (30, 40), (15, 35)), [(0, 10), (40, 20)], 1),
        (((10, 20), (30, 40), (50, 55), (0, 58)), [(58, 2)], 1),
        (((10, 10), (59, 60)), [(0, 59)], 1),
        (((0, 80),), [], 1),
        (((70, 80),), [(0, 60)], 1),
    ],
)
def test_gaps(spans: tuple[tuple[int, int], ...], missing: list[tuple[int, int]], stretches: int) -> None:
    coverage = pieces(*spans)
    assert (coverage.missing(SIZE, 100), len(coverage)) == (missing, stretches)


def test_only_as_many_gaps_as_are_wanted() -> None:
    coverage = pieces(*((at, at + 1) for at in range(1, 60, 2)))
    assert coverage.missing(SIZE, 2) == [(0, 1), (2, 1)]
    assert coverage.missing(SIZE, 0) == []


def test_stretches_are_bounded_and_what_touches_one_is_still_taken() -> None:
    coverage = pieces((0, 1), (10, 11), most=2)
    assert coverage.add(20, 21) is None
    assert coverage.missing(SIZE, 9) == [(1, 9), (11, 49)]
    assert coverage.add(11, 12) == 1
    assert coverage.add(1, 10) == 9
    assert coverage.add(20, 21) == 1
    assert len(coverage) == 2


spans = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda pair: (min(pair), max(pair)))


@given(st.lists(spans, max_size=20))
def test_like_a_set_of_bytes(told: list[tuple[int, int]]) -> None:
    coverage, there = Coverage(), set[int]()
    for begin, end in told:
        new = set(range(begin, end)) - there
        assert coverage.add(begin, end) == len(new)
        there |= new
    missing = {byte for offset, length in coverage.missing(SIZE, 1000) for byte in range(offset, offset + length)}
    assert missing == set(range(SIZE)) - there
    assert coverage.end == max(there, default=-1) + 1
