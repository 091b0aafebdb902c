"""Whatever a server does: an answer within the time limit, never a failure, and never a no that nobody said."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from jimigw.web.asking import Asking
from tests.web.harness import (
    Behaviour,
    ClockReactor,
    Conversation,
    Platform,
    RawServer,
    hooks,
    listening,
    reactor,
    until,
    verdict_of,
)

YES = b'{"code":0,"authcode":"abc"}'
NO = b'{"code":3}'
TIME = 3.0


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def head(*headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *headers]).encode() + b"\r\n\r\n"


def says(data: bytes) -> Behaviour:
    return lambda c: c.send(data)


def says_and_closes(data: bytes) -> Behaviour:
    return lambda c: c.send(data).close()


def says_and_hangs(data: bytes) -> Behaviour:
    return lambda c: c.send(data).hang()


def endless(begin: bytes, data: bytes) -> Behaviour:
    return lambda c: c.send(begin).endless(data)


def drips(begin: bytes, data: bytes) -> Behaviour:
    """Sends a byte a turn behind the begin; the test lets time pass in between, and there is more than time for."""

    def drip(conversation: Conversation, at: int = 0) -> None:
        conversation.hang()
        if conversation in conversation.server.open and at < len(data):
            conversation.send(data[at : at + 1])
            reactor.callLater(0.001, drip, conversation, at + 1)

    return lambda c: drip(c.send(begin))


BOMB = gzip.compress(bytes(40 << 20))

#: what the server does, what then is made of a registration, and of an authentication
YES_, NO_, NONE = "let in", "refused", "no answer"
MISBEHAVIOURS: list[tuple[str, Behaviour, str, str]] = [
    ("nothing", says_and_hangs(b""), NONE, NONE),
    ("half a head", says_and_hangs(b"HTTP/1.1 200 OK\r\nContent-Le"), NONE, NONE),
    ("a head, no body", says_and_hangs(head("Content-Length: 27")), NONE, YES_),
    ("half a body", says_and_hangs(head("Content-Length: 27") + YES[:20]), NONE, YES_),
    ("a head that drips", drips(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 10_000), NONE, NONE),
    ("a body that drips", drips(head("Content-Length: 10027") + YES, b" " * 10_000), NONE, YES_),
    ("a no without its body", says_and_hangs(b"HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\n"), NO_, NO_),
    ("an endless body", endless(head(), b" " * 65536), NONE, YES_),
    ("an endless body with a length", endless(head("Content-Length: 99999999999"), b" " * 65536), NONE, YES_),
    ("endless chunks", endless(head("Transfer-Encoding: chunked"), b"10000\r\n" + b" " * 65536 + b"\r\n"), NONE, YES_),
    ("an endless chunk size", endless(head("Transfer-Encoding: chunked"), b"0" * 65536), NONE, YES_),
    ("endless headers", endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000), NONE, NONE),
    ("an endless line", endless(b"", b"x" * 65536), NONE, NONE),
    ("an endless header", endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536), NONE, NONE),
    ("a no with an endless body", endless(b"HTTP/1.1 401 No\r\n\r\n", b" " * 65536), NO_, NO_),
    ("a body of 64 KiB", says(http("200 OK", YES.ljust(65536))), YES_, YES_),
    ("a byte more", says(http("200 OK", YES.ljust(65537))), NONE, YES_),
    ("a gzip bomb", says(http("200 OK", BOMB, "Content-Encoding: gzip")), NONE, YES_),
    ("garbage", says_and_closes(b"\x00\xff" * 500 + b"\r\n\r\n"), NONE, NONE),
    ("SSH", says_and_hangs(b"SSH-2.0-OpenSSH_9.2\r\n"), NONE, NONE),
    ("a status that is no number", says_and_closes(b"HTTP/1.1 OK fine\r\n\r\n"), NONE, NONE),
    ("a version that is none", says_and_closes(b"HTTP/x.y 200 OK\r\nContent-Length: 0\r\n\r\n"), NONE, NONE),
    ("a header without a colon", says_and_closes(b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"), NONE, NONE),
    ("a length that is no number", says_and_closes(head("Content-Length: many") + YES), NONE, NONE),
    ("a negative length", says_and_closes(head("Content-Length: -1") + YES), NONE, NONE),
    ("two lengths", says_and_closes(head("Content-Length: 27", "Content-Length: 5") + YES), NONE, NONE),
    ("a coding that nobody knows", says_and_closes(head("Transfer-Encoding: br") + YES), NONE, NONE),
    ("a chunk size that is none", says_and_closes(head("Transfer-Encoding: chunked") + b"zz\r\n{}\r\n"), NONE, YES_),
    ("less than its length says", says_and_closes(head("Content-Length: 100") + YES), NONE, YES_),
    ("more than its length says", says_and_closes(head("Content-Length: 27") + YES + YES), YES_, YES_),
    ("the end in the head", says_and_closes(b"HTTP/1.1 200 OK\r\nContent-"), NONE, NONE),
    ("the end in a chunk", says_and_closes(head("Transfer-Encoding: chunked") + b"1b\r\n{"), NONE, YES_),
    ("HTTP/1.0, ended by closing", says_and_closes(b"HTTP/1.0 200 OK\r\n\r\n" + YES), YES_, YES_),
    ("an answer after 1xx", says(b"HTTP/1.1 100 Continue\r\n\r\n" + http("200 OK", YES)), YES_, YES_),
    ("no content", says(b"HTTP/1.1 204 No Content\r\n\r\n"), NONE, NONE),
    ("created", says(http("201 Created", YES)), NONE, NONE),
    ("not modified", says(b"HTTP/1.1 304 Not Modified\r\n\r\n"), NONE, NONE),
    ("a bad request", says(http("400 Bad Request")), NONE, NO_),
    ("unauthorized", says(http("401 Unauthorized", YES)), NO_, NO_),
    ("forbidden", says(http("403 Forbidden", YES)), NO_, NO_),
    ("not found", says(http("404 Not Found", YES)), NO_, NO_),
    ("gone", says(http("410 Gone")), NONE, NO_),
    ("too many requests", says(http("429 Too Many Requests")), NONE, NONE),
    ("a fault of its own", says(http("500 Internal Server Error", YES)), NONE, NONE),
    ("a proxy without a server", says(http("502 Bad Gateway", YES)), NONE, NONE),
    ("unavailable", says(http("503 Service Unavailable", YES)), NONE, NONE),
    ("a status that is none", says(http("999 What", YES)), NONE, NONE),
    ("a refusal in the body", says(http("200 OK", NO)), NO_, YES_),
    ("yes", says(http("200 OK", YES)), YES_, YES_),
]


def ask(made: Any, question: str) -> Deferred[Any]:
    answer: Deferred[Any] = (
        made.register("013912345678", {"province": 44}) if question == "register" else made.authenticate("1391", "abc")
    )
    return answer


def word(verdict: Any) -> str:
    return YES_ if verdict.admitted else NO_ if verdict.certain else NONE


@pytest.mark.parametrize("question", ["register", "authenticate"])
@pytest.mark.parametrize("row", MISBEHAVIOURS, ids=lambda row: row[0])
@pytest_twisted.ensureDeferred
async def test_an_answer_in_time(row: tuple[str, Behaviour, str, str], question: str) -> None:
    _, behaviour, registration, authentication = row
    clocked, server = ClockReactor(), RawServer(behaviour)
    with listening(server) as port, hooks(f"http://127.0.0.1:{port}", clocked, timeout=TIME) as made:
        verdict = await verdict_of(ask(made, question), clocked, lambda: server.stuck)
        assert word(verdict) == (registration if question == "register" else authentication)
        assert clocked.seconds() <= TIME + 0.05
        assert verdict.why.isprintable()
        assert len(verdict.why) < 400
        assert (verdict.code is not None) == (verdict.admitted and question == "register")
        assert server.connections == 1
        # Whatever hangs is cut off with the end of the time, also behind an answer that was understood.
        clocked.clock.advance(TIME)
        asking = made.registration if question == "register" else made.authentication
        assert not asking._running
        made.close()
        await until(lambda: not server.open)
    assert not clocked.clock.getDelayedCalls()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("question", ["register", "authenticate"])
@pytest_twisted.ensureDeferred
async def test_a_redirect_is_not_followed_and_no_answer(status: str, question: str) -> None:
    there = Platform(lambda _: (200, {"code": 0, "authcode": "x"}))
    with listening(there.site) as elsewhere:
        server = RawServer(says(http(status, b"", f"Location: http://127.0.0.1:{elsewhere}/")))
        with listening(server) as port, hooks(f"http://127.0.0.1:{port}") as made:
            assert word(await ask(made, question)) == NONE
            assert there.requests == []
            assert len(server.requests) == 1


def hung_up(server: RawServer, asking: Asking) -> Callable[[], bool]:
    """Whether the server has closed the connection of the latest try."""
    return lambda: not server.open and server.connections > asking.counters.retries


@pytest_twisted.ensureDeferred
async def test_a_connection_that_closes_before_any_answer_is_tried_again() -> None:
    clocked, server = ClockReactor(), RawServer(lambda c: c.close())
    with listening(server) as port, hooks(f"http://127.0.0.1:{port}", clocked) as made:
        verdict = await verdict_of(ask(made, "register"), clocked, hung_up(server, made.registration))
        assert word(verdict) == NONE
        assert server.connections == 4
        assert 1.5 <= clocked.seconds() <= 3.0
        assert "closed" in verdict.why


@pytest_twisted.ensureDeferred
async def test_it_is_tried_again_only_as_long_as_there_is_time() -> None:
    clocked, server = ClockReactor(), RawServer(lambda c: c.close())
    with listening(server) as port, hooks(f"http://127.0.0.1:{port}", clocked, timeout=0.5) as made:
        verdict = await verdict_of(ask(made, "register"), clocked, hung_up(server, made.registration))
        assert word(verdict) == NONE
        assert server.connections == 2
        assert clocked.seconds() <= 0.55


@pytest_twisted.ensureDeferred
async def test_a_second_try_can_succeed() -> None:
    clocked = ClockReactor()

    def second(conversation: Conversation) -> None:
        if len(server.requests) == 1:
            conversation.close()
        else:
            conversation.send(http("200 OK", YES))

    server = RawServer(second)
    with listening(server) as port, hooks(f"http://127.0.0.1:{port}", clocked) as made:
        verdict = await verdict_of(ask(made, "register"), clocked, hung_up(server, made.registration))
        assert (verdict.admitted, verdict.code) == (True, "abc")
        assert made.registration.counters.retries == 1
        assert server.requests[0] == server.requests[1]


@pytest.mark.parametrize("place", ["127.0.0.1:1", "nobody.invalid"])
@pytest_twisted.ensureDeferred
async def test_nobody_is_there(place: str) -> None:
    clocked = ClockReactor()
    with hooks(f"http://{place}", clocked) as made:
        verdict = await verdict_of(ask(made, "register"), clocked, lambda: True)
        assert word(verdict) == NONE
        assert verdict.why.startswith(f"the registry hook http://{place}/register")
        assert clocked.seconds() <= 3.05
    assert not clocked.clock.getDelayedCalls()


@pytest.mark.parametrize("behaviour", [says_and_hangs(b""), says(http("200 OK", YES))], ids=["hangs", "answers"])
@pytest_twisted.ensureDeferred
async def test_the_end_of_the_service_ends_every_question(behaviour: Behaviour) -> None:
    clocked, server = ClockReactor(), RawServer(behaviour)
    with listening(server) as port, hooks(f"http://127.0.0.1:{port}", clocked, concurrency=1) as made:
        answers = [made.authenticate("1391", str(n)) for n in range(3)]
        made.close()
        verdicts = [await answer for answer in answers]
        assert [word(verdict) for verdict in verdicts] == [NONE] * 3
        assert word(await made.authenticate("1391", "4")) == NONE
        await until(lambda: not server.open)
    assert not clocked.clock.getDelayedCalls()
