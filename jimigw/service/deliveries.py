"""The readers of the journal, by the config: who is told what terminals say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from jimigw.delivery.callbacks import FORMATS, CallbackSettings
from jimigw.delivery.readers import Readers
from jimigw.delivery.status import ReaderSettings
from jimigw.gateway.signing import load_signing_secret
from jimigw.journal.interface import IJournal
from jimigw.ops.config import CallbackConfig, Config
from jimigw.store.interface import IStore

CALLBACK = "callback:"
"""How the names of the readers of callbacks begin."""


@attrs.frozen
class Callback:
    """A callback as it is to be, its secret with it: a change of any of this makes another reader."""

    config: CallbackConfig
    settings: CallbackSettings


class Deliveries:
    """All readers of the service. ``readers`` is for those who look after them."""

    _log = Logger()

    def __init__(self, journal: IJournal, store: IStore, reactor: Any) -> None:
        self._journal, self._reactor = journal, reactor
        self.readers = Readers(journal, store, reactor)
        self._callbacks: dict[str, Callback] = {}

    def start(self) -> None:
        """Begin to read; journal and store are open, and :meth:`take` has said what."""
        self._journal.cursors().addCallback(self._drop_others)
        self.readers.start()

    def read(self, config: Config) -> dict[str, Callback]:
        """What this config wants, by the names of the readers, for :meth:`take`.

        :raises SigningError: a secret cannot be used.
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
        target = FORMATS[config.format](self._reactor, wanted.settings)
        self.readers.add(name, target, ReaderSettings(start=config.start, dead_letters=config.max_dead_letters))

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
        return self.readers.figures()


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
    return Callback(callback, settings)
