"""The platform is asked which terminals it lets in, with the requests of the EMQX gateway, field for field.

Both are ``POST`` with ``Content-Type: application/json``. The registration has the body of 0x0100 and ``phone``; it
passes with 200 and ``{"code": 0, "authcode": "..."}``, and is refused with 200 and ``{"code": n}``: n is the result of
0x8100. The authentication has ``{"code": "...", "phone": "..."}`` and passes with 200, whatever the body says.

Everything else is no yes. Whether it is a no is told apart: see :class:`~jimigw.gateway.hooked.Verdict`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import attrs
import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater
from twisted.web.iweb import IPolicyForHTTPS

from jimigw import __version__
from jimigw.client.bounded import BoundedClient, read_body
from jimigw.client.breaker import Breaker
from jimigw.client.words import bare_url, lost_its_way, said
from jimigw.gateway.hooked import FAILURE, SUCCESS, Verdict
from jimigw.gateway.signing import signed_headers

from .asking import Asking, Turn, no_answer

__all__ = ["HookSettings", "PlatformHooks", "Verdict", "bare_url", "read_authentication", "read_registration"]

MAX_TIMEOUT = 4.0
"""Seconds: a terminal that gets no answer for longer gives the connection up."""
MAX_QUESTION = 16 << 10
"""Bytes of the longest request: a registration is a few hundred."""
MAX_CODE = 240
"""Bytes of the longest authentication code in GB18030: 0x0102 has room for 255, and ours may end in the edition."""
PAUSES = (0.1, 0.4, 1.0)
"""Seconds before each repetition of a request whose connection failed, as far as the time allows."""

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": f"jimigw/{__version__}"}
_PLAIN_NO = frozenset({401, 403, 404})
_LATER = frozenset({408, 425, 429})
"""Statuses between 400 and 499 that put off instead of refusing: request timeout, too early, too many requests."""


def _between(low: float, high: float) -> Any:
    return attrs.validators.and_(attrs.validators.gt(low), attrs.validators.le(high))


@attrs.frozen
class HookSettings:
    """Whom to ask, and how patiently. Times are in seconds.

    ``waiting`` questions may wait beside the ``concurrency`` under way, for each URL; ``cached`` answers are kept.
    After ``failures`` questions in a row without an answer the URL is left alone, for ``shortest_pause`` at first and
    ``longest_pause`` at most. With a ``secret`` requests are signed, see :mod:`jimigw.gateway.signing`.
    """

    registry_url: str
    authentication_url: str
    timeout: float = attrs.field(default=3.0, validator=_between(0, MAX_TIMEOUT))
    cache: float = attrs.field(default=60.0, validator=attrs.validators.ge(0))
    concurrency: int = attrs.field(default=16, validator=attrs.validators.ge(1))
    waiting: int = 1024
    cached: int = 10_000
    failures: int = 5
    shortest_pause: float = 1.0
    longest_pause: float = 60.0
    secret: bytes | None = attrs.field(default=None, repr=False)


class PlatformHooks:
    """Asks the platform. Answers never fail, and come within ``settings.timeout``.

    ``registration`` and ``authentication`` are the two URLs with their counters. ``now`` is the clock of signatures,
    ``policy`` says which certificates are good; by default those that the system trusts.
    """

    def __init__(
        self,
        reactor: Any,
        settings: HookSettings,
        *,
        policy: IPolicyForHTTPS | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._reactor, self._settings, self._now = reactor, settings, now
        kept = min(settings.concurrency, 4)
        self._client = BoundedClient(reactor, kept=kept, timeout=settings.timeout, policy=policy)
        self.registration = self._asking("the registry hook", settings.registry_url, self._ask_registration)
        self.authentication = self._asking(
            "the authentication hook", settings.authentication_url, self._ask_authentication
        )

    def _asking(self, what: str, url: str, exchange: Callable[[Turn], Any]) -> Asking:
        settings = self._settings
        breaker = Breaker(
            self._reactor.seconds,
            failures=settings.failures,
            shortest=settings.shortest_pause,
            longest=settings.longest_pause,
        )
        return Asking(
            f"{what} {bare_url(url)}",
            self._reactor,
            lambda turn: Deferred.fromCoroutine(exchange(turn)),
            breaker,
            timeout=settings.timeout,
            concurrency=settings.concurrency,
            waiting=settings.waiting,
            cache=settings.cache,
            cached=settings.cached,
        )

    def register(self, phone: str, body: Mapping[str, Any]) -> Deferred[Verdict]:
        """May this terminal register? ``body`` has the keys of 0x0100 in the exchange format."""
        return self._ask(self.registration, {**body, "phone": phone})

    def authenticate(self, phone: str, code: str) -> Deferred[Verdict]:
        """Is this the terminal's code? A Jimi terminal has none: its IMEI is the phone number, its code is empty."""
        return self._ask(self.authentication, {"code": code, "phone": phone})

    def close(self) -> Deferred[None]:
        """End all questions without an answer, and close all connections."""
        self.registration.close()
        self.authentication.close()
        return self._client.close()

    def _ask(self, asking: Asking, question: dict[str, Any]) -> Deferred[Verdict]:
        try:
            body = msgspec.json.encode({key: _sayable(value) for key, value in question.items()})
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            return succeed(no_answer(f"the question cannot be written as JSON: {error}"))
        if len(body) > MAX_QUESTION:
            return succeed(no_answer(f"the question has {len(body)} bytes, {MAX_QUESTION} at most are asked"))
        return asking.ask(body)

    async def _ask_registration(self, turn: Turn) -> None:
        try:
            response = await self._post(self.registration, self._settings.registry_url, turn)
            if response.code == 200:
                turn.settle(read_registration(200, await read_body(response)))
                return
        except Exception as error:
            turn.settle(no_answer(f"{self.registration.name}: {said(error)}"))
            return
        turn.settle(read_registration(response.code, b""))
        await _drain(response)

    async def _ask_authentication(self, turn: Turn) -> None:
        try:
            response = await self._post(self.authentication, self._settings.authentication_url, turn)
        except Exception as error:
            turn.settle(no_answer(f"{self.authentication.name}: {said(error)}"))
            return
        turn.settle(read_authentication(response.code))
        await _drain(response)

    async def _post(self, asking: Asking, url: str, turn: Turn) -> Any:
        """The response, whatever its status. A request whose connection failed is repeated while there is time."""
        for pause in (*PAUSES, math.inf):
            headers = _HEADERS
            if self._settings.secret is not None:
                headers = _HEADERS | signed_headers(self._settings.secret, turn.body, self._now())
            try:
                return await self._client.post(url, turn.body, headers)
            except Exception as error:
                # A request that is cancelled while it looks up a host name fails as if the name were unknown.
                late = turn.settled or self._reactor.seconds() + pause >= turn.ends
                if late or not lost_its_way(error):
                    raise
            await deferLater(self._reactor, pause)
            asking.counters.retries += 1
        raise AssertionError


async def _drain(response: Any) -> None:
    """Take what is left of an answer, so that its connection can be used again. Who is too slow is cut off by time."""
    with suppress(Exception):
        await read_body(response)


# -- what the platform says ---------------------------------------------------------------------------------------


class _Registered(msgspec.Struct):
    """The answer to a registration. Whole numbers only: msgspec takes neither text nor true for one."""

    code: int
    authcode: str | None = None


_read_registered = msgspec.json.Decoder(_Registered).decode


def read_registration(status: int, body: bytes) -> Verdict:
    """What an answer to a registration means. Total: any status and any body give a verdict."""
    if status in _PLAIN_NO:
        return Verdict(False, FAILURE, None, True, f"the platform refused the registration with status {status}")
    if status != 200:
        return no_answer(f"the platform answered the registration with status {status}")
    try:
        answer = _read_registered(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return no_answer(f"the platform's answer to the registration cannot be understood: {error}"[:200])
    if 0 < answer.code <= 255:
        why = f"the platform refused the registration with code {answer.code}"
        return Verdict(False, answer.code, None, True, why)
    if answer.code != 0:
        return no_answer(f"the platform answered the registration with a code that is no byte: {answer.code}"[:200])
    if answer.authcode is None:
        return no_answer("the platform let the registration pass without an authcode")
    if not _usable(answer.authcode):
        return no_answer(
            f"the platform gave an authcode that terminals cannot be told: more than {MAX_CODE} bytes, or with control "
            "characters"
        )
    return Verdict(True, SUCCESS, answer.authcode, True, "the platform let it register")


def read_authentication(status: int) -> Verdict:
    """What an answer to an authentication means: its status says all."""
    if status == 200:
        return Verdict(True, SUCCESS, None, True, "the platform let it in")
    if 400 <= status < 500 and status not in _LATER:
        return Verdict(False, FAILURE, None, True, f"the platform refused the authentication with status {status}")
    return no_answer(f"the platform answered the authentication with status {status}")


def _usable(code: str) -> bool:
    try:
        size = len(code.encode("gb18030"))
    except UnicodeEncodeError:
        return False
    return size <= MAX_CODE and not any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in code)


# -- what is sent and said ----------------------------------------------------------------------------------------


def _sayable(value: Any) -> Any:
    """Bytes of a terminal's text that are no characters are written as ``\\udc..``, which any JSON parser takes."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value
