"""What a vault does on a disk of a few MiB: ``python -m tests.vault.small_disk FOLDER CASE``, in a process of its own.

It has a mount namespace of its own too (``unshare --mount --map-root-user``), so nothing is left mounted. It prints
what came of it, as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor, task
from twisted.internet.defer import Deferred

from jimigw.vault.folder import FolderVault
from jimigw.vault.interface import VaultError
from jimigw.vault.vault import Vault
from tests.vault.harness import FolderEngine, both, error_of, keep, landing

SIZE = 4 << 20
FILES = 60
PIECE = bytes(64 << 10)

Case = Callable[[Vault, FolderEngine], Awaitable[dict[str, Any]]]


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)


def said(error: object, engine: FolderEngine) -> list[str]:
    """An error for JSON."""
    return [type(error).__name__, str(error).replace(str(engine.folder), "/uploads")]


def left(engine: FolderEngine) -> dict[str, Any]:
    """What is there now."""
    files = engine.folder / "files"
    folders = [str(path.relative_to(files)) for path in files.rglob("*") if path.is_dir()]
    return {"landing": landing(engine), "kept": sorted(engine.seen()), "folders": sorted(folders)}


async def full(vault: Vault, engine: FolderEngine) -> dict[str, Any]:
    """A file is longer than the disk; afterwards there is room again."""
    await keep(vault, "a/small", PIECE)
    free = os.statvfs(engine.folder).f_bavail
    incoming = vault.begin()
    drained = None
    for _ in range(2 * SIZE // len(PIECE)):
        incoming.write(PIECE)
        if incoming.waiting > 4 * len(PIECE):
            drained = await error_of_or_none(incoming.drained(len(PIECE)))
            if drained is not None:
                break
    incoming.write(PIECE)
    finished = await error_of(incoming.finish())
    await incoming.abort()
    result = {
        "drained": said(drained, engine),
        "finished": said(finished, engine),
        "last_error": said(vault.last_error(), engine)[1],
        "free_again": os.statvfs(engine.folder).f_bavail == free,
        **left(engine),
    }
    await keep(vault, "a/after", PIECE)
    return {**result, "well": vault.last_error() is None}


async def many(vault: Vault, engine: FolderEngine) -> dict[str, Any]:
    """Twenty files at once, of which some have room: each one is there whole, or failed and left nothing."""
    files = [vault.begin() for _ in range(20)]
    finished = []
    for incoming in files:
        for _ in range(8):
            incoming.write(PIECE)
        finished.append(incoming.finish())
    results = await both(*finished)
    good = [incoming for incoming, result in zip(files, results, strict=True) if not failed(result)]
    kept = await both(*[vault.keep(incoming, f"d{n}/file") for n, incoming in enumerate(good)])
    return {
        "kinds": sorted({type(result).__name__ for result in [*results, *kept] if failed(result)}),
        "some": 0 < len(good) < len(files),
        "whole": {len(data) for data in engine.seen().values()} <= {8 * len(PIECE)},
        "same": len(engine.seen()) == kept.count(None),
        "landing": landing(engine),
    }


async def no_names(vault: Vault, engine: FolderEngine) -> dict[str, Any]:
    """The disk has bytes, but no names left, when the file is to be kept."""
    incoming = vault.begin()
    incoming.write(PIECE)
    await incoming.finish()
    other = engine.folder / "other"
    other.mkdir()
    try:
        for n in range(FILES):
            (other / str(n)).touch()
    except OSError:
        (other / "0").unlink()  # one of the three folders can be made
    kept = await error_of(vault.keep(incoming, "a/b/c/file"))
    return {"error": said(kept, engine), **left(engine)}


async def read_only(vault: Vault, engine: FolderEngine) -> dict[str, Any]:
    """The system has made it read-only, as it does after errors of the disk."""
    await keep(vault, "a/file", PIECE)
    incoming = vault.begin()
    incoming.write(PIECE)
    await incoming.finish()
    # Files that are open for writing would keep it writable.
    subprocess.run(["mount", "-o", "remount,ro", str(engine.folder.parent)], check=True)
    begun = vault.begin()
    begun.write(PIECE)
    results = await both(vault.keep(incoming, "a/other"), begun.drained(), begun.finish(), vault.delete("a/file"))
    return {"results": [said(error, engine) for error in results], "read": len(await vault.read("a/file", 0, 1 << 20))}


async def limited(vault: Vault, engine: FolderEngine) -> dict[str, Any]:
    """A limit of the process for the size of files."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    incoming = vault.begin()
    for _ in range(4):
        incoming.write(PIECE)
    results = await both(incoming.drained(), incoming.finish())
    return {"results": [said(error, engine) for error in results], **left(engine)}


async def removed(vault: Vault, engine: FolderEngine) -> dict[str, Any]:
    """Somebody removes everything while it runs."""
    await keep(vault, "a/file", PIECE)
    finished, half, late = vault.begin(), vault.begin(), vault.begin()
    finished.write(PIECE)
    half.write(PIECE)
    await finished.finish()
    await half.drained()
    for name in ("incoming", "files"):
        shutil.rmtree(engine.folder / name)
    late.write(PIECE)
    results = await both(
        vault.keep(finished, "a/other"),
        late.finish(),
        vault.read("a/file", 0, 10),
        vault.items(1e12),
        vault.delete("a/file"),
        half.finish(),
    )
    whole = results.pop()
    return {
        "results": [said(error, engine) for error in results],
        "half": said(await error_of(vault.keep(half, "b")), engine),
        "whole": whole.size == len(PIECE),
        "files": (engine.folder / "files").exists(),
    }


async def two_disks(vault: Vault, engine: FolderEngine) -> dict[str, Any]:
    """``files`` is another disk than ``incoming``."""
    await vault.close()
    mount(engine.folder / "files", "size=1m")
    try:
        FolderVault(engine.folder, as_reactor()).start()
    except VaultError as error:
        return {"start": said(error, engine)}
    return {}


CASES: dict[str, Case] = {
    case.__name__: case for case in (full, many, no_names, read_only, limited, removed, two_disks)
}


def failed(result: object) -> bool:
    return isinstance(result, Exception)


async def error_of_or_none(deferred: Deferred[None]) -> Exception | None:
    (result,) = await both(deferred)
    return result if isinstance(result, Exception) else None


def as_reactor() -> Any:
    return reactor


async def run(folder: Path, case: Case) -> None:
    mount(folder, f"size={SIZE},nr_inodes={FILES}")
    engine = FolderEngine(folder / "uploads")
    vault = engine.vault()
    vault.start()
    try:
        result = await case(vault, engine)
    finally:
        await vault.close()
    print(json.dumps(result))


def main(reactor: object, folder: str, case: str) -> Deferred[None]:
    return Deferred.fromCoroutine(run(Path(folder), CASES[case]))


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
