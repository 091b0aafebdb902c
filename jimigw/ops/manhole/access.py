"""Who may come in: the password of telnet, the keys of SSH, the brake for those who guess."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from pathlib import Path

import attrs

from jimigw.gateway.private import read_private, write_private

PASSWORD_FILE = "manhole.password"
HOST_KEY_FILE = "manhole.host_key"

_PASSWORD_BYTES = 15
"""Chance in a password: 24 letters and digits in groups of four."""

_HEAD = """\
# The login of jimigw's manhole. Whoever reads this can do everything that the service can.
# To change the password, write another one and restart the service; without the file a new one is made.
"""


class ManholeError(Exception):
    """The manhole cannot be opened; the message is a sentence for the operator."""


@attrs.frozen(repr=False)
class Credentials:
    """The user and the password of the manhole. Never shown, never logged."""

    user: str
    password: str

    def are(self, user: str, password: str) -> bool:
        """Whether these are they. Takes the same time for every wrong answer."""
        # Digests have one length, so that not even that of the password can be measured.
        right = [hmac.compare_digest(_digest(told), _digest(true)) for told, true in
                 ((user, self.user), (password, self.password))]  # fmt: skip
        return all(right)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def load_credentials(path: Path, user: str) -> Credentials:
    """The login in this file, made there if there is none: readable by its owner only.

    ``user`` is the one of the config; a file with another one is written again with the same password.
    """
    try:
        text = read_private(path)
        if text is None:
            raw = base64.b32encode(secrets.token_bytes(_PASSWORD_BYTES)).decode("ascii").lower()
            made = Credentials(user, "-".join(raw[at : at + 4] for at in range(0, len(raw), 4)))
            write_private(path, _told(made))
            return made
        found = dict(_pairs(text))
        if not found.get("password"):
            raise ManholeError(f"{path}: there is no line 'password: ...' in it; remove the file to get a new one")
        kept = Credentials(user, found["password"])
        if found.get("user") != user:
            write_private(path, _told(kept))
        return kept
    except OSError as error:
        raise ManholeError(f"{path}: the password of the manhole cannot be used: {error.strerror}") from None


def _told(credentials: Credentials) -> bytes:
    return f"{_HEAD}user: {credentials.user}\npassword: {credentials.password}\n".encode()


def _pairs(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]


def load_private(path: Path, make: Callable[[], bytes]) -> bytes:
    """What stands in a file that only its owner reads; made there if there is none."""
    try:
        text = read_private(path)
        if text is None:
            made = make()
            write_private(path, made)
            return made
        return text.encode("utf-8")
    except OSError as error:
        raise ManholeError(f"{path}: it cannot be used: {error.strerror}") from None
