"""The long messages of one terminal, from their first part until they are stored: what each part gets for an answer.

:mod:`.fragments` puts the parts together; here it is decided what the terminal is told of them. A part is acknowledged
as it comes, which is no promise, but never the last one alone: a terminal that has all parts acknowledged forgets the
message, also if the others went over a connection that is gone. That one waits for the commit. JT/T 808-2019, 4.4.3, 7.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Any

import attrs

from jimigw.model.report import Report, Ticket

from .fragments import Assembled, Budget, Missing, Part, Reassembly
from .header import Header
from .versions import V2011

MEDIA = 0x0801

#: complete messages that are kept in mind: a repeat of a part of one is answered once it is stored
_WHOLES = 4
#: seconds after which a complete message that is not stored is reported once more, when the terminal repeats it
_STORED_WITHIN = 3.0


class Reply(Enum):
    """What a part gets that completes nothing."""

    NONE = "no answer"
    SUCCESS = "the general answer, success"
    FAILURE = "the general answer, failure"


@attrs.define(eq=False)
class Whole(Ticket):
    """A long message that is complete: its parts, its answer, and when it was reported.

    Its body is kept, within the terminal's room, until it is stored: the terminal has every part but the last
    acknowledged, and would repeat that one only.
    """

    parts: Assembled = attrs.field(kw_only=True)
    room: Reassembly = attrs.field(kw_only=True)
    answer: bytes = b""
    when: float = 0.0
    kept: bool = False

    @classmethod
    def of(cls, parts: Assembled, room: Reassembly) -> Whole:
        """The message; its body stays until it is stored, if there is room for it."""
        whole = cls(parts=parts, room=room)
        whole.kept = room.hold(len(parts.body))
        return whole

    def reported(self, report: Report, now: float) -> None:
        """It is on its way to the journal, which settles it."""
        report.ticket = self
        self.answer, self.when = report.answer or b"", now
        if not self.kept:
            self.parts = attrs.evolve(self.parts, body=b"")

    def settle(self) -> None:
        """It is stored: its body is needed no more."""
        super().settle()
        self.let_go()

    def let_go(self) -> None:
        """Give the room of the body back."""
        if self.kept:
            self.kept = False
            self.room.release(len(self.parts.body))
            self.parts = attrs.evolve(self.parts, body=b"")


class LongMessages:
    """See the module; :meth:`clear` when the terminal is gone."""

    __slots__ = ("_wholes", "parts")

    def __init__(self, budget: Budget) -> None:
        self.parts = Reassembly(budget)
        self._wholes: deque[Whole] = deque()

    @property
    def deadline(self) -> float | None:
        """When something is due, None if nothing is."""
        return self.parts.deadline

    def add(self, header: Header, body: bytes, now: float) -> Whole | Reply | bytes:
        """Take a part: a message that is to be reported, or the answer to the part, bytes where it is not the general
        one."""
        found = self.parts.add(header, body, now)
        if isinstance(found, Assembled):
            whole = Whole.of(found, self.parts)
            if len(self._wholes) == _WHOLES:
                self._wholes.popleft().let_go()
            self._wholes.append(whole)
            return whole
        if found is Part.FINISHED:
            return self._again(header, now)
        # A part that was refused is not acknowledged: the terminal may send it again when there is room.
        last = header.frag_sn == header.frag_total
        return Reply.NONE if found is Part.REFUSED or last else Reply.SUCCESS

    def _again(self, header: Header, now: float) -> Whole | Reply | bytes:
        """A part of a message that is complete: its answer was lost, or is not given yet."""
        whole = self._became(header)
        if whole is None:
            return Reply.NONE
        if whole.stored:
            return whole.answer if header.msg_id == MEDIA else Reply.SUCCESS
        if now - whole.when <= _STORED_WITHIN:
            return Reply.NONE
        if whole.kept:
            return whole  # it could not be stored: try again, with the body as it was
        # There was no room to keep it either: the terminal is told, and may send all of it again.
        self.parts.lost(whole.parts)
        return Reply.FAILURE

    def _became(self, header: Header) -> Whole | None:
        """The complete message that this part belongs to."""
        for whole in reversed(self._wholes):
            if whole.parts.header.msg_id == header.msg_id and header.msg_sn in whole.parts.serials:
                return whole
        return None

    def forget(self, whole: Whole) -> None:
        """This message was answered at once, and is not stored: whoever repeats it sends all of it again."""
        self.parts.lost(whole.parts)
        self._wholes.remove(whole)
        whole.let_go()

    def clear(self) -> None:
        """Give back all that is kept."""
        for whole in self._wholes:
            whole.let_go()
        self._wholes.clear()
        self.parts.clear()


def request(missing: Missing, version: int) -> tuple[int, dict[str, Any]]:
    """The message that asks for missing parts: its id and its body."""
    if missing.msg_id == MEDIA and len(missing.head) >= 4:
        # Multimedia has an answer of its own for this, by the id that its first part begins with.
        body = {"mm_id": int.from_bytes(missing.head[:4], "big"), "retx_ids": missing.indices}
        return 0x8800, body | ({"seq": missing.first_sn} if version == V2011 else {})
    return 0x8003, {"seq": missing.first_sn, "ids": missing.indices}
