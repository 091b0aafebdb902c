"""A file on its way in, as it lies on the disk: plain calls for threads, one at a time; only :meth:`LandingFile.hash`
may run beside :meth:`LandingFile.write`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from jimigw.vault.interface import HEAD_BYTES, VaultError, Whole
from jimigw.vault.troubles import trouble

PUSH_BYTES = 8 << 20
"""Bytes after which the disk is asked to begin with them, so that little is left for the fsync at the end."""

READ_BYTES = 1 << 20
"""Bytes that are read at once where the MD5 is taken from the file."""

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class LandingFile:
    """A file that is made with the first write. Bytes that are given in their order are hashed as they are written;
    with any other order the file is read once more at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unwanted = False
        """Set from any thread: what takes long gives up."""
        self._fd = -1
        self._made = False
        self._size = 0
        self._pushed = 0
        self._hash = hashlib.md5(usedforsecurity=False)
        self._hashed = 0
        self._in_order = True

    def write(self, runs: Sequence[tuple[int, bytes]]) -> None:
        """Put each in its place.

        :raises VaultError: it cannot be written.
        """
        if self.unwanted:
            return
        try:
            self._open()
            for offset, data in runs:
                self._put(offset, data)
        except Exception as error:
            raise trouble("written", self.path, error) from error

    def hash(self, runs: Sequence[tuple[int, bytes]]) -> None:
        """Add what is written just now, or was written last, to the MD5."""
        for offset, data in runs:
            self._in_order = self._in_order and offset == self._hashed
            if not self._in_order or self.unwanted:
                return
            self._hash.update(data)
            self._hashed += len(data)

    def settle(self) -> Whole:
        """Have it on the disk, and close it.

        :raises VaultError: it cannot be written, or is unwanted by now.
        """
        try:
            self._open()
            head = os.pread(self._fd, HEAD_BYTES, 0)
            if not self._in_order:
                self._hash_all()
            os.fsync(self._fd)
            self._close()
        except VaultError:
            raise
        except Exception as error:
            raise trouble("written", self.path, error) from error
        return Whole(self._size, self._hash.hexdigest(), head)

    def discard(self) -> None:
        """Remove it. Where that fails, the next start does it."""
        with suppress(OSError):
            self._close()
        if self._made:
            with suppress(OSError):
                os.unlink(self.path)

    def _open(self) -> None:
        if self._fd < 0:
            self._fd = os.open(self.path, _FLAGS, 0o640)
            self._made = True

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _put(self, offset: int, data: bytes) -> None:
        rest, place = memoryview(data), offset
        while rest:
            written = os.pwrite(self._fd, rest, place)
            rest, place = rest[written:], place + written
        if offset == self._size:
            self._push(place)
        self._size = max(self._size, place)

    def _push(self, end: int) -> None:
        # Linux begins to write such pages at once, and does not wait for them.
        if end - self._pushed >= PUSH_BYTES and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._fd, self._pushed, end - self._pushed, os.POSIX_FADV_DONTNEED)
            self._pushed = end

    def _hash_all(self) -> None:
        self._hash = hashlib.md5(usedforsecurity=False)
        place = 0
        while place < self._size:
            if self.unwanted:
                raise VaultError(f"{self.path} is not wanted any more.")
            piece = os.pread(self._fd, READ_BYTES, place)
            if not piece:
                raise VaultError(f"{self.path} is shorter than what was written to it.")
            self._hash.update(piece)
            place += len(piece)
