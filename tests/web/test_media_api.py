"""Files, alarms, recordings and budgets through the API, before a keeper of files that writes down what it is asked."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet.defer import fail

from jimigw.gateway.catalogue import CommandRefused
from jimigw.gateway.media.timeline import Recording, Span, Timeline, Track
from jimigw.gateway.uploads import UploadRefused, UploadSettings
from jimigw.model.file_names import EVENTS
from jimigw.model.media import Media, MediaQuery, MediaState, Source
from jimigw.web.media_shapes import timeline_out
from tests.support.uploads import (
    NOW,
    RecordingUploads,
    a_timeline,
    an_alarm,
    some_files,
    stored,
)
from tests.web.api import IMEI, ApiClient, camera, serving

FILES = "/api/v1/media"
DEVICE = f"/api/v1/devices/{IMEI}"
AT = "2026-05-28T20:26:40Z"
"""NOW, as the API writes it."""


@attrs.define
class Desk:
    """The API of a service whose files a test made."""

    api: ApiClient
    uploads: RecordingUploads

    async def get(self, path: str, token: str = "read", status: int = 200) -> Any:
        answer = await self.api.ask("GET", path, token=token)
        assert answer.status == status, answer.body
        return answer.json


@pytest_twisted.async_yield_fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Three files of a camera, two of them of an alarm."""
    uploads = RecordingUploads(some_files(IMEI), [an_alarm(IMEI)])
    async for api in serving(tmp_path, uploads=uploads):
        await camera(api)
        yield Desk(api, uploads)


# -- files ------------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_file_and_how_it_is_known(desk: Desk) -> None:
    assert await desk.get(f"{FILES}/2") == {
        "id": 2, "device": IMEI, "name": f"EVENT_{IMEI}_00000000_2026_05_29_04_25_40_I_56.mp4", "alias": None,
        "variant": 0,
        "kind": "video", "source": "event", "state": "missing", "why": "it never came", "camera": 2,
        "camera_name": "cabin", "event": 56, "event_name": EVENTS[56].name, "flag": None,
        "taken": "2026-05-28T20:25:40Z", "seconds": None, "alarm": 1, "command": None, "tie": "name",
        "announced": "2026-05-28T20:25:50Z", "asked": None, "stored": None, "attempts": 4, "step": "HVIDEO", "size": 0,
        "md5": None, "mime": None, "place": None, "protected": False, "details": {},
    }  # fmt: skip
    assert (await desk.get(f"{FILES}/9", status=404))["detail"] == "there is no file 9"
    assert (await desk.get(f"{FILES}/0", status=400))["errors"][0]["parameter"] == "id"


QUERIES: list[tuple[str, dict[str, Any], list[int]]] = [
    ("", {}, [3, 2, 1]),
    ("?limit=2", {"limit": 2}, [3, 2]),
    ("?before=3&limit=1", {"before": 3, "limit": 1}, [2]),
    (f"?device={IMEI}", {"device": IMEI}, [3, 2, 1]),
    ("?device=nobody", {"device": "nobody"}, []),
    ("?name=x.mp4", {"name": "x.mp4"}, []),
    ("?state=missing,asked", {"states": frozenset({MediaState.MISSING, MediaState.ASKED})}, [2]),
    ("?kind=picture", {"kind": "picture"}, [3]),
    ("?source=event", {"source": Source.EVENT}, [2, 1]),
    ("?camera=2", {"camera": 2}, [3, 2]),
    ("?alarm=1", {"alarm": 1}, [2, 1]),
    ("?command=7", {"command": 7}, [3]),
    ("?protected=true", {"protected": True}, [3]),
    ("?protected=false", {"protected": False}, [2, 1]),
    (f"?from={AT}&to=2026-05-29T00:00:00%2B01:00", {"since": NOW, "until": NOW + 9200}, [3, 2, 1]),
]


@pytest_twisted.ensureDeferred
async def test_files_are_found(desk: Desk) -> None:
    for text, query, ids in QUERIES:
        page = await desk.get(FILES + text)
        assert [each["id"] for each in page["files"]] == ids, text
        assert desk.uploads.asked[-1] == ("find", MediaQuery(**query)), text
        assert page["next"] == (ids[-1] if len(ids) == query.get("limit", 100) else None), text


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("state=gone", "state"),
        ("kind=film", "kind"),
        ("source=", "source"),
        ("camera=0", "camera"),
        ("alarm=x", "alarm"),
        ("protected=yes", "protected"),
        ("from=2026-05-28", "from"),
        ("limit=1001", "limit"),
        ("flag=7", "flag"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_cannot_be_looked_for(desk: Desk, text: str, parameter: str) -> None:
    assert (await desk.get(f"{FILES}?{text}", status=400))["errors"][0]["parameter"] == parameter
    assert desk.uploads.asked == []


# -- the content ------------------------------------------------------------------------------------------------------

PICTURE = bytes(range(256)) * 4000
"""More than is read at once."""


@pytest_twisted.ensureDeferred
async def test_a_file_is_downloaded(desk: Desk) -> None:
    md5 = hashlib.md5(PICTURE).hexdigest()
    name = "CMD_1_I_10.jpg"
    desk.uploads.kept[3] = stored(IMEI, 3, name, size=len(PICTURE), md5=md5, mime="image/jpeg", kind="picture")
    desk.uploads.content["k/3"] = PICTURE
    path = f"{FILES}/3/content"
    whole = await desk.api.ask("GET", path, token="read")
    assert (whole.status, whole.body == PICTURE) == (200, True)
    assert {name: whole.headers[name] for name in ("content-type", "content-length", "etag", "cache-control")} == {
        "content-type": "image/jpeg",
        "content-length": "1024000",
        "etag": f'"{md5}"',
        "cache-control": "private, no-cache",
    }
    assert whole.headers["content-disposition"] == f'inline; filename="{name}"'
    part = await desk.api.ask("GET", path, token="read", headers={"Range": "bytes=1023998-"})
    assert (part.status, part.body, part.headers["content-range"]) == (
        206,
        b"\xfe\xff",
        "bytes 1023998-1023999/1024000",
    )
    head = await desk.api.ask("HEAD", path, token="read")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "1024000")
    known = await desk.api.ask("GET", path, token="read", headers={"If-None-Match": f'"{md5}"'})
    assert (known.status, known.body) == (304, b"")
    behind = await desk.api.ask("GET", path, token="read", headers={"Range": "bytes=1024000-"})
    assert (behind.status, behind.headers["content-range"]) == (416, "bytes */1024000")
    assert behind.json["type"] == "/docs#problem-range"
    other = await desk.api.ask("GET", path, token="read", headers={"If-Match": '"x"'})
    assert (other.status, other.json["type"]) == (412, "/docs#problem-precondition")
    assert (await desk.api.ask("GET", path, token=None)).status == 401


@pytest_twisted.ensureDeferred
async def test_a_file_that_is_not_there_has_no_content(desk: Desk) -> None:
    missing = await desk.get(f"{FILES}/2/content", status=404)
    assert missing["detail"] == "the content of the file 2 is not here: it is missing"
    elsewhere = desk.uploads.kept[1]
    elsewhere.key, elsewhere.place = "", "ftp://192.0.2.7/a/"
    told = await desk.get(f"{FILES}/1/content", status=404)
    assert told["detail"] == "the content of the file 1 is not here: it is stored; it lies at ftp://192.0.2.7/a/"
    assert (await desk.get(f"{FILES}/77/content", status=404))["detail"] == "there is no file 77"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UploadRefused("the disk does not answer", "failed", 10), 503),
        (UploadRefused("it was deleted meanwhile", "gone"), 404),
        (OSError("/var/lib/x"), 500),
    ],
)
@pytest_twisted.ensureDeferred
async def test_content_that_cannot_be_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    monkeypatch.setattr(desk.uploads, "read", lambda *_: fail(error))
    told = await desk.get(f"{FILES}/1/content", status=status)
    assert "/var/lib" not in told["detail"], "paths of the service are nobody's business"


# -- links ------------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_link_for_those_who_have_no_token(desk: Desk) -> None:
    link, links = f"{FILES}/1/link", desk.uploads.links
    made = await desk.api.ask("POST", link, token="read")
    assert made.status == 200
    path = links.path(desk.uploads.kept[1])
    assert made.json == {"path": path, "url": f"http://192.0.2.9:23010/x{path}", "expires": "2026-06-04T20:26:40Z"}
    sign = dict(pair.split("=") for pair in path.partition("?")[2].split("&"))
    assert links.check(1, **sign)
    assert not links.check(2, **sign)
    for body in ({}, {"seconds": None}):
        assert (await desk.api.ask("POST", link, body, token="read")).json == made.json
    longer = await desk.api.ask("POST", link, {"seconds": 3600}, token="read")
    assert longer.json["expires"] == "2026-05-28T21:26:40Z"
    assert longer.json["url"].endswith(longer.json["path"])
    assert "expires=1780003600" in longer.json["url"]
    for wrong in ({"seconds": 0}, {"seconds": 1e9}, {"minutes": 1}):
        assert (await desk.api.ask("POST", link, wrong, token="read")).status == 422
    desk.uploads.settings = UploadSettings()
    assert (await desk.api.ask("POST", link, token="read")).json["url"] is None
    absent = await desk.api.ask("POST", f"{FILES}/2/link", token="read")
    assert (absent.status, absent.json["detail"]) == (409, "the content of the file 2 is not here: it is missing")


@pytest.mark.parametrize("setting", ['uploads.downloads="off"', 'uploads.endpoint=""'])
@pytest_twisted.ensureDeferred
async def test_no_link_is_made_that_leads_nowhere(tmp_path: Path, setting: str) -> None:
    async for api in serving(tmp_path, setting, uploads=RecordingUploads(some_files(IMEI))):
        off = await api.ask("POST", f"{FILES}/1/link", token="read")
        assert (off.status, "/download is switched off" in off.json["detail"]) == (409, True)


# -- asked for, protected, deleted ------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_file_is_asked_for_again(desk: Desk) -> None:
    asked = await desk.api.ask("POST", f"{FILES}/2/fetch", token="command")
    assert (asked.status, asked.json["state"], asked.json["why"]) == (202, "asked", "api:command asked for it")
    there = await desk.api.ask("POST", f"{FILES}/1/fetch", token="command")
    assert (there.status, there.json["detail"].endswith("is stored already")) == (409, True)
    assert desk.uploads.asked == [("fetch", 2, "api:command"), ("fetch", 1, "api:command")]


REFUSALS: list[tuple[Exception, int, str, str | None]] = [
    (UploadRefused("it is of a terminal that is gone", "unknown"), 404, "not-found", None),
    (UploadRefused("no such file", "gone"), 404, "not-found", None),
    (UploadRefused("JC371 has no such command", "wrong"), 409, "conflict", None),
    (UploadRefused("the budget of this month is used up", "limit", 3599.6), 429, "too-many", "3600"),
    (UploadRefused("the budget of this month is used up", "limit"), 429, "too-many", None),
    (UploadRefused("the disk is full", "room", 60.0), 507, "no-room", "60"),
    (UploadRefused("the store does not answer", "failed", 0.2), 503, "unavailable", "1"),
    (CommandRefused("100 commands wait already", code="full"), 429, "too-many", "30"),
    (CommandRefused("there is no terminal", code="device"), 404, "not-found", None),
    (CommandRefused("it speaks another protocol"), 409, "conflict", None),
]


@pytest.mark.parametrize(("refusal", "status", "word", "after"), REFUSALS)
@pytest_twisted.ensureDeferred
async def test_what_is_refused_is_a_problem(
    desk: Desk, refusal: Any, status: int, word: str, after: str | None
) -> None:
    desk.uploads.refusal = refusal
    answer = await desk.api.ask("POST", f"{FILES}/2/fetch", token="command")
    assert (answer.status, answer.json["type"]) == (status, f"/docs#problem-{word}")
    assert answer.json["detail"] == str(refusal)
    assert answer.headers.get("retry-after") == after


@pytest_twisted.ensureDeferred
async def test_a_file_is_protected_and_deleted(desk: Desk) -> None:
    path = f"{FILES}/3"
    refused = await desk.api.ask("DELETE", path)
    assert (refused.status, "is protected" in refused.json["detail"]) == (409, True)
    for body in ({}, {"protected": None}, {"protected": 1}, {"protected": True, "name": "x"}):
        assert (await desk.api.ask("PATCH", path, body, token="command")).status == 422
    free = await desk.api.ask("PATCH", path, {"protected": False}, token="command")
    assert (free.status, free.json["protected"]) == (200, False)
    deleted = await desk.api.ask("DELETE", path)
    assert (deleted.status, deleted.json["state"], deleted.json["why"]) == (200, "deleted", "api:admin deleted it")
    assert (await desk.get(path))["state"] == "deleted"
    assert desk.uploads.asked == [
        ("delete", 3, "api:admin"), ("protect", 3, False), ("delete", 3, "api:admin"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/v1/media", "read"),
        ("GET", "/api/v1/media/1/content", "read"),
        ("POST", "/api/v1/media/1/link", "read"),
        ("POST", "/api/v1/media/2/fetch", "command"),
        ("PATCH", "/api/v1/media/2", "command"),
        ("DELETE", "/api/v1/media/2", "admin"),
        ("POST", f"{DEVICE}/clips", "command"),
        ("POST", f"{DEVICE}/timeline/refresh", "command"),
        ("GET", f"{DEVICE}/media-budget", "read"),
        ("PUT", f"{DEVICE}/media-budget", "admin"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_each_token_may(desk: Desk, method: str, path: str, scope: str) -> None:
    desk.uploads.content["k/1"] = b"x"
    desk.uploads.kept[1].size = 1
    order = ("read", "command", "admin")
    for token in order:
        answer = await desk.api.ask(method, path, token=token)
        assert (answer.status == 403) is (order.index(token) < order.index(scope)), (token, answer.status)


# -- alarms -----------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_alarms_with_their_files(desk: Desk) -> None:
    page = await desk.get(f"{FILES}/alarms?device={IMEI}&complete=false&from={AT}&to={AT}&before=9&limit=1")
    (alarm,) = page["alarms"]
    assert page["next"] == 1
    files = alarm.pop("files")
    assert alarm == {
        "id": 1, "device": IMEI, "record": 226, "time": "2026-05-28T20:25:40Z", "protocol": "jimi", "code": 146,
        "name": "Harsh cornering", "identity": None, "expected": 2, "complete": None, "position": None,
        "states": {"stored": 1, "missing": 1},
    }  # fmt: skip
    assert [(each["id"], each["camera_name"], each["state"]) for each in files] == [
        (1, "road", "stored"),
        (2, "cabin", "missing"),
    ]
    assert desk.uploads.asked[0] == (
        "alarms",
        IMEI,
        {"since": NOW, "until": NOW, "complete": False, "before": 9, "limit": 1},
    )
    assert await desk.get(f"{FILES}/alarms/1") == alarm | {"files": files}
    assert (await desk.get(f"{FILES}/alarms"))["next"] is None
    assert (await desk.get(f"{FILES}/alarms?before=1"))["alarms"] == []
    assert (await desk.get(f"{FILES}/alarms/2", status=404))["detail"] == "there is no alarm 2 with files"
    assert (await desk.get(f"{FILES}/alarms?limit=201", status=400))["errors"][0]["parameter"] == "limit"


# -- recordings -------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_clips_are_asked_for(desk: Desk) -> None:
    asked = await desk.api.ask(
        "POST", f"{DEVICE}/clips", {"time": "2026-05-29T04:26:40+08:00", "cameras": [1, 2, 1]}, token="command"
    )
    assert asked.status == 202, asked.body
    assert [(each["camera_name"], each["state"], each["name"], each["taken"]) for each in asked.json["files"]] == [
        ("road", "asked", None, AT),
        ("cabin", "asked", None, AT),
    ]
    body = {"time": AT, "cameras": [2], "seconds": 20}
    assert (await desk.api.ask("POST", f"{DEVICE}/clips", body, token="command")).status == 202
    assert desk.uploads.asked == [
        ("clip", IMEI, NOW, (1, 2), "api:command", None),
        ("clip", IMEI, NOW, (2,), "api:command", 20),
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"cameras": [1]}, "#"),
        ({"time": AT}, "#"),
        ({"time": "2026-05-28T20:26:40", "cameras": [1]}, "#/time"),
        ({"time": AT, "cameras": []}, "#/cameras"),
        ({"time": AT, "cameras": [0]}, "#/cameras/0"),
        ({"time": AT, "cameras": [3]}, "#/cameras/0"),
        ({"time": AT, "cameras": [1] * 9}, "#/cameras"),
        ({"time": AT, "cameras": [1], "seconds": 9}, "#/seconds"),
        ({"time": AT, "cameras": [1], "seconds": 61}, "#/seconds"),
        ({"time": "2999-01-01T00:00:00Z", "cameras": [1]}, "#/time"),
        ({"time": AT, "cameras": [1], "camera": 1}, "#/camera"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_is_no_clip(desk: Desk, body: dict[str, Any], pointer: str) -> None:
    answer = await desk.api.ask("POST", f"{DEVICE}/clips", body, token="command")
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, pointer), answer.body
    assert desk.uploads.asked == []


@pytest_twisted.ensureDeferred
async def test_a_clip_that_a_terminal_does_not_have(desk: Desk) -> None:
    desk.uploads.refusal = UploadRefused("the camera keeps nothing that is so old", "wrong")
    answer = await desk.api.ask("POST", f"{DEVICE}/clips", {"time": AT, "cameras": [1]}, token="command")
    assert (answer.status, answer.json["type"]) == (422, "/docs#problem-invalid")
    nobody = await desk.api.ask("POST", "/api/v1/devices/5/clips", {"time": AT, "cameras": [1]}, token="command")
    assert nobody.status == 404


@pytest_twisted.ensureDeferred
async def test_a_timeline(desk: Desk) -> None:
    desk.uploads.timelines[IMEI] = a_timeline(IMEI)
    found = await desk.get(f"{DEVICE}/timeline?from={AT}&to={AT}&camera=2")
    assert desk.uploads.asked == [("timeline", IMEI, NOW, NOW, 2)]
    road, cabin = found.pop("tracks")
    assert found == {"device": IMEI, "received": "2026-05-28T20:26:10Z", "zone": 480, "unread": 1, "next": None}
    assert (road["camera"], road["camera_name"], len(road["recordings"]), road["gaps"]) == (1, "road", 10, [])
    assert road["spans"] == [{"begins": "2026-05-28T19:26:40Z", "ends": "2026-05-28T19:36:40Z"}]
    assert cabin["gaps"] == [{"begins": "2026-05-28T19:29:40Z", "ends": "2026-05-28T19:31:40Z"}]
    assert cabin["recordings"][0] == {
        "name": "cabin_0.ts", "begins": "2026-05-28T19:26:40Z", "ends": "2026-05-28T19:27:40Z",
    }  # fmt: skip
    late = await desk.get(f"{DEVICE}/timeline?from={AT}&to=2026-05-28T20:26:39Z", status=400)
    assert late["errors"][0]["parameter"] == "from"


@pytest_twisted.ensureDeferred
async def test_a_timeline_in_pages(desk: Desk) -> None:
    desk.uploads.timelines[IMEI] = a_timeline(IMEI)
    page = await desk.get(f"{DEVICE}/timeline?limit=5")
    names = [each["name"] for track in page["tracks"] for each in track["recordings"]]
    assert (names, page["next"]) == (["road_0.ts", "road_1.ts", "cabin_0.ts", "cabin_1.ts"], "2026-05-28T19:28:40Z")
    assert len(page["tracks"][1]["gaps"]) == 1, "gaps are of all pages"
    await desk.get(f"{DEVICE}/timeline?from={page['next']}&limit=5")
    assert desk.uploads.asked[-1] == ("timeline", IMEI, NOW - 3480, None, None)


def test_recordings_that_begin_together_stay_together() -> None:
    many = [Recording(f"{n}.ts", 1, 1000.0, 1060.0) for n in range(20)]
    last = Recording("last.ts", 1, 1060.0, 1120.0)
    track = Track(1, [*many, last], [Span(1000.0, 1120.0)], [])
    page = timeline_out(Timeline("d", NOW, None, [track], 0), True, 5)
    assert (len(page.tracks[0].recordings), page.next) == (20, datetime.fromtimestamp(1060, UTC))
    alone = attrs.evolve(track, recordings=many)
    whole = timeline_out(Timeline("d", NOW, None, [alone], 0), False, 5)
    assert (len(whole.tracks[0].recordings), whole.next, whole.tracks[0].camera_name) == (20, None, None)


@pytest_twisted.ensureDeferred
async def test_a_list_of_recordings_is_asked_for(desk: Desk) -> None:
    absent = await desk.get(f"{DEVICE}/timeline", status=404)
    assert absent["detail"] == f"{IMEI} has sent no list of its recordings; timeline/refresh asks for one"
    asked = await desk.api.ask("POST", f"{DEVICE}/timeline/refresh", token="command")
    assert (asked.status, asked.json["text"], asked.headers["location"]) == (202, "FILELIST", "/api/v1/commands/41")
    assert desk.uploads.asked[-1] == ("refresh", IMEI, "api:command")
    desk.uploads.refusal = UploadRefused("it has no list", "wrong")
    assert (await desk.api.ask("POST", f"{DEVICE}/timeline/refresh", token="command")).status == 409


# -- budgets ----------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_budget(desk: Desk) -> None:
    path = f"{DEVICE}/media-budget"
    first: dict[str, Any] = {
        "device": IMEI, "month": "2026-05", "limit": 500 << 20, "asked": 1000, "received": 2_600_000, "files": 3,
        "fetch": False, "zone": None, "rule": {"budget": None, "fetch": None, "zone": None},
    }  # fmt: skip
    assert await desk.get(path) == first
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"budget": 0, "fetch": True}, {"limit": 0, "fetch": True}),
        ({}, {}),
        ({"zone": 480}, {"zone": 480}),
        ({"budget": None, "zone": None}, {"limit": 500 << 20, "zone": None}),
    ]
    told = first
    for body, change in changes:
        told = told | change | {"rule": told["rule"] | body}
        answer = await desk.api.ask("PUT", path, body)
        assert (answer.status, answer.json) == (200, told)
    assert [asked[2] for asked in desk.uploads.asked] == [body for body, _ in changes if body]
    for body in ({"budget": -1}, {"budget": "1 GB"}, {"fetch": 1}, {"zone": 7}, {"limit": 5}, []):  # type: ignore[assignment]
        assert (await desk.api.ask("PUT", path, body)).status == 422
    desk.uploads.refusal = UploadRefused("what it is", "wrong")
    assert (await desk.api.ask("PUT", path, {"budget": 5})).status == 422


@pytest_twisted.ensureDeferred
async def test_a_file_of_another_protocol_has_cameras_without_names(desk: Desk) -> None:
    desk.uploads.kept[5] = Media("13912345678", "a.jpg", id=5, camera=2, source=Source.JT808, state=MediaState.STORED)
    assert (await desk.get(f"{FILES}/5"))["camera_name"] is None
