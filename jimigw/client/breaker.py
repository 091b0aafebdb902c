"""A circuit breaker: what fails again and again is left alone for a while."""

from __future__ import annotations

import random
from collections.abc import Callable


class Breaker:
    """Closed, it lets everything through. After ``failures`` failures in a row it opens and lets nothing through.

    When its time is over it lets one try through: if that succeeds the breaker closes, if it fails the breaker opens
    for twice as long as before. It opens for ``shortest`` seconds at first and for ``longest`` at most, a quarter more
    or less by ``chance`` (a number from 0 to 1), so that several gateways do not come back in step.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        *,
        failures: int = 5,
        shortest: float = 1.0,
        longest: float = 60.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._seconds, self._chance = seconds, chance
        self._failures, self._shortest, self._longest = failures, shortest, longest
        self._in_a_row = 0
        self._times_opened = 0
        self._open_until: float | None = None
        self._trying = False

    @property
    def closed(self) -> bool:
        """Whether everything is let through."""
        return self._open_until is None

    @property
    def left(self) -> float:
        """Seconds until the next try is let through; 0 when it is closed, or a try may go or is under way."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - self._seconds())

    def allows(self) -> bool:
        """Whether a try would be let through now."""
        return self._open_until is None or (not self._trying and self._seconds() >= self._open_until)

    def enter(self) -> bool:
        """Begin a try, if one is let through. It has to end in :meth:`succeeded` or :meth:`failed`."""
        if not self.allows():
            return False
        self._trying = self._open_until is not None
        return True

    def succeeded(self) -> bool:
        """A try succeeded. Returns whether that closed the breaker."""
        closes = self._open_until is not None
        self._in_a_row = self._times_opened = 0
        self._open_until, self._trying = None, False
        return closes

    def failed(self) -> bool:
        """A try failed. Returns whether that opened the breaker."""
        self._in_a_row += 1
        if self._open_until is not None:
            if not self._trying:
                return False  # One that began before the breaker opened says nothing new.
        elif self._in_a_row < self._failures:
            return False
        # The exponent is bounded: after a week of outage it would not fit a float.
        time = min(self._longest, self._shortest * 2 ** min(self._times_opened, 30))
        self._times_opened += 1
        self._open_until = self._seconds() + time * (0.75 + self._chance() / 2)
        self._trying = False
        return True
