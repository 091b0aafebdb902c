"""How batches lie in the file: small and large ones, marks of devices, and damage."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import msgspec
import pytest

from jimigw.journal import JournalDamaged, JournalError, open_reader
from jimigw.journal.records import decode
from jimigw.journal.schema import BLOCK
from tests.journal.harness import NOW, Bench, entry, number

MakeBench = Callable[..., Bench]


def write(bench: Bench, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(bench.path)) as connection, connection:
        connection.execute(statement, values)


def test_a_batch_is_one_row(bench: Bench) -> None:
    bench.append([1], at=NOW)
    bench.settle()
    for n, at in ((2, NOW + 5), (3, NOW + 9), (4, NOW)):
        bench.append([n], at=at)
    bench.settle()
    with closing(sqlite3.connect(bench.path)) as connection:
        rows = connection.execute("SELECT first_id, last_id, newest, records FROM batch").fetchall()
    assert [row[:3] for row in rows] == [(1, 1, NOW * 1_000_000), (2, 4, (NOW + 9) * 1_000_000)]
    stored = entry(3, at=NOW + 9)
    assert msgspec.msgpack.decode(rows[1][3])[1] == [
        stored.device,
        "jt808",
        "position",
        stored.received_at,
        stored.raw,
        stored.data,
    ]


def test_ids_leave_no_gap_where_entries_are_lost(bench: Bench) -> None:
    ids: list[int] = []
    bench.append([1], done=lambda entry: ids.append(entry.id))
    bad = entry(2)
    bad.device = "\ud800"
    bench.journal.append(bad)
    bench.append([3], done=lambda entry: ids.append(entry.id))
    bench.settle()
    assert ids == [1, 2]
    assert [(record.id, number(record)) for record in bench.read(0, 10)] == [(1, 1), (2, 3)]


@pytest.mark.parametrize("sizes", [[1] * 300, [1, 2, 3, 50, 1, 100, 7] * 3, [1000, 1, 1, 1000]])
@pytest.mark.parametrize("slices", [(256, 1 << 20), (2, 1 << 20), (1, 1), (256, 700)])
def test_batches_and_slices_of_any_size_read_the_same(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch, sizes: list[int], slices: tuple[int, int]
) -> None:
    monkeypatch.setattr("jimigw.journal.pages.SLICE_BATCHES", slices[0])
    monkeypatch.setattr("jimigw.journal.pages.SLICE_BYTES", slices[1])
    bench = make_bench(tail_bytes=1, commit_interval=0)
    total = 0
    for size in sizes:
        for n in range(total, total + size):
            bench.append([n], device=f"d{n % 7}")
        total += size
        bench.settle()
    everything = list(range(total))
    for after, limit in ((0, 10_000), (0, 1), (5, 3), (total // 2, 60), (total - 1, 5), (total, 5)):
        assert [number(record) for record in bench.read(after, limit)] == everything[after:][:limit]
        expected = [n for n in everything[after:] if n % 7 == 3][:limit]
        assert [number(record) for record in bench.read(after, limit, "d3")] == expected


@pytest.mark.parametrize("marks_from", ["memory", "the file after a restart", "the file in pieces"])
def test_a_device_is_read_from_its_own_batches_only(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch, marks_from: str
) -> None:
    if marks_from == "the file in pieces":
        monkeypatch.setattr("jimigw.journal.marks.MAX_NEWEST", 500)
        monkeypatch.setattr("jimigw.journal.marks.PIECE_BYTES", 30_000)
    bench = make_bench(tail_bytes=1)
    rare = {100, 4000, 4095, 4100, 9000}
    count = 10 * 1000
    for n in range(count):
        bench.append([n], device="rare" if n in rare else f"d{n % 50}")
        if n % 100 == 99:
            bench.settle()
        if marks_from == "the file after a restart" and n == 2500:
            bench.close()
            bench = make_bench(tail_bytes=1)
    bench.settle()
    bench.seconds(3)
    decoded: list[tuple[int, int]] = []

    def note(first: int, last: int, records: Any) -> Any:
        decoded.append((first, last))
        return decode(first, last, records)

    monkeypatch.setattr("jimigw.journal.pages.decode", note)
    assert [number(record) for record in bench.read(0, 100, "rare")] == sorted(rare)
    marked = [batch for batch in decoded if batch[1] < 2 * BLOCK]
    assert marked == [(101, 200), (4001, 4100), (4101, 4200)]  # the one in the middle has two records
    assert len(decoded) == len(set(decoded))


def test_marks_take_the_strangest_names(make_bench: MakeBench) -> None:
    # The first two have the same CRC-32, that of the empty name is 0.
    names = ["plumless", "buckeroo", "", "\0", "a\0b", "a\0c", 'a"b\\', "粤B", "1,2", "3:4;5", "\U0010ffff"]
    bench = make_bench(tail_bytes=1)
    for n in range(BLOCK + 100):
        bench.append([n], device=names[n % len(names)])
    bench.settle()
    bench.seconds(2)
    with closing(sqlite3.connect(bench.path)) as connection:
        assert connection.execute("SELECT block, length(marks) FROM device_block").fetchall() == [(0, 4 * BLOCK)]
    for at, name in enumerate(names):
        numbers = [number(record) for record in bench.read(0, 10_000, name)]
        assert numbers == [n for n in range(BLOCK + 100) if n % len(names) == at]


DAMAGE: dict[str, object] = {
    "no msgpack": b"\xc1\xc1\xc1",
    "cut off": msgspec.msgpack.encode([["d", "p", "k", 1, b"", b"{}"]] * 10)[:-3],
    "more behind": msgspec.msgpack.encode([["d", "p", "k", 1, b"", b"{}"]] * 10) + b"x",
    "too few": msgspec.msgpack.encode([["d", "p", "k", 1, b"", b"{}"]] * 9),
    "none": msgspec.msgpack.encode([]),
    "a wrong type": msgspec.msgpack.encode([["d", "p", "k", "now", b"", b"{}"]] * 10),
    "a short record": msgspec.msgpack.encode([["d", "p", "k", 1, b""]] * 10),
    "no Unicode": msgspec.msgpack.encode([["?", "p", "k", 1, b"", b"{}"]] * 10).replace(b"?", b"\xff"),
    "empty": b"",
    "text": "粤粤粤",
    "a number": 5,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("marked", [False, True])
def test_damaged_records_are_named_and_passed_over(make_bench: MakeBench, damage: object, marked: bool) -> None:
    bench = make_bench(tail_bytes=1)
    for start in (0, 10, 20):
        bench.append(range(start, start + 10))
        bench.settle()
    if marked:
        bench.append(range(30, BLOCK))
        bench.settle()
        bench.seconds(2)
    write(bench, "UPDATE batch SET records = ? WHERE first_id = 11", damage)
    sentence = r"The records 11 to 20 of the journal are damaged and cannot be read: .+\."
    with open_reader(bench.path) as tool:
        for read in (bench.read, tool.read):
            for wanted in ({}, {"device": "861234567890123"}, {"kinds": ["position"]}):
                before = read(0, 30, **wanted)
                assert ([number(record) for record in before], before.through) == (list(range(10)), 10)
                with pytest.raises(JournalDamaged, match=sentence) as raised:
                    read(before.through, 30, **wanted)
                assert (raised.value.first_id, raised.value.last_id) == (11, 20)
                after = read(raised.value.last_id, 10, **wanted)
                assert [number(record) for record in after] == list(range(20, 30))
    assert issubclass(JournalDamaged, JournalError)


def test_damage_does_not_stop_the_marks_that_are_made_from_the_file(make_bench: MakeBench) -> None:
    bench = make_bench()
    for start in (0, 10, 20):
        bench.append(range(start, start + 10))
        bench.settle()
    bench.close()
    write(bench, "UPDATE batch SET records = x'c1' WHERE first_id = 11")
    bench = make_bench(tail_bytes=1)
    bench.append(range(30, BLOCK))
    bench.settle()
    bench.seconds(2)
    stats = bench.journal.stats()
    assert stats.state == "ok"
    assert stats.last_error is not None
    assert stats.last_error.startswith("The records 11 to 20 of the journal are damaged")
    records = bench.read(0, 10_000, "861234567890123")
    assert [number(record) for record in records] == [*range(10), *range(20, BLOCK)]


def test_a_tail_that_keeps_few_batches_hands_over_to_the_file(make_bench: MakeBench) -> None:
    bench = make_bench(tail_bytes=3000)
    for n in range(60):
        bench.append([n])
        bench.settle()
        for after in (0, n // 2, max(0, n - 3), n, n + 1):
            records = bench.read(after, 100)
            assert [number(record) for record in records] == list(range(after, n + 1))
            assert records.through == max(after, n + 1)
