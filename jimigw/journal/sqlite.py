"""The journal on SQLite: group commit, limits and recovery.

Entries gather in the reactor thread while the writer thread commits the batch before them; every batch is one
transaction with one fsync. A lone entry is committed at once, a busy journal starts a commit every ``commit_interval``
at most, so that a batch holds many entries. Upkeep takes its turn with the batches and never waits for them to end.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from zope.interface import implementer

from jimigw.journal.backwards import check_newest, id_at_steps, newest_slices
from jimigw.journal.cursors import Changes, Cursors
from jimigw.journal.intake import Batch, Intake
from jimigw.journal.interface import Entry, IJournal, JournalClosed, JournalError, JournalStats, Records
from jimigw.journal.pages import check_bounds, read_slices
from jimigw.journal.readers import ReadQueue
from jimigw.journal.schema import open_for_reading
from jimigw.journal.tail import Tail
from jimigw.journal.troubles import Troubles
from jimigw.journal.worker import JournalReactor, Worker, WorkerThread
from jimigw.journal.writer import JournalWriter, Retention, Stored, Upkeep

UPKEEP_INTERVAL = 1.0
"""Seconds between two looks at cursors, retention and size, while nothing asks for one sooner."""

RETRY_INTERVAL = 1.0
"""Seconds after a failed commit until the next one is tried."""

_DAY = 86_400_000_000


@implementer(IJournal)
class SqliteJournal:
    """A journal in one SQLite file.

    ``retention_days`` and ``max_bytes`` (live bytes of the file, without its log) are off at 0. ``wall_clock`` gives
    seconds since 1970 for retention, ``make_worker`` a thread, or in a test something that runs jobs by hand.
    """

    _log = Logger()

    def __init__(
        self,
        path: str | Path,
        reactor: JournalReactor,
        *,
        commit_interval: float = 0.005,
        retention_days: float = 0,
        max_bytes: int = 0,
        max_waiting: int = 100_000,
        max_waiting_bytes: int = 64 * 1024 * 1024,
        max_entry_bytes: int = 1024 * 1024,
        tail_bytes: int = 8 * 1024 * 1024,
        wall_clock: Callable[[], float] = time.time,
        make_worker: Callable[[JournalReactor, str], Worker] = WorkerThread,
    ) -> None:
        self._path = Path(path)
        self._reactor = reactor
        self._commit_interval = commit_interval
        self._retention = Retention(int(retention_days * _DAY) or None, max_bytes or None)
        self._intake = Intake(max_waiting, max_waiting_bytes, max_entry_bytes)
        self._tail_bytes = tail_bytes
        self._wall_clock = wall_clock
        self._make_worker = make_worker
        self._listeners: list[Callable[[], None]] = []
        # Who waits for the end, once it has begun
        self._closing: list[Deferred[None]] | None = None
        self._closed = False
        self._reads_done = False
        self._writer: JournalWriter | None = None
        self._troubles = Troubles(reactor.seconds, self._log)
        self._cursors = Cursors()
        self._last_id = 0
        self._size = 0
        # Why entries are not simply taken: None, "closed", "full" or "failing".
        self._trouble: str | None = "closed"
        self._over_limit = False
        self._commit_trouble: str | None = None
        self._retry_at = 0.0
        # What the writer thread does and did
        self._busy = False
        self._commit_call: IDelayedCall | None = None
        self._last_start = -1e9
        self._upkeep_due = False
        self._upkeep_was_last = True
        self._committed_entries = self._batches = self._failed_entries = self._pruned = 0
        self._last_commit_seconds = 0.0
        self._last_error: str | None = None

    def keep(self, retention_days: float, max_bytes: int) -> None:
        """Keep records for another time, and another amount of them, from now on; 0 is no limit."""
        self._retention = Retention(int(retention_days * _DAY) or None, max_bytes or None)
        if self._writer is not None:
            self._writer.retention = self._retention

    # Start and end

    def start(self) -> None:
        """Open the journal, or make it, and start its threads."""
        if self._writer is not None or self._closed:
            raise JournalError(f"The journal {self._path} was started before; make a new one to open it again.")
        writer = JournalWriter(self._path, self._retention, self._wall_clock)
        try:
            self._cursors.load(writer.cursors())
            self._size = writer.size()
            reading = open_for_reading(self._path)
        except BaseException:
            writer.close()
            raise
        self._writer = writer
        self._last_id = writer.last_id
        self._tail = Tail(writer.last_id, self._tail_bytes)
        self._worker = self._make_worker(self._reactor, "journal-writer")
        self._reads = ReadQueue(reading, self._make_worker(self._reactor, "journal-reader"))
        self._set_trouble()
        self._each_second()

    def close(self) -> Deferred[None]:
        """Take nothing more, commit all that waits, then close the file and end the threads."""
        if self._closed or self._writer is None:
            self._closed = True
            return succeed(None)
        ended: Deferred[None] = Deferred()
        if self._closing is not None:
            self._closing.append(ended)
            return ended
        self._closing = [ended]
        self._set_trouble()
        self._tick.cancel()
        if self._commit_call is not None:
            self._commit_call.cancel()
            self._commit_call = None
        self._reads.close(self._reads_ended)
        return ended

    def _reads_ended(self) -> None:
        # The writer closes last: that moves the log into the database and removes it.
        self._reads_done = True
        self._go_on()

    def _close_writer(self) -> None:
        writer, unsaved = self._writer, self._cursors.take_changes()
        assert writer is not None

        def finish() -> None:
            try:
                if unsaved:
                    writer.save_cursors(unsaved)
            finally:
                writer.close()

        self._busy = True
        self._worker.submit(finish, self._writer_closed)

    def _writer_closed(self, result: None, error: Exception | None) -> None:
        if error is not None:
            self._last_error = str(error)
            self._log.error("The journal could not save its cursors at the end: {error}.", error=error)
        self._worker.stop(self._ended)

    def _ended(self) -> None:
        self._closed = True
        waiting, self._closing = self._closing or [], None
        for ended in waiting:
            ended.callback(None)

    # Entries in

    def append(self, entry: Entry) -> bool:
        """Queue an entry for the next commit; return False when it is not taken."""
        if self._trouble is not None and not self._may_retry():
            self._intake.refused[self._trouble] += 1
            return False
        if not self._intake.take(entry):
            return False
        if self._commit_call is None and not self._busy:
            self._schedule()
        return True

    def _may_retry(self) -> bool:
        """Return whether an entry may try if the disk takes entries again: one at a time, once a second."""
        return (
            self._trouble != "closed"
            and self._commit_trouble is not None
            and not self._over_limit
            and not self._intake.uncommitted
            and self._reactor.seconds() >= self._retry_at
        )

    def _set_trouble(self) -> None:
        if self._closing is not None or self._writer is None:
            self._trouble = "closed"
        elif self._over_limit:
            self._trouble = "full"
        else:
            self._trouble = self._commit_trouble

    def _schedule(self) -> None:
        earliest = self._last_start + self._commit_interval
        if self._commit_trouble is not None:
            earliest = max(earliest, self._retry_at)
        # Even without a delay it is the next turn of the reactor: what arrived in this one shares the batch.
        delay = max(0.0, earliest - self._reactor.seconds())
        self._commit_call = self._reactor.callLater(delay, self._commit)

    # Jobs of the writer thread, one at a time

    def _go_on(self) -> None:
        """Give the writer thread its next job, or let the batch gather; only while it has none."""
        if self._busy:
            return
        if self._closing is not None:
            if self._intake:
                self._commit()
            elif self._reads_done:
                self._close_writer()
            return
        if self._upkeep_due and not (self._intake and self._upkeep_was_last):
            self._start_upkeep()
        elif self._intake and self._commit_call is None:
            self._schedule()

    def _commit(self) -> None:
        self._commit_call = None
        writer = self._writer
        if self._busy or not self._intake or writer is None:
            return  # the end of the job at hand goes on
        batch = self._intake.next_batch()
        self._busy = True
        self._upkeep_was_last = False
        self._last_start = self._reactor.seconds()
        self._worker.submit(partial(writer.insert, batch.entries), partial(self._committed, batch))

    def _committed(self, batch: Batch, stored: Stored | None, error: Exception | None) -> None:
        self._busy = False
        self._intake.batch_ended(batch)
        if stored is None:
            self._commit_failed(batch, error)
            self._go_on()
            return
        self._last_commit_seconds = self._reactor.seconds() - self._last_start
        self._recovered()
        if lost := len(batch.entries) - len(stored.entries):
            self._failed_entries += lost
            self._troubles.say("entry", "The journal dropped {count} entries that no database can store.", count=lost)
        if stored.entries:
            self._stored(stored)
        self._go_on()  # the next batch is written while the answers to this one are sent
        if stored.entries:
            self._tell(stored)

    def _stored(self, stored: Stored) -> None:
        count = len(stored.entries)
        self._last_id = stored.first_id + count - 1
        self._committed_entries += count
        self._batches += 1
        self._tail.add(stored.first_id, self._last_id, stored.records)
        self._size += len(stored.records)
        if self._retention.max_bytes is not None and self._size >= self._retention.max_bytes:
            self._over_limit = True  # by estimate; the upkeep measures it
            self._upkeep_due = True
            self._set_trouble()
        assert self._writer is not None
        if self._writer.is_due():
            self._upkeep_due = True

    def _tell(self, stored: Stored) -> None:
        id = stored.first_id
        for entry in stored.entries:
            entry.id = id
            id += 1
            done = entry.done
            if done is not None:
                entry.done = None
                try:
                    done(entry)
                except Exception:
                    self._troubles.fault("done", "What waited for a commit of the journal failed after it.")
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:
                self._troubles.fault("listener", "A listener of the journal failed.")

    def _commit_failed(self, batch: Batch, error: Exception | None) -> None:
        self._failed_entries += len(batch.entries)
        self._last_error = str(error)
        full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
        self._commit_trouble = "full" if full else "failing"
        self._retry_at = self._reactor.seconds() + RETRY_INTERVAL
        self._set_trouble()
        self._troubles.say(
            "commit",
            "The journal {path} cannot commit ({error}): reports are not answered until it can.",
            path=self._path,
            error=error,
        )

    def _recovered(self) -> None:
        if self._commit_trouble is not None:
            self._commit_trouble = None
            self._set_trouble()
            self._troubles.over("commit")
            self._log.info("The journal {path} commits again.", path=self._path)

    # Upkeep

    def _each_second(self) -> None:
        self._tick = self._reactor.callLater(UPKEEP_INTERVAL, self._each_second)
        self._upkeep_due = True
        self._go_on()

    def _start_upkeep(self) -> None:
        writer = self._writer
        assert writer is not None
        if self._commit_call is not None:
            self._commit_call.cancel()
            self._commit_call = None
        self._upkeep_due = False
        self._upkeep_was_last = True
        self._busy = True
        cursors = self._cursors.take_changes()
        self._worker.submit(partial(writer.upkeep, cursors), partial(self._upkept, cursors))

    def _upkept(self, cursors: Changes, upkeep: Upkeep | None, error: Exception | None) -> None:
        self._busy = False
        if upkeep is None:
            self._cursors.put_back(cursors)
            self._last_error = str(error)
            self._troubles.say(
                "upkeep", "The upkeep of the journal {path} failed: {error}.", path=self._path, error=error
            )
        else:
            self._pruned += upkeep.pruned
            self._size = upkeep.size_bytes
            self._tail.forget_through(upkeep.pruned_through)
            self._upkeep_due = self._upkeep_due or upkeep.more
            if upkeep.damage is not None:
                self._last_error = str(upkeep.damage)
                self._troubles.say("damage", "{damage} Reads by device pass them over.", damage=upkeep.damage)
            self._judge_size(upkeep)
        self._go_on()

    def _judge_size(self, upkeep: Upkeep) -> None:
        limit = self._retention.max_bytes
        if limit is None:
            return
        self._over_limit = upkeep.size_bytes >= limit
        self._set_trouble()
        if upkeep.holder is not None and upkeep.size_bytes > self._retention.comfortable_bytes:
            reader, id = upkeep.holder
            self._troubles.say(
                "size",
                "The journal {path} {how} (max_bytes = {limit}), and nothing more may be deleted: the reader {reader!r}"
                " has read only up to id {id} of {last_id}. Let it catch up, drop its cursor, or raise max_bytes.",
                path=self._path,
                how="is full and takes no reports" if self._over_limit else "is nearly full",
                limit=limit,
                reader=reader,
                id=id,
                last_id=self._last_id,
            )
        elif not self._over_limit:
            self._troubles.over("size")

    # Readers

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every committed batch."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def last_id(self) -> int:
        """Return the id of the newest committed record."""
        return self._last_id

    def read(
        self, after_id: int, limit: int, device: str | None = None, kinds: Collection[str] | None = None
    ) -> Deferred[Records]:
        """Return committed records above ``after_id``: at once from memory, or from the file."""
        try:
            check_bounds(after_id, limit)
            self._check_open()
        except (ValueError, JournalClosed) as error:
            return fail(error)
        records = self._tail.read(after_id, limit, device, kinds)
        if records is not None:
            return succeed(records)
        return self._reads.read(read_slices(self._reads.connection, after_id, limit, device, kinds))

    def newest(
        self,
        limit: int,
        device: str | None = None,
        kinds: Collection[str] | None = None,
        before_id: int | None = None,
    ) -> Deferred[Records]:
        """Return the newest committed records below ``before_id``, in order of id."""
        try:
            check_newest(limit, before_id)
            self._check_open()
        except (ValueError, JournalClosed) as error:
            return fail(error)
        records = self._tail.newest(limit, before_id) if device is None and kinds is None else None
        if records is not None:
            return succeed(records)
        return self._reads.read(newest_slices(self._reads.connection, limit, device, kinds, before_id))

    def id_at(self, microseconds: int) -> Deferred[int]:
        """Return the id up to which records were received before this time."""
        try:
            self._check_open()
        except JournalClosed as error:
            return fail(error)
        return self._reads.read(id_at_steps(self._reads.connection, microseconds))

    def _check_open(self) -> None:
        if self._writer is None or self._closing is not None or self._closed:
            raise JournalClosed(f"The journal {self._path} is not open.")

    def set_cursor(self, reader: str, id: int) -> None:
        """Set the cursor of ``reader``; it is saved within the second."""
        self._cursors.set(reader, id)

    def drop_cursor(self, reader: str) -> None:
        """Forget ``reader``."""
        self._cursors.drop(reader)

    def cursor(self, reader: str) -> Deferred[int | None]:
        """Return the cursor of ``reader``, or None."""
        return succeed(self._cursors.get(reader))

    def cursors(self) -> Deferred[dict[str, int]]:
        """Return all cursors."""
        return succeed(self._cursors.all())

    # What people look at

    def stats(self) -> JournalStats:
        """Return the counters and gauges of now."""
        return JournalStats(
            state=self._trouble or "ok",
            appended=self._intake.appended,
            committed=self._committed_entries,
            batches=self._batches,
            failed=self._failed_entries,
            refused=dict(self._intake.refused),
            waiting=self._intake.uncommitted,
            waiting_bytes=self._intake.waiting_bytes,
            last_id=self._last_id,
            size_bytes=self._size,
            pruned=self._pruned,
            last_commit_seconds=self._last_commit_seconds,
            last_error=self._last_error,
        )
