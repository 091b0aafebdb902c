"""Tickets: what stands for a token in the address of a stream, for browsers, whose `EventSource` sets no headers.

A ticket has to begin its stream within a minute. From then on it is good for coming back to it, as `EventSource` does
by itself: while the stream is open, and ten minutes after. So what logs keep of an address is worth nothing soon after
the page is closed. It is good for one stream at a time, who comes with it takes over, and for nothing else; it ends
with its token.

Tickets that have begun are kept in a file in ``data_dir``, as digests, before their stream begins: after a restart
they are as good as after any other break.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import attrs
import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from jimigw.gateway.private import read_private, write_private

from .tokens import Token, Tokens

TICKETS_FILE = "tickets.json"
BEGIN_SECONDS = 60.0
"""How long a ticket may wait for its stream to begin."""
AWAY_SECONDS = 600.0
"""How long after the end of its stream, or the start of the service, it may come back."""
MOST_NEW, MOST_AWAY = 1000, 1000
"""Tickets that have not begun, and tickets whose stream is over, that are kept; then the oldest are forgotten."""

_MOST_BYTES = 4 << 20


class Stream(Protocol):
    """What a ticket is good for."""

    def abort(self) -> None:
        """Close its connection."""


class Kept(msgspec.Struct, frozen=True):
    """A ticket as its file has it."""

    sha256: str
    token: str
    after: int


_read = msgspec.json.Decoder(list[Kept]).decode


@attrs.define(eq=False)
class Ticket:
    """A ticket of the token with the id ``token``; ``until`` it is good while it has no stream.

    ``after`` is the record behind which its stream began, None if it has not: who comes back without a
    `Last-Event-ID` has seen no event, and begins there again.
    """

    sha256: str
    token: str
    until: float
    after: int | None = None
    stream: Stream | None = None


class Tickets:
    """All tickets. ``complain`` is told, in a sentence, what is wrong with their file."""

    def __init__(
        self, reactor: Any, folder: Path, tokens: Tokens, complain: Callable[[str], object] = lambda sentence: None
    ) -> None:
        self._reactor, self._path, self._tokens, self._complain = reactor, folder / TICKETS_FILE, tokens, complain
        self._new: OrderedDict[str, Ticket] = OrderedDict()
        self._begun: OrderedDict[str, Ticket] = OrderedDict()
        self._writing = False
        self._waiting: list[Deferred[None]] = []

    def open(self) -> None:
        """Read those that had begun before the start."""
        try:
            kept = _read(read_private(self._path, _MOST_BYTES) or "[]")
        except (OSError, msgspec.MsgspecError) as error:
            self._complain(f"{self._path}: browsers have to ask for new tickets: {error}")
            return
        until = self._reactor.seconds() + AWAY_SECONDS
        for each in kept:
            self._begun[each.sha256] = Ticket(each.sha256, each.token, until, each.after)

    def close(self) -> Deferred[None]:
        """Fires when the file is not being written."""
        done: Deferred[None] = Deferred()
        if self._writing:
            self._waiting.append(done)
        else:
            done.callback(None)
        return done

    def __len__(self) -> int:
        return len(self._begun)

    def make(self, token: Token) -> str:
        """A new ticket for this token; the only time that it is seen."""
        now, text = self._reactor.seconds(), secrets.token_urlsafe(24)
        while self._new and (next(iter(self._new.values())).until <= now or len(self._new) >= MOST_NEW):
            self._new.popitem(last=False)
        key = _digest(text)
        self._new[key] = Ticket(key, token.id, now + BEGIN_SECONDS)
        return text

    def find(self, text: str) -> Ticket | None:
        """The ticket that this text is, as long as it is good."""
        # The digest is looked up, not the ticket: how long that takes says nothing of another ticket.
        key = _digest(text)
        ticket = self._begun.get(key) or self._new.get(key)
        return ticket if ticket is not None and self.token(ticket) is not None else None

    def token(self, ticket: Ticket) -> Token | None:
        """The token that a ticket stands for; None if one of them is not good any more."""
        now = self._reactor.seconds()
        return self._tokens.get(ticket.token, now) if ticket.stream is not None or now < ticket.until else None

    async def begin(self, ticket: Ticket, after: int) -> None:
        """A ticket's stream is about to begin behind this record, for the first time: it is kept from now on."""
        self._new.pop(ticket.sha256, None)
        ticket.after, ticket.until = after, self._reactor.seconds() + AWAY_SECONDS
        away = [each for each in self._begun.values() if each.stream is None]
        for each in away[: max(0, len(away) - MOST_AWAY + 1)]:
            del self._begun[each.sha256]
        self._begun[ticket.sha256] = ticket
        await self._save()

    def left(self, ticket: Ticket, stream: Stream) -> None:
        """A stream of this ticket is over."""
        if ticket.stream is stream:
            ticket.stream, ticket.until = None, self._reactor.seconds() + AWAY_SECONDS

    def forget(self) -> None:
        """Now and then: tickets that are good for nothing any more go."""
        gone = [each for each in self._begun.values() if self.token(each) is None and each.stream is None]
        for each in gone:
            del self._begun[each.sha256]
        if gone:
            self._save()

    # -- the file -----------------------------------------------------------------------------------------------------

    def _save(self) -> Deferred[None]:
        """Write those that have begun; fires when it is done. What is wanted meanwhile is one write together."""
        done: Deferred[None] = Deferred()
        self._waiting.append(done)
        if not self._writing:
            self._write()
        return done

    def _write(self) -> None:
        self._writing = True
        waiting, self._waiting = self._waiting, []
        data = msgspec.json.encode([Kept(each.sha256, each.token, each.after or 0) for each in self._begun.values()])
        writing = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), write_private, self._path, data)
        writing.addErrback(self._not_written)
        writing.addCallback(self._written, waiting)

    def _not_written(self, failure: Failure) -> None:
        # No reason to keep a page from its stream.
        self._complain(
            f"{self._path}: after a restart browsers have to ask for new tickets: {failure.getErrorMessage()}"
        )

    def _written(self, _: object, waiting: list[Deferred[None]]) -> None:
        self._writing = False
        for done in waiting:
            done.callback(None)
        if self._waiting and not self._writing:
            self._write()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
