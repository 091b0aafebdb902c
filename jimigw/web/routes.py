"""The table of routes: one row says all there is to know of a request. Nothing else declares what the API takes.

The dispatcher checks requests by the row, and OpenAPI, the page and docs/api.md are made from it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import attrs
from twisted.internet.defer import Deferred

from .kinds import Line, ParameterKind
from .problems import BAD_REQUEST, NOT_ALLOWED, NOT_FOUND, Problem, ProblemKind
from .tokens import Scope, Token

JSON, CSV, EVENTS, HTML, GEOJSON = (
    "application/json", "text/csv", "text/event-stream", "text/html; charset=utf-8", "application/geo+json",
)  # fmt: skip


@attrs.frozen
class Parameter:
    """A parameter of path or query: its kind, what it says, what it is where it is not given."""

    name: str
    kind: ParameterKind
    meaning: str
    default: Any = None
    required: bool = False


@attrs.frozen
class Body:
    """The body of a request: what it becomes (bytes stay bytes), and how long it may be."""

    type: Any
    meaning: str
    media: str = JSON
    longest: int = 1 << 20
    required: bool = True


@attrs.frozen
class Answer:
    """A body that may come back. ``type`` is None where there is none; ``others`` are types by other media types."""

    type: Any
    meaning: str
    media: str = JSON
    others: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class Reply:
    """An answer: a value of the type that the row says, or its JSON as bytes."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.define(eq=False)
class Call:
    """A request that has passed every check, as its handler sees it. ``peer`` is the address that it came from."""

    route: Route
    path: dict[str, Any]
    query: dict[str, Any]
    body: Any
    token: Token | None
    request: Any
    peer: str

    @property
    def owner(self) -> str:
        """Who asks, for records and logs."""
        return f"api:{self.token.name}" if self.token is not None else "api"


STREAM = object()
"""What a handler gives that answers by itself, over time."""

Handler = Callable[[Call], Any | Deferred[Any] | Awaitable[Any]]


@attrs.frozen
class Route:
    """One row. ``does`` is a line, ``more`` what else there is to know; ``scope`` is None where no token is asked for.

    ``path`` has parameters in braces; those that are not among ``parameters`` are text. ``seconds`` is how long the
    handler may take. ``ticket``: a ticket of the address may stand for the token.
    """

    method: str
    path: str
    scope: Scope | None
    does: str
    handler: Handler
    answers: Mapping[int, Answer]
    tag: str
    more: str = ""
    parameters: Sequence[Parameter] = ()
    query: Sequence[Parameter] = ()
    body: Body | None = None
    problems: Sequence[ProblemKind] = ()
    seconds: float = 30.0
    ticket: bool = False

    @property
    def name(self) -> str:
        """What programs call it: the name of its handler."""
        return str(getattr(self.handler, "__name__", self.path)).strip("_")

    @property
    def steps(self) -> list[str]:
        """The segments of its path."""
        return self.path.strip("/").split("/") if self.path != "/" else []

    def __attrs_post_init__(self) -> None:
        wanted = [step[1:-1] for step in self.steps if step.startswith("{")]
        if wanted != [each.name for each in self.parameters]:
            raise TypeError(f"{self.path} has the parameters {wanted}, declared are others")


@attrs.define
class _Node:
    """A place in the tree of paths."""

    fixed: dict[str, _Node] = attrs.field(factory=dict)
    any: _Node | None = None
    routes: dict[str, Route] = attrs.field(factory=dict)


@attrs.frozen
class Match:
    """What an address means: its routes by method, and the segments that are parameters."""

    routes: Mapping[str, Route]
    values: Sequence[str]

    @property
    def methods(self) -> list[str]:
        """The methods that there are."""
        found = set(self.routes) | {"OPTIONS"}
        return sorted(found | {"HEAD"} if "GET" in found else found)

    def route(self, method: str) -> Route:
        """The route for a method; HEAD is GET without a body."""
        route = self.routes.get("GET" if method == "HEAD" else method)
        if route is None:
            allow = ", ".join(self.methods)
            raise Problem(NOT_ALLOWED, f"{method} is not for this address; there are {allow}", headers={"Allow": allow})
        return route


class RouteTable:
    """All rows, found by path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self._routes = list(routes)
        for route in self._routes:
            node = self._root
            for step in route.steps:
                if step.startswith("{"):
                    node.any = node = node.any or _Node()
                else:
                    node = node.fixed.setdefault(step, _Node())
            if route.method in node.routes:
                raise TypeError(f"{route.method} {route.path} is there twice")
            node.routes[route.method] = route

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def match(self, path: str) -> Match:
        """What a path means, as it stands in the request line. :class:`Problem` where it means nothing."""
        try:
            steps = [unquote(step, errors="strict") for step in path.split("/")[1:]]
        except UnicodeDecodeError:
            raise Problem(BAD_REQUEST, "the path is not UTF-8 in %XX") from None
        node: _Node | None = self._root
        values = []
        for step in steps if steps != [""] else []:
            assert node is not None
            if (fixed := node.fixed.get(step)) is not None:
                node = fixed
            elif step and (node := node.any) is not None:
                values.append(step)
            else:
                node = None
                break
        if node is None or not node.routes:
            raise Problem(NOT_FOUND, "this address means nothing; /docs says which there are")
        return Match(node.routes, values)


DEVICE = Parameter("device", Line(64), "the terminal: its id, IMEI or phone number")
