"""Who may come in: the password of telnet, the keys of SSH, the brake for those who guess."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import attrs

PASSWORD_FILE = "manhole.password"
HOST_KEY_FILE = "manhole.host_key"

MAX_FILE = 65_536
"""Bytes of the longest file with a password or with keys that is read."""

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
        text = _read_private(path)
        if text is None:
            raw = base64.b32encode(secrets.token_bytes(_PASSWORD_BYTES)).decode("ascii").lower()
            made = Credentials(user, "-".join(raw[at : at + 4] for at in range(0, len(raw), 4)))
            _write_private(path, _told(made))
            return made
        found = dict(_pairs(text))
        if not found.get("password"):
            raise ManholeError(f"{path}: there is no line 'password: ...' in it; remove the file to get a new one")
        kept = Credentials(user, found["password"])
        if found.get("user") != user:
            _write_private(path, _told(kept))
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
        text = _read_private(path)
        if text is None:
            made = make()
            _write_private(path, made)
            return made
        return text.encode("utf-8")
    except OSError as error:
        raise ManholeError(f"{path}: it cannot be used: {error.strerror}") from None


def _read_private(path: Path) -> str | None:
    """The text of a file, None if there is none. Others' right to read it is taken away."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
        return file.read(MAX_FILE).decode("utf-8", "replace")


def _write_private(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


class Brakes:
    """How long a login from an address has to wait: nothing at first, twice as long after each failure.

    At most ``most`` addresses are remembered, the oldest go first; an address without a failure for ``memory`` seconds
    is forgotten. The wait is bounded, so that a guesser on this machine cannot lock its operator out.
    """

    def __init__(self, first: float = 1.0, longest: float = 16.0, memory: float = 600.0, most: int = 1024) -> None:
        self._first, self._longest, self._memory, self._most = first, longest, memory, most
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def wait(self, address: str, now: float) -> float:
        """Seconds that the next attempt from here waits before it is even looked at."""
        count, last = self._failures.get(address, (0, 0.0))
        if not count or now - last > self._memory:
            return 0.0
        return float(min(self._first * 2.0 ** min(count - 1, 30), self._longest))

    def failed(self, address: str, now: float) -> int:
        """An attempt was wrong; how many there were."""
        count, last = self._failures.pop(address, (0, 0.0))
        count = 1 if now - last > self._memory else count + 1
        self._failures[address] = (count, now)
        while len(self._failures) > self._most:
            self._failures.popitem(last=False)
        return count

    def passed(self, address: str) -> None:
        """An attempt was right."""
        self._failures.pop(address, None)
