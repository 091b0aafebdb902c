"""Files that did not come are asked for: in which words, in which order, how often, within which budget."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jimigw.gateway.uploads import UploadRefused
from jimigw.model.media import MediaState, Tie
from tests.gateway.media.conftest import MakeWorld
from tests.gateway.media.world import CABIN, CLIP, IMEI, NOW, ROAD, ZONE, MediaWorld

LOCAL = datetime.fromtimestamp(NOW + ZONE * 60, UTC)
BY_NAME = f"UPLOADFILE,{ROAD}"
BY_CUT = f"EVIDEO,{LOCAL:%Y-%m-%d %H:%M:%S},1"
BY_BLOCK = f"HVIDEO,{LOCAL:%Y_%m_%d_%H_%M_%S},1"
CABIN_BY_NAME = f"UPLOADFILE,{CABIN}"
AFTER, WAIT = 300.0, 180.0


@pytest.fixture
def fetching(make_world: MakeWorld) -> MediaWorld:
    """A world that asks for what is missing by itself, once in each way."""
    world = make_world(fetch=True, fetch_after=AFTER, fetch_wait=WAIT, fetch_attempts=1)
    world.camera()
    return world


def cut_of(seconds: float, number: int = 20, flag: int = 0) -> str:
    local = datetime.fromtimestamp(seconds + ZONE * 60, UTC)
    return f"EVENT_{IMEI}_{flag:08d}_{local:%Y_%m_%d_%H_%M_%S}_{'F' if number in (20, 22) else 'I'}_{number}.mp4"


def test_what_comes_by_itself_is_not_asked_for(fetching: MediaWorld) -> None:
    fetching.alarm()
    fetching.upload(ROAD)
    fetching.upload(CABIN)
    fetching.wait(AFTER + WAIT)
    assert fetching.asked() == []
    assert fetching.told("file_missing") == []


def test_without_the_rule_it_is_missing(make_world: MakeWorld) -> None:
    world = make_world(fetch_after=AFTER)
    world.camera()
    world.alarm()
    world.upload(CABIN)
    world.wait(AFTER + 10)
    assert world.asked() == []
    assert world.states() == {CABIN: "stored", ROAD: "missing"}
    (told,) = world.told("file_missing")
    assert (told["filename"], told["state"], told["reason"]) == (ROAD, "missing", "it was announced and did not come")
    assert (told["alarm"]["id"], told["camera"]) == (1, 1)
    # It may still come, and then the alarm is complete.
    world.upload(ROAD)
    assert world.states() == {CABIN: "stored", ROAD: "stored"}
    assert len(world.told("alarm_complete")) == 1


def test_front_then_cabin_one_at_a_time(fetching: MediaWorld) -> None:
    fetching.alarm()
    fetching.wait(AFTER + 1)
    assert fetching.asked() == [BY_NAME]
    assert fetching.states() == {ROAD: "asked", CABIN: "asked"}
    fetching.says("UPLOADFILE:OK!")
    fetching.wait(60)
    assert fetching.asked() == [BY_NAME]
    media = fetching.upload(ROAD)
    assert (media.tie, media.attempts, media.step) == (Tie.NAME, 1, "UPLOADFILE")
    fetching.wait(1)
    assert fetching.asked() == [BY_NAME, CABIN_BY_NAME]
    fetching.says("UPLOADFILE:OK!")
    fetching.upload(CABIN)
    assert len(fetching.told("alarm_complete")) == 1
    assert fetching.uploads.ladder.stats() == {"asked for": 0, "terminals asked": 0}


def test_all_the_rungs(fetching: MediaWorld) -> None:
    """Answered or not: what counts is the file. At last it is missing, and the next one has its turn."""
    fetching.alarm(names=[ROAD])
    fetching.wait(AFTER + 1)
    fetching.says("UPLOADFILE:OK!")
    fetching.wait(WAIT + 1)
    assert fetching.asked() == [BY_NAME, BY_CUT]
    fetching.says("EVIDEO:OK!")
    fetching.wait(WAIT + 1)
    assert fetching.asked() == [BY_NAME, BY_CUT, BY_BLOCK]
    # HVIDEO often has no answer at all.
    fetching.wait(60 + WAIT + 5)
    assert fetching.states() == {ROAD: "missing"}
    (told,) = fetching.told("file_missing")
    assert (told["reason"], told["attempts"]) == ("it was asked for and did not come", 3)
    fetching.wait(3600)
    assert len(fetching.asked()) == 3


def test_what_the_terminal_refuses_is_not_waited_for(fetching: MediaWorld) -> None:
    fetching.alarm(names=[ROAD])
    fetching.wait(AFTER + 1)
    fetching.says("UPLOADFILE,command header error. ")
    assert fetching.asked() == [BY_NAME, BY_CUT]
    fetching.says("EVIDEO,parameter A error. ")
    assert fetching.asked() == [BY_NAME, BY_CUT, BY_BLOCK]
    fetching.says("HVIDEO,command header error. ")
    (media,) = fetching.files()
    assert media.state is MediaState.FAILED
    assert media.why.startswith("UPLOADFILE: UPLOADFILE,command header error")
    assert fetching.told("file_missing")[0]["state"] == "failed"


CLIPS = [
    ("EVIDEO", lambda flag: cut_of(NOW - 31), Tie.WINDOW),
    ("EVIDEO", lambda flag: cut_of(NOW, flag=flag), Tie.FLAG),
    ("EVIDEO", lambda flag: cut_of(NOW - 40, 22), Tie.WINDOW),
]


@pytest.mark.parametrize(("rung", "name", "tie"), CLIPS)
def test_a_clip_of_the_moment_takes_its_place(fetching: MediaWorld, rung: str, name: Any, tie: Tie) -> None:
    fetching.alarm(names=[ROAD])
    fetching.wait(AFTER + 1)
    fetching.says("UPLOADFILE,command header error. ")
    fetching.says("EVIDEO:OK!")
    arrived = name(fetching.links[IMEI].given[-1][0])
    media = fetching.upload(arrived)
    assert (media.name, media.alias, media.step, media.tie) == (ROAD, arrived, rung, tie)
    assert len(fetching.files()) == 1
    assert len(fetching.told("alarm_complete")) == 1
    assert fetching.upload(arrived).id == media.id


def test_the_cut_of_another_moment_or_camera_is_another_file(fetching: MediaWorld) -> None:
    fetching.alarm(names=[ROAD])
    fetching.wait(AFTER + 1)
    fetching.says("UPLOADFILE,command header error. ")
    fetching.says("EVIDEO:OK!")
    for name in (cut_of(NOW - 200), cut_of(NOW, 21)):
        assert fetching.upload(name).alarm is None
    assert fetching.states()[ROAD] == "asked"


def test_a_terminal_that_sleeps(fetching: MediaWorld) -> None:
    """The command waits for its next login; then it goes on."""
    fetching.alarm(names=[ROAD])
    device = fetching.registry.get(IMEI)
    assert device is not None
    device.link = None
    fetching.wait(AFTER + 3600)
    assert fetching.asked() == []
    assert fetching.states() == {ROAD: "asked"}
    fetching.login()
    assert fetching.asked() == [BY_NAME]


def test_and_one_that_never_wakes(fetching: MediaWorld) -> None:
    fetching.alarm(names=[ROAD])
    device = fetching.registry.get(IMEI)
    assert device is not None
    device.link = None
    fetching.clock.advance(AFTER + 1)
    fetching.settle()
    fetching.wait(1)
    fetching.clock.advance(86_400)
    fetching.settle()
    fetching.wait(60)
    (media,) = fetching.files()
    assert (media.state, media.why) == (MediaState.FAILED, "the terminal was not on line in time")


def test_a_cancelled_command_ends_the_asking(fetching: MediaWorld) -> None:
    fetching.alarm(names=[ROAD])
    fetching.wait(AFTER + 1)
    (media,) = fetching.files()
    assert media.command is not None
    fetching.result(fetching.commands.cancel(media.command, "operator"))
    (media,) = fetching.files()
    assert (media.state, media.why) == (MediaState.FAILED, f"command {media.command} was cancelled")


def test_only_these_alarms(make_world: MakeWorld) -> None:
    world = make_world(fetch=True, fetch_after=AFTER, fetch_alarms=frozenset({0x01}))
    world.camera()
    world.alarm(names=[ROAD], code=0x92)
    world.wait(AFTER + 1)
    assert (world.asked(), world.states()) == ([], {ROAD: "missing"})
    world.alarm(names=[CABIN], code=0x01)
    world.wait(AFTER + 1)
    assert world.asked() == [CABIN_BY_NAME]


def test_the_rule_of_one_terminal(make_world: MakeWorld) -> None:
    world = make_world(fetch=True, fetch_after=AFTER)
    world.camera()
    other = "863000000000022"
    device = world.camera(other)
    world.result(world.uploads.set_rule(device, fetch=False))
    world.alarm(names=[ROAD], id=other)
    world.alarm(names=[ROAD])
    world.wait(AFTER + 1)
    assert (len(world.asked()), len(world.asked(other))) == (1, 0)


def test_tries_of_each_rung(make_world: MakeWorld) -> None:
    world = make_world(fetch=True, fetch_after=AFTER, fetch_wait=WAIT, fetch_attempts=2)
    world.camera()
    world.alarm(names=[ROAD])
    world.wait(AFTER + 1)
    for _ in range(6):
        world.says("OK!")
        world.wait(WAIT + 1)
    assert world.asked() == [BY_NAME, BY_NAME, BY_CUT, BY_CUT, BY_BLOCK, BY_BLOCK]
    assert world.states() == {ROAD: "missing"}


@pytest.mark.parametrize("kill", [False, True])
def test_a_restart_goes_on_where_it_was(fetching: MediaWorld, kill: bool) -> None:
    fetching.alarm()
    fetching.wait(AFTER + 1)
    fetching.says("UPLOADFILE:OK!")
    fetching.restart(kill)
    fetching.login()
    fetching.wait(10)
    # What was asked is not asked again at once, and the other one still waits for its turn.
    assert fetching.asked() == []
    assert fetching.states() == {ROAD: "asked", CABIN: "asked"}
    fetching.upload(ROAD)
    fetching.wait(1)
    assert fetching.asked() == [CABIN_BY_NAME]
    fetching.restart(kill)
    fetching.login()
    fetching.wait(60 + WAIT + 10)
    assert fetching.asked()[-1].startswith("EVIDEO,2026-11-20 17:30:00,2")


@pytest.mark.parametrize("kill", [False, True])
def test_what_is_announced_is_still_expected_after_a_restart(fetching: MediaWorld, kill: bool) -> None:
    fetching.alarm(names=[ROAD])
    fetching.wait(AFTER - 10)
    fetching.restart(kill)
    fetching.login()
    assert fetching.asked() == []
    fetching.wait(12)
    assert fetching.asked() == [BY_NAME]


# -- what people ask for ----------------------------------------------------------------------------------------------


def test_a_clip_of_a_moment(world: MediaWorld) -> None:
    device = world.camera()
    files = world.result(world.uploads.clip(device, NOW - 600, [2, 1], "admin"))
    assert [(each.camera, str(each.state)) for each in files] == [(2, "asked"), (1, "asked")]
    world.wait(1)
    assert world.asked() == ["EVIDEO,2026-11-20 17:20:00,1"]
    world.says("EVIDEO:OK!")
    media = world.upload(cut_of(NOW - 600))
    assert (media.id, media.command is not None, media.camera) == (files[1].id, True, 1)
    world.wait(1)
    assert world.asked()[-1] == "EVIDEO,2026-11-20 17:20:00,2"
    world.says("EVIDEO,parameter A error. ")
    assert world.asked()[-1] == "HVIDEO,2026_11_20_17_20_00,2"
    assert world.upload(cut_of(NOW - 655, 25)).id == files[0].id


def test_its_length(world: MediaWorld) -> None:
    device = world.camera()
    world.result(world.uploads.clip(device, NOW - 600, [1], "admin", 30))
    world.wait(1)
    assert world.asked() == ["EVIDEO,2026-11-20 17:20:00,1,30"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"cameras": [3]}, "there are 1 .road. and 2 .cabin."),
    ({"cameras": []}, "there are 1"),
    ({"seconds": 9}, "cuts 10 to 60 s"),
    ({"time": NOW + 3600}, "lies in the past"),
]


@pytest.mark.parametrize(("what", "why"), WRONG)
def test_what_cannot_be_asked_for(world: MediaWorld, what: dict[str, Any], why: str) -> None:
    device = world.camera()
    with pytest.raises(UploadRefused, match=why):
        world.result(world.uploads.clip(device, **{"time": NOW - 60, "cameras": [1], "owner": "admin", **what}))
    assert world.files() == []


def test_without_a_zone_no_moment_can_be_named(make_world: MakeWorld) -> None:
    world = make_world()
    device = world.camera(zone=None)
    with pytest.raises(UploadRefused, match="zone of its file names is not known"):
        world.result(world.uploads.clip(device, NOW - 60, [1], "admin"))


def test_asking_again(world: MediaWorld) -> None:
    world.alarm(names=[ROAD])
    world.wait(AFTER + 10)
    (media,) = world.files()
    assert media.state is MediaState.MISSING
    assert world.result(world.uploads.fetch(media.id, "admin")).state is MediaState.ASKED
    world.wait(1)
    assert world.asked() == [BY_NAME]
    # Twice is once.
    world.result(world.uploads.fetch(media.id, "admin"))
    world.wait(1)
    assert len(world.asked()) == 1
    world.says("OK")
    world.upload(ROAD)
    with pytest.raises(UploadRefused, match="is stored already"):
        world.result(world.uploads.fetch(media.id, "admin"))
    with pytest.raises(UploadRefused, match="there is no file 99"):
        world.result(world.uploads.fetch(99, "admin"))


def test_what_has_no_command(world: MediaWorld) -> None:
    media = world.upload("img07-1588139792287.png")
    world.result(world.uploads.delete(media.id, "admin"))
    with pytest.raises(UploadRefused, match="there is no command by which"):
        world.result(world.uploads.fetch(media.id, "admin"))


def test_names_cannot_carry_commands(world: MediaWorld) -> None:
    for name in (f"EVENT_{IMEI}#RELAY,1", f"EVENT_{IMEI},RELAY.mp4", "EVENT_ .mp4", "EVENT_\n.mp4"):
        world.alarm(names=[name])
    world.wait(AFTER + 10)
    for media in world.files():
        with pytest.raises(UploadRefused, match="there is no command"):
            world.result(world.uploads.fetch(media.id, "admin"))
    assert world.asked() == []


def test_the_budget(make_world: MakeWorld) -> None:
    """Only what was asked for counts, and only of this month."""
    world = make_world(budget=2 * len(CLIP), fetch_attempts=1)
    device = world.camera()
    world.upload("2026_11_20_17_00_00_01.ts")
    files = []
    for minutes in (10, 20):
        (media,) = world.result(world.uploads.clip(device, NOW - 60 * minutes, [1], "admin"))
        world.wait(1)
        world.says("EVIDEO:OK!")
        files.append(world.upload(cut_of(NOW - 60 * minutes)))
        assert files[-1].id == media.id
    budget = world.result(world.uploads.budget(device))
    assert (budget.asked, budget.received, budget.files) == (2 * len(CLIP), 3 * len(CLIP), 3)
    assert (budget.limit, budget.month) == (2 * len(CLIP), "2026-11")
    with pytest.raises(UploadRefused, match="is used up") as caught:
        world.result(world.uploads.clip(device, NOW - 3600, [1], "admin"))
    assert caught.value.code == "limit"
    world.result(world.uploads.set_rule(device, budget=10 * len(CLIP)))
    world.result(world.uploads.clip(device, NOW - 3600, [1], "admin"))
    world.result(world.uploads.set_rule(device, budget=0))
    with pytest.raises(UploadRefused, match="0 bytes, is used up"):
        world.result(world.uploads.clip(device, NOW - 7200, [1], "admin"))
    world.result(world.uploads.set_rule(device, budget=None))
    world.clock.advance(12 * 86_400)
    world.settle()
    assert world.result(world.uploads.budget(device)).asked == 0
