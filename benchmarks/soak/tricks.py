"""What terminals do with a command instead of answering it once, at once and under its own flag."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Trick(StrEnum):
    """What a terminal does with a command."""

    ANSWER = "answered at once"
    REFUSE = "refused"
    BUSY = "said to be busy"
    SILENT = "not answered"
    DROP_BEFORE = "dropped the connection before the answer"
    DROP_DURING = "dropped it in the middle of the answer"
    DROP_AFTER = "dropped it after the answer"
    VANISH = "came on another connection, the old one left open"
    SLEEP = "slept"
    LATE = "answered late"
    VERY_LATE = "answered very late"
    TWICE = "answered twice"
    FOREIGN = "answered with another terminal's flag"
    ENDED = "answered with an ended command's flag"
    ZERO = "answered with flag 0"


WEIGHTS: Mapping[Trick, int] = {
    Trick.ANSWER: 56,
    Trick.REFUSE: 4,
    Trick.BUSY: 4,
    Trick.SILENT: 2,
    Trick.DROP_BEFORE: 3,
    Trick.DROP_DURING: 2,
    Trick.DROP_AFTER: 3,
    Trick.VANISH: 2,
    Trick.SLEEP: 3,
    Trick.LATE: 4,
    Trick.VERY_LATE: 3,
    Trick.TWICE: 6,
    Trick.FOREIGN: 2,
    Trick.ENDED: 3,
    Trick.ZERO: 3,
}
"""How often each is played, in a hundred."""

NEEDS_FLAGS = frozenset({Trick.VERY_LATE, Trick.FOREIGN, Trick.ENDED})
"""What a terminal that always answers with flag 0 cannot do: its answers come within the time of doubt or never, as no
service could tell them apart otherwise."""


class How(StrEnum):
    """How an answer is worded and flagged."""

    DONE = "done"
    REFUSED = "refused"
    BUSY = "busy"
    FOREIGN = "foreign flag"
    ENDED = "ended flag"
    ZERO = "flag 0"
