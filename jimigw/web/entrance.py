"""Who may ask: tokens in the header, tickets for streams, and the brake for those who guess."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import deferLater
from twisted.logger import Logger

from jimigw.gateway.brakes import Brakes

from .problems import FORBIDDEN, TOO_MANY, UNAUTHORIZED, Problem
from .server import ApiRequest
from .tickets import Tickets
from .tokens import SCOPES, Scope, Token, Tokens

_MOST_HELD, _MOST_HELD_OF_ONE = 200, 8
"""Answers to wrong tokens that are held back at once, in all and for one address."""
_REALM = 'Bearer realm="jimigw"'


class Entrance:
    """Looks at the token of each request.

    A good token is never made to wait: many share the address of a proxy, and one of them may have an old one. A wrong
    one gets its answer later and later, and those that come meanwhile are told to come again.
    """

    _log = Logger()

    def __init__(self, reactor: Any, tokens: Tokens, tickets: Tickets, brakes: Brakes | None = None) -> None:
        self._reactor, self.tokens, self.tickets = reactor, tokens, tickets
        self._brakes = brakes if brakes is not None else Brakes(first=0.25, longest=8.0)
        self._held: dict[str, int] = {}
        self.wrong = 0

    def knows(self, request: ApiRequest) -> bool:
        """Whether a request, whose body is still to come, has a good token."""
        text = _token_of(request)
        return text is not None and self.tokens.find(text, self._reactor.seconds()) is not None

    async def enter(self, request: ApiRequest, scope: Scope | None, peer: str, ticket: str | None) -> Token | None:
        """The token of a request, which allows ``scope``. :class:`Problem` where there is none.

        Where no scope is asked for none is needed, but a wrong one is wrong there too: else it could be tried out.
        """
        now, text = self._reactor.seconds(), _token_of(request)
        if text is None and ticket is None:
            if scope is None:
                return None
            raise Problem(
                UNAUTHORIZED, "this wants a token: Authorization: Bearer TOKEN", headers={"WWW-Authenticate": _REALM}
            )
        token = self.tokens.find(text, now) if text is not None else self._by_ticket(ticket or "")
        if token is None:
            await self._hold(peer)
            what = "token" if text is not None else "ticket"
            raise Problem(
                UNAUTHORIZED,
                f"the {what} is good for nothing: it is wrong, or its time is over",
                headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'},
            )
        if scope is not None and SCOPES.get(token.scope, 0) < scope:
            raise Problem(
                FORBIDDEN,
                f"this wants a token of the scope {scope.word}; {token.name!r} is for {token.scope}",
                headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{scope.word}"'},
            )
        return token

    def _by_ticket(self, text: str) -> Token | None:
        ticket = self.tickets.find(text)
        return self.tickets.token(ticket) if ticket is not None else None

    async def _hold(self, peer: str) -> None:
        """Keep the answer to a wrong token back for a while."""
        self.wrong += 1
        now = self._reactor.seconds()
        wait = self._brakes.wait(peer, now)
        count = self._brakes.failed(peer, now)
        if count in (1, 10, 100) or count % 1000 == 0:
            self._log.warn("wrong tokens for the API from {peer}: {count}", peer=peer, count=count)
        held = self._held.get(peer, 0)
        if wait and (held >= _MOST_HELD_OF_ONE or len(self._held) >= _MOST_HELD):
            raise Problem(
                TOO_MANY, "too many wrong tokens came from this address", headers={"Retry-After": str(int(wait) + 1)}
            )
        if not wait:
            return
        self._held[peer] = held + 1
        try:
            await deferLater(self._reactor, wait)
        finally:
            left = self._held.pop(peer) - 1
            if left:
                self._held[peer] = left


def _token_of(request: ApiRequest) -> str | None:
    """The bearer token of a request; "" for a header that holds none."""
    headers = request.requestHeaders.getRawHeaders("authorization")
    if headers is None:
        return None
    scheme, _, text = headers[0].strip().partition(" ")
    return text.strip() if len(headers) == 1 and scheme.lower() == "bearer" else ""
