"""The part of the store that the readers of the journal use, as the service has it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import TypeVar

from twisted.internet.defer import Deferred, fail, succeed

from jimigw.model.dead_letter import DeadLetter
from jimigw.store.database import Database

MAX_LETTERS = 1000
"""Letters in the answer to one read."""

T = TypeVar("T")


class ReadersPart(ABC):
    """See :class:`~jimigw.store.interface.IStore`."""

    @abstractmethod
    def _write(self, work: Callable[[Database], T]) -> Deferred[T]: ...

    @abstractmethod
    def _read(self, work: Callable[[Database], T]) -> Deferred[T]: ...

    def save_dead_letters(self, letters: Collection[DeadLetter], most: int) -> Deferred[int]:
        """Store letters of one reader."""
        if len({letter.reader for letter in letters}) != 1:
            return fail(ValueError("dead letters are saved for one reader at a time"))
        return self._write(lambda database: database.letters.save(letters, most))

    def dead_letters(self, reader: str | None = None, after: int = 0, limit: int = 100) -> Deferred[list[DeadLetter]]:
        """Return letters in order of their ids."""
        if not 1 <= limit <= MAX_LETTERS:
            return fail(ValueError(f"limit is {limit}; it can be 1 to {MAX_LETTERS}"))
        return self._read(lambda database: database.letters.read(reader, after, limit))

    def delete_dead_letters(self, reader: str | None = None, ids: Collection[int] | None = None) -> Deferred[int]:
        """Delete letters."""
        chosen = None if ids is None else list(ids)
        return succeed(0) if chosen == [] else self._write(lambda database: database.letters.delete(reader, chosen))

    def dead_letter_counts(self) -> Deferred[dict[str, int]]:
        """Return how many letters each reader has."""
        return self._read(lambda database: database.letters.counts())

    def save_pause(self, reader: str, reason: str | None) -> Deferred[None]:
        """Note that a reader is paused, or that it is not."""
        return self._write(lambda database: database.letters.save_pause(reader, reason))

    def pauses(self) -> Deferred[dict[str, str]]:
        """Return which readers are paused."""
        return self._read(lambda database: database.letters.pauses())
