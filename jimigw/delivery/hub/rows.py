"""How a push of the hub is declared: a table of fields, each with its place in the record and its conversion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from .conversions import Convert, Zones

View = Mapping[str, Any]
"""A record, and beside its keys the part of it that makes one item of a push."""

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
        if not isinstance(view, Mapping):
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
    _plan: Sequence[tuple[tuple[str, ...], Sequence[tuple[str, ...]], Convert]] = attrs.field(
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
        for name, sources, convert in self._plan:
            value = next((found for keys in sources if (found := look(view, *keys)) is not None), None)
            if value is None and sources:
                continue
            try:
                value = convert(value, zones)
            except ERRORS:
                continue
            if value is None:
                continue
            inside = item
            for key in name[:-1]:
                inside = inside.setdefault(key, {})
            inside[name[-1]] = value
        return item


def _planned(field: Field) -> tuple[tuple[str, ...], Sequence[tuple[str, ...]], Convert]:
    sources = [tuple(source.split(".")) for source in field.source.split(" | ")] if field.source else []
    return tuple(field.name.split(".")), sources, field.convert
