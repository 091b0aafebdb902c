"""Somebody else at the broker: a client of paho's own, in its own thread, as most platforms have one."""

from __future__ import annotations

import json
from typing import Any

import attrs
from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from twisted.internet import reactor

from tests.support.servers import until

_reactor: Any = reactor


@attrs.frozen
class Heard:
    """A message as the platform got it."""

    topic: str
    payload: bytes
    retain: bool
    correlation: bytes | None = None

    @property
    def json(self) -> Any:
        """Its JSON."""
        return json.loads(self.payload)


class Peer:
    """A platform. ``heard`` has its messages, in order; with ``kept`` the broker keeps them while it is away."""

    def __init__(self, port: int, *filters: str, version: int = 5, kept: bool = False, **login: str) -> None:
        self.heard: list[Heard] = []
        self._filters = filters
        self._ready = False
        name = "platform" if kept else ""
        self._client = client = Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion(version))
        if login:
            client.username_pw_set(login["username"], login["password"])
        client.max_inflight_messages_set(0)
        client.on_connect = lambda *_: self._subscribe()
        client.on_subscribe = lambda *_: setattr(self, "_ready", True)
        client.on_message = self._on_message
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 600 if kept else 0
        client.connect("127.0.0.1", port, clean_start=not kept, properties=session)
        client.loop_start()

    def _subscribe(self) -> None:
        if self._filters:
            self._client.subscribe([(each, 1) for each in self._filters])
        else:
            self._ready = True

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        self.heard.append(Heard(message.topic, bytes(message.payload), message.retain, correlation))

    async def ready(self) -> Peer:
        """It is connected and has its subscriptions."""
        await until(lambda: self._ready, "the platform's connection")
        return self

    def publish(self, topic: str, payload: object, *, retain: bool = False, **properties: Any) -> MQTTMessageInfo:
        """Publish with QoS 1; what is not bytes as JSON. ``properties`` are those of MQTT 5, by paho's names."""
        found = None
        if properties:
            found = Properties(PacketTypes.PUBLISH)
            for name, value in properties.items():
                setattr(found, name, value)
        data = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
        return self._client.publish(topic, data, 1, retain, found)

    async def hears(self, count: int, topic: str | None = None) -> list[Heard]:
        """The messages, once there are so many (of a topic, if one is named)."""

        def enough() -> list[Heard]:
            found = [each for each in self.heard if topic is None or each.topic == topic]
            return found if len(found) >= count else []

        found: list[Heard] = await until(enough, f"{count} messages on {topic or 'any topic'}; {len(self.heard)} came")
        return found

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()
