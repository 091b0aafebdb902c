"""What a vault is: it keeps the content of files. What they are, and whose, the store knows.

    begin() ──▶ Incoming: write, write_at ──▶ finish() ──▶ Whole(size, md5, head)
                    │                             │
                    └──abort(): nothing is left   └──▶ keep(incoming, key): safe on disk under this key, all of it

A key is a path of ours, ``<folder>/<name>``, of ``[A-Za-z0-9._-]`` and ``/`` only (:mod:`jimigw.vault.keys`): nothing
in it comes from a terminal unchecked. No key is the folder of another one. Whatever is given another sort of key fails
with ValueError. Everything is called in the reactor thread, and no call waits for a disk or a network there.
"""

from __future__ import annotations

from collections.abc import Collection

import attrs
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

HEAD_BYTES = 256
"""Bytes of a file's beginning that :class:`Whole` has: enough to tell what it is."""


class VaultError(Exception):
    """The vault cannot be opened, read or written; the message is a sentence for the operator."""


class VaultFull(VaultError):
    """There is no room for more: the disk, or the store of others, is full."""


class NotThere(VaultError):
    """The vault has nothing under this key."""


class AlreadyThere(VaultError):
    """The vault has something under this key, and never writes over it."""


@attrs.frozen
class Whole:
    """A file that has come in all: its size, the 32 lower-case hex digits of its MD5, and its first bytes."""

    size: int
    md5: str
    head: bytes


@attrs.frozen
class Item:
    """Something that the vault keeps: its key, its size in bytes, and when it was put there, seconds since 1970, by the
    clock of whoever keeps it: it may be a few seconds off."""

    key: str
    size: int
    kept: float


@attrs.frozen
class Room:
    """Bytes that are free where files are kept and on the way in, and how many there are in all."""

    free: int
    total: int


class IIncoming(Interface):
    """A file on its way in. Only one of ``finish`` and ``abort`` is called, once.

    A file that is given up, by ``abort``, a disk that fails or a vault that closes, takes further bytes and drops them.
    """

    size = Attribute("bytes that were given so far; with ``write_at``, the end of the farthest piece")
    waiting = Attribute("bytes that were given and are not written yet: whoever gives them waits while there are many")

    def write(data: bytes) -> None:
        """Add to the end. A disk that fails is told by ``finish`` and ``drained``."""

    def write_at(offset: int, data: bytes) -> None:
        """Put a piece in its place; never beside :meth:`write`. A later piece replaces what an earlier one put there;
        where none came there are zeros. How far away a piece may lie is for the caller to bound."""

    def drained(most: int = 0) -> Deferred[None]:
        """Fires once no more than ``most`` bytes wait, or it was aborted. Fails with :class:`VaultError` where they
        cannot be written, or the vault closes."""

    def finish() -> Deferred[Whole]:
        """All has come: write it, have it on disk (fsync), and say what it is. Fails with :class:`VaultError`; nothing
        is left of it then."""

    def abort() -> Deferred[None]:
        """It is not wanted: nothing is left of it. Never fails. Also after :meth:`finish`, which fails if it has not
        fired; once it is given to ``keep`` this only waits for that."""


class IVault(Interface):
    """The vault of one service."""

    def start() -> None:
        """Open it, and clear away what an earlier run left half done.

        :raises VaultError: a sentence that says why it cannot be used.
        """

    def close() -> Deferred[None]:
        """End what is under way, then close. Never fails."""

    def begin() -> IIncoming:
        """A new file comes in.

        :raises VaultError: it is not open.
        """

    def keep(incoming: IIncoming, key: str) -> Deferred[None]:
        """Keep a file that was finished, under a key that was never used: after this it survives a crash, whole.

        Fails with :class:`VaultError`; then nothing of it is there under the key, and nothing is left of the file. Of
        two files that are given the same key one is kept, the other fails with :class:`AlreadyThere`.
        """

    def read(key: str, offset: int, length: int) -> Deferred[bytes]:
        """Up to ``length`` bytes from there on; fewer only at the end. Fails with :class:`NotThere` or
        :class:`VaultError`."""

    def delete(key: str) -> Deferred[None]:
        """Have it no more. What is not there is no error. Fails with :class:`VaultError`."""

    def items(older_than: float) -> Deferred[Collection[Item]]:
        """All that it keeps, put there before this time (seconds since 1970): to look for what nobody knows. The time
        of an item may be off, so whoever deletes leaves some minutes. Fails with :class:`VaultError`."""

    def room() -> Deferred[Room | None]:
        """How much room there is; None where that cannot be told. Of a store of others it is the room for what is on
        its way in. Fails with :class:`VaultError`."""

    def last_error() -> str | None:
        """Why the last write, read or deletion failed; None if it did not."""
