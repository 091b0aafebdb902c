"""What the terminals got and what they answered, by their own account.

The key of a command is what its terminal can know it by: the server flag of the Jimi protocol (``flag 17``), the number
that stands in its text or body (``number 5``), or, for a query that has neither, its place among all that came
(``query 3``), which the answer tells.
"""

from __future__ import annotations

from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import attrs

from jimigw.protocols.jimi.frame import FrameDecoder
from jimigw.protocols.jimi.messages import Command
from jimigw.protocols.jt808.codec import Packet, decode_frame
from jimigw.protocols.jt808.frame import Frame, frames_of

COMMAND = 0x80
QUERY, QUERY_SOME, WORDS, TRANSPARENT = 0x8104, 0x8106, 0x8300, 0x8900
_LONGEST = 65_541


@attrs.define
class Receipt:
    """A command that came to a terminal: when, on which of its connections, and the serial number of the frame."""

    device: str
    key: str
    at: float
    link: int
    serial: int


@attrs.define
class Answer:
    """What a terminal said to a command: its words, or the serial number that a general answer quotes."""

    device: str
    key: str
    at: float
    said: str | int
    how: str


@attrs.define
class Diary:
    """All that the terminals of a run noted. ``busy`` counts by key."""

    receipts: list[Receipt] = attrs.field(factory=list)
    answers: list[Answer] = attrs.field(factory=list)
    busy: dict[str, int] = attrs.field(factory=lambda: defaultdict(int))
    #: how often each trick was played
    tricks: dict[str, int] = attrs.field(factory=lambda: defaultdict(int))
    connections: int = 0
    queries: int = 0


def flag_key(flag: int) -> str:
    """The key of a command of the Jimi protocol."""
    return f"flag {flag}"


def number_key(number: int | str) -> str:
    """The key of a command with a number in it."""
    return f"number {number}"


def key_of(packet: Packet) -> str | None:
    """The key of a command over JT/T 808 that has a number in it; None for others, and for what is no command."""
    msg_id = packet.header.msg_id
    if msg_id not in (QUERY_SOME, WORDS, TRANSPARENT) or packet.body is None:
        return None
    body = packet.to_json()["body"]
    if msg_id == QUERY_SOME:
        return number_key(body["ids"][0])
    if msg_id == WORDS:
        return number_key(body["text"].rpartition(" ")[2])
    return number_key(b64decode(body["data"]).decode("ascii").rpartition("/")[2])


def sendings(log: Path) -> Iterator[tuple[float, str, str]]:
    """Time, terminal and key of each command in the driver's log of what it handed to connections."""
    with log.open(encoding="ascii") as lines:
        for line in lines:
            if not line.endswith("\n"):
                return  # cut off by the kill
            at, device, data = line.split()
            for key in _keys(bytes.fromhex(data)):
                yield float(at), device, key


def _keys(data: bytes) -> Iterator[str]:
    if data[:1] == b"~":
        for piece in frames_of(data, _LONGEST):
            key = key_of(decode_frame(piece)) if isinstance(piece, Frame) else None
            if key is not None:
                yield key
        return
    for frame in FrameDecoder(_LONGEST).feed(data, 0.0):
        # The platform's answers are empty frames, the time has six bytes and another number.
        if frame.protocol == COMMAND:
            yield flag_key(Command.decode(frame.data, frame.start, frame.end).server_flag)
