"""How pushes are posted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from jimigw.client.bounded import BoundedClient, read_body

from .requests import Answer

_CONNECT = 10.0
"""Seconds to connect, within those of the request."""


class Posts(Protocol):
    """Posts bytes."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Deferred[Answer]:
        """Fires with the whole answer. Cancelling closes the connection."""
        ...

    def close(self) -> Deferred[None]:
        """Close the connections that are kept."""
        ...


class BoundedPosts:
    """:class:`Posts` by the bounded client. ``kept``: idle connections that stay open."""

    def __init__(self, reactor: Any, kept: int = 4) -> None:
        self._client = BoundedClient(reactor, kept=kept, timeout=_CONNECT)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Deferred[Answer]:
        """See :class:`Posts`."""
        return self._client.post(url, body, headers).addCallback(_answer)

    def close(self) -> Deferred[None]:
        """See :class:`Posts`."""
        return self._client.close()


def _answer(response: Any) -> Deferred[Answer]:
    waits = response.headers.getRawHeaders("retry-after")
    return read_body(response).addCallback(lambda data: Answer(response.code, data, waits[0] if waits else None))
