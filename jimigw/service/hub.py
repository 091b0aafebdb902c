"""The port of the hub's command API: opened and closed with the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import inlineCallbacks, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from jimigw.gateway.commands import Commands
from jimigw.gateway.hub import HubError, load_token
from jimigw.gateway.registry import Registry
from jimigw.ops.config import Config
from jimigw.ops.endpoints import endpoint_for_owner
from jimigw.web.hub_api import HubApi, HubApiSettings, hub_site


class HubPort:
    """Listens where ``hub.endpoint`` says. ``config`` gives the config of now."""

    _log = Logger()

    def __init__(self, reactor: Any, config: Callable[[], Config], commands: Commands, registry: Registry) -> None:
        self._reactor, self._config = reactor, config
        self._commands, self._registry = commands, registry
        self._token = ""
        self.port: IListeningPort | None = None

    @inlineCallbacks
    def start(self) -> Any:
        """Listen, if that is wanted. Fails with :class:`HubError`, a sentence, where it cannot."""
        hub = self._config().hub
        if not hub.endpoint:
            return
        if hub.token_file:
            self._token = load_token(self._config().path(hub.token_file))
        api = HubApi(self._commands, self._registry, self._reactor, self._settings)
        site = hub_site(api, self._reactor)
        try:
            self.port = yield serverFromString(self._reactor, endpoint_for_owner(hub.endpoint)).listen(site)
        except Exception as error:
            raise HubError(f"hub.endpoint {hub.endpoint}: {error}") from None
        self._log.info(
            "commands of the hub's API are awaited at {address}, {who}",
            address=self.port.getHost(),
            who="with a token" if self._token else "from everyone on this machine: hub.token_file names no token",
        )

    @inlineCallbacks
    def stop(self) -> Any:
        """Take no more requests; those that wait for their terminals end with the commands."""
        port, self.port = self.port, None
        if port is not None:
            yield maybeDeferred(port.stopListening)

    def _settings(self) -> HubApiSettings:
        hub = self._config().hub
        return HubApiSettings(self._token, hub.wait, hub.dangerous)
