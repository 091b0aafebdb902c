"""Watches and traces: what they show, what they write, and how they end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from jimigw.ops.manhole.interpreter import OperatorError
from jimigw.ops.manhole.live import FLUSH_INTERVAL, MAX_PENDING, MAX_RUNNING, trace_path
from tests.ops.manhole.conftest import CAMERA, SLEEPER, TRACKER
from tests.support.house import FakeTraffic
from tests.support.terminal_stub import Desk


def flow(desk: Desk, device: str, **named: Any) -> str:
    desk.house.gateway.taps.flow(FakeTraffic(device, **named))
    return desk.pipe.take()


def test_a_watch_shows_traffic_both_ways_until_ctrl_c(desk: Desk) -> None:
    assert desk.run(f"device('{CAMERA}').watch()") == f"the watch of {CAMERA} begins; Ctrl-C stops it"
    desk.type("half")
    assert flow(desk, CAMERA) == f"04:26:40.000 up   {CAMERA}  position 7878\n>>> half"
    assert flow(desk, CAMERA, direction="down", kind=None, raw=b"\x01").startswith(
        f"04:26:40.000 down {CAMERA}  None 01"
    )
    assert flow(desk, SLEEPER) == ""
    assert desk.type("\x03") == f"\nthe watch of {CAMERA} is stopped\n>>> "
    assert flow(desk, CAMERA) == ""
    assert desk.house.gateway.taps.open == []


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("watch()", [CAMERA, SLEEPER, TRACKER, "unknown"]),
        ("watch('JC*')", [CAMERA, SLEEPER]),
        ("watch('jc400*')", [CAMERA]),
        ("watch('粤*')", [CAMERA]),
        ("watch('bus 7')", [CAMERA]),
        (f"watch('{TRACKER}')", [TRACKER]),
        ("watch('nobody')", []),
    ],
)
def test_a_pattern(desk: Desk, typed: str, seen: list[str]) -> None:
    desk.run(typed)
    assert [each for each in (CAMERA, SLEEPER, TRACKER, "unknown") if flow(desk, each)] == seen


def test_reports_of_many_lines_and_wide_ones(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.shell.terminalSize(40, 24)
    desk.run("watch()")
    monkeypatch.setattr(desk.house, "describe", lambda *_: ["speed 45 km/h", "x" * 100, "evil \x1b[2J"])
    assert flow(desk, CAMERA).splitlines()[:-1] == [
        f"04:26:40.000 up   {CAMERA}  pos…",
        "  speed 45 km/h",
        f"  {'x' * 36}…",
        "  evil \\x1b[2J",
    ]


def test_a_frame_that_cannot_be_described_does_no_harm(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> list[str]:
        raise ValueError("odd")

    desk.run("watch()")
    monkeypatch.setattr(desk.house, "describe", fails)
    assert "it cannot be described (ValueError: odd): 7878" in flow(desk, CAMERA)
    monkeypatch.setattr(desk.house.registry, "find", fails)
    assert "it cannot be described (ValueError: odd): 7878" in flow(desk, CAMERA)


def test_a_watch_that_fails_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> list[str]:
        raise ValueError("odd")

    desk.run("watch('JC*')")
    monkeypatch.setattr(desk.house.registry, "find", fails)
    assert flow(desk, CAMERA) == "the watch of JC* ends: ValueError: odd\n>>> "
    assert desk.house.gateway.taps.open == []


def test_nobody_reads(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[str] = []

    def describe(*_: object) -> list[str]:
        described.append("x")
        return described

    monkeypatch.setattr(desk.house, "describe", describe)
    desk.run("watch()")
    desk.shell.outlet.pauseProducing()
    for _ in range(1000):
        assert flow(desk, CAMERA) == ""
    assert described == []
    desk.shell.outlet.resumeProducing()
    assert desk.pipe.take() == ("… 1000 frames are not shown: they came faster than this connection takes them\n>>> ")


def test_stop(desk: Desk) -> None:
    desk.run("w = watch()")
    desk.run("watch('JC*')")
    desk.run("device('0001').trace('t')")
    assert desk.run("stop(w)") == "the watch of all terminals is stopped"
    assert desk.run("w") == "the watch of all terminals, which is stopped"
    # Ctrl-C stops what fills the screen, not what writes a file.
    assert desk.type("\x03") == "\nthe watch of JC* is stopped\n>>> "
    assert len(desk.house.gateway.taps.open) == 1
    assert "the trace 't' of 864200050000001 is stopped" in desk.run("stop()")
    assert desk.run("stop()") == "Nothing runs."


def test_a_session_has_a_bounded_number_of_watches(desk: Desk) -> None:
    for _ in range(MAX_RUNNING):
        desk.run("watch()")
    assert desk.run("watch()") == f"There are {MAX_RUNNING} watches and traces already; stop() stops them all."
    assert desk.run("device('0001').trace('t')").startswith("There are 16")
    assert not (desk.house.data_path / "traces" / "t").exists()
    assert len(desk.house.gateway.taps.open) == MAX_RUNNING


def test_a_trace(desk: Desk) -> None:
    file = desk.house.data_path / "traces" / "camera-1.txt"
    assert desk.run("device('0001').trace('camera-1.txt')") == (
        f"the trace 'camera-1.txt' of {CAMERA} runs until stop(): 0 frames, 0 of 16,777,216 bytes in {file}"
    )
    flow(desk, CAMERA)
    flow(desk, CAMERA, direction="down", raw=b"\x01\xff")
    assert file.read_bytes() == b""
    desk.clock.advance(FLUSH_INTERVAL)
    desk.run_threads()
    assert file.read_text() == (
        f"2026-05-29T04:26:40.000+08:00 up {CAMERA} 7878\n2026-05-29T04:26:40.000+08:00 down {CAMERA} 01ff\n"
    )
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    flow(desk, CAMERA)
    desk.run("stop()")
    assert flow(desk, CAMERA) == ""
    desk.run_threads()
    assert len(file.read_text().splitlines()) == 3
    assert desk.clock.getDelayedCalls() == []


def test_a_trace_is_written_once_at_a_time(desk: Desk) -> None:
    desk.run("t = device('0001').trace('t')")
    flow(desk, CAMERA)
    desk.clock.advance(FLUSH_INTERVAL)
    flow(desk, CAMERA)
    desk.clock.advance(FLUSH_INTERVAL)
    assert len(desk.threads) == 1
    desk.run_threads()
    assert len(desk.threads) == 1
    desk.run("stop()")
    desk.run_threads()
    desk.run_threads()
    assert len((desk.house.data_path / "traces" / "t").read_text().splitlines()) == 2
    with pytest.raises(OSError):
        os.fstat(desk.shell.interpreter.namespace["t"]._file)


def test_a_trace_ends_when_it_is_full(desk: Desk) -> None:
    desk.run("device('0001').trace('t', megabytes=0.001)")
    shown = "".join(flow(desk, CAMERA) for _ in range(20))
    assert f"the trace 't' of {CAMERA} is full" in shown
    desk.run_threads()
    size = (desk.house.data_path / "traces" / "t").stat().st_size
    assert 900 < size <= 1048
    assert desk.house.gateway.taps.open == []


def test_a_slow_disk_costs_frames_and_not_memory(desk: Desk) -> None:
    desk.run("t = device('0001').trace('t', megabytes=100)")
    for _ in range(20):
        flow(desk, CAMERA, raw=bytes(MAX_PENDING // 20))
    trace = desk.shell.interpreter.namespace["t"]
    assert (trace.frames, trace.missed) == (9, 11)
    assert ", 11 more were missed because the disk is slow" in desk.run("stop()")


def test_a_disk_that_fails_ends_the_trace(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    desk.run("device('0001').trace('t')")
    monkeypatch.setattr("jimigw.ops.manhole.live._write", full)
    flow(desk, CAMERA)
    desk.clock.advance(FLUSH_INTERVAL)
    desk.run_threads()
    assert "cannot be written: [Errno 28] No space left on device" in desk.pipe.take()
    assert desk.house.gateway.taps.open == []


@pytest.mark.parametrize(
    "name", ["", "..", ".hidden", "a/b", "../x", "/etc/passwd", "a\0b", "a b", "-x", "x" * 101, 7, None, "粤"]
)
def test_names_that_are_refused(name: object, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="The name of a trace is"):
        trace_path(tmp_path, name)


def test_a_trace_takes_no_file_that_is_there(desk: Desk, tmp_path: Path) -> None:
    folder = desk.house.data_path / "traces"
    folder.mkdir()
    (folder / "t").write_text("kept")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    assert desk.run("device('0001').trace('t')") == "There is a trace 't' already; take another name."
    assert desk.run("device('0001').trace('link')") == "There is a trace 'link' already; take another name."
    assert (folder / "t").read_text() == "kept"
    assert desk.run("device('0001').trace('x', megabytes=5000)") == "A trace has up to 1024 megabytes."
    assert desk.house.gateway.taps.open == []
    assert [each for each in desk.shell.things if hasattr(each, "live")] == []
