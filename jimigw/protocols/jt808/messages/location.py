"""Location reports and what is asked about locations. JT/T 808-2019, 8.21 to 8.25; batches are in :mod:`.batches`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, ClassVar

from jimigw.wire.kinds import U16, U32, Bcd, Nested, Optional
from jimigw.wire.message import Message, fragment, include, message, part, row

from .. import names
from ..book import BOOK, SIBLINGS
from ..extras import Extra, Extras
from ..names_video import VIDEO_ALARMS
from ..versions import UNTIL_2013, V2011, V2013, V2019
from .items import EXTRAS_2013, EXTRAS_2019
from .safety_items import SAFETY_NAMES

#: all times of the standard but the server time are of this zone, by the standard
CHINA = timezone(timedelta(hours=8))


# A fleet reports in the same few seconds: most times have been read before.
@lru_cache(maxsize=4096)
def utc_of(digits: str, zone: timezone) -> datetime | None:
    """The time in UTC of the digits YYMMDDhhmmss on a clock that shows ``zone``; None if they are no time."""
    try:
        year, month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(0, 12, 2))
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def metres(altitude: int) -> int:
    """The altitude in metres; terminals send two's complement below the sea."""
    return altitude - 0x10000 if altitude & 0x8000 else altitude


def alarm_bits(word: int, edition: int) -> list[tuple[int, str]]:
    """The bits of an alarm word that are set, as number and name; a bit without a meaning is "bit N"."""
    if not word:
        return []
    known = names.ALARMS[edition]
    return [(bit, known.get(bit, f"bit {bit}")) for bit in range(32) if word >> bit & 1]


@fragment
class _Basic:
    alarm: int = row(U32, "alarm word, bits by edition")
    status: int = row(U32, "status word, bits by edition")
    latitude: int = row(U32, "latitude, its hemisphere in the status", "1e-6 degree")
    longitude: int = row(U32, "longitude, its hemisphere in the status", "1e-6 degree")
    altitude: int = row(U16, "altitude", "m")
    speed: int = row(U16, "speed", "0.1 km/h")
    direction: int = row(U16, "course, clockwise from north", "degree")
    time: str = row(Bcd(6), "time YYMMDDhhmmss, GMT+8")


class LocationFacts(Message):
    """What the words and numbers of a location mean."""

    __slots__ = ()
    #: the edition whose bits the alarm and the status word have
    edition: ClassVar[int] = V2013
    alarm: int
    status: int
    latitude: int
    longitude: int
    altitude: int
    speed: int
    time: str
    extra: Extra | None = None

    @property
    def degrees(self) -> tuple[float, float]:
        """Latitude and longitude in degrees, south and west negative."""
        latitude, longitude = self.latitude / 1e6, self.longitude / 1e6
        return (-latitude if self.status & 4 else latitude), (-longitude if self.status & 8 else longitude)

    @property
    def positioned(self) -> bool:
        """Whether there was a fix; if not, the coordinates are 0 or the last known."""
        return self.status & 2 != 0

    @property
    def ignition(self) -> bool:
        """Whether ACC is on."""
        return self.status & 1 != 0

    @property
    def speed_kmh(self) -> float:
        """Speed in km/h."""
        return self.speed / 10

    @property
    def altitude_m(self) -> int:
        """Altitude in metres; see :func:`metres`."""
        return metres(self.altitude)

    def moment(self, zone: timezone = CHINA) -> datetime | None:
        """The time in UTC, for a terminal whose clock shows ``zone``; None if the digits are no time."""
        return utc_of(self.time, zone)

    def alarms(self, edition: int | None = None) -> list[tuple[int, str]]:
        """The bits of the alarm word that are set; see :func:`alarm_bits`."""
        return alarm_bits(self.alarm, edition or self.edition)

    def states(self, edition: int | None = None) -> dict[str, Any]:
        """The bits of the status word by name, and ``load``."""
        found: dict[str, Any] = {
            name: self.status >> bit & 1 == 1 for bit, name in names.STATUS[edition or self.edition].items()
        }
        found["load"] = names.LOADS[self.status >> 8 & 3]
        return found

    def safety_alarms(self) -> list[tuple[int, str]]:
        """The active safety alarms among the items: item id times 256 plus type (0x6401), as file names have it, and
        the name of the type."""
        if not self.extra or SAFETY_NAMES.keys().isdisjoint(self.extra.ids):
            return []
        found = []
        for item in self.extra:
            known = SAFETY_NAMES.get(item.id)
            if known is not None and not isinstance(item.value, bytes):
                code = item.value.type
                found.append((item.id << 8 | code, known.get(code, f"type {code}")))
        return found

    def video_alarms(self) -> list[tuple[int, str]]:
        """The video alarms of item 0x14 that are set, as bit number and name. JT/T 1078-2016, 5.6."""
        word = self.extra.get(0x14) if self.extra else None
        if not isinstance(word, int):
            return []
        return [(bit, VIDEO_ALARMS.get(bit, f"bit {bit}")) for bit in range(32) if word >> bit & 1]


def _extra(kind: Extras) -> Any:
    return row(kind, "additional items", default=Extra(b"", kind), show="set")


@part("Basic location", chapter="8.21.1")
class BasicLocation(LocationFacts):
    """The 28 bytes without additional items that multimedia carries."""

    _basic = include(_Basic)


@part("Location", chapter="8.21")
class Location2013(LocationFacts):
    _basic = include(_Basic)
    extra: Extra = _extra(EXTRAS_2013)


@part("Location", chapter="8.21")
class Location2019(LocationFacts):
    edition = V2019
    _basic = include(_Basic)
    extra: Extra = _extra(EXTRAS_2019)


@message(BOOK, 0x0200, "Location report", chapter="8.21", versions=UNTIL_2013)
class LocationReport(LocationFacts):
    _location = include(Location2013)


@message(BOOK, 0x0200, "Location report", chapter="8.21", versions=(V2019,))
class LocationReport2019(LocationFacts):
    edition = V2019
    _location = include(Location2019)


@message(BOOK, 0x8201, "Query location", chapter="8.22", direction="down")
class LocationQuery(Message):
    """Empty."""


@message(BOOK, 0x0201, "Location answer", chapter="8.23", versions=(V2013,))
class LocationAnswer(Message):
    seq: int = row(U16, "serial number of the query")
    location: Location2013 = row(Nested(Location2013), "the location", key="params", aliases=("location",))


@message(BOOK, 0x0201, "Location answer", chapter="8.23", versions=(V2019,))
class LocationAnswer2019(Message):
    seq: int = row(U16, "serial number of the query")
    location: Location2019 = row(Nested(Location2019), "the location", key="params", aliases=("location",))


@message(BOOK, 0x0201, "Location answer, without a serial number", versions=(V2011,))
class LocationAnswer2011(Message):
    location: Location2013 = row(Nested(Location2013), "the location", key="params", aliases=("location",))


#: bare locations: some terminals of 2013 leave the serial number out
SIBLINGS.enter(0x0201, LocationAnswer2011, fits=lambda data, start, end: end - start == 28)


@message(BOOK, 0x8202, "Temporary tracking", chapter="8.24", direction="down")
class Tracking(Message):
    period: int = row(U16, "interval, 0 stops", "s")
    expiry: int | None = row(Optional(U32), "how long; may be left out where the interval is 0", "s")


@message(BOOK, 0x8203, "Confirm alarms by hand", chapter="8.25", direction="down")
class AlarmConfirmation(Message):
    seq: int = row(U16, "serial number of the alarm's report; 0: all alarms of the types")
    type: int = row(
        U32,
        "bits 0 emergency, 3 danger, 20 area, 21 route, 22 segment time, 27 ignition, 28 displacement",
    )
