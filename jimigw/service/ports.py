"""The ports for terminals: what listens where, and how listening ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.udp import Port as UDPPort
from twisted.logger import Logger

from jimigw.net.connections import Connections
from jimigw.net.udp import MAX_DATAGRAM, Datagrams
from jimigw.ops.endpoints import endpoint_with_backlog

GOODBYE = 5.0
"""Seconds that terminals get, at the end of the service, to take their last answers."""


class Ports:
    """All ports for terminals, and the factories behind them. ``fail`` is told, in a sentence, what cannot listen."""

    _log = Logger()

    def __init__(self, reactor: Any, fail: Callable[[str], None]) -> None:
        self._reactor, self._fail = reactor, fail
        self.edges: list[Connections[Any] | Datagrams] = []
        self.listening: list[IListeningPort] = []
        self._wanted = 0

    def listen(self, name: str, endpoints: Sequence[str], backlog: int, factory: Connections[Any]) -> None:
        """Listen for connections at these endpoints."""
        self.edges.append(factory)
        for text in endpoints:
            self._wanted += 1
            endpoint = serverFromString(self._reactor, endpoint_with_backlog(text, backlog))
            listening = endpoint.listen(factory)
            listening.addCallback(self._is_listening, name)
            listening.addErrback(lambda failure, text=text: self._fail(f"{text}: {failure.getErrorMessage()}"))

    def listen_udp(self, name: str, place: str, datagrams: Datagrams) -> None:
        """Listen for datagrams at ``port`` or ``host:port``."""
        self.edges.append(datagrams)
        self._wanted += 1
        host, _, port = place.rpartition(":")
        try:
            listening = self._reactor.listenUDP(int(port), datagrams, host.strip("[]"), MAX_DATAGRAM + 1)
        except (CannotListenError, ValueError) as error:
            self._fail(f"jt808.udp {place}: {error}")
            return
        self._is_listening(listening, name)

    def _is_listening(self, port: IListeningPort, name: str) -> None:
        self.listening.append(port)
        self._log.info("{name} terminals are awaited at {address}", name=name, address=port.getHost())

    @property
    def ready(self) -> bool:
        """Whether all of them are open."""
        return len(self.listening) == self._wanted

    def dropped(self) -> int:
        """Frames that were dropped on all ports."""
        return sum(edge.dropped() for edge in self.edges)

    def hang_up(self, reason: str) -> Deferred[Any]:
        """Accept no more connections, take nothing more from terminals, and say that they left."""
        streams = [port for port in self.listening if not isinstance(port, UDPPort)]

        def quiet(_: Any) -> None:
            for edge in self.edges:
                edge.hang_up(reason)

        return gatherResults([_stopped(port) for port in streams]).addCallback(quiet)

    def close(self, reason: str) -> Deferred[Any]:
        """Close everything once the last answers have left; fires when no connection is left."""
        # A UDP port is also the way out, and stays open until the last answer has left.
        stopping = gatherResults([_stopped(port) for port in self.listening if isinstance(port, UDPPort)])

        def close_all(_: Any) -> Deferred[None]:
            for edge in self.edges:
                edge.close_all(reason)
            return self._all_gone()

        return stopping.addCallback(close_all)

    def _all_gone(self) -> Deferred[None]:
        """Fires when no connection is left, or after :data:`GOODBYE` seconds."""
        done: Deferred[None] = Deferred()
        until = self._reactor.seconds() + GOODBYE

        def look() -> None:
            left: list[Any] = [terminal for edge in self.edges for terminal in edge.connections]
            if not left or self._reactor.seconds() >= until:
                for terminal in left:
                    terminal.transport.abortConnection()
                done.callback(None)
                return
            self._reactor.callLater(0.05, look)

        look()
        return done


def _stopped(port: IListeningPort) -> Deferred[Any]:
    stopping = port.stopListening()
    return stopping if isinstance(stopping, Deferred) else succeed(None)
