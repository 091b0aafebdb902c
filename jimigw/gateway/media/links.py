"""Links to files that are good for a while, for whoever has them."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

from jimigw.gateway.private import read_private, write_private
from jimigw.model.media import Media

from .settings import UploadSettings

SECRET_FILE = "uploads.secret"
"""The file in data_dir with the secret of links; another one ends all links that were given."""

_SECRET_SIZE = 32
_LONGEST = 253_402_300_799  # the year 9999


class LinkError(Exception):
    """The secret cannot be read or made; the message is a sentence for the operator."""


def load_link_secret(path: Path) -> bytes:
    """The secret in this file, made there if there is none.

    :raises LinkError: it cannot be used.
    """
    try:
        text = read_private(path)
        if text is None:
            text = secrets.token_hex(_SECRET_SIZE)
            write_private(path, text.encode("ascii") + b"\n")
        secret = bytes.fromhex(text.strip())
    except OSError as error:
        raise LinkError(f"{path}: the secret of links to files cannot be used: {error.strerror}") from None
    except ValueError:
        secret = b""
    if len(secret) != _SECRET_SIZE:
        raise LinkError(f"{path}: the secret of links is {2 * _SECRET_SIZE} hex digits; remove the file for a new one")
    return secret


class Links:
    """Makes links and knows them again. ``seconds`` is the clock; the secret may be exchanged."""

    def __init__(self, secret: bytes, seconds: Callable[[], float], settings: Callable[[], UploadSettings]) -> None:
        self.secret, self._seconds, self._settings = secret, seconds, settings

    def path(self, media: Media, lifetime: float | None = None) -> str:
        """The path and query of a link, good for ``lifetime`` seconds or as long as the config says."""
        lasts = self._settings().link_seconds if lifetime is None else lifetime
        expires = int(self._seconds() + lasts)
        name = quote((media.name or "file").encode("utf-8", "replace"), safe="")
        query = urlencode({"expires": expires, "sign": self._sign(media.id, expires)})
        return f"/download/{media.id}/{name}?{query}"

    def url(self, media: Media, lifetime: float | None = None) -> str:
        """The whole link; "" where nobody said how this gateway is reached from outside."""
        base = self._settings().public_url.rstrip("/")
        return base + self.path(media, lifetime) if base else ""

    def check(self, id: int, expires: str, sign: str) -> bool:
        """Whether this link was given, and is still good. Both texts are as they came."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and sign.isascii()):
            return False
        until = int(expires)
        right = hmac.compare_digest(self._sign(id, until), sign)
        return right and self._seconds() < until <= _LONGEST

    def _sign(self, id: int, expires: int) -> str:
        digest = hmac.digest(self.secret, f"{id}.{expires}".encode("ascii"), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
