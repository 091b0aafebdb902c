"""What differs between two configs, and what of it can be taken over while the service runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from jimigw.ops.config_kinds import shown
from jimigw.ops.config_rows import SectionRow, SectionsRow, rows
from jimigw.ops.config_schema import Config


@attrs.frozen
class Change:
    """A key with another value than before. ``restart``: it is taken over at the next start only.

    Of a list of sections ``key`` names one by its own name; None stands for one that is not there.
    """

    key: str
    old: object
    new: object
    restart: bool

    def __str__(self) -> str:
        if self.old is None:
            return f"{self.key}: added"
        if self.new is None:
            return f"{self.key}: removed"
        return f"{self.key}: {shown(self.old)} -> {shown(self.new)}"


def changes(old: Config, new: Config) -> list[Change]:
    """All keys that differ, in the order of the file."""
    return list(_changes(old, new, ""))


def _changes(old: Any, new: Any, prefix: str) -> Iterator[Change]:
    for name, row in rows(type(old)):
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(row, SectionRow):
            yield from _changes(before, after, f"{prefix}{name}.")
        elif isinstance(row, SectionsRow):
            yield from _list_changes(row, before, after, f"{prefix}{name}")
        elif before != after:
            yield Change(f"{prefix}{name}", before, after, row.restart)


def _list_changes(row: SectionsRow, old: Sequence[Any], new: Sequence[Any], key: str) -> Iterator[Change]:
    """What differs between sections of the same name, and which are there in one config only."""
    before, after = ({row.name(item): item for item in items} for items in (old, new))
    for name in [*before, *(name for name in after if name not in before)]:
        place = f"{key}[{name}]"
        if name in before and name in after:
            yield from _changes(before[name], after[name], f"{place}.")
        else:
            yield Change(place, before.get(name), after.get(name), False)


def taken_over(old: Config, new: Config) -> Config:
    """The old config with what of the new one needs no restart."""
    merged: Config = _taken_over(old, new)
    return merged


def _taken_over(old: Any, new: Any) -> Any:
    values: dict[str, Any] = {}
    for name, row in rows(type(old)):
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(row, SectionRow):
            values[name] = _taken_over(before, after)
        elif isinstance(row, SectionsRow) or not row.restart:
            values[name] = after
    return attrs.evolve(old, **values)
