"""Alarms of JT/T 808 that have attachments, in the JSON of records; and the words by which these are asked for.

Active safety (items 0x64 to 0x67 and 0x70 of a location) gives each alarm an identity and says how many attachments it
has; 0x9208 asks for them. Events of Jimi's own (item 0xE8) have a label of 16 bytes; the text command ``VIDEOUPLOAD``
asks for their files, which come by HTTP. T/JSATL12-2017, 4.5 and 4.6; JC371 V1.5.2.

Records have the items as objects, where the exchange format knows their names, or as the bytes of them: in the dialect
of EMQX, and where their layout is not known.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

REQUEST = 0x9208
SAFETY, LABEL = "safety", "label"
"""Kinds of alarms: of active safety, and events of item 0xE8."""

LABEL_BYTES = 16
MOST_ITEMS = 64
"""Alarms that one report has at most; the others are passed over."""


@attrs.frozen
class AttachmentAlarm:
    """An alarm that has attachments. ``identity_hex`` is how the terminal calls it; ``identity`` the same as 0x9208
    wants it, of an event ``{"label": hex}``. ``count`` is how many attachments there are, 0 where the terminal does not
    say it. ``code`` is item times 256 plus type (0x6401), of an event its number (0x0403); ``name`` is None where the
    record does not have it. ``time`` is YYMMDDhhmmss of the terminal's clock, "" for none."""

    identity_hex: str
    identity: Mapping[str, Any]
    count: int
    code: int
    name: str | None
    time: str
    kind: str


@attrs.frozen
class _Item:
    """An item of active safety: its key in JSON, where its type stands (None: it has none) and where its identity,
    before which time (6 bytes) and state of the vehicle (2) stand."""

    key: str
    type_at: int | None
    identity_at: int
    name: str = ""


_ITEMS: Mapping[int, _Item] = {
    0x64: _Item("adas", 5, 31),
    0x65: _Item("dsm", 5, 31),
    0x66: _Item("tpms", None, 24, "tyre pressure"),
    0x67: _Item("bsd", 5, 25),
    0x70: _Item("harsh_driving", 5, 31),
}
_EVENTS = 0xE8
_NO_EVENTS = frozenset({0x2002, 0x2003, 0x2005, 0x2006, 0x2007})
"""Items of 0xE8 that tell of states and data."""


@attrs.frozen
class _Form:
    """A form of identity, by its size: bytes of the terminal id, and of what is reserved at the end. ``raw``: that is
    base64 in JSON, otherwise a number."""

    name: int
    reserved: int
    raw: bool = False

    @property
    def size(self) -> int:
        return self.name + 6 + 1 + 1 + self.reserved


_FORMS: Mapping[int, _Form] = {
    form.size: form for form in (_Form(7, 1), _Form(30, 2), _Form(30, 0), _Form(30, 1), _Form(7, 17, raw=True))
}
"""Jiangsu, Guangdong, Heilongjiang, Sichuan, Hunan."""
_USUAL = 16


# -- what records say -------------------------------------------------------------------------------------------------


def attachment_alarms(message: Mapping[str, Any]) -> list[AttachmentAlarm]:
    """The alarms with attachments in a location (0x0200) or a batch of them (0x0704), each once. Never fails: what is
    not as it should be has none."""
    found: dict[tuple[int, str], AttachmentAlarm] = {}
    for location in _locations(message):
        extra = location.get("extra")
        if not isinstance(extra, Mapping):
            continue
        for alarm in [*_safety(extra), *_events(extra, _digits(location.get("time")))]:
            if len(found) < MOST_ITEMS:
                found.setdefault((alarm.code, alarm.identity_hex), alarm)
    return list(found.values())


def _locations(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    header, body = message.get("header"), message.get("body")
    if not isinstance(header, Mapping) or not isinstance(body, Mapping):
        return []
    if header.get("msg_id") == 0x0200:
        return [body]
    batch = body.get("location") if header.get("msg_id") == 0x0704 else None
    return [each for each in batch if isinstance(each, Mapping)] if isinstance(batch, list) else []


def _safety(extra: Mapping[str, Any]) -> Iterator[AttachmentAlarm]:
    for number, item in _ITEMS.items():
        for value in _parts(extra.get(item.key)):
            if isinstance(value, Mapping):
                yield from _of_object(number, item, value)
        for value in _parts(extra.get(str(number))):
            if isinstance(value, str):
                yield from _of_bytes(number, item, _bytes(value))


def _of_object(number: int, item: _Item, value: Mapping[str, Any]) -> Iterator[AttachmentAlarm]:
    identity, type_ = value.get("ident"), value.get("type", 0)
    if not isinstance(identity, Mapping) or not _is_byte(type_):
        return
    try:
        data = identity_bytes(identity)
    except (ValueError, TypeError, OverflowError):
        return
    count = identity["count"]
    if count:
        known = value.get("type_name")
        name = known if isinstance(known, str) else item.name or None
        time = _digits(identity.get("time")) or _digits(value.get("time"))
        yield AttachmentAlarm(data.hex(), identity_of(data), count, number << 8 | type_, name, time, SAFETY)


def _of_bytes(number: int, item: _Item, data: bytes) -> Iterator[AttachmentAlarm]:
    size = len(data) - item.identity_at if item.type_at is not None else _before_tyres(data, item.identity_at)
    if size not in _FORMS:
        return
    identity = identity_of(data[item.identity_at : item.identity_at + size])
    if identity["count"]:
        code = number << 8 | (data[item.type_at] if item.type_at is not None else 0)
        hexadecimal = identity_bytes(identity).hex()
        time = _digits(identity["time"]) or _digits(data[item.identity_at - 8 : item.identity_at - 2].hex())
        yield AttachmentAlarm(hexadecimal, identity, identity["count"], code, item.name or None, time, SAFETY)


def _before_tyres(data: bytes, at: int) -> int:
    """The size of the identity of 0x66, behind which a list of tyres stands, 9 or 10 bytes each."""
    for size in (16, 40):
        after = at + size + 1
        if after <= len(data) and len(data) - after in {each * data[after - 1] for each in (9, 10)}:
            return size
    return 0


def _events(extra: Mapping[str, Any], time: str) -> Iterator[AttachmentAlarm]:
    """Labels in items 0xE8."""
    for value in _parts(extra.get("jimi")):
        if isinstance(value, Mapping):
            number, name = value.get("type"), value.get("type_name")
            content = value.get("content")
            yield from _label(number, name, _bytes(content) if isinstance(content, str) else b"", time)
    custom = extra.get("custome")
    for value in _parts(extra.get(str(_EVENTS))) + _parts(
        custom.get(str(_EVENTS)) if isinstance(custom, Mapping) else None
    ):
        data = _bytes(value) if isinstance(value, str) else b""
        yield from _label(int.from_bytes(data[:2], "big"), None, data[2:], time)


def _label(number: Any, name: Any, data: bytes, time: str) -> Iterator[AttachmentAlarm]:
    if len(data) == LABEL_BYTES + 1 and data[0] == LABEL_BYTES:
        data = data[1:]
    if isinstance(number, int) and number not in _NO_EVENTS and len(data) == LABEL_BYTES and any(data):
        known = name if isinstance(name, str) else None
        yield AttachmentAlarm(data.hex(), {"label": data.hex()}, 0, number, known, time, LABEL)


def _parts(value: Any) -> list[Any]:
    """One, or those of a list."""
    return [] if value is None else value[:MOST_ITEMS] if isinstance(value, list) else [value]


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _digits(time: Any) -> str:
    good = isinstance(time, str) and len(time) == 12 and time.isascii() and time.isdecimal()
    return time if good and time.strip("0") else ""


def _is_byte(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0xFF


# -- identities -------------------------------------------------------------------------------------------------------

_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_STRAY_BYTE = re.compile("[\udc80-\udcff]")


def identity_bytes(identity: Mapping[str, Any]) -> bytes:
    """The bytes of an identity, as the terminal sent them. Something is raised for what is none."""
    form = _FORMS.get(identity.get("size", _USUAL))
    name, time = identity.get("terminal_id"), identity.get("time")
    if form is None or not isinstance(name, str) or not isinstance(time, str) or len(time) != 12:
        raise ValueError("it is no identity of an alarm")
    if not (_is_byte(identity.get("seq")) and _is_byte(identity.get("count"))):
        raise ValueError("its number or its count is no byte")
    said = _ESCAPE.sub(_unescaped, name).encode("gb18030", "surrogateescape").ljust(form.name, b"\0")
    reserved = identity.get("reserved")
    tail = base64.b64decode(reserved or "") if form.raw else int(reserved or 0).to_bytes(form.reserved, "big")
    tail = tail.ljust(form.reserved, b"\0")
    data = said + bytes.fromhex(time) + bytes((identity["seq"], identity["count"])) + tail
    if len(data) != form.size:
        raise ValueError(f"{len(data)} bytes are not the {form.size} of this form")
    return data


def identity_of(data: bytes) -> dict[str, Any]:
    """An identity of these bytes as the document's dialect has it. :class:`ValueError` for a size that none has."""
    form = _FORMS.get(len(data))
    if form is None:
        raise ValueError(f"{len(data)} bytes are no identity of an alarm; one has {', '.join(map(str, _FORMS))}")
    name, rest = data[: form.name].rstrip(b"\0"), data[form.name :]
    shown = _ESCAPE.sub(r"\\x5cx\1", name.decode("gb18030", "surrogateescape"))
    identity: dict[str, Any] = {
        "terminal_id": _STRAY_BYTE.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", shown),
        "time": rest[:6].hex(),
        "seq": rest[6],
        "count": rest[7],
    }
    if form.raw:
        identity["reserved"] = base64.b64encode(rest[8:]).decode()
    elif any(rest[8:]):
        identity["reserved"] = int.from_bytes(rest[8:], "big")
    return identity if len(data) == _USUAL else identity | {"size": len(data)}


def _unescaped(found: re.Match[str]) -> str:
    byte = int(found[1], 16)
    return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)


# -- asking -----------------------------------------------------------------------------------------------------------


def attachment_request(identity: Mapping[str, Any], number: str, host: str, port: int) -> dict[str, Any]:
    """The message 0x9208: bring the attachments of the alarm with this identity to ``host``, and call it ``number``, 32
    ASCII characters. For an alarm of active safety."""
    body = {"ip": host, "tcp_port": port, "udp_port": 0, "ident": dict(identity), "alarm_no": number}
    return {"header": {"msg_id": REQUEST}, "body": body}


def label_request(label: str, host: str, port: int, channels: Sequence[int] = (1, 2, 3), pictures: int = 2) -> str:
    """The text command for the files of an event with this label: upload to ``host`` by HTTP what these cameras have,
    0 pictures, 1 clips, 2 both."""
    return f"VIDEOUPLOAD,{host},{port},{label},{'-'.join(map(str, channels))},{pictures}"
