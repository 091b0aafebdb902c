"""Makes the HTTP requests that simulated cameras want: a thin shell of Twisted's client around :mod:`.errands`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IConsumer
from twisted.internet.task import CooperativeTask, TaskStopped, cooperate
from twisted.python.failure import Failure
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer

from jimigw.client.bounded import read_body

from .clips import Content
from .errands import Errand, Outcome

_CONNECT_TIMEOUT = 10.0


class BrokenOff(Exception):
    """The sender stops in the middle, on purpose."""


class Courier:
    """Makes requests, each over a connection of its own, and knows which are under way. ``now`` is the time in seconds
    since 1970, ``timeout`` the longest that one may take."""

    def __init__(self, reactor: Any, now: Callable[[], float], timeout: float) -> None:
        self._reactor, self._now, self._timeout = reactor, now, timeout
        self._agent = Agent(reactor, connectTimeout=_CONNECT_TIMEOUT)
        self._under_way: set[Deferred[Any]] = set()

    @property
    def idle(self) -> bool:
        """Nothing is under way."""
        return not self._under_way

    def post(self, errand: Errand, broken_at: float | None = None) -> Deferred[Outcome]:
        """Make a request. Fires with what became of it, never fails. ``broken_at``: the share of it after which the
        connection is cut."""
        body = _Body(errand, self._now(), broken_at)
        asking: Deferred[Any] = maybeDeferred(self._ask, errand.url, body)
        asking.addCallback(_answered, body)
        self._under_way.add(asking)
        timer = self._reactor.callLater(self._timeout, asking.cancel)

        def ended(result: Outcome | Failure) -> Outcome:
            self._under_way.discard(asking)
            if timer.active():
                timer.cancel()
            return result if isinstance(result, Outcome) else Outcome(why=_reason(result), sent=body.md5)

        return asking.addBoth(ended)

    def _ask(self, url: str, body: _Body) -> Deferred[Any]:
        headers = Headers({name: [value] for name, value in body.request.headers.items()})
        return self._agent.request(b"POST", url.encode("ascii"), headers, body)

    def stop(self) -> None:
        """Break off whatever is under way."""
        for asking in [*self._under_way]:
            asking.cancel()


def _answered(response: Any, body: _Body) -> Deferred[Outcome]:
    def read(data: bytes) -> Outcome:
        try:
            said = json.loads(data)
        except (ValueError, RecursionError):
            said = None
        said = said if isinstance(said, dict) else {}
        code, md5 = said.get("code"), said.get("md5")
        code = int(code) if isinstance(code, int | str) and str(code).isdecimal() else None
        return Outcome(
            response.code, str(said.get("message", "")), code, md5 if isinstance(md5, str) else None, body.md5
        )

    reading: Deferred[Any] = read_body(response)
    return reading.addCallback(read)


def _reason(failure: Failure) -> str:
    """Why there is no answer, in a few words."""
    # The client hides what happened in a list: of one, unless sending and receiving failed at once.
    while reasons := getattr(failure.value, "reasons", None):
        failure = reasons[-1]
    return "it took too long" if failure.check(CancelledError) else failure.getErrorMessage()


@implementer(IBodyProducer)
class _Body:
    """The body of a request on its way out, made piece by piece as the connection takes it."""

    def __init__(self, errand: Errand, now: float, broken_at: float | None) -> None:
        self.request = errand.request(now)
        self.length: Any = UNKNOWN_LENGTH if errand.chunked else self.request.length
        self._cut = None if broken_at is None else int(self.request.length * broken_at)
        self._digest = hashlib.md5(usedforsecurity=False)
        self._task: CooperativeTask[Iterator[None]] | None = None

    @property
    def md5(self) -> str:
        """Of the file, as far as it was sent."""
        return self._digest.hexdigest()

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        task = self._task = cooperate(self._write(consumer))
        done: Deferred[Any] = task.whenDone()
        return done.addBoth(self._over)

    def _over(self, result: Any) -> Any:
        self._task = None
        if not isinstance(result, Failure):
            return None
        # Whoever stops a producer does not want to hear of its end.
        return Deferred() if result.check(TaskStopped) else result

    def _write(self, consumer: IConsumer) -> Iterator[None]:
        written = 0
        for part in self.request.parts:
            is_file = isinstance(part, Content)
            for piece in part.pieces() if isinstance(part, Content) else (part,):
                if self._cut is not None and written + len(piece) > self._cut:
                    consumer.write(piece[: self._cut - written])
                    raise BrokenOff("broken off on purpose")
                if is_file:
                    self._digest.update(piece)
                consumer.write(piece)
                written += len(piece)
                yield

    def pauseProducing(self) -> None:
        if self._task is not None:
            self._task.pause()

    def resumeProducing(self) -> None:
        if self._task is not None:
            self._task.resume()

    def stopProducing(self) -> None:
        # The client stops it for each reason that it finds.
        task, self._task = self._task, None
        if task is not None:
            task.stop()
