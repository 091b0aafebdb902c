"""Hears what a broker was given: ``python -m benchmarks.trouble.subscriber FOLDER PORT``, until SIGTERM.

A session of QoS 1 that the broker keeps, so that what comes while the subscriber connects again is not lost. What comes
is in the file :data:`HEARD`: when (`time.monotonic`), the id of the record, and whether the broker says that it said it
before.
"""

from __future__ import annotations

import signal
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import attrs
import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from ..programs import LOOPBACK

HEARD = "heard.bin"
_HEARD = struct.Struct("=dq?")

AGAIN = 0.05
"""Seconds between attempts to connect."""


@attrs.frozen
class Heard:
    """A record that came; ``again``: by the broker's own doing."""

    at: float
    id: int
    again: bool


def heard(folder: Path) -> Iterator[Heard]:
    """What came, in order."""
    for at, id, again in _HEARD.iter_unpack((folder / HEARD).read_bytes()):
        yield Heard(at, id, again)


class _Record(msgspec.Struct):
    id: int


def main(folder: Path, port: int) -> None:
    """Subscribe, say so, and write down what comes."""
    read = msgspec.json.Decoder(_Record).decode
    ended = Event()
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    client = Client(CallbackAPIVersion.VERSION2, "subscriber", clean_session=False)
    with (folder / HEARD).open("wb") as file:

        def came(client: Client, userdata: Any, message: MQTTMessage) -> None:
            file.write(_HEARD.pack(time.monotonic(), read(message.payload).id, message.dup))

        def subscribe(*connected: Any) -> None:
            client.subscribe("#", 1)

        def subscribed(*granted: Any) -> None:
            print("subscribed", flush=True)

        client.on_message = came
        client.on_connect = subscribe
        client.on_subscribe = subscribed
        while not ended.is_set():
            with suppress(OSError):
                client.connect(LOOPBACK, port)
                while client.loop(0.05) == MQTTErrorCode.MQTT_ERR_SUCCESS and not ended.is_set():
                    pass
            ended.wait(AGAIN)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
