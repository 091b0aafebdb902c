"""The registry and commands through the whole service: real sockets, a real store, restarts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor, task

from jimigw.gateway.catalogue import CommandRefused
from jimigw.model.command import Command, Life
from jimigw.protocols.jimi.codec import read_any
from jimigw.protocols.jimi.messages import CommandReply
from tests.service.harness import Client, Running, Start
from tests.service.test_jt808 import Terminal

IMEI, PHONE = "863000000000001", "13912345678"


async def _logged_in(running: Running, imei: str = IMEI) -> Client:
    client = await running.connect(imei)
    client.login()
    await client.got(1)
    return client


async def _until(condition: Any) -> None:
    for _ in range(5000):
        if condition():
            return
        await task.deferLater(reactor, 0.001)
    raise AssertionError("it did not come to pass")


def _heard(client: Client) -> list[tuple[int, str]]:
    """Flag and text of the commands that a camera got."""
    bodies = [read_any(frame).body for frame in client.frames if frame.protocol == 0x80]
    return [(body["server_flag"], body["command"]) for body in bodies]


def _answer(client: Client, flag: int, text: str) -> None:
    client.send(0x21, CommandReply(server_flag=flag, content_code=1, content=text).encode(), 99)


@pytest_twisted.ensureDeferred
async def test_a_command_given_to_a_sleeping_camera_is_carried_out_when_it_wakes(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    client = await _logged_in(running)
    assert client.transport is not None
    client.transport.loseConnection()
    await client.gone
    await _until(lambda: running.service.registry.online() == 0)
    commands = running.service.commands
    first: Command = await commands.give_text(IMEI, "VERSION", owner="test")
    second: Command = await commands.give_text(IMEI, "STATUS", owner="test")
    await running.stop()

    running = start(tmp_path)  # the service is restarted while it sleeps
    client = await _logged_in(running)
    await client.got(2)
    assert _heard(client) == [(first.id, "VERSION")]
    _answer(client, first.id, "[VERSION]JC400P_V1.2.3_210716")
    await client.got(3)
    assert _heard(client)[1:] == [(second.id, "STATUS")]
    _answer(client, second.id, "STATUS,parameter A error. ")
    ended = await running.service.commands.wait(second.id, 5.0)
    device = running.service.registry.get(IMEI)
    assert device is not None
    assert (device.model, device.firmware) == ("JC400P", "JC400P_V1.2.3_210716")
    assert (ended.state, ended.why, device.logins) == (Life.REFUSED, "the terminal refused it", 2)
    await running.stop()
    told = [record for record in running.records() if b'"outcome"' in record.data]
    assert [(record.device, record.kind) for record in told] == [(IMEI, "command_result")] * 2
    assert b'"command":%d,"outcome":"answered"' % first.id in told[0].data


@pytest_twisted.ensureDeferred
async def test_the_registry_outlives_the_service(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    client = await _logged_in(running)
    client.location(2)
    await client.got(2)
    terminal = Terminal(running)
    await terminal.enter()
    await running.stop()
    terminal.socket.close()

    running = start(tmp_path)
    camera, tracker = (running.service.registry.get(id) for id in (IMEI, PHONE))
    assert camera is not None
    assert tracker is not None
    assert (camera.online, camera.protocol, camera.logins, camera.left) == (False, "jimi", 1, "the service ends")
    assert camera.position is not None
    assert (camera.ignition, round(camera.position.latitude, 3)) == (True, 22.577)
    assert (tracker.protocol, tracker.model, tracker.plate) == ("jt808", "JC450", "B00001")
    await running.stop()


@pytest_twisted.ensureDeferred
async def test_a_text_and_a_message_for_a_terminal_of_jt808(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    terminal = Terminal(running)
    await terminal.enter()
    commands = running.service.commands
    text: Command = await commands.give_text(PHONE, "VERSION", owner="test")
    asked = await terminal.hear(0x8900)
    assert asked == {"type": 240, "data": "VkVSU0lPTg=="}
    message: Command = await commands.give_message(PHONE, {"header": {"msg_id": 0x8104}, "body": {}}, owner="test")
    await terminal.hear(0x8104)
    terminal.serial = terminal.serials[0x8900]  # the reply to a text has the serial number of the command
    await terminal.say(0x0900, {"type": 240, "data": "VkVSU0lPTjpKQzM3MQ=="})
    ended = await commands.wait(text.id, 5.0)
    assert (ended.state, ended.reply) == (Life.ANSWERED, "VERSION:JC371")
    await terminal.say(0x0104, {"seq": terminal.serials[0x8104], "params": [{"id": 1, "value": 60}]})
    ended = await commands.wait(message.id, 5.0)
    assert ended.state is Life.ANSWERED
    assert ended.reply["params"] == [{"id": 1, "value": 60}]
    unwritable: Command = await commands.give_message(PHONE, {"header": {"msg_id": 0x8300}, "body": {}}, owner="test")
    ended = await commands.wait(unwritable.id, 5.0)
    assert (ended.state, "body.flag" in ended.why) == (Life.FAILED, True)
    await running.stop()
    terminal.socket.close()


@pytest_twisted.ensureDeferred
async def test_the_newer_of_two_connections_gets_the_commands(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    older = await _logged_in(running)
    newer = await _logged_in(running)
    await older.gone
    command: Command = await running.service.commands.give_text(IMEI, "VERSION", owner="test")
    await newer.got(2)
    assert (_heard(older), _heard(newer)) == ([], [(command.id, "VERSION")])
    await running.stop()
    await newer.gone


@pytest_twisted.ensureDeferred
async def test_a_forgotten_terminal_is_cut_off_and_comes_back_as_a_new_one(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    client = await _logged_in(running)
    await running.service.gateway.forget(IMEI)
    await client.gone
    assert running.service.registry.get(IMEI) is None
    assert not running.service.gateway.disconnect(IMEI, "again")
    client = await _logged_in(running)
    device = running.service.registry.get(IMEI)
    assert device is not None
    assert device.logins == 1
    await running.stop()


@pytest_twisted.ensureDeferred
async def test_a_camera_is_turned_to_this_gateway_in_one_call(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    client = await _logged_in(running)
    settings = {"COREKITSW": "1", "SERVER": "0,10.0.0.1,21100"}
    settings |= dict.fromkeys(("UPLOAD", "RSERVICE", "FILELIST"), "http://old.example.org/x")
    answered = 0

    async def camera() -> None:
        nonlocal answered
        while not onboarding.called:
            for flag, text in _heard(client)[answered:]:
                answered += 1
                name, _, value = text.partition(",")
                if value and not (name == "UPLOAD" and stubborn):
                    settings[name] = value
                _answer(client, flag, f"{name}:OK!" if value else f"{name}:{settings[name]}")
            await task.deferLater(reactor, 0.001)

    commands = running.service.commands
    for stubborn in (True, False):
        onboarding = commands.onboard(IMEI, "test", True, host="gw.example.org", server_port=21100)
        await camera()
        lines = await onboarding
        if stubborn:
            assert any("UPLOAD is" in line and "should be" in line for line in lines), lines
            assert any(line.startswith("SERVER,1,gw.example.org,21100 is not sent") for line in lines), lines
        else:
            assert settings["SERVER"] == "1,gw.example.org,21100"
            assert "RSERVICE is as it should be" in lines
    onboarding = commands.onboard(IMEI, "test", True, host="gw.example.org", server_port=21100)
    await camera()
    assert "SERVER is as it should be, so the terminal need not restart" in await onboarding
    with pytest.raises(CommandRefused, match="Confirm it"):
        await commands.onboard(IMEI, "test", False, host="gw.example.org")
    with pytest.raises(CommandRefused, match="settings are wrong"):
        await commands.onboard(IMEI, "test", True, hots="gw.example.org")
    with pytest.raises(CommandRefused, match="off line"):
        await commands.onboard(PHONE, "test", True, host="gw.example.org")
    await running.stop()


@pytest_twisted.ensureDeferred
async def test_the_states_of_many_terminals_are_stored_while_the_service_runs(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path, "store.flush_interval=0.1")
    registry = running.service.registry
    for number in range(4500):
        registry.enter(f"{number:015d}", "jimi", 1.0)
    assert registry.stale == 4500
    await _until(lambda: registry.stale == 0)
    await running.stop()
    running = start(tmp_path)
    assert len(running.service.registry) == 4500
    await running.stop()
