"""Terminals over TCP: one protocol instance a connection, around a session that knows nothing of sockets.

The hot path is here: bytes in, session, gateway; and, after the commit, the answer out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger

from jimigw.gateway.command_queue import Unsendable
from jimigw.gateway.gateway import Gateway
from jimigw.model.device import Device
from jimigw.model.report import Report
from jimigw.protocols.events import Close, Event, LoggedIn, Send
from jimigw.wire.errors import EncodeError

from .connections import GOODBYE, SWEEP_INTERVAL, Complain, Connection, Connections, EdgeCounters, Limits

_ASK_AGAIN = 5.0
"""Seconds after which it is asked once more about a terminal that was not let in and is still connected."""


class TerminalSession(Protocol):
    """What the edge needs of a session; see :mod:`jimigw.protocols.events`."""

    identity: str | None

    @property
    def deadline(self) -> float | None: ...

    @property
    def dropped(self) -> int: ...

    def receive(self, data: bytes, now: float) -> list[Event]: ...

    def expire(self, now: float) -> list[Event]: ...


class Terminal(Connection):
    """One connection of a terminal. It is the link that the gateway knows."""

    _log = Logger()
    #: reports are small, and a buffer of 64 KiB for each of them costs a third of the read
    read_size = 4096
    #: the terminal answers one command before it gets the next
    window = 1
    #: its login, while that is not let in; an attribute of the class as long as there is none, which most never have
    _refused: LoggedIn | None = None
    _again_at = 0.0
    _complained = False

    def __init__(self, factory: TerminalFactory, session: TerminalSession, address: IAddress) -> None:
        super().__init__(factory, address)
        self.factory: TerminalFactory = factory
        self.session = session
        self.device: Device | None = None
        self.answers = b""

    # -- the edge's side ------------------------------------------------------------------------------------------

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

    @property
    def dropped(self) -> int:
        return self.session.dropped

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

    def leave(self, reason: str, now: float) -> None:
        """Say of the terminal here that it is off line."""
        device = self.device
        self.factory.gateway.closed(self, reason, now)
        if device is not None:
            self._log.info(
                "{device} at {address} is gone: {reason}", device=device.id, address=self.address, reason=reason
            )

    # -- the gateway's side ---------------------------------------------------------------------------------------

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


class TerminalFactory(Connections[Terminal]):
    """One port's terminals: makes their sessions, and links them to the gateway."""

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
        super().__init__(name, reactor, limits, complain)
        self.gateway = gateway
        self._connection = connection
        self._make_session = make_session

    def make(self, address: IAddress) -> Terminal:
        return self._connection(self, self._make_session(), address)


__all__ = [
    "GOODBYE",
    "SWEEP_INTERVAL",
    "Complain",
    "EdgeCounters",
    "Limits",
    "Terminal",
    "TerminalFactory",
    "TerminalSession",
]
