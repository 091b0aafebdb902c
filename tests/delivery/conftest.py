"""Brokers, platforms and services that end with their test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import pytest_twisted

from tests.delivery.mqtt_harness import World
from tests.support.mqtt import Peer
from tests.support.servers import Mosquitto, found

MakeBroker = Callable[..., Mosquitto]
MakePeer = Callable[..., Awaitable[Peer]]
MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture
def mosquitto(require_server: Callable[[str, str], NoReturn], tmp_path: Path) -> Iterator[MakeBroker]:
    """Make a broker, not yet started, with lines for its config."""
    program = found("mosquitto", require_server)
    made: list[Mosquitto] = []

    def make(*lines: str) -> Mosquitto:
        made.append(Mosquitto(program, tmp_path / f"mosquitto{len(made)}", lines))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()


@pytest_twisted.async_yield_fixture
async def broker(mosquitto: MakeBroker) -> AsyncIterator[Mosquitto]:
    """A broker that runs."""
    made = mosquitto()
    await made.start()
    yield made


@pytest.fixture
def peer() -> Iterator[MakePeer]:
    """Make a platform: ``await peer(broker, filter, ...)``."""
    made: list[Peer] = []

    async def make(broker: Mosquitto, *filters: str, **options: Any) -> Peer:
        made.append(Peer(broker.port, *filters, **options))
        return await made[-1].ready()

    yield make
    for each in made:
        each.close()


@pytest_twisted.async_yield_fixture
async def world(tmp_path: Path) -> AsyncIterator[MakeWorld]:
    """Make a service with a target, started: ``await world(broker, setting, ...)``."""
    made: list[World] = []

    async def make(broker: Mosquitto | int, *settings: str) -> World:
        made.append(World(tmp_path / "data", broker, *settings))
        return await made[-1].start()

    yield make
    for each in made:
        await each.stop()
