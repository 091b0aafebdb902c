"""Encrypted bodies: blocks, keys, and what is neither."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers, generate_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from jimigw.protocols.jt808.frame import MAX_BODY, build_all
from jimigw.protocols.jt808.header import Addressing
from jimigw.protocols.jt808.messages.keys import PlatformKey as PlatformKeyMessage
from jimigw.protocols.jt808.rsa import BLOCK, MOST_BLOCKS, MOST_PLAIN, PLAIN, RSA, PlatformKey, TerminalKey, pieces
from jimigw.wire.errors import DecodeError, EncodeError, WireError
from tests.protocols.jt808.vectors import frame_of

PRIVATE = generate_private_key(65537, 1024)
PLATFORM = PlatformKey(PRIVATE)
TO_PLATFORM = TerminalKey(PLATFORM.e, PLATFORM.n)
"""The same key seen from the other side, as a terminal has it."""
ODD = b"\xc1" + bytes(126) + b"\x01"


@pytest.mark.parametrize(
    ("plain", "blocks"),
    [(0, 0), (1, 1), (PLAIN, 1), (PLAIN + 1, 2), (2 * PLAIN, 2), (MOST_PLAIN - 1, 7), (MOST_PLAIN, MOST_BLOCKS)],
)
def test_blocks(plain: int, blocks: int) -> None:
    body = bytes(range(256)) * 4
    encrypted = TO_PLATFORM.encrypt(body[:plain])
    assert len(encrypted) == blocks * BLOCK
    assert PLATFORM.decrypt(encrypted) == body[:plain]


def test_sizes_fit_a_frame() -> None:
    assert (BLOCK, PLAIN, MOST_BLOCKS, MOST_PLAIN) == (128, 117, 7, 819)
    assert MOST_BLOCKS * BLOCK <= MAX_BODY < (MOST_BLOCKS + 1) * BLOCK


def test_every_frame_of_a_long_message_is_decrypted_by_itself() -> None:
    to = Addressing(2019, bytes(9) + b"\x01")
    body = bytes(range(256)) * 10
    encrypted = b"".join(map(TO_PLATFORM.encrypt, pieces(body)))
    frames = [frame_of(data.hex()) for data in build_all(to, 0x0900, encrypted, 5, encrypt=RSA, size=7 * BLOCK)]
    assert [frame.header.encrypt for frame in frames] == [1, 1, 1, 1]
    assert b"".join(PLATFORM.decrypt(frame.body) for frame in frames) == body


@pytest.mark.parametrize(("size", "expected"), [(0, [0]), (1, [1]), (819, [819]), (820, [819, 1]), (1638, [819, 819])])
def test_pieces(size: int, expected: list[int]) -> None:
    assert list(map(len, pieces(bytes(size)))) == expected


def test_the_key_is_what_the_message_carries() -> None:
    body = PlatformKeyMessage(e=PLATFORM.e, n=PLATFORM.n).encode()
    numbers = PRIVATE.public_key().public_numbers()
    assert body == numbers.e.to_bytes(4, "big") + numbers.n.to_bytes(128, "big")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (bytes(127), "127 bytes are not up to 7 encrypted blocks of 128 bytes (at byte 0)"),
        (bytes(129), "129 bytes are not up to 7 encrypted blocks of 128 bytes (at byte 0)"),
        (bytes(8 * 128), "1024 bytes are not up to 7 encrypted blocks of 128 bytes (at byte 0)"),
        (b"\xff" * 128, "is no block that was encrypted with the platform's key (at byte 0)"),
        (
            TO_PLATFORM.encrypt(b"good") + b"\xff" * 128,
            "is no block that was encrypted with the platform's key (at byte 128)",
        ),
    ],
    ids=["short", "surplus", "long", "over the modulus", "second block"],
)
def test_what_cannot_be_decrypted(body: bytes, error: str) -> None:
    with pytest.raises(DecodeError) as caught:
        PLATFORM.decrypt(body)
    assert str(caught.value) == error


def test_wrong_padding_looks_like_other_bytes_or_an_error() -> None:
    block = (PLATFORM.n[0] >> 1).to_bytes(1, "big") + bytes(range(127))
    try:
        plain = PLATFORM.decrypt(block)
    except DecodeError:
        return  # libraries before OpenSSL 3.2
    assert len(plain) <= PLAIN


@given(st.binary(max_size=MAX_BODY))
@settings(max_examples=50)
def test_any_bytes_give_bytes_or_the_error(body: bytes) -> None:
    with suppress(DecodeError):
        assert len(PLATFORM.decrypt(body)) <= MOST_PLAIN


@given(st.binary(max_size=MOST_PLAIN))
@settings(max_examples=50)
def test_round_trip(plain: bytes) -> None:
    assert PLATFORM.decrypt(TO_PLATFORM.encrypt(plain)) == plain


def test_too_long_to_encrypt() -> None:
    with pytest.raises(
        EncodeError, match="820 bytes of plain text are too long for one encrypted frame, at most 819 fit"
    ):
        TO_PLATFORM.encrypt(bytes(820))


@pytest.mark.parametrize(
    ("e", "n", "error"),
    [
        (65537, ODD[1:], "n: is not an odd number that fills 128 bytes, as a modulus does (at byte 4)"),
        (65537, b"\0" + ODD[1:], "n: is not an odd number that fills 128 bytes, as a modulus does (at byte 4)"),
        (65537, ODD[:-1] + b"\x02", "n: is not an odd number that fills 128 bytes, as a modulus does (at byte 4)"),
        (65537, bytes(128), "n: is not an odd number that fills 128 bytes, as a modulus does (at byte 4)"),
        (65537, b"", "n: is not an odd number that fills 128 bytes, as a modulus does (at byte 4)"),
        (0, ODD, "e: 0 is not an odd number from 3 to 2^32 - 1, as an exponent is (at byte 0)"),
        (1, ODD, "e: 1 is not an odd number from 3 to 2^32 - 1, as an exponent is (at byte 0)"),
        (65536, ODD, "e: 65536 is not an odd number from 3 to 2^32 - 1, as an exponent is (at byte 0)"),
        (1 << 32 | 1, ODD, "e: 4294967297 is not an odd number from 3 to 2^32 - 1, as an exponent is (at byte 0)"),
    ],
)
def test_what_is_no_key_of_a_terminal(e: int, n: bytes, error: str) -> None:
    with pytest.raises(DecodeError) as caught:
        TerminalKey(e, n)
    assert str(caught.value) == error


@given(st.integers(0, 2**32 - 1), st.binary(min_size=128, max_size=128))
@settings(max_examples=100)
def test_any_key_of_a_terminal_works_or_gives_the_error(e: int, n: bytes) -> None:
    with suppress(WireError):
        assert len(TerminalKey(e, n).encrypt(b"text")) == BLOCK


def test_keys_that_do_not_fit_the_message() -> None:
    with pytest.raises(WireError, match="a key of 2048 bits with the exponent 65537 does not fit into 0x8A00"):
        PlatformKey(generate_private_key(65537, 2048))


def test_an_exponent_that_does_not_fit_the_message() -> None:
    numbers = PRIVATE.private_numbers()
    phi = (numbers.p - 1) * (numbers.q - 1)
    e = (1 << 32) + 15
    while True:
        try:
            d = pow(e, -1, phi)
            break
        except ValueError:
            e += 2
    wide = RSAPrivateNumbers(
        p=numbers.p,
        q=numbers.q,
        d=d,
        dmp1=d % (numbers.p - 1),
        dmq1=d % (numbers.q - 1),
        iqmp=numbers.iqmp,
        public_numbers=RSAPublicNumbers(e, numbers.p * numbers.q),
    ).private_key()
    with pytest.raises(WireError, match=f"with the exponent {e} does not fit into 0x8A00"):
        PlatformKey(wide)
