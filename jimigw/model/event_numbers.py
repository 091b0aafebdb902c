"""The number at the end of a Jimi camera's file name: the vendor's sheet "Event video ID"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

ROAD, CABIN = 1, 2
"""Cameras of Jimi terminals; ``F`` and ``I`` in names."""


@attrs.frozen
class EventNumber:
    """What such a number says: what happened, by which ``codes`` an alarm (0x95) tells of it, the camera, and the
    ``quality``: ``high``, ``low`` or ``photo``. ``pip``: with the other camera's picture in it."""

    name: str
    codes: tuple[int, ...]
    camera: int
    quality: str
    pip: bool = False


PIP = 200
"""What is added to a number for a picture in a picture."""

_BOTH = ("high", "high")
_DMS = ("high", "low")
_PHOTOS = ("photo", "photo")

#: name, alarm codes, qualities and numbers of the road camera's and the cabin camera's file. Where the sheet and
#: chapter 5.4.1 of the document number an alarm differently, both are here: a terminal may say either.
_SHEET: tuple[tuple[str, tuple[int, ...], tuple[str, str], int | None, int | None], ...] = (
    ("Recording", (), _BOTH, 3, 4),
    ("Recording", (), ("low", "low"), 1, 2),
    ("Crash", (0x93,), _BOTH, 5, 6),
    ("Vibration", (0x80,), _BOTH, 27, 28),
    ("Remote video", (), _BOTH, 7, 8),
    ("Remote photo", (), _PHOTOS, 9, 10),
    ("DMS - Calibration fail", (0xA2,), _DMS, 133, 11),
    ("DMS - Missing face", (0x94,), _DMS, 134, 12),
    ("DMS - Eye closed", (0x8C,), _DMS, 135, 13),
    ("DMS - Yawn", (0xA0,), _DMS, 136, 14),
    ("DMS - Distraction", (0x8F,), _DMS, 137, 15),
    ("DMS - Look down", (0xA3,), _DMS, 138, 16),
    ("DMS - Smoking", (0x9A,), _DMS, 139, 17),
    ("DMS - Phone calling", (0x97,), _DMS, 140, 18),
    ("DMS - Monitoring shelter", (0xA1,), _DMS, 141, 19),
    ("SOS", (0x01,), _BOTH, 23, 24),
    ("Harsh acceleration", (0x90,), _BOTH, 47, 48),
    ("Harsh deceleration", (0x91,), _BOTH, 51, 52),
    ("Harsh turning", (0x92,), _BOTH, 55, 56),
    ("Over speed", (0x87,), _BOTH, 35, 36),
    ("Fatigue driving", (0x47,), _BOTH, 31, 32),
    ("Illegal driver", (0x9B, 0x9F), _BOTH, 143, 144),
    ("Illegal driver", (0x9B, 0x9F), _PHOTOS, 145, 146),
    ("SD card unmount", (0x86,), _BOTH, 67, 68),
    ("SD card mount", (0x70,), _BOTH, 95, 96),
    ("EVIDEO", (), _BOTH, 20, 21),
    ("HVIDEO", (), ("low", "low"), 22, 25),
    ("TLVIDEOUPLOAD", (), _BOTH, 33, 34),
    ("Power removal", (0x88,), _BOTH, 39, 40),
    ("External battery low", (0x0E,), _BOTH, 43, 44),
    ("Oil or electronics connected", (0x8A,), _BOTH, 99, 100),
    ("Oil or electronics disconnected", (0x8B,), _BOTH, 63, 64),
    ("Fuel data timeout", (0x73,), _BOTH, 87, 88),
    ("Fuel stolen", (0x53,), _BOTH, 79, 80),
    ("Temperature data timeout", (0x76,), _BOTH, 91, 92),
    ("RFID error", (0x5D,), _BOTH, 26, 30),
    ("Periodic photo", (), _PHOTOS, 75, 76),
    ("Seat belt unplugged", (0xA7,), _PHOTOS, 125, 126),
    ("Seat belt unplugged", (0xA7,), _BOTH, 127, 128),
    ("Seat belt plugged", (0xA6,), _PHOTOS, 129, 130),
    ("Seat belt plugged", (0xA6,), _BOTH, 131, 132),
    # The sheet names no alarm for these; the document has two of drivers, found and not found.
    ("Driver identification", (0xD4, 0xD5), _PHOTOS, None, 84),
    ("Lane departure warning", (0xE4, 0xCD), _BOTH, 115, 116),
    ("Headway monitoring warning", (0xCE,), _BOTH, 117, 118),
    ("Forward collision warning", (0xE5, 0xCC), _BOTH, 119, 120),
    ("Front vehicle started", (), _BOTH, 121, 122),
    ("ADAS", (), _PHOTOS, 123, None),
)


def _numbers() -> Iterator[tuple[int, EventNumber]]:
    for name, codes, qualities, *numbers in _SHEET:
        for camera, quality, number in zip((ROAD, CABIN), qualities, numbers, strict=True):
            if number is not None:
                yield number, EventNumber(name, codes, camera, quality)
                yield number + PIP, EventNumber(name, codes, camera, quality, True)


EVENTS: Mapping[int, EventNumber] = dict(_numbers())
"""What the numbers at the end of Jimi names say, by the vendor's sheet; others may occur."""

RECORDINGS = frozenset(number for number, event in EVENTS.items() if event.name == "Recording")
"""Numbers of blocks of the continuous recording."""

ASKED_FOR = frozenset(n for n, event in EVENTS.items() if event.name in ("EVIDEO", "HVIDEO", "TLVIDEOUPLOAD"))
"""Numbers of what only commands cause. Not 7 to 10, remote video and photo: an alarm in the document announces one."""
