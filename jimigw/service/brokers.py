"""The brokers of the config: a target for each, made but not started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.ssl import Certificate, optionsForClientTLS, platformTrust, trustRootFromCertificates

from jimigw.delivery.mqtt import V5, V311, MqttSettings, MqttTarget, Place, Published, Settings
from jimigw.gateway.commands import Commands
from jimigw.gateway.registry import Registry
from jimigw.model.topics import Template, template
from jimigw.ops.config import Config
from jimigw.ops.config_mqtt import PORTS, MqttConfig

_LONGEST_FILE = 4 << 20


class BrokerError(Exception):
    """The broker cannot be used as the config says; the message is a sentence."""


def mqtt_of(
    config: Config,
    commands: Commands,
    registry: Registry,
    reactor: Any,
    complain: Callable[..., Any] | None = None,
) -> MqttTarget | None:
    """The target of ``[mqtt]``, None where there is no broker. :class:`BrokerError` for files that cannot be used."""
    mqtt = config.mqtt
    if not mqtt.url:
        return None
    password = _password(config.path(mqtt.password_file)) if mqtt.password_file else ""
    client = Settings(
        mqtt.client_id,
        V5 if mqtt.version == "5" else V311,
        mqtt.username,
        password,
        mqtt.keepalive,
        mqtt.session_expiry,
        mqtt.max_payload,
    )
    awaited = {"jt808": template(mqtt.dn_topic), "jimi": template(mqtt.jimi_dn_topic)}
    settings = MqttSettings(_place(config), client, _published(mqtt), awaited, mqtt.inflight, mqtt.timeout)
    return MqttTarget(settings, commands, registry, reactor, complain)


def _published(mqtt: MqttConfig) -> Published:
    def or_none(text: str) -> Template | None:
        return template(text) if text else None

    return Published(
        {"jt808": template(mqtt.up_topic), "jimi": template(mqtt.jimi_up_topic)},
        "" if mqtt.strict else mqtt.result_topic,
        or_none(mqtt.presence_topic),
        or_none(mqtt.position_topic),
        mqtt.format == "record",
        frozenset(mqtt.kinds),
        mqtt.strict,
    )


def _place(config: Config) -> Place:
    parts = urlsplit(config.mqtt.url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    if parts.scheme == "mqtt":
        return Place(host, port)
    name = config.mqtt.ca_file
    trusted = trustRootFromCertificates(_certificates(config.path(name))) if name else platformTrust()
    return Place(host, port, lambda: optionsForClientTLS(host, trustRoot=trusted))


def _certificates(path: Path) -> list[Any]:
    text = _read(path, "mqtt.ca_file")
    end = b"-----END CERTIFICATE-----"
    try:
        found = [Certificate.loadPEM(each + end) for each in text.split(end)[:-1]]
    except Exception as error:  # whatever the TLS library makes of it
        raise BrokerError(f"mqtt.ca_file: {path} holds what is no certificate: {error}") from None
    if not found:
        raise BrokerError(f"mqtt.ca_file: {path} holds no certificate in PEM")
    return found


def _password(path: Path) -> str:
    try:
        found = _read(path, "mqtt.password_file").decode().strip("\r\n")
    except UnicodeDecodeError:
        raise BrokerError(f"mqtt.password_file: {path} is not UTF-8") from None
    if not found or "\n" in found:
        raise BrokerError(f"mqtt.password_file: {path} does not hold one line with a password")
    return found


def _read(path: Path, key: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise BrokerError(f"{key}: {path} cannot be read: {error.strerror}") from None
    if len(data) > _LONGEST_FILE:
        raise BrokerError(f"{key}: {path} is longer than {_LONGEST_FILE} bytes")
    return data


__all__ = ["BrokerError", "mqtt_of"]
