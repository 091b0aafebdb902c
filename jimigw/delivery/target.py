"""What a reader of the journal delivers to: a URL, a broker, anything that takes records and says whether it has them.

    Reader ──records──▶ Target.deliver ──▶ Done · Later · Never · Stop

A target only carries. The reader keeps the cursor, the order, the patience and the dead letters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred

from jimigw.journal.interface import Record


@attrs.frozen
class Done:
    """All records are safe at the target: the cursor may pass them."""


@attrs.frozen
class Later:
    """The target could not take them now. ``after``: seconds that it asked for, None where it did not say."""

    reason: str
    after: float | None = None


@attrs.frozen
class Never:
    """The target will never take these records (by id, with the reason); the others of the batch are safe there."""

    reasons: Mapping[int, str]


@attrs.frozen
class Stop:
    """The target wants nothing more until somebody says so; the records are kept."""

    reason: str


Outcome = Done | Later | Never | Stop


class Target(Protocol):
    """Takes records. Everything is called in the reactor thread.

    ``batch`` records and ``batch_bytes`` of their JSON are given at once. ``lanes``: how many batches may be under way;
    with more than one, the records of a device are in one lane at a time, in their order.
    """

    batch: int
    batch_bytes: int
    lanes: int

    @property
    def kinds(self) -> frozenset[str] | None:
        """The kinds of records that it wants, None for all."""
        ...

    def wants(self, record: Record) -> bool:
        """Whether it wants this record of a kind that it wants."""
        ...

    def deliver(self, records: Sequence[Record]) -> Deferred[Outcome]:
        """Carry these records, in this order. Never fails; cancelling gives up waiting."""
        ...

    def close(self) -> Deferred[None]:
        """Give up what is under way, and close connections."""
        ...
