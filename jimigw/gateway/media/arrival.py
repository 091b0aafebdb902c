"""Files on their way in: how many at once, how fast, how large."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail

from jimigw.model.device import Device
from jimigw.model.media import Media
from jimigw.vault.interface import IVault, VaultError

from .keeping import Keeping
from .settings import Told, UploadCounters, UploadRefused, UploadSettings

MOST_WAITING = 8 << 20
"""Bytes of one transfer that wait for the disk before its sender has to, while there are few: enough for the network,
the disk and the MD5 to work side by side."""
LEAST_WAITING = 256 << 10
"""The same while there are many."""
ALL_WAITING = 64 << 20
"""Bytes of all transfers that wait, as long as each has that little."""
_HOUR = 3600.0


class Taker(Protocol):
    """Takes files that have come in; see :class:`.library.Library`."""

    def take(self, device: Device, told: Told, incoming: Any) -> Deferred[Media]: ...

    def arriving(self, device: Device, name: str) -> Deferred[int | None]: ...

    def broke_off(self, id: int, why: str) -> None: ...


class Desk:
    """All transfers. ``settings`` gives those of now."""

    def __init__(
        self,
        vault: IVault,
        keeping: Keeping,
        taker: Taker,
        reactor: Any,
        counters: UploadCounters,
        settings: Callable[[], UploadSettings],
    ) -> None:
        self.vault, self.keeping, self.taker, self.counters = vault, keeping, taker, counters
        self.settings, self.reactor = settings, reactor
        self.open: set[Arrival] = set()
        self.by_device: Counter[str] = Counter()
        #: files that each has sent in the hour that is running
        self._sent: Counter[str] = Counter()
        self._hour = 0
        self.closed = False
        self._idle: Deferred[None] | None = None

    def begin(self, peer: str, device: Device | None, limited: bool = True) -> Arrival:
        """A transfer begins. One that is not ``limited`` is in the journal already, and comes from there.

        :raises UploadRefused: there are too many, or there is no room.
        """
        if self.closed:
            raise self.refused("the service ends", "failed", 30)
        if limited and len(self.open) >= self.settings().max_transfers:
            raise self.refused(f"{len(self.open)} files are on their way in; more are taken later", "limit", 30)
        try:
            self.keeping.check(None, 0, 0)
            incoming = self.vault.begin()
        except VaultError as error:
            raise self.refused(str(error), "failed", 60) from None
        except UploadRefused as refusal:
            self.counters.refuse(refusal.code)
            raise
        arrival = Arrival(self, incoming, peer)
        self.open.add(arrival)
        self.counters.begun += 1
        if device is not None:
            try:
                arrival.belongs_to(device, limited)
            except UploadRefused:
                arrival.abort("it was refused")
                raise
        return arrival

    @property
    def most_waiting(self) -> int:
        """Bytes of one transfer that may wait for the disk."""
        return min(MOST_WAITING, max(LEAST_WAITING, ALL_WAITING // max(1, len(self.open))))

    def count(self, device: str) -> None:
        """A terminal sends one more file.

        :raises UploadRefused: it has sent as many as it may in an hour.
        """
        most, hour = self.settings().max_files_per_hour, int(self.reactor.seconds() // _HOUR)
        if hour != self._hour:
            self._hour = hour
            self._sent.clear()
        if most and self._sent[device] >= most:
            wait = (hour + 1) * _HOUR - self.reactor.seconds()
            raise self.refused(
                f"{device} has sent {most} files in this hour; uploads.max_files_per_hour", "limit", wait
            )
        self._sent[device] += 1

    def refused(self, why: str, code: str, retry_after: float | None = None) -> UploadRefused:
        """A refusal, counted."""
        self.counters.refuse(code)
        return UploadRefused(why, code, retry_after)

    def close(self) -> Deferred[None]:
        """The service ends: nothing more comes in. Fires when what has come in is kept."""
        self.closed = True
        for arrival in list(self.open):
            if not arrival.finishing:
                arrival.abort("the service ends")
        self._idle = Deferred()
        self.ended()
        return self._idle

    def ended(self) -> None:
        """A transfer is over."""
        if self._idle is not None and not self.open and not self._idle.called:
            self._idle.callback(None)


class Arrival:
    """One transfer on its way in. Either :meth:`finish` or :meth:`abort` ends it."""

    def __init__(self, desk: Desk, incoming: Any, peer: str) -> None:
        self._desk, self._incoming, self.peer = desk, incoming, peer
        self.device: Device | None = None
        self._ended = False
        self.finishing = False
        self._counted = 0
        self._marked: int | None = None

    @property
    def size(self) -> int:
        """Bytes that have come so far."""
        return int(self._incoming.size)

    def belongs_to(self, device: Device, limited: bool = True) -> None:
        """It is this terminal's.

        :raises UploadRefused: the terminal has as many transfers, files or bytes as it may have.
        """
        if self.device is device:
            return
        desk, most = self._desk, self._desk.settings().max_transfers_per_device
        if limited and desk.by_device[device.id] >= most:
            raise desk.refused(
                f"{most} files of {device.id} are on their way in; uploads.max_transfers_per_device", "limit", 30
            )
        if limited:
            desk.count(device.id)
        self._check(device, self.size, 0)
        self.device = device
        desk.by_device[device.id] += 1

    def named(self, name: str) -> None:
        """This is its name, which its device may have announced: it is arriving now."""
        device = self.device
        if device is None or self._marked is not None or self._ended:
            return

        def marked(id: int | None) -> None:
            self._marked = id
            if self._ended and id is not None and not self.finishing:
                self._desk.taker.broke_off(id, "the transfer was broken off")

        self._desk.taker.arriving(device, name).addCallbacks(marked, lambda _: None)

    def write(self, data: bytes) -> Deferred[None] | None:
        """Add to the end. None: go on. A Deferred: give no more until it fires; it fails with :class:`UploadRefused`.

        :raises UploadRefused: it is too long, or there is no room.
        """
        return self._put(lambda: self._incoming.write(data), self.size + len(data), len(data))

    def write_at(self, offset: int, data: bytes) -> Deferred[None] | None:
        """Put a piece in its place; otherwise as :meth:`write`."""
        end = offset + len(data)
        return self._put(lambda: self._incoming.write_at(offset, data), max(self.size, end), max(0, end - self.size))

    def _put(self, put: Callable[[], None], size: int, more: int) -> Deferred[None] | None:
        if self._ended:
            raise UploadRefused("the transfer has ended", "failed")
        self._check(self.device, size, more)
        put()
        self._counted += more
        self._desk.keeping.came(more)
        most = self._desk.most_waiting
        if self._incoming.waiting <= most:
            return None
        drained: Deferred[None] = self._incoming.drained(most // 2)
        return drained.addErrback(self._not_written)

    def _check(self, device: Device | None, size: int, more: int) -> None:
        try:
            self._desk.keeping.check(None if device is None else device.id, size, more)
        except UploadRefused as refusal:
            self._desk.counters.refuse(refusal.code)
            raise

    def _not_written(self, failure: Any) -> Any:
        failure.trap(VaultError)
        raise self._desk.refused(failure.getErrorMessage(), "failed", 60)

    def abort(self, why: str) -> None:
        """It is not wanted, or was broken off: nothing is left of it. A second call does nothing."""
        if self._end():
            self._desk.counters.aborted += 1
            self._incoming.abort()
            if self._marked is not None:
                self._desk.taker.broke_off(self._marked, why)

    def finish(self, told: Told) -> Deferred[Media]:
        """All of it has come. Fires when it is safe, known, and its record is in the journal; the same content under
        the same name once more fires with the file that is there. Fails with :class:`UploadRefused`."""
        device = self.device
        if device is None or self._ended:
            self.abort("nobody said whose it is")
            return fail(UploadRefused("nobody said whose file it is", "wrong"))
        self.finishing = True
        taking = self._desk.taker.take(device, told, self._incoming)

        def over(result: Any) -> Any:
            self._end()
            if not isinstance(result, Media) and self._marked is not None:
                self._desk.taker.broke_off(self._marked, "it could not be stored")
            return result

        def failed(failure: Any) -> Any:
            if failure.check(UploadRefused):
                self._desk.counters.refuse(failure.value.code)
            return failure

        return taking.addErrback(failed).addBoth(over)

    def _end(self) -> bool:
        if self._ended:
            return False
        self._ended = True
        desk = self._desk
        desk.open.discard(self)
        desk.keeping.ended(self._counted)
        if self.device is not None:
            desk.by_device[self.device.id] -= 1
            if not desk.by_device[self.device.id]:
                del desk.by_device[self.device.id]
        desk.ended()
        return True
