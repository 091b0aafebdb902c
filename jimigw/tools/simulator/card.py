"""The memory card of a simulated camera: the continuous recording in blocks, and the list of their names."""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

ROAD, CABIN = 1, 2

_USUAL = 60
_SHORTEST, _LONGEST = 14, 184
_ODD, _PARKED, _CABIN_FAILS = 0.02, 0.003, 0.04


def begins(rng: random.Random, start: int) -> Iterator[int]:
    """When blocks begin, without an end: one a minute, now and then an odd one, and gaps where the vehicle is parked.

    Times are seconds of the camera's local time.
    """
    at = start
    while True:
        yield at
        at += rng.randint(_SHORTEST, _LONGEST) if rng.random() < _ODD else _USUAL
        if rng.random() < _PARKED:
            at += rng.randint(600, 7200)


def block_name(local: int, camera: int, extension: str = "ts") -> str:
    """The name of a block: ``Y_m_d_H_M_S_<01|02>.ts``."""
    return f"{datetime.fromtimestamp(local, UTC):%Y_%m_%d_%H_%M_%S}_{camera:02d}.{extension}"


def list_body(imei: str, names: list[str]) -> bytes:
    """How a camera posts its list (JC261/JC400 V1.3.5, 6.2): with a comma behind each name, the last one too."""
    listed = "".join(f"{name}," for name in names)
    return json.dumps({"imei": imei, "fileNameList": listed}, separators=(",", ":")).encode()


class Card:
    """What one camera recorded since ``hours`` before it was started; it goes on as time does.

    ``zone`` is what its clock is ahead of UTC; local times are given as if they were UTC. Nothing is made before
    somebody asks.
    """

    def __init__(self, rng: random.Random, now: float, zone: timedelta, hours: float = 24.0) -> None:
        self._rng = random.Random(rng.random())
        self._zone = int(zone.total_seconds())
        self._starts = begins(self._rng, int(now - hours * 3600) + self._zone)
        self._next = next(self._starts)
        self._blocks: dict[int, list[int]] = {ROAD: [], CABIN: []}

    def _record(self, local: float) -> None:
        while self._next <= local:
            for camera, blocks in self._blocks.items():
                if camera == ROAD or self._rng.random() >= _CABIN_FAILS:
                    blocks.append(self._next)
            self._next = next(self._starts)

    def names(self, now: float) -> list[str]:
        """All names, in the order that the card has them."""
        self._record(now + self._zone)
        names = [block_name(local, camera) for camera, blocks in self._blocks.items() for local in blocks]
        return shuffled(self._rng, names)

    def listing(self, imei: str, now: float) -> bytes:
        """The body of the list that the camera posts."""
        return list_body(imei, self.names(now))

    def block(self, local: datetime, camera: int, now: float) -> datetime | None:
        """When the block begins that holds this local time; None where there is none."""
        self._record(now + self._zone)
        blocks, wanted = self._blocks[camera], int(local.timestamp())
        at = bisect_right(blocks, wanted)
        if not at or wanted > now + self._zone:
            return None
        begins = blocks[at - 1]
        lasts = blocks[at] - begins if at < len(blocks) else _USUAL
        return datetime.fromtimestamp(begins, UTC) if wanted - begins < min(lasts, _LONGEST) else None


def shuffled(rng: random.Random, names: list[str]) -> list[str]:
    """Names in the order of a card's directory: runs of neighbours, the runs anyhow."""
    cuts = sorted({0, len(names), *(rng.randrange(len(names) + 1) for _ in range(len(names) // 20))})
    runs = [names[begin:end] for begin, end in pairwise(cuts)]
    rng.shuffle(runs)
    return [name for run in runs for name in run]
