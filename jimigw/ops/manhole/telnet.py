"""Telnet: the login, then the session. Both ends negotiate who echoes and how wide the window is.

The client edits and echoes the user name itself; for the password the server says it echoes, and does not; afterwards
it does, key by key.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from twisted.conch.telnet import BRK, ECHO, IP, NAWS, SGA, Telnet
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from .access import Credentials
from .entrance import MAX_ATTEMPTS, Entrance, address_of, prepare
from .screen import Keys, Visitor
from .shell import Shell

MAX_TYPED = 256
"""Bytes of the longest user name or password."""

PENALTY = 1.0
"""Seconds before a wrong login is answered, beside what the address has to wait."""

IAC = b"\xff"
_CTRL_C = b"\x03"
_RETURNS = b"\r\n"


class TelnetFactory(Factory[Any]):
    """Makes the connections of one telnet endpoint."""

    noisy = False

    def __init__(self, entrance: Entrance, credentials: Credentials) -> None:
        self.entrance, self.credentials = entrance, credentials

    def buildProtocol(self, addr: IAddress | None) -> TelnetLine:
        line = TelnetLine(self.entrance, self.credentials)
        line.factory = self
        return line


class TelnetLine(Telnet):
    """One connection: asks for user and password, then carries the keys of a session."""

    _log = Logger()
    way = "telnet"

    def __init__(self, entrance: Entrance, credentials: Credentials) -> None:
        super().__init__()
        self._entrance, self._credentials = entrance, credentials
        self._reactor = entrance.reactor
        #: the connection below
        self._wire: Any = None
        self.shell: Shell | None = None
        self._keys: Keys | None = None
        self._typed = b""
        self._user: str | None = None
        self._attempts = 0
        self._checking: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None
        self._size: tuple[int, int] | None = None
        self.negotiationMap[NAWS] = self._window

    # -- the connection

    def connectionMade(self) -> None:
        self._wire = self.transport
        prepare(self._wire)
        self._host, self.address = address_of(self._wire.getPeer())
        if not self._entrance.knock(self, self.address):
            self._say("Too many connections wait to log in.\n")
            self._wire.loseConnection()
            return
        self._deadline = self._reactor.callLater(self._entrance.config.login_timeout, self._too_late)
        # Whoever makes us say more than a buffer full before the login has no login in mind.
        self._wire.registerProducer(_Strict(self), True)
        self._ask(self.do, NAWS)
        self._say("jimigw manhole\nUsername: ")

    def dataReceived(self, data: bytes) -> None:
        if self._wire.disconnecting:
            return
        try:
            super().dataReceived(data)
        except Exception:
            # The parser of Twisted raises at commands it does not know and at answers nobody asked for.
            self.abort("it does not speak telnet")

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._leave_the_door()
        super().connectionLost(reason)
        if self._keys is not None:
            keys, self._keys = self._keys, None
            keys.connectionLost(reason)

    def abort(self, why: str) -> None:
        """Cut the connection."""
        if self.shell is not None:
            self.shell.outlet.abort(why)
        else:
            self._wire.abortConnection()

    def _leave_the_door(self) -> None:
        self._entrance.left(self)
        for timer in (self._deadline, self._checking):
            if timer is not None and timer.active():
                timer.cancel()
        self._deadline = self._checking = None

    def _too_late(self) -> None:
        self._deadline = None
        self._say(f"\nThe time to log in is over ({self._entrance.config.login_timeout:.0f} s).\n")
        self._wire.loseConnection()
        self._leave_the_door()

    # -- options

    def _ask(self, how: Any, option: bytes) -> None:
        # Refused, unanswered, or the connection is lost: the session goes without it.
        how(option).addErrback(lambda failure: None)

    def enableLocal(self, option: bytes) -> bool:
        # Ours are offered when it is time for them; a client may only agree.
        return option in (ECHO, SGA) and bool(self.getOptionState(option).us.state == "yes")

    def enableRemote(self, option: bytes) -> bool:
        return option in (NAWS, SGA)

    def disableLocal(self, option: bytes) -> None: ...

    def disableRemote(self, option: bytes) -> None: ...

    def _window(self, data: Sequence[bytes]) -> None:
        if len(data) == 4:
            width, height = struct.unpack("!HH", b"".join(data))
            self._size = (width, height)
            if self.shell is not None:
                self.shell.terminalSize(width, height)

    def unhandledCommand(self, command: bytes, argument: bytes | None) -> None:
        if command in (IP, BRK):
            self.applicationDataReceived(_CTRL_C)

    # -- the login

    def applicationDataReceived(self, data: bytes) -> None:
        if self._keys is not None:
            self._keys.dataReceived(data)
            return
        for at in range(len(data)):
            if self._checking is not None or self._wire.disconnecting:
                # Nothing is asked now, so nothing is answered.
                return
            if self._login_key(data[at : at + 1]):
                self.applicationDataReceived(data[at + 1 :])
                return

    def _login_key(self, key: bytes) -> bool:
        """Take a key; whether it brought the operator in."""
        if key in _RETURNS:
            line, self._typed = self._typed.decode("utf-8", "replace"), b""
            self._line(line)
        elif key in b"\x7f\x08":
            self._typed = self._typed[:-1]
        elif key == b"\x15":
            self._typed = b""
        elif key in b"\x03\x04\x1c":
            self._wire.loseConnection()
        elif len(self._typed) >= MAX_TYPED:
            self._say("\nThat is too long.\n")
            self._wire.loseConnection()
        elif key >= b" ":
            self._typed += key
        return self._keys is not None

    def _line(self, line: str) -> None:
        if self._user is None:
            self._user = line.strip()
            self._ask(self.will, ECHO)
            self._say("Password: ")
            return
        user, self._user = self._user, None
        wait = self._entrance.brakes.wait(self._host, self._reactor.seconds())
        if wait:
            self._checking = self._reactor.callLater(wait, self._check, user, line)
        else:
            self._check(user, line)

    def _check(self, user: str, password: str) -> None:
        self._checking = None
        if self._credentials.are(user, password):
            self._entrance.passed(self._host)
            self._come_in()
            return
        self._attempts += 1
        self._entrance.refused(self._host, self.way)
        self._checking = self._reactor.callLater(PENALTY, self._wrong)

    def _wrong(self) -> None:
        self._checking = None
        self._say("\nLogin incorrect.\n")
        if self._attempts >= MAX_ATTEMPTS:
            self._wire.loseConnection()
            return
        self._ask(self.wont, ECHO)
        self._say("Username: ")

    def _come_in(self) -> None:
        self._leave_the_door()
        if full := self._entrance.full():
            self._say(f"\n{full}\n")
            self._wire.loseConnection()
            return
        self._say("\n")
        self._ask(self.will, SGA)
        visitor = Visitor(self._credentials.user, self.address, self.way)
        self.shell = shell = self._entrance.enter(visitor)
        if self._size is not None:
            shell.terminalSize(*self._size)
        self._keys = shell.attach(_Doubled(self._wire))
        self._wire.unregisterProducer()
        self._wire.registerProducer(shell.outlet, True)

    def _say(self, text: str) -> None:
        self._wire.write(text.replace("\n", "\r\n").encode("utf-8"))


class _Doubled:
    """The connection below telnet, with its one special byte doubled."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        self._transport.write(data.replace(IAC, IAC + IAC))

    def loseConnection(self) -> None:
        # With a paused producer Twisted would wait for it and never close.
        self._transport.unregisterProducer()
        self._transport.loseConnection()

    def abortConnection(self) -> None:
        self._transport.abortConnection()


class _Strict:
    """A producer for a connection that has not logged in: a full buffer ends it."""

    def __init__(self, line: TelnetLine) -> None:
        self._line = line

    def pauseProducing(self) -> None:
        self._line.abort("it does not read")

    def resumeProducing(self) -> None: ...

    def stopProducing(self) -> None: ...
