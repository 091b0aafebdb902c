"""A desk with a small fleet behind it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from jimigw.model.report import Alarm, Position
from tests.support.house import NOW, FakeHouse
from tests.support.terminal_stub import Desk

CAMERA, SLEEPER, TRACKER = "864200050000001", "864200050000002", "13800138000"


@pytest.fixture(autouse=True)
def one_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """People read local time; for the tests they live in Shanghai."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def events() -> Iterator[list[LogEvent]]:
    """What is logged."""
    found: list[LogEvent] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        found.append(event)

    globalLogPublisher.addObserver(observe)
    yield found
    globalLogPublisher.removeObserver(observe)


def furnish(house: FakeHouse) -> None:
    """Three terminals: a camera on line, one off line, a tracker of JT/T 808."""
    registry = house.registry
    registry.add(
        CAMERA,
        online=True,
        card={"imei": CAMERA, "plate": "粤B12345", "name": "Bus 7", "notes": "left mirror"},
        protocol="jimi",
        model="JC400P",
        firmware="C400_V1.1.4",
        first_seen=NOW - 86_400 * 3,
        last_seen=NOW + 95,
        logins=4,
        link_since=NOW - 500,
        link_frames=1234,
        link_bytes=56_789,
        address="192.0.2.7:40000",
        ignition=True,
        position=Position(
            datetime.fromtimestamp(NOW + 90, UTC), 22.577283, 113.916847, True, 45.0, 87, 12, 9, 123_456.0, True
        ),
        alarm=Alarm(0xA1, "Harsh braking"),
        alarm_at=NOW,
    )
    registry.add(
        SLEEPER,
        protocol="jimi",
        model="JC261",
        first_seen=NOW - 1000,
        last_seen=NOW - 7300,
        left="no byte for 600 s",
        left_at=NOW - 7300,
    )
    registry.add(TRACKER, online=True, protocol="jt808", card={"phone": TRACKER}, last_seen=NOW)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    furnish(found.house)
    return found
