"""Additional items that makers have added, as far as their layout is known. Where it is not, they are named for people
and stay bytes."""

from __future__ import annotations

from typing import Any

from jimigw.wire.errors import DecodeError
from jimigw.wire.kinds import (
    U8,
    U16,
    U32,
    Bcd,
    Chain,
    Item,
    ItemKind,
    Nested,
    Notes,
    Repeated,
    Rest,
    RestText,
    Scaled,
    SignMagnitude,
    Switch,
)
from jimigw.wire.message import Message, part, row

from .. import names_video as names
from ..kinds import FirstFit, Sized

_JIMI = "JC371 V1.5.2"


@part("Temperatures")
class Temperatures(Message):
    celsius: list[float] = row(Repeated(SignMagnitude(U16, 10)), "temperatures, sensor by sensor", "degree Celsius")


# -- 0xE8, Jimi dash cameras --------------------------------------------------------------------------------------


@part("Upload of buffered reports", chapter=_JIMI)
class JimiUpload(Message):
    mode: int = row(U8, "upload mode")
    buffered: int = row(U8, "1: the report comes from the buffer")


@part("Power and signal", chapter=_JIMI)
class JimiPower(Message):
    charging: int = row(U8, "charging")
    battery_grade: int = row(U8, "battery, 1 to 6")
    battery: float = row(Scaled(U16, 100), "battery", "V")
    rssi: int = row(U8, "signal strength")
    external: float = row(Scaled(U16, 100), "external supply", "V")


#: the states within 0x2005
JIMI_STATES = {
    1: ItemKind("battery_voltage", Scaled(U16, 100), "battery", _JIMI, "V"),
    2: ItemKind("data_used", U32, "data used", _JIMI),
    3: ItemKind("battery", U8, "battery", _JIMI, "%"),
    4: ItemKind("charging", U8, "0: charging", _JIMI),
    5: ItemKind("iccid", Bcd(10), "ICCID of the SIM card", _JIMI),
    7: ItemKind("hdop", Scaled(U16, 10), "horizontal dilution of precision", _JIMI),
    0x2001: ItemKind("external_voltage", Scaled(U16, 10), "external supply", _JIMI, "V"),
}


@part("States", chapter=_JIMI)
class JimiStates(Message):
    states: list[Item] = row(Chain(U16, U8, JIMI_STATES), "the states")


_JIMI_TYPES = {0x2002: "upload", 0x2003: "power and signal", 0x2005: "states", **names.JIMI_EVENTS}


@part("Jimi status or event", chapter=_JIMI)
class JimiItem(Message):
    type: int = row(U16, "0x2002 upload, 0x2003 power, 0x2005 states, else an event", names=_JIMI_TYPES)
    content: Any = row(
        Switch(
            "type",
            {
                0x2002: Sized(U8, Nested(JimiUpload)),
                0x2003: Sized(U8, Nested(JimiPower)),
                0x2005: Sized(U8, Nested(JimiStates)),
            },
        ),
        "what goes with it",
        default=b"",
        show="set",
    )


# -- 0xEB ---------------------------------------------------------------------------------------------------------


class _Printable(RestText):
    """Text that has nothing but printable ASCII in it."""

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[str, int]:
        value, after = super().read(data, pos, end, owner, notes)
        if not value.isprintable() or not value.isascii() or not value:
            raise DecodeError("is not printable text", pos)
        return value, after


@part("Time zone as text", chapter=_JIMI)
class TimeZoneText(Message):
    time_zone: str = row(_Printable(), "time zone of the terminal")


@part("Nested item")
class NestedItem(Message):
    type: int = row(U16, "type: 002D voltage in mV, 0089 and 00C5 alarm bits (active low), 00B2 ICCID, 00D5 IMEI")
    data: bytes = row(Rest(), "its data")


@part("Nested items")
class NestedItems(Message):
    items: list[NestedItem] = row(Repeated(Sized(U16, Nested(NestedItem))), "items whose length counts their type")


#: what makers have added
VENDOR_ITEMS = {
    0x51: ItemKind("temperatures", Nested(Temperatures), "temperatures"),
    0x53: ItemKind("base_stations", Rest(), "base stations"),
    0x54: ItemKind("wifi", Rest(), "Wi-Fi networks"),
    0x56: ItemKind("battery_level", Rest(), "battery level"),
    0x57: ItemKind("harsh_driving_bits", Rest(), "bits of harsh driving"),
    0xE8: ItemKind("jimi", Nested(JimiItem), "status or event of Jimi dash cameras", _JIMI),
    0xEB: ItemKind("extended", FirstFit(Nested(TimeZoneText), Nested(NestedItems)), "time zone, or nested items"),
    0xEC: ItemKind("wifi_networks", Rest(), "Wi-Fi networks"),
    0xF0: ItemKind("cells", Rest(), "cells"),
    0xF3: ItemKind("obd", Rest(), "OBD data"),
    0xF4: ItemKind("wifi_scan", Rest(), "Wi-Fi networks"),
}
