"""``jimigw simulate``: its arguments, and whole runs as a process."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jimigw.tools.simulator.tally import Latencies
from tests.tools.running import run
from tests.vectors.jimi import named

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--devices", "0"), "0 is not from 1 to 100000"),
        (("--devices", "x"), "invalid number value: 'x'"),
        (("--port", "70000"), "70000 is not from 1 to 65535"),
        (("--interval", "0"), "0 is not from 0.05 to 100000000 seconds"),
        (("--seconds", "nan"), "nan is not from 0.05"),
        (("--alarms", "-1"), "-1 is not from 0 to 36000 in an hour"),
        (("--imei-base", "123"), "123 is not 14 or 15 digits"),
        (("--imei-base", "１２３４５６７８９０１２３４"), "is not 14 or 15 digits"),
        (("--phone-base", "12x"), "12x is not 1 to 12 digits"),
        (("--phone-base", "1234567890123"), "is not 1 to 12 digits"),
        (("--pictures", "x"), "invalid _rate value: 'x'"),
        (("--safety-alarms", "-1"), "-1 is not from 0 to 36000 in an hour"),
        (("--version", "2005"), "invalid choice: '2005'"),
        (("--misbehave", "split,dance"), "dance: no such misbehaviour; there are split, junk"),
    ],
)
def test_wrong_arguments(words: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("simulate", *words)
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--protocol", "x25"), "there are no terminals of x25; there are: jimi, jt808"),
        (("--udp",), "terminals of jimi do not use UDP"),
        (("--protocol", "jt808", "--frames", "x"), "frames of jt808 cannot be played; only those of jimi can"),
        (("--misbehave", "split,lostparts"), "lostparts: no misbehaviour of jimi"),
        (("--protocol", "jt808", "--misbehave", "loss"), "loss: no misbehaviour of jt808 over TCP"),
        (("--misbehave", "gaps"), "gaps: no misbehaviour of jimi"),
        (("--protocol", "jt808", "--udp", "--misbehave", "hangup,split"),
         "hangup, split: no misbehaviour of jt808 over UDP"),
    ],
)  # fmt: skip
def test_arguments_that_do_not_go_together(words: tuple[str, ...], complaint: str) -> None:
    ran = run("simulate", *words)
    assert (ran.status, ran.err) == (2, f"jimigw: {complaint}.\n")


def test_a_file_that_cannot_be_played(tmp_path: Path) -> None:
    ran = run("simulate", "--frames", str(tmp_path / "none"))
    assert ran.status == 1
    assert ran.err.endswith("cannot be read: No such file or directory.\n")


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "jimigw.tools.main", "simulate", *words],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )


@pytest.fixture
def silent() -> socket.socket:
    """A port where connections are taken and nothing is ever answered."""
    return socket.create_server(("127.0.0.1", 0))


def test_without_a_gateway(silent: socket.socket) -> None:
    port = silent.getsockname()[1]
    silent.close()
    with start("--port", str(port), "--seconds", "0.1", "--json") as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert json.loads(out)["logins"] == 0
    assert "no terminal could log in: Connection was refused by other side" in err


def test_ctrl_c_ends_with_the_summary(silent: socket.socket) -> None:
    with silent, start("--port", str(silent.getsockname()[1])) as process:
        taken, _ = silent.accept()
        with taken:
            assert taken.recv(100)[:4] == b"\x78\x78\x11\x01"
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            # Two at once may come as one: until it ends, once more.
            while True:
                try:
                    out, err = process.communicate(timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGINT)
    assert process.returncode == 1
    assert out.startswith("                     sent  answered  sent again\nlogin                   1         0")
    assert err == "jimigw: no terminal could log in.\n"


def test_played_frames_that_nobody_answers(silent: socket.socket, tmp_path: Path) -> None:
    (tmp_path / "frames").write_text(named("login").hex() + "\n")
    with silent, start("--port", str(silent.getsockname()[1]), "--frames", str(tmp_path / "frames")) as process:
        taken, _ = silent.accept()
        taken.close()
        _out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err == "jimigw: the connection was closed at line 1, 0 frames were left.\n"


def test_percentiles() -> None:
    latencies = Latencies()
    assert latencies.percentiles(50, 99) == [0.0, 0.0]
    for milliseconds in range(100):
        latencies.add(milliseconds / 1000)
    assert latencies.percentiles(0, 50, 99, 100) == [0.0, 0.05, 0.099, 0.099]
