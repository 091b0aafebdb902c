"""Lists of the recordings on terminals' cards (JC261/JC400 V1.3.5, 6.2): kept, told where they differ, asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from jimigw.gateway.catalogue import CommandRefused
from jimigw.gateway.commands import Commands
from jimigw.model.command import Command
from jimigw.model.device import Device
from jimigw.model.media import Playlist
from jimigw.store.interface import IStore, StoreError

from .locks import Locks
from .settings import UploadCounters, UploadRefused
from .telling import NotTold, Teller
from .timeline import Timeline, playlist_of, timeline_of
from .zones import Rules

Aside = Callable[[Callable[[], Any]], Deferred[Any]]
"""Does something pure that takes long, and fires with what comes of it: 50,000 names take a tenth of a second."""


def at_once(work: Callable[[], Any]) -> Deferred[Any]:
    """Here and now."""
    return succeed(work())


class Playlists:
    """The lists of all terminals. ``aside`` reads them without holding anybody up."""

    def __init__(
        self,
        store: IStore,
        rules: Rules,
        teller: Teller,
        commands: Commands,
        reactor: Any,
        counters: UploadCounters,
        aside: Aside,
    ) -> None:
        self._aside = aside
        self._store, self._rules, self._teller, self._commands = store, rules, teller, commands
        self._reactor, self._counters = reactor, counters
        self._locks = Locks()

    def came(self, device: Device, names: Sequence[str]) -> Deferred[bool]:
        """A terminal sent the list of its recordings. Fires once it is stored, with whether it is another one than
        before; then its record is in the journal too. Fails with :class:`UploadRefused`."""

        async def take() -> bool:
            now = self._reactor.seconds()
            playlist: Playlist = await self._aside(lambda: playlist_of(device.id, names, now))
            try:
                before = await self._store.playlist(device.id)
                fresh = before is None or before.digest != playlist.digest
                if fresh:
                    await self._tell(playlist)
                await self._store.save_playlist(playlist)
            except (StoreError, NotTold) as error:
                raise UploadRefused(str(error).rstrip("."), "failed", 60) from None
            self._counters.playlists += 1
            return fresh

        return self._locks.run(device.id, take)

    async def _tell(self, playlist: Playlist) -> None:
        zone = self._rules.zone(playlist.device)
        found: Timeline = await self._aside(lambda: timeline_of(playlist, zone))
        recordings = [each for track in found.tracks for each in track.recordings]
        first = min((each.begins for each in recordings), default=0.0)
        last = max((each.ends for each in recordings), default=0.0)
        known = found.zone is not None
        await self._teller.playlist(playlist, len(recordings), first if known else 0.0, last if known else 0.0)

    def timeline(
        self, device: Device, since: float | None = None, until: float | None = None, camera: int | None = None
    ) -> Deferred[Timeline | None]:
        """The recordings of a terminal by camera, with the gaps; None where it has sent no list."""

        async def look() -> Timeline | None:
            playlist = await self._store.playlist(device.id)
            if playlist is None:
                return None
            zone = self._rules.zone(device.id)
            found: Timeline = await self._aside(lambda: timeline_of(playlist, zone, since, until, camera))
            return found

        return Deferred.fromCoroutine(look())

    def refresh(self, device: Device, owner: str) -> Deferred[Command]:
        """Ask a Jimi camera for its list. Fails with :class:`UploadRefused`."""
        if device.protocol == "jt808":
            why = "terminals of JT/T 808 tell their recordings by the answer to 0x9205; give that command"
            return fail(UploadRefused(why, "wrong"))
        giving = self._commands.give_text(device.id, "FILELIST", owner=owner, purpose="timeline")
        return giving.addErrback(_refused)


def _refused(failure: Failure) -> Any:
    refusal = failure.value
    if not isinstance(refusal, CommandRefused):
        return failure
    raise UploadRefused(refusal.message, "limit" if refusal.code == "full" else "wrong")
