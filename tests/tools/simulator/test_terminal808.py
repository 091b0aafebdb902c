"""The simulated JT/T 808 terminal against the real session, with the time as an argument."""

import base64
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from jimigw.tools.simulator.life import BACK_OFF
from jimigw.tools.simulator.message808 import MEDIA_DATA
from jimigw.tools.simulator.outbox import MEMORY
from jimigw.tools.simulator.terminal808 import BATCH, MOST_IN_BATCH
from tests.tools.simulator.world808 import ALL, PHONE, START, World, made, packets

versions = pytest.mark.parametrize("version", ALL)


def ids(found: list[Any]) -> list[int]:
    return [packet.header.msg_id for packet in found]


def entered(version: int = 2019, **more: object) -> World:
    """A world whose terminal is on line."""
    world = World(made(version, **more))  # type: ignore[arg-type]
    world.run(1)
    assert world.terminal.online
    return world


class TestLogin:
    """Registration and authentication. JT/T 808-2019, 5.1 and 5.2."""

    @versions
    def test_registers_authenticates_and_keeps_its_code(self, version: int) -> None:
        world = World(made(version, interval=1000))
        world.run(1)
        assert ids(world.said)[:2] == [0x0100, 0x0102]
        assert ids(world.heard)[:2] == [0x8100, 0x8001]
        world.outage(5)
        before = len(world.said)
        world.run(10)
        assert ids(world.said)[before] == 0x0102
        assert (len(world.door.registered), len(world.logins)) == (1, 2)

    @versions
    def test_says_nothing_else_before(self, version: int) -> None:
        terminal = made(version, interval=1.0)
        frames = terminal.connected(START)
        for second in range(1, 5):
            frames += terminal.tick(START + second)
        assert ids(packets(frames, version)) == [0x0100]

    @versions
    def test_the_header_is_that_of_its_edition(self, version: int) -> None:
        (packet,) = packets(made(version).connected(START), version)
        assert packet.header.version == (2019 if version == 2019 else 2013)
        assert packet.header.identity == PHONE

    def test_begins_again_when_its_code_is_refused(self) -> None:
        world = entered()
        world.outage(5)
        world.door.secret = 2
        world.run(10)
        assert (len(world.door.registered), world.terminal.online) == (2, True)
        assert world.terminal.tally.counts["codes refused"] == 1

    def test_whoever_is_not_let_in_hangs_up_and_waits_longer(self) -> None:
        world = World(made())
        world.door.refused = True
        world.run(300)
        assert set(world.hang_ups) == {"the registration is refused with result 4"}
        gaps = [later - earlier for earlier, later in pairwise(world.attempts)]
        for gap, base in zip(gaps, BACK_OFF, strict=False):
            assert 0.8 * base <= gap <= 1.2 * base + 0.01

    def test_an_answer_that_never_comes(self) -> None:
        """5 s, 10 s, 30 s, 120 s: T(n+1) = T(n) x (n+1), the same bytes each time, then the link is given up."""
        world = World(made(interval=1e6), passes_down=lambda data: b"")
        sent: list[tuple[float, bytes]] = []

        def note(frames: list[bytes]) -> list[bytes]:
            sent.extend((world.now - START, frame) for frame in frames)
            return frames

        world.passes = note
        world.run(169)
        before = [(round(time - sent[0][0]), frame) for time, frame in sent if time - sent[0][0] < 165]
        assert before == [(after, sent[0][1]) for after in (0, 5, 15, 45)]
        assert world.hang_ups == ["no answer to 0x0100 after 3 repeats"]

    def test_a_platform_that_forgot_it_hears_again_who_it_is(self) -> None:
        world = entered(interval=5.0)
        assert world.session is not None
        world.session.forget(PHONE, world.now)
        world.run(60)
        assert (len(world.logins), len(world.attempts), world.terminal.online) == (2, 1, True)
        assert len(world.of(0x0200)) >= 12


class TestReports:
    """Locations, heartbeats, time."""

    @versions
    def test_an_hour(self, version: int) -> None:
        world = World(made(version, alarms=60, pictures=12))
        world.run(3600)
        # One more each time that an alarm is reported.
        assert 360 <= len(world.of(0x0200)) <= 460
        assert 57 <= len(world.of(0x0002)) <= 60
        tally = world.terminal.tally
        assert (tally.resent, world.terminal.unanswered, tally.lost_connections) == (0, 0, 0)
        assert tally.answered == tally.wanting
        assert tally.counts.keys() <= {"parts"}
        assert all("notes" not in report.message for report in world.reports)

    @versions
    def test_items(self, version: int) -> None:
        world = World(made(version, alarms=600))
        world.run(1800)
        extras = [body["extra"] for body in world.of(0x0200)]
        assert all({"mileage", "rssi", "gnss_sat_num"} <= extra.keys() for extra in extras)
        seen = set().union(*extras)
        assert {"fuel_meter", "speed", "signal", "io_status", "analog", "overspeed_alarm", "in_out_alarm"} <= seen
        assert ("carriage_temp" in seen) is (version == 2019)
        assert "adas" in seen or "dsm" in seen or any(key.startswith(("adas", "dsm")) for key in seen)
        mileages = [extra["mileage"] for extra in extras]
        assert mileages == sorted(mileages)

    def test_position_and_course_are_those_of_the_drive(self) -> None:
        world = World(made())
        world.run(600)
        for report in world.reports:
            if report.position is not None and report.message["header"]["msg_id"] == 0x0200:
                # Buenos Aires: south and west.
                assert -34.7 < report.position.latitude < -34.5 and -58.5 < report.position.longitude < -58.3
                assert abs(report.position.time.timestamp() - report.received.timestamp()) < 2

    def test_an_alarm_that_is_acknowledged_is_over_others_hold(self) -> None:
        world = World(made(alarms=120))
        world.run(3600)
        words = [body["alarm"] for body in world.of(0x0200)]
        for bit, longest in ((0, 2), (27, 2), (1, 6), (8, 12)):
            runs = "".join("x" if word >> bit & 1 else " " for word in words).split()
            assert runs and all(len(run) <= longest for run in runs), bit

    @pytest.mark.parametrize(("version", "asks"), [(2011, 0), (2013, 0), (2019, 1)])
    def test_the_time_is_asked_for_since_2019(self, version: int, asks: int) -> None:
        world = entered(version)
        assert ids(world.said).count(0x0004) == asks
        assert world.terminal.tally.of(0x0004).answered == asks

    def test_a_heartbeat_as_often_as_its_parameter_says(self) -> None:
        world = entered(interval=1000)
        world.command(0x8103, {"params": [{"id": 1, "value": 20}]})
        world.run(60)  # the one that was due comes first
        before = len(world.of(0x0002))
        world.run(200)
        assert len(world.of(0x0002)) == before + 10


class TestOutage:
    """What happens while there is no link. JT/T 808-2019, 6.1.2."""

    @pytest.mark.parametrize("version", [2013, 2019])
    def test_locations_come_in_batches(self, version: int) -> None:
        world = entered(version)
        before = len(world.times())
        world.outage(600)
        world.run(120)
        batches = world.of(0x0704)
        assert [batch["type"] for batch in batches] == [1] * len(batches)
        assert sum(len(batch["location"]) for batch in batches) >= 60
        assert max(len(batch["location"]) for batch in batches) == MOST_IN_BATCH
        # The longest batch takes more than one frame.
        assert world.terminal.tally.counts["parts"] >= 4
        late = world.times()[before:]
        assert late == sorted(late) and len(set(late)) == len(late)
        assert world.terminal.unanswered == 0
        assert world.terminal.tally.of(BATCH).answered == len(batches)

    def test_one_by_one_before_there_were_batches(self) -> None:
        world = entered(2011)
        world.outage(600)
        world.run(60)
        assert not world.of(0x0704)
        assert len(world.of(0x0200)) >= 60 and world.terminal.unanswered == 0

    def test_a_single_one_needs_no_batch(self) -> None:
        world = entered(interval=30)
        world.outage(31)
        world.run(90)
        assert not world.of(0x0704) and world.terminal.unanswered == 0

    @pytest.mark.parametrize(
        ("interval", "seconds"),
        [
            (20, 280),
            (5, 900),
        ],
        ids=["in one frame", "in parts"],
    )
    def test_a_gateway_that_cannot_store(self, interval: int, seconds: int) -> None:
        world = World(made(interval=interval), taken=lambda report: False)
        world.run(seconds)
        assert world.hang_ups and world.terminal.unanswered >= seconds // interval
        world.taken = lambda report: True
        world.run(120)
        assert world.terminal.unanswered == 0
        times = world.times()
        assert len(set(times)) >= seconds // interval and len(times) == len(set(times))

    def test_memory_is_bounded(self) -> None:
        world = World(made(interval=1.0), reachable=False)
        world.run(MEMORY + 500.0)
        assert world.terminal.unanswered == MEMORY
        assert 499 <= world.terminal.tally.forgotten <= 501

    def test_at_the_end_only_what_is_unanswered_is_seen_to(self) -> None:
        world = World(made(interval=5), taken=lambda report: False)
        world.run(60)
        world.taken = lambda report: True
        world.terminal.finish(world.now)
        count = world.terminal.tally.of(0x0200).sent
        world.run(10)
        assert world.terminal.settled
        assert world.terminal.next_timer() == float("inf")
        assert world.terminal.tally.of(0x0200).sent == count


def lossy(rate: float, seed: int = 3) -> Callable[[list[bytes]], list[bytes]]:
    rng = random.Random(seed)
    return lambda frames: [frame for frame in frames if rng.random() >= rate]


def lost_parts(*which: int) -> Callable[[list[bytes]], list[bytes]]:
    """Loses these parts, each the first time that it is sent."""
    left = set(which)

    def passes(frames: list[bytes]) -> list[bytes]:
        kept = []
        for frame in frames:
            (packet,) = packets([frame])
            if packet.header.frag_sn in left:
                left.remove(packet.header.frag_sn)
            else:
                kept.append(frame)
        return kept

    return passes


def is_picture(body: dict[str, Any]) -> bool:
    data = base64.b64decode(body["multimedia"])
    return data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9")


class TestPictures:
    """0x0800, 0x0801 in parts, 0x8800. JT/T 808-2019, 4.4.3, 8.50 to 8.52."""

    @pytest.mark.parametrize("version", [2013, 2019])
    def test_announced_sent_in_parts_and_answered(self, version: int) -> None:
        world = entered(version, interval=1000)
        world.shoot()
        world.run(1)
        (event,), (data,) = world.of(0x0800), world.of(0x0801)
        assert event == {"id": 1, "type": 0, "format": 0, "event": 1, "channel": event["channel"]}
        assert is_picture(data) and data["id"] == 1
        parts = [packet.header.frag_total for packet in world.said if packet.header.msg_id == MEDIA_DATA]
        assert len(parts) == parts[0] > 1
        assert [packet.body.id for packet in world.heard if packet.header.msg_id == 0x8001].count(MEDIA_DATA) == parts[
            0
        ] - 1
        (answer,) = [packet for packet in world.heard if packet.header.msg_id == 0x8800]
        assert answer.data == bytes((0, 0, 0, 1))
        assert world.terminal.tally.of(MEDIA_DATA).answered == 1 and world.terminal.settled

    def test_packets_of_2011_count_in_the_body(self) -> None:
        world = entered(2011, interval=1000)
        world.shoot()
        world.run(1)
        bodies = world.of(0x0801)
        assert [body["packet"] for body in bodies] == list(range(1, bodies[0]["packets"] + 1))
        assert not any(packet.header.is_part for packet in world.said)
        assert b"".join(base64.b64decode(body["multimedia"]) for body in bodies).endswith(b"\xff\xd9")
        assert world.terminal.settled

    @pytest.mark.parametrize("version", [2013, 2019])
    @pytest.mark.parametrize("lost", [(1,), (2,), (3,), (1, 3)])
    def test_lost_parts_are_asked_for(self, version: int, lost: tuple[int, ...]) -> None:
        world = entered(version, interval=1000)
        world.terminal.part_size = 512
        world.passes = lost_parts(*lost)
        world.shoot()
        world.run(10)
        (data,) = world.of(0x0801)
        assert is_picture(data)
        assert world.terminal.tally.counts["parts asked for"] == len(lost)
        assert "parts sent again" not in world.terminal.tally.counts

    def test_a_batch_in_parts_is_asked_for_by_0x8003(self) -> None:
        world = entered()
        world.outage(300)
        world.passes = lost_parts(1)
        world.run(60)
        assert [packet.body.ids for packet in world.heard if packet.header.msg_id == 0x8003] == [[1]]
        assert world.terminal.unanswered == 0

    @pytest.mark.parametrize(("up", "down"), [(0.1, 0.0), (0.3, 0.0), (0.1, 0.1)])
    def test_a_lossy_way_loses_no_picture(self, up: float, down: float) -> None:
        rng = random.Random(5)
        world = World(made(interval=20, pictures=60, udp=True), passes=lossy(up))
        world.passes_down = lambda data: data if rng.random() >= down else b""
        world.run(1800)
        world.passes, world.passes_down = (lambda frames: frames), (lambda data: data)
        world.terminal.finish(world.now)
        world.run(120)
        assert world.terminal.unanswered == 0
        taken = set(world.terminal.album.stored)
        assert len(taken) > 15
        sent = {body["id"] for body in world.of(0x0801)}
        assert taken <= sent and all(map(is_picture, world.of(0x0801)))

    def test_a_new_connection_begins_anew(self) -> None:
        world = entered(interval=1000)
        world.passes = lost_parts(2)
        world.shoot()
        world.run(0.5)
        world.cut()
        world.run(10)
        (data,) = world.of(0x0801)
        assert is_picture(data)

    def test_by_chance_and_for_an_emergency(self) -> None:
        world = World(made(alarms=120, pictures=6))
        world.run(3600)
        assert {body["event"] for body in world.of(0x0800)} == {1, 2, 3}


def test_answers_for_others_are_counted() -> None:
    one, other = entered(), made(seed=2)
    other.to = other.to.__class__(2019, bytes(10))
    for packet_frame in one.terminal.connected(one.now):
        other.receive(packet_frame, one.now)
    assert other.tally.counts == {"frames for others": 1}


def test_the_terminal_reads_any_bytes() -> None:
    world = entered()
    rng = random.Random(0)
    for _ in range(300):
        world.terminal.receive(rng.randbytes(rng.randrange(60)).replace(b"~", b""), world.now)
        world.terminal.receive(b"~", world.now)
    world.command(0x8204, {}, "check")
    world.run(1)
    assert world.ended["check"].outcome == "answered"
