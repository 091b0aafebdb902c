"""The records of some devices on their way, in order: one batch at a time, the rest waits behind it."""

from __future__ import annotations

from collections import deque
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from jimigw.journal.interface import Record
from jimigw.model.dead_letter import DeadLetter

_FRAME = 24
"""Bytes that a record's JSON takes beside its data: its id and a comma. The two brackets come once."""


@attrs.define(eq=False)
class Lane:
    """``batch`` is what is under way or is to be tried again, from ``retry_at`` on, after ``failures`` failures.

    ``letters`` are those records of it that will never be taken: they are stored before the batch is over. ``busy``
    while somebody is at it, ``gone`` once the reader has turned elsewhere.
    """

    queue: deque[Record] = attrs.Factory(deque)
    batch: list[Record] = attrs.Factory(list)
    letters: list[DeadLetter] = attrs.Factory(list)
    busy: bool = False
    under_way: Deferred[Any] | None = None
    failures: int = 0
    retry_at: float = 0.0
    given_up: str | None = None
    gone: bool = False
    #: whether the last batch was cut off by its bytes, so that there is another one at once
    cut: bool = False

    @property
    def oldest(self) -> Record | None:
        """The first record that is not over."""
        if self.batch:
            return self.batch[0]
        return self.queue[0] if self.queue else None

    def take(self, most: int, most_bytes: int) -> None:
        """Make a batch of what waits; there is something."""
        queue = self.queue
        batch = self.batch = [queue.popleft() for _ in range(min(most, len(queue)))]
        self.cut = False
        size = 2
        for at, record in enumerate(batch):
            size += len(record.data) + _FRAME
            if size > most_bytes and at:
                queue.extendleft(reversed(batch[at:]))
                del batch[at:]
                self.cut = True
                return

    def over(self) -> None:
        """The batch is over."""
        self.batch, self.letters, self.given_up = [], [], None
        self.failures, self.retry_at = 0, 0.0
