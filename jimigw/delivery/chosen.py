"""A target that gets some of the records only: those of the kinds and of the terminals that somebody chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from jimigw.journal.interface import Record

from .target import Outcome, Target


class Choice(Protocol):
    """What is chosen; see :class:`.callbacks.Filter`."""

    kinds: frozenset[str] | None

    def wants(self, record: Record) -> bool: ...


class Chosen:
    """A :class:`.target.Target` in front of another, which gets what both want."""

    def __init__(self, target: Target, choice: Choice) -> None:
        self.target, self._choice = target, choice
        self.batch, self.batch_bytes, self.lanes = target.batch, target.batch_bytes, target.lanes

    @property
    def kinds(self) -> frozenset[str] | None:
        """The kinds that both want, None for all."""
        chosen, wanted = self._choice.kinds, self.target.kinds
        if chosen is None or wanted is None:
            return chosen if wanted is None else wanted
        return chosen & wanted

    def wants(self, record: Record) -> bool:
        """Whether both want it."""
        return self._choice.wants(record) and self.target.wants(record)

    def deliver(self, records: Sequence[Record]) -> Deferred[Outcome]:
        """Hand them on."""
        return self.target.deliver(records)

    def close(self) -> Deferred[None]:
        """Close the other one."""
        return self.target.close()
