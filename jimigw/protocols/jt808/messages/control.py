"""Control of the terminal and of the vehicle. JT/T 808-2019, 8.16, 8.30, 8.31."""

from __future__ import annotations

from typing import Any

import attrs

from jimigw.wire.errors import DecodeError, EncodeError
from jimigw.wire.kinds import (
    U8,
    U16,
    Measured,
    Nested,
    Notes,
    RestText,
    from_base64,
    shown,
    to_base64,
    whole,
)
from jimigw.wire.message import Message, message, row

from .. import names
from ..book import BOOK
from ..kinds import GBK, EndedText
from ..versions import SINCE_2013, UNTIL_2013, V2011, V2019
from .location import Location2013, Location2019


@message(BOOK, 0x8105, "Terminal control", chapter="8.16", direction="down", versions=SINCE_2013)
class TerminalControl(Message):
    command: int = row(U8, "command", names=names.CONTROL_COMMANDS)
    param: str = row(
        RestText(GBK),
        "parameters by command, with semicolons between. 1: URL, APN, user, password, address, TCP port, UDP port, "
        "manufacturer, hardware version, firmware version, minutes. 2: 0 to switch over (1: to come back, alone), "
        "authentication code, APN, user, password, address, TCP port, UDP port, minutes",
        default="",
    )


@message(BOOK, 0x8105, "Terminal control", chapter="8.16", direction="down", versions=(V2011,))
class TerminalControl2011(Message):
    command: int = row(U8, "command", names=names.CONTROL_COMMANDS)
    param: str = row(EndedText(), "parameters by command, with semicolons between", default="")


# -- 0x8500, 0x0500 vehicle control -------------------------------------------------------------------------------


@message(BOOK, 0x8500, "Vehicle control", chapter="8.30", direction="down", versions=UNTIL_2013)
class VehicleControl(Message):
    flag: int = row(U8, "bit 0: 1 locks the doors, 0 unlocks them")


@attrs.define
class Control:
    """One control of 0x8500: its type and the bytes of its parameter."""

    type_id: int
    param: bytes


class Controls(Measured):
    """A counted list of controls, each a type and a parameter whose size only its type tells.

    Type 1 (doors) has one byte; another one takes all bytes that are left, so it can stand last only.
    JSON: ``{"type_id": 1, "param": base64}``, or with EMQX ``{"id": 1, "param": text}``; a number as ``param`` is one
    byte on input. JT/T 808-2019, 8.30.
    """

    key = "length"
    dialects = {"emqx": "count"}
    wire_type = "u16 count, list of u16 type and parameter"
    _sizes = {1: 1}

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[list[Control], int]:
        count, pos = U16.read(data, pos, end, owner, notes)
        found: list[Control] = []
        while len(found) < count and end - pos >= 2:
            type_id, start = U16.read(data, pos, end, owner, notes)
            stop = start + self._sizes.get(type_id, end - start)
            if stop > end:
                raise DecodeError(f"the parameter of control {type_id} is missing", start)
            found.append(Control(type_id, data[start:stop]))
            pos = stop
        if len(found) < count:
            notes.append(f"count says {count}, {len(found)} controls could be read")
        return found, pos

    def write(self, value: list[Control], out: bytearray, owner: Any) -> None:
        U16.write(len(value), out, owner)
        for index, control in enumerate(value):
            size = self._sizes.get(control.type_id)
            if size is None and index < len(value) - 1:
                raise EncodeError("a control without a known size can stand last only", f"[{index}]")
            if size is not None and len(control.param) != size:
                raise EncodeError(f"{len(control.param)} bytes of parameter, {size} are needed", f"[{index}]")
            U16.write(control.type_id, out, owner)
            out += control.param

    def measure(self, value: list[Control]) -> int:
        return len(value)

    def to_json(self, value: list[Control], dialect: str) -> list[dict[str, Any]]:
        if dialect == "emqx":
            return [{"id": control.type_id, "param": control.param.decode("latin-1")} for control in value]
        return [{"type_id": control.type_id, "param": to_base64(control.param)} for control in value]

    def from_json(self, value: Any) -> list[Control]:
        if not isinstance(value, list):
            raise EncodeError(f"{shown(value)} is not a list of controls")
        found = []
        for index, entry in enumerate(value):
            try:
                found.append(self._control(entry))
            except EncodeError as error:
                raise error.within(f"[{index}]") from None
        return found

    @staticmethod
    def _control(entry: Any) -> Control:
        if not isinstance(entry, dict) or not {"id", "type_id"} & entry.keys():
            raise EncodeError(f'{shown(entry)} is not a control such as {{"type_id": 1, "param": "AQ=="}}')
        type_id = whole(entry.get("type_id", entry.get("id")), 0, U16.highest)
        param = entry.get("param", "")
        if isinstance(param, int):
            return Control(type_id, bytes((whole(param, 0, 255),)))
        if "type_id" in entry or not isinstance(param, str):
            return Control(type_id, from_base64(param))
        try:
            return Control(type_id, param.encode("latin-1"))
        except UnicodeEncodeError:
            raise EncodeError(f"{shown(param)} has characters that are no single bytes", "param") from None


@message(BOOK, 0x8500, "Vehicle control", chapter="8.30", direction="down", versions=(V2019,))
class VehicleControl2019(Message):
    controls: list[Control] = row(Controls(), "controls; type 1, doors: 0 locks them, 1 opens them", default=[])


@message(BOOK, 0x0500, "Vehicle control answer", chapter="8.31", versions=UNTIL_2013)
class VehicleControlAnswer(Message):
    seq: int = row(U16, "serial number of the command")
    location: Location2013 = row(Nested(Location2013), "location; its status says whether the control worked")


@message(BOOK, 0x0500, "Vehicle control answer", chapter="8.31", versions=(V2019,))
class VehicleControlAnswer2019(Message):
    seq: int = row(U16, "serial number of the command")
    location: Location2019 = row(Nested(Location2019), "location; its status says whether the control worked")
