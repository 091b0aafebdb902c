"""Hears what a broker was given: ``python -m benchmarks.trouble.subscriber FOLDER PORT``, until SIGTERM.

Mosquitto hands a message to its subscribers before it acknowledges it. So what it acknowledged is in our socket when it
is killed, and all of it has to be read: the socket is read to its end, and nothing is written, which would fail and
end it earlier. Hence QoS 0, in a session that the broker keeps, with what comes while nobody is there.

What comes is in the file :data:`HEARD`: when (`time.monotonic`), and the id of the record.
"""

from __future__ import annotations

import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import msgspec

from ..programs import LOOPBACK

HEARD = "heard.bin"
_HEARD = struct.Struct("=dq")

AGAIN = 0.05
"""Seconds between attempts to connect, and between looks whether it is over."""

# MQTT 3.1.1, no clean session, no keepalive; then all topics with QoS 0.
_CONNECT = b"\x10\x16\x00\x04MQTT\x04\x00\x00\x00\x00\x0asubscriber"
_SUBSCRIBE = b"\x82\x06\x00\x01\x00\x01#\x00"
_PUBLISH, _SUBACK = 3, 9


def heard(folder: Path) -> Iterator[tuple[float, int]]:
    """What came, in order: when, and the id of the record."""
    yield from _HEARD.iter_unpack((folder / HEARD).read_bytes())


def packets(data: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take the whole packets from the front of this: type and content of each."""
    while len(data) >= 2:
        size, at, shift = 0, 1, 0
        while True:
            if at == len(data):
                return
            size |= (data[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not data[at - 1] & 0x80:
                break
        if len(data) < at + size:
            return
        yield data[0] >> 4, bytes(data[at : at + size])
        del data[: at + size]


class _Record(msgspec.Struct):
    id: int


_record = msgspec.json.Decoder(_Record).decode


def _listen(port: int, ended: Event) -> Iterator[bytes]:
    """All that brokers on this port publish, one connection after the other."""
    while not ended.is_set():
        try:
            connection = socket.create_connection((LOOPBACK, port), 5.0)
        except OSError:
            ended.wait(AGAIN)
            continue
        with connection:
            connection.settimeout(AGAIN)
            connection.sendall(_CONNECT + _SUBSCRIBE)
            data = bytearray()
            while True:
                try:
                    came = connection.recv(1 << 20)
                except TimeoutError:
                    if ended.is_set():
                        return
                    continue
                except OSError:
                    break
                if not came:
                    break
                data += came
                for kind, content in packets(data):
                    if kind == _PUBLISH:
                        yield content[2 + int.from_bytes(content[:2], "big") :]
                    elif kind == _SUBACK:
                        print("subscribed", flush=True)


def main(folder: Path, port: int) -> None:
    """Subscribe, say so, and write down what comes."""
    ended = Event()
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    with (folder / HEARD).open("wb") as file:
        for payload in _listen(port, ended):
            file.write(_HEARD.pack(time.monotonic(), _record(payload).id))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
