"""What every byte of a Jimi frame says, for people: the frame around it, and the message within."""

from __future__ import annotations

from jimigw.wire.checks import crc_itu
from jimigw.wire.explain import Piece, explain

from .codec import read_any
from .frame import LEAST, LONG, SHORT, Frame
from .messages import BOOK

_CHAPTER = "4"
_STARTS = {SHORT: "one byte of length", LONG: "two bytes of length"}


def explain_frame(data: bytes) -> list[Piece]:
    """The pieces of a frame, true or not, from the first byte to the last. Never raises for any bytes.

    A frame whose length, stop bytes or check code are wrong is read as if it ended where ``data`` does, and says what
    would have been right. JC261/JC400 V1.3.5, chapter 4.
    """
    if len(data) < 2 or data[0] != data[1] or data[0] not in _STARTS:
        return [_raw(data, 0, len(data), "starts with neither 7878 nor 7979: no frame")]
    mark = data[0]
    head = 3 if mark == SHORT else 4
    pieces = [Piece(0, 2, "start", mark, data[:2].hex(), meaning=_STARTS[mark], chapter=f"{_CHAPTER}.1")]
    if len(data) < head + LEAST + 2:
        few = f"{len(data)} bytes are too few for a frame, the smallest has {head + LEAST + 2}"
        return [*pieces, _raw(data, 2, len(data), few)]
    end = len(data) - 6
    frame = Frame(mark, data[head], int.from_bytes(data[end : end + 2], "big"), data, head + 1, end, 0)
    packet = read_any(frame)
    pieces.append(_length(data, head))
    title = "unknown here" if packet.layout is None else packet.layout.__wire__.title
    pieces.append(Piece(head, head + 1, "msg_id", frame.protocol, f"{BOOK.name(frame.protocol)}: {title}",
                        meaning="protocol number", chapter=f"{_CHAPTER}.3"))  # fmt: skip
    if packet.layout is not None:
        pieces += explain(packet.layout, data, frame.start, end)
    elif frame.start < end:
        pieces.append(Piece(frame.start, end, "data", frame.content, frame.content.hex(" "),
                            meaning="information content, kept raw", chapter=f"{_CHAPTER}.4"))  # fmt: skip
    return [*pieces, *_tail(data, frame)]


def _raw(data: bytes, start: int, end: int, problem: str) -> Piece:
    return Piece(start, end, "unread", data[start:end], data[start:end].hex(" "), problem=problem)


def _length(data: bytes, head: int) -> Piece:
    length, right = int.from_bytes(data[2:head], "big"), len(data) - head - 2
    problem = "" if length == right else f"false: {right} bytes lie between the length and the stop bytes"
    return Piece(2, head, "len", length, f"{length}, {'false' if problem else 'true'}",
                 meaning="packet length, protocol number to check code", chapter=f"{_CHAPTER}.2",
                 problem=problem)  # fmt: skip


def _tail(data: bytes, frame: Frame) -> list[Piece]:
    """Serial number, check code and stop bytes."""
    end = frame.end
    code, right = data[end + 2 : end + 4].hex(), f"{crc_itu(data[2 : end + 2]):04x}"
    stop = data[end + 4 :].hex()
    return [
        Piece(end, end + 2, "msg_sn", frame.serial, str(frame.serial), meaning="serial number",
              chapter=f"{_CHAPTER}.5"),
        Piece(end + 2, end + 4, "check", code, f"{code}, {'true' if code == right else 'false'}",
              meaning="CRC-ITU of length to serial number", chapter=f"{_CHAPTER}.6",
              problem="" if code == right else f"false: {right} is right"),
        Piece(end + 4, end + 6, "stop", stop, f"{stop}, {'true' if stop == '0d0a' else 'false'}", meaning="stop bytes",
              chapter=f"{_CHAPTER}.7", problem="" if stop == "0d0a" else "false: 0d0a is right"),
    ]  # fmt: skip
