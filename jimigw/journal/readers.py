"""Reads of the running service: off the reactor thread and by turns, so that a long one holds up no other."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial

from twisted.internet.defer import Deferred

from jimigw.journal.interface import JournalClosed, JournalError, Records
from jimigw.journal.pages import read_slices
from jimigw.journal.worker import Worker

TURN_SECONDS = 0.02
"""What one read may take before the next one has its turn."""

_Slices = Iterator[Records | None]


class ReadQueue:
    """Reads with one connection in one worker, by turns."""

    def __init__(self, connection: sqlite3.Connection, worker: Worker) -> None:
        self._connection = connection
        self._worker = worker
        self._closing = False

    def read(self, after_id: int, limit: int, device: str | None, kinds: Collection[str] | None) -> Deferred[Records]:
        """Return the records; a read that is cancelled ends with its turn."""
        answer: Deferred[Records] = Deferred()
        slices = read_slices(self._connection, after_id, limit, device, kinds)
        self._take_turn(answer, slices)
        return answer

    def close(self, ended: Callable[[], None]) -> None:
        """Let reads end with their turn, then close the connection and call ``ended``."""
        self._closing = True
        self._worker.submit(self._connection.close, lambda result, error: self._worker.stop(ended))

    def _take_turn(self, answer: Deferred[Records], slices: _Slices) -> None:
        self._worker.submit(partial(_turn, slices), partial(self._turn_ended, answer, slices))

    def _turn_ended(
        self, answer: Deferred[Records], slices: _Slices, records: Records | None, error: Exception | None
    ) -> None:
        if answer.called:
            return  # cancelled
        if isinstance(error, sqlite3.Error):
            answer.errback(JournalError(f"The journal cannot be read: {error}."))
        elif error is not None:
            answer.errback(error)
        elif records is not None:
            answer.callback(records)
        elif self._closing:
            answer.errback(JournalClosed("The journal was closed during a read."))
        else:
            self._take_turn(answer, slices)


def _turn(slices: _Slices) -> Records | None:
    end = time.perf_counter() + TURN_SECONDS
    for records in slices:
        if records is not None or time.perf_counter() > end:
            return records
    return None
