"""What is logged while a test looks."""

from collections.abc import Iterator
from contextlib import contextmanager

from twisted.logger import LogEvent, globalLogPublisher


@contextmanager
def heard() -> Iterator[list[LogEvent]]:
    """All events, in order."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        yield events
    finally:
        globalLogPublisher.removeObserver(events.append)
