"""How much a run does."""

from __future__ import annotations

import attrs


@attrs.frozen
class Size:
    """Reports in all, so many a second, of so many terminals. ``timeout``: seconds after which the service gives up a
    broker or a receiver that says nothing."""

    reports: int = 60_000
    rate: float = 1000.0
    terminals: int = 400
    timeout: float = 2.0
