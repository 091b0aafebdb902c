"""Everything that is known of EMQX's gateway, over a real broker: frames in and JSON out, JSON in and frames out."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import pytest_twisted

from jimigw.delivery.mqtt.uplinks import UNPUBLISHED
from jimigw.model.report import KINDS
from tests.delivery.conftest import MakePeer, MakeWorld
from tests.protocols.jt808.vectors import frame_of, load
from tests.support.servers import Mosquitto, until
from tests.web.harness import Platform, listening

EXCHANGE = load("exchange")
PHONES = {2013: "000123456789", 2019: "00000000000123456789"}
AUTHENTICATIONS = [each for each in EXCHANGE if each["msg_id"] == "0x0102"]
AREAS = ("0x8600", "0x8602", "0x8604", "0x8606")
WHOLE = "7e8201000000012345678900050f7e"
"""The probe with `frag_total` in its header. It is of EMQX's frames alone: its gateway writes the header of what comes
by MQTT by itself, and so never as a part."""
SENT = {("emqx", 2013): 30, ("emqx", 2019): 11, ("document", 2013): 26, ("document", 2019): 6}
ALL_KINDS = f"mqtt.kinds={[str(kind) for kind in KINDS]}"


def vectors(direction: str, version: int) -> list[dict[str, Any]]:
    """Those of a direction and a version, without the authentications: they have a test of their own."""
    return [each for each in EXCHANGE if (each["direction"], each["proto"]) == (direction, version)
            and each not in AUTHENTICATIONS]  # fmt: skip


def test_all_are_here() -> None:
    found = [vectors(*which) for which in (("up", 2013), ("up", 2019), ("dn", 2013), ("dn", 2019))]
    assert [len(each) for each in found] == [24, 6, 30, 11]
    assert [(each["direction"], each["proto"]) for each in AUTHENTICATIONS] == [("up", 2013), ("up", 2019)]
    assert sum(map(len, found)) + len(AUTHENTICATIONS) == len(EXCHANGE) == 73


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


@pytest.mark.parametrize("vector", AUTHENTICATIONS, ids=["2013", "2019"])
@pytest_twisted.ensureDeferred
async def test_how_terminals_come_in(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld, vector: dict[str, Any]
) -> None:
    """Where a platform takes the code of the frame. It is no business of any reader, so it alone is left out."""
    platform = await peer(broker, "jt808/#")
    with listening(Platform(lambda request: (200, {"code": 0})).site) as port:
        here = await world(
            broker,
            ALL_KINDS,
            'admission.mode="hooks"',
            f'admission.registry_url="http://127.0.0.1:{port}/register"',
            f'admission.authentication_url="http://127.0.0.1:{port}/authenticate"',
        )
        terminal = await here.terminal(PHONES[vector["proto"]], vector["proto"], enters=False)
        terminal.send(bytes.fromhex(vector["hex"]))
        (heard,) = await platform.hears(1)
    body = {key: value for key, value in vector["json"]["body"].items() if key != "code"}
    assert heard.json == {"header": vector["json"]["header"], "body": body}


@pytest.mark.parametrize("version", [2013, 2019])
@pytest.mark.parametrize("dialect", ["emqx", "document"])
@pytest_twisted.ensureDeferred
async def test_what_terminals_are_told(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld, version: int, dialect: str
) -> None:
    phone = PHONES[version]
    here = await (await world(broker, f'exchange.dialect="{dialect}"')).connected()
    topic = f"jt808/{phone}/{phone}"
    platform = await peer(broker, f"{topic}/dn/result")
    terminal = await here.terminal(phone, version)
    sent = 0
    for vector in vectors("dn", version):
        if dialect == "document" and vector["msg_id"] in AREAS:
            # Their keys contradict their attribute bits, which only EMQX writes.
            platform.publish(f"{topic}/dn", vector["json"])
            told = (await platform.hears(len(platform.heard) + 1))[-1].json
            assert (told["outcome"], " of flag is set" in told["reason"]) == ("failed", True), told
            continue
        expected = frame_of(vector["hex"] if vector["id"] != "probe: hdr frag" else WHOLE)
        before, results = len(terminal.frames), len(platform.heard)
        platform.publish(f"{topic}/dn", vector["json"])
        await until(lambda before=before: len(terminal.frames) > before, vector["id"])  # type: ignore[misc]
        frame = terminal.frames[before]
        # Serial numbers are those of the connection.
        header: Any = frame.header
        header = attrs.evolve(header, msg_sn=expected.header.msg_sn)
        assert (header, frame.body.hex()) == (expected.header, expected.body.hex()), vector["id"]
        sent += 1
        for command in await here.commands.list("123456789", open=True):
            await here.commands.cancel(command.id, "the test")
        await platform.hears(results + 1)
    assert sent == SENT[dialect, version]
