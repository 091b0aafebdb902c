"""The one loop that carries the journal's records to a target.

    journal ──read ahead──▶ lanes, by device ──batches──▶ Target ──▶ Done: the cursor passes them
                                                                     Later: tried again · Never: set aside · Stop: pause

A record is delivered at least once. The cursor is stored with the journal and never passes a record that is neither at
the target, nor among the dead letters, nor unwanted. The records of a device are in one lane, so they arrive in order.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from jimigw.journal.interface import IJournal
from jimigw.model.dead_letter import DeadLetter
from jimigw.store.interface import DeadLettersFull

from .ahead import PAGE, Ahead
from .letters import DeadLetters
from .sending import Sending
from .status import ReaderSettings, Status, Troubles
from .target import Target


class Reader:
    """Carries records to ``target``, from the cursor ``name`` on. Everything is called in the reactor thread.

    ``on_paused`` is told why it is paused, or None when it is not any more. ``chance`` gives numbers from 0 to 1.
    """

    _log = Logger()

    def __init__(
        self,
        name: str,
        journal: IJournal,
        dead_letters: DeadLetters,
        target: Target,
        reactor: Any,
        settings: ReaderSettings | None = None,
        *,
        on_paused: Callable[[str | None], None] = lambda why: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name, self.target, self.settings = name, target, settings or ReaderSettings()
        self._journal, self._dead_letters, self._reactor = journal, dead_letters, reactor
        self._on_paused = on_paused
        self._troubles = Troubles(name, reactor.seconds)
        around = (reactor, self.settings, self._troubles)
        self._sending = Sending(
            name,
            target,
            dead_letters,
            *around,
            stop=self._stop_asked,
            not_stored=self._not_stored,
            settled=self._settled,
            chance=chance,
        )
        self._ahead = Ahead(
            journal,
            target,
            *around,
            took=self._sending.take,
            set_aside=self._set_aside,
            again=self._settled,
            chance=chance,
        )
        self._state = "new"
        self._paused: str | None = None
        self.cursor = 0
        #: where a new one begins that starts at the end; the journal's end of then, if nobody says it
        self.end: int | None = None
        self._timer: IDelayedCall | None = None
        self._pumping = self._again = False
        self._ending: Deferred[None] | None = None

    # -- start and end ------------------------------------------------------------------------------------------------

    def start(self, paused: str | None = None) -> None:
        """Begin at the stored cursor; with ``paused``, wait for :meth:`resume` first."""
        self._state, self._paused = "starting", paused
        self._find_cursor()

    def _find_cursor(self) -> None:
        self._timer = None
        self._journal.cursor(self.name).addCallbacks(self._begin, self._cannot_begin)

    def _begin(self, cursor: int | None) -> None:
        if self._state != "starting":
            return
        last_id = self._journal.last_id()
        if cursor is None:
            at_end = last_id if self.end is None else self.end
            cursor = 0 if self.settings.start == "beginning" else at_end
        self._state = "running"
        self._journal.add_listener(self._wake)
        self._go_to(min(cursor, last_id))

    def _cannot_begin(self, failure: Failure) -> None:
        if self._state == "starting":
            self._troubles.complain(f"its cursor cannot be read: {failure.getErrorMessage()}")
            self._timer = self._reactor.callLater(self.settings.shortest, self._find_cursor)

    def stop(self) -> Deferred[None]:
        """Start nothing more, let come through what is under way, for a while, and close the target. Never fails."""
        ended: Deferred[None] = Deferred()
        if self._ending is not None:
            return succeed(None) if self._state == "stopped" else self._chained(ended)
        was, self._state = self._state, "stopping"
        self._ending = Deferred()
        self._cancel_timer()
        self._journal.remove_listener(self._wake)
        if was == "running" and self._sending.at_work:
            self._timer = self._reactor.callLater(self.settings.grace, self._cut_off)
        else:
            self._cut_off()
        return succeed(None) if self._state == "stopped" else self._chained(ended)

    def _chained(self, ended: Deferred[None]) -> Deferred[None]:
        assert self._ending is not None
        self._ending.addCallback(lambda _: ended.callback(None))
        return ended

    def _cut_off(self) -> None:
        self._cancel_timer()
        if self._state == "stopping":
            self._state = "closing"
            self._ahead.go_to(self.cursor)
            self._sending.renew()
            self.target.close().addErrback(lambda failure: None).addCallback(self._closed)

    def _closed(self, _: object) -> None:
        self._state = "stopped"
        assert self._ending is not None
        self._ending.callback(None)

    # -- what people ask for ------------------------------------------------------------------------------------------

    def pause(self, why: str = "an operator paused it") -> None:
        """Start no more deliveries until :meth:`resume`; what is under way goes on."""
        self._paused = why
        self._on_paused(why)
        self._arm()

    def resume(self) -> None:
        """Go on, at once, also where a wait was not over."""
        if self._paused is not None:
            self._paused = None
            self._on_paused(None)
        self._sending.forgive()
        self._ahead.not_before = 0.0
        self._pump()

    def rewind(self, id: int) -> None:
        """Go on behind this record, backwards or forwards. What is under way is given up, and comes again if it lies
        behind the record."""
        id = max(0, min(id, self._journal.last_id()))
        if self._state == "running":
            self._go_to(id)
        elif self._state != "new":
            self.cursor = id
            self._journal.set_cursor(self.name, id)

    def rewind_to_time(self, at: float) -> Deferred[int]:
        """Go on with the first record that was received at this time (seconds since 1970) or later; fires with the id
        before it."""

        def found(id: int) -> int:
            self.rewind(id)
            return id

        return self._journal.id_at(int(at * 1_000_000)).addCallback(found)

    def skip(self, why: str = "an operator skipped it") -> int:
        """Set aside, as dead letters, the batches that have failed; how many records they have."""
        return self._sending.skip(why)

    def status(self) -> Status:
        """How it is doing."""
        sending, oldest, now = self._sending, self._sending.oldest, self._reactor.seconds()
        failing = self._state == "running" and self._paused is None and (sending.failing or self._ahead.failures > 0)
        due = self._next_due() if failing else None
        state, why = self._state, None
        if self._paused is not None and state in ("starting", "running"):
            state, why = "paused", self._paused
        elif failing:
            state, why = "waiting", self._troubles.last_error
        breaker = sending.breaker
        return Status(
            name=self.name,
            state=state,
            why=why,
            cursor=self.cursor,
            behind=max(0, self._journal.last_id() - self.cursor),
            behind_seconds=0.0 if oldest is None else max(0.0, now - oldest.received_at / 1e6),
            in_hand=sending.in_hand,
            under_way=sending.under_way,
            delivered=sending.delivered,
            set_aside=sending.set_aside,
            failed=sending.failed,
            rate=sending.rate.now(),
            dead_letters=self._dead_letters.counts.get(self.name, 0),
            breaker="closed" if breaker.closed else "open" if breaker.left or breaker.allows() else "trying",
            last_delivery=sending.last_delivery,
            last_error=self._troubles.last_error,
            last_error_at=self._troubles.last_error_at,
            next_try=None if due is None else max(0.0, due - now),
        )

    # -- the loop -----------------------------------------------------------------------------------------------------

    def _go_to(self, id: int) -> None:
        self._ahead.go_to(id)
        self._sending.renew()
        self.cursor = id
        self._journal.set_cursor(self.name, id)
        self._pump()

    def _advance(self) -> None:
        """Move the cursor behind all that is over."""
        oldest = self._sending.oldest
        cursor = self._ahead.position if oldest is None else oldest.id - 1
        if cursor != self.cursor:
            self.cursor = cursor
            self._journal.set_cursor(self.name, cursor)

    def _wake(self) -> None:
        """The journal has committed something. Most commits find the reader waiting for its next round, or with enough
        to do."""
        if self._ahead.reading or not self._room():
            return
        if self._reactor.seconds() >= self._sending.next_round or self._ahead.unread >= PAGE:
            self._pump()
        elif self._timer is None or self._timer.getTime() > self._sending.next_round:
            self._arm()

    def _settled(self) -> None:
        """Something has ended: on with the rest, or with the end."""
        if self._state == "running":
            self._pump()
        elif self._state == "stopping":
            self._advance()
            if not self._sending.at_work:
                self._cut_off()

    def _timer_fired(self) -> None:
        self._timer = None
        self._pump()

    def _pump(self) -> None:
        """Read and send whatever may be read and sent now."""
        self._again = True
        if self._pumping:  # what ends at once must not pile up calls
            return
        self._pumping = True
        try:
            while self._again and self._state == "running":
                self._again = False
                self._advance()
                self._read()
                self._sending.send(self._all_read(), self._is_going)
        finally:
            self._pumping = False
        if not self._sending.failing and not self._ahead.failures:
            self._troubles.over(self._journal.last_id() - self.cursor)
        self._arm()

    def _is_going(self) -> bool:
        return self._paused is None and self._state == "running"

    def _room(self) -> int:
        # Paused, it reads a little, only to know how far behind it is.
        return self._sending.room if self._paused is None or not self._sending.in_hand else 0

    def _read(self) -> None:
        room = self._room()
        if room and (self._ahead.unread >= PAGE or self._reactor.seconds() >= self._sending.next_round):
            self._ahead.read(room)

    def _all_read(self) -> bool:
        ahead = self._ahead
        if ahead.reading:
            return False
        return ahead.unread <= 0 or not self._room() or self._reactor.seconds() < ahead.not_before

    def _arm(self) -> None:
        self._cancel_timer()
        due = self._next_due()
        if due is not None:
            self._timer = self._reactor.callLater(max(0.0, due - self._reactor.seconds()), self._timer_fired)

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _next_due(self) -> float | None:
        """When something can be done next that nobody else will say; None for never."""
        if self._state != "running":
            return None
        ahead = self._ahead
        dues: list[float | None] = []
        if not ahead.reading and ahead.unread > 0 and self._room():
            dues.append(max(self._sending.next_round, ahead.not_before))
        if self._paused is None:
            dues.append(self._sending.due(ahead.reading))
        return min((due for due in dues if due is not None), default=None)

    # -- what cannot be carried ---------------------------------------------------------------------------------------

    def _stop_asked(self, reason: str) -> None:
        self._log.error("{name} is paused: {reason}", name=self.name, reason=reason)
        self.pause(reason)

    def _set_aside(self, first: int, last: int, why: str) -> Deferred[None]:
        """Store that records are damaged."""
        letter = DeadLetter(self.name, first, last, why, self._reactor.seconds())
        storing = self._dead_letters.add([letter], self.settings.dead_letters)

        def stored(_: object) -> None:
            self._log.error(
                "{name}: the damaged records {first} to {last} are skipped", name=self.name, first=first, last=last
            )

        def not_stored(failure: Failure) -> Failure:
            self._not_stored(failure)
            return failure

        return storing.addCallbacks(stored, not_stored)

    def _not_stored(self, failure: Failure) -> None:
        if failure.check(DeadLettersFull) is not None and self._paused is None:
            why = f"{failure.getErrorMessage()} Send them again or delete them, then resume the reader."
            self._log.error("{name} is paused: {why}", name=self.name, why=why)
            self.pause(why)
