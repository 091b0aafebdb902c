"""How requests are signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from jimigw.gateway.signing import SigningError, load_signing_secret, signature, signed_headers


def test_a_signature_as_openssl_computes_it() -> None:
    # printf '1795000000.{"code":"x","phone":"1"}' | openssl dgst -sha256 -hmac 0123456789abcdef
    headers = signed_headers(b"0123456789abcdef", b'{"code":"x","phone":"1"}', 1_795_000_000.999)
    assert headers == {
        "X-Jimigw-Timestamp": "1795000000",
        "X-Jimigw-Signature": "7b0884260238a3e6409676116d27cd9b04fa1f4aabfac2c1b9d0066ce1ef3d18",
    }


def test_another_time_body_or_secret_is_another_signature() -> None:
    cases = [(b"secret", "1", b"body"), (b"secret", "2", b"body"), (b"secret", "1", b"Body"), (b"Secret", "1", b"body")]
    assert len({signature(*case) for case in cases}) == 4


def test_the_secret_is_what_stands_in_the_file_without_white_space(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"\n0123456789 abcdef\r\n")
    assert load_signing_secret(file) == b"0123456789 abcdef"


@pytest.mark.parametrize("content", [b"", b"   \n", b"short", b"x" * 5000])
def test_what_is_no_secret_is_an_error_that_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(SigningError, match=r"has 16 to 4096 bytes; make one with: openssl rand -hex 32") as refused:
        load_signing_secret(file)
    assert "short" not in str(refused.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SigningError, match="cannot be read: No such file"):
        load_signing_secret(tmp_path / "none")
