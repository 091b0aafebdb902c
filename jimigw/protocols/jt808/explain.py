"""What every byte of a JT/T 808 frame says, for people: delimiters, header, body, check code. JT/T 808-2019, 4.4."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import attrs

from jimigw.wire.checks import xor8
from jimigw.wire.explain import Piece, explain

from .book import BOOK, direction_of
from .codec import Packet, decode_frame
from .frame import Frame, escape, parse
from .header import HEADERS, Header
from .versions import V2013, V2019

_CHAPTER = "4.4"
_DELIMITER = 0x7E
_ESCAPES = {b"\x7d\x01": b"\x7d", b"\x7d\x02": b"\x7e"}
#: header of 2013 and check code: nothing smaller is a frame
_LEAST = 13
#: why a body is shown as bytes
_OPAQUE = {
    "unknown": "body of an id that is not known, kept raw",
    "part": "a piece of a long message, to be read when all of them are there",
    "encrypted": "encrypted body, kept raw",
}


def explain_frame(data: bytes, edition: int | None = None) -> list[Piece]:
    """The pieces of a frame, true or not, from the first byte to the last. Never raises for any bytes.

    Offsets are those of ``data``, escapes included, which are shown where they stand. A frame whose length or check
    code is wrong is read all the same and says what would have been right. ``edition`` is the terminal's, if known.
    """
    if data[:1] != b"\x7e":
        return [_raw(data, 0, len(data), "starts with no delimiter 7e: no frame")]
    ended = len(data) > 1 and data[-1] == _DELIMITER
    start, end = 1, len(data) - ended
    found = [Piece(0, 1, "start", "7e", "7e", meaning="delimiter", chapter=f"{_CHAPTER}.2")]
    found += _content(data, start, end, edition)
    if ended:
        found.append(Piece(end, end + 1, "end", "7e", "7e", meaning="delimiter", chapter=f"{_CHAPTER}.2"))
    else:
        found.append(Piece(end, end, "end", "", "", problem="missing: 7e ends a frame"))
    return found


def _raw(data: bytes, start: int, end: int, problem: str) -> Piece:
    return Piece(start, end, "unread", data[start:end], data[start:end].hex(" "), problem=problem)


def _content(data: bytes, start: int, end: int, edition: int | None) -> list[Piece]:
    """The pieces between the delimiters."""
    plain = bytearray()
    places: list[int] = []  # where each plain byte starts in the frame
    at = start
    while at < end:
        places.append(at)
        if data[at] == 0x7D:
            single = _ESCAPES.get(data[at : min(at + 2, end)])
            if single is None:
                wrong = f"{data[at : min(at + 2, end)].hex()} at byte {at} is no escape: 01 or 02 follows 7d"
                return [_raw(data, start, end, wrong)]
            plain += single
            at += 2
            continue
        if data[at] == _DELIMITER:
            return [_raw(data, start, end, f"delimiter 7e within the frame, at byte {at}")]
        plain.append(data[at])
        at += 1
    if len(plain) < _LEAST:
        few = f"{len(plain)} bytes are too few for a frame, the smallest has {_LEAST} between its delimiters"
        return [_raw(data, start, end, few)] if end > start else [Piece(start, end, "unread", b"", "", problem=few)]
    places.append(end)
    return _in_place(_plain_pieces(bytes(plain), edition), places, data)


def _in_place(pieces: list[Piece], places: list[int], data: bytes) -> list[Piece]:
    """Pieces of the plain bytes as pieces of the frame; those that hold escapes say so."""
    found = []
    for piece, after in zip_longest(pieces, pieces[1:]):
        start, end = places[piece.start], places[piece.end]
        meaning = piece.meaning
        is_leaf = after is None or after.depth <= piece.depth
        if is_leaf and end - start > piece.end - piece.start:
            pairs = dict.fromkeys(
                data[places[at] : places[at + 1]]
                for at in range(piece.start, piece.end)
                if places[at + 1] - places[at] == 2
            )
            said = ", ".join(f"{pair.hex(' ')} stands for {_ESCAPES[pair].hex()}" for pair in pairs)
            meaning = f"{meaning}; {said}" if meaning else said
        found.append(attrs.evolve(piece, start=start, end=end, meaning=meaning))
    return found


def _plain_pieces(plain: bytes, edition: int | None) -> list[Piece]:
    """The pieces of header, body and check code; offsets count from the first byte of the header."""
    check, right = plain[-1], xor8(plain[:-1])
    frame = parse(escape(plain[:-1] + bytes((right,))))
    if not isinstance(frame, Frame):
        return [
            _raw(plain, 0, len(plain), f"{len(plain)} bytes are too few for the header that the properties promise")
        ]
    head = len(plain) - 1 - len(frame.body)
    packet = decode_frame(frame, edition=edition)
    wrong = "" if check == right else f"false: {right:02x} is right"
    return [
        *_header(plain, head, frame, _title(packet)),
        *_body(plain, head, packet, edition),
        Piece(len(plain) - 1, len(plain), "check", f"{check:02x}", f"{check:02x}, {'false' if wrong else 'true'}",
              meaning="exclusive or of header and body", chapter=f"{_CHAPTER}.4", problem=wrong),
    ]  # fmt: skip


def _title(packet: Packet) -> str:
    msg_id, header = packet.header.msg_id, packet.header
    if packet.body is not None:
        return packet.body.__wire__.title
    for entry in BOOK.candidates_of_any_version(msg_id, direction_of(msg_id)):
        if not entry.versions or header.version in entry.versions:
            return entry.cls.__wire__.title
    return "unknown here"


def _header(plain: bytes, head: int, frame: Frame, title: str) -> list[Piece]:
    header = frame.header
    found = []
    for piece in explain(HEADERS[header.version, header.fragmented], plain, 0, head):
        change: dict[str, Any] = {}
        if piece.name == "msg_id":
            change["shown"] = f"{BOOK.name(header.msg_id)}: {title}"
        elif piece.name == "phone":
            change["shown"] = header.digits
            change["meaning"] = f"{piece.meaning}: terminal {header.identity}"
        elif piece.name == "versioned" and header.versioned and header.version == V2013:
            change["problem"] = "set over a header of 2013: the length comes out for no other"
        elif piece.name == "length":
            change["shown"] = f"{piece.shown}, {'true' if frame.fits else 'false'}"
            if not frame.fits:
                change["problem"] = f"false: {len(frame.body)} bytes of body are there"
        elif piece.name == "frag_sn" and not _possible(header):
            change["problem"] = f"there is no frame {header.frag_sn} of {header.frag_total}"
        found.append(attrs.evolve(piece, **change))
    return found


def _possible(header: Header) -> bool:
    return bool(1 <= header.frag_sn <= max(1, header.frag_total))


def _body(plain: bytes, head: int, packet: Packet, edition: int | None) -> list[Piece]:
    end = len(plain) - 1
    if packet.body is not None:
        return explain(type(packet.body), plain, head, end)
    if packet.opaque in _OPAQUE:
        if head == end:
            return []
        data = plain[head:end]
        return [Piece(head, end, "data", data, data.hex(" "), meaning=_OPAQUE[packet.opaque])]
    # No layout takes it: that of the edition shows how far it can be read.
    msg_id, version = packet.header.msg_id, packet.header.version
    if edition is not None and version != V2019:
        version = edition
    direction = direction_of(msg_id)
    entries = BOOK.candidates(msg_id, direction, version) or BOOK.candidates_of_any_version(msg_id, direction)
    return explain(entries[0].cls, plain, head, end)


__all__ = ["explain_frame"]
