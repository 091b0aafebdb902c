"""The gateway's decisions: who comes in, who takes over, what is stored before it is answered."""

import json
from datetime import UTC, datetime

from jimigw.gateway.admission import Admission, Open
from jimigw.gateway.gateway import Gateway
from jimigw.gateway.registry import Registry
from jimigw.model.report import Position, Report
from tests.support.admission import listed
from tests.support.recorder import RecordingJournal, RecordingLink

NOW = 1_795_000_000.0
RECEIVED = datetime.fromtimestamp(NOW, UTC)
IMEI = "863000000000001"


def made(admission: Admission | None = None) -> tuple[Gateway, RecordingJournal]:
    journal = RecordingJournal()
    return Gateway(Registry(), admission or Open(), journal), journal


def report(kind: str = "position", answer: bytes | None = b"ok", position: Position | None = None) -> Report:
    return Report("jimi", kind, {"header": {"msg_id": 34}, "body": {}}, b"raw", RECEIVED, answer, position)


def logged_in(gateway: Gateway, identity: str = IMEI, address: str = "192.0.2.1:4000") -> RecordingLink:
    link = RecordingLink(address)
    assert gateway.login(link, identity, report("login", None), NOW)
    return link


def test_a_report_is_answered_after_its_commit_and_not_before() -> None:
    gateway, journal = made()
    link = logged_in(gateway)
    gateway.report(link, report(), NOW)
    assert link.sent == []
    journal.commit()
    assert link.sent == [b"ok"]
    assert journal.kinds() == ["login", "position"]


def test_the_answers_of_one_batch_go_out_together_and_in_order() -> None:
    gateway, journal = made()
    link, other = logged_in(gateway), logged_in(gateway, "863000000000002")
    for answer in (b"1", b"2", b"3"):
        gateway.report(link, report(answer=answer), NOW)
    gateway.report(other, report(answer=b"x"), NOW)
    journal.commit()
    assert (link.sent, other.sent) == ([b"123"], [b"x"])


def test_what_the_journal_does_not_take_is_not_answered() -> None:
    gateway, journal = made()
    link = logged_in(gateway)
    journal.taking = False
    gateway.report(link, report(), NOW)
    journal.commit()
    assert link.sent == []
    assert gateway.counters.unanswered == 1


def test_a_report_without_an_answer_is_stored_all_the_same() -> None:
    gateway, journal = made()
    link = logged_in(gateway)
    gateway.report(link, report("heartbeat", None), NOW)
    journal.commit()
    assert link.sent == []
    assert journal.kinds() == ["login", "heartbeat"]


def test_the_record_says_whose_it_is() -> None:
    gateway, journal = made()
    position = Position(RECEIVED, -22.5, 113.9, True, 60)
    gateway.report(logged_in(gateway), report(position=position), NOW)
    record = json.loads(journal.entries[1].data)
    assert record == {
        "device": IMEI,
        "protocol": "jimi",
        "kind": "position",
        "received_at": "2026-11-18T11:06:40Z",
        "message": {"header": {"msg_id": 34}, "body": {}},
        "position": {
            "time": "2026-11-18T11:06:40Z",
            "latitude": -22.5,
            "longitude": 113.9,
            "fix": True,
            "speed_kmh": 60,
            "course": None,
            "altitude_m": None,
            "satellites": None,
            "mileage_m": None,
            "ignition": None,
            "replayed": None,
            "time_source": "terminal",
        },
    }
    assert journal.entries[1].received_at == 1_795_000_000_000_000


class TestAdmission:
    def test_a_terminal_that_is_not_known_is_counted_and_not_stored(self) -> None:
        gateway, journal = made(listed("863000000000002"))
        link = RecordingLink()
        assert not gateway.login(link, IMEI, report("login", None), NOW)
        gateway.report(link, report(), NOW)
        journal.commit()
        assert (journal.kinds(), link.sent, link.closed) == ([], [], [])
        assert (gateway.counters.refused_logins, gateway.counters.refused_reports) == (1, 1)
        assert len(gateway.registry) == 0

    def test_a_login_that_is_not_let_in_takes_nothing_over(self) -> None:
        known = {IMEI}

        class Changing(Open):
            def admits(self, identity: str) -> bool:
                return identity in known

        gateway, _ = made(Changing())
        older = logged_in(gateway)
        known.clear()
        newer = RecordingLink()
        assert not gateway.login(newer, IMEI, report("login", None), NOW)
        device = gateway.registry.get(IMEI)
        assert device is not None
        assert device.link is older
        assert older.closed == []


class TestTakeover:
    def test_the_newer_connection_wins(self) -> None:
        gateway, journal = made()
        older = logged_in(gateway)
        newer = logged_in(gateway, address="192.0.2.2:5000")
        assert older.closed == [f"{IMEI} logged in again from 192.0.2.2:5000"]
        gateway.closed(older, "taken over", NOW)
        device = gateway.registry.get(IMEI)
        assert device is not None
        assert device.link is newer
        assert "logout" not in journal.kinds()

    def test_what_the_older_one_still_gets_answered_goes_to_it(self) -> None:
        gateway, journal = made()
        older = logged_in(gateway)
        gateway.report(older, report(answer=b"old"), NOW)
        newer = logged_in(gateway)
        journal.commit()
        assert (older.sent, newer.sent) == ([b"old"], [])

    def test_a_second_login_on_the_same_connection_closes_nothing(self) -> None:
        gateway, journal = made()
        link = logged_in(gateway)
        assert gateway.login(link, IMEI, report("login", None), NOW)
        assert link.closed == []
        assert journal.kinds() == ["login", "login"]


class TestLeaving:
    def test_a_logout_is_stored_with_its_reason(self) -> None:
        gateway, journal = made()
        link = logged_in(gateway)
        gateway.closed(link, "connection lost", NOW)
        assert journal.kinds() == ["login", "logout"]
        assert json.loads(journal.entries[1].data)["message"]["body"] == {"reason": "connection lost"}
        device = gateway.registry.get(IMEI)
        assert device is not None
        assert not device.online

    def test_a_connection_that_never_logged_in_leaves_no_trace(self) -> None:
        gateway, journal = made()
        gateway.closed(RecordingLink(), "connection lost", NOW)
        assert journal.kinds() == []


class TestDevice:
    def test_it_keeps_its_latest_position_but_not_a_replayed_one(self) -> None:
        gateway, _ = made()
        link = logged_in(gateway)
        fresh, old = Position(RECEIVED, 1.0, 2.0), Position(RECEIVED, 3.0, 4.0, replayed=True)
        gateway.report(link, report(position=fresh), NOW + 5)
        gateway.report(link, report(position=old), NOW + 6)
        device = gateway.registry.get(IMEI)
        assert device is not None
        assert (device.position, device.last_seen, device.first_seen) == (fresh, NOW + 6, NOW)
        assert (gateway.registry.online(), len(gateway.registry), list(gateway.registry)) == (1, 1, [device])
