"""Kinds of text: of fixed size, to the end, terminated, with a length in front or elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import EncodeError
from .base import Fixed, Kind, Notes, Scope, shown
from .numbers import Int
from .octets import Prefixed


def decode_text(data: bytes, encoding: str) -> str:
    """Text from the wire. Bytes that are none in this encoding stay in the string as lone surrogates, so that writing
    it again gives the same bytes; UTF-16 has no room for those, there they become U+FFFD."""
    return data.decode(encoding, "replace" if encoding.startswith("utf-16") else "surrogateescape")


def encode_text(text: str, encoding: str) -> bytes:
    """The opposite of :func:`decode_text`; :class:`EncodeError` for characters the encoding does not have."""
    try:
        return text.encode(encoding, "surrogateescape")
    except (UnicodeError, AttributeError):
        raise EncodeError(f"{shown(text)} is not text that {encoding} can write") from None


_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_STRAY_BYTE = re.compile("[\udc80-\udcff]")


def text_to_json(text: str) -> str:
    """Text for JSON: bytes that were no text appear as ``\\xNN``; :func:`text_from_json` gives the same text again."""
    if text.isascii() and "\\x" not in text:
        return text
    # A backslash of the text itself that would read as such an escape is escaped too.
    text = _ESCAPE.sub(r"\\x5cx\1", text)
    return _STRAY_BYTE.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)


def text_from_json(value: Any) -> str:
    """The text of a JSON string, ``\\xNN`` (two lower-case hex digits) read as bytes, or an :class:`EncodeError`."""
    if not isinstance(value, str):
        raise EncodeError(f"{shown(value)} is not a string")
    return _ESCAPE.sub(_unescaped, value) if "\\x" in value else value


def _unescaped(found: re.Match[str]) -> str:
    byte = int(found[1], 16)
    return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)


class Text(Fixed):
    """Text in a field of fixed size. NUL and space at both ends are filling; writing fills with NUL on the right."""

    def __init__(self, count: int, encoding: str = "ascii") -> None:
        super().__init__(f"{count}s")
        self.encoding = encoding

    @property
    def wire_type(self) -> str:
        return f"text[{self.size}] {self.encoding}"

    @property
    def wanted(self) -> str:
        return f"text of at most {self.size} bytes in {self.encoding}"

    def load(self, args: Sequence[str], scope: Scope) -> str:
        return f"{scope.bind(decode_text, 'text')}({args[0]}.strip(b'\\0 '), '{self.encoding}')"

    def store(self, value: str, scope: Scope) -> list[str]:
        return [f"{scope.bind(self._fitting, 'fit')}({value})"]

    def _fitting(self, text: str) -> bytes:
        data = encode_text(text, self.encoding)
        if len(data) > self.struct.size:
            raise EncodeError(f"{shown(text)} takes {len(data)} bytes, {self.size} are there")
        return data  # struct fills with NUL

    def to_json(self, value: str, dialect: str) -> str:
        return text_to_json(value)

    def from_json(self, value: Any) -> str:
        return text_from_json(value)


class Textual(Kind):
    """What the kinds of text of variable length share."""

    def __init__(self, encoding: str = "ascii") -> None:
        self.encoding = encoding

    def to_json(self, value: str, dialect: str) -> str:
        return text_to_json(value)

    def from_json(self, value: Any) -> str:
        return text_from_json(value)


class RestText(Textual):
    """All bytes that are left, as text. ``strip_nul``: NUL bytes at the end are filling and not part of it."""

    needs_owner = False

    def __init__(self, encoding: str = "ascii", *, strip_nul: bool = False) -> None:
        super().__init__(encoding)
        self.strip_nul = strip_nul

    @property
    def wire_type(self) -> str:
        return f"text[*] {self.encoding}"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[str, int]:
        part = data[pos:end]
        return decode_text(part.rstrip(b"\0") if self.strip_nul else part, self.encoding), end

    def write(self, value: str, out: bytearray, owner: Any) -> None:
        out += encode_text(value, self.encoding)


class Terminated(Textual):
    """Text up to a terminator byte; without one, all that is left."""

    needs_owner = False

    def __init__(self, encoding: str = "ascii", terminator: bytes = b"\0") -> None:
        super().__init__(encoding)
        self.terminator = terminator

    @property
    def wire_type(self) -> str:
        return f"text {self.encoding}, ends with 0x{self.terminator.hex().upper()}"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[str, int]:
        stop = data.find(self.terminator, pos, end)
        if stop < 0:
            notes.append(f"text at byte {pos} has no terminator 0x{self.terminator.hex().upper()}, read to the end")
            return decode_text(data[pos:end], self.encoding), end
        return decode_text(data[pos:stop], self.encoding), stop + len(self.terminator)

    def write(self, value: str, out: bytearray, owner: Any) -> None:
        data = encode_text(value, self.encoding)
        if self.terminator in data:
            raise EncodeError(f"{shown(value)} holds the byte 0x{self.terminator.hex().upper()} that ends the text")
        out += data + self.terminator


class PrefixedText(Prefixed):
    """Text with its length in bytes in front. ``key``: the length's own name in JSON, if the format shows it."""

    def __init__(
        self,
        length: Int,
        encoding: str = "ascii",
        *,
        key: str = "",
        dialects: Mapping[str, str] | None = None,
        extra: int = 0,
    ) -> None:
        super().__init__(length, key=key, dialects=dialects, extra=extra)
        self.encoding = encoding

    @property
    def wire_type(self) -> str:
        return f"{self.length.wire_type} length, text {self.encoding}"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[str, int]:
        part, after = self.take(data, pos, end, notes)
        return decode_text(part, self.encoding), after

    def write(self, value: str, out: bytearray, owner: Any) -> None:
        self.put(encode_text(value, self.encoding), out)

    def to_json(self, value: str, dialect: str) -> str:
        return text_to_json(value)

    def from_json(self, value: Any) -> str:
        return text_from_json(value)

    def measure(self, value: str) -> int:
        """What stands in the length: for the key that shows it."""
        return len(encode_text(value, self.encoding)) + self.extra


class LengthOf(Kind):
    """A length that stands apart from what it measures: read as it is, written as what ``measured`` says.

    The row that holds it has the default None and is not shown in JSON.
    """

    needs_owner = False

    def __init__(self, base: Int, measured: Callable[[Any], int], what: str) -> None:
        self.base, self.measured, self.what = base, measured, what
        self.size = None

    @property
    def wire_type(self) -> str:
        return f"{self.base.wire_type}, bytes of {self.what}"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[int, int]:
        return self.base.read(data, pos, end, owner, notes)

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        count = self.measured(owner)
        if count > self.base.highest:
            raise EncodeError(f"{self.what} take {count} bytes, at most {self.base.highest} fit")
        self.base.write(count, out, owner)


class TextOf(Textual):
    """Text whose length in bytes is known from an earlier field: ``length`` gets the message and tells."""

    def __init__(self, length: Callable[[Any], int], what: str, encoding: str = "ascii") -> None:
        super().__init__(encoding)
        self.length, self.what = length, what

    @property
    def wire_type(self) -> str:
        return f"text {self.encoding}, {self.what} bytes"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[str, int]:
        count = self.length(owner)
        if not 0 <= count <= end - pos:
            notes.append(f"{self.what} gives {count} bytes of text at byte {pos}, {end - pos} are left, all taken")
            count = end - pos
        return decode_text(data[pos : pos + count], self.encoding), pos + count

    def write(self, value: str, out: bytearray, owner: Any) -> None:
        out += encode_text(value, self.encoding)
