"""What the running EMQX gateway does otherwise than the page of its exchange format. Config key ``exchange.dialect``.

Keys that have another name stand beside the rows themselves (``dialects={"emqx": ...}``), and both spellings are
understood always. Here is what a key's name does not cover: other shapes of a body on input, and the areas, whose
optional parts EMQX writes where their keys are given, whatever the attribute bits say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from jimigw.wire.book import Book
from jimigw.wire.errors import EncodeError
from jimigw.wire.kinds import U8, U16, U32, Bcd, Counted, Nested, Optional, shown
from jimigw.wire.message import Message, fragment, include, message, part, row

from .kinds import FirstFit, SizedText
from .messages.areas import CircleHead, Name, RectangleHead, Vertex
from .parameters import PLAIN_PARAMETERS
from .versions import UNTIL_2013, V2019

Dialect = Literal["document", "emqx"]
#: the dialects of the exchange format: the page's own, and the running gateway's
DIALECTS: tuple[Dialect, ...] = ("document", "emqx")

Body = dict[str, Any]

# -- shapes of a body on input ------------------------------------------------------------------------------------


def _server_time(body: Body) -> Body:
    """EMQX has one string YYMMDDhhmmss where the page has six numbers."""
    time = body.get("time")
    if time is None or "year" in body:
        return body
    if not isinstance(time, str) or len(time) != 12 or not (time.isascii() and time.isdecimal()):
        raise EncodeError(f"{shown(time)} is not twelve digits YYMMDDhhmmss", "time")
    names = ("year", "month", "day", "hour", "minute", "second")
    return {name: int(time[2 * at : 2 * at + 2]) for at, name in enumerate(names)}


def _vehicle_control(body: Body) -> Body:
    """The page has a flag before the controls of 2019, for which there is no place in the message."""
    if "controls" in body:
        return {key: value for key, value in body.items() if key != "flag"}
    return body


_SHAPES: dict[int, Callable[[Body], Body]] = {0x8004: _server_time, 0x8500: _vehicle_control}


def _parameters(body: Body) -> Body:
    """EMQX knows the parameters of the edition of 2013 only: the value of any other is bytes."""

    def raw(entry: Any) -> Any:
        if not isinstance(entry, dict) or not isinstance(entry.get("value"), str):
            return entry
        identity = entry.get("id")
        if isinstance(identity, int) and identity in PLAIN_PARAMETERS:
            return entry
        return {"id": identity, "data": entry["value"]}

    params = body.get("params")
    return body | {"params": [raw(entry) for entry in params]} if isinstance(params, list) else body


_EMQX_SHAPES: dict[int, Callable[[Body], Body]] = {0x8103: _parameters, 0x0104: _parameters}


def shaped(msg_id: int, body: Body, dialect: Dialect) -> Body:
    """``body`` in the shape that the declarations have, whichever of the known shapes it comes in."""
    shape = _SHAPES.get(msg_id) or (_EMQX_SHAPES.get(msg_id) if dialect == "emqx" else None)
    return body if shape is None else shape(body)


# -- areas as EMQX writes them ------------------------------------------------------------------------------------

#: layouts that only the EMQX dialect writes, and only where a body contradicts its attribute bits
EMQX = Book("jt808", digits=4)


@fragment
class _Window:
    start_time: str = row(Bcd(6), "start YYMMDDhhmmss")
    end_time: str = row(Bcd(6), "end YYMMDDhhmmss")


@fragment
class _Limit:
    max_speed: int = row(U16, "top speed", "km/h")
    overspeed_duration: int = row(U8, "how long it has to be exceeded", "s")


@fragment
class _Night:
    night_max_speed: int = row(U16, "top speed at night", "km/h", default=0)
    _name = include(Name)


@fragment
class _WindowIfGiven:
    start_time: str | None = row(Optional(Bcd(6)), "start YYMMDDhhmmss")
    end_time: str | None = row(Optional(Bcd(6)), "end YYMMDDhhmmss")


@part("Circle, as EMQX writes it")
class _Circle(Message):
    _head = include(CircleHead)
    _window = include(_WindowIfGiven)
    max_speed: int | None = row(Optional(U16), "top speed", "km/h")
    overspeed_duration: int | None = row(Optional(U8), "how long it has to be exceeded", "s")


@part("Circle with a speed limit, as EMQX writes it")
class _CircleLimited2019(Message):
    _head = include(CircleHead)
    _window = include(_WindowIfGiven)
    _limit = include(_Limit)
    _night = include(_Night)


@part("Circle without a speed limit, as EMQX writes it")
class _CircleFree2019(Message):
    _head = include(CircleHead)
    _window = include(_WindowIfGiven)


@part("Rectangle, as EMQX writes it")
class _Rectangle(Message):
    _head = include(RectangleHead)
    _window = include(_Window)
    _limit = include(_Limit)


@part("Rectangle, as EMQX writes it")
class _Rectangle2019(Message):
    _rectangle = include(_Rectangle)
    _night = include(_Night)


@message(EMQX, 0x8600, "Set circles, as EMQX writes it", direction="down", versions=UNTIL_2013)
class _Circles(Message):
    type: int = row(U8, "what to do")
    areas: list[Any] = row(Counted(U8, Nested(_Circle), key="length"), "the areas")


@message(EMQX, 0x8600, "Set circles, as EMQX writes it", direction="down", versions=(V2019,))
class _Circles2019(Message):
    type: int = row(U8, "what to do")
    areas: list[Any] = row(
        Counted(U8, FirstFit(Nested(_CircleLimited2019), Nested(_CircleFree2019)), key="length"), "the areas"
    )


@message(EMQX, 0x8602, "Set rectangles, as EMQX writes it", direction="down", versions=UNTIL_2013)
class _Rectangles(Message):
    type: int = row(U8, "what to do")
    areas: list[Any] = row(Counted(U8, Nested(_Rectangle), key="length"), "the areas")


@message(EMQX, 0x8602, "Set rectangles, as EMQX writes it", direction="down", versions=(V2019,))
class _Rectangles2019(Message):
    type: int = row(U8, "what to do")
    areas: list[Any] = row(Counted(U8, Nested(_Rectangle2019), key="length"), "the areas")


@message(EMQX, 0x8604, "Set polygon, as EMQX writes it", direction="down", versions=UNTIL_2013)
class _Polygon(Message):
    id: int = row(U32, "id of the area")
    flag: int = row(U16, "attribute word")
    _window = include(_Window)
    _limit = include(_Limit)
    points: list[Vertex] = row(Counted(U16, Nested(Vertex), key="length"), "the vertices")


@message(EMQX, 0x8604, "Set polygon, as EMQX writes it", direction="down", versions=(V2019,))
class _Polygon2019(Message):
    _polygon = include(_Polygon)
    _night = include(_Night)


@part("Turning point, as EMQX writes it")
class _Point(Message):
    point_id: int = row(U32, "id of the point")
    path_id: int = row(U32, "id of the segment that begins here")
    point_lat: int = row(U32, "latitude", "1e-6 degree")
    point_lng: int = row(U32, "longitude", "1e-6 degree")
    width: int = row(U8, "width of the segment", "m")
    attrib: int = row(U8, "attribute byte")
    passed: int = row(U16, "longest time on the segment", "s")
    uncovered: int = row(U16, "shortest time on the segment", "s")
    _limit = include(_Limit)


@message(EMQX, 0x8606, "Set route, as EMQX writes it", direction="down", versions=UNTIL_2013)
class _Route(Message):
    id: int = row(U32, "id of the route")
    flag: int = row(U16, "attribute word")
    _window = include(_Window)
    points: list[_Point] = row(Counted(U16, Nested(_Point), key="length"), "the turning points")


@message(EMQX, 0x8606, "Set route, as EMQX writes it", direction="down", versions=(V2019,))
class _Route2019(Message):
    _route = include(_Route)
    name: str = row(SizedText(U16, key="name_len"), "name", default="")
