"""The packets of MQTT without a socket: written as paho reads them, cut wherever they come apart, or refused."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt._packet import decode_publish
from twisted.internet.testing import StringTransportWithDisconnection

from jimigw.delivery.mqtt.connection import V5, V311, Arrival, Connection, Limits, Settings, reason_text
from jimigw.delivery.mqtt.packets import (
    Acknowledged,
    Malformed,
    Oversized,
    Publication,
    Splitter,
    length_bytes,
    publish_packet,
)

SMALL = 200


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001"), (268_435_455, "ffffff7f")],
)
def test_lengths(size: int, expected: str) -> None:
    assert length_bytes(size).hex() == expected


@given(st.text(min_size=1, max_size=300), st.binary(max_size=20_000), st.booleans(), st.sampled_from([V311, V5]))
def test_paho_reads_what_is_written(topic: str, payload: bytes, retain: bool, version: int) -> None:
    raw = publish_packet(Publication(topic.encode("utf-8", "replace"), payload, retain), 4711, version)
    (packet,) = Splitter(1 << 20).feed(raw)
    assert isinstance(packet, bytes)
    content = packet[1 + len(length_bytes(len(raw) - 2)) :]
    found: Any = decode_publish(packet[0], bytearray(content), version)  # type: ignore[arg-type]
    assert (found.topic.decode(), found.payload, found.mid) == (
        topic.encode("utf-8", "replace").decode(),
        payload,
        4711,
    )
    assert (found.qos, bool(found.retain)) == (1, retain)


def oversized(size: int) -> bytes:
    return b"\x32" + length_bytes(size) + b"\x00\x03a/b" + b"\x01\x02" + bytes(size - 7)


STREAM: list[tuple[bytes, object]] = [
    (b"\x40\x02\x01\x00", Acknowledged(256, 0)),
    (b"\xd0\x00", b"\xd0\x00"),
    (b"\x40\x03\x01\x01\x87", Acknowledged(257, 0x87)),
    (b"\x40\x04\x01\x02\x97\x00", Acknowledged(258, 0x97)),
    (oversized(SMALL + 1), Oversized(258, "a/b", SMALL + 1)),
    (b"\x32\x09\x00\x03a/b\x00\x01hi", b"\x32\x09\x00\x03a/b\x00\x01hi"),
    (oversized(3 * SMALL), Oversized(258, "a/b", 3 * SMALL)),
    (b"\x90\x04\x00\x01\x01\x01", b"\x90\x04\x00\x01\x01\x01"),
]


@given(st.lists(st.integers(1, 400), max_size=12))
def test_packets_are_cut_wherever_they_come_apart(sizes: list[int]) -> None:
    raw, splitter = b"".join(packet for packet, _ in STREAM), Splitter(SMALL)
    found: list[object] = []
    for size in [*sizes, len(raw)]:
        piece, raw = raw[:size], raw[size:]
        found += splitter.feed(piece)
    assert found == [expected for _, expected in STREAM]


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"\x30\xff\xff\xff\xff\x01", "the broker sends a packet whose length has more than four bytes"),
        (b"\x90\xff\xff\xff\x7f", "the broker sends a packet of type 9 with 268435455 bytes"),
        (b"\x34" + length_bytes(5000), "the broker sends a packet of type 3 with 5000 bytes"),
        (b"\x32" + length_bytes(5000) + b"\xff\xff", "a message whose topic is longer than the message"),
    ],
)
def test_what_is_not_mqtt(raw: bytes, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        list(Splitter(SMALL).feed(raw))


@pytest.mark.parametrize(
    ("reason", "words"),
    [(0x87, "Not authorized"), (0x97, "Quota exceeded"), (0x95, "Packet too large"), (0xFE, "reason 0xFE")],
)
def test_reasons_in_words(reason: int, words: str) -> None:
    assert reason_text(reason) == words


# -- a connection, fed by hand --------------------------------------------------------------------------------------


@attrs.define
class Owner:
    """Writes down what a connection says."""

    said: list[tuple[Any, ...]] = attrs.Factory(list)

    def ready(self, session_present: bool, limits: Limits) -> None:
        self.said.append(("ready", session_present, limits))

    def subscribed(self, refused: Any) -> None:
        self.said.append(("subscribed", refused))

    def acknowledged(self, packet_id: int, reason: int) -> None:
        self.said.append(("acknowledged", packet_id, reason))

    def arrived(self, message: Arrival) -> None:
        self.said.append(("arrived", message))

    def writable(self, now: bool) -> None:
        self.said.append(("writable", now))

    def lost(self, reason: str) -> None:
        self.said.append(("lost", reason))


class Handle:
    def setsockopt(self, *_: int) -> None: ...


class Transport(StringTransportWithDisconnection):
    def setTcpNoDelay(self, on: bool) -> None: ...

    def getHandle(self) -> Handle:
        return Handle()

    def abortConnection(self) -> None:
        self.loseConnection()


def connected(version: int = V311) -> tuple[Connection, Owner, Transport]:
    owner, transport = Owner(), Transport()
    connection = Connection(Settings(version=version, longest=1000), ["a/+", "b/+"], owner)
    transport.protocol = connection
    connection.makeConnection(transport)
    return connection, owner, transport


WELCOME, WELCOME_5 = b"\x20\x02\x00\x00", b"\x20\x06\x01\x00\x03\x21\x00\x05"
LOST = "the broker's packet of type"


@pytest.mark.parametrize(
    ("version", "raw", "expected"),
    [
        (V311, WELCOME, [("ready", False, Limits())]),
        (V5, WELCOME_5, [("ready", True, Limits(inflight=5))]),
        (V311, WELCOME + b"\x90\x04\x00\x01\x01\x80", [("ready", False, Limits()), ("subscribed", ["b/+"])]),
        (V5, b"\x20\x05\x00\x00\x02\x24\x00", [("lost", "the broker takes QoS 0 only, which loses messages")]),
        (V311, b"\x20\x02\x00\x05", [("lost", "the broker does not let us in: Not authorized")]),
        (V5, b"\x20\x03\x00\x87\x00", [("lost", "the broker does not let us in: Not authorized")]),
        (
            V5,
            WELCOME_5 + b"\xe0\x02\x8e\x00",
            [("ready", True, Limits(inflight=5)), ("lost", "the broker ended it: Session taken over")],
        ),
        (V311, b"\x20\x00", [("lost", f"{LOST} 2 cannot be understood")]),
        (V311, WELCOME + b"\xf0\x00", [("ready", False, Limits()), ("lost", f"{LOST} 15 cannot be understood")]),
        (V311, b"\x30\xff\xff\xff\xff", [("lost", "the broker sends a packet whose length has more than four bytes")]),
    ],
)
def test_what_a_broker_says(version: int, raw: bytes, expected: list[Any]) -> None:
    connection, owner, transport = connected(version)
    connection.dataReceived(raw)
    assert owner.said == expected
    assert transport.connected is (expected[-1][0] != "lost")


def test_a_message_is_acknowledged_by_hand() -> None:
    connection, owner, transport = connected()
    connection.dataReceived(WELCOME)
    transport.clear()
    connection.dataReceived(b"\x3a\x09\x00\x03a/b\x00\x07hi")
    assert owner.said[-1] == ("arrived", Arrival("a/b", b"hi", 7, duplicate=True))
    assert transport.value() == b""
    connection.acknowledge(7)
    assert transport.value() == b"\x40\x02\x00\x07"


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    """A broker that says anything at all is either understood or left."""
    connection, owner, transport = connected()
    connection.dataReceived(WELCOME)
    connection.dataReceived(raw)
    assert transport.connected or owner.said[-1][0] == "lost"
