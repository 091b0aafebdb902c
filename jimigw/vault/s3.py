"""Files in a store that speaks S3, of Amazon or of others: they come in by a folder of this machine, as always."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jimigw.vault.bucket import Bucket, BucketShelf
from jimigw.vault.vault import Vault
from jimigw.vault.workers import Pool, VaultReactor, threads

__all__ = ["Bucket", "S3Vault"]


class S3Vault(Vault):
    """A vault in a bucket; ``folder`` is where files are on their way in."""

    def __init__(
        self,
        folder: str | Path,
        bucket: Bucket,
        reactor: VaultReactor,
        *,
        make_pool: Callable[[int], Pool] = threads,
    ) -> None:
        super().__init__(Path(folder).absolute(), BucketShelf(bucket), reactor, make_pool=make_pool)
