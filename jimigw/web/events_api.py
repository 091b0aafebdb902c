"""Routes: the stream of events, and tickets for browsers, which cannot set headers for one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
from twisted.internet.defer import Deferred

from .dispatcher import Dispatcher
from .events import EventHub
from .kinds import Line, Whole
from .problems import TOO_MANY, Problem, wrong_parameter
from .records_api import WHICH_KINDS, WHOSE, RecordsApi
from .rooms import Rooms
from .routes import EVENTS, STREAM, Answer, Call, Parameter, Reply, Route
from .tickets import AWAY_SECONDS, BEGIN_SECONDS, Tickets
from .tokens import Scope

TAG = "Events"
_ID = Whole()


class Ticket(msgspec.Struct):
    """To be used for a stream within `seconds`; from then on it is good for coming back to it."""

    ticket: str
    seconds: float


class EventsApi:
    """Streams, begun. ``most`` is how many there may be."""

    def __init__(
        self, rooms: Rooms, hub: EventHub, tickets: Tickets, records: RecordsApi, most: Callable[[], int]
    ) -> None:
        self._rooms, self._hub, self._tickets, self._records, self._most = rooms, hub, tickets, records, most
        #: makes the heads of answers; set once it is there
        self.dispatcher: Dispatcher | None = None

    def routes(self) -> list[Route]:
        """The rows."""
        return [
            Route(
                "GET",
                "/api/v1/events",
                Scope.READ,
                "Follow the records as they come (server-sent events)",
                self.stream_events,
                {200: Answer(str, "events, for as long as the connection lasts", EVENTS)},
                TAG,
                "Each event has the record's id as its `id`, the kind as its `event` and the record's JSON as its "
                "`data`. It begins behind the header `Last-Event-ID`, else behind `after`, else with what comes next: "
                "what was missed first, without a gap and without a repeat, then what comes. An event `gap` names "
                "records (`first_id`, `last_id`) that retention has deleted meanwhile. Comments keep the connection "
                "alive.",
                query=(
                    Parameter("after", Whole(), "begin behind this id; 0 is the oldest record", None),
                    WHICH_KINDS,
                    WHOSE,
                    Parameter("ticket", Line(100), "instead of a token: see `/api/v1/events/ticket`"),
                ),
                problems=(TOO_MANY,),
                ticket=True,
            ),
            Route(
                "POST",
                "/api/v1/events/ticket",
                Scope.READ,
                "Get a ticket for a stream",
                self.make_ticket,
                {201: Answer(Ticket, "the ticket")},
                TAG,
                "For the `EventSource` of browsers, which cannot send the header Authorization. It has to be used "
                f"within {BEGIN_SECONDS:g} seconds. After a break `EventSource` comes back with the same address by "
                "itself, over a restart of the service too: the ticket is good for that while its stream is open, "
                f"and {AWAY_SECONDS / 60:g} minutes after. It is good for one stream at a time, of which the last one "
                "counts, and for nothing else, and ends with the token that it was made with.",
            ),
        ]

    async def stream_events(self, call: Call) -> object:
        request, query = call.request, call.query
        assert self.dispatcher is not None
        assert call.token is not None
        after = query["after"]
        if told := request.getHeader("last-event-id"):
            try:
                after = _ID.read(told)
            except ValueError as error:
                raise wrong_parameter("Last-Event-ID", str(error)) from None
        ticket = None
        if request.method != b"HEAD" and query["ticket"] and request.getHeader("authorization") is None:
            ticket = self._tickets.find(query["ticket"])
        if ticket is not None and ticket.after is not None and not told:
            after = ticket.after
        last = self._rooms.journal.last_id()
        after = last if after is None else min(after, last)
        if ticket is not None:
            if ticket.after is None:
                await self._tickets.begin(ticket, after)
            if ticket.stream is not None:
                ticket.stream.abort()
        if len(self._hub) >= self._most():
            raise Problem(
                TOO_MANY, f"there are {len(self._hub)} streams, more are not served", headers={"Retry-After": "10"}
            )
        # Nothing follows a stream: whoever waits for its end sees it.
        request.channel.persistent = False
        self.dispatcher.head(request, 200, EVENTS, {"X-Accel-Buffering": "no", "Connection": "close"})
        if request.method == b"HEAD":
            request.finish()
            return STREAM
        finished: Deferred[None] = request.notifyFinish()
        stream = self._hub.begin(request, after, self._records.whose(query["device"]), query["kinds"], call.token.id)
        if ticket is not None:
            ticket.stream, stream.on_end = stream, partial(self._tickets.left, ticket)
        finished.addErrback(lambda _: stream.stop(finish=False))
        return STREAM

    def make_ticket(self, call: Call) -> Reply:
        assert call.token is not None
        return Reply(Ticket(self._tickets.make(call.token), BEGIN_SECONDS), 201)
