"""Asking one URL, whatever it does: in time, a few at once, the same thing once, and not at all while it is broken."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from jimigw.client.breaker import Breaker
from jimigw.gateway.hooked import FAILURE, Verdict
from jimigw.gateway.recent import Recent


def no_answer(why: str) -> Verdict:
    """Nobody said anything that can be understood."""
    return Verdict(False, FAILURE, None, False, why)


class Turn(Protocol):
    """A question whose turn has come, as the one who asks it sees it."""

    @property
    def body(self) -> bytes:
        """The body of the request."""
        ...

    @property
    def ends(self) -> float:
        """When its time is over."""
        ...

    @property
    def settled(self) -> bool:
        """Whether nobody waits for an answer any more."""
        ...

    def settle(self, verdict: Verdict) -> None:
        """This is the answer; what comes after the first one counts no more."""
        ...


Exchange = Callable[[Turn], Deferred[Any]]
"""Asks, and settles the question as soon as the answer is understood. Fires when its connection is free again, and ends
at once where it is cancelled."""


@attrs.define
class AskingCounters:
    """What became of the questions to one URL.

    ``sent`` are requests (``retries`` more were sent for some of them), which ended as ``admitted``, ``refused`` or
    ``unanswered``. Without a request of their own were answered: ``cached`` from memory, ``shared`` with a question
    under way; ``crowded`` found no room or no turn, ``broken`` came while the URL is left alone.
    """

    sent: int = 0
    retries: int = 0
    admitted: int = 0
    refused: int = 0
    unanswered: int = 0
    cached: int = 0
    shared: int = 0
    crowded: int = 0
    broken: int = 0


@attrs.define(eq=False)
class _Question:
    """A question that waits for its turn, is under way, or has an answer whose connection is not free yet."""

    key: bytes
    body: bytes
    ends: float
    heard: Callable[[_Question, Verdict], None]
    timer: IDelayedCall | None = None
    waiters: list[Deferred[Verdict]] = attrs.Factory(list)
    settled: bool = False
    running: bool = False
    exchange: Deferred[Any] | None = None

    def settle(self, verdict: Verdict) -> None:
        """See :class:`Turn`."""
        self.heard(self, verdict)


class Asking:
    """The questions to one URL. ``name`` says in the log which.

    A question has ``timeout`` seconds, its time in the queue included. ``concurrency`` are asked at once, ``waiting``
    more may wait. A certain answer is good for ``cache`` seconds; ``cached`` of them are kept.
    """

    _log = Logger()

    def __init__(
        self,
        name: str,
        clock: IReactorTime,
        exchange: Exchange,
        breaker: Breaker,
        *,
        timeout: float,
        concurrency: int,
        waiting: int,
        cache: float,
        cached: int,
    ) -> None:
        self.name, self.breaker, self.counters = name, breaker, AskingCounters()
        self._clock, self._exchange = clock, exchange
        self._timeout, self._concurrency, self._most = timeout, concurrency, concurrency + waiting
        self._answers: Recent[bytes, Verdict] = Recent(clock.seconds, cache, cached)
        self._open: dict[bytes, _Question] = {}
        self._queue: OrderedDict[bytes, _Question] = OrderedDict()
        self._running: set[_Question] = set()
        self._waiters = 0
        self._pumping = self._closed = False

    def ask(self, body: bytes) -> Deferred[Verdict]:
        """Ask with this body. Never fails."""
        if self._closed:
            return succeed(no_answer("the service ends"))
        key = hashlib.sha256(body).digest()
        known = self._answers.get(key)
        if known is not None:
            self.counters.cached += 1
            return succeed(known)
        if self._waiters >= self._most:
            self.counters.crowded += 1
            return succeed(no_answer(f"{self.name} has {self._waiters} questions to answer, no more may wait"))
        question = self._open.get(key)
        if question is None:
            if not self.breaker.allows():
                return succeed(self._left_alone())
            question = _Question(key, body, self._clock.seconds() + self._timeout, self._heard)
            self._open[key] = self._queue[key] = question
            question.timer = self._clock.callLater(self._timeout, self._time_is_up, question)
        else:
            self.counters.shared += 1
        answer: Deferred[Verdict] = Deferred()
        question.waiters.append(answer)
        self._waiters += 1
        self._pump()
        return answer

    def close(self) -> None:
        """End all questions without an answer."""
        self._closed = True
        for question in [*self._open.values()]:
            self._settle(question, no_answer("the service ends"))
        for question in [*self._running]:
            self._cut(question)

    def _left_alone(self) -> Verdict:
        self.counters.broken += 1
        return no_answer(f"{self.name} gives no answers and is left alone for {self.breaker.left:.1f} s more")

    def _pump(self) -> None:
        """Send what may be sent."""
        if self._pumping:  # Exchanges that end at once must not pile up calls.
            return
        self._pumping = True
        try:
            while self._queue and len(self._running) < self._concurrency:
                _, question = self._queue.popitem(last=False)
                if self._clock.seconds() >= question.ends:
                    self._time_is_up(question)
                else:
                    self._send(question)
        finally:
            self._pumping = False

    def _send(self, question: _Question) -> None:
        if not self.breaker.enter():
            self._settle(question, self._left_alone())
            return
        self.counters.sent += 1
        question.running = True
        self._running.add(question)
        question.exchange = self._exchange(question)
        question.exchange.addBoth(self._over, question)

    def _heard(self, question: _Question, verdict: Verdict) -> None:
        """The answer is there, or it is known that none will come."""
        if question.settled:
            return
        if verdict.certain:
            if self.breaker.succeeded():
                self._log.info("{name} answers again", name=self.name)
        elif self.breaker.failed():
            self._log.warn(
                "{name} gives no answers, and is left alone for {time:.1f} s: {why}. Terminals that are known are let "
                "in meanwhile, others are not",
                name=self.name,
                time=self.breaker.left,
                why=verdict.why,
            )
        if verdict.admitted:
            self.counters.admitted += 1
        elif verdict.certain:
            self.counters.refused += 1
        else:
            self.counters.unanswered += 1
        self._settle(question, verdict)

    def _over(self, result: Any, question: _Question) -> None:
        why = result.getErrorMessage() if isinstance(result, Failure) else "it ended without an answer"
        self._heard(question, no_answer(f"asking {self.name} failed: {why}"[:200]))
        self._free(question)

    def _time_is_up(self, question: _Question) -> None:
        if question.running:
            self._heard(question, no_answer(f"{self.name} gave no answer within {self._timeout:g} s"))
            self._cut(question)
        else:
            self.counters.crowded += 1
            self._settle(question, no_answer(f"{self.name} was too busy for {self._timeout:g} s"))

    def _cut(self, question: _Question) -> None:
        if question.exchange is not None:
            question.exchange.cancel()
        # Looking up a host name may outlive its cancellation; that must not cost a place.
        self._free(question)

    def _settle(self, question: _Question, verdict: Verdict) -> None:
        if question.settled:
            return
        question.settled = True
        self._open.pop(question.key, None)
        self._queue.pop(question.key, None)
        if not question.running:
            self._stop_timer(question)
        if verdict.certain:
            self._answers.put(question.key, verdict)
        waiters, question.waiters = question.waiters, []
        self._waiters -= len(waiters)
        for waiter in waiters:
            waiter.callback(verdict)

    def _free(self, question: _Question) -> None:
        if question.running:
            question.running = False
            self._running.discard(question)
            self._stop_timer(question)
            self._pump()

    @staticmethod
    def _stop_timer(question: _Question) -> None:
        if question.timer is not None and question.timer.active():
            question.timer.cancel()
