"""What a simulated terminal has to tell and keeps until it is answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

import attrs

from .tally import Tally

WINDOW = 32
"""Messages that may wait for their answers at once."""

MEMORY = 5000
"""Messages that a terminal can keep; the oldest is forgotten for one more."""


@attrs.define(eq=False)
class Kept:
    """A message until it is answered. Times are seconds since 1970.

    ``kind`` is its number in the books, ``weight`` the number of reports in it, ``keys`` are the answers it waits for
    on this connection. ``passing``: it belongs to the connection, and goes with it.
    """

    kind: int
    body: Any
    mark: int = 0
    weight: int = 1
    passing: bool = False
    times: int = 0
    sent_at: float = 0.0
    retry_at: float = 0.0
    keys: list[Hashable] = attrs.Factory(list)

    def answered_by(self, key: Hashable) -> bool:
        """Whether this answer is all that the message wants."""
        return True

    def left(self) -> None:
        """The connection is gone, and with it what was under way."""
        self.keys.clear()


class Outbox:
    """The messages of one terminal: a backlog, and those on their way. ``tally`` hears of each."""

    def __init__(self, tally: Tally, window: int = WINDOW, memory: int = MEMORY) -> None:
        self.tally, self.window, self.memory = tally, window, memory
        self.backlog: deque[Any] = deque()
        self._waiting: dict[Hashable, Any] = {}
        self._in_flight: dict[int, Any] = {}  # by id(): the same messages, each once, in order of sending

    def __len__(self) -> int:
        """Reports that still want an answer, sent or not."""
        kept: int = sum(each.weight for each in self._in_flight.values()) + sum(each.weight for each in self.backlog)
        return kept

    @property
    def empty(self) -> bool:
        """Nothing is kept, and no answer is waited for."""
        return not self.backlog and not self._in_flight

    @property
    def retry_at(self) -> float:
        """When a message is to be sent again."""
        return min((kept.retry_at for kept in self._in_flight.values()), default=float("inf"))

    def put(self, kept: Kept) -> None:
        """Keep a message until it can be sent."""
        if len(self.backlog) >= self.memory:
            self.tally.forgotten += self.backlog.popleft().weight
        self.backlog.append(kept)

    def sent(self, kept: Kept, keys: list[Hashable], now: float, wait: float) -> None:
        """Note that a message was sent, that one of ``keys`` will answer it, and when it is to be sent again."""
        count = self.tally.of(kept.kind)
        if kept.times:
            count.resent += 1
        else:
            count.sent += 1
        kept.times += 1
        kept.sent_at, kept.retry_at = now, now + wait
        kept.keys += keys
        for key in keys:
            self._waiting[key] = kept
        self._in_flight[id(kept)] = kept

    def due(self, now: float) -> list[Any]:
        """The messages that are to be sent again."""
        return [kept for kept in self._in_flight.values() if now >= kept.retry_at]

    def next(self) -> Any:
        """The first of the backlog if there is room on the way, otherwise None."""
        return self.backlog.popleft() if self.backlog and len(self._in_flight) < self.window else None

    def answer(self, key: Hashable, now: float) -> Any:
        """The message that this answer completes; None for an answer to a repeat, to a part, or to nothing."""
        kept = self._waiting.pop(key, None)
        if kept is None or not kept.answered_by(key):
            return None
        self.drop(kept)
        self.tally.of(kept.kind).answered += 1
        self.tally.latencies.add(now - kept.sent_at)
        return kept

    def find(self, wanted: Callable[[Any], bool]) -> Any:
        """The first message on its way that is wanted, or None."""
        return next((kept for kept in self._in_flight.values() if wanted(kept)), None)

    def holds(self, wanted: Callable[[Any], bool]) -> bool:
        """Whether a message that is wanted is kept, on its way or not."""
        return self.find(wanted) is not None or any(map(wanted, self.backlog))

    def drop(self, kept: Kept) -> None:
        """Wait for this message no more."""
        for key in kept.keys:
            self._waiting.pop(key, None)
        self._in_flight.pop(id(kept), None)

    def hurry(self, by: float) -> None:
        """What is on its way is to be sent again by this time."""
        for kept in self._in_flight.values():
            kept.retry_at = min(kept.retry_at, by)

    def left(self) -> None:
        """The connection is gone: what was not answered comes first once there is one again."""
        lasting = [kept for kept in self._in_flight.values() if not kept.passing]
        for kept in lasting:
            kept.left()
        self.backlog.extendleft(reversed(lasting))
        self._in_flight.clear()
        self._waiting.clear()
