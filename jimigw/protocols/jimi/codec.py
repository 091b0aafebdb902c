"""Jimi frames as the exchange format, ``{"header": {...}, "body": {...}}``, and back."""

from __future__ import annotations

from typing import Any

import attrs

from jimigw.wire.book import Entry
from jimigw.wire.checks import crc_itu
from jimigw.wire.errors import DecodeError, EncodeError
from jimigw.wire.kinds import from_base64, shown, to_base64, whole
from jimigw.wire.message import Message

from . import modules  # noqa: F401 - enters its messages in the book
from .frame import LEAST, LONG, SHORT, Frame, FrameDecoder, encode_frame
from .messages import BOOK

PROTOCOL = "jimi"
#: types that the document prints with the long mark although they would fit the short one
_LONG_BY_NATURE = frozenset({0x21, 0x70, 0x94, 0x9B, 0x9C, 0xF2})
_MARKS = {"7878": SHORT, "7979": LONG}


#: the layouts of each protocol number and start mark, as they are first met: at most 512
_UP: dict[int, list[Entry]] = {}


@attrs.define
class Packet:
    """A frame and what it says.

    ``layout`` is the message it is, None for an id that is not known; ``body`` is the JSON of the message, or, where it
    is not known or, with ``error``, not readable, that of the raw bytes.
    """

    frame: Frame
    layout: type[Message] | None
    body: dict[str, Any]
    notes: list[str]
    error: str | None = None

    @property
    def known(self) -> bool:
        """Whether ``body`` is that of a message."""
        return self.layout is not None and self.error is None

    def message(self, imei: str | None = None) -> dict[str, Any]:
        """The exchange format. ``imei`` is the terminal's, where it is known from its login."""
        return exchange(self.frame, imei, self.body, self.notes)


def exchange(frame: Frame, imei: str | None, body: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """``{"header": {...}, "body": {...}}`` of a frame; ``notes`` beside them where something was wrong in it."""
    header = {
        "msg_id": frame.protocol,
        "imei": imei,
        "msg_sn": frame.serial,
        "len": frame.end - frame.start + LEAST,
        "mark": "7878" if frame.mark == SHORT else "7979",
    }
    if imei is None:
        del header["imei"]
    message: dict[str, Any] = {"header": header, "body": body}
    if notes:
        message["notes"] = notes
    return message


def read_up(frame: Frame) -> Packet:
    """What a frame from a terminal says. Never raises: what cannot be read says so."""
    key = frame.protocol << 8 | frame.mark
    entries = _UP.get(key)
    if entries is None:
        entries = _UP[key] = BOOK.candidates(frame.protocol, "up", frame.mark)
    for entry in entries:
        if entry.fits is None or entry.fits(frame.data, frame.start, frame.end):
            return _read(frame, entry.cls)
    return _read(frame, None)


def read_any(frame: Frame) -> Packet:
    """What a frame of either direction says: one without content is an answer of the server where there is one."""
    place = (frame.data, frame.start, frame.end, frame.mark)
    first, second = ("down", "up") if frame.start == frame.end else ("up", "down")
    return _read(frame, BOOK.find(frame.protocol, first, *place) or BOOK.find(frame.protocol, second, *place))


def _read(frame: Frame, layout: type[Message] | None) -> Packet:
    if layout is None:
        return Packet(frame, None, {"unknown_id": True, "data": to_base64(frame.content)}, [])
    notes: list[str] = []
    try:
        body = layout.__wire__.decode_json(frame.data, frame.start, frame.end, notes)
    except DecodeError as error:
        # Offsets of the error count from the first byte of the frame, as the hex in the journal does.
        why = str(DecodeError(error.reason, error.offset - frame.head, error.path))
        return Packet(frame, layout, {"error": why, "data": to_base64(frame.content)}, notes, why)
    return Packet(frame, layout, body, notes)


def one_frame(data: bytes) -> Frame:
    """The frame that ``data`` is, from the first byte to the last; :class:`DecodeError` says why it is none."""
    if len(data) < 10:
        raise DecodeError(f"{len(data)} bytes are too few for a frame, the smallest has 10", len(data))
    if data[:2] not in (b"\x78\x78", b"\x79\x79"):
        raise DecodeError(f"starts with {data[:2].hex()}, not with 7878 or 7979", 0)
    wide = data[0] == LONG
    length = int.from_bytes(data[2:4], "big") if wide else data[2]
    need = length + (6 if wide else 5)
    if need != len(data):
        raise DecodeError(f"packet length {length} makes a frame of {need} bytes, {len(data)} are there", 2)
    if data[-2:] != b"\r\n":
        raise DecodeError(f"ends with {data[-2:].hex()}, not with 0d0a", len(data) - 2)
    decoder = FrameDecoder(max_frame=len(data))
    frames = decoder.feed(data, 0.0)
    if not frames or frames[0].head != 0:
        raise DecodeError(
            f"check code is {data[-4:-2].hex()}, CRC-ITU of the bytes before it is {crc_itu(data[2:-4]):04x}",
            len(data) - 4,
        )
    return frames[0]


def encode_message(message: Any) -> bytes:
    """The frame of one message in the exchange format. :class:`EncodeError` names the key that is wrong.

    The header says ``msg_id`` and ``msg_sn`` (0 if it is not there), and ``mark`` ("7878", "7979") where it matters.
    """
    if not isinstance(message, dict) or not isinstance(message.get("header"), dict):
        raise EncodeError(f'{shown(message)} is not an object with "header" and "body"')
    header, body = message["header"], message.get("body", {})
    try:
        identity = whole(header.get("msg_id"), 0, 0xFF)
    except EncodeError as error:
        raise error.within("header.msg_id") from None
    try:
        serial = whole(header.get("msg_sn", 0), 0, 0xFFFF)
    except EncodeError as error:
        raise error.within("header.msg_sn") from None
    mark = header.get("mark")
    if mark is not None and mark not in _MARKS:
        raise EncodeError(f'{shown(mark)} is not "7878" or "7979"', "header.mark")
    content = _content(identity, body)
    number = _MARKS[mark] if mark is not None else LONG if content and identity in _LONG_BY_NATURE else 0
    try:
        return encode_frame(identity, content, serial, number)
    except ValueError as error:
        raise EncodeError(str(error), "body") from None


def _content(identity: int, body: Any) -> bytes:
    if not isinstance(body, dict):
        raise EncodeError(f"{shown(body)} is not an object", "body")
    if "data" in body and (body.get("unknown_id") or "error" in body):
        try:
            return from_base64(body["data"])
        except EncodeError as error:
            raise error.within("body.data") from None
    entries = [entry for direction in ("up", "down") for entry in BOOK.candidates_of_any_version(identity, direction)]
    if not entries:
        raise EncodeError(
            f"{BOOK.name(identity)} is not a protocol number known here; raw bytes are written as "
            '{"unknown_id": true, "data": base64}',
            "header.msg_id",
        )
    failures: list[EncodeError] = []
    for entry in dict.fromkeys(entries):
        try:
            content = entry.cls.from_json(body).encode()
        except EncodeError as error:
            failures.append(error)
            continue
        if entry.fits is None or entry.fits(content, 0, len(content)):
            return content
        failures.append(EncodeError(f"does not make a {entry.cls.__wire__.title}"))
    # The layout that got furthest had the fewest keys it did not know: its complaint helps most.
    best = min(failures, key=lambda error: "is not a key" in error.reason)
    raise best.within("body")


__all__ = ["PROTOCOL", "Packet", "encode_message", "one_frame", "read_any", "read_up"]
