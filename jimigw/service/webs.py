"""The HTTP API in the service: what it is given, where it listens, how it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from jimigw.ops.config import HttpConfig
from jimigw.ops.endpoints import endpoint_for_owner, endpoint_with_backlog, stays_local
from jimigw.web.api import Api, ApiSettings
from jimigw.web.readers_api import Readers
from jimigw.web.rooms import Rooms
from jimigw.web.tokens import ADMIN_FILE, TokenFile, Tokens, TokensError

from .house import Figures, House

_BACKLOG = 256


class Webs:
    """The API, if the config wants it. ``fail`` is told, in a sentence, what cannot be used."""

    _log = Logger()

    def __init__(self, reactor: Any, house: House, fail: Callable[[str], None]) -> None:
        self._reactor, self._house, self._fail = reactor, house, fail
        self._readers: Readers | None = None
        self.api: Api | None = None
        self.ports: list[IListeningPort] = []

    def start(self) -> None:
        """Listen, where the config wants it. The first start makes a token."""
        config = self._house.config().http
        if not config.endpoint:
            return
        file = TokenFile(self._house.data_path)
        tokens = Tokens(file, lambda sentence: self._log.error("{sentence}", sentence=sentence))
        try:
            if file.first_start(self._reactor.seconds()):
                self._log.info("the API's first token is in {path}", path=str(self._house.data_path / ADMIN_FILE))
            tokens.open()
        except TokensError as error:
            self._fail(f"http: {error}")
            return
        house = self._house
        rooms = Rooms(
            self._reactor, house.registry, house.gateway, house.commands, house.journal, house.store, house.stats,
            self.readiness, house.uploads, self._downloads,
        )  # fmt: skip
        self.api = Api(rooms, tokens, api_settings(config))
        if self._readers is not None:
            self.api.set_readers(self._readers)
        self.api.start()
        text = endpoint_for_owner(endpoint_with_backlog(config.endpoint, _BACKLOG))
        listening = serverFromString(self._reactor, text).listen(self.api.server)
        listening.addCallback(self._listens, config.endpoint)
        listening.addErrback(lambda failure: self._fail(f"{config.endpoint}: {failure.getErrorMessage()}"))

    def set_readers(self, readers: Readers) -> None:
        """The routes of readers ask these; before the start or after it."""
        self._readers = readers
        if self.api is not None:
            self.api.set_readers(readers)

    def take_over(self) -> None:
        """The config has changed."""
        if self.api is not None:
            self.api.set_settings(api_settings(self._house.config().http))

    def readiness(self) -> Mapping[str, str]:
        """Of each part of the service why it is not ready, "" where it is."""
        state, store = self._house.journal.stats().state, self._house.store
        ports = self._house.ports
        return {
            "journal": "" if state == "ok" else f"it takes no records: {state}",
            "store": store.last_error() or "",
            "ports": "" if ports.ready else "not all of them are open",
            "uploads": self._house.uploads.trouble if self._house.uploads.wanted else "",
        }

    def _downloads(self) -> bool:
        """Whether links to files lead anywhere."""
        uploads = self._house.config().uploads
        return bool(uploads.endpoint) and uploads.downloads != "off"

    def stats(self) -> Figures:
        """Counters of the API."""
        return {} if self.api is None else {name: dict(figures) for name, figures in self.api.stats().items()}

    def stop(self) -> Deferred[Any]:
        """Listen no more, and end what is under way."""
        ports, self.ports = self.ports, []
        stopping: list[Deferred[Any]] = [maybeDeferred(port.stopListening) for port in ports]
        if self.api is not None:
            stopping.append(self.api.stop())
        return gatherResults(stopping)

    def _listens(self, port: IListeningPort, endpoint: str) -> None:
        self.ports.append(port)
        self._log.info("the API listens at {address}", address=port.getHost())
        if not stays_local(endpoint) and not endpoint.startswith(("ssl:", "tls:")):
            self._log.warn(
                "the API can be reached from other machines without TLS: whoever listens on the way sees its tokens. "
                "Use an ssl: endpoint, or a proxy with TLS in front of tcp:PORT:interface=127.0.0.1"
            )


def api_settings(config: HttpConfig) -> ApiSettings:
    """The settings of the API, by the config."""
    return ApiSettings(config.max_body, config.max_events, config.max_connections, config.cors_origins)
