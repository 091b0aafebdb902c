"""Attachments of active safety alarms of JT/T 808 (T/JSATL12): expected, asked for (0x9208), named by the terminal.

alarm ─▶ expect ─▶ files without a name, ANNOUNCED ─▶ Ladder: 0x9208 ─▶ terminal ─0x1210─▶ listed: they have names
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from jimigw.gateway.registry import Registry
from jimigw.model.file_names import parse_name
from jimigw.model.media import Media, MediaAlarm, MediaState, Source, Tie

from .describing import LONGEST_NAME
from .ladder import Ladder
from .library import Library
from .safety_alarms import AttachmentAlarm
from .settings import UploadCounters, UploadRefused, UploadSettings

MOST_ANNOUNCED = 64
"""Attachments that an alarm announces at most."""
MOST_LISTED = 255
"""Attachments in a list (0x1210): their number is a byte."""


class Attachments:
    """Everything is called in the reactor thread."""

    def __init__(
        self,
        library: Library,
        ladder: Ladder,
        registry: Registry,
        reactor: Any,
        counters: UploadCounters,
        settings: Callable[[], UploadSettings],
    ) -> None:
        self._library, self._store, self._ladder, self._registry = library, library.store, ladder, registry
        self._reactor, self._counters, self._settings = reactor, counters, settings

    async def expect(self, alarm: MediaAlarm, found: AttachmentAlarm) -> None:
        """An alarm has attachments: they are expected, and asked for at once if that is wanted. May be done twice."""
        settings = self._settings()
        for media in await self._library.locks.run(alarm.device, lambda: self._announce(alarm, found)):
            if media.state is not MediaState.ANNOUNCED:
                continue
            if settings.ask and settings.attachment_host:
                try:
                    await self._ladder.want(media)
                except UploadRefused as refusal:
                    await self._library.give_up(media.id, MediaState.FAILED, str(refusal))
            else:
                self._ladder.announced(media)

    async def _announce(self, alarm: MediaAlarm, found: AttachmentAlarm) -> list[Media]:
        known = await self._known(alarm)
        if known is not None:
            # Its begin, its end, and once more from the terminal's memory: one alarm, under several records.
            alarm.id, alarm.number, alarm.request = known.id, known.number, known.request
            alarm.expected, alarm.complete = known.expected, known.complete
        else:
            await self._store.save_media_alarm(alarm)
        if not alarm.number:
            alarm.number, alarm.request = secrets.token_hex(16), dict(found.identity)
            await self._store.save_media_alarm(alarm)
        files = await self._library.files_of(alarm.id)
        if alarm.complete:
            return files
        now = self._reactor.seconds()
        for _ in range(len(files), min(found.count, MOST_ANNOUNCED)):
            media = Media(
                alarm.device,
                source=Source.ATTACHMENT,
                alarm=alarm.id,
                tie=Tie.IDENTITY,
                announced=now,
                taken=alarm.time,
            )
            await self._store.save_media(media)
            files.append(media)
            self._counters.announced += 1
        return files

    async def _known(self, alarm: MediaAlarm) -> MediaAlarm | None:
        """The same alarm, by the terminal's own identity for it, of which the time is a part."""
        day = 86_400.0
        near = await self._store.media_alarms(alarm.device, alarm.time - day, alarm.time + day, limit=1000)
        return next((each for each in near if each.identity == alarm.identity), None)

    def listed(self, phone: str, number: str, files: Sequence[tuple[str, int]]) -> Deferred[MediaAlarm]:
        """A terminal names the attachments of an alarm, and their sizes (0x1210): these are expected now. Fires with
        the alarm. Fails with :class:`UploadRefused` where nobody asked for them, or asked another terminal."""
        return Deferred.fromCoroutine(self._listed(phone, number, files))

    async def _listed(self, phone: str, number: str, files: Sequence[tuple[str, int]]) -> MediaAlarm:
        alarm = await self._store.media_alarm(number=number)
        device = self._registry.get(phone)
        if alarm is None or device is None or device.id != alarm.device:
            self._counters.refuse("unknown")
            raise UploadRefused("nobody asked this terminal for attachments under this number", "unknown")
        if len(files) > MOST_LISTED or not all(0 < len(name) <= LONGEST_NAME for name, _ in files):
            self._counters.refuse("wrong")
            raise UploadRefused(f"the list has {len(files)} files, or a name that is empty or too long", "wrong")
        names = list(dict.fromkeys(name for name, _ in files))
        return await self._library.locks.run(alarm.device, lambda: self._name(alarm, names))

    async def _name(self, alarm: MediaAlarm, names: Sequence[str]) -> MediaAlarm:
        """Give the files of an alarm their names. A list of what is still missing names some of them again."""
        known = await self._library.files_of(alarm.id)
        named = {media.name for media in known if media.name}
        nameless = [media for media in known if media.name is None]
        for name in names:
            if name in named:
                continue
            media = nameless.pop(0) if nameless else Media(alarm.device, source=Source.ATTACHMENT, alarm=alarm.id)
            parsed = parse_name(name)
            media.name, media.kind, media.tie = name, parsed.kind, Tie.IDENTITY
            media.camera = parsed.channel if parsed.channel is not None else parsed.camera
            media.taken = media.taken or alarm.time
            media.announced = media.announced or self._reactor.seconds()
            await self._store.save_media(media)
            named.add(name)
        for media in nameless:
            # The alarm announced more than there are.
            self._ladder.arrived(media)
            await self._store.forget_media(media.id)
        if alarm.expected != len(named):
            alarm.expected = len(named)
            await self._store.save_media_alarm(alarm)
        return alarm
