"""Pushes as requests: which go together, what a form looks like, what an answer means; and the settings."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.delivery.hub import HubSettings, Push
from jimigw.delivery.hub.requests import (
    MOST_BYTES,
    MOST_ITEMS,
    Answer,
    Gone,
    NotNow,
    Refused,
    Taken,
    meaning_of,
    requests_of,
)


def pushes(*told: str) -> list[tuple[int, Push]]:
    """``a/gps`` is an item of the terminal a; ids count from 1."""
    found = []
    for id, each in enumerate(told, 1):
        device, path = each.split("/")
        found.append((id, Push(f"/{path}", device, {"n": id})))
    return found


@pytest.mark.parametrize(
    ("told", "requests"),
    [
        ([], []),
        (["a/gps", "b/gps", "a/gps"], [("/gps", [1, 2, 3])]),
        (["a/gps", "b/hb", "c/gps"], [("/gps", [1, 3]), ("/hb", [2])]),
        # An alarm between two positions of a terminal stays between them.
        (["a/gps", "a/alarm", "a/gps"], [("/gps", [1]), ("/alarm", [2]), ("/gps", [3])]),
        # What others say may join what goes out earlier.
        (["a/gps", "a/alarm", "b/gps", "b/alarm", "a/gps", "b/gps"], [
            ("/gps", [1, 3]), ("/alarm", [2, 4]), ("/gps", [5, 6]),
        ]),
    ],
)  # fmt: skip
def test_few_requests_that_keep_the_order_of_each_terminal(told: list[str], requests: list[Any]) -> None:
    assert [(request.path, request.ids) for request in requests_of(pushes(*told))] == requests


@given(st.lists(st.sampled_from([f"{device}/{path}" for device in "abc" for path in ("gps", "hb", "alarm")])))
def test_the_order_of_each_terminal_is_kept_and_nothing_is_lost(told: list[str]) -> None:
    requests = requests_of(pushes(*told))
    sent = [id for request in requests for id in request.ids]
    assert sorted(sent) == list(range(1, len(told) + 1))
    for device in "abc":
        own = [id for id in sent if told[id - 1].startswith(device)]
        assert own == sorted(own)
    assert all(len(request.items) == len(request.ids) <= MOST_ITEMS for request in requests)
    assert all(f"/{told[id - 1][2:]}" == request.path for request in requests for id in request.ids)


def test_a_request_has_fifty_items_at_most() -> None:
    assert [len(request.ids) for request in requests_of(pushes(*["a/gps"] * 101))] == [50, 50, 1]


def test_a_request_has_bounded_bytes() -> None:
    long = {"content": "x" * (MOST_BYTES // 2)}
    requests = requests_of([(id, Push("/x", "a", long)) for id in range(3)])
    assert [request.ids for request in requests] == [[0], [1], [2]]


def test_other_form_fields_are_another_request() -> None:
    ends = [(1, Push("/end", "a", {}, (("msgType", "1"),))), (2, Push("/end", "a", {}, (("msgType", "2"),)))]
    assert [request.ids for request in requests_of(ends)] == [[1], [2]]


def test_a_form() -> None:
    item = {"deviceImei": "1", "text": "ü&=+ %"}
    (request,) = requests_of([(1, Push("/end", "1", item, (("msgType", "2"),)))] * 2)
    form = parse_qs(request.body("t&k").decode("ascii"), strict_parsing=True)
    assert {key: value for key, value in form.items() if key != "data_list"} == {"token": ["t&k"], "msgType": ["2"]}
    assert msgspec.json.decode(form["data_list"][0]) == [item, item]


YES, NO, LATER, GONE = Taken, Refused, NotNow, Gone


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"code":0,"msg":"success"}', YES),
        (201, b'{"code":"0"}', YES),
        (200, b'{"code":1}', NO),
        (200, b'{"code":0.5}', NO),
        (200, b'{"code":false}', NO),
        (200, b'{"msg":"success"}', NO),
        (200, b"[0]", NO),
        (200, b"ok", NO),
        (200, b"", NO),
        (200, b"\xff{", NO),
        (200, b"[" * 10_000, NO),
        (204, b"", NO),
        (301, b"", LATER),
        (304, b"", LATER),
        (400, b'{"code":0}', NO),
        (401, b"", LATER),
        (403, b"", LATER),
        (404, b"", NO),
        (408, b"", LATER),
        (410, b"", GONE),
        (413, b"", NO),
        (425, b"", LATER),
        (429, b"", LATER),
        (500, b'{"code":0}', LATER),
        (503, b"", LATER),
        (599, b"", LATER),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, kind: type) -> None:
    meaning = meaning_of(Answer(status, body))
    assert type(meaning) is kind
    assert isinstance(meaning, Taken) or f"{status}" in meaning.reason


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("30", 30.0),
        (" 5 ", 5.0),
        ("99999999", 3600.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-1", None),
        ("٣", None),
    ],
)
def test_how_long_to_wait(text: str, after: float | None) -> None:
    assert meaning_of(Answer(503, b"", text)) == NotNow("it answered 503", after)


# -- settings -----------------------------------------------------------------------------------------------------

URL = "https://platform.example.org/jimi/"


def test_paths_are_appended() -> None:
    assert HubSettings(URL).address("/pushgps") == "https://platform.example.org/jimi/pushgps"
    assert HubSettings("http://[::1]:8080").address("/rfid") == "http://[::1]:8080/rfid"


def test_the_token_is_not_shown() -> None:
    assert "s3cret" not in repr(HubSettings(URL, token="s3cret"))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"url": "platform.example.org"}, "url: 'platform.example.org' is not a base address"),
        ({"url": "ftp://platform.example.org"}, "url: "),
        ({"url": "http:///x"}, "url: "),
        ({"url": "http://x?y=1"}, "url: "),
        ({"url": "http://x:99999"}, "url: "),
        ({"url": "http://ü.example.org"}, "url: "),
        ({"paths": ["/pushgps", "/pushgsp"]}, "paths: '/pushgsp' is not a path that jimigw pushes to; those are /push"),
        ({"paths": ["/pushobd"]}, "paths: "),
        ({"time_zone": 15}, "time_zone: 15 is not a time zone"),
        ({"terminals_zone": -15}, "terminals_zone: -15 is not a time zone"),
        ({"batch": 0}, "batch: 0 is not right; expected 1..10000"),
        ({"concurrency": 0}, "concurrency: 0 is not right"),
        ({"timeout": 0}, "timeout: 0 is not right"),
        ({"tries": 0}, "tries: 0 is not right"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        HubSettings(**{"url": URL, **settings})
    assert str(caught.value).startswith(sentence)
