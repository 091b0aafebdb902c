"""Registries with listed terminals."""

from __future__ import annotations

from jimigw.gateway.admission import Listed
from jimigw.gateway.registry import Registry
from jimigw.model.device import Card
from jimigw.store.interface import CardChanges


def listed(*identities: str) -> Listed:
    """An admission that lets these in and nobody else."""
    registry = Registry()
    registry.cards_changed(CardChanges([Card(identity, listed=True) for identity in identities], ()))
    return Listed(registry)
