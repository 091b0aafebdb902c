"""``cmdContent`` of the hub's JT/T commands as messages in the exchange format; no I/O.

One row of :data:`CONTENTS` is one key: how the hub spells it, how the exchange format does, what it is, its default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import msgspec

from .hub_request import BadInstruct

NEEDED = object()
"""The default of a key that has to be there."""


@attrs.frozen
class Key:
    """A key of ``cmdContent``; ``hub`` with `` | `` between spellings, the exchange format's own may be used too."""

    hub: str
    name: str
    read: Callable[[Any], Any]
    default: Any = NEEDED

    @property
    def spellings(self) -> Sequence[str]:
        """All spellings."""
        return (*self.hub.split(" | "), self.name)


def whole(value: Any) -> int:
    """A whole number, or its digits."""
    if isinstance(value, str):
        value = value.strip()
        if not value.isascii() or not value.lstrip("-").isdecimal() or len(value) > 20:
            raise ValueError("a whole number")
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a whole number")
    return value


def text(value: Any) -> str:
    """Text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError("text")
    return value


def time(value: Any) -> str:
    """``yyMMddHHmmss``; ``yyyyMMddHHmmss`` and ``yyyy-MM-dd HH:mm:ss`` too. Empty is no limit."""
    digits = "".join(each for each in text(value) if each not in "-: T")
    if not digits:
        return "000000000000"
    if not digits.isascii() or not digits.isdecimal() or len(digits) not in (12, 14):
        raise ValueError("a time as yyMMddHHmmss")
    return digits[-12:]


def identity(value: Any) -> dict[str, Any]:
    """An ``alarmLabel``, 32 hex digits, as the identity of an alarm. T/JSATL12-2017, 4.5."""
    try:
        raw = bytes.fromhex(text(value))
        name = raw[:7].rstrip(b"\0").decode("gb18030")
        moment = raw[7:13].hex()
    except (ValueError, UnicodeDecodeError):
        raise ValueError("an alarm label of 32 hex digits") from None
    if len(raw) != 16 or not moment.isdecimal():
        raise ValueError("an alarm label of 32 hex digits")
    return {"terminal_id": name, "time": moment, "seq": raw[13], "count": raw[14], "reserved": raw[15]}


_PLACE = (Key("serverAddress", "ip", text), Key("tcpPort", "tcp_port", whole), Key("udpPort", "udp_port", whole, 0))
_PERIOD = (Key("beginTime", "start_time", time, "000000000000"), Key("endTime", "end_time", time, "000000000000"))
_KINDS = (
    Key("resourceType | mediaType | fileType", "av_type", whole, 0),
    Key("codeType", "stream", whole, 0),
    Key("storageType", "storage", whole, 0),
)
_MEDIA = (
    Key("mediaType", "type", whole, 0),
    Key("channel | channelId", "channel", whole, 0),
    Key("eventCode", "event", whole, 0),
    *_PERIOD,
)

CONTENTS: Mapping[int, Sequence[Key]] = {
    0x8104: (),
    0x8105: (Key("cmd", "command", whole), Key("params", "param", text, "")),
    0x8107: (),
    0x8203: (Key("alarmSerialNo", "seq", whole, 0), Key("alarmType", "type", whole, 0)),
    0x8300: (Key("flag", "flag", whole, 0), Key("content", "text", text)),
    0x8801: (
        Key("channel | channelId", "channel_id", whole, 1),
        Key("photoCmd | shootCommand", "command", whole, 1),
        Key("timeInterval | interval", "period", whole, 0),
        Key("saveFlag", "save", whole, 0),
        Key("resolution", "resolution", whole, 1),
        Key("quality", "quality", whole, 5),
        Key("light", "bright", whole, 128),
        Key("contrast", "contrast", whole, 64),
        Key("saturability", "saturate", whole, 64),
        Key("chroma", "chromaticity", whole, 128),
    ),
    0x8802: _MEDIA,
    0x8803: (*_MEDIA, Key("deleteFlag", "delete", whole, 0)),
    0x8805: (Key("mediaId", "id", whole), Key("deleteFlag", "flag", whole, 0)),
    0x9101: (
        Key("videoIP", "ip", text),
        Key("videoTCPPort", "tcp_port", whole),
        Key("videoUDPPort", "udp_port", whole, 0),
        Key("channel", "channel", whole),
        Key("dataType", "data_type", whole, 0),
        Key("codeStreamType", "stream", whole, 0),
    ),
    0x9102: (
        Key("channel", "channel", whole),
        Key("cmd", "command", whole),
        Key("dataType", "close_type", whole, 0),
        Key("codeStreamType", "stream", whole, 0),
    ),
    0x9201: (
        *_PLACE,
        Key("channel", "channel", whole),
        *_KINDS,
        Key("playMethod", "mode", whole, 0),
        Key("forwardRewind", "speed", whole, 0),
        *_PERIOD,
    ),
    0x9202: (
        Key("channel", "channel", whole),
        Key("playCtrl", "control", whole),
        Key("forwardRewind", "speed", whole, 0),
        Key("beginTime", "time", time, "000000000000"),
    ),
    0x9205: (
        Key("channel | channelId", "channel", whole, 0),
        *_PERIOD,
        Key("alarmFlag", "alarm", whole, 0),
        *_KINDS,
    ),
    0x9206: (
        Key("serverAddress", "ip", text),
        Key("ftpPort | serverPort", "port", whole, 21),
        Key("userName", "username", text, ""),
        Key("password", "password", text, ""),
        Key("fileUploadPath", "path", text, "/"),
        Key("channel | channelNo", "channel", whole, 0),
        *_PERIOD,
        Key("alarmFlag", "alarm", whole, 0),
        *_KINDS,
        Key("condition", "condition", whole, 7),
    ),
    0x9207: (Key("msgSn", "seq", whole), Key("uploadCtrl | cmd", "control", whole)),
    0x9208: (*_PLACE, Key("alarmLabel", "ident", identity), Key("alarmNumber", "alarm_no", text)),
}
"""The messages whose content the hub spells in its own way. Others are taken in the exchange format."""

TEXT_PARAMETERS = frozenset({*range(0x10, 0x18), 0x1A, 0x1D, *range(0x23, 0x27), *range(0x40, 0x45), 0x48, 0x49, 0x83})
"""Parameters whose value is text; JT/T 808-2019, 8.12. Digits for others are numbers."""


def message_of(pro_no: int, content: str) -> tuple[dict[str, Any], str]:
    """The message in the exchange format, and the ``instructionID`` in the content. :class:`BadInstruct` otherwise."""
    told = _object(content)
    instruction = told.get("instructionID", "")
    instruction = str(instruction) if isinstance(instruction, str | int) else ""
    if pro_no == 0x8103:
        body: dict[str, Any] = {"params": [_parameter(name, value) for name, value in told.items()]}
    elif pro_no == 0x8106:
        body = {"ids": [_number(name) for name in told]}
    elif pro_no in CONTENTS:
        body = {key.name: _value(key, told) for key in CONTENTS[pro_no]}
    else:
        body = {name: value for name, value in told.items() if name != "instructionID"}
    return {"header": {"msg_id": pro_no}, "body": body}, instruction


def _object(content: str) -> dict[str, Any]:
    """The object in a ``cmdContent``; nothing, and JSON of an empty text, is an empty one."""
    if not content.strip():
        return {}
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise BadInstruct(f"cmdContent is not JSON: {error}") from None
    if found == "":
        return {}
    if not isinstance(found, dict):
        raise BadInstruct("cmdContent is JSON and no object")
    return found


def _value(key: Key, told: Mapping[str, Any]) -> Any:
    for spelling in key.spellings:
        if told.get(spelling) is not None:
            try:
                return key.read(told[spelling])
            except ValueError as error:
                raise BadInstruct(f"cmdContent.{spelling} is {str(told[spelling])[:40]!r}; right is {error}") from None
    if key.default is NEEDED:
        raise BadInstruct(f"cmdContent.{key.spellings[0]} is missing")
    return key.default


def _number(name: str) -> int:
    if not name.isascii() or not name.isdecimal() or len(name) > 10:
        raise BadInstruct(f"cmdContent: {name[:40]!r} is not the number of a parameter in decimal")
    return int(name)


def _parameter(name: str, value: Any) -> dict[str, Any]:
    id = _number(name)
    if id in TEXT_PARAMETERS:
        value = value if isinstance(value, str) else str(value)
    elif isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20:
        value = int(value)
    return {"id": id, "value": value}


__all__ = ["CONTENTS", "NEEDED", "TEXT_PARAMETERS", "Key", "message_of"]
