"""What stands between a connection and a session: who it is, bytes to keys, text to bytes that steer nothing."""

from __future__ import annotations

import re

import attrs
from twisted.conch.insults.insults import ServerProtocol

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_MAX_SEQUENCE = 64
"""Bytes of a control sequence of a terminal: longer ones are none."""


@attrs.frozen
class Visitor:
    """Who is here, from where, by which way ("telnet", "ssh")."""

    user: str
    address: str
    way: str
    key: str = ""

    def __str__(self) -> str:
        key = f" with the key {self.key}" if self.key else ""
        return f"{self.user}{key} from {self.address} by {self.way}"


class Keys(ServerProtocol):
    """Bytes to keys. Leaves the screen as it is at the end, and takes no endless control sequences."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        settle = getattr(self.terminalProtocol, "settle", None)
        if settle is not None:
            settle()
        if len(getattr(self, "escBuf", ())) > _MAX_SEQUENCE:
            self.escBuf: list[bytes] = []
            self.state = b"data"

    def loseConnection(self) -> None:
        self.transport.loseConnection()  # type: ignore[union-attr]


def screen_bytes(text: str) -> bytes:
    """Text for a screen. What could steer it is shown as ``\\x1b``."""
    safe = _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text.replace("\r\n", "\n"))
    return safe.encode("utf-8", "backslashreplace")
