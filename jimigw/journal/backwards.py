"""How the newest records are found, and those of a time: from the end of the journal back, one short step at a time.

The steps are those of `jimigw.journal.pages`, in the other direction.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Collection, Iterator

from jimigw.journal.interface import FARTHEST, JournalDamaged, Record, Records
from jimigw.journal.pages import Batches, batches_before, batches_between, last_id, marked_before, marked_through
from jimigw.journal.records import decode, select

_OLDEST = "SELECT min(first_id) FROM batch"
_BATCH_BEFORE = "SELECT first_id, last_id, newest FROM batch WHERE first_id <= ? ORDER BY first_id DESC LIMIT 1"


def check_newest(limit: int, before_id: int | None) -> None:
    """Refuse a look at the newest records that makes no sense.

    :raises ValueError: a limit below 1 or above 10,000, or an id below 1.
    """
    if not 1 <= limit <= 10_000 or (before_id is not None and before_id < 1):
        raise ValueError(f"The newest records are 1 to 10000, before an id from 1, not {limit} and {before_id}.")


class _Found:
    """The records that a look has found so far; all from ``position`` on were looked through."""

    def __init__(self, before_id: int, limit: int, device: str | None, kinds: Collection[str] | None) -> None:
        self.position = before_id
        self._before, self._limit = before_id, limit
        self._device, self._kinds = device, None if kinds is None else frozenset(kinds)
        self._parts: list[list[Record]] = []
        self._count = 0

    @property
    def wanted(self) -> int:
        """Return how many records are still wanted."""
        return self._limit - self._count

    def take(self, batches: Batches) -> bool:
        """Choose from batches in order of id, the last one first; return whether that is enough. Damaged ones are
        passed over."""
        for first, last, records in reversed(batches):
            try:
                rows = decode(first, last, records)
            except JournalDamaged:
                self.position = min(self.position, first)
                continue
            if last >= self._before:
                del rows[self._before - first :]
            chosen = select(first, rows, first - 1, self._device, self._kinds)[-self.wanted :]
            self._parts.append(chosen)
            self._count += len(chosen)
            if self._count == self._limit:
                self.position = chosen[0].id
                return True
            self.position = min(self.position, first)
        return False

    def answer(self, through: int) -> Records:
        return Records([record for part in reversed(self._parts) for record in part], through)


def newest_slices(
    connection: sqlite3.Connection,
    limit: int,
    device: str | None,
    kinds: Collection[str] | None,
    before_id: int | None,
) -> Iterator[Records | None]:
    """Find the newest ``limit`` records below ``before_id``, one short step at a time.

    Yields None where other work may come between, and the :class:`Records` at last.
    """
    newest = last_id(connection)
    found = _Found(newest + 1 if before_id is None else min(before_id, newest + 1), limit, device, kinds)
    oldest = connection.execute(_OLDEST).fetchone()[0]
    marked = 0 if device is None else marked_through(connection)
    farthest = found.position - FARTHEST
    while oldest is not None and found.position > max(oldest, marked):
        if device is None and found.position <= farthest:
            yield found.answer(found.position - 1)
            return
        batches = batches_before(connection, found.position, found.wanted if kinds is None else 10_000)
        if not batches:
            break
        if found.take(batches):
            yield found.answer(found.position - 1)
            return
        yield None
    if device is not None and oldest is not None:
        for batches in marked_before(connection, min(found.position, marked), oldest, device):
            if found.take(batches):
                yield found.answer(found.position - 1)
                return
            yield None
    yield found.answer(0)


def id_at_steps(connection: sqlite3.Connection, at: int) -> Iterator[int | None]:
    """Find the id up to which records were received before ``at``, one short step at a time; yields None, then it."""
    newest = last_id(connection)
    oldest = connection.execute(_OLDEST).fetchone()[0]
    # Batches that begin below low end before the time; those that begin at high or above do not.
    low, high = newest + 1 if oldest is None else oldest, newest + 1
    while low < high:
        middle = (low + high) // 2
        first, last, newest_at = connection.execute(_BATCH_BEFORE, (middle,)).fetchone() or (0, middle, at - 1)
        if first < low:
            low = middle + 1
        elif newest_at < at:
            low = last + 1
        else:
            high = first
        yield None
    yield _within(connection, low, newest, at)


def _within(connection: sqlite3.Connection, first_id: int, newest: int, at: int) -> int:
    """The id before the first record of this batch that was received at ``at`` or later."""
    if first_id > newest:
        return newest
    for first, last, records in batches_between(connection, first_id, first_id, 1, 1):
        try:
            return first - 1 + bisect_left([row[3] for row in decode(first, last, records)], at)
        except JournalDamaged:
            break
    return first_id - 1
