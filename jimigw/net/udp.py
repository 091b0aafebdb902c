"""Terminals over UDP: the same sessions, one for each address that sends true frames.

A terminal that moves to another address has to authenticate there; the newer address then wins, as on TCP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from jimigw.gateway.gateway import Gateway
from jimigw.protocols.events import Event

from .riders import Riders
from .tcp import SWEEP_INTERVAL, Complain, EdgeCounters, Limits

MOST_ADDRESSES = 100_000
"""Addresses that are remembered where the config sets no limit: an address costs its sender nothing."""

MAX_DATAGRAM = 8192
"""Bytes of the longest datagram that is read; a longer one is dropped and counted."""

_DATAGRAM = 1400
"""Bytes of answers that are put into one datagram: what passes the usual networks whole. A longer frame goes alone."""


class _Address:
    """One address that terminals send from."""

    def __init__(self, factory: Datagrams, session: Any, place: tuple[str, int]) -> None:
        self.factory, self.session, self.place = factory, session, place
        self.since = self.heard = factory.seconds()

    @property
    def address(self) -> str:
        """The other end, ``host:port/udp``."""
        host, port = self.place
        return f"{f'[{host}]' if ':' in host else host}:{port}/udp"


class Peer(Riders, _Address):
    """One address, and the terminals behind it."""

    address = _Address.address

    def send(self, data: bytes) -> None:
        """Send a datagram to this address; nothing happens when the port is closed."""
        if len(data) <= _DATAGRAM:
            self.factory.send(data, self.place)
            return
        # Frames hold no delimiter inside: between two frames there are two. As many as fit go into one datagram.
        datagram = b""
        for content in data[1:-1].split(b"~~"):
            frame = b"~" + content + b"~"
            if datagram and len(datagram) + len(frame) > _DATAGRAM:
                self.factory.send(datagram, self.place)
                datagram = b""
            datagram += frame
        self.factory.send(datagram, self.place)

    def disconnect(self, reason: str) -> None:
        """Forget this address; whoever is there has to log in again."""
        self.factory.forget(self, reason)


class Datagrams(DatagramProtocol):
    """One UDP port for terminals."""

    _log = Logger()
    noisy = False

    def __init__(
        self,
        name: str,
        reactor: IReactorTime,
        gateway: Gateway,
        make_session: Callable[[], Any],
        limits: Limits,
        complain: Complain,
    ) -> None:
        self.name, self.reactor, self.gateway = name, reactor, gateway
        self.limits, self.complain = limits, complain
        self.seconds: Callable[[], float] = reactor.seconds
        self.counters = EdgeCounters()
        self.peers: dict[tuple[str, int], Peer] = {}
        self._make_session = make_session
        self._per_host: dict[str, int] = {}
        self._sweeper: IDelayedCall | None = None
        self._deaf = False
        self._dropped = 0

    # -- the port -------------------------------------------------------------------------------------------------

    def startProtocol(self) -> None:
        self._sweeper = self.reactor.callLater(SWEEP_INTERVAL, self._sweep)

    def stopProtocol(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if self._deaf:
            return
        now = self.seconds()
        place = (str(addr[0]), int(addr[1]))
        self.counters.bytes_in += len(datagram)
        if len(datagram) > MAX_DATAGRAM:
            return
        peer = self.peers.get(place)
        session = peer.session if peer is not None else self._make_session()
        events: list[Event] = session.datagram(datagram, now)
        if peer is None:
            # An address is remembered once it has sent a true frame: events come of nothing else.
            if not events or not self._let_in(place):
                session.close(now)
                self._dropped += session.dropped
                return
            peer = Peer(self, session, place)
            self.peers[place] = peer
            self._per_host[place[0]] = self._per_host.get(place[0], 0) + 1
            self.counters.connections += 1
        peer.heard = now
        for event in events:
            peer._do(event, now)

    def _let_in(self, place: tuple[str, int]) -> bool:
        limits, counters, host = self.limits, self.counters, place[0]
        most = limits.max_connections or MOST_ADDRESSES
        if len(self.peers) >= most:
            counters.refused_all += 1
            why, limit, key = "{limit} are known (max_connections)", most, "max_connections"
        elif limits.max_connections_per_address and self._per_host.get(host, 0) >= limits.max_connections_per_address:
            counters.refused_address += 1
            why, limit, key = (
                "it has {limit} (max_connections_per_address)",
                limits.max_connections_per_address,
                "max_connections_per_address",
            )
        else:
            return True
        self.complain(
            self._log.warn,
            "{port}: a new address {address} is refused, " + why,
            kind=(key, self.name),
            port=self.name,
            address=f"{host}:{place[1]}",
            limit=limit,
        )
        return False

    def send(self, data: bytes, place: tuple[str, int]) -> None:
        """Send one datagram."""
        transport: Any = self.transport
        if transport is not None:
            self.counters.bytes_out += len(data)
            transport.write(data, place)

    def dropped(self) -> int:
        """How many frames were dropped, of addresses that are and that were known."""
        return self._dropped + sum(int(peer.session.dropped) for peer in self.peers.values())

    def forget(self, peer: Peer, reason: str) -> None:
        """An address is no longer known."""
        if self.peers.get(peer.place) is not peer:
            return
        self._dropped += int(peer.session.dropped)
        del self.peers[peer.place]
        host = peer.place[0]
        left = self._per_host.get(host, 0) - 1
        if left > 0:
            self._per_host[host] = left
        else:
            self._per_host.pop(host, None)
        peer.leave(reason, self.seconds())

    # -- time -----------------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        self._sweeper = self.reactor.callLater(SWEEP_INTERVAL, self._sweep)
        now = self.seconds()
        for peer in list(self.peers.values()):
            deadline = peer.session.deadline
            if deadline is not None and now >= deadline:
                for event in peer.session.expire(now):
                    peer._do(event, now)
            if not peer.riders and now - peer.since >= self.limits.login_timeout:
                self.counters.login_timeouts += 1
                self.forget(peer, f"no login within {self.limits.login_timeout:g} s")
            elif self.limits.idle_timeout and now - peer.heard >= self.limits.idle_timeout:
                self.counters.idle_timeouts += 1
                self.forget(peer, f"nothing heard for {self.limits.idle_timeout:g} s")

    # -- the end --------------------------------------------------------------------------------------------------

    def hang_up(self, reason: str) -> None:
        """Take nothing more, and say of all terminals that they left; what is in hand is still answered."""
        self._deaf = True
        now = self.seconds()
        for peer in self.peers.values():
            peer.leave(reason, now)

    def close_all(self, reason: str) -> None:
        """Forget all addresses."""
        for peer in list(self.peers.values()):
            self.forget(peer, reason)

    @property
    def connections(self) -> tuple[()]:
        """None: there is nothing to wait for at the end."""
        return ()
