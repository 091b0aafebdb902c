"""Entries are committed in order, in groups, and done only after the commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jimigw.journal import Entry
from jimigw.journal.intake import MAX_BATCH, MAX_BATCH_BYTES
from jimigw.journal.worker import WorkerThread
from tests.journal.harness import Bench, HandReactor, entry, number

MakeBench = Callable[..., Bench]


def test_a_lone_entry_is_committed_without_any_delay(bench: Bench) -> None:
    bench.append([1])
    bench.clock.advance(0)
    bench.writer.run()
    assert bench.done == [1]
    assert bench.journal.last_id() == 1


def test_ids_and_answers_follow_the_order_of_append(bench: Bench) -> None:
    bench.append(range(2500))
    bench.settle()
    assert bench.done == list(range(2500)) == bench.stored()
    assert [record.id for record in bench.read(0, 2500)] == list(range(1, 2501))


@pytest.mark.parametrize(
    ("entries", "batches"),
    [(1, 1), (2, 1), (3, 1), (100, 1), (MAX_BATCH, 1), (MAX_BATCH + 1, 2), (3 * MAX_BATCH, 3)],
)
def test_entries_of_one_turn_share_a_batch(bench: Bench, entries: int, batches: int) -> None:
    bench.append(range(entries))
    bench.settle()
    stats = bench.journal.stats()
    assert (stats.committed, stats.batches) == (entries, batches)


def test_a_batch_gathers_while_the_one_before_is_written(bench: Bench) -> None:
    bench.append([1])
    bench.clock.advance(0)
    for n in range(2, 40):
        bench.append([n])
        bench.clock.advance(0.1)
    assert bench.done == []
    bench.settle()
    assert bench.done == list(range(1, 40))
    assert bench.journal.stats().batches == 2


def test_a_busy_journal_keeps_the_interval_between_commits(make_bench: MakeBench) -> None:
    bench = make_bench(commit_interval=0.005)
    for n in range(50):  # one a millisecond, while a commit takes no time
        bench.append([n])
        bench.clock.advance(0.001)
        bench.writer.run()
    bench.settle()
    assert bench.done == list(range(50))
    assert 10 <= bench.journal.stats().batches <= 11


def test_large_entries_make_batches_of_bounded_size(make_bench: MakeBench) -> None:
    bench = make_bench(max_entry_bytes=MAX_BATCH_BYTES)
    bench.append(range(6), size=MAX_BATCH_BYTES // 2 - 1000)
    bench.settle()
    assert (bench.journal.stats().batches, bench.done) == (3, list(range(6)))


def test_done_comes_after_the_commit_and_once(bench: Bench) -> None:
    seen: list[tuple[int, list[int]]] = []
    mine = entry(7, done=lambda entry: seen.append((entry.id, bench.stored())))
    bench.journal.append(mine)
    assert seen == []
    bench.settle()
    bench.seconds(3)
    assert seen == [(1, [7])]
    assert mine.done is None


def test_listeners_are_called_once_a_batch_after_its_entries_are_done(bench: Bench) -> None:
    events: list[Any] = []

    def listener() -> None:
        events.append(("batch", bench.journal.last_id()))

    bench.journal.add_listener(listener)
    bench.append([1, 2], done=lambda entry: events.append(number(entry)))
    bench.settle()
    bench.journal.remove_listener(listener)
    bench.journal.remove_listener(listener)
    bench.append([3])
    bench.settle()
    assert events == [1, 2, ("batch", 2)]


def test_what_fails_after_a_commit_disturbs_nobody(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("the session is gone")

    bench.journal.add_listener(fail)
    bench.append([1], done=fail)
    bench.append([2, 3])
    bench.settle()
    assert bench.done == [2, 3]
    assert bench.journal.stats().state == "ok"


def test_done_may_append_and_close(bench: Bench) -> None:
    def done(_: Entry) -> None:
        assert bench.append([2]) == [True]
        bench.journal.close()

    bench.append([1], done=done)
    bench.settle()
    assert bench.done == [2]


@pytest.mark.parametrize(
    "spoil",
    [
        {"device": "\ud800"},
        {"kind": None},
        {"received_at": 1 << 63},
        {"protocol": object()},
        {"device": b"861"},
        {"received_at": "now"},
        {"received_at": 1.5},
        {"received_at": -(1 << 63) - 1},
        {"raw": "粤"},
        {"data": bytearray(b'{"n":2}')},
    ],
)
def test_an_entry_that_no_database_can_store_is_lost_alone(bench: Bench, spoil: dict[str, Any]) -> None:
    bench.append([1])
    bad = entry(2, done=lambda entry: bench.done.append(2))
    for name, value in spoil.items():
        setattr(bad, name, value)
    assert bench.journal.append(bad)
    bench.append([3])
    bench.settle()
    stats = bench.journal.stats()
    assert (bench.done, bench.stored()) == ([1, 3], [1, 3])
    assert (stats.state, stats.committed, stats.failed) == ("ok", 2, 1)


@pytest.mark.parametrize(
    ("options", "facts", "reason"),
    [
        ({"max_waiting": 3}, {}, "waiting"),
        ({"max_waiting_bytes": 3 * (512 + 1000)}, {"size": 900}, "waiting"),
        ({"max_entry_bytes": 10}, {"size": 100}, "too_large"),
    ],
)
def test_limits_refuse(make_bench: MakeBench, options: dict[str, int], facts: dict[str, int], reason: str) -> None:
    bench = make_bench(**options)
    taken = [n for n, ok in enumerate(bench.append(range(10), **facts)) if ok]
    assert taken == ([0, 1, 2] if reason == "waiting" else [])
    assert bench.journal.stats().refused == {reason: 10 - len(taken)}
    bench.clock.advance(0)  # in the writer they still count
    assert bench.append([99], **facts) == [False]
    bench.settle()
    assert bench.done == taken == bench.stored()
    stats = bench.journal.stats()
    assert (stats.waiting, stats.waiting_bytes) == (0, 0)
    assert bench.append([100], **facts) == [reason == "waiting"]


def test_close_commits_what_waits_and_refuses_the_rest(bench: Bench, path: Path) -> None:
    bench.append([1])
    bench.clock.advance(0)
    bench.append(range(2, 1500))
    bench.journal.set_cursor("mqtt", 9)
    ends: list[None] = []
    bench.journal.close().addCallback(ends.append)
    bench.journal.close().addCallback(ends.append)
    assert bench.append([9999]) == [False]
    assert ends == []
    bench.settle()
    assert ends == [None, None]
    assert bench.done == list(range(1, 1500)) == bench.stored()
    assert bench.clock.getDelayedCalls() == []
    assert all(worker.stopped for worker in bench.workers)
    assert bench.append([9999]) == [False]
    assert bench.journal.stats().refused == {"closed": 2}
    assert not path.with_name(path.name + "-wal").exists()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT * FROM cursor").fetchall() == [("mqtt", 9)]
    connection.close()


def test_a_worker_thread_runs_jobs_in_order_and_ends() -> None:
    calls: list[Callable[[], object]] = []

    class Reactor(HandReactor):
        def callFromThread(self, call: Callable[..., object], /, *args: Any, **kw: Any) -> None:
            calls.append(lambda: call(*args, **kw))

    worker = WorkerThread(Reactor(), "journal-test")
    events: list[Any] = []
    worker.submit(lambda: 1, lambda result, error: events.append((result, error)))
    worker.submit(lambda: [][0], lambda result, error: events.append((result, type(error))))
    worker.stop(lambda: events.append("stopped"))
    worker._thread.join(5)
    for call in calls:
        call()
    assert events == [(1, None), (None, IndexError), "stopped"]
