"""A service with an API that ends with its test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_twisted

from tests.service.harness import Running, Start
from tests.web.api import ApiClient, serving


@pytest_twisted.async_yield_fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiClient]:
    """The API of a service in a folder of its own."""
    async for client in serving(tmp_path):
        yield client


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
