"""Where a vault keeps what has come in: plain calls for threads, several at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from jimigw.vault.interface import Item, VaultError, Whole


class Shelf(Protocol):
    """A folder, or a store of others. All raise :class:`VaultError`; keys have been checked."""

    name: str
    """What messages call it."""

    keepers: int
    """Threads for files that are put here."""

    def start(self) -> VaultError | None:
        """See whether it can be used; called in the reactor thread, before all else. What it gives back is why it
        cannot be reached now: it is used all the same, in the hope that it will be."""

    def tidy(self) -> None:
        """Clear away what an earlier run left half done, where that takes time."""

    def put(self, path: Path, whole: Whole, key: str) -> None:
        """Keep this file, all of it and safe, or nothing. The file may be gone afterwards.

        :raises AlreadyThere: there is something under the key.
        """

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes.

        :raises NotThere: there is nothing under the key.
        """

    def delete(self, key: str) -> None:
        """Have it no more."""

    def items(self, older_than: float) -> list[Item]:
        """All that is here."""

    def hurry(self) -> None:
        """The vault closes and has waited long enough: what takes long gives up. From any thread."""

    def close(self) -> None:
        """Nothing is called any more."""
