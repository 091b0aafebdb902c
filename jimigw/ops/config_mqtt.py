"""``[mqtt]``: the keys of the config for a message broker, and what is wrong with them together."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Literal
from urllib.parse import urlsplit

import attrs

from jimigw.model.report import KINDS
from jimigw.model.topics import NAMES, Template, TopicError, check_plain, template
from jimigw.ops.config_kinds import Choice, ListOf, Number, Size, Switch, Text, Whole, Wrong, can_be_found, shown
from jimigw.ops.config_rows import key

PORTS = {"mqtt": 1883, "mqtts": 8883}
"""Schemes, and their ports where the address has none."""


@attrs.frozen
class MqttUrl:
    """The address of a broker, or nothing. What is wrong is never repeated: it may hold a password."""

    @property
    def expected(self) -> str:
        return 'an address such as "mqtt://127.0.0.1:1883" or "mqtts://broker.example.org", or nothing'

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise Wrong(f"{shown(value)} is not text; expected {self.expected}, in quotes")
        if not value:
            return value
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            raise Wrong(f"its host or port cannot be read; expected {self.expected}") from None
        if parts.scheme not in PORTS:
            raise Wrong(f"it does not begin with mqtt:// or mqtts:// (TLS); expected {self.expected}")
        if "@" in parts.netloc:
            raise Wrong("it holds a user or a password; those belong into mqtt.username and mqtt.password_file")
        if not parts.hostname or port == 0 or not can_be_found(parts.hostname):
            raise Wrong(f"it names no host, or a port that is none; expected {self.expected}")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise Wrong(f"there is something behind host and port; expected {self.expected}")
        return value

    def toml(self, value: object) -> str:
        return json.dumps(value)


@attrs.frozen
class Topic:
    """A topic with these placeholders, at least one of those in ``needs`` among them; ``empty``: or nothing."""

    allowed: Collection[str]
    needs: Collection[str] = ()
    empty: bool = False

    @property
    def expected(self) -> str:
        nothing = ", or nothing" if self.empty else ""
        return f"a topic whose levels may be {', '.join(f'${{{name}}}' for name in self.allowed)}{nothing}"

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise Wrong(f"{shown(value)} is not text; expected {self.expected}, in quotes")
        if not value and self.empty:
            return value
        try:
            found = template(value, self.allowed)
        except TopicError as error:
            raise Wrong(f"{shown(value)}: {error}; expected {self.expected}") from None
        if self.needs and not found.names & frozenset(self.needs):
            raise Wrong(f"{shown(value)} says nowhere which terminal is meant; expected {self.expected}")
        return value

    def toml(self, value: object) -> str:
        return json.dumps(value)


@attrs.frozen
class Levels:
    """Levels of a topic in plain text, or nothing."""

    @property
    def expected(self) -> str:
        return 'levels of a topic such as "result", without placeholders, or nothing'

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise Wrong(f"{shown(value)} is not text; expected {self.expected}, in quotes")
        try:
            if value:
                check_plain(value)
        except TopicError as error:
            raise Wrong(f"{shown(value)}: {error}; expected {self.expected}") from None
        return value

    def toml(self, value: object) -> str:
        return json.dumps(value)


_OF_A_TERMINAL = ("clientid", "phone", "imei", "device")
_OF_A_RECORD = (*_OF_A_TERMINAL, "kind")


@attrs.frozen
class MqttConfig:
    """``[mqtt]``: a broker that gets what terminals say, and brings commands."""

    url: str = key(
        MqttUrl(),
        "",
        "The broker: mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS. Empty switches MQTT off.",
        restart=True,
    )
    version: Literal["3.1.1", "5"] = key(
        Choice(["3.1.1", "5"]), "3.1.1", "The version of MQTT. 5 says why a broker refuses something.", restart=True
    )
    client_id: str = key(
        Text("a name", empty=False),
        "jimigw",
        "The name of this gateway at the broker. The broker keeps its session under this name, so no two gateways may "
        "have the same.",
        restart=True,
    )
    username: str = key(Text("a name"), "", "The user, where the broker wants one.", restart=True)
    password_file: str = key(
        Text("the name of a file"), "", "A file that holds the password. Relative to data_dir.", restart=True
    )
    ca_file: str = key(
        Text("the name of a file"),
        "",
        "The certificates (PEM) of those who may vouch for the broker, for mqtts. Relative to data_dir. Empty: those "
        "that the system trusts.",
        restart=True,
    )
    keepalive: int = key(
        Whole(5, 65_535), 30, "Time without a word after which the connection is tried.", "seconds", restart=True
    )
    timeout: float = key(
        Number(1, 3600),
        20.0,
        "How long the broker may take to connect, and then to acknowledge anything, before the connection is given up.",
        "seconds",
        restart=True,
    )
    session_expiry: int = key(
        Whole(0, 0xFFFF_FFFF),
        604_800,
        "MQTT 5: how long the broker keeps commands for a gateway that is away. With 3.1.1 the broker decides.",
        "seconds",
        restart=True,
    )
    inflight: int = key(
        Whole(1, 10_000),
        100,
        "Messages that may wait for the broker's acknowledgement at once.",
        "messages",
        restart=True,
    )
    max_payload: int = key(
        Size(1024, 256 << 20),
        1 << 20,
        "The longest message either way; at most what the broker takes. A longer record is not published, a longer "
        "command is not taken.",
        "bytes",
        restart=True,
    )
    up_topic: str = key(
        Topic(_OF_A_RECORD),
        "jt808/${clientid}/${phone}/up",
        "Where the messages of JT/T 808 terminals are published.",
        restart=True,
    )
    dn_topic: str = key(
        Topic(_OF_A_TERMINAL, needs=NAMES),
        "jt808/${clientid}/${phone}/dn",
        "Where commands for JT/T 808 terminals are awaited; + is subscribed to in place of the placeholders.",
        restart=True,
    )
    jimi_up_topic: str = key(
        Topic(_OF_A_RECORD),
        "jimi/${imei}/up",
        "Where the messages of Jimi terminals are published.",
        restart=True,
    )
    jimi_dn_topic: str = key(
        Topic(_OF_A_TERMINAL, needs=NAMES),
        "jimi/${imei}/dn",
        "Where commands for Jimi terminals are awaited.",
        restart=True,
    )
    result_topic: str = key(
        Levels(),
        "result",
        "What follows the topic of a command where its end is published. Empty: it is not.",
        restart=True,
    )
    presence_topic: str = key(
        Topic(_OF_A_TERMINAL, needs=NAMES, empty=True),
        "",
        'Where it is published, retained, whether a terminal is on line, for example "jimigw/${device}/presence". '
        "Empty: nowhere.",
        restart=True,
    )
    position_topic: str = key(
        Topic(_OF_A_TERMINAL, needs=NAMES, empty=True),
        "",
        'Where the last position of a terminal is published, retained, for example "jimigw/${device}/position". '
        "Empty: nowhere.",
        restart=True,
    )
    format: Literal["exchange", "record"] = key(
        Choice(["exchange", "record"]),
        "exchange",
        'What is published: the message of the terminal alone ("exchange"), or the whole record of the journal '
        '("record").',
        restart=True,
    )
    kinds: tuple[str, ...] = key(
        ListOf(Choice(KINDS), most=len(KINDS)),
        (),
        "The kinds of records that are published. Empty: in the exchange format what EMQX publishes, all records "
        "otherwise.",
        restart=True,
    )
    strict: bool = key(
        Switch(),
        False,
        "Publish nothing that the EMQX JT/T 808 gateway would not: no results of commands, and of JT/T 808 only the "
        "messages that it knows.",
        restart=True,
    )


def contradictions(mqtt: MqttConfig, dialect: str) -> Iterator[str]:
    """Name values that are right alone and wrong together; ``dialect`` is that of the exchange format."""
    if not mqtt.url:
        return
    if mqtt.password_file and not mqtt.username:
        yield "mqtt.username: it is empty; a password (mqtt.password_file) goes with a user"
    if mqtt.ca_file and not mqtt.url.startswith("mqtts"):
        yield "mqtt.url: it is not mqtts://; mqtt.ca_file is for TLS"
    if mqtt.strict and mqtt.format != "exchange":
        yield 'mqtt.format: it is "record"; mqtt.strict publishes what EMQX does, which is "exchange"'
    if mqtt.strict and dialect != "emqx":
        yield f'exchange.dialect: it is "{dialect}"; mqtt.strict publishes what EMQX does, which is "emqx"'
    awaited = {name: template(getattr(mqtt, name)) for name in ("dn_topic", "jimi_dn_topic")}
    for name, published in _published(mqtt):
        for where, commands in awaited.items():
            if published.overlaps(commands):
                yield (
                    f"mqtt.{name}: {shown(published.text)} is awaited as commands, by mqtt.{where} "
                    f"({shown(commands.filter)}); expected a topic of its own"
                )


def _published(mqtt: MqttConfig) -> Iterator[tuple[str, Template]]:
    for name in ("up_topic", "jimi_up_topic", "presence_topic", "position_topic"):
        if text := getattr(mqtt, name):
            yield name, template(text)
    if mqtt.result_topic:
        for name in ("dn_topic", "jimi_dn_topic"):
            yield "result_topic", template(getattr(mqtt, name)).below(mqtt.result_topic)
