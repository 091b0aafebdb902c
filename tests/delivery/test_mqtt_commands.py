"""Commands that come by MQTT: stored, carried out, and told how they ended, over restarts of everybody."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import fail

from jimigw.delivery.mqtt.connection import Arrival
from jimigw.protocols.jimi.codec import read_any
from jimigw.protocols.jimi.messages import CommandReply
from jimigw.store.interface import StoreError
from tests.delivery.conftest import MakePeer, MakeWorld
from tests.delivery.mqtt_harness import PHONE, Terminal808, World
from tests.service.harness import Client
from tests.support.mqtt import Heard, Peer
from tests.support.servers import Mosquitto, until

IMEI = "863000000000001"
DOWN, JIMI_DOWN = f"jt808/{PHONE}/{PHONE}/dn", f"jimi/{IMEI}/dn"
RESULTS = (f"{DOWN}/result", f"{JIMI_DOWN}/result")
QUERY = {"header": {"msg_id": 0x8104}}
VERSIONS = pytest.mark.parametrize("version", ["3.1.1", "5"])


async def camera(here: World, imei: str = IMEI) -> Client:
    client = await here.running.connect(imei)
    client.login()
    await client.got(1)
    return client


def asked(client: Client) -> list[tuple[int, str]]:
    bodies = [read_any(frame).body for frame in client.frames if frame.protocol == 0x80]
    return [(body["server_flag"], body["command"]) for body in bodies]


async def answers(client: Client, text: str, count: int = 1) -> None:
    """The camera answers its latest command, once it has got so many."""
    await until(lambda: len(asked(client)) >= count, f"{count} commands")
    client.send(0x21, CommandReply(server_flag=asked(client)[-1][0], content_code=1, content=text).encode(), 99)


async def heard(platform: Peer, count: int = 1) -> list[dict[str, Any]]:
    """The results, once there are so many."""

    def results() -> list[Heard]:
        return [each for each in platform.heard if each.topic.endswith("/result")]

    await until(lambda: len(results()) >= count, f"{count} results")
    return [each.json for each in results()]


def general(terminal: Terminal808, msg_id: int, result: int = 0) -> None:
    (frame,) = terminal.got(msg_id)
    terminal.say(0x0001, {"seq": frame.header.msg_sn, "id": msg_id, "result": result})


@VERSIONS
@pytest_twisted.ensureDeferred
async def test_a_message_of_jt808_and_its_end(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld, version: str
) -> None:
    here = await (await world(broker, f'mqtt.version="{version}"')).connected()
    platform = await peer(broker, "jt808/+/+/dn/result")
    terminal = await here.terminal()
    platform.publish(
        DOWN, {"header": {"msg_id": 0x8202, "msg_sn": 77}, "body": {"period": 1, "expiry": 2}, "id": "order 4711"}
    )
    await until(lambda: terminal.got(0x8202), "the message")
    general(terminal, 0x8202)
    (told,) = await heard(platform)
    (command,) = await here.commands.list("123456789")
    assert command.owner == "mqtt"
    assert told == {
        "command": command.id,
        "device": "123456789",
        "outcome": "answered",
        "reason": "0x0001: success",
        "reply": told["reply"],
        "message": {"header": {"msg_id": 0x8202}, "body": {"period": 1, "expiry": 2}},
        "request": {"topic": DOWN, "id": "order 4711", "msg_sn": 77},
    }
    assert told["reply"]["result"] == 0


@pytest.mark.parametrize(
    ("payload", "request_"),
    [
        (b"VERSION", {}),
        (b" VERSION\n", {}),
        ({"header": {"msg_id": 128}, "body": {"command": "VERSION"}}, {}),
        ({"header": {"msg_id": 128, "msg_sn": 1}, "body": {"command": "VERSION"}, "id": 9}, {"id": 9, "msg_sn": 1}),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_text_command_of_jimi_and_its_end(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld, payload: Any, request_: dict[str, Any]
) -> None:
    here = await (await world(broker)).connected()
    platform = await peer(broker, "jimi/+/dn/result")
    client = await camera(here)
    platform.publish(JIMI_DOWN, payload)
    await answers(client, "[VERSION]JC400P_V1.2.3")
    (told,) = await heard(platform)
    assert told == {
        "command": told["command"],
        "device": IMEI,
        "outcome": "answered",
        "reason": "the terminal answered",
        "reply": "[VERSION]JC400P_V1.2.3",
        "text": "VERSION",
        "request": {"topic": JIMI_DOWN} | request_,
    }


@pytest_twisted.ensureDeferred
async def test_the_response_topic_and_the_correlation_data_of_mqtt_5(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld
) -> None:
    here = await (await world(broker, 'mqtt.version="5"')).connected()
    platform = await peer(broker, "answers/#", "jimi/+/dn/result")
    client = await camera(here)
    properties: dict[str, Any] = {
        "ResponseTopic": "answers/for/me",
        "CorrelationData": b"\x00\xff 1",
        "MessageExpiryInterval": 500,
    }
    platform.publish(JIMI_DOWN, b"VERSION", **properties)
    await answers(client, "[VERSION]JC400P_V1.2.3")
    (got,) = await platform.hears(1)
    assert (got.topic, got.correlation, got.json["outcome"]) == ("answers/for/me", b"\x00\xff 1", "answered")
    assert got.json["request"]["correlation"] == base64.b64encode(b"\x00\xff 1").decode()
    (command,) = await here.commands.list(IMEI)
    assert 490 < command.expires - command.created <= 500
    # What becomes no command is told there too.
    platform.publish(JIMI_DOWN, b"{", **properties)
    assert (await platform.hears(2))[1].correlation == b"\x00\xff 1"


@pytest.mark.parametrize(
    ("topic", "payload", "code", "why"),
    [
        (DOWN, b"", "syntax", "the message is empty"),
        (DOWN, b"{", "syntax", "the message is not JSON"),
        (DOWN, b"VERSION", "syntax", "the message is not JSON"),
        (DOWN, b"\xff\xfe", "syntax", "the message is not JSON"),
        (DOWN, b"[" * 4000, "syntax", "the message is not JSON"),
        (DOWN, b"[]", "syntax", "the message is not an object"),
        (DOWN, {"header": 5}, "syntax", "the message is not an object"),
        (DOWN, {"header": {}}, "syntax", "header.msg_id is None"),
        (DOWN, {"header": {"msg_id": "8104"}}, "syntax", "header.msg_id is '8104'"),
        (DOWN, {"header": {"msg_id": 512}, "body": {}}, "syntax", "header.msg_id is 512"),
        (DOWN, {"header": {"msg_id": 0x8104}, "body": 5}, "syntax", "body is a int"),
        (DOWN, {"header": {"msg_id": 128}, "body": {"command": 5}}, "syntax", "body.command is not text"),
        ("jt808/1/2/dn", QUERY, "device", "no terminal is known as '1' or '2'"),
        (f"jt808/{PHONE}/{IMEI}/dn", QUERY, "device", "the topic names 2 terminals: 123456789, 863000000000001"),
        (f"jt808/{PHONE}/7/dn", QUERY, "device", "no terminal is known as"),
        (JIMI_DOWN, QUERY, "syntax", "speaks the Jimi protocol: it takes text commands"),
        (JIMI_DOWN, b"\xff\xfe", "syntax", "neither JSON nor text in UTF-8"),
        (JIMI_DOWN, b"A" * 4000, "syntax", "the command has 4000 characters; a terminal takes 251"),
        (JIMI_DOWN, b"VERSION#RESET#", "syntax", "#"),
        (DOWN, b" " * 5000, "size", "5000 bytes; at most 4096 are taken"),
        (DOWN, b" " * 200_000, "size", "at most 4096 are taken"),
        (DOWN, QUERY | {"id": "x" * 200, "more": "x" * 3000}, None, ""),
    ],
)  # fmt: skip
@pytest_twisted.ensureDeferred
async def test_what_is_no_command_is_told(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld, topic: str, payload: Any, code: str | None, why: str
) -> None:
    here = await (await world(broker, "mqtt.max_payload=4096")).connected()
    platform = await peer(broker, "+/+/dn/result", "+/+/+/dn/result")
    terminal = await here.terminal()
    await camera(here)
    platform.publish(topic, payload)
    if code is None:
        await until(lambda: terminal.got(0x8104), "the message")
        return
    (told,) = await heard(platform)
    assert (told["outcome"], told["code"], told["request"]) == ("rejected", code, {"topic": topic})
    assert why in told["reason"]
    assert here.complaints[-1][1]["why"] == told["reason"]
    # The next one goes its way, and nothing is left for a new connection.
    platform.publish(DOWN, QUERY)
    await until(lambda: terminal.got(0x8104), "the next message")
    assert here.target.broker.counters.connections == 1


@VERSIONS
@pytest_twisted.ensureDeferred
async def test_a_retained_message_is_no_command(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld, version: str
) -> None:
    platform = await peer(broker, "+/+/+/dn/result")
    await until(platform.publish(DOWN, QUERY, retain=True).is_published, "the broker to have it")
    here = await (await world(broker, f'mqtt.version="{version}"')).connected()
    if version == "3.1.1":
        (told,) = await heard(platform)
        assert told["code"] == "retained"
    platform.publish("jt808/1/1/dn", QUERY)
    assert (await heard(platform, 1 + (version == "3.1.1")))[-1]["code"] == "device"
    assert here.target.downlinks.counters.commands == 0


@VERSIONS
@pytest_twisted.ensureDeferred
async def test_commands_that_are_given_while_the_gateway_is_down(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld, version: str
) -> None:
    setting = f'mqtt.version="{version}"'
    here = await (await world(broker, setting)).connected()
    platform = await peer(broker, "+/+/dn/result")
    client = await camera(here)
    await here.stop()
    for given in (b"VERSION", b"STATUS", b"PARAM"):
        platform.publish(JIMI_DOWN, given)
    here = await (await world(broker, setting)).connected()
    client = await camera(here)
    for count, text in enumerate(["VERSION", "STATUS", "PARAM"], 1):
        await answers(client, f"{text}: fine", count)
    assert [(each["text"], each["reply"]) for each in await heard(platform, 3)] == [
        ("VERSION", "VERSION: fine"),
        ("STATUS", "STATUS: fine"),
        ("PARAM", "PARAM: fine"),
    ]


@pytest_twisted.ensureDeferred
async def test_an_end_that_comes_while_the_broker_is_down_is_told_later(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld
) -> None:
    here = await (await world(broker)).connected()
    platform = await peer(broker, "+/+/dn/result", kept=True)
    client = await camera(here)
    platform.publish(JIMI_DOWN, b"VERSION")
    await until(lambda: asked(client), "the command")
    broker.stop()
    await until(lambda: here.target.broker.state != "ready", "the loss to be seen")
    await answers(client, "[VERSION]JC400P_V1.2.3")
    (command,) = await here.commands.list(IMEI)
    await here.commands.wait(command.id, 5)
    await here.stop()  # and the gateway is restarted before the broker is
    await broker.start()
    here = await (await world(broker)).connected()
    (told, *_) = await heard(platform)
    assert (told["command"], told["outcome"], told["request"]) == (command.id, "answered", {"topic": JIMI_DOWN})


@VERSIONS
@pytest_twisted.ensureDeferred
async def test_a_command_that_cannot_be_stored_stays_with_the_broker(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld, version: str
) -> None:
    here = await (await world(broker, f'mqtt.version="{version}"')).connected()
    platform = await peer(broker, "+/+/dn/result")
    client = await camera(here)
    store: Any = here.service.store
    save = store.save_command
    store.save_command = lambda command: fail(StoreError("the disk is full"))
    platform.publish(JIMI_DOWN, b"VERSION")
    await until(lambda: here.target.broker.counters.lost == 1, "the connection to be given up")
    assert here.target.broker.reason == "a command could not be stored: the disk is full"
    store.save_command = save
    await answers(client, "[VERSION]JC400P_V1.2.3")
    (told,) = await heard(platform)
    assert (told["outcome"], len(await here.commands.list(IMEI))) == ("answered", 1)


@VERSIONS
@pytest_twisted.ensureDeferred
async def test_what_the_broker_repeats_is_one_command(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld, version: str
) -> None:
    here = await (await world(broker, f'mqtt.version="{version}"')).connected()
    platform = await peer(broker, "+/+/dn/result")
    client = await camera(here)
    connection = here.target.broker.connection
    assert connection is not None
    connection.acknowledge = lambda packet_id: connection.abort("the test")  # type: ignore[method-assign]
    platform.publish(JIMI_DOWN, b"VERSION")
    (told,) = await heard(platform)
    await until(lambda: asked(client), "the command")
    (command,) = await here.commands.list(IMEI)
    assert told == {
        "command": command.id,
        "outcome": "repeated",
        "reason": f"the broker repeats what is command {command.id}",
        "request": {"topic": JIMI_DOWN},
    }
    # The same text given anew is another command.
    platform.publish(JIMI_DOWN, b"VERSION")
    await until(lambda: here.target.downlinks.counters.commands == 2, "the second command")


@pytest_twisted.ensureDeferred
async def test_many_commands_keep_their_order(broker: Mosquitto, peer: MakePeer, world: MakeWorld) -> None:
    here = await (await world(broker, "commands.max_queued=1000")).connected()
    platform = await peer(broker)
    await here.terminal()
    for number in range(600):
        platform.publish(DOWN, {"header": {"msg_id": 0x8300}, "body": {"flag": 1, "text": str(number)}})
    await until(lambda: here.target.downlinks.counters.commands == 600, "all commands")
    commands = sorted(await here.commands.list("123456789", limit=1000), key=lambda command: command.id)
    assert [each.message and each.message["body"]["text"] for each in commands] == [
        str(number) for number in range(600)
    ]


@pytest_twisted.ensureDeferred
async def test_nothing_is_told_in_strict_mode(broker: Mosquitto, peer: MakePeer, world: MakeWorld) -> None:
    here = await (await world(broker, "mqtt.strict=true")).connected()
    platform = await peer(broker, "jt808/+/+/dn/#", "jimi/+/dn/#")
    terminal = await here.terminal()
    platform.publish(DOWN, QUERY)
    platform.publish(DOWN, b"{")
    await until(lambda: terminal.got(0x8104), "the message")
    terminal.say(0x0104, {"seq": terminal.got(0x8104)[0].header.msg_sn, "length": 0, "params": []})
    (command,) = await here.commands.list("123456789")
    await here.commands.wait(command.id, 5)
    await here.reader.caught_up()
    assert {each.topic for each in await platform.hears(2)} == {DOWN}


@pytest.mark.parametrize("topic", ["answers/+", "$SYS/x", DOWN, f"jt808/{PHONE}/{PHONE}/up", "x" * 600])
@pytest_twisted.ensureDeferred
async def test_a_response_topic_that_is_not_used(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld, topic: str
) -> None:
    here = await (await world(broker, 'mqtt.version="5"')).connected()
    platform = await peer(broker, "+/+/+/dn/result")
    await here.terminal()
    await here.target.downlinks.take(Arrival(DOWN, b'{"header":{"msg_id":33028}}', 0, response_topic=topic))
    (told,) = await heard(platform)
    assert (told["outcome"], told["code"]) == ("rejected", "response")
