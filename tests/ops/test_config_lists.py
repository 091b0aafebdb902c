"""Lists of sections: how they are read and refused, and what differs between two configs."""

from __future__ import annotations

from pathlib import Path

import pytest

from jimigw.ops.config import CallbackConfig, Config, ConfigError, load_config
from jimigw.ops.config_changes import changes, taken_over

A = CallbackConfig(url="http://a.example/x?token=1")
B = CallbackConfig(url="http://a.example/x", name="b", kinds=("alarm",), batch=5)


def read(text: str, folder: Path, *overrides: str) -> Config:
    file = folder / "jimigw.toml"
    file.write_text(text, encoding="utf-8")
    return load_config(str(file), overrides)


def test_callbacks(tmp_path: Path) -> None:
    text = """
        [[callbacks]]
        url = "http://a.example/x?token=1"
        [[callbacks]]
        url = "http://a.example/x"
        name = "b"
        kinds = ["alarm"]
        batch = 5
    """
    assert read(text, tmp_path).callbacks == (A, B)
    assert (A.label, A.reader) == ("http://a.example/x", "callback:http://a.example/x")
    assert (B.label, B.reader) == ("b", "callback:b")
    # --set gives the whole list.
    assert read(text, tmp_path, 'callbacks=[{url="http://a.example/x?token=1"}]').callbacks == (A,)
    assert read(text, tmp_path, "callbacks=[]").callbacks == ()


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("[[callbacks]]", ["callbacks[1].url: it is missing; expected an address such as"]),
        ("[[callbacks]]\nurl = ''", ["callbacks[1].url: it is empty; expected an address such as"]),
        (
            "[[callbacks]]\nurl = 'http://a/'\n[[callbacks]]\nurl = 'ftp://x'",
            ["callbacks[2].url: it does not begin with"],
        ),
        ("[[callbacks]]\nurl = 'http://a/'\nbatch = 0", ["callbacks[1].batch: 0 is out of range; expected 1..5000"]),
        (
            "[[callbacks]]\nurl = 'http://a/'\nkind = 'alarm'",
            ["callbacks[1].kind: there is no such key or section; did you mean callbacks[].kinds?"],
        ),
        (
            "[[callbacks]]\nurl = 'http://a/'\nkinds = ['alarms']",
            ["callbacks[1].kinds: value 1: 'alarms' is not a word"],
        ),
        (
            "[[callbacks]]\nurl = 'http://a/'\nname = 'a b'",
            ["callbacks[1].name: 'a b' is not a name; expected up to 64"],
        ),
        (
            "[callbacks]\nurl = 'http://a/'",
            ["callbacks: {'url': 'http://a/'} is not a list of tables; expected up to 100"],
        ),
        ("callbacks = 5", ["callbacks: 5 is not a list of tables"]),
        ("callbacks = ['http://a/']", ["callbacks[1]: 'http://a/' is not a table"]),
        ("callbacks = [" + "{}," * 101 + "]", ["callbacks: there are 101; expected up to 100 of [[callbacks]]"]),
        (
            "[[callbacks]]\nurl = 'http://a/?x'\n[[callbacks]]\nurl = 'http://a/?y'",
            ["callbacks[2].name: 'http://a/' is callbacks[1] already; each callback needs a name of its own"],
        ),
        (
            f"[[callbacks]]\nurl = 'http://a/{'x' * 200}'",
            ["callbacks[1].name: it is missing; an address that is so long"],
        ),
        (
            "[[callbacks]]\nurl = 1\nformat = 'xml'\n[[callbacks]]\ntimeout = 0",
            [
                "callbacks[1].url: 1 is not text",
                "callbacks[1].format: 'xml' is not",
                "callbacks[2].timeout: 0 is out of",
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_list(text: str, problems: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read(text, tmp_path)
    assert len(refused.value.problems) == len(problems)
    for problem, begin in zip(refused.value.problems, problems, strict=True):
        assert problem.startswith(begin)


def test_an_override_says_that_it_is_one() -> None:
    with pytest.raises(ConfigError, match=r"callbacks\[1\]\.batch: 0 is out of range; expected 1\.\.5000 \(--set\)"):
        load_config(None, ['callbacks=[{url="http://a/", batch=0}]'])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ((), (A,), ["callbacks[http://a.example/x]: added"]),
        ((A, B), (B,), ["callbacks[http://a.example/x]: removed"]),
        ((A, B), (B, A), []),
        (
            (A, B),
            (A, CallbackConfig(url="http://b.example/", name="b", kinds=("alarm",), batch=6)),
            ["callbacks[b].url: 'http://a.example/x' -> 'http://b.example/'", "callbacks[b].batch: 5 -> 6"],
        ),
        (
            (B,),
            (CallbackConfig(url=B.url, name="c", kinds=B.kinds, batch=5),),
            ["callbacks[b]: removed", "callbacks[c]: added"],
        ),
    ],
)
def test_changes_of_a_list(old: tuple[CallbackConfig, ...], new: tuple[CallbackConfig, ...], said: list[str]) -> None:
    before, after = Config(callbacks=old), Config(callbacks=new)
    assert [str(change) for change in changes(before, after)] == said
    assert not any(change.restart for change in changes(before, after))
    assert taken_over(before, after).callbacks == new
