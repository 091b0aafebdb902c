"""Real servers on loopback, well-behaved and not, and a reactor whose time is the test's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from zope.interface import directlyProvides, implementer, providedBy

from jimigw.gateway.hooked import Verdict
from jimigw.web.hooks import HookSettings, PlatformHooks

reactor: Any = the_reactor
REAL_LIMIT = 20.0
"""Seconds after which a test that hangs is ended."""


class ClockReactor:
    """The network of the real reactor, with the time of a :class:`Clock`."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.seconds, self.callLater = self.clock.seconds, self.clock.callLater
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


async def until(condition: Callable[[], object]) -> None:
    """Let the reactor turn until this is so."""
    started = reactor.seconds()
    while not condition():
        assert reactor.seconds() < started + REAL_LIMIT, "it never came to be"
        # Not at once: whoever turns without a pause keeps Python's lock from the threads that are waited for.
        await deferLater(reactor, 0.001)


# -- a server that does what it is told ---------------------------------------------------------------------------

Behaviour = Callable[["Conversation"], object]


class Conversation(Protocol):
    """One connection to a :class:`RawServer`. Its behaviour is called when a whole request is there, each time."""

    def __init__(self, server: RawServer) -> None:
        self.server, self.heard = server, b""

    def connectionMade(self) -> None:
        self.server.connections += 1
        self.server.open.append(self)
        self.send(self.server.greeting)

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        head, end, body = self.heard.partition(b"\r\n\r\n")
        if end:
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(body) >= length:
                self.server.requests.append(self.heard)
                self.heard = b""
                self.server.behaviour(self)

    def send(self, data: bytes) -> Conversation:
        self.transport.write(data)  # type: ignore[union-attr]
        return self

    def close(self) -> None:
        self.transport.loseConnection()  # type: ignore[union-attr]

    def hang(self) -> None:
        """There is nothing more to come: the test may let time pass."""
        self.server.stuck = True

    def endless(self, data: bytes) -> None:
        """Send this again and again, as fast as it is taken."""
        self.transport.registerProducer(_Endless(self, data), False)  # type: ignore[union-attr]

    def connectionLost(self, reason: Any = None) -> None:
        self.server.open.remove(self)


@implementer(IPullProducer)
class _Endless:
    def __init__(self, conversation: Conversation, data: bytes) -> None:
        self._conversation, self._data = conversation, data

    def resumeProducing(self) -> None:
        self._conversation.send(self._data)

    def stopProducing(self) -> None:
        """The other end hung up."""


class RawServer(Factory):
    """Speaks TCP as a behaviour says, after a greeting."""

    noisy = False

    def __init__(self, behaviour: Behaviour, greeting: bytes = b"") -> None:
        self.behaviour, self.greeting = behaviour, greeting
        self.connections = 0
        self.requests: list[bytes] = []
        self.open: list[Conversation] = []
        self.stuck = False

    def buildProtocol(self, addr: Any) -> Conversation:
        return Conversation(self)


# -- a platform ---------------------------------------------------------------------------------------------------


@attrs.define
class Request:
    """A request as the platform got it, and its answer, which may be given later."""

    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes
    _request: Any

    def answer(self, status: int, body: Any = b"", **headers: str) -> None:
        self._request.setResponseCode(status)
        for name, value in headers.items():
            self._request.setHeader(name.replace("_", "-"), value)
        self._request.write(body if isinstance(body, bytes) else json.dumps(body).encode())
        self._request.finish()


class Platform(Resource):
    """A platform of twisted.web: keeps requests, and answers them by ``answers``; None lets the test answer."""

    isLeaf = True

    def __init__(self, answers: Callable[[Request], tuple[int, Any] | None] = lambda _: None) -> None:
        super().__init__()
        self.answers = answers
        self.requests: list[Request] = []
        self.site = Site(self)
        self.site.noisy = False

    def render_POST(self, request: Any) -> int:
        raw = request.content.read()
        headers = {
            name.decode().lower(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()
        }
        told = Request(request.path.decode(), headers, json.loads(raw), raw, request)
        self.requests.append(told)
        request.notifyFinish().addErrback(lambda _: None)
        answer = self.answers(told)
        if answer is not None:
            told.answer(*answer)
        return NOT_DONE_YET

    render_GET = render_POST


# -- both together ------------------------------------------------------------------------------------------------


@contextmanager
def listening(factory: Any, context: Any = None) -> Iterator[int]:
    """A server on loopback; gives its port."""
    if context is None:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    else:
        port = reactor.listenSSL(0, factory, context, interface="127.0.0.1")
    try:
        yield port.getHost().port
    finally:
        port.stopListening()


@contextmanager
def hooks(url: str, clocked: ClockReactor | None = None, **settings: Any) -> Iterator[PlatformHooks]:
    """Hooks that ask this address both things, closed in the end."""
    made = PlatformHooks(clocked or reactor, HookSettings(f"{url}/register", f"{url}/auth", **settings))
    try:
        yield made
    finally:
        made.close()


async def verdict_of(answer: Deferred[Verdict], clocked: ClockReactor, may_pass: Callable[[], object]) -> Verdict:
    """The answer, where time passes only while it may, such as when a server has nothing more to say."""
    found: list[Verdict] = []
    answer.addCallback(found.append)

    def moved() -> bool:
        if not found and may_pass():
            clocked.clock.advance(0.05)
        return bool(found)

    await until(moved)
    return found[0]
