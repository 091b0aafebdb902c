"""What commands look at and change in a simulated JT/T 808 terminal."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from jimigw.protocols.jt808.versions import V2019

from .album import Album
from .attachments808 import Evidence
from .reports808 import Reporter

GENERAL = 0x0001
SUCCESS, FAILURE, WRONG, UNSUPPORTED = 0, 1, 2, 3

#: a message to send: its id, and its body as JSON
Said = tuple[int, dict[str, Any]]


class State:
    """What commands change: parameters, areas and routes by kind and id, the next interval of reports."""

    def __init__(self, version: int, phone: str, interval: float) -> None:
        self.factory: dict[int, Any] = {
            0x0001: 60, 0x0002: 5, 0x0003: 3, 0x0004: 5, 0x0005: 3,
            0x0010: "internet", 0x0013: "gateway.example.org", 0x0018: 21122, 0x0019: 21122,
            0x0020: 0, 0x0021: 0, 0x0027: 600, 0x0028: 5, 0x0029: max(1, round(interval)), 0x002C: 500, 0x0030: 15,
            0x0055: 100, 0x0056: 10, 0x0057: 14400, 0x0080: 0, 0x0081: 44, 0x0082: 300,
            0x0083: f"粤B{int(phone) % 10**5:05d}", 0x0084: 2,
        }  # fmt: skip
        if version == V2019:
            self.factory[0x0032] = base64.b64encode(bytes((22, 50, 10, 30))).decode()
        self.parameters = dict(self.factory)
        self.areas: dict[int, dict[int, dict[str, Any]]] = {1: {}, 2: {}, 3: {}, 4: {}}
        self.peer_key: tuple[int, bytes] | None = None

    def number(self, identity: int) -> int:
        """A parameter that has to be a number above zero."""
        value = self.parameters.get(identity)
        return value if isinstance(value, int) and value > 0 else int(self.factory[identity])


class Commanded(Protocol):
    """What the commands look at and change."""

    version: int
    phone: str
    code: str | None
    interval: float
    hang_up: str
    online: bool
    state: State
    album: Album
    evidence: Evidence
    reporter: Reporter

    def keep(self, msg_id: int, body: dict[str, Any]) -> None: ...

    def speak(self, msg_id: int, body: dict[str, Any]) -> None: ...

    def later(self, when: float, call: Callable[[float], None]) -> None: ...


#: does what a message says: the terminal, the body, the serial number to quote, the time; gives what is said at once
Handler = Callable[[Commanded, Any, int, float], Iterator[Said]]


def general(serial: int, msg_id: int, result: int = SUCCESS) -> Said:
    """The terminal's general answer."""
    return GENERAL, {"seq": serial, "id": msg_id, "result": result}
