"""Bearer tokens: who may ask the API, and for what. One file in ``data_dir``, written by the tool and the service.

A token is ``jgw_ID_SECRET``. The file holds the SHA-256 of it, never the token; it is readable by its owner only,
locked while it is changed, and replaced as a whole: a reader sees all of a change or nothing. When tokens were last
used stands in a file beside it, which the service alone writes.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

import msgspec

from jimigw.gateway.private import read_private, write_private

TOKENS_FILE = "tokens.json"
USED_FILE = "tokens.used.json"
ADMIN_FILE = "admin.token"
"""Where the token that the first start makes lies, for whoever set the service up."""

MOST = 1000
"""Tokens that there may be."""

_MOST_BYTES = 1 << 20
_FORM = re.compile(r"jgw_([0-9a-f]{8})_[A-Za-z0-9_-]{43}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}", re.ASCII)

T = TypeVar("T")


class TokensError(Exception):
    """The tokens cannot be used or changed so; the message is a sentence."""


class Scope(IntEnum):
    """What a token is good for. Each scope holds those before it."""

    READ = 1
    COMMAND = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """Its name, as people write it."""
        return self.name.lower()


SCOPES = {scope.word: scope for scope in Scope}


class Token(msgspec.Struct, frozen=True):
    """A token without its secret. Times are seconds since 1970; ``expires`` is 0 for never."""

    id: str
    name: str
    scope: str
    sha256: str
    created: float
    expires: float = 0.0

    def good(self, now: float) -> bool:
        """Whether its time is not over."""
        return not self.expires or now < self.expires


_read = msgspec.json.Decoder(list[Token]).decode
_read_used = msgspec.json.Decoder(dict[str, float]).decode


def digest(token: str) -> str:
    """What is kept of a token. It has 256 bits of chance: no salt and no slow hash could add to that."""
    return hashlib.sha256(token.encode()).hexdigest()


def _made(name: str, scope: Scope, now: float, expires: float) -> tuple[Token, str]:
    id = secrets.token_hex(4)
    text = f"jgw_{id}_{secrets.token_urlsafe(32)}"
    return Token(id, name, scope.word, digest(text), now, expires), text


class TokenFile:
    """The tokens as the file has them, in plain calls: for the tool, and below :class:`Tokens`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path, self._used, self._admin = folder / TOKENS_FILE, folder / USED_FILE, folder / ADMIN_FILE

    def load(self) -> list[Token]:
        """All tokens. :class:`TokensError` for a file that cannot be read."""
        try:
            text = read_private(self.path, _MOST_BYTES)
            return [] if text is None else _read(text)
        except OSError as error:
            raise TokensError(f"{self.path}: it cannot be read: {error.strerror}") from None
        except msgspec.MsgspecError as error:
            raise TokensError(f"{self.path}: it is no list of tokens ({error}); put a backup in its place") from None

    def used(self) -> dict[str, float]:
        """When tokens were last used, by id."""
        try:
            return _read_used(read_private(self._used, _MOST_BYTES) or "{}")
        except (OSError, msgspec.MsgspecError):
            return {}  # of no weight: the next use writes it again

    def save_used(self, used: dict[str, float]) -> None:
        """Keep when tokens were last used."""
        with _sentences(self._used):
            write_private(self._used, msgspec.json.encode(used))

    def create(self, name: str, scope: Scope, now: float, days: float | None = None) -> str:
        """Make a token; the only time that anybody sees it."""
        if not _NAME.fullmatch(name):
            raise TokensError(
                f"{name!r} is no name for a token: it has up to 64 letters, digits, spaces, . _ @ -, and begins "
                "with a letter or digit"
            )
        if days is not None and not 0 < days <= 36_500:
            raise TokensError(f"{days:g} days are no time for a token; right is above 0 and up to 36500")
        with self._changing():
            tokens = self.load()
            if any(token.name == name for token in tokens):
                raise TokensError(f"there is a token {name!r} already; revoke it, or choose another name")
            if len(tokens) >= MOST:
                raise TokensError(f"there are {MOST} tokens, more are not kept; revoke those that nobody uses")
            token, text = _made(name, scope, now, now + days * 86_400 if days is not None else 0.0)
            self._save([*tokens, token])
        return text

    def revoke(self, name: str) -> Token:
        """Take the token with this name or id away."""
        with self._changing():
            tokens = self.load()
            found = [token for token in tokens if name in (token.name, token.id)]
            if len(found) != 1:
                raise TokensError(f"there is no token {name!r}" if not found else f"{name!r} means two tokens")
            self._save([token for token in tokens if token is not found[0]])
            with _sentences(self._admin):
                if digest((read_private(self._admin) or "").strip()) == found[0].sha256:
                    self._admin.unlink()  # what lies there opens nothing any more
        return found[0]

    def first_start(self, now: float) -> bool:
        """Make the token of the first start where there never were any; whether it was."""
        if self.path.exists():
            return False
        with self._changing():
            if self.path.exists():
                return False
            token, text = _made("admin", Scope.ADMIN, now, 0.0)
            with _sentences(self._admin):
                # First what opens, then what it opens: a crash in between leaves a start that is still the first one.
                write_private(self._admin, f"{text}\n".encode())
            self._save([token])
        return True

    def _save(self, tokens: Sequence[Token]) -> None:
        with _sentences(self.path):
            write_private(self.path, msgspec.json.format(msgspec.json.encode(tokens), indent=1))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One program at a time. The lock is a file of its own, since the other one is replaced."""
        lock = self.path.with_name(f"{self.path.name}.lock")
        with _sentences(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TokensError(f"{path}: {error.strerror}") from None


class Tokens:
    """The tokens as the service sees them: looked up in memory, read again when the file has changed."""

    def __init__(self, file: TokenFile, complain: Callable[[str], object] = lambda sentence: None) -> None:
        self._file, self.folder, self.complain = file, file.folder, complain
        self._by_id: dict[str, Token] = {}
        self._seen: tuple[int, ...] | None = None
        self._used: dict[str, float] = {}
        self._unsaved = False

    def open(self) -> None:
        """Read them for the first time. :class:`TokensError` where that cannot be done."""
        self._seen = self._mark()
        self._by_id = {token.id: token for token in self._file.load()}
        self._used = self._file.used()

    def refresh(self) -> bool:
        """Read them again if the file has changed; whether it has. A file that cannot be read lets nobody in."""
        mark = self._mark()
        if mark == self._seen:
            return False
        self._seen = mark
        try:
            self._by_id = {token.id: token for token in self._file.load()}
        except TokensError as error:
            self._by_id = {}
            self.complain(f"nobody is let in to the API: {error}")
        return True

    def save(self) -> None:
        """Keep when tokens were last used, if any was since."""
        if self._unsaved:
            self._unsaved = False
            self._used = {id: at for id, at in self._used.items() if id in self._by_id}
            try:
                self._file.save_used(self._used)
            except TokensError as error:
                self.complain(str(error))

    def find(self, text: str, now: float) -> Token | None:
        """The token that this text is; None where it is none, or none any more. Takes the same time for every wrong
        secret."""
        form = _FORM.fullmatch(text)
        token = self._by_id.get(form[1]) if form else None
        right = hmac.compare_digest(digest(text[:200]) if text.isascii() else "", token.sha256 if token else "-" * 64)
        if token is None or not right or not token.good(now):
            return None
        if now - self._used.get(token.id, 0.0) > 1.0:
            self._used[token.id], self._unsaved = now, True
        return token

    def get(self, id: str, now: float) -> Token | None:
        """The token with this id, as long as it is good."""
        token = self._by_id.get(id)
        return token if token is not None and token.good(now) else None

    def __len__(self) -> int:
        return len(self._by_id)

    def _mark(self) -> tuple[int, ...] | None:
        """What changes with the file: it is replaced with every change, so its inode alone would nearly do."""
        try:
            found = os.stat(self._file.path)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
