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
class Uploads:
    """How Jimi cameras upload. Times are seconds, shares are from 0 to 1.

    ``url`` is where to, until a command changes it, ``list_url`` where lists of recordings go. ``cameras`` are those
    whose files come by themselves, as ``UPLOADSW`` sets it: 1 road, 2 cabin. ``lost`` is the share of them that do not
    come all the same, ``busy`` that of the commands that are answered ``busy``. ``ready`` is the measure of all
    waiting: about how long a clip takes. ``again`` are the pauses before an upload that was not answered is made again,
    the last for all further ones; ``timeout`` is when one is given up. ``refuses`` are commands that this firmware does
    not know, ``silent`` those that it obeys without a word. ``hex_flags``: server flags are in names as hex and not as
    decimal digits. ``card_hours`` is how much there is on the card at the start.
    """

    url: str
    list_url: str
    cameras: frozenset[int] = frozenset({1, 2})
    lost: float = 0.0
    busy: float = 0.05
    ready: float = 5.0
    again: tuple[float, ...] = (60.0, 180.0)
    timeout: float = 120.0
    clip_bytes: int = 200_000
    refuses: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    hex_flags: bool = False
    card_hours: float = 24.0


MEDIA_COMMANDS = ("Picture", "Video", "EVIDEO", "HVIDEO", "UPLOADFILE", "FILELIST")
"""Commands that a firmware may refuse, or obey without a word."""


@attrs.frozen
class Plan:
    """What a fleet does: where to, how many, how long. ``seconds`` None: until it is told to finish.

    ``imei_base`` (Jimi) and ``phone_base`` (JT/T 808) name the first terminal, the others count up. ``version``,
    ``udp``, ``pictures_an_hour`` and ``safety_an_hour`` (alarms of active safety beside the others) are of JT/T 808
    only, ``uploads`` is of Jimi only: None where nothing is uploaded.
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
    uploads: Uploads | None = None


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
