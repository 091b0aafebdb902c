"""Setting and asking for parameters. JT/T 808-2019, 8.12 to 8.15; their ids are in :mod:`..parameters`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jimigw.wire.errors import DecodeError, EncodeError
from jimigw.wire.kinds import (
    U8,
    U16,
    U32,
    Chain,
    Counted,
    Int,
    ItemKind,
    Measured,
    Notes,
    Rest,
    from_base64,
    shown,
    to_base64,
    whole,
)
from jimigw.wire.message import Message, fragment, include, message, row

from ..book import BOOK
from ..kinds import CountOf
from ..parameters import PARAMETERS_2013, PARAMETERS_2019, PLAIN_PARAMETERS
from ..versions import SINCE_2013, V2011, V2013, V2019


@attrs.define
class Parameter:
    """One parameter: its id and its bytes, whose number is the sender's choice. :class:`Parameters` reads them."""

    id: int
    data: bytes


class Parameters(Chain, Measured):
    """Parameters, id (4 bytes), length (1), value. The value is a list of :class:`Parameter`.

    The same id may stand there several times. JSON is ``{"id": 1, "value": 60}``: a number is read with as many bytes
    as are there, whatever the table says; bytes, and what does not fit the table, are base64, and may be given as
    ``data`` instead of ``value``. The list ends at the
    first item that runs over the end.
    """

    key = "length"
    needs_owner = True

    def __init__(self, items: Mapping[int, ItemKind]) -> None:
        super().__init__(U32, U8, items)

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[list[Any], int]:
        found: list[Any] = []
        for identity, _head, start, stop in self.spans(data, pos, end, notes):
            if len(found) == owner.count:
                break
            found.append(Parameter(identity, data[start:stop]))
            pos = stop
        if len(found) < owner.count:
            notes.append(f"count says {owner.count}, {len(found)} parameters could be read")
        return found, pos

    def write(self, value: list[Any], out: bytearray, owner: Any) -> None:
        for index, parameter in enumerate(value):
            if not isinstance(parameter, Parameter) or not isinstance(parameter.data, bytes):
                raise EncodeError(f"{shown(parameter)} is not a Parameter", f"[{index}]")
            if len(parameter.data) > 255:
                raise EncodeError(f"{len(parameter.data)} bytes are too long, at most 255 fit", f"[{index}]")
            U32.write(parameter.id, out, owner)
            U8.write(len(parameter.data), out, owner)
            out += parameter.data

    def measure(self, value: list[Any]) -> int:
        return len(value)

    def value(self, parameter: Parameter, dialect: str = "document") -> Any:
        """What a parameter says: an integer, text, an object, bytes in base64; None for a number that is not set."""
        known = (PLAIN_PARAMETERS if dialect == "emqx" else self.items).get(parameter.id)
        data = parameter.data
        if known is None or isinstance(known.kind, Rest):
            return to_base64(data)
        if isinstance(known.kind, Int) and len(data) <= 8:
            return int.from_bytes(data, "big") if data else None
        notes: Notes = []
        try:
            value, after = known.kind.read(data, 0, len(data), None, notes)
        except DecodeError:
            return to_base64(data)
        return to_base64(data) if notes or after < len(data) else known.kind.to_json(value, dialect)

    def to_json(self, value: list[Any], dialect: str) -> list[dict[str, Any]]:
        return [{"id": each.id, "value": self.value(each, dialect)} for each in value]

    def from_json(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise EncodeError(f"{shown(value)} is not a list of parameters")
        found = []
        for index, entry in enumerate(value):
            try:
                found.append(self._parameter(entry))
            except EncodeError as error:
                raise error.within(f"[{index}]") from None
        return found

    def _parameter(self, entry: Any) -> Parameter:
        if not isinstance(entry, dict) or "id" not in entry or not {"value", "data"} & entry.keys():
            raise EncodeError(f'{shown(entry)} is not a parameter such as {{"id": 1, "value": 60}}')
        identity = whole(entry["id"], 0, U32.highest)
        if "data" in entry:
            return Parameter(identity, from_base64(entry["data"]))
        held = entry["value"]
        try:
            return Parameter(identity, self._bytes(identity, held))
        except EncodeError as error:
            raise error.within("value") from None

    def _bytes(self, identity: int, held: Any) -> bytes:
        known = self.items.get(identity)
        out = bytearray()
        if known is None or isinstance(known.kind, Rest):
            return from_base64(held)
        if held is None:
            return b""
        if isinstance(held, str) and not isinstance(known.kind, Int) and not hasattr(known.kind, "encoding"):
            return from_base64(held)
        known.kind.write(known.kind.from_json(held), out, None)
        return bytes(out)


@fragment
class _Counts:
    count: int | None = row(
        CountOf(U8, lambda o: len(o.params), "parameters"), "number of parameters", default=None, show="never"
    )


@fragment
class _Counts2011:
    total: int | None = row(
        CountOf(U8, lambda o: len(o.params), "parameters"), "number of parameters", default=None, show="never"
    )
    count: int | None = row(
        CountOf(U8, lambda o: len(o.params), "parameters"),
        "number of parameters in this packet",
        default=None,
        show="never",
    )


_LIST_2013 = Parameters(PARAMETERS_2013)
_LIST_2019 = Parameters(PARAMETERS_2019)


@message(BOOK, 0x8103, "Set parameters", chapter="8.12", direction="down", versions=(V2013,))
class ParametersSetting(Message):
    _counts = include(_Counts)
    params: list[Parameter] = row(_LIST_2013, "the parameters")


@message(BOOK, 0x8103, "Set parameters", chapter="8.12", direction="down", versions=(V2019,))
class ParametersSetting2019(Message):
    _counts = include(_Counts)
    params: list[Parameter] = row(_LIST_2019, "the parameters")


@message(BOOK, 0x8103, "Set parameters", chapter="8.12", direction="down", versions=(V2011,))
class ParametersSetting2011(Message):
    _counts = include(_Counts2011)
    params: list[Parameter] = row(_LIST_2013, "the parameters")


@message(BOOK, 0x8104, "Query all parameters", chapter="8.13", direction="down")
class ParametersQuery(Message):
    """Empty."""


@message(BOOK, 0x8106, "Query some parameters", chapter="8.14", direction="down", versions=SINCE_2013)
class SomeParametersQuery(Message):
    ids: list[int] = row(Counted(U8, U32, key="length"), "ids of the parameters")


@message(BOOK, 0x0104, "Parameters", chapter="8.15", versions=(V2013,))
class ParametersAnswer(Message):
    seq: int = row(U16, "serial number of the query")
    _counts = include(_Counts)
    params: list[Parameter] = row(_LIST_2013, "the parameters")


@message(BOOK, 0x0104, "Parameters", chapter="8.15", versions=(V2019,))
class ParametersAnswer2019(Message):
    seq: int = row(U16, "serial number of the query")
    _counts = include(_Counts)
    params: list[Parameter] = row(_LIST_2019, "the parameters")


@message(BOOK, 0x0104, "Parameters", chapter="8.15", versions=(V2011,))
class ParametersAnswer2011(Message):
    seq: int = row(U16, "serial number of the query")
    _counts = include(_Counts2011)
    params: list[Parameter] = row(_LIST_2013, "the parameters")
