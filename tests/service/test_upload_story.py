"""Files as a platform sees them: simulated cameras, the real service, a real receiver of callbacks, all over sockets.

An alarm announces two files; one comes by itself, the other has to be asked for, in this way or that; the platform
hears of each, and of the alarm once it is complete.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
import treq
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import Site

from jimigw.gateway.uploads import UploadRefused
from jimigw.model.device import Device
from jimigw.model.file_names import parse_name
from jimigw.model.media import Media, MediaQuery, MediaState
from jimigw.tools.simulator.clips import Content
from jimigw.tools.simulator.fleet import Fleet, Plan
from jimigw.tools.simulator.plan import Uploads
from jimigw.tools.simulator.routes import ROUTES
from jimigw.tools.simulator.terminal import imei_of
from tests.service.harness import Running, Start

reactor: Any = the_reactor
LIMIT = 30.0
CLIP_BYTES = 60_000
IMEI = imei_of("86490800000000", 0)
ZONE = round(ROUTES[0].zone.total_seconds() / 60)  # the first terminal's
ROAD, CABIN = 1, 2
PUBLIC = "http://gateway.example.org:23010"


async def until(condition: Callable[[], object]) -> None:
    began = reactor.seconds()
    while not condition():
        assert reactor.seconds() < began + LIMIT, "it never came to be"
        await deferLater(reactor, 0.005)


class Platform(Resource):
    """Takes callbacks; and what it took, by kind."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.records: list[dict[str, Any]] = []
        site = Site(self)
        site.noisy = False
        self._port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port.getHost().port}/take"

    def render_POST(self, request: Any) -> bytes:
        self.records += json.loads(request.content.read())
        return b""

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of the records of a kind."""
        return [record["message"]["body"] for record in self.records if record["kind"] == kind]

    @property
    def story(self) -> list[str]:
        """What it heard, in order, without what every terminal says all the time."""
        told = {"alarm", "upload", "alarm_complete", "file_missing", "playlist"}
        return [record["kind"] for record in self.records if record["kind"] in told]

    def close(self) -> Any:
        return self._port.stopListening()


@attrs.define
class World:
    """The service, the platform, and cameras that are started by the test."""

    running: Running
    platform: Platform
    url: str
    fleets: list[tuple[Fleet, Deferred[dict[str, Any]]]] = attrs.Factory(list)

    async def cameras(self, devices: int = 1, *, tricks: tuple[str, ...] = (), **habits: Any) -> Fleet:
        """Cameras that are on line; they raise no alarms by themselves."""
        usual: dict[str, Any] = {
            "busy": 0.0,
            "ready": 0.1,
            "again": (0.2,),
            "clip_bytes": CLIP_BYTES,
            "card_hours": 1.0,
        }
        uploads = Uploads(f"{self.url}/upload", f"{self.url}/filelist", **{**usual, **habits})
        plan = Plan(
            "127.0.0.1", self.running.port, devices=devices, interval=1.0, alarms_an_hour=0.0, grace=3.0, seed=3,
            tricks=frozenset(tricks), uploads=uploads,
        )  # fmt: skip
        fleet = Fleet(reactor, plan)
        self.fleets.append((fleet, fleet.run()))
        await until(lambda: fleet.online == devices)
        return fleet

    async def end(self) -> dict[str, Any]:
        """The cameras' books, once they have ended."""
        fleet, done = self.fleets.pop()
        fleet.finish()
        return await done

    async def fetched(self, url: str) -> bytes:
        """What is behind a link that the platform got."""
        assert url.startswith(PUBLIC)
        answer = await treq.get(self.url + url.removeprefix(PUBLIC), persistent=False)
        assert answer.code == 200
        return bytes(await answer.content())

    @property
    def device(self) -> Device:
        """The first camera."""
        found = self.running.service.registry.get(IMEI)
        assert found is not None
        return found

    async def files(self, **query: Any) -> list[Media]:
        """What the service knows of files, the oldest first."""
        found: list[Media] = await self.running.service.files.uploads.find(MediaQuery(**query))
        return found[::-1]

    def asked(self) -> list[str]:
        """The commands that the service gave, as words and replies, in the order of their numbers."""
        bodies = [body for body in self.platform.told("command_result") if "command" in body]
        found = sorted(bodies, key=lambda body: int(body["command"]))
        return [f"{body['text'].partition(',')[0]} {body.get('reply', body['outcome'])}" for body in found]


@pytest_twisted.async_yield_fixture
async def world(start: Start, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts the service, with a platform that gets callbacks, and ends all cameras with the test."""
    worlds: list[World] = []

    async def make(*settings: str) -> World:
        platform = Platform()
        running = start(
            tmp_path,
            'uploads.endpoint="tcp:0:interface=127.0.0.1"',
            f'uploads.public_url="{PUBLIC}"',
            "uploads.fetch_after=1.5",
            "uploads.fetch_wait=4.0",
            f'callbacks=[{{url="{platform.url}"}}]',
            *settings,
        )
        await until(lambda: running.service.files.ports)
        place: Any = running.service.files.ports[0].getHost()
        worlds.append(World(running, platform, f"http://127.0.0.1:{place.port}"))
        return worlds[-1]

    yield make
    for each in worlds:
        while each.fleets:
            await each.end()
        await each.platform.close()


MISSING = 'uploads.fetch="missing"'


@pytest_twisted.ensureDeferred
async def test_one_file_comes_and_the_other_is_asked_for(world: Any) -> None:
    here: World = await world(MISSING)
    fleet = await here.cameras(cameras=frozenset({ROAD}))
    fleet.raise_alarm()
    await until(lambda: here.platform.told("alarm_complete"))
    assert here.platform.story == ["alarm", "upload", "upload", "alarm_complete"]
    (alarm,) = here.platform.told("alarm")
    cabin, road = alarm["files"]
    first, second = here.platform.told("upload")
    assert (first["filename"], first["camera_name"], first["tie"]) == (road, "road", "name")
    assert (second["filename"], second["camera_name"], second["tie"]) == (cabin, "cabin", "name")
    assert ("command" in first, second["command"]) == (False, 1)
    assert here.asked() == ["UPLOADFILE UPLOADFILE:OK!"]
    (complete,) = here.platform.told("alarm_complete")
    assert [each["filename"] for each in complete["files"]] == [cabin, road]
    assert complete["alarm"]["code"] == alarm["alarm_type"]
    for each in (first, second):
        assert each["alarm"] == complete["alarm"]
        assert each["taken"] == alarm["date_time"]
        content = b"".join(Content(each["filename"], CLIP_BYTES).pieces())
        assert (each["size"], each["md5"]) == (CLIP_BYTES, hashlib.md5(content).hexdigest())
        assert await here.fetched(each["url"]) == content
    for file in complete["files"]:
        assert (await here.fetched(file["url"]))[:4] == b"\x47\x1f\xff\x10"
    summary = await here.end()
    assert summary["counts"] == {
        "files held back": 1, "uploads started": 2, "uploads answered": 2, "MD5s right": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("refuses", "silent", "asked", "number"),
    [
        ({"UPLOADFILE"}, {"UPLOADFILE"}, ["UPLOADFILE refused", "EVIDEO answered"], 21),
        ({"UPLOADFILE", "EVIDEO"}, set(), ["UPLOADFILE refused", "EVIDEO refused", "HVIDEO answered"], 25),
        # one firmware uploads without a word
        ({"UPLOADFILE", "EVIDEO"}, {"HVIDEO"}, ["UPLOADFILE refused", "EVIDEO refused"], 25),
    ],
)
@pytest.mark.parametrize("hex_flags", [False, True])
@pytest_twisted.ensureDeferred
async def test_the_ladder(
    world: Any, refuses: set[str], silent: set[str], asked: list[str], number: int, hex_flags: bool
) -> None:
    here: World = await world(MISSING)
    fleet = await here.cameras(
        cameras=frozenset({ROAD}), refuses=frozenset(refuses), silent=frozenset(silent), hex_flags=hex_flags
    )
    # Numbers of commands that are other ones in hex.
    commands = here.running.service.commands
    for _ in range(12):
        await commands.wait((await commands.give_text(IMEI, "VERSION", owner="test")).id, 10.0)
    fleet.raise_alarm()
    await until(lambda: here.platform.told("alarm_complete"))
    assert here.platform.story == ["alarm", "upload", "upload", "alarm_complete"]
    cabin, _road = here.platform.told("alarm")[0]["files"]
    _first, second = here.platform.told("upload")
    came = parse_name(second["filename"])
    assert (came.event, came.camera, came.form) == (number, CABIN, "command")
    assert (second["announced_as"], second["tie"]) == (cabin, "flag")
    assert came.flag_text == (f"{second['command']:08x}" if hex_flags else f"{second['command']:08d}")
    assert here.platform.told("alarm_complete")[0]["files"][0]["filename"] == second["filename"]
    outcomes = [f"{body['text'].partition(',')[0]} {body['outcome']}" for body in here.platform.told("command_result")
                if body.get("command", 0) > 12]  # fmt: skip
    assert outcomes == asked


@pytest_twisted.ensureDeferred
async def test_no_way_is_left(world: Any) -> None:
    here: World = await world(MISSING)
    fleet = await here.cameras(cameras=frozenset({ROAD}), refuses=frozenset({"UPLOADFILE", "EVIDEO", "HVIDEO"}))
    fleet.raise_alarm()
    await until(lambda: here.platform.told("file_missing"))
    assert here.platform.story == ["alarm", "upload", "file_missing"]
    (missing,) = here.platform.told("file_missing")
    assert missing["filename"] == here.platform.told("alarm")[0]["files"][0]
    assert missing["state"] == "failed"
    assert all(f"{rung}: {rung},parameter A error." in missing["reason"] for rung in ("UPLOADFILE", "EVIDEO", "HVIDEO"))


@pytest_twisted.ensureDeferred
async def test_somebody_asks_for_what_is_missing(world: Any) -> None:
    here: World = await world()
    fleet = await here.cameras(cameras=frozenset({CABIN}))
    fleet.raise_alarm()
    await until(lambda: here.platform.told("file_missing"))
    (missing,) = here.platform.told("file_missing")
    assert (missing["state"], missing["camera_name"]) == ("missing", "road")
    assert here.asked() == []
    uploads = here.running.service.files.uploads
    await uploads.fetch(missing["media"], "somebody")
    await until(lambda: here.platform.told("alarm_complete"))
    assert here.platform.story == ["alarm", "upload", "file_missing", "upload", "alarm_complete"]
    with pytest.raises(UploadRefused, match="stored already"):
        await uploads.fetch(missing["media"], "somebody")


@pytest_twisted.ensureDeferred
async def test_a_budget_that_is_used_up(world: Any) -> None:
    here: World = await world(MISSING, f"uploads.fetch_budget={CLIP_BYTES}")
    fleet = await here.cameras(cameras=frozenset())
    fleet.raise_alarm()
    await until(lambda: here.platform.told("file_missing"))
    assert here.platform.story == ["alarm", "upload", "file_missing"], "the road's came first"
    assert here.platform.told("upload")[0]["camera_name"] == "road"
    (missing,) = here.platform.told("file_missing")
    assert "budget" in missing["reason"]
    budget = await here.running.service.files.uploads.budget(here.device)
    assert (budget.asked, budget.limit) == (CLIP_BYTES, CLIP_BYTES)


@pytest_twisted.ensureDeferred
async def test_a_clip_of_a_moment(world: Any) -> None:
    here: World = await world()
    fleet = await here.cameras()
    fleet.raise_alarm()  # by its names the zone is learned
    await until(lambda: here.platform.told("alarm_complete"))
    uploads = here.running.service.files.uploads
    moment = float(int(fleet.now()) - 120)
    wanted = await uploads.clip(here.device, moment, [CABIN, ROAD], "somebody")
    assert [media.state for media in wanted] == [MediaState.ASKED, MediaState.ASKED]
    await until(lambda: len(here.platform.told("upload")) == 4)
    clips = here.platform.told("upload")[2:]
    assert [clip["camera_name"] for clip in clips] == ["road", "cabin"], "the road first, one at a time"
    for clip in clips:
        parsed = parse_name(clip["filename"])
        assert (parsed.flag, clip["tie"], clip["business_type"]) == (clip["command"], "flag", "remotePictureOrVideo")
        assert [media.taken for media in await here.files(device=IMEI, command=clip["command"])] == [moment]
    assert here.asked() == ["EVIDEO EVIDEO:OK!"] * 2


@pytest_twisted.ensureDeferred
async def test_a_photo_that_a_command_took(world: Any) -> None:
    here: World = await world()
    await here.cameras()
    command = await here.running.service.commands.give_text(IMEI, "Picture,inout", owner="somebody")
    await until(lambda: len(here.platform.told("upload")) == 2)
    for photo in here.platform.told("upload"):
        assert (photo["command"], photo["tie"], photo["kind"], photo["mime_type"]) == (
            command.id, "flag", "picture", "image/jpeg",
        )  # fmt: skip


@pytest_twisted.ensureDeferred
async def test_the_recordings_on_the_card(world: Any) -> None:
    here: World = await world()
    fleet = await here.cameras(card_hours=25.0)
    fleet.raise_alarm()
    await until(lambda: here.platform.told("alarm_complete"))
    uploads = here.running.service.files.uploads
    await uploads.refresh_timeline(here.device, "somebody")
    await until(lambda: fleet.tally.counts.get("lists answered") == 2)
    assert here.asked() == ["FILELIST FILELIST:OK!"]
    told = here.platform.told("playlist")
    timeline = await uploads.timeline(here.device)
    assert timeline is not None
    assert (timeline.zone, timeline.unread) == (ZONE, 0)
    assert [track.camera for track in timeline.tracks] == [ROAD, CABIN]
    assert sum(len(track.recordings) for track in timeline.tracks) == told[-1]["recordings"] > 2000
    # Another list only if a block was begun between the two.
    assert len(told) == len({each["digest"] for each in told})
    newest = max(track.recordings[-1].begins for track in timeline.tracks)
    assert fleet.now() - 2 * 3600 - 200 < newest <= fleet.now()


@pytest_twisted.ensureDeferred
async def test_many_cameras_that_lose_break_off_and_repeat(world: Any) -> None:
    here: World = await world(MISSING)
    fleet = await here.cameras(8, lost=0.5, busy=0.1, tricks=("breakoff", "twice", "split", "junk"))
    for index in range(8):
        fleet.raise_alarm(index)
    await until(lambda: len(here.platform.told("alarm_complete")) == 8)
    announced = [name for alarm in here.platform.told("alarm") for name in alarm["files"]]
    assert len(announced) == 16
    assert sorted(body["filename"] for body in here.platform.told("upload")) == sorted(announced), "each of them once"
    assert Counter(here.platform.story) == {"alarm": 8, "upload": 16, "alarm_complete": 8}
    files = await here.files(limit=1000)
    assert {media.state for media in files} == {MediaState.STORED}
    for media in files:
        content = b"".join(Content(media.name or "", CLIP_BYTES).pieces())
        assert await here.running.service.files.uploads.read(media, 0, 1 << 20) == content
    summary = await here.end()
    assert summary["mischief"]["breakoff"] + summary["mischief"]["twice"] > 0
    assert "MD5s wrong" not in summary["counts"]
    assert summary["unanswered"] == 0
