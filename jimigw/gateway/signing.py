"""How a receiver of our requests knows that they are ours: HMAC-SHA256 over the time and the body.

Both ends know the secret. The receiver computes ``hex(hmac_sha256(secret, timestamp + "." + body))`` over the bytes of
the body as they came, compares it with the signature in constant time, and refuses a timestamp that is minutes old.
"""

from __future__ import annotations

import hmac
from pathlib import Path

TIMESTAMP_HEADER = "X-Jimigw-Timestamp"
"""When the request was signed: whole seconds since 1970, in decimal."""
SIGNATURE_HEADER = "X-Jimigw-Signature"
"""The signature: 64 hex digits in lower case."""

_SHORTEST, _LONGEST = 16, 4096


class SigningError(Exception):
    """The secret cannot be used; the message is a sentence for the operator."""


def load_signing_secret(path: Path) -> bytes:
    """The secret in this file: its bytes without white space around them. :class:`SigningError` where it is none."""
    try:
        with path.open("rb") as file:
            secret = file.read(_LONGEST + 1).strip()
    except OSError as error:
        raise SigningError(f"{path}: the secret for signing requests cannot be read: {error.strerror}") from None
    if not _SHORTEST <= len(secret) <= _LONGEST:
        raise SigningError(
            f"{path}: a secret for signing requests has {_SHORTEST} to {_LONGEST} bytes; "
            "make one with: openssl rand -hex 32"
        )
    return secret


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """The signature of this body at this time."""
    return hmac.digest(secret, timestamp.encode("ascii") + b"." + body, "sha256").hex()


def signed_headers(secret: bytes, body: bytes, now: float) -> dict[str, str]:
    """The two headers of a request with this body. ``now`` is in seconds since 1970."""
    timestamp = str(int(now))
    return {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signature(secret, timestamp, body)}
