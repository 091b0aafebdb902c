"""HTTP requests that a simulated camera wants to be made: JC261/JC400 V1.3.5, 6.1 and 6.2, as real ones do them.

The form's fields come before the file, the file's part has a shorter name than the field ``filename``, and a wrong
type. The sign is the base64 of the 32 hex digits of an MD5, not of its 16 bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping

import attrs

from .clips import Content

SIGN_KEY = "jimidvr@123!443"
"""Printed in the document, so it proves nothing."""

_LONG_NAME = re.compile(r"[A-Z]+_\d{15}_[0-9a-f]+_(\d{4}_.+)")


@attrs.define(eq=False)
class Errand:
    """A POST that is to be made: of a file (``name``), or of a list (``name`` is "").

    ``chunked``: without a Content-Length. ``attempts`` counts how often it was made before.
    """

    url: str
    content: Content | bytes
    name: str = ""
    chunked: bool = True
    attempts: int = 0

    def request(self, now: float) -> Request:
        """What is sent, at this time in seconds since 1970."""
        if isinstance(self.content, bytes):
            return Request({"Content-Type": "application/json"}, len(self.content), (self.content,))
        head, tail, kind = _form(self.name, now)
        size = len(head) + self.content.size + len(tail)
        return Request({"Content-Type": kind}, size, (head, self.content, tail))


@attrs.frozen
class Request:
    """Headers, the length of the body, and what it is made of."""

    headers: Mapping[str, str]
    length: int
    parts: tuple[bytes | Content, ...]

    def pieces(self) -> Iterator[bytes]:
        """The body."""
        for part in self.parts:
            if isinstance(part, Content):
                yield from part.pieces()
            else:
                yield part


@attrs.frozen
class Outcome:
    """What became of a request: the ``status`` of the answer, None without one, and ``why`` not; what the answer says
    of ``code`` and ``md5``, None where it does not; and the MD5 of the file that was ``sent``."""

    status: int | None = None
    why: str = ""
    code: int | None = None
    md5: str | None = None
    sent: str = ""

    @property
    def taken(self) -> bool:
        """Whether the server has it. An answer without a code, or without a body, is as good."""
        return self.status == 200 and self.code in (None, 200, 0)


def sign(filename: str, timestamp: str) -> str:
    """The ``sign`` of an upload. JC261/JC400 V1.3.5, 6.1.2."""
    digest = hashlib.md5(f"{filename}{timestamp}{SIGN_KEY}".encode(), usedforsecurity=False).hexdigest()
    return base64.b64encode(digest.encode()).decode()


def part_name(name: str) -> str:
    """What the file's part is called: the name without ``EVENT_<imei>_<flag>_``."""
    found = _LONG_NAME.fullmatch(name)
    return found[1] if found else name


def _form(name: str, now: float) -> tuple[bytes, bytes, str]:
    """What stands before and behind the file, and the Content-Type of it all."""
    timestamp = str(int(now * 1000))
    boundary = "----" + hashlib.md5(f"{name}{timestamp}".encode(), usedforsecurity=False).hexdigest()
    fields = {"filename": name, "timestamp": timestamp, "sign": sign(name, timestamp)}
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{part_name(name)}"\r\n'
        "Content-Type: multipart/form-data\r\n\r\n"
    )
    return head.encode(), f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
