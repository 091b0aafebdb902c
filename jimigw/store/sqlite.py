"""The store on SQLite: group commit in a thread of its own.

What is given while a transaction runs goes into the next one; a turn of the reactor's writes share one in any case.
Reads take their turn behind the writes that were given before them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from jimigw.model.command import Command
from jimigw.model.device import Card, State
from jimigw.store.database import Database
from jimigw.store.interface import CardChanges, Contents, IStore, StoreClosed, StoreError
from jimigw.store.jobs import Job, Together, do
from jimigw.store.media_part import MediaPart
from jimigw.store.readers import ReadersPart
from jimigw.store.rows import Row, row_of_card, row_of_command, row_of_state

POLL_INTERVAL = 1.0
"""Seconds between two looks at what other programs changed."""

RESERVED = 1 << 16
"""Ids for commands that are reserved at a time. As many, at most, are left out after a crash."""

MAX_COMMANDS = 10_000
"""Commands in the answer to one read."""

T = TypeVar("T")


class StoreReactor(Protocol):
    """What the store uses of a reactor."""

    def callLater(self, delay: float, call: Callable[..., object], /, *args: Any, **kw: Any) -> IDelayedCall: ...

    def callFromThread(self, call: Callable[..., object], /, *args: Any, **kw: Any) -> None: ...


class Pool(Protocol):
    """What the store uses of a thread pool, which has one thread only."""

    def start(self) -> None: ...

    def callInThreadWithCallback(self, onResult: Callable[[bool, Any], object], func: Callable[[], Any], /) -> None: ...

    def stop(self) -> None: ...


def one_thread() -> Pool:
    """A pool with one thread."""
    return ThreadPool(1, 1, "store")


@implementer(IStore)
class SqliteStore(ReadersPart, MediaPart):
    """A store in one SQLite file. ``make_pool`` gives a thread, or in a test something that runs jobs by hand."""

    _log = Logger()

    def __init__(
        self,
        path: str | Path,
        reactor: StoreReactor,
        *,
        poll_interval: float = POLL_INTERVAL,
        make_pool: Callable[[], Pool] = one_thread,
    ) -> None:
        super().__init__()
        self._path = Path(path)
        self._reactor = reactor
        self._poll_interval = poll_interval
        self._make_pool = make_pool
        self._database: Database | None = None
        self._closing: list[Deferred[None]] | None = None
        self._closed = False
        self._listeners: list[Callable[[CardChanges], None]] = []
        # Up to this revision the listeners know the cards.
        self._told = 0
        self._waiting: list[Job] = []
        # Where the state of a terminal waits: a newer one takes its place.
        self._waiting_states: dict[str, dict[str, Row]] = {}
        self._busy = False
        self._start_call: IDelayedCall | None = None
        self._poll_call: IDelayedCall | None = None
        self._command_ids = range(0)
        self._reserving = False
        self._last_error: str | None = None

    # Start and end

    def start(self) -> Contents:
        """Open the store, make it or bring it to this version, and read what it holds."""
        if self._database is not None or self._closed:
            raise StoreError(f"The store {self._path} was started before; make a new one to open it again.")
        database = Database.for_service(self._path)
        try:
            database.check()
            _, self._told = database.changes()
            contents = Contents(database.devices(), database.unfinished_commands())
            with database.transaction():
                self._command_ids = database.reserve_commands(RESERVED)
        except BaseException:
            database.close()
            raise
        self._database = database
        self._pool = self._make_pool()
        self._pool.start()
        self._poll_later()
        return contents

    def close(self) -> Deferred[None]:
        """Write all that waits, then close the file and end the thread."""
        if self._closed or self._database is None:
            self._closed = True
            return succeed(None)
        ended: Deferred[None] = Deferred()
        if self._closing is not None:
            self._closing.append(ended)
            return ended
        self._closing = [ended]
        for call in (self._start_call, self._poll_call):
            if call is not None and call.active():
                call.cancel()
        if not self._busy:
            self._go_on()
        return ended

    def _close_file(self) -> None:
        database = self._database
        assert database is not None

        def finish() -> None:
            try:
                with database.transaction():
                    database.return_commands(self._command_ids)
            finally:
                database.close()

        self._busy = True
        self._in_thread(finish, self._file_closed)

    def _file_closed(self, success: bool, result: Any) -> None:
        if not success:
            self._last_error = result.getErrorMessage()
            self._log.error("The end of the store {path}: {error}", path=self._path, error=self._last_error)
        self._pool.stop()
        self._closed = True
        waiting, self._closing = self._closing or [], None
        for ended in waiting:
            ended.callback(None)

    # Terminals

    def save_card(self, card: Card) -> Deferred[None]:
        """Enter a card or replace the one with its id."""
        row = row_of_card(card)

        def entered(revision: int) -> None:
            card.revision = revision

        return self._write_row(Database.save_cards, row).addCallback(entered)

    def save_cards(self, cards: Sequence[Card]) -> Deferred[None]:
        """Enter or replace many cards, all of them or none."""
        cards = tuple(cards)

        def entered(revisions: Sequence[int]) -> None:
            for card, revision in zip(cards, revisions, strict=True):
                card.revision = revision

        return self._write(lambda database: database.exchange_cards(cards)).addCallback(entered)

    def save_states(self, states: Collection[tuple[str, State]]) -> Deferred[None]:
        """Replace the states of these terminals. Older ones of theirs that still wait are not written any more."""
        try:
            rows = {id: row_of_state(id, state) for id, state in states}
        except Exception as error:
            return fail(StoreError(f"The states cannot be stored: {error}."))
        ended = self._write(lambda database: database.save_states(rows.values()))
        if not self._is_open:
            return ended
        waiting = self._waiting_states
        for id in rows:
            if (older := waiting.get(id)) is not None:
                del older[id]
            waiting[id] = rows
        return ended

    def forget(self, id: str) -> Deferred[None]:
        """Delete a terminal, card and state."""
        return self._write(lambda database: database.forget(id)).addCallback(lambda known: None)

    def on_cards_changed(self, listener: Callable[[CardChanges], None]) -> None:
        """Call ``listener`` after another program changed cards."""
        self._listeners.append(listener)

    # Commands

    def next_command_id(self) -> int:
        """Give an id for a new command.

        :raises StoreError: the disk has failed for so long that no id is left that was reserved there.
        """
        if not self._is_open:
            raise self._not_open()
        ids = self._command_ids
        if len(ids) <= RESERVED // 2 and not self._reserving:
            self._reserving = True
            self._write(lambda database: database.reserve_commands(RESERVED)).addCallbacks(
                self._reserved, self._not_reserved
            )
        if not ids:
            raise StoreError(
                f"There is no id for a new command: the store {self._path} has not been written for too long"
                f" ({self._last_error or 'it is being written'})."
            )
        self._command_ids = ids[1:]
        return ids[0]

    def _reserved(self, ids: range) -> None:
        self._reserving = False
        # Another program may have taken some in between; what is left of the older ones is then not used.
        left = self._command_ids
        self._command_ids = range(left.start, ids.stop) if left.stop == ids.start else ids

    def _not_reserved(self, failure: Failure) -> None:
        self._reserving = False  # the next id asks again

    def save_command(self, command: Command) -> Deferred[None]:
        """Store a command as it is now."""
        try:
            row = row_of_command(command)
        except Exception as error:
            return fail(StoreError(f"The command {command.id} cannot be stored: {error}."))
        return self._write_row(Database.save_commands, row)

    def prune_commands(self, before: float) -> Deferred[int]:
        """Delete the commands that ended before this time."""
        return self._write(lambda database: database.prune_commands(before))

    def command(self, id: int) -> Deferred[Command | None]:
        """Return a command, or None."""
        return self._read(lambda database: database.command(id))

    def commands(
        self, device: str | None = None, open: bool | None = None, before: int | None = None, limit: int = 100
    ) -> Deferred[list[Command]]:
        """Return commands, the newest first."""
        if not 1 <= limit <= MAX_COMMANDS:
            return fail(ValueError(f"limit is {limit}; it can be 1 to {MAX_COMMANDS}"))
        return self._read(lambda database: database.commands(device, open, before, limit))

    def last_error(self) -> str | None:
        """Return why the last transaction failed, None if it did not."""
        return self._last_error

    # Into the thread, and back

    @property
    def _is_open(self) -> bool:
        return self._database is not None and self._closing is None and not self._closed

    def _not_open(self) -> StoreClosed:
        return StoreClosed(f"The store {self._path} is not open.")

    def _write(self, work: Callable[[Database], T]) -> Deferred[T]:
        return self._give(Job(work, writes=True))

    def _read(self, work: Callable[[Database], T]) -> Deferred[T]:
        return self._give(Job(work, writes=False))

    def _write_row(self, together: Together, row: Row) -> Deferred[Any]:
        return self._give(Job(lambda database: together(database, [row])[0], True, together, row))

    def _give(self, job: Job) -> Deferred[Any]:
        if not self._is_open:
            return fail(self._not_open())
        self._waiting.append(job)
        if not self._busy and self._start_call is None:
            # Even without a delay it is the next turn of the reactor: what is given in this one goes with it.
            self._start_call = self._reactor.callLater(0, self._go_on)
        return job.ended

    def _go_on(self) -> None:
        """Give all that waits to the thread, while it has nothing to do."""
        self._start_call = None
        jobs, self._waiting = self._waiting, []
        self._waiting_states = {}
        if jobs:
            self._busy = True
            self._in_thread(partial(self._work, jobs, self._told), partial(self._worked, jobs))
        elif self._closing is not None:
            self._close_file()

    def _in_thread(self, work: Callable[[], Any], report: Callable[[bool, Any], object]) -> None:
        self._pool.callInThreadWithCallback(partial(self._reactor.callFromThread, report), work)

    def _work(self, jobs: list[Job], told: int) -> tuple[StoreError | None, CardChanges | None, int]:
        """Do the jobs, in the thread."""
        assert self._database is not None
        return do(self._database, jobs, told)

    def _worked(self, jobs: list[Job], success: bool, result: Any) -> None:
        """Tell who waits what came of the jobs, in the reactor thread."""
        self._busy = False
        # What waits already is written before anybody hears of changes that its writer did not know of.
        self._go_on()
        if not success:
            for job in jobs:
                job.error = job.error or StoreError(f"The store {self._path} failed: {result.getErrorMessage()}.")
            trouble: StoreError | None = StoreError(result.getErrorMessage())
        else:
            trouble, changes, self._told = result
            if changes is not None:
                self._tell(changes)
        if trouble is not None or any(job.writes for job in jobs):
            self._note_trouble(trouble)
        for job in jobs:
            job.settle()

    def _tell(self, changes: CardChanges) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(changes)
            except Exception:
                self._log.failure("What listens for changes of the cards failed.")

    def _note_trouble(self, trouble: StoreError | None) -> None:
        before, self._last_error = self._last_error, str(trouble) if trouble is not None else None
        if trouble is not None and before is None:
            self._log.error("{trouble} What changes is not kept until it can.", trouble=trouble)
        elif trouble is None and before is not None:
            self._log.info("The store {path} can be written again.", path=self._path)

    # What other programs change

    def _poll_later(self) -> None:
        self._poll_call = self._reactor.callLater(self._poll_interval, self._poll)

    def _poll(self) -> None:
        self._poll_later()
        if not self._busy and not self._waiting:  # otherwise somebody looks anyway
            self._busy = True
            self._in_thread(partial(self._work, [], self._told), partial(self._worked, []))
