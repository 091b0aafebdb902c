"""Frames of JT/T 808: out of any slices of a stream, and into bytes. JT/T 808-2019, 4.4.

A frame is ``7E``, header, body, check code, ``7E``; between the delimiters ``7D 01`` stands for 7D, ``7D 02`` for 7E.
Whatever lies between two delimiters is tried as a frame, so a delimiter may be shared, doubled or lost, and what is
not a frame costs itself only.
"""

from __future__ import annotations

from typing import Any

import attrs

from jimigw.wire.checks import xor8
from jimigw.wire.errors import EncodeError
from jimigw.wire.rows import Run

from .header import HEADERS, PHONE_SIZES, Addressing, Header, Header2013
from .versions import V2013, V2019

#: the longest body of one frame: ten bits say its length
MAX_BODY = 1023
#: the longest frame between its delimiters that a well-formed one can have: every byte escaped
LONGEST_FRAME = 2 * (21 + MAX_BODY + 1)
#: reasons why bytes are no frame, as :class:`Junk` and the counters name them
REASONS = ("noise", "short", "escape", "check", "long", "unfinished")

_BIT_14, _BIT_13 = 0x4000, 0x2000
_LEAST_HEADER = 12


@attrs.define
class Frame:
    """One frame whose check code is right.

    ``body`` is unescaped; ``content`` is what stood between the delimiters, as it came. ``fits`` tells whether the
    length in the header is the body's; where it is not, the header form is a guess and the body what was there.
    """

    header: Header
    body: bytes
    content: bytes
    fits: bool = True

    @property
    def data(self) -> bytes:
        """The frame as it came, delimiters included."""
        return b"~" + self.content + b"~"


@attrs.define
class Junk:
    """Bytes that are no frame: ``reason`` is one of :data:`REASONS`, ``data`` the bytes, of long ones the first."""

    reason: str
    data: bytes


def escape(content: bytes) -> bytes:
    """``content`` as it stands between delimiters."""
    if b"}" in content:
        content = content.replace(b"}", b"}\x01")
    if b"~" in content:
        content = content.replace(b"~", b"}\x02")
    return content


def unescape(content: bytes) -> bytes | None:
    """The opposite of :func:`escape`; None if a 7D is followed by anything but 01 or 02."""
    if b"}" not in content:
        return content
    if content.count(b"}") != content.count(b"}\x01") + content.count(b"}\x02"):
        return None
    return content.replace(b"}\x02", b"~").replace(b"}\x01", b"}")


def _form(version: int, part: bool) -> tuple[Any, int]:
    layout = HEADERS[version, part].__wire__
    return layout.read, layout.size or 0


#: how to read the header and how long it is, by bits 14 and 13 of the properties
_FORMS = tuple(_form(version, part) for version in (V2013, V2019) for part in (False, True))


def parse(content: bytes) -> Frame | Junk:
    """The frame that these bytes between two delimiters are, or why they are none."""
    plain = content
    if b"}" in content:
        unescaped = unescape(content)
        if unescaped is None:
            return Junk("escape", content)
        plain = unescaped
    end = len(plain) - 1
    if end < _LEAST_HEADER:
        return Junk("short", content)
    if xor8(plain):
        return Junk("check", content)
    properties = plain[2] << 8 | plain[3]
    read, size = _FORMS[properties >> 13 & 3]
    fits = end - size == properties & MAX_BODY
    if not fits:
        if properties & _BIT_14:
            # Some terminals of 2013 set the bit that 2019 gave a meaning to: the length comes out for their header.
            read_2013, size_2013 = _FORMS[properties >> 13 & 1]
            fits = end - size_2013 == properties & MAX_BODY
            if fits or end < size:
                read, size = read_2013, size_2013
        if end < size:
            return Junk("short", content)
    header, after = read(plain, 0, end, [])
    return Frame(header, plain[after:end], content, fits)


class FrameDecoder:
    """Finds frames in a stream that comes in any slices. No more than ``max_frame`` bytes are kept between calls.

    ``counts`` has how many pieces of junk there were, by reason. A frame longer than ``max_frame`` is dropped as soon
    as that is sure, and the rest of it is skipped up to the next delimiter.
    """

    __slots__ = ("_inside", "_tail", "counts", "max_frame")

    def __init__(self, max_frame: int = 4096) -> None:
        self.max_frame = max_frame
        self.counts = dict.fromkeys(REASONS, 0)
        self._tail = b""
        self._inside = False

    @property
    def unfinished(self) -> bool:
        """Whether a frame has begun and not ended: what a deadline for finishing it should look at."""
        return bool(self._tail)

    def feed(self, data: bytes) -> list[Frame | Junk]:
        """The frames and the junk that these bytes complete, in order."""
        return [piece if type(piece) is Junk else self.parse(piece) for piece in self.cut(data)]  # type: ignore[arg-type]

    def parse(self, content: bytes) -> Frame | Junk:
        """:func:`parse`, counted."""
        piece = parse(content)
        if type(piece) is Junk:
            self.counts[piece.reason] += 1
        return piece

    def cut(self, data: bytes) -> list[bytes | Junk]:
        """What :meth:`feed` gives, with the contents between two delimiters not yet parsed."""
        tail = self._tail
        if not tail and data.startswith(b"~"):
            # Nearly always one whole frame comes at a time.
            stop = data.find(b"~", 1)
            if 1 < stop <= self.max_frame + 1 and stop == len(data) - 1:
                self._inside = True
                return [data[1:stop]]
        found: list[bytes | Junk] = []
        start = scan = 0
        if self._inside:
            scan = len(tail)
            if scan:
                data = tail + data
        elif data:
            start = scan = data.find(b"~") + 1
            if start != 1:
                found.append(self._junk("noise", data[: start - 1] if start else data))
            if not start:
                return found
            self._inside = True
        while (stop := data.find(b"~", scan)) >= 0:
            if stop - start > self.max_frame:
                found.append(self._junk("long", data[start:stop]))
            elif stop > start:
                found.append(data[start:stop])
            start = scan = stop + 1
        tail = data[start:] if start else data
        if len(tail) > self.max_frame:
            found.append(self._junk("long", tail[: self.max_frame]))
            tail, self._inside = b"", False
        self._tail = tail
        return found

    def finish(self) -> list[Frame | Junk]:
        """What is left when nothing more comes: a last frame without its closing delimiter, if it is whole."""
        tail, self._tail, self._inside = self._tail, b"", False
        if not tail:
            return []
        found = parse(tail)
        return [found] if isinstance(found, Frame) and found.fits else [self._junk("unfinished", tail)]

    def _junk(self, reason: str, data: bytes) -> Junk:
        self.counts[reason] += 1
        return Junk(reason, data[: self.max_frame])


def frames_of(datagram: bytes, max_frame: int = LONGEST_FRAME) -> list[Frame | Junk]:
    """The frames of one UDP datagram, which holds whole ones; the delimiter at its end may be missing."""
    decoder = FrameDecoder(max_frame)
    return decoder.feed(datagram) + decoder.finish()


def _packer(form: type[Header]) -> Any:
    (run,) = form.__wire__.segments
    assert isinstance(run, Run)
    return run.struct.pack


_PACK = {key: _packer(form) for key, form in HEADERS.items()}


def head_of(
    to: Addressing, msg_id: int, length: int, msg_sn: int | None = None, encrypt: int = 0, part: Any = None
) -> bytes:
    """The header of a frame whose body has this length; without a serial number what stands before it."""
    properties = length | encrypt << 10
    fields = [to.phone, msg_sn or 0]
    if to.version == V2019:
        properties |= _BIT_14
        fields.insert(0, to.proto_ver)
    if part is not None:
        properties |= _BIT_13
        fields += part
    try:
        head: bytes = _PACK[to.version, part is not None](msg_id, properties, *fields)
    except Exception as error:
        raise EncodeError(f"header cannot be written: {error}") from None
    return head if msg_sn is not None else head[:-2]


def build(
    to: Addressing, msg_id: int, body: bytes, msg_sn: int, *, encrypt: int = 0, part: tuple[int, int] | None = None
) -> bytes:
    """One frame, with delimiters. ``part`` is (how many, which of them from 1) for a piece of a long message.

    :class:`EncodeError` for a body over :data:`MAX_BODY` bytes and for numbers that the header has no room for.
    """
    if len(body) > MAX_BODY:
        raise EncodeError(f"{len(body)} bytes of body are too long for one frame, at most {MAX_BODY} fit")
    if len(to.phone) != PHONE_SIZES[to.version]:
        raise EncodeError(f"{len(to.phone)} bytes are not the phone field of a header of {to.version}", "phone")
    if not (0 <= msg_id <= 0xFFFF and 0 <= msg_sn <= 0xFFFF and 0 <= encrypt <= 7):
        for name, value, most in (("msg_id", msg_id, 0xFFFF), ("msg_sn", msg_sn, 0xFFFF), ("encrypt", encrypt, 7)):
            if not 0 <= value <= most:
                raise EncodeError(f"{value} is not a whole number from 0 to {most}", name)
    content = head_of(to, msg_id, len(body), msg_sn, encrypt, part) + body
    return b"~" + escape(content + bytes((xor8(content),))) + b"~"


def split(body: bytes, size: int = MAX_BODY) -> list[bytes]:
    """``body`` in pieces of at most ``size`` bytes, one empty piece for an empty body."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    if len(pieces) > 0xFFFF:
        raise EncodeError(f"{len(body)} bytes of body are too long, at most {0xFFFF * size} can be sent")
    return pieces


def build_all(
    to: Addressing, msg_id: int, body: bytes, msg_sn: int, *, encrypt: int = 0, size: int = MAX_BODY
) -> list[bytes]:
    """The frames of a message of any length: one, or as many as it takes, with consecutive serial numbers."""
    pieces = split(body, size)
    if len(pieces) == 1:
        return [build(to, msg_id, body, msg_sn, encrypt=encrypt)]
    return [
        build(to, msg_id, piece, (msg_sn + index) & 0xFFFF, encrypt=encrypt, part=(len(pieces), index + 1))
        for index, piece in enumerate(pieces)
    ]


__all__ = [
    "LONGEST_FRAME",
    "MAX_BODY",
    "REASONS",
    "Addressing",
    "Frame",
    "FrameDecoder",
    "Header",
    "Header2013",
    "Junk",
    "build",
    "build_all",
    "escape",
    "frames_of",
    "parse",
    "split",
    "unescape",
]
