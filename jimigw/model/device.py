"""A terminal as the service knows it, whatever protocol it speaks."""

from __future__ import annotations

from typing import Any

import attrs

from .report import Position


@attrs.define(eq=False)
class Device:
    """One terminal. Times are seconds since 1970; ``link`` is its live connection, None while it is off line."""

    id: str
    protocol: str
    first_seen: float
    last_seen: float
    logins: int = 0
    link: Any = None
    position: Position | None = None

    @property
    def online(self) -> bool:
        """Whether it has a live connection."""
        return self.link is not None
