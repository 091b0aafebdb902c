"""Routes: the journal's readers (callbacks, brokers), and what they could not deliver."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta
from twisted.internet.defer import Deferred, maybeDeferred

from .kinds import Line, Whole
from .problems import INVALID, NOT_FOUND, Problem
from .routes import Answer, Body, Call, Parameter, Route
from .shapes import Time
from .tokens import Scope

TAG = "Readers"

Ids = Annotated[list[Annotated[int, Meta(ge=1)]], Meta(min_length=1, max_length=1000)]


class ReaderStatus(msgspec.Struct):
    """How a reader is doing. `state` is starting, running, waiting (for the next try), paused or stopped."""

    name: str
    state: str
    reason: Annotated[str, Meta(description="why it is so, for people")] = ""
    cursor: Annotated[int, Meta(description="the id up to which it has read")] = 0
    lag: Annotated[int, Meta(description="records that it is behind")] = 0
    delivered: Annotated[int, Meta(description="records that have arrived, since the start")] = 0
    failed: Annotated[int, Meta(description="tries that did not succeed, since the start")] = 0
    dead: Annotated[int, Meta(description="dead letters")] = 0
    last_delivery: Annotated[Time | None, Meta(description="when records arrived last, since the start")] = None
    last_error: str | None = None
    details: Annotated[dict[str, Any], Meta(description="what else it says of itself")] = {}


class DeadLetter(msgspec.Struct):
    """A record that could not be delivered, and why. `id` is its own; the record is looked at under `record`."""

    id: int
    device: str
    kind: str
    reason: str
    at: Time
    record: Annotated[int, Meta(description="the id of the record in the journal")] = 0


class Readers(Protocol):
    """All readers. What is asked for comes as a value or a Deferred; ``LookupError`` for a name that is not known."""

    def names(self) -> Sequence[str]:
        """All names, in the order of the config."""
        ...

    def status(self, name: str) -> ReaderStatus | Deferred[ReaderStatus]:
        """How a reader is doing."""
        ...

    def pause(self, name: str, reason: str) -> Any:
        """Deliver nothing more until :meth:`resume`; records are kept for it."""
        ...

    def resume(self, name: str) -> Any:
        """Go on."""
        ...

    def rewind(self, name: str, to: int | datetime) -> Any:
        """Go on behind this id, or with what was received at this time or later."""
        ...

    def dead_letters(self, name: str, after: int, limit: int) -> Sequence[DeadLetter] | Deferred[Sequence[DeadLetter]]:
        """Dead letters with an id above ``after``, by id."""
        ...

    def resend(self, name: str, ids: Sequence[int]) -> Any:
        """Deliver these records once more; how many there were."""
        ...

    def discard(self, name: str, ids: Sequence[int]) -> Any:
        """Forget these dead letters; how many there were."""
        ...


class NoReaders:
    """There are none."""

    def names(self) -> Sequence[str]:
        return ()

    def _none(self, name: str, *arguments: Any) -> Any:
        raise LookupError(name)

    status = pause = resume = rewind = dead_letters = resend = discard = _none


class ReaderList(msgspec.Struct):
    """All readers."""

    readers: list[ReaderStatus]


class DeadLetterPage(msgspec.Struct):
    """Dead letters by id. `next`, where it is not null, is the `after` of the next page."""

    letters: list[DeadLetter]
    next: int | None


class PauseIn(msgspec.Struct, forbid_unknown_fields=True):
    """Why it is paused."""

    reason: Annotated[str, Meta(max_length=200, description="for people")] = ""


class RewindIn(msgspec.Struct, forbid_unknown_fields=True):
    """Where it goes on: behind an `id`, or with what was received at a `time`; one of them."""

    id: Annotated[int, Meta(ge=0)] | None = None
    time: Time | None = None


class LettersIn(msgspec.Struct, forbid_unknown_fields=True):
    """Dead letters, by the ids of their records."""

    ids: Ids


class Count(msgspec.Struct):
    """How many there were."""

    count: int


class ReadersApi:
    """Readers, asked and told what to do."""

    def __init__(self, readers: Readers) -> None:
        self.readers = readers

    def routes(self) -> list[Route]:
        """The rows."""
        name = Parameter("name", Line(100), "its name")
        status = {200: Answer(ReaderStatus, "how it is doing now")}

        def row(
            method: str, path: str, scope: Scope, does: str, handler: Any, answers: dict[int, Answer], **more: Any
        ) -> Route:
            problems = (NOT_FOUND, INVALID) if "body" in more else (NOT_FOUND,)
            where = f"/api/v1/readers/{{name}}{path}"
            more |= {"parameters": (name,), "problems": problems}
            return Route(method, where, scope, does, handler, answers, TAG, **more)

        return [
            Route(
                "GET",
                "/api/v1/readers",
                Scope.READ,
                "List the readers of the journal",
                self.list_readers,
                {200: Answer(ReaderList, "how each is doing")},
                TAG,
            ),
            row("GET", "", Scope.READ, "Show a reader", self.show_reader, status),
            row(
                "POST",
                "/pause",
                Scope.ADMIN,
                "Pause a reader",
                self.pause_reader,
                status,
                more="Records are kept for it as long as it is paused, and may fill the journal.",
                body=Body(PauseIn, "why", required=False),
            ),
            row("POST", "/resume", Scope.ADMIN, "Let a reader go on", self.resume_reader, status),
            row(
                "POST",
                "/rewind",
                Scope.ADMIN,
                "Let a reader go on from another record",
                self.rewind_reader,
                status,
                more="Back, it delivers records again; forward, it leaves some out.",
                body=Body(RewindIn, "where it goes on"),
            ),
            row(
                "GET",
                "/dead",
                Scope.READ,
                "List what a reader could not deliver",
                self.list_dead_letters,
                {200: Answer(DeadLetterPage, "a page of dead letters")},
                query=(
                    Parameter("after", Whole(), "the `next` of the page before", 0),
                    Parameter("limit", Whole(1, 1000), "letters of a page", 100),
                ),
            ),
            row(
                "POST",
                "/dead/resend",
                Scope.ADMIN,
                "Deliver dead letters once more",
                self.resend_dead_letters,
                {200: Answer(Count, "how many there were")},
                body=Body(LettersIn, "which"),
            ),
            row(
                "POST",
                "/dead/discard",
                Scope.ADMIN,
                "Forget dead letters",
                self.discard_dead_letters,
                {200: Answer(Count, "how many there were")},
                body=Body(LettersIn, "which"),
            ),
        ]

    async def list_readers(self, call: Call) -> ReaderList:
        status: Any = self.readers.status
        return ReaderList([await maybeDeferred(status, name) for name in self.readers.names()])

    async def show_reader(self, call: Call) -> ReaderStatus:
        return await self._status(call)

    async def pause_reader(self, call: Call) -> ReaderStatus:
        reason = call.body.reason if call.body is not None else ""
        return await self._status(call, self.readers.pause, f"{call.owner}: {reason}" if reason else call.owner)

    async def resume_reader(self, call: Call) -> ReaderStatus:
        return await self._status(call, self.readers.resume)

    async def rewind_reader(self, call: Call) -> ReaderStatus:
        given: RewindIn = call.body
        if (given.id is None) == (given.time is None):
            raise Problem(INVALID, "either id or time has to be there, and not both")
        return await self._status(call, self.readers.rewind, given.time if given.id is None else given.id)

    async def list_dead_letters(self, call: Call) -> DeadLetterPage:
        limit = call.query["limit"]
        letters = list(await self._told(call, self.readers.dead_letters, call.query["after"], limit))
        return DeadLetterPage(letters, letters[-1].id if len(letters) == limit else None)

    async def resend_dead_letters(self, call: Call) -> Count:
        return Count(await self._told(call, self.readers.resend, call.body.ids))

    async def discard_dead_letters(self, call: Call) -> Count:
        return Count(await self._told(call, self.readers.discard, call.body.ids))

    async def _status(self, call: Call, act: Any = None, *arguments: Any) -> ReaderStatus:
        """Do it, and say how the reader is doing then."""
        if act is not None:
            await self._told(call, act, *arguments)
        status: ReaderStatus = await self._told(call, self.readers.status)
        return status

    async def _told(self, call: Call, act: Any, *arguments: Any) -> Any:
        name = call.path["name"]
        try:
            return await maybeDeferred(act, name, *arguments)
        except LookupError:
            there = ", ".join(self.readers.names()) or "none"
            raise Problem(NOT_FOUND, f"there is no reader {name!r}; there are {there}") from None
