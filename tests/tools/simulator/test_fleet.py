"""The fleet and the player over real sockets, against the real session."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall

from jimigw.model.report import Report
from jimigw.protocols.events import Close, Send
from jimigw.protocols.jimi.session import Session, Settings
from jimigw.tools.simulate import played_line, summary_lines
from jimigw.tools.simulator.fleet import Fleet, Plan
from jimigw.tools.simulator.mischief import TRICKS
from jimigw.tools.simulator.player import Captured, Played, Player, PlayError, read_frames
from tests.vectors.jimi import named

Test = Generator[Deferred[Any], Any, None]
the_reactor: Any = reactor
VECTORS = Path(__file__).parents[2] / "vectors" / "jimi.json"


class Connection(Protocol):
    """A gateway that stores nothing and answers at once."""

    factory: "Gateway"

    def connectionMade(self) -> None:
        self.session = Session(Settings(frame_timeout=0.3))
        self._look = LoopingCall(self._expire)
        self._look.start(0.1, now=False)
        self.factory.connections.append(self)

    def _expire(self) -> None:
        self._act(self.session.expire(the_reactor.seconds()))

    def dataReceived(self, data: bytes) -> None:
        self._act(self.session.receive(data, the_reactor.seconds()))

    def _act(self, events: list[Any]) -> None:
        assert self.transport is not None
        for event in events:
            if isinstance(event, Send):
                self.transport.write(event.data)
            elif isinstance(event, Close):
                self.transport.loseConnection()
            elif isinstance(event, Report) and self.factory.storing:
                self.factory.reports.append(event)
                if event.answer:
                    self.transport.write(event.answer)

    def connectionLost(self, reason: Any = None) -> None:
        self._look.stop()
        self.factory.connections.remove(self)


class Gateway(Factory):
    """All connections and what they said."""

    protocol = Connection  # type: ignore[assignment]
    noisy = False

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.reports: list[Report] = []
        self.storing = True
        self.listening = the_reactor.listenTCP(0, self, interface="127.0.0.1")

    @property
    def port(self) -> int:
        return int(self.listening.getHost().port)

    def close(self) -> Any:
        return self.listening.stopListening()


@pytest.fixture
def gateway() -> Generator[Gateway, None, None]:
    made = Gateway()
    yield made
    pytest_twisted.blockon(maybeDeferred(made.close))


def plan(gateway: Gateway, **more: Any) -> Plan:
    return Plan("127.0.0.1", gateway.port, **{"devices": 20, "interval": 0.2, "seconds": 1.0, **more})


@pytest_twisted.inlineCallbacks
def test_a_fleet_ends_by_itself_with_every_report_answered(gateway: Gateway) -> Test:
    summary = yield Fleet(reactor, plan(gateway)).run()
    assert (summary["unanswered"], summary["logins"], summary["lost_connections"]) == (0, 20, 0)
    assert summary["answered"] == summary["wanting_answer"]
    stored = {report.message["header"]["imei"] for report in gateway.reports}
    assert len(stored) == 20
    sent = sum(count["sent"] for number, count in summary["types"].items() if number not in ("0x01",))
    assert len(gateway.reports) == sent
    assert summary["types"]["0x22"]["sent"] >= 80
    assert 0 < summary["latency_ms"]["p50"] < 1000
    text = "\n".join(summary_lines(summary))
    assert "every report was answered" in text
    assert "20 terminals" in text


@pytest_twisted.inlineCallbacks
def test_misbehaviour_loses_nothing(gateway: Gateway) -> Test:
    tricks = frozenset(TRICKS) - {"slowread"}
    summary = yield Fleet(reactor, plan(gateway, tricks=tricks, seconds=1.5, seed=4)).run()
    assert summary["unanswered"] == 0
    assert summary["resent"] > 0
    assert {"badcrc", "duplicate", "early", "junk", "split"} <= summary["mischief"].keys()
    seen = {(report.message["header"]["imei"], report.message["body"].get("date_time")) for report in gateway.reports}
    assert len(seen) > 20


@pytest_twisted.inlineCallbacks
def test_slow_readers_read_in_the_end(gateway: Gateway) -> Test:
    summary = yield Fleet(reactor, plan(gateway, tricks=frozenset({"slowread"}))).run()
    assert summary["unanswered"] == 0


@pytest_twisted.inlineCallbacks
def test_what_is_not_answered_is_said(gateway: Gateway) -> Test:
    gateway.storing = False
    summary = yield Fleet(reactor, plan(gateway, devices=3, seconds=0.5, grace=0.3)).run()
    assert summary["unanswered"] >= 6
    assert f"{summary['unanswered']} reports were not answered" in "\n".join(summary_lines(summary))


@pytest_twisted.inlineCallbacks
def test_nobody_listens(gateway: Gateway) -> Test:
    port = gateway.port
    yield gateway.listening.stopListening()
    fleet = Fleet(reactor, Plan("127.0.0.1", port, devices=2, interval=0.2, seconds=0.3, grace=0.2))
    summary = yield fleet.run()
    assert (summary["logins"], summary["failed_connections"] >= 2) == (0, True)
    assert summary["unanswered"] > 0
    assert "refused" in fleet.refusal


@pytest_twisted.inlineCallbacks
def test_a_second_finish_ends_at_once(gateway: Gateway) -> Test:
    gateway.storing = False
    fleet = Fleet(reactor, plan(gateway, seconds=None, devices=2))
    done = fleet.run()
    the_reactor.callLater(0.3, fleet.finish)
    the_reactor.callLater(0.4, fleet.finish)
    summary = yield done
    assert summary["seconds"] < 2


# -- played frames ----------------------------------------------------------------------------------------------------


@pytest_twisted.inlineCallbacks
def test_vectors_are_played_and_answered_as_the_document_says(gateway: Gateway) -> Test:
    heard: list[Played] = []
    player = Player(reactor, read_frames(VECTORS), "490154203237518", 0.02, heard.append)
    played = yield player.play("127.0.0.1", gateway.port)
    assert played == heard
    by_name = {each.name: each for each in played}
    assert by_name["login"].answer == named("login answer").hex()
    assert by_name["alarm, SOS, two files"].answer == named("alarm answer").hex()
    assert by_name["location, one bit turned"].answer is None
    assert by_name["login, west of Greenwich, half an hour"].skipped
    assert "answered after" in played_line(by_name["login"])
    assert played_line(by_name["UUID"]) == "UUID: not answered"


@pytest_twisted.inlineCallbacks
def test_frames_without_a_login_get_one(gateway: Gateway) -> Test:
    player = Player(reactor, [Captured("one", named("heartbeat"))], "490154203237518", 1.0)
    played = yield player.play("127.0.0.1", gateway.port)
    assert [each.name for each in played] == ["login", "one"]
    assert all(each.answer for each in played)
    assert gateway.reports[0].message["header"]["imei"] == "490154203237518"


@pytest_twisted.inlineCallbacks
def test_no_connection_is_an_error(gateway: Gateway) -> Test:
    port = gateway.port
    yield gateway.listening.stopListening()
    player = Player(reactor, [Captured("one", named("heartbeat"))], "490154203237518", 1.0)
    with pytest.raises(PlayError, match=r"no connection: .*refused"):
        yield player.play("127.0.0.1", port)


@pytest_twisted.inlineCallbacks
def test_a_connection_that_is_closed_is_an_error(gateway: Gateway) -> Test:
    frames = [Captured("one", bytes(70_000)), Captured("two", named("heartbeat"))]
    player = Player(reactor, frames, "490154203237518", 1.0)
    with pytest.raises(PlayError, match="the connection was closed at one, 1 frames were left"):
        yield player.play("127.0.0.1", gateway.port)


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("7878050100059ff80d0a\n", [("line 1", "7878050100059ff80d0a")]),
        ("# a remark\n\n78 78 05  # another\n0x01", [("line 3", "787805"), ("line 4", "01")]),
        ('[{"hex": "7878"}]', [("vector 1", "7878")]),
        ('{"vectors": [{"name": "a", "hex": "78"}, {"hex": "79", "direction": "down"}]}', [("a", "78")]),
    ],
)
def test_files_of_frames(tmp_path: Path, text: str, frames: list[tuple[str, str]]) -> None:
    (tmp_path / "frames").write_text(text)
    assert [(each.name, each.raw.hex()) for each in read_frames(tmp_path / "frames")] == frames


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "there are no frames of a terminal in it"),
        ("[]", "there are no frames of a terminal in it"),
        ("7878\nhello", "line 2: 'h' is not a hex digit"),
        ("{}", "is no file of vectors"),
        ('[{"hexx": "78"}]', "is no file of vectors"),
        ('{"vectors": 7}', "is no file of vectors"),
        ("[" * 100_000, "is no file of vectors"),
    ],
)
def test_files_that_cannot_be_played(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "frames").write_text(text)
    with pytest.raises(PlayError, match=complaint):
        read_frames(tmp_path / "frames")


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(PlayError, match="cannot be read: No such file"):
        read_frames(tmp_path / "none")
