"""The terminals of JT/T 808, as a fleet makes them: their names in the books, how they misbehave, who they are."""

from __future__ import annotations

import random

from jimigw.protocols.jt808.book import BOOK, direction_of
from jimigw.protocols.jt808.frame import Frame, escape, parse, unescape
from jimigw.protocols.jt808.versions import VERSIONS

from .mischief import Wire
from .plan import Kind, Plan
from .routes import Drive
from .tally import Tally, Vocabulary
from .terminal808 import AUTHENTICATE, FakeTerminal808


def phone_of(base: str, index: int) -> str:
    """The number of a terminal in a fleet: ``base`` counted up, with as many digits."""
    return f"{(int(base) + index) % 10 ** len(base):0{len(base)}d}"


_SILENT = frozenset(
    {0x0001, 0x0005, 0x0104, 0x0107, 0x0201, 0x0500, 0x0608, 0x0700, 0x0802, 0x0805, 0x0A00, 0x1003, 0x1205}
)
"""What platforms need not answer: answers of the terminal."""

_NAMES: dict[int, str] = {}
for _entry in BOOK:
    if direction_of(_entry.identity) == "up":
        _NAMES.setdefault(_entry.identity, _entry.cls.__wire__.title.lower())
VOCABULARY = Vocabulary(_NAMES, _SILENT, AUTHENTICATE, digits=4)

_BY_PACKETS = frozenset(
    {"junk", "badcrc", "promise", "duplicate", "early", "lostparts", "reorder", "repeats", "gaps", "breakoff"}
)
_TCP = _BY_PACKETS | {"split", "hangup", "slowread"}
_UDP = _BY_PACKETS | {"loss"}


def _spoiled(frame: bytes, rng: random.Random) -> bytes:
    content = unescape(frame[1:-1])
    assert content
    return b"~" + escape(content[:-1] + bytes((content[-1] ^ 1 << rng.randrange(8),))) + b"~"


def _is_part(frame: bytes) -> bool:
    found = parse(frame[1:-1])
    return isinstance(found, Frame) and found.header.is_part


def _wire(udp: bool) -> Wire:
    return Wire(
        _UDP if udp else _TCP,
        bytes(set(range(256)) - {0x7E}),
        b"~\x02\x00\x03\xff\x01\x39\x00",
        _spoiled,
        _is_part,
        datagrams=udp,
    )


def _made(plan: Plan, index: int, drive: Drive, tally: Tally, rng: random.Random, now: float) -> FakeTerminal808:
    return FakeTerminal808(
        phone_of(plan.phone_base, index), drive, tally, rng, now,
        version=VERSIONS[index % len(VERSIONS)] if plan.version == "mixed" else int(plan.version),
        interval=plan.interval, alarms_an_hour=plan.alarms_an_hour, pictures_an_hour=plan.pictures_an_hour,
        safety_an_hour=plan.safety_an_hour, udp=plan.udp,
    )  # fmt: skip


KIND = Kind(VOCABULARY, _wire, _made)
