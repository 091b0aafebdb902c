"""Posting to a platform's server: one request within its time, and what its answer means.

No redirect is followed: where a server says to go is not what the operator wrote, and may lie in a private network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS

from jimigw import __version__
from jimigw.client.bounded import BoundedClient, read_body
from jimigw.client.words import lost_its_way, said
from jimigw.gateway.signing import signed_headers

from .target import Done, Later, Stop

BODY_SECONDS = 2.0
"""Time for the body of an answer, which says nothing that the status does not."""
CONNECT_SECONDS = 10.0
"""Time to connect, within that of the request."""
MAX_SAID = 200
"""Characters of an answer that are repeated to people."""

REFUSED = frozenset({400, 413, 422})
"""Statuses that refuse what was sent, not that it was sent."""
MISTAKEN = frozenset({401, 403, 404, 405, 406, 411, 415, 501})
"""Statuses that say that the address, the secret or the server's set-up is wrong."""

T = TypeVar("T")


class Unanswered(Exception):
    """A request that got no answer; the message says why, as a part of a sentence."""


@attrs.frozen
class Answer:
    """The answer to a request. ``said`` is the beginning of its body, or where a redirect leads to; ``retry_after`` the
    seconds that it asked for."""

    status: int
    said: str = ""
    retry_after: float | None = None

    def __str__(self) -> str:
        return f"it answered {self.status}" + (f": {self.said}" if self.said else "")


@attrs.frozen
class Refused:
    """The records of a request are refused, all or one of them."""

    reason: str


def judged(answer: Answer) -> Done | Later | Stop | Refused:
    """What an answer means for the records of its request."""
    status = answer.status
    if 200 <= status < 300:
        return Done()
    if status == 410:
        return Stop(f"{answer}: it wants nothing more")
    if status in REFUSED:
        return Refused(str(answer))
    if 300 <= status < 400:
        return Later(f"{answer}: redirects are not followed, the address has to be where records are taken")
    if status in MISTAKEN:
        return Later(f"{answer}: address, secret or server are not set up for this")
    return Later(str(answer), answer.retry_after)


class Poster:
    """Posts to the servers of one platform. ``timeout`` is for a request, from connecting to the head of its answer;
    ``kept`` connections stay open. With a ``secret`` requests are signed, see :mod:`jimigw.gateway.signing`."""

    def __init__(
        self,
        reactor: Any,
        *,
        timeout: float = 10.0,
        kept: int = 1,
        secret: bytes | None = None,
        policy: IPolicyForHTTPS | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._reactor, self._timeout, self._secret, self._now = reactor, timeout, secret, now
        self._client = BoundedClient(reactor, kept=kept, timeout=min(timeout, CONNECT_SECONDS), policy=policy)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Deferred[Answer]:
        """Post it; fails with :class:`Unanswered`, and hangs up where it is cancelled."""
        return Deferred.fromCoroutine(self._post(url, body, headers))

    def close(self) -> Deferred[None]:
        """Close the connections that are kept."""
        return self._client.close()

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            response = await self._within(self._timeout, Deferred.fromCoroutine(self._head(url, body, headers)))
        except Unanswered:
            raise
        except Exception as error:
            raise Unanswered(said(error)) from error
        text = b""
        with suppress(Exception):
            text = await self._within(BODY_SECONDS, read_body(response))
        if 300 <= response.code < 400:
            text = b" ".join(response.headers.getRawHeaders(b"location") or [])
        waits = response.headers.getRawHeaders(b"retry-after") or []
        retry_after = _seconds(waits[0].decode("latin-1"), self._now()) if waits else None
        return Answer(response.code, _plain(text) if response.code >= 300 else "", retry_after)

    async def _head(self, url: str, body: bytes, headers: Mapping[str, str]) -> Any:
        """The response. A server may close a kept connection just when it is used again: that is tried anew, once."""
        for again in (True, False):
            sent = {"User-Agent": f"jimigw/{__version__}", **headers}
            if self._secret is not None:
                sent |= signed_headers(self._secret, body, self._now())
            try:
                return await self._client.post(url, body, sent)
            except (ConnectError, DNSLookupError):
                raise
            except Exception as error:
                if not again or not lost_its_way(error):
                    raise
        raise AssertionError

    def _within(self, seconds: float, waiting: Deferred[T]) -> Deferred[T]:
        """What comes of it, within this time: looking up a host name may outlive its own cancellation."""

        def give_up(_: object) -> None:
            timer.cancel()
            waiting.cancel()

        def late() -> None:
            answer.errback(Unanswered(f"it gave no answer within {seconds:g} s"))
            waiting.cancel()

        def over(result: T | Failure) -> None:
            if timer.active():
                timer.cancel()
            if not answer.called:
                answer.callback(result)  # a failure fails it

        answer: Deferred[T] = Deferred(give_up)
        timer = self._reactor.callLater(seconds, late)
        waiting.addBoth(over)
        return answer


def _plain(text: bytes) -> str:
    """The beginning of a text of a server, on one line and without what could steer a terminal."""
    words = text[: 4 * MAX_SAID].decode("utf-8", "replace")
    return " ".join("".join(each if each.isprintable() else " " for each in words).split())[:MAX_SAID]


def _seconds(text: str, now: float) -> float | None:
    """What Retry-After says: seconds, or a date."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
