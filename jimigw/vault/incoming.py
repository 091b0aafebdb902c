"""Files on their way in: what is given gathers while a thread writes what was given before.

::

    OPEN ──finish──▶ FINISHING ──▶ WHOLE ──keep──▶ KEEPING ──▶ GONE
      └────────abort, a disk that fails, the vault closes────────▶ ENDING ──▶ GONE   (not from KEEPING)
"""

from __future__ import annotations

import enum
import os
import stat
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from jimigw.vault.interface import IIncoming, Room, VaultError, Whole
from jimigw.vault.landing_file import LandingFile
from jimigw.vault.troubles import trouble
from jimigw.vault.workers import Workers

BATCH_BYTES = 1 << 20
"""Bytes that a thread writes before the next file's turn comes; one piece that is longer goes alone."""

BATCH_RUNS = 1024
"""Places of a file that it writes to before that."""

WORTH_TWO = 256 << 10
"""Bytes that are written by one thread and hashed by another one at the same time."""

SMALL = 16 << 10
"""Pieces below this are put together as they come, so that a million of them is not a million objects."""


class _State(enum.Enum):
    OPEN = enum.auto()
    FINISHING = enum.auto()
    WHOLE = enum.auto()
    KEEPING = enum.auto()
    ENDING = enum.auto()
    GONE = enum.auto()


@attrs.define(eq=False)
class _Run:
    """Pieces that follow one another, from ``offset`` to before ``end``."""

    offset: int
    end: int
    pieces: deque[bytes | bytearray] = attrs.field(factory=deque)

    def add(self, data: bytes) -> None:
        last = self.pieces[-1] if self.pieces else None
        if len(data) >= SMALL:
            self.pieces.append(data)
        elif isinstance(last, bytearray) and len(last) < SMALL:
            last += data
        else:
            self.pieces.append(bytearray(data))
        self.end += len(data)

    def take(self, most: int) -> tuple[int, bytes]:
        """Take about ``most`` bytes off its beginning, one piece at least."""
        offset, taken = self.offset, [self.pieces.popleft()]
        size = len(taken[0])
        while self.pieces and size + len(self.pieces[0]) <= most:
            taken.append(self.pieces.popleft())
            size += len(taken[-1])
        self.offset += size
        return offset, bytes(taken[0]) if len(taken) == 1 else b"".join(taken)


@implementer(IIncoming)
class Incoming:
    """A file on its way in, of a :class:`Landing`."""

    def __init__(self, file: LandingFile, landing: Landing) -> None:
        self.size = 0
        self.waiting = 0
        self._file = file
        self._landing = landing
        self._state = _State.OPEN
        self._busy = False
        self._runs: deque[_Run] = deque()
        self._drained: list[tuple[int, Deferred[None]]] = []
        self._finished: Deferred[Whole] | None = None
        self._aborted: list[Deferred[None]] = []
        self._whole: Whole | None = None
        self._failure: VaultError | None = None

    # What comes in

    def write(self, data: bytes) -> None:
        """Add to the end."""
        self.write_at(self.size, data)

    def write_at(self, offset: int, data: bytes) -> None:
        """Put a piece in its place."""
        if self._state in (_State.ENDING, _State.GONE):
            return
        if self._state is not _State.OPEN:
            raise RuntimeError("bytes were given after the end of a file")
        if offset < 0:
            raise ValueError(f"offset is {offset}; it cannot be negative")
        if not data:
            return
        if not self._runs or self._runs[-1].end != offset:
            self._runs.append(_Run(offset, offset))
        self._runs[-1].add(data)
        self.size = max(self.size, offset + len(data))
        self.waiting += len(data)
        self._go_on()

    def drained(self, most: int = 0) -> Deferred[None]:
        """Fires once no more than ``most`` bytes wait."""
        if self._state is _State.GONE:
            return fail(self._failure) if self._failure is not None else succeed(None)
        if self._state is not _State.ENDING and self.waiting <= most:
            return succeed(None)
        ended: Deferred[None] = Deferred()
        self._drained.append((most, ended))
        return ended

    def finish(self) -> Deferred[Whole]:
        """All has come."""
        if self._finished is not None:
            raise RuntimeError("a file is finished only once")
        ended: Deferred[Whole] = Deferred()
        self._finished = ended
        if self._state is _State.OPEN:
            self._state = _State.FINISHING
            self._go_on()
        elif self._state is _State.GONE:
            self._fail_finish()
        return ended

    def abort(self) -> Deferred[None]:
        """It is not wanted."""
        return self.end(None)

    def end(self, failure: VaultError | None) -> Deferred[None]:
        """Have nothing left of it, and fail for whoever waits with this; a file that is being kept is kept."""
        if self._state is _State.GONE:
            return succeed(None)
        ended: Deferred[None] = Deferred()
        self._aborted.append(ended)
        if self._state not in (_State.KEEPING, _State.ENDING):
            self._end(failure)
        return ended

    # What becomes of it

    def take(self) -> tuple[LandingFile, Whole]:
        """Give the file to a vault that keeps it; it says :meth:`taken` when it is done.

        :raises VaultError: it is gone.
        """
        if self._state in (_State.ENDING, _State.GONE):
            raise self._failure or VaultError("The file was given up before it was kept.")
        if self._state is not _State.WHOLE or self._whole is None:
            raise RuntimeError("only a file that was finished can be kept, and only once")
        self._state = _State.KEEPING
        return self._file, self._whole

    def taken(self) -> None:
        """Nothing is left here of the file."""
        self._gone()

    def _go_on(self) -> None:
        if self._busy:
            return
        if self._state is _State.ENDING:
            self._busy = True
            self._landing.settling.run(self._file.discard).addBoth(lambda _: self._gone())
        elif self._runs:
            self._busy = True
            runs, size = self._take()
            self._landing.write(self._file, runs, size).addCallbacks(lambda _: self._written(size), self._failed)
        elif self._state is _State.FINISHING:
            self._busy = True
            self._landing.settling.run(self._file.settle).addCallbacks(self._settled, self._failed)

    def _take(self) -> tuple[list[tuple[int, bytes]], int]:
        taken: list[tuple[int, bytes]] = []
        size = 0
        while self._runs and size < BATCH_BYTES and len(taken) < BATCH_RUNS:
            run = self._runs[0]
            offset, data = run.take(BATCH_BYTES - size)
            taken.append((offset, data))
            size += len(data)
            if not run.pieces:
                self._runs.popleft()
        return taken, size

    def _written(self, size: int) -> None:
        self._busy = False
        if self._state is not _State.ENDING:
            self.waiting -= size
        self._go_on()
        self._tell_drained()

    def _tell_drained(self) -> None:
        if self._state is _State.ENDING:
            return
        ready = [ended for most, ended in self._drained if self.waiting <= most]
        self._drained = [(most, ended) for most, ended in self._drained if self.waiting > most]
        for ended in ready:
            ended.callback(None)

    def _settled(self, whole: Whole) -> None:
        self._busy = False
        if self._state is _State.ENDING:
            self._go_on()
            return
        self._state = _State.WHOLE
        self._whole = whole
        assert self._finished is not None
        self._finished.callback(whole)

    def _failed(self, failure: Failure) -> None:
        self._busy = False
        if self._state is _State.ENDING:
            self._go_on()
            return
        error = failure.value
        if not isinstance(error, VaultError):
            error = trouble("written", self._file.path, Exception(failure.getErrorMessage()))
        self._landing.note(error)
        self._end(error)

    def _end(self, failure: VaultError | None) -> None:
        self._state = _State.ENDING
        self._failure = failure
        self._file.unwanted = True
        self._runs.clear()
        self.waiting = 0
        self._go_on()

    def _gone(self) -> None:
        self._busy = False
        self._state = _State.GONE
        self._landing.forget(self)
        # Whoever hears of it may call again at once.
        drained, self._drained = self._drained, []
        aborted, self._aborted = self._aborted, []
        was_finishing = self._finished is not None and self._whole is None
        for _, ended in drained:
            if self._failure is not None:
                ended.errback(Failure(self._failure))
            else:
                ended.callback(None)
        if was_finishing:
            self._fail_finish()
        for ended in aborted:
            ended.callback(None)

    def _fail_finish(self) -> None:
        assert self._finished is not None
        self._finished.errback(Failure(self._failure or VaultError("The file was given up before it was whole.")))


class Landing:
    """The folder of files on their way in, with the threads that write them. ``note`` hears of what goes wrong."""

    def __init__(self, folder: Path, workers: Workers, note: Callable[[VaultError], None]) -> None:
        self.folder = folder
        self.note = note
        self.settling = workers.lane(4)
        self._writing = workers.lane(2)
        self._hashing = workers.lane(2)
        self._open: set[Incoming] = set()
        self._begun = 0

    def start(self) -> None:
        """Make the folder, and clear away what an earlier run left there.

        :raises VaultError: it cannot be used.
        """
        try:
            self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            for entry in os.scandir(self.folder):
                if not stat.S_ISDIR(entry.stat(follow_symlinks=False).st_mode):
                    os.unlink(entry.path)
        except OSError as error:
            raise trouble("used for files on their way in", self.folder, error) from error

    def begin(self) -> Incoming:
        """Take one more."""
        self._begun += 1
        incoming = Incoming(LandingFile(self.folder / f"{self._begun:08d}"), self)
        self._open.add(incoming)
        return incoming

    def write(self, file: LandingFile, runs: Sequence[tuple[int, bytes]], size: int) -> Deferred[None]:
        """Write and hash, side by side where that is worth a second thread: a disk may be faster than MD5."""

        def both() -> None:
            file.write(runs)
            file.hash(runs)

        if size < WORTH_TWO:
            return self._writing.run(both)
        hashed = self._hashing.run(lambda: file.hash(runs))
        return self._writing.run(lambda: file.write(runs)).addCallback(lambda _: hashed)

    def forget(self, incoming: Incoming) -> None:
        """It is not here any more."""
        self._open.discard(incoming)

    def end(self, failure: VaultError) -> None:
        """Give up all that is not kept yet."""
        for incoming in tuple(self._open):
            incoming.end(failure)

    def room(self) -> Room:
        """Say how much room there is; for a thread.

        :raises VaultError: that cannot be told.
        """
        try:
            found = os.statvfs(self.folder)
        except OSError as error:
            raise trouble("looked at", self.folder, error) from error
        return Room(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)
