"""Parts of long messages, for the tests of what is put together and of its limits."""

from __future__ import annotations

from jimigw.protocols.jt808.fragments import Assembled, Budget, Limits, Part, Reassembly
from jimigw.protocols.jt808.frame import build
from jimigw.protocols.jt808.header import Addressing, Header
from tests.protocols.jt808.vectors import frame_of

TO = Addressing(2013, bytes.fromhex("013912345678"))
TO_2019 = Addressing(2019, bytes.fromhex("00000000013912345678"))
KEPT, REPEATED, FINISHED, REFUSED = Part.KEPT, Part.REPEATED, Part.FINISHED, Part.REFUSED
A, B, C = b"first part", b"second", b""


def header(index: int, total: int, serial: int, msg_id: int = 0x0900, to: Addressing = TO) -> Header:
    """The header of one part."""
    return frame_of(build(to, msg_id, b"", serial & 0xFFFF, part=(total, index)).hex()).header


def fresh(limits: Limits | None = None, budget: Budget | None = None) -> Reassembly:
    """A terminal that has sent nothing."""
    return Reassembly(budget or Budget(), limits)


def told(result: Assembled | Part) -> bytes | Part:
    """The body, or what became of the part."""
    return result.body if isinstance(result, Assembled) else result
