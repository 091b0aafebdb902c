"""An HTTP edge whose requests are taken while they come in: no body is ever kept here, and none comes faster than it
is taken.

    socket ─▶ StreamChannel ─▶ StreamRequest ─▶ Taker    begin: the head is there
                  ▲                 │                    write: bytes; a Deferred holds the connection until it fires
                  └──── hold ◀──────┘                    done: all of it is there
                                                         lost: no more comes, ever

A taker may answer at any time; what the other end still sends is then dropped for a while, so that it sees the answer.
Every wait has a limit: for the head, for the next byte, for the whole request, for the answer to be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import unquote

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES, HTTPChannel, Request, datetimeToString

from .server import LINGER_SECONDS, HttpServer, peer_of
from .taking import Answer, Taker

HEAD_SECONDS = 30.0
"""How long a request may take until its head is there, from its first byte on."""
CLOSE_SECONDS = 60.0
"""How long the end of an answer may take to be read, where the connection ends with it."""
READ_AT_ONCE = 8 << 20
"""Bytes that are read from all connections before the turn of all others comes, terminals that report among them."""
LEAST_READ, MOST_READ = 32 << 10, 256 << 10
"""Bytes of one of these reads: what is few costs more, and what is much keeps others waiting."""
MOST_DROPPED = 16 << 20
"""Bytes that are dropped behind a refusal, so that the sender comes to see it."""


class StreamSettings(Protocol):
    """What an edge goes by: seconds without a byte, seconds for a request, connections at once."""

    @property
    def idle_timeout(self) -> float: ...
    @property
    def transfer_timeout(self) -> float: ...
    @property
    def max_connections(self) -> int: ...


class StreamRequest(Request):
    """One request, handed on while it comes in."""

    channel: Any
    _log = Logger()

    def __init__(self, channel: StreamChannel, *args: Any) -> None:
        super().__init__(channel, parsePOSTFormSubmission=False)
        self.server = channel.server
        self.began = self.server.reactor.seconds()
        self.peer = peer_of(self)
        self.length: int | None = 0
        self._taker: Taker | None = None
        self._waiting: list[bytes] = []
        self._held = self._all_in = self._done_said = self._answered = self._gone = False
        self._at_once: Answer | None = None
        self._dropped = 0
        channel.setTimeout(HEAD_SECONDS)

    def first_line(self, line: bytes) -> None:
        """The request's first line, which was found to be one."""
        self.method, self.uri, self.clientproto = line.split(b" ")
        self.path = self.uri.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        """What stands behind the question mark."""
        return self.uri.partition(b"?")[2]

    @property
    def steps(self) -> list[str]:
        """The steps of the path; empty ones do not count."""
        path = self.path
        if path.lower().startswith((b"http://", b"https://")):
            path = path.partition(b"//")[2].partition(b"/")[2]
        return [unquote(each.decode("latin-1")) for each in path.split(b"/") if each]

    # -- the channel's side -------------------------------------------------------------------------------------------

    def gotLength(self, length: int | None) -> None:
        """The head is there; a body of this length comes, None where its end will show."""
        self.length = length
        self.server.counters.requests += 1
        if length != 0:
            self.channel.body_begins()
        self._taker = taker = self.server.taker(self)
        self._run(taker.begin)
        if self._answered:
            # Or the other end would be told to go on.
            self.requestHeaders.removeHeader(b"expect")

    def handleContentChunk(self, data: bytes) -> None:
        """A part of the body."""
        if self._answered:
            self._dropped += len(data)
            if self._dropped > MOST_DROPPED:
                self.channel.abort()
        elif self.server.reactor.seconds() > self.began + self.server.settings.transfer_timeout:
            self.channel.timeoutConnection()
        elif self._held:
            self._waiting.append(data)
        else:
            self._give(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All of it is there."""
        self._all_in = True
        if self._at_once is not None:
            self._write(self._at_once)
        elif self._answered:
            self.finish()
        else:
            self._done()

    def connectionLost(self, reason: Failure) -> None:
        """The connection is gone."""
        self._gone = True
        self._waiting.clear()
        if self._taker is not None:
            self._taker.lost("the connection was lost")
        super().connectionLost(reason)

    # -- the taker's side ---------------------------------------------------------------------------------------------

    def answer(self, answer: Answer) -> None:
        """Answer with this. Only the first answer counts, and none where nobody is there any more."""
        if self._answered or self._gone:
            return
        self._answered = True
        if self._all_in or self.length != 0:
            self._write(answer)
        else:
            self._at_once = answer

    def fail(self, failure: Failure) -> None:
        """Answer that this went wrong, and have no more of the request."""
        error, taker = failure.value, self._taker
        assert taker is not None
        found = taker.refusal(error) if isinstance(error, Exception) else None
        if found is None:
            self._log.failure("a request failed inside: {method} {path}", failure, method=self.method, path=self.path)
            found = taker.fault()
        taker.lost(str(error) or "it was refused")
        self.answer(found)

    def head(self, status: int, media: str, headers: Mapping[str, str]) -> None:
        """Begin an answer whose body comes by :meth:`write` and ends with :meth:`finish`."""
        self._answered = True
        self.server.count(status)
        self.setResponseCode(status, RESPONSES.get(status, b"Unknown"))
        given = {
            "Date": datetimeToString().decode(),
            "Server": "jimigw",
            "X-Content-Type-Options": "nosniff",
            **headers,
        }
        if status != 304:
            given["Content-Type"] = media
        if not self.channel.persistent:
            given["Connection"] = "close"
        for name, value in given.items():
            self.setHeader(name.encode("latin-1"), value.encode("latin-1", "replace"))

    def finish(self) -> None:
        """The answer is complete."""
        if not self._gone:
            super().finish()

    # -- inside -------------------------------------------------------------------------------------------------------

    def _write(self, answer: Answer) -> None:
        early = not self._all_in
        headers = {"Content-Length": str(len(answer.body)), "Cache-Control": "no-store", **answer.headers}
        if early:
            self.channel.persistent = False
        self.head(answer.status, answer.type, headers)
        self.write(answer.body)
        if early:
            self.channel.linger()
        else:
            self.finish()

    def _run(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Exception:
            self.fail(Failure())
            return None

    def _give(self, data: bytes) -> None:
        taker = self._taker
        assert taker is not None
        wait = self._run(lambda: taker.write(data))
        if wait is not None and not self._answered:
            self._held = True
            self.channel.hold(self.began + self.server.settings.transfer_timeout)
            wait.addCallbacks(self._go_on, self._broke)

    def _go_on(self, _: object) -> None:
        self._held = False
        while self._waiting and not self._held and not self._answered:
            self._give(self._waiting.pop(0))
        if self._held or self._gone or self.finished:
            return
        self._waiting.clear()
        self.channel.release()
        self._done()

    def _broke(self, failure: Failure) -> None:
        self._held = False
        self._waiting.clear()
        if not self._gone:
            self.fail(failure)
        if not self._gone and not self.finished:
            self.channel.release()

    def _done(self) -> None:
        """All of it is there and taken."""
        if self._all_in and not self._held and not self._answered and not self._done_said:
            assert self._taker is not None
            self._done_said = True
            self._run(self._taker.done)


class StreamChannel(HTTPChannel):
    """A connection."""

    requestFactory = StreamRequest  # type: ignore[assignment]
    totalHeadersSize = 16_384
    maxHeaders = 100
    transport: Any

    def __init__(self, server: StreamServer) -> None:
        super().__init__()
        self.server = server
        self.timeOut = server.settings.idle_timeout  # type: ignore[assignment]
        self.callLater = server.reactor.callLater  # type: ignore[method-assign]
        self._receiving = self._held = self._clogged = False

    def connectionMade(self) -> None:
        """It is open."""
        self.server.channels.add(self)
        super().connectionMade()

    def lineReceived(self, line: bytes) -> None:
        """A line of a head; the first of a request is what it begins with."""
        before = len(self.requests)
        super().lineReceived(line)
        if len(self.requests) > before and line.count(b" ") == 2:
            self.requests[-1].first_line(line)

    def resetTimeout(self) -> None:
        """Bytes have come. They give more time to a body, and none to a head."""
        if self._receiving and not self._held:
            super().resetTimeout()

    def body_begins(self) -> None:
        """From now on every byte gives time for the next."""
        self._receiving = True
        self.setTimeout(self.server.settings.idle_timeout)
        self.transport.bufferSize = max(LEAST_READ, min(MOST_READ, READ_AT_ONCE // len(self.server.channels)))

    def hold(self, until: float) -> None:
        """Read no more; until then at most."""
        self._held = True
        self.setTimeout(max(1.0, until - self.server.reactor.seconds()))
        self.transport.pauseProducing()

    def release(self) -> None:
        """Read on."""
        if not self._held:
            return
        self._held = False
        if self._receiving:
            self.setTimeout(self.server.settings.idle_timeout)
        if not self._clogged:
            self.transport.resumeProducing()

    def requestDone(self, request: Request) -> None:
        """An answer is complete."""
        self._held = False
        super().requestDone(request)

    def linger(self) -> None:
        """The last answer is written: wait a little for the other end to see it."""
        self._receiving = False
        self.setTimeout(LINGER_SECONDS)

    def allContentReceived(self) -> None:
        """A request is complete."""
        self._receiving = False
        # This is also how long the connection is kept for the next one.
        self.setTimeout(self.server.settings.idle_timeout)
        super().allContentReceived()

    def pauseProducing(self) -> None:
        """The other end does not read."""
        self._clogged = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """It reads again."""
        self._clogged = False
        super().resumeProducing()
        if self._held:
            self.transport.pauseProducing()

    def timeoutConnection(self) -> None:
        """A time limit is over."""
        if self.requests:
            self.server.counters.slow_requests += 1
        self.abort()

    def loseConnection(self) -> None:
        """Close it, once what was written has been read; but not for ever."""
        self.setTimeout(CLOSE_SECONDS)
        self._receiving = False
        super().loseConnection()

    def end(self) -> None:
        """The service ends. What is all there gets its answer; what is not is given up."""
        self.persistent = False
        if not self.requests:
            self.loseConnection()
        elif self._receiving:
            self.abort()

    def abort(self) -> None:
        """Close it, whatever is under way."""
        if self.transport is not None:
            self.transport.abortConnection()

    def connectionLost(self, reason: Any = None) -> None:
        """It is closed."""
        self.server.channels.discard(self)
        super().connectionLost(reason)
        self.server.closed()


class StreamServer(HttpServer):
    """Makes connections, as many as there may be. Who inherits from it says who takes a request."""

    def __init__(self, reactor: Any, settings: StreamSettings) -> None:
        super().__init__(reactor)
        self.settings = settings

    def taker(self, request: StreamRequest) -> Taker:
        """Who takes this request, of which the head is there. Raises nothing."""
        raise NotImplementedError

    def buildProtocol(self, addr: IAddress | None) -> StreamChannel | None:
        """A connection, or None where there are too many."""
        if not self.admit(self.settings.max_connections):
            return None
        channel = StreamChannel(self)
        channel.factory = self
        return channel
