"""Incomplete long messages as :mod:`.fragments` keeps them, and what they may take. JT/T 808-2019, 4.4.3, 8.6."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import islice
from typing import Protocol

import attrs

from .header import Header
from .versions import V2019

MIB = 1 << 20
#: what a part, a set, and the memory of an ended set count beside their bytes: about what Python takes for them
PART_COST, SET_COST, ENDED_COST = 128, 1024, 512
#: why sets (the first two: parts) were dropped, as :attr:`Budget.dropped` counts them
REASONS = ("index", "late", "too_big", "sets", "bytes", "budget", "restarted", "expired", "left")
#: multimedia data, which is asked for in a way of its own
MEDIA_DATA = 0x0801
#: part numbers that one request has room for: 0x8003 counts them in a byte until 2013, 0x8800 says 125
MOST_ASKED, MOST_ASKED_2019 = 125, 509


@attrs.frozen
class Limits:
    """How much one terminal may keep open, in bytes and seconds; ``asks`` requests without a new part in between, then
    silence; ``remembered`` messages that ended, so that their repeats are known."""

    set_bytes: int = 16 * MIB
    sets: int = 8
    terminal_bytes: int = 32 * MIB
    expire_after: float = 60.0
    ask_after: float = 5.0
    asks: int = 5
    remembered: int = 8


class Part(Enum):
    """What became of a part that did not complete its message."""

    KEPT = "kept"
    REPEATED = "repeated"  # was there already, the message is still incomplete
    FINISHED = "finished"  # belongs to a message that is complete: once that is stored, give its answer again
    REFUSED = "refused"  # an impossible number, or no room: do not acknowledge it as received


class Serials(Enum):
    """What a terminal's serial numbers have shown so far."""

    UNKNOWN = "unknown"
    CONSECUTIVE = "consecutive"
    LOOSE = "loose"


@attrs.define
class Assembled:
    """A whole message: the header of its first part, its body, the serial number of every part in the order of the
    parts, and the serial number of the part that completed it, which is the one to be answered."""

    header: Header
    body: bytes
    serials: Sequence[int]
    completed_by: int


@attrs.define
class Missing:
    """What an incomplete message lacks: ``indices`` of parts from 1, ascending, as many as one request has room for.

    ``header`` is that of the first part, or of another one while the first is missing; ``head`` is the beginning of the
    first part, empty while that is missing.
    """

    header: Header
    first_sn: int
    indices: list[int]
    total: int
    received: int
    head: bytes = b""

    @property
    def msg_id(self) -> int:
        """The id of the message, which says how to ask: by 0x8003, or 0x8800 for 0x0801."""
        return self.header.msg_id


class Holder(Protocol):
    """A terminal's part of the budget: ``held`` bytes, of which it can give the oldest away."""

    held: int

    def give_way(self, reason: str, but: OpenSet | None) -> bool:
        """Drop the oldest of what is held, but not this set. False if there is nothing else."""


class Budget:
    """What all terminals together may keep, in bytes and sets, and the count of what was dropped, by reason.

    Where it is used up, the terminal that holds the most gives its oldest set, so that few cannot starve many.
    """

    __slots__ = ("_holders", "bytes", "dropped", "max_bytes", "max_sets", "sets")

    def __init__(self, max_bytes: int = 256 * MIB, max_sets: int = 1 << 16) -> None:
        self.max_bytes, self.max_sets = max_bytes, max_sets
        self.bytes = self.sets = 0
        self.dropped = dict.fromkeys(REASONS, 0)
        self._holders: dict[Holder, None] = {}

    def has_room(self, size: int, sets: int) -> bool:
        """Whether this many bytes and sets more are within the limits."""
        return self.bytes + size <= self.max_bytes and self.sets + sets <= self.max_sets

    def take(self, holder: Holder, size: int, sets: int = 0) -> None:
        """Enter what a terminal keeps more, or less, than before."""
        self.bytes += size
        self.sets += sets
        if holder.held:
            self._holders[holder] = None
        else:
            self._holders.pop(holder, None)

    def greediest(self) -> Holder | None:
        """The terminal that holds the most."""
        return max(self._holders, key=lambda holder: holder.held, default=None)


@attrs.define(eq=False)
class Run:
    """Serial numbers of the parts of one message: consecutive from ``base``, but for ``strays`` by part number."""

    msg_id: int
    total: int
    base: int
    strays: dict[int, int] = attrs.field(factory=dict, init=False)

    def serial_of(self, index: int) -> int:
        """The serial number that this part has."""
        return self.strays.get(index, self.base + index - 1 & 0xFFFF)

    def alike(self, header: Header) -> bool:
        """Whether a part with this header could belong here, but for its serial number."""
        return bool(self.msg_id == header.msg_id and self.total == header.frag_total)

    def is_near(self, base: int) -> bool:
        """Whether a message that begins at ``base`` would share serial numbers with this one."""
        return min(base - self.base & 0xFFFF, self.base - base & 0xFFFF) < self.total


@attrs.define(eq=False)
class OpenSet(Run):
    """An incomplete message: its parts by number, and when to ask for the others (None: no more)."""

    header: Header
    touched: float
    ask_at: float | None
    parts: dict[int, bytes] = attrs.field(factory=dict, init=False)
    cost: int = attrs.field(default=0, init=False)
    asked: int = attrs.field(default=0, init=False)
    confirmed: bool = attrs.field(default=False, init=False)

    def missing(self) -> Missing:
        """What is lacking, in as many part numbers as one request has room for."""
        room = MOST_ASKED_2019 if self.header.version == V2019 and self.msg_id != MEDIA_DATA else MOST_ASKED
        lacking = (index for index in range(1, self.total + 1) if index not in self.parts)
        return Missing(
            self.header,
            self.serial_of(1),
            list(islice(lacking, room)),
            self.total,
            len(self.parts),
            self.parts.get(1, b"")[:8],
        )


@attrs.define(eq=False)
class EndedSet(Run):
    """A set that is complete, with the sums of its parts, or that became too big, without."""

    until: float
    sums: Sequence[int] | None
    cost: int
