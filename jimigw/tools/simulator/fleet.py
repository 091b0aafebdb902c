"""A fleet of simulated terminals: when they start and end, and their books."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from .mischief import Mischief
from .plan import GRACE, Plan, kind_of
from .routes import ROUTES, Drive
from .tally import Tally
from .vehicle import TcpVehicle, UdpVehicle, Vehicle

if TYPE_CHECKING:
    from .courier import Courier

CONNECTIONS_A_SECOND = 500


class Fleet:
    """Terminals that drive and report until they are told to finish.

    ``reactor`` needs ``connectTCP`` or ``listenUDP``, ``callLater`` and ``seconds``; ``wall`` is the time in seconds
    since 1970 at the start, if it is not to be the machine's.
    """

    def __init__(self, reactor: Any, plan: Plan, wall: float | None = None) -> None:
        self.reactor, self.plan = reactor, plan
        self._kind = kind_of(plan.protocol)
        self.tally = Tally(self._kind.vocabulary)
        self.finishing = False
        #: what the last connection that failed said
        self.refusal = ""
        self._ahead: float = (time.time() if wall is None else wall) - reactor.seconds()
        self._started = self.now()
        self._ended: float | None = None
        self._done: Deferred[dict[str, Any]] = Deferred()
        self._deadline: Any = None
        self._grace_ends = 0.0
        self._stopping = False
        self.courier: Courier | None = None
        if plan.uploads is not None:
            # Most runs upload nothing, and an HTTP client takes its time to be loaded.
            from .courier import Courier

            self.courier = Courier(reactor, self.now, plan.uploads.timeout)
        rng = random.Random(plan.seed)
        self._vehicles = [self._vehicle(index, rng) for index in range(plan.devices)]

    def _vehicle(self, index: int, rng: random.Random) -> Vehicle:
        plan, own = self.plan, random.Random(rng.random())
        start = self._started + index / CONNECTIONS_A_SECOND
        drive = Drive(ROUTES[index % len(ROUTES)], own, start)
        terminal = self._kind.make(plan, index, drive, self.tally, own, start)
        mischief = Mischief(plan.tricks, own, self.tally, self._kind.wire(plan.udp))
        return (UdpVehicle if plan.udp else TcpVehicle)(self, terminal, mischief)

    def now(self) -> float:
        """The time in seconds since 1970."""
        return float(self.reactor.seconds()) + self._ahead

    def run(self) -> Deferred[dict[str, Any]]:
        """Drive. Fires with the summary, after the time of the plan or after :meth:`finish`."""
        for vehicle in self._vehicles:
            vehicle.schedule()
        if self.plan.seconds is not None:
            self._deadline = self.reactor.callLater(self.plan.seconds, self.finish)
        return self._done

    @property
    def unanswered(self) -> int:
        """Reports that still want an answer."""
        return sum(vehicle.terminal.unanswered for vehicle in self._vehicles)

    @property
    def online(self) -> int:
        """Terminals that are logged in."""
        return sum(vehicle.terminal.online for vehicle in self._vehicles)

    def raise_alarm(self, index: int = 0) -> None:
        """Have one terminal raise an alarm, beside those that it raises by chance."""
        vehicle = self._vehicles[index]
        vehicle.terminal.raise_alarm(self.now())
        vehicle.schedule()

    def finish(self) -> None:
        """Make no more reports, wait for what is unanswered, then stop. A second call stops at once."""
        if self.finishing:
            self._stop()
            return
        self.finishing = True
        self._ended = self.now()
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._grace_ends = self.now() + self.plan.grace
        for vehicle in self._vehicles:
            vehicle.finish()
        self._check()

    def _check(self) -> None:
        if self._stopping:
            return
        if self.now() >= self._grace_ends or all(vehicle.terminal.settled for vehicle in self._vehicles):
            self._stop()
        else:
            self.reactor.callLater(0.05, self._check)

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        for vehicle in self._vehicles:
            vehicle.stop()
        if self.courier is not None:
            self.courier.stop()
        self.left()

    def left(self) -> None:
        """A connection is gone, or an upload ended; with the last one the fleet is done."""
        if not self._stopping or self._done.called or any(vehicle.busy for vehicle in self._vehicles):
            return
        if self.courier is None or self.courier.idle:
            self._done.callback(self.summary())

    def summary(self) -> dict[str, Any]:
        """The books as they are now."""
        until = self.now() if self._ended is None else self._ended
        return self.tally.summary(self.plan.devices, self.unanswered, until - self._started)


__all__ = ["CONNECTIONS_A_SECOND", "GRACE", "Fleet", "Plan"]
