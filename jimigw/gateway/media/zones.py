"""The zones in which cameras write the times of their file names, and what else holds for the files of one terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from jimigw.gateway.registry import Registry
from jimigw.model.media import MediaRule
from jimigw.store.interface import IStore


class Rules:
    """The rules of all terminals that have some, in memory and in the store."""

    _log = Logger()

    def __init__(self, registry: Registry, store: IStore) -> None:
        self._registry, self._store = registry, store
        self._rules: dict[str, MediaRule] = {}

    async def start(self) -> None:
        """Learn them."""
        self._rules = {rule.device: rule for rule in await self._store.media_rules()}

    def of(self, device: str) -> MediaRule:
        """What holds for this terminal; a rule that says nothing where nothing was said."""
        return self._rules.get(device) or MediaRule(device)

    def change(self, device: str, **changes: Any) -> Deferred[MediaRule]:
        """Change a rule; fires with it once it is stored."""
        rule = attrs.evolve(self.of(device), **changes)
        saving = self._store.save_media_rule(rule)

        def saved(_: object) -> MediaRule:
            self._rules[device] = rule
            return rule

        return saving.addCallback(saved)

    def zone(self, device: str) -> int | None:
        """Minutes east of UTC of its file names: what its card says, else what was learned; None if neither."""
        found = self._registry.get(device)
        told = None if found is None else found.card.zone
        return self.of(device).zone if told is None else told

    def utc(self, device: str, local: datetime | None) -> float:
        """A time in a file name as seconds since 1970; 0 where its zone is not known."""
        zone = self.zone(device)
        if local is None or zone is None:
            return 0.0
        return (local.replace(tzinfo=UTC) - timedelta(minutes=zone)).timestamp()

    def local(self, device: str, seconds: float) -> datetime:
        """A moment as the camera's clock for file names shows it; UTC where its zone is not known."""
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None) + timedelta(minutes=self.zone(device) or 0)

    def learn(self, device: str, zone: int) -> Deferred[Any]:
        """Its file names show this zone. A terminal that was moved, or whose summer time began, is learned anew."""
        if self.of(device).zone == zone:
            return succeed(None)
        self._log.info(
            "the file names of {device} are in the zone UTC{sign}{hours:02d}:{minutes:02d}",
            device=device,
            sign="-" if zone < 0 else "+",
            hours=abs(zone) // 60,
            minutes=abs(zone) % 60,
        )
        return self.change(device, zone=zone)
