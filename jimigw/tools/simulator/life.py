"""When a simulated terminal connects, reports, repeats and gives up: what terminals of all protocols have in common.

    connected(now)      -> frames     what it says first
    receive(data, now)  -> frames     what it says to that
    tick(now)           -> frames     what is due; call it at ``next_timer()``
    errands(now)        -> errands    HTTP requests that are due; call it after the two before
    ran(errand, outcome, now)         one of them was made
    disconnected(now)                 then wait until ``connect_at``

``hang_up`` is the reason why the terminal wants the connection closed, "" while it does not. ``now`` is the time in
seconds since 1970. There is no socket and no clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from .errands import Errand, Outcome
from .outbox import Outbox
from .routes import Drive
from .tally import Tally

BACK_OFF = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Seconds before the next connection, by the number of attempts in vain; the last for all further ones."""

RESCUE_AFTER = 4.0
"""Seconds without an answer to a report after which a terminal that is to finish makes a new connection."""

LAST_RETRY = 2.5
"""Seconds at most before a terminal that is to finish sends a report again."""

NEVER = float("inf")


class Trip(Protocol):
    """What is to be brought somewhere over a connection beside the terminal's own. It is driven as a terminal is;
    ``leaves_out`` and ``breaks_off`` are asked whether to misbehave."""

    host: str
    port: int
    connect_at: float
    hang_up: bool
    leaves_out: Callable[[], bool]
    breaks_off: Callable[[], bool]

    @property
    def done(self) -> bool:
        """Nothing is left to be brought."""

    def connected(self, now: float) -> bytes:
        """The connection is there: what is said first."""

    def receive(self, data: bytes, now: float) -> bytes:
        """What is said to these bytes."""

    def overdue(self, now: float) -> bool:
        """Whether an answer did not come in time."""

    def disconnected(self, now: float) -> None:
        """The connection is gone."""

    def unreachable(self, now: float) -> None:
        """There was no connection to be had."""


class Life:
    """See the module. What a protocol does by itself, it says in the methods of the last section."""

    def __init__(
        self,
        drive: Drive,
        tally: Tally,
        rng: random.Random,
        now: float,
        *,
        interval: float = 10.0,
        alarms_an_hour: float = 6.0,
    ) -> None:
        self.drive, self.tally = drive, tally
        self.interval, self.alarms_an_hour = interval, alarms_an_hour
        self.reporting = True
        self.hang_up = ""
        self.connect_at = now
        self.online = False
        self.outbox = Outbox(tally)
        self._rng = rng
        self._connected = False
        self._finishing = False
        self._rescue_at = NEVER
        self._vain = 0
        self._next_report = now + rng.uniform(0.0, interval)
        self._next_alarm = self._alarm_after(now)

    # -- what the edge calls ------------------------------------------------------------------------------------------
    def connected(self, now: float) -> list[bytes]:
        """The connection is there: what the terminal says first."""
        self._connected, self.hang_up = True, ""
        self.tally.connections += 1
        return self._greet(now)

    def disconnected(self, now: float) -> None:
        """The connection is gone, or could not be made; ``connect_at`` says when to try again."""
        if self._connected:
            self.tally.lost_connections += 1
        else:
            self.tally.failed_connections += 1
        self._connected = self.online = False
        self.outbox.left()
        self._vain += 1
        delay = BACK_OFF[min(self._vain, len(BACK_OFF)) - 1] * self._rng.uniform(0.8, 1.2)
        self.connect_at = now + (min(delay, 1.0) if self._finishing else delay)
        self._lost(now)

    def early_report(self, now: float) -> bytes:
        """A report before the login, which no gateway takes: for misbehaving on purpose."""
        raise NotImplementedError

    def receive(self, data: bytes, now: float) -> list[bytes]:
        """What the terminal says to these bytes of the server."""
        raise NotImplementedError

    def next_timer(self) -> float:
        """When :meth:`tick` wants to be called."""
        times = [self._rescue_at] if self._finishing else [self._next_report, self._next_alarm]
        if self.online:
            times.append(self.outbox.retry_at)
        return min([*times, *self._deadlines()], default=NEVER)

    def tick(self, now: float) -> list[bytes]:
        """What is due at this time."""
        out: list[bytes] = []
        if self._gives_up(now):
            return out
        if now >= self._rescue_at:
            self._rescue_at = NEVER
            if self.unanswered and self._connected:
                self.hang_up = "reports stay without an answer"
                return out
        if not self._finishing:
            self._make_reports(now)
        if self.online:
            for kept in self.outbox.due(now):
                self._repeat(kept, now, out)
            self._send_kept(now, out)
        self._chores(now, out)
        return out

    def errands(self, now: float) -> list[Errand]:
        """HTTP requests that are to be made now, beside the connection."""
        return []

    def ran(self, errand: Errand, outcome: Outcome, now: float) -> None:
        """What became of one of :meth:`errands`."""

    def checked(self, outcome: Outcome) -> None:
        """What became of a second copy of one, that nobody waits for."""

    def finish(self, now: float) -> None:
        """Make no more reports; only what is unanswered is seen to."""
        self._finishing = True
        self._rescue_at = now + RESCUE_AFTER
        self.connect_at = min(self.connect_at, now)
        self.outbox.hurry(now + LAST_RETRY)

    def raise_alarm(self, now: float) -> None:
        """Have something happen now that is worth an alarm; then :meth:`tick`."""
        self._next_alarm = now

    @property
    def unanswered(self) -> int:
        """Reports that still want an answer, sent or not."""
        return len(self.outbox)

    @property
    def settled(self) -> bool:
        """Nothing is left to be answered."""
        return self.outbox.empty

    def trips(self) -> list[Trip]:
        """What is to be brought over connections beside this one; each is given once."""
        return []

    # -- reports ------------------------------------------------------------------------------------------------------
    def _make_reports(self, now: float) -> None:
        if now >= self._next_report:
            # A terminal that was not asked for long makes one report, not all that it missed.
            self._next_report = max(self._next_report + self.interval, now)
            self.drive.advance(now)
            if self.reporting:
                self._report(now)
        if now >= self._next_alarm:
            self._next_alarm = self._alarm_after(now)
            self.drive.advance(now)
            self._alarm(now)

    def _alarm_after(self, now: float) -> float:
        if self.alarms_an_hour <= 0:
            return NEVER
        return now + self._rng.expovariate(self.alarms_an_hour / 3600)

    def _hurried(self, wait: float) -> float:
        """A time before a message is sent again; at the end a short one."""
        return min(wait, LAST_RETRY) if self._finishing else wait

    # -- what each protocol says --------------------------------------------------------------------------------------
    def _greet(self, now: float) -> list[bytes]:
        """The first frames on a connection."""
        raise NotImplementedError

    def _report(self, now: float) -> None:
        """Keep a report of where the vehicle is."""
        raise NotImplementedError

    def _alarm(self, now: float) -> None:
        """Keep an alarm that fits what the vehicle is doing."""
        raise NotImplementedError

    def _repeat(self, kept: Any, now: float, out: list[bytes]) -> None:
        """Send a message again that was not answered."""
        raise NotImplementedError

    def _send_kept(self, now: float, out: list[bytes]) -> None:
        """Send what the backlog has, as far as there is room."""
        raise NotImplementedError

    def _chores(self, now: float, out: list[bytes]) -> None:
        """Whatever else is due: heartbeats, answers that take their time."""

    def _gives_up(self, now: float) -> bool:
        """Whether the terminal does nothing else now, because it boots or wants another connection."""
        return False

    def _deadlines(self) -> Iterator[float]:
        """Times of the protocol's own when :meth:`tick` wants to be called."""
        yield from ()

    def _lost(self, now: float) -> None:
        """The connection is gone, or could not be made."""
