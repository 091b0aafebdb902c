"""How much is kept, and of whom: quotas, room on the disk, and what goes when there is too much or it is too old."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from jimigw.model.media import Media
from jimigw.store.interface import IStore, StoreError
from jimigw.vault.interface import IVault, VaultError

from .settings import UploadRefused, UploadSettings

LOOK_AT_ROOM = 5.0
"""Seconds between two looks at the room on the disk while files come in."""
_AT_ONCE = 100
_DAY = 86_400.0
FORGET_AFTER = 400.0 * _DAY
"""Seconds after which it is forgotten that there was a file which is gone."""


class Keeping:
    """Knows how much there is. ``remove`` deletes one file, and says whether it is gone."""

    _log = Logger()

    def __init__(
        self,
        vault: IVault,
        store: IStore,
        reactor: Any,
        settings: Callable[[], UploadSettings],
        remove: Callable[[Media, str], Awaitable[bool]],
    ) -> None:
        self._vault, self._store, self._reactor, self._settings = vault, store, reactor, settings
        self._remove = remove
        #: bytes that the vault has, by terminal
        self.sizes: dict[str, int] = {}
        self.total = 0
        #: bytes of files that are on their way in
        self.coming = 0
        #: more is kept than there should be, and all of it is protected
        self.full = False
        self._free: int | None = None
        self._come_since = 0
        self._looking = False
        self._looked = float("-inf")
        self._pruning: Deferred[None] | None = None

    async def start(self) -> None:
        """Learn how much there is."""
        self.sizes = await self._store.media_sizes()
        self.total = sum(self.sizes.values())
        self.look_at_room()

    # -- while files come in ------------------------------------------------------------------------------------------

    def check(self, device: str | None, size: int, more: int) -> None:
        """Whether a file may grow to ``size`` by ``more`` bytes.

        :raises UploadRefused: it is too large, or there is no room.
        """
        settings = self._settings()
        if size > settings.max_bytes:
            raise UploadRefused(
                f"the file is longer than {settings.max_bytes} bytes, which is uploads.max_bytes", "limit"
            )
        if device is not None and settings.max_device_bytes:
            kept = self.sizes.get(device, 0)
            if kept + size > settings.max_device_bytes:
                raise UploadRefused(
                    f"{device} has {kept} bytes here; {settings.max_device_bytes} is uploads.max_device_bytes",
                    "limit",
                    3600,
                )
        if self.full:
            raise UploadRefused("all room for files is taken by protected ones", "room", 600)
        if self._free is not None and settings.min_free_bytes:
            left = self._free - self._come_since - more
            if left < settings.min_free_bytes:
                self.look_at_room()
                raise UploadRefused("the disk has no room for more files", "room", 60)
        if self._reactor.seconds() - self._looked > LOOK_AT_ROOM:
            self.look_at_room()

    def came(self, more: int) -> None:
        """So many bytes of a file have come in."""
        self.coming += more
        self._come_since += more

    def ended(self, size: int) -> None:
        """A file of so many bytes is on its way no more."""
        self.coming -= size

    def look_at_room(self) -> None:
        """Ask how much room there is; :meth:`check` goes by the last answer."""
        if self._looking:
            return
        self._looking, self._looked = True, self._reactor.seconds()
        before = self._come_since

        def told(room: Any) -> None:
            self._free = None if room is None else room.free
            # What came meanwhile may be counted twice: that errs on the safe side, until the next look.
            self._come_since -= before

        def over(_: object) -> None:
            self._looking = False

        self._vault.room().addCallbacks(told, lambda _: None).addBoth(over)

    # -- what there is ------------------------------------------------------------------------------------------------

    def added(self, device: str, size: int) -> None:
        """A file is kept now."""
        self.sizes[device] = self.sizes.get(device, 0) + size
        self.total += size
        if self._over():
            self.prune()

    def removed(self, device: str, size: int) -> None:
        """A file is gone."""
        left = self.sizes.get(device, 0) - size
        if left > 0:
            self.sizes[device] = left
        else:
            self.sizes.pop(device, None)
        self.total -= size
        self.full = False

    def _over(self) -> bool:
        most = self._settings().max_total_bytes
        return bool(most) and self.total > most

    def prune(self) -> Deferred[None]:
        """Let go what is too old or too much; never fails. One at a time."""
        if self._pruning is not None:
            return self._pruning
        done: Deferred[None] = Deferred()
        self._pruning = done

        def over(_: object) -> None:
            self._pruning = None
            done.callback(None)

        def failed(failure: Any) -> None:
            failure.trap(StoreError, VaultError)
            self._log.error("old files stay: {error}", error=failure.getErrorMessage())

        Deferred.fromCoroutine(self._prune()).addErrback(failed).addErrback(
            lambda failure: self._log.failure("old files stay", failure)
        ).addBoth(over)
        return done

    async def _prune(self) -> None:
        settings, now = self._settings(), self._reactor.seconds()
        if settings.retention_days:
            before = now - settings.retention_days * _DAY
            await self._remove_while(before, lambda: True, f"it is older than {settings.retention_days:g} days")
        if self._over():
            await self._remove_while(now + _DAY, self._over, "the newer files need its room")
        self.full = self._over()
        await self._store.prune_media(now - max(FORGET_AFTER, settings.retention_days * _DAY))

    async def _remove_while(self, before: float, go_on: Callable[[], bool], why: str) -> None:
        while go_on():
            oldest = await self._store.oldest_media(before, _AT_ONCE)
            gone = 0
            for media in oldest:
                if not go_on():
                    return
                gone += await self._remove(media, why)
            if not gone:
                return

    def stop(self) -> Deferred[None]:
        """Wait until nothing is being let go."""
        return self._pruning or succeed(None)
