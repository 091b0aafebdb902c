"""What the API is given of the service, and how it goes through many terminals without holding anybody up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
from twisted.internet.defer import DeferredLock
from twisted.internet.task import deferLater

from jimigw.gateway.commands import Commands
from jimigw.gateway.gateway import Gateway
from jimigw.gateway.registry import Registry
from jimigw.gateway.uploads import Uploads
from jimigw.journal.interface import IJournal
from jimigw.model.device import Device
from jimigw.store.interface import IStore

from .problems import NOT_FOUND, Problem

AT_ONCE = 2000
"""Terminals that are looked at in one turn of the reactor: a few milliseconds."""

Figures = Mapping[str, Mapping[str, Any]]


@attrs.frozen(eq=False)
class Rooms:
    """What the API is given. ``ready`` says of each part of the service why it is not ready, "" where it is.
    ``downloads`` says whether links to files are served."""

    reactor: Any
    registry: Registry
    gateway: Gateway
    commands: Commands
    journal: IJournal
    store: IStore
    stats: Callable[[], Figures]
    ready: Callable[[], Mapping[str, str]]
    uploads: Uploads
    downloads: Callable[[], bool]
    #: one change of cards at a time: each begins with what the one before it left
    changing: DeferredLock = attrs.field(factory=DeferredLock)

    def device(self, name: str) -> Device:
        """The terminal with this id, IMEI or phone number. :class:`Problem` where there is none."""
        found = self.registry.get(name)
        if found is None:
            raise Problem(NOT_FOUND, f"there is no terminal {name!r}")
        return found

    def speaks_jimi(self, id: str) -> bool:
        """Whether a terminal spoke the Jimi protocol last; of one that was never heard: whether its id is an IMEI."""
        device = self.registry.get(id)
        protocol = device.protocol if device is not None else ""
        return protocol == "jimi" if protocol else len(id) == 15

    async def breathe(self) -> None:
        """Let everybody else have a turn."""
        await deferLater(self.reactor, 0)

    async def page(self, after: str, limit: int, wanted: Callable[[Device], bool]) -> tuple[list[Device], str | None]:
        """The first terminals by id behind ``after``, and where the next page begins, None where this is the last.

        Goes through all of them a slice at a time, and keeps only what may be on the page.
        """
        best: list[Device] = []
        for part in _slices(list(self.registry)):
            last = best[-1].id if len(best) > limit else None
            fresh = [each for each in part if each.id > after and (last is None or each.id < last) and wanted(each)]
            if fresh:
                best = sorted([*best, *fresh], key=lambda device: device.id)[: limit + 1]
            if len(part) == AT_ONCE:
                await self.breathe()
        if len(best) <= limit:
            return best, None
        return best[:limit], best[limit - 1].id


def _slices(devices: list[Device]) -> Iterator[list[Device]]:
    for at in range(0, len(devices), AT_ONCE):
        yield devices[at : at + AT_ONCE]
