"""How a command of a vendor's list is declared: :func:`row`, with a small word for each kind of argument.

A row has the number and the form of the list, what the command can do to the unit, what it does, an example, and its
arguments by the names they have in the form::

    row(
        "A002",
        "SERVER,<M>,<A>,<P>",
        DANGER,
        "Sets the server ...",
        "SERVER,1,gateway.example.org,21100",
        M=choice({"0": "IP address", "1": "domain name"}),
        A=host("the server"),
        P=port("its port"),
    )

A word of the form that is not in ``<>`` has to be there as it stands. Everything else follows from the risk and can be
set otherwise: whether the command may be sent twice, and what asks for its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

import attrs

from .kinds import Choice, FileName, Host, Kind, Number, Phone, Text, Time, Url, Zone

_PLACE = re.compile(r"<(\w+)>")


class Risk(StrEnum):
    """What a command can do to a unit."""

    READ = "read"  # it asks only
    CHANGE = "change"  # it changes a setting
    ACT = "act"  # it does something once: a photo, a clip, an upload
    DANGER = "danger"  # it can cut the unit off or destroy data


READ, CHANGE, ACT, DANGER = Risk.READ, Risk.CHANGE, Risk.ACT, Risk.DANGER


@attrs.frozen
class Argument:
    """One argument: its letter in the form, what it may be, what it says, whether it may be left out or empty.

    ``up_to`` is how often it may stand in a row.
    """

    name: str
    kind: Kind
    meaning: str
    optional: bool = False
    unit: str = ""
    up_to: int = 1


@attrs.frozen
class Entry:
    """One command of a list.

    ``parts`` is what follows the name, in order: arguments, and words that have to be there as they stand. ``query`` is
    the text that asks for the value, "" if there is none. ``agrees`` looks at all values together: it gives a sentence
    on what does not fit, or None.
    """

    number: str
    name: str
    form: str
    parts: tuple[str | Argument, ...]
    does: str
    risk: Risk
    repeatable: bool
    query: str
    private: bool
    example: str
    separator: str = ","
    agrees: Callable[[tuple[str, ...]], str | None] | None = None

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """What has to be filled in."""
        return tuple(part for part in self.parts if isinstance(part, Argument))

    @property
    def queries(self) -> bool:
        """Whether the name alone, or with the words that belong to it, asks for the value."""
        return bool(self.query)


def row(
    number: str,
    form: str,
    risk: Risk,
    does: str,
    example: str = "",
    *,
    repeatable: bool | None = None,
    query: str | None = None,
    private: bool = False,
    agrees: Callable[[tuple[str, ...]], str | None] | None = None,
    **arguments: Argument,
) -> Entry:
    """One command of a list. ``arguments`` are named and ordered as in the form.

    Unless said otherwise, what asks and what sets may be repeated, what acts and what endangers may not. What sets is
    asked by its name and the words that follow it; ``query=""`` says that nothing asks.
    """
    separator = "#" if "#" in form else ","
    name, *places = form.split(separator)
    names = [found[1] for place in places if (found := _PLACE.fullmatch(place))]
    if names != list(arguments):
        raise TypeError(f"{form} has the arguments {names}, declared are {list(arguments)}")
    parts = tuple(
        attrs.evolve(arguments[found[1]], name=found[1]) if (found := _PLACE.fullmatch(place)) else place
        for place in places
    )
    if query is None:
        words = [name]
        for part in parts:
            if not isinstance(part, str):
                break
            words.append(part)
        query = ",".join(words) if arguments and risk in (CHANGE, DANGER) else ""
    if repeatable is None:
        repeatable = risk in (READ, CHANGE)
    example = example or separator.join([name, *(part for part in parts if isinstance(part, str))])
    return Entry(number, name, form, parts, does, risk, repeatable, query, private, example, separator, agrees)


# -- the kinds of arguments, as rows name them ----------------------------------------------------------------------


def _argument(kind: Kind, meaning: str, optional: bool, unit: str = "", up_to: int = 1) -> Argument:
    return Argument("", kind, meaning, optional, unit, up_to)


def choice(words: Mapping[str, str] | str, meaning: str = "", *, optional: bool = False) -> Argument:
    """One of these words: with what each means, or as a text with spaces between them."""
    named = words if isinstance(words, Mapping) else dict.fromkeys(words.split(), "")
    return _argument(Choice(named), meaning, optional)


def switch(meaning: str = "on or off", *, optional: bool = False) -> Argument:
    """``ON`` or ``OFF``. What follows an ``OFF`` in the first place may be left out."""
    return choice("ON OFF", meaning, optional=optional)


def off_on(meaning: str = "off or on", *, optional: bool = False) -> Argument:
    """``0`` or ``1``."""
    return choice({"0": "off", "1": "on"}, meaning, optional=optional)


def number(
    meaning: str,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    *,
    words: str = "",
    decimals: bool = False,
    optional: bool = False,
) -> Argument:
    """A number within the bounds of the list, or without if the list has none; ``words`` may stand instead."""
    return _argument(Number(low, high, decimals, tuple(words.split())), meaning, optional, unit)


def host(meaning: str, *, optional: bool = False) -> Argument:
    """An IP address or a domain name."""
    return _argument(Host(), meaning, optional)


def port(meaning: str, *, words: str = "", optional: bool = False) -> Argument:
    """A port of TCP."""
    return number(meaning, 1, 65_535, words=words, optional=optional)


def url(meaning: str, *schemes: str, bare: bool = False, optional: bool = False) -> Argument:
    """A URL, of HTTP unless other schemes are given."""
    return _argument(Url(schemes or ("http", "https"), bare), meaning, optional)


def local_time(pattern: str, meaning: str) -> Argument:
    """A time on the camera's own clock: ``Y_M_D_h_m_s``, ``Y-M-D h:m:s``, ``YMD``."""
    return _argument(Time(pattern), meaning, optional=False)


def zone(meaning: str) -> Argument:
    """A distance to UTC."""
    return _argument(Zone(), meaning, optional=False)


def file_name(meaning: str, *, up_to: int = 1) -> Argument:
    """A file on the camera."""
    return _argument(FileName(), meaning, optional=False, up_to=up_to)


def phone(meaning: str, *, optional: bool = False) -> Argument:
    """A phone number."""
    return _argument(Phone(), meaning, optional)


def text(meaning: str, *, optional: bool = False, up_to: int = 1) -> Argument:
    """Anything without a comma."""
    return _argument(Text(), meaning, optional, up_to=up_to)
