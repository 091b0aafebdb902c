"""Check codes: published values, and each against a plain one."""

from __future__ import annotations

import functools
import operator
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.wire.checks import crc_itu, crc_itu_table, xor8


@pytest.mark.parametrize("crc", [crc_itu, crc_itu_table])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"123456789", 0x906E),  # the check value of CRC-16/X-25
        (b"", 0x0000),
        (b"\x00", 0xF078),
        (bytes.fromhex("05130001"), 0xE9F1),
    ],
)
def test_crc_itu(crc: object, data: bytes, code: int) -> None:
    assert callable(crc)
    assert crc(data) == code


@given(st.binary(max_size=300))
def test_the_table_gives_what_fastcrc_gives(data: bytes) -> None:
    assert crc_itu_table(data) == crc_itu(data)


def test_the_table_is_used_without_fastcrc() -> None:
    program = (
        "import sys; sys.modules['fastcrc'] = None\n"
        "from jimigw.wire.checks import crc_itu, crc_itu_table\n"
        "assert crc_itu is crc_itu_table"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=20)


@given(st.binary(max_size=300))
def test_xor8(data: bytes) -> None:
    assert xor8(data) == functools.reduce(operator.xor, data, 0)
