"""JT/T 808 as the tools use it: cut, decode, encode. `explain_frame` is the protocol's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from jimigw.protocols.jt808.book import BOOK
from jimigw.protocols.jt808.codec import Packet, decode_frame, encode_json
from jimigw.protocols.jt808.dialect import Dialect
from jimigw.protocols.jt808.explain import explain_frame
from jimigw.protocols.jt808.frame import Frame, FrameDecoder, Junk, parse, unescape
from jimigw.protocols.jt808.versions import V2011, VERSIONS
from jimigw.wire.checks import xor8
from jimigw.wire.errors import EncodeError

from .cuts import Cut, Unreadable

EDITIONS = VERSIONS
_DELIMITER = b"\x7e"
_WRONG_ESCAPE = re.compile(rb"\x7d(?![\x01\x02])")
_LEAST = 13


def cut(data: bytes) -> list[Cut]:
    """All of ``data``, in order. A delimiter that two frames share is given to both."""
    decoder = FrameDecoder(max(1, len(data)))
    found = decoder.feed(data)
    closed = len(found)
    found += decoder.finish()
    cuts = [_cut(piece, closed=at < closed) for at, piece in enumerate(found)]
    if not cuts and data:
        return [Cut(data, "there is nothing between the delimiters")]
    return cuts


def _cut(piece: Frame | Junk, *, closed: bool) -> Cut:
    if isinstance(piece, Frame):
        return Cut(_DELIMITER + piece.content + (_DELIMITER if closed else b""))
    if piece.reason == "noise":
        return Cut(piece.data, "stands outside of delimiters 7e")
    if piece.reason == "unfinished":
        return Cut(_DELIMITER + piece.data, _unfinished(piece.data))
    return Cut(_DELIMITER + piece.data + _DELIMITER, _why(piece.data))


def _why(content: bytes) -> str:
    """Why the bytes between two delimiters are no frame."""
    plain = unescape(content)
    if plain is None:
        wrong = _WRONG_ESCAPE.search(content)
        assert wrong is not None
        at = wrong.start()
        return f"{content[at : at + 2].hex()} at byte {at + 1} is no escape: 01 or 02 follows 7d"
    if len(plain) < _LEAST:
        return f"{len(plain)} bytes between delimiters are too few for a frame, the smallest has {_LEAST}"
    right = xor8(plain[:-1])
    if plain[-1] != right:
        return f"check code is {plain[-1]:02x}, exclusive or of the bytes before it is {right:02x}"
    return f"{len(plain)} bytes between delimiters are too few for the header that the properties promise"


def _unfinished(content: bytes) -> str:
    piece = parse(content)
    if isinstance(piece, Frame):
        said = f"the header says {piece.header.length} bytes of body, {len(piece.body)} are there"
        return f"the closing delimiter 7e is missing, and {said}"
    return f"the closing delimiter 7e is missing, and {_why(content)}"


def decode(raw: bytes, dialect: str, edition: int | None) -> dict[str, Any]:
    """``{"header", "body"}`` of a true frame, ``notes`` where something was not as it should be, and ``edition`` where
    the body is of 2011, which its header does not tell. :raises Unreadable: no layout takes the body."""
    frame = parse(raw.strip(_DELIMITER))
    if isinstance(frame, Junk):
        raise Unreadable(_why(frame.data))
    packet = decode_frame(frame, edition=edition)
    if packet.opaque == "broken":
        raise Unreadable(f"the body of {BOOK.name(packet.header.msg_id)} cannot be read: {packet.notes[-1]}")
    found: dict[str, Any] = {}
    if _is_of_2011(packet):
        found["edition"] = V2011
    found |= packet.to_json(cast(Dialect, dialect))
    if packet.notes:
        found["notes"] = packet.notes
    return found


def _is_of_2011(packet: Packet) -> bool:
    return packet.body is not None and type(packet.body) in _OF_2011


def _layouts_of_2011() -> Iterator[type]:
    for entry in BOOK:
        if entry.versions == (V2011,):
            yield entry.cls


_OF_2011 = frozenset(_layouts_of_2011())


def encode(message: Any, dialect: str) -> list[bytes]:
    """The frames of ``{"header", "body"}``. ``edition`` beside them is that of the body where the header says none."""
    if isinstance(message, dict) and "edition" in message:
        message = dict(message)
        edition, header = message.pop("edition"), message.get("header")
        if not isinstance(edition, int) or edition not in EDITIONS:
            raise EncodeError(f"{edition!r} is not one of {', '.join(map(str, EDITIONS))}", "edition")
        if isinstance(header, dict) and "version" not in header:
            message["header"] = header | {"version": edition}
    return encode_json(message, cast(Dialect, dialect))


__all__ = ["EDITIONS", "cut", "decode", "encode", "explain_frame"]
