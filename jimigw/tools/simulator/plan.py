"""What a fleet does, and which terminals there are."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable

import attrs

from .life import Life
from .mischief import Wire
from .routes import Drive
from .tally import Tally, Vocabulary

GRACE = 10.0
"""Seconds that answers may take at the end."""

PORTS = {"jimi": 21100, "jt808": 21122}
"""Every protocol that there are terminals of, and the port where gateways await them."""

VERSIONS = ("2011", "2013", "2019", "mixed")
"""Editions of JT/T 808 that terminals speak; mixed: each the next one."""


@attrs.frozen
class Plan:
    """What a fleet does: where to, how many, how long. ``seconds`` None: until it is told to finish.

    ``imei_base`` (Jimi) and ``phone_base`` (JT/T 808) name the first terminal, the others count up. ``version``,
    ``udp``, ``pictures_an_hour`` and ``safety_an_hour`` (alarms of active safety beside the others) are of JT/T 808
    only.
    """

    host: str
    port: int
    devices: int = 1
    interval: float = 10.0
    seconds: float | None = None
    imei_base: str = "86490800000000"
    alarms_an_hour: float = 6.0
    tricks: frozenset[str] = frozenset()
    grace: float = GRACE
    seed: int = 0
    protocol: str = "jimi"
    version: str = "2019"
    udp: bool = False
    phone_base: str = "13900000000"
    pictures_an_hour: float = 2.0
    safety_an_hour: float = 0.0


#: makes the terminal of this number in a fleet: its vehicle, the books, its dice, the time
Make = Callable[[Plan, int, Drive, Tally, random.Random, float], Life]


@attrs.frozen
class Kind:
    """The terminals of a protocol. ``wire`` is given the plan's word on UDP."""

    vocabulary: Vocabulary
    wire: Callable[[bool], Wire]
    make: Make


def kind_of(protocol: str) -> Kind:
    """The terminals of a protocol of `PORTS`; loaded when they are wanted, since most runs want one protocol only."""
    found = importlib.import_module({"jimi": ".terminal", "jt808": ".kind808"}[protocol], __package__).KIND
    assert isinstance(found, Kind)
    return found
