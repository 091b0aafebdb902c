"""The pushes of a batch of records as the requests that carry them, and what the answers mean; no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

import attrs
import msgspec

from .rows import Push

MOST_ITEMS = 50
"""Items of one request: more the hub never sends."""

MOST_BYTES = 512 << 10
"""Bytes of the JSON of one request, where it has more than one item."""

_encode = msgspec.json.Encoder().encode


@attrs.define
class Request:
    """One push request: items for one path, each with the id of its record."""

    path: str
    form: tuple[tuple[str, str], ...]
    items: list[bytes] = attrs.Factory(list)
    ids: list[int] = attrs.Factory(list)
    size: int = 0

    def body(self, token: str) -> bytes:
        """The form as it goes over the wire."""
        data_list = b"[" + b",".join(self.items) + b"]"
        return urlencode([("token", token), *self.form, ("data_list", data_list)]).encode("ascii")

    def takes(self, push: Push, size: int) -> bool:
        """Whether this item belongs here and there is room for it."""
        fits = len(self.items) < MOST_ITEMS and self.size + size <= MOST_BYTES
        return fits and push.path == self.path and push.form == self.form


def requests_of(pushes: Iterable[tuple[int, Push]]) -> list[Request]:
    """The requests for these pushes (id of the record, push), to be sent one after the other.

    As few as keep the order of each terminal: an item joins an earlier request of its path unless that would overtake
    another item of its terminal.
    """
    requests: list[Request] = []
    last: dict[str, int] = {}
    for id, push in pushes:
        item = _encode(push.item)
        at = next(
            (at for at in range(last.get(push.device, 0), len(requests)) if requests[at].takes(push, len(item))),
            len(requests),
        )
        if at == len(requests):
            requests.append(Request(push.path, push.form))
        request = requests[at]
        request.items.append(item)
        request.ids.append(id)
        request.size += len(item)
        last[push.device] = at
    return requests


# -- answers ------------------------------------------------------------------------------------------------------


@attrs.frozen
class Answer:
    """What a server answered: its status, the begin of its body, and its ``Retry-After``."""

    status: int
    body: bytes
    retry_after: str | None = None


@attrs.frozen
class Taken:
    """The receiver has the items."""


@attrs.frozen
class Refused:
    """The receiver says no to these items; so it may say each time."""

    reason: str


@attrs.frozen
class NotNow:
    """The receiver cannot take anything now. ``after``: seconds that it asked for."""

    reason: str
    after: float | None = None


@attrs.frozen
class Gone:
    """The receiver wants nothing more."""

    reason: str


_LATER = frozenset({401, 403, 408, 425, 429})
"""Statuses below 500 that do not speak of the items: a wrong token, too early, too many."""
_LONGEST_WAIT = 3600.0
_SHOWN = 120


def meaning_of(answer: Answer) -> Taken | Refused | NotNow | Gone:
    """What an answer means. Yes is a status of 200 to 299 with a JSON object whose ``code`` is 0, and nothing else."""
    status = answer.status
    if 200 <= status < 300:
        code = _code(answer.body)
        if code in (0, "0"):
            return Taken()
        said = answer.body[:_SHOWN].decode("utf-8", "replace")
        return Refused(f"it answered {status} without code 0: {said!r}")
    if status == 410:
        return Gone("it answered 410: it wants no more")
    if 400 <= status < 500 and status not in _LATER:
        return Refused(f"it answered {status}")
    if 300 <= status < 400:
        return NotNow(f"it answered {status}: redirects are not followed, the address has to be the right one")
    return NotNow(f"it answered {status}", _seconds(answer.retry_after))


def _code(body: bytes) -> object:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    code = found.get("code") if isinstance(found, dict) else None
    return None if isinstance(code, bool) else code


def _seconds(text: str | None) -> float | None:
    """The seconds of a ``Retry-After``; a date is not read."""
    if text is None or not text.strip().isdecimal() or not text.isascii():
        return None
    return min(float(text), _LONGEST_WAIT)
