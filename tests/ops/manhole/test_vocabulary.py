"""The words, as an operator sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from twisted.internet.defer import fail

from jimigw.journal.interface import FARTHEST, JournalError
from jimigw.model.command import Life
from jimigw.model.report import Position
from jimigw.ops.columns import width_of
from jimigw.ops.manhole.following import MAX_WAITS
from jimigw.ops.manhole.vocabulary import device_words
from tests.ops.manhole.conftest import CAMERA, SLEEPER, TRACKER
from tests.support.house import NOW
from tests.support.terminal_stub import Desk

CARD = """\
id          864200050000001
plate       粤B12345
name        Bus 7
model       JC400P
firmware    C400_V1.1.4
protocol    jimi
on line     for 10 min, from 192.0.2.7:40000
connection  1,234 frames, 56,789 bytes, 0 errors
first seen  2026-05-26 04:26:40+08:00
last seen   2026-05-29 04:28:15+08:00 (5 s ago)
logins      4
ignition    on
position    22.57728 113.91685 at 2026-05-29 04:28:10+08:00
last alarm  Harsh braking at 2026-05-29 04:26:40+08:00
listed      no
notes       left mirror"""


def test_a_terminal_is_a_card(desk: Desk) -> None:
    assert desk.run(f"device('{CAMERA}')") == CARD
    assert desk.run("_.info") == CARD
    assert "on line     no, since 2026-05-29 02:25:00+08:00: no byte for 600 s" in desk.run(f"device('{SLEEPER}')")


@pytest.mark.parametrize("name", [CAMERA, "粤B12345", "0001", "B12345", " 0001 "])
def test_a_terminal_is_found_by_its_name_or_by_how_it_ends(desk: Desk, name: str) -> None:
    assert desk.run(f"device('{name}').id") == repr(CAMERA)


def test_several_that_end_so_are_named(desk: Desk) -> None:
    for number in range(20):
        desk.house.registry.add(f"86420005{number:06}9")
    assert desk.run("device('9')").startswith("at least 11 terminals end in '9':\nid")
    assert desk.run("device('77')") == "No terminal is called '77' or ends so; devices('*77*') looks anywhere."
    assert desk.run("device('')") == "Which one? device('864200050000001'), or the last characters of its name."


def test_the_fleet_is_a_table_that_is_cut_to_the_window(desk: Desk) -> None:
    desk.shell.terminalSize(140, 24)
    assert desk.run("devices()").splitlines() == [
        "id               plate     name   model   protocol  on line  last seen  place               km/h  ignition  "
        "firmware",
        "864200050000001  粤B12345  Bus 7  JC400P  jimi      10 min   5 s ago    22.57728 113.91685    45  on        "
        "C400_V1.1.4",
        "864200050000002                   JC261   jimi      no       2 h ago",
        "13800138000                               jt808     yes      100 s ago",
        "3 terminals, 2 on line",
    ]
    desk.shell.terminalSize(60, 24)
    assert desk.run("devices()").splitlines() == [
        "id               plate     name   model   on line  last seen",
        "864200050000001  粤B12345  Bus 7  JC400P  10 min   5 s ago",
        "864200050000002                   JC261   no       2 h ago",
        "13800138000                               yes      100 s ago",
        "(no room for: place, protocol, km/h, ignition, firmware)",
        "3 terminals, 2 on line",
    ]


@pytest.mark.parametrize("width", [20, 33, 50, 80, 200])
def test_nothing_is_wider_than_the_window(desk: Desk, width: int) -> None:
    desk.shell.terminalSize(width, 24)
    desk.run("device('0001').command('VERSION')")
    for line in ("devices()", "commands()", "help()"):
        shown = desk.run(line).splitlines()
        if line == "help()":
            # What can be called is not cut, it would be wrong.
            shown = [each for each in shown if "(" not in each and "." not in each]
        assert [each for each in shown if width_of(each) > width] == []


def test_a_fleet_is_a_list(desk: Desk) -> None:
    assert desk.run("[str(each) for each in devices('JC*')]") == f"['{CAMERA}', '{SLEEPER}']"
    assert desk.run("len(devices(online=True)), devices()[0].online, str(devices()[-1])") == f"(2, True, '{TRACKER}')"
    assert desk.run("devices('nobody*')") == "There are no such terminals."
    assert desk.run("devices(limit=1)").endswith("3 terminals, 2 on line; 2 more are not shown, limit=3 shows all")


def test_a_position(desk: Desk) -> None:
    assert desk.run("device('0001').position").splitlines() == [
        "time        2026-05-29 04:28:10+08:00",
        "place       22.57728 113.91685",
        "fix         yes",
        "speed       45 km/h",
        "course      87°",
        "altitude    12 m",
        "satellites  9",
        "mileage     123.5 km",
        "ignition    on",
        "map         https://www.openstreetmap.org/?mlat=22.577283&mlon=113.916847",
    ]
    assert desk.run("device('0001').position.value.speed_kmh") == "45.0"
    assert desk.run("device('0002').position") == "No position is known yet."
    device = desk.house.registry.devices[SLEEPER]
    device.position = Position(datetime.fromtimestamp(NOW, UTC), -1.5, -2.25, replayed=True, time_source="server")
    assert desk.run("device('0002').position").splitlines()[:3] == [
        "time      2026-05-29 04:26:40+08:00 (of receipt)",
        "place     -1.50000 -2.25000",
        "replayed  yes",
    ]


def test_a_command_and_its_answer(desk: Desk) -> None:
    assert desk.run("device('0001').command('VERSION')") == f"command 1, VERSION for {CAMERA}, is queued."
    named = {"owner": "manhole:admin", "purpose": "", "ttl": None, "confirm": False, "unknown": False}
    assert desk.house.asked == [("give", CAMERA, "VERSION", named)]
    desk.type("half a li")
    desk.house.commands.end(1, reply="C400_V1.1.4\r\nbuild \x1b[2J7")
    # What was being typed stands behind the prompt again.
    assert desk.pipe.take() == (
        f"command 1, VERSION for {CAMERA}, is answered after 0.5 s\n  C400_V1.1.4\n  build \\x1b[2J7\n>>> half a li"
    )
    assert desk.run("\x15_.done, _.value.reply[:4]") == "(True, 'C400')"


def test_a_command_for_one_that_is_off_line(desk: Desk) -> None:
    assert desk.run("device('0002').command('VERSION', ttl=60, purpose='a test')") == (
        f"command 1, VERSION for {SLEEPER}, waits: the terminal is off line. "
        "It goes at the next login, until 2026-05-29 05:26:40+08:00."
    )
    # The time of one wait is up: it is asked for again, and not in the same moment.
    (_, waiting), desk.house.commands.waits = desk.house.commands.waits[0], []
    waiting.callback(desk.house.commands.given[0])
    assert desk.house.commands.waits == []
    desk.clock.advance(1)
    desk.house.commands.end(1, Life.EXPIRED, why="nobody came")
    assert desk.pipe.take().splitlines()[0] == (
        f"command 1, VERSION for {SLEEPER}, is expired after 1.5 s: nobody came"
    )


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (
            "device('0001').command('FORMAT')",
            [
                f"command FORMAT for {CAMERA}: FORMAT deletes everything on the card.",
                f"If it is meant, repeat it so: device('{CAMERA}').command('FORMAT', confirm=True)",
            ],
        ),
        (
            "device('0001').command('DANCE')",
            [
                f"command DANCE for {CAMERA}: DANCE is not in the list of commands.",
                f"If it is meant, repeat it so: device('{CAMERA}').command('DANCE', unknown=True)",
            ],
        ),
        ("device('0001').command('FORMAT', confirm=True)", [f"command 1, FORMAT for {CAMERA}, is queued."]),
        ("device('0001').command(7)", ["A command is text in quotes: device('...').command('VERSION')"]),
        ("device('8000').message(0x8104)", [f"command 1, 0x8104 for {TRACKER}, is queued."]),
        (
            "device('8000').message('8104')",
            ["A message has a number from 0 to 0xFFFF: device('...').message(0x8104, {...})"],
        ),
        ("device('8000').message(0x8104, 7)", ["The body of a message is a dict, as in the exchange format."]),
    ],
)
def test_commands_and_refusals(desk: Desk, typed: str, told: list[str]) -> None:
    assert desk.run(typed).splitlines() == told


def test_a_message(desk: Desk) -> None:
    desk.run("device('8000').message(0x8300, {'flag': 1}, confirm=True, ttl=5)")
    named = {"owner": "manhole:admin", "purpose": "", "ttl": 5, "confirm": True}
    assert desk.house.asked == [("give", TRACKER, {"header": {"msg_id": 0x8300}, "body": {"flag": 1}}, named)]
    desk.house.commands.end(1, reply={"header": {}, "body": {"result": 0}})
    assert '"result": 0' in desk.pipe.take()


def test_the_list_of_commands(desk: Desk) -> None:
    desk.run("device('0001').command('VERSION')")
    desk.run("device('0002').command('PARAM#')")
    desk.house.commands.end(1, reply="V1")
    desk.pipe.take()
    desk.shell.terminalSize(130, 24)
    assert desk.run("commands()").splitlines() == [
        "id  device           command  state     given                      by             sent  reply or reason",
        " 2  864200050000002  PARAM#   queued    2026-05-29 04:26:40+08:00  manhole:admin",
        " 1  864200050000001  VERSION  answered  2026-05-29 04:26:40+08:00  manhole:admin    1x  V1",
    ]
    assert len(desk.run("commands(pending=True)").splitlines()) == 2
    assert len(desk.run("device('0001').commands()").splitlines()) == 2
    assert desk.run("device('0001').commands(pending=True)") == "There are no such commands."
    assert desk.run("commands(last=1)").endswith("(the newest 1; there may be more)")
    assert desk.run("cancel(2)") == f"command 2, PARAM# for {SLEEPER}, is cancelled."
    assert desk.house.asked[-1] == ("cancel", 2, "manhole:admin")
    assert desk.run("cancel(1)").startswith("cancel(1): WrongMove: command 1 is answered and cannot become cancelled")


def test_a_session_waits_for_a_bounded_number_of_results(desk: Desk) -> None:
    shown = desk.run(f"for n in range({MAX_WAITS + 1}): device('0001').command('VERSION')\r")
    assert "this session waits for 200 results already: look for it with commands()" in shown
    assert (len(desk.house.commands.given), len(desk.house.commands.waits)) == (MAX_WAITS + 1, MAX_WAITS)
    desk.type("\x04")
    desk.keys.connectionLost(None)
    # Nobody is left to hear of them.
    desk.house.commands.end(1, reply="late")


def test_history_and_journal(desk: Desk) -> None:
    journal = desk.house.journal
    journal.put(CAMERA, "login", b'{"message":{"header":{"msg_id":1},"body":{"model":"JC400P","firmware":"V1"}}}')
    journal.put(SLEEPER, "position", b'{"position":{"latitude":1.5,"longitude":-2.25,"speed_kmh":30,"replayed":true}}')
    journal.put(
        CAMERA, "alarm", b'{"position":{"latitude":1,"longitude":2},"alarms":[{"code":7,"name":"SOS"},{"code":8}]}'
    )
    journal.put(CAMERA, "unknown", b"not json")
    assert desk.run("journal()").splitlines() == [
        "record  received                   device           kind      what",
        "     1  2026-05-29 04:26:41+08:00  864200050000001  login     0x1  model=JC400P  firmware=V1",
        "     2  2026-05-29 04:26:42+08:00  864200050000002  position  1.50000 -2.25000  30 km/h  replayed",
        "     3  2026-05-29 04:26:43+08:00  864200050000001  alarm     SOS  8  1.00000 2.00000",
        "     4  2026-05-29 04:26:44+08:00  864200050000001  unknown   it cannot be read",
    ]
    assert [line.split()[0] for line in desk.run("device('0001').history(2)").splitlines()[1:]] == ["3", "4"]
    assert len(desk.run("journal(kind=['alarm', 'login'], device='0001')").splitlines()) == 3
    assert desk.run("journal(device='999999999999')") == "There are no such records."
    assert desk.run("journal(kind='alarms')").startswith("'alarms' is no kind of record; there are position, alarm,")
    assert desk.run("journal(0)") == "last is a number from 1 to 1000."
    assert desk.run("journal('x')") == "last is a number from 1 to 1000."


def test_a_journal_that_cannot_be_read_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = desk.house.journal
    journal.put(CAMERA, "login", b"{}")
    monkeypatch.setattr(journal, "newest", lambda *_: fail(JournalError("The disk is gone.")))
    assert desk.run("journal()") == "journal: The disk is gone."


def test_how_far_the_journal_was_looked_through_is_said(desk: Desk) -> None:
    desk.house.journal.farthest = 5
    for _ in range(20):
        desk.house.journal.put(CAMERA, "login", b"{}")
    assert desk.run("device('0002').history()").splitlines() == [
        "There are no such records.",
        f"(only the newest {FARTHEST:,} records of the journal were looked through)",
    ]


def test_disconnect_forget_note_onboard(desk: Desk) -> None:
    assert desk.run("device('0001').disconnect()") == f"The connection of {CAMERA} is closed."
    assert desk.run("device('0001').disconnect()") == f"{CAMERA} is off line."
    assert desk.run("device('0001').note('new\\nmirror')") == f"The note of {CAMERA} is kept."
    assert desk.run("device('0001').note('')") == f"{CAMERA} has no note any more."
    assert desk.run("device('0001').note('\\x1b')") == "A note is text of up to 1000 characters."
    assert desk.house.saved == ["new\nmirror", None]
    assert desk.run("device('0001').onboard(server='192.0.2.1')").splitlines() == [
        f"onboarding {CAMERA}:",
        "  1. SERVER: answered",
        "  2. TIMER: answered",
        "  differs: TIMER is 30, asked for 10",
    ]
    desk.run(f"d = device('{CAMERA}')")
    assert desk.run("d.forget()") == f"{CAMERA} is forgotten."
    assert desk.run("d") == f"{CAMERA} is not known any more."
    assert desk.house.asked == [
        ("disconnect", CAMERA, "manhole:admin asked for it"),
        ("disconnect", CAMERA, "manhole:admin asked for it"),
        ("onboard", CAMERA, "manhole:admin", False, {"server": "192.0.2.1"}),
        ("forget", CAMERA),
    ]


def test_a_note_that_cannot_be_stored_is_not_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.house, "save_card", lambda device: fail(JournalError("The disk is full.")))
    assert desk.run("device('0001').note('x')") == f"the note of {CAMERA}: The disk is full."
    assert desk.house.registry.devices[CAMERA].card.notes == "left mirror"


def test_stats_limits_reload(desk: Desk) -> None:
    assert desk.run("stats()").splitlines() == [
        "gateway",
        "  logins     12,345",
        "  by reason  lost 3",
        "",
        "journal",
        "  state  ok",
        "  empty  none",
    ]
    assert desk.run("stats().value['gateway']['logins']") == "12345"
    assert desk.run("limits()") == "jimi\n  max_frame  8192"
    assert desk.run("reload()").splitlines() == ["admission.file: 3 terminals more", "jimi.endpoints: needs a restart"]


def test_help(desk: Desk) -> None:
    lines = desk.run("help()")
    for word in ("devices", "device", "watch", "stop", "journal", "commands", "cancel", "media", "stats", "reload"):
        assert f"  {word}(" in lines
    assert desk.run("help(devices)").splitlines() == [
        "devices(pattern=None, online=None, limit=40)",
        "  The terminals that fit: devices('JC400*', online=True).",
        "",
        "  The pattern, with * and ?, is held against id, IMEI, phone, plate, name and model. limit is how",
        "  many lines are shown; the list itself has all:",
        "",
        "      for each in devices('JC400*'): each.command('VERSION')",
    ]
    about = desk.run("help(device)")
    assert all(f"  {word}" in about for word in device_words())
    assert desk.run("help('cancel')").splitlines()[0] == "cancel(id)"
    assert desk.run("help('nothing')") == "There is no help for that; help() lists the words."
    assert desk.run("stats") == "stats(): Counters and gauges of the service."
    assert "watch()" in desk.run("device('0001').help()")


def test_dir_shows_only_the_words(desk: Desk) -> None:
    desk.shell.terminalSize(300, 24)
    words = "cancel commands device devices exit help journal limits media reload stats stop watch"
    assert desk.run("dir()") == repr(words.split())
    desk.run("mine = 1")
    assert "'mine'" in desk.run("dir()")
    assert desk.run("dir(device('0001'))") == repr(sorted(device_words()))


def test_a_terminal_cannot_lead_out_of_the_house(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.house.registry.add("evil\x1b[2J\r\nid", online=True, model="\x9b2J粤", firmware="a\u202eb")
    for line in ("devices()", "device('id')", "print(devices()[0])"):
        shown = desk.type(line + "\r")
        assert not set(shown) & {"\x1b", "\x9b", "\u202e"}
