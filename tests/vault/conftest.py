"""Vaults in a folder and in a bucket of a real store; all are closed after the test, and leave no thread."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from jimigw.vault.vault import Vault
from tests.support.swift import Swift
from tests.vault.harness import Engine, FolderEngine, S3Engine, vault_threads


@pytest.fixture(params=["folder", "s3"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    if request.param == "folder":
        return FolderEngine(tmp_path / "uploads")
    return S3Engine.make(tmp_path, request.getfixturevalue("swift"))


@pytest.fixture
def folder_engine(tmp_path: Path) -> FolderEngine:
    return FolderEngine(tmp_path / "uploads")


@pytest.fixture
def s3_engine(tmp_path: Path, swift: Swift) -> S3Engine:
    return S3Engine.make(tmp_path, swift)


@pytest_twisted.async_yield_fixture
async def open_vault() -> AsyncIterator[Callable[..., Vault]]:
    """Open vaults of an engine."""
    opened: list[Vault] = []

    def open_one(engine: Engine, **options: Any) -> Vault:
        vault = engine.vault(**options)
        vault.start()
        opened.append(vault)
        return vault

    yield open_one
    for vault in opened:
        await vault.close()
    assert vault_threads() == []


@pytest.fixture
def vault(engine: Engine, open_vault: Callable[..., Vault]) -> Vault:
    return open_vault(engine)
