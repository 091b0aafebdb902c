"""Tab: what is added to what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from jimigw.ops.manhole.completion import MAX_NAMES, Completion, complete, in_columns


class Trap:
    """Something whose attributes must not be asked for."""

    word = "x"
    wort = "y"

    @property
    def runs(self) -> str:
        raise AssertionError("a property was run")


NAMES = ["864200050000001", "864200050000002", "13800138000", "粤B12345"]
WORDS = ["command", "commands", "history", "watch"]


def device_names(start: str) -> Iterable[str]:
    return (name for name in NAMES if name.startswith(start))


def completed(before: str) -> Completion:
    namespace: dict[str, Any] = {
        "__builtins__": {"len": len, "list": list},
        "device": len,
        "devices": len,
        "watch": len,
        "trap": Trap(),
        "_": 1,
    }
    return complete(before, namespace, WORDS, device_names, ["fetch", "protect"])


@pytest.mark.parametrize(
    ("before", "addition", "names"),
    [
        ("wa", "tch", []),
        ("dev", "ice", []),
        ("device", "", ["device", "devices"]),
        ("len(wa", "tch", []),
        ("x = wa", "tch", []),
        ("", "", ["device", "devices", "trap", "watch"]),
        ("le", "n", []),
        ("whi", "le", []),
        ("zzz", "", []),
        ("media(17).f", "etch", []),
        ("print(media( 17 ).", "", ["fetch", "protect"]),
        ("media(17", "", []),
        ("device('1').media(17).", "", []),
        # names of terminals
        ("device('1", "3800138000'", []),
        ('device("1', '3800138000"', []),
        ("device( '8642", "0005000000", []),
        ("device('86420005000000", "", ["864200050000001", "864200050000002"]),
        ("devices('粤", "B12345'", []),
        ("watch('1", "3800138000'", []),
        ("journal(device='1", "3800138000'", []),
        ("commands(device = '1", "3800138000'", []),
        ("device('9", "", []),
        ("print('wa", "", []),
        ("print('a', wa", "tch", []),
        # attributes
        ("device('1').com", "mand", []),
        ("device('1').command", "", ["command", "commands"]),
        ("device('1').h", "istory", []),
        ('x = device("1").wa', "tch", []),
        ("trap.", "", ["runs", "word", "wort"]),
        ("trap.wo", "r", []),
        ("trap.runs.", "", []),
        ("trap.none.", "", []),
        ("nobody.", "", []),
        ("trap.word.up", "per", []),
        ("trap.__cl", "ass__", []),
        ("5.", "", []),
        ("f(x).", "", []),
    ],
)
def test_completion(before: str, addition: str, names: list[str]) -> None:
    found = completed(before)
    assert (found.addition, list(found.names)) == (addition, names)


def test_a_crowd_is_bounded() -> None:
    taken = []

    def many(start: str) -> Iterable[str]:
        for number in range(100_000):
            taken.append(number)
            yield f"{number:06}"

    found = complete("device('", {"__builtins__": {}}, (), many)
    assert len(found.names) <= MAX_NAMES
    assert len(taken) <= MAX_NAMES + 1


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (80, ["alpha  beta   gamma  粤B"]),
        (20, ["alpha  gamma", "beta   粤B"]),
        (8, ["alpha", "beta", "gamma", "粤B"]),
        (4, ["a…", "b…", "g…", "…"]),
    ],
)
def test_columns(width: int, lines: list[str]) -> None:
    assert in_columns(["alpha", "beta", "gamma", "粤B"], width) == lines
