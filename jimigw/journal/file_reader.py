"""The journal read by tools, beside a service or without one: no reactor."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from jimigw.journal.backwards import check_newest, id_at_steps, newest_slices
from jimigw.journal.interface import JournalError, Records
from jimigw.journal.pages import check_bounds, last_id, read_slices
from jimigw.journal.schema import open_for_reading

T = TypeVar("T")


class JournalReader:
    """A reader of a journal file for tools, with no reactor; a service may be writing to the file meanwhile."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read(
        self, after_id: int = 0, limit: int = 1000, device: str | None = None, kinds: Collection[str] | None = None
    ) -> Records:
        """Return up to ``limit`` records with an id above ``after_id``, in order of id.

        ``Records.through`` is where the next read goes on.

        :raises JournalDamaged: records that cannot be read come first; the ``last_id`` of the error is where a read
            goes on after them. Sound records before them are returned first, as a shorter answer.
        :raises JournalError: the file cannot be read.
        """
        check_bounds(after_id, limit)
        return _last(read_slices(self._connection, after_id, limit, device, kinds))

    def newest(
        self,
        limit: int,
        device: str | None = None,
        kinds: Collection[str] | None = None,
        before_id: int | None = None,
    ) -> Records:
        """Return the newest records, as :meth:`IJournal.newest` does."""
        check_newest(limit, before_id)
        return _last(newest_slices(self._connection, limit, device, kinds, before_id))

    def id_at(self, microseconds: int) -> int:
        """Return the id up to which records are older than this time, as :meth:`IJournal.id_at` does."""
        return _last(id_at_steps(self._connection, microseconds))

    def last_id(self) -> int:
        """Return the newest id that the journal has given to a record, 0 for none."""
        return last_id(self._connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _last(steps: Iterator[T | None]) -> T:
    try:
        for step in steps:
            if step is not None:
                return step
    except sqlite3.Error as error:
        raise JournalError(f"The journal cannot be read: {error}.") from error
    raise AssertionError("a read ends with an answer")


def open_reader(path: str | Path) -> JournalReader:
    """Open the journal at ``path`` for reading, while a service writes to it or while none does.

    :raises JournalError: there is no such file, it is not a jimigw journal, or its version is another.
    """
    return JournalReader(open_for_reading(Path(path)))
