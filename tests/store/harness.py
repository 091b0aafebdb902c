"""What the tests of the store share: a store whose thread and clock are moved by hand."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from jimigw.store import CardChanges, SqliteStore
from tests.support.recorder import RecordingStore


class HandReactor(Clock):
    """A clock, and calls from threads that are the test's own."""

    def callFromThread(self, call: Callable[..., object], /, *args: Any, **kw: Any) -> None:
        call(*args, **kw)


class HandPool:
    """A pool that runs its jobs when it is told to."""

    def __init__(self) -> None:
        self.jobs: deque[Callable[[], object]] = deque()
        self.running = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        assert not self.jobs
        self.running = False

    def callInThreadWithCallback(self, onResult: Callable[[bool, Any], object], func: Callable[[], Any], /) -> None:
        assert self.running
        self.jobs.append(partial(self._run, onResult, func))

    def _run(self, report: Callable[[bool, Any], object], job: Callable[[], Any]) -> None:
        try:
            result = job()
        except Exception:
            report(False, Failure())
        else:
            report(True, result)

    def run(self) -> bool:
        """Run the oldest job, if there is one."""
        if not self.jobs:
            return False
        self.jobs.popleft()()
        return True


def result_of(deferred: Deferred[Any], settle: Callable[[], None]) -> Any:
    """What a deferred comes to once everything has happened; its failure is raised."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    settle()
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return result


def ended(deferred: Deferred[Any]) -> list[str]:
    """A list that gets what comes of it: the result, or what the failure says."""
    outcome: list[str] = []
    deferred.addCallbacks(
        lambda result: outcome.append(str(result)), lambda failure: outcome.append(failure.getErrorMessage())
    )
    return outcome


class MemoryBench:
    """The store in memory that tests of other rooms use, moved in the same way."""

    def __init__(self) -> None:
        self.store = RecordingStore()

    def settle(self) -> None:
        """Let everything happen."""
        self.store.commit()

    def result(self, deferred: Deferred[Any]) -> Any:
        """Return what a deferred comes to, or raise its failure."""
        return result_of(deferred, self.settle)


class Bench:
    """A started store with everything that moves it."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.clock = HandReactor()
        self.pool = HandPool()
        self.store = SqliteStore(path, self.clock, make_pool=lambda: self.pool, **options)
        self.changes: list[CardChanges] = []
        self.store.on_cards_changed(self.changes.append)
        self.contents = self.store.start()
        self.transactions = 0
        self.connection.set_trace_callback(self._count)

    def _count(self, statement: str) -> None:
        self.transactions += statement == "COMMIT"

    @property
    def connection(self) -> sqlite3.Connection:
        """The writer's own connection, to break it."""
        assert self.store._database is not None
        return self.store._database._connection

    def settle(self) -> None:
        """Let everything happen that needs no time to pass."""
        self.clock.advance(0)
        while self.pool.run():
            self.clock.advance(0)

    def seconds(self, count: int = 1) -> None:
        """Let whole seconds pass."""
        for _ in range(count):
            self.clock.advance(1)
            self.settle()

    def result(self, deferred: Deferred[Any]) -> Any:
        """Return what a deferred comes to, or raise its failure."""
        return result_of(deferred, self.settle)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what another connection sees."""
        connection = sqlite3.connect(self.path)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def close(self) -> None:
        """Close the store, all the way."""
        ended: list[None] = []
        self.store.close().addCallback(ended.append)
        self.settle()
        assert ended == [None]
        assert not self.pool.running
        assert not self.clock.getDelayedCalls()
