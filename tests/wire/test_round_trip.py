"""Every message of the Jimi book and of these tests, there and back: bytes, values, JSON; and what is no message."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jimigw.wire.errors import DecodeError, EncodeError
from jimigw.wire.message import Message
from tests.support.strategies import messages, settled
from tests.wire.declared import Counts, Everything, Widths
from tests.wire.jimi_kinds import IDS, MESSAGES

OWN = [Everything, Counts, Widths]
every_message = pytest.mark.parametrize("cls", [*MESSAGES, *OWN], ids=[*IDS, *(each.__name__ for each in OWN)])


@every_message
@settings(max_examples=30)
@given(data=st.data())
def test_bytes_and_back(cls: type[Message], data: st.DataObject) -> None:
    made = data.draw(messages(cls))
    sent = made.encode()
    notes: list[str] = []
    read = cls.decode(sent, notes=notes)
    assert (read, notes) == (settled(made), [])
    assert read.encode() == sent
    assert cls.decode(b"\xff\x00" + sent + b"\x01", 2, 2 + len(sent)) == read


@every_message
@settings(max_examples=25)
@given(data=st.data())
def test_json_and_back(cls: type[Message], data: st.DataObject) -> None:
    made = data.draw(messages(cls))
    if hasattr(made, "files"):
        made.files.text = None  # JSON has the names, not how they were written
        made.driver_id = made.driver_id or None
    body = json.loads(msgspec.json.encode(made.to_json()))
    assert cls.from_json(body).encode() == made.encode()


@every_message
@settings(max_examples=8)
@given(data=st.data())
def test_cut_at_every_length(cls: type[Message], data: st.DataObject) -> None:
    sent = data.draw(messages(cls)).encode()
    names = {row.name for row in cls.__wire__.rows} | {"surplus"}
    for length in range(len(sent)):
        try:
            cls.decode(sent[:length])
        except DecodeError as error:
            assert error.path.split(".")[0].split("[")[0] in names
            assert 0 <= error.offset <= length
            assert str(error).endswith(f"(at byte {error.offset})")


@every_message
@settings(max_examples=40)
@given(junk=st.binary(max_size=80))
def test_junk_is_refused_or_is_a_value(cls: type[Message], junk: bytes) -> None:
    try:
        read = cls.decode(junk)
    except DecodeError:
        return
    msgspec.json.encode(read.to_json())
    try:
        again = read.encode()
    except EncodeError as error:
        assert error.path == "files"  # a name with a semicolon in it: the one thing that is read and not written
    else:
        assert cls.decode(again).encode() == again


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=12)
    | st.sampled_from(
        ["", "0", "2025-11-28T09:30:00Z", "9999-12-31T23:59:59-23:59", "000000000000", "00 00 00 00 ", "AA=="]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def _from(cls: type[Message], body: Any) -> None:
    try:
        cls.from_json(body).encode()
    except EncodeError as error:
        assert str(error)


@every_message
@settings(max_examples=25)
@given(data=st.data())
def test_arbitrary_json_is_refused_with_a_sentence(cls: type[Message], data: st.DataObject) -> None:
    _from(cls, data.draw(JSON))
    keys = sorted(cls.__wire__._keys)
    _from(cls, data.draw(st.dictionaries(st.sampled_from(keys) if keys else st.text(), JSON)))
    # A true message with one value that is wrong gets further in.
    body = data.draw(messages(cls)).to_json()
    if body:
        body[data.draw(st.sampled_from(sorted(body)))] = data.draw(JSON)
    _from(cls, json.loads(json.dumps(body, default=str)))


_WRONG = [
    *(None, True, -1, 10**30, 10**5000, float("nan"), float("inf"), "x", "\ud800", b"\x00", bytearray(70000)),
    *([], [None], {}, {"id": 1}, object(), (1, 2), lambda: 0),
]


@every_message
@settings(max_examples=2)
@given(data=st.data())
def test_values_of_a_wrong_type_are_refused_with_a_sentence(cls: type[Message], data: st.DataObject) -> None:
    made: Any = data.draw(messages(cls))
    for row in [*cls.__wire__.attributes, cls.__wire__.surplus]:
        assert row is not None
        held = getattr(made, row.name)
        for wrong in _WRONG:
            setattr(made, row.name, wrong)
            try:
                made.encode()
            except EncodeError as error:
                assert len(str(error)) < 500
        setattr(made, row.name, held)
        delattr(made, row.name)
        with pytest.raises(EncodeError, match=r"is missing|is not"):
            made.encode()
        setattr(made, row.name, held)
