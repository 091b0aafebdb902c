"""A command of the platform for one terminal, and its life.

    QUEUED ──send──▶ SENT ──answer──▶ ANSWERED
      │  ▲            │ ──refusal──▶ REFUSED
      │  │            │ ──no answer, link lost, service ended──▶ FAILED
      │  └──back──────┤     (link lost, and the command may be repeated)
      ├──time over────┴──▶ EXPIRED
      ├──cannot be written for this terminal──▶ FAILED
      └──cancel──────────▶ CANCELLED      (from SENT too: the terminal has it, nobody waits for it)

What is not in :data:`MOVES` cannot happen: an ended command never moves again, so it is never sent again either.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs


class Life(StrEnum):
    """Where a command is."""

    QUEUED = "queued"
    SENT = "sent"
    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to the command."""
        return self not in OPEN


OPEN = frozenset({Life.QUEUED, Life.SENT})

MOVES: Mapping[Life, frozenset[Life]] = {
    Life.QUEUED: frozenset({Life.SENT, Life.FAILED, Life.EXPIRED, Life.CANCELLED}),
    Life.SENT: frozenset({Life.QUEUED, Life.ANSWERED, Life.REFUSED, Life.FAILED, Life.EXPIRED, Life.CANCELLED}),
    Life.ANSWERED: frozenset(),
    Life.REFUSED: frozenset(),
    Life.FAILED: frozenset(),
    Life.EXPIRED: frozenset(),
    Life.CANCELLED: frozenset(),
}
"""Which state may follow which. Ended states have no next one."""


class WrongMove(Exception):
    """A command was to go from one state to another that cannot follow it."""


@attrs.define(eq=False)
class Command:
    """One command. Times are seconds since 1970, 0 for not yet.

    ``id`` is a positive whole number, given once and never again. ``text`` is a text command of the terminal's list;
    ``message`` a JT/T 808 message in the exchange format; exactly one of them is set. ``owner`` is who gave it,
    ``purpose`` what for. ``repeatable``: nothing happens twice if the terminal gets it twice. ``why`` says in words
    how it came to its state, ``reply`` is what the terminal answered, ``late`` what it said after the end.
    ``told``: its end is in the journal.
    """

    id: int
    device: str
    created: float
    expires: float
    text: str | None = None
    message: dict[str, Any] | None = None
    owner: str = ""
    purpose: str = ""
    repeatable: bool = False
    state: Life = Life.QUEUED
    why: str = ""
    sendings: int = 0
    sent: float = 0.0
    ended: float = 0.0
    reply: Any = None
    late: Any = None
    told: bool = False

    def move(self, state: Life, why: str, now: float) -> None:
        """Go to another state, for this reason. :class:`WrongMove` where it cannot follow."""
        if state not in MOVES[self.state]:
            raise WrongMove(f"command {self.id} is {self.state} and cannot become {state}")
        self.state, self.why = state, why
        if state is Life.SENT:
            self.sent, self.sendings = now, self.sendings + 1
        elif state.ended:
            self.ended = now

    @property
    def title(self) -> str:
        """The command in a few words, for people."""
        if self.text is not None:
            return self.text
        header = (self.message or {}).get("header") or {}
        return f"0x{header.get('msg_id', 0):04X}"
