"""Files are fetched by signed links, or by their names where everybody may; and by nobody else."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest
from twisted.internet.defer import Deferred

from jimigw.gateway.uploads import UploadRefused
from jimigw.model.media import Media, MediaState
from jimigw.web.downloads import MOST_DOWNLOADS
from tests.web.forms import CLIP, IMEI, NAME
from tests.web.upload_door import NOW, Door, Line

MD5 = hashlib.md5(CLIP).hexdigest()
DAY = 86_400.0


def media(id: int = 5, state: MediaState = MediaState.STORED, name: str | None = NAME) -> Media:
    return Media(IMEI, name, id, state=state, size=len(CLIP), md5=MD5, mime="video/mp2t", stored=NOW - 60, key="k")


def door_with(*files: Media, downloads: str = "signed") -> Door:
    door = Door(downloads=downloads)
    for each in files or [media()]:
        door.uploads.files[each.id] = each, CLIP
    return door


def get(door: Door, path: str, *headers: str, method: str = "GET") -> Line:
    return door.ask("\r\n".join([f"{method} {path} HTTP/1.1", *headers, "", ""]).encode())


def test_a_signed_link() -> None:
    door = door_with()
    line = get(door, door.uploads.links.path(media()))
    answer = line.answer
    assert (answer.status, answer.body) == (200, CLIP)
    assert answer.headers["content-type"] == "video/mp2t"
    assert answer.headers["etag"] == f'"{MD5}"'
    assert answer.headers["content-disposition"] == f'inline; filename="{NAME}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "content-security-policy" in answer.headers
    assert not line.gone
    assert door.server.stats()["downloads"] == 0


def test_a_piece_a_head_and_nothing_new() -> None:
    door = door_with()
    path = door.uploads.links.path(media())
    piece = get(door, path, "Range: bytes=10-19").answer
    assert (piece.status, piece.body, piece.headers["content-range"]) == (206, CLIP[10:20], f"bytes 10-19/{len(CLIP)}")
    head = get(door, path, method="HEAD").answer
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(CLIP)))
    same = get(door, path, f'If-None-Match: "{MD5}"').answer
    assert (same.status, same.body, same.headers.get("content-type")) == (304, b"", None)
    behind = get(door, path, "Range: bytes=99999-").answer
    assert (behind.status, behind.headers["content-range"]) == (416, f"bytes */{len(CLIP)}")


def test_a_link_expires() -> None:
    door = door_with()
    path = door.uploads.links.path(media(), DAY)
    door.clock.advance(DAY - 1)
    assert get(door, path).answer.status == 200
    door.clock.advance(1)
    assert (get(door, path).answer.status, get(door, path).answer.body) == (
        403, b"the link is not right, or its time is over\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        f"/download/5/{NAME}",
        f"/download/5/{NAME}?expires=99999999999&sign=x",
        f"/download/5/{NAME}?expires=9&sign=",
        f"/download/5/{NAME}?" + "a=b&" * 40,
        f"/download/5/{NAME}?expires=%00&sign=%ff",
        f"/download/0/{NAME}",
        f"/download/x/{NAME}",
        f"/download/{'9' * 5000}/{NAME}",
        f"/download/{NAME}",
        "/download/..%2f..%2fetc%2fpasswd",
    ],
)
def test_whoever_has_no_link_gets_nothing(path: str) -> None:
    answer = get(door_with(), path).answer
    assert answer.status == 403
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_link_of_one_file_is_not_that_of_another() -> None:
    door = door_with(media(), media(6))
    assert get(door, door.uploads.links.path(media()).replace("/5/", "/6/")).answer.status == 403
    assert get(door, door.uploads.links.path(media(7))).answer.status == 404


@pytest.mark.parametrize(
    ("state", "status", "sentence"),
    [
        (MediaState.DELETED, 410, b"the file is not kept any more\n"),
        (MediaState.ANNOUNCED, 404, b"the file is not here; it is announced\n"),
        (MediaState.MISSING, 404, b"the file is not here; it is missing\n"),
    ],
)
def test_files_that_are_not_there(state: MediaState, status: int, sentence: bytes) -> None:
    door = door_with(media(state=state))
    answer = get(door, door.uploads.links.path(media())).answer
    assert (answer.status, answer.body) == (status, sentence)
    assert door.server.stats()["downloads"] == 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UploadRefused("it is gone", "gone"), 404),
        (UploadRefused("no disk", "failed", 10), 500),
        (RuntimeError("x"), 500),
    ],
)
def test_files_that_cannot_be_read(error: Exception, status: int) -> None:
    door = door_with()
    door.uploads.refusals["read"] = error
    answer = get(door, door.uploads.links.path(media())).answer
    assert answer.status == status
    assert answer.headers.get("retry-after") == ("10" if "disk" in str(error) else None)


# -- for everybody ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/download/{NAME}", 200),
        (f"/download/{NAME}/", 200),
        (f"/download/5/{NAME}", 200),
        ("/download/5/another.ts", 404),
        ("/download/another.ts", 404),
        ("/download/5", 404),
        (f"/download/6/{NAME}", 404),
    ],
)
def test_open(path: str, status: int) -> None:
    answer = get(door_with(downloads="open"), path).answer
    assert (answer.status, answer.body == CLIP) == (status, status == 200)


def test_a_name_in_other_letters() -> None:
    door = door_with(media(name="\u524d 1.jpg"), downloads="open")
    assert get(door, "/download/" + quote("\u524d 1.jpg")).answer.status == 200


def test_links_are_good_there_too() -> None:
    door = door_with(downloads="open")
    assert get(door, door.uploads.links.path(media(name="other"))).answer.status == 200


def test_off() -> None:
    door = door_with(downloads="off")
    assert get(door, door.uploads.links.path(media())).answer.status == 404
    assert get(door, f"/download/{NAME}").answer.status == 404


# -- many -------------------------------------------------------------------------------------------------------------


def test_only_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    door = door_with()
    reading: list[Deferred[bytes]] = []

    def read(media: Media, offset: int, length: int) -> Deferred[bytes]:
        reading.append(Deferred())
        return reading[-1]

    monkeypatch.setattr(door.uploads, "read", read)
    path = door.uploads.links.path(media())
    lines = [get(door, path) for _ in range(MOST_DOWNLOADS)]
    refused = get(door, path).answer
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    lines[0].lose()
    assert door.server.stats()["downloads"] == MOST_DOWNLOADS - 1
    for each in reading[1:]:
        each.callback(CLIP)
    assert {line.answer.status for line in lines[1:]} == {200}
    assert door.server.stats()["downloads"] == 0
