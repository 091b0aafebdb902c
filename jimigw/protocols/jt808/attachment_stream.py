"""The bytes of an attachment connection: frames of JT/T 808, and between them packets of raw data. T/JSATL12-2017, 4.6.

A packet is ``30 31 63 64``, the file's name, offset and length (four bytes each), and the data, which are not escaped.
The name has 50 bytes, filled up with NUL; in Heilongjiang it has its length in one byte in front. Nothing says which of
the two it is, but only one of them gives a name that is known.

    stream.add(data)
    while (piece := stream.next()) is not None: ...

A :class:`Packet` is the head of one: it is answered by :meth:`AttachmentStream.take` or :meth:`AttachmentStream.reject`
before the next piece. The data of a packet are handed on as they come. Kept between calls is at most one frame or head.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from enum import Enum

import attrs

from .frame import Frame, Junk, parse

MARK = b"01cd"
"""What a packet of data begins with."""

NAME_BYTES = 50
"""Bytes of the name in the head of a packet, but in Heilongjiang."""

_PLACE = struct.Struct(">II")
_FIXED = len(MARK) + NAME_BYTES + _PLACE.size
_DELIMITER = 0x7E
_DELIMITERS = re.compile(b"~+")


@attrs.frozen
class Packet:
    """The head of a packet of data. ``known``: its name is that of a file that is awaited; where it is not, name,
    offset and length may be anything."""

    name: bytes
    offset: int
    length: int
    known: bool


@attrs.frozen
class Data:
    """Some of the data of the packet that was taken, in their order."""

    data: bytes


Piece = Frame | Packet | Data | Junk


class _Wait(Enum):
    """More bytes have to come."""

    MORE = "more"


def head_of(name: bytes, offset: int, length: int, *, prefixed: bool = False) -> bytes:
    """The head of a packet, as terminals write it. A longer name is cut where there are 50 bytes for it."""
    written = bytes((len(name),)) + name if prefixed else name[:NAME_BYTES].ljust(NAME_BYTES, b"\0")
    return MARK + written + _PLACE.pack(offset, length)


def cut_name(name: bytes) -> bytes:
    """A name as the head of a packet has it: its first 50 bytes, without filling."""
    return name[:NAME_BYTES].strip(b"\0 ")


class AttachmentStream:
    """See the module. ``known`` tells whether a name, as :func:`cut_name` gives it, is that of a file. ``prefixed``:
    the length stands in front of the name; the other form is understood all the same."""

    __slots__ = ("_data", "_delimited", "_known", "_left", "_open", "_passing", "_pos", "max_frame", "prefixed")

    def __init__(self, known: Callable[[bytes], bool], max_frame: int = 4096) -> None:
        self._known = known
        self.max_frame = max_frame
        self.prefixed = False
        self._data = b""
        self._pos = 0
        #: bytes to come of the packet that was taken, and whether they are wanted
        self._left = 0
        self._passing = False
        #: the head that waits for its answer: where its packet began, and its length
        self._open: tuple[int, int] | None = None
        #: a delimiter stands right before the position, which may be the first of a frame too
        self._delimited = False

    def add(self, data: bytes) -> None:
        """Bytes that have come."""
        self._data = self._data + data if self._data else data

    def take(self, wanted: bool) -> None:
        """Take the packet whose head came: its data follow as :class:`Data`, or are passed over."""
        assert self._open is not None
        self._left, self._passing = self._open[1], wanted
        self._open = None

    def reject(self) -> Junk:
        """What came is no packet: its mark is junk, and what follows is looked through."""
        assert self._open is not None
        self._pos = self._open[0] + len(MARK)
        self._open = None
        return Junk("noise", MARK)

    def next(self) -> Piece | None:
        """The next piece; None until more bytes have come."""
        assert self._open is None, "a head was not answered"
        while self._pos < len(self._data):
            found = self._some_data() if self._left else self._look()
            if found is _Wait.MORE:
                break
            if found is not None:
                return found
        self._data, self._pos = self._data[self._pos :], 0
        return None

    def _some_data(self) -> Data | None:
        end = min(len(self._data), self._pos + self._left)
        found = Data(self._data[self._pos : end]) if self._passing else None
        self._left -= end - self._pos
        self._pos, self._delimited = end, False
        return found

    def _look(self) -> Piece | _Wait | None:
        """What begins at the position."""
        data, pos = self._data, self._pos
        if data.startswith(MARK, pos):
            return self._head()
        if MARK.startswith(data[pos : pos + len(MARK)]):
            return _Wait.MORE
        if data[pos] == _DELIMITER:
            return self._frame(pos + 1)
        return self._frame(pos) if self._delimited else self._noise()

    # -- frames -------------------------------------------------------------------------------------------------------

    def _frame(self, start: int) -> Piece | _Wait | None:
        """The frame whose content begins at ``start``, right behind a delimiter."""
        data = self._data
        if MARK.startswith(data[start : start + len(MARK)]) and start < len(data):
            # A delimiter too many: no message begins like a packet.
            self._pos, self._delimited = start, True
            return None
        stop = data.find(b"~", start)
        if stop == start:
            # One delimiter too many is usual between frames, and nothing; more are junk, however many at once.
            run = _DELIMITERS.match(data, start)
            assert run is not None
            self._pos, self._delimited = run.end() - 1, False
            return Junk("noise", data[start : self._pos]) if self._pos > start else None
        if stop < 0 and len(data) - start <= self.max_frame:
            return _Wait.MORE
        if stop < 0 or stop - start > self.max_frame:
            return self._broken("long", start, len(data) if stop < 0 else stop)
        found = parse(data[start:stop])
        if isinstance(found, Frame) and found.fits:
            self._pos, self._delimited = stop + 1, True
            return found
        return self._broken(found.reason if isinstance(found, Junk) else "check", start, stop)

    def _broken(self, reason: str, start: int, stop: int) -> Junk:
        """What stands there is no frame: a packet may begin within it, or a frame with the delimiter behind it."""
        mark = self._data.find(MARK, start, stop)
        end = self._end_of_noise(stop) if mark < 0 else mark
        junk = Junk(reason, self._data[start:end])
        self._pos, self._delimited = end, False
        return junk

    def _noise(self) -> Junk:
        """Bytes that begin nothing, up to those that may begin something."""
        data, pos = self._data, self._pos
        ends = [end for end in (data.find(b"~", pos), data.find(MARK, pos)) if end >= 0]
        end = min(ends) if ends else self._end_of_noise(len(data))
        self._pos = end
        return Junk("noise", data[pos:end])

    def _end_of_noise(self, end: int) -> int:
        """The end, without what may be the first bytes of a mark there."""
        if end < len(self._data):
            return end
        return next((end - size for size in (3, 2, 1) if self._data.endswith(MARK[:size], self._pos)), end)

    # -- packets ------------------------------------------------------------------------------------------------------

    def _head(self) -> Packet | _Wait:
        """The head of the packet that begins at the position, in whichever form its name is known."""
        usual, other = (self._prefixed(), self._fixed()) if self.prefixed else (self._fixed(), self._prefixed())
        chosen = usual
        if usual is None or not usual[0].known:
            if other is not None and other[0].known:
                chosen, self.prefixed = other, not self.prefixed
            elif usual is None or other is None:
                return _Wait.MORE
        assert chosen is not None
        packet, size = chosen
        self._open = self._pos, packet.length
        self._pos += size
        self._delimited = False
        return packet

    def _fixed(self) -> tuple[Packet, int] | None:
        at = self._pos + len(MARK)
        return self._read(at, at + NAME_BYTES)

    def _prefixed(self) -> tuple[Packet, int] | None:
        at = self._pos + len(MARK) + 1
        return self._read(at, at + self._data[at - 1]) if at <= len(self._data) else None

    def _read(self, begin: int, end: int) -> tuple[Packet, int] | None:
        """The head whose name stands there, and its size; None while bytes are missing."""
        if end + _PLACE.size > len(self._data):
            return None
        name = cut_name(self._data[begin:end])
        offset, length = _PLACE.unpack_from(self._data, end)
        return Packet(name, offset, length, self._known(name)), end + _PLACE.size - self._pos
