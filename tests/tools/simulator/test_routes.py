"""Routes and driving: what a platform would believe."""

import math
import random
from itertools import pairwise

import pytest

from jimigw.tools.simulator.routes import METRES_A_DEGREE, ROUTES, Drive, Route

routes = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.city)


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    north = (other[0] - one[0]) * METRES_A_DEGREE
    east = (other[1] - one[1]) * METRES_A_DEGREE * math.cos(math.radians(one[0]))
    return math.hypot(north, east)


@routes
def test_a_route_is_a_loop_of_roads(route: Route) -> None:
    assert 4_000 < route.length < 40_000
    assert any(leg.end.stop >= 120 for leg in route.legs), "somewhere the engine is switched off"
    for leg, after in zip(route.legs, [*route.legs[1:], route.legs[0]], strict=True):
        assert leg.end == after.start
        assert 200 < leg.length < 6_000
        assert 0 <= leg.course < 360


@routes
def test_an_hour_of_driving(route: Route) -> None:
    drive = Drive(route, random.Random(7), 0.0)
    mileage, speeds, ignitions = drive.mileage, [], []
    place = (drive.latitude, drive.longitude)
    for now in range(1, 3601):
        drive.advance(float(now))
        here = (drive.latitude, drive.longitude)
        # A second's way is what the speed says, and a corner is never cut.
        assert metres(place, here) <= drive.route.legs[0].limit * 2 + 15
        assert abs(drive.mileage - mileage - metres(place, here)) < 2.0
        assert 0 <= drive.course < 360
        assert 6 <= drive.satellites <= 16
        assert drive.speed <= max(leg.limit for leg in route.legs) * 1.1
        mileage, place = drive.mileage, here
        speeds.append(drive.speed_kmh)
        ignitions.append(drive.ignition)
    assert max(speeds) > 25
    assert 0 in speeds
    assert 0 < ignitions.count(False) < 1800
    assert all(speed == 0 for speed, on in zip(speeds, ignitions, strict=True) if not on)
    jumps = [abs(after - before) for before, after in pairwise(speeds)]
    # Nobody brakes from 80 to 0 in a second.
    assert sum(jump > 20 for jump in jumps) <= len(route.legs)


def test_the_same_seed_drives_the_same_way() -> None:
    one, other = (Drive(ROUTES[0], random.Random(3), 0.0) for _ in range(2))
    for now in (10.0, 300.0, 305.5):
        one.advance(now)
        other.advance(now)
        assert (one.latitude, one.longitude, one.mileage) == (other.latitude, other.longitude, other.mileage)


def test_time_that_lies_back_changes_nothing() -> None:
    drive = Drive(ROUTES[0], random.Random(3), 100.0)
    drive.advance(160.0)
    place = (drive.latitude, drive.longitude)
    drive.advance(120.0)
    assert (drive.latitude, drive.longitude) == place


def test_a_long_gap_costs_no_long_computation() -> None:
    drive = Drive(ROUTES[0], random.Random(3), 0.0)
    drive.advance(1e9)
    assert drive.mileage < 200_000_000
