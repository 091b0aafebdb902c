"""What a file belongs to: what was announced, what asked for it, the alarm of its time, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jimigw.model.media import Media, MediaState, Source, Tie
from tests.gateway.media.conftest import MakeWorld
from tests.gateway.media.world import CABIN, IMEI, NOW, ROAD, TURN, ZONE, MediaWorld

LABEL = "30363534383239260826191542030500"


def name_at(seconds: float, letter: str = "F", number: int = 55, flag: str = "00000000", ending: str = "mp4") -> str:
    local = datetime.fromtimestamp(seconds + ZONE * 60, UTC)
    return f"EVENT_{IMEI}_{flag}_{local:%Y_%m_%d_%H_%M_%S}_{letter}_{number:02d}.{ending}"


def facts(media: Media) -> tuple[str, int | None, str]:
    return str(media.source), media.alarm, str(media.tie)


def test_an_alarm_announces_its_files(world: MediaWorld) -> None:
    world.alarm()
    road, cabin = sorted(world.files(), key=lambda media: media.camera or 0)
    assert [facts(each) for each in (road, cabin)] == [("event", 1, "name")] * 2
    assert [(each.name, each.camera, each.event, each.taken) for each in (road, cabin)] == [
        (ROAD, 1, 55, NOW),
        (CABIN, 2, 56, NOW),
    ]
    assert {each.state for each in (road, cabin)} == {MediaState.ANNOUNCED}


def test_by_its_exact_name(world: MediaWorld) -> None:
    world.alarm()
    media = world.upload(ROAD)
    assert (facts(media), media.state) == (("event", 1, "name"), MediaState.STORED)
    (told,) = world.told("upload")
    assert told["alarm"] == {
        "id": 1, "record": 1, "code": TURN, "name": "Turn", "time": "2026-11-20T09:30:00Z", "expected": 2,
    }  # fmt: skip
    assert told["business_type"] == "eventAttachment"
    assert world.told("alarm_complete") == []
    world.upload(CABIN)
    (complete,) = world.told("alarm_complete")
    assert complete["alarm"]["id"] == 1
    assert [each["filename"] for each in complete["files"]] == [CABIN, ROAD]


def test_the_file_may_come_before_its_alarm(world: MediaWorld) -> None:
    first = world.upload(ROAD)
    world.upload(CABIN)
    assert facts(first) == ("event", None, "")
    world.alarm()
    assert [facts(each) for each in world.files()] == [("event", 1, "name")] * 2
    assert len(world.told("alarm_complete")) == 1


def test_an_alarm_that_is_told_again_announces_nothing(world: MediaWorld) -> None:
    """The same batch once more, under another record; and the same record once more, after a crash."""
    first = world.alarm()
    world.alarm()
    world.hear(first)
    assert len(world.files()) == 2
    assert len(world.result(world.uploads.alarms())) == 1
    world.upload(ROAD)
    world.upload(CABIN)
    world.alarm()
    world.hear(first)
    assert len(world.told("alarm_complete")) == 1


def test_the_zone_is_learned_from_what_is_announced(make_world: MakeWorld) -> None:
    world = make_world()
    world.camera(zone=None)
    assert world.uploads.rules.zone(IMEI) is None
    world.alarm()
    assert world.uploads.rules.zone(IMEI) == ZONE
    world.restart()
    assert world.uploads.rules.zone(IMEI) == ZONE
    # What people say goes before what is learned.
    again = world.registry.get(IMEI)
    assert again is not None
    again.card.zone = -180
    assert world.uploads.rules.zone(IMEI) == -180


FLAGS = [("{:08d}", True), ("{:08x}", True), ("{:08X}", True), ("99999999", False), ("00000000", False)]


@pytest.mark.parametrize(("form", "tied"), FLAGS)
def test_by_the_flag_of_a_command(world: MediaWorld, form: str, tied: bool) -> None:
    """Of a command that somebody gave: its number is the server flag, in decimal or hex."""
    for _ in range(11):
        command = world.result(world.commands.give_text(IMEI, "Picture,in", owner="test"))
    name = f"CMD_{IMEI}_{form.format(command.id)}_2026_11_20_17_30_05_I_10.jpg"
    media = world.upload(name, b"\xff\xd8\xff\xe0" + bytes(100))
    assert media.source is Source.COMMAND
    assert (media.command, media.tie) == ((command.id, Tie.FLAG) if tied else (None, Tie.NONE))
    assert media.kind == "picture"


def test_a_command_of_another_terminal_is_no_match(world: MediaWorld) -> None:
    other = "863000000000022"
    world.camera(other)
    command = world.result(world.commands.give_text(other, "Picture,in", owner="test"))
    media = world.upload(f"CMD_{IMEI}_{command.id:08d}_2026_11_20_17_30_05_I_10.jpg")
    assert media.command is None


def test_by_the_instruction_of_6_3(world: MediaWorld) -> None:
    command = world.result(world.commands.give_text(IMEI, "Picture,in", owner="test"))
    media = world.upload("img07-1588139792287.png", b"\x89PNG\r\n\x1a\n" + bytes(50), instruction=str(command.id))
    assert (media.command, media.tie, media.kind) == (command.id, Tie.FLAG, "picture")
    (told,) = world.told("upload")
    assert told["instruction_id"] == str(command.id)


# seconds after the alarm, number, whether it is tied
WINDOW = [
    (-90, 55, True),
    (-91, 55, False),
    (0, 56, True),
    (15, 55, True),
    (16, 55, False),
    (0, 23, False),  # another event
    (0, 20, False),  # a cut that nobody asked for
    (-3600, 55, False),
]


@pytest.mark.parametrize(("after", "number", "tied"), WINDOW)
def test_by_event_and_time(world: MediaWorld, after: float, number: int, tied: bool) -> None:
    world.alarm(names=["EVENT_x.mp4"])
    media = world.upload(name_at(NOW + after, "F" if number % 2 else "I", number))
    assert (media.alarm, media.tie) == ((1, Tie.WINDOW) if tied else (None, Tie.NONE))


def test_a_name_that_is_a_second_off_is_the_file_that_was_announced(world: MediaWorld) -> None:
    world.alarm()
    name = name_at(NOW + 1, "F", 55, ending="ts")
    media = world.upload(name)
    assert (media.name, media.alias, media.tie) == (ROAD, name, Tie.WINDOW)
    (told,) = world.told("upload")
    assert (told["filename"], told["announced_as"]) == (name, ROAD)
    # Once more under its own name, and under the other one.
    assert world.upload(name).id == media.id
    assert len(world.files()) == 2


def test_never_to_the_nearest_of_two(world: MediaWorld) -> None:
    world.alarm(names=["EVENT_1.mp4"], at=NOW)
    world.alarm(names=["EVENT_2.mp4"], at=NOW + 20)
    assert world.upload(name_at(NOW + 1)).alarm is None
    # One that only one of them can have.
    assert world.upload(name_at(NOW - 80)).alarm == 1


def test_without_a_zone_no_time_is_believed(make_world: MakeWorld) -> None:
    world = make_world()
    world.camera(zone=None)
    world.alarm(names=["EVENT_x.mp4"])
    media = world.upload(name_at(NOW))
    assert (media.alarm, media.taken) == (None, 0.0)


def test_recordings_and_strangers(world: MediaWorld) -> None:
    block = world.upload("2026_11_20_17_30_00_01.ts", b"\x47" + bytes(187) + b"\x47" + bytes(187))
    assert (facts(block), block.kind, block.taken) == (("recording", None, ""), "video", NOW)
    assert facts(world.upload("img07-1588139792287.png")) == ("unasked", None, "")


def test_another_content_belongs_where_the_first_does(world: MediaWorld) -> None:
    world.alarm()
    world.upload(ROAD)
    assert facts(world.upload(ROAD, b"another")) == ("event", 1, "name")
    world.upload(CABIN)
    assert len(world.told("alarm_complete")) == 1


@pytest.mark.parametrize("how", ["name", "instruction"])
def test_by_the_label_of_a_jt_unit(world: MediaWorld, how: str) -> None:
    from jimigw.model.media import MediaAlarm

    alarm = MediaAlarm(IMEI, 7, NOW, protocol="jt808", code=0x0404, identity=LABEL)
    world.result(world.store.save_media_alarm(alarm))
    name = f"{IMEI}_{LABEL}_1_00.jpg" if how == "name" else "front.jpg"
    media = world.upload(name, b"\xff\xd8\xff\xe0" + bytes(9), instruction="" if how == "name" else LABEL)
    assert facts(media) == ("event", alarm.id, "identity")


def test_arriving_and_broken_off(world: MediaWorld) -> None:
    world.alarm()
    device = world.registry.get(IMEI)
    arrival = world.uploads.begin("a", device)
    arrival.named(ROAD)
    world.settle()
    assert world.states()[ROAD] == "arriving"
    arrival.abort("the camera went away")
    world.settle()
    assert world.states()[ROAD] == "announced"
    arrival = world.uploads.begin("a", device)
    arrival.named(ROAD)
    world.settle()
    world.restart(kill=True)
    assert world.states()[ROAD] == "announced"
    assert world.upload(ROAD).state is MediaState.STORED
