"""What an attachment connection comes to, what it may do, and what is counted of it; see :mod:`.attachments`."""

from __future__ import annotations

import attrs

from ..events import Close, Send


@attrs.frozen
class Settings:
    """What one connection may do. ``max_files``: files that are listed and not complete; ``max_packet``: the longest
    packet of data that is passed over; ``max_stretches``: pieces of a file that lie apart; ``max_vain``: how often in a
    row a file is asked for and nothing new comes."""

    max_frame: int = 4096
    max_junk: int = 1 << 17
    max_files: int = 1024
    max_packet: int = 1 << 20
    max_stretches: int = 4096
    max_vain: int = 5


@attrs.define
class Counters:
    """What became of what a terminal sent: ``beyond`` are packets that reach beyond their file, ``passed`` bytes of
    data that nobody wanted, ``unlisted`` messages about files that no list has."""

    frames: int = 0
    dropped: int = 0
    junk: int = 0
    unreadable: int = 0
    strangers: int = 0
    unlisted: int = 0
    packets: int = 0
    beyond: int = 0
    passed: int = 0


@attrs.frozen
class Question:
    """The message that an event comes from, for its answer: its id, and the serial numbers that the answer quotes."""

    msg_id: int
    serials: tuple[int, ...]


# -- events -------------------------------------------------------------------------------------------------------


@attrs.frozen
class Listed:
    """A list of files (0x1210). ``phone`` is who the header says the terminal is, ``identity`` that of the alarm as
    hex, ``number`` the platform's for the alarm, ``kind`` 1 after a break: what is still missing. A name that is no
    text has ``\\xNN`` in it."""

    phone: str
    identity: str
    number: str
    files: tuple[tuple[str, int], ...]
    kind: int
    question: Question


@attrs.frozen
class FileBegins:
    """A file begins. ``type``: 0 picture, 1 audio, 2 video, 3 text, 4 other; None where only the list told of it.
    ``fresh``: nothing that came of it before is of use. ``question`` is None where no message said it."""

    phone: str
    name: str
    type: int | None
    size: int
    number: str
    fresh: bool = True
    question: Question | None = None


@attrs.frozen
class Piece:
    """Some bytes of a file, within its size."""

    name: str
    offset: int
    data: bytes


@attrs.frozen
class FileEnds:
    """The terminal has sent all of a file. ``missing`` are offset and length of what has not come, as many as one
    answer has room for; ``hopeless``: it was asked for that often enough."""

    phone: str
    name: str
    type: int
    size: int
    number: str
    missing: tuple[tuple[int, int], ...]
    hopeless: bool
    question: Question


Event = Listed | FileBegins | Piece | FileEnds | Send | Close
