"""Files of terminals: everything that the edges, the API and operators ask of them.

    camera ──▶ web, net ──▶ begin ─▶ Arrival ─▶ Library ─▶ vault, store, journal        what comes in
    journal ──▶ Heard ─▶ announced files, pictures in reports                           what terminals say of files
                  └─▶ Ladder ─▶ Commands ─▶ terminal                                    what is missing is asked for
    Keeping ─▶ Library.remove                                                           what is too old or too much goes

Room for live video is beside this, in a file of its own. Everything is called in the reactor thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from jimigw.gateway.admission import Admission
from jimigw.gateway.commands import Commands
from jimigw.gateway.registry import Registry
from jimigw.journal.interface import IJournal
from jimigw.model.command import Command
from jimigw.model.device import Device
from jimigw.model.media import Media, MediaAlarm, MediaQuery, MediaRule, MediaState, Source
from jimigw.store.interface import IStore, StoreError
from jimigw.vault.interface import IVault, VaultError

from .media.arrival import Arrival, Desk
from .media.attachments import Attachments
from .media.describing import month_of
from .media.heard import Heard
from .media.keeping import Keeping
from .media.ladder import OWNER, Ladder
from .media.library import Library
from .media.links import Links
from .media.playlists import Aside, Playlists, at_once
from .media.settings import Told, UploadCounters, UploadRefused, UploadSettings
from .media.telling import Teller
from .media.timeline import Timeline
from .media.zones import Rules

PRUNE_INTERVAL = 60.0
"""Seconds between two looks at what is too old, and at what is not told yet."""
_SHORTEST_CLIP, _LONGEST_CLIP = 10, 60


@attrs.frozen
class Budget:
    """What a terminal may be asked for in this month, and what it has sent: bytes, and files. ``limit`` is None where
    there is none. ``fetch``: whether what is missing is asked for by itself. ``zone`` is that of its file names,
    minutes east of UTC, None where it is not known; ``rule`` is what was said for this terminal alone."""

    device: str
    month: str
    limit: int | None
    asked: int
    received: int
    files: int
    fetch: bool
    zone: int | None
    rule: MediaRule


class Uploads:
    """All of it. ``admission`` gives what decides who is let in, ``outcomes`` the words of the journal's readers.
    ``aside`` does what takes long without holding anybody up."""

    _log = Logger()

    def __init__(
        self,
        registry: Registry,
        journal: IJournal,
        store: IStore,
        vault: IVault,
        commands: Commands,
        reactor: Any,
        settings: UploadSettings,
        admission: Callable[[], Admission],
        outcomes: Any,
        secret: bytes = b"",
        aside: Aside = at_once,
    ) -> None:
        self._registry, self._store, self._vault, self._commands = registry, store, vault, commands
        self._reactor, self._admission = reactor, admission
        self.settings = settings
        self.counters = UploadCounters()
        self.links = Links(secret, reactor.seconds, self._now)
        self.rules = Rules(registry, store)
        self.teller = Teller(registry, journal, reactor, self.links)
        self.library = Library(vault, store, self.teller, self.rules, reactor, self.counters)
        self.keeping = self.library.keeping = Keeping(vault, store, reactor, self._now, self.library.remove)
        self.library.on_stored = self._stored
        self.desk = Desk(vault, self.keeping, self.library, reactor, self.counters, self._now)
        self.ladder = Ladder(self.library, commands, self.rules, reactor, self.counters, self._now)
        self.attachments = Attachments(self.library, self.ladder, registry, reactor, self.counters, self._now)
        #: the reader of the journal that hears of files
        self.heard = Heard(
            self.library,
            self.ladder,
            self.attachments,
            registry,
            journal,
            self._begin_heard,
            outcomes,
            reactor,
            self._now,
        )
        self.playlists = Playlists(store, self.rules, self.teller, commands, reactor, self.counters, aside)
        self._timer: IDelayedCall | None = None
        #: whether files are to be looked after, and why they cannot be taken; "" where they can
        self.wanted, self.trouble = True, "files are not looked after yet"

    def _now(self) -> UploadSettings:
        return self.settings

    def _begin_heard(self, peer: str, device: Device) -> Arrival:
        return self.desk.begin(peer, device, limited=False)

    # -- start and end ------------------------------------------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """Take up what an earlier run left: the store and the vault are open. Never fails; what cannot be taken up is
        in :attr:`trouble`, and in the log."""
        starting = Deferred.fromCoroutine(self._start())

        def failed(failure: Failure) -> None:
            self.trouble = failure.getErrorMessage()
            self._log.failure("files cannot be looked after", failure)

        return starting.addErrback(failed)

    async def _start(self) -> None:
        await self.rules.start()
        await self.keeping.start()
        try:
            cleared = await self.library.clear(self._reactor.seconds())
            if cleared:
                self._log.info("{count} files that nobody was told of are cleared away", count=cleared)
        except (VaultError, StoreError) as error:
            self._log.error("what an earlier run left in the vault stays: {error}", error=error)
        files = await self._store.unfinished_media()
        for media in files:
            if media.state is MediaState.ARRIVING:
                media.move(MediaState.ASKED if media.attempts else MediaState.ANNOUNCED, "the service was restarted")
                await self._store.save_media(media)
            if not media.told:
                self.library.untold.add(media.id)
        self.ladder.restore(files)
        for alarm in await self._store.untold_media_alarms():
            self.library.untold_alarms.add(alarm.id)
        self.trouble = ""
        await self.library.tell_again()
        self._look_again()

    def _look_again(self) -> None:
        if not self.desk.closed:
            self._timer = self._reactor.callLater(PRUNE_INTERVAL, self._look)

    def _look(self) -> None:
        """Let go what is too old, tell what is not told."""

        async def look() -> None:
            await self.keeping.prune()
            await self.library.tell_again()

        looking = Deferred.fromCoroutine(look())
        looking.addErrback(lambda failure: self._log.error("{error}", error=failure.getErrorMessage()))
        looking.addCallback(lambda _: self._look_again())

    def stop(self) -> Deferred[None]:
        """Take no more; what is on its way in is given up, as the sender will see, and what has come in all is kept.
        Never fails."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        closing = self.desk.close()
        self.ladder.stop()
        return closing.addCallback(lambda _: self.keeping.stop())

    # -- transfers ----------------------------------------------------------------------------------------------------

    def whose(self, *names: str | None) -> Device:
        """The first of these (id, IMEI, phone number) that is a terminal, if it may upload.

        :raises UploadRefused: none of them is, or it may not.
        """
        told = [name for name in names if name]
        for name in told:
            device = self._registry.get(name) or self._registry.get(name.lstrip("0"))
            if device is None:
                continue
            if self._admission().admits(device.id) is False:
                raise self.desk.refused(f"{device.id} is not let in", "unknown")
            if self.settings.who == "online" and not device.online:
                raise self.desk.refused(f"{device.id} is not on line", "unknown", 60)
            return device
        if told:
            raise self.desk.refused(f"there is no terminal {told[0][:64]!r}", "unknown")
        raise self.desk.refused(
            "nothing says whose it is: there is no IMEI in the address, the fields or the file's name", "unknown"
        )

    def begin(self, peer: str, device: Device | None = None) -> Arrival:
        """A transfer begins; its terminal may become known later (:meth:`Arrival.belongs_to`).

        :raises UploadRefused: there is no place or no room for it.
        """
        if self.trouble:
            raise self.desk.refused(self.trouble, "failed", 30)
        return self.desk.begin(peer, device)

    def _stored(self, media: Media) -> None:
        """A file is here."""
        self.ladder.arrived(media)
        if media.alarm is not None:
            self.library.check_alarm(media.alarm).addErrback(
                lambda failure: self._log.error(
                    "whether all files of an alarm are here is not known: {error}", error=failure.getErrorMessage()
                )
            )

    # -- lists of recordings ------------------------------------------------------------------------------------------

    def playlist_came(self, device: Device, names: Sequence[str]) -> Deferred[bool]:
        """A terminal sent the list of its recordings; see :meth:`Playlists.came`."""
        return self.playlists.came(device, names)

    def timeline(
        self, device: Device, since: float | None = None, until: float | None = None, camera: int | None = None
    ) -> Deferred[Timeline | None]:
        """The recordings of a terminal by camera, with the gaps; None where it has sent no list."""
        return self.playlists.timeline(device, since, until, camera)

    def refresh_timeline(self, device: Device, owner: str) -> Deferred[Command]:
        """Ask a Jimi camera for its list. Fails with :class:`UploadRefused`."""
        return self.playlists.refresh(device, owner)

    # -- files --------------------------------------------------------------------------------------------------------

    def media(self, id: int) -> Deferred[Media]:
        """A file. Fails with :class:`UploadRefused` where there is none."""
        return Deferred.fromCoroutine(self.library.get(id))

    def find(self, query: MediaQuery) -> Deferred[list[Media]]:
        """The files that are wanted, the newest first."""
        return self._store.find_media(query)

    def alarms(self, device: str | None = None, **choice: Any) -> Deferred[list[MediaAlarm]]:
        """Alarms that have files; see :meth:`IStore.media_alarms`."""
        return self._store.media_alarms(device, **choice)

    def alarm(self, id: int) -> Deferred[tuple[MediaAlarm, list[Media]]]:
        """An alarm and its files. Fails with :class:`UploadRefused` where there is none."""

        async def look() -> tuple[MediaAlarm, list[Media]]:
            alarm = await self._store.media_alarm(id)
            if alarm is None:
                raise UploadRefused(f"there is no alarm {id} that has files", "gone")
            return alarm, await self.library.files_of(id)

        return Deferred.fromCoroutine(look())

    def read(self, media: Media, offset: int, length: int) -> Deferred[bytes]:
        """Bytes of a stored file. Fails with :class:`UploadRefused`."""
        return Deferred.fromCoroutine(self.library.read(media, offset, length))

    def protect(self, id: int, protected: bool) -> Deferred[Media]:
        """Keep a file whatever its age, or not any more."""

        def how(media: Media) -> bool:
            changed, media.protected = media.protected is not protected, protected
            return changed

        return self.library.change(id, how)

    def delete(self, id: int, who: str) -> Deferred[Media]:
        """Delete the content of a file. What is known of it stays. Fails with :class:`UploadRefused` for one that is
        protected, or has no content."""

        async def delete() -> Media:
            media = await self.library.get(id)
            if media.protected:
                raise UploadRefused(f"the file {id} is protected; take that off first", "wrong")
            if not await self.library.remove(media, f"{who} deleted it"):
                raise UploadRefused(f"the file {id} is {media.state}: there is nothing to delete", "wrong")
            return await self.library.get(id)

        return Deferred.fromCoroutine(delete())

    # -- asking -------------------------------------------------------------------------------------------------------

    def fetch(self, id: int, owner: str) -> Deferred[Media]:
        """Ask for a file that did not come, was given up or deleted. Fails with :class:`UploadRefused`."""

        async def ask() -> Media:
            media = await self.library.get(id)
            if media.state in (MediaState.STORED, MediaState.ARRIVING):
                raise UploadRefused(f"the file {id} is {media.state} already", "wrong")
            self._log.info("{owner} asks for the file {name}", owner=owner, name=media.name or id)
            return await self.ladder.want(media)

        return Deferred.fromCoroutine(ask())

    def clip(
        self, device: Device, time: float, cameras: Sequence[int], owner: str, seconds: int | None = None
    ) -> Deferred[list[Media]]:
        """Ask for a clip of this moment (UTC) from each camera (1 road, 2 cabin), as long as ``seconds`` says (10 to
        60) or the camera is set to. Fires with the files once the store knows. Fails with :class:`UploadRefused`."""

        async def ask() -> list[Media]:
            self._check_clip(device, time, cameras, seconds)
            await self.ladder.check_budget(device.id)
            details = {"owner": owner, **({} if seconds is None else {"seconds": seconds})}
            files: dict[int, Media] = {}
            now = self._reactor.seconds()
            # One after the other, the road first: what is asked for first may be on its way before the next is known.
            for camera in sorted({*cameras}):
                media = Media(
                    device.id, kind="video", source=Source.COMMAND, camera=camera, taken=time, announced=now,
                    state=MediaState.MISSING, why="it is about to be asked for", details=details,
                )  # fmt: skip
                await self._store.save_media(media)
                files[camera] = await self.ladder.want(media)
            return [files[camera] for camera in dict.fromkeys(cameras)]

        return Deferred.fromCoroutine(ask())

    def _check_clip(self, device: Device, time: float, cameras: Sequence[int], seconds: int | None) -> None:
        if device.protocol == "jt808":
            why = "clips of JT/T 808 terminals are brought to an FTP server; give the command 0x9206 with its address"
            raise UploadRefused(why, "wrong")
        if not cameras or not set(cameras) <= {1, 2}:
            raise UploadRefused(f"the cameras are {list(cameras)}; there are 1 (road) and 2 (cabin)", "wrong")
        if seconds is not None and not _SHORTEST_CLIP <= seconds <= _LONGEST_CLIP:
            right = f"{_SHORTEST_CLIP} to {_LONGEST_CLIP}"
            raise UploadRefused(f"a clip of {seconds} s; a camera cuts {right} s", "wrong")
        if not 0 < time <= self._reactor.seconds() + 60:
            raise UploadRefused("the time of a clip lies in the past", "wrong")
        if self.rules.zone(device.id) is None:
            why = (
                "the zone of its file names is not known yet; set it (minutes east of UTC), or wait for its first alarm"
            )
            raise UploadRefused(f"{device.id}: {why}", "wrong")

    def budget(self, device: Device) -> Deferred[Budget]:
        """What a terminal may be asked for this month, and has sent."""
        rule, settings = self.rules.of(device.id), self.settings
        limit = rule.budget if rule.budget is not None else settings.budget or None
        month = month_of(self._reactor.seconds())

        def made(usage: Any) -> Budget:
            fetch = settings.fetch if rule.fetch is None else rule.fetch
            zone = self.rules.zone(device.id)
            return Budget(device.id, month, limit, usage.asked, usage.received, usage.files, fetch, zone, rule)

        return self._store.usage(device.id, month).addCallback(made)

    def set_rule(self, device: Device, **changes: Any) -> Deferred[MediaRule]:
        """Say what holds for the files of one terminal: ``budget``, ``fetch``, ``zone``."""
        return self.rules.change(device.id, **changes)

    # -- attachments (T/JSATL12) --------------------------------------------------------------------------------------

    def attachment_list(self, phone: str, number: str, files: Sequence[tuple[str, int]]) -> Deferred[MediaAlarm]:
        """A terminal names the attachments of an alarm (0x1210); see :meth:`Attachments.listed`."""
        return self.attachments.listed(phone, number, files)

    # -- figures ------------------------------------------------------------------------------------------------------

    def stats(self) -> dict[str, dict[str, Any]]:
        """Counters and gauges: section, name, value."""
        counters = attrs.asdict(self.counters)
        refused = counters.pop("refused")
        gauges = {
            "on their way in": len(self.desk.open),
            "bytes on their way in": self.keeping.coming,
            "bytes kept": self.keeping.total,
            "terminals with files": len(self.keeping.sizes),
            "not told yet": len(self.library.untold) + len(self.library.untold_alarms),
            "last error": self._vault.last_error(),
        }
        named = {name.replace("_", " "): value for name, value in counters.items()}
        return {
            "uploads": gauges
            | self.ladder.stats()
            | named
            | {f"refused, {code}": count for code, count in refused.items()}
        }


__all__ = [
    "OWNER",
    "PRUNE_INTERVAL",
    "Arrival",
    "Budget",
    "Links",
    "Told",
    "UploadCounters",
    "UploadRefused",
    "UploadSettings",
    "Uploads",
]
