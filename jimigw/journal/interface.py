"""What a journal is: the durable log of everything that terminals say.

An answer to a terminal is a promise, given only after the record is safe on disk. An engine keeps that promise by
calling ``Entry.done`` after the commit, never before. Readers follow behind, each with a cursor of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import attrs
from twisted.internet.defer import Deferred
from zope.interface import Interface

FARTHEST = 1_000_000
"""Records that one look at the newest records of all terminals goes back at most."""


class JournalError(Exception):
    """The journal cannot be opened, read or written; the message is a sentence for the operator."""


class JournalDamaged(JournalError):
    """Stored records cannot be read: those from ``first_id`` to ``last_id``. A reader may go on after ``last_id``."""

    def __init__(self, first_id: int, last_id: int, reason: str) -> None:
        super().__init__(
            f"The records {first_id} to {last_id} of the journal are damaged and cannot be read: {reason}."
        )
        self.first_id, self.last_id = first_id, last_id


class JournalClosed(JournalError):
    """The journal was asked for something after it was closed, or before it was started."""


@attrs.define(slots=True, eq=False)
class Entry:
    """One report on its way into the journal.

    ``received_at`` is in microseconds since 1970-01-01 UTC. ``raw`` is the frame as it came, ``data`` a JSON object in
    UTF-8 without the key ``id`` and never empty. ``done`` is called once with the entry, in the reactor thread, after
    the commit; an entry that could not be stored is never done. ``id`` is 0 until then.
    """

    device: str
    protocol: str
    kind: str
    received_at: int
    raw: bytes
    data: bytes
    done: Callable[[Entry], None] | None = None
    id: int = 0


@attrs.define(slots=True)
class Record:
    """One stored report: the fields of an :class:`Entry` and the ``id`` that the journal gave it."""

    id: int
    device: str
    protocol: str
    kind: str
    received_at: int
    raw: bytes
    data: bytes

    def json(self) -> bytes:
        """Return the JSON object of the record, with its ``id`` as the first key."""
        return b'{"id":%d,%b' % (self.id, self.data[1:])


class Records(list[Record]):
    """The answer to a read: records in order of id.

    ``through`` is the id up to which nothing that was asked for is missing. A reader that asks for few kinds sets its
    cursor there, so that the records it does not want do not hold up retention.
    """

    __slots__ = ("through",)

    def __init__(self, records: Collection[Record] = (), through: int = 0) -> None:
        super().__init__(records)
        self.through = through


@attrs.frozen
class JournalStats:
    """Counters since the start, and gauges of now.

    ``refused`` counts entries by reason: ``waiting`` (too many entries or bytes wait), ``too_large``, ``full`` (the
    size limit, or the disk), ``failing`` (commits fail), ``closed``. ``failed`` counts entries that were taken and then
    lost with a failed commit. ``size_bytes`` counts live bytes; pages that were freed and wait for use do not count.
    ``last_commit_seconds`` is the time from handing a batch to the writer until its records were safe.
    """

    state: str
    appended: int
    committed: int
    batches: int
    failed: int
    refused: dict[str, int]
    waiting: int
    waiting_bytes: int
    last_id: int
    size_bytes: int
    pruned: int
    last_commit_seconds: float
    last_error: str | None


class IJournal(Interface):
    """The durable log of one service. Everything is called in the reactor thread."""

    def start() -> None:
        """Open the journal, or make it.

        :raises JournalError: a sentence that says why it cannot be used.
        """

    def close() -> Deferred[None]:
        """Take nothing more, commit all that waits, then close. Never fails; a second call waits for the first."""

    def append(entry: Entry) -> bool:
        """Queue an entry for the next commit.

        Returns False when the journal does not take it (too large, too much waits, the size limit, a full or failing
        disk, closed): such an entry is never stored and never done.
        """

    def add_listener(listener: Callable[[], None]) -> None:
        """Call ``listener`` after every committed batch, once the entries of the batch are done."""

    def remove_listener(listener: Callable[[], None]) -> None:
        """Call ``listener`` no more; one that is not known is no error."""

    def last_id() -> int:
        """Return the id of the newest committed record, or of the newest that there was; 0 for none ever."""

    def read(
        after_id: int, limit: int, device: str | None = None, kinds: Collection[str] | None = None
    ) -> Deferred[Records]:
        """Return up to ``limit`` committed records with an id above ``after_id``, in order of id.

        ``limit`` is 1 to 10,000. ``device`` and ``kinds`` narrow the choice; None takes all. Fewer than ``limit``
        records means that there are no more for now, or that damaged ones follow. Fails with :class:`JournalDamaged`
        where the next records are damaged, and with another :class:`JournalError` where nothing can be read.
        """

    def newest(
        limit: int, device: str | None = None, kinds: Collection[str] | None = None, before_id: int | None = None
    ) -> Deferred[Records]:
        """Return the newest ``limit`` (1 to 10,000) committed records, in order of id; with ``before_id`` (from 1)
        those with a lower id.

        ``device`` and ``kinds`` narrow the choice. Damaged records are passed over. Of the answer, ``through`` is the
        id above which all were looked through: ``before_id=through + 1`` goes on, and 0 says that there are no more.
        Without ``device`` one look goes back :data:`FARTHEST` records at most. Fails with :class:`JournalError` where
        nothing can be read.
        """

    def id_at(microseconds: int) -> Deferred[int]:
        """Return the id up to which records were received before this time (microseconds since 1970-01-01 UTC).

        Reading after it gives the first record of that time or later. Records are taken to lie in the order of their
        times: where the service's clock was set back, it is one of the places where the time was reached.
        """

    def set_cursor(reader: str, id: int) -> None:
        """Say that ``reader`` needs the records up to ``id`` no more; retention keeps those above it.

        The reader is known from its first call on (0: keep all for me). A crash may set a cursor back by the last
        second or so, never forward.
        """

    def cursor(reader: str) -> Deferred[int | None]:
        """Return the cursor of ``reader``, or None for a reader that was never heard of."""

    def drop_cursor(reader: str) -> None:
        """Forget ``reader``: it holds up retention no more."""

    def cursors() -> Deferred[dict[str, int]]:
        """Return the cursors of all readers, by name."""

    def stats() -> JournalStats:
        """Return the counters and gauges of now."""
