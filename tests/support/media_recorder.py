"""What a store keeps of files, in memory: the part of :class:`~tests.support.recorder.RecordingStore`.

Files and alarms are kept as the rows of the real store, so that what comes out is a copy, as mended as there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from jimigw.model.media import (
    ABSENT,
    Media,
    MediaAlarm,
    MediaQuery,
    MediaRule,
    MediaState,
    Playlist,
    Usage,
)
from jimigw.store.interface import MediaClash, StoreError
from jimigw.store.media_rows import (
    alarm_of,
    media_of,
    merged,
    numbered,
    packed,
    row_of_alarm,
    row_of_media,
    take_over,
    unpacked,
)
from jimigw.store.rows import Row, storable


def _limited(limit: int) -> Deferred[Any] | None:
    return None if 1 <= limit <= 1000 else fail(ValueError(f"limit is {limit}; it can be 1 to 1000"))


def _within(time: float, since: float | None, until: float | None) -> bool:
    return (since is None or time >= since) and (until is None or time < until)


def _newest(found: list[Any], before: int | None, limit: int) -> list[Any]:
    below = [each for each in found if before is None or each.id < before]
    return sorted(below, key=lambda each: -each.id)[:limit]


def is_wanted(media: Media, query: MediaQuery) -> bool:
    """Whether a file meets the conditions of a query."""
    columns = ("device", "kind", "source", "camera", "alarm", "command", "flag")
    return (
        all(getattr(query, each) in (None, "", getattr(media, each)) for each in columns)
        and (not query.name or query.name in (media.name, media.alias))
        and query.protected in (None, media.protected)
        and (query.states is None or media.state in query.states)
        and _within(media.taken or media.announced or media.stored, query.since, query.until)
    )


class RecordedMedia(ABC):
    """See :class:`~jimigw.store.interface.IStore`. What was committed is in :meth:`files` and :meth:`file_alarms`."""

    def __init__(self) -> None:
        self.media_rows: dict[int, Row] = {}
        self.media_ids = 0
        self.alarm_rows: dict[int, Row] = {}
        self.alarm_ids = 0
        self.playlists: dict[str, tuple[Row, bytes]] = {}
        self.rules: dict[str, MediaRule] = {}
        self.sent: dict[tuple[str, str], Usage] = {}

    @abstractmethod
    def _later(self, act: Callable[[], Any]) -> Deferred[Any]: ...

    def files(self) -> list[Media]:
        """The files that are stored, by id."""
        return [media_of(row[:-1]) for _, row in sorted(self.media_rows.items())]

    def file_alarms(self) -> list[MediaAlarm]:
        """The alarms that are stored, by id."""
        return [alarm_of(row) for _, row in sorted(self.alarm_rows.items())]

    # Files

    def save_media(self, media: Media, usage: Usage | None = None) -> Deferred[None]:
        try:
            row, given = storable(row_of_media(media)), media.id
        except Exception as error:
            return fail(StoreError(f"The file {media.name or media.id} of {media.device} cannot be stored: {error}."))

        def act() -> Any:
            id = given or media.id or self.media_ids + 1
            name = (row[0], row[1], row[4])
            for other in self.files():
                if row[1] is not None and name == (other.device, other.name, other.variant) and other.id != id:
                    return Failure(MediaClash(f"The terminal {row[0]} has a file {row[1]!r} already: {other.id}."))
            self.media_rows[id] = numbered(row, id)
            self.media_ids = max(self.media_ids, id)
            media.id = media.id or id
            if usage is not None:
                self._add(usage)
            return None

        return self._later(act)

    def _add(self, more: Usage) -> None:
        had = self.sent.get((more.device, more.month), Usage(more.device, more.month))
        self.sent[more.device, more.month] = attrs.evolve(
            had, files=had.files + more.files, received=had.received + more.received, asked=had.asked + more.asked
        )

    def media(self, id: int) -> Deferred[Media | None]:
        return self._later(lambda: next((each for each in self.files() if each.id == id), None))

    def find_media(self, query: MediaQuery) -> Deferred[list[Media]]:
        return _limited(query.limit) or self._later(
            lambda: _newest([each for each in self.files() if is_wanted(each, query)], query.before, query.limit)
        )

    def unfinished_media(self) -> Deferred[list[Media]]:
        return self._later(lambda: [each for each in self.files() if each.waited_for or not each.told])

    def forget_media(self, id: int) -> Deferred[None]:
        def act() -> None:
            self.media_rows.pop(id, None)

        return self._later(act)

    def media_sizes(self) -> Deferred[dict[str, int]]:
        def act() -> dict[str, int]:
            sizes: Counter[str] = Counter()
            for each in self.files():
                if each.key:
                    sizes[each.device] += each.size
            return dict(sizes)

        return self._later(act)

    def media_keys(self) -> Deferred[frozenset[str]]:
        return self._later(lambda: frozenset(each.key for each in self.files() if each.key))

    def oldest_media(self, before: float, limit: int = 100, device: str | None = None) -> Deferred[list[Media]]:
        def act() -> list[Media]:
            found = [
                each
                for each in self.files()
                if each.state is MediaState.STORED
                and not each.protected
                and each.stored < before
                and device in (None, each.device)
            ]
            return sorted(found, key=lambda each: (each.stored, each.id))[:limit]

        return _limited(limit) or self._later(act)

    def prune_media(self, before: float) -> Deferred[int]:
        month = datetime.fromtimestamp(before, UTC).isoformat()[:7]

        def act() -> int:
            gone = [
                each.id
                for each in self.files()
                if each.state in ABSENT | {MediaState.DELETED}
                and not each.key
                and each.told
                and max(each.announced, each.stored) < before
            ]
            for id in gone:
                del self.media_rows[id]
            kept = {each.alarm for each in self.files()}
            for alarm in self.file_alarms():
                if alarm.time < before and alarm.id not in kept and (alarm.told or not alarm.complete):
                    del self.alarm_rows[alarm.id]
            self.sent = {key: usage for key, usage in self.sent.items() if usage.month >= month}
            return len(gone)

        return self._later(act)

    # Alarms

    def save_media_alarm(self, alarm: MediaAlarm) -> Deferred[None]:
        given = attrs.evolve(alarm)

        def act() -> Any:
            kept = alarm_of(storable(row_of_alarm(given)))
            same = next((each for each in self.file_alarms() if _same(each, kept)), None)
            if not kept.id:
                kept = attrs.evolve(kept, id=self.alarm_ids + 1) if same is None else merged(same, kept)
                take_over(alarm, given, kept)
            elif same is not None and same.id != kept.id:
                return Failure(StoreError(f"The alarm {kept.id} is the alarm {same.id} already."))
            self.alarm_rows[kept.id] = row_of_alarm(kept)
            self.alarm_ids = max(self.alarm_ids, kept.id)
            return None

        return self._later(act)

    def media_alarm(self, id: int | None = None, number: str | None = None) -> Deferred[MediaAlarm | None]:
        def act() -> MediaAlarm | None:
            found = [
                each
                for each in self.file_alarms()
                if (each.id == id if id is not None else number and each.number == number)
            ]
            return found[-1] if found else None

        return self._later(act)

    def media_alarms(
        self,
        device: str | None = None,
        since: float | None = None,
        until: float | None = None,
        complete: bool | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Deferred[list[MediaAlarm]]:
        def act() -> list[MediaAlarm]:
            found = [
                each
                for each in self.file_alarms()
                if device in (None, "", each.device)
                and _within(each.time, since, until)
                and complete in (None, each.complete != 0)
            ]
            return _newest(found, before, limit)

        return _limited(limit) or self._later(act)

    def untold_media_alarms(self) -> Deferred[list[MediaAlarm]]:
        return self._later(lambda: [each for each in self.file_alarms() if each.complete and not each.told])

    # Of each terminal

    def save_playlist(self, playlist: Playlist) -> Deferred[None]:
        names = tuple(playlist.names)

        def act() -> Any:
            try:
                kept = packed(names)
            except StoreError as error:
                return Failure(error)
            self.playlists[playlist.device] = (storable((playlist.device, playlist.received, playlist.digest)), kept)
            return None

        return self._later(act)

    def playlist(self, device: str) -> Deferred[Playlist | None]:
        def act() -> Playlist | None:
            if device not in self.playlists:
                return None
            (device_, received, digest), names = self.playlists[device]
            return Playlist(device_, received, digest, unpacked(device_, names))

        return self._later(act)

    def usage(self, device: str, month: str) -> Deferred[Usage]:
        return self._later(lambda: self.sent.get((device, month), Usage(device, month)))

    def usages(self, device: str, limit: int = 24) -> Deferred[list[Usage]]:
        def act() -> list[Usage]:
            found = [usage for usage in self.sent.values() if usage.device == device]
            return sorted(found, key=lambda usage: usage.month, reverse=True)[:limit]

        return _limited(limit) or self._later(act)

    def save_media_rule(self, rule: MediaRule) -> Deferred[None]:
        kept = attrs.evolve(rule)

        def act() -> None:
            self.rules[kept.device] = kept

        return self._later(act)

    def media_rules(self) -> Deferred[list[MediaRule]]:
        return self._later(lambda: [attrs.evolve(rule) for _, rule in sorted(self.rules.items())])


def _same(one: MediaAlarm, other: MediaAlarm) -> bool:
    return (one.device, one.record, one.code, one.identity) == (other.device, other.record, other.code, other.identity)
