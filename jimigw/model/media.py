"""A picture, clip or other file of a terminal, and its life; what announced it, and what it belongs to.

    ANNOUNCED ──asked for──▶ ASKED ──its bytes come──▶ ARRIVING ──safe──▶ STORED ──retention, people──▶ DELETED
        │                      │  ▲                       │
        │                      │  └──broke off────────────┤
        ├──nobody asks, never came──▶ MISSING             │
        └──the terminal refuses, or it cannot be had──▶ FAILED

An announced file may come at any time, also when it was given up: from MISSING and FAILED it still becomes ARRIVING or
STORED. What nobody announced begins with ARRIVING or STORED. What is not in :data:`MOVES` cannot happen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs

from .report import Position


class MediaState(StrEnum):
    """Where a file is."""

    ANNOUNCED = "announced"
    ASKED = "asked"
    ARRIVING = "arriving"
    STORED = "stored"
    FAILED = "failed"
    MISSING = "missing"
    DELETED = "deleted"


WAITED_FOR = frozenset({MediaState.ANNOUNCED, MediaState.ASKED, MediaState.ARRIVING})
"""States of files that are still expected."""

ABSENT = frozenset({MediaState.FAILED, MediaState.MISSING})
"""States of files that were given up, and may be asked for again."""

_S = MediaState
MOVES: Mapping[MediaState, frozenset[MediaState]] = {
    _S.ANNOUNCED: frozenset({_S.ASKED, _S.ARRIVING, _S.STORED, _S.FAILED, _S.MISSING}),
    _S.ASKED: frozenset({_S.ASKED, _S.ARRIVING, _S.STORED, _S.FAILED, _S.MISSING}),
    _S.ARRIVING: frozenset({_S.ANNOUNCED, _S.ASKED, _S.STORED, _S.FAILED, _S.MISSING}),
    _S.STORED: frozenset({_S.DELETED}),
    _S.FAILED: frozenset({_S.ASKED, _S.ARRIVING, _S.STORED}),
    _S.MISSING: frozenset({_S.ASKED, _S.ARRIVING, _S.STORED}),
    _S.DELETED: frozenset({_S.ASKED, _S.ARRIVING, _S.STORED}),
}
"""Which state may follow which."""


class WrongMediaMove(Exception):
    """A file was to go from one state to another that cannot follow it."""


class Source(StrEnum):
    """How a file is known. ``EVENT``: announced by an alarm (0x95, or its name says so). ``COMMAND``: a command asked
    for it. ``RECORDING``: a block of the continuous recording. ``JT808``: 0x0801. ``ATTACHMENT``: T/JSATL12. ``FTP``:
    0x9206 and 0x1206, its content lies on a server of somebody else. ``UNASKED``: it came, and nobody knows why."""

    EVENT = "event"
    COMMAND = "command"
    RECORDING = "recording"
    JT808 = "jt808"
    ATTACHMENT = "attachment"
    FTP = "ftp"
    UNASKED = "unasked"


class Tie(StrEnum):
    """By what a file was found to belong to its alarm or command: its exact name, the server flag in its name, event
    and time window, the identity that the terminal gave (JT/T 808), or nothing."""

    NONE = ""
    NAME = "name"
    FLAG = "flag"
    WINDOW = "window"
    IDENTITY = "identity"


KINDS = ("picture", "video", "audio", "text", "other")
"""What a file holds."""


@attrs.define(eq=False)
class Media:
    """One file. Times are seconds since 1970, 0 for not (yet) known.

    ``id`` is given by the store when it is first saved (0 until then). ``name`` is what the terminal calls it: with
    ``device`` and ``variant`` it is unique; None while only a time and a camera are known. ``alias`` is the name under
    which it came at last, where another file of the same time took its place (a clip that was cut for it). ``variant``
    counts other contents that came under the same name, from 0. ``camera``: of Jimi 1 is the road, 2 the cabin; of
    JT/T 808 the logical channel. ``event`` is the number at the end of a Jimi name, ``flag`` the eight digits in it.
    ``taken`` is when it begins, UTC, ``seconds`` how long it is where that is known. ``alarm`` is the id of a
    :class:`MediaAlarm`, ``command`` that of the last command that asked for it, ``tie`` by what it was tied to either.
    ``attempts`` counts what was tried to get it, ``step`` is the rung of the ladder that was tried last. ``why`` says
    in words how it came to its state. ``key`` is where the vault has it, "" where it has not. ``place`` is an address
    where somebody else has it (FTP). ``details`` is what else the terminal told with it. ``told``: its last end
    (stored, missing, failed) is in the journal.
    """

    device: str
    name: str | None = None
    id: int = 0
    alias: str | None = None
    variant: int = 0
    kind: str = "other"
    source: Source = Source.UNASKED
    state: MediaState = MediaState.ANNOUNCED
    why: str = ""
    camera: int | None = None
    event: int | None = None
    flag: int | None = None
    taken: float = 0.0
    seconds: float | None = None
    alarm: int | None = None
    command: int | None = None
    tie: Tie = Tie.NONE
    announced: float = 0.0
    asked: float = 0.0
    stored: float = 0.0
    attempts: int = 0
    step: str = ""
    size: int = 0
    md5: str = ""
    mime: str = ""
    key: str = ""
    place: str = ""
    protected: bool = False
    told: bool = True
    details: Mapping[str, Any] = attrs.field(factory=dict)

    def move(self, state: MediaState, why: str = "") -> None:
        """Go to another state, for this reason. :class:`WrongMediaMove` where it cannot follow."""
        if state not in MOVES[self.state]:
            raise WrongMediaMove(f"the file {self.name or self.id} is {self.state} and cannot become {state}")
        self.state, self.why = state, why

    @property
    def waited_for(self) -> bool:
        """Whether it is still expected."""
        return self.state in WAITED_FOR


@attrs.define(eq=False)
class MediaAlarm:
    """An alarm that has files, or asks for them. Times are seconds since 1970.

    ``record`` is the id of its record in the journal. ``code`` and ``name`` are those of the alarm in that record.
    ``identity`` is the terminal's own for it: of T/JSATL12 its bytes as hex, of Jimi's 0xE8 the label as hex, of 0x95
    "". ``number`` is the number (32 characters) under which the platform asks a JT/T 808 terminal for attachments,
    ``request`` what that message has to say of the alarm. ``expected`` is how many files it has, ``complete`` when the
    last of them was stored, 0 while it was not.
    """

    device: str
    record: int
    time: float
    id: int = 0
    protocol: str = "jimi"
    code: int | None = None
    name: str | None = None
    identity: str = ""
    number: str = ""
    request: Mapping[str, Any] = attrs.field(factory=dict)
    expected: int = 0
    complete: float = 0.0
    told: bool = True
    position: Position | None = None


@attrs.frozen
class MediaQuery:
    """Which files are wanted: all conditions have to hold, None and "" are none. ``name`` is its name or its alias.
    ``since`` and ``until`` (exclusive) are of ``taken``, or of ``announced`` or ``stored`` where that is not known. The
    newest ids come first, below ``before``; ``limit`` is 1 to 1,000."""

    device: str | None = None
    name: str | None = None
    states: frozenset[MediaState] | None = None
    kind: str | None = None
    source: Source | None = None
    camera: int | None = None
    alarm: int | None = None
    command: int | None = None
    flag: int | None = None
    protected: bool | None = None
    since: float | None = None
    until: float | None = None
    before: int | None = None
    limit: int = 100


@attrs.frozen
class Playlist:
    """The list of recordings on a terminal's card, as it sent it last (6.2). ``names`` are as they came, without
    repeats, in the order of their time; ``digest`` tells two lists apart."""

    device: str
    received: float
    digest: str
    names: Sequence[str]


@attrs.define(eq=False)
class MediaRule:
    """What holds for the files of one terminal: ``budget`` bytes a month that may be asked for (None: the config's, 0:
    none at all), ``fetch`` whether what is missing is asked for by itself (None: as the config says), ``zone`` minutes
    east of UTC of its file names, as learned from them (None: not yet)."""

    device: str
    budget: int | None = None
    fetch: bool | None = None
    zone: int | None = None


@attrs.frozen
class Usage:
    """Bytes that a terminal sent in a month (``YYYY-MM``, UTC): in all, and of files that were asked for."""

    device: str
    month: str
    files: int = 0
    received: int = 0
    asked: int = 0
