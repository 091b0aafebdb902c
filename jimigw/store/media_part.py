"""The part of the store that has to do with files of terminals, as the service has it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import attrs
from twisted.internet.defer import Deferred, fail

from jimigw.model.media import Media, MediaAlarm, MediaQuery, MediaRule, Playlist, Usage
from jimigw.store.database import Database
from jimigw.store.interface import StoreError
from jimigw.store.jobs import Together
from jimigw.store.media import NewMedia
from jimigw.store.media_rows import row_of_alarm, row_of_media, take_over
from jimigw.store.rows import Row

MAX_MEDIA = 1000
"""Files, alarms or months in the answer to one read."""

PRUNED = 1000
"""Rows that one transaction deletes at most: others wait for it."""

T = TypeVar("T")


def _save_media(database: Database, entries: Sequence[Row]) -> Sequence[int]:
    return database.media.save(entries)


def _limited(limit: int) -> Deferred[Any] | None:
    """A failure where a limit makes no sense."""
    return None if 1 <= limit <= MAX_MEDIA else fail(ValueError(f"limit is {limit}; it can be 1 to {MAX_MEDIA}"))


class MediaPart(ABC):
    """See :class:`~jimigw.store.interface.IStore`."""

    def __init__(self) -> None:
        # Files that were given to be stored and may not know their ids yet. One that is given again is the same file.
        self._new_media: WeakKeyDictionary[Media, NewMedia] = WeakKeyDictionary()

    @abstractmethod
    def _write(self, work: Callable[[Database], T]) -> Deferred[T]: ...

    @abstractmethod
    def _write_row(self, together: Together, row: Row) -> Deferred[Any]: ...

    @abstractmethod
    def _read(self, work: Callable[[Database], T]) -> Deferred[T]: ...

    # Files

    def save_media(self, media: Media, usage: Usage | None = None) -> Deferred[None]:
        """Store a file as it is now, and add to what its terminal sent."""
        try:
            row = row_of_media(media)
        except Exception as error:
            return fail(StoreError(f"The file {media.name or media.id} of {media.device} cannot be stored: {error}."))
        if media.id:
            return self._write_row(_save_media, (None, row, usage)).addCallback(lambda id: None)
        new = self._new_media.setdefault(media, NewMedia())

        def stored(id: int) -> None:
            media.id = id
            self._new_media.pop(media, None)

        return self._write_row(_save_media, (new, row, usage)).addCallback(stored)

    def media(self, id: int) -> Deferred[Media | None]:
        """Return a file, or None."""
        return self._read(lambda database: database.media.one(id))

    def find_media(self, query: MediaQuery) -> Deferred[list[Media]]:
        """Return the files that are wanted, the newest ids first."""
        return _limited(query.limit) or self._read(lambda database: database.media.find(query))

    def unfinished_media(self) -> Deferred[list[Media]]:
        """Return the files that are still expected or not told."""
        return self._read(lambda database: database.media.unfinished())

    def forget_media(self, id: int) -> Deferred[None]:
        """Delete what is known of a file."""
        return self._write(lambda database: database.media.forget(id))

    def media_sizes(self) -> Deferred[dict[str, int]]:
        """Return the bytes that the vault has of each terminal."""
        return self._read(lambda database: database.media.sizes())

    def media_keys(self) -> Deferred[frozenset[str]]:
        """Return the keys of all files that the vault has to have."""
        return self._read(lambda database: database.media.keys())

    def oldest_media(self, before: float, limit: int = 100, device: str | None = None) -> Deferred[list[Media]]:
        """Return stored files that are not protected, the oldest first."""
        return _limited(limit) or self._read(lambda database: database.media.oldest(before, limit, device))

    def prune_media(self, before: float) -> Deferred[int]:
        """Delete what is known of files, alarms and months that are over, a part in each transaction."""

        def part(database: Database) -> tuple[int, bool]:
            files = database.media.prune(before, PRUNED)
            alarms = database.media_alarms.prune(before, PRUNED)
            months = database.media.prune_usage(before, PRUNED)
            return files, PRUNED in (files, alarms, months)

        def pruned(result: tuple[int, bool], before_this: int) -> int | Deferred[int]:
            files, perhaps_more = result
            files += before_this
            return self._write(part).addCallback(pruned, files) if perhaps_more else files

        return self._write(part).addCallback(pruned, 0)

    # Alarms

    def save_media_alarm(self, alarm: MediaAlarm) -> Deferred[None]:
        """Store an alarm as it is now. One without an id that is there already gets that id, and what is known there:
        see :func:`~jimigw.store.media_rows.merged`."""
        given = attrs.evolve(alarm)
        try:
            row = row_of_alarm(given)
        except Exception as error:
            return fail(StoreError(f"The alarm {alarm.name or alarm.code} cannot be stored: {error}."))

        def stored(kept: MediaAlarm) -> None:
            if not given.id:
                take_over(alarm, given, kept)

        return self._write(lambda database: database.media_alarms.save(row)).addCallback(stored)

    def media_alarm(self, id: int | None = None, number: str | None = None) -> Deferred[MediaAlarm | None]:
        """Return an alarm by its id, or by its number."""
        return self._read(lambda database: database.media_alarms.one(id, number))

    def media_alarms(
        self,
        device: str | None = None,
        since: float | None = None,
        until: float | None = None,
        complete: bool | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Deferred[list[MediaAlarm]]:
        """Return alarms, the newest ids first."""
        return _limited(limit) or self._read(
            lambda database: database.media_alarms.find(device, since, until, complete, before, limit)
        )

    def untold_media_alarms(self) -> Deferred[list[MediaAlarm]]:
        """Return the complete alarms that are not told."""
        return self._read(lambda database: database.media_alarms.untold())

    # Of each terminal

    def save_playlist(self, playlist: Playlist) -> Deferred[None]:
        """Keep the list of a terminal's recordings."""
        given = attrs.evolve(playlist, names=tuple(playlist.names))
        return self._write(lambda database: database.media.save_playlist(given))

    def playlist(self, device: str) -> Deferred[Playlist | None]:
        """Return the list of a terminal's recordings, or None."""
        return self._read(lambda database: database.media.playlist(device))

    def usage(self, device: str, month: str) -> Deferred[Usage]:
        """Return what a terminal sent in a month."""
        return self._read(lambda database: database.media.usage(device, month))

    def usages(self, device: str, limit: int = 24) -> Deferred[list[Usage]]:
        """Return what a terminal sent, the newest months first."""
        return _limited(limit) or self._read(lambda database: database.media.usages(device, limit))

    def save_media_rule(self, rule: MediaRule) -> Deferred[None]:
        """Keep what holds for a terminal's files."""
        given = attrs.evolve(rule)
        return self._write(lambda database: database.media.save_rule(given))

    def media_rules(self) -> Deferred[list[MediaRule]]:
        """Return what holds for the files of terminals."""
        return self._read(lambda database: database.media.rules())
