"""A thread of one's own: jobs run there in order, their outcomes come back to the reactor thread."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar

from twisted.internet.interfaces import IDelayedCall

T = TypeVar("T")


class JournalReactor(Protocol):
    """What the journal uses of a reactor."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, call: Callable[..., object], /, *args: Any, **kw: Any) -> IDelayedCall: ...

    def callFromThread(self, call: Callable[..., object], /, *args: Any, **kw: Any) -> None: ...


class Worker(Protocol):
    """Runs jobs one after another, and reports each in the reactor thread."""

    def submit(self, job: Callable[[], T], report: Callable[[T | None, Exception | None], None]) -> None:
        """Run ``job``, then call ``report`` with its result or the error that it raised."""

    def stop(self, stopped: Callable[[], None]) -> None:
        """Call ``stopped`` once all jobs are reported and nothing more will run."""


class WorkerThread:
    """A :class:`Worker` with a thread. It is no daemon: the process ends only after `stop`."""

    def __init__(self, reactor: JournalReactor, name: str) -> None:
        self._reactor = reactor
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name)
        self._thread.start()

    def submit(self, job: Callable[[], T], report: Callable[[T | None, Exception | None], None]) -> None:
        """Run ``job`` in the thread, then ``report`` in the reactor thread."""

        def run() -> None:
            result: T | None = None
            error: Exception | None = None
            try:
                result = job()
            except Exception as raised:
                error = raised
            self._reactor.callFromThread(report, result, error)

        self._jobs.put(run)

    def stop(self, stopped: Callable[[], None]) -> None:
        """End the thread after the jobs it has, then call ``stopped`` in the reactor thread."""

        def last() -> None:
            self._reactor.callFromThread(self._join, stopped)

        self._jobs.put(last)
        self._jobs.put(None)

    def _join(self, stopped: Callable[[], None]) -> None:
        self._thread.join()
        stopped()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
