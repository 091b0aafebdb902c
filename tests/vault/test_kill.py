"""A vault that is killed at any moment has all that it said was kept, and nothing that is half."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_twisted

from jimigw.vault.vault import Vault
from tests.vault.harness import Engine, FolderEngine, S3Engine, landing, md5

ROOT = Path(__file__).parents[2]


def run_and_kill(engine: Engine, seed: int, files: int) -> set[str]:
    """Kill a service in the middle of its work; return the keys of what it has kept."""
    kept: set[str] = set()
    arguments = [sys.executable, "-m", "tests.vault.keeper", f"s{seed}", *engine.description()]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=ROOT, text=True) as service:
        assert service.stdout is not None
        try:
            for line in service.stdout:
                if len(kept) == files:  # killed in the middle of whatever it does then
                    service.send_signal(signal.SIGKILL)
                if line.endswith("\n"):
                    kept.add(line.strip())
        finally:
            service.kill()
    assert service.returncode == -signal.SIGKILL
    return kept


@pytest.fixture
def named(request: pytest.FixtureRequest) -> FolderEngine | S3Engine:
    """The engine of this name; made before the test, for a store may have to be started for it."""
    engine: FolderEngine | S3Engine = request.getfixturevalue(f"{request.param}_engine")
    return engine


@pytest.mark.parametrize(("named", "rounds", "files"), [("folder", 3, 100), ("s3", 2, 12)], indirect=["named"])
@pytest_twisted.ensureDeferred
async def test_kill(named: FolderEngine | S3Engine, open_vault: Callable[..., Vault], rounds: int, files: int) -> None:
    engine = named
    kept: set[str] = set()
    for round in range(rounds):
        mine = run_and_kill(engine, round, files + round * 17)
        assert len(mine) >= files
        kept |= mine
        seen = engine.seen()
        for key, data in seen.items():
            _, _, _, size, sum = key.rpartition("/")[2].split("-")
            assert (len(data), md5(data)) == (int(size), sum), key
        assert kept - set(seen) == set()
        assert landing(engine) != []  # what is half done there is cleared away by the next round, and by this:
    vault = open_vault(engine)
    assert landing(engine) == []
    assert {item.key for item in await vault.items(1e12)} == set(engine.seen())
    await vault.close()
    if isinstance(engine, S3Engine):
        found = engine.swift.client.list_multipart_uploads(Bucket=engine.name)
        assert not found.get("Uploads")
