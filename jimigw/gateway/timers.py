"""Many deadlines behind one timer of the reactor."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

K = TypeVar("K", bound=Hashable)


class Deadlines(Generic[K]):
    """Calls back when the time of a key has come; a key has one deadline at a time."""

    def __init__(self, reactor: IReactorTime, due: Callable[[K], None]) -> None:
        self._reactor, self._due = reactor, due
        self._when: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0
        self._call: IDelayedCall | None = None
        self._stopped = False

    def set(self, key: K, when: float) -> None:
        """Call back with this key at this time (seconds of the reactor), and not at an earlier given one."""
        if self._stopped:
            return
        self._when[key] = when
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, key))
        if len(self._heap) > 2 * len(self._when) + 64:
            # What was set anew or dropped stays in the heap until its time: not more than as much again.
            self._heap = [entry for entry in self._heap if self._when.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)
        self._arm()

    def drop(self, key: K) -> None:
        """Do not call back with this key; one that has no deadline is no error."""
        self._when.pop(key, None)

    def stop(self) -> None:
        """Call back no more, whatever is set after this."""
        self._stopped = True
        self._when.clear()
        self._heap.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _arm(self) -> None:
        while self._heap and self._when.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if not self._heap:
            return
        # Seconds of a clock that is set back must not be waited for in one go.
        wait = min(max(0.0, self._heap[0][0] - self._reactor.seconds()), 60.0)
        if self._call is None or not self._call.active():
            self._call = self._reactor.callLater(wait, self._fire)
        elif self._call.getTime() > self._reactor.seconds() + wait:
            self._call.reset(wait)

    def _fire(self) -> None:
        self._call = None
        now = self._reactor.seconds()
        while self._heap and self._heap[0][0] <= now:
            when, _, key = heapq.heappop(self._heap)
            if self._when.get(key) == when:
                del self._when[key]
                self._due(key)
        self._arm()
