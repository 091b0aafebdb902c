"""What goes out to one operator, bounded: whoever does not read loses live lines first, and then the connection.

Made for any transport that says when its buffer is full (to a push producer) and when it has room again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IPushProducer
from zope.interface import implementer

MAX_UNREAD = 1 << 20
"""Bytes that may wait for a reader who has stopped reading."""

MAX_STALL = 60.0
"""Seconds that a full buffer may stay full."""

LIVE_RATE = 100.0
"""Live lines a second, in the long run: nobody reads faster."""

LIVE_BURST = 200.0

MAX_LIVE_LINES = 100
"""Lines of one live report."""


class Pipe(Protocol):
    """Where an outlet's bytes go."""

    def write(self, data: bytes) -> None: ...

    def loseConnection(self) -> None: ...

    def abortConnection(self) -> None: ...


@implementer(IPushProducer)
class Outlet:
    """The way out. ``print_live`` writes live lines past what the operator is just typing."""

    def __init__(self, reactor: Any, pipe: Pipe, print_live: Callable[[Sequence[str]], None]) -> None:
        self._reactor, self._pipe, self._print_live = reactor, pipe, print_live
        self.closed = ""
        self._paused = False
        self._unread = 0
        self._dropped = 0
        self._tokens, self._filled = LIVE_BURST, reactor.seconds()
        self._stall: IDelayedCall | None = None
        self._tell: IDelayedCall | None = None

    def write(self, data: bytes) -> None:
        """Send; past :data:`MAX_UNREAD` bytes that nobody takes the connection is closed."""
        if self.closed:
            return
        if self._paused:
            self._unread += len(data)
            if self._unread > MAX_UNREAD:
                self.abort("it does not read what is sent to it")
                return
        self._pipe.write(data)

    def live(self, make: Callable[[], Sequence[str]]) -> bool:
        """Show a live report, or drop it. It is made only if it is shown; whether it was."""
        if self.closed:
            return False
        if not self._room():
            self._dropped += 1
            if not self._paused and self._tell is None:
                self._tell = self._reactor.callLater(1.0, self._tell_dropped)
            return False
        lines = make()
        if len(lines) > MAX_LIVE_LINES:
            left = len(lines) - MAX_LIVE_LINES
            lines = [*lines[:MAX_LIVE_LINES], f"  … {left} more lines of this frame are left out"]
        self._tokens -= len(lines)
        self._print_live([*self._missing(), *lines])
        return True

    def _room(self) -> bool:
        now = self._reactor.seconds()
        self._tokens = min(LIVE_BURST, self._tokens + (now - self._filled) * LIVE_RATE)
        self._filled = now
        return not self._paused and self._tokens >= 1

    def _missing(self) -> list[str]:
        dropped, self._dropped = self._dropped, 0
        if not dropped:
            return []
        what = "1 frame is not shown: it" if dropped == 1 else f"{dropped} frames are not shown: they"
        return [f"… {what} came faster than this connection takes them"]

    def _tell_dropped(self) -> None:
        self._tell = None
        if lines := self._missing():
            self._print_live(lines)

    # IPushProducer
    def pauseProducing(self) -> None:
        """The buffer is full."""
        if not self._paused and not self.closed:
            self._paused, self._unread = True, 0
            self._stall = self._reactor.callLater(MAX_STALL, self._stalled)

    def resumeProducing(self) -> None:
        """There is room again."""
        self._paused = False
        self._cancel()
        if not self.closed:
            self._tell_dropped()

    def stopProducing(self) -> None:
        """The connection is gone."""
        self.close("the connection is lost")

    def _stalled(self) -> None:
        self._stall = None
        self.abort(f"it has not read anything for {MAX_STALL:.0f} s")

    def abort(self, why: str) -> None:
        """Cut the connection without waiting for its reader."""
        if not self.closed:
            self.close(why)
            self._pipe.abortConnection()

    def cut(self) -> None:
        """Cut the connection, closed or not."""
        self.close("it was cut")
        self._pipe.abortConnection()

    def finish(self, why: str) -> None:
        """Close the connection once all is read."""
        if not self.closed:
            self.closed = why
            # Whoever has stopped reading would hold the connection for ever.
            if self._stall is None:
                self._stall = self._reactor.callLater(MAX_STALL, self._pipe.abortConnection)
            self._pipe.loseConnection()

    def close(self, why: str) -> None:
        """Nothing more goes out, for this reason; the first one counts."""
        self.closed = self.closed or why
        self._cancel()

    def _cancel(self) -> None:
        for timer in (self._stall, self._tell):
            if timer is not None and timer.active():
                timer.cancel()
        self._stall = self._tell = None
