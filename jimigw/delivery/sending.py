"""Sending: records in lanes by device, a batch of each lane at a time, until the target has it or never will."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

from twisted.internet.defer import fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from jimigw.client.breaker import Breaker
from jimigw.journal.interface import Record, Records

from .lane import Lane
from .letters import DeadLetters, letter_of
from .status import Rate, ReaderSettings, Troubles
from .target import Done, Later, Never, Stop, Target


class Sending:
    """Takes records in order and carries them to the target.

    ``stop`` is called with why the target wants nothing more, ``not_stored`` with the failure of storing a dead letter,
    ``settled`` whenever something has ended.
    """

    _log = Logger()

    def __init__(
        self,
        name: str,
        target: Target,
        dead_letters: DeadLetters,
        reactor: Any,
        settings: ReaderSettings,
        troubles: Troubles,
        *,
        stop: Callable[[str], None],
        not_stored: Callable[[Failure], None],
        settled: Callable[[], None],
        chance: Callable[[], float],
    ) -> None:
        self._name, self._target, self._dead_letters = name, target, dead_letters
        self._reactor, self._settings, self._troubles, self._chance = reactor, settings, troubles, chance
        self._stop, self._not_stored, self._settled = stop, not_stored, settled
        self._window = max(settings.window, 2 * target.batch * target.lanes)
        self._lanes: list[Lane] = []
        #: records that are here, and their bytes
        self.in_hand = 0
        self._bytes = 0
        # Batches that were given up and have not ended yet
        self._leaving = 0
        self._not_before = 0.0
        #: when batches may leave that are not full
        self.next_round = 0.0
        self.delivered = self.set_aside = self.failed = 0
        self.last_delivery: float | None = None
        self.rate = Rate(reactor.seconds)
        self.forgive()

    # -- records in ---------------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many records may come; 0 as long as there is enough to do."""
        if 2 * self.in_hand > self._window or self._bytes >= self._settings.window_bytes:
            return 0
        return self._window - self.in_hand

    def take(self, records: Records) -> int:
        """Take those records that the target wants; the size of them all."""
        lanes, wants, count = self._lanes, self._target.wants, len(self._lanes)
        taken = size = 0
        for record in records:
            if wants(record):
                at = crc32(record.device.encode(errors="replace")) % count if count > 1 else 0
                lanes[at].queue.append(record)
                size += len(record.data) + len(record.raw)
                taken += 1
        self.in_hand += taken
        self._bytes += size
        return size

    @property
    def oldest(self) -> Record | None:
        """The first record that is not over."""
        waits = [lane.oldest for lane in self._lanes if lane.oldest is not None]
        return min(waits, key=lambda record: record.id, default=None)

    # -- begin and end ------------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Give up what is here, and be ready for other records. They leave once what is under way has ended."""
        older, self._lanes = self._lanes, [Lane() for _ in range(self._target.lanes)]
        self.in_hand = self._bytes = 0
        self.forgive()
        for lane in older:
            lane.gone = True
            if lane.under_way is not None:
                self._leaving += 1
                lane.under_way.cancel()

    def forgive(self) -> None:
        """Wait for nothing that was waited for because of failures."""
        settings = self._settings
        self.breaker = Breaker(
            self._reactor.seconds,
            failures=settings.failures,
            shortest=settings.shortest,
            longest=settings.longest,
            chance=self._chance,
        )
        self._not_before = self.next_round = 0.0
        for lane in self._lanes:
            lane.retry_at = 0.0

    @property
    def at_work(self) -> bool:
        """Whether somebody is at a batch."""
        return any(lane.busy for lane in self._lanes)

    @property
    def under_way(self) -> int:
        """How many batches are at the target now."""
        return sum(lane.under_way is not None for lane in self._lanes)

    @property
    def failing(self) -> bool:
        """Whether something has to be tried again."""
        return any(lane.failures for lane in self._lanes)

    def due(self, reading: bool) -> float | None:
        """When the next batch may leave that waits for its time; None where none does."""
        if self._leaving:
            return None
        breaker = self.breaker
        ready = max(self._not_before, self._reactor.seconds() + breaker.left)
        # While a single batch is tried, the others wait for what comes of it.
        trying = not breaker.allows() and not breaker.left
        dues = []
        for lane in self._lanes:
            if lane.busy:
                continue
            if lane.letters:
                dues.append(lane.retry_at)
            elif lane.batch and not trying:
                dues.append(max(lane.retry_at, ready))
            elif lane.queue and not trying and not reading:
                dues.append(max(self.next_round, ready))
        return min(dues, default=None)

    # -- batches out --------------------------------------------------------------------------------------------------

    def send(self, all_read: bool, going: Callable[[], bool]) -> None:
        """Let leave what may, as long as it is ``going``. Batches that are not full leave by rounds, and only when
        there is nothing to read that could fill them."""
        if self._leaving:
            return
        now = self._reactor.seconds()
        rest = all_read and now >= self.next_round
        for lane in self._lanes:
            if not going():
                return
            if lane.busy or (not lane.batch and not lane.queue):
                continue
            if lane.letters:
                if now >= lane.retry_at:
                    self._store_letters(lane)
            elif now >= max(lane.retry_at, self._not_before) and self.breaker.allows():
                if not lane.batch:
                    full = lane.cut or len(lane.queue) >= self._target.batch
                    if not (full or rest):
                        continue
                    if not full:
                        self.next_round = now + self._settings.interval
                    lane.take(self._target.batch, self._target.batch_bytes)
                self._deliver(lane)

    def _deliver(self, lane: Lane) -> None:
        self.breaker.enter()
        lane.busy = True
        try:
            delivering = self._target.deliver(lane.batch)
        except Exception:
            delivering = fail(Failure())
        lane.under_way = delivering
        delivering.addBoth(self._ended, lane).addErrback(self._failed_inside)

    def _ended(self, outcome: Any, lane: Lane) -> None:
        lane.busy, lane.under_way = False, None
        if lane.gone:
            self._leaving -= 1
            self._settled()
            return
        if lane.given_up is not None and not isinstance(outcome, Done | Never):
            self.breaker.failed()
            self._give_up(lane, lane.given_up)
        elif isinstance(outcome, Done):
            self._over(lane)
        elif isinstance(outcome, Never):
            self._refused(lane, outcome)
        elif isinstance(outcome, Stop):
            self.breaker.succeeded()
            lane.failures += 1
            self._troubles.note(outcome.reason)
            self._stop(outcome.reason)
        elif isinstance(outcome, Later):
            self._put_off(lane, outcome.reason, outcome.after)
        elif isinstance(outcome, Failure):
            self._put_off(lane, f"the delivery failed: {outcome.getErrorMessage() or outcome.value!r}"[:300], None)
        else:
            self._put_off(lane, f"the delivery ended with what is no outcome: {outcome!r}"[:300], None)
        self._settled()

    def _over(self, lane: Lane) -> None:
        """The batch is at the target, but for what is among the dead letters."""
        if self.breaker.succeeded():
            for each in self._lanes:
                each.retry_at = 0.0
        count, dead = len(lane.batch), len(lane.letters)
        self.in_hand -= count
        self._bytes -= sum(len(record.data) + len(record.raw) for record in lane.batch)
        self.delivered += count - dead
        if count > dead:
            self.last_delivery = self._reactor.seconds()
        self.set_aside += dead
        self.rate.add(count - dead)
        lane.over()

    def _put_off(self, lane: Lane, reason: str, after: float | None) -> None:
        now = self._reactor.seconds()
        self.failed += 1
        lane.failures += 1
        self.breaker.failed()
        if after is not None and after >= 0:
            wait = self._settings.wait_asked(after, self._chance())
            self._not_before = max(self._not_before, now + wait)
        else:
            wait = self._settings.wait_after(lane.failures, self._chance())
        lane.retry_at = now + wait
        self._troubles.complain(reason)

    # -- dead letters -------------------------------------------------------------------------------------------------

    def skip(self, why: str) -> int:
        """Set aside the batches that have failed; how many records they have."""
        skipped = 0
        for lane in self._lanes:
            if lane.batch and lane.failures and not lane.letters:
                skipped += len(lane.batch)
                lane.given_up = f"{why}: {self._troubles.last_error}"
                if lane.under_way is not None:
                    lane.under_way.cancel()
                else:
                    self._give_up(lane, lane.given_up)
        return skipped

    def _refused(self, lane: Lane, never: Never) -> None:
        now, reasons = self._reactor.seconds(), never.reasons
        lane.letters = [
            letter_of(self._name, record, reasons[record.id], now) for record in lane.batch if record.id in reasons
        ]
        if lane.letters:
            self.breaker.succeeded()
            self._store_letters(lane)
        else:
            self._over(lane)

    def _give_up(self, lane: Lane, why: str) -> None:
        now = self._reactor.seconds()
        lane.letters = [letter_of(self._name, record, why, now) for record in lane.batch]
        self._store_letters(lane)

    def _store_letters(self, lane: Lane) -> None:
        lane.busy = True
        storing = self._dead_letters.add(lane.letters, self._settings.dead_letters)
        storing.addCallbacks(
            self._letters_stored, self._letters_not_stored, callbackArgs=(lane,), errbackArgs=(lane,)
        ).addErrback(self._failed_inside)

    def _letters_stored(self, _: object, lane: Lane) -> None:
        lane.busy = False
        if not lane.gone:
            self._log.warn(
                "{name}: {count} records are dead letters now: {reason}",
                name=self._name,
                count=len(lane.letters),
                reason=lane.letters[0].reason,
            )
            self._over(lane)
            self._settled()

    def _letters_not_stored(self, failure: Failure, lane: Lane) -> None:
        lane.busy = False
        if not lane.gone:
            lane.failures += 1
            lane.retry_at = self._reactor.seconds() + self._settings.wait_after(lane.failures, self._chance())
            self._troubles.complain(f"a dead letter cannot be stored: {failure.getErrorMessage()}")
            self._not_stored(failure)
            self._settled()

    def _failed_inside(self, failure: Failure) -> None:
        self._log.failure("{name}: the reader failed", failure, name=self._name)
