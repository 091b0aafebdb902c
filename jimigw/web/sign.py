"""The sign of an upload (Jimi V1.3.5, 6.1.2 and 6.3.2): it tells a mistake, and nobody from anybody.

Its key is printed in a public document, so whoever can read can sign; who may upload is decided by the registry.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import md5
from hmac import compare_digest

KEY = "jimidvr@123!443"


def sign_of(text: str) -> str:
    """The sign of what was put together: base64 of the 32 lower-case hex digits of its MD5."""
    return b64encode(_digest(text).encode()).decode()


def is_signed(sign: str, timestamp: str, filename: str = "", imei: str = "", instruction: str = "") -> bool:
    """Whether a sign fits the fields that came with it, by any reading of the document that they allow.

    The 32 hex digits alone are right, too: a sink in the field takes them.
    """
    found = sign.strip()
    hexadecimal = found.lower() if len(found) == 32 else ""
    fits = False
    for text in readings(timestamp, filename, imei, instruction):
        digest = _digest(text)
        whole = compare_digest(b64encode(digest.encode()), found.encode("utf-8", "replace"))
        fits |= whole or (hexadecimal.isascii() and compare_digest(digest, hexadecimal))
    return fits


def readings(timestamp: str, filename: str = "", imei: str = "", instruction: str = "") -> Iterator[str]:
    """What may be signed.

    6.1 is plain. 6.3 prints imei + instructionId + secretKey + timestamp, and says to "sort all parameters in ASCII
    queue": by their names that is the order in which they are printed, by their values it may be another.
    """
    if filename:
        yield filename + timestamp + KEY
    if imei and instruction:
        values = [imei, instruction, KEY, timestamp]
        yield "".join(values)
        yield "".join(sorted(values))


def _digest(text: str) -> str:
    return md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
