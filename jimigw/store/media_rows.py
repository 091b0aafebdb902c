"""Files, alarms that have files, and lists of recordings as rows of the store, and back."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import attrs
import msgspec

from jimigw.model.media import Media, MediaAlarm, MediaState, Source, Tie
from jimigw.store.interface import StoreError
from jimigw.store.rows import Row, Unreadable, json_text, position_of, position_text

MEDIA = (
    "device", "name", "id", "alias", "variant", "kind", "source", "state", "why", "camera", "event", "flag", "taken",
    "seconds", "alarm", "command", "tie", "announced", "asked", "stored", "attempts", "step", "size", "md5", "mime",
    "key", "place", "protected", "told", "details",
)  # fmt: skip
"""The columns of a file beside `at`, in the order of the fields of :class:`Media`."""

MEDIA_ALARM = (
    "device", "record", "time", "id", "protocol", "code", "name", "identity", "number", "request", "expected",
    "complete", "told", "position",
)  # fmt: skip
"""The columns of an alarm, in the order of the fields of :class:`MediaAlarm`."""

MOST_LIST_BYTES = 64 << 20
"""Bytes of the names of one terminal's recordings: a longer list is neither stored nor read."""

ID = MEDIA.index("id")
"""Where the id of a file is in its row."""

_ALARM_ID = MEDIA_ALARM.index("id")
_REQUEST = MEDIA_ALARM.index("request")
_object_of = msgspec.json.Decoder(dict[str, Any]).decode
_names_of = msgspec.json.Decoder(list[str]).decode


# -- into the store ---------------------------------------------------------------------------------------------------


def row_of_media(media: Media) -> Row:
    """The values of `MEDIA` and of `at`, which :func:`storable` perhaps has to mend."""
    return (
        media.device,
        media.name,
        media.id,
        media.alias,
        media.variant,
        media.kind,
        media.source.value,
        media.state.value,
        media.why,
        media.camera,
        media.event,
        media.flag,
        media.taken,
        media.seconds,
        media.alarm,
        media.command,
        media.tie.value,
        media.announced,
        media.asked,
        media.stored,
        media.attempts,
        media.step,
        media.size,
        media.md5,
        media.mime,
        media.key,
        media.place,
        media.protected,
        media.told,
        json_text(dict(media.details)) if media.details else "{}",
        media.taken or media.announced or media.stored,
    )


def numbered(row: Row, id: int) -> Row:
    """The row of a file that has got its id."""
    return (*row[:ID], id, *row[ID + 1 :])


def row_of_alarm(alarm: MediaAlarm) -> Row:
    """The values of `MEDIA_ALARM`, which :func:`storable` perhaps has to mend."""
    return (
        alarm.device,
        alarm.record,
        alarm.time,
        alarm.id,
        alarm.protocol,
        alarm.code,
        alarm.name,
        alarm.identity,
        alarm.number,
        json_text(dict(alarm.request)) if alarm.request else "{}",
        alarm.expected,
        alarm.complete,
        alarm.told,
        position_text(alarm.position),
    )


def packed(names: Sequence[str]) -> bytes:
    """Names of recordings as the store keeps them.

    :raises StoreError: there are too many to be kept.
    """
    text = (json_text(names) or "").encode()
    if len(text) > MOST_LIST_BYTES:
        raise StoreError(
            f"A list of {len(names)} recordings is too long: {len(text)} bytes; {MOST_LIST_BYTES} are kept."
        )
    return zlib.compress(text)


# -- out of the store -------------------------------------------------------------------------------------------------


def media_of(row: Row) -> Media:
    """The file of a row of `MEDIA`."""
    try:
        media = Media(*row)
        media.source, media.state, media.tie = Source(media.source), MediaState(media.state), Tie(media.tie)
        media.protected, media.told = bool(media.protected), bool(media.told)
        media.details = _object_of(row[-1])
        return media
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"the file {row[ID]} cannot be read ({error})") from error


def alarm_of(row: Row) -> MediaAlarm:
    """The alarm of a row of `MEDIA_ALARM`."""
    position = row[-1]
    try:
        alarm = MediaAlarm(*row)
        alarm.told = bool(alarm.told)
        alarm.request = _object_of(row[_REQUEST])
        alarm.position = None if position is None else position_of(position)
        return alarm
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"the alarm {row[_ALARM_ID]} cannot be read ({error})") from error


def unpacked(device: str, names: bytes) -> Sequence[str]:
    """The names that :func:`packed` packed."""
    try:
        unzip = zlib.decompressobj()
        text = unzip.decompress(names, MOST_LIST_BYTES + 1)
        if not unzip.eof:
            raise ValueError(f"it has more than {MOST_LIST_BYTES} bytes, or its end is missing")
        return tuple(_names_of(text))
    except (ValueError, TypeError, zlib.error) as error:
        raise Unreadable(f"the list of recordings of {device} cannot be read ({error})") from error


# -- what is known already ---------------------------------------------------------------------------------------------


def merged(there: MediaAlarm, given: MediaAlarm) -> MediaAlarm:
    """An alarm that is stored, with what the same alarm, given again, says more.

    What is known there stays: its times, protocol, number, name and position, that it is complete, and whether that is
    told. From the one given comes what was not known; and how many files are expected, if that is more.
    """
    told = there.told
    if given.complete:
        told = given.told or (there.told and there.complete != 0)
    return attrs.evolve(
        there,
        name=there.name if there.name is not None else given.name,
        number=there.number or given.number,
        request=there.request or given.request,
        expected=max(there.expected, given.expected),
        complete=there.complete or given.complete,
        told=told,
        position=there.position if there.position is not None else given.position,
    )


def take_over(mine: MediaAlarm, given: MediaAlarm, kept: MediaAlarm) -> None:
    """Bring an alarm to what was stored of it, but for what was changed since it was given."""
    for name in MEDIA_ALARM:
        if getattr(mine, name) == getattr(given, name):
            setattr(mine, name, getattr(kept, name))
