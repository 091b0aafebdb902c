"""``jimigw journal``: the records of a real journal file, also while it is written."""

import argparse
import io
import json
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor

from jimigw.journal import Entry, SqliteJournal
from jimigw.tools import journal as command
from jimigw.tools.console import Console
from tests.tools.running import Ran, run

the_reactor: Any = reactor

KINDS = ("login", "position", "alarm")
DEVICES = ("111", "222")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, 0, 12)
    return tmp_path


def write(folder: Path, first: int, last: int) -> None:
    """Records number ``first`` to ``last`` through the real journal, as a service would."""
    journal = SqliteJournal(folder / "journal.sqlite", the_reactor)
    journal.start()
    for number in range(first, last):
        device, kind = DEVICES[number % 2], KINDS[number % 3]
        data = json.dumps({"device": device, "kind": kind, "number": number}).encode()
        assert journal.append(Entry(device, "jimi", kind, number, b"raw", data))
    closed = journal.close()
    while not closed.called:
        the_reactor.iterate(0.01)


def records(folder: Path, *words: str) -> Ran:
    return run("journal", "--set", f'data_dir="{folder}"', *words)


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ((), list(range(12))),
        (("--limit", "3"), [0, 1, 2]),
        (("--from", "11"), [10, 11]),
        (("--from", "2", "--limit", "1"), [1]),
        (("--device", "222"), [1, 3, 5, 7, 9, 11]),
        (("--kind", "alarm"), [2, 5, 8, 11]),
        (("--kind", "alarm", "--kind", "login", "--device", "111"), [0, 2, 6, 8]),
        (("--device", "nobody"), []),
        (("--from", "100"), []),
    ],
)
def test_what_is_printed(folder: Path, words: tuple[str, ...], numbers: list[int]) -> None:
    ran = records(folder, *words)
    assert ran.status == 0
    found = [json.loads(line) for line in ran.lines]
    assert [each["number"] for each in found] == numbers
    assert [each["id"] for each in found] == [number + 1 for number in numbers]


def test_follow_goes_on_with_what_comes(folder: Path) -> None:
    options = argparse.Namespace(
        config=None, set=[f'data_dir="{folder}"'], follow=True, device=None, kind=None, first=11, limit=None
    )
    out = io.BytesIO()
    polls: list[float] = []

    def sleep(seconds: float) -> None:
        polls.append(seconds)
        if len(polls) == 2:
            write(folder, 12, 14)
        if len(polls) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command.run(options, Console(io.BytesIO(), out, io.StringIO()), sleep)
    assert [json.loads(line)["number"] for line in out.getvalue().splitlines()] == [10, 11, 12, 13]
    assert polls == [command.POLL_SECONDS] * 4


def test_more_than_a_page(tmp_path: Path) -> None:
    write(tmp_path, 0, 2500)
    assert len(records(tmp_path).lines) == 2500


def test_no_journal(tmp_path: Path) -> None:
    ran = records(tmp_path)
    assert (ran.status, ran.out) == (1, "")
    assert str(tmp_path / "journal.sqlite") in ran.err


def test_wrong_config(tmp_path: Path) -> None:
    ran = records(tmp_path, "--set", "journal.fil=1")
    assert ran.status == 1
    assert "journal.fil: there is no such key" in ran.err


@pytest.mark.parametrize("words", [("--from", "0"), ("--limit", "0"), ("--from", "x"), ("--kind", "nonsense")])
def test_wrong_arguments(tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        records(tmp_path, *words)
    assert "error: argument" in capsys.readouterr().err
