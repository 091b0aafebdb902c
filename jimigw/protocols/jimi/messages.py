"""The messages of JC261/JC400 V1.3.5 as tables: chapters 5.1 to 5.6 and 5.9, what every terminal says daily.

The modules, sensors and peripherals of 5.7 and 5.10 to 5.13 are in :mod:`jimigw.protocols.jimi.modules`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jimigw.wire.book import Book
from jimigw.wire.kinds import (
    U8,
    U16,
    U24,
    U32,
    Bcd,
    Bit,
    Bits,
    Chain,
    Const,
    Coordinate,
    Derived,
    Hemisphere,
    Item,
    LengthOf,
    Nested,
    Optional,
    PaddedDigits,
    RestText,
    Scaled,
    Switch,
    TextOf,
    UtcTime,
)
from jimigw.wire.message import Message, fragment, include, message, part, row

from . import names
from .sensors import AlarmDriver, AlarmFileList, AlarmFiles

#: every message of the protocol; the version of an entry is the start mark, where that matters
BOOK = Book("jimi", digits=2)

_LATITUDE = Coordinate("north", negative=False, most=90)
_LONGITUDE = Coordinate("west", negative=True, most=180)
_IMEI = PaddedDigits(8, 15)
Time = datetime | str


def _empty(data: bytes, start: int, end: int) -> bool:
    return start == end


# -- 5.1 login ----------------------------------------------------------------------------------------------------


def _zone(login: Any) -> str:
    """The time zone of a login as an offset: 0x320 (800) is +08:00, 0x4DD (1245) with the west bit -12:45."""
    return f"{'-' if login.zone_west else '+'}{login.zone // 100:02d}:{login.zone % 100:02d}"


@message(BOOK, 0x01, "Login", chapter="5.1.1", fits=lambda data, start, end: end - start >= 12)
class Login(Message):
    imei: str = row(_IMEI, "terminal id: the IMEI, one zero in front")
    terminal_type: int = row(Bits(12, 16), "type of the terminal")
    branch: int = row(Bits(4), "branch of the type")
    zone: int = row(Bits(12, 16), "time zone: hours times 100 plus minutes")
    zone_west: bool = row(Bit(), "west of Greenwich")
    zone_reserved: bool = row(Bit(), "no definition", default=False, show="set")
    language: int = row(Bits(2), "language choice bits")
    time_zone: str = row(Derived(_zone), "the time zone as an offset")


@message(BOOK, 0x01, "Login without type and zone", chapter="5.1.1")
class LoginShort(Message):
    imei: str = row(_IMEI, "terminal id: the IMEI, one zero in front")


# -- 5.2 heartbeat ------------------------------------------------------------------------------------------------


@message(BOOK, 0x13, "Heartbeat", chapter="5.2.1")
class Heartbeat(Message):
    reserved_7: bool = row(Bit(), "extended bit", default=False, show="set")
    gps_fixed: bool = row(Bit(), "GPS is positioning")
    reserved_5_3: int = row(Bits(3), "extended bits", default=0, show="set")
    charging: bool = row(Bit(), "charge on")
    acc: bool = row(Bit(), "ACC high")
    reserved_0: bool = row(Bit(), "extended bit", default=False, show="set")
    voltage_level: int = row(U8, "battery, 0 (none) to 6 (very high)", names=names.VOLTAGE_LEVELS)
    gsm_signal: int = row(U8, "GSM signal, 0 (none) to 4 (strong)", names=names.GSM_LEVELS)
    port_status: int | None = row(Optional(U8), "extended port status")
    language: int | None = row(Optional(U8), "language", names=names.LANGUAGES)


# -- 5.3 location, 5.9 additional location ------------------------------------------------------------------------


@fragment
class CourseStatus:
    reserved: int = row(Bits(2, 16), "bits 15 and 14, zero", default=0, show="set")
    differential: bool = row(Bit(), "differential (not real-time) positioning")
    fixed: bool = row(Bit(), "GPS has been positioning")
    west: bool | None = row(Hemisphere("longitude"), "west longitude")
    north: bool | None = row(Hemisphere("latitude"), "north latitude")
    course: int = row(Bits(10), "course, clockwise from north", "degree")


@fragment
class Place:
    latitude: float = row(_LATITUDE, "latitude, south negative", "degree")
    longitude: float = row(_LONGITUDE, "longitude, west negative", "degree")


@fragment
class SatelliteByte:
    gps_length: int = row(Bits(4), "length of the GPS information")
    satellites: int = row(Bits(4), "satellites used for the fix")


@message(BOOK, 0x22, "Location", chapter="5.3.1")
class Location(Message):
    date_time: Time = row(UtcTime(), "time of the fix, UTC")
    _satellites = include(SatelliteByte)
    _place = include(Place)
    speed: int = row(U8, "GPS speed", "km/h")
    _course = include(CourseStatus)
    mnc_wide: bool = row(Bit(16), "MNC takes two bytes", chapter="5.9")
    mcc: int = row(Bits(15), "mobile country code")
    mnc: int = row(Switch("mnc_wide", {False: U8, True: U16}), "mobile network code")
    lac: int = row(U16, "location area code")
    cell_id: int = row(U24, "cell tower id")
    acc: int = row(U8, "ACC", names=names.ACC_STATES)
    upload_mode: int = row(U8, "what made the terminal report", names=names.UPLOAD_MODES)
    reupload: int = row(U8, "GPS real-time upload", names=names.REUPLOADS)
    mileage: int | None = row(Optional(U32), "mileage, where the terminal has it", "m")


@message(BOOK, 0x37, "Additional location", chapter="5.9")
class AdditionalLocation(Message):
    _location = include(Location, until="mileage")
    mileage: int | None = row(Optional(U32, left=4), "mileage; never beside extension modules", "m")
    modules: list[Item] | None = row(
        Optional(Chain(U16, U8, {}), least=1), "extension modules, kept raw (not on DVR devices)"
    )


# -- 5.4 alarm ----------------------------------------------------------------------------------------------------


def _alarm_value(alarm: Any) -> str | None:
    """What the value of an alarm says, for the types that the document explains."""
    if alarm.alarm_type == 0x87:
        return f"{alarm.alarm_value} km/h"
    return names.ALARM_VALUES.get(alarm.alarm_type, {}).get(alarm.alarm_value)


def _marked(data: bytes, start: int, end: int) -> bool:
    return data[start : start + 2] == b"\xff\xff"


def _short(data: bytes, start: int, end: int) -> bool:
    return end - start <= 9


@fragment
class Alert:
    alarm_type: int = row(U8, "alarm type", names=names.ALARMS)
    alarm_value: int = row(U16, "value, by type", default=0)
    alarm_value_name: str | None = row(Derived(_alarm_value), "what the value says")
    files: AlarmFiles = row(AlarmFileList(), "files that will be uploaded")
    driver_id: str | None = row(AlarmDriver(), "driver recognised (0xD4): ID-NAME", default=None, show="set")


@message(BOOK, 0x95, "Alarm", chapter="5.4.1", fits=_marked)
class Alarm(Message):
    mark: int = row(Const(U16, 0xFFFF), "special marking")
    version: int = row(U8, "version of the layout", default=1)
    date_time: Time = row(UtcTime(), "time of the alarm, UTC")
    _satellites = include(SatelliteByte)
    _place = include(Place)
    _course = include(CourseStatus)
    speed: int = row(U16, "GPS speed", "km/h")
    voltage: float = row(Scaled(U16, 10), "external battery voltage", "V")
    _alert = include(Alert)


@message(
    BOOK, 0x95, "Alarm, layout without marking (early JC400)", chapter="5.4.1", fits=lambda d, s, e: not _short(d, s, e)
)
class AlarmUnmarked(Message):
    date_time: Time = row(UtcTime(), "time of the alarm, UTC")
    _place = include(Place)
    _course = include(CourseStatus)
    _alert = include(Alert)


@message(BOOK, 0x95, "Alarm, short layout (JC100)", chapter="5.4.1")
class AlarmShort(Message):
    date_time: Time = row(UtcTime(), "time of the alarm, UTC")
    alarm_type: int = row(U8, "alarm type", names=names.ALARMS)
    alarm_value: int | None = row(Optional(U16), "value, by type")
    alarm_value_name: str | None = row(Derived(_alarm_value), "what the value says")


# -- 5.5 commands -------------------------------------------------------------------------------------------------


@message(BOOK, 0x80, "Command", chapter="5.5.1", direction="down")
class Command(Message):
    # The document's text counts the language, its example does not; terminals take both, we write the example's form.
    length: int | None = row(
        LengthOf(U8, lambda o: 4 + len(o.command), "server flag and command"),
        "command length",
        default=None,
        show="never",
    )
    server_flag: int = row(U32, "mark of the server, comes back in the reply and in file names")
    command: str = row(TextOf(lambda o: o.length - 4, "command length less 4"), "command text")
    language: int | None = row(Optional(U16), "language of the reply", names=names.LANGUAGES)


@message(BOOK, 0x21, "Command reply", chapter="5.5.2")
class CommandReply(Message):
    server_flag: int = row(U32, "mark of the server, as the command had it")
    content_code: int = row(U8, "encoding of the content", names=names.CONTENT_CODES)
    # UTF-8 holds all of ASCII, and shows more than escapes where a firmware writes it under the code for ASCII.
    content: Any = row(
        Switch("content_code", {1: RestText("utf-8"), 2: RestText("utf-16-be")}), "what the terminal says"
    )


@message(BOOK, 0x15, "Command reply, older form", chapter="5.5.2")
class CommandReplyOld(Message):
    length: int | None = row(
        LengthOf(U8, lambda o: 4 + len(o.content.encode("utf-8", "surrogateescape")), "server flag and content"),
        "reply length",
        default=None,
        show="never",
    )
    server_flag: int = row(U32, "mark of the server, as the command had it")
    content: str = row(TextOf(lambda o: o.length - 4, "reply length less 4", "utf-8"), "what the terminal says")
    language: int | None = row(Optional(U16), "language", names=names.LANGUAGES)


# -- 5.6 data transfer --------------------------------------------------------------------------------------------


@part("SIM and device ids", chapter="5.6")
class Identities(Message):
    imei: str = row(_IMEI, "IMEI, one zero in front")
    imsi: str = row(_IMEI, "IMSI, one zero in front")
    iccid: str = row(Bcd(10), "ICCID; f at the end is filling")


@part("Fuel sensor", chapter="5.6")
class FuelSensor(Message):
    type: int = row(U8, "kind of data", names=names.FUEL_TYPES)
    sensor_id: int = row(U8, "number of the sensor")
    value: float = row(Scaled(U16, 100), "measured value, in the unit named beside it")
    unit: int = row(U8, "unit", names=names.FUEL_UNITS)


@message(
    BOOK,
    0x94,
    "External voltage (short mark, two bytes)",
    chapter="5.6",
    versions=(0x78,),
    fits=lambda d, s, e: e - s == 2,
)
class ExternalVoltage(Message):
    voltage: float = row(Scaled(U16, 100), "external voltage", "V")


@message(BOOK, 0x94, "Data transfer", chapter="5.6")
class DataTransfer(Message):
    file_type: int = row(U8, "what the content is", names=names.FILE_TYPES)
    content: Any = row(
        Switch(
            "file_type",
            {0x07: RestText(), 0x08: RestText("utf-8"), 0x0A: Nested(Identities), 0x0E: Nested(FuelSensor)},
        ),
        "UUID or version as text, ids, or a fuel value; any other kept raw",
    )


# -- time ---------------------------------------------------------------------------------------------------------


@message(BOOK, 0x8A, "Time request", fits=lambda d, s, e: e - s != 6)
class TimeRequest(Message):
    """Not in the document: terminals of the family ask for the time with an empty 0x8A."""


@message(BOOK, 0x8A, "Time", direction="down", fits=lambda d, s, e: e - s == 6)
class TimeAnswer(Message):
    """The answer to 0x8A: the UTC time of the server."""

    date_time: Time = row(UtcTime(), "time of the server, UTC")


def _answer(identity: int, chapter: str) -> None:
    """The answer of the server: the same protocol number, nothing in it, the terminal's own serial number."""

    @message(BOOK, identity, f"Answer to 0x{identity:02X}", chapter=chapter, direction="down", fits=_empty)
    class Answer(Message):
        pass


for _identity, _chapter in (
    (0x01, "5.1.2"),
    (0x13, "5.2.2"),
    (0x22, "5.3.2"),
    (0x37, "5.9"),
    (0x70, "5.13.2"),
    (0x95, "5.4"),
    (0xE0, "5.11.2"),
    (0xF2, "5.12.2"),
):
    _answer(_identity, _chapter)
