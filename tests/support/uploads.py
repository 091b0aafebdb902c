"""Files of terminals that a test made, and a keeper of them that writes down what it is asked: no disk behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, succeed

from jimigw.gateway.media.timeline import Recording, Span, Timeline, Track
from jimigw.gateway.uploads import Budget, Links, UploadRefused, UploadSettings
from jimigw.model.command import Command
from jimigw.model.device import Device
from jimigw.model.media import ABSENT, WAITED_FOR, Media, MediaAlarm, MediaQuery, MediaRule, MediaState, Source, Tie

NOW = 1_780_000_000.0


def stored(device: str, id: int, name: str, **more: Any) -> Media:
    """A file that has come."""
    told: dict[str, Any] = {
        "kind": "video", "source": Source.EVENT, "camera": 1, "event": 55, "flag": 0, "taken": NOW - 60,
        "announced": NOW - 50, "stored": NOW - 10, "size": 1_600_000, "md5": "0" * 32, "mime": "video/mp4",
        "key": f"k/{id}", "why": "it came",
    }  # fmt: skip
    return Media(device, name, id=id, state=MediaState.STORED, **told | more)


def missing(device: str, id: int, name: str | None, **more: Any) -> Media:
    """A file that was announced and has not come."""
    told: dict[str, Any] = {
        "kind": "video", "source": Source.EVENT, "camera": 2, "announced": NOW - 50, "why": "it never came",
        "attempts": 4, "step": "HVIDEO", "taken": NOW - 60,
    }  # fmt: skip
    return Media(device, name, id=id, state=MediaState.MISSING, **told | more)


def some_files(device: str) -> list[Media]:
    """Two files of an alarm, one of them missing; and a picture that a command asked for."""
    event = f"EVENT_{device}_00000000_2026_05_29_04_25_40"
    return [
        stored(device, 1, f"{event}_F_55.mp4", alarm=1, tie=Tie.NAME),
        missing(device, 2, f"{event}_I_56.mp4", alarm=1, tie=Tie.NAME, event=56),
        stored(
            device, 3, f"CMD_{device}_00000007_2026_05_29_04_26_40_I_10.jpg", kind="picture", source=Source.COMMAND,
            camera=2, event=10, flag=7, command=7, tie=Tie.FLAG, size=25_000, mime="image/jpeg", taken=NOW,
            protected=True,
        ),
    ]  # fmt: skip


def an_alarm(device: str) -> MediaAlarm:
    """The alarm of the first two."""
    return MediaAlarm(device, 226, NOW - 60, id=1, code=146, name="Harsh cornering", expected=2)


def a_timeline(device: str, begins: float = NOW - 3600, blocks: int = 10) -> Timeline:
    """Two cameras: the road without a gap, the cabin with one of two blocks."""
    road = [Recording(f"road_{n}.ts", 1, begins + 60 * n, begins + 60 * n + 60) for n in range(blocks)]
    cabin = [attrs.evolve(each, name=f"cabin_{n}.ts", camera=2) for n, each in enumerate(road) if n not in (3, 4)]
    end = begins + 60 * blocks
    whole = Span(begins, end)
    gap = Span(begins + 180, begins + 300)
    tracks = [
        Track(1, road, [whole], []),
        Track(2, cabin, [Span(begins, gap.begins), Span(gap.ends, end)], [gap]),
    ]
    return Timeline(device, NOW - 30, 480, tracks, 1)


class RecordingUploads:
    """Keeps the files that a test gives it. ``asked`` is what was asked for, in order; ``refusal`` is the next answer
    to what a terminal is to be asked for."""

    def __init__(self, files: Sequence[Media] = (), alarms: Sequence[MediaAlarm] = ()) -> None:
        self.kept = {media.id: media for media in files}
        self.of_alarm = {alarm.id: alarm for alarm in alarms}
        self.content: dict[str, bytes] = {}
        self.timelines: dict[str, Timeline] = {}
        self.rules: dict[str, dict[str, Any]] = {}
        self.settings = UploadSettings(public_url="http://192.0.2.9:23010/x/")
        self.links = Links(b"s" * 32, lambda: NOW, lambda: self.settings)
        self.asked: list[tuple[Any, ...]] = []
        self.refusal: UploadRefused | None = None
        self.wanted, self.trouble = True, ""

    def _refused(self) -> Deferred[Any] | None:
        refusal, self.refusal = self.refusal, None
        return None if refusal is None else fail(refusal)

    def media(self, id: int) -> Deferred[Media]:
        found = self.kept.get(id)
        return succeed(found) if found is not None else fail(UploadRefused(f"there is no file {id}", "gone"))

    def find(self, query: MediaQuery) -> Deferred[list[Media]]:
        self.asked.append(("find", query))
        wanted = [
            media
            for id, media in sorted(self.kept.items(), reverse=True)
            if (query.before is None or id < query.before)
            and all(
                getattr(query, name) in (None, getattr(media, name))
                for name in ("device", "name", "kind", "source", "camera", "alarm", "command", "protected")
            )
            and (query.states is None or media.state in query.states)
        ]
        return succeed(wanted[: query.limit])

    def alarms(self, device: str | None = None, **choice: Any) -> Deferred[list[MediaAlarm]]:
        self.asked.append(("alarms", device, choice))
        found = [
            alarm
            for id, alarm in sorted(self.of_alarm.items(), reverse=True)
            if device in (None, alarm.device) and (choice["before"] is None or id < choice["before"])
        ]
        return succeed(found[: choice["limit"]])

    def alarm(self, id: int) -> Deferred[tuple[MediaAlarm, list[Media]]]:
        if id not in self.of_alarm:
            return fail(UploadRefused(f"there is no alarm {id} with files", "gone"))
        return succeed((self.of_alarm[id], [media for media in self.kept.values() if media.alarm == id]))

    def read(self, media: Media, offset: int, length: int) -> Deferred[bytes]:
        content = self.content.get(media.key, bytes(media.size))
        return succeed(content[offset : offset + length])

    def protect(self, id: int, protected: bool) -> Deferred[Media]:
        self.asked.append(("protect", id, protected))

        def do(media: Media) -> Media:
            media.protected = protected
            return media

        return self.media(id).addCallback(do)

    def delete(self, id: int, who: str) -> Deferred[Media]:
        self.asked.append(("delete", id, who))

        def do(media: Media) -> Media:
            if media.protected:
                raise UploadRefused(f"{media.name} is protected; protect it no more first", "wrong")
            if media.state is not MediaState.STORED:
                raise UploadRefused(f"the file {id} is {media.state}: there is nothing to delete", "wrong")
            media.move(MediaState.DELETED, f"{who} deleted it")
            media.key = ""
            return media

        return self.media(id).addCallback(do)

    def fetch(self, id: int, owner: str) -> Deferred[Media]:
        self.asked.append(("fetch", id, owner))
        if (refused := self._refused()) is not None:
            return refused

        def do(media: Media) -> Media:
            if media.state not in ABSENT | WAITED_FOR | {MediaState.DELETED}:
                raise UploadRefused(f"{media.name} is {media.state} already", "wrong")
            media.move(MediaState.ASKED, f"{owner} asked for it")
            return media

        return self.media(id).addCallback(do)

    def clip(
        self, device: Device, time: float, cameras: Sequence[int], owner: str, seconds: int | None = None
    ) -> Deferred[list[Media]]:
        self.asked.append(("clip", device.id, time, tuple(cameras), owner, seconds))
        if (refused := self._refused()) is not None:
            return refused
        made = []
        for camera in cameras:
            id = max(self.kept, default=0) + 1
            self.kept[id] = Media(
                device.id, id=id, kind="video", source=Source.COMMAND, camera=camera, taken=time, asked=NOW,
                state=MediaState.ASKED, seconds=seconds, why=f"{owner} asked for it",
            )  # fmt: skip
            made.append(self.kept[id])
        return succeed(made)

    def timeline(
        self, device: Device, since: float | None = None, until: float | None = None, camera: int | None = None
    ) -> Deferred[Timeline | None]:
        self.asked.append(("timeline", device.id, since, until, camera))
        return succeed(self.timelines.get(device.id))

    def refresh_timeline(self, device: Device, owner: str) -> Deferred[Command]:
        self.asked.append(("refresh", device.id, owner))
        return self._refused() or succeed(Command(41, device.id, NOW, NOW + 60, text="FILELIST", owner=owner))

    def budget(self, device: Device) -> Deferred[Budget]:
        rule = MediaRule(device.id, **self.rules.get(device.id, {}))
        limit = 500 << 20 if rule.budget is None else rule.budget
        return succeed(Budget(device.id, "2026-05", limit, 1_000, 2_600_000, 3, bool(rule.fetch), rule.zone, rule))

    def set_rule(self, device: Device, **changes: Any) -> Deferred[MediaRule]:
        self.asked.append(("rule", device.id, changes))
        if (refused := self._refused()) is not None:
            return refused
        self.rules.setdefault(device.id, {}).update(changes)
        return succeed(MediaRule(device.id, **self.rules[device.id]))

    def stats(self) -> dict[str, dict[str, Any]]:
        return {"uploads": {"files": len(self.kept)}}
