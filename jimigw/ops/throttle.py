"""A brake for complaints that would otherwise be said once a frame."""

from collections.abc import Callable, Hashable
from typing import Any

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime

_OTHERS = object()


@attrs.define
class _Held:
    """A kind of complaint that was said in this period, with what to say at its end."""

    timer: IDelayedCall
    count: int = 0
    say: Callable[..., object] | None = None
    format: str = ""
    fields: dict[str, Any] = attrs.Factory(dict)


class Throttle:
    """Lets one complaint of a kind through in each period, and counts those it holds back.

    The first one is said at once. If more came, the last of them is said at the end of the period together with how
    many there were, and another period begins; a kind that was quiet for a period is forgotten. So nothing is said more
    often than once a period, and nothing stays unsaid.

    ``period`` is in seconds. At most ``max_kinds`` kinds are told apart, so that kinds made of what came from outside
    (addresses, ids) cannot fill memory; those beyond share one brake.
    """

    def __init__(self, clock: IReactorTime, period: float = 60.0, max_kinds: int = 1024) -> None:
        if period <= 0 or max_kinds < 1:
            raise ValueError(f"a throttle needs a period above 0 and room for a kind, not {period!r} and {max_kinds!r}")
        self._clock = clock
        self._period = period
        self._max_kinds = max_kinds
        self._kinds: dict[Hashable, _Held] = {}

    def complain(self, say: Callable[..., object], format: str, *, kind: Hashable = None, **fields: Any) -> bool:
        """Say it now, as ``say(format, **fields)`` (a method of a `twisted.logger.Logger`), or hold it back.

        ``kind`` is what counts as the same complaint; left out, it is the format. Returns whether it was said at once.
        """
        kind = format if kind is None else kind
        if kind not in self._kinds and len(self._kinds) >= self._max_kinds:
            kind = _OTHERS
        if held := self._kinds.get(kind):
            held.count += 1
            held.say, held.format, held.fields = say, format, fields
            return False
        self._begin(kind)
        say(format, **fields)
        return True

    def close(self) -> None:
        """Say at once what is held back, and stop all timers: for the end of the service."""
        kinds, self._kinds = self._kinds, {}
        for held in kinds.values():
            if held.timer.active():
                held.timer.cancel()
            self._release(held)

    def _begin(self, kind: Hashable) -> None:
        self._kinds[kind] = _Held(self._clock.callLater(self._period, self._end, kind))

    def _end(self, kind: Hashable) -> None:
        held = self._kinds.pop(kind)
        if held.count:
            self._begin(kind)
            self._release(held)

    def _release(self, held: _Held) -> None:
        if held.say is None:
            return
        if held.count == 1:
            held.say(held.format, **held.fields)
            return
        held.say(
            held.format + " (this and {held_back} more in the last {period:g} s)",
            **{**held.fields, "held_back": held.count - 1, "period": self._period},
        )
