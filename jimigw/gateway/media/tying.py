"""What a file that has come belongs to: the file that was announced or asked for, and the alarm behind it.

In this order, and no further: its exact name (the library has looked), the identity that came with it, the server flag
of a command, event and time. A file is never tied to the nearest alarm: where two serve, it is tied to none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import attrs

from jimigw.model.file_names import EVENTS, FileName, is_flag
from jimigw.model.media import Media, MediaQuery, MediaState, Source, Tie
from jimigw.store.interface import IStore

from .settings import Told

EARLIER, LATER = 90.0, 15.0
"""Seconds: a clip of a moment begins up to so much before it, or after it."""
LABEL_DAYS = 7.0
"""Days that the identity of an alarm is looked for."""

_ASKED = frozenset({MediaState.ASKED, MediaState.ARRIVING, MediaState.FAILED, MediaState.MISSING})
_EXPECTED = _ASKED | {MediaState.ANNOUNCED}
_CUTS = frozenset({"EVIDEO", "HVIDEO"})
_T = TypeVar("_T")
_SOURCES = {"event": Source.EVENT, "command": Source.COMMAND, "recording": Source.RECORDING}


@attrs.frozen
class Place:
    """The file that one which has come is, new or known, and by what that was found."""

    media: Media
    tie: Tie


class Tying:
    """Looks in the store."""

    def __init__(self, store: IStore) -> None:
        self._store = store

    async def place(self, device: str, parsed: FileName, told: Told, taken: float, now: float) -> Place:
        """What this file is, where nobody announced its name. ``taken`` is its time in UTC, 0 if that is not known."""
        if told.alarm is not None:
            source = told.source or Source.ATTACHMENT
            files = await self._store.find_media(MediaQuery(device, alarm=told.alarm, states=_EXPECTED, limit=1000))
            nameless = [each for each in files if each.name is None]
            return Place(nameless[-1] if nameless else Media(device, source=source, alarm=told.alarm), Tie.IDENTITY)
        if told.source is not None:
            return Place(Media(device, source=told.source), Tie.NONE)
        found = await self._by_identity(device, parsed, told, now) or await self._by_flag(device, parsed, told)
        if found is None and taken:
            found = await self._by_request(device, parsed, taken) or await self._by_event(device, parsed, taken)
        return found or Place(Media(device, source=_SOURCES.get(parsed.form, Source.UNASKED)), Tie.NONE)

    async def _by_identity(self, device: str, parsed: FileName, told: Told, now: float) -> Place | None:
        """The label of an alarm, in the name or beside it."""
        label = (parsed.label or (told.instruction if len(told.instruction) == 32 else "")).lower()
        if not label:
            return None
        alarms = await self._store.media_alarms(device, since=now - LABEL_DAYS * 86_400, limit=1000)
        alarm = next((each for each in alarms if each.identity == label), None)
        if alarm is None:
            return None
        return Place(Media(device, source=Source.EVENT, alarm=alarm.id), Tie.IDENTITY)

    async def _by_flag(self, device: str, parsed: FileName, told: Told) -> Place | None:
        """The server flag of the command that asked for it, in the name or beside it (6.3, ``instructionId``)."""
        flag = int(told.instruction) if _is_number(told.instruction) else 0

        def meant(command: int | None) -> bool:
            return command is not None and ((flag and flag == command) or is_flag(parsed, command))

        if not flag and not parsed.flag_text.strip("0"):
            return None
        asked = await self._store.find_media(MediaQuery(device, states=_ASKED, limit=1000))
        fitting = [each for each in asked if meant(each.command) and _same_camera(each, parsed)]
        if fitting:
            return Place(max(fitting, key=lambda each: each.asked), Tie.FLAG)
        for number in _readings(flag, parsed):
            command = await self._store.command(number)
            if command is not None and command.device == device and command.text is not None:
                return Place(Media(device, source=Source.COMMAND, command=command.id), Tie.FLAG)
        return None

    async def _by_request(self, device: str, parsed: FileName, taken: float) -> Place | None:
        """A clip that was cut for a moment: it holds that moment."""
        event = EVENTS.get(parsed.event) if parsed.event is not None else None
        if event is None or not event.name.upper().endswith(("EVIDEO", "HVIDEO")):
            return None
        asked = await self._store.find_media(MediaQuery(device, states=_ASKED, limit=1000))
        fitting = [
            each
            for each in asked
            if each.step in _CUTS and each.taken and _same_camera(each, parsed) and _near(taken, each.taken)
        ]
        return Place(fitting[0], Tie.WINDOW) if len(fitting) == 1 else None

    async def _by_event(self, device: str, parsed: FileName, taken: float) -> Place | None:
        """An alarm of this event, within the time of a clip."""
        event = EVENTS.get(parsed.event) if parsed.event is not None else None
        if parsed.form != "event" or event is None or not event.codes:
            return None
        alarms = await self._store.media_alarms(device, since=taken - LATER, until=taken + EARLIER + 1, limit=1000)
        alarm = _only(each for each in alarms if each.code in event.codes and _near(taken, each.time))
        if alarm is None:
            return None
        files = await self._store.find_media(MediaQuery(device, alarm=alarm.id, states=_EXPECTED, limit=1000))
        expected = _only(each for each in files if each.event == parsed.event and _same_camera(each, parsed))
        if expected is not None:
            return Place(expected, Tie.WINDOW)
        return Place(Media(device, source=Source.EVENT, alarm=alarm.id), Tie.WINDOW)


def _near(begins: float, moment: float) -> bool:
    return moment - EARLIER <= begins <= moment + LATER


def _same_camera(media: Media, parsed: FileName) -> bool:
    return media.camera is None or parsed.camera is None or media.camera == parsed.camera


def _only(alarms: Iterable[_T]) -> _T | None:
    """The one that there is, None where there is none or more than one."""
    found = list(alarms)
    return found[0] if len(found) == 1 else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _readings(flag: int, parsed: FileName) -> list[int]:
    """The commands that the digits may mean."""
    found = [flag] if flag else []
    if parsed.flag_text:
        found += [parsed.flag or 0, int(parsed.flag_text, 16)]
    return [each for each in dict.fromkeys(found) if 0 < each < 1 << 32]
