"""The API as a whole: the table of all routes, and what stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import msgspec
from twisted.internet.defer import Deferred, gatherResults

from .commands_api import CommandsApi
from .devices_api import DevicesApi
from .dispatcher import Dispatcher
from .entrance import Entrance
from .events import EventHub
from .events_api import EventsApi
from .media_api import MediaApi
from .openapi import document
from .pages import html_page
from .positions_api import PositionsApi
from .readers_api import NoReaders, Readers, ReadersApi
from .recordings_api import RecordingsApi
from .records_api import RecordsApi
from .rooms import Figures, Rooms
from .routes import Route, RouteTable
from .scanning import Scanner
from .server import ApiServer
from .service_api import ServiceApi
from .tickets import Tickets
from .tokens import TokenFile, Tokens

TOKENS_INTERVAL = 1.0
"""Seconds between two looks at what the tool did to the tokens, and at streams."""
USED_INTERVAL = 60.0
"""Seconds between two writes of when tokens were last used."""


@attrs.frozen
class ApiSettings:
    """By the config. ``origins`` are those of pages that may ask from a browser."""

    max_body: int = 16 << 20
    max_events: int = 64
    max_connections: int = 1000
    origins: Sequence[str] = ()


class Api:
    """All of it, ready to listen: :attr:`server` is its factory."""

    def __init__(
        self, rooms: Rooms, tokens: Tokens, settings: ApiSettings, more: Sequence[Callable[[Rooms], list[Route]]] = ()
    ) -> None:
        self.rooms, self.tokens, self.settings = rooms, tokens, settings
        reactor = rooms.reactor
        self.tickets = Tickets(reactor, tokens.folder, tokens, tokens.complain)
        self.entrance = Entrance(reactor, tokens, self.tickets)
        self.hub = EventHub(reactor, rooms.journal, tokens)
        scanner = Scanner(rooms.journal)
        records = RecordsApi(rooms, scanner)
        self._readers = ReadersApi(NoReaders())
        media = MediaApi(rooms)
        events = EventsApi(rooms, self.hub, self.tickets, records, lambda: self.settings.max_events)
        self.table = RouteTable(
            [
                *DevicesApi(rooms).routes(),
                *PositionsApi(rooms, scanner).routes(),
                *records.routes(),
                *events.routes(),
                *CommandsApi(rooms).routes(),
                *media.routes(),
                *RecordingsApi(rooms).routes(),
                *self._readers.routes(),
                *ServiceApi(rooms, lambda: self.document, lambda: self.page).routes(),
                *(route for make in more for route in make(rooms)),
            ]
        )
        self.dispatcher = events.dispatcher = Dispatcher(
            reactor, self.table, self.entrance, lambda: self.settings.origins
        )
        media.dispatcher = self.dispatcher
        self.server = self.dispatcher.server = ApiServer(
            reactor, self.dispatcher.handle, self.entrance.knows, settings.max_body, settings.max_connections
        )
        self._calls: list[Any] = []

    def set_readers(self, readers: Readers) -> None:
        """From now on the routes of readers ask these."""
        self._readers.readers = readers

    def set_settings(self, settings: ApiSettings) -> None:
        """Go by other settings from now on."""
        self.settings = settings
        self.server.max_body, self.server.max_connections = settings.max_body, settings.max_connections

    @cached_property
    def document(self) -> bytes:
        """OpenAPI, as JSON."""
        return msgspec.json.encode(document(self.table))

    @cached_property
    def page(self) -> bytes:
        """The page for people."""
        return html_page(self.table)

    def start(self) -> None:
        """Look after tokens, tickets and streams from now on."""
        self.tickets.open()
        self.hub.open()
        self._every(TOKENS_INTERVAL, self._look)
        self._every(USED_INTERVAL, self.tokens.save)

    def stop(self) -> Deferred[Any]:
        """End all streams and connections, and keep when tokens were last used."""
        for call in self._calls:
            if call[0].active():
                call[0].cancel()
        self.hub.close()
        self.tokens.save()
        return gatherResults([self.server.close(), self.tickets.close()])

    def stats(self) -> Figures:
        """Counters and gauges."""
        counters = attrs.asdict(self.server.counters)
        statuses = counters.pop("statuses")
        counters |= {"wrong_tokens": self.entrance.wrong, "events": len(self.hub), "tokens": len(self.tokens)}
        counters["open"] = len(self.server.channels)
        return {"http": counters | {f"status {status}": count for status, count in sorted(statuses.items())}}

    def _look(self) -> None:
        self.tokens.refresh()
        self.hub.look()
        self.tickets.forget()

    def _every(self, seconds: float, act: Callable[[], object]) -> None:
        holder: list[Any] = []

        def again() -> None:
            holder[:] = [self.rooms.reactor.callLater(seconds, again)]
            act()

        holder.append(self.rooms.reactor.callLater(seconds, again))
        self._calls.append(holder)


def undriven() -> Api:
    """An API with nothing behind it: for its description only."""
    none: Any = None
    rooms = Rooms(none, none, none, none, none, none, dict, dict, none, bool)
    return Api(rooms, Tokens(TokenFile(Path())), ApiSettings())
