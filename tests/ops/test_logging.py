"""The log: how events look as lines, what cannot be done to them, and that `twistd` takes the observer."""

import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.application.service import Application
from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from jimigw.ops.config import Config, load_config
from jimigw.ops.logging import (
    MAX_FIELD,
    MAX_FIELDS,
    MAX_MESSAGE,
    LineObserver,
    LoggedService,
    json_line,
    log_observer,
    text_line,
)

CHECKOUT = Path(__file__).parents[2]
TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4} (debug|info |warn |error|critical|-    ) \S+  (.*)")


def event(format: str = "hello", level: Any = LogLevel.info, **fields: object) -> dict[str, Any]:
    return {
        "log_format": format,
        "log_level": level,
        "log_namespace": "jimigw.test",
        "log_time": 1782900000.1239,
        **fields,
    }


def message(line: str) -> str:
    match = TEXT.fullmatch(line)
    assert match is not None, line
    return match[2]


def failure() -> Failure:
    try:
        raise ValueError("one\ntwo")
    except ValueError:
        return Failure()


def test_a_text_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    try:
        time.tzset()
        line = text_line(event("{n} frames", LogLevel.warn, n=3))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert line == "2026-07-01T15:30:00.123+0530 warn  jimigw.test  3 frames"


@pytest.mark.parametrize(
    ("quoted", "written"),
    [
        ("plain", "plain"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("\x00\x07\x7f\x9b", r"\x00\x07\x7f\x9b"),
        ("a\u2028b\u2029c\u0085d", r"a\u2028b\u2029c\x85d"),
        ("\u202etxt.exe\u2066\ufeff", r"\u202etxt.exe\u2066\ufeff"),
        ("\ud800", r"\ud800"),
        ("深圳", "深圳"),
        ("{n} {0} {", "{n} {0} {"),
        (b"\xff\n", r"b'\xff\n'"),
    ],
)
def test_what_comes_from_outside_stays_on_its_line(quoted: object, written: str) -> None:
    assert message(text_line(event("{quoted}", quoted=quoted))) == written
    assert json.loads(json_line(event("{quoted}", quoted=quoted)))["message"] == written


def test_a_long_message_is_cut() -> None:
    written = message(text_line(event("{it}", it="x" * (MAX_MESSAGE + 5))))
    assert written == "x" * MAX_MESSAGE + "... (5 characters more)"


@pytest.mark.parametrize(
    ("odd", "part"),
    [
        ({"log_format": "{missing}"}, "missing"),
        ({"log_format": None}, ""),
        ({"log_format": "{it.x}", "it": 1}, "attribute"),
        ({"log_level": None}, "hello"),
        ({"log_namespace": None}, "hello"),
        ({"log_namespace": "a\nb"}, "hello"),
    ],
)
def test_an_event_that_is_not_well_made(odd: dict[str, Any], part: str) -> None:
    assert part in message(text_line({**event(), **odd}))
    assert part in json.loads(json_line({**event(), **odd}))["message"]


def test_a_failure_is_on_the_line() -> None:
    line = message(text_line(event("it broke", LogLevel.critical, log_failure=failure())))
    assert re.fullmatch(r"it broke \| ValueError: one\\ntwo \(ops/test_logging\.py:\d+ in failure\)", line)
    written = json.loads(json_line(event("it broke", LogLevel.critical, log_failure=failure())))
    assert "ValueError: one\ntwo" in written["failure"]
    assert "Traceback" in written["failure"]


def test_a_failure_without_a_place() -> None:
    assert message(text_line(event(log_failure=Failure(OSError("disk"))))) == "hello | OSError: disk"


def test_a_json_line() -> None:
    fields = {"device": "86", "raw": b"\x01\xff", "n": 3, "ok": True, "none": None, "big": 1 << 70}
    line = json_line(event("{n} frames", LogLevel.error, nan=float("nan"), other=object(), **fields))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2026-07-01T10:00:00.123Z",
        "level": "error",
        "namespace": "jimigw.test",
        "message": "3 frames",
        "fields": {"device": "86", "raw": "01ff", "n": 3, "ok": True, "none": None, "big": "0x400000000000000000"},
    }


def test_json_fields_are_bounded() -> None:
    many = {f"field{n}": "x" * 10_000 for n in range(1000)}
    fields = json.loads(json_line(event(**many, huge=10**10_000)))["fields"]
    assert len(fields) == MAX_FIELDS
    assert all(len(value) < MAX_FIELD + 40 for value in fields.values())
    assert len(json.loads(json_line(event(huge=1 << 40_000, raw=bytes(10_000))))["fields"]["raw"]) < MAX_FIELD + 40


@given(text=st.text(), data=st.binary(max_size=50))
def test_any_text_is_one_printable_line(text: str, data: bytes) -> None:
    for line in (text_line(event("{a} {b}", a=text, b=data)), json_line(event("{a} {b}", a=text, b=data))):
        assert len(line.splitlines()) == 1
        line.encode("utf-8")


@pytest.mark.parametrize(
    ("least", "written"),
    [
        ("debug", ["debug", "info", "warn", "error", "critical", None]),
        ("info", ["info", "warn", "error", "critical", None]),
        ("warn", ["warn", "error", "critical", None]),
        ("error", ["error", "critical", None]),
    ],
)
def test_the_level(least: str, written: list[str | None], tmp_path: Path) -> None:
    config = load_config(None, [f'log.level="{least}"', 'log.format="json"', f'data_dir="{tmp_path}"', 'log.file="l"'])
    observer = log_observer(config)
    for level in [*LogLevel.iterconstants(), None]:
        observer(event(level=level))
    lines = (tmp_path / "l").read_text().splitlines()
    assert [json.loads(line)["level"] for line in lines] == written


def test_it_is_an_observer(tmp_path: Path) -> None:
    assert verifyObject(ILogObserver, log_observer(Config()))


def test_standard_output_in_an_ascii_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    observer = log_observer(Config())
    monkeypatch.setattr(sys, "stdout", None)
    observer(event("深圳"))
    assert raw.getvalue().endswith(b"jimigw.test  \\u6df1\\u5733\n")


def test_a_log_file_is_appended_to_and_made_again_when_it_is_moved(tmp_path: Path) -> None:
    config = load_config(None, [f'data_dir="{tmp_path}"', 'log.file="logs/jimigw.log"'])
    file = tmp_path / "logs" / "jimigw.log"
    log_observer(config)(event("one"))
    observer = log_observer(config)
    observer(event("two"))
    file.rename(file.with_suffix(".1"))
    observer(event("three"))
    file.unlink()
    observer(event("four"))
    file.parent.rename(tmp_path / "gone")
    observer(event("five"))
    assert [message(line) for line in (tmp_path / "gone/jimigw.1").read_text().splitlines()] == ["one", "two"]
    assert [message(line) for line in file.read_text().splitlines()] == ["five"]
    assert file.stat().st_mode & 0o027 == 0


def test_a_log_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        log_observer(load_config(None, [f'data_dir="{tmp_path}"', 'log.file="file/log"']))


def test_the_observer_reaches_the_application() -> None:
    observer = log_observer(Config())
    application = Application("jimigw")
    LoggedService(observer).setServiceParent(application)
    assert application.getComponent(ILogObserver) is observer


PLUGIN = """
from twisted.application.service import ServiceMaker
proof = ServiceMaker("proof", "proof_service", "Proves the log.", "proof")
"""
SERVICE = """
from twisted.application.service import Service
from twisted.internet import reactor
from twisted.logger import Logger
from twisted.python.usage import Options
from jimigw.ops.config import load_config
from jimigw.ops.logging import LoggedService, log_observer

class Stop(Service):
    def startService(self):
        Logger("proof").warn("while it runs: {it}", it="a\\nb")
        print("printed")
        reactor.callLater(0, reactor.stop)

def makeService(options):
    Logger("proof").info("before the log begins")
    top = LoggedService(log_observer(load_config(None, ['log.format="json"'])))
    Stop().setServiceParent(top)
    return top
"""


def test_twistd_logs_with_it(tmp_path: Path) -> None:
    (tmp_path / "twisted" / "plugins").mkdir(parents=True)
    (tmp_path / "twisted" / "plugins" / "proof_plugin.py").write_text(PLUGIN)
    (tmp_path / "proof_service.py").write_text(SERVICE)
    run = subprocess.run(
        [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile=", "proof"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(CHECKOUT)])},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    messages = [json.loads(line)["message"] for line in run.stdout.splitlines()]
    assert messages[0] == "before the log begins"
    assert r"while it runs: a\nb" in messages
    assert "printed" in messages
    assert messages[-1] == "Server Shut Down."


def test_a_line_observer_writes_whole_lines() -> None:
    written: list[str] = []
    log = Logger("jimigw.test", observer=LineObserver(written.append, text_line, "info"))
    log.debug("quiet")
    log.info("a {b}", b="c")
    [line] = written
    assert line.endswith("jimigw.test  a c\n")
