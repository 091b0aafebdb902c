"""The edge for attachments: what is taken and refused, what is waited for, what a break costs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import defer, protocol, reactor, task
from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from jimigw.gateway.uploads import UploadRefused, UploadSettings
from jimigw.model.media import Source
from jimigw.net.attachments import MOST_REFUSALS, AttachmentFactory, AttachmentLink
from jimigw.net.connections import GOODBYE, Limits
from jimigw.protocols.jt808.attachment_events import Piece
from tests.net.test_tcp import Wire
from tests.protocols.jt808.attaching import CLIP, NOW, NUMBER, PHONE, PICTURE, Terminal, answers, data_of, listing
from tests.support import logs
from tests.support.attachments import TAKEN, RecordingUploads

JPEG, MP4 = data_of(700), data_of(200_000, 3)


class SlowWire(Wire):
    """Knows whether it is being read."""

    reading = True
    disconnecting = False

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True


class Edge:
    """A factory with recorders around it, and one terminal that was asked for attachments."""

    def __init__(self, limits: Limits | None = None, **uploads: Any) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.uploads = RecordingUploads({NUMBER: PHONE}, **uploads)
        self.said: list[str] = []
        self.factory = AttachmentFactory(self.clock, self.uploads, limits or Limits(), self._complain)
        self.factory.doStart()
        self.terminal = Terminal()

    def _complain(self, say: Callable[..., object], format: str, *, kind: Any = None, **fields: Any) -> None:
        self.said.append(format.format(**fields))

    def connect(self, host: str = "192.0.2.1") -> tuple[AttachmentLink, SlowWire]:
        link = self.factory.buildProtocol(IPv4Address("TCP", host, 4000))
        assert link is not None
        wire = SlowWire()
        link.makeConnection(wire)
        return link, wire

    def lose(self, link: AttachmentLink) -> None:
        link.connectionLost(Failure(ConnectionDone()))

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.advance(1)


def heard(wire: SlowWire) -> list[str]:
    """What was sent since the last time."""
    found = list(answers(wire.value()))
    wire.clear()
    return found


def test_a_whole_conversation() -> None:
    edge = Edge()
    link, wire = edge.connect()
    terminal = edge.terminal
    link.dataReceived(terminal.list((PICTURE, 700), (CLIP, 200_000)))
    assert heard(wire) == ["8001 1210/0=0"]
    link.dataReceived(terminal.whole(PICTURE, JPEG))
    assert heard(wire) == ["8001 1211/1=0", f"9212 {PICTURE}=0"]
    link.dataReceived(terminal.whole(CLIP, MP4, type=2))
    assert heard(wire) == ["8001 1211/3=0", f"9212 {CLIP}=0"]
    assert edge.uploads.stored == {PICTURE: JPEG, CLIP: MP4}
    assert edge.uploads.lists == [(PHONE, NUMBER, [(PICTURE, 700), (CLIP, 200_000)])]
    told = edge.uploads.told[1]
    assert (told.name, told.source, told.alarm, told.camera, told.taken) == (CLIP, Source.ATTACHMENT, 1, 65, TAKEN)
    assert told.details == {"type": 2, "number": NUMBER}
    assert [(each.name, each.device) for each in edge.uploads.arrivals] == [(PICTURE, PHONE), (CLIP, PHONE)]
    counters = edge.factory.counters
    assert (counters.lists, counters.files, counters.files_stored, counters.refills) == (1, 2, 2, 0)
    edge.lose(link)
    assert counters.broken_off == 0


class TestInOrder:
    """One thing after the other: nothing is promised before it is so, and nothing more is read meanwhile."""

    def test_a_list_is_answered_once_it_is_known(self) -> None:
        edge = Edge(now=False)
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)) + edge.terminal.whole(PICTURE, JPEG))
        assert (heard(wire), wire.reading) == ([], False)
        edge.uploads.go()
        assert (heard(wire), wire.reading) == (["8001 1210/0=0", "8001 1211/1=0"], False)
        edge.uploads.go()
        assert (heard(wire), wire.reading) == ([f"9212 {PICTURE}=0"], True)

    def test_a_file_is_complete_once_it_is_safe(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)))
        edge.uploads.now = False
        link.dataReceived(edge.terminal.whole(PICTURE, JPEG) + edge.terminal.say(0x0002, {}))
        assert heard(wire) == ["8001 1210/0=0", "8001 1211/1=0"]
        assert (edge.uploads.stored, wire.reading) == ({}, False)
        edge.uploads.go()
        assert heard(wire) == [f"9212 {PICTURE}=0", "8001 0002/3=0"]
        assert wire.reading

    def test_a_slow_disk_holds_up_the_terminal(self) -> None:
        edge = Edge(slow=True)
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((CLIP, 200_000)) + edge.terminal.begin(CLIP, 200_000))
        packets = edge.terminal.data(CLIP, MP4)
        waits = 0
        for at in range(0, len(packets), 20_000):
            link.dataReceived(packets[at : at + 20_000])
            while edge.uploads.drain is not None:
                assert not wire.reading
                drain, edge.uploads.drain = edge.uploads.drain, None
                drain.callback(None)
                waits += 1
            assert wire.reading
        assert waits == len(edge.uploads.arrivals[0].pieces) > 10
        edge.uploads.slow = False
        link.dataReceived(edge.terminal.end(CLIP, 200_000))
        assert edge.uploads.stored == {CLIP: MP4}

    def test_time_in_which_we_are_slow_is_not_idle(self) -> None:
        edge = Edge(Limits(idle_timeout=60, login_timeout=30), now=False)
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)))
        edge.pass_time(100)
        assert not wire.closing()
        edge.uploads.go()
        edge.pass_time(59)
        assert not wire.closing()
        edge.pass_time(2)
        assert edge.said[-1] == "closing 192.0.2.1:4000: nothing heard for 60 s"


class TestMissing:
    def test_is_asked_for(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        terminal = edge.terminal
        link.dataReceived(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        link.dataReceived(terminal.piece(PICTURE, JPEG, 400, 100) + terminal.end(PICTURE, 700))
        assert heard(wire)[-1] == f"9212 {PICTURE}=1 0+400 500+200"
        link.dataReceived(terminal.piece(PICTURE, JPEG, 500, 200) + terminal.piece(PICTURE, JPEG, 0, 400))
        link.dataReceived(terminal.end(PICTURE, 700))
        assert heard(wire) == [f"9212 {PICTURE}=0"]
        assert edge.uploads.stored == {PICTURE: JPEG}
        assert edge.factory.counters.refills == 1

    def test_who_never_brings_it_is_given_up(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)) + edge.terminal.begin(PICTURE, 700))
        for _ in range(7):
            link.dataReceived(edge.terminal.end(PICTURE, 700))
        assert heard(wire)[-1].endswith("=1") and not edge.uploads.open
        assert edge.uploads.arrivals[0].aborted == "bytes of it are missing, and it was asked for them too often"
        link.dataReceived(edge.terminal.end(PICTURE, 700))
        assert heard(wire)[-1].startswith("8001 1212/")

    def test_the_list_after_a_break_goes_on_in_another_connection(self) -> None:
        edge = Edge()
        link, _ = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700), (CLIP, 200_000)) + edge.terminal.whole(PICTURE, JPEG))
        link.dataReceived(edge.terminal.begin(CLIP, 200_000) + edge.terminal.data(CLIP, MP4)[:100_000])
        edge.lose(link)
        assert edge.uploads.arrivals[1].aborted == "Connection was closed cleanly."
        assert edge.factory.counters.broken_off == 1
        again, wire = edge.connect()
        again.dataReceived(edge.terminal.list((CLIP, 200_000), kind=1) + edge.terminal.whole(CLIP, MP4))
        assert heard(wire)[-1] == f"9212 {CLIP}=0"
        assert edge.uploads.stored == {PICTURE: JPEG, CLIP: MP4}


class TestRefusals:
    def test_a_number_that_nobody_gave_out(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700), number="f" * 32) + edge.terminal.whole(PICTURE, JPEG))
        assert heard(wire) == ["8001 1210/0=1", "8001 1211/1=1", "8001 1212/2=1"]
        assert not edge.uploads.arrivals
        assert edge.said[0] == (
            f"a list of attachments of {PHONE} is refused: nobody asked this terminal for attachments under this "
            "number (from 192.0.2.1:4000)"
        )

    def test_a_number_that_another_terminal_was_given(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        link.dataReceived(Terminal(phone="13900000000").list((PICTURE, 700)))
        assert heard(wire) == ["8001 1210/0=1"]

    def test_whoever_guesses_numbers_is_shown_the_door(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        for turn in range(MOST_REFUSALS):
            assert not wire.closing()
            link.dataReceived(edge.terminal.list((PICTURE, 700), number=f"{turn:032}"))
        assert wire.closing()
        assert edge.said[-1] == "closing 192.0.2.1:4000: 10 of its lists were refused"

    def test_a_file_that_is_too_large(self) -> None:
        edge = Edge(settings=UploadSettings(max_bytes=1000))
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((CLIP, 200_000), (PICTURE, 700)))
        link.dataReceived(edge.terminal.whole(CLIP, MP4) + edge.terminal.whole(PICTURE, JPEG))
        assert heard(wire) == [
            "8001 1210/0=0",
            "8001 1211/1=1",
            "8001 1212/2=1",
            "8001 1211/3=0",
            f"9212 {PICTURE}=0",
        ]
        assert "the file has 200000 bytes; 1000 is uploads.max_bytes" in edge.said[0]

    @pytest.mark.parametrize("code", ["limit", "unknown", "wrong"])
    def test_a_file_that_there_is_no_place_for(self, code: str) -> None:
        edge = Edge(full=UploadRefused("there are too many", code, 30))
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)) + edge.terminal.whole(PICTURE, JPEG))
        assert heard(wire) == ["8001 1210/0=0", "8001 1211/1=1", "8001 1212/2=1"]
        assert not wire.closing()

    @pytest.mark.parametrize("code", ["room", "failed"])
    def test_where_it_is_our_fault_the_terminal_comes_again(self, code: str) -> None:
        edge = Edge(full=UploadRefused("the disk is full", code, 30))
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)) + edge.terminal.whole(PICTURE, JPEG))
        assert heard(wire) == ["8001 1210/0=0"]
        assert wire.closing()
        assert edge.said[-1] == "closing 192.0.2.1:4000: attachments cannot be taken now: the disk is full"

    def test_a_piece_that_is_not_taken_costs_its_file_only(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        terminal = edge.terminal
        link.dataReceived(terminal.list((CLIP, 200_000), (PICTURE, 700)) + terminal.begin(CLIP, 200_000))
        edge.uploads.refusing = UploadRefused("the terminal has enough here", "limit")
        link.dataReceived(terminal.data(CLIP, MP4))
        edge.uploads.refusing = None
        link.dataReceived(terminal.end(CLIP, 200_000) + terminal.whole(PICTURE, JPEG))
        assert heard(wire)[2:] == ["8001 1212/2=1", "8001 1211/3=0", f"9212 {PICTURE}=0"]
        assert edge.uploads.arrivals[0].aborted == "the terminal has enough here"
        assert edge.factory.counters.files_refused == 1

    def test_a_disk_that_fails_while_it_is_waited_for(self) -> None:
        edge = Edge(slow=True)
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((CLIP, 200_000)) + edge.terminal.begin(CLIP, 200_000))
        link.dataReceived(edge.terminal.data(CLIP, MP4)[:50_000])
        assert edge.uploads.drain is not None
        edge.uploads.drain.errback(UploadRefused("the disk is full", "failed", 60))
        assert wire.closing()
        assert edge.uploads.arrivals[0].aborted == "the disk is full"

    @pytest.mark.parametrize(("code", "said"), [("wrong", ["8001 1212/2=1"]), ("failed", [])])
    def test_a_file_that_cannot_be_kept(self, code: str, said: list[str]) -> None:
        edge = Edge()
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)))
        edge.uploads.now = False
        link.dataReceived(edge.terminal.whole(PICTURE, JPEG))
        heard(wire)
        edge.uploads.fail(UploadRefused("it is no file", code))
        assert heard(wire) == said
        assert wire.closing() is (code == "failed")
        assert not edge.uploads.stored

    def test_an_error_of_ours_is_logged_and_ends_the_connection(self) -> None:
        edge = Edge(now=False)
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)))
        with logs.heard() as log:
            edge.uploads.fail(KeyError("oops"))
        assert wire.closing() and heard(wire) == []
        assert [str(each["log_level"].name) for each in log] == ["critical"]


class TestRepeats:
    def test_a_file_that_begins_anew_is_given_up_before(self) -> None:
        edge = Edge()
        link, _ = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)) + edge.terminal.begin(PICTURE, 700))
        link.dataReceived(edge.terminal.piece(PICTURE, JPEG, 0, 100) + edge.terminal.begin(PICTURE, 600))
        assert [each.aborted for each in edge.uploads.arrivals] == ["the terminal begins it anew", ""]

    def test_a_file_that_is_stored_is_told_so_again_and_may_come_again(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)) + edge.terminal.whole(PICTURE, JPEG))
        heard(wire)
        link.dataReceived(edge.terminal.end(PICTURE, 700))
        assert (heard(wire), len(edge.uploads.told)) == ([f"9212 {PICTURE}=0"], 1)
        link.dataReceived(edge.terminal.whole(PICTURE, JPEG))
        assert (heard(wire)[-1], len(edge.uploads.told)) == (f"9212 {PICTURE}=0", 2)

    def test_0x1212_twice_while_the_file_is_made_safe(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)))
        edge.uploads.now = False
        link.dataReceived(edge.terminal.whole(PICTURE, JPEG) + edge.terminal.end(PICTURE, 700))
        edge.uploads.go()
        assert heard(wire)[2:] == [f"9212 {PICTURE}=0"] * 2
        assert len(edge.uploads.told) == 1

    def test_the_list_again(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)) + edge.terminal.begin(PICTURE, 700))
        link.dataReceived(edge.terminal.list((PICTURE, 700)) + edge.terminal.data(PICTURE, JPEG))
        link.dataReceived(edge.terminal.end(PICTURE, 700))
        assert heard(wire)[-2:] == ["8001 1210/2=0", f"9212 {PICTURE}=0"]

    def test_a_list_that_is_refused_the_second_time_takes_its_files_with_it(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)) + edge.terminal.begin(PICTURE, 700))
        edge.uploads.alarms.clear()
        link.dataReceived(edge.terminal.list((PICTURE, 700)) + edge.terminal.whole(PICTURE, JPEG))
        assert heard(wire)[2:] == ["8001 1210/2=1", "8001 1211/3=1", "8001 1212/4=1"]
        assert not edge.uploads.open


class TestDeadlinesAndLimits:
    def test_a_list_has_to_come(self) -> None:
        edge = Edge(Limits(login_timeout=30))
        link, wire = edge.connect()
        edge.pass_time(20)
        link.dataReceived(edge.terminal.say(0x0002, {}))
        edge.pass_time(9)
        assert not wire.closing()
        edge.pass_time(2)
        assert edge.said[-1] == "closing 192.0.2.1:4000: no list of attachments within 30 s"
        assert edge.factory.counters.login_timeouts == 1

    def test_one_that_is_refused_is_none(self) -> None:
        edge = Edge(Limits(login_timeout=30))
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700), number="0" * 32))
        edge.pass_time(31)
        assert wire.closing()

    def test_silence_in_the_middle_of_a_file(self) -> None:
        edge = Edge(Limits(idle_timeout=60))
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((CLIP, 200_000)) + edge.terminal.begin(CLIP, 200_000))
        link.dataReceived(edge.terminal.data(CLIP, MP4)[:1000])
        edge.pass_time(61)
        assert wire.closing()
        edge.lose(link)
        assert edge.uploads.arrivals[0].aborted == "nothing heard for 60 s"

    def test_a_file_may_not_take_for_ever(self) -> None:
        edge = Edge()
        edge.factory.transfer_timeout = 100
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((CLIP, 200_000)) + edge.terminal.begin(CLIP, 200_000))
        for at in range(99):
            link.dataReceived(edge.terminal.piece(CLIP, MP4, at, 1))
            edge.pass_time(1)
        assert not wire.closing()
        edge.pass_time(2)
        assert edge.said[-1].endswith("a file is not complete after 100 s")

    def test_connections_are_counted(self) -> None:
        edge = Edge(Limits(max_connections=2))
        edge.connect()
        edge.connect()
        assert edge.factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1)) is None
        assert edge.factory.counters.refused_all == 1

    def test_a_terminal_that_does_not_read_is_closed(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        link.pauseProducing()
        assert wire.aborted
        assert edge.factory.counters.unread == 1

    def test_parts_of_a_list_are_asked_for(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        names = [(f"{number}.jpg", 9) for number in range(200)]
        frames = edge.terminal.frames(0x1210, listing(*names))
        link.dataReceived(frames[0] + frames[2])
        edge.pass_time(6)
        assert heard(wire) == ["8001 1210/0=0", "8003 {'seq': 0, 'length': 1, 'ids': [2]}"]

    def test_junk_without_end_closes(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        for _ in range(6):
            link.dataReceived(b"U" * 50_000)
        assert wire.closing()
        assert edge.factory.counters.closed_by_session == 1
        link.dataReceived(edge.terminal.list((PICTURE, 700)))
        assert not edge.uploads.lists


class TestTheEnd:
    def test_what_is_in_hand_is_still_answered(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700), (CLIP, 200_000)) + edge.terminal.begin(CLIP, 200_000))
        edge.uploads.now = False
        link.dataReceived(edge.terminal.whole(PICTURE, JPEG))
        heard(wire)
        edge.factory.hang_up("the service ends")
        assert [each.aborted for each in edge.uploads.arrivals] == ["the service ends", ""]
        edge.uploads.go()
        assert heard(wire) == [f"9212 {PICTURE}=0"]
        assert not wire.reading
        edge.factory.close_all("the service ends")
        edge.lose(link)
        assert not edge.factory.connections

    def test_a_connection_that_goes_while_a_file_is_made_safe_does_not_cost_it(self) -> None:
        edge = Edge()
        link, _ = edge.connect()
        link.dataReceived(edge.terminal.list((PICTURE, 700)))
        edge.uploads.now = False
        link.dataReceived(edge.terminal.whole(PICTURE, JPEG))
        edge.lose(link)
        edge.uploads.go()
        assert edge.uploads.stored == {PICTURE: JPEG}
        assert edge.uploads.arrivals[0].aborted == ""

    def test_no_timer_is_left_behind(self) -> None:
        edge = Edge()
        link, _ = edge.connect()
        link.disconnect("test")
        edge.lose(link)
        edge.factory.doStop()
        assert edge.clock.getDelayedCalls() == []

    def test_who_stays_after_its_end_is_cut(self) -> None:
        edge = Edge()
        link, wire = edge.connect()
        link.disconnect("test")
        edge.clock.advance(GOODBYE)
        assert wire.aborted


# -- real sockets -----------------------------------------------------------------------------------------------------


class Client(protocol.Protocol):
    """A terminal's socket."""

    def __init__(self) -> None:
        self.got = b""
        self.gone: defer.Deferred[None] = defer.Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Any = None) -> None:
        self.gone.callback(None)

    @property
    def said(self) -> list[str]:
        return list(answers(self.got))


class Listening:
    """The edge on a port of loopback."""

    def __init__(self, port: Any, factory: AttachmentFactory, uploads: RecordingUploads) -> None:
        self.port, self.factory, self.uploads = port, factory, uploads

    async def connect(self) -> Client:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        return await connectProtocol(endpoint, Client())  # type: ignore[no-any-return]


@pytest_twisted.async_yield_fixture
async def listening() -> AsyncIterator[Listening]:
    uploads = RecordingUploads({NUMBER: PHONE})
    any_reactor: Any = reactor
    factory = AttachmentFactory(any_reactor, uploads, Limits(), lambda say, format, kind=None, **fields: None)
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    yield Listening(port, factory, uploads)
    await port.stopListening()
    factory.close_all("the test ends")
    await until(lambda: not factory.connections)


async def until(condition: Callable[[], object]) -> None:
    for _ in range(5000):
        if condition():
            return
        await task.deferLater(reactor, 0.001)
    raise AssertionError("it never came to be")


@pytest_twisted.ensureDeferred
async def test_over_a_socket(listening: Listening) -> None:
    client, terminal, big = await listening.connect(), Terminal(), data_of(5_000_000, 5)
    assert client.transport is not None
    client.transport.write(terminal.list((PICTURE, 700), (CLIP, len(big))))
    client.transport.write(terminal.whole(PICTURE, JPEG) + terminal.whole(CLIP, big))
    await until(lambda: len(client.said) == 5)
    assert client.said[-1] == f"9212 {CLIP}=0"
    assert listening.uploads.stored == {PICTURE: JPEG, CLIP: big}
    client.transport.loseConnection()
    await client.gone


@pytest_twisted.ensureDeferred
async def test_a_slow_disk_over_a_socket_stops_the_sender(listening: Listening) -> None:
    """What is not read stays in the buffers of the sockets: neither side takes memory for it."""
    client, terminal, big = await listening.connect(), Terminal(), data_of(30_000_000, 5)
    assert client.transport is not None
    listening.uploads.slow = True
    client.transport.write(terminal.list((CLIP, len(big))) + terminal.begin(CLIP, len(big)))
    client.transport.write(terminal.data(CLIP, big))
    await until(lambda: listening.uploads.drain is not None)
    await task.deferLater(reactor, 0.05)
    (arrival,) = listening.uploads.arrivals
    assert len(arrival.pieces) == 1
    (link,) = listening.factory.connections
    assert sum(len(event.data) for event in link._todo if isinstance(event, Piece)) <= 65_536
    listening.uploads.slow = False
    drain, listening.uploads.drain = listening.uploads.drain, None
    assert drain is not None
    drain.callback(None)
    await until(lambda: len(arrival.content) == len(big))
    client.transport.write(terminal.end(CLIP, len(big)))
    await until(lambda: CLIP in listening.uploads.stored)
    assert listening.uploads.stored[CLIP] == big


@pytest_twisted.ensureDeferred
async def test_a_break_over_a_socket(listening: Listening) -> None:
    client, terminal = await listening.connect(), Terminal()
    assert client.transport is not None
    client.transport.write(terminal.list((CLIP, 200_000)) + terminal.begin(CLIP, 200_000))
    client.transport.write(terminal.data(CLIP, MP4)[:100_000])
    await until(lambda: listening.uploads.arrivals and listening.uploads.arrivals[0].content)
    client.transport.abortConnection()  # type: ignore[attr-defined]
    await until(lambda: not listening.uploads.open)
    again = await listening.connect()
    assert again.transport is not None
    again.transport.write(terminal.list((CLIP, 200_000), kind=1) + terminal.whole(CLIP, MP4))
    await until(lambda: again.said[-1:] == [f"9212 {CLIP}=0"])
    assert listening.uploads.stored == {CLIP: MP4}
