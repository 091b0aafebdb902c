"""Kinds of bytes without a meaning of their own; base64 in JSON."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ..errors import DecodeError, EncodeError
from .base import Fixed, Kind, Measured, Notes, Scope, shown
from .numbers import Int


def to_base64(value: bytes) -> str:
    """Bytes as the exchange format writes them: standard base64 with padding."""
    return base64.b64encode(value).decode("ascii")


def from_base64(value: Any) -> bytes:
    """The bytes of a base64 string, or an :class:`EncodeError`."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise EncodeError(f"{shown(value)} is not base64") from None


class Raw(Fixed):
    """A fixed number of bytes without a meaning of their own; base64 in JSON."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count}s")

    @property
    def wire_type(self) -> str:
        return f"byte[{self.size}]"

    @property
    def wanted(self) -> str:
        return f"exactly {self.size} bytes"

    def store(self, value: str, scope: Scope) -> list[str]:
        return [f"{scope.bind(self._exact, 'exact')}({value})"]

    def _exact(self, value: bytes) -> bytes:
        if len(value) != self.struct.size:
            raise EncodeError(f"{len(value)} bytes are not {self.wanted}")
        return value

    def to_json(self, value: bytes, dialect: str) -> str:
        return to_base64(value)

    def from_json(self, value: Any) -> bytes:
        return from_base64(value)


class Const(Fixed):
    """Bytes that are always the same; no attribute, no JSON. ``value`` is checked on reading."""

    wire_type = ""

    def __init__(self, base: Int, value: int) -> None:
        super().__init__(base.codes)
        self.base, self.value = base, value
        self.wire_type = f"{base.wire_type} = 0x{value:0{2 * base.struct.size}X}"


class Rest(Kind):
    """All bytes that are left, without a meaning of their own; base64 in JSON."""

    needs_owner = False
    wire_type = "byte[*]"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[bytes, int]:
        return data[pos:end], end

    def write(self, value: bytes, out: bytearray, owner: Any) -> None:
        extend(out, value)

    def to_json(self, value: bytes, dialect: str) -> str:
        return to_base64(value)

    def from_json(self, value: Any) -> bytes:
        return from_base64(value)


def extend(out: bytearray, value: Any) -> None:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise EncodeError(f"{shown(value)} is not bytes")
    out += value


class Prefixed(Measured):
    """What the kinds with a length in front share: how that length is read and written."""

    needs_owner = False

    def __init__(
        self, length: Int, *, key: str = "", dialects: Mapping[str, str] | None = None, extra: int = 0
    ) -> None:
        # extra: what the length counts beside the value itself
        self.length, self.key, self.dialects, self.extra = length, key, dialects or {}, extra

    def take(self, data: bytes, pos: int, end: int, notes: Notes) -> tuple[bytes, int]:
        count, start = self.length.read(data, pos, end, None, notes)
        stop = start + count - self.extra
        if stop < start:
            raise DecodeError(f"length {count} is smaller than the {self.extra} bytes it includes", pos)
        if stop > end:
            notes.append(f"length {count} at byte {pos} runs {stop - end} bytes over the end, cut")
            stop = end
        return data[start:stop], stop

    def put(self, value: bytes, out: bytearray) -> None:
        size = len(value) + self.extra
        if size > self.length.highest:
            raise EncodeError(f"{len(value)} bytes are too long, at most {self.length.highest - self.extra} fit")
        self.length.write(size, out, None)
        out += value


class PrefixedBytes(Prefixed):
    """Bytes with their length in front; base64 in JSON."""

    @property
    def wire_type(self) -> str:
        return f"{self.length.wire_type} length, bytes"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[bytes, int]:
        return self.take(data, pos, end, notes)

    def write(self, value: bytes, out: bytearray, owner: Any) -> None:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise EncodeError(f"{shown(value)} is not bytes")
        self.put(bytes(value), out)

    def to_json(self, value: bytes, dialect: str) -> str:
        return to_base64(value)

    def from_json(self, value: Any) -> bytes:
        return from_base64(value)

    def measure(self, value: bytes) -> int:
        return len(value) + self.extra
