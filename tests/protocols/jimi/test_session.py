"""The session of a Jimi terminal as a table: what comes in, before and after the login, and what follows from it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.model.report import Report
from jimigw.protocols.events import Close, Event, LoggedIn, Send
from jimigw.protocols.jimi.codec import one_frame
from jimigw.protocols.jimi.frame import LONG, SHORT, answer_frame, encode_frame
from jimigw.protocols.jimi.messages import Command, Location
from jimigw.protocols.jimi.session import Session, Settings
from jimigw.wire.errors import EncodeError
from tests.vectors.jimi import TRUE, named

NOW = datetime(2026, 11, 28, 9, 30, 15, tzinfo=UTC)
T = NOW.timestamp()
IMEI = "752533678900242"

LOGIN = named("login")
OTHER_LOGIN = named("login, west of Greenwich, half an hour")
HEARTBEAT = named("heartbeat")
LOCATION = named("location")
UNREADABLE_LOGIN = encode_frame(0x01, b"\x07\x52\x53", 9)
LOGIN_WITHOUT_DIGITS = encode_frame(0x01, bytes.fromhex("07525336789002af 2700 3201"), 10)
UNREADABLE_LOCATION = encode_frame(0x22, b"\x16\x02", 11)
TIME_REQUEST = named("time request")


def shown(events: Sequence[Event]) -> list[str]:
    """Events in one word each: what is sent (with its frame), reported (with its answer) or closed."""
    words = []
    for event in events:
        if isinstance(event, Send):
            frame = one_frame(event.data)
            words.append(f"send {frame.protocol:02x}/{frame.serial}")
        elif isinstance(event, LoggedIn):
            words.append(f"login {event.identity}")
        elif isinstance(event, Report):
            answer = "-" if event.answer is None else "{0.protocol:02x}/{0.serial}".format(one_frame(event.answer))
            words.append(f"{event.kind} {answer}")
        else:
            assert isinstance(event, Close)
            words.append(f"close: {event.reason}")
    return words


def bound(settings: Settings | None = None) -> Session:
    session = Session(settings)
    session.receive(LOGIN, T)
    return session


def report(raw: bytes, now: float = T) -> Report:
    """The one report that this frame makes of a terminal that is logged in."""
    (event,) = [each for each in bound().receive(raw, now) if isinstance(each, Report)]
    return event


@pytest.mark.parametrize(
    ("what", "raw", "before", "after"),
    [
        ("login", LOGIN, ["send 01/5", f"login {IMEI}"], ["send 01/5", f"login {IMEI}"]),
        ("login without type and zone", named("login without type and zone"),
         ["send 01/9", "login 864717003283581"], ["close: login of 864717003283581 on the connection of " + IMEI]),
        ("login of another IMEI", OTHER_LOGIN,
         ["send 01/1", "login 357730090564767"], ["close: login of 357730090564767 on the connection of " + IMEI]),
        ("login cut short", UNREADABLE_LOGIN, ["send 01/9"], ["send 01/9"]),
        ("login with an IMEI that is none", LOGIN_WITHOUT_DIGITS, ["send 01/10"], ["send 01/10"]),
        ("heartbeat", HEARTBEAT, ["send 13/15"], ["send 13/15", "heartbeat -"]),
        ("time request", TIME_REQUEST, ["send 8a/6"], ["send 8a/6", "status -"]),
        ("location", LOCATION, [], ["position 22/140"]),
        ("location cut short", UNREADABLE_LOCATION, [], ["unknown 22/11"]),
        ("additional location", named("additional location"), [], ["position 37/8767"]),
        ("alarm", named("alarm, harsh turning, cabin and road"), [], ["alarm 95/55"]),
        ("notice", named("notice that a file is uploading"), [], ["status 95/281"]),
        ("cameras", named("cameras"), [], ["status e0/268"]),
        ("peripherals", named("peripheral 0005"), [], ["status f2/66"]),
        ("extension data with a position", named("extension data"), [], ["position 70/2771"]),
        ("extension data without one", named("extension data of another product"), [], ["status 70/7844"]),
        ("command reply", named("reply RTMP:OK!"), [], ["command_result -"]),
        ("command reply, older form", named("reply, older form"), [], ["command_result -"]),
        ("ids", named("IMEI, IMSI, ICCID (1)"), [], ["status -"]),
        ("external module", named("temperature, framed"), [], ["status -"]),
        ("QCVN31", named("QCVN31, stop"), [], ["status -"]),
        ("unknown type, short mark", named("unknown type, short mark"), [], ["unknown 12/153"]),
        ("unknown type, long mark", named("unknown type, long mark"), [], ["unknown -"]),
        ("a server's own frame", named("command VERSION"), [], ["unknown 80/22996"]),
        ("false check code", named("location, one bit turned"), [], []),
        ("junk", b"GET / HTTP/1.1\r\n\r\n", [], []),
        ("nothing", b"", [], []),
    ],
)  # fmt: skip
def test_what_follows(what: str, raw: bytes, before: list[str], after: list[str]) -> None:
    assert shown(Session().receive(raw, T)) == before
    assert shown(bound().receive(raw, T)) == after


def test_everything_in_one_slice() -> None:
    events = Session().receive(LOGIN + HEARTBEAT + LOCATION, T)
    assert shown(events) == ["send 01/5", f"login {IMEI}", "send 13/15", "heartbeat -", "position 22/140"]


def test_what_was_said_before_the_login_is_counted() -> None:
    session = Session()
    session.receive(LOCATION + HEARTBEAT + LOCATION + UNREADABLE_LOGIN, T)
    assert (session.counters.before_login, session.counters.bad_logins) == (2, 1)
    assert session.identity is None
    session.receive(LOGIN, T)
    assert session.identity == IMEI


def test_a_login_of_another_imei_ends_it_before_what_follows() -> None:
    session = bound()
    events = session.receive(OTHER_LOGIN + LOCATION, T)
    assert shown(events) == [f"close: login of 357730090564767 on the connection of {IMEI}"]
    assert session.identity == IMEI, "another device's id is never believed"
    assert session.counters.bad_logins == 1


@pytest.mark.parametrize(
    ("what", "settings", "raw", "answer"),
    [
        ("location as it comes", Settings(), LOCATION, "22/140"),
        ("location switched off", Settings(acknowledge=frozenset({0x95})), LOCATION, "-"),
        ("alarm switched on", Settings(acknowledge=frozenset({0x95})), named("alarm, SOS, two files"), "95/10"),
        ("data transfer switched on", Settings(acknowledge=frozenset({0x94})), named("UUID"), "94/11"),
        ("unreadable, its number switched on", Settings(), UNREADABLE_LOCATION, "22/11"),
        ("unknown, short mark, as it comes", Settings(), named("unknown type, short mark"), "12/153"),
        ("unknown, long mark, as it comes", Settings(), named("unknown type, long mark"), "-"),
        ("unknown, short mark, none", Settings(acknowledge_unknown="none"), named("unknown type, short mark"), "-"),
        ("unknown, long mark, all", Settings(acknowledge_unknown="all"), named("unknown type, long mark"), "e1/7"),
        ("known but not to be answered, all", Settings(acknowledge_unknown="all"), named("UUID"), "-"),
    ],
)  # fmt: skip
def test_what_is_answered_can_be_chosen(what: str, settings: Settings, raw: bytes, answer: str) -> None:
    (word,) = shown(bound(settings).receive(raw, T))
    assert word.split()[1] == answer


def test_a_heartbeat_can_be_left_without_an_answer_a_login_and_the_time_cannot() -> None:
    settings = Settings(acknowledge=frozenset(), acknowledge_unknown="none")
    assert shown(Session(settings).receive(HEARTBEAT + TIME_REQUEST + LOGIN, T)) == [
        "send 8a/6", "send 01/5", f"login {IMEI}",
    ]  # fmt: skip


def test_the_time_is_that_of_the_receipt_in_utc() -> None:
    (sent,) = Session().receive(TIME_REQUEST, T + 0.9)
    assert isinstance(sent, Send)
    assert one_frame(sent.data).content == bytes((26, 11, 28, 9, 30, 15))


class TestReports:
    """What is in a report."""

    def test_header_and_raw(self) -> None:
        made = report(LOCATION)
        assert made.raw == LOCATION
        assert made.protocol == "jimi"
        assert made.message["header"] == {"msg_id": 0x22, "imei": IMEI, "msg_sn": 140, "len": 38, "mark": "7878"}
        assert made.received == NOW

    def test_raw_is_only_the_frame_itself(self) -> None:
        events = bound().receive(b"junk" + LOCATION + HEARTBEAT, T)
        assert [event.raw for event in events if isinstance(event, Report)] == [LOCATION, HEARTBEAT]

    def test_unreadable_says_why_and_keeps_the_bytes(self) -> None:
        session = bound()
        (event,) = session.receive(UNREADABLE_LOCATION, T)
        assert isinstance(event, Report)
        assert event.message["body"]["data"] == "FgI="
        assert "date_time: Location ends here" in event.message["body"]["error"]
        assert (session.counters.unreadable, session.counters.unknown) == (1, 0)

    def test_unknown_keeps_the_bytes(self) -> None:
        session = bound()
        (event,) = session.receive(encode_frame(0x12, b"\x01\x02", 1), T)
        assert isinstance(event, Report)
        assert event.message["body"] == {"unknown_id": True, "data": "AQI="}
        assert (session.counters.unreadable, session.counters.unknown) == (0, 1)

    def test_position_of_a_location(self) -> None:
        position = report(named("location, south and west, two bytes of MNC, sent again")).position
        assert position is not None
        place = [position.latitude, position.longitude, position.speed_kmh, position.course, position.satellites]
        assert place == [-34.6037, -58.3816, 255, 103, 7]
        rest = [position.replayed, position.ignition, position.fix, position.mileage_m]
        assert rest == [True, False, True, 4294967295]

    @pytest.mark.parametrize(
        ("name", "replayed"),
        [
            ("location, older form without mileage", True),
            ("location", False),
            ("extension data", False),
            ("extension data, below the sea, ACC on, sent later", True),
        ],
    )
    def test_replayed(self, name: str, replayed: bool) -> None:
        position = report(named(name)).position
        assert position is not None
        assert position.replayed is replayed

    def test_alarm_has_its_name_and_its_place(self) -> None:
        made = report(named("alarm, harsh turning, cabin and road"))
        assert made.alarms is not None
        assert [(alarm.code, alarm.name) for alarm in made.alarms] == [(0x92, "Harsh turning")]
        assert made.position is not None
        assert made.position.time == datetime(2024, 11, 13, 3, 20, 6, tzinfo=UTC)

    def test_a_notice_is_no_alarm(self) -> None:
        assert report(named("notice that a file is uploading")).alarms is None

    @pytest.mark.parametrize(
        ("clock", "source"),
        [
            (datetime(2019, 12, 31, 23, 59, 59, tzinfo=UTC), "server"),
            (datetime(2020, 1, 1, tzinfo=UTC), "terminal"),
            (NOW, "terminal"),
            (NOW + timedelta(hours=24), "terminal"),
            (NOW + timedelta(hours=24, seconds=1), "server"),
            ("000000000000", "server"),
        ],
    )
    def test_a_wrong_clock_is_marked_and_the_place_kept(self, clock: Any, source: str) -> None:
        body = one_frame(LOCATION)
        location = Location.decode(body.content)
        location.date_time = clock
        made = report(encode_frame(0x22, location.encode(), 1))
        assert made.position is not None
        assert made.position.time_source == source
        assert made.position.time == (clock if source == "terminal" else NOW)
        assert made.position.latitude == 22.5765794


class TestTrouble:
    """Streams that are not what they should be."""

    def test_a_flood_of_junk_closes(self) -> None:
        session = bound(Settings(max_junk=1000))
        assert session.receive(bytes(1000), T) == []
        assert shown(session.receive(b"\0", T)) == ["close: 1001 bytes without one true frame"]

    def test_a_true_frame_forgives_the_junk_before(self) -> None:
        session = bound(Settings(max_junk=1000))
        assert shown(session.receive(bytes(1000) + HEARTBEAT + bytes(1000), T)) == ["send 13/15", "heartbeat -"]

    def test_a_false_check_code_is_counted(self) -> None:
        session = bound()
        session.receive(named("location, one bit turned"), T)
        assert session.decoder.counters.bad_crc == 1

    def test_a_promise_that_is_not_kept_is_given_up(self) -> None:
        session = bound(Settings(frame_timeout=10.0))
        assert session.receive(b"yy\x10\x00" + LOCATION, T) == []
        assert session.deadline == T + 10.0
        assert session.expire(T + 9.9) == []
        assert shown(session.expire(T + 10.0)) == ["position 22/140"]
        assert session.deadline is None

    def test_a_frame_over_the_limit_is_skipped(self) -> None:
        session = bound(Settings(max_frame=100))
        assert shown(session.receive(named("alarm, SOS, two files") + HEARTBEAT, T)) == ["send 13/15", "heartbeat -"]
        assert session.decoder.counters.bad_length == 1

    @given(st.lists(st.binary(max_size=300) | st.sampled_from([each.raw for each in TRUE]), max_size=12))
    def test_nothing_raises_and_a_heartbeat_comes_through(self, slices: list[bytes]) -> None:
        session = Session()
        for each in slices:
            events = session.receive(each, T)
            assert all(isinstance(event, Send | LoggedIn | Report | Close) for event in events)
        events = session.receive(HEARTBEAT, T)
        events += session.expire(T + 60.0)
        assert Send(answer_frame(0x13, 15)) in events or isinstance(events[-1], Close)

    @given(st.integers(0, 255), st.binary(max_size=120), st.sampled_from([SHORT, LONG]))
    def test_any_content_of_any_type_makes_one_report(self, protocol: int, content: bytes, mark: int) -> None:
        events = bound().receive(encode_frame(protocol, content, 7, mark), T)
        if protocol != 0x01:
            assert len([event for event in events if isinstance(event, Report)]) == 1


class TestCommands:
    """0x80, on its way to the terminal."""

    def test_the_frame(self) -> None:
        session = Session()
        frame = one_frame(session.command("RTMP,ON,INOUT", 1))
        assert frame.content == one_frame(named("command RTMP,ON,INOUT")).content
        assert session.command("RTMP,ON,INOUT", 1) != session.command("RTMP,ON,INOUT", 1), "each has its serial number"

    def test_serial_numbers_go_round_without_zero(self) -> None:
        session = Session()
        serials = [one_frame(session.command("STATUS", 1)).serial for _ in range(0x10000)]
        assert (serials[0], serials[-2], serials[-1]) == (1, 0xFFFF, 1)

    @pytest.mark.parametrize(
        ("text", "flag", "complaint"),
        [
            ("版本", 1, "not text that ascii can write"),
            ("A" * 252, 1, "server flag and command take 256 bytes, at most 255 fit"),
            ("A" * 244, 1, "do not fit a 0x7878 frame"),
            ("STATUS", 1 << 32, "not a whole number from 0 to 4294967295"),
        ],
    )
    def test_what_cannot_be_sent(self, text: str, flag: int, complaint: str) -> None:
        with pytest.raises(EncodeError, match=complaint):
            Session().command(text, flag)

    def test_the_longest_command(self) -> None:
        body = Command.decode(one_frame(Session().command("A" * 243, 1)).content)
        assert body.command == "A" * 243
