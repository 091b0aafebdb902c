"""The readers of the journal, by the config: who is told what terminals say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from jimigw.delivery.callbacks import CallbackSettings, Filter, JsonCallback
from jimigw.delivery.chosen import Chosen
from jimigw.delivery.hub import HubSettings, hub_target
from jimigw.delivery.mqtt import MqttTarget
from jimigw.delivery.readers import Readers
from jimigw.delivery.status import ReaderSettings
from jimigw.delivery.target import Target
from jimigw.gateway.hub import load_token
from jimigw.gateway.signing import SigningError, load_signing_secret
from jimigw.journal.interface import IJournal
from jimigw.ops.config import CallbackConfig, Config
from jimigw.store.interface import IStore

MQTT = "mqtt"
"""The name of the reader of the broker."""

CALLBACK = "callback:"
"""How the names of the readers of callbacks begin."""


@attrs.frozen
class Callback:
    """A callback as it is to be, its secret with it: a change of any of this makes another reader."""

    config: CallbackConfig
    settings: CallbackSettings
    hub: HubSettings | None = None

    def target(self, reactor: Any) -> Target:
        """What posts it."""
        if self.hub is None:
            return JsonCallback(reactor, self.settings)
        return Chosen(hub_target(self.hub, reactor), Filter(self.settings))


class Deliveries:
    """All readers of the service. ``readers`` is for those who look after them."""

    _log = Logger()

    def __init__(self, journal: IJournal, store: IStore, reactor: Any) -> None:
        self._journal, self._reactor = journal, reactor
        self.readers = Readers(journal, store, reactor)
        self._callbacks: dict[str, Callback] = {}
        self.broker: MqttTarget | None = None

    def start(self) -> None:
        """Begin to read; journal and store are open, and :meth:`take` has said what."""
        self._journal.cursors().addCallback(self._drop_others)
        if self.broker is not None:
            self.broker.start()
        self.readers.start()

    def add_broker(self, target: MqttTarget | None) -> None:
        """Publish to this broker; None for nobody. Before the start."""
        self.broker = target
        if target is not None:
            self.readers.add(MQTT, target)

    def read(self, config: Config) -> dict[str, Callback]:
        """What this config wants, by the names of the readers, for :meth:`take`.

        :raises SigningError: a secret, or a setting of the hub's format, cannot be used.
        """
        return {callback.reader: _callback(callback, config) for callback in config.callbacks}

    def take(self, wanted: Mapping[str, Callback]) -> None:
        """Deliver this from now on. What is not different goes on undisturbed."""
        before, self._callbacks = self._callbacks, dict(wanted)
        for name in before.keys() - wanted.keys():
            self._say_forgotten(name, self.readers.status(name).cursor)
            self.readers.remove(name)
        for name, callback in wanted.items():
            if before.get(name) != callback:
                self._add(name, callback)

    def _add(self, name: str, wanted: Callback) -> None:
        config = wanted.config
        self.readers.add(
            name, wanted.target(self._reactor), ReaderSettings(start=config.start, dead_letters=config.max_dead_letters)
        )

    def _drop_others(self, cursors: Mapping[str, int]) -> None:
        """Whoever is gone from the config while the service was stopped must not hold up the journal for ever."""
        for name, id in cursors.items():
            if name.startswith(CALLBACK) and name not in self._callbacks:
                self._say_forgotten(name, id)
                self.readers.forget(name)

    def _say_forgotten(self, name: str, id: int) -> None:
        self._log.warn(
            "{name} is gone from the config: that it had read up to record {id} is forgotten", name=name, id=id
        )

    def stop(self) -> Deferred[None]:
        """Deliver nothing more; what is under way has a moment to come through."""
        return self.readers.stop()

    def figures(self) -> dict[str, dict[str, Any]]:
        """How the readers are doing: section, name, value."""
        broker = {} if self.broker is None else {"broker": self.broker.figures()}
        return self.readers.figures() | broker


def _callback(callback: CallbackConfig, config: Config) -> Callback:
    secret = load_signing_secret(config.path(callback.secret_file)) if callback.secret_file else None
    settings = CallbackSettings(
        callback.url,
        kinds=callback.kinds,
        devices=callback.devices,
        batch=callback.batch,
        batch_bytes=callback.batch_bytes,
        concurrency=callback.concurrency,
        timeout=callback.timeout,
        secret=secret,
    )
    return Callback(callback, settings, _hub(callback, config) if callback.format == "hub" else None)


def _hub(callback: CallbackConfig, config: Config) -> HubSettings:
    try:
        return HubSettings(
            callback.url,
            load_token(config.path(callback.token_file)) if callback.token_file else "",
            paths=callback.paths,
            time_zone=callback.push_time_zone,
            terminals_zone=config.jt808.time_zone,
            batch=callback.batch,
            concurrency=callback.concurrency,
            timeout=callback.timeout,
        )
    except ValueError as error:
        raise SigningError(f"callback {callback.label}: {error}") from None
