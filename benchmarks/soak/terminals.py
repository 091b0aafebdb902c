"""Terminals that misbehave: what both protocols have in common. What each does with a command is left to its dice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import Any, Protocol

import attrs
from twisted.internet.protocol import ClientFactory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from .diary import Answer, Diary, Receipt
from .tricks import NEEDS_FLAGS, WEIGHTS, How, Trick

_SLEEP = (2.0, 6.0)
_RECONNECT = (0.1, 0.6)
_VERY_LATE = (5.0, 20.0)
_MOST_BUSY = 3


class Surroundings(Protocol):
    """What terminals share. ``answer_timeout`` and ``doubt`` are the service's."""

    reactor: Any
    diary: Diary
    answer_timeout: float
    doubt: float

    def port(self, protocol: str) -> int | None:
        """Where the service listens; None while it does not run."""
        ...

    def foreign_flag(self, device: str, flag: int) -> int:
        """The flag of a command for another terminal."""
        ...


@attrs.define(eq=False)
class Order:
    """A command that a terminal got; ``serial`` is that of its frame, ``mark`` what its protocol knows it by."""

    key: str
    at: float
    serial: int
    mark: Any


class Line(TwistedProtocol):
    """One connection of a terminal."""

    def __init__(self, terminal: Terminal, number: int) -> None:
        self.terminal, self.number = terminal, number
        self.decoder = terminal.decoder()

    def connectionMade(self) -> None:
        self.terminal.connected(self)

    def dataReceived(self, data: bytes) -> None:
        # What comes on a connection that the terminal has left did not reach it.
        if self.terminal.line is self:
            self.terminal.take(self, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.terminal.lost(self)


class _Dial(ClientFactory):
    noisy = False

    def __init__(self, terminal: Terminal, number: int) -> None:
        self.terminal, self.number = terminal, number

    def buildProtocol(self, addr: Any) -> Line:
        return Line(self.terminal, self.number)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self.terminal.lost(None)


class Terminal:
    """One terminal. ``flagless``: it answers every command with flag 0."""

    protocol = ""

    def __init__(self, around: Surroundings, identity: str, rng: Random, flagless: bool = False) -> None:
        self.around, self.identity, self.rng, self.flagless = around, identity, rng, flagless
        self.line: Line | None = None
        self.online = False
        #: how often it was on line
        self.logins = 0
        #: commands answered late that wait for a connection
        self._backlog: list[tuple[Order, How, float | None]] = []
        self._busy: dict[str, int] = defaultdict(int)
        self._links = 0
        self._stopped = False
        tricks = [trick for trick in WEIGHTS if not flagless or trick not in NEEDS_FLAGS]
        self._tricks, self._weights = tricks, [WEIGHTS[trick] for trick in tricks]

    # -- connections --------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Call the service; again and again while it does not answer."""
        if self._stopped or self.line is not None:
            return
        port = self.around.port(self.protocol)
        if port is None:
            self._later(self.rng.uniform(*_RECONNECT), self.connect)
            return
        self._links += 1
        self.around.reactor.connectTCP("127.0.0.1", port, _Dial(self, self._links), timeout=10)

    def connected(self, line: Line) -> None:
        """A connection is there."""
        if self._stopped:
            self._close(line)
            return
        self.line = line
        self.around.diary.connections += 1
        self.greet(line)

    def logged_in(self) -> None:
        """The service let it in: what it still has to say goes out."""
        self.online = True
        self.logins += 1
        backlog, self._backlog = self._backlog, []
        for order, how, until in backlog:
            self.say(order, how, until)

    def lost(self, line: Line | None) -> None:
        """A connection is gone, or could not be made."""
        if line is self.line:
            self.line, self.online = None, False
            self._later(self.rng.uniform(*_RECONNECT), self.connect)

    def stop(self) -> None:
        """Hang up for good."""
        self._stopped = True
        if self.line is not None:
            self._close(self.line)

    def _hang_up(self, asleep: float) -> None:
        line, self.line, self.online = self.line, None, False
        if line is not None:
            self._close(line)
        self._later(asleep, self.connect)

    def _vanish(self) -> None:
        """The network has lost the connection, and only the service thinks that it is there."""
        self.line, self.online = None, False
        self.connect()

    @staticmethod
    def _close(line: Line) -> None:
        transport: Any = line.transport
        transport.loseConnection()

    def _later(self, seconds: float, call: Any, *args: Any) -> None:
        if not self._stopped:
            self.around.reactor.callLater(seconds, call, *args)

    # -- commands -----------------------------------------------------------------------------------------------------

    def obey(self, order: Order) -> None:
        """Do something with a command."""
        diary, rng = self.around.diary, self.rng
        diary.receipts.append(Receipt(self.identity, order.key, order.at, self._links, order.serial))
        (trick,) = rng.choices(self._tricks, self._weights)
        if trick is Trick.BUSY and (self._busy[order.key] >= _MOST_BUSY or not self.can_be_busy(order)):
            trick = Trick.ANSWER
        if trick is Trick.ZERO and not self.can_say_zero:
            trick = Trick.ANSWER
        diary.tricks[trick] += 1
        self._play(trick, order)

    def _play(self, trick: Trick, order: Order) -> None:
        rng, timeout = self.rng, self.around.answer_timeout
        if trick is Trick.SLEEP:
            self._hang_up(rng.uniform(*_SLEEP))
        elif trick is Trick.DROP_BEFORE:
            self._hang_up(rng.uniform(*_RECONNECT))
        elif trick is Trick.VANISH:
            self._vanish()
        elif trick is Trick.DROP_DURING:
            self._say_half(order)
            self._hang_up(rng.uniform(*_RECONNECT))
        elif trick is Trick.LATE:
            wait = timeout + rng.uniform(0.2, 0.6) * self.around.doubt
            self._later(wait, self.say, order, How.DONE, order.at + timeout + 0.7 * self.around.doubt)
        elif trick is Trick.VERY_LATE:
            self._later(rng.uniform(*_VERY_LATE), self.say, order, How.DONE)
        elif trick is not Trick.SILENT:
            self.say(order, _WORDS.get(trick, How.DONE))
            if trick is Trick.BUSY:
                self._busy[order.key] += 1
            elif trick is Trick.DROP_AFTER:
                self._hang_up(rng.uniform(*_RECONNECT))
            elif trick is Trick.TWICE:
                wait = 0.0 if rng.random() < 0.5 else rng.uniform(0.0, 0.5) * self.around.doubt
                self._later(wait, self.say, order, How.DONE, order.at + 0.7 * self.around.doubt)

    def say(self, order: Order, how: How, until: float | None = None) -> None:
        """Answer a command; on the next connection if there is none, but nothing that is later than ``until`` by a
        terminal that cannot say which command it means."""
        now = self.around.reactor.seconds()
        if self._stopped or (self.flagless and until is not None and now > until):
            return
        if not self.online or self.line is None:
            self._backlog.append((order, how, until))
            return
        for data, said in self.answers(order, how):
            self._write(data)
            self._note(order, how, said)

    def _say_half(self, order: Order) -> None:
        for data, _ in self.answers(order, How.DONE):
            self._write(data[: len(data) // 2])
            return

    def _write(self, data: bytes) -> None:
        assert self.line is not None
        transport: Any = self.line.transport
        transport.write(data)

    def _note(self, order: Order, how: How, said: str | int | None) -> None:
        if said is None:
            return
        if how is How.BUSY:
            self.around.diary.busy[order.key] += 1
        self.around.diary.answers.append(
            Answer(self.identity, order.key, self.around.reactor.seconds(), said, str(how))
        )

    # -- what each protocol does by itself ----------------------------------------------------------------------------

    can_say_zero = True

    def decoder(self) -> Any:
        """What cuts the stream of a connection into frames."""
        raise NotImplementedError

    def greet(self, line: Line) -> None:
        """Log in."""
        raise NotImplementedError

    def take(self, line: Line, data: bytes) -> None:
        """Bytes of the service."""
        raise NotImplementedError

    def can_be_busy(self, order: Order) -> bool:
        """Whether the answer to this command has words."""
        raise NotImplementedError

    def answers(self, order: Order, how: How) -> Sequence[tuple[bytes, str | int | None]]:
        """The frames of an answer, and what of each the service keeps."""
        raise NotImplementedError


_WORDS = {
    Trick.REFUSE: How.REFUSED,
    Trick.BUSY: How.BUSY,
    Trick.FOREIGN: How.FOREIGN,
    Trick.ENDED: How.ENDED,
    Trick.ZERO: How.ZERO,
}


def words(key: str, how: How) -> str:
    """The words of an answer: they name the command that is really meant."""
    if how is How.REFUSED:
        return f"SOAK,parameter A error. ({key})"
    return f"busy ({key})" if how is How.BUSY else f"OK! ({key})"


__all__ = ["Line", "Order", "Surroundings", "Terminal", "words"]
