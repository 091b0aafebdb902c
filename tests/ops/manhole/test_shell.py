"""A session: keys, statements, what goes wrong in them, and its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.logger import LogEvent, formatEvent
from twisted.python.failure import Failure

from jimigw.ops.manhole.interpreter import MAX_OUTPUT, MAX_STATEMENT
from tests.support.terminal_stub import Desk


def hang_up(desk: Desk) -> None:
    desk.keys.connectionLost(Failure(ConnectionDone()))


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("1+1", "2"),
        ("'粤'", "'粤'"),
        ("x = 1", ""),
        ("print('a'); print('b')", "a\nb"),
        ("print('a', end='')", "a"),
        ("if 1:\r    print(1)\r", "...     print(1)\n... \n1"),
        ("for n in range(2): print(n)\r", "... \n0\n1"),
        ("1 1 +", "SyntaxError: invalid syntax"),
        ("", ""),
        ("None", ""),
        ("nobody", 'Traceback (most recent call last):\n  File "<manhole>", line 1, in <module>\n'
         "NameError: name 'nobody' is not defined"),
        ("raise KeyboardInterrupt", 'Traceback (most recent call last):\n  File "<manhole>", line 1, in <module>\n'
         "KeyboardInterrupt"),
        ("input()", 'Traceback (most recent call last):\n  File "<manhole>", line 1, in <module>\n'
         "NameError: name 'input' is not defined"),
        ("print('\\x1b[2J\\x07\\u202e')", "\\x1b[2J\\x07\\u202e"),
        ("import sys; print('to stderr', file=sys.stderr)", "to stderr"),
    ],
)  # fmt: skip
def test_statements(desk: Desk, typed: str, seen: str) -> None:
    shown = desk.run(typed)
    assert shown == seen or ("SyntaxError" in seen and shown.splitlines()[-1] == seen)
    assert desk.run("'still here'") == "'still here'"


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("12\x7f3", "13"),
        ("12\x083", "13"),
        ("23\x1b[D\x1b[D1", "123"),
        ("23\x1b[H1\x1b[F4", "1234"),
        ("23\x011\x054", "1234"),
        ("123\x1b[D\x1b[3~", "12"),
        ("999\x151", "1"),
        ("1\x1b[D\x0b2", "2"),
        ("len('a') 5\x17", "1"),
        ("13\x1b[D\x1b[2~2\x1b[2~", "12"),
        ("5\x1b[99Z\x1bx", "5"),
        ("len('粤粤\x7f')", "1"),
        ("1\x0c2", "12"),
    ],
)
def test_keys(desk: Desk, keys: str, value: str) -> None:
    assert desk.run(keys).splitlines()[-1] == value


def test_the_arrows_go_through_the_history(desk: Desk) -> None:
    desk.run("first = 1")
    desk.run("second = 2")
    assert desk.type("\x1b[A") == ">>> second = 2"
    assert desk.type("\x1b[A") == ">>> first = 1"
    assert desk.type("\x1b[B") == ">>> second = 2"
    assert desk.type("\x1b[B") == ">>> "


def test_a_line_that_is_too_long_for_the_window_is_shown_in_part(desk: Desk) -> None:
    desk.shell.terminalSize(20, 24)
    shown = desk.type("x" * 40)
    assert all(len(line) <= 20 for line in shown.split(">>> ")[-1:])
    assert shown.endswith(">>> <xxxxxxxxx")


def test_an_unfinished_character_is_no_key(desk: Desk) -> None:
    desk.keys.dataReceived("粤".encode()[:2])
    assert desk.pipe.take() == ""
    desk.keys.dataReceived("粤".encode()[2:])
    assert desk.pipe.take() == "粤"


def test_tab(desk: Desk) -> None:
    assert desk.type("stat\t") == "stat>>> stats"
    desk.type("\x15")
    listed = desk.type("device\t")
    assert listed == "devicedevice   devices\n>>> device"
    assert desk.type("\x15zzz\t").endswith("\a")
    desk.type("\x15if 1:\r")
    assert desk.type("\t") == "...     "


def test_tab_survives_what_operators_define(desk: Desk) -> None:
    desk.run("class Bad:\r    def __dir__(self): 1/0\r\r")
    desk.run("bad = Bad()")
    assert desk.type("bad.\t").endswith("\a")
    assert desk.run("\x157") == "7"


def test_ctrl_c_forgets_the_line_and_the_statement(desk: Desk) -> None:
    assert desk.type("abc\x03") == "abc\nKeyboardInterrupt\n>>> "
    assert desk.type("if 1:\r  x\x03") == "if 1:\n...   x\nKeyboardInterrupt\n>>> "
    assert desk.run("2") == "2"


@pytest.mark.parametrize("keys", ["\x04", "\x1c", "exit()\r", "quit = exit; quit()\r", "raise SystemExit\r"])
def test_ways_to_leave(desk: Desk, keys: str) -> None:
    desk.type(keys)
    assert (desk.pipe.ended, desk.shell.outlet.closed) == (["lost"], "it left")
    assert desk.type("1+1\r") == ""
    hang_up(desk)
    assert desk.gone == [desk.shell]


def test_ctrl_d_in_a_line_deletes(desk: Desk) -> None:
    assert desk.run("12\x1b[D\x04") == "1"
    assert desk.pipe.ended == []


def test_output_of_one_statement_is_bounded(desk: Desk) -> None:
    shown = desk.type("for n in range(10**5): print('x' * 100)\r\r")
    assert len(shown) < MAX_OUTPUT + 1000
    assert shown.endswith(f"\n… the output of one statement ends at {MAX_OUTPUT} characters\n>>> ")
    assert len(desk.run("list(range(10**6))").splitlines()) < 300
    assert len(desk.run("'y' * 10**7")) <= MAX_OUTPUT + 200


def test_a_statement_is_bounded(desk: Desk) -> None:
    desk.run("x = '''")
    for _ in range(MAX_STATEMENT // 8000 + 1):
        shown = desk.type("y" * 8000 + "\r")
    assert f"A statement has at most {MAX_STATEMENT} characters." in shown
    assert desk.run("2") == "2"


def test_an_endless_control_sequence_is_forgotten(desk: Desk) -> None:
    desk.type("\x1b[" + "1;" * 10_000)
    assert desk.run("2").endswith("2")


def test_a_result_of_later_is_shown_when_it_comes(desk: Desk) -> None:
    desk.run("from twisted.internet.defer import Deferred; d = Deferred()")
    assert desk.run("d") == "<Deferred, waits for its result>"
    assert desk.run("d.callback({'a': 1})") == "{'a': 1}"
    desk.run("e = Deferred()")
    desk.run("e")
    assert desk.run("e.errback(ValueError('why'))") == "ValueError: why"
    assert desk.run("e.addErrback(str) and None") == ""


def test_what_an_operator_breaks_stays_broken_in_here(desk: Desk) -> None:
    for line in (
        "import sys; sys.stdout = None",
        "sys.displayhook = None",
        "raise BaseException('x')",
        "class E(Exception):\r    def __str__(self): return 1/0\r",
        "raise E",
        "class R:\r    def __repr__(self): raise BaseException('r')\r",
        "R()",
        "del __builtins__",
        "def f(): return f()\r",
        "f()",
    ):
        desk.run(line)
    assert desk.run("1 + 1") == "2"


def test_the_window_may_be_of_any_size(desk: Desk) -> None:
    for width, height in ((0, 0), (1, 1), (65535, 65535), (80, 24)):
        desk.shell.terminalSize(width, height)
        assert 20 <= desk.shell.width <= 1000
    desk.shell.terminalSize(0, 0)
    assert (desk.shell.width, desk.shell.height) == (80, 24)


def test_an_idle_session_is_closed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, idle_timeout=60)
    desk.clock.advance(59)
    desk.type("x")
    desk.clock.advance(59)
    assert desk.pipe.ended == []
    desk.clock.advance(1)
    assert desk.pipe.ended == ["lost"]
    assert desk.pipe.take() == "Nothing was typed for 60 s.\n>>> x\n"
    hang_up(desk)
    assert desk.clock.getDelayedCalls() == []


def test_live_output_keeps_a_session(tmp_path: Path) -> None:
    desk = Desk(tmp_path, idle_timeout=60)
    for _ in range(3):
        desk.clock.advance(50)
        desk.shell.live(lambda: ["a frame"])
    assert desk.pipe.ended == []
    desk.shell.outlet.pauseProducing()
    desk.clock.advance(50)
    desk.shell.live(lambda: ["nobody reads it"])
    desk.clock.advance(10)
    assert desk.pipe.ended != []


def test_sessions_and_lines_are_logged(tmp_path: Path, events: list[LogEvent]) -> None:
    desk = Desk(tmp_path)
    desk.run("x = 'a\\x1b'")
    desk.type("粤 = '\x1b[31m'\r")
    desk.type("\r")
    desk.type("y" * 3000 + "\r")
    desk.type("\x04")
    hang_up(desk)
    assert list(map(formatEvent, events)) == [
        "manhole: a session of admin from 192.0.2.1:5000 by telnet begins",
        "manhole: admin, 192.0.2.1:5000 typed: x = 'a\\x1b'",
        "manhole: admin, 192.0.2.1:5000 typed: 粤 = ''",
        f"manhole: admin, 192.0.2.1:5000 typed: {'y' * 2000}... (1000 characters more)",
        "manhole: the session of admin from 192.0.2.1:5000 by telnet ends after 0 s: it left",
    ]


def test_what_runs_ends_with_the_session(desk: Desk) -> None:
    desk.run("watch()")
    desk.run("device('0001').trace('t')")
    assert len(desk.house.gateway.taps.open) == 2
    hang_up(desk)
    assert desk.house.gateway.taps.open == []
    assert desk.shell.outlet.closed == "the connection is lost"


def test_one_that_cannot_be_stopped_does_not_hold_the_others(desk: Desk, events: list[LogEvent]) -> None:
    class Stuck:
        def stop(self) -> Any:
            raise RuntimeError("no")

    desk.shell.things.insert(0, Stuck())
    desk.run("watch()")
    hang_up(desk)
    assert desk.house.gateway.taps.open == []
    assert "manhole: something that ran could not be stopped" in map(formatEvent, events)
