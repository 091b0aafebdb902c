"""JT/T 808 through the whole service: real sockets, TCP and UDP, a real journal."""

from __future__ import annotations

import base64
import socket
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor, task

from jimigw.protocols.jt808.codec import decode_frame, encode_json
from jimigw.protocols.jt808.frame import Frame, FrameDecoder, frames_of
from tests.service.harness import Running, Start
from tests.support.jt808 import LOCATION, REGISTRATION


class Terminal:
    """A terminal on a plain socket, read without blocking while the service runs in this process."""

    def __init__(self, running: Running, *, udp: bool = False, phone: str = "013912345678") -> None:
        kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind)
        places: list[Any] = [port.getHost() for port in running.service.ports]
        place = [place for place in places if place.type == ("UDP" if udp else "TCP")][-1]
        self.socket.connect(("127.0.0.1", place.port))
        self.socket.setblocking(False)
        self.udp, self.phone, self.serial = udp, phone, 0
        self.decoder = FrameDecoder(1 << 16)
        self.datagrams: list[bytes] = []
        self.heard: list[tuple[int, dict[str, Any]]] = []
        #: the serial number of the latest message of each id
        self.serials: dict[int, int] = {}

    async def say(self, msg_id: int, body: dict[str, Any]) -> None:
        header = {"msg_id": msg_id, "phone": self.phone, "msg_sn": self.serial}
        for frame in encode_json({"header": header, "body": body}):
            self.serial = (self.serial + 1) & 0xFFFF
            left = frame
            while left:
                try:
                    left = left[self.socket.send(left) :]
                except BlockingIOError:
                    await self._turn()

    async def _turn(self) -> None:
        await task.deferLater(reactor, 0.001)
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        self.datagrams.append(data)
        for piece in frames_of(data, 1 << 16) if self.udp else self.decoder.feed(data):
            assert isinstance(piece, Frame)
            self.heard.append((piece.header.msg_id, decode_frame(piece).to_json()["body"]))
            self.serials[piece.header.msg_id] = piece.header.msg_sn

    async def hear(self, msg_id: int, count: int = 1) -> dict[str, Any]:
        for _ in range(5000):
            found = [body for heard, body in self.heard if heard == msg_id]
            if len(found) >= count:
                return found[-1]
            await self._turn()
        raise AssertionError(f"0x{msg_id:04X} did not come; heard was {self.heard[-5:]}")

    async def enter(self) -> None:
        await self.say(0x0100, REGISTRATION)
        code = (await self.hear(0x8100))["auth_code"]
        await self.say(0x0102, {"code": code})
        assert (await self.hear(0x8001))["result"] == 0


async def _report(start: Start, tmp_path: Path, *, udp: bool) -> None:
    running = start(tmp_path)
    terminal = Terminal(running, udp=udp)
    await terminal.enter()
    await terminal.say(0x0200, LOCATION)
    answer = await terminal.hear(0x8001, 2)
    assert (answer["id"], answer["result"]) == (0x0200, 0)
    await running.stop()
    terminal.socket.close()
    kinds = [(record.kind, record.device) for record in running.records()]
    assert kinds == [(kind, "13912345678") for kind in ("login", "login", "position", "logout")]


@pytest_twisted.ensureDeferred
async def test_a_report_over_tcp(start: Start, tmp_path: Path) -> None:
    await _report(start, tmp_path, udp=False)


@pytest_twisted.ensureDeferred
async def test_a_report_over_udp(start: Start, tmp_path: Path) -> None:
    await _report(start, tmp_path, udp=True)


@pytest_twisted.ensureDeferred
async def test_a_terminal_keeps_its_code_over_a_restart(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    first = Terminal(running)
    await first.say(0x0100, REGISTRATION)
    code = (await first.hear(0x8100))["auth_code"]
    first.socket.close()
    await running.stop()
    running = start(tmp_path)
    second = Terminal(running)
    await second.say(0x0102, {"code": code})
    assert (await second.hear(0x8001))["result"] == 0
    second.socket.close()


@pytest_twisted.ensureDeferred
async def test_a_picture_of_three_megabytes_is_whole(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    terminal = Terminal(running)
    await terminal.enter()
    picture = bytes(range(256)) * 12_000
    media = {"id": 7, "type": 0, "format": 0, "event": 0, "channel": 1, "location": LOCATION}
    await terminal.say(0x0801, media | {"multimedia": base64.b64encode(picture).decode()})
    assert await terminal.hear(0x8800) == {"mm_id": 7}
    await running.stop()
    terminal.socket.close()
    (upload,) = [record for record in running.records() if record.kind == "upload"]
    assert base64.b64encode(picture) in upload.data


@pytest_twisted.ensureDeferred
async def test_many_answers_of_one_commit_leave_in_datagrams_that_arrive(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path, "journal.commit_interval=0.3")
    terminal, other = Terminal(running, udp=True), Terminal(running, phone="013912345679")
    await terminal.enter()
    await other.enter()
    await terminal.say(0x0200, LOCATION)
    await terminal.hear(0x8001, 2)
    for _ in range(150):
        await terminal.say(0x0200, LOCATION)
    await other.say(0x0200, LOCATION)
    await other.hear(0x8001, 2)
    await terminal.hear(0x8001, 152)
    assert max(map(len, terminal.datagrams)) <= 1400
    await running.stop()
    terminal.socket.close()
    other.socket.close()


@pytest_twisted.ensureDeferred
async def test_an_address_that_is_not_let_in_keeps_nothing(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path, "jt808.max_connections=1")
    first = Terminal(running, udp=True)
    await first.enter()
    strangers = [Terminal(running, udp=True, phone=f"0139000000{index:02d}") for index in range(20)]
    for stranger in strangers:
        stranger.socket.send(
            encode_json(
                {
                    "header": {"msg_id": 0x0100, "phone": stranger.phone, "frag_total": 3, "frag_sn": 1},
                    "body": {"error": "x", "data": base64.b64encode(bytes(900)).decode()},
                }
            )[0]
        )
    edge = running.service.edges[-1]
    while edge.counters.refused_all < 20:
        await task.deferLater(reactor, 0.001)
    assert running.service.budget.bytes == 0
    for terminal in [first, *strangers]:
        terminal.socket.close()


@pytest_twisted.ensureDeferred
async def test_a_reply_of_the_terminal_gets_no_datagram_back(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    terminal = Terminal(running, udp=True)
    await terminal.enter()
    before = len(terminal.datagrams)
    await terminal.say(0x0001, {"seq": 1, "id": 0x8104, "result": 0})
    await terminal.say(0x0200, LOCATION)
    answer = await terminal.hear(0x8001, 2)
    assert answer["id"] == 0x0200
    # One datagram, that of the location; an empty one would be one as well.
    await running.stop()
    await terminal._turn()
    assert len(terminal.datagrams) == before + 1
    terminal.socket.close()
    assert [record.kind for record in running.records()][2:] == ["command_result", "position", "logout"]
