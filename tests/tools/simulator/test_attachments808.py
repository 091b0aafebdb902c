"""How a simulated terminal brings attachments: to the real session, and as a fleet to the real edge."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint

from jimigw.gateway.media.safety_alarms import attachment_alarms, attachment_request
from jimigw.gateway.taps import Traffic
from jimigw.net.attachments import AttachmentFactory
from jimigw.net.connections import Limits
from jimigw.protocols.jt808.header import Addressing, phone_bytes
from jimigw.protocols.jt808.messages.safety_items import AlarmIdentity
from jimigw.tools.simulate import summary_lines
from jimigw.tools.simulator import life
from jimigw.tools.simulator.attachments808 import ANSWER_TIMEOUT, MOST_ALARMS, MOST_ATTEMPTS, Delivery, Evidence
from jimigw.tools.simulator.fleet import Fleet
from jimigw.tools.simulator.kind808 import VOCABULARY
from jimigw.tools.simulator.plan import Plan
from jimigw.tools.simulator.tally import Tally
from tests.protocols.jt808.attaching import PHONE, Platform
from tests.service.harness import Running, until
from tests.support.attachments import RecordingUploads
from tests.tools.simulator.world808 import START, made

NUMBER = "a" * 32
_identity: Callable[..., Any] = AlarmIdentity


def identity(seq: int = 1) -> Any:
    return _identity(terminal_id="2345678", time="261128173000", seq=seq, count=2)


def evidence(version: int = 2019, rate: float = 0.0) -> Evidence:
    to = Addressing(2019 if version == 2019 else 2013, phone_bytes(PHONE, version))
    return Evidence(to, version, Tally(VOCABULARY), PHONE, random.Random(1), START, rate)


def asked(version: int = 2019) -> tuple[Evidence, Delivery]:
    """A terminal that was asked for the attachments of its alarm."""
    kept = evidence(version)
    kept.keep(identity(), 0x6502)
    assert kept.bring(identity(), NUMBER, "192.0.2.9", 21188, START)
    (delivery,) = kept.take()
    assert isinstance(delivery, Delivery)
    return kept, delivery


def carry(delivery: Delivery, platform: Platform, now: float = START) -> list[str]:
    """One connection, to its end."""
    said = delivery.connected(now)
    while said:
        before = len(platform.sent)
        platform.hear(said)
        said = delivery.receive(b"".join(platform.sent[before:]), now)
    delivery.disconnected(now)
    return platform.said


class TestDelivery:
    @pytest.mark.parametrize("version", [2011, 2013, 2019])
    def test_both_files_come(self, version: int) -> None:
        kept, delivery = asked(version)
        picture, clip = delivery.missing
        assert (picture.name, clip.name) == (f"00_65_6502_0_{NUMBER}.jpg", f"02_65_6502_1_{NUMBER}.h264")
        platform = Platform()
        carry(delivery, platform)
        assert platform.complete == {picture.name: picture.data, clip.name: clip.data}
        assert picture.data[:3] == b"\xff\xd8\xff" and clip.data[:4] == b"\0\0\0\1" and len(clip.data) >= 60_000
        assert (delivery.done, delivery.hang_up, kept.settled) == (True, True, True)
        tally = delivery.tally
        assert (tally.sent, tally.answered) == (5, 5)
        assert tally.counts == {
            "attachments asked for": 2,
            "attachment connections": 1,
            "attachments brought": 2,
            "bytes of attachments": len(picture.data) + len(clip.data),
        }

    def test_pieces_that_were_left_out_are_asked_for(self) -> None:
        _, delivery = asked()
        clip = delivery.missing[1]
        turns = iter(range(1000))
        delivery.leaves_out = lambda: next(turns) % 2 == 1
        platform = Platform()
        carry(delivery, platform)
        assert platform.complete[clip.name] == clip.data
        assert delivery.tally.counts["pieces asked for again"] >= 1
        assert any("=1 " in said for said in platform.said)

    def test_after_a_break_what_is_missing_is_listed_again(self) -> None:
        _, delivery = asked()
        picture, clip = delivery.missing
        turns = iter([False, True])
        delivery.breaks_off = lambda: next(turns, False)
        first = Platform()
        carry(delivery, first)
        assert (list(first.complete), delivery.done) == ([picture.name], False)
        assert delivery.connect_at > START
        second = Platform()
        carry(delivery, second, delivery.connect_at)
        assert second.complete == {clip.name: clip.data}
        listed: Any = second.events[0]
        assert (listed.kind, [name for name, _ in listed.files]) == (1, [clip.name])
        assert delivery.tally.counts["attachment connections"] == 2

    def test_a_list_that_is_refused_is_given_up(self) -> None:
        _, delivery = asked()
        carry(delivery, Platform(refused=[NUMBER]))
        assert (delivery.done, delivery.hang_up) == (True, True)
        assert delivery.tally.counts["attachments given up"] == 2

    def test_a_file_that_is_refused_costs_the_other_nothing(self) -> None:
        _, delivery = asked()
        picture, clip = delivery.missing
        platform = Platform(refused=[picture.name])
        carry(delivery, platform)
        assert list(platform.complete) == [clip.name]
        assert delivery.tally.counts["attachments refused"] == 1

    def test_a_platform_that_says_nothing(self) -> None:
        _, delivery = asked()
        now = START
        for _ in range(MOST_ATTEMPTS):
            delivery.connected(now)
            assert not delivery.overdue(now + ANSWER_TIMEOUT - 1)
            assert delivery.overdue(now + ANSWER_TIMEOUT)
            delivery.disconnected(now)
            now = delivery.connect_at
        assert delivery.done
        assert delivery.tally.counts["attachments given up"] == 2

    def test_no_server(self) -> None:
        _, delivery = asked()
        for _ in range(MOST_ATTEMPTS):
            delivery.unreachable(START)
        assert delivery.done


class TestEvidence:
    def test_only_alarms_that_there_were(self) -> None:
        kept = evidence()
        kept.keep(identity(1), 0x6401)
        assert not kept.bring(identity(2), NUMBER, "192.0.2.9", 21188, START)
        assert not kept.bring(identity(1), NUMBER, "192.0.2.9", 0, START)
        assert not kept.bring(identity(1), NUMBER, "", 1, START)
        assert kept.take() == [] and kept.settled

    def test_what_is_under_way_is_not_brought_twice(self) -> None:
        kept, delivery = asked()
        assert kept.bring(identity(), NUMBER, "192.0.2.9", 21188, START)
        assert kept.take() == []
        carry(delivery, Platform())
        assert kept.bring(identity(), NUMBER, "192.0.2.9", 21188, START)
        (again,) = kept.take()
        assert isinstance(again, Delivery)
        assert [file.data for file in again.missing] == [file.data for file in asked()[1].missing]

    def test_old_alarms_are_forgotten(self) -> None:
        kept = evidence()
        for seq in range(MOST_ALARMS + 1):
            kept.keep(identity(seq), 0x6401)
        assert not kept.bring(identity(0), NUMBER, "h", 1, START)
        assert kept.bring(identity(1), NUMBER, "h", 1, START)

    def test_alarms_by_chance(self) -> None:
        kept, now, alarms = evidence(rate=60.0), START, 0
        for _ in range(3600):
            now += 1
            alarms += kept.is_due(now)
        assert 40 <= alarms <= 80
        assert evidence().next_alarm == life.NEVER


def test_alarms_of_active_safety_announce_their_attachments() -> None:
    terminal = made(2019, interval=1e6)
    _, items = terminal.reporter.begin_safety(START)
    assert items[0].id in (0x64, 0x65) and items[0].value.ident.count == 2


# -- a fleet ----------------------------------------------------------------------------------------------------------


class Asking:
    """The real service, and beside it the real edge for attachments with a recorder; every alarm is asked about."""

    def __init__(self, running: Running, port: Any, uploads: RecordingUploads) -> None:
        self.running, self.port, self.uploads = running, port, uploads
        self.numbers = 0
        running.service.gateway.taps.add(None, self._heard)

    def _heard(self, traffic: Traffic) -> None:
        if traffic.direction != "up" or traffic.message is None:
            return
        for alarm in attachment_alarms(traffic.message):
            self.numbers += 1
            number = f"{self.numbers:032d}"
            self.uploads.alarms[number] = traffic.device
            message = attachment_request(alarm.identity, number, "127.0.0.1", self.port.getHost().port)
            self.running.service.commands.give_message(traffic.device, message, owner="test", confirm=True)

    def plan(self, **more: Any) -> Plan:
        ports: list[Any] = [port for port in self.running.service.ports if hasattr(port, "getHost")]
        settings: dict[str, Any] = {
            "version": "mixed", "devices": 6, "interval": 0.5, "seconds": 2.0, "alarms_an_hour": 0.0,
            "pictures_an_hour": 0.0, "safety_an_hour": 3600.0, **more,
        }  # fmt: skip
        return Plan("127.0.0.1", ports[-2].getHost().port, protocol="jt808", **settings)


@pytest_twisted.async_yield_fixture
async def asking(tmp_path: Path) -> AsyncIterator[Asking]:
    running = Running(tmp_path, "journal.commit_interval=0.002")
    uploads = RecordingUploads()
    any_reactor: Any = reactor
    factory = AttachmentFactory(any_reactor, uploads, Limits(), lambda say, format, kind=None, **fields: None)
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    yield Asking(running, port, uploads)
    await port.stopListening()
    factory.close_all("the test ends")
    await until(lambda: not factory.connections)
    await running.stop()


@pytest.fixture(autouse=True)
def quick_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "RESCUE_AFTER", 1.2)
    monkeypatch.setattr(life, "LAST_RETRY", 0.5)


@pytest_twisted.ensureDeferred
async def test_a_fleet_brings_what_it_is_asked_for(asking: Asking) -> None:
    summary = await Fleet(reactor, asking.plan()).run()
    counts = summary["counts"]
    assert asking.numbers >= 6
    assert counts["attachments asked for"] == counts["attachments brought"] == 2 * asking.numbers
    assert len(asking.uploads.stored) == 2 * asking.numbers
    assert not asking.uploads.open
    assert sum(map(len, asking.uploads.stored.values())) == counts["bytes of attachments"]
    assert {data[:4] for data in asking.uploads.stored.values()} == {b"\xff\xd8\xff\xe0", b"\0\0\0\1"}
    assert summary["unanswered"] == 0
    assert summary["types"]["0x1210"]["sent"] == summary["types"]["0x1210"]["answered"] == asking.numbers
    assert "attachments brought" in "\n".join(summary_lines(summary))


@pytest_twisted.ensureDeferred
async def test_gaps_and_breaks_lose_nothing(asking: Asking) -> None:
    plan = asking.plan(tricks=frozenset({"gaps", "breakoff"}), seed=3, seconds=3.0)
    summary = await Fleet(reactor, plan).run()
    assert {"gaps", "breakoff"} <= summary["mischief"].keys()
    counts = summary["counts"]
    assert counts["pieces asked for again"] > 0
    assert counts["attachment connections"] > asking.numbers
    assert counts["attachments brought"] == 2 * asking.numbers == len(asking.uploads.stored)
    assert not asking.uploads.open
