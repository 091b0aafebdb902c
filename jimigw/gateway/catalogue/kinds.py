"""What an argument of a text command may be: one class a kind.

A kind reads what a person typed and gives what goes out; it raises ``ValueError`` if it is something else, and the
caller says where. Reading what was read gives the same again. ``wanted`` says in a few words what would be right.
Bounds are those of the vendor's lists. Where a list has none, a kind has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Protocol

import attrs

_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*")
_IP = re.compile(r"(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}", re.ASCII)
_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?(?P<host>[^/:?]+)(?::(?P<port>\d{1,5}))?(?P<rest>[/?][!-~]*)?",
    re.ASCII,
)
_WHOLE = re.compile(r"[+-]?\d{1,12}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PHONE = re.compile(r"\+?\d{3,20}", re.ASCII)
_ZONE = re.compile(r"[+-]?(\d{1,2}):([0-5]\d)", re.ASCII)
_LAST_PORT, _HOURS_AHEAD = 65_535, 14


class Kind(Protocol):
    """What every kind of argument can do."""

    @property
    def wanted(self) -> str:
        """What is right, in a few words, to follow "should be"."""

    def read(self, text: str) -> str:
        """What goes out for ``text``, which is not empty; ``ValueError`` if it is not of this kind."""


@attrs.frozen
class Choice:
    """One of several words, each with its meaning ("" where the word says it). Case does not count in what is typed."""

    words: Mapping[str, str]

    @property
    def wanted(self) -> str:
        named = [f"{word} ({meaning})" if meaning else word for word, meaning in self.words.items()]
        return ", ".join(named[:-1]) + f" or {named[-1]}" if len(named) > 1 else named[0]

    def read(self, text: str) -> str:
        for word in self.words:
            if word.upper() == text.upper():
                return word
        raise ValueError(text)


@attrs.frozen
class Number:
    """A number, whole unless ``decimals``, within bounds where there are some, or one of a few ``words`` instead."""

    low: float | None = None
    high: float | None = None
    decimals: bool = False
    words: tuple[str, ...] = ()

    @property
    def wanted(self) -> str:
        kind = "a number" if self.decimals else "a whole number"
        bounds = "" if self.low is None else f" from {self.low:g} to {self.high:g}"
        return f"{kind}{bounds}" + "".join(f", or {word}" for word in self.words)

    def read(self, text: str) -> str:
        for word in self.words:
            if word.upper() == text.upper():
                return word
        if not (_DECIMAL if self.decimals else _WHOLE).fullmatch(text):
            raise ValueError(text)
        if self.low is not None and self.high is not None and not self.low <= float(text) <= self.high:
            raise ValueError(text)
        return text


@attrs.frozen
class Host:
    """An IPv4 address or a domain name."""

    wanted: str = "an IPv4 address or a domain name"

    def read(self, text: str) -> str:
        if not is_host(text):
            raise ValueError(text)
        return text


@attrs.frozen
class Url:
    """A URL of one of these schemes; ``bare`` ones may come without."""

    schemes: tuple[str, ...] = ("http", "https")
    bare: bool = False

    @property
    def wanted(self) -> str:
        others = "".join(f" or {scheme}://..." for scheme in self.schemes[1:])
        address = f"{self.schemes[0]}://host[:port][/path]{others}"
        return f"{address}, with or without the scheme" if self.bare else address

    def read(self, text: str) -> str:
        found = split_url(text)
        if found is None or (found.scheme not in self.schemes and not (self.bare and not found.scheme)):
            raise ValueError(text)
        return text


@attrs.frozen
class SplitUrl:
    """The parts of a URL: what is missing is "" or, of the port, None. Scheme and host are in small letters."""

    scheme: str
    host: str
    port: int | None
    rest: str


def split_url(text: str) -> SplitUrl | None:
    """``[scheme://]host[:port][/rest]`` in its parts; None if it is something else."""
    found = _URL.fullmatch(text)
    if not found or not is_host(found["host"]):
        return None
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 1 <= port <= _LAST_PORT:
        return None
    return SplitUrl((found["scheme"] or "").lower(), found["host"].lower(), port, found["rest"] or "")


def is_ip(text: str) -> bool:
    """Whether this is an IPv4 address."""
    return _IP.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """Whether this is an IPv4 address or a domain name; digits and dots alone are no name."""
    if not text.strip("0123456789."):
        return is_ip(text)
    return _HOST.fullmatch(text) is not None


@attrs.frozen
class Time:
    """A moment on the camera's own clock, which runs in its local time.

    ``pattern`` has ``Y M D h m s`` for the parts. Hour 24 passes: the vendor's own example has it.
    """

    pattern: str

    @property
    def wanted(self) -> str:
        return f"a time on the camera's own clock as {self._spelled()}"

    def _spelled(self) -> str:
        spelled = {"Y": "YYYY", "M": "MM", "D": "DD", "h": "HH", "m": "MM", "s": "SS"}
        return "".join(spelled.get(letter, letter) for letter in self.pattern)

    def read(self, text: str) -> str:
        expression = "".join(
            rf"(?P<{letter}>\d{{{4 if letter == 'Y' else 2}}})" if letter in "YMDhms" else re.escape(letter)
            for letter in self.pattern
        )
        found = re.fullmatch(expression, text, re.ASCII)
        if not found:
            raise ValueError(text)
        parts = {letter: int(digits) for letter, digits in found.groupdict().items()}
        date(parts["Y"], parts["M"], parts["D"])
        if parts.get("h", 0) > 24 or parts.get("m", 0) > 59 or parts.get("s", 0) > 59:
            raise ValueError(text)
        return text


@attrs.frozen
class Zone:
    """A distance to UTC."""

    wanted: str = "a distance to UTC such as +08:00"

    def read(self, text: str) -> str:
        found = _ZONE.fullmatch(text)
        if not found or int(found[1]) > _HOURS_AHEAD:
            raise ValueError(text)
        return text


@attrs.frozen
class FileName:
    """The name of a file, without a folder."""

    wanted: str = "a file name of letters, digits, '_', '-' and '.'"

    def read(self, text: str) -> str:
        if not _FILE.fullmatch(text):
            raise ValueError(text)
        return text


@attrs.frozen
class Phone:
    """A phone number."""

    wanted: str = "a phone number of digits, with '+' in front if need be"

    def read(self, text: str) -> str:
        if not _PHONE.fullmatch(text):
            raise ValueError(text)
        return text


@attrs.frozen
class Text:
    """Anything that may stand between two commas."""

    wanted: str = "a text without ',' and '#'"

    def read(self, text: str) -> str:
        return text
