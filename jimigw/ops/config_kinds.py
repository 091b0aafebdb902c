"""The kinds of values a config key can have.

A kind reads a value as TOML gives it (``read``: the value as the program wants it, or `Wrong` with a sentence), writes
one as TOML (``toml``) and says what it takes (``expected``). Kinds know nothing of keys, files or sections.
"""

import ipaddress
import json
import math
import re
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

import attrs

MAX_SHOWN = 60
"""Characters of a wrong value that an error repeats."""


class Wrong(Exception):
    """A value is not what its key takes. The text is a sentence without key and without full stop."""


class Kind(Protocol):
    """What a config key knows about its values."""

    @property
    def expected(self) -> str:
        """What is taken, for errors and for the comments of the shipped file."""

    def read(self, value: object) -> object:
        """Give the program's value for a TOML value, or raise `Wrong`."""

    def toml(self, value: object) -> str:
        """Write a program's value as TOML, in the way the shipped file shows it."""


def shown(value: object) -> str:
    """Give a value as an error repeats it: on one line, and not at length."""
    try:
        text = repr(value)
    except ValueError:
        # Python refuses to write out integers of more than 4300 digits.
        text = "a number of thousands of digits"
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def bounds(low: float, high: float | None) -> str:
    """Write a range as people read it: ``64..65541`` or ``at least 1``."""
    return f"at least {low:g}" if high is None else f"{_plain(low)}..{_plain(high)}"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


@attrs.frozen
class Whole:
    """A whole number from ``low`` to ``high`` (``None``: no upper bound); ``hexadecimal`` shows it as ``0x13``."""

    low: int
    high: int | None = None
    hexadecimal: bool = False

    @property
    def expected(self) -> str:
        if self.hexadecimal and self.high is not None:
            return f"0x{self.low:02X}..0x{self.high:02X}"
        return bounds(self.low, self.high)

    def read(self, value: object) -> int:
        # TOML's true and false are Python's bool, which is an int.
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong(f"{shown(value)} is not a whole number; expected {self.expected}")
        if value < self.low or (self.high is not None and value > self.high):
            raise Wrong(f"{shown(value)} is out of range; expected {self.expected}")
        return value

    def toml(self, value: object) -> str:
        return f"0x{value:02X}" if self.hexadecimal else str(value)


@attrs.frozen
class Number:
    """A number from ``low`` to ``high``, whole or not; read as `float`."""

    low: float
    high: float

    @property
    def expected(self) -> str:
        return bounds(self.low, self.high)

    def read(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise Wrong(f"{shown(value)} is not a number; expected {self.expected}")
        if not self.low <= value <= self.high:
            raise Wrong(f"{shown(value)} is out of range; expected {self.expected}")
        return float(value)

    def toml(self, value: object) -> str:
        return repr(value)


_UNITS = {"": 1, "B": 1}
for _power, _prefix in enumerate("KMGT", start=1):
    _UNITS[f"{_prefix}iB"] = 1024**_power
    _UNITS[f"{_prefix}B"] = 1000**_power
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]{0,3})")


@attrs.frozen
class Size:
    """A number of bytes: a whole number, or text with a unit such as ``"64 MiB"`` or ``"10 GB"``; read as `int`."""

    low: int
    high: int | None = None

    @property
    def expected(self) -> str:
        high = None if self.high is None else self.toml(self.high).strip('"')
        low = self.toml(self.low).strip('"')
        return f'at least {low}, as a number of bytes or as text such as "64 MiB"' if high is None else f"{low}..{high}"

    def read(self, value: object) -> int:
        if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())) and match[2] in _UNITS:
            value = round(float(match[1]) * _UNITS[match[2]]) if "." in match[1] else int(match[1]) * _UNITS[match[2]]
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong(
                f'{shown(value)} is not a whole number of bytes, nor text such as "64 MiB"; expected {self.expected}'
            )
        if value < self.low or (self.high is not None and value > self.high):
            raise Wrong(f"{shown(value)} is out of range; expected {self.expected}")
        return value

    def toml(self, value: object) -> str:
        assert isinstance(value, int)
        for unit in ("TiB", "GiB", "MiB", "KiB"):
            if value >= _UNITS[unit] and value % _UNITS[unit] == 0:
                return f'"{value // _UNITS[unit]} {unit}"'
        return str(value)


@attrs.frozen
class Text:
    """Text on one line; ``what`` names it in errors, ``empty`` says whether it may be empty."""

    what: str = "text"
    empty: bool = True

    @property
    def expected(self) -> str:
        return self.what

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise Wrong(f"{shown(value)} is not text; expected {self.expected}, in quotes")
        if not value and not self.empty:
            raise Wrong(f"it is empty; expected {self.expected}")
        if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
            raise Wrong(f"{shown(value)} holds control characters; expected {self.expected}")
        return value

    def toml(self, value: object) -> str:
        # A TOML basic string takes all of JSON's escapes; what is not ASCII stays readable.
        return json.dumps(value, ensure_ascii=False)


_NAME = re.compile(r"[A-Za-z0-9._-]{0,64}")


@attrs.frozen
class Name:
    """A short name that may stand anywhere, or nothing."""

    @property
    def expected(self) -> str:
        return "up to 64 letters, digits, full stops, _ and -"

    def read(self, value: object) -> str:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise Wrong(f"{shown(value)} is not a name; expected {self.expected}")
        return value

    def toml(self, value: object) -> str:
        return json.dumps(value)


@attrs.frozen
class UdpPort:
    """A UDP port, with the address to listen on in front or without; or nothing."""

    @property
    def expected(self) -> str:
        return 'a UDP port such as "21122", "192.0.2.1:21122" or "[2001:db8::1]:21122", or nothing'

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise Wrong(f"{shown(value)} is not text; expected {self.expected}, in quotes")
        if not value:
            return value
        host, colon, port = value.rpartition(":")
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
            raise Wrong(f"{shown(value)} is not a port from 0 to 65535; expected {self.expected}")
        try:
            if colon:
                ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        except ValueError:
            raise Wrong(f"{shown(value)} has no address in front of the port; expected {self.expected}") from None
        return value

    def toml(self, value: object) -> str:
        return json.dumps(value)


_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def can_be_found(host: str) -> bool:
    """Whether Twisted would look this host up, given in lower case."""
    if ":" not in host:
        return len(host) <= 253 and all(map(_LABEL.fullmatch, host.split(".")))
    try:
        # One with the name of an interface behind it is good on one machine only.
        return ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False


@attrs.frozen
class HttpUrl:
    """The address of an HTTP server; ``empty`` says whether there may be none. What is wrong is never repeated: it may
    hold a password."""

    empty: bool = True

    @property
    def expected(self) -> str:
        return 'an address such as "https://platform.example.org/terminals"' + ", or nothing" * self.empty

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise Wrong(f"{shown(value)} is not text; expected {self.expected}, in quotes")
        if not value:
            if not self.empty:
                raise Wrong(f"it is empty; expected {self.expected}")
            return value
        if not value.isascii() or any(not 0x21 <= ord(character) <= 0x7E for character in value):
            raise Wrong(f"it holds characters that no address has; expected {self.expected}, the rest written as %XX")
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            raise Wrong(f"its host or port cannot be read; expected {self.expected}") from None
        if parts.scheme not in ("http", "https"):
            raise Wrong(f"it does not begin with http:// or https://; expected {self.expected}")
        if "@" in parts.netloc:
            raise Wrong("it holds a user or a password, which do not belong into an address; requests can be signed")
        if not parts.hostname or port == 0:
            raise Wrong(f"it names no host, or a port that is none; expected {self.expected}")
        if not can_be_found(parts.hostname):
            raise Wrong("its host is neither an address nor a name of letters, digits, - and . between them")
        if "#" in value:
            raise Wrong("it holds a #; what follows one is never sent")
        return value

    def toml(self, value: object) -> str:
        return json.dumps(value)


@attrs.frozen
class Choice:
    """One of a few words."""

    words: Sequence[str] = attrs.field(converter=tuple[str, ...])

    @property
    def expected(self) -> str:
        return " or ".join(f'"{word}"' for word in self.words)

    def read(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise Wrong(f"{shown(value)} is not a word it knows; expected {self.expected}")
        return value

    def toml(self, value: object) -> str:
        return json.dumps(value)


@attrs.frozen
class Switch:
    """True or false."""

    @property
    def expected(self) -> str:
        return "true or false"

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise Wrong(f"{shown(value)} is neither true nor false; expected one of them, without quotes")
        return value

    def toml(self, value: object) -> str:
        return "true" if value else "false"


@attrs.frozen
class ListOf:
    """A list of at most ``most`` different values of one kind; read as `tuple`."""

    item: Kind
    most: int

    @property
    def expected(self) -> str:
        return f"a list of up to {self.most}, each {self.item.expected}"

    def read(self, value: object) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise Wrong(f"{shown(value)} is not a list; expected {self.expected}")
        if len(value) > self.most:
            raise Wrong(f"it has {len(value)} values; expected {self.expected}")
        items: list[object] = []
        for index, raw in enumerate(value):
            try:
                item = self.item.read(raw)
            except Wrong as wrong:
                raise Wrong(f"value {index + 1}: {wrong}") from None
            if item in items:
                raise Wrong(f"value {index + 1}: {shown(raw)} is there twice")
            items.append(item)
        return tuple(items)

    def toml(self, value: object) -> str:
        assert isinstance(value, tuple)
        return f"[{', '.join(map(self.item.toml, value))}]"
