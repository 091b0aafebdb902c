"""What the system says when it fails, as sentences for the operator."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from jimigw.vault.interface import VaultError, VaultFull

_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of its owner is used up",
}

_WHY = {
    errno.EIO: "the disk does not read or write (input/output error)",
    errno.EROFS: "the file system is mounted read-only",
    errno.EACCES: "the service has no right to",
    errno.EPERM: "the service has no right to",
    errno.EFBIG: "the file would be longer than the file system or the limits of the process allow",
    errno.EMFILE: "the process has too many open files; raise its limit (LimitNOFILE)",
    errno.ENFILE: "the machine has too many open files",
    errno.ENOENT: "it is not there; somebody has removed it or the folder it lies in",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.EISDIR: "it is a folder",
    errno.ELOOP: "it is a link",
    errno.EXDEV: "it would have to move from one file system to another",
}


def trouble(doing: str, path: str | Path, error: Exception) -> VaultError:
    """Make the error of ours from one of the system: ``doing`` is as "written", "read"."""
    if isinstance(error, OSError) and error.errno is not None:
        if (full := _FULL.get(error.errno)) is not None:
            return VaultFull(f"{path} cannot be {doing}: {full}.")
        why = _WHY.get(error.errno) or os.strerror(error.errno)
    else:
        why = f"{type(error).__name__}: {error}"
    return VaultError(f"{path} cannot be {doing}: {why}.")
