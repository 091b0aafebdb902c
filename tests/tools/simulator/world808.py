"""A simulated JT/T 808 terminal, the real session, and the way between: runs as fast as it can."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Any

import attrs

from jimigw.model.report import Report
from jimigw.protocols.events import Close, CommandEnded, LoggedIn, Send
from jimigw.protocols.jt808.book import direction_of
from jimigw.protocols.jt808.codec import decode_frame
from jimigw.protocols.jt808.frame import Frame, frames_of
from jimigw.protocols.jt808.session import Session
from jimigw.tools.simulator.kind808 import VOCABULARY
from jimigw.tools.simulator.routes import ROUTES, Drive
from jimigw.tools.simulator.tally import Tally
from jimigw.tools.simulator.terminal808 import FakeTerminal808

START = datetime(2026, 11, 28, 9, 30, tzinfo=UTC).timestamp()
PHONE = "13900000007"
ALL = (2011, 2013, 2019)


def made(version: int = 2019, *, interval: float = 10.0, alarms: float = 0.0, pictures: float = 0.0, seed: int = 1,
         udp: bool = False) -> FakeTerminal808:  # fmt: skip
    """A terminal that waits for its first connection."""
    rng = random.Random(seed)
    return FakeTerminal808(
        PHONE, Drive(ROUTES[1], rng, START), Tally(VOCABULARY), rng, START,
        version=version, interval=interval, alarms_an_hour=alarms, pictures_an_hour=pictures, udp=udp,
    )  # fmt: skip


def packets(frames: bytes | list[bytes], version: int = 2019) -> list[Any]:
    """What these frames say; all of them have to be true, and what a terminal says to be read without a note."""
    found = []
    for piece in frames_of(frames if isinstance(frames, bytes) else b"".join(frames)):
        assert isinstance(piece, Frame), piece
        packet = decode_frame(piece, edition=version)
        assert not packet.notes or direction_of(packet.header.msg_id) == "down", packet.notes
        found.append(packet)
    return found


class Door:
    """Lets in whoever is not ``refused``, with codes that change with ``secret``."""

    def __init__(self) -> None:
        self.secret, self.refused = 1, False
        self.registered: list[str] = []

    def register(self, identity: str, body: dict[str, Any], phone: str) -> tuple[int, str]:
        self.registered.append(identity)
        return (4, "") if self.refused else (0, f"{identity}/{self.secret}")

    def authenticate(self, identity: str, code: str, phone: str) -> bool:
        return not self.refused and code == f"{identity}/{self.secret}"


@attrs.define
class World:
    """``passes``: what goes through of the frames on their way up; ``passes_down``: of those on their way down."""

    terminal: FakeTerminal808
    now: float = START
    reachable: bool = True
    taken: Callable[[Report], bool] = lambda report: True
    passes: Callable[[list[bytes]], list[bytes]] = lambda frames: frames
    passes_down: Callable[[bytes], bytes] = lambda data: data
    door: Door = attrs.Factory(Door)
    session: Session | None = None
    reports: list[Report] = attrs.Factory(list)
    logins: list[float] = attrs.Factory(list)
    attempts: list[float] = attrs.Factory(list)
    hang_ups: list[str] = attrs.Factory(list)
    ended: dict[Hashable, CommandEnded] = attrs.Factory(dict)
    heard: list[Any] = attrs.Factory(list)
    said: list[Any] = attrs.Factory(list)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while True:
            due = min(self.terminal.next_timer(), self._deadline())
            if self.session is None:
                due = min(due, self.terminal.connect_at)
            if due > end:
                break
            self.now = max(self.now, due)
            if self.session is None and self.now >= self.terminal.connect_at:
                self._connect()
            if self.session is not None and self._deadline() <= self.now:
                self._act(self.session.expire(self.now))
            self._hear(self.terminal.tick(self.now))
            if self.terminal.hang_up:
                self.cut()
        self.now = end

    def _deadline(self) -> float:
        deadline = None if self.session is None else self.session.deadline
        return float("inf") if deadline is None else deadline

    def cut(self) -> None:
        """The connection is gone."""
        if self.terminal.hang_up:
            self.hang_ups.append(self.terminal.hang_up)
            self.terminal.hang_up = ""
        if self.session is not None:
            self.session.close(self.now)
        self.session = None
        self.terminal.disconnected(self.now)

    def outage(self, seconds: float) -> None:
        """Nothing can be reached for so long."""
        self.reachable = False
        self.cut()
        self.run(seconds)
        self.reachable = True

    def shoot(self) -> None:
        """The terminal takes a picture and sends it."""
        self.terminal.album.shoot(self.now)
        self._hear(self.terminal.tick(self.now))

    def command(self, msg_id: int, body: dict[str, Any], tag: Hashable = "", ttl: float = 120.0) -> None:
        """The platform's people say something to the terminal."""
        assert self.session is not None
        message = {"header": {"msg_id": msg_id}, "body": body}
        self._act(self.session.command(self.terminal.identity, tag, message, self.now, ttl))

    def _connect(self) -> None:
        self.attempts.append(self.now)
        if not self.reachable:
            self.terminal.disconnected(self.now)
            return
        self.session = Session(self.door)
        self._hear(self.terminal.connected(self.now))

    def _hear(self, frames: list[bytes]) -> None:
        while frames and self.session is not None:
            frames = self.passes(frames)
            self.said += packets(frames, self.terminal.version)
            frames = self._react(self.session.receive(b"".join(frames), self.now))

    def _act(self, events: list[Any]) -> None:
        self._hear(self._react(events))

    def _react(self, events: list[Any]) -> list[bytes]:
        back = b""
        for event in events:
            assert not isinstance(event, Close), event.reason
            if isinstance(event, Send):
                back += event.data
            elif isinstance(event, LoggedIn):
                self.logins.append(self.now)
            elif isinstance(event, CommandEnded):
                self.ended[event.tag] = event
            elif isinstance(event, Report) and self.taken(event):
                self.reports.append(event)
                back += event.answer or b""
                if event.ticket is not None:
                    event.ticket.settle()
        back = self.passes_down(back)
        self.heard += packets(back, self.terminal.version)
        return self.terminal.receive(back, self.now)

    # -- what the platform has ----------------------------------------------------------------------------------------
    def of(self, msg_id: int) -> list[dict[str, Any]]:
        """The bodies of all reports with this id."""
        return [each.message["body"] for each in self.reports if each.message["header"]["msg_id"] == msg_id]

    def times(self) -> list[str]:
        """The times of all locations that were reported, alone or in a batch, in the order of their arrival."""
        found = []
        for report in self.reports:
            body = report.message["body"]
            if report.message["header"]["msg_id"] == 0x0200:
                found.append(body["time"])
            elif report.message["header"]["msg_id"] == 0x0704:
                found += [each["time"] for each in body["location"]]
        return found
