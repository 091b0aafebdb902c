"""Kinds of fields that JT/T 808 has beside the common ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jimigw.wire.errors import DecodeError, EncodeError
from jimigw.wire.kinds import (
    U8,
    Counted,
    Fixed,
    Int,
    Kind,
    LengthOf,
    Measured,
    Notes,
    PrefixedText,
    Rest,
    RestText,
    Scope,
    Text,
    decode_text,
    from_base64,
    shown,
    to_base64,
    whole,
)
from jimigw.wire.kinds.lists import ListKind

#: strings are GBK by the standard; GB18030 reads all of that and more
GBK = "gb18030"


class BcdNumber(Fixed):
    """Two digits in one byte as a number, counted from ``base``. A nibble that is no digit counts as what it is."""

    plain_json = True

    def __init__(self, base: int = 0) -> None:
        super().__init__("B")
        self.base = base

    @property
    def wire_type(self) -> str:
        return "BCD[1]" if not self.base else f"BCD[1] + {self.base}"

    @property
    def wanted(self) -> str:
        return f"a whole number from {self.base} to {self.base + 99}"

    def load(self, args: Sequence[str], scope: Scope) -> str:
        plain = f"({args[0]} >> 4) * 10 + ({args[0]} & 15)"
        return f"{plain} + {self.base}" if self.base else plain

    def store(self, value: str, scope: Scope) -> list[str]:
        return [f"{scope.bind(self._packed, 'bcd')}({value})"]

    def _packed(self, value: Any) -> int:
        # Two digits alone mean a year of this century too. What is above 99 was read so, and has nibbles above nine.
        number = value - self.base if value >= self.base else value
        if not isinstance(value, int) or not 0 <= number <= 165:
            raise EncodeError(self.complaint(value))
        high = min(number // 10, 15)
        return int(high << 4 | number - 10 * high)

    def from_json(self, value: Any) -> int:
        number = whole(value, 0, self.base + 99)
        return number if number >= self.base else number + self.base


class Sized(Kind):
    """Another kind with its length in bytes in front. A value that cannot be read within it is kept as bytes."""

    def __init__(self, length: Int, inner: Kind, *, extra: int = 0) -> None:
        # extra: what the length counts beside the value
        self.length, self.inner, self.extra = length, inner, extra
        self.needs_owner = inner.needs_owner

    @property
    def wire_type(self) -> str:
        return f"{self.length.wire_type} length, {self.inner.wire_type}"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[Any, int]:
        length, start = self.length.read(data, pos, end, owner, notes)
        stop = start + length - self.extra
        if stop < start:
            raise DecodeError(f"length {length} is smaller than the {self.extra} bytes it includes", pos)
        if stop > end:
            raise DecodeError(f"length {length} runs {stop - end} bytes over the end", pos)
        try:
            value, after = self.inner.read(data, start, stop, owner, notes)
        except DecodeError as error:
            notes.append(f"{error}; kept raw")
            return data[start:stop], stop
        if after != stop:
            notes.append(f"{stop - after} bytes too many at byte {after}; kept raw")
            return data[start:stop], stop
        return value, stop

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        body = bytearray()
        if isinstance(value, bytes):
            body += value
        else:
            self.inner.write(value, body, owner)
        size = len(body) + self.extra
        if size > self.length.highest:
            raise EncodeError(f"{len(body)} bytes are too long, at most {self.length.highest - self.extra} fit")
        self.length.write(size, out, owner)
        out += body

    def to_json(self, value: Any, dialect: str) -> Any:
        if isinstance(value, bytes) and not isinstance(self.inner, Rest):
            return {"data": to_base64(value)}
        return self.inner.to_json(value, dialect)

    def from_json(self, value: Any) -> Any:
        if isinstance(value, dict) and value.keys() == {"data"}:
            return from_base64(value["data"])
        return self.inner.from_json(value)


class FirstFit(Kind):
    """The first of several kinds that takes the bytes up to the end, all of them and without complaint."""

    def __init__(self, *kinds: Kind) -> None:
        self.kinds = kinds
        self.needs_owner = any(kind.needs_owner for kind in kinds)

    @property
    def wire_type(self) -> str:
        return " or ".join(dict.fromkeys(kind.wire_type for kind in self.kinds))

    def choose(self, data: bytes, pos: int, end: int, owner: Any) -> tuple[Kind, Any]:
        """The kind that fits and the value it reads; :class:`DecodeError` if none does."""
        for kind in self.kinds:
            heard: Notes = []
            try:
                value, after = kind.read(data, pos, end, owner, heard)
            except DecodeError:
                continue
            if after == end and not heard:
                return kind, value
        raise DecodeError(f"{end - pos} bytes are none of: {self.wire_type}", pos)

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[Any, int]:
        return self.choose(data, pos, end, owner)[1], end

    def _first(self, act: Callable[[Kind], Any]) -> Any:
        first: EncodeError | None = None
        for kind in self.kinds:
            try:
                return act(kind)
            except EncodeError as error:
                first = first or error
        raise first or EncodeError("cannot be written")

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        def attempt(kind: Kind) -> bytearray:
            part = bytearray()
            kind.write(value, part, owner)
            return part

        out += self._first(attempt)

    def to_json(self, value: Any, dialect: str) -> Any:
        if hasattr(value, "to_json"):
            return value.to_json(dialect)
        for kind in self.kinds:
            try:
                kind.write(value, bytearray(), None)
            except EncodeError:
                continue
            return kind.to_json(value, dialect)
        raise EncodeError(f"{shown(value)} is none of: {self.wire_type}")

    def from_json(self, value: Any) -> Any:
        def attempt(kind: Kind) -> Any:
            found = kind.from_json(value)
            kind.write(found, bytearray(), None)
            return found

        return self._first(attempt)


class CountedTwice(Counted):
    """A list of the edition of 2011: how many there are in all, and how many of them in this packet, which follow.

    As a value it is the list in this packet; written, both counts are its length. JT/T 808-2011.
    """

    @property
    def wire_type(self) -> str:
        return f"{self.count.wire_type} total, u8 count, list of {self.element.wire_type}"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[list[Any], int]:
        total, pos = self.count.read(data, pos, end, owner, notes)
        count, pos = U8.read(data, pos, end, owner, notes)
        values, pos = self._elements(data, pos, end, count, owner, notes)
        if len(values) < count:
            notes.append(f"count says {count}, {len(values)} could be read")
        elif count != total:
            notes.append(f"{count} of {total} items are in this packet")
        return values, pos

    def write(self, value: list[Any], out: bytearray, owner: Any) -> None:
        if len(value) > U8.highest:
            raise EncodeError(f"{len(value)} items are too many, at most {U8.highest} fit in one packet")
        self.count.write(len(value), out, owner)
        U8.write(len(value), out, owner)
        self.write_all(value, out, owner)


class SizedText(PrefixedText):
    """Text in GBK with its length in front. NUL bytes at its end, with which some terminals fill it up, are cut."""

    def __init__(self, length: Int, **how: Any) -> None:
        super().__init__(length, GBK, **how)

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[str, int]:
        value, after = super().read(data, pos, end, owner, notes)
        return value.rstrip("\0"), after


class FilledText(Text):
    """GBK text in a field of fixed size, filled up with NUL bytes behind it. Anything else is kept, NUL bytes and
    spaces in front too: for what has to go back to the terminal exactly as it came."""

    def __init__(self, count: int) -> None:
        super().__init__(count, GBK)

    def load(self, args: Sequence[str], scope: Scope) -> str:
        return f"{scope.bind(decode_text, 'text')}({args[0]}.rstrip(b'\\0'), '{self.encoding}')"


class EndedText(RestText):
    """Text to the end as the edition of 2011 has it: a NUL byte behind it, which many terminals leave out."""

    wire_type = "text[*] gb18030, ends with 0x00"

    def __init__(self) -> None:
        super().__init__(GBK, strip_nul=True)

    def write(self, value: str, out: bytearray, owner: Any) -> None:
        super().write(value, out, owner)
        out += b"\0"


class SizedTwice(Kind):
    """Bytes or text of the edition of 2011: total length and length in this packet in front, equal when written."""

    def __init__(self, total: Int, length: Int, inner: Kind) -> None:
        self.total, self.sized = total, Sized(length, inner)
        self.needs_owner = inner.needs_owner

    @property
    def wire_type(self) -> str:
        return f"{self.total.wire_type} total, {self.sized.wire_type}"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[Any, int]:
        _total, pos = self.total.read(data, pos, end, owner, notes)
        return self.sized.read(data, pos, end, owner, notes)

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        body = bytearray()
        self.sized.write(value, body, owner)
        self.total.write(len(body) - self.sized.length.struct.size, out, owner)
        out += body

    def to_json(self, value: Any, dialect: str) -> Any:
        return self.sized.to_json(value, dialect)

    def from_json(self, value: Any) -> Any:
        return self.sized.from_json(value)


class CountOf(LengthOf):
    """A count that stands apart from the list it counts, which is a :class:`ListOf`.

    The row that holds it has the default None and is not shown in JSON; the list shows it.
    """

    @property
    def wire_type(self) -> str:
        return f"{self.base.wire_type}, number of {self.what}"

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        count = self.measured(owner)
        if count > self.base.highest:
            raise EncodeError(f"{count} {self.what} are too many, at most {self.base.highest} fit")
        self.base.write(count, out, owner)


class ListOf(ListKind, Measured):
    """A list whose count an earlier field has; ``count`` gets the message and tells."""

    def __init__(self, count: Callable[[Any], int], element: Kind, *, key: str = "") -> None:
        super().__init__(element)
        self.count, self.key, self.needs_owner = count, key, True

    @property
    def wire_type(self) -> str:
        return f"list of {self.element.wire_type}"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[list[Any], int]:
        count = self.count(owner)
        values, pos = self._elements(data, pos, end, count, owner, notes)
        if len(values) < count:
            notes.append(f"count says {count}, {len(values)} could be read")
        return values, pos

    def write(self, value: list[Any], out: bytearray, owner: Any) -> None:
        self.write_all(value, out, owner)

    def measure(self, value: list[Any]) -> int:
        return len(value)


class CarriageTemperature(Fixed):
    """Degrees Celsius in two bytes, of which nobody is sure how they mean "negative"; the value is the plain word.

    The standard describes sign and magnitude, most makers send two's complement. In JSON it is whichever reading lies
    below 1000 degrees; the EMQX dialect always reads two's complement. JT/T 808-2019, table 27, item 0x06.
    """

    wire_type = "u16, sign by its size"
    wanted = "a whole number from -32767 to 32767"

    def __init__(self) -> None:
        super().__init__("H")

    @staticmethod
    def degrees(word: int, dialect: str = "document") -> int:
        """The temperature that this word means."""
        if word < 0x8000:
            return word
        if dialect == "document" and word & 0x7FFF < 1000:
            return -(word & 0x7FFF)
        return word - 0x10000

    def to_json(self, value: int, dialect: str) -> int:
        return self.degrees(value, dialect)

    def from_json(self, value: Any) -> int:
        # Two's complement, which every reader understands for what is above -1000 degrees.
        return whole(value, -0x8000, 0x7FFF) & 0xFFFF
