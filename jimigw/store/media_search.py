"""How files and alarms are looked for: which index leads, so that a question costs what its answer is long.

A file has many properties by which it may be wanted, and any of them together. The one that few files share leads; the
others are looked at in the rows that it finds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from jimigw.model.media import MediaQuery, MediaState
from jimigw.store.media_rows import MEDIA, MEDIA_ALARM
from jimigw.store.rows import Row, columns, storable

NEWEST = (1 << 63) - 1
"""An id that no row reaches."""

WINDOW = 20
"""Among so many times the rows that are wanted, of the newest ones, they are looked for first where a time leads.

Times and ids grow together, mostly: so what is recent is found without sorting all that lies in the time.
"""

_ENDED = frozenset({MediaState.STORED, MediaState.DELETED})


@attrs.define
class Search:
    """Rows of a table that meet all conditions, the newest ids first."""

    table: str
    columns: str
    before: int
    limit: int
    index: str = ""
    #: for an index that leads to some places: the rows of any of them
    either: Sequence[tuple[str, Any]] = ()
    conditions: list[str] = attrs.field(factory=list)
    values: list[Any] = attrs.field(factory=list)

    def want(self, condition: str, *values: Any) -> None:
        """Another condition has to hold."""
        self.conditions.append(condition)
        self.values.extend(values)

    def equal(self, **values: Any) -> None:
        """These columns have these values; None and "" are no condition."""
        for column, value in values.items():
            if value is not None and value != "":
                self.want(f"{column} = ?", value)

    def within(self, column: str, since: float | None, until: float | None) -> None:
        """A time is in this time."""
        for sign, value in ((">=", since), ("<", until)):
            if value is not None:
                self.want(f"{column} {sign} ?", float(value))

    def rows(self, connection: sqlite3.Connection, by_time: bool) -> Iterator[Row]:
        """The rows. ``by_time``: the index that leads has all that lies in a time, in another order than asked for."""
        if by_time:
            (newest,) = connection.execute(f"SELECT coalesce(max(id), 0) FROM {self.table}").fetchone()
            window = attrs.evolve(self, index="", conditions=[*self.conditions], values=[*self.values])
            window.want("id >= ?", min(self.before, newest) - WINDOW * self.limit)
            found = window._run(connection)
            if len(found) == self.limit:
                return iter(found)
        return iter(self._run(connection))

    def _run(self, connection: sqlite3.Connection) -> list[Row]:
        by = f"INDEXED BY {self.index}" if self.index else "NOT INDEXED"
        parts, values = [], []
        for condition, value in self.either or (("", None),):
            wanted = [*filter(None, (condition, *self.conditions)), "id < ?"]
            parts.append(f"SELECT id FROM {self.table} {by} WHERE {' AND '.join(wanted)}")
            values += [*([value] if condition else []), *self.values, min(self.before, NEWEST)]
        ids = f"{' UNION ALL '.join(parts)} ORDER BY id DESC LIMIT ?"
        query = f"SELECT {self.columns} FROM {self.table} WHERE id IN ({ids}) ORDER BY id DESC"
        return connection.execute(query, storable((*values, self.limit))).fetchall()


def media_search(query: MediaQuery) -> tuple[Search, bool]:
    """How to find files, and whether a time leads."""
    before = NEWEST if query.before is None else query.before
    search = Search("media", columns(MEDIA), before, query.limit)
    search.equal(
        device=query.device,
        kind=query.kind,
        source=query.source and query.source.value,
        camera=query.camera,
        alarm=query.alarm,
        command=query.command,
        flag=query.flag,
    )
    if query.name:
        # Recordings of many terminals have the same name.
        whose, values = (" AND device = ?", (query.name, query.device)) if query.device else ("", (query.name,))
        named, cut = (f"SELECT id FROM media WHERE {column} = ?{whose}" for column in ("name", "alias"))
        search.want(f"id IN ({named} UNION ALL {cut})", *values, *values)
    search.within("at", query.since, query.until)
    if query.protected is not None:
        search.want(f"protected = {int(query.protected)}")
    if query.states is not None:
        states = sorted(state.value for state in query.states)
        search.want(f"state IN ({', '.join('?' * len(states))})", *states)
    search.index = _index(query)
    if search.index == "media_state":
        search.either = [("state = ?", state.value) for state in sorted(query.states or ())]
    return search, search.index == "media_at"


def _index(query: MediaQuery) -> str:
    """The index that leads: of those that serve, the one under which the fewest files are, as a rule."""
    if query.name:
        return ""  # it brings its ids
    timed = query.since is not None or query.until is not None
    states = query.states
    serving = (
        ("media_of_alarm", query.alarm is not None),
        ("media_of_command", query.command is not None),
        ("media_device_at", query.device and timed),
        ("media_device", query.device),
        ("media_flag", query.flag),
        ("media_at", timed),
        ("media_protected", query.protected),
        ("media_state", states and not states & _ENDED),
        ("media_source", query.source),
        ("media_camera", query.camera is not None),
        ("media_kind", query.kind),
        ("media_flag", query.flag is not None),  # 0: of all files that no command asked for
        ("media_state", states),
    )
    return next((index for index, serves in serving if serves), "")


def alarm_search(
    device: str | None,
    since: float | None,
    until: float | None,
    complete: bool | None,
    before: int | None,
    limit: int,
) -> tuple[Search, bool]:
    """How to find alarms, and whether a time leads."""
    search = Search("media_alarm", columns(MEDIA_ALARM), NEWEST if before is None else before, limit)
    search.equal(device=device)
    search.within("time", since, until)
    if complete is not None:
        search.want("complete <> 0" if complete else "complete = 0")
    if device:
        search.index = "media_alarm_device"
    elif since is not None or until is not None:
        search.index = "media_alarm_time"
    elif complete is not None:
        search.index = "media_alarm_complete" if complete else "media_alarm_incomplete"
    return search, search.index == "media_alarm_time"
