"""Terminals over TCP: one protocol instance a connection, around a session that knows nothing of sockets.

The hot path is here: bytes in, session, gateway; and, after the commit, the answer out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IConsumer, IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.tcp import Server
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from jimigw.gateway.command_queue import Unsendable
from jimigw.gateway.gateway import Gateway
from jimigw.model.device import Device
from jimigw.model.report import Report
from jimigw.protocols.events import Close, Event, LoggedIn, Send
from jimigw.wire.errors import EncodeError

GOODBYE = 5.0
"""Seconds that a connection gets to take what was sent before it was closed."""

SWEEP_INTERVAL = 1.0
"""Seconds between two looks at the deadlines of all connections: one timer for all, none for each."""

_ASK_AGAIN = 5.0
"""Seconds after which it is asked once more about a terminal that was not let in and is still connected."""

_READ_SIZE = 4096
"""Bytes of one read. Reports are small, and a buffer of 64 KiB for each of them costs a third of the read."""


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


class TerminalSession(Protocol):
    """What the edge needs of a session; see :mod:`jimigw.protocols.events`."""

    identity: str | None

    @property
    def deadline(self) -> float | None: ...

    @property
    def dropped(self) -> int: ...

    def receive(self, data: bytes, now: float) -> list[Event]: ...

    def expire(self, now: float) -> list[Event]: ...


@implementer(IPushProducer)
class Terminal(TwistedProtocol):
    """One connection of a terminal. It is the link that the gateway knows."""

    _log = Logger()
    #: the terminal answers one command before it gets the next
    window = 1
    #: its login, while that is not let in; an attribute of the class as long as there is none, which most never have
    _refused: LoggedIn | None = None
    _again_at = 0.0
    _complained = False

    def __init__(self, factory: TerminalFactory, session: TerminalSession, address: IAddress) -> None:
        self.factory: TerminalFactory = factory
        self.session = session
        self._address = address
        self.device: Device | None = None
        self.answers = b""
        self.since = self.heard = factory.seconds()
        self._direct = False
        self._reason: str | None = None
        self._last_call: IDelayedCall | None = None

    # -- the edge's side ------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        transport: Any = self.transport
        self._direct = type(transport) is Server
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)
        # What the terminal does not read piles up in the transport; past this it calls pauseProducing. The same number
        # is what one read takes at most, and reports are small.
        transport.bufferSize = _READ_SIZE if self._direct else self.factory.limits.max_unread
        IConsumer(transport).registerProducer(self, True)
        self.factory.opened(self)

    def dataReceived(self, data: bytes) -> None:
        factory = self.factory
        self.heard = now = factory.seconds()
        factory.counters.bytes_in += len(data)
        for event in self.session.receive(data, now):
            self._do(event, now)

    def _do(self, event: Event, now: float) -> None:
        if isinstance(event, Report):
            self.factory.gateway.report(self, event, now)
        elif isinstance(event, Send):
            self.send(event.data)
        elif isinstance(event, LoggedIn):
            self._logged_in(event, now)
        elif isinstance(event, Close):
            self.factory.counters.closed_by_session += 1
            self.disconnect(event.reason)

    def _ask_again(self, refused: LoggedIn, now: float) -> None:
        """Its login was not let in. Since all of its heartbeats are answered it has no reason to log in again, for
        days: whoever lists it meanwhile, or a platform that is back, would not see it come."""
        self._again_at = now + _ASK_AGAIN
        if self.factory.gateway.admission.admits(refused.identity) is not False:
            self._refused = None
            self._logged_in(refused, now)

    def _logged_in(self, event: LoggedIn, now: float) -> None:
        again = self.device is not None
        admitted = self.factory.gateway.login(self, event.identity, event.report, now)
        if isinstance(admitted, Deferred):
            admitted.addCallback(self._admitted, event, again)
        else:
            self._admitted(admitted, event, again)

    def _admitted(self, admitted: bool, event: LoggedIn, again: bool) -> None:
        identity = event.identity
        if admitted:
            self._refused = None
            if not again and self.device is not None:
                self._log.info("{device} logged in from {address}", device=identity, address=self.address)
            return
        self._refused, self._again_at = event, self.factory.seconds() + _ASK_AGAIN
        if self._complained:
            return
        self._complained = True
        self.factory.complain(
            self._log.warn,
            "{device} is not let in: it gets its answers, what it reports is not stored (from {address})",
            kind=("refused", identity),
            device=identity,
            address=self.address,
        )

    def sweep(self, now: float) -> None:
        """Look at the deadlines, once a second."""
        session = self.session
        deadline = session.deadline
        limits, counters = self.factory.limits, self.factory.counters
        if deadline is not None and now >= deadline:
            dropped = session.dropped
            for event in session.expire(now):
                self._do(event, now)
            if session.dropped > dropped:
                counters.frames_given_up += 1
                self.factory.complain(
                    self._log.info,
                    "{port}: a frame from {address} was not finished in time",
                    kind=("frame_timeout", self.factory.name),
                    port=self.factory.name,
                    address=self.address,
                )
        if self._refused is not None and now >= self._again_at:
            self._ask_again(self._refused, now)
        if session.identity is None and now - self.since >= limits.login_timeout:
            counters.login_timeouts += 1
            self.disconnect(f"no login within {limits.login_timeout:g} s")
        elif limits.idle_timeout and now - self.heard >= limits.idle_timeout:
            counters.idle_timeouts += 1
            self.disconnect(f"nothing heard for {limits.idle_timeout:g} s")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.closed(self)
        if self._last_call is not None:
            self._last_call.cancel()
            self._last_call = None
        self.leave(self._reason or reason.getErrorMessage(), self.factory.seconds())

    def leave(self, reason: str, now: float) -> None:
        """Say of the terminal here that it is off line."""
        device = self.device
        self.factory.gateway.closed(self, reason, now)
        if device is not None:
            self._log.info(
                "{device} at {address} is gone: {reason}", device=device.id, address=self.address, reason=reason
            )

    # -- the gateway's side ---------------------------------------------------------------------------------------

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

    def send(self, data: bytes) -> None:
        """Send to the terminal; nothing happens when the connection is gone."""
        transport: Any = self.transport
        if self._reason is not None or not transport.connected:
            return
        self.factory.counters.bytes_out += len(data)
        if self.factory.gateway.taps:
            self._tapped(data)
        if self._direct and not transport.dataBuffer and not transport._tempDataBuffer:
            # An answer is a few bytes and nearly always fits the socket's buffer. write() would ask the kernel to tell
            # when the socket is writable, be told, write, and ask it to stop: three system calls more for each answer.
            try:
                sent = transport.socket.send(data)
            except OSError:
                # The socket's buffer is full, or the connection is lost: write() waits for the one and tells the other.
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        transport.write(data)

    def _tapped(self, data: bytes) -> None:
        device = self.device
        if device is not None:
            self.factory.gateway.taps.down(device.id, device.protocol, data, self.factory.seconds())

    def command(self, tag: int, content: str | Mapping[str, Any], ttl: float) -> None:
        """Send a text command with this flag. :class:`Unsendable` if it cannot be written."""
        if not isinstance(content, str):
            raise Unsendable("a terminal of the Jimi protocol takes text commands")
        try:
            frame: bytes = self.session.command(content, tag & 0xFFFFFFFF)  # type: ignore[attr-defined]
        except EncodeError as error:
            raise Unsendable(str(error)) from None
        self.send(frame)

    def cancel(self, tag: int) -> None:
        """Nothing to do: a text command is sent once."""

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
        # A terminal that never reads would keep a polite close waiting for ever.
        self._last_call = self.factory.reactor.callLater(GOODBYE, self._abort)

    def _abort(self) -> None:
        self._last_call = None
        transport: Any = self.transport
        if transport.connected:
            transport.abortConnection()

    # -- the transport's side (IPushProducer) ---------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The terminal reads slower than it is written to. Past the limit the connection is closed."""
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


class TerminalFactory(Factory):
    """One port's connections: makes their sessions, keeps the limits, looks at the deadlines."""

    _log = Logger()
    noisy = False

    def __init__(
        self,
        name: str,
        reactor: IReactorTime,
        gateway: Gateway,
        make_session: Callable[[], TerminalSession],
        limits: Limits,
        complain: Complain,
        connection: type[Terminal] = Terminal,
    ) -> None:
        self.name, self.reactor, self.gateway = name, reactor, gateway
        self._connection = connection
        self.limits, self.complain = limits, complain
        self.seconds: Callable[[], float] = reactor.seconds
        self.counters = EdgeCounters()
        self.connections: set[Terminal] = set()
        self._make_session = make_session
        self._per_host: dict[str, int] = {}
        self._dropped = 0
        self._sweeper: IDelayedCall | None = None

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
        for terminal in list(self.connections):
            terminal.sweep(now)

    def buildProtocol(self, addr: IAddress) -> Terminal | None:  # type: ignore[override]
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
        return self._connection(self, self._make_session(), addr)

    def opened(self, terminal: Terminal) -> None:
        """A connection is there."""
        self.counters.connections += 1
        self.connections.add(terminal)
        # Also where there is no limit: a reload may bring one.
        host = _host(terminal._address)
        self._per_host[host] = self._per_host.get(host, 0) + 1

    def closed(self, terminal: Terminal) -> None:
        """A connection is gone."""
        if terminal in self.connections:
            self._dropped += terminal.session.dropped
        self.connections.discard(terminal)
        host = _host(terminal._address)
        left = self._per_host.get(host, 0) - 1
        if left > 0:
            self._per_host[host] = left
        else:
            self._per_host.pop(host, None)

    def dropped(self) -> int:
        """How many frames were dropped, of connections that are and that were: wrong check code, never finished."""
        return self._dropped + sum(terminal.session.dropped for terminal in self.connections)

    def hang_up(self, reason: str) -> None:
        """Take nothing more from any terminal, and say that it left; what is in hand is still answered."""
        now = self.seconds()
        for terminal in list(self.connections):
            transport: Any = terminal.transport
            transport.pauseProducing()
            terminal.leave(reason, now)

    def close_all(self, reason: str) -> None:
        """Close all connections."""
        for terminal in list(self.connections):
            terminal.disconnect(reason)


def _host(address: IAddress) -> str:
    return address.host if isinstance(address, IPv4Address | IPv6Address) else str(address)
