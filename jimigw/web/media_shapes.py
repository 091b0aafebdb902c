"""What the API takes and gives of files, their alarms, and what is recorded on a terminal's card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jimigw.gateway.media.telling import CAMERAS
from jimigw.gateway.media.timeline import Recording, Span, Timeline
from jimigw.gateway.uploads import Budget
from jimigw.model.file_names import EVENTS
from jimigw.model.media import Media, MediaAlarm
from jimigw.model.report import Position

from .shapes import Time, Zone, moment

Camera = Annotated[int, Meta(ge=1, le=2)]

# -- files ------------------------------------------------------------------------------------------------------------


class MediaOut(msgspec.Struct):
    """A file of a terminal: what it is, where it is, and what it belongs to. What nobody knows is null."""

    id: int
    device: str
    name: Annotated[str | None, Meta(description="as the terminal calls it; null while only time and camera are known")]
    alias: Annotated[
        str | None,
        Meta(description="the name under which it came, where that is another one: a clip that was cut for it"),
    ]
    variant: Annotated[int, Meta(description="0; 1 and up are other contents that came under the same name")]
    kind: Annotated[str, Meta(description="picture, video, audio, text or other")]
    source: Annotated[
        str,
        Meta(description="how it is known: event, command, recording, jt808, attachment, ftp, or unasked"),
    ]
    state: Annotated[
        str, Meta(description="announced, asked, arriving, stored, failed, missing or deleted: see docs/uploads.md")
    ]
    why: Annotated[str, Meta(description="how it came to its state, for people")]
    camera: Annotated[int | None, Meta(description="Jimi: 1 road, 2 cabin; JT/T 808: the logical channel")]
    camera_name: Annotated[str | None, Meta(description="of Jimi: road or cabin")]
    event: Annotated[int | None, Meta(description="the number at the end of a Jimi name")]
    event_name: str | None
    flag: Annotated[int | None, Meta(description="the eight digits in a Jimi name: the server flag")]
    taken: Annotated[Time | None, Meta(description="when it begins")]
    seconds: Annotated[float | None, Meta(description="how long it is")]
    alarm: Annotated[int | None, Meta(description="the alarm that it belongs to: /api/v1/media/alarms/{id}")]
    command: Annotated[int | None, Meta(description="the last command that asked for it")]
    tie: Annotated[str | None, Meta(description="by what it was found to belong there: name, flag, window or identity")]
    announced: Time | None
    asked: Time | None
    stored: Time | None
    attempts: Annotated[int, Meta(description="how often something was tried to get it")]
    step: Annotated[str | None, Meta(description="the way that was tried last")]
    size: Annotated[int, Meta(description="bytes; 0 while it has not come")]
    md5: Annotated[str | None, Meta(description="32 lower-case hex digits")]
    mime: Annotated[str | None, Meta(description="type of the content")]
    place: Annotated[str | None, Meta(description="where somebody else has it (FTP)")]
    protected: Annotated[bool, Meta(description="it is not deleted for its age or for want of room")]
    details: Annotated[dict[str, Any], Meta(description="what else the terminal told with it")]


def media_out(media: Media, jimi: bool) -> MediaOut:
    """A file for JSON; ``jimi``: its terminal speaks the Jimi protocol."""
    event = EVENTS.get(media.event) if media.event is not None else None
    return MediaOut(
        media.id,
        media.device,
        media.name,
        media.alias,
        media.variant,
        media.kind,
        str(media.source),
        str(media.state),
        media.why,
        media.camera,
        CAMERAS.get(media.camera) if jimi and media.camera is not None else None,
        media.event,
        event.name if event is not None else None,
        media.flag,
        moment(media.taken),
        media.seconds,
        media.alarm,
        media.command,
        str(media.tie) or None,
        moment(media.announced),
        moment(media.asked),
        moment(media.stored),
        media.attempts,
        media.step or None,
        media.size,
        media.md5 or None,
        media.mime or None,
        media.place or None,
        media.protected,
        dict(media.details),
    )


class MediaPage(msgspec.Struct):
    """Files, the newest ids first. `next`, where it is not null, is the `before` of the next page."""

    files: list[MediaOut]
    next: int | None


class Files(msgspec.Struct):
    """Files, as they are now."""

    files: list[MediaOut]


class MediaPatch(msgspec.Struct, forbid_unknown_fields=True):
    """What changes."""

    protected: Annotated[bool, Meta(description="it is not deleted for its age or for want of room")]


class LinkIn(msgspec.Struct, forbid_unknown_fields=True):
    """How long a link is good for."""

    seconds: (
        Annotated[float, Meta(ge=1, le=31_536_000, description="uploads.link_seconds where it is not given")] | None
    ) = None


class LinkOut(msgspec.Struct):
    """A link for those who have no token. Whoever has it can download the file until it expires."""

    path: Annotated[str, Meta(description="at the endpoint of uploads (23010)")]
    url: Annotated[str | None, Meta(description="the whole address, where uploads.public_url is set")]
    expires: Time


# -- alarms -----------------------------------------------------------------------------------------------------------


class MediaAlarmOut(msgspec.Struct):
    """An alarm that has files, or asks for them."""

    id: int
    device: str
    record: Annotated[int, Meta(description="its record in the journal: /api/v1/records/{id}")]
    time: Time
    protocol: str
    code: int | None
    name: str | None
    identity: Annotated[str | None, Meta(description="the terminal's own for it, hex (JT/T 808)")]
    expected: Annotated[int, Meta(description="how many files it has")]
    complete: Annotated[Time | None, Meta(description="when the last of them was stored; null while it is not")]
    position: Annotated[Position | None, Meta(description="where it was")]
    states: Annotated[dict[str, int], Meta(description="how many of its files are in each state that there is")]
    files: list[MediaOut]


def alarm_out(alarm: MediaAlarm, files: Sequence[Media]) -> MediaAlarmOut:
    """An alarm for JSON, with its files."""
    states: dict[str, int] = {}
    for media in files:
        states[str(media.state)] = states.get(str(media.state), 0) + 1
    return MediaAlarmOut(
        alarm.id,
        alarm.device,
        alarm.record,
        datetime.fromtimestamp(alarm.time, UTC),
        alarm.protocol,
        alarm.code,
        alarm.name,
        alarm.identity or None,
        alarm.expected,
        moment(alarm.complete),
        alarm.position,
        states,
        [media_out(media, alarm.protocol == "jimi") for media in files],
    )


class MediaAlarmPage(msgspec.Struct):
    """Alarms with files, the newest ids first. `next`, where it is not null, is the `before` of the next page."""

    alarms: list[MediaAlarmOut]
    next: int | None


# -- what is on the card ----------------------------------------------------------------------------------------------


class ClipIn(msgspec.Struct, forbid_unknown_fields=True):
    """What was recorded at this time, by these cameras."""

    time: Annotated[datetime, Meta(tz=True, description="the moment that the clip shows")]
    cameras: Annotated[list[Camera], Meta(min_length=1, max_length=8, description="1 road, 2 cabin")]
    seconds: (
        Annotated[int, Meta(ge=10, le=60, description="how long it is to be; else as long as the terminal is set to")]
        | None
    ) = None


class SpanOut(msgspec.Struct):
    """A stretch of time."""

    begins: Time
    ends: Time


class RecordingOut(msgspec.Struct):
    """A block of the continuous recording. `name` is what other commands take, as it is."""

    name: str
    begins: Time
    ends: Annotated[Time, Meta(description="where the next one begins, or else a minute later")]


class TrackOut(msgspec.Struct):
    """What a camera has recorded."""

    camera: int
    camera_name: Annotated[str | None, Meta(description="of Jimi: road or cabin")]
    spans: Annotated[list[SpanOut], Meta(description="stretches without a gap")]
    gaps: Annotated[list[SpanOut], Meta(description="what lies between them")]
    recordings: list[RecordingOut]


class TimelineOut(msgspec.Struct):
    """What is on a terminal's card, as it said last. `next`, where it is not null, is the `from` of the next page of
    recordings; spans and gaps are of all pages."""

    device: str
    received: Annotated[Time, Meta(description="when the terminal sent its list")]
    zone: Annotated[int | None, Meta(description="minutes east of UTC of its file names; null: they are taken for UTC")]
    unread: Annotated[int, Meta(description="names in the list that are no recordings")]
    tracks: list[TrackOut]
    next: Time | None


def timeline_out(timeline: Timeline, jimi: bool, limit: int) -> TimelineOut:
    """A timeline for JSON, with some ``limit`` recordings, the oldest ones."""
    chosen, next = _page(timeline, limit)
    tracks = [
        TrackOut(
            track.camera,
            CAMERAS.get(track.camera) if jimi else None,
            list(map(_span_out, track.spans)),
            list(map(_span_out, track.gaps)),
            [
                RecordingOut(each.name, _time(each.begins), _time(each.ends))
                for each in track.recordings
                if chosen(each)
            ],
        )
        for track in timeline.tracks
    ]
    return TimelineOut(
        timeline.device,
        _time(timeline.received),
        timeline.zone,
        timeline.unread,
        tracks,
        None if next is None else _time(next),
    )


def _page(timeline: Timeline, limit: int) -> tuple[Callable[[Recording], bool], float | None]:
    """Which recordings are of the page, and where the next one begins. What begins at the same time stays together."""
    begins = sorted(each.begins for track in timeline.tracks for each in track.recordings)
    if len(begins) <= limit:
        return lambda recording: True, None
    end = begins[limit]
    if end == begins[0]:
        end = next((each for each in begins if each > end), float("inf"))
    return lambda recording: recording.begins < end, end if end != float("inf") else None


def _span_out(span: Span) -> SpanOut:
    return SpanOut(_time(span.begins), _time(span.ends))


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# -- budgets ----------------------------------------------------------------------------------------------------------


class RuleOut(msgspec.Struct):
    """What holds for this terminal alone; null: the config's value, of `zone`: nothing was learned."""

    budget: int | None
    fetch: bool | None
    zone: int | None


class BudgetOut(msgspec.Struct):
    """What a terminal may be asked for in a month, and what it has sent of that."""

    device: str
    month: Annotated[str, Meta(description="of the figures, UTC: `2026-11`")]
    limit: Annotated[int | None, Meta(description="bytes a month that may be asked for; null: no limit")]
    asked: Annotated[int, Meta(description="bytes of files that were asked for and came")]
    received: Annotated[int, Meta(description="bytes of all files that came")]
    files: Annotated[int, Meta(description="how many files came")]
    fetch: Annotated[bool, Meta(description="what is missing is asked for by itself")]
    zone: Annotated[int | None, Meta(description="minutes east of UTC of its file names; null: not known yet")]
    rule: Annotated[RuleOut, Meta(description="what was said, or learned, of this terminal alone")]


def budget_out(budget: Budget) -> BudgetOut:
    """A budget for JSON."""
    return BudgetOut(
        budget.device,
        budget.month,
        budget.limit,
        budget.asked,
        budget.received,
        budget.files,
        budget.fetch,
        budget.zone,
        RuleOut(budget.rule.budget, budget.rule.fetch, budget.rule.zone),
    )


class BudgetIn(msgspec.Struct, forbid_unknown_fields=True):
    """What holds for the files of a terminal. Keys that are not there stay as they are."""

    budget: (
        Annotated[int, Meta(ge=0, le=1 << 50, description="bytes a month, 0: none; null: uploads.fetch_budget")]
        | UnsetType
        | None
    ) = UNSET
    fetch: (
        Annotated[bool, Meta(description="ask by itself for what is missing; null: as uploads.fetch says")]
        | UnsetType
        | None
    ) = UNSET
    zone: Zone | UnsetType | None = UNSET
