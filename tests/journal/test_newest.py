"""The newest records, and the records from a time on: the same from memory, from the file and with a tool's reader."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.journal import JournalClosed, Records, open_reader
from jimigw.journal.schema import BLOCK
from tests.journal.harness import NOW, Bench, number

MakeBench = Callable[..., Bench]

COUNT = 2 * BLOCK + 500


def device_of(n: int) -> str:
    return "rare" if n in (5, BLOCK + 7, COUNT - 2) else f"861{n % 4}"


def kind_of(n: int) -> str:
    return "alarm" if n % 1000 == 999 else "position"


class Filled:
    """A journal with entries 0 to COUNT - 1, whose ids are one more, and one way to look at it."""

    def __init__(self, bench: Bench, how: str) -> None:
        self.bench, self.how = bench, how
        for n in range(COUNT):
            assert bench.append([n], device=device_of(n), kind=kind_of(n), at=NOW + n)
            if n % 97 == 0:
                bench.settle()
        bench.settle()
        bench.seconds(3)  # time to mark the blocks

    def ask(self, what: str, *args: Any) -> Any:
        if self.how == "tool":
            with open_reader(self.bench.path) as reader:
                return getattr(reader, what)(*args)
        return self.bench.result(getattr(self.bench.journal, what)(*args))

    def newest(self, *args: Any) -> Records:
        found: Records = self.ask("newest", *args)
        return found


@pytest.fixture(params=["memory", "file", "tool"])
def filled(request: pytest.FixtureRequest, make_bench: MakeBench) -> Filled:
    return Filled(make_bench(tail_bytes=1 << 30 if request.param == "memory" else 1), request.param)


@pytest.mark.parametrize(
    ("limit", "device", "kinds", "before"),
    [
        (1, None, None, None),
        (20, None, None, None),
        (10_000, None, None, None),
        (3, None, None, 10),
        (20, None, None, 10),
        (20, None, None, 1),
        (20, None, None, COUNT),
        (20, None, None, COUNT + 1),
        (20, None, None, COUNT + 999),
        (3, "rare", None, None),
        (2, "rare", None, None),
        (9, "rare", None, None),
        (9, "rare", None, BLOCK + 8),
        (9, "rare", None, BLOCK + 9),
        (9, "rare", None, 6),
        (9, "unknown", None, None),
        (700, "8612", None, None),
        (700, "8612", None, 2 * BLOCK),
        (5, None, ["alarm"], None),
        (50, None, ["alarm"], None),
        (50, None, ["alarm", "login"], 5000),
        (5, None, [], None),
        (3, "8613", ["alarm"], None),
        (3, "8611", ["alarm"], None),
    ],
)
def test_the_newest(
    filled: Filled, limit: int, device: str | None, kinds: list[str] | None, before: int | None
) -> None:
    wanted = [
        n
        for n in range(min(COUNT, (before or COUNT + 1) - 1))
        if device in (None, device_of(n)) and (kinds is None or kind_of(n) in kinds)
    ][-limit:]
    found = filled.newest(limit, device, kinds, before)
    assert [record.id - 1 for record in found] == [number(record) for record in found] == wanted
    if len(wanted) == limit:
        assert found.through == found[0].id - 1
    else:
        assert found.through == 0


def test_pages_backwards_are_all_records(filled: Filled) -> None:
    seen: list[int] = []
    before = None
    while before != 1:
        page = filled.newest(300, "8611", None, before)
        seen[:0] = [record.id for record in page]
        before = page.through + 1
    assert seen == [n + 1 for n in range(COUNT) if device_of(n) == "8611"]


@pytest.mark.parametrize(
    ("at", "id"),
    [
        (0, 0),
        (NOW, 0),
        (NOW + 0.5, 1),
        (NOW + 1, 1),
        (NOW + 4711, 4711),
        (NOW + 4711.000001, 4712),
        (NOW + COUNT - 1, COUNT - 1),
        (NOW + COUNT, COUNT),
        (1e18, COUNT),
    ],
)
def test_the_id_at_a_time(filled: Filled, at: float, id: int) -> None:
    assert filled.ask("id_at", round(at * 1_000_000)) == id


def test_an_empty_journal(bench: Bench) -> None:
    assert bench.result(bench.journal.newest(5)) == []
    assert bench.result(bench.journal.newest(5, "861")).through == 0
    assert bench.result(bench.journal.id_at(0)) == 0


def test_what_retention_took_is_not_there(make_bench: MakeBench) -> None:
    bench = make_bench(tail_bytes=1, retention_days=1, wall=NOW)
    bench.append(range(3000), at=NOW)
    bench.settle()
    bench.append(range(3000, 3010), at=NOW + 86_000)
    bench.wall = NOW + 90_000
    bench.seconds(30)
    oldest = bench.read(0, 1)[0].id
    assert oldest > 1
    found = bench.result(bench.journal.newest(10_000))
    assert (found[0].id, found[-1].id, found.through) == (oldest, 3010, 0)
    assert bench.result(bench.journal.id_at(0)) == oldest - 1
    assert bench.result(bench.journal.id_at((NOW + 86_000) * 1_000_000)) == 3000


def test_damaged_records_are_passed_over(make_bench: MakeBench) -> None:
    bench = make_bench(tail_bytes=1)
    for n in range(6):
        bench.append([n], at=NOW + n)
        bench.settle()
    connection = sqlite3.connect(bench.path)
    connection.execute("UPDATE batch SET records = x'00' WHERE first_id IN (3, 5)")
    connection.commit()
    connection.close()
    found = bench.result(bench.journal.newest(3))
    assert ([record.id for record in found], found.through) == ([2, 4, 6], 1)
    assert bench.result(bench.journal.id_at((NOW + 2) * 1_000_000)) == 2


def test_a_look_for_few_kinds_goes_back_only_so_far(make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jimigw.journal.backwards.FARTHEST", 1000)
    bench = make_bench(tail_bytes=1)
    bench.append([0], kind="alarm", device="861")
    for n in range(1, 3000):
        bench.append([n])
        bench.settle()
    found = bench.result(bench.journal.newest(1, None, ["alarm"]))
    assert found == []
    assert 0 < found.through <= 2000
    while found.through and not found:
        found = bench.result(bench.journal.newest(1, None, ["alarm"], found.through + 1))
    assert [record.id for record in found] == [1]
    assert [record.id for record in bench.result(bench.journal.newest(1, "861"))] == [1]


@pytest.mark.parametrize(("limit", "before"), [(0, None), (10_001, None), (1, 0), (1, -1)])
def test_looks_that_make_no_sense(bench: Bench, limit: int, before: int | None) -> None:
    with pytest.raises(ValueError, match="The newest records are 1 to 10000, before an id from 1"):
        bench.result(bench.journal.newest(limit, before_id=before))


def test_a_closed_journal(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.journal.close()
    for asked in (bench.journal.newest(1), bench.journal.id_at(0)):
        with pytest.raises(JournalClosed, match="is not open"):
            bench.result(asked)


@given(steps=st.lists(st.tuples(st.integers(1, 40), st.integers(-3, 5)), max_size=12), at=st.integers(-5, 60))
def test_a_clock_that_is_set_back_never_hides_where_a_time_was_reached(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]], at: int
) -> None:
    bench = Bench(tmp_path_factory.mktemp("journal") / "j", tail_bytes=1)
    times: list[int] = []
    now = 0
    for count, step in steps:
        now += step
        bench.append(range(count), at=now)
        times += [now * 1_000_000] * count
        bench.settle()
    id = bench.result(bench.journal.id_at(at * 1_000_000))
    # The record behind it is of that time or later, the one before it is older; or there is none.
    assert id == len(times) or times[id] >= at * 1_000_000
    assert id == 0 or times[id - 1] < at * 1_000_000 or at * 1_000_000 < min(times)
    bench.close()
