"""Callbacks against real servers on loopback, well-behaved and not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from jimigw.delivery.callbacks import CallbackSettings, JsonCallback, delivery_id
from jimigw.delivery.posting import Answer, Refused, judged
from jimigw.delivery.target import Done, Later, Never, Stop
from jimigw.gateway.signing import signature
from jimigw.journal.interface import Record
from tests.web.harness import Behaviour, ClockReactor, Conversation, Platform, RawServer, listening, reactor, until

TIME = 5.0
SECRET = b"0123456789abcdef"


def record(id: int, device: str = "861", kind: str = "position") -> Record:
    return Record(id, device, "jimi", kind, 0, b"raw", b'{"device":"%s","name":"\xe7\xb2\xa4B"}' % device.encode())


RECORDS = [record(3), record(4, "013912345678"), record(9)]


@contextmanager
def callback(
    port: int, clocked: ClockReactor | None = None, path: str = "/take", **settings: Any
) -> Iterator[JsonCallback]:
    made = JsonCallback(
        clocked or reactor, CallbackSettings(f"http://127.0.0.1:{port}{path}", **({"timeout": TIME} | settings))
    )
    try:
        yield made
    finally:
        made.close()


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body


def head(*headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers]).encode() + b"\r\n\r\n"


def says(data: bytes) -> Behaviour:
    return lambda c: c.send(data)


def hangs(data: bytes = b"") -> Behaviour:
    return lambda c: c.send(data).hang()


def closes(data: bytes = b"") -> Behaviour:
    return lambda c: c.send(data).close()


def endless(begin: bytes, data: bytes) -> Behaviour:
    return lambda c: c.send(begin).endless(data)


async def outcome_of(delivering: Deferred[Any], clocked: ClockReactor, may_pass: Callable[[], object]) -> Any:
    """What comes of it, where time passes only while it may."""
    found: list[Any] = []
    delivering.addBoth(found.append)

    def moved() -> bool:
        if not found and may_pass():
            clocked.clock.advance(0.05)
        return bool(found)

    await until(moved)
    return found[0]


# -- what a receiver gets ---------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_what_a_receiver_gets_byte_for_byte() -> None:
    server = RawServer(says(http("200 OK")))
    with listening(server) as port, callback(port, path="/take?x=1", secret=SECRET) as made:
        assert await made.deliver(RECORDS) == Done()
    (request,) = server.requests
    lines, _, body = request.partition(b"\r\n\r\n")
    assert body == b"[%b]" % b",".join(each.json() for each in RECORDS)
    assert [each["id"] for each in json.loads(body)] == [3, 4, 9]
    first, *rest = lines.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in rest)
    assert first == "POST /take?x=1 HTTP/1.1"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Jimigw-Delivery"] == delivery_id(RECORDS) == "3-9-" + headers["X-Jimigw-Delivery"][4:]
    assert headers["X-Jimigw-Signature"] == signature(SECRET, headers["X-Jimigw-Timestamp"], body)
    assert headers["User-Agent"].startswith("jimigw/")
    assert not {"accept-encoding", "cookie", "expect"} & {name.lower() for name in headers}


@pytest_twisted.ensureDeferred
async def test_without_a_secret_nothing_is_signed() -> None:
    server = RawServer(says(http("204 No Content")))
    with listening(server) as port, callback(port) as made:
        assert await made.deliver(RECORDS) == Done()
    assert b"X-Jimigw-Signature" not in server.requests[0]
    assert b"X-Jimigw-Timestamp" not in server.requests[0]


@pytest_twisted.ensureDeferred
async def test_a_connection_is_used_again_and_a_delivery_keeps_its_id() -> None:
    answers = [http("503 Busy", b"no"), http("200 OK", b"thanks"), http("200 OK")]
    server = RawServer(lambda c: c.send(answers.pop(0)))
    with listening(server) as port, callback(port) as made:
        assert await made.deliver(RECORDS) == Later("it answered 503: no")
        assert await made.deliver(RECORDS) == Done()
        assert await made.deliver(RECORDS[1:]) == Done()
        assert server.connections == 1
    first, second, third = (request.partition(b"\r\n\r\n")[0].split(b"\r\n") for request in server.requests)
    assert first == second
    assert first != third


@pytest_twisted.ensureDeferred
async def test_a_kept_connection_that_closes_when_it_is_used_is_no_failure() -> None:
    def once(conversation: Conversation) -> None:
        if len(server.requests) in (1, 3):
            conversation.send(http("200 OK"))
        else:
            conversation.close()

    server = RawServer(once)
    with listening(server) as port, callback(port) as made:
        assert await made.deliver(RECORDS) == Done()
        assert await made.deliver(RECORDS) == Done()
    assert len(server.requests) == 3


# -- whatever a server does -------------------------------------------------------------------------------------------

GONE = "it answered 410{}: it wants nothing more"
BUSY = "HTTP/1.1 503 Busy\r\nRetry-After: {}\r\nContent-Length: 0\r\n\r\n"

#: what the server does, and what comes of three records: an outcome, or the beginning of why they come later
ROWS: list[tuple[str, Behaviour, Any]] = [
    ("ok", says(http("200 OK", b"whatever")), Done()),
    ("accepted", says(http("202 Accepted")), Done()),
    ("no content", says(b"HTTP/1.1 204 No Content\r\n\r\n"), Done()),
    ("ok behind 100", says(b"HTTP/1.1 100 Continue\r\n\r\n" + http("200 OK")), Done()),
    ("HTTP/1.0", closes(b"HTTP/1.0 200 OK\r\n\r\nthanks"), Done()),
    ("ok, and no body", hangs(head("Content-Length: 27")), Done()),
    ("ok, and an endless body", endless(head(), b" " * 65536), Done()),
    ("ok, and endless chunks", endless(head("Transfer-Encoding: chunked"), b"1000\r\n%4096d\r\n" % 0), Done()),
    ("ok, and a gzip bomb", says(http("200 OK", gzip.compress(bytes(9 << 20)), "Content-Encoding: gzip")), Done()),
    ("ok, broken off", closes(head("Content-Length: 100") + b"x"), Done()),
    ("gone", says(http("410 Gone", b"no\tmore\r\n\x1b[2J")), Stop(GONE.format(": no more [2J"))),
    ("gone, and no body", hangs(head("Content-Length: 5", status="410 Gone")), Stop(GONE.format(""))),
    ("busy", says(http("503 Busy")), Later("it answered 503")),
    ("busy for a time", says(BUSY.format("17").encode()), Later("it answered 503", 17.0)),
    ("busy for words", says(BUSY.format("a while").encode()), Later("it answered 503")),
    ("busy for ever", says(BUSY.format("9" * 400).encode()), Later("it answered 503")),
    ("busy until 1970", says(BUSY.format("Thu, 01 Jan 1970 00:00:00 GMT").encode()), Later("it answered 503", 0.0)),
    ("too many", says(http("429 Slow", b"", "Retry-After: 3")), Later("it answered 429", 3.0)),
    ("a fault", says(http("500 Oh", b"<h1>Oh</h1>")), Later("it answered 500: <h1>Oh</h1>")),
    ("a proxy", says(http("502 Bad", b"x" * 9999)), Later("it answered 502: " + "x" * 200)),
    ("a status that is none", says(http("999 What")), Later("it answered 999")),
    ("a timeout of its own", says(http("408 Late")), Later("it answered 408")),
    ("a conflict", says(http("409 Conflict")), Later("it answered 409")),
    ("unauthorized", says(http("401 Who")), "it answered 401: address, secret or server are not set up for this"),
    ("forbidden", says(http("403 No")), "it answered 403: address, secret or server are not"),
    ("not found", says(http("404 Where", b"nginx")), "it answered 404: nginx: address, secret or server are not"),
    ("not allowed", says(http("405 Not so")), "it answered 405: address, secret or server are not"),
    ("refused", says(http("400 Bad", b"no id")), Never(dict.fromkeys((3, 4, 9), "it answered 400: no id"))),
    ("too large", says(http("413 Big")), Never(dict.fromkeys((3, 4, 9), "it answered 413"))),
    ("not understood", says(http("422 What")), Never(dict.fromkeys((3, 4, 9), "it answered 422"))),
    ("nothing", hangs(), "it gave no answer within 5 s"),
    ("half a head", hangs(b"HTTP/1.1 200 OK\r\nContent-Le"), "it gave no answer within 5 s"),
    ("an endless head", endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000), "it broke off its answer"),
    ("an endless line", endless(b"", b"x" * 65536), ""),
    ("garbage", closes(b"\x00\xff" * 500 + b"\r\n\r\n"), "its answer is no HTTP that can be understood"),
    ("SSH", hangs(b"SSH-2.0-OpenSSH_9.2\r\n"), ""),
    ("a length that is none", closes(head("Content-Length: many")), ""),
    ("the end at once", closes(), "Connection was closed"),
    ("the end in the head", closes(b"HTTP/1.1 200 OK\r\nContent-"), ""),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
@pytest_twisted.ensureDeferred
async def test_whatever_a_server_does(row: tuple[str, Behaviour, Any]) -> None:
    _, behaviour, expected = row
    clocked, server = ClockReactor(), RawServer(behaviour)
    with listening(server) as port, callback(port, clocked) as made:
        outcome = await outcome_of(made.deliver(RECORDS), clocked, lambda: server.stuck)
        if isinstance(expected, str):
            assert isinstance(outcome, Later)
            assert outcome.reason.startswith(expected)
            assert outcome.after is None
            assert outcome.reason.isprintable()
            assert len(outcome.reason) < 400
        else:
            assert outcome == expected
        assert clocked.seconds() <= TIME + 2.05
        made.close()
        await until(lambda: not server.open)
    assert not clocked.clock.getDelayedCalls()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest_twisted.ensureDeferred
async def test_a_redirect_is_not_followed(status: int) -> None:
    there = Platform(lambda _: (200, {}))
    with listening(there.site) as elsewhere:
        place = f"http://127.0.0.1:{elsewhere}/"
        server = RawServer(says(http(f"{status} Moved", b"body", f"Location: {place}")))
        with listening(server) as port, callback(port) as made:
            outcome: Any = await made.deliver(RECORDS)
    assert outcome.reason.startswith(f"it answered {status}: {place}: redirects are not followed")
    assert there.requests == []


@pytest.mark.parametrize(("place", "why"), [("127.0.0.1:1", "Connection was refused"), ("nobody.invalid", "")])
@pytest_twisted.ensureDeferred
async def test_nobody_is_there(place: str, why: str) -> None:
    made = JsonCallback(reactor, CallbackSettings(f"http://{place}/", timeout=2))
    outcome: Any = await made.deliver(RECORDS)
    assert isinstance(outcome, Later)
    assert outcome.reason.startswith(why)
    await made.close()


@pytest_twisted.ensureDeferred
async def test_a_date_to_come_back() -> None:
    later = formatdate(reactor.seconds() + 100, usegmt=True)
    server = RawServer(says(BUSY.format(later).encode()))
    with listening(server) as port, callback(port) as made:
        outcome: Any = await made.deliver(RECORDS)
    assert 95 < outcome.after <= 100


@pytest_twisted.ensureDeferred
async def test_giving_up_hangs_up() -> None:
    clocked, server = ClockReactor(), RawServer(hangs())
    with listening(server) as port, callback(port, clocked) as made:
        delivering = made.deliver(RECORDS)
        await until(lambda: server.stuck)
        delivering.cancel()
        outcome: Any = await delivering
        assert outcome == Later("it took too long")
        await until(lambda: not server.open)
    assert not clocked.clock.getDelayedCalls()


# -- records that are refused -----------------------------------------------------------------------------------------


class Picky:
    """A server that refuses bodies by their ids, and keeps those that it took."""

    def __init__(self, bad: set[int], *, most: int = 1000, busy_after: int | None = None) -> None:
        self.bad, self.most, self.busy_after = bad, most, busy_after
        self.taken: list[int] = []
        self.asked = 0
        self.server = RawServer(self.answer)

    def answer(self, conversation: Conversation) -> None:
        self.asked += 1
        ids = [each["id"] for each in json.loads(self.server.requests[-1].partition(b"\r\n\r\n")[2])]
        if self.asked == self.busy_after:
            conversation.send(http("500 Oh"))
        elif len(ids) > self.most:
            conversation.send(http("413 Big"))
        elif self.bad & set(ids):
            conversation.send(http("422 Bad", b"one of them is bad"))
        else:
            self.taken += ids
            conversation.send(http("200 OK"))


def many(count: int) -> list[Record]:
    return [record(id) for id in range(1, count + 1)]


@pytest.mark.parametrize("bad", [{1}, {64}, {33}, {5, 6}, {1, 64}, set(range(1, 65))], ids=str)
@pytest_twisted.ensureDeferred
async def test_the_records_that_are_the_cause_are_found_and_the_others_arrive_in_order(bad: set[int]) -> None:
    picky = Picky(bad)
    with listening(picky.server) as port, callback(port) as made:
        outcome = await made.deliver(many(64))
    assert outcome == Never(dict.fromkeys(bad, "it answered 422: one of them is bad"))
    assert picky.taken == [id for id in range(1, 65) if id not in bad]
    assert picky.asked <= 1 + 12 * len(bad)


@pytest_twisted.ensureDeferred
async def test_batches_that_are_too_large_arrive_in_parts() -> None:
    picky = Picky(set(), most=10)
    with listening(picky.server) as port, callback(port) as made:
        assert await made.deliver(many(64)) == Done()
    assert picky.taken == list(range(1, 65))


@pytest_twisted.ensureDeferred
async def test_a_failure_on_the_way_does_not_begin_all_over_again() -> None:
    picky = Picky({40}, busy_after=5)
    with listening(picky.server) as port, callback(port) as made:
        assert await made.deliver(many(64)) == Later("it answered 500")
        before = list(picky.taken)
        assert before
        assert await made.deliver(many(64)) == Never({40: "it answered 422: one of them is bad"})
        assert picky.taken == [id for id in range(1, 65) if id != 40]
        assert not made._begun


# -- what it wants ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        ((), {"861", "8612", "0139", "粤B1"}),
        (("861",), {"861"}),
        (("861*",), {"861", "8612"}),
        (("86?2", "01*"), {"8612", "0139"}),
        (("[0-7]*",), {"0139"}),
        (("*B1",), {"粤B1"}),
        (("",), set()),
    ],
)
def test_devices(patterns: Sequence[str], wanted: set[str]) -> None:
    made = JsonCallback(reactor, CallbackSettings("http://127.0.0.1/", devices=patterns))
    assert {device for device in ("861", "8612", "0139", "粤B1") if made.wants(record(1, device))} == wanted
    assert made.kinds is None


def test_kinds() -> None:
    assert JsonCallback(reactor, CallbackSettings("http://127.0.0.1/", kinds=("alarm",))).kinds == frozenset({"alarm"})


def test_delivery_ids_tell_batches_apart() -> None:
    assert delivery_id([record(1), record(2), record(4)]) != delivery_id([record(1), record(3), record(4)])
    assert delivery_id([record(1)]) == delivery_id([record(1, "other")])


def test_every_status_means_something() -> None:
    for status in range(200, 600):
        outcome = judged(Answer(status))
        assert isinstance(outcome, Done) == (status < 300)
        assert isinstance(outcome, Stop) == (status == 410)
        assert isinstance(outcome, Refused) == (status in (400, 413, 422))
