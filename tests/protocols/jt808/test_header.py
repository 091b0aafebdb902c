"""The phone field: who a terminal is, and what comes back to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.protocols.jt808.frame import Frame, build, parse
from jimigw.protocols.jt808.header import identity_of, luhn_digit, phone_bytes, phone_text
from jimigw.wire.errors import EncodeError

IDENTITIES = [
    # phone field, who that is
    ("013912345678", "13912345678"),
    ("00000000013912345678", "13912345678"),
    ("00000868628074866293", "868628074866293"),  # an IMEI in a header of 2019
    ("4eb6fb4ad628", "865478070001047"),  # the first 14 digits of an IMEI as one number
    ("4eb6fb4af2c1", "865478070074259"),
    ("000000000000", "0"),
    ("ffffffffffff", "ffffffffffff"),  # too large for 14 digits
    ("0000000000000000000a", "a"),
]


@pytest.mark.parametrize(("phone", "identity"), IDENTITIES)
def test_identity(phone: str, identity: str) -> None:
    assert identity_of(bytes.fromhex(phone)) == identity


@pytest.mark.parametrize(
    ("digits", "check"), [("86547807000104", "7"), ("86547807007425", "9"), ("7992739871", "3"), ("0", "0")]
)
def test_luhn(digits: str, check: str) -> None:
    assert luhn_digit(digits) == check


PHONES: list[tuple[Any, int, str]] = [
    ("013912345678", 2013, "013912345678"),
    ("13912345678", 2013, "013912345678"),
    (13912345678, 2013, "013912345678"),
    (13912345678, 2019, "00000000013912345678"),
    ("00000000013912345678", 2013, "013912345678"),
    ("4eb6fb4ad628", 2013, "4eb6fb4ad628"),
    ("4;:", 2013, "0000000004ba"),
    ("0", 2011, "000000000000"),
]


@pytest.mark.parametrize(("phone", "version", "field"), PHONES)
def test_phone_field(phone: Any, version: int, field: str) -> None:
    assert phone_bytes(phone, version).hex() == field


@pytest.mark.parametrize(
    "phone", ["", "12 34", "1234567890123", "abcg", "-1", -1, 1.5, True, None, b"12", ["1"], "１２"]
)
def test_no_phone(phone: Any) -> None:
    with pytest.raises(EncodeError, match="is not a phone number of at most 12 digits"):
        phone_bytes(phone, 2013)


@given(st.binary(min_size=6, max_size=6) | st.binary(min_size=10, max_size=10))
def test_phone_and_back(raw: bytes) -> None:
    version = 2013 if len(raw) == 6 else 2019
    assert phone_bytes(phone_text(raw), version) == raw
    assert phone_bytes(phone_text(raw, "emqx"), version) == raw


def test_letters_as_emqx_writes_them() -> None:
    assert phone_text(bytes.fromhex("4eb6fb4ad628"), "emqx") == "4>;6?;4:=628"


@pytest.mark.parametrize("version", [2013, 2019])
@given(data=st.data())
def test_answers_bring_back_the_very_phone(version: int, data: st.DataObject) -> None:
    size = 6 if version == 2013 else 10
    raw = data.draw(st.binary(min_size=size, max_size=size))
    number = data.draw(st.integers(0, 255))
    head = b"\x00\x02" + (b"\x00\x00" if version == 2013 else b"\x40\x00" + bytes((number,))) + raw + b"\x00\x01"
    check = 0
    for byte in head:
        check ^= byte
    frame = parse((head + bytes((check,))).replace(b"}", b"}\x01").replace(b"~", b"}\x02"))
    assert isinstance(frame, Frame)
    answer = parse(build(frame.header.addressing, 0x8001, b"12345", 9)[1:-1])
    assert isinstance(answer, Frame)
    assert (answer.header.version, answer.header.phone) == (version, raw)
    assert answer.header.proto_ver == (number if version == 2019 else None)
