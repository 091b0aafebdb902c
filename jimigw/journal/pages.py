"""How records are read: in slices that are one SQLite step each, and never long.

Python gives up its global lock at every step of SQLite, and under load it takes milliseconds to come back. A query that
steps once a row therefore reads a hundred times slower beside a busy reactor than alone. So a slice of batches comes as
one row, what is known of them as one JSON array and their records as one blob, cut apart here. That also serves a quiet
fleet, whose batches have one record each: they cost no more space than rows of their own, and are read as fast.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from itertools import islice
from zlib import crc32

import msgspec

from jimigw.journal.interface import JournalDamaged, Record, Records
from jimigw.journal.records import decode, select
from jimigw.journal.schema import BLOCK

SLICE_BATCHES = 256
"""Batches that one step brings at most."""

SLICE_BYTES = 1024 * 1024
"""Bytes of records after which a slice takes no further batch. Their decoding holds Python's lock, half a millisecond
a megabyte."""

SLICE_BLOCKS = 64
"""Blocks whose marks one step brings: 1 MB."""

MAX_LIMIT = 10_000
"""Records that one read may ask for."""

# Sizes are looked at first, which reads no records: SQLite knows the length of a blob from the head of its row.
_SLICE = """
    SELECT
        json_group_array(json_array(first_id, last_id, CASE typeof(records) WHEN 'blob' THEN length(records) END)),
        CAST(group_concat(CASE typeof(records) WHEN 'blob' THEN records END, '') AS BLOB)
    FROM (
        SELECT first_id, CAST(last_id AS INTEGER) AS last_id, records FROM batch
        WHERE first_id IN (
            SELECT first_id FROM (
                SELECT first_id, sum(size) OVER up_to - size AS size_before, sum(count) OVER up_to - count AS before
                FROM (
                    SELECT first_id, length(records) AS size, last_id - first_id + 1 AS count
                    FROM batch WHERE {which} ORDER BY first_id {order} LIMIT ?
                )
                WINDOW up_to AS (ORDER BY first_id {order} ROWS UNBOUNDED PRECEDING)
            )
            WHERE size_before < ? AND before < ?
        )
        ORDER BY first_id
    )
"""
_AMONG = "first_id IN (SELECT (SELECT max(first_id) FROM batch WHERE first_id <= value) FROM json_each(?))"
_IN_RANGE = _SLICE.format(which="first_id >= ? AND first_id <= ?", order="ASC")
_BEFORE = _SLICE.format(which="first_id < ?", order="DESC")
# The oldest, or the newest of them, where not all fit into a slice
_OF_IDS = {order: _SLICE.format(which=_AMONG, order=order) for order in ("ASC", "DESC")}
_LAST_ID = """
    SELECT max(value, coalesce((SELECT last_id FROM batch ORDER BY first_id DESC LIMIT 1), 0))
    FROM meta WHERE name = 'pruned_through'
"""
_BATCH_OF = "SELECT first_id, last_id FROM batch WHERE first_id <= ? ORDER BY first_id DESC LIMIT 1"
_MARKED_BLOCKS = "SELECT value FROM meta WHERE name = 'marked_blocks'"
_MARKS = """
    SELECT json_group_array(block), CAST(group_concat(marks, '') AS BLOB) FROM (
        SELECT block, marks FROM device_block
        WHERE typeof(marks) = 'blob' AND length(marks) = ? AND block >= ? AND block < ? ORDER BY block
    )
"""

Batches = list[tuple[int, int, memoryview | None]]
"""First id, last id and records of some batches; None for records that are no blob."""

_heads = msgspec.json.Decoder(list[tuple[int, int, int | None]])


def check_bounds(after_id: int, limit: int) -> None:
    """Refuse a read that makes no sense.

    :raises ValueError: a negative id, or a limit below 1 or above `MAX_LIMIT`.
    """
    if after_id < 0 or not 1 <= limit <= MAX_LIMIT:
        raise ValueError(f"A read wants an id from 0 and a limit of 1 to {MAX_LIMIT}, not {after_id} and {limit}.")


def last_id(connection: sqlite3.Connection) -> int:
    """Return the newest id that the journal has given to a record, 0 for none."""
    return int(connection.execute(_LAST_ID).fetchone()[0])


def batches_between(connection: sqlite3.Connection, first_id: int, last_id: int, size: int, records: int) -> Batches:
    """Return the first batches that begin at one of the ids, up to about ``size`` bytes and ``records`` records."""
    return _cut(*connection.execute(_IN_RANGE, (first_id, last_id, SLICE_BATCHES, size, records)).fetchone())


def batches_before(connection: sqlite3.Connection, id: int, records: int) -> Batches:
    """Return the last batches that begin below ``id``, in order, as many as have about so many records."""
    return _cut(*connection.execute(_BEFORE, (id, SLICE_BATCHES, SLICE_BYTES, records)).fetchone())


def _batches_of(connection: sqlite3.Connection, ids: list[int], order: str = "ASC") -> Batches:
    chosen = msgspec.json.encode(ids).decode()
    return _cut(*connection.execute(_OF_IDS[order], (chosen, SLICE_BATCHES, SLICE_BYTES, MAX_LIMIT)).fetchone())


def _cut(heads: str, records: bytes | None) -> Batches:
    batches: Batches = []
    view = memoryview(records or b"")
    start = 0
    for first, last, size in _heads.decode(heads):
        batches.append((first, last, None if size is None else view[start : start + size]))
        start += size or 0
    return batches


class _Found:
    """The records that a read has found so far."""

    def __init__(self, after_id: int, limit: int, device: str | None, kinds: Collection[str] | None) -> None:
        self.position = after_id
        self._limit = limit
        self._device, self._kinds = device, None if kinds is None else frozenset(kinds)
        self._takes_all = device is None and kinds is None
        self._records: list[Record] = []

    @property
    def wanted(self) -> int:
        """Return how many records would be enough, if all were of the right kind."""
        return self._limit - len(self._records) if self._takes_all else MAX_LIMIT

    def take(self, batches: Batches) -> Records | None:
        """Choose from batches, in order; return the answer when it is complete, or a damaged batch ends it.

        :raises JournalDamaged: a damaged batch comes before anything was found.
        """
        for first, last, records in batches:
            try:
                rows = decode(first, last, records)
            except JournalDamaged:
                if not self._records:
                    raise
                self.position = max(self.position, first - 1)
                return self.answer()
            self._records += select(first, rows, self.position, self._device, self._kinds)
            if len(self._records) >= self._limit:
                del self._records[self._limit :]
                self.position = self._records[-1].id
                return self.answer()
            self.position = max(self.position, last)
        return None

    def answer(self) -> Records:
        return Records(self._records, self.position)


def read_slices(
    connection: sqlite3.Connection, after_id: int, limit: int, device: str | None, kinds: Collection[str] | None
) -> Iterator[Records | None]:
    """Read up to ``limit`` records above ``after_id``, one short step at a time.

    Yields None where other work may come between, and the :class:`Records` at last.

    :raises JournalDamaged: the first thing to read is a damaged batch.
    """
    newest = last_id(connection)
    found = _Found(after_id, limit, device, kinds)
    if device is not None:
        marked = marked_through(connection)
        for batches in _marked(connection, after_id, marked, device):
            if (answer := found.take(batches)) is not None:
                yield answer
                return
            yield None
        found.position = max(found.position, marked - 1)
    while found.position < newest:
        start = batch_of(connection, found.position + 1)
        batches = batches_between(connection, start, newest, SLICE_BYTES, found.position + 1 - start + found.wanted)
        if not batches:
            found.position = newest
        if (answer := found.take(batches)) is not None:
            yield answer
            return
        yield None
    yield found.answer()


def batch_of(connection: sqlite3.Connection, id: int) -> int:
    """Return the first id of the batch that holds ``id``, or ``id`` where none does any more."""
    first, last = connection.execute(_BATCH_OF, (id,)).fetchone() or (id, id)
    return int(first) if last >= id else id


def marked_through(connection: sqlite3.Connection) -> int:
    """Return the id below which all records are in blocks with marks."""
    return int(connection.execute(_MARKED_BLOCKS).fetchone()[0]) * BLOCK


def _marked(connection: sqlite3.Connection, after_id: int, marked: int, device: str) -> Iterator[Batches]:
    """Yield the batches that have the device's mark above ``after_id`` in blocks with marks, a slice at a time."""
    mark = _mark_of(device)
    position = after_id
    for start in range((after_id + 1) // BLOCK, marked // BLOCK, SLICE_BLOCKS):
        end = min(start + SLICE_BLOCKS, marked // BLOCK)
        blocks, marks = connection.execute(_MARKS, (4 * BLOCK, start, end)).fetchone()
        ids = _ids_with(mark, msgspec.json.decode(blocks, type=list[int]), marks or b"")
        while chosen := list(islice((id for id in ids if id > position), SLICE_BATCHES)):
            while chosen:
                batches = _batches_of(connection, chosen)
                yield batches
                # What retention has taken meanwhile is not among them.
                position = max(position, batches[-1][1] if batches else chosen[-1])
                chosen = chosen[bisect_right(chosen, position) :]
        yield []


def marked_before(connection: sqlite3.Connection, before: int, oldest: int, device: str) -> Iterator[Batches]:
    """Yield the batches that have the device's mark below ``before``, the last ones first, each slice in order."""
    mark = _mark_of(device)
    position = before
    for end in range(-(-before // BLOCK), oldest // BLOCK, -SLICE_BLOCKS):
        start = max(end - SLICE_BLOCKS, oldest // BLOCK)
        blocks, marks = connection.execute(_MARKS, (4 * BLOCK, start, end)).fetchone()
        ids = list(_ids_with(mark, msgspec.json.decode(blocks, type=list[int]), marks or b""))
        del ids[bisect_left(ids, position) :]
        while ids:
            batches = _batches_of(connection, ids[-SLICE_BATCHES:], "DESC")
            yield batches
            # What retention has taken meanwhile is not among them.
            position = min(position, batches[0][0]) if batches else 0
            del ids[bisect_left(ids, position) :]
        yield []


def _mark_of(device: str) -> bytes:
    return crc32(device.encode(errors="replace")).to_bytes(4, "little")


def _ids_with(mark: bytes, blocks: list[int], marks: bytes) -> Iterator[int]:
    at = marks.find(mark)
    while at >= 0:
        if at % 4 == 0:
            block, place = divmod(at // 4, BLOCK)
            yield blocks[block] * BLOCK + place
        at = marks.find(mark, at + 1)
