"""The newest records of the journal, which only reads forwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Generator, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks

from jimigw.journal.interface import IJournal, JournalDamaged, Record

FIRST_WINDOW = 1000
FARTHEST = 1_000_000
"""Records that are looked through at most, from the newest back."""

_GROWTH = 10
_PAGE = 500


@attrs.frozen
class Newest:
    """Records in order of id; ``back_to`` is the id down to which all were looked through, 0 for all there are."""

    records: list[Record]
    back_to: int


@inlineCallbacks
def newest(
    journal: IJournal, count: int, device: str | None = None, kinds: Collection[str] | None = None
) -> Generator[Deferred[Any], Any, Newest]:
    """Find the newest ``count`` records, at most :data:`FARTHEST` records back.

    The windows grow from the end backwards, so that what is found near the end costs little.
    """
    last = journal.last_id()
    floor = max(0, last - FARTHEST)
    found: deque[Record] = deque(maxlen=count)
    upper, window = last, count if device is None and kinds is None else max(count, FIRST_WINDOW)
    while upper > floor and len(found) < count:
        lower = max(floor, upper - window)
        part = yield _between(journal, lower, upper, count - len(found), device, kinds)
        found.extendleft(reversed(part))
        upper, window = lower, window * _GROWTH
    return Newest(list(found), upper)


@inlineCallbacks
def _between(
    journal: IJournal, lower: int, upper: int, count: int, device: str | None, kinds: Collection[str] | None
) -> Generator[Deferred[Any], Any, Sequence[Record]]:
    """The newest ``count`` records above ``lower``, up to ``upper``; damaged ones are passed over."""
    found: deque[Record] = deque(maxlen=count)
    while lower < upper:
        try:
            page = yield journal.read(lower, _PAGE, device, kinds)
            reached = max(page.through, page[-1].id if page else 0)
        except JournalDamaged as damaged:
            page, reached = (), damaged.last_id
        found.extend(record for record in page if record.id <= upper)
        if reached <= lower:
            break
        lower = reached
    return found
