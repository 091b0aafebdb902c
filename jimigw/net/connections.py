"""Connections over TCP, whatever is spoken on them: limits, deadlines, ends, and who does not read what it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IConsumer, IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.tcp import Server
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

GOODBYE = 5.0
"""Seconds that a connection gets to take what was sent before it was closed."""

SWEEP_INTERVAL = 1.0
"""Seconds between two looks at the deadlines of all connections: one timer for all, none for each."""


@attrs.frozen
class Limits:
    """What one port allows. 0 is no limit, seconds and bytes otherwise."""

    max_connections: int = 0
    max_connections_per_address: int = 0
    login_timeout: float = 30.0
    idle_timeout: float = 600.0
    max_unread: int = 65_536


@attrs.define
class EdgeCounters:
    """Connections of one port: how many there were, and why they ended or were not let in."""

    connections: int = 0
    refused_all: int = 0
    refused_address: int = 0
    login_timeouts: int = 0
    idle_timeouts: int = 0
    unread: int = 0
    closed_by_session: int = 0
    frames_given_up: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class Complain(Protocol):
    """How often-repeated complaints are said: :meth:`jimigw.ops.throttle.Throttle.complain`."""

    def __call__(self, say: Callable[..., object], format: str, *, kind: Any = None, **fields: Any) -> object: ...


@implementer(IPushProducer)
class Connection(TwistedProtocol):
    """One connection. Who derives from it says what is heard, what a look at the deadlines finds, and what its end
    means."""

    _log = Logger()
    #: bytes of one read at most
    read_size: ClassVar[int] = 65_536

    def __init__(self, factory: Connections[Any], address: IAddress) -> None:
        self.factory: Connections[Any] = factory
        self._address = address
        self.since = self.heard = factory.seconds()
        self._direct = False
        self._reason: str | None = None
        self._last_call: IDelayedCall | None = None

    def connectionMade(self) -> None:
        transport: Any = self.transport
        self._direct = type(transport) is Server
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)
        # What the other end does not read piles up in the transport; past this it calls pauseProducing. The same number
        # is what one read takes at most.
        transport.bufferSize = self.read_size if self._direct else self.factory.limits.max_unread
        IConsumer(transport).registerProducer(self, True)
        self.factory.opened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.closed(self)
        if self._last_call is not None:
            self._last_call.cancel()
            self._last_call = None
        self.leave(self._reason or reason.getErrorMessage(), self.factory.seconds())

    def sweep(self, now: float) -> None:
        """Look at the deadlines, once a second."""

    def leave(self, reason: str, now: float) -> None:
        """It is over, or nothing more is taken from it."""

    @property
    def dropped(self) -> int:
        """Frames that were dropped."""
        return 0

    @property
    def address(self) -> str:
        """The other end, ``host:port``."""
        address = self._address
        if isinstance(address, IPv4Address | IPv6Address):
            host = f"[{address.host}]" if ":" in address.host else address.host
            return f"{host}:{address.port}"
        return str(address)

    @property
    def alive(self) -> bool:
        """Whether the connection is still there, and not being closed."""
        transport: Any = self.transport
        return self._reason is None and bool(transport.connected)

    def disconnect(self, reason: str) -> None:
        """Close the connection, for this reason. What was sent before is still delivered, for a while."""
        if self._reason is not None:
            return
        self._reason = reason
        transport: Any = self.transport
        self.factory.complain(
            self._log.info, "closing {address}: {reason}", kind=("closing", reason), address=self.address, reason=reason
        )
        transport.unregisterProducer()
        transport.loseConnection()
        # One that never reads would keep a polite close waiting for ever.
        self._last_call = self.factory.reactor.callLater(GOODBYE, self._abort)

    def _abort(self) -> None:
        self._last_call = None
        transport: Any = self.transport
        if transport.connected:
            transport.abortConnection()

    # -- the transport's side (IPushProducer) ---------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The other end reads slower than it is written to. Past the limit the connection is closed."""
        transport: Any = self.transport
        limit = self.factory.limits.max_unread
        unread = len(transport.dataBuffer) + transport._tempDataLen if self._direct else limit + 1
        if self._reason is None and unread > limit:
            self.factory.counters.unread += 1
            self.disconnect(f"it does not read: more than {limit} bytes wait for it")
            self._abort()

    def resumeProducing(self) -> None:
        """Nothing to do: a connection that was paused is closed."""

    def stopProducing(self) -> None:
        """Nothing to do: connectionLost follows."""


C = TypeVar("C", bound=Connection)


class Connections(Factory, Generic[C]):
    """One port's connections: makes them, keeps the limits, looks at the deadlines."""

    _log = Logger()
    noisy = False

    def __init__(self, name: str, reactor: IReactorTime, limits: Limits, complain: Complain) -> None:
        self.name, self.reactor = name, reactor
        self.limits, self.complain = limits, complain
        self.seconds: Callable[[], float] = reactor.seconds
        self.counters = EdgeCounters()
        self.connections: set[C] = set()
        self._per_host: dict[str, int] = {}
        self._dropped = 0
        self._sweeper: IDelayedCall | None = None

    def make(self, address: IAddress) -> C:
        """A connection with this other end."""
        raise NotImplementedError

    def doStart(self) -> None:
        super().doStart()
        if self._sweeper is None:
            self._sweeper = self.reactor.callLater(SWEEP_INTERVAL, self._sweep)

    def doStop(self) -> None:
        super().doStop()
        if self.numPorts == 0 and self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    def _sweep(self) -> None:
        self._sweeper = self.reactor.callLater(SWEEP_INTERVAL, self._sweep)
        now = self.seconds()
        for connection in list(self.connections):
            connection.sweep(now)

    def buildProtocol(self, addr: IAddress) -> C | None:  # type: ignore[override]
        """A connection, or None, which closes it at once, where a limit is reached."""
        limits, counters = self.limits, self.counters
        if limits.max_connections and len(self.connections) >= limits.max_connections:
            counters.refused_all += 1
            self.complain(
                self._log.warn,
                "{port}: a connection from {address} is refused, {limit} are open (max_connections)",
                kind=("max_connections", self.name),
                port=self.name,
                address=_host(addr),
                limit=limits.max_connections,
            )
            return None
        host = _host(addr)
        if limits.max_connections_per_address and self._per_host.get(host, 0) >= limits.max_connections_per_address:
            counters.refused_address += 1
            self.complain(
                self._log.warn,
                "{port}: a connection from {address} is refused, it has {limit} open (max_connections_per_address)",
                kind=("max_connections_per_address", self.name),
                port=self.name,
                address=host,
                limit=limits.max_connections_per_address,
            )
            return None
        return self.make(addr)

    def opened(self, connection: C) -> None:
        """A connection is there."""
        self.counters.connections += 1
        self.connections.add(connection)
        # Also where there is no limit: a reload may bring one.
        host = _host(connection._address)
        self._per_host[host] = self._per_host.get(host, 0) + 1

    def closed(self, connection: C) -> None:
        """A connection is gone."""
        if connection in self.connections:
            self._dropped += connection.dropped
        self.connections.discard(connection)
        host = _host(connection._address)
        left = self._per_host.get(host, 0) - 1
        if left > 0:
            self._per_host[host] = left
        else:
            self._per_host.pop(host, None)

    def dropped(self) -> int:
        """How many frames were dropped, of connections that are and that were: wrong check code, never finished."""
        return self._dropped + sum(connection.dropped for connection in self.connections)

    def hang_up(self, reason: str) -> None:
        """Take nothing more from any of them, and say that it left; what is in hand is still answered."""
        now = self.seconds()
        for connection in list(self.connections):
            transport: Any = connection.transport
            transport.pauseProducing()
            connection.leave(reason, now)

    def close_all(self, reason: str) -> None:
        """Close all connections."""
        for connection in list(self.connections):
            connection.disconnect(reason)


def _host(address: IAddress) -> str:
    return address.host if isinstance(address, IPv4Address | IPv6Address) else str(address)
