"""Routes, and how stored areas and routes are asked for. JT/T 808-2019, 8.38, 8.40 and 8.41."""

from __future__ import annotations

from typing import Any

from jimigw.wire.kinds import U8, U16, U32, Counted, Derived, Kind, Nested, Rest, When
from jimigw.wire.message import Message, fragment, include, message, part, row

from .. import names
from ..book import BOOK
from ..kinds import CountedTwice
from ..versions import V2011, V2013, V2019
from .areas import Circle2019, Circles2019, Name, PolygonRows2019, Rectangle2019, Rectangles2019, TimeWindow

_ROUTE_FLAG = (
    "bits 0 time window, 2 driver alarm on entry, 3 platform alarm on entry, 4 driver alarm on exit, 5 platform alarm "
    "on exit"
)


def _on_times(kind: Kind) -> When:
    return When(lambda o: o.attrib & 1, "bit 0 of attrib is set", kind)


def _on_speed(kind: Kind) -> When:
    return When(lambda o: o.attrib & 2, "bit 1 of attrib is set", kind)


@fragment
class _Segment:
    path_id: int = row(U32, "id of the segment that begins here")
    point_lat: int = row(U32, "latitude", "1e-6 degree")
    point_lng: int = row(U32, "longitude", "1e-6 degree")
    width: int = row(U8, "width of the segment", "m")
    attrib: int = row(U8, "bits 0 driving times, 1 speed limit, 2 south, 3 west")
    passed: int | None = row(_on_times(U16), "longest time on the segment", "s")


@fragment
class _Limit:
    max_speed: int | None = row(_on_speed(U16), "top speed on the segment", "km/h")
    overspeed_duration: int | None = row(_on_speed(U8), "how long it has to be exceeded", "s")


@part("Turning point", chapter="JT/T 808-2011")
class Point2011(Message):
    _segment = include(_Segment)
    _limit = include(_Limit)


@part("Turning point", chapter="8.38")
class Point(Message):
    point_id: int = row(U32, "id of the point")
    _segment = include(_Segment)
    uncovered: int | None = row(_on_times(U16), "shortest time on the segment", "s")
    _limit = include(_Limit)


@part("Turning point", chapter="8.38")
class Point2019(Message):
    point_id: int = row(U32, "id of the point")
    _segment = include(_Segment)
    uncovered: int | None = row(_on_times(U16), "shortest time on the segment", "s")
    _limit = include(_Limit)
    night_max_speed: int | None = row(_on_speed(U16), "top speed at night", "km/h")


@fragment
class _RouteHead:
    id: int = row(U32, "id of the route, from 1; the same id replaces")
    flag: int = row(U16, _ROUTE_FLAG)
    _window = include(TimeWindow)


@message(BOOK, 0x8606, "Set route", chapter="8.38", direction="down", versions=(V2011,))
class Route2011(Message):
    _head = include(_RouteHead)
    points: list[Point2011] = row(CountedTwice(U16, Nested(Point2011), key="length"), "the turning points")


@message(BOOK, 0x8606, "Set route", chapter="8.38", direction="down", versions=(V2013,))
class Route(Message):
    _head = include(_RouteHead)
    points: list[Point] = row(Counted(U16, Nested(Point), key="length"), "the turning points")


@fragment
class _RouteRows2019:
    _head = include(_RouteHead)
    points: list[Point2019] = row(Counted(U16, Nested(Point2019), key="length"), "the turning points")
    _name = include(Name)


@message(BOOK, 0x8606, "Set route", chapter="8.38", direction="down", versions=(V2019,))
class Route2019(Message):
    _rows = include(_RouteRows2019)


# -- what is stored -----------------------------------------------------------------------------------------------


@part("Set circles", chapter="8.32")
class CirclesStored(Message):
    _rows = include(Circles2019)


@part("Set rectangles", chapter="8.34")
class RectanglesStored(Message):
    _rows = include(Rectangles2019)


@part("Polygon", chapter="8.36")
class PolygonStored(Message):
    _rows = include(PolygonRows2019)


@part("Route", chapter="8.38")
class RouteStored(Message):
    _rows = include(_RouteRows2019)


#: the forms that one datum of 0x0608 may have by its type: a whole message of setting, or a bare area
_STORED: dict[int, tuple[Any, ...]] = {
    1: (CirclesStored, Circle2019),
    2: (RectanglesStored, Rectangle2019),
    3: (PolygonStored,),
    4: (RouteStored,),
}


def stored_areas(type_: int, count: int, data: bytes) -> list[Message] | None:
    """The areas or routes in an answer 0x0608; None if no reading comes out to the last byte.

    The standard leaves open whether a circle or rectangle stands there as the whole message that sets it or bare.
    """
    for form in _STORED.get(type_, ()):
        notes: list[str] = []
        kind = Nested(form)
        found: list[Message] = []
        pos, end = 0, len(data)
        try:
            while pos < end and not notes and len(found) < count:
                value, pos = kind.read(data, pos, end, None, notes)
                found.append(value)
        except ValueError:
            continue
        if pos == end and len(found) == count and not notes:
            return found
    return None


def _stored_json(owner: Any) -> list[dict[str, Any]] | None:
    found = stored_areas(owner.type, owner.count, owner.items)
    return None if found is None else [each.to_json() for each in found]


@message(BOOK, 0x8608, "Query areas or routes", chapter="8.40", direction="down")
class StoredQuery(Message):
    type: int = row(U8, "what is asked for", names=names.AREA_TYPES)
    ids: list[int] = row(
        Counted(U32, U32, key="length", dialects={"emqx": "count"}), "ids; none: all of the kind", default=[]
    )


@message(BOOK, 0x0608, "Stored areas or routes", chapter="8.41")
class StoredAnswer(Message):
    type: int = row(U8, "what they are", names=names.AREA_TYPES)
    count: int = row(U32, "how many there are", key="length", dialects={"emqx": "count"})
    items: bytes = row(Rest(), "the areas or routes", dialects={"emqx": "data"})
    parsed: list[dict[str, Any]] | None = row(Derived(_stored_json), "the areas or routes, read", dialects={"emqx": ""})
