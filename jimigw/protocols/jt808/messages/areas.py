"""Areas: circles, rectangles, polygons, and how they are deleted. JT/T 808-2019, 8.32 to 8.37 and 8.39.

Which optional parts an area has, the bits of its attribute word say: 0 time window, 1 speed limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jimigw.wire.kinds import U8, U16, U32, Bcd, Counted, Kind, Nested, When
from jimigw.wire.message import Message, fragment, include, message, part, row

from .. import names
from ..book import BOOK
from ..kinds import CountedTwice, SizedText
from ..versions import V2011, V2013, V2019

AREA_FLAG = (
    "bits 0 time window, 1 speed limit, 2 driver alarm on entry, 3 platform alarm on entry, 4 driver alarm on exit, "
    "5 platform alarm on exit, 6 south, 7 west, 8 doors stay shut, 14 no communication inside, 15 detailed GNSS inside"
)


def on_time(kind: Kind) -> When:
    """A field that is there if bit 0 of the attribute word is set."""
    return When(lambda o: o.flag & 1, "bit 0 of flag is set", kind)


def on_speed(kind: Kind) -> When:
    """A field that is there if bit 1 of the attribute word is set."""
    return When(lambda o: o.flag & 2, "bit 1 of flag is set", kind)


@fragment
class TimeWindow:
    start_time: str | None = row(on_time(Bcd(6)), "start YYMMDDhhmmss, date zero: each day")
    end_time: str | None = row(on_time(Bcd(6)), "end YYMMDDhhmmss, date zero: each day")


@fragment
class SpeedLimit:
    max_speed: int | None = row(on_speed(U16), "top speed", "km/h")
    overspeed_duration: int | None = row(on_speed(U8), "how long it has to be exceeded", "s")


@fragment
class Name:
    name: str = row(SizedText(U16, key="name_len"), "name", default="")


@fragment
class _Tail2013:
    _window = include(TimeWindow)
    _limit = include(SpeedLimit)


@fragment
class _Tail2019:
    _window = include(TimeWindow)
    _limit = include(SpeedLimit)
    night_max_speed: int | None = row(on_speed(U16), "top speed at night", "km/h")
    _name = include(Name)


@fragment
class CircleHead:
    id: int = row(U32, "id of the area, from 1; the same id replaces")
    flag: int = row(U16, AREA_FLAG)
    center_latitude: int = row(U32, "latitude of the centre", "1e-6 degree")
    center_longitude: int = row(U32, "longitude of the centre", "1e-6 degree")
    radius: int = row(U32, "radius", "m")


@fragment
class RectangleHead:
    id: int = row(U32, "id of the area, from 1; the same id replaces")
    flag: int = row(U16, AREA_FLAG)
    lt_lat: int = row(U32, "latitude of the upper left corner", "1e-6 degree")
    lt_lng: int = row(U32, "longitude of the upper left corner", "1e-6 degree")
    rb_lat: int = row(U32, "latitude of the lower right corner", "1e-6 degree")
    rb_lng: int = row(U32, "longitude of the lower right corner", "1e-6 degree")


@part("Circle", chapter="8.32")
class Circle(Message):
    _head = include(CircleHead)
    _tail = include(_Tail2013)


@part("Circle", chapter="8.32")
class Circle2019(Message):
    _head = include(CircleHead)
    _tail = include(_Tail2019)


@part("Rectangle", chapter="8.34")
class Rectangle(Message):
    _head = include(RectangleHead)
    _tail = include(_Tail2013)


@part("Rectangle", chapter="8.34")
class Rectangle2019(Message):
    _head = include(RectangleHead)
    _tail = include(_Tail2019)


def areas(kind: Callable[..., Counted], area: Any) -> Any:
    """The row that holds the counted areas."""
    return row(kind(U8, Nested(area), key="length"), "the areas")


@message(BOOK, 0x8600, "Set circles", chapter="8.32", direction="down", versions=(V2011,))
class Circles2011(Message):
    type: int = row(U8, "what to do", names=names.AREA_SETTINGS)
    areas: list[Circle] = areas(CountedTwice, Circle)


@message(BOOK, 0x8600, "Set circles", chapter="8.32", direction="down", versions=(V2013,))
class Circles(Message):
    type: int = row(U8, "what to do", names=names.AREA_SETTINGS)
    areas: list[Circle] = areas(Counted, Circle)


@message(BOOK, 0x8600, "Set circles", chapter="8.32", direction="down", versions=(V2019,))
class Circles2019(Message):
    type: int = row(U8, "what to do", names=names.AREA_SETTINGS)
    areas: list[Circle2019] = areas(Counted, Circle2019)


@message(BOOK, 0x8602, "Set rectangles", chapter="8.34", direction="down", versions=(V2011,))
class Rectangles2011(Message):
    type: int = row(U8, "what to do", names=names.AREA_SETTINGS)
    areas: list[Rectangle] = areas(CountedTwice, Rectangle)


@message(BOOK, 0x8602, "Set rectangles", chapter="8.34", direction="down", versions=(V2013,))
class Rectangles(Message):
    type: int = row(U8, "what to do", names=names.AREA_SETTINGS)
    areas: list[Rectangle] = areas(Counted, Rectangle)


@message(BOOK, 0x8602, "Set rectangles", chapter="8.34", direction="down", versions=(V2019,))
class Rectangles2019(Message):
    type: int = row(U8, "what to do", names=names.AREA_SETTINGS)
    areas: list[Rectangle2019] = areas(Counted, Rectangle2019)


# -- polygons -----------------------------------------------------------------------------------------------------


@part("Vertex", chapter="8.36")
class Vertex(Message):
    lat: int = row(U32, "latitude", "1e-6 degree")
    lng: int = row(U32, "longitude", "1e-6 degree")


@fragment
class _PolygonHead:
    id: int = row(U32, "id of the area, from 1; the same id replaces")
    flag: int = row(U16, AREA_FLAG)
    _window = include(TimeWindow)
    _limit = include(SpeedLimit)


@message(BOOK, 0x8604, "Set polygon", chapter="8.36", direction="down", versions=(V2011,))
class Polygon2011(Message):
    _head = include(_PolygonHead)
    points: list[Vertex] = row(CountedTwice(U16, Nested(Vertex), key="length"), "the vertices")


@message(BOOK, 0x8604, "Set polygon", chapter="8.36", direction="down", versions=(V2013,))
class Polygon(Message):
    _head = include(_PolygonHead)
    points: list[Vertex] = row(Counted(U16, Nested(Vertex), key="length"), "the vertices")


@fragment
class PolygonRows2019:
    _head = include(_PolygonHead)
    points: list[Vertex] = row(Counted(U16, Nested(Vertex), key="length"), "the vertices")
    night_max_speed: int | None = row(on_speed(U16), "top speed at night", "km/h")
    _name = include(Name)


@message(BOOK, 0x8604, "Set polygon", chapter="8.36", direction="down", versions=(V2019,))
class Polygon2019(Message):
    _rows = include(PolygonRows2019)


# -- deleting -----------------------------------------------------------------------------------------------------


def _delete(identity: int, what: str, chapter: str) -> None:
    @message(BOOK, identity, f"Delete {what}", chapter=chapter, direction="down")
    class Deletion(Message):
        ids: list[int] = row(Counted(U8, U32, key="length"), f"ids, at most 125; none: all {what}")


for _identity, _what, _chapter in (
    (0x8601, "circles", "8.33"),
    (0x8603, "rectangles", "8.35"),
    (0x8605, "polygons", "8.37"),
    (0x8607, "routes", "8.39"),
):
    _delete(_identity, _what, _chapter)
