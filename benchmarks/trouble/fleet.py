"""Terminals of both protocols that report at a rate, and keep what is not answered.

``python -m benchmarks.trouble.fleet`` is a process of its own. Half of them are Jimi cameras, half JT/T 808 terminals,
of 2013 and of 2019 in turn. A report has its moment, whether or not those before it were answered, and the latency of
its answer counts from that moment. A terminal that has lost its connection connects again, and sends first what was not
answered.

What it has to do comes as JSON on standard input: :class:`Orders`. It prints ``ready`` when all are logged in, and its
:class:`Summary` at the end; the answers are in the file :data:`ANSWERS` then.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import msgspec

from jimigw.protocols.jimi.frame import encode_frame
from jimigw.protocols.jt808.codec import encode_body
from jimigw.protocols.jt808.frame import Frame, FrameDecoder, build
from jimigw.protocols.jt808.header import Addressing, phone_bytes
from jimigw.protocols.jt808.versions import V2013, V2019
from jimigw.tools.simulator.reports808 import authentication, digits, registration

from ..programs import LOOPBACK

ANSWERS = "answers.bin"
_ANSWER = struct.Struct("=IHdd")

AGAIN = 0.3
"""Seconds until a terminal without a connection tries again."""

_LOGIN_SECONDS, _LAST_SECONDS = 60.0, 60.0
_LOGIN, _LOCATION = 0x01, 0x22
_REGISTER, _AUTHENTICATE, _REPORT = 0x0100, 0x0102, 0x0200
_REGISTERED, _GENERAL = 0x8100, 0x8001


class Orders(msgspec.Struct):
    """``ports``: of Jimi and of JT/T 808. ``reports`` in all, so many a second, by so many ``terminals``."""

    folder: str
    ports: tuple[int, int]
    terminals: int
    reports: int
    rate: float


class Summary(msgspec.Struct):
    """Who the terminals are, in the order of their numbers; the moments of the first and the last report
    (`time.monotonic`); answers that nobody waited for; connections; how late the fleet itself was at most."""

    identities: list[str] = []
    first: float = 0.0
    last: float = 0.0
    unexpected: int = 0
    connections: int = 0
    late: float = 0.0
    unanswered: int = 0


@attrs.frozen
class Answered:
    """A report that was answered: terminal, serial number, its moment, and when the answer came."""

    device: str
    serial: int
    due: float
    at: float


def answers(folder: Path, identities: list[str]) -> Iterator[Answered]:
    """What was answered, in the order of the answers."""
    for number, serial, due, at in _ANSWER.iter_unpack((folder / ANSWERS).read_bytes()):
        yield Answered(identities[number], serial, due, at)


class Terminal:
    """``kept``: frames that are not answered, with their moments, by serial number."""

    protocol = 0

    def __init__(self, number: int, identity: str) -> None:
        self.number, self.identity = number, identity
        self.socket: socket.socket | None = None
        self.online = False
        self.kept: dict[int, tuple[bytes, float]] = {}
        self.due = 0.0
        self.serial = 0

    def next_serial(self) -> int:
        self.serial += 1
        return self.serial

    def keep(self, due: float) -> bytes:
        """Make the next report."""
        serial = self.next_serial()
        frame = self.report(serial)
        self.kept[serial] = frame, due
        return frame

    def greeting(self) -> bytes:
        """What a new connection begins with."""
        raise NotImplementedError

    def report(self, serial: int) -> bytes:
        """A location that no other report of the terminal is like: its mileage is the serial number."""
        raise NotImplementedError

    def heard(self, data: bytes) -> Iterator[int | bytes | None]:
        """What the gateway says: the serial number of an answered report, bytes to send, or None: it lets us in."""
        raise NotImplementedError


class Camera(Terminal):
    """A Jimi terminal."""

    def greeting(self) -> bytes:
        self._data = b""
        return encode_frame(_LOGIN, bytes.fromhex(f"0{self.identity}42703200"), 0)

    def report(self, serial: int) -> bytes:
        now = time.gmtime()
        content = struct.pack(
            ">6BBIIBHQ3BI",
            *(now.tm_year - 2000, now.tm_mon, now.tm_mday, now.tm_hour, now.tm_min, now.tm_sec),
            *(0xCF, 0x026C1593, 0x0C398A10, 0x20, 0x148C, 0x01CC0077060776A4, 1, 0x0E, 0, serial),
        )
        return encode_frame(_LOCATION, content, serial)

    def heard(self, data: bytes) -> Iterator[int | bytes | None]:
        data = self._data + data
        while len(data) >= 3 and len(data) >= (size := data[2] + 5):
            frame, data = data[:size], data[size:]
            yield None if frame[3] == _LOGIN else int.from_bytes(frame[-6:-4], "big")
        self._data = data


class Tracker(Terminal):
    """A JT/T 808 terminal."""

    protocol = 1

    def __init__(self, number: int, identity: str, version: int) -> None:
        super().__init__(number, identity)
        self.version = version
        self._to = Addressing(version, phone_bytes(identity, version))
        self._code: str | None = None

    def greeting(self) -> bytes:
        self._decoder = FrameDecoder()
        if self._code is None:
            return self._frame(_REGISTER, registration(self.identity, self.version))
        return self._frame(_AUTHENTICATE, authentication(self.identity, self.version, self._code))

    def _frame(self, msg_id: int, body: dict[str, object]) -> bytes:
        return build(self._to, msg_id, encode_body(msg_id, body, self.version), self.next_serial())

    def report(self, serial: int) -> bytes:
        content = struct.pack(">IIIIHHH", 0, 3, 22_570_000, 113_942_000, 40, 600, 90)
        body = content + bytes.fromhex(digits(time.time())) + struct.pack(">BBI", 1, 4, serial)
        return build(self._to, _REPORT, body, serial)

    def heard(self, data: bytes) -> Iterator[int | bytes | None]:
        for piece in self._decoder.feed(data):
            if not isinstance(piece, Frame):
                continue
            msg_id, body = piece.header.msg_id, piece.body
            if msg_id == _REGISTERED and body[2] == 0:
                self._code = body[3:].decode("ascii")
                yield self.greeting()
                return
            if msg_id == _GENERAL:
                serial, about, result = struct.unpack(">HHB", body)
                if about == _AUTHENTICATE and result == 0:
                    yield None
                elif about == _REPORT:
                    yield serial if result == 0 else -1


class Fleet:
    """All of them, on one thread."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._poller = select.epoll()
        self._by_descriptor: dict[int, Terminal] = {}
        self.terminals: list[Terminal] = []
        for number in range(orders.terminals):
            if number % 2:
                version = V2019 if number % 4 == 1 else V2013
                self.terminals.append(Tracker(number, f"138{number:08d}", version))
            else:
                self.terminals.append(Camera(number, f"8632222{number:08d}"))
        self.summary = Summary([terminal.identity for terminal in self.terminals])
        self._answers = bytearray()

    def run(self) -> None:
        """Log in, report, wait for the last answers."""
        orders, summary, clock = self._orders, self.summary, time.monotonic
        limit = clock() + _LOGIN_SECONDS
        while not all(terminal.online for terminal in self.terminals):
            if clock() > limit:
                raise SystemExit("not all terminals could log in")
            self._turn(0.01)
        print("ready", flush=True)
        summary.first = clock()
        reported = 0
        while reported < orders.reports:
            due = summary.first + reported / orders.rate
            if (now := clock()) < due:
                self._turn(min(0.005, due - now))
                continue
            summary.late = max(summary.late, now - due)
            terminal = self.terminals[reported % len(self.terminals)]
            frame = terminal.keep(due)
            if terminal.online:
                self._send(terminal, frame)
            reported += 1
            if reported % 32 == 0:
                self._turn(0.0)  # also while it is late
        summary.last = clock()
        limit = clock() + _LAST_SECONDS
        while any(terminal.kept for terminal in self.terminals) and clock() < limit:
            self._turn(0.02)
        summary.unanswered = sum(len(terminal.kept) for terminal in self.terminals)
        (Path(orders.folder) / ANSWERS).write_bytes(self._answers)

    def _turn(self, wait: float) -> None:
        for descriptor, _ in self._poller.poll(wait, 256):
            terminal = self._by_descriptor.get(descriptor)
            if terminal is not None:
                self._ready(terminal)
        now = time.monotonic()
        for terminal in self.terminals:
            if terminal.socket is None and terminal.due <= now:
                self._connect(terminal)

    def _connect(self, terminal: Terminal) -> None:
        terminal.socket = connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex((LOOPBACK, self._orders.ports[terminal.protocol]))
        self._by_descriptor[connection.fileno()] = terminal
        self._poller.register(connection, select.EPOLLOUT)

    def _ready(self, terminal: Terminal) -> None:
        connection = terminal.socket
        assert connection is not None
        try:
            if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise ConnectionError
            if terminal.due >= 0:  # it was being made
                terminal.due = -1.0
                self.summary.connections += 1
                self._poller.modify(connection, select.EPOLLIN)
                self._send(terminal, terminal.greeting())
                return
            data = connection.recv(65_536)
            if not data:
                raise ConnectionError
        except OSError:
            self._lost(terminal)
            return
        for said in terminal.heard(data):
            self._said(terminal, said)

    def _said(self, terminal: Terminal, said: int | bytes | None) -> None:
        if isinstance(said, bytes):
            self._send(terminal, said)
        elif said is None:
            terminal.online = True
            self._send(terminal, b"".join(frame for frame, _ in terminal.kept.values()))
        elif (kept := terminal.kept.pop(said, None)) is not None:
            self._answers += _ANSWER.pack(terminal.number, said, kept[1], time.monotonic())
        else:
            self.summary.unexpected += 1

    def _send(self, terminal: Terminal, data: bytes) -> None:
        connection = terminal.socket
        try:
            if connection is not None and data and connection.send(data) < len(data):
                self._lost(terminal)
        except OSError:
            self._lost(terminal)

    def _lost(self, terminal: Terminal) -> None:
        connection, terminal.socket = terminal.socket, None
        if connection is not None:
            del self._by_descriptor[connection.fileno()]
            connection.close()
        terminal.online, terminal.due = False, time.monotonic() + AGAIN


def main() -> None:
    """See the module."""
    fleet = Fleet(msgspec.json.decode(sys.stdin.buffer.read(), type=Orders))
    fleet.run()
    print(msgspec.json.encode(fleet.summary).decode(), flush=True)


if __name__ == "__main__":
    main()
