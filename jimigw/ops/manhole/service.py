"""The manhole as the service owns it: it opens the ways in, and closes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.logger import Logger

from jimigw.ops.config import Config
from jimigw.ops.endpoints import endpoint_for_owner
from jimigw.ops.throttle import Throttle

from .access import HOST_KEY_FILE, PASSWORD_FILE, ManholeError, load_credentials
from .completion import Completion, complete
from .entrance import Entrance
from .files import file_words
from .house import House
from .screen import Visitor
from .shell import Shell
from .telnet import TelnetFactory
from .vocabulary import Vocabulary, device_words

GOODBYE = 1.0
"""Seconds that operators get at the end of the service to read why their session ends."""


class Manhole:
    """The ways in, by telnet and SSH."""

    _log = Logger()

    def __init__(self, reactor: Any, config: Config, house: House) -> None:
        self._reactor, self._config, self._house = reactor, config, house
        self._throttle = Throttle(reactor)
        self.entrance = Entrance(reactor, config.manhole, self._shell, self._throttle)
        self.ports: list[IListeningPort] = []

    @inlineCallbacks
    def start(self) -> Any:
        """Make password and keys if there are none, and listen. Fires with the ports.

        Fails with :class:`ManholeError`, a sentence, where something cannot be used; then nothing listens.
        """
        manhole = self._config.manhole
        try:
            if manhole.endpoint:
                yield self._listen(manhole.endpoint, "telnet", self._telnet())
            if manhole.ssh_endpoint:
                yield self._listen(manhole.ssh_endpoint, "ssh", self._ssh())
        except ManholeError:
            yield self.stop()
            raise
        return list(self.ports)

    def _telnet(self) -> IProtocolFactory:
        path = self._config.path(PASSWORD_FILE)
        return TelnetFactory(self.entrance, load_credentials(path, self._config.manhole.user))

    def _ssh(self) -> IProtocolFactory:
        # SSH is much to read, and most services never need it.
        from .ssh import KeyChecker, SshFactory, load_host_key

        manhole = self._config.manhole
        checker = KeyChecker(self._config.path(manhole.authorized_keys), manhole.user)
        checker.keys()
        return SshFactory(self.entrance, load_host_key(self._config.path(HOST_KEY_FILE)), checker)

    @inlineCallbacks
    def _listen(self, text: str, way: str, factory: IProtocolFactory) -> Any:
        try:
            port = yield serverFromString(self._reactor, endpoint_for_owner(text)).listen(factory)
        except Exception as error:
            raise ManholeError(f"manhole, {way} at {text}: {error}") from None
        self.ports.append(port)
        self._log.info("operators are awaited at {address} by {way}", address=port.getHost(), way=way)

    @inlineCallbacks
    def stop(self) -> Any:
        """Close the ways in, then the sessions; fires when all are gone."""
        self.entrance.closing = True
        ports, self.ports = self.ports, []
        for port in ports:
            yield maybeDeferred(port.stopListening)
        for connection in list(self.entrance.waiting):
            connection.abort("the service ends")
        for shell in list(self.entrance.shells):
            shell.say(["The service ends."])
            shell.leave("the service ends")
        until = self._reactor.seconds() + GOODBYE
        while (self.entrance.shells or self.entrance.waiting) and self._reactor.seconds() < until:
            pause: Deferred[None] = Deferred()
            self._reactor.callLater(0.02, pause.callback, None)
            yield pause
        for shell in list(self.entrance.shells):
            shell.outlet.cut()
        self._throttle.close()

    def _shell(self, entrance: Entrance, visitor: Visitor) -> Shell:
        return Shell(
            self._reactor,
            visitor,
            lambda shell: Vocabulary(self._house, shell).words(),
            self._complete,
            entrance.gone,
            entrance.history(visitor.user),
            self._config.manhole.idle_timeout,
        )

    def _complete(self, before: str, namespace: Mapping[str, Any]) -> Completion:
        return complete(before, namespace, device_words(), self._device_names, file_words())

    def _device_names(self, start: str) -> Any:
        for device in self._house.registry:
            card = device.card
            for name in (card.id, card.imei, card.phone, device.plate):
                if name is not None and name.startswith(start):
                    yield name
