"""Frames of the Jimi protocol: ``78 78`` with one byte of length, ``79 79`` with two. JC261/JC400 V1.3.5, chapter 4.

There is no escape, so a start mark and even ``0D 0A`` may stand inside a frame: a frame is found by its length first,
and believed when its stop bytes and its check code are true. What is not true is skipped byte by byte, so that no true
frame that follows is ever lost.
"""

from __future__ import annotations

import re
import struct

import attrs

from jimigw.wire.checks import crc_itu

#: the start marks: 0x78 twice for one byte of length, 0x79 twice for two
SHORT, LONG = 0x78, 0x79
#: length of the smallest frame: protocol number, serial number, check code
LEAST = 5

_MARK = re.compile(rb"\x78\x78|\x79\x79|[\x78\x79]\Z")
_TAIL = struct.Struct(">HHH")  # serial number, check code, stop bytes
_ANSWER = struct.Struct(">BBH")
_STOP = 0x0D0A


@attrs.define(eq=True)
class Frame:
    """A true frame: ``data[start:end]`` is the information content, the whole frame is ``raw``."""

    mark: int
    protocol: int
    serial: int
    data: bytes
    start: int
    end: int
    head: int  # where the frame itself starts in ``data``

    @property
    def raw(self) -> bytes:
        """The bytes of the frame, start mark to stop bytes."""
        return self.data[self.head : self.end + 6]

    @property
    def content(self) -> bytes:
        """The information content."""
        return self.data[self.start : self.end]

    @property
    def length(self) -> int:
        """The packet length as the frame states it: protocol number to check code."""
        return self.end - self.start + LEAST


@attrs.define
class FrameCounters:
    """What a stream was made of."""

    frames: int = 0
    bad_crc: int = 0
    bad_stop: int = 0
    bad_length: int = 0
    given_up: int = 0
    junk_bytes: int = 0


class FrameDecoder:
    """Cuts a stream into frames.

    ``feed`` takes any slice of the stream and returns the true frames that are now complete. A header that promises
    more than has come waits for the rest until ``deadline``; :meth:`give_up` then takes it for junk and reads the
    bytes behind its mark again. Holds at most ``max_frame`` bytes plus one slice.
    """

    def __init__(self, max_frame: int = 8192, frame_timeout: float = 10.0) -> None:
        self.max_frame, self.frame_timeout = max_frame, frame_timeout
        self.counters = FrameCounters()
        #: junk since the last true frame
        self.junk = 0
        #: when the frame that is waited for has to be complete, None if none is
        self.deadline: float | None = None
        self._rest = b""
        self._fed = 0.0

    @property
    def waiting(self) -> int:
        """Bytes kept of an incomplete frame."""
        return len(self._rest)

    def feed(self, data: bytes, now: float) -> list[Frame]:
        """The true frames that ``data`` completes, in order."""
        rest = self._rest
        self._fed = now
        if rest:
            data = rest + data
        elif len(data) >= 10 and data[2] + 5 == len(data) and data.startswith(b"\x78\x78"):
            # One short frame, whole: nearly every slice is that. Anything doubtful goes the long way below.
            serial, check, stop = _TAIL.unpack_from(data, len(data) - 6)
            if stop == _STOP and crc_itu(data[2:-4]) == check and len(data) <= self.max_frame:
                self.counters.frames += 1
                self.junk = 0
                return [Frame(SHORT, data[3], serial, data, 4, len(data) - 6, 0)]
        frames: list[Frame] = []
        pos = self._scan(data, 0, frames)
        self._keep(data, pos, now, fresh=not rest or pos > 0)
        return frames

    def give_up(self, now: float) -> list[Frame]:
        """The true frames behind a header whose promise was not kept in time; none before the deadline."""
        frames: list[Frame] = []
        while self.deadline is not None and now >= self.deadline:
            data = self._rest
            self.counters.given_up += 1
            self._skip(1)
            pos = self._scan(data, 1, frames)
            # What stands behind has waited at least since the last slice came, and no longer counts from now.
            self._keep(data, pos, self._fed, fresh=True)
        return frames

    def _keep(self, data: bytes, pos: int, now: float, *, fresh: bool) -> None:
        self._rest = data[pos:] if pos < len(data) else b""
        if len(self._rest) < 2:
            self.deadline = None
        elif fresh or self.deadline is None:
            self.deadline = now + self.frame_timeout

    def _skip(self, count: int) -> None:
        self.junk += count
        self.counters.junk_bytes += count

    def _scan(self, data: bytes, pos: int, frames: list[Frame]) -> int:
        """Reads frames from ``pos`` on; the position of what has to wait for more."""
        size = len(data)
        while size - pos >= 4:
            mark = data[pos]
            if mark != data[pos + 1] or (mark != SHORT and mark != LONG):
                pos = self._next_mark(data, pos)
                continue
            if mark == SHORT:
                length, body = data[pos + 2], pos + 3
            else:
                length, body = data[pos + 2] << 8 | data[pos + 3], pos + 4
            after = body + length + 2
            if length < LEAST or after - pos > self.max_frame:
                self.counters.bad_length += 1
            elif after > size:
                return pos
            else:
                serial, check, stop = _TAIL.unpack_from(data, after - 6)
                if stop != _STOP:
                    self.counters.bad_stop += 1
                elif crc_itu(data[pos + 2 : after - 4]) != check:
                    self.counters.bad_crc += 1
                else:
                    frames.append(Frame(mark, data[body], serial, data, body + 1, after - 6, pos))
                    self.counters.frames += 1
                    self.junk = 0
                    pos = after
                    continue
            self._skip(1)
            pos += 1
        # Three bytes or fewer: all of them junk, unless a mark starts there.
        return self._next_mark(data, pos) if pos < size else pos

    def _next_mark(self, data: bytes, pos: int) -> int:
        found = _MARK.search(data, pos)
        at = found.start() if found else len(data)
        self._skip(at - pos)
        return at


def encode_frame(protocol: int, content: bytes, serial: int, mark: int = 0) -> bytes:
    """A frame. ``mark`` 0 takes the short form where the content fits; :class:`ValueError` where it fits in neither."""
    length = len(content) + LEAST
    if mark == SHORT or (mark == 0 and length <= 0xFF):
        if length > 0xFF:
            raise ValueError(f"{len(content)} bytes of content do not fit a 0x7878 frame, at most 250 do")
        head, core = b"\x78\x78", bytes((length, protocol))
    else:
        if length > 0xFFFF:
            raise ValueError(f"{len(content)} bytes of content do not fit a 0x7979 frame, at most 65530 do")
        head, core = b"\x79\x79", bytes((length >> 8, length & 0xFF, protocol))
    core += content + serial.to_bytes(2, "big")
    return head + core + crc_itu(core).to_bytes(2, "big") + b"\r\n"


def answer_frame(protocol: int, serial: int) -> bytes:
    """The answer of the server: the terminal's protocol number and serial number, no content, the short mark."""
    core = _ANSWER.pack(5, protocol, serial)
    return b"\x78\x78" + core + crc_itu(core).to_bytes(2, "big") + b"\r\n"
