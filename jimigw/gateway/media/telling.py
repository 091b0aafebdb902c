"""The records by which a platform hears of files: upload, alarm_complete, file_missing, playlist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from jimigw.gateway.hub import OWNER, Wanted
from jimigw.gateway.registry import Registry
from jimigw.journal.interface import Entry, IJournal
from jimigw.model.command import Command
from jimigw.model.file_names import EVENTS
from jimigw.model.media import Media, MediaAlarm, Playlist
from jimigw.model.record import record_json
from jimigw.model.report import Alarm, Position, Report

from .links import Links

PATIENCE = 30.0
"""Seconds that the journal has for a record."""

CAMERAS = {1: "road", 2: "cabin"}
"""The cameras of the Jimi protocol."""


class NotTold(Exception):
    """The journal did not take a record, or did not have it in time; the message is a sentence."""


class Teller:
    """Puts records of files into the journal. Everything is called in the reactor thread."""

    def __init__(self, registry: Registry, journal: IJournal, reactor: IReactorTime, links: Links) -> None:
        self._registry, self._journal, self._reactor, self._links = registry, journal, reactor, links

    def upload(self, media: Media, alarm: MediaAlarm | None, command: Command | None = None) -> Deferred[int]:
        """A file is stored, for which this command asked. Fires with the id of the record once it is safe; fails with
        :class:`NotTold`."""
        body = self.file_body(media, alarm) | {"instruction_id": _instruction(media, command)}
        return self._tell("upload", media.device, body, alarm)

    def missing(self, media: Media, alarm: MediaAlarm | None) -> Deferred[int]:
        """A file was given up."""
        body = {
            "media": media.id,
            "filename": media.name,
            "state": str(media.state),
            "reason": media.why,
            "attempts": media.attempts,
            **_camera(media, self._protocol(media.device)),
            "taken": _moment(media.taken),
            "alarm": alarm and alarm_body(alarm),
            "alarm_time": alarm and _moment(alarm.time),
        }
        return self._tell("file_missing", media.device, body, alarm)

    def complete(self, alarm: MediaAlarm, files: Iterable[Media]) -> Deferred[int]:
        """All files of an alarm are stored."""
        body = {"alarm": alarm_body(alarm), "files": [self.short_body(each) for each in files]}
        return self._tell("alarm_complete", alarm.device, body, alarm)

    def playlist(self, playlist: Playlist, recordings: int, first: float, last: float) -> Deferred[int]:
        """The list of recordings on a card is another one than before."""
        body = {
            "names": len(playlist.names),
            "recordings": recordings,
            "first": _moment(first),
            "last": _moment(last),
            "digest": playlist.digest,
        }
        return self._tell("playlist", playlist.device, body, None)

    # -- bodies -------------------------------------------------------------------------------------------------------

    def file_body(self, media: Media, alarm: MediaAlarm | None) -> dict[str, Any]:
        """All that a platform has to know of a stored file."""
        event = EVENTS.get(media.event) if media.event is not None else None
        return {
            "media": media.id,
            "filename": media.alias or media.name,
            "announced_as": media.name if media.alias else None,
            "variant": media.variant or None,
            "source": str(media.source),
            "business_type": business_type(media),
            "kind": media.kind,
            "mime_type": media.mime or None,
            "size": media.size,
            "md5": media.md5,
            **_camera(media, self._protocol(media.device)),
            "event": media.event,
            "event_name": event and event.name,
            "flag": media.flag,
            "taken": _moment(media.taken),
            "alarm": alarm and alarm_body(alarm),
            "alarm_time": alarm and _moment(alarm.time),
            "command": media.command,
            "tie": str(media.tie) or None,
            "place": media.place or None,
            "url": self._links.url(media) or None if media.key else None,
            "details": {key: value for key, value in media.details.items() if key != "instruction"} or None,
        }

    def short_body(self, media: Media) -> dict[str, Any]:
        """A file in a list."""
        found = {
            "media": media.id,
            "filename": media.alias or media.name,
            **_camera(media, self._protocol(media.device)),
            "kind": media.kind,
            "mime_type": media.mime or None,
            "size": media.size,
            "md5": media.md5 or None,
            "url": self._links.url(media) or None if media.key else None,
        }
        return {key: value for key, value in found.items() if value is not None}

    # -- into the journal ---------------------------------------------------------------------------------------------

    def _protocol(self, device: str) -> str:
        found = self._registry.get(device)
        return (found.protocol if found is not None else "") or ("jimi" if len(device) == 15 else "jt808")

    def _tell(self, kind: str, device: str, body: Mapping[str, Any], alarm: MediaAlarm | None) -> Deferred[int]:
        protocol = self._protocol(device)
        now = self._reactor.seconds()
        received = datetime.fromtimestamp(now, UTC)
        message = {
            "header": {"imei" if protocol == "jimi" else "phone": device},
            "body": {key: value for key, value in body.items() if value is not None},
        }
        position: Position | None = alarm.position if alarm is not None else None
        report = Report(protocol, kind, message, b"", received, position=position, alarms=_alarms(alarm, kind))
        done: Deferred[int] = Deferred()

        def stored(entry: Entry) -> None:
            if not done.called:
                late.cancel()
                done.callback(entry.id)

        def too_late() -> None:
            done.errback(NotTold(f"the journal did not store the record within {PATIENCE:g} s"))

        late = self._reactor.callLater(PATIENCE, too_late)
        entry = Entry(device, protocol, kind, int(now * 1_000_000), b"", record_json(device, report), stored)
        if not self._journal.append(entry):
            late.cancel()
            done.errback(NotTold("the journal takes no more records at the moment"))
        return done


def alarm_body(alarm: MediaAlarm) -> dict[str, Any]:
    """An alarm, as records of its files name it."""
    found = {
        "id": alarm.id,
        "record": alarm.record,
        "code": alarm.code,
        "name": alarm.name,
        "time": _moment(alarm.time),
        "identity": alarm.identity or None,
        "expected": alarm.expected,
    }
    return {key: value for key, value in found.items() if value is not None}


def business_type(media: Media) -> str:
    """What a file is, in the words of the vendor's callbacks."""
    told = media.details.get("businessType")
    if isinstance(told, str) and told:
        return told
    source = media.source.value
    if media.alarm is not None or source in ("event", "attachment"):
        return "eventAttachment"
    if source == "recording":
        return "historyVideo"
    if source in ("command", "jt808"):
        return "remotePictureOrVideo"
    return "regularPicture" if media.kind == "picture" else "videoClip"


def _instruction(media: Media, command: Command | None) -> str | None:
    """What the one who asked for a file calls that: what came with it, what a caller of the hub's API gave, the number
    of the command."""
    told = media.details.get("instruction")
    if isinstance(told, str) and told and not (told.isdigit() and command is not None and int(told) == command.id):
        return told
    if command is None:
        return None if media.command is None else str(media.command)
    wanted = Wanted.of(command.purpose) if command.owner == OWNER else Wanted()
    return wanted.instruction_id or wanted.server_flag or str(command.id)


def _camera(media: Media, protocol: str) -> dict[str, Any]:
    name = CAMERAS.get(media.camera) if media.camera is not None and protocol == "jimi" else None
    return {"camera": media.camera, "camera_name": name}


def _alarms(alarm: MediaAlarm | None, kind: str) -> list[Alarm] | None:
    if alarm is None or alarm.code is None or kind != "alarm_complete":
        return None
    return [Alarm(alarm.code, alarm.name)]


def _moment(seconds: float) -> str | None:
    if not seconds:
        return None
    # As all times of records: a fraction only where there is one.
    return datetime.fromtimestamp(round(seconds, 3), UTC).isoformat().replace("+00:00", "Z")
