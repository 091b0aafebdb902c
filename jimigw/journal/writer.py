"""The writing side of the journal's SQLite file: plain calls, no reactor. One thread at a time uses it.

Every call is short: a batch is one row and one fsync, and the upkeep (marks of devices, cursors, retention,
moving the log into the database) comes in pieces of a few milliseconds that fit between batches.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import attrs

from jimigw.journal.interface import Entry, JournalDamaged, JournalError
from jimigw.journal.marks import DeviceMarks
from jimigw.journal.pages import last_id
from jimigw.journal.records import Unstorable, encode, make_storable
from jimigw.journal.schema import BLOCK, open_for_writing

CHECKPOINT_BYTES = 8 * 1024 * 1024
"""Bytes written to the log after which it is moved into the database."""

PRUNE_SECONDS = 0.004
"""What one piece of retention may take; the number of records a piece is fitted to it, down to a single batch."""

_INSERT = "INSERT INTO batch (first_id, last_id, newest, records) VALUES (?, ?, ?, ?)"
# Whole batches among the oldest records; one of them at least, however many records it has.
_OLDEST = "SELECT max(last_id) FROM batch WHERE first_id < (SELECT min(first_id) FROM batch) + ? AND last_id <= ?"
_EXPIRED = _OLDEST + " AND newest < ?"
_MARK = "INSERT OR REPLACE INTO device_block (block, marks) VALUES (?, ?)"
_COUNT = "SELECT sum(last_id - first_id + 1) FROM batch WHERE first_id <= ?"
_HOLDER = "SELECT reader, id FROM cursor ORDER BY id, reader LIMIT 1"
_SIZE = "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count"


@attrs.frozen
class Retention:
    """What is kept: ``max_age`` in microseconds and ``max_bytes`` of live pages; None means no limit."""

    max_age: int | None = None
    max_bytes: int | None = None

    @property
    def comfortable_bytes(self) -> int:
        """Return the size above which the oldest records go, well before `max_bytes`, where entries are refused."""
        return self.max_bytes * 9 // 10 if self.max_bytes is not None else 0


@attrs.frozen
class Stored:
    """A batch that is safe: its entries, the id of the first of them, and its records as they lie in the file."""

    entries: list[Entry]
    first_id: int
    records: bytes


@attrs.frozen
class Upkeep:
    """What one piece of upkeep found and did.

    ``holder`` names the reader whose cursor keeps records that would otherwise go, and its cursor; ``damage`` says what
    could not be read; ``more`` asks for the next piece soon.
    """

    size_bytes: int
    pruned: int
    pruned_through: int
    holder: tuple[str, int] | None
    damage: JournalDamaged | None
    more: bool


class JournalWriter:
    """The one writer of a journal file.

    :raises JournalError: the file cannot be used, or another process writes to it.
    """

    def __init__(self, path: Path, retention: Retention, wall_clock: Callable[[], float] = time.time) -> None:
        self._lock = _locked(path)
        try:
            self._connection = open_for_writing(path)
        except BaseException:
            self._lock.close()
            raise
        self.retention = retention
        self._wall_clock = wall_clock
        self._page_size: int = self._connection.execute("PRAGMA page_size").fetchone()[0]
        self._log_bytes = 0
        self._prune_chunk = 256
        self.last_id = last_id(self._connection)
        self._marked_blocks = self._meta("marked_blocks")
        self._marks = DeviceMarks(self.last_id + 1)
        self._pruned_through = self._meta("pruned_through")

    def insert(self, entries: list[Entry]) -> Stored:
        """Commit entries as one batch, durably, all or none.

        Entries that no journal can store (a wrong type, a lone surrogate, a number above 64 bits) are left out.

        :raises sqlite3.Error: nothing was stored.
        """
        try:
            records, newest, devices = encode(entries)
        except Unstorable:
            entries = [entry for entry in entries if make_storable(entry)]
            if not entries:
                return Stored(entries, self.last_id + 1, b"")
            records, newest, devices = encode(entries)
        first_id = self.last_id + 1
        last_id = self.last_id + len(entries)
        try:
            # One statement outside of BEGIN and COMMIT is one transaction, and one hand-over of Python's lock.
            self._connection.execute(_INSERT, (first_id, last_id, newest, records))
        except sqlite3.Error:
            # On a full disk the log may hold all the space there is: let the next upkeep give it back.
            self._log_bytes = CHECKPOINT_BYTES
            raise
        self.last_id = last_id
        self._marks.add(devices)
        self._log_bytes += len(records) + self._page_size
        return Stored(entries, first_id, records)

    def upkeep(self, cursors: Mapping[str, int | None]) -> Upkeep:
        """Do one piece of what is due; ``cursors`` are to be set, or dropped where None.

        Cursors are safe before anything is deleted by them.

        :raises sqlite3.Error: the piece was not done; cursors may have been saved.
        """
        if self._log_bytes >= CHECKPOINT_BYTES:
            self.checkpoint()
        if cursors:
            self.save_cursors(cursors)
        more, damage = self._mark_devices()
        pruned, holder = self._prune()
        return Upkeep(self.size(), pruned, self._pruned_through, holder, damage, more or pruned > 0)

    def is_due(self) -> bool:
        """Return whether a piece of upkeep should come before the next second."""
        return self._log_bytes >= CHECKPOINT_BYTES or (self._marked_blocks + 1) * BLOCK <= self.last_id

    def checkpoint(self) -> None:
        """Move the log into the database, as far as readers allow."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._log_bytes = 0

    def size(self) -> int:
        """Return the bytes of the pages in use."""
        pages: int = self._connection.execute(_SIZE).fetchone()[0]
        return pages * self._page_size

    def cursors(self) -> dict[str, int]:
        """Return the saved cursors."""
        return dict(self._connection.execute("SELECT reader, id FROM cursor"))

    def save_cursors(self, cursors: Mapping[str, int | None]) -> None:
        """Set the cursors, and drop those that are None.

        :raises sqlite3.Error: none of them was changed.
        """
        with self._transaction():
            dropped = [(reader,) for reader, id in cursors.items() if id is None]
            kept = [(reader, id) for reader, id in cursors.items() if id is not None]
            self._connection.executemany("DELETE FROM cursor WHERE reader = ?", dropped)
            self._connection.executemany("INSERT OR REPLACE INTO cursor (reader, id) VALUES (?, ?)", kept)

    def close(self) -> None:
        """Close the file and let another process write."""
        self._connection.close()
        self._lock.close()

    def _mark_devices(self) -> tuple[bool, JournalDamaged | None]:
        """Do a piece of the marks of the oldest complete block that has none.

        Returns whether there is more to do, and what could not be read.
        """
        complete = (self.last_id + 1) // BLOCK
        block = max(self._marked_blocks, min(complete, (self._pruned_through + 1) // BLOCK))
        if block >= complete:
            return False, None
        ended, damage = self._marks.look_through(self._connection, block)
        if ended:
            with self._transaction():
                self._connection.execute(_MARK, (block, self._marks.pack()))
                self._set_meta("marked_blocks", block + 1)
            self._marked_blocks = block + 1
            self._marks.forget()
        return not ended or block + 1 < complete, damage

    def _prune(self) -> tuple[int, tuple[str, int] | None]:
        """Delete the oldest batches that are too old or too many.

        Returns how many records went, and the reader that keeps others. A batch goes when all of its records may.
        """
        holder: tuple[str, int] | None = self._connection.execute(_HOLDER).fetchone()
        started = time.perf_counter()
        through = self._expired(holder[1] if holder else self.last_id)
        if through is None:
            held = holder is not None and self._expired(self.last_id) is not None
            return 0, holder if held else None
        with self._transaction():
            pruned: int = self._connection.execute(_COUNT, (through,)).fetchone()[0]
            self._connection.execute("DELETE FROM batch WHERE first_id <= ?", (through,))
            self._connection.execute("DELETE FROM device_block WHERE block < ?", ((through + 1) // BLOCK,))
            self._set_meta("pruned_through", through)
        self._pruned_through = through
        self._fit_chunk(time.perf_counter() - started)
        return pruned, None

    def _expired(self, guard: int) -> int | None:
        """Return the id through which the next piece of retention deletes, at most ``guard``; None: nothing is due."""
        retention = self.retention
        through: int | None = None
        if retention.max_bytes is not None and self.size() > retention.comfortable_bytes:
            through = self._connection.execute(_OLDEST, (self._excess_records(), guard)).fetchone()[0]
        if through is None and retention.max_age is not None:
            oldest = int(self._wall_clock() * 1_000_000) - retention.max_age
            through = self._connection.execute(_EXPIRED, (self._prune_chunk, guard, oldest)).fetchone()[0]
        return through

    def _excess_records(self) -> int:
        """Return about how many records are too many, at least one, at most a piece."""
        size = self.size()
        records = self.last_id - self._pruned_through
        excess = size - self.retention.comfortable_bytes
        return max(1, min(self._prune_chunk, excess * records // size + 1))

    def _fit_chunk(self, seconds: float) -> None:
        if seconds > PRUNE_SECONDS:
            self._prune_chunk = max(1, self._prune_chunk // 2)
        elif seconds < PRUNE_SECONDS / 2:
            self._prune_chunk = min(4096, self._prune_chunk * 2)

    def _meta(self, name: str) -> int:
        return int(self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0])

    def _set_meta(self, name: str, value: int) -> None:
        self._connection.execute("UPDATE meta SET value = ? WHERE name = ?", (value, name))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # Some errors have rolled back already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _locked(path: Path) -> IO[bytes]:
    """Take the lock that only one writer has; it goes with the process, however that ends."""
    lock = path.with_name(path.name + ".lock")
    try:
        file = open(lock, "ab", opener=lambda name, flags: os.open(name, flags, 0o640))  # noqa: SIM115
    except OSError as error:
        raise JournalError(f"The journal {path} cannot be opened for writing: {error.strerror}.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise JournalError(f"The journal {path} is in use by another process; two may not write to it.") from error
    return file
