"""Files from end to end: a camera says, uploads and is asked by real sockets; people see it through the API."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest_twisted

from jimigw.gateway.media.heard import READER
from jimigw.protocols.jimi.codec import read_any
from jimigw.protocols.jimi.messages import Alarm, CommandReply
from jimigw.protocols.jimi.sensors import AlarmFiles
from tests.service.harness import Client, Running
from tests.web.api import IMEI, UPLOADS, Answer, ApiClient, camera, exchanged, parsed, serving
from tests.web.forms import clip, field, form, form_type
from tests.web.harness import until

FILES = "/api/v1/media"
DEVICE = f"/api/v1/devices/{IMEI}"
ROAD = f"EVENT_{IMEI}_00000000_2026_11_20_17_30_00_F_55.mp4"
CABIN = f"EVENT_{IMEI}_00000000_2026_11_20_17_30_00_I_56.mp4"
TURN: Any = Alarm
TURN = TURN(
    date_time=datetime(2026, 11, 20, 9, 30, tzinfo=UTC), gps_length=12, satellites=9, latitude=22.5, longitude=113.9,
    differential=False, fixed=True, west=False, north=True, course=90, speed=45, voltage=12.4, alarm_type=0x92,
    alarm_value=0, files=AlarmFiles([CABIN, ROAD]),
)  # fmt: skip
VIDEO = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 4000


class Depot:
    """Where cameras bring their files."""

    def __init__(self, running: Running) -> None:
        self.service = running.service

    def open(self) -> bool:
        """Whether they may come."""
        return bool(self.service.files.ports)

    @property
    def port(self) -> int:
        host: Any = self.service.files.ports[0].getHost()
        return int(host.port)

    async def ask(self, method: str, path: str, body: bytes = b"", type: str = "") -> Answer:
        """Ask the edge of uploads."""
        more = f"Content-Type: {type}\r\nContent-Length: {len(body)}\r\n" if type else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n{more}\r\n"
        return parsed(await exchanged(self.port, head.encode() + body))

    async def upload(self, name: str, data: bytes = VIDEO) -> Any:
        """A camera brings a file."""
        body = form(field("filename", name), field("timestamp", "1"), clip(data, "a.mp4"))
        return (await self.ask("POST", f"/upload/{IMEI}", body, form_type())).json


@pytest_twisted.async_yield_fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[ApiClient, Depot]]:
    """A service with its files and its API, for as long as it is wanted."""
    async for api in serving(tmp_path, UPLOADS, 'uploads.public_url="http://gateway.example.org:23010"'):
        depot = Depot(api.running)
        await until(depot.open)
        yield api, depot


def _asked(client: Client) -> list[str]:
    """The commands that a camera was given."""
    return [read_any(frame).body["command"] for frame in client.frames if frame.protocol == 0x80]


def _answers(client: Client, text: str) -> None:
    (*_, frame) = [frame for frame in client.frames if frame.protocol == 0x80]
    flag = read_any(frame).body["server_flag"]
    client.send(0x21, CommandReply(server_flag=flag, content_code=1, content=text).encode(), 99)


async def _states(api: ApiClient) -> Any:
    """The states of the files of the alarm, by camera."""
    (alarm,) = (await api.ask("GET", f"{FILES}/alarms", token="read")).json["alarms"]
    return alarm["complete"] is not None, {each["camera_name"]: each["state"] for each in alarm["files"]}


@pytest_twisted.ensureDeferred
async def test_an_alarm_whose_second_clip_has_to_be_asked_for(place: tuple[ApiClient, Depot]) -> None:
    api, depot = place
    client = await camera(api)
    client.send(0x95, TURN.encode(), 2)
    heard = depot.service.deliveries.readers
    await until(lambda: heard.status(READER).cursor == depot.service.journal.last_id() > 1)
    assert await _states(api) == (False, {"cabin": "announced", "road": "announced"})

    kept = await depot.upload(ROAD)
    assert kept == {
        "code": 200, "data": ROAD, "message": "success", "md5": hashlib.md5(VIDEO).hexdigest(),
    }  # fmt: skip
    assert await _states(api) == (False, {"cabin": "announced", "road": "stored"})
    found = (await api.ask("GET", f"{FILES}?state=announced", token="read")).json["files"]
    assert [(each["name"], each["tie"], each["event_name"]) for each in found] == [(CABIN, "name", "Harsh turning")]

    fetched = await api.ask("POST", f"{FILES}/{found[0]['id']}/fetch", token="command")
    assert (fetched.status, fetched.json["state"]) == (202, "asked")
    await until(lambda: _asked(client))
    assert _asked(client) == [f"UPLOADFILE,{CABIN}"]
    _answers(client, "UPLOADFILE:OK!")
    await depot.upload(CABIN, VIDEO[:-1])
    await until(lambda: "alarm_complete" in [record.kind for record in api.running.records()])
    assert await _states(api) == (True, {"cabin": "stored", "road": "stored"})

    files = (await api.ask("GET", f"{FILES}?kind=video", token="read")).json["files"]
    budget = (await api.ask("GET", f"{DEVICE}/media-budget", token="read")).json
    asked, all = len(VIDEO) - 1, 2 * len(VIDEO) - 1
    assert (budget["asked"], budget["received"], budget["files"], budget["zone"]) == (asked, all, 2, 480)
    by_name = {each["name"]: each for each in files}
    assert by_name[CABIN]["taken"] == by_name[ROAD]["taken"] == "2026-11-20T09:30:00Z"
    assert (by_name[CABIN]["step"], by_name[CABIN]["attempts"]) == ("UPLOADFILE", 1)
    stats = (await api.ask("GET", "/api/v1/stats", token="read")).json["sections"]["uploads"]
    assert (stats["stored"], stats["complete"], stats["bytes kept"]) == (2, 1, all)
    limits = api.running.service.webs._house.limits()["uploads"]
    assert (limits["max_bytes"], limits["max_transfers_per_device"]) == (512 << 20, 4)
    kinds = [record.kind for record in api.running.records()]
    assert [kind for kind in kinds if kind in ("upload", "alarm_complete", "file_missing")] == [
        "upload", "upload", "alarm_complete",
    ]  # fmt: skip


@pytest_twisted.ensureDeferred
async def test_a_file_is_read_linked_protected_and_deleted(place: tuple[ApiClient, Depot]) -> None:
    api, depot = place
    await camera(api)
    await depot.upload(ROAD)
    path = f"{FILES}/1"
    whole = await api.ask("GET", f"{path}/content", token="read")
    assert (whole.status, whole.body == VIDEO, whole.headers["content-type"]) == (200, True, "video/mp4")
    part = await api.ask("GET", f"{path}/content", token="read", headers={"Range": "bytes=1000000-1000009"})
    assert (part.status, part.body) == (206, VIDEO[1_000_000:1_000_010])
    link = (await api.ask("POST", f"{path}/link", token="read")).json
    assert link["url"] == f"http://gateway.example.org:23010{link['path']}"
    assert (await depot.ask("GET", link["path"])).body == VIDEO
    assert (await depot.ask("GET", link["path"].replace("/1/", "/2/"))).status == 403

    await api.ask("PATCH", path, {"protected": True}, token="command")
    refused = await api.ask("DELETE", path)
    assert (refused.status, "protected" in refused.json["detail"]) == (409, True)
    await api.ask("PATCH", path, {"protected": False}, token="command")
    deleted = await api.ask("DELETE", path)
    assert (deleted.status, deleted.json["state"], deleted.json["why"]) == (200, "deleted", "api:admin deleted it")
    assert (await api.ask("DELETE", path)).status == 409
    assert (await api.ask("GET", f"{path}/content", token="read")).status == 404
    assert (await depot.ask("GET", link["path"])).status == 410
    assert (await api.ask("POST", f"{path}/link", token="read")).status == 409
    assert not list((depot.service.config.data_path / "uploads" / "files").rglob("*.mp4"))


@pytest_twisted.ensureDeferred
async def test_a_list_of_recordings_becomes_a_timeline(place: tuple[ApiClient, Depot]) -> None:
    api, depot = place
    client = await camera(api)
    assert (await api.ask("GET", f"{DEVICE}/timeline", token="read")).status == 404
    asked = await api.ask("POST", f"{DEVICE}/timeline/refresh", token="command")
    assert (asked.status, asked.json["text"]) == (202, "FILELIST")
    await until(lambda: _asked(client))
    await api.ask("PUT", f"{DEVICE}/media-budget", {"zone": 480})
    names = [f"2026_11_20_17_{minute:02}_00_01.ts" for minute in (30, 31, 32, 40)]
    body = f'{{"imei":"{IMEI}","fileNameList":"{",".join(names)},"}}'.encode()
    assert (await depot.ask("POST", "/filelist", body, "application/json")).json == {"code": 0, "ok": True}
    found = (await api.ask("GET", f"{DEVICE}/timeline?from=2026-11-20T09:31:30Z", token="read")).json
    (track,) = found["tracks"]
    assert [each["name"] for each in track["recordings"]] == names[1:]
    assert (found["zone"], track["camera_name"], track["gaps"]) == (
        480, "road", [{"begins": "2026-11-20T09:33:00Z", "ends": "2026-11-20T09:40:00Z"}],
    )  # fmt: skip
    assert [record.kind for record in api.running.records()][-1] == "playlist"


@pytest_twisted.ensureDeferred
async def test_a_clip_needs_the_zone_of_the_camera(place: tuple[ApiClient, Depot]) -> None:
    api, _ = place
    client = await camera(api)
    body = {"time": "2026-11-20T09:30:00Z", "cameras": [2, 1], "seconds": 20}
    unknown = await api.ask("POST", f"{DEVICE}/clips", body, token="command")
    assert (unknown.status, "zone of its file names is not known" in unknown.json["detail"]) == (422, True)
    await api.ask("PUT", f"{DEVICE}/media-budget", {"zone": -180})
    asked = await api.ask("POST", f"{DEVICE}/clips", body, token="command")
    assert (asked.status, {each["camera_name"] for each in asked.json["files"]}) == (202, {"cabin", "road"})
    await until(lambda: _asked(client))
    assert _asked(client) == ["EVIDEO,2026-11-20 06:30:00,1,20"]
    await api.ask("PUT", f"{DEVICE}/media-budget", {"budget": 0})
    refused = await api.ask("POST", f"{DEVICE}/clips", body, token="command")
    assert (refused.status, "is used up" in refused.json["detail"]) == (429, True)
