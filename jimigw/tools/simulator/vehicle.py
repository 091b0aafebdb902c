"""Lends a simulated terminal the network and the clock: a thin shell of Twisted around its :mod:`.life`."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any
from typing import Protocol as Typed

from twisted.internet.interfaces import IConnector
from twisted.internet.protocol import ClientFactory, DatagramProtocol, Protocol, connectionDone
from twisted.python.failure import Failure

from .errands import Errand, Outcome
from .life import NEVER, Life
from .mischief import Mischief, Write
from .plan import Plan
from .porter import Porter

if TYPE_CHECKING:
    from .courier import Courier

_LEAST_DELAY = 0.001


class Home(Typed):
    """What a vehicle needs of its fleet."""

    reactor: Any
    plan: Plan
    finishing: bool
    refusal: str
    courier: Courier | None

    def now(self) -> float: ...

    def left(self) -> None: ...


class Vehicle:
    """One terminal, its connection and its timer. How bytes travel, the classes below say."""

    def __init__(self, fleet: Home, terminal: Life, mischief: Mischief) -> None:
        self.terminal, self.mischief = terminal, mischief
        self._fleet, self._reactor = fleet, fleet.reactor
        self._connecting = False
        self._stopped = False
        self._timer: Any = None
        self._writes: deque[Write] = deque()
        self._writing: Any = None
        self._porters: set[Porter] = set()

    # -- how bytes travel -----------------------------------------------------------------------------------------
    @property
    def linked(self) -> bool:
        """Whether there is a connection."""
        raise NotImplementedError

    def _connect(self) -> None:
        raise NotImplementedError

    def _send(self, data: bytes) -> None:
        raise NotImplementedError

    def _close(self, *, abort: bool) -> None:
        raise NotImplementedError

    # -- the connection -------------------------------------------------------------------------------------------
    def up(self) -> None:
        """The connection is there."""
        self._connecting = False
        now = self._fleet.now()
        early = [self.terminal.early_report(now)] if self.mischief.chance("early") else []
        self._write(early + self.terminal.connected(now))
        self.schedule()

    def refused(self, why: str) -> None:
        """There is no connection to be had."""
        self._connecting = False
        self._fleet.refusal = why
        if not self._stopped:
            self.terminal.disconnected(self._fleet.now())
            self.schedule()

    def heard(self, data: bytes) -> None:
        """The server said something."""
        now = self._fleet.now()
        self._write(self.terminal.receive(data, now))
        self._obey_hang_up()
        self._run_errands(now)
        self._make_trips()
        self.schedule()

    def down(self) -> None:
        """The connection is gone."""
        self._writes.clear()
        if self._writing is not None and self._writing.active():
            self._writing.cancel()
        self._writing = None
        self._fleet.left()
        if not self._stopped:
            self.terminal.disconnected(self._fleet.now())
            self.schedule()

    # -- time -----------------------------------------------------------------------------------------------------
    def schedule(self) -> None:
        """Come back when the terminal wants it."""
        if self._stopped:
            return
        when = self.terminal.next_timer()
        if not self.linked and not self._connecting and self._wants_connection():
            when = min(when, self.terminal.connect_at)
        if when == NEVER:
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
        if not self.linked and not self._connecting and now >= self.terminal.connect_at and self._wants_connection():
            self._connecting = True
            self._connect()
        self._write(self.terminal.tick(now))
        self._obey_hang_up()
        self._run_errands(now)
        self._make_trips()
        self.schedule()

    def _obey_hang_up(self) -> None:
        if self.terminal.hang_up and self.linked:
            if not self.terminal.online:
                self._fleet.refusal = self.terminal.hang_up
            self.terminal.hang_up = ""
            self._close(abort=True)

    # -- connections of its own, beside it ------------------------------------------------------------------------
    @property
    def busy(self) -> bool:
        """Whether there is any connection, or one is to be made for a trip."""
        return self.linked or bool(self._porters)

    def _make_trips(self) -> None:
        for trip in self.terminal.trips():
            porter = Porter(self._reactor, self._fleet.now, trip, self.mischief, self._came_back)
            self._porters.add(porter)
            porter.go()

    def _came_back(self, porter: Porter) -> None:
        self._porters.discard(porter)
        self._fleet.left()

    # -- HTTP requests, beside the connection ---------------------------------------------------------------------
    def _run_errands(self, now: float) -> None:
        courier = self._fleet.courier
        if courier is None:
            return
        for errand in self.terminal.errands(now):
            if errand.name and self.mischief.chance("twice"):
                courier.post(errand).addCallback(self._ran_copy)
            broken_at = self.mischief.broken_at() if errand.name else None
            courier.post(errand, broken_at).addCallback(self._ran, errand)

    def _ran(self, outcome: Outcome, errand: Errand) -> None:
        self.terminal.ran(errand, outcome, self._fleet.now())
        self.schedule()
        self._fleet.left()

    def _ran_copy(self, outcome: Outcome) -> None:
        self.terminal.checked(outcome)
        self._fleet.left()

    # -- bytes out ------------------------------------------------------------------------------------------------
    def _write(self, frames: list[bytes]) -> None:
        if frames and self.linked:
            self._writes += self.mischief.writes(frames)
            self._pump()

    def _pump(self) -> None:
        while self._writes and self._writing is None and self.linked:
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
        if not self.linked:
            return
        self._send(write.data)
        if write.cut:
            self._writes.clear()
            self._close(abort=False)

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
        if self.linked:
            self._close(abort=True)
        for porter in list(self._porters):
            porter.stop()


# -- TCP --------------------------------------------------------------------------------------------------------------


class _Link(Protocol):
    """The bytes of one connection, on to the vehicle."""

    def __init__(self, vehicle: TcpVehicle) -> None:
        self._vehicle = vehicle

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]
        self._vehicle.made(self)

    def dataReceived(self, data: bytes) -> None:
        self._vehicle.heard(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._vehicle.lost()


class TcpVehicle(Vehicle, ClientFactory):
    """A vehicle that keeps one TCP connection."""

    noisy = False
    _link: _Link | None = None
    _reading: Any = None

    @property
    def linked(self) -> bool:
        return self._link is not None

    def _connect(self) -> None:
        plan = self._fleet.plan
        self._reactor.connectTCP(plan.host, plan.port, self, timeout=10)

    def buildProtocol(self, addr: Any) -> _Link:
        return _Link(self)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self.refused(reason.getErrorMessage())

    def made(self, link: _Link) -> None:
        """The connection is there."""
        self._link = link
        self.up()
        if self.mischief.reads_slowly and not self.mischief.honest:
            self._reading = self._reactor.callLater(self.mischief.pause(), self._toggle_reading, False)

    def lost(self) -> None:
        """The connection is gone."""
        self._link = None
        if self._reading is not None and self._reading.active():
            self._reading.cancel()
        self._reading = None
        self.down()

    def _send(self, data: bytes) -> None:
        assert self._link is not None
        if self._link.transport is not None:
            self._link.transport.write(data)

    def _close(self, *, abort: bool) -> None:
        transport: Any = self._link and self._link.transport
        if transport is not None:
            (transport.abortConnection if abort else transport.loseConnection)()

    def _toggle_reading(self, read: bool) -> None:
        self._reading = None
        transport: Any = self._link and self._link.transport
        if transport is None:
            return
        if read or self.mischief.honest:
            transport.resumeProducing()
        else:
            self.mischief.pauses()
            transport.pauseProducing()
        if not self.mischief.honest:
            read = read or self.mischief.honest
            self._reading = self._reactor.callLater(self.mischief.pause(), self._toggle_reading, not read)


# -- UDP --------------------------------------------------------------------------------------------------------------


class _Socket(DatagramProtocol):
    """The datagrams of one socket, on to the vehicle."""

    noisy = False

    def __init__(self, vehicle: UdpVehicle) -> None:
        self._vehicle = vehicle

    def startProtocol(self) -> None:
        self._vehicle.made(self)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if addr[:2] == self._vehicle.place and not self._vehicle.mischief.chance("loss"):
            self._vehicle.heard(datagram)

    def stopProtocol(self) -> None:
        self._vehicle.lost()


class UdpVehicle(Vehicle):
    """A vehicle that sends datagrams from a socket of its own; each time it has to begin anew, from another one."""

    _socket: _Socket | None = None

    @property
    def linked(self) -> bool:
        return self._socket is not None

    @property
    def place(self) -> tuple[str, int]:
        """Where the gateway is."""
        return self._fleet.plan.host, self._fleet.plan.port

    def _connect(self) -> None:
        # A socket that is connected hears when nobody listens, and the reactor takes that for its end.
        self._reactor.listenUDP(0, _Socket(self), "::" if ":" in self._fleet.plan.host else "")

    def made(self, socket: _Socket) -> None:
        """The socket is there."""
        self._socket = socket
        self.up()

    def lost(self) -> None:
        """The socket is closed."""
        self._socket = None
        self.down()

    def _send(self, data: bytes) -> None:
        transport: Any = self._socket and self._socket.transport
        if transport is not None:
            transport.write(data, self.place)

    def _close(self, *, abort: bool) -> None:
        assert self._socket is not None
        if self._socket.transport is not None:
            self._socket.transport.stopListening()
