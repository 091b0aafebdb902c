"""The login by telnet: prompts, delays, bounds. Time is a clock's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from twisted.conch.telnet import DO, DONT, ECHO, IAC, IP, NAWS, SB, SE, SGA, WILL, WONT
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, formatEvent
from twisted.python.failure import Failure

from jimigw.ops.config import ManholeConfig
from jimigw.ops.manhole.access import Credentials
from jimigw.ops.manhole.completion import Completion
from jimigw.ops.manhole.entrance import MAX_ATTEMPTS, MAX_WAITING, Entrance
from jimigw.ops.manhole.shell import Shell
from jimigw.ops.manhole.telnet import MAX_TYPED, TelnetFactory, TelnetLine
from jimigw.ops.throttle import Throttle

PASSWORD = "abcd-efgh"


class Wire(StringTransport):
    """A connection that knows when it is cut, and stops taking bytes then."""

    def __init__(self, address: Any) -> None:
        super().__init__(peerAddress=address)
        self.aborted = False

    def abortConnection(self) -> None:
        self.aborted = self.disconnecting = True

    def flow(self, what: str) -> None:
        """The buffer is full, or has room again."""
        producer: Any = self.producer
        getattr(producer, f"{what}Producing")()

    def take(self) -> bytes:
        data: bytes = self.value()
        self.clear()
        return data


@attrs.define
class Visit:
    line: TelnetLine
    wire: Wire

    @property
    def shell(self) -> Shell | None:
        return self.line.shell

    def closing(self) -> bool:
        return self.wire.disconnecting

    def type(self, data: bytes | str) -> bytes:
        self.line.dataReceived(data if isinstance(data, bytes) else data.encode())
        return self.wire.take()

    def gone(self) -> None:
        self.line.connectionLost(Failure(ConnectionDone()))


class House:
    """The entrance, without anything behind it."""

    def __init__(self, **config: Any) -> None:
        self.clock = Clock()
        self.entrance = Entrance(self.clock, ManholeConfig(**config), self._shell, Throttle(self.clock))
        self.factory = TelnetFactory(self.entrance, Credentials("admin", PASSWORD))

    def _shell(self, entrance: Entrance, visitor: Any) -> Shell:
        history = entrance.history(visitor.user)
        return Shell(self.clock, visitor, lambda _: {}, lambda *_: Completion(), entrance.gone, history)

    def visit(self, host: str = "127.0.0.1") -> Visit:
        address = UNIXAddress(None) if host == "unix" else IPv4Address("TCP", host, 40_000)
        line, wire = self.factory.buildProtocol(address), Wire(address)
        line.makeConnection(wire)
        return Visit(line, wire)


def test_the_right_password() -> None:
    visit = House().visit()
    assert visit.wire.take() == IAC + DO + NAWS + b"jimigw manhole\r\nUsername: "
    assert visit.type(b"admin\r\n") == IAC + WILL + ECHO + b"Password: "
    assert visit.type(IAC + DO + ECHO) == b""
    shown = visit.type(PASSWORD + "\r\0")
    assert shown.startswith(b"\r\n" + IAC + WILL + SGA + b"jimigw: help() lists")
    assert shown.endswith(b">>> ")
    assert visit.type(b"1+1\r\0").endswith(b"\r\n2\r\n\r\x1b[K>>> ")


@pytest.mark.parametrize(
    "typed",
    [
        b"admin\n" + PASSWORD.encode() + b"\n",
        b"admin\r\n" + PASSWORD.encode() + b"\r\n",
        b"admin\r\0" + PASSWORD.encode() + b"\r\0",
        b" admin \r\n" + PASSWORD.encode() + b"\r\n",
        b"admix\x7fn\r\nwrong\x15" + PASSWORD.encode() + b"\r\n",
        b"\x00admin\r\n" + PASSWORD.encode() + b"\r\n",
    ],
)
def test_ways_to_type_it(typed: bytes) -> None:
    assert House().visit().type(typed + b"7\r\0").endswith(b"7\r\n\r\x1b[K>>> ")
    visit = House().visit()
    for at in range(len(typed)):
        visit.type(typed[at : at + 1])
    assert visit.shell is not None


def test_a_wrong_password_is_slow_and_the_next_one_slower() -> None:
    house = House()
    times = []
    for _ in range(2):
        visit = house.visit()
        for _ in range(MAX_ATTEMPTS):
            visit.wire.take()
            began = house.clock.seconds()
            visit.type(b"admin\r\nwrong\r\n")
            while b"Login incorrect." not in visit.wire.take():
                house.clock.advance(0.5)
            times.append(house.clock.seconds() - began)
        assert visit.closing()
        visit.gone()
    assert times == [1, 2, 3, 5, 9, 17]


def test_the_right_password_waits_too_after_wrong_ones_and_ends_the_waiting() -> None:
    house = House()
    visit = house.visit()
    visit.type(b"admin\r\nwrong\r\n")
    house.clock.advance(1)
    assert visit.wire.take().endswith(b"Login incorrect.\r\nUsername: ")
    visit.type(f"admin\r\n{PASSWORD}\r\n")
    assert visit.line.shell is None
    house.clock.advance(1)
    assert visit.shell is not None
    assert house.visit().type(f"admin\r\n{PASSWORD}\r\n").endswith(b">>> ")


def test_other_addresses_do_not_wait() -> None:
    house = House()
    for _ in range(3):
        visit = house.visit("192.0.2.1")
        visit.type(b"admin\r\nwrong\r\n")
        house.clock.advance(20)
        visit.gone()
    assert house.visit("192.0.2.2").type(f"admin\r\n{PASSWORD}\r\n").endswith(b">>> ")
    assert house.visit("unix").type(f"admin\r\n{PASSWORD}\r\n").endswith(b">>> ")


def test_hanging_up_does_not_save_the_wait() -> None:
    house = House()
    for _ in range(3):
        visit = house.visit()
        visit.type(b"admin\r\nwrong\r\n")
        visit.gone()
        house.clock.advance(0.1)
    assert house.entrance.brakes.wait("127.0.0.1", house.clock.seconds()) >= 1
    assert house.entrance.waiting == set()


def test_what_is_typed_while_a_password_is_looked_at_is_not_another_one() -> None:
    house = House()
    visit = house.visit()
    visit.type(b"admin\r\nwrong\r\n" + b"admin\r\nguess\r\n" * 1000)
    house.clock.advance(1)
    assert house.entrance.brakes.failed("127.0.0.1", 1) == 2


def test_the_time_to_log_in() -> None:
    house = House(login_timeout=30.0)
    visit = house.visit()
    house.clock.advance(29)
    assert not visit.closing()
    house.clock.advance(1)
    assert visit.closing()
    assert b"The time to log in is over (30 s)." in visit.wire.take()
    visit.gone()
    inside = house.visit()
    inside.type(f"admin\r\n{PASSWORD}\r\n")
    house.clock.advance(1000)
    assert not inside.closing()


@pytest.mark.parametrize("typed", [b"x" * (MAX_TYPED + 1), b"admin\r\n" + b"x" * 100_000])
def test_a_line_that_is_too_long(typed: bytes) -> None:
    visit = House().visit()
    assert b"That is too long." in visit.type(typed)
    assert visit.closing()
    visit.type(b"more")


@pytest.mark.parametrize("key", [b"\x03", b"\x04", IAC + IP])
def test_one_that_gives_up(key: bytes) -> None:
    visit = House().visit()
    visit.type(key)
    assert visit.closing()


@pytest.mark.parametrize("junk", [IAC + b"\x01", IAC + SB + IAC + SE, IAC + SB + NAWS + b"\x01" + IAC + SE])
def test_what_is_no_telnet(junk: bytes) -> None:
    visit = House().visit()
    visit.type(junk * 3)
    assert visit.closing() or visit.type(f"admin\r\n{PASSWORD}\r\n").endswith(b">>> ")


def test_a_client_that_asks_for_everything_and_reads_nothing() -> None:
    house = House()
    visit = house.visit()
    for option in range(256):
        for command in (WILL, WONT, DO, DONT):
            visit.type(IAC + command + bytes([option]))
    visit.wire.flow("pause")
    assert visit.wire.aborted


def test_connections_that_do_not_log_in_are_bounded() -> None:
    house = House()
    visits = [house.visit() for _ in range(MAX_WAITING + 3)]
    assert [visit.closing() for visit in visits] == [False] * MAX_WAITING + [True] * 3
    visits[0].type(f"admin\r\n{PASSWORD}\r\n")
    visits[1].gone()
    assert len(house.entrance.waiting) == MAX_WAITING - 2
    assert not house.visit().closing()


def test_sessions_are_bounded_and_the_next_one_hears_who_is_in() -> None:
    house = House(max_sessions=2)
    first = [house.visit() for _ in range(2)]
    for visit in first:
        visit.type(f"admin\r\n{PASSWORD}\r\n")
    third = house.visit()
    shown = third.type(f"admin\r\n{PASSWORD}\r\n")
    assert b"All 2 sessions are in use (manhole.max_sessions): admin from 127.0.0.1:40000 by telnet; " in shown
    assert third.closing()
    first[0].type(b"\x04")
    first[0].gone()
    assert house.visit().type(f"admin\r\n{PASSWORD}\r\n").endswith(b">>> ")


def test_the_window_is_told_before_or_after_the_login() -> None:
    house = House()
    visit = house.visit()
    visit.type(IAC + WILL + NAWS + IAC + SB + NAWS + b"\x00\x64\x00\x1e" + IAC + SE)
    visit.type(f"admin\r\n{PASSWORD}\r\n")
    shell = visit.shell
    assert shell is not None
    assert (shell.width, shell.height) == (100, 30)
    visit.type(IAC + SB + NAWS + b"\x00\x28\x00\x0a" + IAC + SE)
    assert (shell.width, shell.height) == (40, 10)


def test_a_slow_reader_is_told_of_by_the_transport() -> None:
    visit = House().visit()
    visit.type(f"admin\r\n{PASSWORD}\r\n")
    shell = visit.shell
    assert shell is not None
    visit.wire.flow("pause")
    shell.live(lambda: ["lost"])
    visit.wire.flow("resume")
    assert b"1 frame is not shown" in visit.wire.take()


def test_history_is_kept_for_the_next_session() -> None:
    house = House()
    visit = house.visit()
    visit.type(f"admin\r\n{PASSWORD}\r\nremembered = 1\r\0\x04")
    visit.gone()
    again = house.visit()
    again.type(f"admin\r\n{PASSWORD}\r\n")
    assert again.type(b"\x1b[A").endswith(b"remembered = 1")


def test_nothing_secret_is_logged(events: list[LogEvent]) -> None:
    house = House()
    visit = house.visit()
    visit.type(f"{PASSWORD}\r\nwrong\r\n")
    house.clock.advance(5)
    visit.type(f"admin\r\n{PASSWORD}\r\n")
    house.clock.advance(5)
    visit.type(b"x = 1\r\0\x04")
    visit.gone()
    logged = [formatEvent(event) + repr(event) for event in events]
    assert any("a login from 127.0.0.1 by telnet is refused, attempt 1 of late" in line for line in logged)
    assert not any(PASSWORD in line or "wrong" in line for line in logged)


@pytest.mark.parametrize("when", ["before", "password", "checking", "inside"])
def test_nothing_is_left_behind(when: str) -> None:
    house = House()
    visit = house.visit()
    stages: dict[str, Callable[[], object]] = {
        "before": lambda: None,
        "password": lambda: visit.type(b"admin\r\n"),
        "checking": lambda: visit.type(b"admin\r\nwrong\r\n"),
        "inside": lambda: visit.type(f"admin\r\n{PASSWORD}\r\n"),
    }
    stages[when]()
    visit.gone()
    assert house.clock.getDelayedCalls() == []
    assert (house.entrance.waiting, house.entrance.shells) == (set(), [])
