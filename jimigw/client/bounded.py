"""An HTTP client for servers that are not trusted to behave: treq, with a bound to everything it would otherwise take.

It follows no redirects, keeps no cookies, asks for no compression and takes none, and hangs up on a server that sends
more than it may. Time limits are the caller's: cancelling a request closes its connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import attrs
from hyperlink import EncodedURL
from treq.client import HTTPClient
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IConsumer, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import (
    URI,
    Agent,
    BrowserLikePolicyForHTTPS,
    HostnameCachingHTTPSPolicy,
    HTTPConnectionPool,
    ResponseDone,
)
from twisted.web.error import SchemeNotSupported
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IBodyProducer, IPolicyForHTTPS, IResponse
from zope.interface import implementer

MAX_BODY = 64 << 10
"""Bytes of the longest answer that is read."""
_MAX_HEAD = 16 << 10
"""Bytes that head and framing of an answer may take beside its body."""
_IDLE = 30
"""Seconds that a connection is kept for the next request."""


class AnswerTooLong(Exception):
    """The answer is longer than any that is understood."""


class BoundedClient:
    """Posts bytes. ``kept`` is how many idle connections to one server stay open; ``timeout`` that of connecting."""

    def __init__(
        self, reactor: Any, *, kept: int = 4, timeout: float = 4.0, policy: IPolicyForHTTPS | None = None
    ) -> None:
        pool = self._pool = HTTPConnectionPool(reactor)
        pool.maxPersistentPerHost = kept
        pool.cachedConnectionTimeout = _IDLE
        # Which request may be repeated is the caller's decision.
        pool.retryAutomatically = False
        endpoints = _Endpoints(reactor, timeout, policy or HostnameCachingHTTPSPolicy(BrowserLikePolicyForHTTPS()))
        agent = Agent.usingEndpointFactory(reactor, endpoints, pool)
        self._client = HTTPClient(_PlainAgent(agent))

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Deferred[Any]:
        """Send it; fires with the response as soon as its head is there. Its body has to be taken by `read_body`."""
        data, raw = cast(Any, _Bytes(body)), Headers({name: [value] for name, value in headers.items()})
        return cast(
            "Deferred[Any]",
            self._client.post(_Address.from_text(url), data=data, headers=raw, allow_redirects=False, unbuffered=True),
        )

    def close(self) -> Deferred[None]:
        """Close the connections that are kept."""
        return cast("Deferred[None]", self._pool.closeCachedConnections())


def read_body(response: Any) -> Deferred[bytes]:
    """The body of a response. Fails with :class:`AnswerTooLong`, and closes the connection where it is cancelled."""
    body = _Body()
    response.deliverBody(body)
    return body.done


class _Address(EncodedURL):
    """An address in ASCII. As treq would have it, IPv6 addresses would go through the rules for names, and fail."""

    def to_uri(self) -> _Address:
        # Names and schemes may come in capitals; the client looks for "https".
        return cast(_Address, self.replace(scheme=self.scheme.lower(), host=self.host.lower()))


class _Body(Protocol):
    """Collects a body."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self.done: Deferred[bytes] = Deferred(lambda _: self._hang_up())

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= MAX_BODY:
            self._parts.append(data)
        elif not self.done.called:
            self._parts.clear()
            self.done.errback(AnswerTooLong(f"its answer is longer than {MAX_BODY} bytes"))
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
        if self.transport is not None:
            self.transport.loseConnection()


@implementer(IBodyProducer)
class _Bytes:
    """A request's body that is there already."""

    def __init__(self, body: bytes) -> None:
        self._body, self.length = body, len(body)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """It is all written at once."""

    def resumeProducing(self) -> None:
        """It is all written at once."""

    def stopProducing(self) -> None:
        """It is all written at once."""


@implementer(IAgent)
class _PlainAgent:
    """Takes out of requests and answers what treq would do for a browser: compression and cookies.

    A few bytes of compressed answer would fill any memory; one that comes all the same is left as it is.
    """

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


@implementer(IAgentEndpointFactory)
@attrs.frozen
class _Endpoints:
    reactor: Any
    timeout: float
    policy: IPolicyForHTTPS

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        endpoint: Any = HostnameEndpoint(self.reactor, uri.host.decode("ascii"), uri.port, timeout=self.timeout)
        if uri.scheme not in (b"http", b"https"):
            raise SchemeNotSupported(f"{uri.scheme!r} is neither http nor https")
        if uri.scheme == b"https":
            endpoint = wrapClientTLS(self.policy.creatorForNetloc(uri.host, uri.port), endpoint)
        return _BoundedEndpoint(endpoint)


@implementer(IStreamClientEndpoint)
@attrs.frozen
class _BoundedEndpoint:
    endpoint: Any

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        wrapping = WrappingFactory(cast(Any, protocolFactory))
        wrapping.protocol = _BoundedConnection
        wrapping.noisy = False
        connecting: Deferred[Any] = self.endpoint.connect(wrapping)
        return connecting.addCallback(lambda connection: connection.wrappedProtocol)


class _BoundedConnection(ProtocolWrapper):
    """Bounds what comes between two requests, heads and lines without end among it; hangs up without ceremony."""

    _heard = 0

    def write(self, data: bytes) -> None:
        self._heard = 0
        super().write(data)

    def writeSequence(self, data: Any) -> None:
        self._heard = 0
        super().writeSequence(data)

    def dataReceived(self, data: bytes) -> None:
        self._heard += len(data)
        if self._heard > MAX_BODY + _MAX_HEAD:
            self.loseConnection()
        else:
            super().dataReceived(data)

    def loseConnection(self) -> None:
        # Over TLS a polite end would wait for the other side's consent.
        self.disconnecting = 1
        cast(Any, self.transport).abortConnection()
