"""Where the simulated vehicles drive: loops along roads of a few cities, and how a vehicle follows one."""

from __future__ import annotations

import math
import random
from datetime import timedelta

import attrs

METRES_A_DEGREE = 111_320.0
"""Metres in one degree of latitude."""

_PULL, _BRAKE = 1.6, 2.2  # m/s^2
_LONGEST_GAP = 600.0  # s: after a longer one the vehicle simply stands where it was


@attrs.frozen
class Waypoint:
    """A corner of a loop: degrees, the speed limit of the road behind it in km/h, and how long vehicles stop there."""

    latitude: float
    longitude: float
    limit: int = 50
    stop: int = 0


@attrs.frozen
class Leg:
    """The way from one corner to the next: metres, course in degrees from north, limits in m/s."""

    start: Waypoint
    end: Waypoint
    length: float
    course: float
    limit: float
    exit_speed: float


@attrs.frozen
class Route:
    """A loop in one city, with what a terminal there knows: the mobile network and the time zone."""

    city: str
    mcc: int
    mnc: int
    zone: timedelta
    legs: tuple[Leg, ...]

    @property
    def length(self) -> float:
        """Metres of the whole loop."""
        return sum(leg.length for leg in self.legs)


def _leg(start: Waypoint, end: Waypoint, after: Waypoint) -> Leg:
    length, course = _way(start, end)
    turn = abs((_way(end, after)[1] - course + 180) % 360 - 180)
    # Straight on at full speed, a right angle at some 17 km/h.
    exit_speed = 0.0 if end.stop else max(3.0, start.limit / 3.6 * max(0.0, 1 - turn / 120))
    return Leg(start, end, length, course, start.limit / 3.6, min(exit_speed, start.limit / 3.6))


def _way(start: Waypoint, end: Waypoint) -> tuple[float, float]:
    north = (end.latitude - start.latitude) * METRES_A_DEGREE
    east = (end.longitude - start.longitude) * METRES_A_DEGREE * math.cos(math.radians(start.latitude))
    return math.hypot(north, east), math.degrees(math.atan2(east, north)) % 360


def loop(city: str, mcc: int, mnc: int, zone_hours: float, corners: list[Waypoint]) -> Route:
    """A route through these corners and back to the first."""
    count = len(corners)
    legs = tuple(_leg(corners[i], corners[(i + 1) % count], corners[(i + 2) % count]) for i in range(count))
    return Route(city, mcc, mnc, timedelta(hours=zone_hours), legs)


W = Waypoint

ROUTES = (
    loop("Shenzhen", 460, 0, 8, [
        W(22.5766, 113.9430, 60), W(22.5712, 113.9437, 60), W(22.5551, 113.9440, 80, 45), W(22.5405, 113.9415, 60),
        W(22.5330, 113.9300, 40), W(22.5338, 113.9190, 60, 240), W(22.5480, 113.9170, 80), W(22.5610, 113.9185, 60),
        W(22.5735, 113.9230, 40, 30), W(22.5790, 113.9345, 50),
    ]),
    loop("Buenos Aires", 722, 7, -3, [
        W(-34.6037, -58.3816, 60), W(-34.6158, -58.3816, 60), W(-34.6275, -58.3815, 40, 60), W(-34.6350, -58.3650, 40),
        W(-34.6200, -58.3650, 60, 300), W(-34.6030, -58.3680, 50), W(-34.5912, -58.3745, 70), W(-34.5880, -58.3930, 40),
        W(-34.5985, -58.3930, 40),
    ]),
    loop("São Paulo", 724, 10, -3, [
        W(-23.5614, -46.6560, 50), W(-23.5710, -46.6440, 70), W(-23.5880, -46.6350, 60, 40), W(-23.5875, -46.6576, 50),
        W(-23.5740, -46.6690, 40, 200), W(-23.5670, -46.6700, 40),
    ]),
    loop("London", 234, 10, 0, [
        W(51.5074, -0.1278, 32), W(51.5007, -0.1246, 32, 30), W(51.4952, -0.1100, 48), W(51.5005, -0.1050, 32),
        W(51.5045, -0.0870, 32), W(51.5135, -0.0890, 32, 180), W(51.5139, -0.0990, 32), W(51.5120, -0.1170, 32),
        W(51.5100, -0.1340, 32),
    ]),
    loop("Nairobi", 639, 2, 3, [
        W(-1.2864, 36.8172, 50), W(-1.2921, 36.8219, 80), W(-1.3032, 36.8260, 80), W(-1.3100, 36.8150, 50, 90),
        W(-1.3000, 36.7900, 80), W(-1.2880, 36.7830, 50), W(-1.2700, 36.8050, 50, 260), W(-1.2650, 36.8120, 60),
    ]),
    loop("Hà Nội", 452, 4, 7, [
        W(21.0285, 105.8542, 40), W(21.0180, 105.8500, 50), W(21.0070, 105.8430, 60, 35), W(21.0025, 105.8200, 80),
        W(21.0200, 105.8130, 60), W(21.0360, 105.8150, 50, 220), W(21.0430, 105.8360, 40), W(21.0400, 105.8480, 40),
    ]),
)  # fmt: skip


class Drive:
    """One vehicle on a route: asked for a time, it has moved there. Speeds up, brakes for corners, stops."""

    def __init__(self, route: Route, rng: random.Random, now: float) -> None:
        self.route = route
        self.mileage = rng.uniform(5_000, 180_000) * 1000.0
        self.speed = 0.0  # m/s
        self.satellites = rng.randint(9, 14)
        self._rng = rng
        self._now = now
        self._leg = rng.randrange(len(route.legs))
        self._along = rng.uniform(0.0, 0.9) * self.leg.length
        self._haste = rng.uniform(0.85, 1.08)
        self._stands_until = 0.0
        self._off_from = math.inf

    @property
    def leg(self) -> Leg:
        """The part of the route where the vehicle is."""
        return self.route.legs[self._leg]

    @property
    def latitude(self) -> float:
        """Degrees, as a GPS module of a few metres' accuracy finds them."""
        leg = self.leg
        share = self._along / leg.length
        return leg.start.latitude + (leg.end.latitude - leg.start.latitude) * share

    @property
    def longitude(self) -> float:
        """Degrees; see `latitude`."""
        leg = self.leg
        share = self._along / leg.length
        return leg.start.longitude + (leg.end.longitude - leg.start.longitude) * share

    @property
    def course(self) -> int:
        """Degrees clockwise from north; a standing vehicle keeps its last."""
        return round(self.leg.course) % 360

    @property
    def speed_kmh(self) -> int:
        """Whole km/h."""
        return round(self.speed * 3.6)

    @property
    def ignition(self) -> bool:
        """Off while the vehicle makes a long stop."""
        return self._now < self._off_from

    def advance(self, now: float) -> None:
        """Move on to this time; a time that lies back changes nothing."""
        gap = now - self._now
        if gap > _LONGEST_GAP:
            self._now = now - _LONGEST_GAP
        while self._now < now:
            self._step(min(1.0, now - self._now))
        if self.speed > 0 and self._rng.random() < 0.2:
            self.satellites = min(16, max(6, self.satellites + self._rng.choice((-1, 1))))

    def _step(self, seconds: float) -> None:
        self._now += seconds
        if self._now < self._stands_until:
            return
        self._off_from = math.inf
        leg = self.leg
        left = leg.length - self._along
        # As fast as the road allows and as the brakes still make the corner.
        able = math.sqrt(leg.exit_speed**2 + 2 * _BRAKE * max(0.0, left - self.speed * seconds))
        wanted = min(leg.limit * self._haste, max(able, 1.0))
        if wanted > self.speed:
            self.speed = min(wanted, self.speed + _PULL * seconds)
        else:
            self.speed = max(wanted, self.speed - 1.5 * _BRAKE * seconds)
        way = min(self.speed * seconds, left)
        self.mileage += way
        self._along += way
        if self._along >= leg.length - 0.5:
            self._arrive(leg.end)

    def _arrive(self, corner: Waypoint) -> None:
        self._leg = (self._leg + 1) % len(self.route.legs)
        self._along = 0.0
        if corner.stop:
            self.speed = 0.0
            self._stands_until = self._now + corner.stop * self._rng.uniform(0.5, 1.5)
            if corner.stop >= 120:
                self._off_from = self._now + 15.0
