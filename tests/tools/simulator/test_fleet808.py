"""Fleets of JT/T 808 terminals over real sockets, against the real service."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor, task
from twisted.internet.udp import Port as UDPPort

from jimigw.tools.simulate import summary_lines
from jimigw.tools.simulator import life
from jimigw.tools.simulator.fleet import Fleet
from jimigw.tools.simulator.plan import Plan
from tests.service.harness import Running, Start

both = pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])


@pytest_twisted.async_yield_fixture
async def start() -> AsyncIterator[Start]:
    """Start a service in a folder, with settings laid over the default ones; it ends with the test."""
    started: list[Running] = []

    def _start(folder: Path, *settings: str) -> Running:
        started.append(Running(folder, "journal.commit_interval=0.002", *settings))
        return started[-1]

    yield _start
    for running in started:
        if running.service.running:
            await running.stop()


@pytest.fixture(autouse=True)
def quick_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of a run the terminals see to what is unanswered sooner than in the field."""
    monkeypatch.setattr(life, "RESCUE_AFTER", 1.2)
    monkeypatch.setattr(life, "LAST_RETRY", 0.5)


def port_of(running: Running, udp: bool) -> int:
    """Where the service awaits JT/T 808 terminals: the last port of each kind."""
    found: list[Any] = [port for port in running.service.ports if isinstance(port, UDPPort) == udp]
    return int(found[-1].getHost().port)


def plan(running: Running, udp: bool, **more: Any) -> Plan:
    settings: dict[str, Any] = {
        "version": "mixed",
        "devices": 9, "interval": 0.2, "seconds": 1.0, "alarms_an_hour": 3600.0, "pictures_an_hour": 2400.0, **more,
    }  # fmt: skip
    return Plan("127.0.0.1", port_of(running, udp), protocol="jt808", udp=udp, **settings)


def hurried(fleet: Fleet) -> Fleet:
    """The same with the least patience that the terminals' parameters can say."""
    for vehicle in fleet._vehicles:
        vehicle.terminal.state.parameters.update({0x0002: 1, 0x0004: 1})  # type: ignore[attr-defined]
    return fleet


def bodies(records: list[Any], msg_id: int) -> list[tuple[str, dict[str, Any]]]:
    """The bodies of all records with this message id, with the device of each."""
    found = []
    for record in records:
        shown = json.loads(record.json())
        message = shown.get("message") or {}
        if message.get("header", {}).get("msg_id") == msg_id:
            found.append((shown["device"], message["body"]))
    return found


def devices_of(records: list[Any]) -> set[str]:
    return {json.loads(record.json())["device"] for record in records}


def are_pictures(records: list[Any]) -> bool:
    """Whether every picture is whole; those of 2011 come in packets with a number each."""
    packets: dict[tuple[str, int], dict[int, bytes]] = {}
    for device, body in bodies(records, 0x0801):
        data = base64.b64decode(body["multimedia"])
        packets.setdefault((device, body["id"]), {})[body.get("packet", 1)] = data
    wholes = [b"".join(data for _, data in sorted(each.items())) for each in packets.values()]
    return bool(wholes) and all(each[:3] == b"\xff\xd8\xff" and each[-2:] == b"\xff\xd9" for each in wholes)


@both
@pytest_twisted.ensureDeferred
async def test_every_report_is_answered_and_stored(start: Start, tmp_path: Path, udp: bool) -> None:
    running = start(tmp_path)
    summary = await Fleet(reactor, plan(running, udp)).run()
    assert (summary["unanswered"], summary["logins"], summary["lost_connections"]) == (0, 9, 0)
    assert summary["answered"] == summary["wanting_answer"]
    assert summary["counts"].keys() <= {"parts"}
    text = "\n".join(summary_lines(summary))
    assert "every report was answered" in text and "multimedia data" in text
    await running.stop()
    records = running.records()
    assert devices_of(records) == {f"1390000000{index}" for index in range(9)}
    for name in ("0x0200", "0x0702", "0x0800", "0x0801"):
        assert len(bodies(records, int(name, 16))) == summary["types"][name]["sent"], name
    assert summary["types"]["0x0200"]["sent"] >= 40
    assert are_pictures(records)


@pytest.mark.parametrize(
    ("udp", "version", "more"), [(False, "2013", {"split", "hangup"}), (True, "2019", {"loss"})], ids=["tcp", "udp"]
)
@pytest_twisted.ensureDeferred
async def test_misbehaviour_loses_nothing(
    start: Start, tmp_path: Path, udp: bool, version: str, more: set[str]
) -> None:
    tricks = frozenset({"junk", "badcrc", "promise", "duplicate", "early", "lostparts", "reorder", "repeats"} | more)
    running = start(tmp_path)
    summary = await hurried(Fleet(reactor, plan(running, udp, version=version, tricks=tricks, seed=3))).run()
    assert summary["unanswered"] == 0
    assert summary["resent"] > 0
    assert {"badcrc", "duplicate", "early", "junk", "reorder"} <= summary["mischief"].keys()
    await running.stop()
    assert are_pictures(running.records())


@both
@pytest_twisted.ensureDeferred
async def test_an_outage_ends_with_batches(start: Start, tmp_path: Path, udp: bool) -> None:
    """The service ends, and another one begins in the same folder, on the same port: codes are good as before."""
    first = start(tmp_path)
    place = f"127.0.0.1:{port_of(first, udp)}"
    same = f'jt808.udp="{place}"' if udp else f'jt808.endpoints=["tcp:{port_of(first, udp)}:interface=127.0.0.1"]'
    fleet = Fleet(reactor, plan(first, udp, devices=6, seconds=None, alarms_an_hour=0.0, pictures_an_hour=0.0))
    done = fleet.run()
    hurried(fleet)
    await task.deferLater(reactor, 0.7)
    await first.stop()
    second = start(tmp_path, same)
    await task.deferLater(reactor, 1.8)
    fleet.finish()
    summary = await done
    assert summary["unanswered"] == 0
    assert summary["types"]["0x0100"]["sent"] == 6
    assert summary["types"]["0x0102"]["answered"] >= 12
    await second.stop()
    records = second.records()
    assert any(body["type"] == 1 for _, body in bodies(records, 0x0704)) or udp
    stored = {(device, body["time"]) for device, body in bodies(records, 0x0200)}
    stored |= {(device, each["time"]) for device, body in bodies(records, 0x0704) for each in body["location"]}
    seconds = {device: {time for each, time in stored if each == device} for device in devices_of(records)}
    assert all(len(times) >= 2 for times in seconds.values())


@pytest_twisted.ensureDeferred
async def test_nobody_listens_over_udp(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    nowhere = plan(running, True, devices=2, seconds=0.3, grace=0.2)
    await running.stop()
    summary = await Fleet(reactor, nowhere).run()
    assert summary["logins"] == 0
    assert summary["unanswered"] > 0
