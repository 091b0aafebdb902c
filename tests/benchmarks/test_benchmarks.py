"""The benchmarks run, say what they measured, and their judgements are right."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from struct import iter_unpack
from typing import NoReturn

import pytest

from benchmarks.cost import ALONE, BOTH
from benchmarks.figures import Broken, Figure, Part, Unable, as_json, table
from benchmarks.gateway import receipts
from benchmarks.kill import Verdict
from benchmarks.programs import Fleet, Server, Tools, compiled, floor_server, run_fleet, service
from jimigw.journal import JournalError
from tests.support.servers import found

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def tools() -> Tools:
    try:
        return compiled()
    except Unable as error:
        pytest.skip(str(error))


# -- what is printed ----------------------------------------------------------------------------------------------


def test_codec_as_a_table() -> None:
    done = run("codec", "--quick")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    for what in ("struct.unpack alone", "decode to the message", "Session.receive", "read: Heartbeat"):
        (line,) = [each for each in lines if what in each]
        assert " us " in line and line.rstrip().endswith(("x", "met", "MISSED"))


def test_codec_of_808() -> None:
    done = run("codec808", "--quick", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (part,) = json.loads(done.stdout)["parts"]
    assert "107 bytes" in part["title"]
    assert [figure.get("at_most") for figure in part["figures"]] == [None, 6.0, None, None]


def test_codec_as_json() -> None:
    done = run("codec", "--quick", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["failed"] is False
    assert found["machine"]["cores"] >= 1
    (part,) = found["parts"]
    assert part["name"] == "codec"
    assert all(figure["value"] > 0 and figure["unit"] == "us" for figure in part["figures"])
    assert [figure["at_most"] for figure in part["figures"] if "decode" in figure["what"]] == [1.5, 1.5]


def test_delivery() -> None:
    done = run("delivery", "--quick", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (part,) = json.loads(done.stdout)["parts"]
    values = {(figure["what"], figure["unit"]): figure["value"] for figure in part["figures"]}
    assert len(values) == 4
    # What differs may be less than what the machine's other work makes of it; a backlog is not.
    assert values["a backlog of full batches", "us"] > 0
    assert values["a backlog of full batches", "/s"] > 0


def test_cost(tools: Tools, require_server: Callable[[str, str], NoReturn]) -> None:
    found("mosquitto", require_server)
    done = run("cost", "--quick", "--rounds", "1", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (part,) = json.loads(done.stdout)["parts"]
    values = {figure["what"]: figure["value"] for figure in part["figures"]}
    for load in ("5,000 reports/s", "as many as it takes"):
        alone, both = (values[f"{load}: CPU per report, {what}"] for what in (ALONE, BOTH))
        assert values[f"{load}: ratio of the medians"] == pytest.approx(both / alone)
        assert values[f"{load}: answers, p50, {BOTH}"] <= values[f"{load}: answers, p99, {BOTH}"]
    assert values[f"5,000 reports/s: answered, {BOTH}"] <= 5000


def test_registry_as_a_table() -> None:
    done = run("registry", "--quick")
    assert (done.returncode, done.stderr) == (0, "")
    for what in ("start with 10,000 terminals", "resident memory of a terminal", "objects of a terminal"):
        (line,) = [each for each in done.stdout.splitlines() if what in each]
        assert line.rstrip().endswith(("met", "MISSED"))


def test_logins_as_a_table(tools: Tools) -> None:
    done = run("logins", "--quick")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    for what in ("all answers: max", "Jimi, login: max", "registration: max", "authentication: max", "CPU per login"):
        assert [each for each in lines if what in each]
    assert "1,000 and 1,000 open at most. All logins are in the journal" in lines[-1]


def test_uploads(tools: Tools) -> None:
    done = run("uploads", "--quick", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (part,) = json.loads(done.stdout)["parts"]
    values = {figure["what"]: figure["value"] for figure in part["figures"]}
    assert values["one file: memory that it adds"] < 60
    assert values["clips: stored"] > 0
    assert [figure["what"] for figure in part["figures"] if "at_most" in figure] == [
        "one file: memory that it adds",
        "one file: time, as a multiple of dd's",
        "reports, while cameras upload: latency, p99",
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["codecs"],
            "'codecs' is no part; the parts are codec, codec808, commands, cost, delivery, gateway, idle, journal, "
            "kill, logins, outages, registry, uploads",
        ),
        (["--rounds", "0"], "0 is not 1 to 1000"),
        (["--scratch", "/nowhere/at/all"], "/nowhere/at/all: there is no such folder"),
    ],
)
def test_wrong_arguments(arguments: list[str], complaint: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr


# -- what figures mean --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "met", "shown"),
    [
        (Figure("plain", 12.345, "us"), None, "12.35 us"),
        (Figure("small", 0.0456, "us", 0.31), None, "0.046 us                          0.3 x"),
        (Figure("count", 1234567, "/s"), None, "1,234,567 /s"),
        (Figure("met", 6.0, "x", at_most=6.0, aim=4.0), True, "<= 6 met, aim 4"),
        (Figure("missed", 6.01, "x", at_most=6.0), False, "<= 6 MISSED"),
        (Figure.of_rounds("rounds", [5.0, 9.5, 4.25], "x"), None, "5 x           4.25 .. 9.50"),
    ],
)
def test_figures(figure: Figure, met: bool | None, shown: str) -> None:
    part = Part("part", "title", [figure], ["A note."])
    assert figure.met is met
    assert shown in table(part)
    (found,) = as_json([part])["parts"][0]["figures"]
    assert found.get("met") is met
    assert found["value"] == figure.value


@pytest.mark.parametrize(
    ("answered", "stored", "verdict"),
    [
        ([], [], Verdict(0, 0, 0, 0)),
        ([1, 2], [1, 2], Verdict(2, 2, 0, 0)),
        ([1], [1, 2], Verdict(1, 2, 0, 0)),
        ([1, 2, 3], [1], Verdict(3, 1, 2, 0)),
        ([1], [1, 1, 2, 2, 2], Verdict(1, 5, 0, 3)),
    ],
)
def test_verdicts(answered: list[int], stored: list[int], verdict: Verdict) -> None:
    assert Verdict.of({("a", n) for n in answered}, Counter(("a", n) for n in stored)) == verdict


def test_a_journal_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(JournalError):
        receipts(tmp_path / "journal.sqlite")


# -- the programs in C --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [1, 32])
def test_fleet_and_floor(tools: Tools, window: int, tmp_path: Path) -> None:
    log = tmp_path / "answered"
    with floor_server(tools) as server:
        result = run_fleet(tools, server, connections=50, window=window, seconds=0.2, first=7, answered=log)
    assert result["answered_in_all"] >= result["answered"] > 0
    assert result["latency_us"]["p50"] <= result["latency_us"]["p99"] <= result["latency_us"]["max"]
    records = list(iter_unpack("=II", log.read_bytes()))
    assert len(records) == result["answered_in_all"]
    assert {number for number, serial in records} == set(range(7, 57))


@pytest.mark.parametrize("rate", [40, 400])
def test_a_fleet_that_reports_at_a_rate(tools: Tools, rate: int) -> None:
    with floor_server(tools) as server:
        result = run_fleet(tools, server, connections=20, window=32, rate=rate, seconds=0.5)
    # No more than were due, and on a busy machine the last ones may not have been sent in time.
    assert 0 < result["sent_in_all"] <= rate // 2 + 1
    assert result["answered_in_all"] == result["sent_in_all"]


def test_idle_fleet(tools: Tools) -> None:
    with floor_server(tools) as server:
        result = run_fleet(tools, server, connections=20, window=0, seconds=0.05)
    assert (result["logged_in"], result["sent_in_all"], result["lost"]) == (20, 0, 0)


def test_fleet_without_a_server(tools: Tools) -> None:
    with floor_server(tools) as server:
        pass
    with Fleet(tools, server.port, connections=5, seconds=5) as fleet:
        fleet.wait_until_loaded()
        result = fleet.result()
    assert (result["logged_in"], result["answered_in_all"]) == (0, 0)
    with pytest.raises(Broken, match="0 of 5 terminals logged in"):
        run_fleet(tools, Server(server.port, server.process), connections=5, seconds=5)


def test_fleet_whose_server_dies(tools: Tools, tmp_path: Path) -> None:
    log = tmp_path / "answered"
    with floor_server(tools) as server, Fleet(tools, server.port, connections=5, seconds=30, answered=log) as fleet:
        fleet.wait_until_loaded()
        server.process.kill()
        result = fleet.result()
    assert result["lost"] == 5
    assert log.stat().st_size == 8 * result["answered_in_all"]


def test_the_floor_ends_with_its_input(tools: Tools) -> None:
    with floor_server(tools) as server:
        server.process.communicate(timeout=10)
        assert server.process.returncode == 0


def test_the_service_listens_where_it_is_told_only(tmp_path: Path) -> None:
    with service(tmp_path) as server:
        log = (tmp_path / "service.log").read_text()
    assert "127.0.0.1" in log
    assert set(re.findall(r"port=(\d+)", log)) == {str(server.port)}
    assert server.process.returncode in (0, -signal.SIGTERM)


def test_a_service_that_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="at its start"), service(tmp_path, "nothing=1"):
        pass


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(Unable, match=r"no C compiler|needs Linux"):
        compiled()
