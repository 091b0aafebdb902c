"""The readers' cursors in memory, and which of them the file does not know yet."""

from __future__ import annotations

MAX_READER_NAME = 200

Changes = dict[str, int | None]
"""Cursors to be saved, or dropped where None, by reader."""


class Cursors:
    """What the readers have read. Changes are collected and saved together, at most a few a second."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._changes: Changes = {}

    def load(self, saved: dict[str, int]) -> None:
        """Take the cursors of the file; what was set before that stays."""
        self._ids = {**saved, **self._ids}

    def get(self, reader: str) -> int | None:
        """Return the cursor of ``reader``, or None."""
        return self._ids.get(reader)

    def all(self) -> dict[str, int]:
        """Return all cursors."""
        return dict(self._ids)

    def set(self, reader: str, id: int) -> None:
        """Set the cursor of ``reader``.

        :raises ValueError: no name, a very long one, or an id that no record can have.
        """
        if not 0 < len(reader) <= MAX_READER_NAME or not 0 <= id < 1 << 63:
            raise ValueError(
                f"A cursor wants a name of 1 to {MAX_READER_NAME} characters and an id from 0, not {reader!r} and {id}."
            )
        self._ids[reader] = self._changes[reader] = id

    def drop(self, reader: str) -> None:
        """Forget ``reader``; one that is not known is no error."""
        if self._ids.pop(reader, None) is not None:
            self._changes[reader] = None

    def take_changes(self) -> Changes:
        """Return what is to be saved, as saved from now on."""
        changes, self._changes = self._changes, {}
        return changes

    def put_back(self, changes: Changes) -> None:
        """Take back changes that could not be saved; newer ones win."""
        self._changes = {**changes, **self._changes}
