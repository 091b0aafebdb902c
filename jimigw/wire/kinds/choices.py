"""Kinds of fields that are there or not, or are this or that, and layouts within layouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ..errors import DecodeError, EncodeError
from .base import Kind, Notes, shown
from .octets import PrefixedBytes, Raw, Rest, extend, from_base64, to_base64


class Optional(Kind):
    """A field at the end that is there or not; None if not.

    It is there if its bytes are: at least the size of the kind, or exactly ``left`` bytes if that is given, or at
    least ``least`` bytes.
    """

    def __init__(self, inner: Kind, *, left: int | None = None, least: int | None = None) -> None:
        self.inner, self.left = inner, left
        self.least = least if least is not None else inner.size or 1
        self.plain_json = inner.plain_json
        self.needs_owner = inner.needs_owner

    @property
    def wire_type(self) -> str:
        return f"{self.inner.wire_type}, optional"

    def present(self, pos: int, end: int) -> bool:
        """Whether the field is there, with ``pos`` its place and ``end`` that of the message."""
        return end - pos == self.left if self.left is not None else end - pos >= self.least

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[Any, int]:
        return self.inner.read(data, pos, end, owner, notes) if self.present(pos, end) else (None, pos)

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        if value is not None:
            self.inner.write(value, out, owner)

    def to_json(self, value: Any, dialect: str) -> Any:
        return None if value is None else self.inner.to_json(value, dialect)

    def from_json(self, value: Any) -> Any:
        return None if value is None else self.inner.from_json(value)


class When(Kind):
    """A field that is there when an earlier field says so; None if not.

    ``said`` gets the message and tells; ``condition`` says the same in words for the tables and the errors.
    """

    def __init__(self, said: Callable[[Any], Any], condition: str, inner: Kind) -> None:
        self.said, self.condition, self.inner = said, condition, inner
        self.plain_json = inner.plain_json

    @property
    def wire_type(self) -> str:
        return f"{self.inner.wire_type}, if {self.condition}"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[Any, int]:
        return self.inner.read(data, pos, end, owner, notes) if self.said(owner) else (None, pos)

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        if self.said(owner):
            if value is None:
                raise EncodeError(f"is missing: it has to be there if {self.condition}")
            self.inner.write(value, out, owner)
        elif value is not None:
            raise EncodeError(f"{shown(value)} cannot be written: it is only there if {self.condition}")

    def to_json(self, value: Any, dialect: str) -> Any:
        return None if value is None else self.inner.to_json(value, dialect)

    def from_json(self, value: Any) -> Any:
        return None if value is None else self.inner.from_json(value)


def bare(kind: Kind) -> Kind:
    """What a kind is where it is there: without the conditions around it."""
    while isinstance(kind, Optional | When):
        kind = kind.inner
    return kind


class Switch(Kind):
    """A field whose kind an earlier field chooses. Any other choice is kept as the bytes that are left.

    ``by`` names the earlier field. A case that cannot be read is kept raw too, with a note: the value is then bytes.
    """

    def __init__(self, by: str, cases: Mapping[Any, Kind], default: Kind | None = None) -> None:
        self.by, self.cases, self.default = by, dict(cases), default or Rest()
        # A lone width (one or two bytes by a flag) must not fall back to raw bytes: there is no rest to keep.
        self.whole = all(kind.size is not None for kind in self.cases.values())
        self.plain_json = self.whole and all(kind.plain_json for kind in self.cases.values())

    @property
    def wire_type(self) -> str:
        kinds = dict.fromkeys(kind.wire_type for kind in self.cases.values())
        return f"by {self.by}: {' / '.join(kinds)}" if len(kinds) <= 3 else f"by {self.by}"

    def chosen(self, owner: Any) -> Kind:
        """The kind that ``owner`` asks for."""
        kind: Kind = self.cases.get(getattr(owner, self.by), self.default)
        return kind

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[Any, int]:
        kind = self.chosen(owner)
        try:
            return kind.read(data, pos, end, owner, notes)
        except DecodeError as error:
            if self.whole:
                raise
            notes.append(f"{self.by} {getattr(owner, self.by)}: {error}; kept raw")
            return data[pos:end], end

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        kind = self.chosen(owner)
        if isinstance(value, bytes) and not self.whole and not isinstance(kind, PrefixedBytes):
            extend(out, value)
        else:
            kind.write(value, out, owner)

    def to_json_of(self, value: Any, owner: Any, dialect: str) -> Any:
        """The JSON of ``value``, which the choice of ``owner`` read."""
        kind = self.chosen(owner)
        if isinstance(value, bytes) and not isinstance(kind, Rest | Raw | PrefixedBytes):
            return to_base64(value)
        return kind.to_json(value, dialect)

    def from_json_of(self, value: Any, owner: Any) -> Any:
        """The value of this JSON, for the choice of ``owner``. A base64 string always means raw bytes where the
        choice is not text itself."""
        kind = self.chosen(owner)
        try:
            return kind.from_json(value)
        except EncodeError:
            if isinstance(value, str) and not self.whole:
                with suppress(EncodeError):  # the first complaint says more than "not base64"
                    return from_base64(value)
            raise


class Nested(Kind):
    """Another declared layout within this one. The value is an instance of its class, the JSON an object."""

    needs_owner = False

    def __init__(self, layout_of: Any) -> None:
        self.target = layout_of
        self.size = layout_of.__wire__.size

    @property
    def wire_type(self) -> str:
        return str(self.target.__name__)

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[Any, int]:
        return self.target.__wire__.read(data, pos, end, notes)  # type: ignore[no-any-return]

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        if not isinstance(value, self.target):
            raise EncodeError(f"{shown(value)} is not a {self.target.__name__}")
        self.target.__wire__.write(value, out)

    def to_json(self, value: Any, dialect: str) -> Any:
        return value.to_json(dialect)

    def from_json(self, value: Any) -> Any:
        return self.target.__wire__.from_json(value)
