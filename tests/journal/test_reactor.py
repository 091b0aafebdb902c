"""The journal with the real reactor and its real threads."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from jimigw.journal import SqliteJournal, open_reader
from tests.journal.harness import entry, number


@pytest_twisted.inlineCallbacks
def test_group_commit_with_threads(path: Path) -> Generator[Deferred[Any], Any, None]:
    journal = SqliteJournal(path, reactor, tail_bytes=1)  # type: ignore[arg-type]
    journal.start()
    total, done = 20_000, []
    threads: set[int] = set()
    finished: Deferred[None] = Deferred()
    count = 0

    def note(entry: Any) -> None:
        done.append(number(entry))
        threads.add(threading.get_ident())
        if len(done) == total:
            finished.callback(None)

    def feed() -> None:
        nonlocal count
        for _ in range(100):
            assert journal.append(entry(count, done=note))
            count += 1
        if count < total:
            reactor.callLater(0, feed)

    feed()
    yield finished
    assert done == list(range(total))
    assert threads == {threading.get_ident()}
    stats = journal.stats()
    assert stats.committed == stats.last_id == total
    assert total // 1024 <= stats.batches < total // 100
    records = yield journal.read(15_000, 1000)
    assert [number(record) for record in records] == list(range(15_000, 16_000))
    assert all(journal.append(entry(n, done=note)) for n in range(total, total + 3000))
    yield journal.close()
    assert done == list(range(total + 3000))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("journal-")]
    with open_reader(path) as reader:
        assert reader.last_id() == total + 3000
