"""What goes out: nobody who does not read costs more than a bounded buffer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from twisted.internet.task import Clock

from jimigw.ops.manhole.outlet import LIVE_BURST, LIVE_RATE, MAX_LIVE_LINES, MAX_STALL, MAX_UNREAD, Outlet
from tests.support.terminal_stub import RecordingPipe


class Ends:
    def __init__(self) -> None:
        self.clock, self.pipe = Clock(), RecordingPipe()
        self.shown: list[str] = []
        self.outlet = Outlet(self.clock, self.pipe, self._print)

    def _print(self, lines: Sequence[str]) -> None:
        self.shown += lines
        self.outlet.write("".join(f"{line}\n" for line in lines).encode())

    def live(self, *lines: str) -> bool:
        return self.outlet.live(lambda: lines)


@pytest.fixture
def ends() -> Ends:
    return Ends()


def test_live_lines_are_dropped_while_nobody_reads_and_counted_after(ends: Ends) -> None:
    assert ends.live("first")
    ends.outlet.pauseProducing()
    made: list[str] = []

    def make() -> Sequence[str]:
        made.append("x")
        return made

    for _ in range(5):
        assert not ends.outlet.live(make)
    assert made == []
    ends.outlet.resumeProducing()
    assert ends.live("last")
    told = "… 5 frames are not shown: they came faster than this connection takes them"
    assert ends.shown == ["first", told, "last"]


def test_live_lines_come_no_faster_than_people_read(ends: Ends) -> None:
    shown = sum(ends.live("x") for _ in range(10_000))
    assert shown == LIVE_BURST
    ends.clock.advance(1)
    assert ends.shown[-1] == "… 9800 frames are not shown: they came faster than this connection takes them"
    assert sum(ends.live("x") for _ in range(10_000)) == LIVE_RATE


def test_a_report_of_many_lines_is_cut(ends: Ends) -> None:
    ends.live(*map(str, range(500)))
    assert len(ends.shown) == MAX_LIVE_LINES + 1
    assert ends.shown[-1] == "  … 400 more lines of this frame are left out"


def test_answers_are_kept_up_to_a_limit_and_then_the_connection_is_cut(ends: Ends) -> None:
    ends.outlet.pauseProducing()
    ends.outlet.write(b"x" * MAX_UNREAD)
    assert ends.pipe.ended == []
    ends.outlet.write(b"x")
    assert ends.pipe.ended == ["aborted"]
    assert ends.outlet.closed == "it does not read what is sent to it"
    ends.outlet.write(b"more")
    assert not ends.live("more")
    assert len(ends.pipe.data) == MAX_UNREAD
    assert ends.clock.getDelayedCalls() == []


def test_the_count_begins_again_when_somebody_reads(ends: Ends) -> None:
    for _ in range(3):
        ends.outlet.pauseProducing()
        ends.outlet.write(b"x" * MAX_UNREAD)
        ends.outlet.resumeProducing()
    assert ends.pipe.ended == []


def test_a_full_buffer_that_stays_full_ends_the_connection(ends: Ends) -> None:
    ends.outlet.pauseProducing()
    ends.clock.advance(MAX_STALL - 1)
    assert ends.pipe.ended == []
    ends.clock.advance(1)
    assert (ends.pipe.ended, ends.outlet.closed) == (["aborted"], "it has not read anything for 60 s")


def test_the_end_waits_for_a_reader_and_not_for_ever(ends: Ends) -> None:
    ends.outlet.finish("it left")
    assert ends.pipe.ended == ["lost"]
    ends.clock.advance(MAX_STALL)
    assert ends.pipe.ended == ["lost", "aborted"]


def test_nothing_is_left_behind_when_the_connection_is_gone(ends: Ends) -> None:
    ends.outlet.pauseProducing()
    ends.live("x")
    ends.outlet.resumeProducing()
    for _ in range(1000):
        ends.live("x")
    ends.outlet.stopProducing()
    assert ends.outlet.closed == "the connection is lost"
    assert ends.clock.getDelayedCalls() == []
