"""The additional items of a location that the standards name. JT/T 808-2019, 8.21.2; JT/T 1078-2016, 5.6.

Fifteen of them have their place in the exchange format. The table of 2013 lacks tyre pressure and carriage temperature.
"""

from __future__ import annotations

from typing import Any

from jimigw.wire.errors import EncodeError
from jimigw.wire.kinds import U8, U16, U32, Bits, ItemKind, Nested, Optional, shown
from jimigw.wire.message import Message, part, row

from .. import names
from ..extras import Blob, Extras
from ..kinds import CarriageTemperature
from .safety_items import SAFETY_ITEMS
from .vendor_items import VENDOR_ITEMS

_CHAPTER = "8.21.2"
_VIDEO = "JT/T 1078-2016, 5.6"


@part("Overspeed alarm", chapter=_CHAPTER)
class OverspeedAlarm(Message):
    type: int = row(U8, "kind of place", names=names.PLACE_TYPES)
    id: int | None = row(Optional(U32), "id of the area or segment, absent for type 0")


@part("Area or route entered or left", chapter=_CHAPTER)
class InOutAlarm(Message):
    type: int = row(U8, "kind of place", names=names.PLACE_TYPES)
    id: int = row(U32, "id of the area or route")
    direction: int = row(U8, "in or out", names=names.IN_OUT)


@part("Segment driven too fast or too slowly", chapter=_CHAPTER)
class PathTimeAlarm(Message):
    id: int = row(U32, "id of the segment")
    time: int = row(U16, "time it took", "s")
    result: int = row(U8, "result", names=names.DRIVING_TIMES)


@part("Vehicle signals", chapter=_CHAPTER)
class VehicleSignals(Message):
    reserved: int = row(Bits(17, 32), "reserved", default=0, show="never")
    cluth: int = row(Bits(1), "clutch", default=0)
    heater: int = row(Bits(1), "heater", default=0)
    abs: int = row(Bits(1), "ABS", default=0)
    retarder: int = row(Bits(1), "retarder", default=0)
    neutral: int = row(Bits(1), "neutral gear", default=0)
    air_conditioner: int = row(Bits(1), "air conditioner", default=0)
    horn: int = row(Bits(1), "horn", default=0)
    side_marker: int = row(Bits(1), "side marker lights", default=0)
    fog: int = row(Bits(1), "fog lights", default=0)
    reverse: int = row(Bits(1), "reverse gear", default=0)
    brake: int = row(Bits(1), "brake", default=0)
    left_turn: int = row(Bits(1), "left turn signal", default=0)
    right_turn: int = row(Bits(1), "right turn signal", default=0)
    high_beam: int = row(Bits(1), "high beam", default=0)
    low_beam: int = row(Bits(1), "low beam", default=0)


@part("IO status", chapter=_CHAPTER)
class IoStatus(Message):
    reserved: int = row(Bits(14, 16), "reserved", default=0, show="never")
    sleep: int = row(Bits(1), "asleep", default=0)
    deep_sleep: int = row(Bits(1), "deeply asleep", default=0)


@part("Analog values", chapter=_CHAPTER)
class Analog(Message):
    ad1: int = row(U16, "analog 1")
    ad0: int = row(U16, "analog 0")


@part("Abnormal driving", chapter=_VIDEO)
class AbnormalDriving(Message):
    type: int = row(U16, "bits 0 fatigue, 1 phone, 2 smoking, 11-15 own")
    fatigue: int | None = row(Optional(U8), "degree of fatigue, 0 to 100; some terminals leave it out")


# -- vehicle signals in JSON: two lights in an object, thirteen beside it -------------------------------------------

_LIGHTS, _OTHERS = names.SIGNALS[:2], names.SIGNALS[2:]
_MOST_SIGNALS = 1024  # a vehicle has a few hundred states, a forger more
_signals: dict[bytes, tuple[dict[str, int], dict[str, int]]] = {}


def _signals_of(data: bytes) -> tuple[dict[str, int], dict[str, int]]:
    """The two lights and the other signals that these bytes say; remembered, since a vehicle repeats them."""
    found = _signals.get(data)
    if found is None:
        word = int.from_bytes(data, "big")
        bits = {name: word >> bit & 1 for bit, name in enumerate(names.SIGNALS)}
        found = {name: bits[name] for name in _LIGHTS}, {name: bits[name] for name in _OTHERS}
        if len(_signals) < _MOST_SIGNALS:
            _signals[data] = found
    return found


def _show_flat(raw: bytes, start: int, stop: int, found: dict[str, Any]) -> None:
    lights, others = _signals_of(raw[start:stop])
    found["signal"] = lights.copy()
    found.update(others)


def _show_together(raw: bytes, start: int, stop: int, found: dict[str, Any]) -> None:
    lights, others = _signals_of(raw[start:stop])
    found["signal"] = lights | others


def _show_signals(dialect: str) -> Any:
    return _show_together if dialect == "emqx" else _show_flat


def _take_signals(key: Any, left: dict[str, Any]) -> VehicleSignals | None:
    if key != "signal" and key not in _OTHERS:
        return None
    lights = left.pop("signal", {})
    if not isinstance(lights, dict):
        raise EncodeError(f"{shown(lights)} is not an object of vehicle signals")
    values = lights | {name: left.pop(name) for name in _OTHERS if name in left}
    unknown = values.keys() - set(names.SIGNALS)
    if unknown:
        raise EncodeError(f"{shown(min(unknown, key=str))} is no vehicle signal; known are {', '.join(names.SIGNALS)}")
    return VehicleSignals.from_json(values)


_SPREAD = {0x25: (_show_signals, _take_signals)}

ITEMS_2013 = {
    0x01: ItemKind("mileage", U32, "mileage as on the odometer", _CHAPTER, "0.1 km"),
    0x02: ItemKind("fuel_meter", U16, "fuel as on the gauge", _CHAPTER, "0.1 L"),
    0x03: ItemKind("speed", U16, "speed from the driving recorder", _CHAPTER, "0.1 km/h"),
    0x04: ItemKind("alarm_id", U16, "alarm event that wants to be confirmed by hand", _CHAPTER),
    0x11: ItemKind("overspeed_alarm", Nested(OverspeedAlarm), "overspeed alarm", _CHAPTER),
    0x12: ItemKind("in_out_alarm", Nested(InOutAlarm), "area or route entered or left", _CHAPTER),
    0x13: ItemKind("path_time_alarm", Nested(PathTimeAlarm), "segment driven too fast or too slowly", _CHAPTER),
    0x25: ItemKind("signal", Nested(VehicleSignals), "vehicle signals", _CHAPTER),
    0x2A: ItemKind("io_status", Nested(IoStatus), "IO status", _CHAPTER),
    0x2B: ItemKind("analog", Nested(Analog), "analog values", _CHAPTER),
    0x30: ItemKind("rssi", U8, "radio signal strength", _CHAPTER),
    0x31: ItemKind("gnss_sat_num", U8, "satellites used for the fix", _CHAPTER),
    0xE0: ItemKind("custome", Blob(), "length of the vendor's data that follows, or these data", _CHAPTER),
    0x14: ItemKind(
        "video_alarm",
        U32,
        "video alarms: bits 0 signal lost, 1 covered, 2 storage fault, 3 other fault, 4 overcrowded, 5 abnormal "
        "driving, 6 special recording full",
        _VIDEO,
    ),
    0x15: ItemKind("video_signal_lost", U32, "channels without a signal, bit 0: channel 1", _VIDEO),
    0x16: ItemKind("video_covered", U32, "channels that are covered, bit 0: channel 1", _VIDEO),
    0x17: ItemKind("storage_fault", U16, "storage faults: bits 0-11 main, 12-15 disaster backup", _VIDEO),
    0x18: ItemKind("abnormal_driving", Nested(AbnormalDriving), "abnormal driving", _VIDEO),
    **SAFETY_ITEMS,
    **VENDOR_ITEMS,
}
ITEMS_2019 = ITEMS_2013 | {
    0x05: ItemKind("tire_pressure", Blob(), "tyre pressures, a byte each, 0xFF where there is none", _CHAPTER),
    0x06: ItemKind("carriage_temp", CarriageTemperature(), "temperature of the carriage", _CHAPTER, "degree Celsius"),
}
#: the items the EMQX dialect names
_EMQX = frozenset({0x01, 0x02, 0x03, 0x04, 0x11, 0x12, 0x13, 0x25, 0x2A, 0x2B, 0x30, 0x31})

EXTRAS_2013 = Extras(ITEMS_2013, emqx=_EMQX, shows=_SPREAD, aliases={"fuel_unit": 0x02})
EXTRAS_2019 = Extras(ITEMS_2019, emqx=_EMQX | {0x05, 0x06}, shows=_SPREAD, aliases={"fuel_unit": 0x02})
