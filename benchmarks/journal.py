"""CPU time of the journal for one entry, by the size of the batch that one fsync serves.

The measuring is done by a process of its own (``python -m benchmarks.journal FOLDER SECONDS SIZE...``), for it needs a
reactor and threads that nobody else uses.
"""

from __future__ import annotations

import gc
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import react

from jimigw.journal import Entry, SqliteJournal
from jimigw.model.record import record_json

from .figures import Broken, Figure, Part
from .plan import Plan
from .programs import ROOT
from .samples import location

_KEPT = 4096
"""Entries that are made beforehand, while no time is taken."""


def measure(plan: Plan) -> Part:
    """Closed loops: a batch is appended when the one before it is done."""
    folder = plan.scratch / "journal"
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.journal", str(folder), str(plan.batch_seconds)]
    done = subprocess.run(
        [*command, *map(str, plan.batches)], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise Broken(f"the journal's process ended with status {done.returncode}:\n{done.stderr.strip()}")
    figures = []
    for result in json.loads(done.stdout):
        size, plain = f"batches of {result['size']:,}", result["plain"]
        figures += [
            Figure(f"{size}: reactor thread", result["reactor"], "us", result["reactor"] / plain),
            Figure(f"{size}: other threads", result["others"], "us", result["others"] / plain),
            Figure(f"{size}: plain rows, the yardstick", plain, "us", 1.0),
            Figure(f"{size}: committed", result["per_second"], "/s"),
        ]
    return Part("journal", "CPU of one entry; the yardstick is executemany of the same rows and a commit", figures)


def _entry() -> tuple[bytes, bytes]:
    """Frame and JSON object of a location report."""
    sample = location()
    return sample.frame.raw, record_json(sample.imei, sample.report)


class _Loop:
    """Appends batches of one size for a while, in the reactor thread."""

    def __init__(self, journal: SqliteJournal, reactor: Any, size: int, seconds: float) -> None:
        self._journal, self._reactor, self._size = journal, reactor, size
        self._raw, self._data = _entry()
        self._until = time.monotonic() + seconds
        self._left = 0
        self._entries: list[Entry] = []
        self._spent = self._count = 0.0
        self.ended: Deferred[None] = Deferred()
        gc.collect()
        gc.freeze()
        self._cpu = time.process_time()
        self._wall = time.monotonic()
        self._own = time.thread_time()

    def go(self) -> None:
        if not self._entries:
            self._prepare()
        some = self._entries[-self._size :]
        del self._entries[-self._size :]
        self._left = len(some)
        for entry in some:
            if not self._journal.append(entry):
                self.ended.errback(Broken(f"the journal does not take entries: {self._journal.stats()}"))
                return

    def _prepare(self) -> None:
        started = time.thread_time()
        count = max(self._size, _KEPT // self._size * self._size)
        done: Callable[[Entry], None] = self._done
        raw, data = self._raw, self._data
        self._entries = [Entry(f"8630000{n % 2000:08d}", "jimi", "position", 0, raw, data, done) for n in range(count)]
        self._spent += time.thread_time() - started

    def _done(self, entry: Entry) -> None:
        self._left -= 1
        self._count += 1
        if not self._left:
            if time.monotonic() < self._until:
                self._reactor.callLater(0, self.go)
            else:
                self.ended.callback(None)

    def result(self) -> dict[str, float]:
        own = time.thread_time() - self._own
        others = time.process_time() - self._cpu - own
        count = self._count
        return {
            "reactor": (own - self._spent) / count * 1e6,
            "others": others / count * 1e6,
            "per_second": count / (time.monotonic() - self._wall),
        }


@inlineCallbacks
def _all_sizes(reactor: Any, folder: Path, seconds: float, sizes: list[int]) -> Any:
    found = []
    for size in sizes:
        plain = _plain(folder / f"plain-{size}.sqlite", seconds / 2, size)
        journal = SqliteJournal(folder / f"{size}.sqlite", reactor, commit_interval=0.0)
        journal.start()
        loop = _Loop(journal, reactor, size, seconds)
        loop.go()
        yield loop.ended
        found.append({"size": size, "plain": plain, **loop.result()})
        yield journal.close()
    print(json.dumps(found))


def _plain(path: Path, seconds: float, size: int) -> float:
    """Microseconds of CPU for a row where nothing stands between it and SQLite, as durable as the journal's."""
    raw, data = _entry()
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, device, protocol, kind, received_at, raw, data)")
    rows = [(f"8630000{n:08d}", "jimi", "position", 0, raw, data) for n in range(size)]
    count, until, started = 0, time.monotonic() + seconds, time.process_time()
    while time.monotonic() < until:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO row VALUES (NULL, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        count += size
    spent = time.process_time() - started
    connection.close()
    return spent / count * 1e6


def main(arguments: list[str]) -> None:
    """Measure every size, print the results as JSON."""
    folder, seconds, *sizes = arguments
    react(_all_sizes, (Path(folder), float(seconds), [int(size) for size in sizes]))


if __name__ == "__main__":
    main(sys.argv[1:])
