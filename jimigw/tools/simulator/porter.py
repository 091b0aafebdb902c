"""Lends the network to what a simulated terminal brings over connections beside its own: attachments of alarms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IConnector
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from .life import Trip
from .mischief import Mischief

_LOOK = 1.0
"""Seconds between two looks whether an answer is overdue."""


class _Link(Protocol):
    """The bytes of one connection."""

    def __init__(self, porter: Porter) -> None:
        self._courier = porter

    def connectionMade(self) -> None:
        self._courier.made(self)

    def dataReceived(self, data: bytes) -> None:
        self._courier.heard(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._courier.lost()


class Porter(ClientFactory):
    """Makes one trip: connects, again if it has to, until all is brought or given up. ``ended`` hears of that."""

    noisy = False

    def __init__(
        self,
        reactor: Any,
        now: Callable[[], float],
        trip: Trip,
        mischief: Mischief,
        ended: Callable[[Porter], object],
    ) -> None:
        self._reactor, self._now, self.trip, self._ended = reactor, now, trip, ended
        trip.leaves_out = lambda: mischief.chance("gaps")
        trip.breaks_off = lambda: mischief.chance("breakoff")
        self._link: _Link | None = None
        self._connector: IConnector | None = None
        self._timer: Any = None
        self._stopped = False

    def go(self) -> None:
        """Set out."""
        self._connector = self._reactor.connectTCP(self.trip.host, self.trip.port, self, timeout=10)

    def stop(self) -> None:
        """Give it up; ``ended`` is called once the connection is gone."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
            if self._link is None:
                self._ended(self)
                return
        if self._link is not None:
            self._abort()
        elif self._connector is not None:
            self._connector.stopConnecting()

    # -- the connection -----------------------------------------------------------------------------------------------

    def buildProtocol(self, addr: Any) -> _Link:
        return _Link(self)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self.trip.unreachable(self._now())
        self._over()

    def made(self, link: _Link) -> None:
        """The connection is there."""
        self._link = link
        self._write(self.trip.connected(self._now()))
        self._timer = self._reactor.callLater(_LOOK, self._look)

    def heard(self, data: bytes) -> None:
        """The server said something."""
        self._write(self.trip.receive(data, self._now()))
        if self.trip.hang_up and self._link is not None and self._link.transport is not None:
            self._link.transport.loseConnection()

    def lost(self) -> None:
        """The connection is gone."""
        self._link = None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self.trip.disconnected(self._now())
        self._over()

    def _over(self) -> None:
        if self._stopped or self.trip.done:
            self._ended(self)
        else:
            self._connector = None
            self._timer = self._reactor.callLater(max(0.0, self.trip.connect_at - self._now()), self.go)

    def _look(self) -> None:
        if self.trip.overdue(self._now()):
            self._abort()
        else:
            self._timer = self._reactor.callLater(_LOOK, self._look)

    def _write(self, data: bytes) -> None:
        if data and self._link is not None and self._link.transport is not None:
            self._link.transport.write(data)

    def _abort(self) -> None:
        transport: Any = self._link and self._link.transport
        if transport is not None:
            transport.abortConnection()
