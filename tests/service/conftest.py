"""Services that end with their test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_twisted

from tests.service.harness import Running, Start


@pytest_twisted.async_yield_fixture
async def start() -> AsyncIterator[Start]:
    """Start a service in a folder, with settings laid over the default ones."""
    started: list[Running] = []

    def _start(folder: Path, *settings: str) -> Running:
        started.append(Running(folder, *settings))
        return started[-1]

    yield _start
    for running in started:
        if running.service.running:
            await running.stop()
