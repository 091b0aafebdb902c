"""Kinds of parameters of path and query: what they take, what they become, and how OpenAPI says that."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

import attrs
import msgspec
from msgspec import Meta

_SHOWN = 60
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,18})", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,11})(\.\d{1,40})?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def shown(text: str) -> str:
    """Text from outside as an error repeats it: on one line, and not at length."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


class ParameterKind(Protocol):
    """What a parameter takes."""

    @property
    def expected(self) -> str:
        """What is right, in a few words."""
        ...

    @property
    def schema(self) -> dict[str, Any]:
        """The same as JSON schema."""
        ...

    def read(self, text: str) -> Any:
        """The value; ``ValueError`` with a sentence for what is none."""
        ...


def _wrong(kind: ParameterKind, text: str) -> ValueError:
    return ValueError(f"{shown(text)} is not right; expected {kind.expected}")


@attrs.frozen
class Whole:
    """A whole number from ``low`` to ``high``."""

    low: int = 0
    high: int = (1 << 63) - 1

    @property
    def expected(self) -> str:
        if self.high == (1 << 63) - 1:
            return f"a whole number from {self.low}"
        return f"a whole number from {self.low} to {self.high}"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def read(self, text: str) -> int:
        if not _WHOLE.fullmatch(text) or not self.low <= int(text) <= self.high:
            raise _wrong(self, text)
        return int(text)


@attrs.frozen
class Number:
    """A number from ``low`` to ``high``."""

    low: float
    high: float

    @property
    def expected(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.low, "maximum": self.high}

    def read(self, text: str) -> float:
        # JSON's own spelling with an exponent is a number too.
        try:
            value = float(text) if _NUMBER.fullmatch(text) or re.fullmatch(r"-?[\d.]+[eE][+-]?\d+", text) else math.nan
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high:
            raise _wrong(self, text)
        return value


@attrs.frozen
class Flag:
    """True or false."""

    expected: str = "true or false"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def read(self, text: str) -> bool:
        if text not in ("true", "false"):
            raise _wrong(self, text)
        return text == "true"


@attrs.frozen
class Line:
    """Text on one line, of 1 to ``longest`` characters."""

    longest: int = 64

    @property
    def expected(self) -> str:
        return f"1 to {self.longest} characters on one line"

    @property
    def schema(self) -> dict[str, Any]:
        return {
            "type": "string", "minLength": 1, "maxLength": self.longest, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$"
        }  # fmt: skip

    def read(self, text: str) -> str:
        if not 1 <= len(text) <= self.longest or _CONTROL.search(text):
            raise _wrong(self, text)
        return text


@attrs.frozen
class Word:
    """One of a few words."""

    words: Sequence[str]

    @property
    def expected(self) -> str:
        return " or ".join(self.words)

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.words)}

    def read(self, text: str) -> str:
        if text not in self.words:
            raise _wrong(self, text)
        return text


@attrs.frozen
class Words:
    """Some of a few words, with commas between them."""

    words: Sequence[str]

    @property
    def expected(self) -> str:
        return f"some of {', '.join(self.words)}, with commas between them"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", "enum": list(self.words)}, "minItems": 1}

    def read(self, text: str) -> frozenset[str]:
        for word in text.split(","):
            if word not in self.words:
                raise _wrong(self, word)
        return frozenset(text.split(","))


_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class Moment:
    """A time as RFC 3339 writes it, with its zone."""

    expected: str = 'a time such as 2026-11-20T09:30:00Z ("+" of a zone is %2B in an address)'

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}

    def read(self, text: str) -> datetime:
        try:
            value: datetime = msgspec.convert(text, Annotated[datetime, Meta(tz=True)]).astimezone(UTC)
        except (msgspec.ValidationError, OverflowError, ValueError):
            raise _wrong(self, text) from None
        return max(value, _EARLIEST)


@attrs.frozen
class Box:
    """An area of the map: west, south, east, north. RFC 7946, 5: the west of one that holds the antimeridian is greater
    than its east."""

    expected: str = "west,south,east,north in degrees, as in 113.7,22.4,114.6,22.9"

    @property
    def schema(self) -> dict[str, Any]:
        bounds = {"type": "number", "minimum": -180, "maximum": 180}
        return {"type": "array", "items": bounds, "minItems": 4, "maxItems": 4}

    def read(self, text: str) -> tuple[float, float, float, float]:
        parts = text.split(",")
        if len(parts) != 4:
            raise _wrong(self, text)
        try:
            west, south, east, north = (Number(-180, 180).read(part) for part in parts)
        except ValueError:
            raise _wrong(self, text) from None
        return west, south, east, north
