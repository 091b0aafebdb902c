"""Routes: how the service is doing, and what the API is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

import jimigw

from .pages import PAGE_HEADERS
from .problems import UNAVAILABLE
from .rooms import Rooms
from .routes import HTML, Answer, Call, Reply, Route
from .tokens import Scope

TAG = "Service"

Figure = int | float | str | bool | None


class Health(msgspec.Struct):
    """The process answers."""

    status: str


class Ready(msgspec.Struct, omit_defaults=True):
    """Whether the service can do its work. `checks` is there for those who show a token."""

    ready: bool
    checks: Annotated[dict[str, str] | None, Meta(description="each part: `ok`, or why it is not ready")] = None


class Version(msgspec.Struct):
    """The program."""

    name: str
    version: str


class Stats(msgspec.Struct):
    """Counters since the start and gauges of now, by section and name. Names may change with a version."""

    sections: dict[str, dict[str, Figure]]


class ServiceApi:
    """The service itself. ``document`` and ``page`` are what is served of the API."""

    def __init__(self, rooms: Rooms, document: Callable[[], bytes], page: Callable[[], bytes]) -> None:
        self._rooms, self._document, self._page = rooms, document, page

    def routes(self) -> list[Route]:
        """The rows."""
        return [
            Route("GET", "/health", None, "Is it alive?", self.health, {200: Answer(Health, "it is")}, TAG),
            Route(
                "GET",
                "/ready",
                None,
                "Can it do its work?",
                self.readiness,
                {200: Answer(Ready, "it can"), 503: Answer(Ready, "it cannot")},
                TAG,
                "It can when the journal takes records, the store can be written and the ports are open. With a token "
                "it says which of them is not.",
                problems=(UNAVAILABLE,),
            ),
            Route(
                "GET",
                "/api/v1/version",
                Scope.READ,
                "Which program is this?",
                self.version,
                {200: Answer(Version, "name and version")},
                TAG,
            ),
            Route(
                "GET",
                "/api/v1/stats",
                Scope.READ,
                "Show counters and gauges",
                self.statistics,
                {200: Answer(Stats, "all of them")},
                TAG,
            ),
            Route(
                "GET",
                "/openapi.json",
                None,
                "Describe the API for programs",
                self.openapi,
                {200: Answer(dict[str, Any], "OpenAPI 3.1")},
                TAG,
            ),
            Route(
                "GET",
                "/docs",
                None,
                "Describe the API for people",
                self.docs,
                {200: Answer(str, "a page", HTML)},
                TAG,
            ),
        ]

    def health(self, call: Call) -> Health:
        return Health("ok")

    def readiness(self, call: Call) -> Reply:
        checks = {name: why or "ok" for name, why in self._rooms.ready().items()}
        ready = all(why == "ok" for why in checks.values())
        return Reply(Ready(ready, checks if call.token is not None else None), 200 if ready else 503)

    def version(self, call: Call) -> Version:
        return Version("jimigw", jimigw.__version__)

    def statistics(self, call: Call) -> Stats:
        sections = {
            str(section): {str(name): _figure(value) for name, value in figures.items()}
            for section, figures in self._rooms.stats().items()
        }
        return Stats(sections)

    def openapi(self, call: Call) -> Reply:
        return Reply(self._document())

    def docs(self, call: Call) -> Reply:
        return Reply(self._page(), headers={"Content-Type": HTML, **PAGE_HEADERS})


def _figure(value: Any) -> Figure:
    return value if value is None or isinstance(value, int | float | str | bool) else str(value)
