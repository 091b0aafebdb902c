"""The hub's pushes over real HTTP: receivers that behave, and receivers that do not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import parse_qs

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from jimigw.client.bounded import MAX_BODY
from jimigw.delivery.hub import HubSettings, HubTarget, hub_target
from jimigw.delivery.hub.posts import BoundedPosts, Posts
from jimigw.delivery.target import Done, Later, Never, Outcome, Stop, Target
from jimigw.gateway.hub import Mode, Wanted
from jimigw.journal.interface import Record
from jimigw.model.command import Life
from tests.delivery.hub.records import ended, of_end, of_jimi, of_jt808, of_vector, stored
from tests.web.harness import ClockReactor, Conversation, RawServer, listening, until

YES = b'{"code":0,"msg":"success"}'
NO = b'{"code":1,"msg":"invalid token"}'

#: what a receiver does with the requests, one after the other; the last one again and again
Script = Callable[[Conversation], object]


def answer(body: bytes, status: str = "200 OK", *headers: str) -> Script:
    def say(conversation: Conversation) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        conversation.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return say


class Receiver(RawServer):
    """Keeps the pushes that it got: path, token, items."""

    def __init__(self, *scripts: Script) -> None:
        super().__init__(self._next)
        self.scripts = list(scripts) or [answer(YES)]

    def _next(self, conversation: Conversation) -> None:
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        script(conversation)

    def got(self) -> list[tuple[str, list[str], list[Any]]]:
        found = []
        for request in self.requests:
            head, _, body = request.partition(b"\r\n\r\n")
            form = parse_qs(body.decode("ascii"), strict_parsing=True)
            path = head.split(b" ")[1].decode()
            found.append((path, form["token"], json.loads(form["data_list"][0])))
        return found

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.got()]


@contextmanager
def target(receiver: Any, clocked: ClockReactor | None = None, **settings: Any) -> Iterator[HubTarget]:
    with listening(receiver) as port:
        url = settings.pop("url", f"http://127.0.0.1:{port}/hub/")
        made = hub_target(HubSettings(url, "t0ken", **settings), clocked or _reactor())
        try:
            yield made
        finally:
            made.close()


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor


def records(*told: dict[str, Any], first: int = 1) -> list[Record]:
    return [stored(each, id) for id, each in enumerate(told, first)]


POSITION, HEARTBEAT, ALARM = of_vector("location"), of_vector("heartbeat"), of_vector("alarm, SOS, two files")
NOTHING = of_vector("cameras")


@pytest_twisted.ensureDeferred
async def test_a_batch_is_delivered() -> None:
    receiver = Receiver()
    with target(receiver) as hub:
        assert await hub.deliver(records(of_jimi()[0], POSITION, NOTHING, POSITION, HEARTBEAT)) == Done()
    login, gps, heartbeat = receiver.got()
    assert (login[0], login[1], login[2][0]["type"]) == ("/hub/pushevent", ["t0ken"], "LOGIN")
    assert (gps[0], len(gps[2]), heartbeat[0]) == ("/hub/pushgps", 2, "/hub/pushhb")
    head = receiver.requests[0].partition(b"\r\n\r\n")[0].lower()
    assert b"content-type: application/x-www-form-urlencoded" in head
    assert b"accept-encoding" not in head
    assert receiver.connections == 1, "one connection carries them all"


@pytest_twisted.ensureDeferred
async def test_fifty_items_at_most_in_order() -> None:
    receiver = Receiver()
    many = [POSITION | {"received_at": f"2026-11-20T22:{n // 60:02d}:{n % 60:02d}Z"} for n in range(120)]
    with target(receiver) as hub:
        assert await hub.deliver(records(*many)) == Done()
    items = [item["gateTime"] for _, _, items in receiver.got() for item in items]
    assert [len(items) for _, _, items in receiver.got()] == [50, 50, 20]
    assert items == sorted(items)


@pytest_twisted.ensureDeferred
async def test_a_large_batch_lets_others_have_their_turn() -> None:
    receiver, turns = Receiver(), 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        if not receiver.requests:
            _reactor().callLater(0, turn)

    with target(receiver) as hub:
        turn()
        assert await hub.deliver(records(*[POSITION] * 500)) == Done()
    assert turns >= 10
    assert len(receiver.got()) == 10


def test_a_large_batch_that_is_given_up_while_it_is_made() -> None:
    clock = Clock()
    hub = HubTarget(HubSettings("http://127.0.0.1:9/"), clock, cast(Posts, None))
    outcomes: list[Outcome] = []
    delivering = hub.deliver(records(*[POSITION] * 500)).addCallback(outcomes.append)
    assert not outcomes
    delivering.cancel()
    assert outcomes == [Later("it was given up")]
    assert not clock.getDelayedCalls()


@pytest_twisted.ensureDeferred
async def test_records_without_a_push_ask_nobody() -> None:
    receiver = Receiver()
    with target(receiver, paths=["/pushhb"]) as hub:
        assert hub.kinds == frozenset({"heartbeat"})
        assert hub.wants(records(HEARTBEAT)[0])
        broken = Record(3, "x", "jimi", "heartbeat", 0, b"", b"{]")
        assert await hub.deliver([*records(POSITION, NOTHING), broken]) == Done()
        assert await hub.deliver([]) == Done()
    assert receiver.requests == []


@pytest_twisted.ensureDeferred
async def test_what_was_taken_is_not_sent_again() -> None:
    receiver = Receiver(answer(YES), answer(b"", "503 Busy", "Retry-After: 7"), answer(YES))
    batch = records(POSITION, HEARTBEAT, ALARM)
    with target(receiver) as hub:
        assert await hub.deliver(batch) == Later("/pushhb: it answered 503", 7.0)
        assert await hub.deliver(batch) == Done()
        assert await hub.deliver(batch) == Done(), "rewound: all of it again"
    expected = ["/hub/pushgps", "/hub/pushhb", "/hub/pushhb", "/hub/pushalarm"]
    assert receiver.paths() == [*expected, "/hub/pushgps", "/hub/pushhb", "/hub/pushalarm"]


@pytest_twisted.ensureDeferred
async def test_what_is_refused_again_and_again_goes_to_the_dead_letters_and_the_rest_on() -> None:
    receiver = Receiver(answer(YES), answer(NO), answer(NO), answer(b"<html>", "404 Not Found"), answer(YES))
    batch = records(POSITION, HEARTBEAT, ALARM)
    with target(receiver) as hub:
        refused = """/pushhb: it answered 200 without code 0: '{"code":1,"msg":"invalid token"}'"""
        assert await hub.deliver(batch) == Later(refused)
        assert await hub.deliver(batch) == Later(refused)
        assert await hub.deliver(batch) == Never({2: "/pushhb: it answered 404"})
    assert receiver.paths()[-1] == "/hub/pushalarm"


@pytest_twisted.ensureDeferred
async def test_a_receiver_that_wants_no_more() -> None:
    receiver = Receiver(answer(b"", "410 Gone"), answer(YES))
    with target(receiver) as hub:
        assert await hub.deliver(records(HEARTBEAT)) == Stop("/pushhb: it answered 410: it wants no more")
        assert await hub.deliver(records(HEARTBEAT)) == Done(), "started again by an operator"


def drop(conversation: Conversation) -> None:
    conversation.close()


def say(data: bytes) -> Script:
    return lambda conversation: conversation.send(data).close()


def hang(data: bytes = b"") -> Script:
    return lambda conversation: conversation.send(data).hang()


def endless(data: bytes, head: bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") -> Script:
    return lambda conversation: conversation.send(head).endless(data)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (drop, "it cannot be asked"),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), "it cannot be asked"),
        (say(b"SSH-2.0-OpenSSH_9.9\r\n"), "it cannot be asked"),
        (say(b"\x00" * 4096), "it cannot be asked"),
        (hang(), "no answer within 5 s"),
        (hang(b"HTTP/1.1 200 OK\r\n"), "no answer within 5 s"),
        (hang(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), "no answer within 5 s"),
        (endless(b"400\r\n" + b"x" * 1024 + b"\r\n"), f"it cannot be asked: its answer is longer than {MAX_BODY}"),
        (endless(b"X: " + b"y" * 1000 + b"\r\n", b"HTTP/1.1 200 OK\r\n"), "it cannot be asked"),
        (answer(b"", "302 Found", "Location: http://127.0.0.1:1/"), "it answered 302: redirects are not followed"),
        (answer(b"", "401 Unauthorized"), "it answered 401"),
        (answer(b"\x1f\x8b" + b"\0" * 30, "500 Oops", "Content-Encoding: gzip"), "it answered 500"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_receivers_that_misbehave(script: Script, reason: str) -> None:
    receiver, clocked = Receiver(script, script, answer(YES)), ClockReactor()
    with target(receiver, clocked, timeout=5.0) as hub:
        for _ in range(2):
            receiver.stuck = False
            outcome = await _outcome(hub.deliver(records(HEARTBEAT)), clocked, receiver)
            assert isinstance(outcome, Later)
            assert outcome.reason.startswith(f"/pushhb: {reason}")
            assert outcome.after is None
        receiver.stuck = False
        assert await _outcome(hub.deliver(records(HEARTBEAT)), clocked, receiver) == Done(), "it has recovered"
        await until(lambda: len(receiver.open) <= 1)  # what hung has been closed


async def _outcome(delivering: Deferred[Outcome], clocked: ClockReactor, receiver: RawServer) -> Outcome:
    """The outcome, where time passes only while the receiver has nothing more to say."""
    found: list[Outcome] = []
    delivering.addCallback(found.append)

    def moved() -> bool:
        if not found and receiver.stuck:
            clocked.clock.advance(0.5)
        return bool(found)

    await until(moved)
    return found[0]


@pytest_twisted.ensureDeferred
async def test_nobody_listens() -> None:
    with listening(Receiver()) as port:
        url = f"http://127.0.0.1:{port}"
    with target(Receiver(), url=url) as hub:
        outcome = await hub.deliver(records(HEARTBEAT))
    assert isinstance(outcome, Later)
    assert "refused" in outcome.reason


@pytest_twisted.ensureDeferred
async def test_giving_up_waiting_is_no_failure() -> None:
    receiver = Receiver(hang())
    with target(receiver) as hub:
        delivering = hub.deliver(records(HEARTBEAT))
        await until(lambda: receiver.stuck)
        delivering.cancel()
        assert await delivering == Later("/pushhb: it was given up")
        receiver.stuck = False
        again = hub.deliver(records(HEARTBEAT))
        await until(lambda: receiver.stuck)
        await hub.close()
        assert await again == Later("/pushhb: it was given up")
        await until(lambda: not receiver.open)


@pytest_twisted.ensureDeferred
async def test_an_upload_by_ftp_is_told_with_the_callers_id() -> None:
    purpose = Wanted(37382, "0", "", "ftp_1", Mode.SYNC).purpose()
    reply = {"seq": 4, "id": 0x9206, "result": 0}
    asked = {"header": {"msg_id": 0x9206}, "body": {}}
    command = ended(Life.ANSWERED, "0x0001: success", message=asked, reply=reply, purpose=purpose)
    receiver = Receiver()
    with target(receiver) as hub:
        assert await hub.deliver(records(of_end(command))) == Done()
        assert await hub.deliver(records(of_jt808(0x1206, {"seq": 4, "result": 0}), first=2)) == Done()
    ((path, _, (item,)),) = receiver.got()
    assert (path, item["instructionID"]) == ("/hub/pushftpfileupload", "ftp_1")


def test_it_is_a_target() -> None:
    settings = HubSettings("http://platform.example.org", batch=7, concurrency=3)
    made: Target = HubTarget(settings, _reactor(), BoundedPosts(_reactor()))
    assert (made.batch, made.lanes, made.batch_bytes > 0) == (7, 3, True)
