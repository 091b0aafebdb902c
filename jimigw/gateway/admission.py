"""Which terminals are let in.

A terminal that is not let in still gets its login and heartbeat answered (JC261/JC400 V1.3.5, chapter 3, rule 6): cut
off, it would connect again and again. What it reports is counted and not stored.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from jimigw.model.device import State

from .registry import Registry


class Admission(Protocol):
    """Decides by identity (an IMEI, a phone number)."""

    def admits(self, identity: str) -> bool | None:
        """Whether this terminal is let in; None: not known yet, :meth:`ask` has to."""
        ...

    def ask(self, identity: str) -> Deferred[bool]:
        """Find out whether a terminal without a code of its own is let in; within four seconds, and without failure."""
        ...

    def entered(self, identity: str, device: State) -> object:
        """The terminal has logged in, and this is its place in the registry."""
        ...


class _Knows:
    """An admission that never has to ask."""

    def admits(self, identity: str) -> bool:
        """Whether this terminal is let in."""
        raise NotImplementedError

    def ask(self, identity: str) -> Deferred[bool]:
        return succeed(self.admits(identity))

    def entered(self, identity: str, device: State) -> None:
        """Nothing to do."""


class Open(_Knows):
    """Lets every terminal in."""

    def admits(self, identity: str) -> bool:
        return True


class Listed(_Knows):
    """Lets in the terminals whose cards say so: those that were imported or entered by hand."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def admits(self, identity: str) -> bool:
        device = self._registry.get(identity)
        return device is not None and device.card.listed
