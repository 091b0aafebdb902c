"""How a reader is set up, and how it is doing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs
from twisted.logger import Logger


@attrs.frozen
class ReaderSettings:
    """How a reader goes about it. Times are in seconds.

    A new reader starts at the ``start`` of the journal's records: after all that are there, or with the oldest. It has
    up to ``window`` records and about ``window_bytes`` in hand. A batch that is not full leaves at once, but no sooner
    than ``interval`` after the one before it. What fails is tried again after ``shortest``, then twice as long, up to
    ``longest``; a target that says how long it wants to be left alone is, up to ``longest_asked``. After ``failures``
    failures in a row only one batch is tried at a time. ``dead_letters`` are kept at most. At the end batches that are
    under way have ``grace`` to come through.
    """

    start: Literal["end", "beginning"] = "end"
    window: int = attrs.field(default=4000, validator=attrs.validators.ge(1))
    window_bytes: int = attrs.field(default=16 << 20, validator=attrs.validators.ge(1))
    interval: float = attrs.field(default=0.1, validator=attrs.validators.ge(0))
    shortest: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    longest: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))
    longest_asked: float = attrs.field(default=600.0, validator=attrs.validators.gt(0))
    failures: int = attrs.field(default=5, validator=attrs.validators.ge(1))
    dead_letters: int = attrs.field(default=10_000, validator=attrs.validators.ge(0))
    grace: float = attrs.field(default=2.0, validator=attrs.validators.ge(0))

    def wait_after(self, failures: int, chance: float) -> float:
        """The time until the next try after so many failures in a row; a quarter more or less by chance."""
        return min(self.longest, self.shortest * 2.0 ** min(failures - 1, 30)) * (0.75 + chance / 2)

    def wait_asked(self, after: float, chance: float) -> float:
        """The time to leave a target alone that asks for it: as long as it says, or a little longer."""
        least = self.shortest * (0.75 + chance / 2)
        return max(least, min(after, self.longest_asked) * (1 + chance / 4))


@attrs.frozen
class Status:
    """How a reader is doing.

    ``state`` is "starting", "running", "waiting" (a try failed, the next one is in ``next_try`` seconds), "paused"
    (``why`` says by what) or "stopped". All records up to ``cursor`` are delivered, set aside or not wanted; ``behind``
    is how many the journal has above it, ``behind_seconds`` how old the oldest of them that is known is. ``in_hand``
    counts records read and not delivered, ``under_way`` batches. ``delivered`` and ``set_aside`` count records,
    ``failed`` tries, since the start; ``rate`` is records a second, lately; ``dead_letters`` are those that are kept.
    ``breaker`` is "closed", "open" or "trying". ``last_delivery`` is when records arrived last since the start,
    ``last_error_at`` when a try failed last, in seconds since 1970.
    """

    name: str
    state: str
    why: str | None
    cursor: int
    behind: int
    behind_seconds: float
    in_hand: int
    under_way: int
    delivered: int
    set_aside: int
    failed: int
    rate: float
    dead_letters: int
    breaker: str
    last_delivery: float | None
    last_error: str | None
    last_error_at: float | None
    next_try: float | None


class Troubles:
    """What is wrong with a reader: said in the log when it begins, when it becomes another, and when it is over."""

    _log = Logger()

    def __init__(self, name: str, seconds: Callable[[], float]) -> None:
        self._name, self._seconds = name, seconds
        self._said: str | None = None
        self.last_error: str | None = None
        self.last_error_at: float | None = None

    def note(self, reason: str) -> None:
        """Remember it."""
        self.last_error, self.last_error_at = reason, self._seconds()

    def complain(self, reason: str) -> None:
        """It is tried again, but this is why it has to be."""
        self.note(reason)
        if reason != self._said:
            self._said = reason
            self._log.warn("{name}: {reason}; it is tried again", name=self._name, reason=reason)

    def over(self, behind: int) -> None:
        """Nothing has to be tried again; it is so many records behind."""
        if self._said is not None:
            self._said = None
            self._log.info("{name} gets on again, {behind} records behind", name=self._name, behind=behind)


class Rate:
    """Events a second, the latest ones first: what is ``half_life`` seconds old counts half."""

    def __init__(self, seconds: Callable[[], float], half_life: float = 15.0) -> None:
        self._seconds, self._half_life = seconds, half_life
        self._weight = 0.0
        self._at = seconds()

    def add(self, count: int) -> None:
        """So many have happened now."""
        self._decay()
        self._weight += count

    def now(self) -> float:
        """The rate of now."""
        self._decay()
        return self._weight * 0.6931 / self._half_life

    def _decay(self) -> None:
        now = self._seconds()
        # A clock that is set back must not make it grow.
        self._weight *= 0.5 ** (max(0.0, now - self._at) / self._half_life)
        self._at = now
