"""Lends the network to what a simulated terminal brings over connections beside its own: attachments of alarms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IConnector
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from .life import Errand
from .mischief import Mischief

_LOOK = 1.0
"""Seconds between two looks whether an answer is overdue."""


class _Link(Protocol):
    """The bytes of one connection."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier

    def connectionMade(self) -> None:
        self._courier.made(self)

    def dataReceived(self, data: bytes) -> None:
        self._courier.heard(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._courier.lost()


class Courier(ClientFactory):
    """Runs one errand: connects, again if it has to, until all is brought or given up. ``ended`` hears of that."""

    noisy = False

    def __init__(
        self,
        reactor: Any,
        now: Callable[[], float],
        errand: Errand,
        mischief: Mischief,
        ended: Callable[[Courier], object],
    ) -> None:
        self._reactor, self._now, self.errand, self._ended = reactor, now, errand, ended
        errand.leaves_out = lambda: mischief.chance("gaps")
        errand.breaks_off = lambda: mischief.chance("breakoff")
        self._link: _Link | None = None
        self._connector: IConnector | None = None
        self._timer: Any = None
        self._stopped = False

    def go(self) -> None:
        """Set out."""
        self._connector = self._reactor.connectTCP(self.errand.host, self.errand.port, self, timeout=10)

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
        self.errand.unreachable(self._now())
        self._over()

    def made(self, link: _Link) -> None:
        """The connection is there."""
        self._link = link
        self._write(self.errand.connected(self._now()))
        self._timer = self._reactor.callLater(_LOOK, self._look)

    def heard(self, data: bytes) -> None:
        """The server said something."""
        self._write(self.errand.receive(data, self._now()))
        if self.errand.hang_up and self._link is not None and self._link.transport is not None:
            self._link.transport.loseConnection()

    def lost(self) -> None:
        """The connection is gone."""
        self._link = None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self.errand.disconnected(self._now())
        self._over()

    def _over(self) -> None:
        if self._stopped or self.errand.done:
            self._ended(self)
        else:
            self._connector = None
            self._timer = self._reactor.callLater(max(0.0, self.errand.connect_at - self._now()), self.go)

    def _look(self) -> None:
        if self.errand.overdue(self._now()):
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
