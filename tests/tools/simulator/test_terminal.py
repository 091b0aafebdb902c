"""The simulated terminal against the real session, with the time as an argument."""

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import attrs
import pytest

from jimigw.model.report import Report
from jimigw.protocols.events import Close, LoggedIn, Send
from jimigw.protocols.jimi.codec import one_frame, read_up
from jimigw.protocols.jimi.frame import answer_frame
from jimigw.protocols.jimi.session import Session
from jimigw.tools.simulator.events import EVENTS
from jimigw.tools.simulator.routes import ROUTES, Drive
from jimigw.tools.simulator.tally import Tally
from jimigw.tools.simulator.terminal import BACK_OFF, MEMORY, WINDOW, FakeTerminal, imei_of

START = datetime(2026, 11, 28, 9, 30, tzinfo=UTC).timestamp()
IMEI = imei_of("86490800000000", 0)


def made(route: int = 0, interval: float = 10.0, alarms: float = 0.0, seed: int = 1) -> FakeTerminal:
    rng = random.Random(seed)
    drive = Drive(ROUTES[route], rng, START)
    return FakeTerminal(IMEI, drive, Tally(), rng, START, interval=interval, alarms_an_hour=alarms)


def parts(frames: list[bytes]) -> list[tuple[int, int]]:
    """Protocol number and serial number of frames."""
    return [(frame.protocol, frame.serial) for frame in map(one_frame, frames)]


def body(raw: bytes) -> dict[str, Any]:
    packet = read_up(one_frame(raw))
    assert packet.error is None and not packet.notes
    return packet.body


def answers(frames: list[bytes]) -> bytes:
    return b"".join(answer_frame(*each) for each in parts(frames))


def logged_in(terminal: FakeTerminal) -> list[bytes]:
    """Logs a terminal in; what it says to that."""
    return terminal.receive(answers(terminal.connected(START)), START)


@attrs.define
class World:
    """A terminal, a gateway with the real session, and the way between; runs as fast as it can."""

    terminal: FakeTerminal
    now: float = START
    reachable: bool = True
    #: which reports are stored and answered; a gateway whose disk is full takes none
    taken: Callable[[Report], bool] = lambda report: True
    session: Session | None = None
    reports: list[Report] = attrs.Factory(list)
    logins: list[float] = attrs.Factory(list)
    attempts: list[float] = attrs.Factory(list)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while True:
            due = self.terminal.next_timer()
            if self.session is None:
                due = min(due, self.terminal.connect_at)
            if due > end:
                break
            self.now = max(self.now, due)
            if self.session is None and self.now >= self.terminal.connect_at:
                self._connect()
            self._hear(self.terminal.tick(self.now))
            if self.terminal.hang_up:
                self.cut()
        self.now = end

    def cut(self) -> None:
        """The connection is gone."""
        self.terminal.hang_up = ""
        self.session = None
        self.terminal.disconnected(self.now)

    def _connect(self) -> None:
        self.attempts.append(self.now)
        if not self.reachable:
            self.terminal.disconnected(self.now)
            return
        self.session = Session()
        self._hear(self.terminal.connected(self.now))

    def _hear(self, frames: list[bytes]) -> None:
        while frames and self.session is not None:
            back = b""
            for event in self.session.receive(b"".join(frames), self.now):
                assert not isinstance(event, Close), event.reason
                if isinstance(event, Send):
                    back += event.data
                elif isinstance(event, LoggedIn):
                    self.logins.append(self.now)
                elif isinstance(event, Report) and self.taken(event):
                    self.reports.append(event)
                    back += event.answer or b""
            frames = self.terminal.receive(back, self.now)

    def kinds(self) -> list[str]:
        return [report.kind for report in self.reports]


class TestLogin:
    """Chapter 3 of the document."""

    def test_says_who_it_is_and_nothing_else(self) -> None:
        terminal = made(route=1)
        frames = terminal.connected(START)
        assert parts(frames) == [(0x01, 1)]
        login = body(frames[0])
        assert (login["imei"], login["time_zone"]) == (IMEI, "-03:00")
        assert terminal.tick(START + 4.9) == []
        assert not terminal.online

    def test_cameras_and_ids_follow_once(self) -> None:
        terminal = made()
        assert [number for number, _ in parts(logged_in(terminal))] == [0x94, 0x94, 0x94, 0xE0]
        terminal.disconnected(START)
        again = terminal.connected(START + 5)
        # The cameras were not answered, the ids never are.
        assert [number for number, _ in parts(terminal.receive(answers(again), START + 5))] == [0xE0]

    def test_hangs_up_without_an_answer_in_five_seconds(self) -> None:
        terminal = made()
        terminal.connected(START)
        terminal.tick(START + 4.99)
        assert terminal.hang_up == ""
        terminal.tick(START + 5.0)
        assert terminal.hang_up == "no answer to the login or the heartbeat"

    def test_waits_longer_after_each_attempt_in_vain(self) -> None:
        world = World(made(), reachable=False)
        world.run(600)
        gaps = [later - earlier for earlier, later in pairwise(world.attempts)]
        for gap, base in zip(gaps, BACK_OFF, strict=False):
            assert 0.8 * base <= gap <= 1.2 * base + 0.01
        assert all(48 <= gap <= 73 for gap in gaps[len(BACK_OFF) :])

    def test_boots_again_twenty_minutes_after_three_attempts(self) -> None:
        world = World(made(), reachable=False)
        world.run(1190)
        assert world.terminal.tally.reboots == 0
        world.run(60)
        assert world.terminal.tally.reboots == 1

    def test_a_login_that_is_answered_calls_the_reboot_off(self) -> None:
        world = World(made(), reachable=False)
        world.run(600)
        world.reachable = True
        world.run(3600)
        assert (world.terminal.tally.reboots, len(world.logins)) == (0, 1)

    def test_serial_numbers_begin_again_after_a_reboot(self) -> None:
        world = World(made(), reachable=False)
        world.run(1300)
        assert parts(world.terminal.connected(world.now)) == [(0x01, 1)]


class TestReports:
    """Locations, heartbeats, alarms."""

    def test_an_hour(self) -> None:
        world = World(made())
        world.run(3600)
        kinds = world.kinds()
        assert kinds.count("position") == 360
        assert 19 <= kinds.count("heartbeat") <= 20
        tally = world.terminal.tally
        assert (tally.answered, tally.resent, world.terminal.unanswered) == (tally.wanting, 0, 0)
        assert all(count.answered == count.sent for number, count in tally.types.items() if number not in (0x94,))

    def test_every_report_can_be_read_and_has_its_own_serial_number(self) -> None:
        world = World(made(alarms=600))
        world.run(600)
        assert "unknown" not in world.kinds()
        assert all("notes" not in report.message for report in world.reports)
        serials = [report.message["header"]["msg_sn"] for report in world.reports]
        assert len(set(serials)) == len(serials)

    def test_heartbeat_every_three_minutes_and_hang_up_without_an_answer(self) -> None:
        terminal = made(interval=1000)
        terminal.receive(answers(logged_in(terminal)), START)
        assert terminal.tick(START + 179.9) == []
        assert [number for number, _ in parts(terminal.tick(START + 180.0))] == [0x13]
        terminal.tick(START + 185.0)
        assert terminal.hang_up

    def test_alarms_come_as_often_as_asked(self) -> None:
        world = World(made(alarms=60))
        world.run(24 * 3600)
        assert 1300 <= world.kinds().count("alarm") + world.kinds().count("status") <= 1600

    def test_no_alarms(self) -> None:
        world = World(made(alarms=0))
        world.run(3600)
        assert "alarm" not in world.kinds()

    def test_files_of_an_alarm(self) -> None:
        world = World(made(route=1, alarms=600))
        world.run(3600)
        numbers = {(kind.alarm_type, camera, number) for kind in EVENTS
                   for camera, number in (("F", kind.road), ("I", kind.cabin))}  # fmt: skip
        seen = 0
        for report in world.reports:
            if report.message["header"]["msg_id"] != 0x95:
                continue
            alarm = report.message["body"]
            local = alarm["date_time"] - timedelta(hours=3)
            for name in alarm["files"]:
                found = re.fullmatch(rf"EVENT_{IMEI}_00000000_(\d{{4}}(?:_\d\d){{5}})_([IF])_(\d{{2,3}})\.mp4", name)
                assert found, name
                assert found[1] == f"{local:%Y_%m_%d_%H_%M_%S}"
                assert (alarm["alarm_type"], found[2], int(found[3])) in numbers
                seen += 1
        assert seen > 100


class TestUnanswered:
    """What happens to reports that nobody answers."""

    def test_sent_again_as_a_re_upload_under_a_new_number(self) -> None:
        terminal = made(interval=10)
        terminal.receive(answers(logged_in(terminal)), START)
        first = terminal.tick(START + 10)
        assert body(first[0])["reupload"] == 0
        again = [raw for raw in terminal.tick(START + 15) if one_frame(raw).protocol == 0x22]
        assert body(again[0])["reupload"] == 1
        assert body(again[0])["date_time"] == body(first[0])["date_time"]
        assert parts(again) != parts(first)

    @pytest.mark.parametrize("which", [0, 1])
    def test_the_answer_to_either_counts_once(self, which: int) -> None:
        terminal = made(interval=100)
        terminal.receive(answers(logged_in(terminal)), START)
        while not (first := terminal.tick(terminal.next_timer())):
            pass
        assert parts(first)[0][0] == 0x22
        again = terminal.tick(terminal.next_timer())
        both = [first, again]
        answered = terminal.tally.answered
        assert terminal.unanswered == 1
        terminal.receive(answers(both[which]), START + 2000)
        terminal.receive(answers(both[1 - which]), START + 2000)
        assert (terminal.unanswered, terminal.tally.answered) == (0, answered + 1)

    def test_kept_while_there_is_no_connection_and_sent_in_order(self) -> None:
        world = World(made())
        world.run(60)
        world.reachable = False
        world.cut()
        world.run(600)
        before = len(world.reports)
        kept = world.terminal.unanswered
        assert 59 <= kept <= 61
        world.reachable = True
        world.run(120)
        late = [report for report in world.reports[before:] if report.kind == "position"]
        times = [report.message["body"]["date_time"] for report in late]
        assert times == sorted(times)
        # The last ones had been made just before the login.
        assert all(report.message["body"]["reupload"] == 1 for report in late[: kept - 2])
        assert late[-1].message["body"]["reupload"] == 0
        assert world.terminal.unanswered == 0

    def test_a_gateway_that_cannot_store(self) -> None:
        world = World(made(), taken=lambda report: False)
        world.run(1800)
        assert len(world.logins) == 1, "login and heartbeat are answered all the same"
        assert world.terminal.unanswered >= 180
        world.taken = lambda report: True
        world.run(120)
        assert world.terminal.unanswered == 0
        tally = world.terminal.tally
        assert tally.answered == tally.wanting
        assert tally.resent > 0

    def test_few_are_under_way_at_once(self) -> None:
        world = World(made(), reachable=False)
        world.run(3600)
        terminal = world.terminal
        frames = terminal.receive(answers(terminal.connected(world.now)), world.now)
        assert len(frames) == WINDOW + 3

    def test_memory_is_bounded(self) -> None:
        world = World(made(interval=1.0), reachable=False)
        world.run(MEMORY + 500.0)
        assert world.terminal.unanswered == MEMORY
        assert 499 <= world.terminal.tally.forgotten <= 501

    def test_at_the_end_only_what_is_unanswered_is_seen_to(self) -> None:
        world = World(made(), taken=lambda report: False)
        world.run(60)
        world.taken = lambda report: True
        world.terminal.finish(world.now)
        count = world.terminal.tally.of(0x22).sent
        world.run(10)
        assert world.terminal.settled
        assert world.terminal.next_timer() == float("inf")
        assert world.terminal.tally.of(0x22).sent == count

    def test_at_the_end_a_connection_without_answers_is_made_anew(self) -> None:
        terminal = made()
        logged_in(terminal)
        terminal.finish(START + 1)
        terminal.tick(START + 4.9)
        assert terminal.hang_up == ""
        terminal.tick(START + 5.0)
        assert terminal.hang_up == "reports stay without an answer"


class TestCommands:
    """0x80, answered by 0x21 with the same flag."""

    @pytest.mark.parametrize(
        ("text", "reply"),
        [
            ("VERSION", r"\[VERSION\]JC400D_.*"),
            ("VERSION#", r"\[VERSION\]JC400D_.*"),
            ("STATUS", r"Battery:.*GPS:Fixed,\d+; ACC: (ON|OFF)"),
            ("PARAM#", rf"IMEI:{IMEI};TIMER:ON,10;APN:internet;.*"),
            ("CHECK#", r"VERSION:\[VERSION\].*;UPLOAD:http://.*;SERVER:1,.*;TIMEZONE:.*;APN:internet"),
            ("TIMER", r"\[TIMER\] ON,10"),
            ("TIMER,ON,60", "TIMER:OK!"),
            ("TIMER,ON,1", r"TIMER,parameter B error\. .*"),
            ("TIMER,MAYBE", r"TIMER,parameter A error\. .*"),
            ("RTMP,ON,INOUT", "RTMP:OK!"),
            ("RTMP,ON,INOUT#", "RTMP:OK!"),
            ("RTMP,OFF,IN", "RTMP:OK!"),
            ("RTMP,ON,B", r"RTMP,parameter B error\. options:\[IN,OUT,INOUT,PIP\]"),
            ("Picture,in", "PICTURE:OK!"),
            ("Picture,inout", "PICTURE:OK!"),
            ("PICTURE,in", "PICTURE,command header error. "),
            ("Video,in,3s", "VIDEO:OK!"),
            ("EVIDEO,2026-06-15 12:12:12,1", "EVIDEO:OK!"),
            ("EVIDEO,yesterday,1", "EVIDEO,parameter A error. "),
            ("EVIDEO", r"EVIDEO,command length error\. support length \[3, 4\]"),
            ("SERVER,1,example.com,21100", "SERVER:OK!"),
            ("RSERVICE", "RSERVICE:rtmp://example.org:1936/live"),
            ("DISK", "DISK,command header error. "),
            ("", ",command header error. "),
            ("VERSION#RESTORE#", r"\[VERSION\].*"),
        ],
    )
    def test_replies(self, text: str, reply: str) -> None:
        terminal = made()
        logged_in(terminal)
        (raw,) = terminal.receive(Session().command(text, 0xCAFE), START + 1)
        found = body(raw)
        assert (found["server_flag"], found["content_code"]) == (0xCAFE, 1)
        assert re.fullmatch(reply, found["content"])
        assert one_frame(raw).mark == 0x79

    def test_timer_changes_the_interval_at_once(self) -> None:
        world = World(made(interval=600))
        world.run(1)
        assert world.session is not None
        world.terminal.receive(world.session.command("TIMER,ON,5", 1), world.now)
        world.run(60)
        assert 11 <= world.kinds().count("position") <= 13

    def test_timer_off_and_on(self) -> None:
        world = World(made())
        world.run(1)
        assert world.session is not None
        world.terminal.receive(world.session.command("TIMER,OFF", 1), world.now)
        before = world.kinds().count("position")
        world.run(100)
        assert world.kinds().count("position") == before
        world.terminal.receive(world.session.command("TIMER,ON", 2), world.now)
        world.run(100)
        assert world.kinds().count("position") == before + 10

    def test_two_in_one_slice_and_a_broken_one(self) -> None:
        terminal = made()
        logged_in(terminal)
        session = Session()
        frames = terminal.receive(session.command("VERSION", 1) + b"junk" + session.command("STATUS", 2), START)
        assert [body(raw)["server_flag"] for raw in frames] == [1, 2]
        assert terminal.tally.commands == 2


@pytest.mark.parametrize("index", [0, 1, 9, 99_999])
def test_imeis_have_their_check_digit(index: int) -> None:
    imei = imei_of("86490800000000", index)
    assert len(imei) == 15
    digits = [int(each) for each in imei]
    doubled = [sum(divmod(2 * each, 10)) for each in digits[1::2]]
    assert (sum(digits[0::2]) + sum(doubled)) % 10 == 0


def test_a_known_imei() -> None:
    assert imei_of("490154203237518", 0) == "490154203237518"


def test_the_terminal_reads_any_bytes() -> None:
    terminal = made()
    logged_in(terminal)
    rng = random.Random(0)
    for _ in range(200):
        terminal.receive(rng.randbytes(rng.randrange(40)), START)
    (raw,) = terminal.receive(bytes(2) + Session().command("VERSION", 7), START)
    assert body(raw)["server_flag"] == 7
