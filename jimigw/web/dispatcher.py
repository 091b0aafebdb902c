"""Every check of a request, from its row in the table; then its handler, and the answer."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import NO_BODY_CODES, RESPONSES, datetimeToString

from jimigw.journal.interface import JournalError
from jimigw.store.interface import StoreError

from .entrance import Entrance
from .problems import (
    BAD_REQUEST,
    INTERNAL,
    MEDIA,
    MEDIA_TYPE,
    TOO_LARGE,
    UNAVAILABLE,
    Fault,
    Problem,
    invalid_body,
    wrong_parameter,
)
from .routes import JSON, STREAM, Body, Call, Match, Reply, Route, RouteTable
from .server import ApiRequest, ApiServer, peer_of

MOST_DEPTH = 32
"""Levels of lists and objects in the JSON of a request."""
MOST_PARAMETERS = 32

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)

_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode

_CORS_HEADERS = "Authorization, Content-Type, If-None-Match, Last-Event-ID, Range"
_CORS_EXPOSED = "Content-Disposition, Content-Range, ETag, Location, Retry-After, WWW-Authenticate"


class Dispatcher:
    """Answers requests by the table. ``origins`` are those of pages that may ask from a browser."""

    _log = Logger()

    def __init__(
        self, reactor: Any, table: RouteTable, entrance: Entrance, origins: Callable[[], Sequence[str]]
    ) -> None:
        self._reactor, self._table, self._entrance, self._origins = reactor, table, entrance, origins
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
        #: whose counters these are
        self.server: ApiServer | None = None

    def handle(self, request: ApiRequest) -> None:
        """Answer a request, whatever it is and whatever happens."""
        if self.server is not None:
            self.server.counters.requests += 1
        doing = Deferred.fromCoroutine(self._answer(request))
        gone: Deferred[None] = request.notifyFinish()

        def left(_: Failure) -> None:
            doing.cancel()

        gone.addErrback(left)
        doing.addErrback(lambda failure: self._problem(failure, request))
        doing.addCallback(lambda reply: self._send(request, reply))
        doing.addErrback(lambda failure: self._lost(failure, request))

    # -- the checks, in the order in which they are made --------------------------------------------------------------

    async def _answer(self, request: ApiRequest) -> Any:
        path = _ABSOLUTE.sub("", request.path.decode("latin-1")) or "/"
        method = request.method.decode("latin-1")
        if method == "OPTIONS" and path == "*":
            return Reply(None, 204, {"Allow": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"})
        match = self._table.match(path)
        if method == "OPTIONS":
            return self._options(request, match)
        route = match.route(method)
        ticket = self._ticket(request) if route.ticket else None
        token = await self._entrance.enter(request, route.scope, peer_of(request), ticket)
        call = Call(
            route,
            _path(route, match.values),
            self._query(route, request),
            self._body(route, request),
            token,
            request,
            peer_of(request),
        )
        result: Deferred[Any] = maybeDeferred(route.handler, call)
        result.addTimeout(route.seconds, self._reactor)
        try:
            reply = await result
        except TimeoutError:
            raise Problem(UNAVAILABLE, f"it was not done within {route.seconds:g} s") from None
        return reply if isinstance(reply, Reply) or reply is STREAM else Reply(reply, min(route.answers))

    def _options(self, request: ApiRequest, match: Match) -> Reply:
        allow = ", ".join(match.methods)
        headers = {"Allow": allow}
        if request.getHeader("access-control-request-method") and self._origin(request):
            headers["Access-Control-Allow-Methods"] = allow
            headers["Access-Control-Allow-Headers"] = _CORS_HEADERS
            headers["Access-Control-Max-Age"] = "600"
        return Reply(None, 204, headers)

    def _ticket(self, request: ApiRequest) -> str | None:
        return next((value for name, value in _pairs(request) if name == "ticket"), None)

    def _query(self, route: Route, request: ApiRequest) -> dict[str, Any]:
        known = {each.name: each for each in route.query}
        values: dict[str, Any] = {each.name: each.default for each in route.query}
        given: set[str] = set()
        for name, text in _pairs(request):
            parameter = known.get(name)
            if parameter is None:
                there = f"there are {', '.join(known)}" if known else "there are none"
                hint = "; tokens are taken in the header Authorization only" if name == "access_token" else ""
                raise wrong_parameter(name[:60], f"this address has no such parameter; {there}{hint}")
            if name in given:
                raise wrong_parameter(name, "it is there twice; once is right")
            given.add(name)
            try:
                values[name] = parameter.kind.read(text)
            except ValueError as error:
                raise wrong_parameter(name, str(error)) from None
        for parameter in route.query:
            if parameter.required and parameter.name not in given:
                raise wrong_parameter(parameter.name, f"it has to be there: {parameter.kind.expected}")
        return values

    def _body(self, route: Route, request: ApiRequest) -> Any:
        data = request.body
        body = route.body
        if body is None:
            if data:
                raise Problem(BAD_REQUEST, "this request takes no body")
            return None
        if not data and not body.required:
            return None
        _check_media(body, request)
        if len(data) > body.longest:
            raise Problem(TOO_LARGE, f"the body has {len(data)} bytes; at most {body.longest} are taken")
        if body.media != JSON:
            return data
        if _too_deep(data):
            raise Problem(BAD_REQUEST, f"the JSON has more than {MOST_DEPTH} levels")
        decoder = self._decoders.get(body.type)
        if decoder is None:
            decoder = self._decoders[body.type] = msgspec.json.Decoder(body.type)
        try:
            return decoder.decode(data)
        except msgspec.ValidationError as error:
            raise invalid_body(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(BAD_REQUEST, f"the body is not JSON: {error}", [Fault(str(error), pointer="#")]) from None

    # -- the answer ---------------------------------------------------------------------------------------------------

    def _problem(self, failure: Failure, request: ApiRequest) -> Any:
        """What went wrong, as an answer."""
        error = failure.value
        if isinstance(error, CancelledError):
            return STREAM  # whoever asked is gone
        if isinstance(error, Problem):
            return error
        if isinstance(error, JournalError | StoreError):
            what = "journal" if isinstance(error, JournalError) else "store"
            id = self._logged("the API cannot use the {what}: {error}", what=what, error=failure.getErrorMessage())
            return Problem(UNAVAILABLE, f"the {what} cannot be used now; the log says why", id=id)
        id = secrets.token_hex(6)
        method, path = request.method.decode("latin-1"), request.path.decode("latin-1")
        self._log.failure("the API failed inside at {method} {path} ({id})", failure, method=method, path=path, id=id)
        return Problem(INTERNAL, f"it is in the log with the id {id}", id=id)

    def _logged(self, format: str, **fields: Any) -> str:
        id = secrets.token_hex(6)
        self._log.error(format + " ({id})", **fields, id=id)
        return id

    def _send(self, request: ApiRequest, reply: Any) -> None:
        if reply is STREAM:
            return
        if isinstance(reply, Problem):
            status, media, body, headers = reply.status, MEDIA, reply.body(), reply.headers
        else:
            status, headers = reply.status, dict(reply.headers)
            media = headers.pop("Content-Type", JSON)
            body = reply.body if isinstance(reply.body, bytes) else _encode(reply.body)
        self.head(request, status, media, headers)
        if status in NO_BODY_CODES:
            request.responseHeaders.removeHeader(b"content-type")
        else:
            request.setHeader(b"content-length", str(len(body)).encode())
            request.write(body)
        request.finish()

    def head(self, request: ApiRequest, status: int, media: str, headers: Mapping[str, str]) -> None:
        """The head of an answer: what all of them have, and what is of this one."""
        if self.server is not None:
            self.server.count(status)
        request.setResponseCode(status, RESPONSES.get(status, b"Unknown"))
        given = {
            "Date": datetimeToString().decode(),
            "Content-Type": media,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **headers,
        }
        if self._origins():
            given["Vary"] = "Origin"
        if (origin := self._origin(request)) is not None:
            given["Access-Control-Allow-Origin"] = origin
            given["Access-Control-Expose-Headers"] = _CORS_EXPOSED
        for name, value in given.items():
            request.setHeader(name.encode(), value.encode("latin-1", "replace"))

    def _origin(self, request: ApiRequest) -> str | None:
        """The origin of the page that asks, if it may."""
        origin, allowed = request.getHeader("origin"), self._origins()
        return origin if origin and (origin in allowed or "*" in allowed) else None

    def _lost(self, failure: Failure, request: ApiRequest) -> None:
        """An answer could not be sent: the connection is of no more use."""
        self._log.failure("an answer of the API could not be sent to {peer}", failure, peer=peer_of(request))
        if request.channel is not None:
            request.channel.abort()


def _pairs(request: ApiRequest) -> list[tuple[str, str]]:
    query = request.uri.partition(b"?")[2].decode("latin-1")
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise Problem(BAD_REQUEST, "the query is not UTF-8 in %XX") from None
    except ValueError:
        raise Problem(BAD_REQUEST, f"the query has more than {MOST_PARAMETERS} parameters") from None


def _path(route: Route, texts: Sequence[str]) -> dict[str, Any]:
    values = {}
    for parameter, text in zip(route.parameters, texts, strict=True):
        try:
            values[parameter.name] = parameter.kind.read(text)
        except ValueError as error:
            raise wrong_parameter(parameter.name, str(error)) from None
    return values


def _check_media(body: Body, request: ApiRequest) -> None:
    told = (request.getHeader("content-type") or "").split(";")
    if told[0].strip().lower() != body.media:
        said = f"it is {told[0].strip()!r}" if told[0] else "the header Content-Type is missing"
        raise Problem(MEDIA_TYPE, f"the body has to be {body.media}; {said}", headers={"Accept": body.media})
    for option in told[1:]:
        name, _, value = option.strip().partition("=")
        if name.lower() == "charset" and value.strip('"').lower() not in ("utf-8", "utf8", "us-ascii"):
            raise Problem(MEDIA_TYPE, f"the body has to be UTF-8, not {value[:40]!r}")


def _too_deep(data: bytes) -> bool:
    """Whether the JSON has too many levels: the innermost pairs of brackets are taken out, level by level."""
    left = _STRING.sub(b"", data).translate(None, _NOT_BRACKETS)
    for _ in range(MOST_DEPTH):
        if not left:
            return False
        shorter = left.replace(b"[]", b"").replace(b"{}", b"")
        if len(shorter) == len(left):
            return len(left) > MOST_DEPTH  # no JSON at all; what is not deep is left to the decoder
        left = shorter
    return bool(left)
