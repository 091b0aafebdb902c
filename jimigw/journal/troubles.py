"""Log lines about troubles that last: one a minute each, however often they are met."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

LOG_INTERVAL = 60.0
"""Seconds between two log lines of the same trouble."""


class Troubles:
    """Says troubles by name, and each only once in `LOG_INTERVAL` until it is over."""

    def __init__(self, seconds: Callable[[], float], log: Logger) -> None:
        self._seconds = seconds
        self._log = log
        self._said: dict[str, float] = {}

    def say(self, trouble: str, sentence: str, **facts: object) -> None:
        """Log an error."""
        if self._is_time(trouble):
            self._log.error(sentence, **facts)

    def fault(self, trouble: str, sentence: str) -> None:
        """Log the exception that is being handled."""
        if self._is_time(trouble):
            self._log.failure(sentence)

    def over(self, trouble: str) -> None:
        """Let the next time be said at once."""
        self._said.pop(trouble, None)

    def _is_time(self, trouble: str) -> bool:
        now = self._seconds()
        if trouble in self._said and now < self._said[trouble] + LOG_INTERVAL:
            return False
        self._said[trouble] = now
        return True
