"""What the store keeps of files: themselves, what terminals sent in a month, and what holds for each terminal's. Plain
calls; see :mod:`jimigw.store.media_alarms` for the alarms they belong to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import attrs

from jimigw.model.media import ABSENT, WAITED_FOR, Media, MediaQuery, MediaRule, MediaState, Playlist, Usage
from jimigw.store.interface import MediaClash
from jimigw.store.media_rows import ID, MEDIA, media_of, numbered, packed, unpacked
from jimigw.store.media_search import media_search
from jimigw.store.rows import AT_ONCE, FLAGS, Row, columns, inserted, storable

Enter = Callable[[Mapping[int, str], Sequence[Row]], object]
"""Enters rows by the statement for so many at once."""


def _states(states: frozenset[MediaState]) -> str:
    return "state IN ({})".format(", ".join(f"'{state}'" for state in sorted(states)))


_SAVE = {count: inserted("media", (*MEDIA, "at"), count) for count in AT_ONCE}
_READ = f"SELECT {columns(MEDIA)} FROM media"
_OTHER = "SELECT id FROM media WHERE name = ? AND device = ? AND variant = ? AND id <> ?"
_UNFINISHED = f"{_states(WAITED_FOR)} OR told = 0"
_OLD = "state = 'stored' AND protected = 0"
_GONE = f"{_states(ABSENT | {MediaState.DELETED})} AND key = '' AND told = 1 AND max(announced, stored) < ?"
_ADD_USAGE = (
    "INSERT INTO media_usage (device, month, files, received, asked) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (device, month) DO UPDATE SET files = files + excluded.files,"
    " received = received + excluded.received, asked = asked + excluded.asked"
)
_USAGE = "SELECT device, month, files, received, asked FROM media_usage WHERE device = ?"


@attrs.define(eq=False)
class NewMedia:
    """A file that had no id when it was given to be stored: the one it has got, 0 until then."""

    id: int = 0


def newest_id(connection: sqlite3.Connection, table: str) -> int:
    """The highest id that was ever given to a row of this table (AUTOINCREMENT)."""
    given = "coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?), 0)"
    there = f"coalesce((SELECT max(id) FROM {table}), 0)"
    return int(connection.execute(f"SELECT max({given}, {there})", (table,)).fetchone()[0])


class MediaTables:
    """The tables of files. ``reading`` is the context in which SQLite's errors become those of the store, ``enter``
    enters many rows."""

    def __init__(
        self, connection: sqlite3.Connection, reading: Callable[[], AbstractContextManager[None]], enter: Enter
    ) -> None:
        self._connection, self._reading, self._enter = connection, reading, enter
        # What got its id in this transaction.
        self._numbered: list[NewMedia] = []

    def transaction_ended(self, stored: bool) -> None:
        """Where a transaction was not stored, the ids given in it are given again."""
        if not stored:
            for new in self._numbered:
                new.id = 0
        self._numbered.clear()

    # Files

    def save(self, entries: Sequence[Row]) -> Sequence[int]:
        """Enter files or replace those with their ids; their ids. An entry is the :class:`NewMedia` of a file without
        id (else None), its row, and the :class:`Usage` that is added with it, or None.

        :raises MediaClash: another file has the name and variant of one of them.
        """
        new = [entry[0] for entry in entries if entry[0] is not None and not entry[0].id]
        newest = newest_id(self._connection, "media") if new else 0
        for each in new:
            if not each.id:  # the same file may be there twice
                newest += 1
                each.id = newest
        rows = [row if each is None else numbered(row, each.id) for each, row, _ in entries]
        try:
            self._enter(_SAVE, rows)
            usages = [attrs.astuple(usage) for _, _, usage in entries if usage is not None]
            self._connection.executemany(_ADD_USAGE, usages)
        except BaseException as error:
            for each in new:
                each.id = 0
            if isinstance(error, sqlite3.IntegrityError) and (clash := self._clash(rows)):
                raise clash from error
            raise
        self._numbered += new
        return [row[ID] for row in rows]

    def _clash(self, rows: Sequence[Row]) -> MediaClash | None:
        """Which other file has the name of one of these."""
        for device, name, id, _, variant, *_ in map(storable, rows):
            other = self._connection.execute(_OTHER, (name, device, variant, id)).fetchone()
            if other is not None:
                return MediaClash(
                    f"The terminal {device} has a file {name!r} (variant {variant}) already: it has the id {other[0]}."
                )
        return None

    def one(self, id: int) -> Media | None:
        """A file, or None."""
        with self._reading():
            row = self._connection.execute(f"{_READ} WHERE id = ?", storable((id,))).fetchone()
            return None if row is None else media_of(row)

    def find(self, query: MediaQuery) -> list[Media]:
        """Files as of :meth:`IStore.find_media`."""
        if query.states is not None and not query.states:
            return []
        search, by_time = media_search(query)
        with self._reading():
            return list(map(media_of, search.rows(self._connection, by_time)))

    def unfinished(self) -> list[Media]:
        """The files that are still expected, and those whose last end is not told, by id."""
        with self._reading():
            rows = self._connection.execute(f"{_READ} INDEXED BY media_unfinished WHERE ({_UNFINISHED}) ORDER BY id")
            return list(map(media_of, rows))

    def forget(self, id: int) -> None:
        """Delete what is known of a file."""
        self._connection.execute("DELETE FROM media WHERE id = ?", storable((id,)))

    def sizes(self) -> dict[str, int]:
        """The bytes that the vault has of each terminal."""
        with self._reading():
            return dict(
                self._connection.execute(
                    "SELECT device, sum(size) FROM media INDEXED BY media_kept WHERE key <> '' GROUP BY device"
                )
            )

    def keys(self) -> frozenset[str]:
        """The keys of all files that the vault has to have."""
        with self._reading():
            rows = self._connection.execute("SELECT key FROM media INDEXED BY media_kept WHERE key <> ''")
            return frozenset(key for (key,) in rows)

    def oldest(self, before: float, limit: int, device: str | None) -> list[Media]:
        """Stored files that are not protected, of one terminal or of all, the oldest first."""
        index, whose = ("media_old", ()) if device is None else ("media_old_device", (device,))
        wanted = f"{_OLD}{' AND device = ?' if whose else ''} AND stored < ?"
        with self._reading():
            rows = self._connection.execute(
                f"{_READ} INDEXED BY {index} WHERE {wanted} ORDER BY stored, id LIMIT ?",
                storable((*whose, before, limit)),
            )
            return list(map(media_of, rows))

    def prune(self, before: float, most: int) -> int:
        """Delete what is known of up to ``most`` files without content that ended before this time and are told; how
        many there were."""
        gone = f"SELECT id FROM media INDEXED BY media_gone WHERE {_GONE} LIMIT ?"
        return self._connection.execute(f"DELETE FROM media WHERE id IN ({gone})", (before, most)).rowcount

    # What was sent

    def usage(self, device: str, month: str) -> Usage:
        """What a terminal sent in a month."""
        with self._reading():
            row = self._connection.execute(f"{_USAGE} AND month = ?", storable((device, month))).fetchone()
            return Usage(device, month) if row is None else Usage(*row)

    def usages(self, device: str, limit: int) -> list[Usage]:
        """What a terminal sent, the newest months first."""
        with self._reading():
            rows = self._connection.execute(f"{_USAGE} ORDER BY month DESC LIMIT ?", storable((device, limit)))
            return [Usage(*row) for row in rows]

    def prune_usage(self, before: float, most: int) -> int:
        """Delete up to ``most`` months of terminals that ended before this time; how many there were."""
        month = datetime.fromtimestamp(before, UTC).isoformat()[:7]
        old = "SELECT device, month FROM media_usage INDEXED BY media_usage_month WHERE month < ? LIMIT ?"
        return self._connection.execute(
            f"DELETE FROM media_usage WHERE (device, month) IN ({old})", (month, most)
        ).rowcount

    # Of each terminal

    def save_playlist(self, playlist: Playlist) -> None:
        """Keep a list of recordings in the place of an older one."""
        row = (playlist.device, playlist.received, playlist.digest, packed(playlist.names))
        self._connection.execute(
            "INSERT OR REPLACE INTO playlist (device, received, digest, names) VALUES (?, ?, ?, ?)", storable(row)
        )

    def playlist(self, device: str) -> Playlist | None:
        """The list of a terminal's recordings, or None."""
        with self._reading():
            row = self._connection.execute(
                "SELECT device, received, digest, names FROM playlist WHERE device = ?", storable((device,))
            ).fetchone()
            if row is None:
                return None
            device, received, digest, names = row
            return Playlist(device, received, digest, unpacked(device, names))

    def save_rule(self, rule: MediaRule) -> None:
        """Keep what holds for a terminal's files."""
        self._connection.execute(
            "INSERT OR REPLACE INTO media_rule (device, budget, fetch, zone) VALUES (?, ?, ?, ?)",
            storable(attrs.astuple(rule)),
        )

    def rules(self) -> list[MediaRule]:
        """What holds for the files of all terminals for which something was said or learned, by terminal."""
        with self._reading():
            rows = self._connection.execute("SELECT device, budget, fetch, zone FROM media_rule ORDER BY device")
            return [MediaRule(device, budget, FLAGS[fetch], zone) for device, budget, fetch, zone in rows]
