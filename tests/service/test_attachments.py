"""Attachments of alarms through the whole service: simulated terminals, 0x9208, the second connection, the journal."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor as the_reactor

from jimigw.model.media import MediaQuery
from jimigw.tools.simulator import life
from jimigw.tools.simulator.fleet import Fleet
from jimigw.tools.simulator.plan import Plan
from tests.service.harness import Running, Start, until

reactor: Any = the_reactor
HERE = ('attachments.endpoint="tcp:0:interface=127.0.0.1"', 'attachments.public_host="127.0.0.1"')


@pytest.fixture(autouse=True)
def quick_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "RESCUE_AFTER", 1.2)
    monkeypatch.setattr(life, "LAST_RETRY", 0.5)


async def listening(start: Start, folder: Path, *settings: str) -> Running:
    """A service that takes attachments, and says so to terminals."""
    running = start(folder, *HERE, *settings)
    await until(lambda: running.service.files.ports)
    place: Any = running.service.files.ports[0].getHost()
    uploads = running.service.files.uploads
    uploads.settings = attrs.evolve(uploads.settings, attachment_port=place.port)
    return running


def plan(running: Running, **more: Any) -> Plan:
    ports: list[Any] = list(running.service.ports)
    settings: dict[str, Any] = {
        "version": "mixed", "devices": 3, "interval": 0.5, "seconds": 1.5, "alarms_an_hour": 0.0,
        "pictures_an_hour": 0.0, "safety_an_hour": 3600.0, **more,
    }  # fmt: skip
    return Plan("127.0.0.1", ports[-2].getHost().port, protocol="jt808", **settings)


def bodies(running: Running, kind: str) -> list[Any]:
    found = [json.loads(each.json()) for each in running.records() if each.kind == kind]
    return [each["message"]["body"] for each in found]


@pytest.mark.parametrize("dialect", ["document", "emqx"])
@pytest.mark.parametrize("tricks", [frozenset(), frozenset({"gaps", "breakoff"})], ids=["honest", "gaps and breaks"])
@pytest_twisted.ensureDeferred
async def test_every_alarm_gets_its_files(start: Start, tmp_path: Path, tricks: frozenset[str], dialect: str) -> None:
    running = await listening(start, tmp_path, f'exchange.dialect="{dialect}"')
    summary = await Fleet(reactor, plan(running, tricks=tricks, seed=2)).run()
    asked = summary["counts"]["attachments asked for"]
    brought = summary["counts"]["attachments brought"]
    assert asked >= brought >= 2
    uploads = running.service.files.uploads
    files = [each for each in await uploads.find(MediaQuery(limit=1000)) if each.state == "stored"]
    assert len(files) == brought
    for media in files:
        content = await uploads.read(media, 0, 1 << 20)
        assert (len(content), hashlib.md5(content).hexdigest()) == (media.size, media.md5)
        assert (media.source, media.kind) == ("attachment", "picture" if media.name.endswith(".jpg") else "video")  # type: ignore[union-attr]
        assert media.camera in (64, 65)
    assert {each["filename"] for each in bodies(running, "upload")} == {each.name for each in files}
    whole = {each.alarm for each in files if sum(other.alarm == each.alarm for other in files) == 2}
    assert whole
    await until(lambda: len(bodies(running, "alarm_complete")) == len(whole))
    alarms = [alarm for alarm in await uploads.alarms(limit=1000) if alarm.id in whole]
    assert all(alarm.complete and alarm.expected == 2 and alarm.number for alarm in alarms)
    if tricks:
        assert running.service.files.attachments.counters.refills > 0
