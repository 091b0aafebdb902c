"""Files that have come in: whose they are, what they belong to; kept, stored, told. One at a time for each terminal.

    take ─▶ vault.finish ─▶ there already? ─▶ what is it? (tying) ─▶ vault.keep ─▶ store: STORED ─▶ journal ─▶ told
                                 └─▶ the file that is there

A crash before the store has it leaves something in the vault that nobody knows: it is cleared away at the start. After
it the record is made at the start. What a sender was answered is in vault, store and journal.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Coroutine
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from jimigw.model.device import Device
from jimigw.model.file_names import parse_name
from jimigw.model.media import Media, MediaAlarm, MediaQuery, MediaState, Tie, Usage
from jimigw.store.interface import IStore, StoreError
from jimigw.vault.interface import IVault, NotThere, VaultError, VaultFull, Whole

from .describing import check, describe, month_of
from .keeping import Keeping
from .locks import Locks
from .settings import Told, UploadCounters, UploadRefused
from .telling import NotTold, Teller
from .tying import Place, Tying
from .zones import Rules

_MOST_VARIANTS = 100
MOST_ORPHANS = 100
"""Files that a crash may leave in the vault without the store; more are not deleted."""
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
_WRONG_NAMES = frozenset({".", ".."})


class Library:
    """Everything that changes a file goes through here. ``on_stored`` hears of each file that was stored."""

    _log = Logger()

    def __init__(
        self, vault: IVault, store: IStore, teller: Teller, rules: Rules, reactor: Any, counters: UploadCounters
    ) -> None:
        self.vault, self.store, self.teller, self.rules = vault, store, teller, rules
        self._reactor, self.counters = reactor, counters
        self.locks = Locks()
        self.keeping: Keeping  # given after both are made
        self._tying = Tying(store)
        self.on_stored: Callable[[Media], object] = lambda media: None
        #: files and alarms whose last end is not in the journal yet, by id
        self.untold: set[int] = set()
        self.untold_alarms: set[int] = set()

    # -- a file comes -------------------------------------------------------------------------------------------------

    def take(self, device: Device, told: Told, incoming: Any) -> Deferred[Media]:
        """Keep a file that has come in. Fires once it is safe and told; fails with :class:`UploadRefused`."""
        return Deferred.fromCoroutine(self._take(device, told, incoming))

    async def _take(self, device: Device, told: Told, incoming: Any) -> Media:
        try:
            check(told, incoming)
            # Half of a surrogate pair is not kept by any database: what is looked for has to be what is stored.
            told = attrs.evolve(told, name=told.name.encode("utf-8", "replace").decode("utf-8"))
            whole = await incoming.finish()
            return await self.locks.run(device.id, lambda: self._file(device.id, told, whole, incoming))
        except Exception as error:
            incoming.abort()
            if not isinstance(error, VaultError | StoreError | NotTold):
                raise
            code = "room" if isinstance(error, VaultFull) else "failed"
            raise UploadRefused(str(error).rstrip("."), code, 60) from None

    async def _file(self, device: str, told: Told, whole: Whole, incoming: Any) -> Media:
        named = await self.store.find_media(MediaQuery(device, name=told.name, limit=1000))
        stored = [each for each in named if each.state is MediaState.STORED]
        for each in stored:
            if (each.md5, each.size) == (whole.md5, whole.size):
                incoming.abort()
                self.counters.repeated += 1
                if not each.told:
                    await self._tell(each)
                return each
        parsed, now = parse_name(told.name), self._reactor.seconds()
        taken = told.taken or self.rules.utc(device, parsed.local)
        awaited = [each for each in named if each.state is not MediaState.STORED and each.name == told.name]
        if awaited:
            place = Place(awaited[0], awaited[0].tie or Tie.NAME)
        elif stored:
            # Another content under a name that is taken: it lies beside the other, and belongs where that does.
            first = stored[-1]
            media = Media(device, source=first.source, alarm=first.alarm, command=first.command)
            place = Place(media, first.tie)
            if len(stored) >= _MOST_VARIANTS:
                raise UploadRefused(f"there are {len(stored)} files of this name already", "limit")
            media.variant = 1 + max(each.variant for each in named)
        else:
            place = await self._tying.place(device, parsed, told, taken, now)
        media = place.media
        describe(media, told, parsed, whole, taken, place.tie)
        media.key = self._key(device, parsed.extension, now)
        await self.vault.keep(incoming, media.key)
        media.move(MediaState.STORED)
        media.stored, media.told = now, False
        asked = media.size if media.attempts else 0
        usage = Usage(device, month_of(now), 1, media.size, asked)
        try:
            await self.store.save_media(media, usage)
        except StoreError:
            await self._discard(media.key)
            raise
        self.keeping.added(device, media.size)
        self.counters.stored += 1
        self.counters.stored_bytes += media.size
        try:
            await self._tell(media)
        finally:
            # Also where the journal does not take the record now: the file is there.
            self.on_stored(media)
        return media

    def _key(self, device: str, extension: str, now: float) -> str:
        folder = device if _SAFE.fullmatch(device) and device not in _WRONG_NAMES else f"x{device.encode().hex()[:60]}"
        ending = f".{extension}" if _EXTENSION.fullmatch(extension) else ""
        return f"{folder}/{month_of(now)}/{secrets.token_hex(12)}{ending}"

    async def _discard(self, key: str) -> None:
        try:
            await self.vault.delete(key)
        except VaultError as error:
            self._log.warn("{key} stays in the vault until the next start: {error}", key=key, error=error)

    def arriving(self, device: Device, name: str) -> Deferred[int | None]:
        """A file of this name is on its way in. Fires with its id if it was expected."""

        async def mark() -> int | None:
            found = await self.store.find_media(MediaQuery(device.id, name=name, limit=100))
            for media in found:
                if media.name == name and media.state in (MediaState.ANNOUNCED, MediaState.ASKED):
                    media.move(MediaState.ARRIVING, "its bytes come")
                    await self.store.save_media(media)
                    return media.id
            return None

        return self.locks.run(device.id, mark)

    def broke_off(self, id: int, why: str) -> None:
        """A file that was arriving is not any more: it is as expected as before."""

        def back(media: Media) -> bool:
            if media.state is not MediaState.ARRIVING:
                return False
            media.move(MediaState.ASKED if media.attempts else MediaState.ANNOUNCED, why)
            return True

        self.change(id, back).addErrback(lambda failure: failure.trap(StoreError, UploadRefused))

    # -- changing what is known ---------------------------------------------------------------------------------------

    def change(self, id: int, how: Callable[[Media], object]) -> Deferred[Media]:
        """Change what is known of a file, if ``how`` says that it did. Fires with it, once that is stored.

        Fails with :class:`UploadRefused` where there is none.
        """

        async def act(media: Media) -> None:
            if how(media):
                await self.store.save_media(media)

        return self._alone(id, act)

    def _alone(self, id: int, act: Callable[[Media], Coroutine[Any, Any, None]]) -> Deferred[Media]:
        """Act on a file, as it is once nothing else of its terminal is under way. Fires with it."""

        async def work() -> Media:
            media = await self.get(id)

            async def alone() -> Media:
                fresh = await self.get(id)
                await act(fresh)
                return fresh

            return await self.locks.run(media.device, alone)

        return Deferred.fromCoroutine(work())

    async def get(self, id: int) -> Media:
        """A file. :class:`UploadRefused` where there is none."""
        media = await self.store.media(id)
        if media is None:
            raise UploadRefused(f"there is no file {id}", "gone")
        return media

    async def elsewhere(self, media: Media, stored: bool) -> None:
        """A file that a terminal brought to a server of somebody else has arrived there, or has not. Called with the
        lock of its terminal."""
        now = self._reactor.seconds()
        media.move(
            MediaState.STORED if stored else MediaState.FAILED, "" if stored else "the terminal says so (0x1206)"
        )
        media.stored, media.told = now if stored else 0.0, False
        await self.store.save_media(media)
        if stored:
            self.counters.stored += 1
        else:
            self.counters.failed += 1
        await self._tell_or_later(media)

    def give_up(self, id: int, state: MediaState, why: str) -> Deferred[Media]:
        """It will not come: MISSING or FAILED. That is told; nothing happens to a file that is stored, or was given up
        before."""

        async def act(media: Media) -> None:
            if not media.waited_for or media.state is MediaState.ARRIVING:
                return
            media.move(state, why)
            media.told = False
            await self.store.save_media(media)
            if state is MediaState.MISSING:
                self.counters.missing += 1
            else:
                self.counters.failed += 1
            await self._tell_or_later(media)

        return self._alone(id, act)

    async def remove(self, media: Media, why: str) -> bool:
        """Let go the content of a stored file; whether it is gone. What is known of it stays."""

        async def alone() -> bool:
            fresh = await self.store.media(media.id)
            if fresh is None or fresh.state is not MediaState.STORED:
                return False
            key, size = fresh.key, fresh.size
            fresh.move(MediaState.DELETED, why)
            fresh.key = ""
            await self.store.save_media(fresh)
            media.state, media.why, media.key = fresh.state, why, ""
            # From here on nobody knows the key; a crash leaves it to the start to clear away.
            if key:
                self.keeping.removed(fresh.device, size)
                self.counters.deleted += 1
                await self._discard(key)
            return True

        return await self.locks.run(media.device, alone)

    async def read(self, media: Media, offset: int, length: int) -> bytes:
        """Bytes of a stored file. :class:`UploadRefused` where it is not there, or cannot be read."""
        if media.state is not MediaState.STORED or not media.key:
            raise UploadRefused(f"the file {media.id} is {media.state}: there is nothing to read", "gone")
        try:
            data: bytes = await self.vault.read(media.key, offset, length)
        except NotThere:
            raise UploadRefused(f"the file {media.id} is not there any more", "gone") from None
        except VaultError as error:
            raise UploadRefused(str(error).rstrip("."), "failed", 10) from None
        return data

    # -- telling ------------------------------------------------------------------------------------------------------

    async def _tell(self, media: Media) -> None:
        """Have the record of a file's end in the journal; :class:`NotTold` where that cannot be."""
        self.untold.add(media.id)
        alarm = await self.store.media_alarm(media.alarm) if media.alarm is not None else None
        if media.state is MediaState.STORED:
            command = await self.store.command(media.command) if media.command is not None else None
            await self.teller.upload(media, alarm, command)
        else:
            await self.teller.missing(media, alarm)
        media.told = True
        self.untold.discard(media.id)
        # If this is lost in a crash it is told once more, as everything is.
        saving = self.store.save_media(media)
        saving.addErrback(lambda failure: self._log.error("{error}", error=failure.getErrorMessage()))

    async def _tell_or_later(self, media: Media) -> None:
        try:
            await self._tell(media)
        except NotTold:
            self.counters.untold += 1

    def check_alarm(self, id: int) -> Deferred[None]:
        """Whether all files of an alarm are stored now: then that is told, once."""

        async def work() -> None:
            alarm = await self.store.media_alarm(id)
            if alarm is not None and not alarm.complete:
                await self.locks.run(alarm.device, lambda: self._check_alarm(id))

        return Deferred.fromCoroutine(work())

    async def _check_alarm(self, id: int) -> None:
        alarm = await self.store.media_alarm(id)
        if alarm is None or alarm.complete or not alarm.expected:
            return
        files = await self.files_of(id)
        stored = [each for each in files if each.state is MediaState.STORED]
        if len(stored) < alarm.expected or any(each.waited_for for each in files):
            return
        alarm.complete, alarm.told = self._reactor.seconds(), False
        await self.store.save_media_alarm(alarm)
        self.counters.complete += 1
        await self._tell_alarm(alarm, stored)

    async def files_of(self, alarm: int) -> list[Media]:
        """The files of an alarm, in the order in which they became known."""
        return (await self.store.find_media(MediaQuery(alarm=alarm, limit=1000)))[::-1]

    async def _tell_alarm(self, alarm: MediaAlarm, stored: Collection[Media]) -> None:
        self.untold_alarms.add(alarm.id)
        try:
            await self.teller.complete(alarm, stored)
        except NotTold:
            self.counters.untold += 1
            return
        alarm.told = True
        self.untold_alarms.discard(alarm.id)
        await self.store.save_media_alarm(alarm)

    async def tell_again(self) -> None:
        """Tell what the journal did not take."""
        for id in sorted(self.untold):
            media = await self.store.media(id)
            if media is None or media.told:
                self.untold.discard(id)
                continue

            async def alone(id: int = id) -> None:
                fresh = await self.store.media(id)
                if fresh is not None and not fresh.told:
                    await self._tell_or_later(fresh)

            await self.locks.run(media.device, alone)
        for id in sorted(self.untold_alarms):
            alarm = await self.store.media_alarm(id)
            if alarm is None or alarm.told:
                self.untold_alarms.discard(id)
            else:
                stored = [each for each in await self.files_of(id) if each.state is MediaState.STORED]
                await self._tell_alarm(alarm, stored)

    # -- the start ----------------------------------------------------------------------------------------------------

    async def clear(self, before: float) -> int:
        """Clear away what lies in the vault and nobody knows, put there before this time; how many there were.

        A crash leaves a few. Many are no crash: an older store was put back, and they stay until somebody has looked.
        """
        known = await self.store.media_keys()
        unknown = [item.key for item in await self.vault.items(before) if item.key not in known]
        if len(unknown) > MOST_ORPHANS:
            self._log.error(
                "{count} files in the vault are not known to the store: was an older one put back? They stay; "
                "the first is {key}",
                count=len(unknown),
                key=unknown[0],
            )
            return 0
        for key in unknown:
            await self._discard(key)
        return len(unknown)
