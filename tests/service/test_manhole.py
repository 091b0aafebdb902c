"""The operator's evening: a telnet client, the real service, a simulated camera, and everything between them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor, task
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

from jimigw.tools.simulator.fleet import Fleet
from jimigw.tools.simulator.plan import Plan
from tests.service.harness import Running, Start
from tests.support.telnet_client import TelnetClient

MANHOLE = 'manhole.endpoint="tcp:0:interface=127.0.0.1"'


async def _client(running: Running) -> TelnetClient:
    port: Any = running.service.manhole.ports[0].getHost()
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.port)
    client: TelnetClient = await connectProtocol(endpoint, TelnetClient())
    return client


def _password(folder: Path) -> str:
    file = folder / "manhole.password"
    assert file.stat().st_mode & 0o777 == 0o600
    found = re.search(r"^password: (\S+)$", file.read_text("utf-8"), re.MULTILINE)
    assert found
    return found[1]


async def _log_in(client: TelnetClient, password: str) -> None:
    await client.expect("Username: ")
    client.line("admin")
    await client.expect("Password: ")
    client.line(password)


@pytest_twisted.ensureDeferred
async def test_an_operator_finds_a_camera_and_makes_it_do_things(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path, MANHOLE)
    plan = Plan("127.0.0.1", running.port, devices=3, interval=0.3, seconds=None, alarms_an_hour=0, seed=1)
    fleet = Fleet(reactor, plan)
    driven = fleet.run()
    imei = "864908000000009"

    # a wrong password is refused, and slowly
    client = await _client(running)
    real: Any = reactor
    began = real.seconds()
    await _log_in(client, "let me in")
    await client.expect("Login incorrect")
    assert real.seconds() - began >= 1.0
    transport: Any = client.transport
    transport.loseConnection()
    await client.gone

    # the right one comes in
    client = await _client(running)
    await _log_in(client, _password(tmp_path))
    await client.expect("help\\(\\) lists the words.*>>> ", 20)

    # find it
    client.line("devices('8649*', online=True)")
    found = await client.expect(r"3 terminals, 3 on line\n.*>>> ")
    assert found.count("864908000000") == 3
    assert "jimi" in found
    client.line(f"d = device('{imei[-6:]}')")
    await client.expect(">>> ")

    # ask it something, and see the answer
    client.line("d.command('VERSION')")
    answer = await client.expect(r"is answered.*JC400D_WAVA_DMS_V4\.2\.13.*")
    assert f"VERSION for {imei}" in answer
    client.line("d")
    card = await client.expect(r"firmware +JC400D_WAVA.*>>> ")
    assert re.search(r"model +JC400D\n", card)

    # what can do harm wants a confirmation
    client.line("d.command('FORMAT')")
    assert "confirm=True" in await client.expect(r"confirm=True.*>>> ")

    # watch three reports, both ways
    client.line("d.watch()")
    await client.expect(rf"(?: up +{imei} +position\n +0x22 #\d+ .*?latitude=.*? down +{imei} +0x22 #\d+.*?){{3}}")
    client.type("\x03")
    await client.expect(">>> ")

    # throw it out, and see it come back
    device = running.service.registry.get(imei)
    assert device is not None
    logins = device.logins
    client.line("d.disconnect()")
    await client.expect(">>> ")
    while device.logins == logins or not device.online or device.link_frames < 4:
        await task.deferLater(reactor, 0.01)
    client.line("d.history(30)")
    await client.expect(r"logout.*login.*>>> ", 20)

    # its last commands are there
    client.line("commands(pending=False)")
    assert "VERSION" in await client.expect(r"answered.*>>> ")

    client.type("\x04")
    await client.gone
    fleet.finish()
    await driven
    await running.stop()
    told = [record for record in running.records() if record.kind == "command_result" and b'"outcome"' in record.data]
    assert [b'"answered"' in record.data for record in told] == [True]
