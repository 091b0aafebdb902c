"""The compiled form of a declared message: its table and the functions made from it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from .errors import EncodeError
from .kinds import Bits, Derived, Hemisphere, Legend, LengthOf, Measured, Notes, Optional, Switch, When, bare, shown
from .rows import REQUIRED, Plan, Row
from .source import compiled, decode_json_source, decode_source, json_source, write_source


class Layout(Plan):
    """The compiled form of one declared message."""

    def __init__(self, cls: type[Any], title: str, chapter: str, rows: list[Row], surplus: Row | None) -> None:
        super().__init__(cls, title, chapter, rows, surplus)
        self._keys = self._spellings()
        self.decode: Callable[[bytes, int, int, Notes], Any] = compiled(decode_source(self, whole=True))
        self.read: Callable[[bytes, int, int, Notes], tuple[Any, int]] = compiled(decode_source(self, whole=False))
        self._write: Callable[[Any, bytearray], None] = compiled(write_source(self))
        self._to_json: dict[str, Callable[[Any], dict[str, Any]]] = {
            "document": compiled(json_source(self, "document"))
        }
        self._decode_json: dict[str, Callable[[bytes, int, int, Notes], dict[str, Any]]] = {}
        self.decode_json = self.json_decoder("document")

    # -- encode ---------------------------------------------------------------------------------------------------
    def encode(self, value: Any) -> bytes:
        """See :meth:`jimigw.wire.message.Message.encode`."""
        out = bytearray()
        self.write(value, out)
        return bytes(out)

    def write(self, value: Any, out: bytearray) -> None:
        """Append the bytes of ``value`` to ``out``."""
        start = len(out)
        try:
            self._write(value, out)
        except (struct.error, TypeError, ValueError, AttributeError, OverflowError) as error:
            del out[start:]
            if isinstance(error, EncodeError) and error.path:
                raise
            raise self._culprit(value, error) from error

    def _culprit(self, value: Any, error: Exception) -> EncodeError:
        """The fused pack failed as a whole: find the field, and say what would have been right."""
        for each in [*self.attributes, *([self.surplus] if self.surplus else [])]:
            kind, held = each.kind, getattr(value, each.name, REQUIRED)
            if held is REQUIRED:
                return EncodeError("is missing", each.name)
            if isinstance(kind, LengthOf):  # whatever it stumbled over, the field it measures says it better
                continue
            if isinstance(kind, Bits):
                highest = (1 << kind.count) - 1
                if not (held is None and isinstance(kind, Hemisphere)) and not (
                    isinstance(held, int) and 0 <= held <= highest
                ):
                    return EncodeError(f"{shown(held)} is not {kind.wanted}", each.name)
                continue
            try:
                kind.write(held, bytearray(), value)
            except EncodeError as found:
                return found.within(each.name)
            except (TypeError, ValueError, AttributeError, OverflowError, struct.error):
                return EncodeError(f"{shown(held)} is not right for {kind.wire_type}", each.name)
        return EncodeError(str(error))

    # -- JSON -----------------------------------------------------------------------------------------------------
    def to_json(self, value: Any, dialect: str = "document") -> dict[str, Any]:
        """See :meth:`jimigw.wire.message.Message.to_json`."""
        function = self._to_json.get(dialect)
        if function is None:
            function = self._to_json[dialect] = compiled(json_source(self, dialect))
        return function(value)

    def json_decoder(self, dialect: str) -> Callable[[bytes, int, int, Notes], dict[str, Any]]:
        """The function ``(data, start, end, notes)`` from bytes straight to what :meth:`to_json` gives.

        Raises :class:`DecodeError` as decoding does.
        """
        function = self._decode_json.get(dialect)
        if function is None:
            source = decode_json_source(self, dialect)
            function = compiled(source) if source else self._by_way_of_message(dialect)
            self._decode_json[dialect] = function
        return function

    def _by_way_of_message(self, dialect: str) -> Callable[[bytes, int, int, Notes], dict[str, Any]]:
        decode, to_json = self.decode, self.to_json
        return lambda data, start, end, notes: to_json(decode(data, start, end, notes), dialect)

    def _spellings(self) -> dict[str, Row | None]:
        """Every JSON key that is understood; None for those that are derived and ignored on input."""
        keys: dict[str, Row | None] = {
            key: None for each in self.rows if isinstance(each.kind, Derived) for key in each.all_keys()
        }
        for each in [*self.attributes, *([self.surplus] if self.surplus else [])]:
            for key in each.all_keys():
                keys[key] = each
                if each.names is not None and not isinstance(each.names, Legend):
                    keys.setdefault(f"{key}_name", None)
            inner = bare(each.kind)
            if isinstance(inner, Measured):
                for key in filter(None, (inner.key, *inner.dialects.values())):
                    keys.setdefault(key, None)
        return keys

    def from_json(self, body: Any) -> Any:
        """See :meth:`jimigw.wire.message.Message.from_json`."""
        if not isinstance(body, dict):
            raise EncodeError(f"{shown(body)} is not an object")
        given: dict[str, tuple[str, Any]] = {}
        for key, held in body.items():
            if key not in self._keys:
                raise EncodeError(
                    f"is not a key of {self.title}; known are {', '.join(sorted(self._keys))}", str(key)[:60]
                )
            found = self._keys[key]
            if found is not None:
                given[found.name] = (key, held)
        values: dict[str, Any] = {}
        for each in self.attributes:
            if each.name in given:
                key, held = given[each.name]
                values[each.name] = self._value_from_json(each, key, held, values)
            elif each.default is REQUIRED:
                raise EncodeError("is missing", each.all_keys()[0])
            else:  # a later field may depend on it
                values[each.name] = list(each.default) if isinstance(each.default, list) else each.default
        if self.surplus is not None and "surplus" in given:
            values["surplus"] = self._value_from_json(self.surplus, "surplus", given["surplus"][1], values)
        return self.cls(**values)

    def _value_from_json(self, each: Row, key: str, held: Any, values: dict[str, Any]) -> Any:
        try:
            if held is None and isinstance(each.kind, Hemisphere | Optional | When):
                return None
            kind = bare(each.kind)
            return kind.from_json_of(held, _Sofar(values)) if isinstance(kind, Switch) else each.kind.from_json(held)
        except EncodeError as error:
            raise error.within(key) from None


class _Sofar:
    """The values read so far, as attributes, for a kind that an earlier field chooses."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__ = values

    def __getattr__(self, name: str) -> Any:
        return None
