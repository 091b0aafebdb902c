"""The API's edge: requests come in within bounds of size, time and number, whatever the other end does."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request, datetimeToString

from .problems import MEDIA, TOO_LARGE, UNAUTHORIZED, Problem

IDLE_SECONDS = 60.0
"""How long a connection is kept for the next request."""
REQUEST_SECONDS = 60.0
"""How long a request may take to come in, from its first line on."""
LINGER_SECONDS = 5.0
"""How long a client is listened to that was refused before it had said everything: else it may not see the answer."""
MOST_UNKNOWN = 64 << 10
"""Bytes of the longest body that is taken from those who show no good token."""
GOODBYE = 2.0
"""Seconds that answers get, at the end of the service, to be read."""
MOST_READ_SLOWLY = 600.0
"""Seconds that an answer may take to be read."""


@attrs.define
class HttpCounters:
    """What became of connections and requests since the start."""

    connections: int = 0
    refused_connections: int = 0
    requests: int = 0
    refused: int = 0
    failed: int = 0
    slow_requests: int = 0
    statuses: dict[int, int] = attrs.field(factory=dict)


class ApiRequest(Request):
    """A request whose body is bounded while it comes in."""

    channel: Any

    def __init__(self, channel: ApiChannel, *args: Any) -> None:
        super().__init__(channel, parsePOSTFormSubmission=False)
        self.began = channel.server.reactor.seconds()
        self._longest = self._received = 0
        self._refused = False
        self._lingering: IDelayedCall | None = None
        self._taken = BytesIO()
        channel.setTimeout(REQUEST_SECONDS)

    @property
    def server(self) -> ApiServer:
        """The factory of its connection; also when that is gone."""
        return self.channel.server  # type: ignore[no-any-return]

    @property
    def body(self) -> bytes:
        """All of the body."""
        return self._taken.getvalue()

    def gotLength(self, length: int | None) -> None:
        """The head is there, the body comes."""
        self.content = self._taken
        known = self.server.knows(self)
        self._longest = self.server.max_body if known else min(MOST_UNKNOWN, self.server.max_body)
        if length is not None and length > self._longest:
            # Or the client would be told to go on.
            self.requestHeaders.removeHeader(b"expect")
            self._refuse(known)

    def handleContentChunk(self, data: bytes) -> None:
        """A part of the body."""
        self._received += len(data)
        if self._refused:
            return
        if self._received > self._longest:
            self._refuse(self._longest == self.server.max_body)
            return
        self._taken.write(data)

    def _refuse(self, known: bool) -> None:
        """Answer now, and take no more than it needs for the client to see that."""
        self._refused = True
        self.content = self._taken = BytesIO()
        if known:
            problem = Problem(TOO_LARGE, f"the body is longer than {self._longest} bytes, which is http.max_body")
        else:
            problem = Problem(UNAUTHORIZED, "a long body is taken only with a good token: Authorization: Bearer TOKEN")
        self.channel.persistent = False
        self.clientproto, self.code, self.code_message = b"HTTP/1.1", problem.status, b"Refused"
        body = problem.body()
        self.setHeader(b"date", datetimeToString())
        self.setHeader(b"content-type", MEDIA.encode())
        self.setHeader(b"content-length", str(len(body)).encode())
        self.setHeader(b"connection", b"close")
        if not known:
            self.setHeader(b"www-authenticate", b'Bearer realm="jimigw"')
        self.server.count(problem.status)
        self.write(body)
        self._lingering = self.server.reactor.callLater(LINGER_SECONDS, self.channel.abort)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All of it is there."""
        if self._refused:
            self.method, self.uri, self.path = command, path, path.partition(b"?")[0]
            self.finish()
            return
        super().requestReceived(command, path, version)

    def process(self) -> None:
        """Answer it."""
        self.server.handle(self)

    def finish(self) -> None:
        """The answer is complete."""
        self._stop_lingering()
        super().finish()

    def connectionLost(self, reason: Failure) -> None:
        """The connection is gone."""
        self._stop_lingering()
        super().connectionLost(reason)

    def _stop_lingering(self) -> None:
        if self._lingering is not None and self._lingering.active():
            self._lingering.cancel()


class ApiChannel(HTTPChannel):
    """A connection. Its time limits are those of whole requests: a byte now and then does not keep it open."""

    requestFactory = ApiRequest  # type: ignore[assignment]
    totalHeadersSize = 16_384
    maxHeaders = 100
    timeOut = IDLE_SECONDS  # type: ignore[assignment]

    def __init__(self, server: ApiServer) -> None:
        super().__init__()
        self.server = server
        self.callLater = server.reactor.callLater  # type: ignore[method-assign]
        self._clogged = False
        self._patience = MOST_READ_SLOWLY

    def connectionMade(self) -> None:
        """It is open."""
        self.server.channels.add(self)
        super().connectionMade()

    def resetTimeout(self) -> None:
        """Bytes of a request do not give it more time."""

    def allContentReceived(self) -> None:
        """A request is complete; one that was refused before may be gone by now."""
        if self.requests:
            super().allContentReceived()

    def pauseProducing(self) -> None:
        """The other end does not read."""
        self._clogged = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """It reads again."""
        self._clogged = False
        super().resumeProducing()

    def timeoutConnection(self) -> None:
        """The time for a request is over. One that still reads the last answer gets some more."""
        if self._clogged and self._patience > 0:
            self._patience -= IDLE_SECONDS
            self.setTimeout(IDLE_SECONDS)
            return
        if self.requests:
            self.server.counters.slow_requests += 1
        self.abort()

    def end(self) -> None:
        """The service ends: close it once the answer has left."""
        self.loseConnection()

    def abort(self) -> None:
        """Close the connection, whatever is under way."""
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def connectionLost(self, reason: Any = None) -> None:
        """It is closed."""
        self.server.channels.discard(self)
        super().connectionLost(reason)
        self.server.closed()


class HttpServer(ServerFactory):
    """The connections of an edge: counted, and closed at the end."""

    noisy = False
    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.channels: set[Any] = set()
        self.counters = HttpCounters()
        self._ended: Deferred[None] | None = None

    def admit(self, most: int) -> bool:
        """Whether one more connection may be made, of so many at once; it is counted."""
        if self._ended is not None or len(self.channels) >= most:
            self.counters.refused_connections += 1
            return False
        self.counters.connections += 1
        return True

    def count(self, status: int) -> None:
        """A request was answered so."""
        self.counters.statuses[status] = self.counters.statuses.get(status, 0) + 1
        if status >= 500:
            self.counters.failed += 1
        elif status >= 400:
            self.counters.refused += 1

    def log(self, request: Any) -> None:
        """A request was answered. Said at the level of debugging only: there may be many a second."""
        self._log.debug(
            "{method} {path} {status} {bytes} bytes {seconds:.3f} s from {peer}",
            method=request.method.decode("latin-1"),
            path=request.path.decode("latin-1"),  # without the query, which may hold a ticket or a signed link
            status=request.code,
            bytes=request.sentLength,
            seconds=self.reactor.seconds() - request.began,
            peer=peer_of(request),
        )

    def close(self) -> Deferred[None]:
        """Close all connections, once their answers have left, or after :data:`GOODBYE`: the end of the service."""
        done: Deferred[None] = Deferred()
        self._ended = done
        for channel in list(self.channels):
            channel.end()
        late = self.reactor.callLater(GOODBYE, self._abort)
        done.addBoth(lambda _: late.cancel() if late.active() else None)
        self.closed()
        return done

    def _abort(self) -> None:
        for channel in list(self.channels):
            channel.abort()

    def closed(self) -> None:
        """A connection is gone."""
        if self._ended is not None and not self.channels and not self._ended.called:
            self._ended.callback(None)


class ApiServer(HttpServer):
    """Makes connections, as many as there may be. ``handle`` answers requests, ``knows`` says whether a request comes
    with a good token."""

    def __init__(
        self,
        reactor: Any,
        handle: Callable[[ApiRequest], None],
        knows: Callable[[ApiRequest], bool],
        max_body: int,
        max_connections: int,
    ) -> None:
        super().__init__(reactor)
        self.handle, self.knows = handle, knows
        self.max_body, self.max_connections = max_body, max_connections

    def buildProtocol(self, addr: IAddress | None) -> ApiChannel | None:
        """A connection, or None where there are too many."""
        if not self.admit(self.max_connections):
            return None
        channel = ApiChannel(self)
        channel.factory = self
        return channel


def peer_of(request: Any) -> str:
    """The address that a request came from."""
    return str(getattr(request.getClientAddress(), "host", "local"))
