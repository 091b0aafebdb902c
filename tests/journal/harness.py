"""What the tests of the journal share: entries, and a journal whose threads and clock are moved by hand."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from jimigw.journal import Entry, Records, SqliteJournal
from jimigw.journal.worker import T

NOW = 1_700_000_000
DAY = 86_400


def entry(
    number: int = 0,
    device: str = "861234567890123",
    *,
    kind: str = "position",
    at: float = NOW,
    size: int = 0,
    done: Callable[[Entry], None] | None = None,
) -> Entry:
    """Make an entry whose bytes are as awkward as bytes can be and tell its number."""
    raw = b"\x00\xff~%d" % number + bytes(size)
    data = b'{"device":"%s","n":%d,"name":"\xe7\xb2\xa4B\\n\\""}' % (device.encode(), number)
    return Entry(device, "jt808", kind, int(at * 1_000_000), raw, data, done)


def number(record: Any) -> int:
    """Return the number that `entry` was given."""
    return int(record.raw[3:].rstrip(b"\x00"))


class HandReactor(Clock):
    """A clock, and calls from threads that are the test's own."""

    def callFromThread(self, call: Callable[..., object], /, *args: Any, **kw: Any) -> None:
        call(*args, **kw)


class HandWorker:
    """A worker that runs its jobs when it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.jobs: deque[Callable[[], None]] = deque()
        self.stopped = False

    def submit(self, job: Callable[[], T], report: Callable[[T | None, Exception | None], None]) -> None:
        assert not self.stopped

        def run() -> None:
            result: T | None = None
            error: Exception | None = None
            try:
                result = job()
            except Exception as raised:
                error = raised
            report(result, error)

        self.jobs.append(run)

    def stop(self, stopped: Callable[[], None]) -> None:
        def end() -> None:
            self.stopped = True
            stopped()

        self.jobs.append(end)

    def run(self) -> bool:
        """Run the oldest job, if there is one."""
        if not self.jobs:
            return False
        self.jobs.popleft()()
        return True


class Bench:
    """A started journal with everything that moves it."""

    def __init__(self, path: Path, *, wall: float = NOW, **options: Any) -> None:
        self.path = path
        self.clock = HandReactor()
        self.workers: list[HandWorker] = []
        self.done: list[int] = []
        self.wall = wall
        self.journal = SqliteJournal(
            path, self.clock, make_worker=self._make_worker, wall_clock=lambda: self.wall, **options
        )
        self.journal.start()
        self.settle()

    def _make_worker(self, reactor: object, name: str) -> HandWorker:
        worker = HandWorker(name)
        self.workers.append(worker)
        return worker

    @property
    def writer(self) -> HandWorker:
        return self.workers[0]

    @property
    def connection(self) -> sqlite3.Connection:
        """The writer's own connection, to break it."""
        assert self.journal._writer is not None
        return self.journal._writer._connection

    def append(self, numbers: Iterable[int], **facts: Any) -> list[bool]:
        """Append entries with these numbers; `done` fills as they are done."""
        note = facts.pop("done", lambda entry: self.done.append(number(entry)))
        return [self.journal.append(entry(n, done=note, **facts)) for n in numbers]

    def settle(self) -> None:
        """Let everything happen that needs no time to pass but the commit interval."""
        for _ in range(100_000):
            ran = sum(worker.run() for worker in self.workers)
            calls = [call.getTime() - self.clock.seconds() for call in self.clock.getDelayedCalls()]
            if calls and min(calls) < 0.01:
                self.clock.advance(max(0.0, min(calls)))
            elif not ran:
                return
        raise AssertionError("the journal never came to rest")

    def seconds(self, count: int = 1) -> None:
        """Let whole seconds pass."""
        for _ in range(count):
            self.clock.advance(1)
            self.settle()

    def read(self, *args: Any, **kw: Any) -> Records:
        """Read, and let the read happen."""
        records = self.result(self.journal.read(*args, **kw))
        assert isinstance(records, Records)
        return records

    def result(self, deferred: Deferred[Any]) -> Any:
        """Return what a deferred comes to, or raise its failure."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        self.settle()
        (result,) = results
        if hasattr(result, "raiseException"):
            result.raiseException()
        return result

    def stored(self) -> list[int]:
        """Return the numbers of the records that another connection sees."""
        connection = sqlite3.connect(self.path)
        try:
            batches = connection.execute("SELECT first_id, last_id, records FROM batch ORDER BY first_id").fetchall()
        finally:
            connection.close()
        numbers: list[int] = []
        for first, last, records in batches:
            rows = msgspec.msgpack.decode(records)
            assert len(rows) == last - first + 1
            numbers += [int(raw[3:].rstrip(b"\x00")) for _, _, _, _, raw, _ in rows]
        return numbers

    def close(self) -> None:
        """Close the journal, all the way."""
        ended: list[None] = []
        self.journal.close().addCallback(ended.append)
        self.settle()
        assert ended == [None]
