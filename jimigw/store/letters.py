"""What the readers of the journal leave in the store: dead letters, and which readers are paused. Plain calls."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager

import attrs

from jimigw.model.dead_letter import DeadLetter
from jimigw.store.interface import DeadLettersFull
from jimigw.store.rows import storable

MOST_BYTES = 16 << 20
"""Bytes of records after which an answer with letters is long enough."""

_FIELDS = tuple(field.name for field in attrs.fields(DeadLetter) if field.name != "id")
_COLUMNS = ", ".join(_FIELDS)
_SAVE = (
    f"INSERT INTO dead_letter ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))}) ON CONFLICT (reader, record)"
    " DO UPDATE SET through = excluded.through, reason = excluded.reason, at = excluded.at"
)
_COUNT = "SELECT count(*) FROM dead_letter WHERE reader = ?"


class Letters:
    """The tables of the readers. ``reading`` is the context in which SQLite's errors become those of the store."""

    def __init__(self, connection: sqlite3.Connection, reading: Callable[[], AbstractContextManager[None]]) -> None:
        self._connection, self._reading = connection, reading

    def save(self, letters: Collection[DeadLetter], most: int) -> int:
        """Enter letters of one reader, or replace those of the same records; how many it has then.

        :raises DeadLettersFull: it would have more than ``most``.
        """
        rows = [storable(attrs.astuple(letter)[:-1]) for letter in letters]
        self._connection.executemany(_SAVE, rows)
        reader = rows[0][0]
        count = int(self._connection.execute(_COUNT, (reader,)).fetchone()[0])
        if count > most:
            raise DeadLettersFull(f"There is no room for {len(rows)} more dead letters of {reader}: {most} are kept.")
        return count

    def read(self, reader: str | None, after: int, limit: int) -> list[DeadLetter]:
        """Letters in order of their ids; fewer where they are long."""
        where, values = (
            ("WHERE id > ?", (after,)) if reader is None else ("WHERE id > ? AND reader = ?", (after, reader))
        )
        found: list[DeadLetter] = []
        size = 0
        with self._reading():
            rows = self._connection.execute(
                f"SELECT {_COLUMNS}, id FROM dead_letter {where} ORDER BY id LIMIT ?", (*values, limit)
            )
            for row in rows:
                found.append(DeadLetter(*row))
                size += len(found[-1].raw) + len(found[-1].data)
                if size >= MOST_BYTES:
                    break
        return found

    def delete(self, reader: str | None, ids: Sequence[int] | None) -> int:
        """Delete letters; how many there were."""
        before = self._connection.total_changes
        if ids is None:
            where, values = ("", ()) if reader is None else (" WHERE reader = ?", (reader,))
            self._connection.execute(f"DELETE FROM dead_letter{where}", values)
        else:
            whose = "" if reader is None else " AND reader = ?"
            rows = [(id,) if reader is None else (id, reader) for id in ids]
            self._connection.executemany(f"DELETE FROM dead_letter WHERE id = ?{whose}", rows)
        return self._connection.total_changes - before

    def counts(self) -> dict[str, int]:
        """How many letters each reader has."""
        with self._reading():
            return dict(self._connection.execute("SELECT reader, count(*) FROM dead_letter GROUP BY reader"))

    def save_pause(self, reader: str, reason: str | None) -> None:
        """Note that a reader is paused, and why; or that it is not."""
        if reason is None:
            self._connection.execute("DELETE FROM paused_reader WHERE reader = ?", (reader,))
        else:
            row = storable((reader, reason))
            self._connection.execute("INSERT OR REPLACE INTO paused_reader (reader, reason) VALUES (?, ?)", row)

    def pauses(self) -> dict[str, str]:
        """Which readers are paused, and why."""
        with self._reading():
            return dict(self._connection.execute("SELECT reader, reason FROM paused_reader"))
