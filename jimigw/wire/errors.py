"""The two errors of this room. Everything here either gives a result or raises one of them, never anything else."""

from __future__ import annotations


class WireError(ValueError):
    """Bytes or values that do not follow the declared layout."""


class DecodeError(WireError):
    """Bytes that cannot be read as declared.

    ``offset`` is the position of the first byte concerned, counted from the start of the buffer that was decoded;
    ``path`` names the field, dotted (``events[2].content``).
    """

    def __init__(self, reason: str, offset: int, path: str = "") -> None:
        super().__init__(f"{path}: {reason} (at byte {offset})" if path else f"{reason} (at byte {offset})")
        self.reason = reason
        self.offset = offset
        self.path = path

    def within(self, name: str) -> DecodeError:
        """The same error seen from the message that holds the failing field as ``name``."""
        return DecodeError(self.reason, self.offset, _join(name, self.path))


class EncodeError(WireError):
    """A value that cannot be written as declared. ``path`` names the field, dotted."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.reason = reason
        self.path = path

    def within(self, name: str) -> EncodeError:
        """The same error seen from the message that holds the failing field as ``name``."""
        return EncodeError(self.reason, _join(name, self.path))


def _join(outer: str, inner: str) -> str:
    if not inner:
        return outer
    return f"{outer}{inner}" if inner.startswith("[") else f"{outer}.{inner}"
