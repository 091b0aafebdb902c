"""Neighbours that write down what they are asked, for tests of one room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zope.interface import implementer

from jimigw.journal.interface import Entry, IJournal


@implementer(IJournal)
class RecordingJournal:
    """A journal that keeps entries until the test commits them, or refuses them."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.committed: list[Entry] = []
        self.listeners: list[Callable[[], None]] = []
        self.taking = True

    def append(self, entry: Entry) -> bool:
        if self.taking:
            self.entries.append(entry)
        return self.taking

    def commit(self) -> None:
        """All that waits is safe now."""
        entries, self.entries = self.entries, []
        for entry in entries:
            self.committed.append(entry)
            if entry.done is not None:
                entry.done(entry)
        for listener in self.listeners:
            listener()

    def add_listener(self, listener: Callable[[], None]) -> None:
        self.listeners.append(listener)

    def kinds(self) -> list[str]:
        """The kinds of all entries, committed or not, in order."""
        return [entry.kind for entry in [*self.committed, *self.entries]]

    def start(self) -> None: ...

    def close(self) -> Any: ...

    def remove_listener(self, listener: Callable[[], None]) -> None: ...

    def last_id(self) -> int:
        return len(self.committed)

    def read(self, after_id: int, limit: int, device: Any = None, kinds: Any = None) -> Any: ...

    def set_cursor(self, reader: str, id: int) -> None: ...

    def cursor(self, reader: str) -> Any: ...

    def drop_cursor(self, reader: str) -> None: ...

    def cursors(self) -> Any: ...

    def stats(self) -> Any: ...


class RecordingLink:
    """A connection that writes down what is sent and why it was closed."""

    def __init__(self, address: str = "192.0.2.1:4000") -> None:
        self.device: Any = None
        self.answers = b""
        self.address = address
        self.sent: list[bytes] = []
        self.closed: list[str] = []

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def disconnect(self, reason: str) -> None:
        self.closed.append(reason)
