"""What a key may look like: a path of ours that is safe as the name of a file, of a folder, and of an object of S3."""

from __future__ import annotations

import re

MAX_KEY = 400
"""Characters of a key. S3 takes 1024 bytes, with the prefix; a path 4096."""

MAX_PART = 200
"""Characters of one part of it; a file system takes 255."""

_KEY = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")


def is_key(text: str) -> bool:
    """Return whether this is a key."""
    if len(text) > MAX_KEY or not _KEY.fullmatch(text):
        return False
    return all(part not in (".", "..") and len(part) <= MAX_PART for part in text.split("/"))


def check_key(key: str) -> None:
    """Let a key pass.

    :raises ValueError: it is none.
    """
    if not is_key(key):
        raise ValueError(
            f"{key[:MAX_KEY]!r} is no key of a file: parts of A-Z a-z 0-9 . _ - with / between them, none of them . or"
            f" .., {MAX_PART} characters at most each, {MAX_KEY} in all"
        )
