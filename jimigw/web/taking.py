"""Who takes the requests of the upload edge, what is answered, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import msgspec
from twisted.internet.defer import Deferred

from jimigw.gateway.uploads import UploadRefused

MOST_UNWANTED = 64 << 10
"""Bytes of a body that comes where none is wanted."""
TEXT = "text/plain; charset=utf-8"
JSON = "application/json; charset=utf-8"
"""The type of answers to terminals (Jimi V1.3.5, 6.1.1)."""
_STATUSES = {"unknown": 400, "wrong": 400, "gone": 404}
_PLAIN = frozenset({"", "identity"})

encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


@attrs.frozen
class UploadServerSettings:
    """By the config, section ``uploads``."""

    sign: str = "log"
    downloads: str = "signed"
    idle_timeout: float = 60.0
    transfer_timeout: float = 3600.0
    max_connections: int = 2000
    max_names: int = 50_000
    max_list_bytes: int = 8 << 20


@attrs.frozen
class Answer:
    """An answer that is there as a whole."""

    status: int
    body: bytes
    type: str = TEXT
    headers: Mapping[str, str] = attrs.field(factory=dict)


class Refusal(Exception):
    """A request is not taken; the message is a sentence. ``retry_after``: seconds after which it may be."""

    def __init__(
        self, status: int, sentence: str, headers: Mapping[str, str] | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))


class Taker:
    """Takes one request; this one takes no body. Whatever it raises is answered as :meth:`refusal` says."""

    def __init__(self, request: Any) -> None:
        self.request = request
        self._unwanted = 0

    def begin(self) -> None:
        """The head is there."""

    def write(self, data: bytes) -> Deferred[None] | None:
        """The next bytes of the body. A Deferred: no more until it fires."""
        self._unwanted += len(data)
        if self._unwanted > MOST_UNWANTED:
            raise Refusal(413, "this request takes no body")
        return None

    def done(self) -> None:
        """All of it is there: answer, now or later."""

    def lost(self, why: str) -> None:
        """No more comes: it was refused, or the connection is gone. May be called again, and after the answer."""

    def refusal(self, error: Exception) -> Answer | None:
        """What to answer where this was raised; None where it is a fault of ours, of which nobody thought."""
        if isinstance(error, Refusal):
            return Answer(error.status, f"{error}\n".encode(), headers=error.headers)
        return None

    def fault(self) -> Answer:
        """What to answer then."""
        return Answer(500, b"something went wrong inside; the log says what\n")


def refusal_of(error: Exception, *wrong: type[Exception]) -> Refusal | None:
    """What was raised, as a refusal with its status; None where it is none. ``wrong`` are errors of whoever asks.

    400 is for what is wrong, 500 for limits and faults of ours: terminals know no other (Jimi V1.3.5, 6.1.1).
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, UploadRefused):
        return Refusal(_STATUSES.get(error.code, 500), str(error), retry_after=error.retry_after)
    return Refusal(400, str(error)) if isinstance(error, wrong) else None


def check_coding(request: Any) -> None:
    """A body is taken as it is. :class:`Refusal` for one that is packed."""
    for each in request.requestHeaders.getRawHeaders("content-encoding") or []:
        if each.strip().lower() not in _PLAIN:
            raise Refusal(415, "the body has to be sent as it is, without a Content-Encoding")
