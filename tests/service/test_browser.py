"""A page in a real browser follows the events: `new EventSource`, and nothing else, over restarts and kill -9."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest
import pytest_twisted
import treq
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import Site

from jimigw.journal import open_reader
from jimigw.journal.interface import Record
from tests.service.harness import Client
from tests.service.process import ServiceProcess, reactor
from tests.support.chromium import Chromium
from tests.support.servers import free_port, until
from tests.web.api import located

CLOSED = 2
FIRST, SECOND = "863000000000001", "863000000000025"

#: the page's own example, with what stands around it
EXAMPLE = "window.shown = []; window.token = arguments[0]; window.show = record => shown.push(record.id);\n"
EXAMPLE += (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8").split("```js\n")[1].split("```")[0]

#: follows a stream, by what docs/api.md says, without the lines for what EventSource does not do
FOLLOW = """
const [api, token, query, name] = arguments;
const headers = {Authorization: `Bearer ${token}`};
const {ticket} = await (await fetch(`${api}/api/v1/events/ticket`, {method: "POST", headers})).json();
const source = new EventSource(`${api}/api/v1/events?ticket=${ticket}${query}`);
const seen = (window.seen ??= {})[name] = {ids: [], opened: 0, source};
source.onopen = () => { seen.opened += 1; };
const kinds = ["position", "alarm", "heartbeat", "login", "logout", "command_result", "upload", "status", "unknown"];
for (const kind of [...kinds, "gap"])
  source.addEventListener(kind, event => {
    const {id} = JSON.parse(event.data);
    seen.ids.push(String(id) === event.lastEventId ? id : `${kind}: ${id} is not ${event.lastEventId}`);
  });
"""
SEEN = """
return Object.fromEntries(Object.entries(window.seen).map(
  ([name, {ids, opened, source}]) => [name, {ids, opened, state: source.readyState}]));
"""

TRY = """
const source = new EventSource(arguments[0]);
return await new Promise(done => {
  source.onopen = () => done(["open", source.readyState]);
  source.onerror = () => done(["error", source.readyState]);
});
"""


class Page(Resource):
    """A page of a platform: empty, of an origin of its own."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        site = Site(self)
        site.noisy = False
        self._port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.origin = f"http://127.0.0.1:{self._port.getHost().port}"

    def render_GET(self, request: Any) -> bytes:
        request.setHeader(b"content-type", b"text/html")
        return b"<!doctype html><title>Map</title>"

    def stop(self) -> None:
        self._port.stopListening()


class Driving:
    """A camera that reports again and again, and comes back when it has lost the service."""

    def __init__(self, imei: str, port: int) -> None:
        self._imei, self._port, self._serial, self._over = imei, port, 0, False
        self._ended: Deferred[None] = ensureDeferred(self._drive())

    async def _drive(self) -> None:
        client: Client | None = None
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self._port)
        while not self._over:
            self._serial += 1
            if client is None or client.gone.called:
                with suppress(ConnectError):
                    client = await connectProtocol(endpoint, Client(self._imei))
                    client.login(self._serial)
            elif self._serial % 2:
                client.heartbeat(self._serial)
            else:
                client.send(0x22, located(reactor.seconds()), self._serial)
            await deferLater(reactor, 0.01)
        if client is not None and client.transport is not None:
            client.transport.loseConnection()
            await client.gone

    async def stop(self) -> None:
        self._over = True
        if not self._ended.called:
            await self._ended


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of an origin of its own."""
    made = Page()
    yield made
    made.stop()


@pytest.fixture
def browser(require_server: Callable[[str, str], NoReturn]) -> Chromium:
    """A browser that was not started."""
    return Chromium(require_server)


@pytest_twisted.async_yield_fixture
async def chromium(browser: Chromium) -> AsyncIterator[Chromium]:
    """A browser with an empty window."""
    try:
        yield await browser.start()
    finally:
        await browser.end()


class House:
    """A service at one address over all of its starts, which pages of one other origin may ask."""

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder, self.http, self.jimi = folder, free_port(), free_port()
        self.api = f"http://127.0.0.1:{self.http}"
        self._settings = [
            f'jimi.endpoints=["tcp:{self.jimi}:interface=127.0.0.1"]',
            f'http.endpoint="tcp:{self.http}:interface=127.0.0.1"',
            f'http.cors_origins=["{origin}"]',
        ]
        self._process: ServiceProcess | None = None

    async def start(self) -> None:
        self._process = await ServiceProcess(self.folder, *self._settings).ready("the API listens at")

    async def end(self, how: signal.Signals) -> None:
        await self.process.end(how)

    @property
    def process(self) -> ServiceProcess:
        assert self._process is not None
        return self._process

    @property
    def token(self) -> str:
        return (self.folder / "admin.token").read_text().strip()

    def records_to_the_end(self) -> list[Record]:
        """All of the journal, once both cameras have left; none before."""
        with open_reader(self.folder / "journal.sqlite") as reader:
            records = list(reader.read(0, 10_000))
        last = {each.device: each.kind for each in records}
        return records if last == {FIRST: "logout", SECOND: "logout"} else []


Enough = Callable[[str, Mapping[str, Any]], bool]


async def seen(chromium: Chromium, enough: Enough) -> dict[str, Any]:
    """What the streams of all pages have seen, once each has seen enough."""
    ends, found = reactor.seconds() + 20, dict[str, Any]()
    for window in await chromium.windows():
        await chromium.look_at(window)
        while True:
            streams: dict[str, Any] = await chromium.run(SEEN)
            if all(enough(*each) for each in streams.items()):
                break
            assert all(each["state"] != CLOSED for each in streams.values()), f"EventSource has given up: {streams}"
            assert reactor.seconds() < ends, streams
            await deferLater(reactor, 0.02)
        found |= streams
    return found


def opened(times: int) -> Enough:
    return lambda _, stream: bool(stream["opened"] == times)


@pytest_twisted.ensureDeferred
async def test_streams_go_on_over_restarts_by_themselves(chromium: Chromium, page: Page, tmp_path: Path) -> None:
    house = House(tmp_path / "data", page.origin)
    await house.start()
    cameras = [Driving(FIRST, house.jimi)]
    try:
        await chromium.open(page.origin)
        await chromium.run(FOLLOW, house.api, house.token, "&after=0", "all")
        await chromium.run(FOLLOW, house.api, house.token, f"&after=0&kinds=position,logout&device={FIRST}", "some")
        await chromium.run(FOLLOW, house.api, house.token, f"&device={SECOND}", "nothing at first")
        await chromium.new_window()
        await chromium.open(f"{house.api}/health")
        await chromium.run(FOLLOW, "", house.token, "&after=0", "all, on a page of the service's origin")
        await chromium.run(EXAMPLE, house.token)
        for count, how in enumerate((signal.SIGTERM, signal.SIGKILL), 1):
            await seen(chromium, opened(count))
            await house.end(how)
            await house.start()
            if count == 1:
                # It is here before the pages are back; one of their streams has not seen an event until now.
                cameras.append(Driving(SECOND, house.jimi))
        await seen(chromium, opened(3))
        for camera in cameras:
            await camera.stop()
        records = await until(house.records_to_the_end)
        all_ids = [record.id for record in records]
        wanted = {
            "all": all_ids,
            "some": [each.id for each in records if each.device == FIRST and each.kind in ("position", "logout")],
            "nothing at first": [each.id for each in records if each.device == SECOND],
            "all, on a page of the service's origin": all_ids,
        }
        assert all_ids == list(range(1, len(records) + 1))
        assert all(len(ids) > 20 for ids in wanted.values()), wanted
        got = await seen(chromium, lambda name, stream: bool(stream["ids"][-1] >= wanted[name][-1]))
        assert {name: each["ids"] for name, each in got.items()} == wanted
        assert {name: each["opened"] for name, each in got.items()} == dict.fromkeys(wanted, 3)
        positions = [each.id for each in records if each.kind == "position"]
        while (shown := await chromium.run("return window.shown"))[-1] < positions[-1]:
            await deferLater(reactor, 0.02)
        assert len(shown) > 20
        assert shown == [id for id in positions if id >= shown[0]]
    finally:
        for camera in cameras:
            await camera.stop()
        await house.end(signal.SIGTERM)


@pytest_twisted.ensureDeferred
async def test_pages_of_other_origins_see_nothing(chromium: Chromium, page: Page, tmp_path: Path) -> None:
    house = House(tmp_path / "data", "https://map.example.org")
    await house.start()
    client = None
    try:
        client = await house.process.terminal(FIRST)
        client.login()
        await client.got(1)
        await chromium.open(page.origin)
        with pytest.raises(AssertionError, match="Failed to fetch"):
            await chromium.run(FOLLOW, house.api, house.token, "&after=0", "all")
        # Not even with a ticket that is good.
        headers: Any = {"Authorization": f"Bearer {house.token}"}
        answer = await treq.post(f"{house.api}/api/v1/events/ticket", headers=headers, persistent=False)
        ticket = (await treq.json_content(answer))["ticket"]
        query = f"?ticket={ticket}&after=0"
        assert await chromium.run(TRY, f"{house.api}/api/v1/events{query}") == ["error", CLOSED]
    finally:
        await house.end(signal.SIGTERM)
        if client is not None:
            await client.gone
