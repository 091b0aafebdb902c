"""Worlds that are ended with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.media.world import MediaWorld

MakeWorld = Callable[..., MediaWorld]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    """Makes a world with these settings, in a folder of its own."""
    worlds: list[MediaWorld] = []

    def make(**settings: Any) -> MediaWorld:
        folder = tmp_path / str(len(worlds))
        folder.mkdir()
        worlds.append(MediaWorld(folder, **settings))
        return worlds[-1]

    yield make
    for world in worlds:
        world.end()


@pytest.fixture
def world(make_world: MakeWorld) -> MediaWorld:
    """A world with a camera on line."""
    found = make_world()
    found.camera()
    return found
