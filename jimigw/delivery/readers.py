"""All readers of the journal, by name: added, looked after and removed while the service runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, gatherResults
from twisted.logger import Logger

from jimigw.journal.interface import IJournal
from jimigw.store.interface import IStore, StoreError

from .letters import DeadLetters, SentAgain
from .reader import Reader
from .status import ReaderSettings, Status
from .target import Target


class UnknownReader(Exception):
    """There is no reader of this name; the message is a sentence for people."""


class Readers:
    """The readers of one journal. Their pauses are kept in the store, their cursors in the journal.

    Readers that are added before :meth:`start` begin with it, later ones at once.
    """

    _log = Logger()

    def __init__(self, journal: IJournal, store: IStore, reactor: Any) -> None:
        self._journal, self._store, self._reactor = journal, store, reactor
        self.dead_letters = DeadLetters(store)
        self._readers: dict[str, Reader] = {}
        # Those that are on their way out, by name: whoever comes after them waits.
        self._ending: dict[str, Deferred[None]] = {}
        self._pauses: dict[str, str] = {}
        self._state = "new"
        self._sending_again: dict[str, Deferred[SentAgain]] = {}

    # -- start and end ------------------------------------------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """Learn from the store which readers are paused, and start those that were added. Never fails."""
        self._state = "starting"
        # What comes while the store is asked is new: terminals may be let in meanwhile.
        for reader in self._readers.values():
            reader.end = self._journal.last_id()
        return Deferred.fromCoroutine(self._learn()).addCallback(self._started)

    async def _learn(self) -> None:
        try:
            self._pauses = {**await self._store.pauses(), **self._pauses}
            await self.dead_letters.load()
        except StoreError as error:
            self._log.error("which readers are paused is not known, so none is: {error}", error=error)

    def _started(self, _: object) -> None:
        if self._state == "starting":
            self._state = "running"
            for name in self._readers:
                self._begin(name)

    def _begin(self, name: str) -> None:
        """Start a reader, once an older one of its name has ended."""
        if self._state == "running" and name not in self._ending:
            self._readers[name].start(self._pauses.get(name))

    def stop(self) -> Deferred[None]:
        """Stop all readers. Never fails."""
        self._state = "stopped"
        for sending in [*self._sending_again.values()]:
            sending.cancel()
        ending = [self._end(name) for name in [*self._readers]]
        return gatherResults([*ending, *self._ending.values()]).addCallback(lambda _: None)

    # -- who there is -------------------------------------------------------------------------------------------------

    def add(self, name: str, target: Target, settings: ReaderSettings | None = None, end: int | None = None) -> Reader:
        """Add a reader, or put this one in the place of one with its name: it goes on where that one stopped. ``end``
        is where a new one begins that starts at the end: that of now, if it is not said."""
        older = self._readers.get(name)
        if older is not None:
            self._end(name)
        reader = self._readers[name] = Reader(
            name,
            self._journal,
            self.dead_letters,
            target,
            self._reactor,
            settings,
            on_paused=lambda why: self._note_pause(name, why),
        )
        if self._state != "new":
            reader.end = self._journal.last_id() if end is None else end
        self._begin(name)
        return reader

    def remove(self, name: str) -> Deferred[None]:
        """Stop a reader and forget its cursor; the journal keeps nothing for it any more. Its dead letters stay.

        :raises UnknownReader: there is none.
        """
        self._reader(name)

        def forget(_: object) -> None:
            if name not in self._readers:
                self.forget(name)

        self._note_pause(name, None)
        return self._end(name).addCallback(forget)

    def forget(self, name: str) -> None:
        """Forget the cursor of a reader that is not there any more, and that it was paused."""
        self._journal.drop_cursor(name)
        self._note_pause(name, None, always=True)

    def _end(self, name: str) -> Deferred[None]:
        reader = self._readers.pop(name)
        ended = reader.stop()
        if name in self._ending:  # it was never started: the one before it is still at it
            return ended
        if ended.called:
            return ended

        def over(_: object) -> None:
            del self._ending[name]
            if name in self._readers:
                self._begin(name)

        self._ending[name] = ended.addCallback(over)
        waiting: Deferred[None] = Deferred()
        ended.addCallback(lambda _: waiting.callback(None))
        return waiting

    def __contains__(self, name: object) -> bool:
        return name in self._readers

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._readers))

    def __len__(self) -> int:
        return len(self._readers)

    def _reader(self, name: str) -> Reader:
        reader = self._readers.get(name)
        if reader is None:
            there = ", ".join(self) or "none"
            raise UnknownReader(f"There is no reader {name!r}; there are: {there}.")
        return reader

    # -- one of them, each raises UnknownReader -----------------------------------------------------------------------

    def pause(self, name: str, why: str = "an operator paused it") -> None:
        """Start no more deliveries; see :meth:`Reader.pause`. Kept over restarts."""
        self._reader(name).pause(why)

    def resume(self, name: str) -> None:
        """Go on at once; see :meth:`Reader.resume`."""
        self._reader(name).resume()

    def rewind(self, name: str, id: int) -> None:
        """Go on behind this record; see :meth:`Reader.rewind`."""
        self._reader(name).rewind(id)

    def rewind_to_time(self, name: str, at: float) -> Deferred[int]:
        """Go on with the records from this time on; see :meth:`Reader.rewind_to_time`."""
        return self._reader(name).rewind_to_time(at)

    def skip(self, name: str, why: str = "an operator skipped it") -> int:
        """Set aside what fails again and again; see :meth:`Reader.skip`."""
        return self._reader(name).skip(why)

    def status(self, name: str) -> Status:
        """How it is doing."""
        return self._reader(name).status()

    def statuses(self) -> list[Status]:
        """How all are doing, by name."""
        return [self.status(name) for name in self]

    def send_again(self, name: str, ids: Collection[int] | None = None) -> Deferred[SentAgain]:
        """Send dead letters of a reader once more, those with these ids or all; see :meth:`DeadLetters.send_again`.

        While it is at it, a second call fails with :class:`RuntimeError`.
        """
        reader = self._reader(name)
        if name in self._sending_again:
            return fail(RuntimeError(f"Dead letters of {name!r} are being sent again already."))
        sending = self.dead_letters.send_again(name, reader.target, self._reactor.seconds(), ids)

        def over(result: Any) -> Any:
            self._sending_again.pop(name, None)
            return result

        self._sending_again[name] = sending
        return sending.addBoth(over)

    def _note_pause(self, name: str, why: str | None, always: bool = False) -> None:
        """Keep in the store whether a reader is paused."""
        if self._pauses.get(name) == why and not always:
            return
        self._pauses.pop(name, None)
        if why is not None:
            self._pauses[name] = why
        self._store.save_pause(name, why).addErrback(
            lambda failure: self._log.error(
                "that {name} is paused, or is not, cannot be stored: {error}",
                name=name,
                error=failure.getErrorMessage(),
            )
        )

    # -- figures ------------------------------------------------------------------------------------------------------

    def figures(self) -> dict[str, dict[str, Any]]:
        """Counters and gauges of all readers: section, name, value."""
        return {
            f"reader {status.name}": {
                key.replace("_", " "): round(value, 3) if isinstance(value, float) else value
                for key, value in attrs.asdict(status).items()
                if key != "name"
            }
            for status in self.statuses()
        }
