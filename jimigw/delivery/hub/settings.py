"""What a callback of ``format = "hub"`` is set to."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import attrs

from .conversions import Zones
from .tables import PATHS


def _check_url(settings: HubSettings, attribute: Any, value: str) -> None:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or not value.isascii():
        raise ValueError(f"url: {value!r} is not a base address such as https://platform.example.org/jimi")


def _check_paths(settings: HubSettings, attribute: Any, value: tuple[str, ...]) -> None:
    for path in value:
        if path not in PATHS:
            raise ValueError(f"paths: {path!r} is not a path that jimigw pushes to; those are {', '.join(PATHS)}")


def _check_zone(settings: HubSettings, attribute: Any, value: float) -> None:
    if not -14 <= value <= 14:
        raise ValueError(f"{attribute.name}: {value} is not a time zone; expected -14..14 hours east of UTC")


def _between(least: float, most: float) -> Any:
    def check(settings: HubSettings, attribute: Any, value: float) -> None:
        if not least <= value <= most:
            raise ValueError(f"{attribute.name}: {value} is not right; expected {least:g}..{most:g}")

    return check


@attrs.frozen
class HubSettings:
    """Where to push, and what. ValueError, a sentence with the key, for what cannot be.

    ``url`` is the base address, to which the paths are appended; ``token`` is sent with every push. ``paths``: only
    these, empty for all. ``time_zone`` is that of the times in pushes and ``terminals_zone`` that of JT/T 808
    terminals' clocks, hours east of UTC. ``batch`` records are looked at together, ``concurrency`` batches at once,
    ``timeout`` seconds are waited for an answer. ``tries``: how often in a row a receiver may refuse a push before its
    records go to the dead letters.
    """

    url: str = attrs.field(validator=_check_url)
    token: str = attrs.field(default="", repr=False)
    paths: tuple[str, ...] = attrs.field(default=(), validator=_check_paths)
    time_zone: float = attrs.field(default=0.0, validator=_check_zone)
    terminals_zone: float = attrs.field(default=8.0, validator=_check_zone)
    batch: int = attrs.field(default=200, validator=_between(1, 10_000))
    concurrency: int = attrs.field(default=1, validator=_between(1, 100))
    timeout: float = attrs.field(default=30.0, validator=_between(0.1, 600))
    tries: int = attrs.field(default=3, validator=_between(1, 1000))

    @property
    def chosen(self) -> frozenset[str]:
        """The paths that are pushed to."""
        return frozenset(self.paths or PATHS)

    @property
    def zones(self) -> Zones:
        """The zones as the mapping takes them."""
        told = timezone(timedelta(hours=self.time_zone)) if self.time_zone else UTC
        return Zones(told, timezone(timedelta(hours=self.terminals_zone)))

    def address(self, path: str) -> str:
        """Where a push goes."""
        return self.url.rstrip("/") + path
