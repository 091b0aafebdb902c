"""How a key of the config is declared: a row beside its field, from which everything else is made."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from jimigw.ops.config_kinds import Kind

_ROW = "jimigw.config"


@attrs.frozen
class Row:
    """What is known of a key beside its name: its kind, its default, its unit (or ``""``) and its meaning.

    ``restart``: another value is taken over at the next start only.
    """

    kind: Kind
    default: Any
    unit: str
    meaning: str
    restart: bool = False


@attrs.frozen
class SectionRow:
    """What is known of a section beside its name: its class and its meaning."""

    cls: type[attrs.AttrsInstance]
    meaning: str


@attrs.frozen
class SectionsRow:
    """What is known of a list of sections, at most ``most``: the class of each, their meaning, what an error or a
    change calls one (no two have the same name), and values for the example in the shipped file."""

    cls: type[attrs.AttrsInstance]
    meaning: str
    most: int
    name: Callable[[Any], str]
    example: Mapping[str, object]


def key(kind: Kind, default: object, meaning: str, unit: str = "", *, restart: bool = False) -> Any:
    """Declare a key as an attrs field."""
    return attrs.field(default=default, metadata={_ROW: Row(kind, default, unit, meaning, restart)})


def section(cls: type[attrs.AttrsInstance], meaning: str) -> Any:
    """Declare a section as an attrs field that holds an instance of its class."""
    return attrs.field(factory=cls, metadata={_ROW: SectionRow(cls, meaning)})


def sections(
    cls: type[attrs.AttrsInstance],
    meaning: str,
    *,
    most: int,
    name: Callable[[Any], str],
    example: Mapping[str, object],
) -> Any:
    """Declare a list of sections, ``[[name]]`` in the file, as an attrs field that holds a tuple; empty by default."""
    return attrs.field(default=(), metadata={_ROW: SectionsRow(cls, meaning, most, name, example)})


def rows(cls: type[attrs.AttrsInstance]) -> Iterator[tuple[str, Row | SectionRow | SectionsRow]]:
    """Give (name, row) of every key and section of a config class, in the order of the file."""
    for field in attrs.fields(cls):
        if _ROW in field.metadata:
            yield field.name, field.metadata[_ROW]
