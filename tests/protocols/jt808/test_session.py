"""The conversation with JT/T 808 terminals as tables: what comes in and what follows from it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from jimigw.model.report import Report
from jimigw.protocols.events import Ask, Close, CommandEnded, Event, LoggedIn, LoggedOut, Send
from jimigw.protocols.jt808.codec import decode_frame, encode_json
from jimigw.protocols.jt808.fragments import Budget
from jimigw.protocols.jt808.frame import Frame, build, frames_of
from jimigw.protocols.jt808.messages.general import PlatformResponse
from jimigw.protocols.jt808.rsa import PlatformKey, TerminalKey
from jimigw.protocols.jt808.session import Session, Settings
from jimigw.wire.errors import EncodeError
from tests.support.jt808 import LOCATION, REGISTRATION

NOW = 1_795_000_000.0
PHONES = {2011: "013912345678", 2013: "013912345678", 2019: "00000000013912345678"}
IDENTITY = "13912345678"
ALL = [2011, 2013, 2019]


class OpenDoor:
    """Knows everyone but ``stranger``; the code of a terminal says who it is."""

    stranger = "13900000000"

    def register(self, identity: str, body: dict[str, Any], phone: str) -> tuple[int, str]:
        return (4, "") if identity == self.stranger else (0, f"code of {identity}")

    def authenticate(self, identity: str, code: str, phone: str) -> bool:
        return code == f"code of {identity}"


class Line:
    """A session, and a terminal of one edition at the other end."""

    def __init__(self, edition: int = 2013, session: Session | None = None, phone: str = "") -> None:
        self.edition, self.phone = edition, phone or PHONES[edition]
        self.session = session or Session(OpenDoor())
        self.serial = 0

    def frames(self, msg_id: int, body: dict[str, Any], serial: int | None = None, size: int = 1023) -> list[bytes]:
        self.serial = self.serial + 1 if serial is None else serial
        header = {"msg_id": msg_id, "phone": self.phone, "msg_sn": self.serial, "version": self.edition}
        return encode_json({"header": header, "body": body}, size=size)

    def send(self, msg_id: int, body: dict[str, Any] | None = None, now: float = NOW) -> list[Event]:
        events: list[Event] = []
        for frame in self.frames(msg_id, body or {}):
            events += self.session.receive(frame, now)
        return events

    def enter(self) -> None:
        self.send(0x0100, REGISTRATION)
        code: dict[str, Any] = {"code": f"code of {self.phone.lstrip('0')}"}
        if self.edition == 2019:
            code |= {"imei": "863000000000001", "sw_version": "V1"}
        assert any(isinstance(event, LoggedIn) for event in self.send(0x0102, code))


def said(events: list[Event]) -> list[str]:
    """Events in a word each: messages to the terminal with what they answer, records with their answer."""
    words = []
    for event in events:
        if isinstance(event, Send):
            words += [f"send {word}" for word in told(event.data)]
        elif isinstance(event, LoggedIn):
            words.append(f"in {event.identity}")
        elif isinstance(event, LoggedOut):
            words.append(f"out {event.identity}")
        elif isinstance(event, Ask):
            words.append(f"ask {event.identity} {event.question}")
        elif isinstance(event, Close):
            words.append(f"close: {event.reason}")
        elif isinstance(event, CommandEnded):
            words.append(f"ended {event.tag}")
        else:
            words.append(f"{event.kind} {' '.join(told(event.answer or b'')) or '-'}")
    return words


def told(data: bytes) -> list[str]:
    words = []
    for frame in frames_of(data, 1 << 16):
        assert isinstance(frame, Frame)
        body: Any = decode_frame(frame).to_json()["body"]
        about = f"{body['id']:04x}/{body['seq']}={body['result']}" if "id" in body else str(body)
        words.append(f"{frame.header.msg_id:04x} {about}")
    return words


@pytest.mark.parametrize("edition", ALL)
def test_register_authenticate_report(edition: int) -> None:
    line = Line(edition)
    (answer,) = line.send(0x0100, REGISTRATION)
    assert isinstance(answer, Send)
    (frame,) = frames_of(answer.data)
    assert isinstance(frame, Frame)
    assert frame.header.phone == bytes.fromhex(line.phone)
    assert frame.header.version == (2019 if edition == 2019 else 2013)
    code = {"code": f"code of {IDENTITY}"} | ({"imei": "863000000000001"} if edition == 2019 else {})
    assert said(line.send(0x0102, code)) == ["send 8001 0102/2=0", f"in {IDENTITY}", "login -"]
    assert said(line.send(0x0002)) == ["send 8001 0002/3=0", "heartbeat -"]
    assert said(line.send(0x0200, LOCATION)) == ["position 8001 0200/4=0"]
    assert said(line.send(0x0200, LOCATION | {"alarm": 1})) == ["alarm 8001 0200/5=0"]
    assert said(line.send(0x0003)) == ["send 8001 0003/6=0", "status -", f"out {IDENTITY}"]
    assert said(line.send(0x0200, LOCATION)) == ["send 8001 0200/7=1"]


def test_the_code_is_in_no_record() -> None:
    line = Line()
    events = line.send(0x0102, {"code": f"code of {IDENTITY}"})
    (login,) = [event for event in events if isinstance(event, LoggedIn)]
    assert login.report.message["body"] == {}
    assert login.report.raw == b""


@pytest.mark.parametrize(
    ("msg_id", "body", "follows"),
    [
        (0x0002, {}, ["send 8001 0002/1=1"]),
        (0x0200, LOCATION, ["send 8001 0200/1=1"]),
        (0x0102, {"code": "wrong"}, ["send 8001 0102/1=1"]),
        (0x0001, {"seq": 1, "id": 2, "result": 0}, []),
    ],
)
def test_before_authentication_nothing_goes_further(msg_id: int, body: dict[str, Any], follows: list[str]) -> None:
    assert said(Line().send(msg_id, body)) == follows


def test_a_stranger_is_told_so() -> None:
    line = Line(phone="013900000000")
    assert said(line.send(0x0100, REGISTRATION)) == ["send 8100 {'seq': 1, 'result': 4}"]


def test_registering_again_is_harmless() -> None:
    line = Line()
    first, again = line.send(0x0100, REGISTRATION), line.send(0x0100, REGISTRATION)
    assert f"code of {IDENTITY}" in said(first)[0]
    assert f"code of {IDENTITY}" in said(again)[0]


def test_a_terminal_of_2011_is_one_again_on_its_next_connection() -> None:
    line = Line(2011)
    (answer,) = line.send(0x0100, REGISTRATION)
    assert isinstance(answer, Send)
    code = decode_frame(decode_frame_of(answer.data), edition=2011).to_json()["body"]["auth_code"]
    again = Line(2011)
    assert any(isinstance(event, LoggedIn) for event in again.send(0x0102, {"code": code}))
    picture = {
        "id": 7,
        "type": 0,
        "format": 0,
        "event": 0,
        "channel": 1,
        "packets": 1,
        "packet": 1,
        "multimedia": "AA==",
    }
    (report,) = again.send(0x0801, picture)
    assert isinstance(report, Report)
    acknowledged = decode_frame(decode_frame_of(report.answer or b""), edition=2011).to_json()
    assert acknowledged["body"] == {"seq": 2, "mm_id": 7}


def test_the_server_time_is_utc() -> None:
    line = Line(2019)
    line.enter()
    assert said(line.send(0x0004)) == [
        "send 8004 {'year': 2026, 'month': 11, 'day': 18, 'hour': 11, 'minute': 6, 'second': 40}",
        "status -",
    ]


@pytest.mark.parametrize(
    ("msg_id", "body", "follows"),
    [
        (0x0001, {"seq": 9, "id": 0x8103, "result": 0}, ["command_result -"]),
        (0x0104, {"seq": 9, "params": []}, ["command_result -"]),
        (0x0900, {"type": 0xF0, "data": "T0s="}, ["status 8001 0900/3=0"]),
        (0x0704, {"type": 1, "location": [LOCATION, LOCATION]}, ["position 8001 0704/3=0"]),
        (0x0F01, {"unknown_id": True, "data": "AQI="}, ["unknown 8001 0f01/3=3"]),
        (0x0200, {"error": "x", "data": "AQI="}, ["unknown 8001 0200/3=0"]),
    ],
)
def test_each_message_gets_its_answer(msg_id: int, body: dict[str, Any], follows: list[str]) -> None:
    line = Line()
    line.enter()
    assert said(line.send(msg_id, body)) == follows


def test_the_position_is_neutral_and_in_utc() -> None:
    line = Line()
    line.enter()
    south = LOCATION | {"status": 3 | 4 | 8, "extra": {"mileage": 1234, "gnss_sat_num": 9}}
    (report,) = line.send(0x0200, south)
    assert isinstance(report, Report)
    position: Any = report.position
    assert (position.latitude, position.longitude, position.speed_kmh) == (-22.577, -113.916, 60.5)
    assert (position.mileage_m, position.satellites, position.ignition) == (123_400, 9, True)
    assert position.time.isoformat() == "2026-11-18T11:06:40+00:00"


def test_a_batch_after_an_outage_is_replayed() -> None:
    line = Line()
    line.enter()
    (report,) = line.send(0x0704, {"type": 1, "location": [LOCATION | {"time": "261118190000"}, LOCATION]})
    assert isinstance(report, Report)
    position: Any = report.position
    assert position.replayed
    assert position.time.minute == 6


PICTURE = {
    "id": 77,
    "type": 0,
    "format": 0,
    "event": 0,
    "channel": 1,
    "location": LOCATION,
    "multimedia": base64.b64encode(bytes(range(256)) * 12).decode(),
}


class TestParts:
    @pytest.mark.parametrize("edition", [2013, 2019])
    def test_a_picture_in_parts_is_whole_and_answered_once(self, edition: int) -> None:
        line = Line(edition)
        line.enter()
        words = said(line.send(0x0801, PICTURE))
        assert words[-1] == "upload 8800 {'mm_id': 77}"
        assert words[:-1] == [f"send 8001 0801/{3 + part}=0" for part in range(len(words) - 1)]

    @given(order=st.permutations(range(4)))
    def test_in_any_order(self, order: list[int]) -> None:
        line = Line()
        line.enter()
        parts = line.frames(0x0801, PICTURE)
        assert len(parts) == 4
        events = [event for index in order for event in line.session.receive(parts[index], NOW)]
        (report,) = [event for event in events if isinstance(event, Report)]
        assert report.message["body"]["multimedia"] == PICTURE["multimedia"]

    def test_the_answer_quotes_the_part_that_came_last(self) -> None:
        line = Line()
        line.enter()
        body = {"type": 0xF0, "data": base64.b64encode(bytes(2000)).decode()}
        assert said(line.send(0x0900, body)) == ["send 8001 0900/3=0", "status 8001 0900/4=0"]

    def test_the_last_part_is_not_acknowledged_alone(self) -> None:
        line = Line()
        line.enter()
        body = {"type": 0xF0, "data": base64.b64encode(bytes(2500)).decode()}
        first, second, third = line.frames(0x0900, body)
        assert line.session.receive(third, NOW) == []
        assert said(line.session.receive(first, NOW)) == ["send 8001 0900/3=0"]
        assert said(line.session.receive(second, NOW)) == ["status 8001 0900/4=0 8001 0900/5=0"]

    def test_missing_parts_are_asked_for(self) -> None:
        line = Line()
        line.enter()
        parts = line.frames(0x0801, PICTURE)
        line.session.receive(parts[0] + parts[2], NOW)
        deadline = line.session.deadline
        assert deadline is not None
        assert said(line.session.expire(deadline)) == ["send 8800 {'mm_id': 77, 'length': 2, 'retx_ids': [2, 4]}"]
        events = line.session.receive(parts[1] + parts[3], deadline + 1)
        assert said(events)[-1] == "upload 8800 {'mm_id': 77}"

    def test_a_repeat_of_a_complete_message_is_answered_again_once_it_is_stored(self) -> None:
        line = Line()
        line.enter()
        parts = line.frames(0x0801, PICTURE)
        events = line.session.receive(b"".join(parts), NOW)
        (report,) = [event for event in events if isinstance(event, Report)]
        assert line.session.receive(parts[-1], NOW + 1) == []
        assert report.ticket is not None
        report.ticket.settle()
        assert said(line.session.receive(parts[-1], NOW + 2)) == ["send 8800 {'mm_id': 77}"]

    def test_a_complete_message_that_could_not_be_stored_is_reported_again(self) -> None:
        budget = Budget()
        line = Line(session=Session(OpenDoor(), budget=budget))
        line.enter()
        parts = line.frames(0x0801, PICTURE)
        first = line.session.receive(b"".join(parts), NOW)[-1]
        # The terminal has all but the last part acknowledged: that one it repeats.
        (again,) = line.session.receive(parts[-1], NOW + 20)
        assert isinstance(first, Report)
        assert isinstance(again, Report)
        assert again.message == first.message
        assert said([again]) == ["upload 8800 {'mm_id': 77}"]
        assert again.ticket is not None
        assert budget.bytes > 3000
        again.ticket.settle()
        assert said(line.session.receive(parts[-1], NOW + 21)) == ["send 8800 {'mm_id': 77}"]
        line.session.close(NOW + 22)
        assert budget.bytes == 0

    def test_a_refused_authentication_in_parts_is_not_acknowledged_when_it_is_repeated(self) -> None:
        line = Line()
        parts = line.frames(0x0102, {"code": "wrong " * 20}, size=100)
        assert said(line.session.receive(b"".join(parts), NOW)) == ["send 8001 0102/1=0", "send 8001 0102/1=1"]
        assert line.session.receive(parts[-1], NOW + 1) == []
        assert said(line.session.receive(parts[0], NOW + 2)) == ["send 8001 0102/1=1"]

    def test_a_promise_of_65535_parts_costs_nothing(self) -> None:
        budget = Budget()
        line = Line(session=Session(OpenDoor(), budget=budget))
        line.enter()
        header = {"msg_id": 0x0900, "phone": line.phone, "msg_sn": 9, "frag_total": 65535, "frag_sn": 65535}
        (frame,) = encode_json({"header": header, "body": {"type": 0, "data": "AA=="}})
        line.session.receive(frame, NOW)
        assert budget.bytes < 2000
        line.session.close(NOW)
        assert budget.bytes == 0


class TestForwarders:
    def test_many_terminals_on_one_connection(self) -> None:
        session = Session(OpenDoor())
        lines = [Line(session=session, phone=f"01391234560{index}") for index in range(5)]
        for line in lines:
            line.enter()
        for line in lines:
            (report,) = line.send(0x0200, LOCATION)
            assert isinstance(report, Report)
            assert report.identity == line.phone.lstrip("0")

    def test_one_cannot_speak_for_another(self) -> None:
        session = Session(OpenDoor())
        Line(session=session).enter()
        other = Line(session=session, phone="013912345679")
        assert said(other.send(0x0200, LOCATION)) == ["send 8001 0200/1=1"]

    def test_a_terminal_that_moved_has_to_authenticate_again(self) -> None:
        line = Line()
        line.enter()
        assert line.session.forget(IDENTITY, NOW) == []
        assert said(line.send(0x0002)) == ["send 8001 0002/3=1"]

    def test_who_logs_out_makes_room(self) -> None:
        session = Session(OpenDoor(), Settings(max_terminals=1))
        for index in range(3):
            line = Line(session=session, phone=f"01391234560{index}")
            line.enter()
            assert said(line.send(0x0003))[-1] == f"out 1391234560{index}"

    def test_a_wrong_code_ends_what_was_in(self) -> None:
        line = Line()
        line.enter()
        assert said(line.send(0x0102, {"code": "wrong"})) == ["send 8001 0102/3=1", f"out {IDENTITY}"]

    def test_a_stranger_gets_no_room_for_parts(self) -> None:
        budget = Budget()
        line = Line(session=Session(OpenDoor(), budget=budget))
        header = {"msg_id": 0x0100, "phone": line.phone, "msg_sn": 9, "frag_total": 5, "frag_sn": 1}
        (frame,) = encode_json({"header": header, "body": {"error": "x", "data": "AA=="}})
        assert said(line.session.receive(frame, NOW)) == ["send 8001 0100/9=1"]
        assert budget.bytes == 0

    def test_only_so_many(self) -> None:
        session = Session(OpenDoor(), Settings(max_terminals=2))
        for index in range(3):
            events = Line(session=session, phone=f"01391234560{index}").send(0x0100, REGISTRATION)
            assert len(events) == (index < 2)
        assert session.counters.too_many_terminals == 1


class TestHostile:
    def test_junk_without_end_closes(self) -> None:
        session = Session(OpenDoor(), Settings(max_junk=1000))
        assert session.receive(b"x" * 900, NOW) == []
        (close,) = session.receive(b"x" * 200, NOW)
        assert isinstance(close, Close)

    def test_a_frame_that_never_ends_is_given_up(self) -> None:
        line = Line()
        line.enter()
        (heartbeat,) = line.frames(0x0002, {})
        line.session.receive(heartbeat[:-1], NOW)
        deadline = line.session.deadline
        assert deadline == NOW + 10
        # All of it is there but the last delimiter: it is read for what it is.
        assert said(line.session.expire(NOW + 10)) == ["send 8001 0002/3=0", "heartbeat -"]

    @given(junk=st.lists(st.binary(max_size=60), max_size=20))
    def test_random_bytes_raise_nothing_and_cost_no_frame_that_follows(self, junk: list[bytes]) -> None:
        line = Line()
        line.enter()
        for piece in junk:
            line.session.receive(piece, NOW)
        events = line.session.receive(b"~~" + b"".join(line.frames(0x0002, {})), NOW)
        assert "heartbeat -" in said(events)

    @given(body=st.binary(max_size=200), msg_id=st.integers(0, 0xFFFF))
    def test_any_body_of_any_message(self, body: bytes, msg_id: int) -> None:
        line = Line()
        line.enter()
        header = {"msg_id": msg_id, "phone": line.phone, "msg_sn": 9}
        raw = base64.b64encode(body).decode()
        for frame in encode_json({"header": header, "body": {"unknown_id": True, "data": raw}}):
            line.session.receive(frame, NOW)


def ended(events: list[Event]) -> list[str]:
    return [f"{event.tag} {event.outcome}" for event in events if isinstance(event, CommandEnded)]


class TestCommands:
    def line(self, edition: int = 2013) -> Line:
        line = Line(edition)
        line.enter()
        return line

    def give(self, line: Line, msg_id: int, body: dict[str, Any], tag: str = "c1", now: float = NOW) -> Frame:
        events = line.session.command(IDENTITY, tag, {"header": {"msg_id": msg_id}, "body": body}, now, 600)
        (send,) = events
        assert isinstance(send, Send)
        frame = frames_of(send.data, 1 << 16)[-1]
        assert isinstance(frame, Frame)
        return frame

    @pytest.mark.parametrize(("result", "outcome"), [(0, "answered"), (1, "refused"), (3, "refused")])
    def test_a_general_answer_ends_it(self, result: int, outcome: str) -> None:
        line = self.line()
        sent = self.give(line, 0x8300, {"flag": 4, "text": "hello"}).header
        assert ended(line.send(0x0001, {"seq": sent.msg_sn, "id": 0x8300, "result": result})) == [f"c1 {outcome}"]

    def test_its_own_answer_ends_it(self) -> None:
        line = self.line()
        sent = self.give(line, 0x8104, {}).header
        events = line.send(0x0104, {"seq": sent.msg_sn, "params": [{"id": 1, "value": 60}]})
        assert ended(events) == ["c1 answered"]
        (end,) = [event for event in events if isinstance(event, CommandEnded)]
        assert end.reply is not None
        assert end.reply["params"] == [{"id": 1, "value": 60}]

    def test_an_answer_to_another_one_does_not(self) -> None:
        line = self.line()
        sent = self.give(line, 0x8300, {"flag": 4, "text": "hello"}).header
        assert ended(line.send(0x0001, {"seq": sent.msg_sn + 1, "id": 0x8300, "result": 0})) == []

    def test_it_is_repeated_with_growing_waits_and_fails(self) -> None:
        line = self.line()
        self.give(line, 0x8300, {"flag": 4, "text": "hello"})
        now, sent, waits = NOW, 0, []
        while not (events := line.session.expire(now)) or not ended(events):
            sent += sum(isinstance(event, Send) for event in events)
            deadline = line.session.deadline
            assert deadline is not None
            if deadline > now:
                waits.append(deadline - now)
                now = deadline
        assert (sent, waits, ended(events)) == (3, [10.0, 20.0, 60.0, 240.0], ["c1 failed"])

    def test_a_long_one_goes_in_parts_and_the_terminal_may_ask_for_them_again(self) -> None:
        line = self.line(2019)
        text = {"flag": 4, "text_type": 1, "text": "x" * 2500}
        events = line.session.command(IDENTITY, "c1", {"header": {"msg_id": 0x8300}, "body": text}, NOW, 600)
        (send,) = events
        assert isinstance(send, Send)
        frames = [frame for frame in frames_of(send.data, 1 << 16) if isinstance(frame, Frame)]
        assert [frame.header.frag_sn for frame in frames] == [1, 2, 3]
        (again, _) = line.send(0x0005, {"seq": frames[0].header.msg_sn, "ids": [2]})
        assert isinstance(again, Send)
        assert again.data == frames[1].data
        last = {"seq": frames[-1].header.msg_sn, "id": 0x8300, "result": 0}
        assert ended(line.send(0x0001, last)) == ["c1 answered"]

    def test_the_parts_of_a_long_one_are_kept_until_it_ends(self) -> None:
        line = self.line(2019)
        text = {"flag": 4, "text_type": 1, "text": "x" * 2500}
        first = self.give(line, 0x8300, text).header.msg_sn - 2
        (talk,) = line.session._talks.values()
        asking = {"seq": first, "ids": [2]}
        assert said(line.send(0x0005, asking))[0].startswith("send 8300")
        acknowledged = {"seq": first, "id": 0x8300, "result": 0}
        assert ended(line.send(0x0001, acknowledged)) == []
        assert said(line.send(0x0005, asking))[0].startswith("send 8300")
        assert ended(line.send(0x0001, acknowledged | {"seq": first + 2})) == ["c1 answered"]
        assert len(talk.sent) == 0
        assert said(line.send(0x0005, asking))[0] == f"send 8001 0005/{line.serial}=1"

    def test_the_parts_of_a_long_one_that_expires_are_kept_no_longer(self) -> None:
        line = self.line(2019)
        self.give(line, 0x8300, {"flag": 4, "text_type": 1, "text": "x" * 2500})
        (talk,) = line.session._talks.values()
        assert len(talk.sent) == 1
        assert ended(line.session.expire(NOW + 600)) == ["c1 expired"]
        assert len(talk.sent) == 0

    def test_a_long_answer_that_ends_it_is_acknowledged_once_it_is_stored(self) -> None:
        line = self.line()
        sent = self.give(line, 0x8104, {}).header
        params = [{"id": identity, "value": "x" * 200} for identity in (0x10, 0x11, 0x12, 0x13, 0x14, 0x15)]
        parts = line.frames(0x0104, {"seq": sent.msg_sn, "params": params})
        report, end = line.session.receive(b"".join(parts), NOW)[-2:]
        assert isinstance(report, Report)
        assert isinstance(end, CommandEnded)
        assert line.session.receive(parts[-1], NOW + 1) == []
        assert report.ticket is not None
        report.ticket.settle()
        assert said(line.session.receive(parts[-1], NOW + 2)) == ["send 8001 0104/4=0"]

    def test_the_end_of_the_connection_ends_it(self) -> None:
        line = self.line()
        self.give(line, 0x8300, {"flag": 4, "text": "hello"})
        assert ended(line.session.close(NOW + 1)) == ["c1 lost"]

    @pytest.mark.parametrize("later", [0.1, 1.0, 60.0, 250.0])
    def test_a_late_answer_to_an_older_connection_ends_nothing(self, later: float) -> None:
        older = self.line()
        given = self.give(older, 0x8300, {"flag": 4, "text": "one"}).header.msg_sn
        line = Line()
        line.send(0x0100, REGISTRATION, NOW + later)
        line.send(0x0102, {"code": f"code of {IDENTITY}"}, NOW + later)
        message = {"header": {"msg_id": 0x8300}, "body": {"flag": 4, "text": "two"}}
        assert line.session.command(IDENTITY, "c2", message, NOW + later, 600)
        answer = {"seq": given, "id": 0x8300, "result": 0}
        assert ended(line.send(0x0001, answer, NOW + later)) == []

    def test_a_text_command_goes_as_transparent_data(self) -> None:
        line = self.line()
        (send,) = line.session.command(IDENTITY, "c1", "VERSION", NOW, 600)
        assert isinstance(send, Send)
        (sent,) = told(send.data)
        assert sent == "8900 {'type': 240, 'data': 'VkVSU0lPTg=='}"
        (frame,) = frames_of(send.data)
        assert isinstance(frame, Frame)
        reply = {"type": 240, "data": base64.b64encode(b"VERSION:JC371").decode()}
        line.serial = frame.header.msg_sn - 1
        events = line.send(0x0900, reply)
        assert ended(events) == ["c1 answered"]

    def test_a_cancelled_one_is_neither_repeated_nor_ended(self) -> None:
        line = self.line()
        sent = self.give(line, 0x8300, {"flag": 4, "text": "hello"}).header
        line.session.cancel(IDENTITY, "c1", NOW)
        line.session.cancel("another", "c1", NOW)
        assert line.session.expire(NOW + 600) == []
        assert ended(line.send(0x0001, {"seq": sent.msg_sn, "id": 0x8300, "result": 0})) == []

    @pytest.mark.parametrize(
        ("message", "complaint"),
        [
            ({"header": {"msg_id": 0x0200}, "body": {}}, "header.msg_id"),
            ({"header": {}, "body": {}}, "header.msg_id"),
            (["x"], "header.msg_id"),
            ({"header": {"msg_id": 0x8300}, "body": {"flag": 4}}, "body.text: is missing"),
        ],
    )
    def test_what_cannot_be_written_is_named(self, message: Any, complaint: str) -> None:
        with pytest.raises(EncodeError, match=complaint):
            self.line().session.command(IDENTITY, "c1", message, NOW, 600)

    def test_only_a_terminal_that_is_in_gets_commands(self) -> None:
        with pytest.raises(KeyError):
            Session(OpenDoor()).command(IDENTITY, "c1", {"header": {"msg_id": 0x8104}}, NOW, 600)


class TestEncryption:
    def test_bodies_both_ways_with_exchanged_keys(self) -> None:
        platform, terminal = (generate_private_key(65537, 1024) for _ in range(2))
        key = PlatformKey(platform)
        line = Line(session=Session(OpenDoor(), Settings(key=key)))
        line.enter()
        public = terminal.public_key().public_numbers()
        mine = base64.b64encode(public.n.to_bytes(128, "big")).decode()
        (report,) = line.send(0x0A00, {"e": public.e, "n": mine})
        assert isinstance(report, Report)
        assert told(report.answer or b"")[0].startswith("8a00 {'e': 65537")
        (again,) = line.send(0x0A00, {"e": public.e, "n": mine})
        assert isinstance(again, Report)
        assert not again.answer
        # The terminal encrypts a heartbeat's neighbour: a location of 28 bytes is one block.
        plain = decode_frame_of(line.frames(0x0200, LOCATION)[0])
        encrypted = TerminalKey(key.e, key.n).encrypt(plain.body)
        frame = build(plain.header.addressing, 0x0200, encrypted, 9, encrypt=1)
        (report,) = line.session.receive(frame, NOW)
        assert isinstance(report, Report)
        assert report.kind == "position"
        (answer,) = frames_of(report.answer or b"")
        assert isinstance(answer, Frame)
        assert answer.header.encrypt == 1
        assert PlatformKey(terminal).decrypt(answer.body) == bytes.fromhex("0009020000")

    def test_before_authentication_only_what_it_needs_is_decrypted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        key = PlatformKey(generate_private_key(65537, 1024))
        decrypted: list[bytes] = []

        def decrypt(self: PlatformKey, body: bytes) -> bytes:
            decrypted.append(body)
            return b""

        monkeypatch.setattr(PlatformKey, "decrypt", decrypt)
        line = Line(session=Session(OpenDoor(), Settings(key=key)))
        to = decode_frame_of(line.frames(0x0002, {})[0]).header.addressing

        def hear(msg_id: int, size: int = 128, now: float = NOW) -> list[str]:
            return said(line.session.receive(build(to, msg_id, bytes(size), 9, encrypt=1), now))

        assert hear(0x0200) == ["send 8001 0200/9=1"]
        assert hear(0x0102, 4 * 128) == ["send 8001 0102/9=1"]
        assert decrypted == []
        for _ in range(30):
            assert hear(0x0102) == ["send 8001 0102/9=1"]
        assert len(decrypted) == 20
        hear(0x0102, now=NOW + 1)
        assert len(decrypted) == 21

    def test_an_encrypted_authentication_lets_in(self) -> None:
        key = PlatformKey(generate_private_key(65537, 1024))
        line = Line(session=Session(OpenDoor(), Settings(key=key)))
        plain = decode_frame_of(line.frames(0x0102, {"code": f"code of {IDENTITY}"})[0])
        frame = build(plain.header.addressing, 0x0102, TerminalKey(key.e, key.n).encrypt(plain.body), 9, encrypt=1)
        assert said(line.session.receive(frame, NOW)) == ["send 8001 0102/9=0", f"in {IDENTITY}"]

    def test_noise_is_no_location(self) -> None:
        line = Line(session=Session(OpenDoor(), Settings(key=PlatformKey(generate_private_key(65537, 1024)))))
        line.enter()
        plain = decode_frame_of(line.frames(0x0200, LOCATION)[0])
        (report,) = line.session.receive(build(plain.header.addressing, 0x0200, b"x" * 128, 9, encrypt=1), NOW)
        assert isinstance(report, Report)
        assert report.kind == "unknown"

    def test_without_a_key_it_is_kept_as_it_came(self) -> None:
        line = Line()
        line.enter()
        plain = decode_frame_of(line.frames(0x0200, LOCATION)[0])
        (report,) = line.session.receive(build(plain.header.addressing, 0x0200, bytes(128), 9, encrypt=1), NOW)
        assert isinstance(report, Report)
        assert said([report]) == ["unknown 8001 0200/9=3"]
        assert report.message["body"]["encrypted"] is True


def decode_frame_of(data: bytes) -> Frame:
    (frame,) = frames_of(data)
    assert isinstance(frame, Frame)
    return frame


def test_the_general_answer_is_written_as_it_is_declared() -> None:
    line = Line()
    line.enter()
    (answer, _) = line.send(0x0002)
    assert isinstance(answer, Send)
    declared = PlatformResponse(seq=line.serial, id=0x0002, result=0)
    assert decode_frame_of(answer.data).body == declared.encode()
