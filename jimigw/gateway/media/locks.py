"""One thing at a time for each terminal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.defer import Deferred, DeferredLock

T = TypeVar("T")


class Locks:
    """A lock for each key that is in use, and none for the others."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[DeferredLock, int]] = {}

    def run(self, key: str, work: Callable[[], Awaitable[T]]) -> Deferred[T]:
        """Do ``work`` when nobody else does anything under this key."""

        async def alone() -> T:
            lock, users = self._locks.get(key, (None, 0))
            lock = lock or DeferredLock()
            self._locks[key] = lock, users + 1
            try:
                await lock.acquire()
                try:
                    return await work()
                finally:
                    lock.release()
            finally:
                lock, users = self._locks.pop(key)
                if users > 1:
                    self._locks[key] = lock, users - 1

        return Deferred.fromCoroutine(alone())

    def __len__(self) -> int:
        return len(self._locks)
