"""Files that only their owner may read: passwords, keys, tokens."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

MAX_FILE = 65_536
"""Bytes of the longest such file that is read, unless it is said otherwise."""


def read_private(path: Path, most: int = MAX_FILE) -> str | None:
    """The first ``most`` bytes of a file as text, None if there is none. Others' right to read it is taken away."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
        return file.read(most).decode("utf-8", "replace")


def write_private(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
