"""Locations and CAN data in batches, and the satellites in view. JT/T 808-2019, 8.48 and 8.49; Amendment 1 of 2021."""

from __future__ import annotations

from typing import Any

from jimigw.wire.kinds import U8, U16, Bcd, Bits, Counted, Kind, Nested, Raw
from jimigw.wire.message import Message, fragment, include, message, part, row

from .. import names
from ..book import BOOK
from ..kinds import CountOf, ListOf, Sized
from ..versions import UNTIL_2013, V2019
from .location import BasicLocation, Location2013, Location2019

# -- 0x0704 -------------------------------------------------------------------------------------------------------


@fragment
class _BatchHead:
    count: int | None = row(
        CountOf(U16, lambda o: len(o.location), "locations"), "number of locations", default=None, show="never"
    )
    type: int = row(U8, "why there is a batch", names=names.BATCH_TYPES)


def _locations(location: Any) -> Any:
    element: Kind = Sized(U16, Nested(location))
    return row(ListOf(lambda o: o.count, element, key="length"), "the locations, each with its length in front")


@message(BOOK, 0x0704, "Locations in a batch", chapter="8.48", versions=UNTIL_2013)
class LocationBatch(Message):
    """A location that cannot be read is bytes in the list, and costs the others nothing."""

    _head = include(_BatchHead)
    location: list[Location2013 | bytes] = _locations(Location2013)


@message(BOOK, 0x0704, "Locations in a batch", chapter="8.48", versions=(V2019,))
class LocationBatch2019(Message):
    """A location that cannot be read is bytes in the list, and costs the others nothing."""

    _head = include(_BatchHead)
    location: list[Location2019 | bytes] = _locations(Location2019)


# -- 0x0705 -------------------------------------------------------------------------------------------------------


class CanTime(Bcd):
    """Hour, minute, second and, in four digits, milliseconds; the value is the string of all ten digits."""

    def __init__(self) -> None:
        super().__init__(5)

    def from_json(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**10:
            return f"{value:010d}"
        return super().from_json(value)


@part("CAN frame", chapter="8.49")
class CanFrame(Message):
    channel: int = row(Bits(1, 32), "CAN channel: 0 CAN1, 1 CAN2")
    frame_type: int = row(Bits(1), "0 standard frame, 1 extended frame")
    data_method: int = row(Bits(1), "0 raw data, 1 mean over the interval")
    id: int = row(Bits(29), "CAN id")
    data: bytes = row(Raw(8), "CAN data")


@message(BOOK, 0x0705, "CAN data", chapter="8.49")
class CanData(Message):
    count: int | None = row(
        CountOf(U16, lambda o: len(o.can_data), "CAN frames"), "number of frames", default=None, show="never"
    )
    time: str = row(CanTime(), "when the first was received: hhmmss and four digits of milliseconds")
    can_data: list[CanFrame] = row(ListOf(lambda o: o.count, Nested(CanFrame), key="length"), "the frames")


# -- 0x0205 -------------------------------------------------------------------------------------------------------


@part("Satellite", chapter="Amendment 1")
class Satellite(Message):
    number: int = row(U8, "number of the satellite, 1 to 200")
    elevation: int = row(U8, "elevation", "degree")
    azimuth: int = row(U16, "azimuth", "degree")
    snr: int = row(U8, "carrier to noise density", "dB-Hz")


@message(BOOK, 0x0205, "Satellites in view", chapter="Amendment 1", versions=(V2019,))
class Satellites(Message):
    beidou: list[Satellite] = row(Counted(U8, Nested(Satellite)), "BeiDou satellites")
    gps: list[Satellite] = row(Counted(U8, Nested(Satellite)), "GPS satellites")
    glonass: list[Satellite] = row(Counted(U8, Nested(Satellite)), "GLONASS satellites")
    galileo: list[Satellite] = row(Counted(U8, Nested(Satellite)), "Galileo satellites")
    location: BasicLocation = row(Nested(BasicLocation), "the location")
