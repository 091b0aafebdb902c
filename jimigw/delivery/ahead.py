"""Reading ahead: a reader's records come from the journal a page at a time, as far as there is room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from jimigw.journal.interface import IJournal, JournalDamaged, Records

from .status import ReaderSettings, Troubles
from .target import Target

PAGE = 1000
"""Records that are read at once at most."""
PAGE_BYTES = 1 << 20
"""Bytes that a read should bring at most, going by the one before it."""


class Ahead:
    """Reads what the target wants behind ``position``: all up to there was given to ``took`` or is not wanted.

    ``set_aside`` stores that records are damaged (first id, last id, why); they are passed once its Deferred fires.
    ``again`` is called whenever something may have become possible.
    """

    _log = Logger()

    def __init__(
        self,
        journal: IJournal,
        target: Target,
        reactor: Any,
        settings: ReaderSettings,
        troubles: Troubles,
        *,
        took: Callable[[Records], int],
        set_aside: Callable[[int, int, str], Deferred[None]],
        again: Callable[[], None],
        chance: Callable[[], float],
    ) -> None:
        self._journal, self._target, self._reactor, self._settings = journal, target, reactor, settings
        self._troubles, self._chance = troubles, chance
        self._took, self._set_aside, self._again = took, set_aside, again
        self.position = 0
        self.reading = False
        self.failures = 0
        #: not before this time, after a failure
        self.not_before = 0.0
        self._page = PAGE
        # Which of several readings counts: the one behind the last go_to.
        self._era = 0

    def go_to(self, id: int) -> None:
        """Read on behind this record; what is being read is not wanted any more."""
        self._era += 1
        self.reading = False
        self.position = id
        self.failures, self.not_before = 0, 0.0

    @property
    def unread(self) -> int:
        """How many records there are to be read."""
        return self._journal.last_id() - self.position

    def read(self, room: int) -> None:
        """Read the next page, of so many records at most, unless one is being read."""
        if self.reading or self.unread <= 0 or self._reactor.seconds() < self.not_before:
            return
        self.reading = True
        reading = self._journal.read(self.position, max(1, min(self._page, room)), kinds=self._target.kinds)
        reading.addCallbacks(
            self._came, self._did_not_come, callbackArgs=(self._era,), errbackArgs=(self._era,)
        ).addErrback(self._failed_inside)

    def _came(self, records: Records, era: int) -> None:
        if era != self._era:
            return
        if records.through <= self.position:
            self._later("the journal gave nothing, although it has more")
            return
        self.reading = False
        self.failures = 0
        self.position = records.through
        if records:
            self._page = max(1, min(PAGE, PAGE_BYTES * len(records) // (self._took(records) or 1)))
        self._again()

    def _did_not_come(self, failure: Failure, era: int) -> None:
        if era != self._era:
            return
        error = failure.value
        if isinstance(error, JournalDamaged):
            first = max(error.first_id, self.position + 1)
            self._set_aside(first, error.last_id, str(error)).addCallbacks(
                self._passed, self._not_passed, callbackArgs=(error.last_id, era), errbackArgs=(era,)
            ).addErrback(self._failed_inside)
        else:
            self._later(f"the journal cannot be read: {failure.getErrorMessage()}")

    def _passed(self, _: object, through: int, era: int) -> None:
        if era == self._era:
            self.reading = False
            self.failures = 0
            self.position = max(self.position, through)
            self._again()

    def _not_passed(self, failure: Failure, era: int) -> None:
        if era == self._era:
            self._later(f"a dead letter cannot be stored: {failure.getErrorMessage()}")

    def _later(self, why: str) -> None:
        self.reading = False
        self.failures += 1
        self.not_before = self._reactor.seconds() + self._settings.wait_after(self.failures, self._chance())
        self._troubles.complain(why)
        self._again()

    def _failed_inside(self, failure: Failure) -> None:
        self._log.failure("a reader of the journal failed", failure)
