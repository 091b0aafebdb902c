"""Threads for what waits for disks and networks, in lanes: no kind of work keeps another one from its threads.

    Lane.run(work) ──▶ waits its turn, first come first served ──▶ a thread ──▶ the Deferred fires in the reactor thread

All of it is called in the reactor thread; only ``work`` runs elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.python.threadpool import ThreadPool

T = TypeVar("T")


class VaultReactor(Protocol):
    """What a vault uses of a reactor."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, call: Callable[..., object], /, *args: Any, **kw: Any) -> IDelayedCall: ...

    def callFromThread(self, call: Callable[..., object], /, *args: Any, **kw: Any) -> None: ...


class Pool(Protocol):
    """What a vault uses of a thread pool."""

    def start(self) -> None: ...

    def callInThreadWithCallback(self, onResult: Callable[[bool, Any], object], func: Callable[[], Any], /) -> None: ...

    def stop(self) -> None: ...


def threads(most: int) -> Pool:
    """A pool that has no thread before there is work."""
    return ThreadPool(0, most, "vault")


class Lane:
    """A kind of work that has this many threads at most."""

    def __init__(self, workers: Workers, limit: int) -> None:
        self.limit = limit
        self._workers = workers
        self._running = 0
        self._waiting: deque[tuple[Callable[[], Any], Deferred[Any]]] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return not self._running

    def run(self, work: Callable[[], T]) -> Deferred[T]:
        """Do it in a thread, after all that was given to this lane before; what it gives or raises comes back."""
        ended: Deferred[T] = Deferred()
        self._waiting.append((work, ended))
        self._go_on()
        return ended

    def _go_on(self) -> None:
        while self._waiting and self._running < self.limit:
            work, ended = self._waiting.popleft()
            self._running += 1
            self._workers.in_thread(work, partial(self._ended, ended))

    def _ended(self, ended: Deferred[Any], success: bool, result: Any) -> None:
        self._running -= 1
        self._go_on()  # before anybody hears of it: who comes back at once comes last
        if success:
            ended.callback(result)
        else:
            ended.errback(result)
        self._workers.look_if_idle()


class Workers:
    """The threads of a vault. Every lane is made before :meth:`start`."""

    def __init__(self, reactor: VaultReactor, make_pool: Callable[[int], Pool] = threads) -> None:
        self._reactor = reactor
        self._make_pool = make_pool
        self._pool: Pool | None = None
        self._lanes: list[Lane] = []
        self._ending: list[Deferred[None]] = []

    def lane(self, limit: int) -> Lane:
        """Make a lane."""
        self._lanes.append(Lane(self, limit))
        return self._lanes[-1]

    def start(self) -> None:
        """Let work be given."""
        self._pool = self._make_pool(sum(lane.limit for lane in self._lanes))
        self._pool.start()

    def stop(self) -> Deferred[None]:
        """Wait for all that was given, and what follows from it; then end the threads."""
        if self._pool is None:
            return succeed(None)
        ended: Deferred[None] = Deferred()
        self._ending.append(ended)
        self.look_if_idle()
        return ended

    def in_thread(self, work: Callable[[], Any], report: Callable[[bool, Any], object]) -> None:
        """Run it at once; ``report`` is called in the reactor thread."""
        assert self._pool is not None
        self._pool.callInThreadWithCallback(partial(self._reactor.callFromThread, report), work)

    def look_if_idle(self) -> None:
        """End the threads if it is time."""
        if self._ending and self._pool is not None and all(lane.is_idle for lane in self._lanes):
            self._pool.stop()
            self._pool = None
            ending, self._ending = self._ending, []
            for ended in ending:
                ended.callback(None)
