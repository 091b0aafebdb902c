"""What all ways in share: places, brakes, the sessions that are open."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger

from jimigw.gateway.brakes import Brakes
from jimigw.ops.config import ManholeConfig
from jimigw.ops.throttle import Throttle

from .editor import MAX_HISTORY
from .screen import Visitor
from .shell import Shell

MAX_WAITING = 16
"""Connections at once that have not logged in."""

MAX_ATTEMPTS = 3
"""Wrong passwords on one connection."""

_MAX_HISTORIES = 64


class Entrance:
    """Who is at the door, and who is in."""

    _log = Logger()

    def __init__(
        self, reactor: Any, config: ManholeConfig, make_shell: Callable[[Entrance, Visitor], Shell], throttle: Throttle
    ) -> None:
        self.reactor, self.config = reactor, config
        self.brakes = Brakes()
        self._make_shell, self._throttle = make_shell, throttle
        #: connections that have not logged in; each has an ``abort(why)``
        self.waiting: set[Any] = set()
        self.shells: list[Shell] = []
        self._histories: OrderedDict[str, deque[str]] = OrderedDict()
        self.closing = False

    def knock(self, connection: Any, address: str) -> bool:
        """A connection has come; False where too many wait to log in."""
        if self.closing or len(self.waiting) >= MAX_WAITING:
            self._throttle.complain(
                self._log.warn,
                "manhole: a connection from {address} is closed, {count} others have not logged in yet",
                address=address,
                count=len(self.waiting),
            )
            return False
        self.waiting.add(connection)
        return True

    def left(self, connection: Any) -> None:
        """A connection does not wait any more."""
        self.waiting.discard(connection)

    def refused(self, address: str, way: str) -> None:
        """Somebody was not let in. What was typed stays unsaid: a password is easily typed in the wrong place."""
        count = self.brakes.failed(address, self.reactor.seconds())
        self._log.warn(
            "manhole: a login from {address} by {way} is refused, attempt {count} of late",
            address=address,
            way=way,
            count=count,
        )

    def strange_key(self, address: str) -> None:
        """Somebody came by SSH without a key that is authorised."""
        self._throttle.complain(
            self._log.warn,
            "manhole: a login from {address} by ssh is refused, none of its keys is authorised",
            kind=("manhole key", address),
            address=address,
        )

    def passed(self, address: str) -> None:
        """Somebody has shown that he may come in."""
        self.brakes.passed(address)

    def full(self) -> str:
        """Why there is no place for another session, or nothing."""
        if len(self.shells) < self.config.max_sessions:
            return ""
        inside = "; ".join(str(shell.visitor) for shell in self.shells[:5])
        return f"All {self.config.max_sessions} sessions are in use (manhole.max_sessions): {inside}."

    def enter(self, visitor: Visitor) -> Shell:
        """The session of somebody who may come in; see :meth:`full` before."""
        shell = self._make_shell(self, visitor)
        self.shells.append(shell)
        return shell

    def gone(self, shell: Shell) -> None:
        """A session has ended."""
        if shell in self.shells:
            self.shells.remove(shell)

    def history(self, user: str) -> deque[str]:
        """The lines that a user typed in this and earlier sessions."""
        history = self._histories.pop(user, None)
        self._histories[user] = history = deque(maxlen=MAX_HISTORY) if history is None else history
        while len(self._histories) > _MAX_HISTORIES:
            self._histories.popitem(last=False)
        return history


def address_of(address: IAddress | None) -> tuple[str, str]:
    """A peer as the brakes tell them apart, and as people read it."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        return "a unix socket", "a unix socket"
    return str(host), f"{host}:{port}"


def prepare(transport: Any) -> None:
    """Notice when the other end is gone."""
    if hasattr(transport, "setTcpKeepAlive"):
        transport.setTcpKeepAlive(1)
        transport.setTcpNoDelay(True)
