"""Several terminals on one connection: forwarders carry many over one TCP connection, and so may one UDP address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.logger import Logger

from jimigw.gateway.command_queue import Unsendable
from jimigw.model.device import Device
from jimigw.model.report import Report
from jimigw.protocols.events import Ask, Close, CommandEnded, Event, LoggedIn, LoggedOut, Send
from jimigw.protocols.jt808.downlinks import QueueFull
from jimigw.wire.errors import EncodeError


class Rider:
    """One terminal on a connection: the link that the gateway knows."""

    __slots__ = ("answers", "carrier", "device", "identity")
    #: its session keeps the order and repeats what is not answered
    window = 4

    def __init__(self, carrier: Riders, identity: str) -> None:
        self.carrier, self.identity = carrier, identity
        self.device: Device | None = None
        self.answers = b""

    @property
    def address(self) -> str:
        """The other end, for people."""
        return str(self.carrier.address)

    def send(self, data: bytes) -> None:
        """Send to the terminal; nothing happens when the connection is gone."""
        self.tapped(data)
        self.carrier.send(data)

    @property
    def alive(self) -> bool:
        """Whether the terminal is still heard on this connection."""
        return self.carrier.riders.get(self.identity) is self

    def tapped(self, data: bytes) -> None:
        """Show those who listen what goes to the terminal."""
        factory = self.carrier.factory
        if factory.gateway.taps and self.device is not None:
            factory.gateway.taps.down(self.device.id, self.device.protocol, data, factory.seconds())

    def command(self, tag: int, content: str | Mapping[str, Any], ttl: float) -> None:
        """Send a text command or a message. :class:`Unsendable` if it cannot be written for this terminal."""
        carrier = self.carrier
        now = carrier.factory.seconds()
        try:
            events = carrier.session.command(self.identity, tag, content, now, ttl)
        except (EncodeError, QueueFull) as error:
            raise Unsendable(str(error)) from None
        except KeyError:
            raise Unsendable("the terminal is not in on this connection") from None
        for event in events:
            carrier._do(event, now)

    def cancel(self, tag: int) -> None:
        """Wait for the answer to a command no more, and do not repeat it."""
        self.carrier.session.cancel(self.identity, tag, self.carrier.factory.seconds())

    def disconnect(self, reason: str) -> None:
        """This terminal is heard on this connection no more; the connection goes on for the others it carries."""
        self.carrier.drop(self, reason)


class Riders:
    """What a connection does that may carry many terminals. Mixed into one that has the rest."""

    _log = Logger()
    factory: Any
    session: Any
    address: Any

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.riders: dict[str, Rider] = {}

    def send(self, data: bytes) -> None:
        """Send these bytes to the other end."""
        raise NotImplementedError

    def disconnect(self, reason: str) -> None:
        """Close the connection, for this reason."""
        raise NotImplementedError

    def _do(self, event: Event, now: float) -> None:
        if isinstance(event, Report):
            rider = self.riders.get(event.identity)
            if rider is not None:
                self.factory.gateway.report(rider, event, now)
            else:
                self.factory.gateway.counters.refused_reports += 1
        elif isinstance(event, Send):
            if self.factory.gateway.taps:
                self._tapped_send(event)
            self.send(event.data)
        elif isinstance(event, LoggedIn):
            self._rider_logged_in(event, now)
        elif isinstance(event, LoggedOut):
            rider = self.riders.pop(event.identity, None)
            if rider is not None:
                self.factory.gateway.closed(rider, event.reason, now)
                self._log.info(
                    "{device} at {address} is gone: {reason}",
                    device=event.identity,
                    address=self.address,
                    reason=event.reason,
                )
        elif isinstance(event, Ask):
            asked = self.factory.gateway.ask(event.question, event.identity, event.body, event.phone)
            asked.addCallback(self._decided, event)
        elif isinstance(event, CommandEnded):
            self.factory.gateway.command_ended(self.riders.get(event.identity), event, now)
        elif isinstance(event, Close):
            self.factory.counters.closed_by_session += 1
            self.disconnect(event.reason)

    def _decided(self, answer: tuple[int, str], asked: Ask) -> None:
        """The platform has answered; a session that is closed has no question open any more."""
        now = self.factory.seconds()
        for event in self.session.decided(asked.identity, asked.question, *answer, now):
            self._do(event, now)

    def _rider_logged_in(self, event: LoggedIn, now: float) -> None:
        rider = self.riders.get(event.identity)
        again = rider is not None
        if rider is None:
            rider = Rider(self, event.identity)
        self.riders[event.identity] = rider
        if self.factory.gateway.login(rider, event.identity, event.report, now) is not True:
            # Admission changed its mind between the session's question and now.
            del self.riders[event.identity]
            self.session.forget(event.identity, now)
            return
        if not again:
            self._log.info("{device} logged in from {address}", device=event.identity, address=self.address)

    def _tapped_send(self, event: Send) -> None:
        rider = self.riders.get(event.identity)
        if rider is not None:
            rider.tapped(event.data)

    def drop(self, rider: Rider, reason: str) -> None:
        """A terminal moved to another connection, or is let in no more; one that carries no other is closed."""
        now = self.factory.seconds()
        for event in self.session.forget(rider.identity, now):
            self._do(event, now)
        if self.riders.get(rider.identity) is rider:
            del self.riders[rider.identity]
        self.factory.gateway.closed(rider, reason, now)
        if not self.riders:
            self.disconnect(reason)

    def leave(self, reason: str, now: float) -> None:
        """Say of all terminals here that they are off line."""
        for event in self.session.close(now):
            self._do(event, now)
        riders, self.riders = self.riders, {}
        for rider in riders.values():
            self.factory.gateway.closed(rider, reason, now)
            self._log.info(
                "{device} at {address} is gone: {reason}", device=rider.identity, address=self.address, reason=reason
            )
