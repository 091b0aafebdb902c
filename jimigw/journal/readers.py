"""Reads of the running service: off the reactor thread and by turns, so that a long one holds up no other."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from functools import partial

from twisted.internet.defer import Deferred

from jimigw.journal.interface import JournalClosed, JournalError
from jimigw.journal.worker import T, Worker

TURN_SECONDS = 0.02
"""What one read may take before the next one has its turn."""


class ReadQueue:
    """Reads with one connection in one worker, by turns."""

    def __init__(self, connection: sqlite3.Connection, worker: Worker) -> None:
        self.connection = connection
        self._worker = worker
        self._closing = False

    def read(self, steps: Iterator[T | None]) -> Deferred[T]:
        """Return what comes of the steps at last; a read that is cancelled ends with its turn."""
        answer: Deferred[T] = Deferred()
        self._take_turn(answer, steps)
        return answer

    def close(self, ended: Callable[[], None]) -> None:
        """Let reads end with their turn, then close the connection and call ``ended``."""
        self._closing = True
        self._worker.submit(self.connection.close, lambda result, error: self._worker.stop(ended))

    def _take_turn(self, answer: Deferred[T], steps: Iterator[T | None]) -> None:
        self._worker.submit(partial(_turn, steps), partial(self._turn_ended, answer, steps))

    def _turn_ended(
        self, answer: Deferred[T], steps: Iterator[T | None], result: T | None, error: Exception | None
    ) -> None:
        if answer.called:
            return  # cancelled
        if isinstance(error, sqlite3.Error):
            answer.errback(JournalError(f"The journal cannot be read: {error}."))
        elif error is not None:
            answer.errback(error)
        elif result is not None:
            answer.callback(result)
        elif self._closing:
            answer.errback(JournalClosed("The journal was closed during a read."))
        else:
            self._take_turn(answer, steps)


def _turn(steps: Iterator[T | None]) -> T | None:
    end = time.perf_counter() + TURN_SECONDS
    for result in steps:
        if result is not None or time.perf_counter() > end:
            return result
    return None
