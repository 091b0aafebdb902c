"""What the store keeps of alarms that have files. Plain calls."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager

from jimigw.model.media import MediaAlarm
from jimigw.store.interface import StoreError
from jimigw.store.media import newest_id
from jimigw.store.media_rows import MEDIA_ALARM, alarm_of, merged, row_of_alarm
from jimigw.store.media_search import alarm_search
from jimigw.store.rows import Row, columns, inserted, storable

_SAVE = inserted("media_alarm", MEDIA_ALARM, 1)
_READ = f"SELECT {columns(MEDIA_ALARM)} FROM media_alarm"
_SAME = f"{_READ} WHERE device = ? AND record = ? AND identity = ? AND coalesce(code, -1) = coalesce(?, -1)"
_UNTOLD = "complete <> 0 AND told = 0"
_OLD = (
    "SELECT id FROM media_alarm INDEXED BY media_alarm_time WHERE time < ? AND (complete = 0 OR told = 1)"
    " AND NOT EXISTS (SELECT 1 FROM media WHERE media.alarm = media_alarm.id) LIMIT ?"
)


class AlarmTable:
    """The table of alarms. ``reading`` is the context in which SQLite's errors become those of the store."""

    def __init__(self, connection: sqlite3.Connection, reading: Callable[[], AbstractContextManager[None]]) -> None:
        self._connection, self._reading = connection, reading

    def save(self, row: Row) -> MediaAlarm:
        """Enter an alarm (a row of `MEDIA_ALARM`), or replace the one with its id; what is stored then. One without an
        id that is there already gets the id of that, and they are :func:`merged`.

        :raises StoreError: the alarm with this id is to become another one that is there too.
        """
        alarm = alarm_of(storable(row))
        same = (alarm.device, alarm.record, alarm.identity, alarm.code)
        there = self._connection.execute(_SAME, same).fetchone()
        if not alarm.id:
            if there is not None:
                alarm = merged(alarm_of(there), alarm)
            else:
                alarm.id = newest_id(self._connection, "media_alarm") + 1
        elif there is not None and (known := alarm_of(there)).id != alarm.id:
            raise StoreError(f"The alarm {alarm.id} of the terminal {alarm.device} is the alarm {known.id} already.")
        self._connection.execute(_SAVE, row_of_alarm(alarm))
        return alarm

    def one(self, id: int | None, number: str | None) -> MediaAlarm | None:
        """An alarm by its id, or by its number."""
        wanted, value = ("id = ?", id) if id is not None else ("number = ? AND number <> ''", number)
        with self._reading():
            row = self._connection.execute(
                f"{_READ} WHERE {wanted} ORDER BY id DESC LIMIT 1", storable((value,))
            ).fetchone()
            return None if row is None else alarm_of(row)

    def find(
        self,
        device: str | None,
        since: float | None,
        until: float | None,
        complete: bool | None,
        before: int | None,
        limit: int,
    ) -> list[MediaAlarm]:
        """Alarms as of :meth:`IStore.media_alarms`."""
        search, by_time = alarm_search(device, since, until, complete, before, limit)
        with self._reading():
            return list(map(alarm_of, search.rows(self._connection, by_time)))

    def untold(self) -> list[MediaAlarm]:
        """The complete alarms that are not told, by id."""
        with self._reading():
            rows = self._connection.execute(f"{_READ} INDEXED BY media_alarm_untold WHERE {_UNTOLD} ORDER BY id")
            return list(map(alarm_of, rows))

    def prune(self, before: float, most: int) -> int:
        """Delete up to ``most`` alarms before this time that have no files, and are told if they are complete; how many
        there were."""
        return self._connection.execute(f"DELETE FROM media_alarm WHERE id IN ({_OLD})", (before, most)).rowcount
