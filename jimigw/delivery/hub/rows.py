"""How a push of the hub is declared: a table of fields, each with its place in the record and its conversion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from .conversions import Convert, Zones

View = Mapping[str, Any]
"""A record, and beside its keys the part of it that makes one item of a push."""

Getter = Callable[[View], Any]

ERRORS = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)
"""What a conversion raises for a value that is not what its field needs."""


@attrs.frozen
class Push:
    """One item of a push: where to, of which terminal, what, and the form fields that stand beside ``data_list``."""

    path: str
    device: str
    item: dict[str, Any]
    form: tuple[tuple[str, str], ...] = ()


@attrs.frozen
class Field:
    """A field of a push.

    ``source`` is its place in the record, keys with dots, `` | `` before another one to try, empty for what is not in
    the record; ``open``: what the hub does here is not known for certain.
    """

    name: str
    source: str
    convert: Convert
    note: str
    open: bool = False


def look(view: Any, *keys: str) -> Any:
    """What is at this place in objects within objects, or None."""
    for key in keys:
        if not isinstance(view, dict):  # what JSON is read to; a Mapping would be looked up much longer
            return None
        view = view.get(key)
    return view


@attrs.frozen
class Table:
    """A push: its path, what it tells, from which records, and its fields.

    ``views`` gives the items that a record makes; ``form`` the form fields beside them. A field named ``msg.x`` is
    ``x`` in the object ``msg``. ``open`` says what is not known of this push.
    """

    path: str
    title: str
    records: str
    views: Callable[[View], Iterable[View]]
    fields: Sequence[Field]
    open: str = ""
    form: Callable[[View], tuple[tuple[str, str], ...]] = lambda view: ()
    _plan: Sequence[tuple[str, str, Sequence[Getter], Convert]] = attrs.field(
        init=False,
        repr=False,
        eq=False,
        default=attrs.Factory(lambda self: [_planned(field) for field in self.fields], takes_self=True),
    )

    def pushes(self, record: View, zones: Zones) -> list[Push]:
        """The pushes that this record makes here."""
        device = str(record.get("device"))
        return [Push(self.path, device, self.item(view, zones), self.form(view)) for view in self.views(record)]

    def item(self, view: View, zones: Zones) -> dict[str, Any]:
        """The fields of one item; what the record does not say is not there."""
        item: dict[str, Any] = {}
        for outer, name, getters, convert in self._plan:
            value = None
            for getter in getters:
                value = getter(view)
                if value is not None:
                    break
            else:
                if getters:
                    continue
            try:
                value = convert(value, zones)
            except ERRORS:
                continue
            if value is None:
                continue
            if outer:
                item.setdefault(outer, {})[name] = value
            else:
                item[name] = value
        return item


def _planned(field: Field) -> tuple[str, str, Sequence[Getter], Convert]:
    outer, _, name = field.name.rpartition(".")
    sources = field.source.split(" | ") if field.source else []
    return outer, name, [_getter(source.split(".")) for source in sources], field.convert


def _getter(keys: Sequence[str]) -> Getter:
    """Gives what is at this place of a view, or None. The usual depths are quick: positions go out by the thousand."""
    if len(keys) == 1:
        (only,) = keys
        return lambda view: view.get(only)
    if len(keys) == 2:
        outer, inner = keys

        def two(view: View) -> Any:
            within = view.get(outer)
            return within.get(inner) if isinstance(within, dict) else None

        return two
    return lambda view: look(view, *keys)
