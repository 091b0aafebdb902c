"""The upload edge in memory: a gateway that records what it is given, a clock, and connections whose other end is the
test's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from jimigw.gateway.media.links import Links
from jimigw.gateway.uploads import Told, UploadRefused, UploadSettings
from jimigw.model.device import Card, Device
from jimigw.model.media import Media, MediaQuery, MediaState
from jimigw.web.uploads import UploadServer, UploadServerSettings
from tests.web.api import Answer, parsed
from tests.web.forms import IMEI, Part, form, form_type

NOW = 1_789_652_424.0
OTHER = "353376110008882"


class Coming:
    """A transfer: what is done with it stands in the recorder's events."""

    def __init__(self, recorder: Recorder, device: Device | None) -> None:
        self._recorder, self.device = recorder, device
        self.data = bytearray()
        self.told: Told | None = None
        self.ended = ""
        self.finished: Deferred[Media] = Deferred()

    @property
    def size(self) -> int:
        return len(self.data)

    def belongs_to(self, device: Device) -> None:
        self._recorder.refuse_at("belongs_to")
        assert self.device in (None, device)
        self.device = device

    def named(self, name: str) -> None:
        self._recorder.events.append(f"named {name}")

    def write(self, data: bytes) -> Deferred[None] | None:
        assert not self.ended
        self._recorder.refuse_at("write")
        assert self._recorder.hold is None or self._recorder.hold.called, "it was told to wait"
        self.data += data
        if not self._recorder.slow:
            return None
        self._recorder.hold = Deferred()
        return self._recorder.hold

    def abort(self, why: str) -> None:
        if not self.ended:
            self.ended = f"aborted: {why}"
            self._recorder.events.append(self.ended)

    def finish(self, told: Told) -> Deferred[Media]:
        assert not self.ended
        self.told, self.ended = told, "finished"
        self._recorder.events.append("finished")
        if not told.name:
            self.fail(UploadRefused("The filename cannot be empty", "wrong"))
        elif not self.data:
            self.fail(UploadRefused("The file content is empty", "wrong"))
        elif not self._recorder.late:
            self.keep()
        return self.finished

    def keep(self) -> None:
        """It is safe."""
        assert self.told is not None and self.device is not None
        digest = hashlib.md5(self.data).hexdigest()
        media = Media(
            self.device.id, self.told.name, 7, state=MediaState.STORED, size=self.size, md5=digest, stored=NOW
        )
        self.finished.callback(media)

    def fail(self, error: Exception) -> None:
        self.finished.errback(error)


class Recorder:
    """What :class:`jimigw.gateway.uploads.Uploads` is to the edge.

    ``slow``: each write has to be waited for, until ``hold`` fires. ``late``: the test says when a file is kept.
    ``refusals``: what is raised, by the place where.
    """

    def __init__(self, clock: Any) -> None:
        self.settings = UploadSettings()
        self.links = Links(b"s" * 32, clock.seconds, lambda: self.settings)
        self.devices = {id: Device(card=Card(id)) for id in (IMEI, OTHER)}
        self.arrivals: list[Coming] = []
        self.events: list[str] = []
        self.lists: list[tuple[str, Sequence[str]]] = []
        self.files: dict[int, tuple[Media, bytes]] = {}
        self.slow = self.late = False
        self.hold: Deferred[None] | None = None
        self.refusals: dict[str, Exception] = {}

    def refuse_at(self, place: str) -> None:
        if place in self.refusals:
            raise self.refusals[place]

    def whose(self, *names: str | None) -> Device:
        for name in names:
            if name in self.devices:
                return self.devices[name]
        told = [name for name in names if name]
        raise UploadRefused(f"there is no terminal {told[0]!r}" if told else "nothing says whose it is", "unknown")

    def begin(self, peer: str, device: Device | None = None) -> Coming:
        self.refuse_at("begin")
        assert peer == "192.0.2.1"
        self.events.append(f"begun for {device.id if device is not None else 'nobody yet'}")
        self.arrivals.append(Coming(self, device))
        return self.arrivals[-1]

    def playlist_came(self, device: Device, names: Sequence[str]) -> Deferred[bool]:
        self.refuse_at("playlist_came")
        self.lists.append((device.id, list(names)))
        return succeed(True)

    def media(self, id: int) -> Deferred[Media]:
        if id not in self.files:
            raise UploadRefused(f"there is no file {id}", "gone")
        return succeed(self.files[id][0])

    def find(self, query: MediaQuery) -> Deferred[list[Media]]:
        assert query.states == frozenset({MediaState.STORED})
        return succeed([media for media, _ in self.files.values() if media.name == query.name and media.md5])

    def read(self, media: Media, offset: int, length: int) -> Deferred[bytes]:
        self.refuse_at("read")
        return succeed(self.files[media.id][1][offset : offset + length])


class Wire(StringTransport):
    """A connection in memory; what comes while it is paused waits, as in a kernel."""

    def __init__(self, line: Line) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "192.0.2.1", 40_000))
        self.line = line
        self.paused = False
        #: the other end does not read what was written, so that the connection cannot be closed, only aborted
        self.unread = False

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        if self.paused:
            self.paused = False
            self.line.go_on()

    def loseConnection(self) -> None:
        self.disconnecting = True
        if not self.unread:
            self.line.lose()

    def abortConnection(self) -> None:
        self.line.lose()


class Line:
    """A camera's connection. ``heard`` is what came back, ``gone`` whether the other end has hung up."""

    def __init__(self, door: Door) -> None:
        self.wire = Wire(self)
        self._kernel = bytearray()
        self.gone = False
        channel = door.server.buildProtocol(None)
        assert channel is not None
        self.channel = channel
        channel.makeConnection(self.wire)

    @property
    def heard(self) -> bytes:
        value: bytes = self.wire.value()
        return value

    @property
    def paused(self) -> bool:
        return self.wire.paused

    @property
    def answer(self) -> Answer:
        """The one answer that has come."""
        return parsed(self.heard.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"))

    def send(self, *pieces: bytes) -> Line:
        for piece in pieces:
            self._kernel += piece
            self.go_on()
        return self

    def go_on(self) -> None:
        while self._kernel and not self.paused and not self.gone:
            piece = bytes(self._kernel[: 1 << 16])
            del self._kernel[: 1 << 16]
            self.channel.dataReceived(piece)

    @property
    def waiting(self) -> int:
        """Bytes that were not read."""
        return len(self._kernel)

    def lose(self) -> None:
        if not self.gone:
            self.gone = True
            self.channel.connectionLost(Failure(ConnectionLost()))


@attrs.define
class Said:
    """A line of the log, as it was complained of."""

    kind: Any
    text: str


class Door:
    """The edge. Its settings are those of :class:`UploadServerSettings`."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.uploads = Recorder(self.clock)
        self.said: list[Said] = []
        stand_in: Any = self.uploads
        self.server = UploadServer(self.clock, stand_in, UploadServerSettings(**settings), self.complain)

    def complain(self, say: Callable[..., object], format: str, *, kind: Any = None, **fields: Any) -> None:
        self.said.append(Said(kind, format.format(**fields)))

    def line(self) -> Line:
        return Line(self)

    def ask(self, data: bytes) -> Line:
        """What comes of these bytes, on a connection of their own."""
        return self.line().send(data)

    @property
    def arrival(self) -> Coming:
        """The one transfer that there was."""
        (arrival,) = self.uploads.arrivals
        return arrival

    def quiet(self) -> None:
        """Nothing is left of anything."""
        assert not self.server.channels
        assert not self.clock.getDelayedCalls()
        assert all(each.ended for each in self.uploads.arrivals)


def post(path: str, body: bytes, *headers: str, length: bool = True) -> bytes:
    """A request with this body."""
    lines = [f"POST {path} HTTP/1.1", "Host: gateway", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(path: str, body: bytes, *headers: str, size: int = 1000) -> bytes:
    """The same in chunks."""
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    coded = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks) + b"0\r\n\r\n"
    return post(path, coded, "Transfer-Encoding: chunked", *headers, length=False)


def upload(*parts: Part, path: str = "/upload", headers: Sequence[str] = ()) -> bytes:
    """A file with its fields, as a request."""
    return post(path, form(*parts), f"Content-Type: {form_type()}", *headers)


def told(line: Line) -> tuple[int, Any]:
    """Status and JSON of the answer, whose number in both is the same."""
    answer = line.answer
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    found = json.loads(answer.body)
    assert found["code"] in (answer.status, 0)
    return answer.status, found
