"""The entries that wait for their commit, in batches, and how many may."""

from __future__ import annotations

from collections import Counter, deque

import attrs

from jimigw.journal.interface import Entry

MAX_BATCH = 1024
"""Entries in one batch at most: who reads one of them decodes them all."""

MAX_BATCH_BYTES = 2 * 1024 * 1024
"""Bytes of entries in one batch at most, unless it is a single entry."""

ENTRY_OVERHEAD = 512
"""Bytes that an entry counts beside its frame and its JSON object."""


@attrs.frozen
class Batch:
    """Entries of one transaction, and the bytes that they count for."""

    entries: list[Entry]
    size: int


class Intake:
    """Holds entries in order of arrival until they are committed or lost.

    An entry counts against the limits until its batch has ended.
    """

    def __init__(self, max_waiting: int, max_waiting_bytes: int, max_entry_bytes: int) -> None:
        self._max_waiting = max_waiting
        self._max_waiting_bytes = max_waiting_bytes
        self._max_entry_size = max_entry_bytes + ENTRY_OVERHEAD
        self.refused: Counter[str] = Counter()
        # Batches that are complete, and one that takes entries. `take` is the hot path: it compares with what the open
        # batch may still take, whichever limit that comes from, and thinks only where one is met.
        self._complete: deque[Batch] = deque()
        self._open: list[Entry] = []
        self._others = self._others_size = self._ended = 0
        self._limit_size = self._room = 0
        self._fit_open_batch()

    def __bool__(self) -> bool:
        """Return whether entries wait for the writer."""
        return bool(self._open or self._complete)

    @property
    def uncommitted(self) -> int:
        """Return how many entries wait, with those in the writer."""
        return len(self._open) + self._others

    @property
    def waiting_bytes(self) -> int:
        """Return what these count for, in bytes."""
        return self._limit_size - self._room + self._others_size

    @property
    def appended(self) -> int:
        """Return how many entries were taken since the start."""
        return self._ended + self.uncommitted

    def take(self, entry: Entry) -> bool:
        """Let an entry wait; return False when it is too large or too many wait."""
        size = len(entry.raw) + len(entry.data) + ENTRY_OVERHEAD
        entries = self._open
        if size > self._room or size > self._max_entry_size or len(entries) >= self._limit:
            return self._take_at_a_limit(entry, size)
        self._room -= size
        entries.append(entry)
        return True

    def _take_at_a_limit(self, entry: Entry, size: int) -> bool:
        if size > self._max_entry_size:
            self.refused["too_large"] += 1
            return False
        if self.waiting_bytes + size > self._max_waiting_bytes or self.uncommitted >= self._max_waiting:
            self.refused["waiting"] += 1
            return False
        if self._open:
            self._complete_batch()
        self._room -= size  # below 0 with an entry that is larger than a batch
        self._open.append(entry)
        return True

    def next_batch(self) -> Batch:
        """Return the oldest entries that wait, at least one, for the writer."""
        if not self._complete:
            self._complete_batch()
        return self._complete.popleft()

    def batch_ended(self, batch: Batch) -> None:
        """Count the entries of a batch no more: they are committed, or lost."""
        self._others -= len(batch.entries)
        self._others_size -= batch.size
        self._ended += len(batch.entries)
        self._fit_open_batch()

    def _complete_batch(self) -> None:
        batch = Batch(self._open, self._limit_size - self._room)
        self._complete.append(batch)
        self._others += len(batch.entries)
        self._others_size += batch.size
        self._open = []
        self._room = self._limit_size
        self._fit_open_batch()

    def _fit_open_batch(self) -> None:
        size = self._limit_size - self._room
        self._limit = min(MAX_BATCH, self._max_waiting - self._others)
        self._limit_size = min(MAX_BATCH_BYTES, self._max_waiting_bytes - self._others_size)
        self._room = self._limit_size - size
