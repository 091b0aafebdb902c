"""Routes: where terminals are, and where they were."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from jimigw.journal.interface import Record
from jimigw.model.device import Device
from jimigw.model.report import AHEAD, Position

from .devices_api import ONLINE, SEARCH, matching
from .kinds import Box, Line, Moment, Whole, Word
from .problems import NOT_FOUND, wrong_parameter
from .rooms import Rooms
from .routes import DEVICE, GEOJSON, Answer, Call, Parameter, Reply, Route
from .scanning import Scanner
from .shapes import Time
from .tokens import Scope

TAG = "Positions"

LONGEST = timedelta(days=31)
"""The longest time that one track may be of."""
LATE = timedelta(days=7)
"""What a terminal kept and sent later than this after the end of the time is not looked for."""
_DAY = timedelta(days=1)

Coordinates = Annotated[list[float], Meta(min_length=2, max_length=3, description="longitude, latitude, metres")]


class Point(msgspec.Struct, tag_field="type", tag="Point"):
    """A place."""

    coordinates: Coordinates


class LineString(msgspec.Struct, tag_field="type", tag="LineString"):
    """A way."""

    coordinates: Annotated[list[Coordinates], Meta(min_length=2)]


class PlaceFacts(Position, omit_defaults=False):
    """A position, and whose it is."""

    device: str = ""
    plate: str | None = None
    name: str | None = None
    online: bool = False
    last_seen: Time | None = None


class PlaceFeature(msgspec.Struct):
    """Where a terminal is."""

    id: str
    geometry: Point
    properties: PlaceFacts
    type: Literal["Feature"] = "Feature"


class Places(msgspec.Struct):
    """GeoJSON (RFC 7946). `next`, where it is not null, is the `after` of the next page."""

    features: list[PlaceFeature]
    next: str | None
    type: Literal["FeatureCollection"] = "FeatureCollection"


class TrackPoint(Position, omit_defaults=False):
    """A position, and the record that it is from."""

    record: int = 0


class Track(msgspec.Struct):
    """Positions of a terminal by their time. `next`, where it is not null, is the `after` of the next page: a page may
    hold few, or none, and another one follow."""

    device: str
    points: list[TrackPoint]
    next: int | None


class TrackFacts(msgspec.Struct):
    """The positions of the way, one after another."""

    device: str
    times: list[Time]
    speeds_kmh: list[float | None]
    courses: list[int | None]
    records: list[int]
    next: int | None


class TrackFeature(msgspec.Struct):
    """A track as GeoJSON: a line, a point, or no geometry where there are no positions with a fix."""

    geometry: LineString | Point | None
    properties: TrackFacts
    type: Literal["Feature"] = "Feature"


class _Placed(msgspec.Struct):
    """What of a record's JSON matters here."""

    position: Position | None = None


_placed = msgspec.json.Decoder(_Placed).decode


class PositionsApi:
    """Positions as GeoJSON."""

    def __init__(self, rooms: Rooms, scanner: Scanner) -> None:
        self._rooms, self._scanner = rooms, scanner

    def routes(self) -> list[Route]:
        """The rows."""
        return [
            Route(
                "GET",
                "/api/v1/positions",
                Scope.READ,
                "Show where the terminals are",
                self.last_positions,
                {200: Answer(Places, "the last position of each", GEOJSON)},
                TAG,
                "Terminals without a position are left out.",
                query=(
                    SEARCH,
                    ONLINE,
                    Parameter("bbox", Box(), "only those in this area; west may be greater than east"),
                    Parameter("after", Line(64), "the `next` of the page before", ""),
                    Parameter("limit", Whole(1, 5000), "terminals of a page", 1000),
                ),
            ),
            Route(
                "GET",
                "/api/v1/devices/{device}/track",
                Scope.READ,
                "Show where a terminal was",
                self.track,
                {200: Answer(Track, "the positions, by their time", others={GEOJSON: TrackFeature})},
                TAG,
                "Positions whose own time is from `from` up to `to`, also those that were sent up to a week later. A "
                "page holds them in the order in which they came, sorted by time. As GeoJSON those without a fix of "
                "the satellites are left out.",
                parameters=(DEVICE,),
                query=(
                    Parameter("from", Moment(), "the beginning; a day before `to` where it is not given"),
                    Parameter("to", Moment(), "the end, at most 31 days later; now where it is not given"),
                    Parameter("format", Word(("json", "geojson")), "how it is written", "json"),
                    Parameter("after", Whole(), "the `next` of the page before", None),
                    Parameter("limit", Whole(1, 5000), "positions of a page", 1000),
                ),
                problems=(NOT_FOUND,),
            ),
        ]

    async def last_positions(self, call: Call) -> Reply:
        query = call.query
        match: Callable[[Device], bool] = matching(query["search"], query["online"])
        box: tuple[float, float, float, float] | None = query["bbox"]

        def wanted(device: Device) -> bool:
            position = device.position
            return position is not None and (box is None or _within(position, box)) and match(device)

        devices, next = await self._rooms.page(query["after"], query["limit"], wanted)
        features = [_feature(device) for device in devices]
        return Reply(Places(features, next), headers={"Content-Type": GEOJSON})

    async def track(self, call: Call) -> Reply:
        query, device = call.query, self._rooms.device(call.path["device"])
        end = query["to"] or datetime.fromtimestamp(self._rooms.reactor.seconds(), UTC)
        start = query["from"] or max(end - _DAY, datetime(1970, 1, 1, tzinfo=UTC))
        if start > end:
            raise wrong_parameter("from", f"it is after the end, {_text(end)}")
        if end - start > LONGEST:
            raise wrong_parameter("from", f"it is more than {LONGEST.days} days before the end, {_text(end)}")
        after, limit = query["after"], query["limit"]
        if after is None:
            after = await self._scanner.before(_microseconds(start) - _microseconds_of(AHEAD))
        last = _microseconds(end) + _microseconds_of(LATE)
        points: list[TrackPoint] = []

        def take(record: Record) -> bool:
            position = _placed(record.data).position
            if position is not None and start <= position.time <= end:
                points.append(TrackPoint(**msgspec.structs.asdict(position), record=record.id))
            return bool(len(points) < limit)

        next = await self._scanner.forward(after, device.id, take, last)
        points.sort(key=lambda point: (point.time, point.record))
        if query["format"] == "json":
            return Reply(Track(device.id, points, next))
        return Reply(_line(device.id, points, next), headers={"Content-Type": GEOJSON})


def _feature(device: Device) -> PlaceFeature:
    position = device.position
    assert position is not None
    seen = datetime.fromtimestamp(device.last_seen, UTC)
    card = device.card
    facts = PlaceFacts(
        **msgspec.structs.asdict(position),
        device=device.id,
        plate=device.plate,
        name=card.name,
        online=device.online,
        last_seen=seen,
    )
    return PlaceFeature(device.id, Point(_coordinates(position)), facts)


def _coordinates(position: Position) -> list[float]:
    place = [position.longitude, position.latitude]
    return place if position.altitude_m is None else [*place, position.altitude_m]


def _line(device: str, points: list[TrackPoint], next: int | None) -> TrackFeature:
    fixed = [point for point in points if point.fix is not False]
    places = [_coordinates(point) for point in fixed]
    geometry = LineString(places) if len(places) > 1 else Point(places[0]) if places else None
    facts = TrackFacts(
        device,
        [point.time for point in fixed],
        [point.speed_kmh for point in fixed],
        [point.course for point in fixed],
        [point.record for point in fixed],
        next,
    )
    return TrackFeature(geometry, facts)


def _within(position: Position, box: tuple[float, float, float, float]) -> bool:
    west, south, east, north = box
    if not south <= position.latitude <= north:
        return False
    if west <= east:
        return west <= position.longitude <= east
    return position.longitude >= west or position.longitude <= east


def _microseconds(time: datetime) -> int:
    return int(time.timestamp() * 1_000_000)


def _microseconds_of(span: timedelta) -> int:
    return int(span.total_seconds() * 1_000_000)


def _text(time: datetime) -> str:
    text: Any = msgspec.to_builtins(time)
    return str(text)
