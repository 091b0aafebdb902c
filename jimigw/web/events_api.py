"""Routes: the stream of events, and tickets for browsers, which cannot set headers for one."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from twisted.internet.defer import Deferred

from .dispatcher import Dispatcher
from .entrance import TICKET_SECONDS, Entrance
from .events import EventHub
from .kinds import Line, Whole
from .problems import TOO_MANY, Problem, wrong_parameter
from .records_api import WHICH_KINDS, WHOSE, RecordsApi
from .rooms import Rooms
from .routes import EVENTS, STREAM, Answer, Call, Parameter, Reply, Route
from .tokens import Scope

TAG = "Events"
_ID = Whole()


class Ticket(msgspec.Struct):
    """Good for one stream within `seconds`."""

    ticket: str
    seconds: float


class EventsApi:
    """Streams, begun. ``most`` is how many there may be."""

    def __init__(
        self, rooms: Rooms, hub: EventHub, entrance: Entrance, records: RecordsApi, most: Callable[[], int]
    ) -> None:
        self._rooms, self._hub, self._entrance, self._records, self._most = rooms, hub, entrance, records, most
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
                "For the `EventSource` of browsers, which cannot send the header Authorization. A ticket is good for "
                "one stream: to come back, get another, and give the id of the last event as `after`.",
            ),
        ]

    def stream_events(self, call: Call) -> object:
        request, query = call.request, call.query
        after = query["after"]
        if (told := request.getHeader("last-event-id")) is not None and told != "":
            try:
                after = _ID.read(told)
            except ValueError as error:
                raise wrong_parameter("Last-Event-ID", str(error)) from None
        last = self._rooms.journal.last_id()
        after = last if after is None else min(after, last)
        if len(self._hub) >= self._most():
            raise Problem(
                TOO_MANY, f"there are {len(self._hub)} streams, more are not served", headers={"Retry-After": "10"}
            )
        assert self.dispatcher is not None
        assert call.token is not None
        # Nothing follows a stream: whoever waits for its end sees it.
        request.channel.persistent = False
        self.dispatcher.head(request, 200, EVENTS, {"X-Accel-Buffering": "no", "Connection": "close"})
        if request.method == b"HEAD":
            request.finish()
            return STREAM
        finished: Deferred[None] = request.notifyFinish()
        stream = self._hub.begin(request, after, self._records.whose(query["device"]), query["kinds"], call.token.id)
        finished.addErrback(lambda _: stream.stop(finish=False))
        return STREAM

    def make_ticket(self, call: Call) -> Reply:
        assert call.token is not None
        return Reply(Ticket(self._entrance.ticket(call.token), TICKET_SECONDS), 201)
