"""The packets of MQTT that there are many of: PUBLISH out, PUBACK in, and where a packet ends. No I/O.

paho-mqtt reads and writes all others. It takes 25 µs for a publication and its acknowledgement; these take two.

    Splitter.feed(data) -> Acknowledged · Oversized · bytes, a whole packet for paho
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

_PUBLISH, _PUBACK = 0x30, 0x40
_QOS1, _RETAIN = 0x02, 0x01

#: bytes of the longest packet that is not a PUBLISH: reasons and properties
_LONGEST_CONTROL = 1 << 17


class Malformed(Exception):
    """The broker sends what is not MQTT, or a packet that no broker needs; the message is a sentence."""


@attrs.define(eq=False)
class Publication:
    """Something to publish with QoS 1. ``properties``: those of MQTT 5 as they are sent, with their length."""

    topic: bytes
    payload: bytes
    retain: bool = False
    properties: bytes = b"\x00"


@attrs.frozen
class Acknowledged:
    """A PUBACK. ``reason`` is 0 where the broker speaks 3.1.1, which knows no reasons."""

    packet_id: int
    reason: int


@attrs.frozen
class Oversized:
    """A PUBLISH with QoS 1 that is too long: its content was passed over."""

    packet_id: int
    topic: str
    size: int


def length_bytes(size: int) -> bytes:
    """A length as MQTT writes it: seven bits a byte, the lowest first (MQTT 5, 1.5.5)."""
    if size < 128:
        return bytes((size,))
    found = bytearray()
    while size > 127:
        found.append(size & 127 | 128)
        size >>= 7
    found.append(size)
    return bytes(found)


def publish_packet(publication: Publication, packet_id: int, version: int) -> bytes:
    """The PUBLISH packet; ``version`` is 4 for MQTT 3.1.1, 5 for MQTT 5."""
    topic, payload = publication.topic, publication.payload
    properties = publication.properties if version == 5 else b""
    return b"%c%b%b%b%b%b%b" % (
        _PUBLISH | _QOS1 | publication.retain,
        length_bytes(4 + len(topic) + len(properties) + len(payload)),
        len(topic).to_bytes(2, "big"),
        topic,
        packet_id.to_bytes(2, "big"),
        properties,
        payload,
    )


class Splitter:
    """Cuts what the broker sends into packets. ``longest``: bytes of the longest PUBLISH that is kept."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._data = bytearray()
        #: bytes of a packet that are still to be passed over
        self._skip = 0

    def feed(self, data: bytes) -> Iterator[Acknowledged | Oversized | bytes]:
        """Cut on. :class:`Malformed` where this cannot be MQTT."""
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        held = self._data
        held += data
        start, end = 0, len(held)
        while end - start >= 2:
            first, size, content = held[start], held[start + 1], start + 2
            if size & 0x80:
                measured = self._length(start)
                if measured is None:
                    break
                size, content = measured
            elif first == _PUBACK and size == 2 and end - content >= 2:
                yield Acknowledged(held[content] << 8 | held[content + 1], 0)
                start = content + 2
                continue
            if size > (self._longest if first & 0xF0 == _PUBLISH else _LONGEST_CONTROL):
                found = self._oversized(first, size, content)
                if found is None:
                    break
                yield found
                self._skip = max(0, content + size - end)
                start = min(content + size, end)
                continue
            if end - content < size:
                break
            packet = bytes(held[start : content + size])
            start = content + size
            if first == _PUBACK and size >= 3:
                at = len(packet) - size
                yield Acknowledged(packet[at] << 8 | packet[at + 1], packet[at + 2])
            else:
                yield packet
        del held[:start]

    def _length(self, start: int) -> tuple[int, int] | None:
        """The length of the packet here and where its content begins; None if more bytes are needed for that."""
        size = 0
        for place in range(4):
            if start + 1 + place >= len(self._data):
                return None
            byte = self._data[start + 1 + place]
            size |= (byte & 0x7F) << (7 * place)
            if not byte & 0x80:
                return size, start + 2 + place
        raise Malformed("the broker sends a packet whose length has more than four bytes")

    def _oversized(self, first: int, size: int, content: int) -> Oversized | None:
        """What is worth knowing of a packet that is too long; None if more bytes are needed for that."""
        if first & 0xF0 != _PUBLISH or (first >> 1 & 3) != 1:
            raise Malformed(f"the broker sends a packet of type {first >> 4} with {size} bytes")
        held = self._data
        if len(held) < content + 2:
            return None
        topic_end = content + 2 + (held[content] << 8 | held[content + 1])
        if topic_end + 2 > content + size:
            raise Malformed("the broker sends a message whose topic is longer than the message")
        if len(held) < topic_end + 2:
            return None
        topic = held[content + 2 : topic_end].decode("utf-8", "replace")
        return Oversized(held[topic_end] << 8 | held[topic_end + 1], topic, size)


__all__ = ["Acknowledged", "Malformed", "Oversized", "Publication", "Splitter", "length_bytes", "publish_packet"]
