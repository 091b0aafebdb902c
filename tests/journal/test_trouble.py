"""A full or failing disk: nothing is answered that is not stored, and the journal comes back by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from tests.journal.harness import Bench

MakeBench = Callable[..., Bench]


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the journal says while the test runs."""
    said: list[str] = []

    @implementer(ILogObserver)
    def observer(event: LogEvent) -> None:
        if str(event.get("log_namespace", "")).startswith("jimigw.journal"):
            said.append(formatEvent(event))

    globalLogPublisher.addObserver(observer)
    yield said
    globalLogPublisher.removeObserver(observer)


def fill(bench: Bench, spare_pages: int = 4) -> None:
    """Let the database grow by a few pages only: a real SQLITE_FULL."""
    (pages,) = bench.connection.execute("PRAGMA page_count").fetchone()
    bench.connection.execute(f"PRAGMA max_page_count = {pages + spare_pages}")


def free(bench: Bench) -> None:
    bench.connection.execute("PRAGMA max_page_count = 1000000")


def test_a_full_disk_and_its_end(bench: Bench, lines: list[str]) -> None:
    bench.append([1, 2])
    bench.settle()
    fill(bench)
    bench.append(range(3, 100), size=900)
    bench.settle()
    stats = bench.journal.stats()
    assert bench.done == [1, 2] == bench.stored()
    assert (stats.state, stats.failed, stats.committed, stats.waiting) == ("full", 97, 2, 0)
    assert stats.last_error == "database or disk is full"
    assert bench.append([100]) == [False]
    assert bench.journal.stats().refused == {"full": 1}

    bench.clock.advance(1)  # one entry may try, the others wait for it
    assert bench.append([101, 102], size=900_000) == [True, False]
    bench.settle()
    assert bench.journal.stats().state == "full"
    assert bench.append([103]) == [False]

    free(bench)
    assert bench.append([104]) == [False]
    bench.clock.advance(1)
    assert bench.append([105, 106]) == [True, False]
    bench.settle()
    assert bench.append([107, 108]) == [True, True]
    bench.settle()
    assert bench.done == [1, 2, 105, 107, 108] == bench.stored()
    stats = bench.journal.stats()
    assert (stats.state, stats.failed) == ("ok", 98)
    ids = [record.id for record in bench.read(0, 100)]
    assert ids == sorted(set(ids))
    assert [line.partition(" (")[0].split(" ", 3)[3] for line in lines] == ["cannot commit", "commits again."]


def test_entries_that_waited_behind_a_failed_batch_are_tried_again(bench: Bench) -> None:
    fill(bench, 2)
    bench.append([1], size=100_000)
    bench.clock.advance(0)
    bench.append([2, 3])
    bench.writer.run()
    assert (bench.done, bench.journal.stats().failed) == ([], 1)
    free(bench)
    bench.settle()
    assert bench.done == []  # not before the second is over
    bench.seconds()
    bench.settle()
    assert bench.done == [2, 3] == bench.stored()
    assert bench.journal.stats().state == "ok"


def test_trouble_is_said_once_a_minute(bench: Bench, lines: list[str]) -> None:
    bench.connection.execute("PRAGMA query_only = ON")  # every write fails, and not because of space
    for n in range(150):
        assert bench.append([n]) == [True]
        bench.settle()
        bench.seconds()
    assert bench.journal.stats().state == "failing"
    assert len([line for line in lines if "cannot commit" in line]) == 3
    assert bench.journal.stats().failed == 150
    bench.connection.execute("PRAGMA query_only = OFF")


def test_cursors_that_could_not_be_saved_are_saved_later(bench: Bench, lines: list[str]) -> None:
    bench.connection.execute("PRAGMA query_only = ON")
    bench.journal.set_cursor("mqtt", 1)
    bench.journal.set_cursor("nats", 1)
    bench.seconds()
    assert any("upkeep" in line for line in lines)
    bench.journal.set_cursor("mqtt", 2)
    bench.connection.execute("PRAGMA query_only = OFF")
    bench.seconds()
    saved = sqlite3.connect(bench.path).execute("SELECT reader, id FROM cursor").fetchall()
    assert saved == [("mqtt", 2), ("nats", 1)]
    assert bench.result(bench.journal.cursors()) == {"mqtt": 2, "nats": 1}


def test_close_ends_also_while_commits_fail(bench: Bench) -> None:
    bench.append([1])
    bench.settle()
    bench.connection.execute("PRAGMA query_only = ON")
    bench.append(range(2, 5000))
    bench.journal.set_cursor("mqtt", 1)
    bench.close()
    assert bench.stored() == [1] == bench.done
    stats = bench.journal.stats()
    assert (stats.failed, stats.state) == (4998, "closed")
    assert bench.append([1]) == [False]
    bench.seconds(3)
    assert bench.append([1]) == [False]


@pytest.mark.parametrize(
    ("calls", "sentence"),
    [
        ([("a", -1)], "an id from 0"),
        ([("", 1)], "1 to 200 characters"),
        ([("a" * 201, 1)], "1 to 200 characters"),
        ([("a", 1 << 63)], "an id from 0"),
    ],
)
def test_cursors_that_make_no_sense(bench: Bench, calls: list[tuple[str, int]], sentence: str) -> None:
    for reader, id in calls:
        with pytest.raises(ValueError, match=sentence):
            bench.journal.set_cursor(reader, id)
    assert bench.result(bench.journal.cursors()) == {}


def test_the_size_limit_holds_while_a_reader_lags(make_bench: MakeBench, lines: list[str]) -> None:
    bench = make_bench(max_bytes=400_000)
    bench.journal.set_cursor("callbacks", 0)
    taken = 0
    for _ in range(100):
        taken += sum(bench.append(range(taken, taken + 20), size=900))
        bench.settle()
    stats = bench.journal.stats()
    assert stats.state == "full"
    assert stats.pruned == 0
    assert bench.stored() == list(range(taken))
    assert 350_000 < stats.size_bytes < 450_000
    bench.seconds(59)
    full = [line for line in lines if "is full and takes no reports" in line or "is nearly full" in line]
    assert len(full) == 1
    assert "the reader 'callbacks' has read only up to id 0 of" in full[0]

    bench.journal.set_cursor("callbacks", taken // 2)
    bench.seconds()
    stats = bench.journal.stats()
    assert stats.state == "ok"
    assert stats.size_bytes <= 400_000 * 9 // 10
    assert 0 < stats.pruned <= taken // 2
    assert bench.append([taken]) == [True]
    bench.settle()
    assert bench.stored() == list(range(stats.pruned, taken + 1))


def test_a_dropped_cursor_holds_up_nothing(make_bench: MakeBench) -> None:
    bench = make_bench(max_bytes=200_000)
    bench.journal.set_cursor("gone", 0)
    for start in range(0, 2000, 20):
        bench.append(range(start, start + 20), size=900)
        bench.settle()
    assert bench.journal.stats().state == "full"
    bench.journal.drop_cursor("gone")
    bench.journal.drop_cursor("never heard of")
    bench.seconds()
    assert bench.journal.stats().state == "ok"
    assert bench.result(bench.journal.cursor("gone")) is None
    bench.close()
    again: Any = make_bench()
    assert again.result(again.journal.cursors()) == {}
