"""Files through the whole service: real sockets, real disk; cameras, a platform with a callback, restarts."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest_twisted
import treq
from twisted.internet import reactor as the_reactor
from twisted.internet.task import deferLater

from jimigw.model.media import MediaQuery
from jimigw.protocols.jimi.messages import Alarm
from jimigw.protocols.jimi.sensors import AlarmFiles
from tests.service.harness import Client, Running, Start, until
from tests.support.swift import ACCESS, SECRET, Swift

reactor: Any = the_reactor
IMEI = "863000000000014"
ROAD = f"EVENT_{IMEI}_00000000_2026_11_20_17_30_00_F_55.mp4"
CABIN = f"EVENT_{IMEI}_00000000_2026_11_20_17_30_00_I_56.mp4"
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 400
HERE = ('uploads.endpoint="tcp:0:interface=127.0.0.1"', 'attachments.endpoint="tcp:0:interface=127.0.0.1"')


class Site:
    """A service that takes uploads."""

    def __init__(self, start: Start, folder: Path, *settings: str) -> None:
        self.running: Running = start(folder, *HERE, *settings)

    async def ready(self) -> Site:
        await until(lambda: len(self.running.service.files.ports) == 2)
        place: Any = self.running.service.files.ports[0].getHost()
        self.url = f"http://127.0.0.1:{place.port}"
        return self

    async def camera(self) -> Client:
        client = await self.running.connect(IMEI)
        client.login()
        await client.got(1)
        return client

    async def upload(self, name: str, data: bytes = CLIP, path: str = "/upload") -> tuple[int, Any]:
        file: Any = {"file": ("part.mp4", data)}
        answer = await treq.post(
            self.url + path,
            files=file,
            data={"filename": name, "timestamp": "1597126660000"},
            persistent=False,
        )
        return answer.code, json.loads(await answer.content())

    def records(self, kind: str) -> list[Any]:
        found = [json.loads(each.json()) for each in self.running.records() if each.kind == kind]
        return [each["message"]["body"] for each in found]


@pytest_twisted.ensureDeferred
async def test_a_file_of_a_camera(start: Start, tmp_path: Path) -> None:
    site = await Site(start, tmp_path, 'uploads.public_url="http://gateway.example.org:23010"').ready()
    assert (await site.upload(ROAD))[0] == 400  # nobody knows it
    await site.camera()
    code, said = await site.upload(ROAD)
    assert (code, said["code"], said["data"]) == (200, 200, ROAD)
    assert said["md5"] == hashlib.md5(CLIP).hexdigest()
    (record,) = site.records("upload")
    assert (record["filename"], record["size"], record["md5"]) == (ROAD, len(CLIP), said["md5"])
    link = record["url"].removeprefix("http://gateway.example.org:23010")
    answer = await treq.get(site.url + link, persistent=False)
    assert (answer.code, await answer.content()) == (200, CLIP)
    answer = await treq.get(site.url + link.replace("sign=", "sign=x"), persistent=False)
    assert answer.code == 403
    assert (await site.upload(ROAD))[0] == 200
    assert len(site.records("upload")) == 1


@pytest_twisted.ensureDeferred
async def test_the_list_of_recordings(start: Start, tmp_path: Path) -> None:
    site = await Site(start, tmp_path).ready()
    await site.camera()
    names = "2021_06_10_18_50_17_01.mp4,2021_06_10_18_51_20_01.mp4,"
    for _ in range(2):
        body = json.dumps({"imei": IMEI, "fileNameList": names}).encode()
        answer = await treq.post(f"{site.url}/filelist", body, persistent=False)
        assert (answer.code, json.loads(await answer.content())) == (200, {"code": 0, "ok": True})
    (record,) = site.records("playlist")
    assert (record["names"], record["recordings"]) == (2, 2)


@pytest_twisted.ensureDeferred
async def test_what_an_alarm_announces_and_what_comes(start: Start, tmp_path: Path) -> None:
    site = await Site(start, tmp_path, "uploads.fetch_after=1.0").ready()
    camera = await site.camera()
    alarm: Any = Alarm
    message = alarm(
        date_time=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
        gps_length=13, satellites=9, latitude=22.5, longitude=113.9, differential=False, fixed=True, course=10,
        speed=40, voltage=13.8, alarm_type=0x92, alarm_value=0, files=AlarmFiles([CABIN, ROAD]),
    )  # fmt: skip
    camera.send(0x95, message.encode(), 2)
    await camera.got(2)
    uploads = site.running.service.files.uploads

    async def states() -> dict[str | None, str]:
        found = await uploads.find(MediaQuery(IMEI))
        return {each.name: str(each.state) for each in found}

    async def become(**wanted: str) -> None:
        names = {"road": ROAD, "cabin": CABIN}
        for _ in range(1000):
            if await states() == {names[name]: state for name, state in wanted.items()}:
                return
            await deferLater(reactor, 0.005)
        raise AssertionError(await states())

    await become(road="announced", cabin="announced")
    assert (await site.upload(ROAD))[0] == 200
    await become(road="stored", cabin="missing")
    assert (await site.upload(CABIN))[0] == 200
    await until(lambda: site.records("alarm_complete"))
    assert [each["filename"] for each in site.records("alarm_complete")[0]["files"]] == [CABIN, ROAD]
    assert [each["filename"] for each in site.records("file_missing")] == [CABIN]


@pytest_twisted.ensureDeferred
async def test_over_a_restart(start: Start, tmp_path: Path) -> None:
    site = await Site(start, tmp_path).ready()
    await site.camera()
    await site.upload(ROAD)
    await site.running.stop()
    site = await Site(start, tmp_path).ready()
    code, said = await site.upload(ROAD)
    assert (code, said["md5"]) == (200, hashlib.md5(CLIP).hexdigest())
    (media,) = await site.running.service.files.uploads.find(MediaQuery(IMEI))
    assert await site.running.service.files.uploads.read(media, 0, 1 << 20) == CLIP
    assert len(site.records("upload")) == 1


@pytest_twisted.ensureDeferred
async def test_files_in_a_store_that_speaks_s3(start: Start, tmp_path: Path, swift: Swift) -> None:
    """Everything is the same, over a restart too; only the content lies elsewhere."""
    keys = tmp_path / "keys"
    keys.write_text(f"{ACCESS}\n{SECRET}\n")
    store = (
        'uploads.engine="s3"',
        f'uploads.s3_url="{swift.url}"',
        f'uploads.s3_bucket="{swift.make_bucket()}"',
        'uploads.s3_prefix="fleet/"',
        f'uploads.s3_credentials_file="{keys}"',
        'uploads.public_url="http://gateway.example.org:23010"',
    )
    site = await Site(start, tmp_path, *store).ready()
    await site.camera()
    code, said = await site.upload(ROAD)
    assert (code, said["md5"]) == (200, hashlib.md5(CLIP).hexdigest())
    assert not list((tmp_path / "uploads").rglob("*.mp4"))
    await site.running.stop()
    site = await Site(start, tmp_path, *store).ready()
    link = site.records("upload")[0]["url"].removeprefix("http://gateway.example.org:23010")
    answer = await treq.get(site.url + link, persistent=False)
    assert (answer.code, await answer.content()) == (200, CLIP)
    assert (await site.upload(ROAD))[0] == 200
    uploads = site.running.service.files.uploads
    (media,) = await uploads.find(MediaQuery(IMEI))
    await uploads.delete(media.id, "test")
    answer = await treq.get(site.url + link, persistent=False)
    assert answer.code == 410
