"""The edge towards terminals: limits, deadlines, slow readers. Over in-memory transports and a clock of its own."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from jimigw.gateway.admission import Admission, Open
from jimigw.gateway.gateway import Gateway
from jimigw.gateway.registry import Registry
from jimigw.model.device import Card
from jimigw.net.tcp import GOODBYE, Limits, Terminal, TerminalFactory
from jimigw.protocols.jimi.codec import one_frame
from jimigw.protocols.jimi.session import Session, Settings
from jimigw.store.interface import CardChanges
from tests.support.admission import listed
from tests.support.recorder import RecordingJournal
from tests.vectors.jimi import named

NOW = 1_795_000_000.0
LOGIN, HEARTBEAT, LOCATION = named("login"), named("heartbeat"), named("location")
IMEI = "752533678900242"


class Wire(StringTransport):
    """A transport whose other end reads only when told to."""

    aborted = False
    dataBuffer = b""

    def abortConnection(self) -> None:
        self.aborted = True
        self.connected = False

    def closing(self) -> bool:
        return bool(self.disconnecting)

    def frames(self) -> list[str]:
        """What was sent, as protocol number and serial number each."""
        data, found = self.value(), []
        while data:
            size = data[2] + 5
            frame = one_frame(data[:size])
            found.append(f"{frame.protocol:02x}/{frame.serial}")
            data = data[size:]
        self.clear()
        return found


class Edge:
    """A factory with everything around it."""

    def __init__(self, limits: Limits | None = None, admission: Admission | None = None, **settings: Any) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.journal = RecordingJournal()
        self.gateway = Gateway(Registry(), admission or Open(), self.journal)
        self.said: list[str] = []
        made = Settings(**settings)
        self.factory = TerminalFactory(
            "jimi", self.clock, self.gateway, lambda: Session(made), limits or Limits(), self._complain
        )
        self.factory.doStart()

    def _complain(self, say: Callable[..., object], format: str, *, kind: Any = None, **fields: Any) -> None:
        self.said.append(format.format(**fields))

    def connect(self, host: str = "192.0.2.1", port: int = 4000) -> tuple[Terminal, Wire]:
        terminal = self.factory.buildProtocol(IPv4Address("TCP", host, port))
        assert terminal is not None
        wire = Wire()
        terminal.makeConnection(wire)
        return terminal, wire

    def refused(self, host: str = "192.0.2.1") -> bool:
        return self.factory.buildProtocol(IPv4Address("TCP", host, 4001)) is None

    def lose(self, terminal: Terminal) -> None:
        terminal.connectionLost(Failure(ConnectionDone()))

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.advance(1)


def test_login_and_heartbeat_are_answered_at_once_and_a_report_after_its_commit() -> None:
    edge = Edge()
    terminal, wire = edge.connect()
    terminal.dataReceived(LOGIN + HEARTBEAT + LOCATION)
    assert wire.frames() == ["01/5", "13/15"]
    edge.journal.commit()
    assert wire.frames() == ["22/140"]
    assert edge.journal.kinds() == ["login", "heartbeat", "position"]


def test_login_and_heartbeat_are_answered_while_nothing_can_be_stored() -> None:
    edge = Edge()
    edge.journal.taking = False
    terminal, wire = edge.connect()
    terminal.dataReceived(LOGIN + HEARTBEAT + LOCATION)
    edge.journal.commit()
    assert wire.frames() == ["01/5", "13/15"]


def test_a_terminal_that_is_not_known_is_answered_but_not_stored() -> None:
    edge = Edge(admission=listed())
    terminal, wire = edge.connect()
    terminal.dataReceived(LOGIN + HEARTBEAT + LOCATION)
    edge.journal.commit()
    assert wire.frames() == ["01/5", "13/15"]
    assert edge.journal.kinds() == []
    assert not wire.closing()
    assert edge.said == [
        f"{IMEI} is not let in: it gets its answers, what it reports is not stored (from 192.0.2.1:4000)"
    ]


def test_a_terminal_that_was_refused_is_let_in_within_seconds_of_being_entered() -> None:
    admission = listed()
    edge = Edge(admission=admission)
    terminal, _ = edge.connect()
    terminal.dataReceived(LOGIN)
    admission._registry.cards_changed(CardChanges([Card(IMEI, listed=True)], ()))
    edge.pass_time(7)
    terminal.dataReceived(LOCATION)
    edge.journal.commit()
    assert edge.journal.kinds() == ["login", "position"]
    edge.pass_time(20)
    assert (edge.gateway.counters.logins, len(edge.said)) == (1, 1)


def test_a_terminal_that_is_let_in_no_more_reports_no_more() -> None:
    admission = listed(IMEI)
    edge = Edge(admission=admission)
    terminal, wire = edge.connect()
    terminal.dataReceived(LOGIN)
    admission._registry.cards_changed(CardChanges([Card(IMEI, listed=False)], ()))
    terminal.dataReceived(LOGIN + LOCATION)
    edge.journal.commit()
    assert edge.journal.kinds() == ["login", "logout"]
    assert wire.frames() == ["01/5", "01/5"]


class TestDeadlines:
    def test_a_connection_has_to_log_in(self) -> None:
        edge = Edge(Limits(login_timeout=30))
        terminal, wire = edge.connect()
        edge.pass_time(29)
        terminal.dataReceived(HEARTBEAT)
        assert not wire.closing()
        edge.pass_time(1)
        assert wire.closing()
        assert edge.said == ["closing 192.0.2.1:4000: no login within 30 s"]
        assert edge.factory.counters.login_timeouts == 1

    def test_a_terminal_that_logged_in_may_be_silent_until_the_idle_limit(self) -> None:
        edge = Edge(Limits(login_timeout=30, idle_timeout=100))
        terminal, wire = edge.connect()
        terminal.dataReceived(LOGIN)
        edge.pass_time(99)
        assert not wire.closing()
        terminal.dataReceived(HEARTBEAT)
        edge.pass_time(99)
        assert not wire.closing()
        edge.pass_time(1)
        assert wire.closing()
        assert edge.factory.counters.idle_timeouts == 1

    def test_no_idle_limit(self) -> None:
        edge = Edge(Limits(idle_timeout=0))
        terminal, wire = edge.connect()
        terminal.dataReceived(LOGIN)
        edge.clock.advance(1e6)
        assert not wire.closing()

    def test_a_frame_that_is_not_finished_is_given_up_and_what_stands_behind_it_is_read(self) -> None:
        edge = Edge(frame_timeout=10)
        terminal, wire = edge.connect()
        terminal.dataReceived(LOGIN)
        wire.clear()
        terminal.dataReceived(b"\x78\x78\xf0" + HEARTBEAT)
        edge.pass_time(9)
        assert wire.frames() == []
        edge.pass_time(2)
        assert wire.frames() == ["13/15"]

    def test_a_connection_that_stays_after_its_end_is_cut(self) -> None:
        edge = Edge(Limits(login_timeout=1))
        _, wire = edge.connect()
        edge.pass_time(1)
        assert (wire.closing(), wire.aborted) == (True, False)
        edge.clock.advance(GOODBYE)
        assert wire.aborted

    def test_no_timer_is_left_behind(self) -> None:
        edge = Edge(Limits(login_timeout=1))
        terminal, _ = edge.connect()
        edge.pass_time(1)
        edge.lose(terminal)
        edge.factory.doStop()
        assert edge.clock.getDelayedCalls() == []


class TestLimits:
    def test_connections_in_all(self) -> None:
        edge = Edge(Limits(max_connections=2))
        first, _ = edge.connect()
        edge.connect("192.0.2.2")
        assert edge.refused("192.0.2.3")
        assert edge.said == ["jimi: a connection from 192.0.2.3 is refused, 2 are open (max_connections)"]
        edge.lose(first)
        assert not edge.refused("192.0.2.3")
        assert edge.factory.counters.refused_all == 1

    def test_connections_of_one_address(self) -> None:
        edge = Edge(Limits(max_connections_per_address=2))
        first, _ = edge.connect()
        edge.connect()
        assert edge.refused()
        assert not edge.refused("192.0.2.2")
        assert edge.said == [
            "jimi: a connection from 192.0.2.1 is refused, it has 2 open (max_connections_per_address)"
        ]
        edge.lose(first)
        assert not edge.refused()
        assert edge.factory.counters.refused_address == 1

    def test_junk_without_end_closes(self) -> None:
        edge = Edge(max_junk=1000)
        terminal, wire = edge.connect()
        terminal.dataReceived(b"z" * 1000)
        assert not wire.closing()
        terminal.dataReceived(b"z")
        assert wire.closing()
        assert edge.said == ["closing 192.0.2.1:4000: 1001 bytes without one true frame"]

    def test_a_terminal_that_does_not_read_is_closed(self) -> None:
        edge = Edge(Limits(max_unread=1000))
        terminal, wire = edge.connect()
        terminal.dataReceived(LOGIN)
        assert wire.producer is terminal
        wire.producer.pauseProducing()
        assert wire.aborted
        assert edge.said[-1] == "closing 192.0.2.1:4000: it does not read: more than 1000 bytes wait for it"
        terminal.send(b"nothing more")
        assert edge.factory.counters.unread == 1


class TestTakeover:
    def test_the_newer_connection_wins_and_the_older_one_is_closed(self) -> None:
        edge = Edge()
        older, old_wire = edge.connect("192.0.2.1")
        older.dataReceived(LOGIN)
        newer, new_wire = edge.connect("192.0.2.2")
        newer.dataReceived(LOGIN)
        assert (old_wire.closing(), new_wire.closing()) == (True, False)
        assert edge.said == [f"closing 192.0.2.1:4000: {IMEI} logged in again from 192.0.2.2:4000"]
        edge.lose(older)
        newer.dataReceived(LOCATION)
        new_wire.clear()
        edge.journal.commit()
        assert new_wire.frames() == ["22/140"]
        device = edge.gateway.registry.get(IMEI)
        assert device is not None
        assert device.link is newer

    def test_a_login_of_another_terminal_on_the_same_connection_closes_it(self) -> None:
        edge = Edge()
        terminal, wire = edge.connect()
        terminal.dataReceived(LOGIN)
        terminal.dataReceived(named("login, west of Greenwich, half an hour"))
        assert wire.closing()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (IPv4Address("TCP", "192.0.2.1", 4000), "192.0.2.1:4000"),
        (IPv4Address("TCP", "2001:db8::1", 4000), "[2001:db8::1]:4000"),
        (object, "<class 'object'>"),
    ],
)
def test_addresses_for_people(address: Any, shown: str) -> None:
    edge = Edge()
    terminal = edge.factory.buildProtocol(address)
    assert terminal is not None
    assert terminal.address == shown


def test_nothing_is_sent_to_a_connection_that_is_gone() -> None:
    edge = Edge()
    terminal, wire = edge.connect()
    terminal.dataReceived(LOGIN + LOCATION)
    wire.clear()
    wire.connected = False
    edge.lose(terminal)
    edge.journal.commit()
    assert wire.value() == b""
