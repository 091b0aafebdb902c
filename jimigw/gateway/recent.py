"""What was learnt lately, in a bounded room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """A table that forgets: each entry ``age`` seconds after it was put in, and the oldest where there are ``most``.

    ``seconds`` is the clock. With an age of 0 nothing is kept.
    """

    def __init__(self, seconds: Callable[[], float], age: float, most: int) -> None:
        self._seconds, self._age, self._most = seconds, age, most
        self._entries: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """What was put in under this key, None if that was never, or too long ago."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        until, value = entry
        if self._seconds() >= until:
            del self._entries[key]
            return None
        return value

    def put(self, key: Key, value: Value) -> None:
        """Remember this from now on."""
        if self._age <= 0:
            return
        now = self._seconds()
        self._entries.pop(key, None)
        # All have the same age, so the first is always the next to go.
        while self._entries and (len(self._entries) >= self._most or next(iter(self._entries.values()))[0] <= now):
            self._entries.popitem(last=False)
        self._entries[key] = (now + self._age, value)

    def drop(self, key: Key) -> None:
        """Forget this one."""
        self._entries.pop(key, None)

    def __len__(self) -> int:
        return len(self._entries)
