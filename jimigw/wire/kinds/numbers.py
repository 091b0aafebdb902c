"""Kinds of numbers: integers, scaled ones, sign and magnitude, packed digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import EncodeError
from .base import Fixed, Scope, shown


class Int(Fixed):
    """A big-endian integer of 1, 2, 4 or 8 bytes."""

    plain_json = True

    def __init__(self, code: str, name: str) -> None:
        super().__init__(code)
        bits = 8 * self.struct.size
        signed = code.islower()
        self.lowest = -(1 << bits - 1) if signed else 0
        self.highest = (1 << bits - 1) - 1 if signed else (1 << bits) - 1
        self.name = name

    @property
    def wire_type(self) -> str:
        return self.name

    @property
    def wanted(self) -> str:
        return f"a whole number from {self.lowest} to {self.highest}"

    def from_json(self, value: Any) -> int:
        return whole(value, self.lowest, self.highest)


def whole(value: Any, lowest: int, highest: int) -> int:
    """``value`` if it is a whole number in the range, else an :class:`EncodeError` that says so."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise EncodeError(f"{shown(value)} is not a whole number from {lowest} to {highest}")
    return value


U8, U16, U32, U64 = Int("B", "u8"), Int("H", "u16"), Int("I", "u32"), Int("Q", "u64")


I8, I16, I32 = Int("b", "i8"), Int("h", "i16"), Int("i", "i32")


class _Int24(Fixed):
    plain_json = True
    lowest, highest = 0, 0xFFFFFF
    wire_type = "u24"
    wanted = "a whole number from 0 to 16777215"

    def __init__(self) -> None:
        super().__init__("BH")

    def load(self, args: Sequence[str], scope: Scope) -> str:
        return f"{args[0]} << 16 | {args[1]}"

    def store(self, value: str, scope: Scope) -> list[str]:
        return [f"{value} >> 16", f"{value} & 0xFFFF"]

    def from_json(self, value: Any) -> int:
        return whole(value, self.lowest, self.highest)


U24 = _Int24()


def finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value in (_INF, -_INF):
        raise EncodeError(f"{shown(value)} is not a number")
    return value


_INF = float("inf")


class Scaled(Fixed):
    """An integer that counts fractions of a unit: ``Scaled(U16, 10)`` is 0.1 a step. The value is a float."""

    plain_json = True

    def __init__(self, base: Int, divisor: int) -> None:
        super().__init__(base.codes)
        self.base, self.divisor = base, divisor

    @property
    def wire_type(self) -> str:
        return f"{self.base.wire_type} / {self.divisor}"

    @property
    def wanted(self) -> str:
        return f"a number from {self.base.lowest / self.divisor} to {self.base.highest / self.divisor}"

    def load(self, args: Sequence[str], scope: Scope) -> str:
        return f"{args[0]} / {self.divisor}"

    def store(self, value: str, scope: Scope) -> list[str]:
        return [f"round({value} * {self.divisor})"]

    def from_json(self, value: Any) -> float:
        return finite(value)


class SignMagnitude(Fixed):
    """An integer whose top bit is the sign and whose other bits are the magnitude, divided by ``divisor``.

    Minus zero (only the top bit set) reads as 0 and is written as plain zero.
    """

    plain_json = True

    def __init__(self, base: Int, divisor: int = 1) -> None:
        super().__init__(base.codes)
        self.base, self.divisor = base, divisor
        self.top = 1 << (8 * base.struct.size - 1)

    @property
    def wire_type(self) -> str:
        return f"{self.base.wire_type}, sign and magnitude" + (f" / {self.divisor}" if self.divisor != 1 else "")

    @property
    def wanted(self) -> str:
        most = (self.top - 1) / self.divisor
        return f"a number from {-most:g} to {most:g}"

    def load(self, args: Sequence[str], scope: Scope) -> str:
        arg = args[0]
        plain = f"({arg} if {arg} < {self.top} else {self.top} - {arg})"
        return plain if self.divisor == 1 else f"{plain} / {self.divisor}"

    def store(self, value: str, scope: Scope) -> list[str]:
        top, divisor = self.top, self.divisor

        def split(number: float) -> int:
            steps = round(number * divisor)
            if abs(steps) >= top:
                raise EncodeError(self.complaint(number))
            return steps if steps >= 0 else top - steps

        return [f"{scope.bind(split, 'split')}({value})"]

    def from_json(self, value: Any) -> float:
        return finite(value)


class Bcd(Fixed):
    """Digits, two in a byte, high nibble first; the value is the string of all digits.

    Nibbles above nine are kept as lower-case hex letters: terminals put them there.
    """

    plain_json = True

    def __init__(self, count: int) -> None:
        super().__init__(f"{count}s")

    @property
    def wire_type(self) -> str:
        return f"BCD[{self.size}]"

    @property
    def wanted(self) -> str:
        return f"a string of {2 * self.struct.size} digits"

    def load(self, args: Sequence[str], scope: Scope) -> str:
        return f"{args[0]}.hex()"

    def store(self, value: str, scope: Scope) -> list[str]:
        return [f"{scope.bind(self._packed, 'bcd')}({value})"]

    def _packed(self, digits: str) -> bytes:
        if len(digits) != 2 * self.struct.size or not digits.isalnum():
            raise EncodeError(self.complaint(digits))
        return bytes.fromhex(digits)

    def from_json(self, value: Any) -> str:
        return string_of(value, self)


class PaddedDigits(Bcd):
    """BCD whose number is shorter than the field: filled with zeros on the left, which the value does not show.

    ``digits`` is the usual length. A field whose first nibbles are not the filling shows all of them.
    """

    def __init__(self, count: int, digits: int) -> None:
        super().__init__(count)
        self.digits = digits
        self.fill = "0" * (2 * count - digits)

    @property
    def wanted(self) -> str:
        return f"a string of {self.digits} digits"

    def load(self, args: Sequence[str], scope: Scope) -> str:
        return f"{args[0]}.hex().removeprefix('{self.fill}')"

    def _packed(self, digits: str) -> bytes:
        return super()._packed(self.fill + digits if len(digits) == self.digits else digits)


def string_of(value: Any, kind: Fixed) -> str:
    if not isinstance(value, str):
        raise EncodeError(kind.complaint(value))
    return value
