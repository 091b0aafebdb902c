"""Posting forms to servers that are not trusted to behave: treq, no redirects, no cookies, no compression, bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from .requests import Answer

MAX_ANSWER = 64 << 10
"""Bytes of the longest answer that is read."""
_CONNECT = 10.0
_IDLE = 60


class Posts(Protocol):
    """Posts bytes."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Deferred[Answer]:
        """Fires with the whole answer. Cancelling closes the connection."""
        ...

    def close(self) -> Deferred[None]:
        """Close the connections that are kept."""
        ...


class AnswerTooLong(Exception):
    """The answer is longer than any that is understood."""


class TreqPosts:
    """:class:`Posts` by treq. ``kept``: idle connections that stay open."""

    def __init__(self, reactor: Any, kept: int = 4) -> None:
        pool = self._pool = HTTPConnectionPool(reactor)
        pool.maxPersistentPerHost, pool.cachedConnectionTimeout = kept, _IDLE
        # The reader decides what is sent again.
        pool.retryAutomatically = False
        self._client = HTTPClient(_PlainAgent(Agent(reactor, connectTimeout=_CONNECT, pool=pool)))

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Deferred[Answer]:
        """See :class:`Posts`."""
        raw = Headers({name: [value] for name, value in headers.items()})
        asking: Deferred[Any] = self._client.post(url, data=body, headers=raw, allow_redirects=False, unbuffered=True)
        return asking.addCallback(_answer)

    def close(self) -> Deferred[None]:
        """See :class:`Posts`."""
        return cast("Deferred[None]", self._pool.closeCachedConnections())


def _answer(response: Any) -> Deferred[Answer]:
    body = _Body()
    response.deliverBody(body)
    waits = response.headers.getRawHeaders("retry-after")
    return body.done.addCallback(lambda data: Answer(response.code, data, waits[0] if waits else None))


class _Body(StreamProtocol):
    """Collects a body."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self.done: Deferred[bytes] = Deferred(lambda _: self._hang_up())

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= MAX_ANSWER:
            self._parts.append(data)
        elif not self.done.called:
            self._parts.clear()
            self.done.errback(AnswerTooLong(f"its answer is longer than {MAX_ANSWER} bytes"))
            self._hang_up()

    def connectionLost(self, reason: Failure = Failure(ResponseDone())) -> None:  # noqa: B008  # Twisted's own default is of that kind
        if self.done.called:
            return
        # A server of HTTP/1.0 ends its answer by closing the connection.
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(b"".join(self._parts))
        else:
            self.done.errback(reason)

    def _hang_up(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            abort = getattr(transport, "abortConnection", None) or transport.loseConnection
            abort()


@implementer(IAgent)
class _PlainAgent:
    """Takes out of requests and answers what treq would do for a browser: compression and cookies."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        headers = Headers() if headers is None else headers.copy()
        headers.removeHeader(b"accept-encoding")
        return self._agent.request(method, uri, headers, bodyProducer).addCallback(_plain)


def _plain(response: IResponse) -> IResponse:
    response.headers.removeHeader(b"content-encoding")
    response.headers.removeHeader(b"set-cookie")
    return response
