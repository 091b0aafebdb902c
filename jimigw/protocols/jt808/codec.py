"""Packets of JT/T 808: a frame with its body read, and the JSON of the exchange format both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from jimigw.wire.errors import DecodeError, EncodeError
from jimigw.wire.kinds import from_base64, shown, to_base64, whole
from jimigw.wire.message import Message

from . import messages, walks  # enter all messages in the book, and how their kinds are explained
from .book import BOOK, SIBLINGS, direction_of
from .dialect import EMQX, Dialect, shaped
from .frame import MAX_BODY, Frame, build, build_all
from .header import Addressing, Header, phone_bytes
from .versions import V2011, V2013, V2019, VERSIONS

assert messages.__all__ and walks.__doc__

#: why a body was not read, and the key that says so in JSON
_OPAQUE = {"unknown": "unknown_id", "part": "part", "encrypted": "encrypted", "broken": "error"}


@attrs.define
class Packet:
    """One message of a terminal or to it.

    ``body`` is None where it was not read: ``opaque`` then is "unknown" (the id is), "part" (one piece of a long
    message), "encrypted", or "broken" (no layout takes it); ``data`` always has its bytes. ``notes`` say what was not
    as it should be.
    """

    header: Header
    body: Message | None
    data: bytes
    notes: list[str]
    opaque: str = ""

    def to_json(self, dialect: Dialect = "document") -> dict[str, Any]:
        """The packet in the exchange format: ``{"header": {...}, "body": {...}}``.

        A body that was not read is ``{"unknown_id": true, "data": base64}``; the document's dialect says ``part``,
        ``encrypted`` or ``error`` instead of ``unknown_id`` where that is the reason.
        """
        header = self.header.__wire__.to_json(self.header, dialect)
        if self.body is not None:
            return {"header": header, "body": self.body.__wire__.to_json(self.body, dialect)}
        key = _OPAQUE[self.opaque] if dialect == "document" else "unknown_id"
        told: Any = self.notes[-1] if key == "error" and self.notes else True
        return {"header": header, "body": {key: told, "data": to_base64(self.data)}}


def decode_frame(frame: Frame, *, edition: int | None = None) -> Packet:
    """The packet of a frame. ``edition`` is the terminal's if that is known: 2011 has the header of 2013.

    Never raises: what cannot be read is kept as it is.
    """
    header, body = frame.header, frame.body
    if header.encrypt:
        packet = Packet(header, None, body, [], "encrypted")
    elif header.fragmented and header.is_part:
        packet = Packet(header, None, body, [], "part")
    else:
        packet = decode_body(header, body, edition=edition)
    if not frame.fits:
        packet.notes.insert(0, f"the header says {header.length} bytes of body, {len(body)} are there")
    elif header.versioned and header.version == V2013:
        packet.notes.insert(0, "bit 14 of the properties is set over a header of 2013")
    return packet


def decode_body(header: Header, body: bytes, *, edition: int | None = None) -> Packet:
    """The packet of a whole, plain body: that of one frame, or one that was put together from many."""
    version = edition if edition is not None and header.version != V2019 else header.version
    reason: DecodeError | None = None
    for decode in _ONLY.get((header.msg_id, version)) or _decoders(header.msg_id, version, body):
        notes: list[str] = []
        try:
            message = decode(body, 0, len(body), notes)
        except DecodeError as error:
            reason = reason or error
            continue
        if message.surplus:
            notes.append(f"{len(message.surplus)} bytes behind the last field")
        return Packet(header, message, body, notes)
    if reason is None and header.msg_id not in _KNOWN:
        return Packet(header, None, body, [], "unknown")
    return Packet(header, None, body, [str(reason or "the body has none of the layouts of its id")], "broken")


_KNOWN = {entry.identity for entry in BOOK}


def _single(msg_id: int, version: int) -> tuple[Any, ...]:
    """The function that decodes a message with one layout only; nothing if there is a choice."""
    entries = BOOK.candidates(msg_id, direction_of(msg_id), version)
    others = SIBLINGS.candidates(msg_id, direction_of(msg_id), version)
    return (entries[0].cls.__wire__.decode,) if len(entries) == 1 and not entries[0].fits and not others else ()


_ONLY = {(msg_id, version): _single(msg_id, version) for msg_id in _KNOWN for version in VERSIONS}


def _decoders(msg_id: int, version: int, body: bytes) -> Iterator[Any]:
    """The layouts to try, best first: the edition's own, then those that terminals are known to mix it up with."""
    for cls in _layouts(msg_id, version, body):
        yield cls.__wire__.decode


def _layouts(msg_id: int, version: int, body: bytes) -> Iterator[type[Message]]:
    direction, end = direction_of(msg_id), len(body)
    native = BOOK.find(msg_id, direction, body, 0, end, version)
    if native is not None:
        yield native
    siblings = SIBLINGS.candidates(msg_id, direction, version)
    for entry in siblings:
        if entry.fits is None or entry.fits(body, 0, end):
            yield entry.cls
    if native is None and not siblings:
        # A message of another edition than the header's.
        for other in reversed(VERSIONS):
            found = BOOK.find(msg_id, direction, body, 0, end, other)
            if found is not None:
                yield found


# -- JSON to bytes ------------------------------------------------------------------------------------------------

_HEADER_KEYS = {"msg_id", "encrypt", "len", "proto_ver", "version", "phone", "msg_sn", "frag_total", "frag_sn"}


def encode_json(
    document: Any, dialect: Dialect = "document", *, to: Addressing | None = None, size: int = MAX_BODY
) -> list[bytes]:
    """The frames of ``{"header": {...}, "body": {...}}``: one, or several with consecutive serial numbers for a body
    over ``size`` bytes.

    The header has ``msg_id`` and ``phone``, and may have ``version`` (2011, 2013, 2019) or ``proto_ver`` (which means
    2019; without either it is 2013), ``msg_sn``, and ``frag_total`` with ``frag_sn`` for one piece of a long message.
    ``to`` overrides phone and edition with a terminal's own. Keys of both dialects are understood. Raises
    :class:`EncodeError`, which names the key that is wrong, and nothing else.
    """
    if not isinstance(document, dict) or not isinstance(document.get("header"), dict):
        raise EncodeError(f'{shown(document)} is not an object such as {{"header": ..., "body": ...}}')
    for key in document:
        if key not in ("header", "body"):
            raise EncodeError("is neither header nor body", str(key)[:60])
    header, body = document["header"], document.get("body")
    try:
        msg_id, msg_sn, encrypt, part, version = _header(header)
        addressing = to or _addressing(header, version)
    except EncodeError as error:
        raise error.within("header") from None
    if to is not None and (version != V2011 or to.version == V2019):
        version = to.version
    if encrypt and not (isinstance(body, dict) and body.keys() <= {"data", *_OPAQUE.values()}):
        raise EncodeError(f"is {encrypt}: an encrypted body can only be given as bytes, in data", "header.encrypt")
    try:
        data = encode_body(msg_id, {} if body is None else body, version, dialect)
    except EncodeError as error:
        raise error.within("body") from None
    if part is not None:
        return [build(addressing, msg_id, data, msg_sn, encrypt=encrypt, part=part)]
    return build_all(addressing, msg_id, data, msg_sn, encrypt=encrypt, size=size)


def _header(header: dict[Any, Any]) -> tuple[int, int, int, tuple[int, int] | None, int]:
    for key in header:
        if key not in _HEADER_KEYS:
            raise EncodeError(f"is not a key of a header; known are {', '.join(sorted(_HEADER_KEYS))}", str(key)[:60])
    if "msg_id" not in header:
        raise EncodeError("is missing", "msg_id")
    msg_id = _number(header, "msg_id", 0xFFFF)
    part = None
    if "frag_total" in header or "frag_sn" in header:
        part = _number(header, "frag_total", 0xFFFF), _number(header, "frag_sn", 0xFFFF)
    version = V2019 if header.get("proto_ver") is not None else V2013
    if header.get("version") is not None:
        version = header["version"]
        if not isinstance(version, int) or version not in VERSIONS:
            raise EncodeError(f"{shown(version)} is not one of {', '.join(map(str, VERSIONS))}", "version")
        if version != V2019 and header.get("proto_ver") is not None:
            raise EncodeError(f"is only there in 2019, the version is {version}", "proto_ver")
    return msg_id, _number(header, "msg_sn", 0xFFFF), _number(header, "encrypt", 7), part, version


def _number(header: dict[Any, Any], key: str, most: int) -> int:
    try:
        return whole(header.get(key, 0), 0, most)
    except EncodeError as error:
        raise error.within(key) from None


def _addressing(header: dict[Any, Any], version: int) -> Addressing:
    if "phone" not in header:
        raise EncodeError("is missing", "phone")
    form = V2019 if version == V2019 else V2013
    try:
        phone = phone_bytes(header["phone"], form)
    except EncodeError as error:
        raise error.within("phone") from None
    proto_ver = _number(header, "proto_ver", 0xFF) if header.get("proto_ver") is not None else 1
    return Addressing(form, phone, proto_ver)


def encode_body(msg_id: int, body: Any, version: int, dialect: Dialect = "document") -> bytes:
    """The bytes of a body given as JSON, in this edition. :class:`EncodeError` names the key that is wrong."""
    if not isinstance(body, dict):
        raise EncodeError(f"{shown(body)} is not an object")
    if "data" in body and any(body.get(key) for key in _OPAQUE.values()):
        return from_base64(body["data"])
    direction = direction_of(msg_id)
    entries = BOOK.candidates(msg_id, direction, version)
    if not entries:
        if body.keys() == {"data"}:
            return from_base64(body["data"])
        raise EncodeError(f"message {BOOK.name(msg_id)} is not known in {version}: give its bytes as base64 in data")
    body = shaped(msg_id, body, dialect)
    first: EncodeError | None = None
    if dialect == "emqx":
        entries = entries + EMQX.candidates(msg_id, direction, version)
    for entry in entries:
        try:
            return entry.cls.from_json(body).encode()
        except EncodeError as error:
            first = first or error
    assert first is not None
    raise first
