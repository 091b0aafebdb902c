"""A JT/T 808 terminal that talks to a service in this process."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor, task

from jimigw.protocols.jt808.codec import decode_frame, encode_json
from jimigw.protocols.jt808.frame import Frame, FrameDecoder, frames_of
from tests.service.harness import Running
from tests.support.jt808 import REGISTRATION


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
        self.closed = False

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
        except ConnectionResetError:
            data = b""
        self.closed = not data
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

    async def hung_up_on(self) -> None:
        """Wait until the service closes the connection, and close this end."""
        for _ in range(5000):
            if self.closed:
                self.socket.close()
                return
            await self._turn()
        raise AssertionError("the connection stays open")

    async def enter(self) -> None:
        await self.say(0x0100, REGISTRATION)
        code = (await self.hear(0x8100))["auth_code"]
        await self.say(0x0102, {"code": code})
        assert (await self.hear(0x8001))["result"] == 0
