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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from twisted.internet.defer import Deferred

from .admission import Admission
from .hooked import FAILURE, Hooked, Verdict

SECRET_FILE = "jt808.secret"
RSA_KEY_FILE = "jt808-rsa.pem"
_RSA_BITS = 1024
_SECRET_SIZE = 32
_CODE_SIZE = 15  # bytes: twenty characters

#: results of a registration, JT/T 808-2019, 8.9
SUCCESS, TERMINAL_UNKNOWN = 0, 4

Question = Literal["register", "authenticate"]
"""What a terminal asks with 0x0100 and with 0x0102."""


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

    def register(self, identity: str, body: Mapping[str, Any], phone: str = "") -> tuple[int, str]:
        """The result of a registration and the code. Registering again is harmless: it gives the same code."""
        if not self.admission.admits(identity):
            return TERMINAL_UNKNOWN, ""
        return SUCCESS, self.code(identity)

    def authenticate(self, identity: str, code: str, phone: str = "") -> bool:
        """Whether this is the terminal's code, and it is still let in."""
        right = self.code(identity).encode("ascii")
        return bool(self.admission.admits(identity)) and hmac.compare_digest(right, code.encode("utf-8", "replace"))


class HookedDoor:
    """Lets in whom the platform lets in, with the code that the platform gave.

    ``register`` and ``authenticate`` answer at once for terminals that are known; for all others they give None, and
    the question goes to :meth:`ask`. ``phone`` is the phone number as it stands in the header, which the platform may
    compare digit for digit: it has to be the same everywhere. Without it the identity is taken.
    """

    def __init__(self, hooked: Hooked) -> None:
        self.hooked = hooked

    def register(self, identity: str, body: Mapping[str, Any], phone: str | None = None) -> tuple[int, str] | None:
        """The result of a registration and the code, None where the platform has to be asked."""
        code = self.hooked.code_of(identity)
        if code is None:
            return None
        self.hooked.counters.known += 1
        self.hooked.recheck(identity, phone or identity, code)
        return SUCCESS, code

    def authenticate(self, identity: str, code: str, phone: str | None = None) -> bool | None:
        """True for a known terminal with its code, None where the platform has to be asked."""
        if not self.hooked.knows(identity, code):
            return None
        self.hooked.counters.known += 1
        self.hooked.recheck(identity, phone or identity, code)
        return True

    def ask(
        self, question: Question, identity: str, body: Mapping[str, Any], phone: str | None = None
    ) -> Deferred[tuple[int, str]]:
        """Ask the platform. ``body`` is that of the terminal's message; of 0x0102 only its ``code`` is needed.

        Fires within four seconds, and never fails, with the result (of 0x8100, or of the 0x8001 to an authentication:
        0 success, 1 failure) and, for a registration that succeeded, the code.
        """
        if question == "register":
            asked = self.hooked.ask_registration(identity, phone or identity, body)
        else:
            asked = self.hooked.ask_authentication(identity, phone or identity, str(body.get("code") or ""))
        return asked.addCallback(_answer)


def _answer(verdict: Verdict) -> tuple[int, str]:
    if verdict.admitted:
        return SUCCESS, verdict.code or ""
    return verdict.result or FAILURE, ""
