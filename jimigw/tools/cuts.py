"""Bytes of a stream, cut into frames and what is none."""

from __future__ import annotations

import attrs


@attrs.frozen
class Cut:
    """Some bytes of a stream: a true frame, or what is none, with the reason in ``error``."""

    raw: bytes
    error: str = ""


class Unreadable(Exception):
    """A true frame whose content cannot be read: a sentence that says why."""
