"""Which terminals are let in.

A terminal that is not let in still gets its login and heartbeat answered (JC261/JC400 V1.3.5, chapter 3, rule 6): cut
off, it would connect again and again. What it reports is counted and not stored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

MAX_LIST = 64 << 20
"""Bytes of the longest list that is read: four million terminals."""


class AdmissionError(Exception):
    """The list of terminals cannot be used; the message is a sentence for the operator."""


class Admission(Protocol):
    """Decides by identity (an IMEI, a phone number)."""

    def admits(self, identity: str) -> bool | None:
        """Whether this terminal is let in; None: not known yet, it has to be asked (see :mod:`.hooked`)."""
        ...


class Open:
    """Lets every terminal in."""

    def admits(self, identity: str) -> bool:
        return True


class Listed:
    """Lets in the terminals of a list."""

    def __init__(self, identities: frozenset[str]) -> None:
        self.identities = identities

    def admits(self, identity: str) -> bool:
        return identity in self.identities

    @classmethod
    def from_file(cls, path: Path) -> Listed:
        """The list in a text file: each line starts with an identity, what follows after a space, comma or tab is for
        people; ``#`` begins a comment. :class:`AdmissionError` where the file cannot be read or a line is no identity.
        """
        try:
            if path.stat().st_size > MAX_LIST:
                raise AdmissionError(f"{path}: longer than {MAX_LIST} bytes, that is not a list of terminals")
            text = path.read_text("utf-8-sig", "replace")
        except OSError as error:
            raise AdmissionError(f"{path}: the list of terminals cannot be read: {error.strerror}") from None
        found = set()
        for number, line in enumerate(text.splitlines(), 1):
            words = line.partition("#")[0].replace(",", " ").replace(";", " ").split()
            if not words:
                continue
            identity = words[0].strip("\"'")
            if not (identity.isascii() and identity.isalnum() and len(identity) <= 32):
                raise AdmissionError(f"{path}, line {number}: {identity[:40]!r} is not an IMEI or phone number")
            found.add(identity)
        return cls(frozenset(found))
