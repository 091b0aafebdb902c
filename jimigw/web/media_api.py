"""Routes: files of terminals, and the alarms that they belong to."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from twisted.internet.defer import Deferred

from jimigw.gateway.catalogue import CommandRefused
from jimigw.gateway.uploads import UploadRefused
from jimigw.model.media import KINDS, Media, MediaAlarm, MediaQuery, MediaState, Source

from .dispatcher import Dispatcher
from .kinds import Flag, Line, Moment, Whole, Word, Words
from .media_shapes import (
    LinkIn,
    LinkOut,
    MediaAlarmOut,
    MediaAlarmPage,
    MediaOut,
    MediaPage,
    MediaPatch,
    alarm_out,
    media_out,
)
from .problems import (
    CONFLICT,
    INVALID,
    NO_ROOM,
    NOT_FOUND,
    PRECONDITION,
    RANGE,
    TOO_MANY,
    UNAVAILABLE,
    Problem,
    ProblemKind,
)
from .rooms import Rooms
from .routes import STREAM, Answer, Body, Call, Parameter, Reply, Route
from .serving import NotServed, serve
from .tokens import Scope

TAG = "Files"
ANYTHING = "*/*"
"""The media type of what may be of any."""
MOST_ALARMS = 200
"""Alarms of a page: the files of each are looked up."""

_ID = Parameter("id", Whole(1), "its id")
_WHOSE = Parameter("device", Line(64), "only of this terminal: its id, IMEI or phone number")
_FROM = Parameter("from", Moment(), "only from this time on")
_TO = Parameter("to", Moment(), "only before this time")
_BEFORE = Parameter("before", Whole(1), "the `next` of the page before", None)
_LONGEST_NAME = 255

T = TypeVar("T")


class MediaApi:
    """Files: found, fetched, kept, deleted; and alarms with theirs."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        #: makes the heads of answers; set once it is there
        self.dispatcher: Dispatcher | None = None

    def routes(self) -> list[Route]:
        """The rows."""
        one = {200: Answer(MediaOut, "the file as it is now")}
        return [
            Route(
                "GET",
                "/api/v1/media",
                Scope.READ,
                "List files, or find some; the newest first",
                self.list_media,
                {200: Answer(MediaPage, "a page of files")},
                TAG,
                "Also those that are announced and have not come. All conditions have to hold. `from` and `to` are of "
                "the time when a file was taken; where that is not known, of when it was announced or stored.",
                query=(
                    _WHOSE,
                    Parameter("name", Line(_LONGEST_NAME), "only the file with this name, exactly"),
                    Parameter("state", Words(tuple(MediaState)), "only files in these states"),
                    Parameter("kind", Word(KINDS), "only files that hold this"),
                    Parameter("source", Word(tuple(Source)), "only files that are known by this"),
                    Parameter("camera", Whole(1, 255), "only of this camera: of Jimi 1 is the road, 2 the cabin", None),
                    Parameter("alarm", Whole(1), "only those that belong to this alarm (/api/v1/media/alarms)", None),
                    Parameter("command", Whole(1), "only those that this command asked for last", None),
                    Parameter("protected", Flag(), "only those that are protected, or only those that are not"),
                    _FROM,
                    _TO,
                    _BEFORE,
                    Parameter("limit", Whole(1, 1000), "files of a page", 100),
                ),
            ),
            Route(
                "GET",
                "/api/v1/media/{id}",
                Scope.READ,
                "Show a file: what is known of it",
                self.show_media,
                one,
                TAG,
                parameters=(_ID,),
                problems=(NOT_FOUND,),
            ),
            Route(
                "GET",
                "/api/v1/media/{id}/content",
                Scope.READ,
                "Download a file",
                self.media_content,
                {
                    200: Answer(bytes, "all of it", ANYTHING),
                    206: Answer(bytes, "the range that was asked for", ANYTHING),
                    304: Answer(None, "it is the one that is known already"),
                },
                TAG,
                "Takes `Range` of one stretch, and conditions (`If-None-Match`, `If-Range`): the `ETag` is the MD5.",
                parameters=(_ID,),
                problems=(NOT_FOUND, PRECONDITION, RANGE),
            ),
            Route(
                "POST",
                "/api/v1/media/{id}/link",
                Scope.READ,
                "Make a link to a file, for those who have no token",
                self.make_link,
                {200: Answer(LinkOut, "the link")},
                TAG,
                "It is signed, leads to /download at the endpoint of uploads, and is good until it expires, also when "
                "the token is revoked meanwhile.",
                parameters=(_ID,),
                body=Body(LinkIn, "how long it is good", required=False),
                problems=(NOT_FOUND, CONFLICT, INVALID),
            ),
            Route(
                "POST",
                "/api/v1/media/{id}/fetch",
                Scope.COMMAND,
                "Ask the terminal for a file",
                self.fetch_media,
                {202: Answer(MediaOut, "the file as it is now; it comes later, or not at all")},
                TAG,
                "For one that is announced, failed, missing or deleted. Each way that the terminal has is tried, one "
                "file after another, within its budget.",
                parameters=(_ID,),
                problems=(NOT_FOUND, CONFLICT, NO_ROOM),
            ),
            Route(
                "PATCH",
                "/api/v1/media/{id}",
                Scope.COMMAND,
                "Protect a file, or protect it no more",
                self.change_media,
                one,
                TAG,
                "What is protected is not deleted: not for its age, not for want of room, and not by DELETE.",
                parameters=(_ID,),
                body=Body(MediaPatch, "what changes"),
                problems=(NOT_FOUND, CONFLICT, INVALID),
            ),
            Route(
                "DELETE",
                "/api/v1/media/{id}",
                Scope.ADMIN,
                "Delete a file",
                self.delete_media,
                one,
                TAG,
                "Its content is gone then; what is known of it stays for a while, in the state deleted.",
                parameters=(_ID,),
                problems=(NOT_FOUND, CONFLICT),
            ),
            Route(
                "GET",
                "/api/v1/media/alarms",
                Scope.READ,
                "List alarms that have files, the newest first",
                self.list_media_alarms,
                {200: Answer(MediaAlarmPage, "a page of alarms, with their files")},
                TAG,
                query=(
                    _WHOSE,
                    Parameter("complete", Flag(), "only those whose files are all stored, or only the others"),
                    _FROM,
                    _TO,
                    _BEFORE,
                    Parameter("limit", Whole(1, MOST_ALARMS), "alarms of a page", 50),
                ),
            ),
            Route(
                "GET",
                "/api/v1/media/alarms/{id}",
                Scope.READ,
                "Show an alarm and its files",
                self.show_media_alarm,
                {200: Answer(MediaAlarmOut, "the alarm")},
                TAG,
                parameters=(_ID,),
                problems=(NOT_FOUND,),
            ),
        ]

    # -- files --------------------------------------------------------------------------------------------------------

    async def list_media(self, call: Call) -> MediaPage:
        query, limit = call.query, call.query["limit"]
        found = await self._rooms.uploads.find(
            MediaQuery(
                device=self._whose(query["device"]),
                name=query["name"],
                states=query["state"] and frozenset(map(MediaState, query["state"])),
                kind=query["kind"],
                source=query["source"] and Source(query["source"]),
                camera=query["camera"],
                alarm=query["alarm"],
                command=query["command"],
                protected=query["protected"],
                since=seconds_of(query["from"]),
                until=seconds_of(query["to"]),
                before=query["before"],
                limit=limit,
            )
        )
        return MediaPage(self._outs(found), found[-1].id if len(found) == limit else None)

    async def show_media(self, call: Call) -> MediaOut:
        return self._out(await self._media(call))

    async def media_content(self, call: Call) -> object:
        media = await self._media(call)
        _check_content(media, NOT_FOUND)
        files, request, dispatcher = self._rooms.uploads, call.request, self.dispatcher
        assert dispatcher is not None

        def head(status: int, type: str, headers: Mapping[str, str]) -> None:
            dispatcher.head(request, status, type, {"Cache-Control": "private, no-cache", **headers})

        def read(offset: int, length: int) -> Deferred[bytes]:
            return files.read(media, offset, length)

        try:
            await done(serve(request, media, read, self._rooms.reactor, head), NOT_FOUND)
        except NotServed as refusal:
            kind = RANGE if refusal.status == RANGE.status else PRECONDITION
            raise Problem(kind, str(refusal), headers=refusal.headers) from None
        return STREAM

    async def make_link(self, call: Call) -> LinkOut:
        links, media = self._rooms.uploads.links, await self._media(call)
        _check_content(media, CONFLICT)
        if not self._rooms.downloads():
            raise Problem(CONFLICT, "nobody may download by a link: /download is switched off in the config")
        seconds = call.body.seconds if call.body is not None else None
        path = links.path(media, seconds)
        return LinkOut(path, links.url(media, seconds) or None, _expires(path))

    async def fetch_media(self, call: Call) -> Reply:
        media = await done(self._rooms.uploads.fetch(call.path["id"], call.owner))
        return Reply(self._out(media), 202)

    async def change_media(self, call: Call) -> MediaOut:
        return self._out(await done(self._rooms.uploads.protect(call.path["id"], call.body.protected)))

    async def delete_media(self, call: Call) -> MediaOut:
        return self._out(await done(self._rooms.uploads.delete(call.path["id"], call.owner)))

    # -- alarms -------------------------------------------------------------------------------------------------------

    async def list_media_alarms(self, call: Call) -> MediaAlarmPage:
        query, limit, files = call.query, call.query["limit"], self._rooms.uploads
        alarms: Sequence[MediaAlarm] = await done(
            files.alarms(
                self._whose(query["device"]),
                since=seconds_of(query["from"]),
                until=seconds_of(query["to"]),
                complete=query["complete"],
                before=query["before"],
                limit=limit,
            )
        )
        found = []
        for alarm in alarms:
            of_it = await done(files.find(MediaQuery(alarm=alarm.id, limit=1000)))
            found.append(alarm_out(alarm, of_it[::-1]))
        return MediaAlarmPage(found, alarms[-1].id if len(alarms) == limit else None)

    async def show_media_alarm(self, call: Call) -> MediaAlarmOut:
        return alarm_out(*await done(self._rooms.uploads.alarm(call.path["id"])))

    # -- inside -------------------------------------------------------------------------------------------------------

    async def _media(self, call: Call) -> Media:
        return await done(self._rooms.uploads.media(call.path["id"]))

    def _out(self, media: Media) -> MediaOut:
        return media_out(media, self._rooms.speaks_jimi(media.device))

    def _outs(self, found: Sequence[Media]) -> list[MediaOut]:
        return [self._out(media) for media in found]

    def _whose(self, name: str | None) -> str | None:
        """The id under which a terminal has its files; also of one that is not known any more."""
        device = self._rooms.registry.get(name) if name is not None else None
        return name if device is None else device.id


async def done(asked: Awaitable[T], wrong: ProblemKind = CONFLICT) -> T:
    """What comes of it. :class:`Problem` where it is refused; ``wrong`` is its kind where something asked for cannot be
    done."""
    try:
        return await asked
    except UploadRefused as refusal:
        raise _refused(refusal.code, str(refusal), refusal.retry_after, wrong) from None
    except CommandRefused as refusal:
        raise _refused(_COMMANDS.get(refusal.code, "wrong"), refusal.message, 30.0, wrong) from None


_KINDS = {"unknown": NOT_FOUND, "gone": NOT_FOUND, "limit": TOO_MANY, "room": NO_ROOM, "failed": UNAVAILABLE}
"""The kind of problem, by the code of a refusal."""
_COMMANDS = {"device": "unknown", "full": "limit"}
"""What refusals of commands are, by their code; all others are something wrong."""


def _refused(code: str, sentence: str, after: float | None, wrong: ProblemKind) -> Problem:
    kind = _KINDS.get(code, wrong)
    waits = after is not None and kind in (TOO_MANY, NO_ROOM, UNAVAILABLE)
    return Problem(kind, sentence, headers={"Retry-After": str(max(1, round(after or 0)))} if waits else None)


def seconds_of(time: datetime | None) -> float | None:
    """A time as the model has it: seconds since 1970."""
    return None if time is None else time.timestamp()


def _check_content(media: Media, kind: ProblemKind) -> None:
    """:class:`Problem` where the content of a file is not here."""
    if media.state is MediaState.STORED and media.key:
        return
    where = f"; it lies at {media.place}" if media.place else ""
    raise Problem(kind, f"the content of the file {media.id} is not here: it is {media.state}{where}")


def _expires(path: str) -> datetime:
    """Until when a link is good, as it says itself."""
    (told,) = parse_qs(urlsplit(path).query)["expires"]
    return datetime.fromtimestamp(int(told), UTC)


__all__ = ["MediaApi", "done", "seconds_of"]
