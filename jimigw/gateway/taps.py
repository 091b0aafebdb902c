"""Listening to the live traffic of terminals, both ways. It costs nothing while nobody listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import attrs
from twisted.logger import Logger

from jimigw.model.report import Report


@attrs.define
class Traffic:
    """One frame of a terminal, or bytes for it. ``at`` is the time of receipt or sending, seconds since 1970.

    Of what comes up, ``kind`` and ``message`` are those of its record; what goes down is bytes alone.
    """

    at: float
    device: str
    protocol: str
    direction: Literal["up", "down"]
    raw: bytes
    kind: str | None = None
    message: dict[str, Any] | None = None


class Tap:
    """One listener, until it is closed."""

    def __init__(self, taps: Taps, device: str | None, listener: Callable[[Traffic], None]) -> None:
        self._taps, self.device, self.listener = taps, device, listener

    def close(self) -> None:
        """Listen no more; closing twice is no error."""
        self._taps.remove(self)


class Taps:
    """All listeners. False while there are none, which is what the hot path asks."""

    _log = Logger()

    def __init__(self) -> None:
        self._taps: list[Tap] = []

    def __bool__(self) -> bool:
        return bool(self._taps)

    def add(self, device: str | None, listener: Callable[[Traffic], None]) -> Tap:
        """Call ``listener`` with the traffic of this terminal (an id), or of all for None."""
        tap = Tap(self, device, listener)
        self._taps.append(tap)
        return tap

    def remove(self, tap: Tap) -> None:
        """Forget a listener; one that is not known is no error."""
        if tap in self._taps:
            self._taps.remove(tap)

    def up(self, device: str, report: Report, now: float) -> None:
        """A terminal said this."""
        self._tell(Traffic(now, device, report.protocol, "up", report.raw, report.kind, report.message))

    def down(self, device: str, protocol: str, data: bytes, now: float) -> None:
        """These bytes go to a terminal."""
        self._tell(Traffic(now, device, protocol, "down", data))

    def _tell(self, traffic: Traffic) -> None:
        for tap in list(self._taps):
            if tap.device is None or tap.device == traffic.device:
                try:
                    tap.listener(traffic)
                except Exception:
                    # Whoever looks on must not disturb who is looked at.
                    self._log.failure(
                        "a listener to the traffic of {device} failed and is taken off", device=traffic.device
                    )
                    self.remove(tap)
