"""Registration and authentication of JT/T 808 terminals.

A terminal's authentication code follows from its identity and a secret that the service made at its first start:
random to everyone else, the same after every restart of either side, and nothing has to be written before it can be
answered, so a flood of registrations costs no memory and no disk.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

from .admission import Admission

SECRET_FILE = "jt808.secret"
_SECRET_SIZE = 32
_CODE_SIZE = 15  # bytes: twenty characters

#: results of a registration, JT/T 808-2019, 8.9
SUCCESS, TERMINAL_UNKNOWN = 0, 4


class DoorError(Exception):
    """The secret cannot be read or made; the message is a sentence for the operator."""


def load_secret(path: Path) -> bytes:
    """The secret in this file, made there, readable for its owner only, if there is none."""
    try:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            secret = path.read_bytes()
        else:
            secret = secrets.token_bytes(_SECRET_SIZE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secret)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise DoorError(f"{path}: the secret of the authentication codes cannot be used: {error.strerror}") from None
    if len(secret) != _SECRET_SIZE:
        raise DoorError(
            f"{path}: it has {len(secret)} bytes, the secret of the authentication codes has {_SECRET_SIZE}; "
            "without it all terminals register anew: remove the file to let them"
        )
    return secret


class Door:
    """Lets in whom admission lets in, with a code of their own."""

    def __init__(self, admission: Admission, secret: bytes) -> None:
        self.admission, self._secret = admission, secret

    def code(self, identity: str) -> str:
        """The authentication code of a terminal: twenty letters, digits, ``-`` and ``_``."""
        digest = hmac.digest(self._secret, identity.encode("utf-8"), "sha256")
        return base64.urlsafe_b64encode(digest[:_CODE_SIZE]).decode("ascii")

    def register(self, identity: str, body: dict[str, Any]) -> tuple[int, str]:
        """The result of a registration and the code. Registering again is harmless: it gives the same code."""
        if not self.admission.admits(identity):
            return TERMINAL_UNKNOWN, ""
        return SUCCESS, self.code(identity)

    def authenticate(self, identity: str, code: str) -> bool:
        """Whether this is the terminal's code, and it is still let in."""
        right = self.code(identity).encode("ascii")
        return self.admission.admits(identity) and hmac.compare_digest(right, code.encode("utf-8", "replace"))
