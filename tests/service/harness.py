"""The whole service in this process, on real sockets and a real journal; and terminals that talk to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import defer, protocol, reactor, task
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

from jimigw.journal import open_reader
from jimigw.ops.config import load_config
from jimigw.protocols.jimi.frame import Frame, FrameDecoder, encode_frame
from jimigw.service import Jimigw

LOCATION = bytes.fromhex("160208092b1ecf026c15930c398a1000140001cc0b77060776a4010e000000000000")[:33]


class Client(protocol.Protocol):
    """A terminal that sends what the test says and keeps what it gets."""

    def __init__(self, imei: str = "863000000000001") -> None:
        self.imei = imei
        self.decoder = FrameDecoder()
        self.frames: list[Frame] = []
        self.gone: defer.Deferred[None] = defer.Deferred()
        self._waiting: list[tuple[int, defer.Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.frames += self.decoder.feed(data, 0.0)
        for item in list(self._waiting):
            if len(self.frames) >= item[0]:
                self._waiting.remove(item)
                item[1].callback(None)

    def connectionLost(self, reason: Any = None) -> None:
        self.gone.callback(None)

    def got(self, count: int) -> defer.Deferred[None]:
        """Fires when this many frames have come, and fails after five seconds."""
        ready: defer.Deferred[None] = defer.Deferred()
        if len(self.frames) >= count:
            ready.callback(None)
        else:
            self._waiting.append((count, ready))
            ready.addTimeout(5, reactor)
        return ready

    def send(self, protocol_number: int, content: bytes, serial: int) -> None:
        assert self.transport is not None
        self.transport.write(encode_frame(protocol_number, content, serial))

    def login(self, serial: int = 1) -> None:
        self.send(0x01, bytes.fromhex("0" + self.imei + "42703200"), serial)

    def heartbeat(self, serial: int) -> None:
        self.send(0x13, bytes.fromhex("4004040001"), serial)

    def location(self, serial: int) -> None:
        self.send(0x22, LOCATION, serial)

    @property
    def answered(self) -> list[tuple[int, int]]:
        """Protocol number and serial number of each answer."""
        return [(frame.protocol, frame.serial) for frame in self.frames]


class Running:
    """A running service."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.settings = [
            f'data_dir="{folder}"',
            'jimi.endpoints=["tcp:0:interface=127.0.0.1"]',
            'jt808.endpoints=["tcp:0:interface=127.0.0.1"]',
            'jt808.udp="127.0.0.1:0"',
            'manhole.endpoint=""',
            'hub.endpoint=""',
            'uploads.endpoint=""',
            'attachments.endpoint=""',
            'http.endpoint=""',
            *settings,
        ]
        self.config = load_config(None, self.settings)
        self.service = Jimigw(self.config, reactor, lambda: load_config(None, self.settings))
        self.service.startService()

    @property
    def port(self) -> int:
        host: Any = self.service.ports[0].getHost()
        return int(host.port)

    def connect(self, imei: str = "863000000000001") -> defer.Deferred[Client]:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        connecting: defer.Deferred[Client] = connectProtocol(endpoint, Client(imei))
        return connecting

    def records(self) -> list[Any]:
        """All that the journal holds, read from its file."""
        with open_reader(self.config.path(self.config.journal.file)) as reader:
            return list(reader.read(0, 10_000))

    def stop(self) -> Any:
        return self.service.stopService()


async def until(condition: Callable[[], object]) -> None:
    """Let the service run until this is so."""
    for _ in range(20_000):
        if condition():
            return
        await task.deferLater(reactor, 0.001)
    raise AssertionError("it never came to be")


#: starts a service that is stopped with the test, whatever becomes of it
Start = Callable[..., Running]
