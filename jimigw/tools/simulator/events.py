"""The alarms of simulated terminals, and the names of their files."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime

import attrs

from jimigw.protocols.jimi.messages import Alarm
from jimigw.protocols.jimi.sensors import AlarmFiles

from .routes import Drive

#: type checkers do not see the rows that a message includes
_alarm: Callable[..., Alarm] = Alarm


@attrs.frozen
class EventKind:
    """An alarm type and the numbers at the end of its files: of the road camera and of the cabin camera."""

    alarm_type: int
    road: int
    cabin: int
    moving: bool = True


#: the vendor's sheet "Event video ID"; types as the document numbers them
EVENTS = (
    EventKind(0x01, 23, 24),
    EventKind(0x01, 23, 24, moving=False),
    EventKind(0x0E, 43, 44, moving=False),
    EventKind(0x47, 31, 32),
    EventKind(0x80, 27, 28, moving=False),
    EventKind(0x87, 35, 36),
    EventKind(0x88, 39, 40, moving=False),
    EventKind(0x8C, 135, 13),
    EventKind(0x8F, 137, 15),
    EventKind(0x90, 47, 48),
    EventKind(0x91, 51, 52),
    EventKind(0x92, 55, 56),
    EventKind(0x93, 5, 6),
    EventKind(0x94, 134, 12),
    EventKind(0x97, 140, 18),
    EventKind(0x9A, 139, 17),
    EventKind(0xA0, 136, 14),
    EventKind(0xA3, 138, 16),
    EventKind(0xA7, 127, 128),
    EventKind(0xCC, 119, 120),
    EventKind(0xCD, 115, 116),
    EventKind(0xCE, 117, 118),
)


NO_FLAG = "00000000"
"""Stands in the names of files that no command asked for."""


def file_name(
    imei: str, flag: str, local: datetime, camera: str, number: int, extension: str = "mp4", prefix: str = "EVENT"
) -> str:
    """The name of a file: ``EVENT_<imei>_<flag>_<local time>_<I|F>_<number>.mp4``."""
    return f"{prefix}_{imei}_{flag}_{local:%Y_%m_%d_%H_%M_%S}_{camera}_{number:02d}.{extension}"


def alarm(imei: str, drive: Drive, time: datetime, rng: random.Random, extension: str = "mp4") -> Alarm:
    """An alarm that fits what the vehicle is doing at ``time`` (UTC); newer firmware has files of the extension ts."""
    kind = rng.choice([each for each in EVENTS if each.moving == (drive.speed > 1.0)])
    local = time + drive.route.zone
    value = drive.speed_kmh if kind.alarm_type == 0x87 else 2 * rng.randint(0, 1) if kind.alarm_type == 0x8C else 0
    # The cabin's file is named first, as terminals do.
    names = [
        file_name(imei, NO_FLAG, local, camera, number, extension)
        for camera, number in (("I", kind.cabin), ("F", kind.road))
    ]
    return _alarm(
        date_time=time,
        gps_length=13,
        satellites=min(15, drive.satellites),
        latitude=drive.latitude,
        longitude=drive.longitude,
        differential=False,
        fixed=True,
        course=drive.course,
        speed=drive.speed_kmh,
        voltage=round(rng.uniform(13.4, 14.2) if drive.ignition else rng.uniform(12.2, 12.7), 1),
        alarm_type=kind.alarm_type,
        alarm_value=value,
        files=AlarmFiles(names),
    )
