"""Signs of uploads: vectors, the readings of 6.3, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.web.sign import is_signed, readings, sign_of

NAME, TIME = "EVENT_353376110008882_00000000_2020_08_11_14_17_36_24.mp4", "1597126660000"
IMEI = "353376110008882"


def test_vector_of_6_1() -> None:
    assert [sign_of(text) for text in readings(TIME, NAME)] == ["MTFiNTA3MDliNTMzYzRlZjJkMDExMzhlNmVhYzBmMzc="]


def test_vector_of_6_3_as_it_is_printed() -> None:
    printed, by_value = readings(TIME, "", IMEI, "1")
    assert sign_of(printed) == "YTlhY2ExYjlmNjRiNDhkZmNlOTE2NTUxZjI1NWU4OTk="
    assert by_value == "1" + TIME + IMEI + "jimidvr@123!443"


@pytest.mark.parametrize(
    ("sign", "fields", "right"),
    [
        ("MTFiNTA3MDliNTMzYzRlZjJkMDExMzhlNmVhYzBmMzc=", {"filename": NAME}, True),
        (" MTFiNTA3MDliNTMzYzRlZjJkMDExMzhlNmVhYzBmMzc=\r\n", {"filename": NAME}, True),
        ("11b50709b533c4ef2d01138e6eac0f37", {"filename": NAME}, True),
        ("11B50709B533C4EF2D01138E6EAC0F37", {"filename": NAME}, True),
        ("MTFiNTA3MDliNTMzYzRlZjJkMDExMzhlNmVhYzBmMzc=", {"filename": NAME + "x"}, False),
        ("MTFiNTA3MDliNTMzYzRlZjJkMDExMzhlNmVhYzBmMzc", {"filename": NAME}, False),
        # base64 of the raw digest, as a published README has it: its code does otherwise
        ("EbUHCbUzxO8tAROObqwPNw==", {"filename": NAME}, False),
        ("YTlhY2ExYjlmNjRiNDhkZmNlOTE2NTUxZjI1NWU4OTk=", {"imei": IMEI, "instruction": "1"}, True),
        ("YTlhY2ExYjlmNjRiNDhkZmNlOTE2NTUxZjI1NWU4OTk=", {"imei": IMEI, "instruction": "1", "filename": NAME}, True),
        (sign_of("1" + TIME + IMEI + "jimidvr@123!443"), {"imei": IMEI, "instruction": "1"}, True),
        ("YTlhY2ExYjlmNjRiNDhkZmNlOTE2NTUxZjI1NWU4OTk=", {"imei": IMEI}, False),
        ("", {"filename": NAME}, False),
        ("\u524d" * 32, {"filename": NAME}, False),
        ("MTFiNTA3MDliNTMzYzRlZjJkMDExMzhlNmVhYzBmMzc=", {}, False),
    ],
)
def test_signs(sign: str, fields: dict[str, str], right: bool) -> None:
    assert is_signed(sign, TIME, **fields) is right


@given(st.text(), st.text(), st.text(), st.text(), st.text())
def test_whatever_came_is_looked_at(sign: str, timestamp: str, filename: str, imei: str, instruction: str) -> None:
    assert is_signed(sign, timestamp, filename, imei, instruction) is False
    for text in readings(timestamp, filename, imei, instruction):
        assert is_signed(sign_of(text), timestamp, filename, imei, instruction)
