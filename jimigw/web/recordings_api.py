"""Routes: what a terminal has recorded, clips of it, and what it may be asked for in a month."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from .kinds import Moment, Whole
from .media_api import done, seconds_of
from .media_shapes import (
    BudgetIn,
    BudgetOut,
    ClipIn,
    Files,
    TimelineOut,
    budget_out,
    media_out,
    timeline_out,
)
from .problems import CONFLICT, INVALID, NO_ROOM, NOT_FOUND, Problem, wrong_field, wrong_parameter
from .rooms import Rooms
from .routes import DEVICE, Answer, Body, Call, Parameter, Reply, Route
from .shapes import CommandOut, command_out
from .tokens import Scope

TAG = "Recordings"


class RecordingsApi:
    """Recordings on the cards of terminals."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def routes(self) -> list[Route]:
        """The rows."""
        return [
            Route(
                "POST",
                "/api/v1/devices/{device}/clips",
                Scope.COMMAND,
                "Ask a terminal for what it recorded at a time",
                self.ask_for_clips,
                {202: Answer(Files, "a file for each camera; they come later, or not at all")},
                TAG,
                "EVIDEO is tried, then HVIDEO, one file after another, within the budget of the terminal. The zone of "
                "its file names has to be known. Clips of JT/T 808 terminals are asked for with the command 0x9206.",
                parameters=(DEVICE,),
                body=Body(ClipIn, "which time, which cameras"),
                problems=(NOT_FOUND, INVALID, NO_ROOM),
            ),
            Route(
                "GET",
                "/api/v1/devices/{device}/timeline",
                Scope.READ,
                "Show what is recorded on a terminal's card",
                self.show_timeline,
                {200: Answer(TimelineOut, "a track for each camera, with its gaps")},
                TAG,
                "By the list that the terminal sent last; 404 where it has sent none.",
                parameters=(DEVICE,),
                query=(
                    Parameter("from", Moment(), "only what ends after this time"),
                    Parameter("to", Moment(), "only what begins before this time"),
                    Parameter("camera", Whole(1, 255), "only this camera", None),
                    Parameter("limit", Whole(1, 10_000), "recordings of a page", 2000),
                ),
                problems=(NOT_FOUND,),
            ),
            Route(
                "POST",
                "/api/v1/devices/{device}/timeline/refresh",
                Scope.COMMAND,
                "Ask a terminal for the list of its recordings",
                self.refresh_timeline,
                {202: Answer(CommandOut, "the command; the list comes later, and a record `playlist` tells of it")},
                TAG,
                parameters=(DEVICE,),
                problems=(NOT_FOUND, CONFLICT),
            ),
            Route(
                "GET",
                "/api/v1/devices/{device}/media-budget",
                Scope.READ,
                "Show what a terminal may be asked for in a month",
                self.show_budget,
                {200: Answer(BudgetOut, "limits, and the figures of this month")},
                TAG,
                parameters=(DEVICE,),
                problems=(NOT_FOUND,),
            ),
            Route(
                "PUT",
                "/api/v1/devices/{device}/media-budget",
                Scope.ADMIN,
                "Say what a terminal may be asked for in a month",
                self.set_budget,
                {200: Answer(BudgetOut, "limits, and the figures of this month")},
                TAG,
                "Keys that are not in the body stay as they are; null is the config's value again, of `zone`: it is "
                "learned anew. Where the terminal itself has a `zone`, that one holds.",
                parameters=(DEVICE,),
                body=Body(BudgetIn, "what holds from now on"),
                problems=(NOT_FOUND, INVALID),
            ),
        ]

    async def ask_for_clips(self, call: Call) -> Reply:
        given: ClipIn = call.body
        device = self._rooms.device(call.path["device"])
        time = given.time.timestamp()
        if time > self._rooms.reactor.seconds():
            raise wrong_field("time", "it is still to come; what was recorded is in the past")
        cameras = tuple(dict.fromkeys(given.cameras))
        asking = self._rooms.uploads.clip(device, time, cameras, call.owner, given.seconds)
        files = await done(asking, INVALID)
        jimi = self._rooms.speaks_jimi(device.id)
        return Reply(Files([media_out(media, jimi) for media in files]), 202)

    async def show_timeline(self, call: Call) -> TimelineOut:
        device, query = self._rooms.device(call.path["device"]), call.query
        since, until = seconds_of(query["from"]), seconds_of(query["to"])
        if since is not None and until is not None and since > until:
            raise wrong_parameter("from", "it is after the end, `to`")
        timeline = await done(self._rooms.uploads.timeline(device, since, until, query["camera"]))
        if timeline is None:
            raise Problem(NOT_FOUND, f"{device.id} has sent no list of its recordings; timeline/refresh asks for one")
        return timeline_out(timeline, self._rooms.speaks_jimi(device.id), query["limit"])

    async def refresh_timeline(self, call: Call) -> Reply:
        device = self._rooms.device(call.path["device"])
        command = await done(self._rooms.uploads.refresh_timeline(device, call.owner))
        return Reply(command_out(command), 202, {"Location": f"/api/v1/commands/{command.id}"})

    async def show_budget(self, call: Call) -> BudgetOut:
        return budget_out(await done(self._rooms.uploads.budget(self._rooms.device(call.path["device"]))))

    async def set_budget(self, call: Call) -> BudgetOut:
        device = self._rooms.device(call.path["device"])
        changes = {name: value for name, value in msgspec.structs.asdict(call.body).items() if value is not UNSET}
        if changes:
            await done(self._rooms.uploads.set_rule(device, **changes), INVALID)
        return budget_out(await done(self._rooms.uploads.budget(device)))


__all__ = ["RecordingsApi"]
