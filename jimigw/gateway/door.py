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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from .admission import Admission

SECRET_FILE = "jt808.secret"
RSA_KEY_FILE = "jt808-rsa.pem"
_RSA_BITS = 1024
_SECRET_SIZE = 32
_CODE_SIZE = 15  # bytes: twenty characters

#: results of a registration, JT/T 808-2019, 8.9
SUCCESS, TERMINAL_UNKNOWN = 0, 4


class DoorError(Exception):
    """The secret cannot be read or made; the message is a sentence for the operator."""


def _load(path: Path, what: str, make: Callable[[], bytes]) -> bytes:
    """What stands in this file; made there, readable for its owner only, if there is none."""
    try:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_bytes()
        made = make()
        with os.fdopen(descriptor, "wb") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
        return made
    except OSError as error:
        raise DoorError(f"{path}: {what} cannot be used: {error.strerror}") from None


def load_secret(path: Path) -> bytes:
    """The secret of the authentication codes in this file, made there if there is none."""
    secret = _load(path, "the secret of the authentication codes", lambda: secrets.token_bytes(_SECRET_SIZE))
    if len(secret) != _SECRET_SIZE:
        raise DoorError(
            f"{path}: it has {len(secret)} bytes, the secret of the authentication codes has {_SECRET_SIZE}; "
            "without it all terminals register anew: remove the file to let them"
        )
    return secret


def load_rsa_key(path: Path) -> RSAPrivateKey:
    """The platform's key for encrypted bodies in this file (PEM), made there if there is none."""
    pem = _load(path, "the key for encrypted messages", _make_rsa_key)
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DoorError(f"{path}: it is no key in PEM without a password: {error}") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size != _RSA_BITS:
        raise DoorError(f"{path}: it is no RSA key of {_RSA_BITS} bits, which is what 0x8A00 has room for")
    return key


def _make_rsa_key() -> bytes:
    # 1024 bits are what the message has room for; nothing else of the service relies on them.
    key = generate_private_key(65537, _RSA_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


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
