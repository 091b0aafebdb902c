"""The broker, as those see it who publish: connected again and again, a bounded window, and an end for every batch.

    send(publications) ──▶ queue ──window──▶ Connection ──PUBACK──▶ the reasons, in the order of the publications
                                                 └──lost, silent──▶ Unreachable: nobody knows what arrived

    away ──start──▶ connecting ──let in──▶ ready ──lost──▶ waiting ──delay──▶ connecting ...

Delays double with every attempt that does not lead to an acknowledgement, up to a minute, and vary by a fifth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from .connection import Arrival, Connection, Limits, Settings
from .packets import Publication, length_bytes

FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0
"""Seconds from a connection that is lost to the next attempt."""

_SETTLED = 10.0
"""Seconds that a connection lasts before it is worth trying at once when it is lost."""

_FIRST_ID, _LAST_ID = 256, 65_535
"""The packet ids of publications; see :meth:`.connection.Connection.publish`."""

TOO_LARGE = 0x95
"""The reason of a publication that is longer than the broker takes: the one that MQTT 5 has for it."""

Complain = Callable[..., Any]


@attrs.frozen
class Place:
    """Where a broker is. ``tls`` makes what a connection is wrapped in; None for TCP as it is."""

    host: str
    port: int
    tls: Callable[[], Any] | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Unreachable(Exception):
    """The broker could not be reached, or was lost. ``after``: seconds until it is tried again, None: nobody will."""

    def __init__(self, reason: str, after: float | None) -> None:
        super().__init__(reason)
        self.reason, self.after = reason, after


@attrs.define
class BrokerCounters:
    """What became of connections and publications since the start."""

    connections: int = 0
    lost: int = 0
    published: int = 0
    acknowledged: int = 0
    refused: int = 0


@attrs.define(eq=False)
class _Shipment:
    """Publications that were given together. ``reasons`` are those of their acknowledgements, 0 as long as there are
    none; ``sent`` and ``open`` count."""

    publications: Sequence[Publication]
    done: Deferred[list[int]]
    reasons: list[int]
    open: int
    sent: int = 0
    given_up: bool = False


class Broker:
    """See the module. ``arrived`` takes the messages, ``filters`` is what is subscribed to."""

    _log = Logger()

    def __init__(
        self,
        place: Place,
        settings: Settings,
        filters: Sequence[str],
        reactor: Any,
        arrived: Callable[[Arrival], None],
        *,
        inflight: int = 100,
        timeout: float = 20.0,
        complain: Complain,
        random: Random | None = None,
    ) -> None:
        self.place, self._settings, self._filters, self._reactor = place, settings, tuple(filters), reactor
        self._arrived, self._most, self._timeout = arrived, inflight, timeout
        self._complain = complain
        self._random = random or Random()
        self.counters = BrokerCounters()
        #: the connection that let us in
        self.connection: Connection | None = None
        #: where the broker is, in a word, and why
        self.state, self.reason = "away", "it was not tried yet"
        self._under_way: Connection | None = None
        self._attempt: Deferred[Any] | None = None
        self._timer: IDelayedCall | None = None
        self._clock: IDelayedCall | None = None
        self._stopped: list[Deferred[None]] = []
        self._delay = FIRST_DELAY
        self._limits = Limits()
        self._window = 1
        self._writable = True
        self._queue: deque[_Shipment] = deque()
        self._flying: dict[int, tuple[_Shipment, int]] = {}
        self._last_id = _FIRST_ID - 1
        #: when the broker last acknowledged something or let us in
        self._heard = self._since = 0.0

    # -- publishing ---------------------------------------------------------------------------------------------------

    def send(self, publications: Sequence[Publication]) -> Deferred[list[int]]:
        """Publish these, in this order; fires with a reason for each, 0 for what the broker has.

        Fails with :class:`Unreachable`; then the broker may have any of them. Cancelling gives up waiting.
        """
        if not publications:
            return succeed([])
        if self.state in ("away", "waiting"):
            left = None if self._timer is None else max(0.0, self._timer.getTime() - self._reactor.seconds())
            return fail(Unreachable(self.reason, left))
        done: Deferred[list[int]] = Deferred(lambda _: self._give_up(shipment))
        shipment = _Shipment(publications, done, [0] * len(publications), len(publications))
        self._queue.append(shipment)
        self._pump()
        return done

    @property
    def inflight(self) -> int:
        """How many publications wait for their acknowledgement."""
        return len(self._flying)

    def _give_up(self, shipment: _Shipment) -> None:
        shipment.given_up = True
        if shipment in self._queue:
            self._queue.remove(shipment)

    def _pump(self) -> None:
        """Send what the window has room for."""
        if self.connection is None or not self._writable or not self._queue:
            return
        if not self._flying:
            self._heard = self._reactor.seconds()
        flying, batch = self._flying, []
        while self._queue and len(flying) < self._window:
            shipment = self._queue[0]
            index = shipment.sent
            shipment.sent += 1
            if shipment.sent == len(shipment.publications):
                self._queue.popleft()
            publication = shipment.publications[index]
            if self._limits.packet is not None and self._too_large(publication):
                self._settle(shipment, index, TOO_LARGE)
                continue
            packet_id = self._next_id()
            flying[packet_id] = shipment, index
            batch.append((packet_id, publication if self._limits.retain else attrs.evolve(publication, retain=False)))
        if batch:
            self.counters.published += len(batch)
            self.connection.publish(batch)

    def _too_large(self, publication: Publication) -> bool:
        size = 4 + len(publication.topic) + len(publication.properties) + len(publication.payload)
        return self._limits.packet is not None and 1 + len(length_bytes(size)) + size > self._limits.packet

    def _next_id(self) -> int:
        found = self._last_id
        while True:
            found = found + 1 if found < _LAST_ID else _FIRST_ID
            if found not in self._flying:
                self._last_id = found
                return found

    def _settle(self, shipment: _Shipment, index: int, reason: int) -> None:
        if reason >= 0x80:
            shipment.reasons[index] = reason
            self.counters.refused += 1
        shipment.open -= 1
        if not shipment.open and not shipment.given_up:
            shipment.done.callback(shipment.reasons)

    # -- Connection's owner -------------------------------------------------------------------------------------------

    def ready(self, session_present: bool, limits: Limits) -> None:
        """The broker lets us in."""
        self._log.info(
            "MQTT: connected to {place}{session}",
            place=self.place,
            session="" if session_present else "; it holds no session of ours, so no commands given meanwhile",
        )
        self.counters.connections += 1
        self.connection, self.state, self.reason = self._under_way, "ready", ""
        self._limits, self._window = limits, max(1, min(self._most, limits.inflight))
        self._since = self._heard = self._reactor.seconds()
        self._pump()

    def subscribed(self, refused: Sequence[str]) -> None:
        """The subscriptions are made, but for these."""
        for each in refused:
            self._complain(self._log.error, "MQTT: the broker lets us not subscribe to {filter}", filter=each)

    def acknowledged(self, packet_id: int, reason: int) -> None:
        """The broker has a publication, or refuses it."""
        found = self._flying.pop(packet_id, None)
        if found is None:
            return
        self._heard = self._reactor.seconds()
        self._delay = FIRST_DELAY
        self.counters.acknowledged += 1
        self._settle(*found, reason)
        # Half a window at once: one write for many packets.
        if self._queue and len(self._flying) <= self._window // 2:
            self._pump()

    def arrived(self, message: Arrival) -> None:
        """A message came."""
        self._arrived(message)

    def writable(self, now: bool) -> None:
        """Whether the broker reads."""
        self._writable = now
        if now:
            self._pump()

    def lost(self, reason: str) -> None:
        """The connection is gone."""
        if self.connection is not None:
            self.counters.lost += 1
            if self._reactor.seconds() - self._since >= _SETTLED:
                self._delay = FIRST_DELAY
        self.connection = self._under_way = None
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        self._away(reason)

    # -- connecting ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, and stay so."""
        if self.state == "away":
            self._connect()

    def stop(self) -> Deferred[None]:
        """Say good-bye; fires when the connection is gone. Nothing is connected any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        done: Deferred[None] = Deferred()
        self._stopped.append(done)
        if self._under_way is not None:
            connection = self._under_way
            self._timer = self._reactor.callLater(2.0, connection.abort, "it does not close")
            self.state = "away"
            connection.finish()
        elif self._attempt is not None:
            self._attempt.cancel()
        else:
            self._away("it was closed")
        return done

    def _connect(self) -> None:
        self._timer = None
        self.state, self._writable = "connecting", True
        place = self.place
        endpoint: Any = HostnameEndpoint(self._reactor, place.host, place.port, timeout=self._timeout)
        if place.tls is not None:
            endpoint = wrapClientTLS(place.tls(), endpoint)
        self._under_way = None
        factory = Factory.forProtocol(lambda: Connection(self._settings, self._filters, self))
        factory.noisy = False
        attempt: Deferred[Any] = endpoint.connect(factory)
        self._attempt = attempt
        attempt.addCallbacks(self._reached, self._not_reached)

    def _reached(self, connection: Connection) -> None:
        self._attempt = None
        self._under_way = connection
        self._since = self._reactor.seconds()
        self._clock = self._reactor.callLater(1.0, self._tick)

    def _not_reached(self, failure: Failure) -> None:
        self._attempt = None
        self._away(f"it cannot be reached: {failure.getErrorMessage()}")

    def _tick(self) -> None:
        self._clock = self._reactor.callLater(1.0, self._tick)
        connection, now = self._under_way, self._reactor.seconds()
        if connection is None:
            return
        if self.connection is None and now - self._since >= self._timeout:
            connection.abort(f"it said nothing within {self._timeout:g} s")
        elif self._flying and now - self._heard >= self._timeout:
            connection.abort(f"it acknowledged nothing for {self._timeout:g} s")
        else:
            connection.tick()

    def _away(self, reason: str) -> None:
        """Not connected: everything under way ends, and the next attempt is made later, unless we are stopped."""
        self.reason = reason
        after: float | None = None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._stopped:
            self.state = "away"
        else:
            self.state = "waiting"
            after = self._delay * self._random.uniform(0.8, 1.2)
            self._delay = min(LONGEST_DELAY, self._delay * 2)
            self._timer = self._reactor.callLater(after, self._connect)
            self._complain(
                self._log.warn,
                "MQTT: no connection to {place}: {reason}; tried again in {after:.1f} s",
                place=self.place,
                reason=reason,
                after=after,
            )
        shipments = {id(each): each for each, _ in self._flying.values()} | {id(each): each for each in self._queue}
        self._flying.clear()
        self._queue.clear()
        for shipment in shipments.values():
            if not shipment.given_up:
                shipment.done.errback(Unreachable(reason, after))
        stopped, self._stopped = self._stopped, []
        for done in stopped:
            done.callback(None)


__all__ = ["TOO_LARGE", "Broker", "BrokerCounters", "Complain", "Place", "Unreachable"]
