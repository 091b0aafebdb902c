"""Callbacks through the whole service: to a real receiver, over reloads, restarts and kill -9."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor as the_reactor
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import Site

from jimigw.gateway.signing import signature
from jimigw.journal import open_reader
from tests.service.harness import Client, Start
from tests.service.process import ServiceProcess

reactor: Any = the_reactor
LIMIT = 60.0
SECRET = "0123456789abcdef"


class Receiver(Resource):
    """Takes records as a platform would; ``status`` says what it answers to the request that comes."""

    isLeaf = True

    def __init__(self, status: Callable[[int], int] = lambda count: 200) -> None:
        super().__init__()
        self.status = status
        self.requests = 0
        self.records: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        site = Site(self)
        site.noisy = False
        self._port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port.getHost().port}/take"

    def render_POST(self, request: Any) -> bytes:
        self.requests += 1
        status = self.status(self.requests)
        if status == 200:
            self.bodies.append(request.content.read())
            self.records += json.loads(self.bodies[-1])
            headers = request.requestHeaders.getAllRawHeaders()
            self.headers.append({name.decode().lower(): values[0].decode() for name, values in headers})
        request.setResponseCode(status)
        return b""

    @property
    def ids(self) -> list[int]:
        return [record["id"] for record in self.records]

    def first_ids(self) -> dict[str, list[int]]:
        """The ids of each device, each where it came for the first time."""
        found: dict[str, dict[int, None]] = {}
        for record in self.records:
            found.setdefault(record["device"], {}).setdefault(record["id"])
        return {device: list(ids) for device, ids in found.items()}

    def close(self) -> Any:
        return self._port.stopListening()


@pytest_twisted.async_yield_fixture
async def receivers() -> AsyncIterator[Callable[..., Receiver]]:
    """Makes receivers that end with the test."""
    made: list[Receiver] = []

    def make(*args: Any) -> Receiver:
        made.append(Receiver(*args))
        return made[-1]

    yield make
    for receiver in made:
        await receiver.close()


async def until(condition: Callable[[], object]) -> None:
    started = reactor.seconds()
    while not condition():
        assert reactor.seconds() < started + LIMIT, "it never came to be"
        await deferLater(reactor, 0.001)


def callbacks(*tables: str) -> str:
    return f"callbacks=[{', '.join(tables)}]"


@pytest_twisted.ensureDeferred
async def test_records_reach_a_callback_signed(start: Start, tmp_path: Path, receivers: Any) -> None:
    receiver = receivers()
    (tmp_path / "hook.secret").write_text(SECRET + "\n")
    running = start(tmp_path, callbacks(f'{{url="{receiver.url}", secret_file="hook.secret"}}'))
    client = await running.connect()
    client.login()
    client.heartbeat(2)
    client.location(3)
    await client.got(3)
    await until(lambda: len(receiver.records) >= 3)
    stored = [record.json() for record in running.records()]
    assert b"".join(receiver.bodies).replace(b"][", b",") == b"[%b]" % b",".join(stored)
    for headers, body in zip(receiver.headers, receiver.bodies, strict=True):
        stamp = headers["x-jimigw-timestamp"]
        assert headers["x-jimigw-signature"] == signature(SECRET.encode(), stamp, body)
    figures = running.service.deliveries.figures
    assert list(figures()) == [f"reader callback:{receiver.url}"]
    await until(lambda: figures()[f"reader callback:{receiver.url}"]["delivered"] == 3)
    await running.stop()
    await client.gone


@pytest_twisted.ensureDeferred
async def test_callbacks_come_change_and_go_with_reload(start: Start, tmp_path: Path, receivers: Any) -> None:
    one, other = receivers(), receivers()
    running = start(tmp_path)
    readers = running.service.deliveries.readers
    client = await running.connect()
    client.login()
    await client.got(1)

    def reload(*tables: str) -> list[str]:
        running.settings[-1:] = [callbacks(*tables)]
        return running.service.reload()

    running.settings.append("")
    assert reload(f'{{name="one", url="{one.url}", start="beginning"}}') == ["callbacks[one]: added"]
    await until(lambda: len(one.records) == 1)
    # The same place in the journal with another address, and another one beside it.
    lines = reload(f'{{name="one", url="{other.url}"}}', f'{{url="{one.url}", kinds=["heartbeat"], name="two"}}')
    assert lines == [
        f"callbacks[one].url: '{one.url}' -> '{other.url}'",
        "callbacks[one].start: 'beginning' -> 'end'",
        "callbacks[two]: added",
    ]
    client.location(2)
    client.heartbeat(3)
    await client.got(3)
    await until(lambda: len(other.records) == 2 and len(one.records) == 2)
    assert [record["kind"] for record in one.records] == ["login", "heartbeat"]
    assert [record["kind"] for record in other.records] == ["position", "heartbeat"]
    cursors = running.service.journal._cursors.all()
    assert sorted(cursors) == ["callback:one", "callback:two"]
    # A secret that cannot be read changes nothing.
    (line,) = reload(f'{{url="{one.url}", secret_file="none"}}')
    assert line.startswith("nothing has changed: ")
    assert list(readers) == ["callback:one", "callback:two"]
    assert reload(f'{{name="two", url="{one.url}", kinds=["heartbeat"]}}') == ["callbacks[one]: removed"]
    await until(lambda: "callback:one" not in running.service.journal._cursors.all())
    assert list(readers) == ["callback:two"]
    await running.stop()
    await client.gone


@pytest_twisted.ensureDeferred
async def test_a_callback_that_is_gone_after_a_restart_holds_up_nothing(
    start: Start, tmp_path: Path, receivers: Any
) -> None:
    receiver = receivers(lambda count: 410)
    table = f'{{name="x", url="{receiver.url}", start="beginning"}}'
    running = start(tmp_path, callbacks(table))
    client = await running.connect()
    client.login()
    await client.got(1)
    await until(lambda: running.service.deliveries.readers.status("callback:x").state == "paused")
    await running.stop()
    await client.gone
    again = start(tmp_path, callbacks(table))
    await until(lambda: again.service.deliveries.readers.status("callback:x").state == "paused")
    assert receiver.requests == 1  # it is paused over the restart
    await again.stop()
    last = start(tmp_path)
    assert last.service.journal._cursors.all() == {}
    assert await last.service.store.pauses() == {}
    await last.stop()


@pytest_twisted.ensureDeferred
async def test_refused_records_are_dead_letters_that_can_be_sent_again(
    start: Start, tmp_path: Path, receivers: Any
) -> None:
    receiver = receivers(lambda count: 422)
    running = start(tmp_path, callbacks(f'{{name="x", url="{receiver.url}", start="beginning"}}'))
    readers = running.service.deliveries.readers
    client = await running.connect()
    client.login()
    await client.got(1)
    await until(lambda: readers.status("callback:x").dead_letters == 1)
    (letter,) = await readers.dead_letters.page()
    assert (letter.record, letter.kind, letter.reason) == (1, "login", "it answered 422")
    receiver.status = lambda count: 200
    sent = await readers.send_again("callback:x")
    assert (sent.sent, receiver.ids) == (1, [1])
    assert readers.status("callback:x").dead_letters == 0
    await running.stop()
    await client.gone


# -- kill -9 ----------------------------------------------------------------------------------------------------------


IMEIS = [f"86300000000000{number}" for number in range(1, 6)]


@pytest_twisted.ensureDeferred
async def test_nothing_is_lost_and_the_order_kept_over_kill_9(tmp_path: Path, receivers: Any) -> None:
    receiver = receivers(lambda count: {3: 503, 9: 500, 14: 429, 30: 502}.get(count, 200))
    answered = 0
    last = 0
    for ends in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
        row = f'{{name="x", url="{receiver.url}", start="beginning", batch=7, concurrency=3}}'
        service = ServiceProcess(tmp_path, callbacks(row))
        try:
            clients = [await service.terminal(imei) for imei in IMEIS]
            for client in clients:
                client.login()
            for serial in range(2, 62):
                for client in clients:
                    client.location(serial)
            if ends == signal.SIGKILL:
                await received(receiver, len(receiver.records) + 40)
            else:
                await all_answered(clients, 61)
                with open_reader(tmp_path / "journal.sqlite") as reader:
                    last = reader.last_id()
                await caught_up(receiver, last)
            answered += sum(len(client.frames) for client in clients)
        finally:
            await service.end(ends)
    with open_reader(tmp_path / "journal.sqlite") as reader:
        stored = {record.id: record.device for record in reader.read(0, 10_000)}
    assert last >= answered
    order = receiver.first_ids()
    assert set(order) == set(IMEIS)
    for device, ids in order.items():
        assert ids == sorted(ids), device
        assert [id for id in ids if id <= last] == [id for id in range(1, last + 1) if stored[id] == device]


async def received(receiver: Receiver, count: int) -> None:
    await until(lambda: len(receiver.records) >= count)


async def caught_up(receiver: Receiver, last: int) -> None:
    await until(lambda: set(receiver.ids) >= set(range(1, last + 1)))


async def all_answered(clients: Sequence[Client], count: int) -> None:
    await until(lambda: all(len(client.frames) == count for client in clients))
