"""Every way to read gives the same records: from memory, from the file, and with a tool's reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest

from jimigw.journal import JournalClosed, Record, Records, SqliteJournal, open_reader
from jimigw.journal.schema import BLOCK
from tests.journal.harness import NOW, Bench, HandReactor, entry, number

MakeBench = Callable[..., Bench]

COUNT = 2 * BLOCK + 500
DEVICES = ["861", "0138", "粤B12345", 'a"b\\', "rare"]


def device_of(n: int) -> str:
    return "rare" if n in (5, BLOCK + 7, COUNT - 2) else DEVICES[n % 4]


def kind_of(n: int) -> str:
    return "alarm" if n % 1000 == 999 else "position"


@pytest.fixture(params=["memory", "file", "tool"])
def read(request: pytest.FixtureRequest, make_bench: MakeBench) -> Callable[..., Records]:
    """A way to read a journal with entries 0 to COUNT - 1, whose ids are one more."""
    bench = make_bench(tail_bytes=1 << 30 if request.param == "memory" else 1)
    for n in range(COUNT):
        assert bench.append([n], device=device_of(n), kind=kind_of(n), at=NOW + n)
    bench.settle()
    bench.seconds(3)  # time to mark the blocks
    if request.param != "tool":
        return bench.read

    def read_once(*args: Any, **kw: Any) -> Records:
        with open_reader(bench.path) as reader:
            return reader.read(*args, **kw)

    return read_once


@pytest.mark.parametrize(
    ("after", "limit", "wanted"),
    [
        (0, 10_000, {}),
        (0, 1, {}),
        (0, 256, {}),
        (0, 257, {}),
        (BLOCK - 2, 10, {}),
        (COUNT - 3, 100, {}),
        (COUNT - 1, 100, {}),
        (COUNT, 100, {}),
        (COUNT + 99, 100, {}),
        (0, 10_000, {"device": "861"}),
        (0, 700, {"device": "粤B12345"}),
        (BLOCK - 1, 3, {"device": 'a"b\\'}),
        (2 * BLOCK, 100, {"device": "0138"}),
        (0, 10, {"device": "rare"}),
        (5, 10, {"device": "rare"}),
        (6, 2, {"device": "rare"}),
        (BLOCK + 8, 10, {"device": "rare"}),
        (0, 10, {"device": "unknown"}),
        (0, 10, {"kinds": ["alarm"]}),
        (0, 3, {"kinds": ["alarm", "login"]}),
        (3999, 10, {"kinds": {"alarm"}}),
        (0, 10, {"kinds": ["login"]}),
        (0, 10, {"kinds": []}),
        (0, 10, {"kinds": ["alarm"], "device": 'a"b\\'}),
        (0, 300, {"kinds": ["position"], "device": "861"}),
    ],
)
def test_reads(read: Callable[..., Records], after: int, limit: int, wanted: dict[str, Any]) -> None:
    expected = [
        n
        for n in range(after, COUNT)
        if wanted.get("device") in (None, device_of(n)) and kind_of(n) in wanted.get("kinds", ["alarm", "position"])
    ][:limit]
    records = read(after, limit, **wanted)
    assert [record.id - 1 for record in records] == [number(record) for record in records] == expected
    assert records.through == (expected[-1] + 1 if len(expected) == limit else max(after, COUNT))
    for record in records[:3]:
        n = record.id - 1
        stored = entry(n, device_of(n), kind=kind_of(n), at=NOW + n)
        assert record == Record(
            n + 1, device_of(n), "jt808", kind_of(n), (NOW + n) * 1_000_000, stored.raw, stored.data
        )


@pytest.mark.parametrize(("after", "limit"), [(-1, 10), (0, 0), (0, -5), (0, 10_001)])
def test_reads_that_make_no_sense(bench: Bench, after: int, limit: int) -> None:
    with pytest.raises(ValueError, match="A read wants an id from 0 and a limit of 1 to 10000"):
        bench.read(after, limit)
    with open_reader(bench.path) as reader, pytest.raises(ValueError, match="A read wants"):
        reader.read(after, limit)


def test_json_has_the_id_in_front() -> None:
    record = Record(42, "861", "jimi", "alarm", 0, b"", b'{"device":"861","x":"\xe7\xb2\xa4"}')
    assert record.json() == b'{"id":42,"device":"861","x":"\xe7\xb2\xa4"}'
    assert json.loads(record.json()) == {"id": 42, "device": "861", "x": "粤"}


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\xff\xfe", bytes(range(256)) * 40])
def test_frames_come_back_byte_for_byte(make_bench: MakeBench, raw: bytes) -> None:
    bench = make_bench(tail_bytes=1)
    for _ in range(3):
        odd = entry(1)
        odd.raw = raw
        bench.journal.append(odd)
    bench.append([2])
    bench.settle()
    assert [record.raw for record in bench.read(0, 10)] == [raw, raw, raw, entry(2).raw]


def test_subclasses_of_plain_types_are_stored_plain(make_bench: MakeBench) -> None:
    class Kind(StrEnum):
        ALARM = "alarm"

    bench = make_bench(tail_bytes=1)
    odd = entry(1)
    odd.kind, odd.received_at = Kind.ALARM, True
    bench.journal.append(odd)
    bench.append([2])
    bench.settle()
    records = bench.read(0, 10)
    assert records[0] == Record(1, odd.device, "jt808", "alarm", 1, odd.raw, odd.data)
    assert [number(record) for record in records] == [1, 2]


def test_a_tool_follows_a_live_journal(bench: Bench) -> None:
    with open_reader(bench.path) as reader:
        assert (reader.last_id(), reader.read()) == (0, [])
        seen: list[int] = []
        position = 0
        for start in range(0, 3000, 500):
            bench.append(range(start, start + 500))
            bench.settle()
            records = reader.read(position, 1000)
            seen += [number(record) for record in records]
            position = records.through
        assert seen == list(range(3000))
        bench.close()
        assert reader.last_id() == 3000
    with open_reader(bench.path) as reader:
        assert reader.last_id() == 3000


def test_long_reads_take_turns(make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jimigw.journal.readers.TURN_SECONDS", 0.0)  # every slice is a turn
    bench = make_bench(tail_bytes=1)
    bench.append(range(2000), size=2000)  # some slices
    bench.settle()
    finished: list[str] = []
    bench.journal.read(0, 2000).addCallback(lambda records: finished.append(f"long {len(records)}"))
    bench.journal.read(100, 5).addCallback(lambda records: finished.append(f"short {len(records)}"))
    cancelled = bench.journal.read(0, 2000)
    cancelled.addErrback(lambda failure: finished.append("cancelled"))
    cancelled.cancel()
    bench.settle()
    assert finished == ["cancelled", "short 5", "long 2000"]


def test_reads_end_with_the_journal(make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jimigw.journal.readers.TURN_SECONDS", 0.0)
    bench = make_bench(tail_bytes=1)
    bench.append(range(2000), size=2000)
    bench.settle()
    long = bench.journal.read(0, 2000)
    bench.journal.close()
    with pytest.raises(JournalClosed, match="was closed during a read"):
        bench.result(long)
    with pytest.raises(JournalClosed, match="is not open"):
        bench.read(0, 10)


def test_a_journal_that_was_not_started(bench: Bench) -> None:
    journal = SqliteJournal(bench.path.with_name("other"), HandReactor())
    assert journal.append(entry()) is False
    assert journal.stats().state == "closed"
    with pytest.raises(JournalClosed):
        bench.result(journal.read(0, 1))
    assert bench.result(journal.close()) is None


def test_cursors_are_kept(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.journal.set_cursor("mqtt", 5)
    bench.journal.set_cursor("callbacks:粤", 7)
    bench.journal.set_cursor("mqtt", 3)
    bench.journal.set_cursor("gone", 3)
    bench.seconds()
    bench.journal.drop_cursor("gone")
    assert bench.result(bench.journal.cursor("mqtt")) == 3
    bench.close()
    bench = make_bench()
    assert bench.result(bench.journal.cursors()) == {"mqtt": 3, "callbacks:粤": 7}
    assert bench.result(bench.journal.cursor("gone")) is None
