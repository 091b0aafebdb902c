"""docs/uploads.md shows records as they are made."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.gateway.media.conftest import MakeWorld
from tests.gateway.media.world import CABIN, CLIP, IMEI, ROAD, TURN, MediaWorld

PAGE = (Path(__file__).parents[3] / "docs" / "uploads.md").read_text("utf-8")
SOS = f"EVENT_{IMEI}_00000000_2026_11_20_17_30_30_F_23.mp4"
RECORDINGS = ("2026_11_20_17_30_00_01.ts", "2026_11_20_17_31_00_01.ts", "2026_11_20_17_31_00_02.ts", "note.txt")


def _story(world: MediaWorld) -> list[Any]:
    """An alarm with two files, one of which is asked for; one whose file never comes; a list of recordings."""
    device = world.camera()
    _alarm(world, "2026-11-20T09:30:00Z", TURN, "Harsh turning", CABIN, ROAD)
    world.wait(12)
    world.upload(ROAD)
    (cabin,) = world.files(name=CABIN)
    world.result(world.uploads.fetch(cabin.id, "api:dispatch"))
    world.wait(2)
    world.says("UPLOADFILE:OK!")
    world.upload(CABIN, CLIP[:-1])
    world.wait(16)
    _alarm(world, "2026-11-20T09:30:30Z", 0x01, "SOS", SOS)
    world.wait(300)
    world.result(world.uploads.playlist_came(device, RECORDINGS))
    return [json.loads(record.json()) for record in world.journal.records]


def _alarm(world: MediaWorld, time: str, code: int, name: str, *files: str) -> None:
    world.record(
        "alarm",
        {"msg_id": 0x95},
        {"date_time": time, "files": files},
        position={
            "time": time, "latitude": 22.577283, "longitude": 113.916847, "fix": True, "speed_kmh": 45.0, "course": 90,
            "satellites": 9, "time_source": "terminal",
        },
        alarms=[{"code": code, "name": name}],
    )  # fmt: skip


def test_the_records_of_the_page(make_world: MakeWorld) -> None:
    shown = [json.loads(block) for block in re.findall(r"```json\n(\{\"id\".*?\n)```", PAGE, re.DOTALL)]
    made = {record["id"]: record for record in _story(make_world(public_url="http://gateway.example.org:23010"))}
    assert [record["kind"] for record in shown] == ["upload", "alarm_complete", "file_missing", "playlist"]
    for record in shown:
        assert record == made[record["id"]], record["kind"]
