"""A vault: files come in by a folder on a local disk, and are kept on a shelf, which is a folder or a store of others.

Lanes of threads: two write what comes in, four finish files, some put them on the shelf, four read, delete and list. So
nobody who downloads waits for the fsync of somebody's upload.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from jimigw.vault.incoming import Incoming, Landing
from jimigw.vault.interface import AlreadyThere, IIncoming, Item, IVault, NotThere, Room, VaultError
from jimigw.vault.keys import check_key
from jimigw.vault.shelf import Shelf
from jimigw.vault.troubles import trouble
from jimigw.vault.workers import Pool, VaultReactor, Workers, threads

CLOSE_PATIENCE = 20.0
"""Seconds that :meth:`Vault.close` lets files be kept that are on their way to a slow store; then they are given up."""

LOG_INTERVAL = 60.0
"""Seconds between two log lines of trouble of one kind."""

T = TypeVar("T")


@implementer(IVault)
class Vault:
    """A vault whose files come in through ``folder``/incoming and are kept on ``shelf``."""

    _log = Logger()

    def __init__(
        self,
        folder: Path,
        shelf: Shelf,
        reactor: VaultReactor,
        *,
        make_pool: Callable[[int], Pool] = threads,
    ) -> None:
        self.folder = folder
        self._shelf = shelf
        self._reactor = reactor
        self._workers = Workers(reactor, make_pool)
        self._landing = Landing(folder / "incoming", self._workers, self._note_write)
        self._keeping = self._workers.lane(shelf.keepers)
        self._reading = self._workers.lane(4)
        self._lock: IO[bytes] | None = None
        self._is_open = False
        self._closing: Deferred[None] | None = None
        self._impatient: IDelayedCall | None = None
        self._errors: dict[str, str] = {}
        self._said: dict[str, float] = {}

    # Start and end

    def start(self) -> None:
        """Open it, and clear away what an earlier run left half done."""
        if self._lock is not None or self._closing is not None:
            raise VaultError(f"The vault {self.folder} was started before; make a new one to open it again.")
        try:
            self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        except OSError as error:
            raise trouble("used for files of terminals", self.folder, error) from error
        self._lock = _locked(self.folder)
        try:
            self._landing.start()
            unreachable = self._shelf.start()
        except BaseException:
            self._lock.close()
            self._lock = None
            raise
        self._workers.start()
        self._is_open = True
        if unreachable is not None:
            self._note(Failure(unreachable), "start")
        self._keeping.run(self._shelf.tidy).addErrback(self._untidy)

    def close(self) -> Deferred[None]:
        """End what is under way, then close."""
        ended: Deferred[None] = Deferred()
        if self._closing is not None:
            return self._follow(ended)
        self._closing = Deferred()
        if not self._is_open:
            self._closing.callback(None)
            return self._follow(ended)
        self._is_open = False
        self._impatient = self._reactor.callLater(CLOSE_PATIENCE, self._shelf.hurry)
        self._landing.end(self._not_open())
        self._workers.stop().addCallback(self._closed)
        return self._follow(ended)

    def _follow(self, ended: Deferred[None]) -> Deferred[None]:
        def tell(result: None) -> None:
            ended.callback(None)

        assert self._closing is not None
        self._closing.addCallback(tell)
        return ended

    def _closed(self, result: None) -> None:
        if self._impatient is not None and self._impatient.active():
            self._impatient.cancel()
        self._shelf.close()
        assert self._lock is not None and self._closing is not None
        self._lock.close()
        self._closing.callback(None)

    # Files

    def begin(self) -> Incoming:
        """A new file comes in."""
        if not self._is_open:
            raise self._not_open()
        return self._landing.begin()

    def keep(self, incoming: IIncoming, key: str) -> Deferred[None]:
        """Keep a file that was finished, under a key that was never used."""
        assert isinstance(incoming, Incoming)
        try:
            check_key(key)
        except ValueError:
            wrong = Failure()
            return incoming.abort().addCallback(lambda _: wrong)
        try:
            file, whole = incoming.take()
        except VaultError:
            return fail()

        def put() -> None:
            try:
                self._shelf.put(file.path, whole, key)
            finally:
                file.discard()

        def kept(result: T) -> T:
            incoming.taken()
            return result

        return self._keeping.run(put).addBoth(kept).addCallbacks(self._well, self._note, ("write",), {}, ("write",))

    def read(self, key: str, offset: int, length: int) -> Deferred[bytes]:
        """Up to ``length`` bytes from there on."""
        if offset < 0 or length < 0:
            return fail(ValueError(f"offset {offset}, length {length}: neither can be negative"))
        return self._with_key("read", key, lambda: self._shelf.read(key, offset, length))

    def delete(self, key: str) -> Deferred[None]:
        """Have it no more."""
        return self._with_key("delete", key, lambda: self._shelf.delete(key))

    def items(self, older_than: float) -> Deferred[Collection[Item]]:
        """All that it keeps, put there before this time."""
        return self._run("read", lambda: self._shelf.items(older_than))

    def room(self) -> Deferred[Room | None]:
        """How much room there is."""
        return self._run("look", self._landing.room)

    # Trouble

    def _untidy(self, failure: Failure) -> None:
        self._log.warn(
            "{shelf}: what an earlier run left half done is still there: {error}",
            shelf=self._shelf.name,
            error=failure.getErrorMessage(),
        )

    def last_error(self) -> str | None:
        """Why the last write, read or deletion failed; None if it did not."""
        return next(iter(self._errors.values()), None)

    def _with_key(self, kind: str, key: str, work: Callable[[], T]) -> Deferred[T]:
        try:
            check_key(key)
        except ValueError:
            return fail()
        return self._run(kind, work)

    def _run(self, kind: str, work: Callable[[], T]) -> Deferred[T]:
        if not self._is_open:
            return fail(self._not_open())
        return self._reading.run(work).addCallbacks(self._well, self._note, (kind,), {}, (kind,))

    def _not_open(self) -> VaultError:
        return VaultError(f"The vault {self.folder} is not open.")

    def _well(self, result: T, kind: str) -> T:
        if kind != "look":
            self._errors.pop("start", None)
        if self._errors.pop(kind, None) is not None:
            self._log.info("{shelf} works again ({kind}).", kind=kind, shelf=self._shelf.name)
        return result

    def _note_write(self, error: VaultError) -> None:
        self._note(Failure(error), "write")

    def _note(self, failure: Failure, kind: str) -> Failure:
        """Remember it, and say it now and then."""
        error = failure.value
        if isinstance(error, NotThere | AlreadyThere):
            return failure
        sentence = self._errors[kind] = str(error)
        now = self._reactor.seconds()
        if kind not in self._said or now >= self._said[kind] + LOG_INTERVAL:
            self._said[kind] = now
            self._log.error("{error}", error=sentence)
        if isinstance(error, VaultError):
            return failure
        return Failure(VaultError(f"{self._shelf.name} failed: {failure.getErrorMessage()}."))


def _locked(folder: Path) -> IO[bytes]:
    """Take the lock that only one service has: it clears away what others bring in. It goes with the process."""
    lock = folder / "lock"
    try:
        # Not for writing: it would keep the file system from being made read-only.
        file = open(lock, "rb", opener=lambda name, flags: os.open(name, flags | os.O_CREAT, 0o640))  # noqa: SIM115
    except OSError as error:
        raise trouble("opened", lock, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise VaultError(f"The folder {folder} is in use by another process; two may not keep files in it.") from error
    return file
