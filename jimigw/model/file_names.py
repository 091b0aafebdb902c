"""What the names of terminals' files say, and what their first bytes say. Nothing in a name is believed to be a path.

    EVENT_490154203237518_00000000_2026_09_17_06_40_08_F_23.ts     a file of an event; F road, I cabin, or neither
    CMD_490154203237518_0000002a_2026_09_17_06_40_08_I_10.jpg      a file that a command asked for
    2026_09_17_06_40_08_F_23.ts                                    the same without its beginning, as parts are named
    2026_08_16_05_33_58_01.ts                                      a block of the continuous recording
    865478070001047_<32 hex digits>_1_00.jpg                       JT/T models: the label of an alarm, channel, number
    00_64_6401_0_<number of the alarm>.jpg                         T/JSATL12: type, channel, alarm, number
    CH1_20260805_234207_W0300_000030.ts                            JT/T models by FTP: channel, time, its zone

Times in names are the camera's local time, times in packets are UTC. Which minutes lie between them, :func:`zone_of`
finds out.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import attrs

from .event_numbers import ASKED_FOR, CABIN, EVENTS, PIP, RECORDINGS, ROAD, EventNumber

MAX_NAME = 255
"""Characters of the longest name that is looked at."""

# -- names ------------------------------------------------------------------------------------------------------------


@attrs.frozen
class FileName:
    """What a file name says. What it does not say is None or "".

    ``form`` is ``event``; ``command``: its beginning, its flag or its number say that a command asked for it;
    ``recording``; ``label``: JT/T models; ``attachment``: T/JSATL12; or ``other``. ``device`` is an IMEI. ``flag`` is
    the server flag as decimal digits, ``flag_text`` as it stands there: see :func:`is_flag`. ``local`` is when it
    begins by the camera's clock, without a zone; ``zone`` its minutes east of UTC, which only names by FTP say.
    ``camera`` is 1 (road) or 2 (cabin): what the letter says, otherwise what the number says. ``event`` is the number
    at the end of a Jimi name, see :data:`EVENTS`. ``kind`` is one of :data:`jimigw.model.media.KINDS`. ``label`` has
    32 lower-case hex digits. ``channel`` is that of JT/T 808, ``alarm`` the peripheral and its alarm (0x6401) and
    ``number`` the number of the alarm in a name of T/JSATL12.
    """

    name: str
    form: str = "other"
    device: str | None = None
    flag: int | None = None
    flag_text: str = ""
    local: datetime | None = None
    camera: int | None = None
    event: int | None = None
    extension: str = ""
    kind: str = "other"
    label: str = ""
    channel: int | None = None
    alarm: int | None = None
    number: str = ""
    zone: int | None = None


_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("jpg", "jpeg", "png", "bmp", "gif", "webp"), "picture"),
    **dict.fromkeys(("mp4", "ts", "h264", "h265", "264", "265", "avi", "flv", "mov", "mkv"), "video"),
    **dict.fromkeys(("wav", "mp3", "amr", "aac", "m4a", "pcm", "g711"), "audio"),
    **dict.fromkeys(("txt", "log", "csv", "json"), "text"),
}

_LETTERS = {"F": ROAD, "I": CABIN}
_ENDING = r"\.(?P<extension>[A-Za-z0-9]{1,8})"
_TAIL = rf"(?P<time>[0-9]{{4}}(?:_[0-9]{{2}}){{5}})(?:_(?P<letter>[FI]))?_(?P<event>[0-9]{{1,3}}){_ENDING}"

#: ``[0-9]``, for ``\d`` takes the digits of every script. The flag has eight digits; the document also prints six and
#: seven, and a large one in decimal has ten.
_LONG = re.compile(rf"(?P<prefix>[A-Za-z]{{2,16}})_(?P<device>[0-9]{{15}})_(?P<flag>[0-9A-Fa-f]{{6,10}})_{_TAIL}")
_SHORT = re.compile(_TAIL)
_LABEL = re.compile(
    rf"(?P<device>[0-9]{{15}})_(?P<label>[0-9A-Fa-f]{{32}})_(?P<channel>[0-9]{{1,3}})_[0-9]{{1,4}}{_ENDING}"
)
_ATTACHMENT = re.compile(
    rf"(?P<type>0?[0-4])_(?P<channel>[0-9]{{1,3}})_(?P<alarm>[0-9A-Fa-f]{{2,4}})_[0-9]{{1,4}}"
    rf"_(?P<number>[0-9A-Za-z-]{{1,32}}){_ENDING}"
)
_FTP = re.compile(
    r"CH(?P<channel>[0-9]{1,3})_(?P<time>[0-9]{8}_[0-9]{6})_(?P<side>[EW])(?P<hours>[0-9]{2})(?P<minutes>[0-9]{2})"
    rf"_[0-9]{{6}}{_ENDING}"
)
_EXTENSION = re.compile(rf"[^\0]*{_ENDING}")


def parse_name(name: str) -> FileName:
    """Read a name. Never fails: what is no name of a terminal, is too long, or has an impossible date is ``other``."""
    if len(name) > MAX_NAME:
        return FileName(name)
    for pattern, read in _FORMS:
        if found := pattern.fullmatch(name):
            try:
                return read(name, found)
            except ValueError:
                break  # no such day, hour or zone
    found = _EXTENSION.fullmatch(name)
    return FileName(name, **_extension(found)) if found else FileName(name)


def _extension(found: re.Match[str]) -> dict[str, Any]:
    extension = found["extension"].lower()
    return {"extension": extension, "kind": _KINDS.get(extension, "other")}


def _tail(found: re.Match[str]) -> dict[str, Any]:
    event = int(found["event"])
    known = EVENTS.get(event)
    return {
        **_extension(found),
        "local": datetime(*map(int, found["time"].split("_"))),  # type: ignore[arg-type]
        "event": event,
        # Where they disagree the letter is right: it was written for this file, and the number stands in a sheet that
        # firmware departs from (files of one camera have no letter, and the sheet contradicts the document).
        "camera": _LETTERS.get(found["letter"]) or (known.camera if known else None),
    }


def _long(name: str, found: re.Match[str]) -> FileName:
    said, text = _tail(found), found["flag"]
    flag = int(text) if text.isdecimal() else None
    asked = found["prefix"].upper() != "EVENT" or flag != 0 or said["event"] in ASKED_FOR
    return FileName(name, "command" if asked else "event", found["device"], flag, text, **said)


def _short(name: str, found: re.Match[str]) -> FileName:
    said = _tail(found)
    if said["event"] in RECORDINGS and said["kind"] == "video":
        return FileName(name, "recording", **said)
    return FileName(name, "command" if said["event"] in ASKED_FOR else "event", **said)


def _label(name: str, found: re.Match[str]) -> FileName:
    return FileName(
        name, "label", found["device"], label=found["label"].lower(), channel=int(found["channel"]), **_extension(found)
    )


def _attachment(name: str, found: re.Match[str]) -> FileName:
    said = {**_extension(found), "kind": ("picture", "audio", "video", "text", "other")[int(found["type"])]}
    alarm, number = int(found["alarm"], 16), found["number"]
    return FileName(name, "attachment", channel=int(found["channel"]), alarm=alarm, number=number, **said)


def _ftp(name: str, found: re.Match[str]) -> FileName:
    minutes = int(found["hours"]) * 60 + int(found["minutes"])
    zone = -minutes if found["side"] == "W" else minutes
    if not WESTERNMOST <= zone <= EASTERNMOST:
        raise ValueError(f"{zone} minutes")
    day, time = found["time"].split("_")
    local = datetime(*(int(part) for part in (day[:4], day[4:6], day[6:], time[:2], time[2:4], time[4:])))  # type: ignore[arg-type]
    return FileName(name, "recording", local=local, channel=int(found["channel"]), zone=zone, **_extension(found))


_FORMS: tuple[tuple[re.Pattern[str], Callable[[str, re.Match[str]], FileName]], ...] = (
    (_LONG, _long),
    (_SHORT, _short),
    (_LABEL, _label),
    (_ATTACHMENT, _attachment),
    (_FTP, _ftp),
)


def is_flag(parsed: FileName, command_id: int) -> bool:
    """Whether the digits in a name may be the server flag of this command. No document says whether they are decimal or
    hex, so both readings pass; 0 is a file that no command asked for."""
    text = parsed.flag_text
    if command_id <= 0 or not text:
        return False
    return parsed.flag == command_id or (len(text) <= 8 and int(text, 16) == command_id)


# -- recordings, of which lists have tens of thousands ----------------------------------------------------------------

_CLOCK: Mapping[str, int] = {
    f"_{hour:02d}_{minute:02d}": 60 * (60 * hour + minute) for hour in range(24) for minute in range(60)
}
_SECONDS: Mapping[str, int] = {f"_{second:02d}": second for second in range(60)}
_DATE = re.compile(r"[0-9]{4}_[0-9]{2}_[0-9]{2}")
_REST = re.compile(r"(?:_([FI]))?_([0-9]{1,3})\.([A-Za-z0-9]{1,8})")
_LONGEST_RECORDING = len("2026_08_16_05_33_58_F_201.12345678")


def recorded(name: str) -> tuple[int, int, int] | None:
    """When a block of the recording begins, its camera, its number; None for a name of anything else.

    The time is the camera's local one as seconds, as if it were UTC. The same names as :func:`parse_name` finds to be
    recordings with a camera, ten times as fast.
    """
    if len(name) > _LONGEST_RECORDING:
        return None
    # Year to second always take 19 characters, and lists have few dates and few ends.
    minutes, seconds = _CLOCK.get(name[10:16]), _SECONDS.get(name[16:19])
    midnight, rest = _midnight(name[:10]), _numbered(name[19:])
    if minutes is None or seconds is None or midnight is None or rest is None:
        return None
    return midnight + minutes + seconds, *rest


@lru_cache(maxsize=1024)
def _midnight(date: str) -> int | None:
    try:
        return int(datetime(*map(int, date.split("_")), tzinfo=UTC).timestamp()) if _DATE.fullmatch(date) else None  # type: ignore[misc,arg-type]
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _numbered(rest: str) -> tuple[int, int] | None:
    found = _REST.fullmatch(rest)
    if found is None or int(found[2]) not in RECORDINGS or _KINDS.get(found[3].lower()) != "video":
        return None
    return _LETTERS.get(found[1]) or EVENTS[int(found[2])].camera, int(found[2])


# -- zones ------------------------------------------------------------------------------------------------------------

WESTERNMOST, EASTERNMOST = -12 * 60, 14 * 60
"""Minutes east of UTC that there are."""
_QUARTER = 900
_INEXACT = 90.0


def zone_of(local: datetime, utc: float) -> int | None:
    """The zone of a camera's clock, from one moment on it and in seconds since 1970: minutes east of UTC, in quarters
    of an hour; None where the two are not the same moment anywhere, give or take 90 seconds."""
    ahead = local.replace(tzinfo=UTC).timestamp() - utc
    if not math.isfinite(ahead):
        return None
    quarters = round(ahead / _QUARTER)
    zone = quarters * 15
    return zone if WESTERNMOST <= zone <= EASTERNMOST and abs(ahead - quarters * _QUARTER) <= _INEXACT else None


# -- content ----------------------------------------------------------------------------------------------------------

_TS_PACKET = 188
_BEGINNINGS: tuple[tuple[int, bytes, str, str], ...] = (
    # where, what, kind, type
    (0, b"\xff\xd8\xff", "picture", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "picture", "image/png"),
    (0, b"GIF8", "picture", "image/gif"),
    (4, b"ftypM4A", "audio", "audio/mp4"),
    (4, b"ftypqt", "video", "video/quicktime"),
    (4, b"ftyp", "video", "video/mp4"),
    (0, b"FLV\x01", "video", "video/x-flv"),
    (0, b"\0\0\x01\xba", "video", "video/mpeg"),
    (0, b"ID3", "audio", "audio/mpeg"),
    (0, b"#!AMR", "audio", "audio/amr"),
    (0, b"OggS", "audio", "audio/ogg"),
    (0, b"PK\x03\x04", "other", "application/zip"),
    (0, b"PK\x05\x06", "other", "application/zip"),
    (0, b"\x1f\x8b\x08", "other", "application/gzip"),
)
_RIFFS = {
    b"WAVE": ("audio", "audio/wav"),
    b"AVI ": ("video", "video/x-msvideo"),
    b"WEBP": ("picture", "image/webp"),
}
_H264_FIRST = frozenset({1, 5, 6, 7, 8, 9})
_H265_FIRST = frozenset({32, 33, 34, 35, 39})


def kind_of_content(head: bytes) -> tuple[str, str] | None:
    """What a file is by its first bytes, as one of :data:`jimigw.model.media.KINDS` and a media type; None where they
    say nothing. 189 bytes are enough for all; of MPEG-TS 64 are nearly as good."""
    for at, beginning, kind, mime in _BEGINNINGS:
        if head.startswith(beginning, at):
            return kind, mime
    if head.startswith(b"RIFF") and head[8:12] in _RIFFS:
        return _RIFFS[head[8:12]]
    if _is_text(head):
        return "text", "text/plain"
    if _is_ts(head):
        return "video", "video/mp2t"
    return _stream_of(head) or _frames_of(head)


def _is_text(head: bytes) -> bool:
    try:
        # The last character may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text) and all(character.isprintable() or character in "\t\r\n\ufeff" for character in text)


def _is_ts(head: bytes) -> bool:
    """ISO/IEC 13818-1: a sync byte every 188; no transport error, and either payload or adaptation."""
    return (
        len(head) >= 4
        and head[0] == 0x47
        and not head[1] & 0x80
        and bool(head[3] & 0x30)
        and (len(head) <= _TS_PACKET or head[_TS_PACKET] == 0x47)
    )


def _stream_of(head: bytes) -> tuple[str, str] | None:
    """A start code of H.264 or H.265 and a unit that may come first."""
    rest = head.lstrip(b"\0")
    if not 2 <= len(head) - len(rest) <= 3 or len(rest) < 3 or rest[0] != 1 or rest[1] & 0x80:
        return None
    if rest[1] >> 1 & 0x3F in _H265_FIRST and rest[2] == 1:
        return "video", "video/h265"
    return ("video", "video/h264") if rest[1] & 0x1F in _H264_FIRST else None


def _frames_of(head: bytes) -> tuple[str, str] | None:
    """The sync bits of a frame of MPEG audio: layer III, or AAC with its own heads."""
    if len(head) < 2 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "audio", "audio/aac"
    return ("audio", "audio/mpeg") if head[1] & 0xE6 == 0xE2 else None


__all__ = [
    "CABIN",
    "EVENTS",
    "MAX_NAME",
    "PIP",
    "RECORDINGS",
    "ROAD",
    "EventNumber",
    "FileName",
    "is_flag",
    "kind_of_content",
    "parse_name",
    "recorded",
    "zone_of",
]
