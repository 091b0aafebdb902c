"""What a fleet sent and what was answered."""

from __future__ import annotations

import random
from array import array
from collections.abc import Mapping
from typing import Any

import attrs

_MOST_LATENCIES = 1 << 20


@attrs.frozen
class Vocabulary:
    """What the messages of a protocol are in its books: names by number, which of them want no answer (``silent``),
    which is the login, and how many hex digits a number has."""

    names: Mapping[int, str]
    silent: frozenset[int]
    login: int
    digits: int = 2


#: the messages of the Jimi protocol; servers do not answer command replies and data transfers
JIMI = Vocabulary(
    {
        0x01: "login",
        0x13: "heartbeat",
        0x21: "command reply",
        0x22: "location",
        0x94: "data transfer",
        0x95: "alarm",
        0xE0: "cameras",
    },
    frozenset({0x21, 0x94}),
    0x01,
)


@attrs.define
class Count:
    """What became of the messages of one type: ``sent`` counts each once, ``resent`` what was sent again of them."""

    sent: int = 0
    resent: int = 0
    answered: int = 0


class Latencies:
    """Times from sending to answer, in seconds; past a million, an even sample of all of them."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self.count = 0
        self._rng = rng or random.Random(0)
        self._values = array("d")

    def add(self, seconds: float) -> None:
        """Take one in."""
        self.count += 1
        if len(self._values) < _MOST_LATENCIES:
            self._values.append(seconds)
        elif (at := self._rng.randrange(self.count)) < _MOST_LATENCIES:
            self._values[at] = seconds

    def percentiles(self, *wanted: float) -> list[float]:
        """The values below which these percentages of all lie; zeros where there are none."""
        ordered = sorted(self._values)
        if not ordered:
            return [0.0] * len(wanted)
        return [ordered[min(len(ordered) - 1, int(len(ordered) * each / 100))] for each in wanted]


@attrs.define(eq=False)
class Tally:
    """The books of a fleet. ``counts`` has what only some protocols have, by its name."""

    vocabulary: Vocabulary = JIMI
    types: dict[int, Count] = attrs.Factory(dict)
    latencies: Latencies = attrs.Factory(Latencies)
    connections: int = 0
    failed_connections: int = 0
    lost_connections: int = 0
    no_answer: int = 0
    reboots: int = 0
    commands: int = 0
    forgotten: int = 0
    counts: dict[str, int] = attrs.Factory(dict)
    mischief: dict[str, int] = attrs.Factory(dict)

    def of(self, protocol: int) -> Count:
        """The count of this type."""
        count = self.types.get(protocol)
        if count is None:
            count = self.types[protocol] = Count()
        return count

    def played(self, trick: str) -> None:
        """Note one misbehaviour."""
        self.mischief[trick] = self.mischief.get(trick, 0) + 1

    def count(self, name: str, number: int = 1) -> None:
        """Note something by its name."""
        self.counts[name] = self.counts.get(name, 0) + number

    @property
    def sent(self) -> int:
        """All messages, each counted once."""
        return sum(count.sent for count in self.types.values())

    @property
    def wanting(self) -> int:
        """All messages that want an answer, each counted once."""
        return sum(count.sent for number, count in self.types.items() if number not in self.vocabulary.silent)

    @property
    def answered(self) -> int:
        """All messages that were answered."""
        return sum(count.answered for count in self.types.values())

    @property
    def resent(self) -> int:
        """How many times a message was sent again."""
        return sum(count.resent for count in self.types.values())

    def summary(self, devices: int, unanswered: int, seconds: float) -> dict[str, Any]:
        """Everything, for JSON. ``unanswered``: reports that nobody answered in the end."""
        words = self.vocabulary
        p50, p90, p99, most = self.latencies.percentiles(50, 90, 99, 100)
        return {
            "devices": devices,
            "seconds": round(seconds, 1),
            "sent": self.sent,
            "wanting_answer": self.wanting,
            "answered": self.answered,
            "resent": self.resent,
            "unanswered": unanswered,
            "forgotten": self.forgotten,
            "types": {
                f"0x{number:0{words.digits}x}": {
                    "name": words.names.get(number),
                    "wants_answer": number not in words.silent,
                    **attrs.asdict(count),
                }
                for number, count in sorted(self.types.items())
            },
            "connections": self.connections,
            "failed_connections": self.failed_connections,
            "lost_connections": self.lost_connections,
            "logins": self.of(words.login).answered,
            "hung_up_without_answer": self.no_answer,
            "reboots": self.reboots,
            "commands": self.commands,
            "latency_ms": {
                "p50": round(p50 * 1000, 1),
                "p90": round(p90 * 1000, 1),
                "p99": round(p99 * 1000, 1),
                "max": round(most * 1000, 1),
            },
            "counts": dict(sorted(self.counts.items())),
            "mischief": dict(sorted(self.mischief.items())),
        }
