"""What a run has to do, and its own account of what it did."""

from __future__ import annotations

import attrs

from .diary import Diary

COURSE = "course.json"
"""The account, in the folder of the run."""

SENT = "sent.log"
"""What the service handed to connections: time, terminal, bytes."""


@attrs.frozen
class Times:
    """Seconds. The service's own, scaled down so that a run takes minutes: ``ttl`` of nearly all commands, ``brief`` of
    some, and the two of :class:`jimigw.gateway.commands.CommandSettings`."""

    ttl: float = 25.0
    brief: float = 3.0
    answer_timeout: float = 2.0
    doubt: float = 5.0


@attrs.frozen
class Plan:
    """``commands`` that have to be reported as stored, given to ``terminals`` in about ``seconds``; ``kills`` at random
    moments meanwhile. ``flagless`` of the Jimi half answer with flag 0."""

    commands: int = 10_000
    terminals: int = 1000
    kills: int = 3
    seconds: float = 90.0
    flagless: float = 0.1
    seed: int = 1
    times: Times = attrs.field(factory=Times)


@attrs.define
class Given:
    """A command that was handed to the service: when, and what became of it as far as it said."""

    number: int
    device: str
    at: float
    life: int
    id: int = 0
    told: float = 0.0


@attrs.define
class Course:
    """What :mod:`.verdict` reads."""

    given: list[Given] = attrs.field(factory=list)
    kills: list[float] = attrs.field(factory=list)
    #: commands that were with the service, not yet reported as stored, when it was killed
    cut_off: int = 0
    not_taken: dict[str, int] = attrs.field(factory=dict)
    #: how late the reactor of the terminals was at most
    lag: float = 0.0
    seconds: float = 0.0
    stuck: str = ""
    diary: Diary = attrs.field(factory=Diary)
