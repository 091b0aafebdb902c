"""The API of a whole service on a real socket, and a client that reads its answers to the end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol

from jimigw.ops.config import load_config
from jimigw.service.webs import Webs
from jimigw.web.tokens import SCOPES, TokenFile
from tests.service.harness import LOCATION, Client, Running
from tests.support.uploads import RecordingUploads
from tests.web.harness import until

reactor: Any = the_reactor
HTTP = 'http.endpoint="tcp:0:interface=127.0.0.1"'
UPLOADS = 'uploads.endpoint="tcp:0:interface=127.0.0.1"'
IMEI = "863000000000001"


@attrs.define
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Exchange(Protocol):
    """One connection: sends bytes, and keeps what comes."""

    def __init__(self) -> None:
        self.heard = b""
        self.gone: Deferred[None] = Deferred()
        self.over = False

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Any = None) -> None:
        self.over = True
        self.gone.callback(None)

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def close(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()


async def connected(port: int) -> Exchange:
    """A connection to this port."""
    connecting: Deferred[Exchange] = connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Exchange())
    return await connecting


async def exchanged(port: int, data: bytes) -> bytes:
    """What comes back for these bytes, until the other end closes."""
    exchange = await connected(port)
    exchange.send(data)
    await exchange.gone.addTimeout(20, reactor)
    return exchange.heard


class ApiClient:
    """Asks the API of a running service, with a token of the scope admin unless it is said otherwise."""

    def __init__(self, running: Running) -> None:
        self.running = running
        file = TokenFile(running.config.data_path)
        self.tokens = {"admin": (running.config.data_path / "admin.token").read_text().strip()}
        for scope in ("read", "command"):
            if any(token.name == scope for token in file.load()):
                file.revoke(scope)
            self.tokens[scope] = file.create(scope, SCOPES[scope], reactor.seconds())
        assert running.service.webs.api is not None
        self.api = running.service.webs.api
        self.api.tokens.refresh()

    @property
    def port(self) -> int:
        host: Any = self.running.service.webs.ports[0].getHost()
        return int(host.port)

    async def connect(self) -> Exchange:
        return await connected(self.port)

    async def raw(self, data: bytes) -> bytes:
        """What comes back for these bytes, until the other end closes."""
        return await exchanged(self.port, data)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "admin",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask; ``token`` is a scope or a token, None for none. A body that is no bytes is sent as JSON."""
        given = {"Host": "localhost", "Connection": "close"}
        if token is not None:
            given["Authorization"] = f"Bearer {self.tokens.get(token, token)}"
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            given |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
        given |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        return parsed(await self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data))


def parsed(data: bytes) -> Answer:
    """An answer as it came."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)


#: starts a service with an API
StartApi = Callable[..., ApiClient]


async def serving(folder: Path, *settings: str, uploads: RecordingUploads | None = None) -> AsyncIterator[ApiClient]:
    """A service with an API, for as long as it is wanted. With ``uploads`` that stands for the files of the service."""
    running = Running(folder, *([HTTP] if uploads is None else []), *settings)
    if uploads is not None:
        config = load_config(None, [*running.settings, HTTP, UPLOADS, *settings])
        files: Any = uploads
        house = attrs.evolve(running.service.webs._house, uploads=files, config=lambda: config)
        running.service.webs = Webs(reactor, house, pytest.fail)
        running.service.webs.start()
    await until(lambda: running.service.webs.ports)
    try:
        yield ApiClient(running)
    finally:
        if running.service.running:
            await running.stop()


def located(seconds: float) -> bytes:
    """The content of a location report of this time."""
    time = datetime.fromtimestamp(seconds, UTC)
    return bytes([time.year % 100, time.month, time.day, time.hour, time.minute, time.second]) + LOCATION[6:]


async def camera(client: ApiClient, imei: str = IMEI, reports: int = 0) -> Client:
    """A camera that has logged in, and reported so often where it is."""
    found = await client.running.connect(imei)
    found.login()
    await found.got(1)
    for serial in range(2, 2 + reports):
        found.send(0x22, located(reactor.seconds()), serial)
    await found.got(1 + reports)
    return found
