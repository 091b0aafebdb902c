"""Active safety in the additional items 0x64 to 0x67 and 0x70: driver assistance and monitoring, tyres, blind spots,
harsh driving. T/JSATL12-2017, 4.5; the wider identities of T/GDRTA 002-2020; 0x70 as Sichuan has it."""

from __future__ import annotations

from typing import Any

from jimigw.wire.errors import EncodeError
from jimigw.wire.kinds import U8, U16, U32, Bcd, Counted, Derived, ItemKind, Nested, Raw, shown
from jimigw.wire.message import Message, fragment, include, part, row

from .. import names_video as names
from ..kinds import FilledText, FirstFit

_CHAPTER = "T/JSATL12-2017, 4.5"


def _size(size: int) -> Any:
    """The key that tells the longer forms apart in JSON."""
    return row(Derived(lambda o: size), "bytes of this form", unit="byte")


@part("Alarm identity", chapter=_CHAPTER)
class AlarmIdentity(Message):
    terminal_id: str = row(FilledText(7), "terminal id")
    time: str = row(Bcd(6), "time of the alarm YYMMDDhhmmss, GMT+8")
    seq: int = row(U8, "number of the alarm among those of the same time")
    count: int = row(U8, "attachments")
    reserved: int = row(U8, "reserved", default=0, show="set")


@part("Alarm identity, 40 bytes", chapter="T/GDRTA 002-2020")
class AlarmIdentityWide(Message):
    terminal_id: str = row(FilledText(30), "terminal id")
    time: str = row(Bcd(6), "time of the alarm YYMMDDhhmmss, GMT+8")
    seq: int = row(U8, "number of the alarm among those of the same time")
    count: int = row(U8, "attachments")
    reserved: int = row(U16, "reserved", default=0, show="set")
    size: int = _size(40)


@part("Alarm identity, 38 bytes", chapter="Heilongjiang")
class AlarmIdentityBare(Message):
    _wide = include(AlarmIdentityWide, until="reserved")
    size: int = _size(38)


@part("Alarm identity, 39 bytes", chapter="Sichuan")
class AlarmIdentityShort(Message):
    _wide = include(AlarmIdentityWide, until="reserved")
    reserved: int = row(U8, "reserved", default=0, show="set")
    size: int = _size(39)


@part("Alarm identity, 32 bytes", chapter="Hunan, as a program reads it")
class AlarmIdentityLong(Message):
    _identity = include(AlarmIdentity, until="reserved")
    reserved: bytes = row(Raw(17), "reserved", default=bytes(17), show="set")
    size: int = _size(32)


class IdentityKind(FirstFit):
    """An alarm identity to the end; its size tells which form it has. In JSON the forms but the first say ``size``."""

    def from_json(self, value: Any) -> Any:
        size = value.get("size", self.kinds[0].size) if isinstance(value, dict) else None
        for kind in self.kinds:
            if kind.size == size:
                return kind.from_json(value)
        sizes = ", ".join(str(kind.size) for kind in self.kinds)
        raise EncodeError(f"{shown(value)} is not an alarm identity, whose size is one of {sizes}")


class OneIdentity(Nested):
    """An alarm identity of one form. In JSON a ``size`` that is not this one's is another form, which is not taken."""

    def from_json(self, value: Any) -> Any:
        if isinstance(value, dict) and value.get("size", self.size) != self.size:
            raise EncodeError(f"{shown(value['size'])} is not {self.size}, the size of this form", "size")
        return super().from_json(value)


Identity = AlarmIdentity | AlarmIdentityWide | AlarmIdentityBare | AlarmIdentityShort | AlarmIdentityLong
#: the forms of an alarm identity, told apart by what is left
IDENTITY = IdentityKind(
    *map(Nested, (AlarmIdentity, AlarmIdentityWide, AlarmIdentityBare, AlarmIdentityShort, AlarmIdentityLong))
)


@fragment
class _Position:
    speed: int = row(U8, "speed of the vehicle", "km/h")
    altitude: int = row(U16, "altitude", "m")
    latitude: int = row(U32, "latitude", "1e-6 degree")
    longitude: int = row(U32, "longitude", "1e-6 degree")
    time: str = row(Bcd(6), "time YYMMDDhhmmss, GMT+8")
    vehicle_status: int = row(
        U16, "bits 0 ACC, 1 left turn, 2 right turn, 3 wiper, 4 brake, 5 card inserted, 10 positioned"
    )


@fragment
class _Alarm:
    alarm_id: int = row(U32, "number of the alarm, counted over all types")
    flag: int = row(U8, "state of the alarm", names=names.ALARM_FLAGS)


@part("Advanced driver assistance", chapter=_CHAPTER)
class Adas(Message):
    _alarm = include(_Alarm)
    type: int = row(U8, "alarm or event", names=names.ADAS_ALARMS)
    level: int = row(U8, "level", names=names.LEVELS)
    front_speed: int = row(U8, "speed of the vehicle ahead (types 1 and 2)", "km/h")
    front_dist: int = row(U8, "distance to what is ahead (types 1, 2 and 4)", "100 ms")
    deviation: int = row(U8, "side of a lane departure (type 2)", names=names.DEVIATIONS)
    sign_type: int = row(U8, "road sign (types 6 and 0x10)", names=names.SIGNS)
    sign_data: int = row(U8, "what the sign says")
    _position = include(_Position)
    ident: Identity = row(IDENTITY, "identity of the alarm, by which its attachments are asked for")


@part("Driver status monitoring", chapter=_CHAPTER)
class Dsm(Message):
    _alarm = include(_Alarm)
    type: int = row(U8, "alarm or event", names=names.DSM_ALARMS)
    level: int = row(U8, "level", names=names.LEVELS)
    fatigue: int = row(U8, "degree of fatigue, 1 to 10 (type 1)")
    reserved: bytes = row(Raw(4), "reserved", default=bytes(4))
    _position = include(_Position)
    ident: Identity = row(IDENTITY, "identity of the alarm, by which its attachments are asked for")


@part("Blind spot detection", chapter=_CHAPTER)
class Bsd(Message):
    _alarm = include(_Alarm)
    type: int = row(U8, "alarm", names=names.BSD_ALARMS)
    _position = include(_Position)
    ident: Identity = row(IDENTITY, "identity of the alarm, by which its attachments are asked for")


@part("Harsh driving", chapter="Sichuan")
class HarshDriving(Message):
    _alarm = include(_Alarm)
    type: int = row(U8, "alarm", names=names.DRIVING_ALARMS)
    time_threshold: int = row(U16, "threshold of the time", "s")
    threshold_1: int = row(U16, "threshold, 0.01 g for types 1 to 3, km/h for types 4 to 7")
    threshold_2: int = row(U16, "second threshold, for types 4 to 7", "rpm")
    _position = include(_Position)
    ident: Identity = row(IDENTITY, "identity of the alarm, by which its attachments are asked for")


@fragment
class _TyreState:
    alarm: int = row(
        U16,
        "bits 0 periodic, 1 pressure high, 2 pressure low, 3 temperature high, 4 sensor, 5 imbalance, 6 slow leak, "
        "7 battery low",
    )
    pressure: int = row(U16, "pressure", "kPa")
    temperature: int = row(U16, "temperature", "degree Celsius")
    battery: int = row(U16, "battery", "%")


@part("Tyre", chapter=_CHAPTER)
class Tyre(Message):
    position: int = row(U8, "which tyre, from 0 at the left front")
    _state = include(_TyreState)


@part("Tyre, two bytes of position", chapter="T/GDRTA 002-2020")
class TyreWide(Message):
    position: int = row(U16, "which tyre, from 0 at the left front")
    _state = include(_TyreState)
    wide: bool = row(Derived(lambda o: True), "this is the form with two bytes of position")


def _tyres(identity: Any, tyre: Any, chapter: str) -> Any:
    """The layout of 0x66 with this form of identity and of tyre."""

    @part("Tyre pressure monitoring", chapter=chapter)
    class Tpms(Message):
        _alarm = include(_Alarm)
        _position = include(_Position)
        ident: Any = row(Nested(identity), "identity of the alarm, by which its attachments are asked for")
        tyres: list[Any] = row(Counted(U8, Nested(tyre), key="count"), "the tyres")

    return Tpms


#: 0x66 by (identity, tyre); the first of these that comes out to the last byte is taken
TPMS_FORMS = tuple(
    _tyres(identity, tyre, chapter)
    for identity, chapter in ((AlarmIdentity, _CHAPTER), (AlarmIdentityWide, "T/GDRTA 002-2020"))
    for tyre in (Tyre, TyreWide)
)

#: the items of active safety
SAFETY_ITEMS = {
    0x64: ItemKind("adas", Nested(Adas), "advanced driver assistance alarm", _CHAPTER),
    0x65: ItemKind("dsm", Nested(Dsm), "driver status monitoring alarm", _CHAPTER),
    0x66: ItemKind("tpms", FirstFit(*map(Nested, TPMS_FORMS)), "tyre pressure monitoring alarm", _CHAPTER),
    0x67: ItemKind("bsd", Nested(Bsd), "blind spot detection alarm", _CHAPTER),
    0x70: ItemKind("harsh_driving", Nested(HarshDriving), "harsh driving alarm", "Sichuan"),
}
#: the names of the types of each of these items
SAFETY_NAMES = {
    0x64: names.ADAS_ALARMS,
    0x65: names.DSM_ALARMS,
    0x67: names.BSD_ALARMS,
    0x70: names.DRIVING_ALARMS,
}
