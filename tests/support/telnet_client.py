"""An operator at a telnet client: real option negotiation, and expect-style waiting for what comes."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
ECHO, SGA, NAWS = 1, 3, 31

_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1bc|\a")


class TelnetClient(Protocol):
    """Reads what the server says; ``text`` is all of it, ``options`` what was agreed."""

    def __init__(self, width: int = 100, height: int = 30) -> None:
        self.size = (width, height)
        self.text = ""
        self.local_echo = True
        self.character_mode = False
        self.asked: list[tuple[int, int]] = []
        self.gone: Deferred[None] = Deferred()
        self.closed = False
        self._data = b""
        self._seen = 0
        self._expecting: tuple[re.Pattern[str], Deferred[str]] | None = None

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        out = bytearray()
        at = 0
        while at < len(self._data):
            byte = self._data[at]
            if byte != IAC:
                out.append(byte)
                at += 1
                continue
            rest = self._data[at:]
            if len(rest) < 2 or (rest[1] in (DO, DONT, WILL, WONT) and len(rest) < 3):
                break
            if rest[1] == IAC:
                out.append(IAC)
                at += 2
            elif rest[1] == SB:
                end = rest.find(bytes([IAC, SE]))
                if end < 0:
                    break
                at += end + 2
            else:
                self._option(rest[1], rest[2])
                at += 3
        self._data = self._data[at:]
        self.text += out.decode("utf-8", "replace")
        self._look()

    def _option(self, what: int, option: int) -> None:
        self.asked.append((what, option))
        if what == WILL:
            if option == ECHO:
                self.local_echo = False
            if option == SGA:
                self.character_mode = True
            self.raw(IAC, DO if option in (ECHO, SGA) else DONT, option)
        elif what == WONT:
            if option == ECHO:
                self.local_echo = True
            self.raw(IAC, DONT, option)
        elif what == DO:
            self.raw(IAC, WILL if option in (NAWS, SGA) else WONT, option)
            if option == NAWS:
                self.resize(*self.size)
        elif what == DONT:
            self.raw(IAC, WONT, option)

    def resize(self, width: int, height: int) -> None:
        """The window has another size."""
        self.size = (width, height)
        size = width.to_bytes(2, "big") + height.to_bytes(2, "big")
        self.raw(IAC, SB, NAWS, *size.replace(b"\xff", b"\xff\xff"), IAC, SE)

    def raw(self, *values: int) -> None:
        self.write(bytes(values))

    def write(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)

    def type(self, text: str) -> None:
        """Type keys."""
        self.write(text.encode("utf-8").replace(b"\xff", b"\xff\xff"))

    def line(self, text: str) -> None:
        """Type a line and Return, as a client sends it in either mode."""
        self.type(text + ("\r\0" if self.character_mode else "\r\n"))

    def expect(self, pattern: str, seconds: float = 10) -> Deferred[str]:
        """Fires, with what has come since the last expectation, when that fits.

        What steers a terminal is left out, and a line ends in a line feed.
        """
        assert self._expecting is None
        waiting: Deferred[str] = Deferred()
        self._expecting = (re.compile(pattern, re.DOTALL), waiting)
        real: Any = reactor
        waiting.addTimeout(seconds, real, lambda _, __: self._late(pattern))
        self._look()
        return waiting

    def _late(self, pattern: str) -> str:
        raise AssertionError(f"{pattern!r} did not come; there is {self.text[self._seen :]!r}")

    def _look(self) -> None:
        if self._expecting is None:
            return
        pattern, waiting = self._expecting
        plain = _STEERING.sub("", self.text[self._seen :]).replace("\r", "")
        if found := pattern.search(plain):
            self._expecting = None
            self._seen = len(self.text)
            waiting.callback(plain[: found.end()])

    def connectionLost(self, reason: Any = None) -> None:
        self.closed = True
        self.gone.callback(None)
