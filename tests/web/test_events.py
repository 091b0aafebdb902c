"""The stream of events: over restarts, by filters, with slow readers, and who may have one."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from jimigw.journal.interface import Record, Records
from jimigw.web.events import BATCH, KEEP_ALIVE, MOST_STUCK, EventHub, EventStream
from tests.service.harness import Running, Start
from tests.web.api import HTTP, IMEI, ApiClient, Exchange, camera, parsed
from tests.web.harness import until

_EVENT = re.compile(rb"id: (\d+)\nevent: (\w+)\ndata: (\{[^\n]*\})\n\n")


def events(heard: bytes) -> list[tuple[int, str]]:
    """Id and kind of each event, whose JSON says the same."""
    found = []
    for id, kind, data in _EVENT.findall(heard):
        record = json.loads(data)
        assert (record["id"], record["kind"]) == (int(id), kind.decode())
        found.append((record["id"], record["kind"]))
    return found


async def follow(client: ApiClient, query: str = "", *headers: str, token: str = "read") -> Exchange:
    exchange = await client.connect()
    head = [f"GET /api/v1/events{query} HTTP/1.1", "Host: localhost", *headers]
    if token:
        head.append(f"Authorization: Bearer {client.tokens.get(token, token)}")
    exchange.send("\r\n".join([*head, "", ""]).encode())
    await until(lambda: b"\r\n\r\n" in exchange.heard)
    return exchange


def _has_all(stream: Exchange, running: Running) -> bool:
    seen = events(stream.heard)
    return bool(seen) and seen[-1][0] == running.service.journal.last_id()


@pytest_twisted.ensureDeferred
async def test_a_stream_goes_on_over_a_restart_without_a_gap_or_a_repeat(start: Start, tmp_path: Path) -> None:
    seen: list[tuple[int, str]] = []
    last = 0
    for turn in range(3):
        running = start(tmp_path, HTTP)
        await until(partial(getattr, running.service.webs, "ports"))
        client = ApiClient(running)
        first = await camera(client, reports=2)  # before anybody listens
        stream = await follow(client, f"?after={last}" if turn < 2 else "", f"Last-Event-ID: {last}")
        assert parsed(stream.heard).headers["content-type"] == "text/event-stream"
        for serial in range(10, 13):
            first.heartbeat(serial)
        await first.got(6)
        await until(partial(_has_all, stream, running))
        seen += events(stream.heard)
        last = seen[-1][0]
        await running.stop()
        await stream.gone
        assert stream.heard.endswith(b"0\r\n\r\n"), "the end of the service is the end of the answer"
    assert [id for id, _ in seen] == list(range(1, last + 1))
    assert seen[:7] == [(1, "login"), *((id, "position") for id in (2, 3)), *((id, "heartbeat") for id in (4, 5, 6)),
                        (7, "logout")]  # fmt: skip


@pytest_twisted.ensureDeferred
async def test_filters(api: ApiClient) -> None:
    await camera(api, reports=2)
    await camera(api, "863000000000025", reports=2)
    stream = await follow(api, f"?after=0&kinds=position,alarm&device={IMEI}")
    await until(lambda: len(events(stream.heard)) >= 2)
    assert events(stream.heard) == [(2, "position"), (3, "position")]
    late = await follow(api)
    third = await camera(api, "863000000000033", reports=1)
    await until(lambda: len(events(late.heard)) >= 2)
    assert events(late.heard) == [(7, "login"), (8, "position")]
    for each in (stream, late, third.transport):
        each.close() if isinstance(each, Exchange) else each.abortConnection()  # type: ignore[union-attr]
    await until(lambda: len(api.api.hub) == 0)


@pytest_twisted.ensureDeferred
async def test_who_may_have_a_stream(api: ApiClient) -> None:
    api.api.entrance._brakes._first = 0.0
    ticket = await api.ask("POST", "/api/v1/events/ticket", token="read")
    assert (ticket.status, ticket.json["seconds"]) == (201, 60.0)
    query = f"?after=0&ticket={ticket.json['ticket']}"
    assert (await api.ask("HEAD", f"/api/v1/events{query}", token=None)).status == 200
    stream = await follow(api, query, token="")
    assert parsed(stream.heard).status == 200
    assert (await api.ask("GET", "/api/v1/events?access_token=x", token=None)).status == 401
    assert (await api.ask("GET", f"/api/v1/devices?ticket={ticket.json['ticket']}", token=None)).status == 401
    assert (await api.ask("HEAD", "/api/v1/events")).status == 200
    wrong = await api.ask("GET", "/api/v1/events", headers={"Last-Event-ID": "x"})
    assert (wrong.status, wrong.json["errors"][0]["parameter"]) == (400, "Last-Event-ID")
    api.running.settings.append("http.max_events=1")
    api.running.service.reload()
    more = await api.ask("GET", "/api/v1/events")
    assert (more.status, more.headers["retry-after"]) == (429, "10")
    from jimigw.web.tokens import TokenFile

    TokenFile(api.running.config.data_path).revoke("read")
    await stream.gone  # within two seconds
    assert (await api.ask("GET", "/api/v1/version", token="read")).status == 401


# -- one stream by itself ---------------------------------------------------------------------------------------------


class FakeRequest:
    """A request that keeps what it is told, and pauses its producer when the test says so."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.producer: Any = None
        self.pause_after: int | None = None
        self.finished = self.aborted = False
        self.channel = self

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: bytes) -> None:
        self.written.append(data)
        if self.pause_after is not None and len(self.ids) >= self.pause_after:
            self.producer.pauseProducing()

    def finish(self) -> None:
        self.finished = True

    def abort(self) -> None:
        self.aborted = True

    @property
    def ids(self) -> list[int]:
        return [id for id, _ in events(b"".join(self.written))]


class FakeJournal:
    """A journal of numbered records, of which it gives as many as are asked for; ``gone`` are deleted."""

    def __init__(self, count: int, gone: int = 0) -> None:
        self.count, self.gone, self.reads = count, gone, 0
        self.listeners: list[Any] = []

    def last_id(self) -> int:
        return self.count

    def add_listener(self, listener: Any) -> None:
        self.listeners.append(listener)

    def remove_listener(self, listener: Any) -> None:
        self.listeners.remove(listener)

    def read(self, after: int, limit: int, device: Any = None, kinds: Any = None) -> Deferred[Records]:
        self.reads += 1
        ids = range(max(after, self.gone) + 1, self.count + 1)[:limit]
        kind = ("position", "alarm")
        found = [Record(id, "d", "jimi", kind[id % 10 == 0], 0, b"", b'{"kind":"%b"}' % kind[id % 10 == 0].encode())
                 for id in ids]  # fmt: skip
        return succeed(Records(found, found[-1].id if len(found) == limit else max(after, self.count)))


class Good:
    """All tokens are good."""

    def get(self, id: str, now: float) -> Any:
        return object()


def hub(journal: FakeJournal) -> tuple[EventHub, Clock]:
    clock = Clock()
    made = EventHub(clock, journal, Good())  # type: ignore[arg-type]
    made.open()
    return made, clock


def begin(hub: EventHub, request: FakeRequest, after: int = 0, kinds: Any = None) -> EventStream:
    return hub.begin(request, after, None, kinds, "token")


def test_who_reads_slowly_is_read_for_no_further() -> None:
    journal = FakeJournal(10_000)
    streams, clock = hub(journal)
    request = FakeRequest()
    request.pause_after = 100
    begin(streams, request)
    clock.pump([0.01] * 500)
    assert request.ids == list(range(1, 101))
    assert journal.reads == 2, "the journal is not read while nobody takes what was read"
    request.pause_after = None
    request.producer.resumeProducing()
    clock.pump([0.01] * 500)
    assert request.ids == list(range(1, 10_001))


def test_who_takes_nothing_for_long_is_closed() -> None:
    streams, clock = hub(FakeJournal(1000))
    request = FakeRequest()
    request.pause_after = 1
    begin(streams, request)
    for _ in range(int(MOST_STUCK) - 1):
        clock.advance(1)
        streams.look()
    assert (len(streams), request.aborted) == (1, False)
    assert not any(b"keep-alive" in data for data in request.written), "nothing is put on the pile"
    clock.advance(1)
    streams.look()
    assert (len(streams), request.aborted) == (0, True)


def test_a_quiet_stream_says_where_it_is() -> None:
    journal = FakeJournal(25)
    streams, clock = hub(journal)
    request = FakeRequest()
    begin(streams, request, kinds={"alarm"})
    clock.pump([0.01] * 10)
    assert request.ids == [10, 20]
    clock.advance(KEEP_ALIVE)
    streams.look()
    assert request.written[-1] == b": keep-alive\nid: 25\n\n"
    clock.advance(KEEP_ALIVE)
    streams.look()
    assert request.written[-1] == b": keep-alive\n\n"
    journal.count = 30
    journal.listeners[0]()
    clock.advance(0.05)
    assert request.ids == [10, 20, 30]
    streams.close()
    assert (request.finished, journal.listeners, clock.getDelayedCalls()) == (True, [], [])


def test_records_that_are_gone_are_told() -> None:
    streams, clock = hub(FakeJournal(2 * BATCH, gone=50))
    request = FakeRequest()
    begin(streams, request, after=10)
    clock.pump([0.01] * 10)
    assert request.written[1] == b'event: gap\ndata: {"first_id":11,"last_id":50}\n\n'
    assert request.ids == list(range(51, 2 * BATCH + 1))
