"""The upload edge with everything behind it: a real store and a real vault. What was answered is there, what was not is
nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jimigw.gateway.media.arrival import ALL_WAITING, LEAST_WAITING, MOST_WAITING
from jimigw.model.media import MediaState
from jimigw.web.uploads import UploadServer, UploadServerSettings
from tests.gateway.media.world import CLIP, IMEI, MediaWorld, md5
from tests.support.recordings import NAMES, field_list
from tests.web.forms import Part, clip, field
from tests.web.upload_door import Line, chunked, post, told, upload

NAME = f"EVENT_{IMEI}_00000000_2026_11_20_17_30_00_F_55.mp4"


class Gate:
    """The edge of a world, as far as :class:`Line` has to know."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.world = MediaWorld(folder, **settings)
        self.world.camera()
        self.server = UploadServer(self.world.clock, self.world.uploads, UploadServerSettings(), self._complain)

    def _complain(self, say: Callable[..., object], format: str, **fields: Any) -> None:
        assert format

    def line(self) -> Line:
        made: Any = self
        return Line(made)

    def ask(self, data: bytes) -> Line:
        """What comes of these bytes, once everything has happened that needs no time."""
        line = self.line()
        for at in range(0, len(data), 1 << 16):
            line.send(data[at : at + (1 << 16)])
            self.world.settle()
        self.world.settle()
        return line

    def lying_about(self) -> list[str]:
        """The files in the folder of what is on its way in."""
        return [each.name for each in (self.world.folder / "uploads" / "incoming").iterdir()]

    def kept(self) -> list[bytes]:
        return [
            each.read_bytes() for each in sorted((self.world.folder / "uploads" / "files").rglob("*")) if each.is_file()
        ]


MakeGate = Callable[..., Gate]


@pytest.fixture
def make_gate(tmp_path: Path) -> Iterator[MakeGate]:
    made: list[Gate] = []

    def make(**settings: Any) -> Gate:
        made.append(Gate(tmp_path, **settings))
        return made[-1]

    yield make
    for gate in made:
        gate.world.end()


def request(data: bytes = CLIP, *more: Part, name: str = NAME) -> bytes:
    return upload(field("filename", name), *more, clip(data))


def test_a_file_comes_and_is_fetched(make_gate: MakeGate) -> None:
    gate = make_gate()
    line = gate.ask(request())
    assert told(line) == (200, {"code": 200, "data": NAME, "message": "success", "md5": md5(CLIP)})
    (media,) = gate.world.files()
    assert (media.state, media.size, media.md5, media.camera) == (MediaState.STORED, len(CLIP), md5(CLIP), 1)
    assert gate.kept() == [CLIP]
    assert gate.lying_about() == []
    assert [each["filename"] for each in gate.world.told("upload")] == [NAME]
    answer = gate.ask(
        f"GET {gate.world.uploads.links.path(media)} HTTP/1.1\r\nRange: bytes=100-\r\n\r\n".encode()
    ).answer
    assert (answer.status, answer.body, answer.headers["content-type"]) == (206, CLIP[100:], "video/mp4")


def test_the_same_again_is_answered_and_stored_once(make_gate: MakeGate) -> None:
    gate = make_gate()
    assert [told(gate.ask(request()))[1]["md5"] for _ in range(3)] == [md5(CLIP)] * 3
    assert (gate.kept(), gate.lying_about()) == ([CLIP], [])
    assert len(gate.world.files()) == len(gate.world.told("upload")) == 1


def test_another_content_under_the_same_name_lies_beside_it(make_gate: MakeGate) -> None:
    gate = make_gate()
    other = CLIP[::-1]
    for data in (CLIP, other, CLIP, other):
        assert told(gate.ask(request(data)))[1]["md5"] == md5(data)
    assert sorted(gate.kept()) == sorted([CLIP, other])
    assert [each.variant for each in gate.world.files()] == [0, 1]


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_what_breaks_off_is_nowhere(make_gate: MakeGate, part: float) -> None:
    gate = make_gate()
    data = request(CLIP * 50)
    line = gate.ask(data[: int(len(data) * part)])
    assert gate.lying_about() != []
    line.lose()
    gate.world.settle()
    assert (gate.kept(), gate.lying_about(), gate.world.files()) == ([], [], [])
    assert gate.world.uploads.stats()["uploads"]["on their way in"] == 0


def test_a_long_file_waits_for_the_disk(make_gate: MakeGate) -> None:
    gate = make_gate()
    data = request(CLIP * 1800)  # 18 MB
    line = gate.line().send(data)
    assert line.paused
    assert len(data) - MOST_WAITING - (1 << 20) < line.waiting < len(data) - MOST_WAITING
    while line.waiting:
        gate.world.settle()
    gate.world.settle()
    assert told(line)[1]["md5"] == md5(CLIP * 1800)


def test_many_files_wait_with_less_in_memory(make_gate: MakeGate) -> None:
    gate = make_gate(max_transfers_per_device=1000, max_files_per_hour=0)
    uploads = gate.world.uploads
    arrivals = [uploads.begin("192.0.2.1") for _ in range(ALL_WAITING // MOST_WAITING)]
    assert uploads.desk.most_waiting == MOST_WAITING
    arrivals += [uploads.begin("192.0.2.1") for _ in range(600)]
    assert uploads.desk.most_waiting == LEAST_WAITING
    for each in arrivals:
        each.abort("enough")
    assert uploads.desk.most_waiting == MOST_WAITING


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"max_bytes": 5000}, "the file is longer than 5000 bytes, which is uploads.max_bytes"),
        ({"max_device_bytes": 5000}, f"{IMEI} has 0 bytes here; 5000 is uploads.max_device_bytes"),
    ],
)
@pytest.mark.parametrize("behind", [False, True])
def test_limits(make_gate: MakeGate, settings: dict[str, int], sentence: str, behind: bool) -> None:
    gate = make_gate(**settings)
    parts = [field("filename", NAME), clip(CLIP)]
    status, said = told(gate.ask(upload(*(parts[::-1] if behind else parts))))
    assert (status, said["message"]) == (500, sentence)
    assert (gate.kept(), gate.lying_about(), gate.world.files()) == ([], [], [])


def test_who_may_upload(make_gate: MakeGate) -> None:
    gate = make_gate(who="online")
    device = gate.world.registry.get(IMEI)
    assert device is not None
    device.link = None
    line = gate.ask(request())
    assert told(line) == (400, {"code": 400, "message": f"{IMEI} is not on line"})
    assert line.answer.headers["retry-after"] == "60"
    gate.world.login()
    assert told(gate.ask(request()))[0] == 200
    assert told(gate.ask(request(name=NAME.replace(IMEI, "863000000000099"))))[0] == 400


def test_an_alarm_and_its_files(make_gate: MakeGate) -> None:
    gate = make_gate()
    cabin = NAME.replace("F_55", "I_56")
    gate.world.alarm([NAME, cabin])
    gate.ask(request(CLIP, name=cabin))
    assert gate.world.states() == {NAME: "announced", cabin: "stored"}
    gate.ask(request(CLIP[1:]))
    assert gate.world.states() == {NAME: "stored", cabin: "stored"}
    assert len(gate.world.told("alarm_complete")) == 1


def test_an_announced_file_is_arriving_while_it_comes(make_gate: MakeGate) -> None:
    gate = make_gate()
    gate.world.alarm([NAME])
    data = request()
    line = gate.ask(data[:2000])
    assert gate.world.states() == {NAME: "arriving"}
    line.lose()
    gate.world.settle()
    assert gate.world.states() == {NAME: "announced"}


def test_what_jtt_terminals_say_is_kept(make_gate: MakeGate) -> None:
    gate = make_gate()
    said = {"imei": IMEI, "camera": 2, "instructionId": "ab" * 16, "businessType": "eventAttachment"}
    gate.ask(request(CLIP, field("callbackBody", json.dumps(said)), name="a.jpg"))
    (media,) = gate.world.files()
    assert (media.camera, media.details["businessType"], media.details["instruction"]) == (
        2,
        "eventAttachment",
        "ab" * 16,
    )


def test_the_list_of_the_field_notes_twice(make_gate: MakeGate) -> None:
    gate = make_gate()
    for _ in range(2):
        line = gate.ask(chunked("/filelist", field_list(IMEI)))
        assert json.loads(line.answer.body) == {"code": 0, "ok": True}
    assert len(gate.world.told("playlist")) == 1
    device = gate.world.registry.get(IMEI)
    assert device is not None
    timeline = gate.world.result(gate.world.uploads.timeline(device))
    assert sum(len(track.recordings) for track in timeline.tracks) == NAMES


def test_a_list_and_a_file_of_nobody(make_gate: MakeGate) -> None:
    gate = make_gate()
    assert gate.ask(post("/filelist/1", b"a.ts")).answer.status == 400
    assert gate.ask(post("/upload/1", b"")).answer.status == 400
    assert gate.world.uploads.stats()["uploads"]["refused, unknown"] == 2
