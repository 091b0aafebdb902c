"""Time, memory and number: whoever is slow, silent or too many; and the end of the service."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.ssl import CertificateOptions

from jimigw.gateway.uploads import UploadRefused
from jimigw.web.server import GOODBYE
from jimigw.web.streaming import CLOSE_SECONDS, HEAD_SECONDS, MOST_READ
from jimigw.web.uploads import UploadServer, UploadServerSettings
from tests.web.api import Exchange
from tests.web.forms import IMEI, captured, clip, form
from tests.web.harness import listening, reactor, until
from tests.web.test_hooks import certificate  # noqa: F401  a fixture
from tests.web.test_uploads import BODY, SIGN, TYPE
from tests.web.upload_door import Coming, Door, Line, Recorder, post, told, upload

REQUEST = post("/upload", BODY, TYPE)
IDLE, TRANSFER = 60.0, 3600.0


def half(door: Door) -> Line:
    """A connection on which half of a file has come."""
    line = door.ask(REQUEST[: len(REQUEST) // 2])
    assert 0 < door.arrival.size < 3760
    return line


# -- slow and silent --------------------------------------------------------------------------------------------------


def test_a_connection_without_a_byte() -> None:
    door = Door()
    line = door.line()
    door.clock.advance(IDLE - 1)
    assert not line.gone
    door.clock.advance(1)
    assert [line.gone] == [True]
    door.quiet()


@pytest.mark.parametrize("begin", [b"", b"POST /upload HTTP/1.1\r\n", b"POST /upload HTTP/1.1\r\nHost: gateway\r\n"])
def test_a_head_that_drips(begin: bytes) -> None:
    door = Door()
    line, seconds = door.ask(begin), 0
    while not line.gone:
        line.send(b"x")
        door.clock.advance(1)
        seconds += 1
    assert seconds == (HEAD_SECONDS if begin else IDLE)
    assert line.heard == b""
    door.quiet()


def test_a_body_that_stops() -> None:
    door = Door()
    line = half(door)
    door.clock.advance(IDLE - 1)
    assert not line.gone
    line.send(b"x")
    door.clock.advance(IDLE - 1)
    assert door.arrival.ended == ""
    door.clock.advance(1)
    assert [line.gone] == [True]
    assert door.arrival.ended == "aborted: the connection was lost"
    assert door.server.counters.slow_requests == 1
    door.quiet()


def test_a_body_that_drips() -> None:
    door = Door()
    body = form(clip(bytes(200_000)))
    line = door.ask(post(f"/upload/{IMEI}", body, TYPE)[:500])
    seconds = 0
    while not line.gone:
        line.send(b"x")
        door.clock.advance(IDLE - 1)
        seconds += int(IDLE) - 1
    assert TRANSFER <= seconds <= TRANSFER + 2 * IDLE
    assert door.arrival.ended.startswith("aborted")
    door.quiet()


def test_a_connection_that_is_lost() -> None:
    door = Door()
    half(door).lose()
    assert door.arrival.ended == "aborted: the connection was lost"
    door.quiet()


def test_after_an_answer_a_connection_is_kept_for_a_while() -> None:
    door = Door()
    line = door.ask(REQUEST)
    door.clock.advance(IDLE - 1)
    line.send(REQUEST)
    assert line.heard.count(b"HTTP/1.1 200") == 2
    door.clock.advance(IDLE)
    assert line.gone
    door.quiet()


def test_settings_hold_from_the_next_moment_on() -> None:
    door = Door(idle_timeout=10.0, transfer_timeout=30.0)
    line = half(door)
    door.clock.advance(9)
    door.server.settings = UploadServerSettings(idle_timeout=100.0)
    line.send(b"x")
    door.clock.advance(9)
    assert not line.gone


def test_an_answer_that_nobody_reads() -> None:
    door = Door()
    line = door.line()
    line.wire.unread = True
    line.send(post("/upload", BODY, TYPE, "Connection: close"))
    assert told(line)[0] == 200
    door.clock.advance(CLOSE_SECONDS - 1)
    assert not line.gone
    door.clock.advance(1)
    assert [line.gone] == [True]
    door.quiet()


# -- faster than the disk ---------------------------------------------------------------------------------------------


def test_nothing_is_read_while_it_is_waited() -> None:
    door = Door()
    door.uploads.slow = True
    body = form(*captured(SIGN, bytes(1 << 20)))
    line = door.ask(post("/upload", body, TYPE))
    assert line.paused
    assert door.arrival.size < 1 << 16
    assert line.waiting + door.arrival.size > 1 << 20
    writes = 1
    while door.uploads.hold is not None:
        assert line.paused
        hold, door.uploads.hold = door.uploads.hold, None
        hold.callback(None)
        writes += 1
    assert writes > 16
    assert (told(line)[0], door.arrival.size, line.paused) == (200, 1 << 20, False)


def test_a_wait_that_is_ours_is_not_the_senders() -> None:
    door = Door()
    door.uploads.slow = True
    line = half(door)
    door.clock.advance(IDLE * 10)
    assert not line.gone
    assert door.uploads.hold is not None
    door.uploads.hold.callback(None)
    door.clock.advance(IDLE - 1)
    assert not line.gone
    door.clock.advance(1)
    assert [line.gone] == [True]
    door.quiet()


def test_no_wait_lasts_longer_than_a_transfer() -> None:
    door = Door()
    door.uploads.slow = True
    line = half(door)
    door.clock.advance(TRANSFER)
    assert line.gone
    door.quiet()
    assert door.uploads.hold is not None
    door.uploads.hold.callback(None)
    assert door.uploads.events[-1] == "aborted: the connection was lost"


@pytest.mark.parametrize("all_in", [False, True])
def test_a_wait_that_ends_badly(all_in: bool) -> None:
    door = Door()
    door.uploads.slow = True
    line = door.ask(REQUEST) if all_in else half(door)
    assert door.uploads.hold is not None
    door.uploads.hold.errback(UploadRefused("the disk is full", "room", 60))
    assert told(line) == (500, {"code": 500, "message": "the disk is full"})
    assert line.answer.headers["retry-after"] == "60"
    assert door.arrival.ended == "aborted: the disk is full"
    # Where all of it came, the connection is as good as new.
    assert line.answer.headers.get("connection") == (None if all_in else "close")
    door.uploads.slow = False
    line.send(REQUEST)
    assert line.heard.count(b"HTTP/1.1 200") == all_in


@pytest.mark.parametrize("error", [None, UploadRefused("no room", "room")])
def test_a_wait_that_is_over_already(error: UploadRefused | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(coming: Coming, data: bytes) -> Deferred[None]:
        coming.data += data
        return succeed(None) if error is None else fail(error)

    monkeypatch.setattr(Coming, "write", write)
    line = Door().ask(REQUEST)
    assert (told(line)[0], line.paused) == (200 if error is None else 500, False)


@pytest.mark.parametrize("tls", [False, True])
@pytest_twisted.ensureDeferred
async def test_what_is_not_read_stays_in_the_kernel(tls: bool, request: pytest.FixtureRequest) -> None:
    """Over a real socket: a sender of 64 MB stops where the kernel is full, and nothing of it is in memory here."""
    recorder = Recorder(reactor)
    recorder.slow = True
    recorder.begin = lambda peer, device=None: Recorder.begin(recorder, "192.0.2.1", device)  # type: ignore[method-assign]
    door: object = recorder
    server = UploadServer(reactor, door, UploadServerSettings(), lambda *args, **kwargs: None)  # type: ignore[arg-type]
    body = form(*captured(SIGN, bytes(64 << 20)))
    context = request.getfixturevalue("certificate").context() if tls else None
    with listening(server, context) as port:
        endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        if tls:
            endpoint = wrapClientTLS(CertificateOptions(verify=False), endpoint)
        connecting: Deferred[Exchange] = connectProtocol(endpoint, Exchange())
        exchange = await connecting
        exchange.send(post("/upload", body, TYPE))
        await until(lambda: recorder.arrivals and recorder.arrivals[0].size)
        first = recorder.arrivals[0].size
        for _ in range(50):
            await until(lambda: True)
        assert (recorder.arrivals[0].size, first <= MOST_READ) == (first, True)
        recorder.slow = False
        assert recorder.hold is not None
        recorder.hold.callback(None)
        await until(lambda: exchange.heard)
        assert exchange.heard.startswith(b"HTTP/1.1 200")
        assert recorder.arrivals[0].size == 64 << 20
        exchange.close()
        await until(lambda: not server.channels)


# -- too many, and the end --------------------------------------------------------------------------------------------


def test_connections_are_counted() -> None:
    door = Door(max_connections=2)
    first, _ = door.line(), door.line()
    assert door.server.buildProtocol(None) is None
    first.lose()
    assert door.server.buildProtocol(None) is not None
    assert door.server.counters.refused_connections == 1


def test_the_end_of_the_service() -> None:
    door = Door()
    door.uploads.late = True
    idle, coming, waiting = door.line(), half(door), door.ask(REQUEST)
    ended: list[None] = []
    door.server.close().addCallback(ended.append)
    assert (idle.gone, coming.gone, waiting.gone) == (True, True, False)
    assert door.uploads.arrivals[0].ended == "aborted: the connection was lost"
    assert door.server.buildProtocol(None) is None
    door.uploads.arrivals[1].keep()
    assert told(waiting)[0] == 200
    assert waiting.answer.headers["connection"] == "close"
    assert (waiting.gone, ended) == (True, [None])
    door.quiet()


def test_the_end_of_the_service_waits_for_nobody_for_long() -> None:
    door = Door()
    door.uploads.late = True
    line = door.ask(REQUEST)
    ended: list[None] = []
    door.server.close().addCallback(ended.append)
    door.clock.advance(GOODBYE)
    assert (line.gone, ended) == (True, [None])
    door.quiet()


def test_many_forms_at_once() -> None:
    door = Door()
    lines = [door.line() for _ in range(200)]
    request = upload(*captured(SIGN))
    for at in range(0, len(request), 700):
        for line in lines:
            line.send(request[at : at + 700])
    assert all(told(line)[0] == 200 for line in lines)
    assert {bytes(each.data) for each in door.uploads.arrivals} == {bytes(captured()[3].data)}
