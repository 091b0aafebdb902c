"""Many files, long files, and an end in the middle of them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred

from jimigw.vault.incoming import Incoming
from jimigw.vault.interface import VaultError
from jimigw.vault.vault import Vault
from tests.vault.harness import Engine, FolderEngine, both, keep, landing, md5, vault_threads

ROOT = Path(__file__).parents[2]

LONG_FILE = """
import hashlib, sys
from twisted.internet import task
from twisted.internet.defer import Deferred
from tests.vault.harness import keep, vault_of

PIECE, SIZE = bytes(range(256)) * 256, 64 << 20

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

async def run():
    vault = vault_of(sys.argv[1:])
    vault.start()
    await keep(vault, "first", PIECE * 16)
    before = peak()
    incoming = vault.begin()
    for _ in range(SIZE // len(PIECE)):
        incoming.write(PIECE)
        if incoming.waiting > 1 << 20:
            await incoming.drained(1 << 19)
    whole = await incoming.finish()
    await vault.keep(incoming, "long")
    read = hashlib.md5()
    for at in range(0, SIZE, 1 << 20):
        read.update(await vault.read("long", at, 1 << 20))
    await vault.close()
    print(whole.size, whole.md5 == read.hexdigest(), peak() - before)

task.react(lambda reactor: Deferred.fromCoroutine(run()))
"""


def test_memory_does_not_grow_with_a_file(engine: Engine) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LONG_FILE, *engine.description()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    size, whole, grown = ran.stdout.split()
    assert (int(size), whole) == (64 << 20, "True")
    assert int(grown) < 24 * 1024  # KiB


@pytest_twisted.ensureDeferred
async def test_many_files_at_once(engine: Engine, vault: Vault) -> None:
    clock = reactor
    count = 200 if isinstance(engine, FolderEngine) else 60  # the store itself is not in a hurry
    contents = {f"d{n % 9}/{n}": random.Random(n).randbytes(1 + n * 997) for n in range(count)}

    async def send(key: str, data: bytes) -> None:
        incoming = vault.begin()
        for at in range(0, len(data), 8000):
            incoming.write(data[at : at + 8000])
            await task.deferLater(clock, 0)
        whole = await incoming.finish()
        assert whole.md5 == md5(data)
        await vault.keep(incoming, key)

    await both(*[Deferred.fromCoroutine(send(key, data)) for key, data in contents.items()])
    assert engine.seen() == contents
    assert landing(engine) == []
    assert 1 <= len(vault_threads()) <= 18


@pytest_twisted.ensureDeferred
async def test_closed_under_load(engine: Engine, vault: Vault) -> None:
    main = threading.get_ident()
    data = random.Random(1).randbytes(300_000)
    await keep(vault, "first", data)
    finished: list[Incoming] = []
    for _ in range(12):
        incoming = vault.begin()
        incoming.write(data)
        await incoming.finish()
        finished.append(incoming)
    coming = [vault.begin() for _ in range(20)]
    heard: list[int] = []
    waiting: list[Deferred[Any]] = []

    def hear(result: Any) -> Any:
        heard.append(threading.get_ident())
        return result

    for n, incoming in enumerate(coming):
        incoming.write(data)
        waiting.append(incoming.drained())
        if n % 2:
            waiting.append(incoming.finish())
    for n, incoming in enumerate(finished):
        waiting.append(vault.keep(incoming, f"kept/{n}"))
    for _ in range(12):
        waiting.append(vault.read("first", 5, 1000))
    for deferred in waiting:
        deferred.addBoth(hear)
    await vault.close()
    assert heard == [main] * len(waiting)
    assert vault_threads() == []
    results = await both(*waiting)
    assert all(not isinstance(result, Exception) or isinstance(result, VaultError) for result in results)
    assert results[-12:] == [data[5:1005]] * 12
    kept = {f"kept/{n}": data for n, result in enumerate(results[-24:-12]) if result is None}
    assert engine.seen() == {"first": data, **kept}
    assert landing(engine) == []
