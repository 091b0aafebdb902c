"""Lends a fleet of terminals the network and the clock: a thin shell of Twisted around :mod:`.terminal`."""

from __future__ import annotations

import random
import time
from collections import deque
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConnector
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from .mischief import Mischief, Write
from .routes import ROUTES, Drive
from .tally import Tally
from .terminal import FakeTerminal, imei_of

CONNECTIONS_A_SECOND = 500
GRACE = 10.0
"""Seconds that answers may take at the end."""

_LEAST_DELAY = 0.001


@attrs.frozen
class Plan:
    """What a fleet does: where to, how many, how long. ``seconds`` None: until it is told to finish."""

    host: str
    port: int
    devices: int = 1
    interval: float = 10.0
    seconds: float | None = None
    imei_base: str = "86490800000000"
    alarms_an_hour: float = 6.0
    tricks: frozenset[str] = frozenset()
    grace: float = GRACE
    seed: int = 0


class _Link(Protocol):
    """The bytes of one connection, on to the vehicle."""

    def __init__(self, vehicle: _Vehicle) -> None:
        self._vehicle = vehicle

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]
        self._vehicle.up(self)

    def dataReceived(self, data: bytes) -> None:
        self._vehicle.heard(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._vehicle.down(self)


class _Vehicle(ClientFactory):
    """One terminal, its connection and its timer."""

    noisy = False

    def __init__(self, fleet: Fleet, terminal: FakeTerminal, mischief: Mischief) -> None:
        self.terminal, self.mischief = terminal, mischief
        self._fleet, self._reactor = fleet, fleet.reactor
        self._link: _Link | None = None
        self._connecting = False
        self._stopped = False
        self._timer: Any = None
        self._writes: deque[Write] = deque()
        self._writing: Any = None
        self._reading: Any = None

    # -- the connection -------------------------------------------------------------------------------------------
    def buildProtocol(self, addr: Any) -> _Link:
        return _Link(self)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self._connecting = False
        self._fleet.refusal = reason.getErrorMessage()
        if not self._stopped:
            self.terminal.disconnected(self._fleet.now())
            self.schedule()

    def up(self, link: _Link) -> None:
        """The connection is there."""
        self._link, self._connecting = link, False
        now = self._fleet.now()
        early = [self.terminal.early_report(now)] if self.mischief.chance("early") else []
        self._write(early + self.terminal.connected(now))
        if self.mischief.reads_slowly and not self.mischief.honest:
            self._reading = self._reactor.callLater(self.mischief.pause(), self._toggle_reading, False)
        self.schedule()

    def heard(self, data: bytes) -> None:
        """The server said something."""
        self._write(self.terminal.receive(data, self._fleet.now()))
        self.schedule()

    def down(self, link: _Link) -> None:
        """The connection is gone."""
        self._link = None
        self._writes.clear()
        for name in ("_writing", "_reading"):
            call = getattr(self, name)
            if call is not None and call.active():
                call.cancel()
            setattr(self, name, None)
        self._fleet.left()
        if not self._stopped:
            self.terminal.disconnected(self._fleet.now())
            self.schedule()

    @property
    def linked(self) -> bool:
        """Whether there is a connection."""
        return self._link is not None

    # -- time -----------------------------------------------------------------------------------------------------
    def schedule(self) -> None:
        """Come back when the terminal wants it."""
        if self._stopped:
            return
        when = self.terminal.next_timer()
        if self._link is None and not self._connecting and self._wants_connection():
            when = min(when, self.terminal.connect_at)
        if when == float("inf"):
            if self._timer is not None and self._timer.active():
                self._timer.cancel()
            return
        delay = max(_LEAST_DELAY, when - self._fleet.now())
        if self._timer is not None and self._timer.active():
            self._timer.reset(delay)
        else:
            self._timer = self._reactor.callLater(delay, self._wake)

    def _wants_connection(self) -> bool:
        return not (self._fleet.finishing and self.terminal.settled)

    def _wake(self) -> None:
        now = self._fleet.now()
        if self._link is None and not self._connecting and now >= self.terminal.connect_at and self._wants_connection():
            self._connecting = True
            self._fleet.connect(self)
        self._write(self.terminal.tick(now))
        if self.terminal.hang_up and self._link is not None:
            self.terminal.hang_up = ""
            self._link.transport.abortConnection()  # type: ignore[union-attr]
        self.schedule()

    # -- bytes out ------------------------------------------------------------------------------------------------
    def _write(self, frames: list[bytes]) -> None:
        if frames and self._link is not None:
            self._writes += self.mischief.writes(frames)
            self._pump()

    def _pump(self) -> None:
        while self._writes and self._writing is None and self._link is not None:
            if self._writes[0].after > 0:
                self._writing = self._reactor.callLater(self._writes[0].after, self._write_late)
            else:
                self._write_next()

    def _write_late(self) -> None:
        self._writing = None
        if self._writes:
            self._write_next()
            self._pump()

    def _write_next(self) -> None:
        write = self._writes.popleft()
        if self._link is None or self._link.transport is None:
            return
        self._link.transport.write(write.data)
        if write.cut:
            self._writes.clear()
            self._link.transport.loseConnection()

    def _toggle_reading(self, read: bool) -> None:
        self._reading = None
        if self._link is None or self._link.transport is None:
            return
        read = read or self.mischief.honest
        if read:
            self._link.transport.resumeProducing()  # type: ignore[attr-defined]
        else:
            self.mischief.pauses()
            self._link.transport.pauseProducing()  # type: ignore[attr-defined]
        if not self.mischief.honest:
            self._reading = self._reactor.callLater(self.mischief.pause(), self._toggle_reading, not read)

    # -- the end --------------------------------------------------------------------------------------------------
    def finish(self) -> None:
        """Make no more reports, and play no more tricks."""
        self.mischief.honest = True
        self.terminal.finish(self._fleet.now())
        self.schedule()

    def stop(self) -> None:
        """Close the connection for good."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._link is not None and self._link.transport is not None:
            self._link.transport.abortConnection()  # type: ignore[attr-defined]


class Fleet:
    """Terminals that drive and report until they are told to finish.

    ``reactor`` needs ``connectTCP``, ``callLater`` and ``seconds``; ``wall`` is the time in seconds since 1970 at the
    start, if it is not to be the machine's.
    """

    def __init__(self, reactor: Any, plan: Plan, wall: float | None = None) -> None:
        self.reactor, self.plan = reactor, plan
        self.tally = Tally()
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
        rng = random.Random(plan.seed)
        self._vehicles = [self._vehicle(index, rng) for index in range(plan.devices)]

    def _vehicle(self, index: int, rng: random.Random) -> _Vehicle:
        own = random.Random(rng.random())
        start = self._started + index / CONNECTIONS_A_SECOND
        terminal = FakeTerminal(
            imei_of(self.plan.imei_base, index),
            Drive(ROUTES[index % len(ROUTES)], own, start),
            self.tally,
            own,
            start,
            interval=self.plan.interval,
            alarms_an_hour=self.plan.alarms_an_hour,
        )
        return _Vehicle(self, terminal, Mischief(self.plan.tricks, own, self.tally))

    def now(self) -> float:
        """The time in seconds since 1970."""
        return float(self.reactor.seconds()) + self._ahead

    def connect(self, vehicle: _Vehicle) -> None:
        """Make a connection for this vehicle."""
        self.reactor.connectTCP(self.plan.host, self.plan.port, vehicle, timeout=10)

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
        self.left()

    def left(self) -> None:
        """A connection is gone; with the last one the fleet is done."""
        if self._stopping and not self._done.called and not any(vehicle.linked for vehicle in self._vehicles):
            self._done.callback(self.summary())

    def summary(self) -> dict[str, Any]:
        """The books as they are now."""
        until = self.now() if self._ended is None else self._ended
        return self.tally.summary(self.plan.devices, self.unanswered, until - self._started)
