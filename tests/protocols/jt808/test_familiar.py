"""The short cut for location reports gives what the declared tables give, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jimigw.model.record import record_json
from jimigw.model.report import Report
from jimigw.protocols.events import Send
from jimigw.protocols.jt808.dialect import DIALECTS, Dialect
from jimigw.protocols.jt808.familiar import LOCATION
from jimigw.protocols.jt808.frame import build, frames_of
from jimigw.protocols.jt808.header import Addressing
from jimigw.protocols.jt808.messages.location import LocationReport, LocationReport2019
from jimigw.protocols.jt808.replies import REPLIES
from jimigw.protocols.jt808.session import Session, Settings
from jimigw.wire.kinds import Nested
from tests.support.strategies import value_of

from . import strategies
from .test_session import ALL, NOW, OpenDoor
from .vectors import load

assert strategies.KINDS

PHONES = {2013: bytes.fromhex("013912345678"), 2019: bytes.fromhex("00000000013912345678")}
CASES = [(edition, dialect) for edition in ALL for dialect in DIALECTS]
FIXED = bytes.fromhex("000000000000000302571234068a4321001402580059") + bytes.fromhex("261118190640")
#: mileage, signal strength, satellites
USUAL = bytes.fromhex("010400001234300118310109")


class Pair:
    """Two sessions with one terminal of an edition that is in: one takes the short cut, one never does."""

    def __init__(self, edition: int, dialect: Dialect) -> None:
        form = 2019 if edition == 2019 else 2013
        self.to = Addressing(form, PHONES[form])
        self.serial = 0
        self.short, self.long = (Session(OpenDoor(), Settings(dialect=dialect)) for _ in range(2))
        for session in (self.short, self.long):
            (talk,) = self._met(session, build(self.to, 0x0002, b"", 0))
            talk.edition, talk.inside = edition if edition == 2011 else None, True

    def _met(self, session: Session, frame: bytes) -> Any:
        session.receive(frame, NOW)
        return session._talks.values()

    def same(self, body: bytes, **properties: Any) -> list[Any]:
        """What a location with this body gives, the same in both ways, at first and again."""
        for _ in range(2):
            self.serial += 1
            frame = build(self.to, LOCATION, body, self.serial, **properties)
            found = self.send(frame)
        return found

    def send(self, data: bytes) -> list[Any]:
        """What follows from these bytes, the same in both ways."""
        (talk,) = self.long._talks.values()
        talk.forms.clear()
        (quick,) = self.short._talks.values()
        found = [plain(session.receive(data, NOW)) for session in (self.short, self.long)]
        assert found[0] == found[1]
        assert self.short.counters == self.long.counters
        assert (self.short.junk, self.short.dropped) == (self.long.junk, self.long.dropped)
        assert (quick.serial, quick.encrypted) == (talk.serial, talk.encrypted)
        return found[0]


def plain(events: list[Any]) -> list[Any]:
    """Events as values that compare; a report with the record that is stored of it."""
    return [
        (record_json(event.identity, event), event.raw, event.answer, event.kind, event.identity, event.received)
        if isinstance(event, Report)
        else event
        for event in events
    ]


@pytest.mark.parametrize(("edition", "dialect"), CASES)
def test_all_vectors(edition: int, dialect: Dialect) -> None:
    pair = Pair(edition, dialect)
    bodies = {
        frame.body  # type: ignore[union-attr]
        for name in ("jt808", "jt808-bodies", "jt808-tolerance")
        for vector in load(name)
        if vector["msg_id"] == "0x0200"
        for frame in frames_of(bytes.fromhex(vector["hex"]), 1 << 16)
    }
    assert len(bodies) > 10
    for body in sorted(bodies):
        pair.same(body)
        for end in range(len(body)):
            pair.same(body[:end])


@pytest.mark.parametrize(("edition", "dialect"), CASES)
@given(data=st.data())
def test_any_location(edition: int, dialect: Dialect, data: st.DataObject) -> None:
    pair = Pair(edition, dialect)
    layout: Any = LocationReport2019 if edition == 2019 else LocationReport
    for _ in range(2):
        body = value_of(Nested(layout), data.draw, None).encode()
        pair.same(body)
        pair.same(body[: data.draw(st.integers(0, len(body)))])
        pair.same(body, encrypt=data.draw(st.integers(0, 7)))


@pytest.mark.parametrize(("edition", "dialect"), CASES)
@given(
    first=st.binary(min_size=28, max_size=28),
    items=st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=12)), max_size=6),
    tail=st.binary(max_size=4),
)
@example(first=FIXED, items=[], tail=b"")
@example(first=b"~}" * 14, items=[(1, b"~}~}"), (0x31, b"}")], tail=b"")
@example(first=FIXED, items=[(1, bytes(3)), (0x31, bytes(2))], tail=b"")
@example(first=FIXED, items=[(1, bytes(4)), (1, bytes(4))], tail=b"")
@example(first=FIXED, items=[(0x64, bytes(47)), (1, bytes(4))], tail=b"")
@example(first=FIXED, items=[(0xE0, b"x"), (0xE1, b"yy"), (0x25, bytes(4))], tail=b"\x01")
def test_any_items(edition: int, dialect: Dialect, first: bytes, items: list[tuple[int, bytes]], tail: bytes) -> None:
    body = first + b"".join(bytes((identity, len(value))) + value for identity, value in items) + tail
    Pair(edition, dialect).same(body)


@pytest.mark.parametrize("edition", ALL)
@given(at=st.integers(0, 60), value=st.integers(0, 255))
def test_any_byte_changed(edition: int, at: int, value: int) -> None:
    """A frame that is familiar but for one byte: a wrong check code, another item, another length, another terminal."""
    pair = Pair(edition, "document")
    pair.same(FIXED + USUAL)
    frame = bytearray(build(pair.to, LOCATION, FIXED + USUAL, 9))
    frame[at % len(frame)] = value
    for session in (pair.short, pair.long):
        session.receive(b"~", NOW)
    found = [plain(session.receive(bytes(frame) + b"~", NOW)) for session in (pair.short, pair.long)]
    assert found[0] == found[1]


@pytest.mark.parametrize("edition", ALL)
def test_the_usual_report_takes_the_short_cut(edition: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair(edition, "document")
    for body in (FIXED, FIXED + USUAL, FIXED[:3] + b"\x01" + FIXED[4:]):
        pair.same(body)
    monkeypatch.setattr(Session, "_frame", None)
    (report,) = pair.short.receive(build(pair.to, LOCATION, FIXED + USUAL, 77), NOW)
    assert isinstance(report, Report)
    assert report.message["header"]["msg_sn"] == 77
    (report,) = pair.short.receive(build(pair.to, LOCATION, b"\0\0\0\x01" + FIXED[4:], 78), NOW)
    assert isinstance(report, Report)
    assert report.kind == "alarm"


@pytest.mark.parametrize("edition", ALL)
def test_who_is_out_is_not_familiar(edition: int) -> None:
    pair = Pair(edition, "document")
    pair.same(FIXED)
    for session in (pair.short, pair.long):
        (talk,) = session._talks.values()
        talk.inside = False
    (refusal,) = pair.send(build(pair.to, LOCATION, FIXED, 9))
    assert isinstance(refusal, Send)


def test_another_protocol_version_in_the_header_is_answered_with_it() -> None:
    pair = Pair(2019, "document")
    pair.same(FIXED + USUAL)
    for version in (2, 1, 1, 2):
        other = Addressing(2019, pair.to.phone, version)
        (report,) = pair.send(build(other, LOCATION, FIXED + USUAL, 9))
        (answer,) = frames_of(report[2])
        assert answer.header.proto_ver == version  # type: ignore[union-attr]


def test_after_an_encrypted_frame_the_answer_is_plain_again() -> None:
    pair = Pair(2013, "document")
    pair.same(FIXED)
    pair.send(build(pair.to, 0x0002, bytes(128), 9, encrypt=1))
    pair.same(FIXED)


def test_a_location_answers_no_command() -> None:
    """What the short cut relies on: no command waits for this message."""
    assert LOCATION not in REPLIES
