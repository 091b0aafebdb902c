"""The brake for those who guess passwords and tokens."""

from __future__ import annotations

from collections import OrderedDict


class Brakes:
    """How long a login from an address has to wait: nothing at first, twice as long after each failure.

    At most ``most`` addresses are remembered, the oldest go first; an address without a failure for ``memory`` seconds
    is forgotten. The wait is bounded, so that a guesser on this machine cannot lock its operator out.
    """

    def __init__(self, first: float = 1.0, longest: float = 16.0, memory: float = 600.0, most: int = 1024) -> None:
        self._first, self._longest, self._memory, self._most = first, longest, memory, most
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def wait(self, address: str, now: float) -> float:
        """Seconds that the next attempt from here waits before it is even looked at."""
        count, last = self._failures.get(address, (0, 0.0))
        if not count or now - last > self._memory:
            return 0.0
        return float(min(self._first * 2.0 ** min(count - 1, 30), self._longest))

    def failed(self, address: str, now: float) -> int:
        """An attempt was wrong; how many there were."""
        count, last = self._failures.pop(address, (0, 0.0))
        count = 1 if now - last > self._memory else count + 1
        self._failures[address] = (count, now)
        while len(self._failures) > self._most:
            self._failures.popitem(last=False)
        return count

    def passed(self, address: str) -> None:
        """An attempt was right."""
        self._failures.pop(address, None)
