"""Old records go, in pieces, never before their readers have read them; ids are never given twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from itertools import pairwise

import pytest

from jimigw.journal import open_reader
from jimigw.journal.schema import BLOCK
from tests.journal.harness import DAY, NOW, Bench

MakeBench = Callable[..., Bench]


@pytest.mark.parametrize(
    ("days", "cursors", "kept"),
    [
        (10, {}, range(0, 50)),
        (5, {}, range(10, 50)),
        (5, {"mqtt": 50}, range(10, 50)),
        (5, {"mqtt": 3}, range(3, 50)),
        (5, {"mqtt": 50, "nats": 4}, range(4, 50)),
        (5, {"mqtt": 0}, range(0, 50)),
        (1, {}, range(50, 50)),
        (0, {}, range(0, 50)),
    ],
)
def test_age(make_bench: MakeBench, days: int, cursors: dict[str, int], kept: range) -> None:
    bench = make_bench(retention_days=days)
    for reader, id in cursors.items():
        bench.journal.set_cursor(reader, id)
    for n in range(50):  # from ten days ago to six days and two hours ago, ten a day or so
        bench.append([n], at=NOW - 10 * DAY + n * DAY / 2)
        bench.settle()
    bench.wall = NOW
    bench.seconds(2)
    old = [n for n in range(50) if NOW - 10 * DAY + n * DAY / 2 < NOW - days * DAY]
    expected = [n for n in range(50) if days == 0 or n not in old or n >= min([*cursors.values(), 50])]
    assert bench.stored() == expected
    if kept.start not in (0, 50):
        assert expected == list(kept)
    assert bench.journal.stats().pruned == 50 - len(expected)


@pytest.mark.parametrize(
    ("cursor", "first_kept"), [(0, 0), (9, 0), (10, 10), (11, 10), (19, 10), (20, 20), (29, 20), (30, 30)]
)
def test_batches_go_whole_once_all_of_their_records_were_read(
    make_bench: MakeBench, cursor: int, first_kept: int
) -> None:
    bench = make_bench(retention_days=1)
    for start in (0, 10, 20):
        bench.append(range(start, start + 10), at=NOW - 2 * DAY)
        bench.settle()
    bench.journal.set_cursor("mqtt", cursor)
    bench.seconds()
    assert bench.stored() == list(range(first_kept, 30))
    assert bench.journal.stats().pruned == first_kept
    assert [record.id for record in bench.read(cursor, 100)] == list(range(cursor + 1, 31))


def test_a_batch_is_as_old_as_its_newest_record(make_bench: MakeBench) -> None:
    bench = make_bench(retention_days=1)
    bench.append([0], at=NOW - 5 * DAY)
    bench.append([1], at=NOW - 0.5 * DAY)
    bench.append([2], at=NOW - 5 * DAY)
    bench.seconds()
    assert bench.stored() == [0, 1, 2]
    bench.wall = NOW + DAY
    bench.seconds()
    assert bench.stored() == []


def test_size_is_kept_while_entries_flow(make_bench: MakeBench) -> None:
    limit = 1_000_000
    bench = make_bench(max_bytes=limit)
    largest = 0
    for start in range(0, 10_000, 100):
        assert all(bench.append(range(start, start + 100), size=700))
        bench.settle()
        bench.seconds()
        largest = max(largest, bench.journal.stats().size_bytes)
    stored = bench.stored()
    assert stored == list(range(stored[0], 10_000))
    assert len(stored) > 700
    assert largest <= limit
    assert bench.path.stat().st_size < 2 * limit  # freed pages are used again


def test_retention_comes_in_pieces_between_the_batches(make_bench: MakeBench) -> None:
    bench = make_bench(retention_days=1, wall=NOW - 30 * DAY)
    bench.append(range(20_000), at=NOW - 20 * DAY)
    bench.settle()
    bench.wall = NOW
    bench.clock.advance(1)
    jobs: list[str] = []
    while bench.journal.stats().pruned < 20_000:
        before = bench.journal.stats().pruned
        bench.append([20_000 + len(jobs)], at=NOW)
        bench.clock.advance(0.005)
        assert bench.writer.run()
        pruned = bench.journal.stats().pruned - before
        assert pruned <= 4096
        jobs.append("piece" if pruned else "batch")
    assert jobs.count("piece") >= 5
    assert ("piece", "piece") not in pairwise(jobs)
    bench.settle()
    assert min(bench.stored()) == 20_000


def test_ids_go_on_after_everything_was_pruned_and_after_a_restart(make_bench: MakeBench) -> None:
    ids: list[int] = []
    for round in range(3):
        bench = make_bench(retention_days=1)
        assert bench.journal.last_id() == len(ids)
        bench.append([round], done=lambda entry: ids.append(entry.id), at=NOW - 2 * DAY)
        bench.settle()
        bench.seconds()
        assert bench.stored() == []
        assert bench.read(0, 10) == []
        assert bench.read(0, 10).through == bench.journal.last_id() == len(ids)
        bench.close()
        with open_reader(bench.path) as reader:
            assert reader.last_id() == len(ids)
            assert reader.read().through == len(ids)
    assert ids == [1, 2, 3]


def test_the_marks_of_devices_go_with_their_records(make_bench: MakeBench) -> None:
    bench = make_bench(retention_days=1)
    old, young = 2 * BLOCK + 100, BLOCK
    bench.wall = NOW - 10 * DAY
    bench.append(range(old), at=NOW - 5 * DAY)
    bench.settle()  # batches go as a whole
    bench.append(range(old, old + young), at=NOW)
    bench.settle()
    bench.seconds(5)
    connection = sqlite3.connect(bench.path)
    blocks = "SELECT block FROM device_block"
    assert connection.execute(blocks).fetchall() == [(0,), (1,), (2,)]
    bench.wall = NOW
    bench.seconds(5)
    assert connection.execute(blocks).fetchall() == [(2,)]
    connection.close()
    records = bench.read(0, 10, device="861234567890123")
    assert [record.id for record in records] == list(range(old + 1, old + 11))


def test_what_is_pruned_is_read_no_more_also_from_memory(make_bench: MakeBench) -> None:
    bench = make_bench(retention_days=1)
    bench.append(range(10), at=NOW - DAY + 5)
    bench.settle()
    assert len(bench.read(0, 100)) == 10
    bench.wall = NOW + 10
    bench.seconds()
    bench.append([10], at=NOW + 10)
    bench.settle()
    assert [record.id for record in bench.read(0, 100)] == [11]
