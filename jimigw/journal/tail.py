"""The newest batches in memory, for readers that keep up: they never touch the disk.

A batch is kept as the bytes that the writer made of it. Nothing is done for each entry until somebody reads, the
entries themselves are let go of, and Python's garbage collector has one object a batch to look at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from jimigw.journal.interface import Record, Records
from jimigw.journal.records import decode, select

BATCH_OVERHEAD = 256
"""Bytes that a batch costs in memory beside its records."""


class Tail:
    """Every committed record with an id above ``after``, as long as they fit into ``max_bytes``."""

    def __init__(self, after: int, max_bytes: int) -> None:
        self.after = after
        self._newest = after
        self._max_bytes = max_bytes
        self._batches: deque[tuple[int, int, bytes]] = deque()
        self._bytes = 0

    def add(self, first_id: int, last_id: int, records: bytes) -> None:
        """Take a batch, newer than all before, and let go of the oldest that no longer fit."""
        self._batches.append((first_id, last_id, records))
        self._newest = last_id
        self._bytes += len(records) + BATCH_OVERHEAD
        while self._bytes > self._max_bytes and self._batches:
            self._forget_oldest()

    def forget_through(self, id: int) -> None:
        """Let go of batches up to ``id``, which the journal keeps no more."""
        while self._batches and self._batches[0][1] <= id:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, self.after, records = self._batches.popleft()
        self._bytes -= len(records) + BATCH_OVERHEAD

    def read(self, after_id: int, limit: int, device: str | None, kinds: Collection[str] | None) -> Records | None:
        """Return the records that a read asks for, or None when some of them may lie further back."""
        if after_id < self.after:
            return None
        found: list[Record] = []
        for first_id, last_id, records in self._batches_after(after_id):
            found += select(first_id, decode(first_id, last_id, records), after_id, device, kinds)
            if len(found) >= limit:
                del found[limit:]
                return Records(found, found[-1].id)
        return Records(found, max(after_id, self._newest))

    def newest(self, limit: int, before_id: int | None) -> Records | None:
        """Return the newest records of all terminals, or None when some of them may lie further back."""
        found: list[list[Record]] = []
        for first_id, last_id, records in reversed(self._batches):
            if before_id is None or first_id < before_id:
                rows = decode(first_id, last_id, records)
                if before_id is not None and last_id >= before_id:
                    del rows[before_id - first_id :]
                found.append(select(first_id, rows, first_id - 1, None, None)[-limit:])
                limit -= len(found[-1])
                if limit == 0:
                    return Records([record for part in reversed(found) for record in part], found[-1][0].id - 1)
        return None

    def _batches_after(self, after_id: int) -> list[tuple[int, int, bytes]]:
        # From the newest back: that is where readers are that keep up.
        batches = []
        for batch in reversed(self._batches):
            if batch[1] <= after_id:
                break
            batches.append(batch)
        batches.reverse()
        return batches
