"""What the journal says of files: pictures of JT/T 808 and their packets, uploads by FTP, records without sense."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from jimigw.delivery.target import Done, Later, Never
from jimigw.model.media import MediaState, Source
from tests.gateway.media.world import IMEI, NOW, PHONE, MediaWorld

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4
#: 2026-11-20 17:29:00 in the terminal's zone, GMT+8
TIME = "261120172900"


@pytest.fixture
def truck(world: MediaWorld) -> MediaWorld:
    world.camera(PHONE, "jt808", zone=None)
    return world


def picture(world: MediaWorld, data: bytes = JPEG, id: int = 7, **more: Any) -> Any:
    body = {
        "id": id, "type": 0, "format": 0, "event": 1, "channel": 2, "location": {"time": TIME},
        "multimedia": base64.b64encode(data).decode(), **more,
    }  # fmt: skip
    record = world.record("upload", {"msg_id": 0x0801}, body, PHONE)
    return world.hear(record)


def test_a_picture_is_a_file_of_the_same_store(truck: MediaWorld) -> None:
    assert picture(truck) == Done()
    (media,) = truck.files()
    assert (media.device, media.source, media.state) == (PHONE, Source.JT808, MediaState.STORED)
    assert media.name == f"{PHONE}_00000007_{TIME}_2.jpg"
    assert (media.camera, media.kind, media.mime, media.taken) == (2, "picture", "image/jpeg", NOW - 60)
    assert truck.content(media) == JPEG
    told = [each for each in truck.told("upload") if "filename" in each]
    assert [each["filename"] for each in told] == [media.name]
    assert told[0]["details"] == {"media_id": 7, "type": 0, "format": 0, "event": 1}
    # Our own record of it is not another picture.
    truck.hear(truck.journal.records[-1])
    assert len(truck.files()) == 1


def test_many_pictures_at_once_are_under_no_limit_of_uploads(truck: MediaWorld) -> None:
    """They are in the journal: they were answered."""
    truck.uploads.settings = type(truck.settings)(max_files_per_hour=1, max_transfers=1, max_transfers_per_device=1)
    for id in range(5):
        picture(truck, id=id)
    assert len(truck.files()) == 5


PARTS = [JPEG[:300], JPEG[300:600], JPEG[600:]]
ORDERS = [(1, 2, 3), (1, 3, 2), (3, 2, 1), (2, 1, 3), (1, 2, 2, 3), (1, 1, 2, 3, 3)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("restart", [False, True])
def test_the_packets_of_2011(truck: MediaWorld, order: tuple[int, ...], restart: bool) -> None:
    """Each is a message, and none is kept in memory."""
    for number in order:
        picture(truck, PARTS[number - 1], location=None, packets=3, packet=number)
        picture(truck, b"another", id=8, location=None, packets=2, packet=1)
        if restart:
            truck.restart()
    (media,) = truck.files()
    assert truck.content(media) == JPEG


def test_packets_of_two_files_with_one_number(truck: MediaWorld) -> None:
    """The terminal counts anew after a boot: what lacks a packet is not filled up from an older file."""
    for number in (1, 2, 3):
        picture(truck, PARTS[number - 1], packets=3, packet=number, location=None)
    picture(truck, b"new 1", packets=3, packet=1, location=None)
    picture(truck, b"new 3", packets=3, packet=3, location=None)
    assert len(truck.files()) == 1


WRONG = [
    {"id": "seven"},
    {"multimedia": "no base64!"},
    {"packets": 70_000, "packet": 3},
    {"packets": 3, "packet": 4},
]


@pytest.mark.parametrize("body", WRONG)
def test_nonsense_is_set_aside(truck: MediaWorld, body: dict[str, Any]) -> None:
    outcome = picture(truck, **body)
    assert isinstance(outcome, Never)
    assert truck.files() == []


def test_a_journal_that_is_full_is_no_reason_to_set_it_aside(truck: MediaWorld) -> None:
    record = truck.record("upload", {"msg_id": 0x0801}, {}, PHONE)
    truck.journal.taking = False
    body = {"id": 1, "type": 0, "format": 0, "event": 1, "channel": 2, "multimedia": base64.b64encode(JPEG).decode()}
    record.data = record.data.replace(b'"body":{}', b'"body":' + __import__("json").dumps(body).encode())
    assert isinstance(truck.hear(record), Later)
    truck.journal.taking = True
    assert truck.hear(record) == Done()
    assert len([each for each in truck.told("upload") if "filename" in each]) == 1


def ftp(world: MediaWorld, outcome: str = "answered", seq: int = 44, command: int = 5) -> None:
    asked = {
        "ip": "ftp.example.org", "port": 21, "username": "u", "password": "p", "path": "/clips", "channel": 1,
        "start_time": TIME, "end_time": "261120173000",
    }  # fmt: skip
    body = {
        "command": command, "outcome": outcome, "message": {"header": {"msg_id": 0x9206}, "body": asked},
        "reply": {"seq": seq, "id": 0x9206, "result": 0},
    }  # fmt: skip
    record = world.record("command_result", {"phone": PHONE}, body, PHONE)
    world.hear(record)


@pytest.mark.parametrize(("result", "state", "kind"), [(0, "stored", "upload"), (1, "failed", "file_missing")])
def test_an_upload_by_ftp(truck: MediaWorld, result: int, state: str, kind: str) -> None:
    ftp(truck)
    (media,) = truck.files()
    assert (media.source, media.state, media.place) == (
        Source.FTP, MediaState.ASKED, "ftp://ftp.example.org:21/clips",
    )  # fmt: skip
    assert (media.camera, media.taken) == (1, NOW - 60)
    truck.record("command_result", {"msg_id": 0x1206}, {"seq": 43, "result": 0}, PHONE)
    assert truck.files()[0].state is MediaState.ASKED
    truck.record("command_result", {"msg_id": 0x1206}, {"seq": 44, "result": result}, PHONE)
    (media,) = truck.files()
    assert (str(media.state), media.told) == (state, True)
    (told,) = truck.told(kind)
    assert told["media"] == media.id
    assert "url" not in told
    truck.wait(86_400)
    assert truck.asked(PHONE) == []


def test_one_that_the_terminal_did_not_take(truck: MediaWorld) -> None:
    ftp(truck, outcome="refused")
    assert truck.files() == []


def test_other_records_are_none_of_its_business(world: MediaWorld) -> None:
    for kind, body in (("alarm", {}), ("alarm", {"files": []}), ("upload", {}), ("command_result", {"content": "OK"})):
        record = world.record(kind, {"msg_id": 0x95}, body, IMEI)
        assert world.hear(record) == Done()
    assert world.files() == []
