"""The edge where terminals of JT/T 808 bring the attachments of alarms (T/JSATL12): from the session to files.

One connection does one thing after the other, in the order in which it was said: while a list is looked up, the disk is
behind, or a file is being made safe, nothing more is read. A file is said to be complete once it is safe and known, and
not before.

    session ──Listed──▶ attachment_list ──▶ 0x8001
            ──FileBegins──▶ begin ─▶ Arrival ──▶ 0x8001
            ──Piece──▶ Arrival.write_at
            ──FileEnds──▶ gaps? 0x9212 asks for them : Arrival.finish ──▶ 0x9212

What cannot be taken is refused (0x8001, result 1), the other files go on. Where that is our own fault, or there is no
room, the connection is closed instead: the terminal comes again, and names what is still missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from jimigw.gateway.uploads import Told, UploadRefused
from jimigw.model.device import Device
from jimigw.model.file_names import parse_name
from jimigw.model.media import Media, MediaAlarm, Source
from jimigw.protocols.events import Close, Send
from jimigw.protocols.jt808.attachment_events import Event, FileBegins, FileEnds, Listed, Piece
from jimigw.protocols.jt808.attachments import AttachmentSession
from jimigw.protocols.jt808.fragments import Budget

from .connections import Complain, Connection, Connections, EdgeCounters, Limits

MOST_ALARMS = 64
"""Alarms whose files one connection brings; the oldest is forgotten for one more."""

MOST_REFUSALS = 10
"""Lists of one connection that are looked up in vain."""

_LISTS_BYTES = 16 << 20

_OURS = frozenset({"failed", "room"})
"""Codes of refusals that are no fault of the terminal."""


class Arrival(Protocol):
    """A file on its way in; see :class:`jimigw.gateway.media.arrival.Arrival`."""

    def named(self, name: str) -> None: ...

    def write_at(self, offset: int, data: bytes) -> Deferred[None] | None: ...

    def abort(self, why: str) -> None: ...

    def finish(self, told: Told) -> Deferred[Media]: ...


class Taking(Protocol):
    """What the edge needs of :class:`jimigw.gateway.uploads.Uploads`."""

    settings: Any

    def attachment_list(self, phone: str, number: str, files: Sequence[tuple[str, int]]) -> Deferred[MediaAlarm]: ...

    def whose(self, *names: str | None) -> Device: ...

    def begin(self, peer: str, device: Device | None = None) -> Arrival: ...


@attrs.define
class AttachmentCounters(EdgeCounters):
    """What came of lists and files: ``refills`` is how often bytes were asked for again, ``broken_off`` counts files
    that a connection took with it."""

    lists: int = 0
    lists_refused: int = 0
    files: int = 0
    files_refused: int = 0
    files_stored: int = 0
    refills: int = 0
    broken_off: int = 0


@attrs.define(eq=False)
class _File:
    """A file that has begun: of which alarm, and since when."""

    arrival: Arrival
    alarm: MediaAlarm
    since: float


class AttachmentLink(Connection):
    """One connection of a terminal."""

    _log = Logger()

    def __init__(self, factory: AttachmentFactory, session: AttachmentSession, address: IAddress) -> None:
        super().__init__(factory, address)
        self.factory: AttachmentFactory = factory
        self.session = session
        self._todo: deque[Event] = deque()
        #: whether the last event is not done yet
        self._waiting = False
        #: the file that is being made safe
        self._finishing: str | None = None
        self._alarms: dict[str, tuple[MediaAlarm, Device]] = {}
        self._files: dict[str, _File] = {}
        self._left = False
        #: a list was taken
        self._known = False
        self._refusals = 0

    # -- what comes in ------------------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        self.heard = now = self.factory.seconds()
        self.factory.counters.bytes_in += len(data)
        if self.alive:
            self._todo.extend(self.session.receive(data, now))
            self._work()

    def _work(self) -> None:
        """Do what is to be done, one thing after the other."""
        while self._todo and self.alive and not self._waiting and not self._left:
            event = self._todo.popleft()
            try:
                waited = self._do(event)
            except UploadRefused as refusal:
                self._refuse(event, refusal)
                continue
            if waited is not None:
                self._wait(event, waited)

    def _wait(self, event: Event, waited: Deferred[Any]) -> None:
        """Read nothing more until this is over."""
        self._waiting = True
        transport: Any = self.transport
        transport.pauseProducing()
        waited.addErrback(self._failed, event)
        waited.addBoth(self._go_on)

    def _go_on(self, _: object) -> None:
        self._waiting = False
        self.heard = self.factory.seconds()
        self._work()
        transport: Any = self.transport
        if not self._waiting and self.alive and not self._left:
            transport.resumeProducing()

    def _failed(self, failure: Failure, event: Event) -> None:
        refusal = failure.value
        if not isinstance(refusal, UploadRefused):
            self._log.failure("an attachment from {address}", failure, address=self.address)
            refusal = UploadRefused("an error of the gateway", "failed")
        if not self._left:
            self._refuse(event, refusal)

    def _refuse(self, event: Event, refusal: UploadRefused) -> None:
        """What this event wants cannot be done."""
        counters = self.factory.counters
        what = "a list of attachments" if isinstance(event, Listed) else getattr(event, "name", "")
        self.factory.complain(
            self._log.warn,
            "{what} of {phone} is refused: {why} (from {address})",
            kind=("attachment", self.session.phone, refusal.code),
            what=what,
            phone=self.session.phone,
            why=refusal,
            address=self.address,
        )
        if isinstance(event, Listed):
            counters.lists_refused += 1
            self._alarms.pop(event.number, None)
            for name, _size in event.files:
                self._abort_file(name, str(refusal))
            if refusal.code not in _OURS:
                self._send(self.session.refuse(event))
            self._refusals += 1
            if self._refusals >= MOST_REFUSALS:
                self.disconnect(f"{self._refusals} of its lists were refused")
        elif isinstance(event, FileBegins | Piece | FileEnds):
            counters.files_refused += 1
            self._abort_file(event.name, str(refusal))
            self.session.drop(event.name)
            if isinstance(event, FileBegins | FileEnds) and refusal.code not in _OURS:
                self._send(self.session.refuse(event))
        if refusal.code in _OURS:
            self.disconnect(f"attachments cannot be taken now: {refusal}")

    def _do(self, event: Event) -> Deferred[Any] | None:
        """Do what an event says; a Deferred where that takes time.

        :raises UploadRefused: it cannot be done.
        """
        if isinstance(event, Piece):
            file = self._files.get(event.name)
            return None if file is None else file.arrival.write_at(event.offset, event.data)
        if isinstance(event, Listed):
            return self._listed(event)
        if isinstance(event, FileEnds):
            return self._ends(event)
        if isinstance(event, FileBegins):
            self._begins(event)
        elif isinstance(event, Send):
            self._send(event.data)
        elif isinstance(event, Close):
            self.factory.counters.closed_by_session += 1
            self.disconnect(event.reason)
        return None

    # -- lists and files ----------------------------------------------------------------------------------------------

    def _listed(self, event: Listed) -> Deferred[Any]:
        self.factory.counters.lists += 1
        listing = self.factory.uploads.attachment_list(event.phone, event.number, event.files)

        def known(alarm: MediaAlarm) -> None:
            if len(self._alarms) >= MOST_ALARMS:
                del self._alarms[next(iter(self._alarms))]
            self._known = True
            self._alarms[event.number] = alarm, self.factory.uploads.whose(alarm.device, event.phone)
            self._send(self.session.accept(event))

        return listing.addCallback(known)

    def _begins(self, event: FileBegins) -> None:
        now = self.factory.seconds()
        if event.name not in self._files or event.fresh:
            self._abort_file(event.name, "the terminal begins it anew")
            known = self._alarms.get(event.number)
            if known is None:
                raise UploadRefused("the list that names it was not taken", "unknown")
            most = self.factory.uploads.settings.max_bytes
            if event.size > most:
                raise UploadRefused(f"the file has {event.size} bytes; {most} is uploads.max_bytes", "limit")
            arrival = self.factory.uploads.begin(self.address, known[1])
            self._files[event.name] = _File(arrival, known[0], now)
            arrival.named(event.name)
            self.factory.counters.files += 1
        self._send(self.session.accept(event))

    def _ends(self, event: FileEnds) -> Deferred[Any] | None:
        session = self.session
        if session.is_complete(event.name):
            self._send(session.complete(event))
            return None
        file = self._files.get(event.name)
        if file is None:
            self._send(session.refuse(event))
            return None
        if event.hopeless:
            raise UploadRefused("bytes of it are missing, and it was asked for them too often", "wrong")
        if event.missing:
            self.factory.counters.refills += 1
            self._send(session.refill(event))
            return None
        return self._finish(event, file)

    def _finish(self, event: FileEnds, file: _File) -> Deferred[Any]:
        told = Told(
            event.name,
            source=Source.ATTACHMENT,
            alarm=file.alarm.id,
            camera=parse_name(event.name).channel,
            taken=file.alarm.time,
            details={"type": event.type, "number": event.number},
        )

        def stored(_: Media) -> None:
            self._files.pop(event.name, None)
            self.factory.counters.files_stored += 1
            self._send(self.session.complete(event))

        def over(result: Any) -> Any:
            self._finishing = None
            return result

        self._finishing = event.name
        return file.arrival.finish(told).addBoth(over).addCallback(stored)

    def _abort_file(self, name: str, why: str) -> None:
        file = self._files.pop(name, None)
        if file is not None:
            file.arrival.abort(why)

    # -- what goes out, and when it is over ---------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        transport: Any = self.transport
        if data and self.alive and transport.connected:
            self.factory.counters.bytes_out += len(data)
            transport.write(data)

    @property
    def dropped(self) -> int:
        return self.session.dropped

    def sweep(self, now: float) -> None:
        limits, counters, session = self.factory.limits, self.factory.counters, self.session
        if self._waiting or not self.alive:
            return
        if session.deadline is not None and now >= session.deadline:
            self._todo.extend(session.expire(now))
            self._work()
        if not self._known and now - self.since >= limits.login_timeout:
            counters.login_timeouts += 1
            self.disconnect(f"no list of attachments within {limits.login_timeout:g} s")
        elif limits.idle_timeout and now - self.heard >= limits.idle_timeout:
            counters.idle_timeouts += 1
            self.disconnect(f"nothing heard for {limits.idle_timeout:g} s")
        elif any(now - file.since >= self.factory.transfer_timeout for file in self._files.values()):
            self.disconnect(f"a file is not complete after {self.factory.transfer_timeout:g} s")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.session.close()

    def leave(self, reason: str, now: float) -> None:
        """Nothing more is taken: what is not complete is given up, but for a file that is being made safe."""
        self._left = True
        self._todo.clear()
        for name in [name for name in self._files if name != self._finishing]:
            self.factory.counters.broken_off += 1
            self._abort_file(name, reason)


class AttachmentFactory(Connections[AttachmentLink]):
    """The port's connections. ``transfer_timeout`` is the time for one file, in seconds."""

    def __init__(
        self,
        reactor: IReactorTime,
        uploads: Taking,
        limits: Limits,
        complain: Complain,
        make_session: Callable[[], AttachmentSession] | None = None,
        transfer_timeout: float = 3600.0,
    ) -> None:
        super().__init__("attachments", reactor, limits, complain)
        self.uploads, self.transfer_timeout = uploads, transfer_timeout
        self.counters: AttachmentCounters = AttachmentCounters()
        #: what all terminals together may keep of lists that are not complete
        budget = Budget(max_bytes=_LISTS_BYTES)
        self._make_session = make_session or (lambda: AttachmentSession(budget=budget))

    def make(self, address: IAddress) -> AttachmentLink:
        return AttachmentLink(self, self._make_session(), address)
