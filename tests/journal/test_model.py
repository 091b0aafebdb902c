"""Whatever happens in whatever order, the journal agrees with a model of a few lines."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.journal.harness import DAY, NOW, Bench

DEVICES = ["a", "b", "c"]
READERS = ["mqtt", "nats"]


class JournalMachine(RuleBasedStateMachine):
    """Appends, commits, crashes, prunes, moves cursors, breaks and mends the disk."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.count = 0
        self.waiting: list[tuple[int, str]] = []
        self.kept: list[tuple[int, str]] = []
        self.batch_ends: list[int] = []  # numbers that came last in their batch
        self.done: list[int] = []
        self.cursors: dict[str, int] = {}
        self.highest_id = 0
        self.broken = False

    @initialize(tail=st.sampled_from([1, 3000, 1 << 20]))
    def open(self, tail: int) -> None:
        self.tail = tail
        self._open()

    def _open(self) -> None:
        self.bench = Bench(Path(self.folder.name) / "journal", retention_days=5, tail_bytes=self.tail)

    @rule(count=st.integers(1, 40), device=st.sampled_from(DEVICES))
    def append(self, count: int, device: str) -> None:
        for _ in range(count):
            number = self.count
            self.count += 1
            if self.bench.append([number], device=device) == [True]:
                self.waiting.append((number, device))
            else:
                assert self.bench.journal.stats().state == "failing"

    @rule()
    def commit(self) -> None:
        before = len(self.bench.done)
        if self.bench.journal.stats().state == "failing":
            self.bench.seconds()
        self.bench.settle()
        if self.broken:
            assert len(self.bench.done) == before
        else:
            self._committed(before)
        self.waiting = []

    def _committed(self, before: int) -> None:
        assert self.bench.done[before:] == [number for number, _ in self.waiting]
        self.kept += self.waiting
        self.batch_ends += [number for number, _ in self.waiting[-1:]]
        self.waiting = []

    @precondition(lambda self: not self.waiting)
    @rule(broken=st.booleans())
    def break_or_mend(self, broken: bool) -> None:
        self.bench.connection.execute(f"PRAGMA query_only = {int(broken)}")
        self.broken = broken

    @precondition(lambda self: not self.waiting and not self.broken)
    @rule()
    def grow_old(self) -> None:
        """All that is there becomes too old; batches of which no reader needs a record go."""
        before = self._ids()
        self.bench.wall = NOW + 10 * DAY
        self.bench.seconds(2)
        self.bench.wall = NOW
        guard = min(self.cursors.values(), default=1 << 62)
        read = [row for id, row in zip(before, self.kept, strict=True) if id <= guard]
        while read and read[-1][0] not in self.batch_ends:
            read.pop()
        self.kept = self.kept[len(read) :]

    @precondition(lambda self: not self.broken)
    @rule(reader=st.sampled_from(READERS), back=st.integers(0, 60))
    def read_on(self, reader: str, back: int) -> None:
        self.cursors[reader] = max(0, self.bench.journal.last_id() - back)
        self.bench.journal.set_cursor(reader, self.cursors[reader])

    @rule(reader=st.sampled_from(READERS))
    def drop(self, reader: str) -> None:
        self.cursors.pop(reader, None)
        self.bench.journal.drop_cursor(reader)

    @precondition(lambda self: not self.broken)
    @rule()
    def restart(self) -> None:
        done = len(self.bench.done)
        self.bench.close()
        self._committed(done)
        self._open()

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "bench") or self.waiting:
            return
        assert self.bench.stored() == [number for number, _ in self.kept]
        ids = self._ids()
        assert ids == sorted(set(ids))
        assert self.bench.journal.last_id() >= self.highest_id >= 0
        self.highest_id = self.bench.journal.last_id()
        assert self.bench.result(self.bench.journal.cursors()) == self.cursors
        stats = self.bench.journal.stats()
        assert (stats.waiting, stats.waiting_bytes) == (0, 0)

    @precondition(lambda self: not self.waiting)
    @rule(device=st.sampled_from([None, *DEVICES]), limit=st.integers(1, 50), skip=st.integers(0, 100))
    def read(self, device: str | None, limit: int, skip: int) -> None:
        after = ([0, *self._ids()])[min(skip, len(self.kept))]
        records = self.bench.read(after, limit, device)
        expected = [n for n, name in self.kept[min(skip, len(self.kept)) :] if device in (None, name)][:limit]
        assert [int(record.raw[3:]) for record in records] == expected

    def _ids(self) -> list[int]:
        return [record.id for record in self.bench.read(0, 10_000)]

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.bench.close()
        self.folder.cleanup()


TestJournal: Any = JournalMachine.TestCase
TestJournal.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
