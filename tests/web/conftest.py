"""A service with an API that ends with its test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_twisted

from tests.web.api import ApiClient, serving


@pytest_twisted.async_yield_fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiClient]:
    """The API of a service in a folder of its own."""
    async for client in serving(tmp_path):
        yield client
