"""A book of messages: which layout stands under which id.

Messages are found by (protocol, version or dialect, id), never by id alone: a book belongs to one protocol, and an
entry may be bound to versions, to a direction, or to what its content looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from .message import Message

#: tells whether the bytes ``data[start:end]`` have the layout of an entry
Fits = Callable[[bytes, int, int], bool]


@attrs.frozen
class Entry:
    """One layout of one id. ``direction`` is "up" (from the terminal), "down" or "both"."""

    identity: int
    cls: type[Message]
    direction: str = "up"
    versions: tuple[Any, ...] = ()
    fits: Fits | None = None

    def serves(self, direction: str, version: Any) -> bool:
        """Whether the entry is for this direction and version."""
        return self.direction in (direction, "both") and (not self.versions or version in self.versions)


class Book:
    """All messages of one protocol, in the order of their declaration."""

    def __init__(self, protocol: str, *, digits: int) -> None:
        # digits: how many hex digits an id has in print
        self.protocol, self.digits = protocol, digits
        self.entries: list[Entry] = []
        self._found: dict[tuple[int, str, Any], list[Entry]] = {}

    def enter(self, identity: int, cls: type[Message], **placing: Any) -> None:
        """Enter a message; see :class:`Entry` for ``placing``. Of several that serve, the first that fits is taken."""
        self.entries.append(Entry(identity, cls, **placing))
        self._found.clear()

    def candidates(self, identity: int, direction: str, version: Any = None) -> list[Entry]:
        """The entries for this id, direction and version."""
        key = (identity, direction, version)
        found = self._found.get(key)
        if found is None:
            found = [e for e in self.entries if e.identity == identity and e.serves(direction, version)]
            if len(self._found) < 4096:  # ids come from outside: remember some, never all
                self._found[key] = found
        return found

    def candidates_of_any_version(self, identity: int, direction: str) -> list[Entry]:
        """The entries for this id and direction, whatever their version: for a tool that has no connection."""
        return [e for e in self.entries if e.identity == identity and e.direction in (direction, "both")]

    def find(
        self, identity: int, direction: str, data: bytes, start: int, end: int, version: Any = None
    ) -> type[Message] | None:
        """The layout of this body, or None for an id the book does not know."""
        for entry in self.candidates(identity, direction, version):
            if entry.fits is None or entry.fits(data, start, end):
                return entry.cls
        return None

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def name(self, identity: int) -> str:
        """An id as the documents print it."""
        return f"0x{identity:0{self.digits}X}"
