"""A broker that is stopped, killed, frozen, or never there: at least once, in order, and in bounded room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from jimigw.delivery.target import Later
from tests.delivery.conftest import MakeBroker, MakePeer, MakeWorld
from tests.delivery.mqtt_harness import Terminal808, World
from tests.support.jt808 import LOCATION
from tests.support.mqtt import Heard, Peer
from tests.support.servers import Mosquitto, free_port, until

_clock: Any = reactor

#: a broker without a limit of its own
WIDE = ("max_queued_messages 0", "max_inflight_messages 0")
FAST = ("mqtt.timeout=1", "mqtt.inflight=20")


def serials(heard: Sequence[Heard]) -> list[int]:
    return [each.json["header"]["msg_sn"] for each in heard]


def report(terminal: Terminal808, count: int) -> list[int]:
    """Reports of a terminal; their serial numbers."""
    first = terminal.serial
    for _ in range(count):
        terminal.say(0x0200, LOCATION)
    return list(range(first, terminal.serial))


async def answered(terminal: Terminal808, count: int) -> None:
    await until(lambda: len(terminal.got(0x8001)) > count, f"{count} answers")


def watch(here: World) -> list[int]:
    """How many publications are in flight, at every acknowledgement."""
    seen: list[int] = []
    original = here.target.broker.acknowledged

    def look(packet_id: int, reason: int) -> None:
        seen.append(here.target.broker.inflight)
        original(packet_id, reason)

    here.target.broker.acknowledged = look  # type: ignore[method-assign]
    return seen


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("how", ["stop", "kill", "freeze"])
@pytest_twisted.ensureDeferred
async def test_all_arrive_in_order(
    mosquitto: MakeBroker, peer: MakePeer, world: MakeWorld, how: str, version: str
) -> None:
    broker = mosquitto(*WIDE)
    await broker.start()
    platform: Peer = await peer(broker, "jt808/+/+/up", kept=True)
    here = await world(broker, *FAST, f'mqtt.version="{version}"')
    seen = watch(here)
    terminal = await here.terminal()
    expected = report(terminal, 300)
    await platform.hears(50)
    getattr(broker, how)()
    # The terminal is answered as if nothing were.
    expected += report(terminal, 300)
    await answered(terminal, 600)
    if how == "freeze":
        await until(lambda: here.reader.later, "the connection to be given up")
        broker.thaw()
    else:
        await until(lambda: here.target.broker.state != "ready", "the loss to be seen")
        await broker.start()
    await here.reader.caught_up()
    assert all(each.reason for each in here.reader.later)
    assert here.reader.never == {}
    assert max(seen) <= 20
    if how == "kill":
        return  # A broker that is killed forgets sessions and messages that it has acknowledged.
    await until(lambda: set(serials(platform.heard)) >= set(expected), "all of them")
    assert list(dict.fromkeys(serials(platform.heard))) == expected


@pytest_twisted.ensureDeferred
async def test_a_broker_that_does_not_read_costs_no_more_than_its_window(broker: Mosquitto, world: MakeWorld) -> None:
    here = await (await world(broker, "mqtt.inflight=10")).connected()
    broker.freeze()
    terminal = await here.terminal()
    report(terminal, 2000)
    await answered(terminal, 2000)
    assert here.target.broker.inflight <= 10
    broker.thaw()
    await here.reader.caught_up()
    assert here.target.broker.counters.published >= 2000


@pytest_twisted.ensureDeferred
async def test_a_broker_that_is_not_there(world: MakeWorld) -> None:
    here = await world(free_port())
    terminal = await here.terminal()
    report(terminal, 10)
    later = (await until(lambda: here.reader.later, "an answer"))[0]
    assert "cannot be reached" in later.reason
    assert 0 < later.after < 2
    (text, fields), *_ = here.complaints
    assert text.startswith("MQTT: no connection to {place}")
    assert fields["after"] < 2


@pytest_twisted.ensureDeferred
async def test_a_broker_that_takes_the_connection_and_says_nothing(world: MakeWorld) -> None:
    silent = _clock.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
    here = await world(silent.getHost().port, "mqtt.timeout=1")
    terminal = await here.terminal()
    report(terminal, 1)
    later = (await until(lambda: here.reader.later, "an answer"))[0]
    assert later.reason == "it said nothing within 1 s"
    await silent.stopListening()


@pytest_twisted.ensureDeferred
async def test_cancelling_and_closing_are_clean(broker: Mosquitto, world: MakeWorld) -> None:
    here = await (await world(broker)).connected()
    terminal = await here.terminal()
    report(terminal, 5)
    await answered(terminal, 5)
    await here.reader.caught_up()
    records = await here.journal.read(0, 100)
    broker.freeze()
    given_up, cut_off = here.target.deliver(records), here.target.deliver(records)
    given_up.cancel()
    assert (await given_up) == Later("nobody waited for it any more")
    closing = here.target.close()
    broker.thaw()
    await closing
    outcome = await cut_off
    assert outcome == Later("it was closed", None)
    assert (await here.target.deliver(records)) == outcome
    assert here.target.broker.state == "away"
