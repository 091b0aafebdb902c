"""Everything that is known of EMQX's gateway, over a real broker: frames in and JSON out, JSON in and frames out."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted

from jimigw.delivery.mqtt.uplinks import UNPUBLISHED
from jimigw.model.report import KINDS
from tests.delivery.conftest import MakePeer, MakeWorld
from tests.protocols.jt808.vectors import frame_of, load
from tests.support.servers import Mosquitto, until

EXCHANGE = load("exchange")
PHONES = {2013: "000123456789", 2019: "00000000000123456789"}
ALL_KINDS = f"mqtt.kinds={[str(kind) for kind in KINDS]}"


def vectors(direction: str, version: int) -> list[dict[str, Any]]:
    # A second 0x0102 logs in again, and its code is no business of any reader.
    return [
        each
        for each in EXCHANGE
        if (each["direction"], each["proto"]) == (direction, version) and each["msg_id"] != "0x0102"
    ]


def test_all_are_here() -> None:
    assert [len(vectors(*which)) for which in (("up", 2013), ("up", 2019), ("dn", 2013), ("dn", 2019))] == [
        24,
        6,
        30,
        11,
    ]


@pytest.mark.parametrize("version", [2013, 2019])
@pytest_twisted.ensureDeferred
async def test_what_terminals_say(broker: Mosquitto, peer: MakePeer, world: MakeWorld, version: int) -> None:
    phone = PHONES[version]
    platform = await peer(broker, "jt808/#")
    here = await world(broker, ALL_KINDS)
    terminal = await here.terminal(phone, version)
    for vector in vectors("up", version):
        terminal.send(bytes.fromhex(vector["hex"]))
    expected = [vector["json"] for vector in vectors("up", version)]
    heard = await platform.hears(len(expected) + 2)
    assert {each.topic for each in heard} == {f"jt808/{phone}/{phone}/up"}
    # The registration and the authentication come first.
    assert [each.json for each in heard[2:]] == expected


@pytest.mark.parametrize("settings", [(), ("mqtt.strict=true",)])
@pytest_twisted.ensureDeferred
async def test_only_what_emqx_publishes(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld, settings: tuple[str, ...]
) -> None:
    platform = await peer(broker, "jt808/#")
    here = await world(broker, *settings)
    terminal = await here.terminal()
    for vector in vectors("up", 2013):
        terminal.send(bytes.fromhex(vector["hex"]))
    expected = [each["json"] for each in vectors("up", 2013) if int(each["msg_id"], 16) not in UNPUBLISHED]
    assert [each.json for each in await platform.hears(len(expected))] == expected
    await here.reader.caught_up()
    assert len(platform.heard) == len(expected)


@pytest.mark.parametrize("version", [2013, 2019])
@pytest_twisted.ensureDeferred
async def test_what_terminals_are_told(broker: Mosquitto, peer: MakePeer, world: MakeWorld, version: int) -> None:
    phone = PHONES[version]
    here = await (await world(broker)).connected()
    platform = await peer(broker)
    terminal = await here.terminal(phone, version)
    for vector in vectors("dn", version):
        expected = frame_of(vector["hex"])
        before = len(terminal.frames)
        platform.publish(f"jt808/{phone}/{phone}/dn", vector["json"])
        await until(lambda before=before: len(terminal.frames) > before, vector["id"])  # type: ignore[misc]
        frame = terminal.frames[before]
        assert (frame.header.msg_id, frame.header.phone) == (expected.header.msg_id, expected.header.phone)
        assert (frame.header.version, frame.body.hex()) == (expected.header.version, expected.body.hex()), vector["id"]
        for command in await here.commands.list("123456789", open=True):
            await here.commands.cancel(command.id, "the test")
