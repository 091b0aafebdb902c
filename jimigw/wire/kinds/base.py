"""The base of all kinds of fields.

A kind says how some bytes become a value and back, how the value looks in JSON, and how the documentation names it.
Kinds of a fixed size give source text for the fused codec that :mod:`jimigw.wire.source` makes once, at import; the
same text, compiled alone, serves where a kind stands by itself (an element of a list, an item of a chain).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from reprlib import Repr
from typing import Any

from ..errors import DecodeError, EncodeError

Notes = list[str]


#: names of codes, as the documents give them
Names = Mapping[int, str]


class Legend(dict[int, str]):
    """Names of codes for people and for the tables, where the JSON format has a place for the code only."""


class Kind:
    """How a field lies on the wire. The base of all kinds; see the module."""

    #: bytes on the wire, or None if that depends on the value
    size: int | None = None
    #: whether the value goes into JSON as it is
    plain_json = False
    #: whether reading looks at earlier fields of the message
    needs_owner = True

    @property
    def wire_type(self) -> str:
        """What the documentation tables print in the column "type"."""
        raise NotImplementedError

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[Any, int]:
        """The value at ``pos`` and the position behind it.

        ``owner`` is the message read so far, for kinds that depend on earlier fields. What is wrong but does not cost
        the rest is told in ``notes``; what does raises :class:`DecodeError`.
        """
        raise NotImplementedError

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        """Append ``value`` to ``out``, or raise :class:`EncodeError`."""
        raise NotImplementedError

    def to_json(self, value: Any, dialect: str) -> Any:
        """The value as JSON shows it."""
        return value

    def from_json(self, value: Any) -> Any:
        """The value that this JSON means; :class:`EncodeError` if it cannot be one."""
        return value


class Scope:
    """The names a generated function may use: objects bound under names of their own."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def bind(self, thing: Any, hint: str = "k") -> str:
        """A name for ``thing`` in the generated source."""
        name = f"{hint}_{len(self.names)}"
        self.names[name] = thing
        return name


class Fixed(Kind):
    """A kind of fixed size, given by struct codes and two pieces of source text."""

    needs_owner = False
    #: struct codes, big-endian
    codes: str

    def __init__(self, codes: str) -> None:
        self.codes = codes
        self.struct = struct.Struct(">" + codes)
        self.size = self.struct.size
        self.width = len(self.struct.unpack(bytes(self.struct.size)))
        self._alone: tuple[Callable[..., Any], Callable[[Any], bytes]] | None = None

    def load(self, args: Sequence[str], scope: Scope) -> str:
        """Source of the value, given the names of the unpacked struct values."""
        return args[0]

    def store(self, value: str, scope: Scope) -> list[str]:
        """Sources of the struct values, given the source of the value."""
        return [value]

    def _compiled(self) -> tuple[Callable[..., Any], Callable[[Any], bytes]]:
        if self._alone is None:
            scope = Scope()
            args = [f"a{i}" for i in range(self.width)]
            pack = scope.bind(self.struct.pack, "pack")
            source = (
                f"(lambda {', '.join(args)}: {self.load(args, scope)}, "
                f"lambda v: {pack}({', '.join(self.store('v', scope))}))"
            )
            self._alone = eval(source, scope.names)
        return self._alone

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[Any, int]:
        after = pos + self.struct.size
        if after > end:
            raise DecodeError(f"needs {self.struct.size} bytes, {end - pos} are left", pos)
        return self._compiled()[0](*self.struct.unpack_from(data, pos)), after

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        try:
            out += self._compiled()[1](value)
        except EncodeError:
            raise
        except (struct.error, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise EncodeError(self.complaint(value)) from error

    def complaint(self, value: Any) -> str:
        """The sentence for a value that does not fit."""
        return f"{shown(value)} is not {self.wanted}"

    @property
    def wanted(self) -> str:
        """What a right value is, for error texts."""
        return self.wire_type


class Measured(Kind):
    """A kind with a length or a count in front, which some formats show under a ``key`` of its own beside the value.

    ``dialects``: the key in other dialects of the format, empty where those do not show it. It is understood on input
    and ignored.
    """

    key = ""
    dialects: Mapping[str, str] = {}

    def key_in(self, dialect: str) -> str:
        """The key of the length or count in this dialect; empty if it is not shown."""
        return self.dialects.get(dialect, self.key)

    def measure(self, value: Any) -> int:
        """The length or count of ``value``, for the key that shows it."""
        raise NotImplementedError


class Derived(Kind):
    """Not on the wire: a property computed from the other fields, shown in JSON where it is not None.

    On input it is understood and ignored.
    """

    plain_json = True
    wire_type = "derived"

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self.compute = compute


class _Brief(Repr):
    """Looks at the first few parts of a value only, and survives what :func:`repr` does not: numbers of thousands of
    digits, lists nested without end."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, 60, 60

    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if x.bit_length() <= 128 else f"<a whole number of {x.bit_length()} bits>"


_brief = _Brief().repr


def shown(value: Any) -> str:
    """A value for an error text, never longer than a line can bear."""
    text = _brief(value)
    return text if len(text) <= 60 else text[:57] + "..."
