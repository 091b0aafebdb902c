"""Multimedia data that the terminal has stored: found, and sent. JT/T 808-2019, 8.55 to 8.57 and 8.59."""

from __future__ import annotations

from typing import Any

from jimigw.wire.kinds import U8, U16, U32, Bcd, Counted, Nested, Notes
from jimigw.wire.message import Message, fragment, include, message, part, row

from .. import names
from ..book import BOOK
from ..kinds import CountedTwice
from ..versions import SINCE_2013, V2011, V2013, V2019
from .location import BasicLocation, Location2019


@fragment
class _Search:
    type: int = row(U8, "type", names=names.MEDIA_TYPES)
    channel: int = row(U8, "channel, 0: all")
    event: int = row(U8, "what it was taken for", names=names.MEDIA_EVENTS)
    start_time: str = row(Bcd(6), "start YYMMDDhhmmss; zeros: no limit")
    end_time: str = row(Bcd(6), "end YYMMDDhhmmss; zeros: no limit")


@message(BOOK, 0x8802, "Search stored multimedia data", chapter="8.55", direction="down")
class MediaSearch(Message):
    _search = include(_Search)


@fragment
class _FoundHead:
    id: int = row(U32, "id of the data")
    type: int = row(U8, "type", names=names.MEDIA_TYPES)
    channel: int = row(U8, "channel")
    event: int = row(U8, "what it was taken for", names=names.MEDIA_EVENTS)


@part("Multimedia datum", chapter="8.56")
class Found(Message):
    _head = include(_FoundHead)
    location: BasicLocation = row(Nested(BasicLocation), "where it was taken")


@part("Multimedia datum", chapter="8.56")
class FoundWide(Message):
    """The edition of 2019 leaves the length of the location open."""

    _head = include(_FoundHead)
    location: Location2019 = row(Nested(Location2019), "where it was taken, additional items included")


@part("Multimedia datum", chapter="JT/T 808-2011")
class Found2011(Message):
    _head = include(_FoundHead, since="type")
    location: BasicLocation = row(Nested(BasicLocation), "where it was taken")


_NARROW = 35


class FoundList(Counted):
    """The counted data of 0x0802 in 2019. Their locations are all of one length, which nothing says: if what is left
    can be divided by the count and gives more than the basic 28 bytes, that is it."""

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[list[Any], int]:
        count, start = self.count.read(data, pos, end, owner, notes)
        size = (end - start) // count if count else 0
        if size > _NARROW and size * count == end - start:
            wide = Nested(FoundWide)
            return [wide.read(data, at, at + size, owner, notes)[0] for at in range(start, end, size)], end
        return super().read(data, pos, end, owner, notes)

    def write_all(self, values: list[Any], out: bytearray, owner: Any) -> None:
        for value in values:
            value.__wire__.write(value, out)

    def from_json(self, value: Any) -> list[Any]:
        if isinstance(value, list) and any(isinstance(each, dict) and _has_extra(each) for each in value):
            return Counted(self.count, Nested(FoundWide)).from_json(value)
        return super().from_json(value)


def _has_extra(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("location"), dict) and "extra" in entry["location"]


@message(BOOK, 0x0802, "Multimedia data found", chapter="8.56", versions=(V2019,))
class MediaFound2019(Message):
    seq: int = row(U16, "serial number of the search")
    result: list[Any] = row(FoundList(U16, Nested(Found), key="length"), "what was found")


@message(BOOK, 0x0802, "Multimedia data found", chapter="8.56", versions=(V2013,))
class MediaFound(Message):
    seq: int = row(U16, "serial number of the search")
    result: list[Found] = row(Counted(U16, Nested(Found), key="length"), "what was found")


@message(BOOK, 0x0802, "Multimedia data found", chapter="8.56", versions=(V2011,))
class MediaFound2011(Message):
    result: list[Found2011] = row(CountedTwice(U16, Nested(Found2011), key="length"), "what was found")


@message(BOOK, 0x8803, "Upload stored multimedia data", chapter="8.57", direction="down")
class MediaUpload(Message):
    _search = include(_Search)
    delete: int = row(U8, "0 keep, 1 delete after the upload")


@message(BOOK, 0x8805, "Upload one stored multimedia datum", chapter="8.59", direction="down", versions=SINCE_2013)
class MediaUploadOne(Message):
    id: int = row(U32, "id of the data")
    flag: int = row(U8, "0 keep, 1 delete after the upload")
