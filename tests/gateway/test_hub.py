"""What two rooms have to agree on about the hub: what is kept beside a command, and how its end is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.gateway.hub import CODES, LONGEST_PURPOSE, Code, Mode, Wanted, code_of, content_of

IDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=64)
WANTED = st.builds(
    Wanted,
    st.integers(0x8000, 0xFFFF) | st.just(128),
    IDS,
    IDS,
    IDS,
    st.sampled_from(Mode),
    st.integers(0, 4_000_000_000).map(float),
)


@given(WANTED)
def test_what_is_wanted_comes_back_as_it_was(wanted: Wanted) -> None:
    assert Wanted.of(wanted.purpose()) == wanted


@given(st.text() | st.integers() | st.none() | st.just("proNo=x&mode=y&until=z"))
def test_a_purpose_of_others_is_read_too(purpose: Any) -> None:
    assert isinstance(Wanted.of(purpose), Wanted)


def test_usual_ids_have_room() -> None:
    uuid = "0e2b4c1e-6b1f-4a7d-9a53-7f0d0b2c9f11"
    wanted = Wanted(37382, "1789652420763", uuid, "res_1789652420763", Mode.KEPT, 1_795_000_000.123)
    assert len(wanted.purpose()) <= LONGEST_PURPOSE


@pytest.mark.parametrize(("text", "flag"), [("17", 17), ("flag-7", "flag-7"), ("", None), ("٣", "٣"), ("007", 7)])
def test_flags_come_back_as_numbers_where_they_are(text: str, flag: Any) -> None:
    assert Wanted(server_flag=text).flag == flag


#: outcome and reason as the gateway and the sessions say them
ENDS = [
    ("answered", "the terminal answered", Mode.SYNC, Code.DONE),
    ("answered", "0x0001: success", Mode.SYNC, Code.DONE),
    ("refused", "the terminal refused it", Mode.SYNC, Code.DONE),
    ("refused", "the terminal was busy 5 times", Mode.SYNC, Code.DONE),
    ("refused", "0x0001: not supported", Mode.SYNC, Code.DONE),
    ("expired", "its time was over before the terminal answered", Mode.SYNC, Code.TIMEOUT),
    ("expired", "its time was over before it could be sent", Mode.SYNC, Code.BUSY),
    ("expired", "its time was over before it could be sent", Mode.KEPT, Code.OFFLINE),
    ("failed", "no answer within 60 s", Mode.SYNC, Code.TIMEOUT),
    ("failed", "no answer, sent 4 times", Mode.SYNC, Code.TIMEOUT),
    ("failed", "only a part of it was acknowledged, sent 4 times", Mode.SYNC, Code.TIMEOUT),
    ("failed", "acknowledged by 0x0001, but 0x0104 did not follow", Mode.SYNC, Code.TIMEOUT),
    ("failed", "the link was lost before the terminal answered", Mode.SYNC, Code.NETWORK),
    ("failed", "the link was lost before the answer came", Mode.KEPT, Code.NETWORK),
    ("failed", "the service was restarted before the answer came", Mode.KEPT, Code.ERROR),
    ("failed", "body.flag: is missing", Mode.SYNC, Code.WRONG),
    ("cancelled", "cancelled by admin", Mode.ASYNC, Code.ERROR),
]


@pytest.mark.parametrize(("outcome", "reason", "mode", "code"), ENDS)
def test_codes(outcome: str, reason: str, mode: Mode, code: Code) -> None:
    assert code_of(outcome, reason, mode) is code
    assert CODES[code]


@pytest.mark.parametrize(
    ("reply", "content"),
    [
        (None, ""),
        ("OK!", "OK!"),
        ({"seq": 3, "id": 0x9101, "result": 0}, {"id": 0x9101, "result": 0}),
        ({"seq": 3, "items": [{}, {}]}, 2),
        (
            {"seq": 3, "params": [{"id": 1, "value": 60}, {"id": 19, "value": "x"}]},
            {"paramCount": "2", "1": "60", "19": "x"},
        ),
        ({"params": [{"id": 117, "value": {"osd": 3}}]}, {"paramCount": "1", "117": '{"osd":3}'}),
        ({"params": [3, {"value": 1}, {"id": 1}]}, {"paramCount": "1", "1": "null"}),
        ({}, {}),
        ([1], [1]),
    ],
)
def test_contents(reply: Any, content: Any) -> None:
    said = content_of(reply)
    assert (said if isinstance(content, str) else json.loads(said)) == content
