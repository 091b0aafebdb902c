"""``jimigw simulate``: its arguments, and whole runs as a process."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jimigw.tools.simulator.plan import Uploads
from jimigw.tools.simulator.tally import Latencies
from jimigw.tools.simulator.upload_options import add_arguments, uploads_of
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
        (("--uploads", "127.0.0.1:23010"), "127.0.0.1:23010 is neither auto nor an address as http://127.0.0.1:23010"),
        (("--uploads", "ftp://h"), "ftp://h is neither auto"),
        (("--uploads", "http://h:x"), "http://h:x is neither auto"),
        (("--uploads", "http://h/?a=b"), "http://h/?a=b is neither auto"),
        (("--uploads", "http://h/a b"), "http://h/a b is neither auto"),
        (("--uploads", "http://[h"), "http://[h is neither auto"),
        (("--lost", "1.5"), "1.5 is not from 0 to 1"),
        (("--only", "3"), "argument --only: invalid choice: 3"),
        (("--busy", "nan"), "nan is not from 0 to 1"),
        (("--ready", "0"), "0 is not from 0.01 to 86400 seconds"),
        (("--again", "60,"), "argument --again: invalid"),
        (("--clip-bytes", "0"), "0 is not from 1 to 4294967296 bytes"),
        (("--refuse", "EVIDEO,VERSION"), "VERSION: no such command; there are Picture, Video, EVIDEO"),
        (("--silent", "hvideo"), "hvideo: no such command"),
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
        (("--protocol", "jt808", "--uploads", "auto"), "terminals of jt808 do not upload by HTTP here"),
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


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("words", "host", "url"),
    [
        (("--uploads", "auto"), "10.0.0.1", "http://10.0.0.1:23010"),
        (("--uploads", "auto"), "::1", "http://[::1]:23010"),
        (("--uploads", "http://gateway.example.org:8000/"), "::1", "http://gateway.example.org:8000"),
        (("--uploads", "https://gateway.example.org/dvr"), "::1", "https://gateway.example.org/dvr"),
    ],
)
def test_where_cameras_upload_to(words: tuple[str, ...], host: str, url: str) -> None:
    assert uploads_of(parsed(*words), host) == Uploads(f"{url}/upload", f"{url}/filelist")


def test_how_cameras_upload() -> None:
    words = "--uploads auto --only 2 --lost 0.5 --busy 0 --ready 1 --again 1,2.5 --clip-bytes 9 --refuse EVIDEO,Picture"
    assert uploads_of(parsed(*words.split(), "--silent", "HVIDEO", "--hex-flags"), "h") == Uploads(
        "http://h:23010/upload", "http://h:23010/filelist", cameras=frozenset({2}), lost=0.5, busy=0.0, ready=1.0,
        again=(1.0, 2.5), clip_bytes=9, refuses=frozenset({"EVIDEO", "Picture"}), silent=frozenset({"HVIDEO"}),
        hex_flags=True,
    )  # fmt: skip
    assert uploads_of(parsed(), "h") is None


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
                    out, err = process.communicate(timeout=3)
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
