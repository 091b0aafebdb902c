"""Files and recordings in the manhole, as an operator sees them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise

import attrs
import pytest

from jimigw.gateway.media.timeline import Recording, Span, Timeline, Track
from jimigw.gateway.uploads import UploadRefused
from jimigw.model.media import MediaQuery, MediaState
from jimigw.ops.columns import width_of
from jimigw.ops.manhole.files import size_said
from jimigw.ops.manhole.interpreter import OperatorError
from jimigw.ops.manhole.recordings import MAX_GAPS, day_of, day_picture, moment_of
from tests.ops.manhole.conftest import CAMERA, SLEEPER
from tests.support.house import NOW
from tests.support.terminal_stub import Desk
from tests.support.uploads import RecordingUploads, a_timeline, an_alarm, missing, some_files, stored

EVENT = f"EVENT_{CAMERA}_00000000_2026_05_29_04_25_40"


@pytest.fixture
def files(desk: Desk) -> Desk:
    """A desk whose house keeps files."""
    desk.house.uploads = RecordingUploads(some_files(CAMERA), [an_alarm(CAMERA)])
    desk.house.uploads.timelines[CAMERA] = a_timeline(CAMERA)
    return desk


# -- files ------------------------------------------------------------------------------------------------------------


def test_the_files_of_a_terminal(files: Desk) -> None:
    files.shell.terminalSize(140, 24)
    assert files.run("device('0001').media()").splitlines() == [
        "file  name                                           state    holds    camera  taken                      "
        "   size  alarm  reason",
        "   3  CMD_…_00000007_2026_05_29_04_26_40_I_10.jpg    stored   picture       2  2026-05-29 04:26:40+08:00  "
        "25.0 kB         it came",
        "   2  EVENT_…_00000000_2026_05_29_04_25_40_I_56.mp4  missing  video         2  2026-05-29 04:25:40+08:00  "
        "             1  it never came",
        "   1  EVENT_…_00000000_2026_05_29_04_25_40_F_55.mp4  stored   video         1  2026-05-29 04:25:40+08:00  "
        " 1.6 MB      1  it came",
        "(no room for: kept)",
    ]
    assert files.run("device('0001').media(last=2)").splitlines()[-1] == "(the newest 2; there may be more)"
    assert files.run("device('0002').media()") == "There are no such files."
    assert files.house.uploads.asked[-1] == ("find", MediaQuery(device=SLEEPER, limit=10))


def test_files_in_some_state(files: Desk) -> None:
    assert files.run("device('0001').media(state='missing')").splitlines()[1].split()[0] == "2"
    files.run("device('0001').media(5, state=['missing', 'failed'])")
    both = frozenset({MediaState.MISSING, MediaState.FAILED})
    assert files.house.uploads.asked[-1] == ("find", MediaQuery(device=CAMERA, states=both, limit=5))


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("device('0001').media(0)", "last is a number from 1 to 1000."),
        ("device('0001').media('x')", "last is a number from 1 to 1000."),
        (
            "device('0001').media(state='gone')",
            "'gone' is no state of a file; there are announced, asked, arriving, stored, failed, missing, deleted.",
        ),
        ("media('x')", "A file has a number: media(17). device('...').media() lists the files of a terminal."),
        ("media(0)", "A file has a number: media(17). device('...').media() lists the files of a terminal."),
        ("media(9)", "file 9: there is no file 9"),
        ("media(1).protect(7)", "protect() or protect(False)."),
        ("media(3).delete()", "Its content is gone then. If it is meant: media(3).delete(confirm=True)"),
        ("media(3).delete(1)", "Its content is gone then. If it is meant: media(3).delete(confirm=True)"),
    ],
)
def test_what_cannot_be_asked_of_files(files: Desk, typed: str, told: str) -> None:
    assert files.run(typed).replace("\n", " ") == told
    assert all(asked[0] == "find" for asked in files.house.uploads.asked)


def test_a_file_is_a_card(files: Desk) -> None:
    card = [
        "file       2",
        f"name       {EVENT}_I_56.mp4",
        f"device     {CAMERA}",
        "state      missing: it never came",
        "holds      video",
        "known by   event",
        "camera     2",
        "event      56",
        "taken      2026-05-29 04:25:40+08:00",
        "alarm      1 (by its name)",
        "announced  2026-05-29 04:25:50+08:00 (2 min ago)",
        "tries      4, the last by HVIDEO",
    ]
    assert files.run("media(2)").splitlines() == card
    assert files.run("media(2).info()").splitlines() == card
    files.run("x = media(2).info()")
    assert files.run("x.value.attempts, media(2).id, media(2)") == "(4, 2, file 2)"
    picture = files.run("media(3)").splitlines()
    assert "command    7 (by its flag)" in picture
    assert "size       25.0 kB (25,000 bytes)" in picture
    assert picture[-1] == "protected  yes"


def test_a_file_without_a_name(files: Desk) -> None:
    files.house.uploads.kept = {5: missing(CAMERA, 5, None, details={"b": 1}, place="ftp://192.0.2.7/x")}
    assert "(not known)" in files.run("device('0001').media()")
    shown = files.run("media(5)").splitlines()
    assert shown[-2:] == ["lies at    ftp://192.0.2.7/x", 'details    {"b":1}']
    assert files.run("media(5).fetch()") == "file 5, camera 2, is asked: manhole:admin asked for it"


def test_a_file_is_fetched_protected_deleted(files: Desk) -> None:
    assert files.run("media(2).fetch()").replace("\n", " ") == (
        f"file 2, {EVENT}_I_56.mp4, is asked: manhole:admin asked for it"
    )
    files.house.uploads.refusal = UploadRefused("the budget of this month is used up", "limit")
    assert files.run("media(2).fetch()") == "fetch file 2: the budget of this month is used up"
    assert files.run("media(1).protect()") == f"file 1, {EVENT}_F_55.mp4 is protected."
    refused = files.run("media(1).delete(confirm=True)")
    assert refused == f"delete file 1: {EVENT}_F_55.mp4 is protected; protect it no more first"
    assert files.run("media(1).protect(False)") == f"file 1, {EVENT}_F_55.mp4 is protected no more."
    assert files.run("media(1).delete(confirm=True)").endswith("is deleted: manhole:admin deleted it")
    assert files.house.uploads.asked == [
        ("fetch", 2, "manhole:admin"),
        ("fetch", 2, "manhole:admin"),
        ("protect", 1, True),
        ("delete", 1, "manhole:admin"),
        ("protect", 1, False),
        ("delete", 1, "manhole:admin"),
    ]


def test_help_of_files(files: Desk) -> None:
    for line in ("help(media)", "media(1).help()", "help(media(1))"):
        shown = files.run(line)
        assert all(f"  {word}" in shown for word in ("delete(", "fetch()", "info()", "protect(", "id "))
    assert files.run("dir(media(1))") == "['delete', 'fetch', 'help', 'id', 'info', 'protect']"
    for word in ("media(last=10, state=None)", "clip(time, camera=None, seconds=None)", "timeline(day=None"):
        assert word in files.run("help(device)")


def test_what_terminals_say_cannot_steer_the_screen(files: Desk) -> None:
    evil = stored(CAMERA, 4, "a\x1b[2Jb", why="c\r\n\x9bd", mime="x\x07/y", details={"k": "\x1b"})
    files.house.uploads.kept = {4: evil}
    for line in ("device('0001').media()", "media(4)", "media(4).protect()"):
        assert not set(files.type(line + "\r")) & {"\x1b", "\x9b", "\x07"}


@pytest.mark.parametrize("width", [30, 60, 100])
def test_no_table_of_files_is_wider_than_the_window(files: Desk, width: int) -> None:
    files.shell.terminalSize(width, 24)
    for line in ("device('0001').media()", "media(3)", "device('0001').timeline()"):
        assert [each for each in files.run(line).splitlines() if width_of(each) > max(width, 40)] == []


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, ""), (999, "999 B"), (1000, "1.0 kB"), (99_900, "99.9 kB"), (250_000, "250 kB"), (1_600_000, "1.6 MB"),
        (12_345_678_901, "12.3 GB"),
    ],
)  # fmt: skip
def test_sizes(size: int, said: str) -> None:
    assert size_said(size) == said


# -- clips ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("device('0001').clip('2026-05-29 04:26:40')", (CAMERA, NOW, (1, 2), None)),
        ("device('0001').clip('2026-05-28T20:26:40Z', camera=2)", (CAMERA, NOW, (2,), None)),
        ("device('0001').clip('04:26', 1, seconds=20)", (CAMERA, NOW - 40, (1,), 20)),
        (f"device('0001').clip({NOW})", (CAMERA, NOW, (1, 2), None)),
        ("device('0002').clip('4:26:40')", (SLEEPER, NOW, (1, 2), None)),
    ],
)
def test_a_clip_is_asked_for(files: Desk, typed: str, asked: tuple[str, float, tuple[int, ...], int | None]) -> None:
    device, time, cameras, seconds = asked
    told = files.run(typed).splitlines()
    assert files.house.uploads.asked == [("clip", device, time, cameras, "manhole:admin", seconds)]
    assert told == [
        f"file {at}, camera {camera}, is asked: manhole:admin asked for it" for at, camera in enumerate(cameras, 4)
    ]


def test_a_camera_that_a_terminal_does_not_have_is_not_asked(files: Desk) -> None:
    for many, cameras in ((1, (1,)), (2, (1, 2)), (4, (1, 2))):
        files.house.registry.devices[CAMERA].cameras = many
        files.run("device('0001').clip('04:26')")
        assert files.house.uploads.asked[-1][3] == cameras


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("clip('x')", "'x' is no time; '2026-05-29 04:26:40' and '04:26' are local, "),
        ("clip(None)", "'None' is no time; "),
        ("clip(True)", "'True' is no time; "),
        ("clip('0001-01-01 00:00:00')", "'0001-01-01 00:00:00' is no time; "),
        ("clip('04:29')", "2026-05-29 04:29:00+08:00 is still to come."),
        ("clip('04:26', camera=3)", "camera is 1 (road) or 2 (cabin)."),
        ("clip('04:26', camera='1')", "camera is 1 (road) or 2 (cabin)."),
        ("clip('04:26', seconds=61)", "seconds is a number from 10 to 60."),
        ("timeline('29.5.2026')", "'29.5.2026' is no day; one is '2026-05-29'."),
    ],
)
def test_what_is_no_clip(files: Desk, typed: str, told: str) -> None:
    assert files.run(f"device('0001').{typed}").startswith(told)
    assert files.house.uploads.asked == []


def test_times_and_days_as_objects() -> None:
    moment = datetime(2026, 5, 28, 20, 26, 40, tzinfo=UTC)
    assert moment_of(moment, NOW) == NOW
    assert day_of(moment) == day_of("2026-05-28") == day_of(date(2026, 5, 28)) == date(2026, 5, 28)
    with pytest.raises(OperatorError, match="is no time"):
        moment_of(float("nan"), NOW)


# -- timelines --------------------------------------------------------------------------------------------------------


def test_a_day_is_a_picture(files: Desk) -> None:
    files.shell.terminalSize(80, 24)
    files.house.uploads.timelines[CAMERA] = a_timeline(CAMERA, NOW - 3 * 3600, blocks=80)
    assert files.run("device('0001').timeline()").splitlines() == [
        "2026-05-29, from the list of 864200050000001 that came 2026-05-29 04:26:10+08:00",
        "(one of its names is no recording)",
        "             00        10        20        30        40        50",
        "01  1 road   ..........................+#################################",
        "    2 cabin  ..........................+##+.+############################",
        "02  1 road   ##############################################+.............",
        "    2 cabin  ##############################################+.............",
        "camera 1 road: 80 recordings, 80 min, without a gap",
        "camera 2 cabin: 78 recordings, 78 min; 1 gap: 01:29:40 for 2 min",
    ]
    files.shell.terminalSize(40, 24)
    narrow = files.run("device('0001').timeline()").splitlines()
    at = narrow.index("             001020304050")
    assert narrow[at + 1 : at + 3] == ["01  1 road   .....+######", "    2 cabin  .....++#####"]
    assert files.run("device('0001').timeline('2026-05-28')").splitlines()[-1] == "nothing recorded"


def _timeline(*spans: tuple[float, float]) -> Timeline:
    """One camera that recorded these stretches, in hours of the 29th of May in Shanghai."""
    midnight = datetime(2026, 5, 28, 16, tzinfo=UTC).timestamp()
    found = [Span(midnight + begins * 3600, midnight + ends * 3600) for begins, ends in spans]
    gaps = [Span(one.ends, other.begins) for one, other in pairwise(found)]
    recordings = [Recording(f"{n}.ts", 3, each.begins, each.ends) for n, each in enumerate(found)]
    return Timeline("d", NOW, 480, [Track(3, recordings, found, gaps)], 0)


def test_hours_without_a_recording_are_one_line() -> None:
    picture = day_picture(_timeline((0.5, 1), (5, 5.25), (23.75, 24.5)), date(2026, 5, 29), False, 100)
    full = "#" * 60
    assert picture[2:] == [
        f"00  3  {'.' * 30}{full[:30]}",
        "01:00 to 05:00 nothing",
        f"05  3  {full[:15]}{'.' * 45}",
        "06:00 to 23:00 nothing",
        f"23  3  {'.' * 45}{full[:15]}",
        "camera 3: 3 recordings, 60 min; 2 gaps: 01:00:00 for 4 h 0 min, 05:15:00 for 18 h 30 min",
    ]


def test_a_list_without_recordings() -> None:
    nothing = attrs.evolve(_timeline(), tracks=[], unread=7)
    assert day_picture(nothing, None, True, 120) == [
        "The list of d that came 2026-05-29 04:26:40+08:00 names no recordings (7 of its names are no recordings)."
    ]


def test_a_list_of_several_days_says_which() -> None:
    told = day_picture(_timeline((-30, -29), (1, 2)), None, True, 100)
    assert told[0].startswith("2026-05-29, ")
    assert told[-1] == "(it reaches from 2026-05-27 to 2026-05-29: timeline('2026-05-29') shows a day)"


def test_many_gaps_are_counted() -> None:
    told = day_picture(_timeline(*((n / 4, n / 4 + 0.2) for n in range(60))), None, True, 200)
    text = " ".join(told)
    assert (text.count(" for 3 min"), f"and {59 - MAX_GAPS} more" in text) == (MAX_GAPS, True)


def test_a_terminal_without_a_list(files: Desk) -> None:
    asked = files.run("device('0002').timeline()").replace("\n", " ")
    assert asked == "It has sent no list of its recordings; timeline(refresh=True) asks for one."
    files.shell.terminalSize(120, 24)
    told = files.run("device('0001').timeline(refresh=True)")
    assert told == f"command 41, FILELIST for {CAMERA}, is queued."
    assert files.house.uploads.asked[-1] == ("refresh", CAMERA, "manhole:admin")
    assert files.house.commands.waits[0][0] == 41
