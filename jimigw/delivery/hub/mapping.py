"""From a journal record to the hub's pushes; no I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from . import tables
from .conversions import Zones
from .rows import Push, look
from .views import instruction_of

_USUAL = Zones()

Instructions = Mapping[tuple[str, int], str]
"""Terminal and serial number of a command 0x9206 -> the id that its caller gave it."""


def pushes_of(
    record: Mapping[str, Any], zones: Zones | None = None, instructions: Instructions | None = None
) -> list[Push]:
    """The pushes that a record makes, none for what the hub does not tell. Never raises for a JSON object."""
    kind, protocol = record.get("kind"), record.get("protocol")
    if not isinstance(kind, str) or not isinstance(protocol, str):
        return []
    found = tables.BY_KIND.get(kind, {}).get(protocol, ())
    if instructions and tables.FTP in found:
        key = str(record.get("device")), look(record, "message", "body", "seq")
        if isinstance(key[1], int) and (instruction := instructions.get((key[0], key[1]))) is not None:
            record = {**record, "instruction": instruction}
    used = zones or _USUAL
    return [push for table in found for push in table.pushes(record, used)]


def kinds_of(paths: Collection[str]) -> frozenset[str]:
    """The kinds of records that these paths are made from."""
    return frozenset(
        kind
        for kind, protocols in tables.BY_KIND.items()
        if any(table.path in paths for found in protocols.values() for table in found)
    )


__all__ = ["Instructions", "instruction_of", "kinds_of", "pushes_of"]
