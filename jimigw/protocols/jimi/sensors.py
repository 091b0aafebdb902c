"""Fields of Jimi messages that hold a language of their own: sensor frames, licence cards, QCVN31 sentences, names of
alarm files. Each is kept so that it can be written back to the same bytes, and shown parsed beside that.
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from jimigw.wire.checks import xor8
from jimigw.wire.errors import EncodeError
from jimigw.wire.kinds import Kind, Notes, decode_text, encode_text, shown, text_from_json, text_to_json


@attrs.define
class TemperatureFrame:
    """The framed binary form of a temperature sensor: status, and degrees Celsius."""

    status: int
    temperature: float


class TemperatureSensor(Kind):
    """Module 0x03 of 0x9B: a binary frame ``3C length status data check 0D``, or plain text with a checksum behind.

    The value is a :class:`TemperatureFrame`, or the text with all that follows it. JC261/JC400 V1.3.5, 5.7.
    """

    wire_type = "3C frame or text"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[Any, int]:
        body = data[pos:end]
        if len(body) == 7 and body[0] == 0x3C and body[1] == 3 and body[6] == 0x0D:
            if xor8(body[:5]) == body[5]:
                tenths = int.from_bytes(body[3:5], "big", signed=True)
                return TemperatureFrame(body[2], tenths / 10), end
            notes.append(f"check byte of the sensor frame at byte {pos} is 0x{body[5]:02X}, not 0x{xor8(body[:5]):02X}")
        return decode_text(body, "ascii"), end

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        if isinstance(value, str):
            out += encode_text(value, "ascii")
            return
        try:
            tenths = round(value.temperature * 10).to_bytes(2, "big", signed=True)
            body = bytes((0x3C, 3, value.status)) + tenths
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise EncodeError(
                f"{shown(value)} is not a sensor frame: status 0 to 255, -3276.8 to 3276.7 degrees"
            ) from None
        out += body + bytes((xor8(body), 0x0D))

    def to_json(self, value: Any, dialect: str) -> Any:
        if isinstance(value, str):
            # The document: ASCII digits, then two bytes of checksum and two stop bytes.
            number = re.match(r"-?\d{1,4}(\.\d{1,3})?(?=.{4}$)", value, re.DOTALL)
            parsed = {"temperature": float(number.group())} if number else {}
            return {"form": "text", "text": text_to_json(value), **parsed}
        return {"form": "frame", "status": value.status, "temperature": value.temperature}

    def from_json(self, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("text"), str):
            return text_from_json(value["text"])
        if isinstance(value, dict) and {"status", "temperature"} <= value.keys():
            return TemperatureFrame(value["status"], value["temperature"])
        raise EncodeError(f'{shown(value)} is neither {{"text": ...}} nor {{"status": ..., "temperature": ...}}')


_NAME_TRACK = re.compile(r"%\s*\^(?P<surname>[^$^]*)\$(?P<first_name>[^$^]*)\$(?P<title>[^$^]*)\^")
_ID_TRACK = re.compile(r";(?P<issuer>\d{6})(?P<id_number>\d{13})=(?P<expiry>\d{4})(?P<birth_date>\d{8})=?\?")
_LICENCE_TRACK = re.compile(r"\+(?P<fields>[^?]*)\?")


def driver_of(card: str) -> dict[str, Any] | None:
    """The driver that the magnetic tracks of a Thai driving licence name, or None if there is no track to read.

    Track one ``%^surname$first name$title^?``, track two ``;issuer id=expiry(YYMM) birth(YYYYMMDD)=?``, track three
    ``+`` licence type, sex, licence number and place, each where it is. JC261/JC400 V1.3.5, 5.7 (module 0x05).
    """
    driver: dict[str, Any] = {}
    for track in (_NAME_TRACK, _ID_TRACK):
        if found := track.search(card):
            driver.update({key: text_to_json(text.strip()) for key, text in found.groupdict().items()})
    if found := _LICENCE_TRACK.search(card):
        fields = [text_to_json(each) for each in found["fields"].split()]
        # Type and sex stand together or apart; number and place are the last two.
        if len(fields) >= 3:
            kind = "".join(fields[:-2])
            driver.update(licence_type=kind[:2], sex=kind[2:3], licence_number=fields[-2], place=fields[-1])
    return driver or None


_SENTENCE = re.compile(r"\$GSHT,(?P<type>\d{1,3}),(?P<size>\d{0,5}),<?(?P<data>[^<>]*)>?,(?P<check>\d{1,3})#")
_FIELDS = {
    "2": ("driver_name", "licence", "start_time", "start_longitude", "start_latitude", "end_time", "end_longitude",
          "end_latitude"),
    "3": ("time", "longitude", "latitude", "stop_minutes"),
    "4": ("time", "longitude", "latitude", "speed", "pulse_speed"),
}  # fmt: skip
_RECORDS = {
    "1": "Device and vehicle data",
    "2": "Continuous driving",
    "3": "Stop",
    "4": "Journey",
    "5": "Speed of each second",
}
_NUMBERS = ("longitude", "latitude", "speed", "minutes")


def qcvn31_of(text: str) -> list[dict[str, Any]]:
    """The sentences ``$GSHT,type,size,<data>,check#`` of the Vietnamese regulation QCVN 31, parsed into their fields.

    Coordinates come with a decimal point or, as in the document's example, a decimal comma; the names of the fields
    are given where their number is right, otherwise they stay a list. ``check_ok`` tells whether the sum of all bytes
    before the check, modulo 256, is the check. JC261/JC400 V1.3.5, 5.10.
    """
    records = []
    for found in _SENTENCE.finditer(text):
        kind, data = found["type"], found["data"]
        parts = data.split(",") if data else []
        record: dict[str, Any] = {"record": int(kind), "record_name": _RECORDS.get(kind), "fields": parts}
        names = _FIELDS.get(kind, ())
        if names:
            values = _joined(parts, names)
            if values is not None:
                record.update(values)
        elif kind == "5" and len(parts) > 1:
            record.update(time=text_to_json(parts[0]), speeds=[_number(each) for each in parts[1:]])
        elif kind == "1" and len(parts) >= 2:
            record.update(item=_number(parts[0]), value=text_to_json(",".join(parts[1:]).strip()))
        head = encode_text(found.group()[: -len(found["check"]) - 1], "utf-8")
        record["check_ok"] = sum(head) % 256 == int(found["check"])
        record["fields"] = [text_to_json(each) for each in parts]
        records.append(record)
    return records


def _joined(parts: list[str], names: tuple[str, ...]) -> dict[str, Any] | None:
    """The parts under their names, a coordinate put together from two parts where the comma was a decimal comma."""
    doubled = sum(name.endswith(("longitude", "latitude")) for name in names)
    if len(parts) not in (len(names), len(names) + doubled):
        return None
    comma = len(parts) > len(names)
    values: dict[str, Any] = {}
    rest = iter(parts)
    for name in names:
        text = next(rest)
        if comma and name.endswith(("longitude", "latitude")):
            text = f"{text}.{next(rest)}"
        values[name] = _number(text) if name.endswith(_NUMBERS) else text_to_json(text.strip())
    return values


def _number(text: str) -> Any:
    stripped = text.strip()
    if re.fullmatch(r"-?\d{1,9}", stripped):
        return int(stripped)
    if re.fullmatch(r"-?\d{1,9}\.\d{1,12}", stripped):
        return float(stripped)
    return text_to_json(text)


@attrs.define
class AlarmFiles:
    """The files that an alarm announces; ``text`` is what the terminal wrote, where that differs."""

    names: list[str] = attrs.Factory(list)
    text: str | None = None


_DRIVER = b";DRIVERID:"


def _separates(name: str) -> bool:
    return "," in name or ";" in name


class AlarmFileList(Kind):
    """The names at the end of 0x95: a comma list, with ``FILENAME:`` in front where ``;DRIVERID:`` follows.

    JC261/JC400 V1.3.5, 5.4.1.
    """

    wire_type = "text ascii, file names"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[AlarmFiles, int]:
        stop = data.find(_DRIVER, pos, end)
        driven = stop >= 0
        text = decode_text(data[pos : stop if driven else end], "ascii")
        names = [each.strip() for each in text.strip("\0 \r\n").removeprefix("FILENAME:").split(",")]
        files = AlarmFiles([name for name in names if name])
        if self._written(files, driven) != text or any(_separates(name) for name in files.names):
            files.text = text
        return files, stop if driven else end

    def write(self, value: Any, out: bytearray, owner: Any) -> None:
        if not isinstance(value, AlarmFiles):
            raise EncodeError(f"{shown(value)} is not a list of files")
        if value.text is None:
            for name in value.names:
                if _separates(name):
                    raise EncodeError(f"{shown(name)} holds a comma or semicolon, which separate the names")
        out += encode_text(self._written(value, owner.driver_id is not None), "ascii")

    @staticmethod
    def _written(files: AlarmFiles, driven: bool) -> str:
        if files.text is not None:
            return files.text
        return ("FILENAME:" if driven else "") + ",".join(files.names)

    def to_json(self, value: AlarmFiles, dialect: str) -> list[str]:
        return [text_to_json(name) for name in value.names]

    def from_json(self, value: Any) -> AlarmFiles:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise EncodeError(f"{shown(value)} is not a list of file names")
        return AlarmFiles([text_from_json(name) for name in value])


class AlarmDriver(Kind):
    """The driver behind the names of 0xD4, ``ID-NAME``; None if there is none. JC261/JC400 V1.3.5, 5.4.1."""

    wire_type = "text ascii behind ;DRIVERID:"

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[str | None, int]:
        if not data.startswith(_DRIVER, pos, end):
            return None, pos
        return decode_text(data[pos + len(_DRIVER) : end], "ascii"), end

    def write(self, value: str | None, out: bytearray, owner: Any) -> None:
        if value is not None:
            out += _DRIVER + encode_text(value, "ascii")

    def to_json(self, value: str, dialect: str) -> str:
        return text_to_json(value)

    def from_json(self, value: Any) -> str | None:
        return None if value is None else text_from_json(value)
