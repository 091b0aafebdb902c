"""Uploads of simulated cameras over real sockets: to a little server that takes, refuses, is silent, and hangs up."""

import json
import time
from collections.abc import Callable, Generator
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.protocol import Factory, Protocol

from jimigw.protocols.jimi.session import Session
from jimigw.tools.simulator.clips import Content
from jimigw.tools.simulator.courier import Courier
from jimigw.tools.simulator.errands import Errand, Outcome, sign
from jimigw.tools.simulator.fleet import Fleet, Plan
from jimigw.tools.simulator.plan import Uploads
from tests.support.recordings import BODY_BYTES, field_list
from tests.tools.simulator.test_fleet import Gateway
from tests.tools.simulator.upload_server import Answer, Came, UploadServer, usual

Test = Generator[Deferred[Any], Any, None]
the_reactor: Any = reactor
NAME = "EVENT_490154203237518_00000000_2026_09_17_06_40_08_F_23.ts"


@pytest.fixture
def server() -> Generator[UploadServer, None, None]:
    made = UploadServer()
    yield made
    pytest_twisted.blockon(maybeDeferred(made.close))


@pytest.fixture
def gateway() -> Generator[Gateway, None, None]:
    made = Gateway()
    yield made
    pytest_twisted.blockon(maybeDeferred(made.close))


@pytest.fixture
def courier() -> Courier:
    return Courier(reactor, time.time, 10.0)


def errand(url: str, size: int = 200_000, *, chunked: bool = False, name: str = NAME) -> Errand:
    return Errand(url, Content(name, size), name, chunked)


# -- one request ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1, 25_000, 3_000_000])
@pytest_twisted.inlineCallbacks
def test_a_file_arrives(server: UploadServer, courier: Courier, chunked: bool, size: int) -> Test:
    outcome = yield courier.post(errand(f"{server.url}/upload/1", size, chunked=chunked))
    (came,) = server.came
    assert came.path == "/upload/1"
    assert came.file == b"".join(Content(NAME, size).pieces())
    assert [*came.fields] == ["filename", "timestamp", "sign"]
    assert came.fields["filename"] == NAME
    assert came.fields["sign"] == sign(NAME, came.fields["timestamp"])
    assert abs(int(came.fields["timestamp"]) / 1000 - time.time()) < 60
    assert (came.part, came.part_type) == ("2026_09_17_06_40_08_F_23.ts", "multipart/form-data")
    assert came.length == (None if chunked else str(len(came.body)))
    assert outcome == Outcome(200, "stored", 200, came.md5, came.md5)
    assert outcome.taken
    assert courier.idle


@pytest_twisted.inlineCallbacks
def test_a_list_arrives(server: UploadServer, courier: Courier) -> Test:
    outcome = yield courier.post(Errand(f"{server.url}/filelist", field_list()))
    (came,) = server.came
    assert came.body == field_list()
    assert (len(came.body), came.length) == (BODY_BYTES, None)
    assert outcome.taken


@pytest.mark.parametrize(
    ("answer", "code", "md5", "taken"),
    [
        (Answer(200), None, None, True),
        (Answer(200, b'{"code":"200"}'), 200, None, True),
        (Answer(200, b'{"code":400,"message":"Signature error"}'), 400, None, False),
        (Answer(200, b'{"code":200,"md5":7}'), 200, None, True),
        (Answer(200, b'{"code":[],"md5":"x"}'), None, "x", True),
        (Answer(200, b"OK"), None, None, True),
        (Answer(200, b"[" * 5000), None, None, True),
        (Answer(500, b'{"code":500}'), 500, None, False),
        (Answer(413, b'{"code":413}'), 413, None, False),
    ],
)
@pytest_twisted.inlineCallbacks
def test_what_is_answered(
    server: UploadServer, courier: Courier, answer: Answer, code: int | None, md5: str | None, taken: bool
) -> Test:
    server.answer = lambda came: answer
    outcome = yield courier.post(errand(f"{server.url}/upload"))
    assert (outcome.status, outcome.code, outcome.md5, outcome.taken) == (answer.status, code, md5, taken)


@pytest_twisted.inlineCallbacks
def test_an_upload_is_broken_off(server: UploadServer, courier: Courier) -> Test:
    for chunked in (False, True):
        for share in (0.0, 0.3, 0.99):
            outcome = yield courier.post(errand(f"{server.url}/upload", chunked=chunked), share)
            assert (outcome.status, outcome.why, outcome.taken) == (None, "broken off on purpose", False)
    assert server.came == []
    outcome = yield courier.post(errand(f"{server.url}/upload"))
    assert outcome.taken


@pytest_twisted.inlineCallbacks
def test_no_answer_in_time(server: UploadServer) -> Test:
    server.answer = lambda came: Answer(silent=True)
    outcome = yield Courier(reactor, time.time, 0.3).post(errand(f"{server.url}/upload"))
    assert (outcome.status, outcome.why) == (None, "it took too long")
    assert len(server.came) == 1


@pytest_twisted.inlineCallbacks
def test_stop_breaks_off_what_is_under_way(server: UploadServer, courier: Courier) -> Test:
    server.answer = lambda came: Answer(silent=True)
    asked = [courier.post(errand(f"{server.url}/upload", chunked=chunked)) for chunked in (True, False)]
    yield server.number(2)
    assert not courier.idle
    courier.stop()
    outcomes = yield gatherResults(asked)
    assert [outcome.taken for outcome in outcomes] == [False, False]
    assert courier.idle


class Rude(Protocol):
    """Hangs up, or answers before anything was said, or with what is no HTTP."""

    said: bytes = b""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self.said)
        self.transport.loseConnection()


@pytest.mark.parametrize(
    "said", [b"", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"\0" * 1000]
)
@pytest_twisted.inlineCallbacks
def test_rude_servers(said: bytes) -> Test:
    courier = Courier(reactor, time.time, 0.5)
    factory: Any = Factory.forProtocol(type("Rude", (Rude,), {"said": said}))
    factory.noisy = False
    listening = the_reactor.listenTCP(0, factory, interface="127.0.0.1")
    url = f"http://127.0.0.1:{listening.getHost().port}/upload"
    outcome = yield courier.post(errand(url, 2_000_000))
    assert not outcome.taken
    assert outcome.why
    yield listening.stopListening()
    outcome = yield courier.post(errand(url))
    assert "refused" in outcome.why


@pytest.mark.parametrize(
    "url", ["", "nowhere", "ftp://127.0.0.1/upload", "http://", "http://ｈ/upload", "http://[/upload"]
)
@pytest_twisted.inlineCallbacks
def test_addresses_that_are_none(courier: Courier, url: str) -> Test:
    outcome = yield courier.post(errand(url))
    assert (outcome.status, outcome.taken) == (None, False)
    assert outcome.why
    assert courier.idle


# -- a fleet ----------------------------------------------------------------------------------------------------------


def plan(gateway: Gateway, server: UploadServer, uploads: dict[str, Any], **more: Any) -> Plan:
    habits = Uploads(f"{server.url}/upload", f"{server.url}/filelist", busy=0.0, ready=0.05, again=(0.1,))
    usual: dict[str, Any] = {"devices": 10, "interval": 0.5, "seconds": 1.5, "alarms_an_hour": 3600.0}
    habits = attrs.evolve(habits, clip_bytes=50_000, **uploads)
    return Plan("127.0.0.1", gateway.port, uploads=habits, **{**usual, **more})


def announced(gateway: Gateway) -> set[str]:
    bodies = [report.message["body"] for report in gateway.reports if report.message["header"]["msg_id"] == 0x95]
    return {name for body in bodies for name in body["files"]}


@pytest_twisted.inlineCallbacks
def test_a_fleet_uploads_what_its_alarms_announce(gateway: Gateway, server: UploadServer) -> Test:
    summary = yield Fleet(reactor, plan(gateway, server, {})).run()
    counts = summary["counts"]
    assert counts["uploads started"] == counts["uploads answered"] == counts["MD5s right"] >= 10
    assert "uploads failed" not in counts
    assert {came.fields["filename"] for came in server.came} <= announced(gateway)
    assert {came.length is None for came in server.came} == {True, False}
    assert summary["unanswered"] == 0


@pytest_twisted.inlineCallbacks
def test_lost_files_do_not_come(gateway: Gateway, server: UploadServer) -> Test:
    summary = yield Fleet(reactor, plan(gateway, server, {"lost": 1.0})).run()
    assert len(announced(gateway)) >= 10
    assert server.came == []
    assert summary["counts"]["files held back"] >= len(announced(gateway))


@pytest_twisted.inlineCallbacks
def test_a_server_that_errs_gets_it_again(gateway: Gateway, server: UploadServer) -> Test:
    answers = iter([Answer(500), Answer(400, b'{"code":400,"message":"Signature error"}'), Answer(503)])
    server.answer = lambda came: next(answers, None) or usual(came)
    summary = yield Fleet(reactor, plan(gateway, server, {}, devices=1, alarms_an_hour=7200.0)).run()
    counts = summary["counts"]
    assert counts["uploads failed"] == 3
    refused = [came.fields["filename"] for came in server.came[:3]]
    taken = [came.fields["filename"] for came in server.came[3:]]
    assert {*refused} <= {*taken}
    assert len(taken) == len({*taken})


@pytest_twisted.inlineCallbacks
def test_uploads_that_misbehave_arrive_in_the_end(gateway: Gateway, server: UploadServer) -> Test:
    tricks = frozenset({"breakoff", "twice"})
    summary = yield Fleet(reactor, plan(gateway, server, {}, tricks=tricks, seconds=2.5)).run()
    counts, mischief = summary["counts"], summary["mischief"]
    assert mischief["breakoff"] >= 1
    assert mischief["twice"] >= 1
    assert counts["uploads failed"] == mischief["breakoff"]
    assert counts["uploads answered"] >= 10
    assert counts["MD5s right"] > counts["uploads answered"], "those of the copies too"
    assert "MD5s wrong" not in counts


@pytest_twisted.inlineCallbacks
def test_the_end_waits_for_uploads_and_no_longer_than_it_may(gateway: Gateway, server: UploadServer) -> Test:
    server.answer = lambda came: Answer(silent=True)
    fleet = Fleet(reactor, plan(gateway, server, {}, seconds=1.5, grace=0.5))
    began = the_reactor.seconds()
    summary = yield fleet.run()
    assert 1.9 <= the_reactor.seconds() - began < 6
    assert summary["counts"]["uploads failed"] == summary["counts"]["uploads started"] >= 1
    assert "uploads answered" not in summary["counts"]


def told(gateway: Gateway, flag: int, text: str) -> None:
    """Give a command to the one terminal."""
    (connection,) = gateway.connections
    assert connection.transport is not None
    connection.transport.write(Session().command(text, flag))


def first_alarm(gateway: Gateway, then: Callable[[list[str]], None]) -> None:
    """Call back with the names of the files of the first alarm."""
    if names := sorted(announced(gateway)):
        then(names)
    else:
        the_reactor.callLater(0.02, first_alarm, gateway, then)


@pytest_twisted.inlineCallbacks
def test_a_lost_file_is_asked_for_and_comes(gateway: Gateway, server: UploadServer) -> Test:
    fleet = Fleet(reactor, plan(gateway, server, {"lost": 1.0}, devices=1, seconds=None, alarms_an_hour=36_000.0))
    done = fleet.run()
    asked: list[str] = []

    def ask(names: list[str]) -> None:
        asked.append(names[0])
        told(gateway, 7, f"UPLOADFILE,{names[0]}")
        told(gateway, 42, "Picture,in")
        told(gateway, 43, "FILELIST")

    first_alarm(gateway, ask)
    yield server.number(3)
    fleet.finish()
    yield done
    by_path: dict[str, list[Came]] = {"/upload": [], "/filelist": []}
    for came in server.came:
        by_path[came.path].append(came)
    assert sorted(came.fields["filename"][:6] for came in by_path["/upload"]) == ["CMD_86", "EVENT_"]
    photo, clip = sorted(by_path["/upload"], key=lambda came: came.fields["filename"])
    assert clip.fields["filename"] == asked[0]
    assert "_00000042_" in photo.fields["filename"]
    assert photo.file[:3] == b"\xff\xd8\xff"
    (listed,) = by_path["/filelist"]
    assert listed.length is None
    assert json.loads(listed.body)["fileNameList"].endswith(".ts,")
    replies = {report.message["body"]["server_flag"]: report.message["body"]["content"]
               for report in gateway.reports if report.message["header"]["msg_id"] == 0x21}  # fmt: skip
    assert replies == {7: "UPLOADFILE:OK!", 42: "PICTURE:OK!", 43: "FILELIST:OK!"}


@pytest_twisted.inlineCallbacks
def test_a_command_says_where_to(gateway: Gateway, server: UploadServer) -> Test:
    nowhere = Uploads("http://127.0.0.1:1/upload", "http://127.0.0.1:1/filelist", busy=0.0, ready=0.05, again=(0.1,))
    fleet = Fleet(reactor, Plan("127.0.0.1", gateway.port, interval=0.5, uploads=nowhere, alarms_an_hour=0.0))
    done = fleet.run()

    def ask() -> None:
        if not fleet.online:
            the_reactor.callLater(0.02, ask)
            return
        told(gateway, 1, f"UPLOAD,{server.url}/upload/490154203237518")
        told(gateway, 2, "Picture,in")

    ask()
    yield server.number(1)
    fleet.finish()
    yield done
    assert server.came[0].path == "/upload/490154203237518"
