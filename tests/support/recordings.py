"""The list of recordings that the field notes describe, made anew: what a JC400 posted to its FILELIST address."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from itertools import islice

from jimigw.tools.simulator.card import CABIN, ROAD, begins, block_name, list_body, shuffled

IMEI = "357730090564767"
START = int(datetime(2026, 8, 16, 5, 33, 58, tzinfo=UTC).timestamp())
"""When the oldest block begins, by the camera's clock."""

OF_ROAD, OF_CABIN = 1538, 1483
NAMES = OF_ROAD + OF_CABIN
BODY_BYTES = 78_590


def field_names(seed: int = 0) -> list[str]:
    """3,021 names, not sorted: 1,538 of the road, 1,483 of the cabin, blocks of 60 s (14 to 184 s)."""
    rng = random.Random(seed)
    road = [*islice(begins(rng, START), OF_ROAD)]
    cabin = sorted(rng.sample(road, OF_CABIN))
    names = [block_name(local, ROAD) for local in road] + [block_name(local, CABIN) for local in cabin]
    return shuffled(rng, names)


def field_list(imei: str = IMEI, seed: int = 0) -> bytes:
    """The body that the camera posts, 78,590 bytes, with the comma behind the last name."""
    return list_body(imei, field_names(seed))
