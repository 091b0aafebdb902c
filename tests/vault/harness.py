"""What the tests of vaults share: the two kinds of vaults, and what others see of them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Protocol

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from jimigw.vault.folder import FolderVault
from jimigw.vault.interface import HEAD_BYTES
from jimigw.vault.s3 import Bucket, S3Vault
from jimigw.vault.vault import Vault
from tests.support.swift import ACCESS, SECRET, Swift


class Engine(Protocol):
    """A place for files, which outlives the vaults that a test opens there."""

    folder: Path

    def vault(self, **options: Any) -> Vault:
        """One that is not started."""

    def seen(self) -> dict[str, bytes]:
        """All that others see there, by its key."""

    def description(self) -> list[str]:
        """How another process finds it; see :func:`vault_of`."""


@attrs.define
class FolderEngine:
    """A folder."""

    folder: Path

    def vault(self, **options: Any) -> Vault:
        return FolderVault(self.folder, options.pop("reactor", reactor), **options)

    def seen(self) -> dict[str, bytes]:
        files = self.folder / "files"
        return {str(path.relative_to(files)): path.read_bytes() for path in files.rglob("*") if path.is_file()}

    def description(self) -> list[str]:
        return [str(self.folder)]


@attrs.define
class S3Engine:
    """A bucket of a Swift."""

    folder: Path
    swift: Swift
    name: str
    keys: Path
    prefix: str = "fleet/"

    @classmethod
    def make(cls, folder: Path, swift: Swift) -> S3Engine:
        keys = folder / "keys"
        folder.mkdir(parents=True, exist_ok=True)
        keys.write_text(f"{ACCESS}\n{SECRET}\n")
        return cls(folder / "landing", swift, swift.make_bucket(), keys)

    def bucket(self, **changes: Any) -> Bucket:
        whole: dict[str, Any] = {"url": self.swift.url, "prefix": self.prefix, "credentials_file": self.keys} | changes
        return Bucket(name=self.name, **whole)

    def vault(self, **options: Any) -> Vault:
        used = options.pop("reactor", reactor)
        bucket = self.bucket(**options.pop("bucket", {}))
        return S3Vault(self.folder, bucket, used, **options)

    def seen(self) -> dict[str, bytes]:
        client = self.swift.client
        found: dict[str, bytes] = {}
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.name):
            for entry in page.get("Contents", ()):
                answer = client.get_object(Bucket=self.name, Key=entry["Key"])
                found[entry["Key"].removeprefix(self.prefix)] = answer["Body"].read()
        return found

    def description(self) -> list[str]:
        return [str(self.folder), self.name, self.swift.url, self.prefix, str(self.keys)]


def vault_of(description: list[str]) -> Vault:
    """The vault of an engine, in another process."""
    folder, *rest = description
    used: Any = reactor
    if not rest:
        return FolderVault(folder, used)
    name, url, prefix, keys = rest
    return S3Vault(folder, Bucket(name=name, url=url, prefix=prefix, credentials_file=Path(keys)), used)


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def landing(engine: Engine) -> list[str]:
    """What is on its way in, or was left there."""
    return sorted(path.name for path in (engine.folder / "incoming").iterdir())


def vault_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "vault" in thread.name]


async def keep(vault: Vault, key: str, data: bytes) -> None:
    """Have this kept."""
    incoming = vault.begin()
    incoming.write(data)
    whole = await incoming.finish()
    assert (whole.size, whole.md5, whole.head) == (len(data), md5(data), data[:HEAD_BYTES])
    await vault.keep(incoming, key)


async def error_of(awaited: Awaitable[Any]) -> Exception:
    """What it fails with."""
    try:
        result = await awaited
    except Exception as error:
        return error
    raise AssertionError(f"it did not fail, and gave {result!r}")


async def both(*deferreds: Deferred[Any]) -> list[Any]:
    """All results, and what failed in its place."""
    results = []
    for deferred in deferreds:
        try:
            results.append(await deferred)
        except Exception as error:
            results.append(error)
    return results
