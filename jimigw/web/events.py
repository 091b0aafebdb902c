"""Server-sent events: the journal as a stream, from any record on, without a gap and without a repeat.

    journal ──read──▶ EventStream ──▶ connection
        └─ a commit ─▶ EventHub ──wake──▶ those that have caught up

A stream reads no further while its connection is paused, so it never holds more than one short read, whatever the other
end does. The id of an event is that of its record: whoever comes back with the last one he saw goes on behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from jimigw.journal.interface import IJournal, JournalDamaged, Record, Records

from .tokens import Tokens

BATCH = 64
"""Records of one read."""
PAUSE = 0.02
"""Seconds in which commits are gathered before streams read on."""
KEEP_ALIVE = 15.0
"""Seconds without an event after which a stream says that it is there."""
MOST_STUCK = 120.0
"""Seconds that a connection may take nothing before it is closed."""
RETRY = 3000
"""Milliseconds after which a browser comes back."""


@implementer(IPushProducer)
class EventStream:
    """One stream. ``ended`` is called once, with the reason, when it is over."""

    _log = Logger()

    def __init__(
        self,
        request: Any,
        journal: IJournal,
        reactor: Any,
        after: int,
        device: str | None,
        kinds: Collection[str] | None,
        token: str,
        ended: Callable[[EventStream], None],
    ) -> None:
        self._request, self._journal, self._reactor = request, journal, reactor
        self._after, self._device, self._kinds, self.token = after, device, kinds, token
        self._ended = ended
        #: called at the end, by whoever began it
        self.on_end: Callable[[EventStream], None] | None = None
        self._waiting: deque[Record] = deque()
        #: where the last read got to: what lies before it and is not waiting was sent, or is not wanted
        self._through = after
        self._reading: Deferred[Records] | None = None
        self._turn: IDelayedCall | None = None
        self._paused = self._over = False
        self._told = after
        self._last_word = self._reactor.seconds()

    def start(self) -> None:
        """Begin: what was missed first, then what comes."""
        self._request.registerProducer(self, True)
        # An id without data is no event, but what a browser comes back with that has seen none.
        self._write(b": jimigw\nretry: %d\nid: %d\n\n" % (RETRY, self._after))
        self.wake()

    # -- the connection's side ----------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The other end does not keep up."""
        self._paused = True

    def resumeProducing(self) -> None:
        """It does again."""
        self._paused = False
        self.wake()

    def stopProducing(self) -> None:
        """It is gone."""
        self.stop(finish=False)

    # -- the hub's side -----------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """There may be something to read."""
        if self._over or self._paused or self._reading is not None or self._turn is not None:
            return
        if self._waiting:
            self._send()
            if self._waiting:
                return
        if self._through < self._journal.last_id() and not self._paused:
            self._read()

    def look(self, now: float) -> None:
        """Say that it is there, where nothing else was said; give up on who takes nothing."""
        if self._over:
            return
        silent = now - self._last_word
        if self._paused:
            if silent >= MOST_STUCK:
                self.abort()
        elif silent >= KEEP_ALIVE:
            # As at the start: where it goes on after a break.
            self._write(b": keep-alive\nid: %d\n\n" % self._after if self._after > self._told else b": keep-alive\n\n")
            self._told = self._after

    def stop(self, finish: bool = True) -> None:
        """The end: of the service, the token, or the connection."""
        if self._over:
            return
        self._over = True
        self._waiting.clear()
        if self._reading is not None:
            self._reading.cancel()
        if self._turn is not None and self._turn.active():
            self._turn.cancel()
        if finish:
            self._request.unregisterProducer()
            self._request.finish()
        self._ended(self)

    def abort(self) -> None:
        """The end, without a word: the other end takes nothing, or has come back on another connection."""
        self.stop(finish=False)
        if self._request.channel is not None:
            self._request.channel.abort()

    # -- inside -------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        self._reading = reading = self._journal.read(self._through, BATCH, self._device)
        reading.addCallbacks(self._have, self._failed)

    def _have(self, records: Records) -> None:
        self._reading = None
        if self._over:
            return
        if self._device is None and records and records[0].id > self._through + 1 and self._through > 0:
            self._tell_gap(self._through + 1, records[0].id - 1)
        kinds = self._kinds
        self._waiting.extend(record for record in records if kinds is None or record.kind in kinds)
        self._through = max(self._through, records.through)
        self._send()
        if not self._paused and self._through < self._journal.last_id():
            # One read a turn: a stream that catches up does not keep the reactor to itself.
            self._turn = self._reactor.callLater(0, self._next_turn)

    def _next_turn(self) -> None:
        self._turn = None
        self.wake()

    def _send(self) -> None:
        while self._waiting and not self._paused and not self._over:
            record = self._waiting.popleft()
            self._after = self._told = record.id
            self._write(b"id: %d\nevent: %b\ndata: %b\n\n" % (record.id, record.kind.encode(), record.json()))
        if not self._waiting:
            self._after = self._through

    def _failed(self, failure: Failure) -> None:
        self._reading = None
        if self._over or failure.check(CancelledError):
            return
        if failure.check(JournalDamaged):
            damage: Any = failure.value
            self._tell_gap(self._through + 1, damage.last_id)
            self._through = damage.last_id
            self._turn = self._reactor.callLater(0, self._next_turn)
            return
        self._log.warn("a stream of events ends: {error}", error=failure.getErrorMessage())
        self.stop()

    def _tell_gap(self, first: int, last: int) -> None:
        """Records that are no more: deleted by retention, or damaged."""
        self._write(b"event: gap\ndata: %b\n\n" % msgspec.json.encode({"first_id": first, "last_id": last}))

    def _write(self, data: bytes) -> None:
        self._last_word = self._reactor.seconds()
        self._request.write(data)


class EventHub:
    """All streams: how many there may be, and who wakes them."""

    def __init__(self, reactor: Any, journal: IJournal, tokens: Tokens) -> None:
        self._reactor, self._journal, self._tokens = reactor, journal, tokens
        self._streams: dict[EventStream, None] = {}
        self._waking: IDelayedCall | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._streams)

    def open(self) -> None:
        """Hear of commits."""
        self._journal.add_listener(self._committed)

    def begin(
        self, request: Any, after: int, device: str | None, kinds: Collection[str] | None, token: str
    ) -> EventStream:
        """A stream on this request, whose head is set."""
        stream = EventStream(request, self._journal, self._reactor, after, device, kinds, token, self._ended)
        self._streams[stream] = None
        stream.start()
        return stream

    def _ended(self, stream: EventStream) -> None:
        self._streams.pop(stream, None)
        if stream.on_end is not None:
            stream.on_end(stream)

    def look(self) -> None:
        """Now and then: streams say that they are there, and those of tokens that are no more end."""
        now = self._reactor.seconds()
        for stream in list(self._streams):
            if self._tokens.get(stream.token, now) is None:
                stream.stop()
            else:
                stream.look(now)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        self._journal.remove_listener(self._committed)
        if self._waking is not None and self._waking.active():
            self._waking.cancel()
        for stream in list(self._streams):
            stream.stop()

    def _committed(self) -> None:
        if self._streams and self._waking is None and not self._closed:
            self._waking = self._reactor.callLater(PAUSE, self._wake)

    def _wake(self) -> None:
        self._waking = None
        for stream in list(self._streams):
            stream.wake()
