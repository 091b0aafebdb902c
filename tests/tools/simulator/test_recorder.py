"""What a simulated camera films, what it uploads when, what it says to commands; with the time as an argument."""

import base64
import hashlib
import json
import random
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import attrs
import pytest

from jimigw.model.file_names import kind_of_content, parse_name, recorded, zone_of
from jimigw.protocols.jimi.session import Session
from jimigw.tools.simulator.card import CABIN, ROAD, Card, begins
from jimigw.tools.simulator.clips import Content
from jimigw.tools.simulator.errands import Errand, Outcome, part_name, sign
from jimigw.tools.simulator.plan import Uploads
from jimigw.tools.simulator.recorder import LIST_PAUSE, MOST_FILES, PHOTO_BYTES, Recorder
from jimigw.tools.simulator.replies import FACTORY_SETTINGS
from jimigw.tools.simulator.routes import ROUTES, Drive
from jimigw.tools.simulator.tally import Tally
from jimigw.tools.simulator.terminal import FakeTerminal, imei_of
from tests.tools.simulator.test_terminal import World, body, logged_in

START = datetime(2026, 11, 28, 9, 30, tzinfo=UTC).timestamp()
IMEI = imei_of("86490800000000", 0)
HABITS = Uploads("http://127.0.0.1:1/upload", "http://127.0.0.1:1/filelist", busy=0.0)
TAKEN = Outcome(200, code=200)
ROAD_FILE = f"EVENT_{IMEI}_00000000_2026_11_28_12_30_00_F_23.ts"
CABIN_FILE = f"EVENT_{IMEI}_00000000_2026_11_28_12_30_00_I_24.ts"


@attrs.define
class Watched:
    """A recorder at UTC+3, and what it wanted posted, with a server that answers as it is told."""

    recorder: Recorder
    answers: list[Outcome] = attrs.Factory(list)
    now: float = START
    posted: list[tuple[float, Errand]] = attrs.Factory(list)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.recorder.next_timer()) <= end:
            self.now = max(self.now, due)
            for errand in self.recorder.errands(self.now):
                self.posted.append((self.now - START, errand))
                self.recorder.ran(errand, self.answers.pop(0) if self.answers else TAKEN, self.now)
        self.now = end

    @property
    def names(self) -> list[str]:
        return [errand.name for _at, errand in self.posted]

    @property
    def counts(self) -> dict[str, int]:
        return self.recorder.tally.counts


def watched(*answers: Outcome, seed: int = 1, **habits: Any) -> Watched:
    settings = {**FACTORY_SETTINGS, "UPLOAD": HABITS.url, "FILELIST": HABITS.list_url}
    rng = random.Random(seed)
    zone = timedelta(hours=3)
    recorder = Recorder(IMEI, zone, attrs.evolve(HABITS, **habits), settings, Tally(), rng, START)
    return Watched(recorder, [*answers])


class TestAnnounced:
    """Files of alarms."""

    def test_come_by_themselves_one_after_the_other(self) -> None:
        found = watched()
        found.recorder.announced([CABIN_FILE, ROAD_FILE], START)
        found.run(60)
        assert sorted(found.names) == sorted([CABIN_FILE, ROAD_FILE])
        assert all(5 <= at <= 15 for at, _errand in found.posted)
        assert found.counts == {"uploads started": 2, "uploads answered": 2}
        assert found.recorder.next_timer() == float("inf")

    def test_one_at_a_time(self) -> None:
        recorder = watched().recorder
        recorder.announced([CABIN_FILE, ROAD_FILE], START)
        (first,) = recorder.errands(START + 100)
        assert recorder.errands(START + 100) == []
        assert recorder.next_timer() == float("inf"), "what waits is asked about when the first is done"
        assert not recorder.settled
        recorder.ran(first, TAKEN, START + 101)
        (second,) = recorder.errands(START + 101)
        assert {first.name, second.name} == {CABIN_FILE, ROAD_FILE}

    @pytest.mark.parametrize(("lost", "come"), [(0.0, 400), (1.0, 0), (0.76, 96)])
    def test_a_share_never_comes(self, lost: float, come: int) -> None:
        found = watched(lost=lost)
        found.recorder.announced(
            [ROAD_FILE.replace("_30_00", f"_{n // 60:02d}_{n % 60:02d}") for n in range(400)], START
        )
        found.run(3600)
        assert abs(len(found.names) - come) <= 30
        assert found.counts.get("files held back", 0) == 400 - len(found.names)

    def test_a_second_alarm_of_the_same_second_changes_nothing(self) -> None:
        found = watched(lost=1.0)
        found.recorder.announced([ROAD_FILE], START)
        found.recorder.obey(f"UPLOADFILE,{ROAD_FILE}", 1, START)
        found.recorder.announced([ROAD_FILE, CABIN_FILE], START)
        found.run(60)
        assert found.names == [ROAD_FILE]
        assert found.counts["files held back"] == 2

    @pytest.mark.parametrize(("camera", "comes"), [(ROAD, ROAD_FILE), (CABIN, CABIN_FILE)])
    def test_one_cameras_files_only(self, camera: int, comes: str) -> None:
        found = watched(cameras=frozenset({camera}))
        found.recorder.announced([CABIN_FILE, ROAD_FILE], START)
        found.run(3600)
        assert found.names == [comes]
        assert found.counts["files held back"] == 1

    def test_again_until_it_is_answered(self) -> None:
        refused, broken, odd = Outcome(500), Outcome(why="Connection was refused"), Outcome(200, code=400)
        found = watched(refused, broken, odd, refused, again=(60.0, 180.0))
        found.recorder.announced([ROAD_FILE], START)
        found.run(3600)
        times = [at for at, _errand in found.posted]
        pauses = [after - before for before, after in pairwise(times)]
        assert [errand.attempts for _at, errand in found.posted] == [0, 1, 2, 3, 4]
        for pause, wanted in zip(pauses, (60, 180, 180, 180), strict=True):
            assert 0.9 * wanted <= pause <= 1.1 * wanted
        assert found.counts == {"uploads started": 5, "uploads failed": 4, "uploads answered": 1}

    @pytest.mark.parametrize(
        ("outcome", "taken"),
        [
            (Outcome(200), True),  # an empty body is taken for success
            (Outcome(200, code=200), True),
            (Outcome(200, code=0), True),
            (Outcome(200, code=500), False),
            (Outcome(201), False),
            (Outcome(302), False),
            (Outcome(400, code=200), False),
            (Outcome(None, "no answer"), False),
        ],
    )
    def test_what_is_an_answer(self, outcome: Outcome, taken: bool) -> None:
        assert outcome.taken is taken

    def test_md5s_are_compared(self) -> None:
        found = watched(
            Outcome(200, md5="a" * 32, sent="a" * 32), Outcome(200, md5="b" * 32, sent="a" * 32), Outcome(200)
        )
        found.recorder.announced([CABIN_FILE, ROAD_FILE, ROAD_FILE.replace("_23", "_05")], START)
        found.run(60)
        assert (found.counts["MD5s right"], found.counts["MD5s wrong"]) == (1, 1)

    def test_where_to_is_a_setting(self) -> None:
        found = watched(Outcome(500))
        found.recorder.announced([ROAD_FILE], START)
        found.run(20)
        found.recorder.settings["UPLOAD"] = "http://other.example/upload/1"  # type: ignore[index]
        found.run(100)
        assert [errand.url for _at, errand in found.posted] == [HABITS.url, "http://other.example/upload/1"]

    def test_the_card_is_bounded(self) -> None:
        found = watched(lost=1.0)
        for number in range(MOST_FILES + 20):
            found.recorder.announced([f"{number}.ts"], START)
        assert len(found.recorder.files) == MOST_FILES
        assert (
            found.recorder.obey("UPLOADFILE,0.ts", 1, START),
            found.recorder.obey("UPLOADFILE,20.ts", 1, START),
        ) == ("UPLOADFILE,parameter A error. ", "UPLOADFILE:OK!")

    def test_nothing_begins_after_the_end(self) -> None:
        found = watched()
        found.recorder.announced([ROAD_FILE], START)
        found.recorder.obey("FILELIST", 1, START)
        found.recorder.finish()
        found.run(3600)
        assert (found.posted, found.recorder.settled, found.recorder.errands(START + 9999)) == ([], True, [])


LOCAL = "2026_11_28_12_10_30"  # twenty minutes before the start, at UTC+3


class TestCommands:
    """What is said and what comes; the flag is 42."""

    @pytest.mark.parametrize(
        ("text", "reply", "comes"),
        [
            ("Picture,in", "PICTURE:OK!", [rf"CMD_{IMEI}_00000042_2026_11_28_12_30_00_I_10\.jpg"]),
            ("Picture,out#", "PICTURE:OK!", [rf"CMD_{IMEI}_00000042_2026_11_28_12_30_00_F_09\.jpg"]),
            ("Picture,inout", "PICTURE:OK!", [r"CMD_.*_I_10\.jpg", r"CMD_.*_F_09\.jpg"]),
            ("Picture,up", None, []),
            ("Video,in,3s", "VIDEO:OK!", [rf"CMD_{IMEI}_00000042_2026_11_28_12_30_00_I_08\.ts"]),
            ("EVIDEO,2026-11-28 12:10:30,1", "EVIDEO:OK!", [rf"EVENT_{IMEI}_00000042_{LOCAL}_F_20\.ts"]),
            ("EVIDEO,2026-11-28 12:10:30,2", "EVIDEO:OK!", [rf"EVENT_{IMEI}_00000042_{LOCAL}_I_21\.ts"]),
            # with a length it comes half a minute early
            ("EVIDEO,2026-11-28 12:10:30,1,20", "EVIDEO:OK!", [r"EVENT_.*_2026_11_28_12_09_59_F_20\.ts"]),
            ("EVIDEO,2026-11-28 12:10:30,3", None, []),
            ("EVIDEO,2026-11-28 24:10:30,1", None, []),
            ("EVIDEO,2026-11-28 12:10:30", None, []),
            ("EVIDEO", None, []),
            # what was not filmed yet, or before there was a card
            ("EVIDEO,2026-11-28 12:30:01,1", "EVIDEO:OK!", []),
            ("EVIDEO,2026-11-20 12:10:30,1", "EVIDEO:OK!", []),
            (f"HVIDEO,{LOCAL},1", "HVIDEO:OK!", [rf"EVENT_{IMEI}_00000042_2026_11_28_12_(09|10)_\d\d_F_22\.ts"]),
            (f"HVIDEO,{LOCAL},2", "HVIDEO:OK!", [rf"EVENT_{IMEI}_00000042_2026_11_28_12_(09|10)_\d\d_I_25\.ts"]),
            (f"HVIDEO,{LOCAL},0", "HVIDEO,parameter B error. options:[1,2]", []),
            ("HVIDEO,2026-11-28 12:10:30,1", "HVIDEO,parameter A error. ", []),
            ("HVIDEO,2026_02_30_12_10_30,1", "HVIDEO,parameter A error. ", []),
            ("HVIDEO", "HVIDEO,command length error. support length [3]", []),
            ("HVIDEO,2026_11_20_12_10_30,1", "HVIDEO:OK!", []),
            (f"UPLOADFILE,{ROAD_FILE}", "UPLOADFILE:OK!", [re.escape(ROAD_FILE)]),
            ("UPLOADFILE,another.ts", "UPLOADFILE,parameter A error. ", []),
            ("UPLOADFILE", "UPLOADFILE,parameter A error. ", []),
            ("FILELIST", "FILELIST:OK!", ["", ""]),
            ("FILELIST,http://example.org", None, []),
            ("picture,in", None, []),
            ("VERSION", None, []),
            ("", None, []),
        ],
    )
    def test_replies_and_files(self, text: str, reply: str | None, comes: list[str]) -> None:
        # Seed 3 has the cabin filmed at the time that is asked for.
        found = watched(lost=1.0, seed=3)
        found.recorder.announced([ROAD_FILE], START)
        assert found.recorder.obey(text, 42, START) == reply
        found.run(60)
        assert len(found.names) == len(comes)
        for name, pattern in zip(found.names, comes, strict=True):
            assert re.fullmatch(pattern, name), name

    def test_flags_in_hex(self) -> None:
        found = watched(hex_flags=True)
        found.recorder.obey("Picture,in", 0xCAFE, START)
        found.run(10)
        assert "_0000cafe_" in found.names[0]

    def test_an_hvideo_begins_up_to_a_minute_before(self) -> None:
        found = watched(silent=frozenset({"HVIDEO"}))
        for minute in range(60):
            assert found.recorder.obey(f"HVIDEO,2026_11_28_11_{minute:02d}_59,1", minute + 1, START) == ""
        found.run(600)
        assert len(found.names) + found.counts.get("clips not on the card", 0) == 60
        assert len(found.names) > 30
        late = []
        for name in found.names:
            parsed = parse_name(name)
            assert parsed.local is not None and parsed.flag is not None
            asked = datetime(2026, 11, 28, 11, parsed.flag - 1, 59)
            late.append((asked - parsed.local).total_seconds())
        assert min(late) >= 0
        assert max(late) < 184

    @pytest.mark.parametrize("head", ["EVIDEO", "HVIDEO", "UPLOADFILE", "Picture"])
    def test_a_firmware_refuses(self, head: str) -> None:
        found = watched(refuses=frozenset({head}), lost=1.0)
        assert found.recorder.obey(f"{head},2026-11-28 12:10:30,1", 1, START) == f"{head},parameter A error. "
        found.run(60)
        assert found.posted == []

    def test_a_firmware_obeys_without_a_word(self) -> None:
        found = watched(silent=frozenset({"HVIDEO"}))
        assert found.recorder.obey(f"HVIDEO,{LOCAL},1", 1, START) == ""
        assert found.recorder.obey("HVIDEO,x,1", 1, START) == "HVIDEO,parameter A error. "
        found.run(60)
        assert len(found.names) == 1

    def test_busy_at_times(self) -> None:
        found = watched(busy=0.5)
        said = [found.recorder.obey("Picture,in", number, START + number) for number in range(1, 201)]
        assert {*said} == {"busy", "PICTURE:OK!"}
        assert 70 <= said.count("busy") <= 130
        found.run(3600)
        assert len(found.names) == said.count("PICTURE:OK!")

    def test_a_file_that_waits_for_its_next_try_is_hurried(self) -> None:
        found = watched(Outcome(500), again=(1000.0,))
        found.recorder.announced([ROAD_FILE], START)
        found.run(20)
        assert found.recorder.obey(f"UPLOADFILE,{ROAD_FILE}", 7, found.now) == "UPLOADFILE:OK!"
        found.run(10)
        assert found.names == [ROAD_FILE, ROAD_FILE]

    def test_a_list_comes_twice(self) -> None:
        found = watched()
        found.recorder.obey("FILELIST#", 1, START)
        found.run(60)
        (first, one), (second, two) = found.posted
        assert second - first == pytest.approx(LIST_PAUSE)
        assert (one.url, one.chunked, one.name) == (HABITS.list_url, True, "")
        names = []
        for errand in (one, two):
            assert isinstance(errand.content, bytes)
            said = json.loads(errand.content)
            assert said["imei"] == IMEI and said["fileNameList"].endswith(".ts,")
            names.append(sorted(said["fileNameList"].rstrip(",").split(",")))
        assert names[0] == names[1]
        assert 1500 < len(names[0]) < 3000
        assert all(recorded(name) for name in names[0])
        newest = max(recorded(name) or (0, 0, 0) for name in names[0])
        assert 0 <= START + 3 * 3600 + 60 - newest[0] < 7200 + 184
        assert found.counts == {"lists sent": 2, "lists answered": 2}


class TestCard:
    """The continuous recording."""

    def test_it_grows(self) -> None:
        card = Card(random.Random(1), START, timedelta(hours=-3), hours=1)
        first = card.names(START)
        later = card.names(START + 3600)
        assert {*first} < {*later}
        assert len({*later}) == len(later)

    def test_blocks_hold_their_times(self) -> None:
        card = Card(random.Random(1), START, timedelta(0), hours=2)
        names = sorted(name for name in card.names(START) if name.endswith("_01.ts"))
        for name in names:
            block = parse_name(name).local
            assert block is not None
            local = block.replace(tzinfo=UTC)
            assert card.block(local, ROAD, START) == local
            assert card.block(local + timedelta(seconds=13), ROAD, START + 60) == local
        first = parse_name(names[0]).local
        assert first is not None
        assert card.block(first.replace(tzinfo=UTC) - timedelta(seconds=1), ROAD, START) is None

    def test_the_future_is_not_on_it(self) -> None:
        card = Card(random.Random(1), START, timedelta(hours=3), hours=2)
        tomorrow = datetime.fromtimestamp(START, UTC) + timedelta(hours=3, seconds=1)
        assert card.block(tomorrow, CABIN, START) is None

    def test_the_rng_says_what_it_is(self) -> None:
        one, two = begins(random.Random(4), 0), begins(random.Random(4), 0)
        assert [next(one) for _ in range(99)] == [next(two) for _ in range(99)]


class TestRequests:
    """The bytes of the requests, without their way."""

    def test_the_sign_of_the_field_notes(self) -> None:
        name = "EVENT_353376110008882_00000000_2020_08_11_14_17_36_24.mp4"
        assert sign(name, "1597126660000") == "MTFiNTA3MDliNTMzYzRlZjJkMDExMzhlNmVhYzBmMzc="
        assert base64.b64decode(sign(name, "1597126660000")) == b"11b50709b533c4ef2d01138e6eac0f37"

    @pytest.mark.parametrize(
        ("name", "part"),
        [
            (ROAD_FILE, "2026_11_28_12_30_00_F_23.ts"),
            (f"CMD_{IMEI}_0000002a_2026_11_28_12_30_00_I_10.jpg", "2026_11_28_12_30_00_I_10.jpg"),
            ("other.ts", "other.ts"),
        ],
    )
    def test_the_part_has_a_shorter_name(self, name: str, part: str) -> None:
        assert part_name(name) == part

    def test_the_form(self) -> None:
        errand = Errand("http://x", Content(ROAD_FILE, 1000), ROAD_FILE)
        request = errand.request(1789652420.763)
        data = b"".join(request.pieces())
        assert len(data) == request.length
        kind, _, boundary = request.headers["Content-Type"].partition("; boundary=")
        assert kind == "multipart/form-data"
        lines = data.split(b"\r\n")
        assert lines[:13] == [
            f"--{boundary}".encode(), b'Content-Disposition: form-data; name="filename"', b"", ROAD_FILE.encode(),
            f"--{boundary}".encode(), b'Content-Disposition: form-data; name="timestamp"', b"", b"1789652420763",
            f"--{boundary}".encode(), b'Content-Disposition: form-data; name="sign"', b"",
            sign(ROAD_FILE, "1789652420763").encode(), f"--{boundary}".encode(),
        ]  # fmt: skip
        assert lines[13] == b'Content-Disposition: form-data; name="file"; filename="2026_11_28_12_30_00_F_23.ts"'
        assert lines[14:16] == [b"Content-Type: multipart/form-data", b""]
        content = b"".join(errand.content.pieces()) if isinstance(errand.content, Content) else b""
        assert data.endswith(b"\r\n\r\n" + content + f"\r\n--{boundary}--\r\n".encode())

    @pytest.mark.parametrize(
        ("name", "kind"),
        [("a.jpg", "image/jpeg"), ("a.ts", "video/mp2t"), ("a.mp4", "video/mp4"), ("a.h264", "video/mp2t")],
    )
    @pytest.mark.parametrize("size", [1, 187, 188, 2000, 2001, 2002, 2003, 25_000, 65_424, 300_001])
    def test_contents(self, name: str, kind: str, size: int) -> None:
        pieces = [*Content(name, size).pieces()]
        data = b"".join(pieces)
        assert len(data) == size
        assert max(map(len, pieces)) <= 66_000
        assert b"".join(Content(name, size).pieces()) == data
        if size > 200:
            assert kind_of_content(data[:200]) == (kind.partition("/")[0].replace("image", "picture"), kind)
            other = b"".join(Content("b" + name, size).pieces())
            assert hashlib.sha256(other).digest() != hashlib.sha256(data).digest()


# -- in the terminal --------------------------------------------------------------------------------------------------


def terminal(uploads: Uploads | None, alarms: float = 0.0, route: int = 0) -> FakeTerminal:
    rng = random.Random(1)
    drive = Drive(ROUTES[route], rng, START)
    return FakeTerminal(IMEI, drive, Tally(), rng, START, alarms_an_hour=alarms, uploads=uploads)


@pytest.mark.parametrize("route", [0, 1, 3])
def test_an_alarms_files_are_the_recorders(route: int) -> None:
    world = World(terminal(attrs.evolve(HABITS, lost=1.0), alarms=60, route=route))
    world.run(3600)
    reported = [report for report in world.reports if report.message["header"]["msg_id"] == 0x95]
    names = [name for report in reported for name in report.message["body"]["files"]]
    assert len(names) > 50
    recorder = world.terminal.recorder
    assert recorder is not None
    assert {*names} == {*recorder.files}
    for report in reported:
        for name in report.message["body"]["files"]:
            local = parse_name(name).local
            assert name.endswith(".ts") and local is not None
            zone = zone_of(local, report.message["body"]["date_time"].timestamp())
            assert zone == ROUTES[route].zone.total_seconds() / 60


def test_commands_reach_the_recorder_with_their_flag() -> None:
    made = terminal(HABITS)
    logged_in(made)
    (raw,) = made.receive(Session().command("Picture,in", 77), START + 1)
    assert (body(raw)["server_flag"], body(raw)["content"]) == (77, "PICTURE:OK!")
    (errand,) = made.errands(START + 100)
    assert errand.name.startswith(f"CMD_{IMEI}_00000077_2026_11_28_17_30_01_I_10.jpg")
    assert isinstance(errand.content, Content) and errand.content.size == PHOTO_BYTES
    assert not made.settled
    made.ran(errand, TAKEN, START + 101)
    assert made.errands(START + 101) == []


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("UPLOAD", "UPLOAD:http://127.0.0.1:1/upload"),
        ("UPLOAD,http://example.com/upload/1", "UPLOAD:OK!"),
        ("FILELIST,http://example.com/filelist", "FILELIST:OK!"),
        ("Picture,up", "PICTURE,parameter A error. "),
        ("EVIDEO,yesterday,1", "EVIDEO,parameter A error. "),
        ("EVIDEO", "EVIDEO,command length error. support length [3, 4]"),
        ("PICTURE,in", "PICTURE,command header error. "),
        ("VERSION", "[VERSION]JC400D_WAVA_DMS_V4.2.13_210716.2013"),
    ],
)
def test_other_commands_are_answered_as_ever(text: str, reply: str) -> None:
    made = terminal(HABITS)
    logged_in(made)
    (raw,) = made.receive(Session().command(text, 1), START + 1)
    assert body(raw)["content"] == reply
    words = text.split(",")
    if len(words) == 2 and words[1].startswith("http"):
        assert made.settings[words[0]] == words[1]


def test_a_command_without_a_reply() -> None:
    made = terminal(attrs.evolve(HABITS, silent=frozenset({"HVIDEO"})))
    logged_in(made)
    assert made.receive(Session().command("HVIDEO,2026_11_28_17_10_30,1", 1), START + 1) == []
    assert made.tally.commands == 1


def test_without_uploads_nothing_is_different() -> None:
    made = terminal(None, alarms=60)
    logged_in(made)
    (raw,) = made.receive(Session().command("FILELIST", 1), START + 1)
    assert body(raw)["content"] == "FILELIST:http://example.org/filelist"
    made.tick(START + 600)
    assert made.errands(START + 600) == []
