"""Kinds of bits that share a word, and coordinates whose hemisphere is one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import EncodeError
from .base import Fixed, Scope, shown
from .numbers import finite, whole


class Bits(Fixed):
    """Some bits of a word. Consecutive rows of bits fill words of 8, 16, 32 or 64 bits, highest bit first.

    A word ends at the first of these sizes that the rows fill; the first row says ``word`` where it goes on from there.
    """

    plain_json = True

    def __init__(self, count: int, word: int = 8) -> None:
        super().__init__("")
        self.count, self.word = count, word

    @property
    def wire_type(self) -> str:
        return "1 bit" if self.count == 1 else f"{self.count} bits"

    @property
    def wanted(self) -> str:
        return f"a whole number from 0 to {(1 << self.count) - 1}"

    def from_json(self, value: Any) -> Any:
        return whole(value, 0, (1 << self.count) - 1)


class Bit(Bits):
    """One bit, true or false."""

    wanted = "true or false"

    def __init__(self, word: int = 8) -> None:
        super().__init__(1, word)

    def from_json(self, value: Any) -> Any:
        if value is True or value is False:
            return value
        raise EncodeError(f"{shown(value)} is not true or false")


class Hemisphere(Bit):
    """The bit that a :class:`Coordinate` refers to. None when a message is made: it then follows the coordinate."""

    def __init__(self, coordinate: str) -> None:
        super().__init__()
        self.coordinate = coordinate


class Coordinate(Fixed):
    """Latitude or longitude in 1/1,800,000 degree (30,000 a minute), unsigned; a bit elsewhere says the hemisphere.

    The value is in degrees, negative in the south and the west, rounded to seven places, which is finer than a step.
    ``flag`` names the row of the hemisphere bit, ``negative`` is the state of that bit in the south or the west.
    """

    plain_json = True
    wire_type = "u32 / 1800000"

    def __init__(self, flag: str, *, negative: bool, most: int) -> None:
        super().__init__("I")
        self.flag, self.negative, self.most = flag, negative, most

    @property
    def wanted(self) -> str:
        return f"a number of degrees from -{self.most} to {self.most}"

    def load(self, args: Sequence[str], scope: Scope) -> str:
        # Whole 1e-7 degrees first: dividing those gives the shortest decimal, and costs a third of round(x, 7).
        return f"({args[0]} * 50 + 4) // 9 / 1e7"

    def store(self, value: str, scope: Scope) -> list[str]:
        return [f"{scope.bind(self._steps, 'steps')}({value})"]

    def _steps(self, degrees: float) -> int:
        # Not bounded by 180: terminals without a fix send anything, and what was read must be writable.
        steps = round(abs(degrees) * 1_800_000)
        if steps > 0xFFFFFFFF:
            raise EncodeError(self.complaint(degrees))
        return steps

    def from_json(self, value: Any) -> float:
        if abs(finite(value)) > self.most:
            raise EncodeError(self.complaint(value))
        return float(value)
