"""``jimigw``: help, version, and ends without a traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import jimigw
from jimigw.tools.main import COMMANDS, main
from tests.tools.running import run
from tests.vectors.jimi import named

CHECKOUT = Path(__file__).parents[2]
HEARTBEAT = named("heartbeat").hex()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    examples = capsys.readouterr().out.partition("examples:\n")[2]
    assert f"jimigw {command}" in examples


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"jimigw {jimigw.__version__}\n"


def start(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "jimigw.tools.main", *words],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )


def test_an_endless_pipe_is_answered_as_it_comes_and_ctrl_c_ends_quietly() -> None:
    with start("decode") as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        for _ in range(3):
            process.stdin.write(HEARTBEAT.encode() + b"\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith(b'{"ok":true')
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr.read() == b""


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    with start("decode") as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdout.close()
        process.stdin.write((HEARTBEAT.encode() + b"\n") * 10)
        process.stdin.close()
        assert process.wait(10) == 141
        assert process.stderr.read() == b""


class TestCheckConfig:
    """``jimigw check-config``."""

    def test_ok(self, tmp_path: Path) -> None:
        (tmp_path / "a.toml").write_text('[log]\nlevel = "debug"\n')
        ran = run("check-config", str(tmp_path / "a.toml"))
        assert (ran.status, ran.out) == (0, "ok\n")

    def test_the_shipped_one(self) -> None:
        assert run("check-config", str(CHECKOUT / "conf" / "jimigw.toml")).status == 0

    def test_every_wrong_key_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.toml").write_text('[jimi]\nmax_fram = 1\nbacklog = "x"\n')
        ran = run("check-config", str(tmp_path / "a.toml"), "--set", "log.level=7")
        assert ran.status == 1
        assert {line.split(":")[0] for line in ran.lines} == {"jimi.max_fram", "jimi.backlog", "log.level"}

    def test_no_such_file(self, tmp_path: Path) -> None:
        ran = run("check-config", str(tmp_path / "none.toml"))
        assert (ran.status, "cannot be read" in ran.out) == (1, True)
