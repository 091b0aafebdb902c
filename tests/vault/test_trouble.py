"""Disks that are full, read-only or gone: real ones, in a process that has them for itself (``small_disk``)."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from jimigw.vault.interface import VaultError, VaultFull
from jimigw.vault.troubles import trouble

ROOT = Path(__file__).parents[2]

IN = "/uploads/incoming"
FULL = ["VaultFull", f"{IN}/00000002 cannot be written: the disk is full."]
TOO_LONG = "the file would be longer than the file system or the limits of the process allow"
GONE = "it is not there; somebody has removed it or the folder it lies in"
NOTHING: dict[str, list[str]] = {"landing": [], "kept": [], "folders": []}

EXPECTED: list[tuple[str, dict[str, Any]]] = [
    (
        "full",
        {"drained": FULL, "finished": FULL, "last_error": FULL[1], "free_again": True, "well": True}
        | {"landing": [], "kept": ["a/small"], "folders": ["a"]},
    ),
    ("many", {"kinds": ["VaultFull"], "some": True, "whole": True, "same": True, "landing": []}),
    (
        "no_names",
        {"error": ["VaultFull", "/uploads/files/a/b/c/file cannot be kept: the disk is full."], **NOTHING},
    ),
    (
        "read_only",
        {
            "results": [
                ["VaultError", "/uploads/files/a/other cannot be kept: the file system is mounted read-only."],
                ["VaultError", f"{IN}/00000003 cannot be written: the file system is mounted read-only."],
                ["VaultError", f"{IN}/00000003 cannot be written: the file system is mounted read-only."],
                ["VaultError", "/uploads/files/a/file cannot be deleted: the file system is mounted read-only."],
            ],
            "read": 65_536,
        },
    ),
    ("limited", {"results": [["VaultError", f"{IN}/00000001 cannot be written: {TOO_LONG}."]] * 2, **NOTHING}),
    (
        "removed",
        {
            "results": [
                ["VaultError", f"/uploads/files/a/other cannot be kept: {GONE}."],
                ["VaultError", f"{IN}/00000004 cannot be written: {GONE}."],
                ["VaultError", f"/uploads/files cannot be read: {GONE}."],
                ["VaultError", f"/uploads/files cannot be looked through: {GONE}."],
                ["VaultError", f"/uploads/files cannot be deleted from: {GONE}."],
            ],
            "half": ["VaultError", f"/uploads/files/b cannot be kept: {GONE}."],
            "whole": True,
            "files": False,
        },
    ),
    (
        "two_disks",
        {
            "start": [
                "VaultError",
                "/uploads/incoming and /uploads/files lie on different file systems, but files move from one to the"
                " other: let /uploads be one file system.",
            ]
        },
    ),
]


@pytest.fixture(scope="session")
def own_mounts() -> list[str]:
    """What begins a command that may mount for itself; empty where that cannot be done."""
    command = [shutil.which("unshare") or "", "--mount", "--map-root-user"]
    if not command[0]:
        return []
    tried = subprocess.run([*command, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    return [] if tried.returncode else command


@pytest.mark.parametrize(("case", "expected"), EXPECTED, ids=[case for case, _ in EXPECTED])
def test_small_disks(
    case: str,
    expected: dict[str, Any],
    own_mounts: list[str],
    tmp_path: Path,
    require_server: Callable[[str, str], NoReturn],
) -> None:
    if not own_mounts:
        require_server("tmpfs", "nothing can be mounted here (unshare --mount --map-root-user)")
    ran = subprocess.run(
        [*own_mounts, sys.executable, "-m", "tests.vault.small_disk", tmp_path, case],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == expected


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (OSError(errno.ENOSPC, ""), VaultFull, "/x cannot be written: the disk is full."),
        (OSError(errno.EDQUOT, ""), VaultFull, "/x cannot be written: the quota of its owner is used up."),
        (
            OSError(errno.EIO, ""),
            VaultError,
            "/x cannot be written: the disk does not read or write (input/output error).",
        ),
        (OSError(errno.EBADF, ""), VaultError, f"/x cannot be written: {os.strerror(errno.EBADF)}."),
        (OverflowError("too far"), VaultError, "/x cannot be written: OverflowError: too far."),
    ],
)
def test_sentences(error: Exception, kind: type[VaultError], sentence: str) -> None:
    said = trouble("written", "/x", error)
    assert type(said) is kind
    assert str(said) == sentence
