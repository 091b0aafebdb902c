"""What differs between two configs, and what of it can be taken over while the service runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from jimigw.ops.config_kinds import shown
from jimigw.ops.config_rows import Row, rows
from jimigw.ops.config_schema import Config


@attrs.frozen
class Change:
    """A key with another value than before. ``restart``: it is taken over at the next start only."""

    key: str
    old: object
    new: object
    restart: bool

    def __str__(self) -> str:
        return f"{self.key}: {shown(self.old)} -> {shown(self.new)}"


def changes(old: Config, new: Config) -> list[Change]:
    """All keys that differ, in the order of the file."""
    return list(_changes(old, new, ""))


def _changes(old: Any, new: Any, prefix: str) -> Iterator[Change]:
    for name, row in rows(type(old)):
        before, after = getattr(old, name), getattr(new, name)
        if not isinstance(row, Row):
            yield from _changes(before, after, f"{prefix}{name}.")
        elif before != after:
            yield Change(f"{prefix}{name}", before, after, row.restart)


def taken_over(old: Config, new: Config) -> Config:
    """The old config with what of the new one needs no restart."""
    merged: Config = _taken_over(old, new)
    return merged


def _taken_over(old: Any, new: Any) -> Any:
    values: dict[str, Any] = {}
    for name, row in rows(type(old)):
        before, after = getattr(old, name), getattr(new, name)
        if not isinstance(row, Row):
            values[name] = _taken_over(before, after)
        elif not row.restart:
            values[name] = after
    return attrs.evolve(old, **values)
