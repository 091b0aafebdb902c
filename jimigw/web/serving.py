"""A file that is kept, as the answer to GET or HEAD: all of it or a piece, and only what the asker does not have yet
(RFC 9110, 13 and 14).

    choose() ──▶ Choice: status, headers, which bytes          or NotServed: 412, 416
    serve()  ──▶ choose, the first block, then the head, then block by block, never faster than the other end reads

Content of terminals is not trusted: a browser is told its type, not to guess another one, and to run nothing in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import quote

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString
from zope.interface import implementer

BLOCK = 256 << 10
"""Bytes of one read. A connection that reads slowly holds no more than this, and what the transport buffers."""
MOST_STUCK = 120.0
"""Seconds that the other end may take to read a block before it is hung up on."""
_LONGEST_NAME = 200

SHOWN = frozenset(
    {
        "image/jpeg", "image/png", "video/mp4", "video/mp2t", "audio/mpeg", "audio/wav", "audio/x-wav", "audio/amr",
    }
)  # fmt: skip
"""Types that a browser may show; all others it offers to keep."""
UNKNOWN = "application/octet-stream"

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}", re.ASCII)
_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?"[^"]*"')
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 !#$&+^_`{}~.,()=@-]")
_UNSAFE = re.compile(r"[/\\:*?\"<>|]")
_ATTR_CHARS = "!#$&+-.^_`|~"
"""Beside letters and digits, what stands for itself in an extended value (RFC 8187, 3.2.1)."""
_FAR = 10**18
"""Further than any file reaches."""


class Content(Protocol):
    """What has to be known of a file: a Media is one. ``stored`` is when it came, seconds since 1970."""

    @property
    def size(self) -> int: ...
    @property
    def md5(self) -> str: ...
    @property
    def mime(self) -> str: ...
    @property
    def stored(self) -> float: ...
    @property
    def name(self) -> str | None: ...


Read = Callable[[int, int], "Deferred[bytes]"]
"""Reads so many bytes from an offset on; fewer only at the end."""
Head = Callable[[int, str, Mapping[str, str]], object]
"""Begins the answer: status, type, further headers."""


class NotServed(Exception):
    """What is asked for cannot be given; the message is a sentence. ``status`` is 412 or 416."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str]) -> None:
        super().__init__(sentence)
        self.status, self.headers = status, headers


@attrs.frozen
class Choice:
    """An answer: its status (200, 206, 304), its headers, and the bytes of the file that it holds."""

    status: int
    headers: Mapping[str, str]
    first: int = 0
    length: int = 0


def choose(method: str, header: Callable[[str], str | None], content: Content) -> Choice:
    """The answer to a request for a file. ``header`` gives a header of the request.

    Of several ranges none is cut out: the whole file is right, too. :class:`NotServed` where a condition of the
    request does not hold, or its range lies behind the end.
    """
    tag, stored = f'"{content.md5}"', int(content.stored)
    known = {"ETag": tag} | ({"Last-Modified": datetimeToString(stored).decode()} if stored > 0 else {})
    _check_conditions(header, tag, stored, known)
    if _not_modified(header, tag, stored):
        return Choice(304, known)
    headers = {**known, "Accept-Ranges": "bytes", "Content-Disposition": disposition(content)}
    headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    wanted = header("range")
    if method != "GET" or wanted is None or not _same(header("if-range"), tag, stored):
        return Choice(200, headers, 0, content.size)
    span = _span(wanted, content.size, known)
    if span is None:
        return Choice(200, headers, 0, content.size)
    first, length = span
    headers["Content-Range"] = f"bytes {first}-{first + length - 1}/{content.size}"
    return Choice(206, headers, first, length)


def serve(request: Any, content: Content, read: Read, reactor: Any, head: Head) -> Deferred[None]:
    """Answer a request (GET, HEAD) with a file; ``head`` begins the answer.

    Fires once the answer has begun, which then goes on by itself; before that nothing was said, and it may fail: with
    :class:`NotServed`, or as ``read`` does.
    """
    return Deferred.fromCoroutine(_serve(request, content, read, reactor, head))


async def _serve(request: Any, content: Content, read: Read, reactor: Any, head: Head) -> None:
    method = request.method.decode("latin-1")

    def header(name: str) -> str | None:
        values = request.requestHeaders.getRawHeaders(name)
        return None if values is None else ", ".join(values)

    choice = choose(method, header, content)
    block = b""
    if method == "GET" and choice.length:
        block = await read(choice.first, min(BLOCK, choice.length))
        if not block:
            raise EOFError(f"the file has no byte at {choice.first}, and {content.size} were stored")
    headers = dict(choice.headers)
    if choice.status != 304:
        headers["Content-Length"] = str(choice.length)
    head(choice.status, type_of(content), headers)
    if not block:
        request.write(b"")
        request.finish()
        return
    _Sender(request, read, reactor, choice).start(block)


# -- what is asked for ------------------------------------------------------------------------------------------------


def _check_conditions(header: Callable[[str], str | None], tag: str, stored: int, known: Mapping[str, str]) -> None:
    wanted, since = header("if-match"), header("if-unmodified-since")
    if wanted is not None:
        if wanted.strip() != "*" and tag not in _TAG.findall(wanted):
            raise NotServed(412, "the file is another one than If-Match says", known)
    elif since is not None:
        time = _time(since)
        if time is not None and stored > time:
            raise NotServed(412, "the file came after the time that If-Unmodified-Since says", known)


def _not_modified(header: Callable[[str], str | None], tag: str, stored: int) -> bool:
    had, since = header("if-none-match"), header("if-modified-since")
    if had is not None:
        return had.strip() == "*" or tag in (each.removeprefix("W/") for each in _TAG.findall(had))
    time = _time(since) if since is not None else None
    return time is not None and 0 < stored <= time


def _same(condition: str | None, tag: str, stored: int) -> bool:
    """Whether a range may be given: If-Range is missing, or says that the asker's other pieces are of this file."""
    if condition is None:
        return True
    if '"' in condition:
        return condition.strip() == tag
    return stored > 0 and _time(condition) == stored


def _time(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _span(text: str, size: int, known: Mapping[str, str]) -> tuple[int, int] | None:
    """First byte and length of a range; None where it is none that we understand, and the whole file is given."""
    found = _RANGE.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    begin, end = (_number(each) if each else None for each in found.groups())
    if begin is None:
        first, last = max(0, size - (end or 0)), size - 1
    else:
        first, last = begin, min(end if end is not None else _FAR, size - 1)
        if end is not None and end < begin:
            return None
    if first > last:
        raise NotServed(
            416, f"the file has {size} bytes, and the range holds none", {**known, "Content-Range": f"bytes */{size}"}
        )
    return first, last - first + 1


def _number(digits: str) -> int:
    return int(digits) if len(digits) < 19 else _FAR


# -- what is said of it -----------------------------------------------------------------------------------------------


def type_of(content: Content) -> str:
    """The type of a file as it is said to browsers."""
    return content.mime if _TYPE.fullmatch(content.mime) else UNKNOWN


def disposition(content: Content) -> str:
    """Content-Disposition (RFC 6266): whether a browser shows the file, and a name that is safe to keep it under."""
    name = (content.name or "").strip()[:_LONGEST_NAME]
    name = "".join(each if each.isprintable() else "_" for each in _UNSAFE.sub("_", name))
    if name.startswith("."):
        name = "_" + name[1:]
    name = name or "file"
    plain = _NOT_PLAIN.sub("_", name)
    text = f'{"inline" if content.mime in SHOWN else "attachment"}; filename="{plain}"'
    return text if plain == name else f"{text}; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


# -- the way out ------------------------------------------------------------------------------------------------------


@implementer(IPushProducer)
class _Sender:
    """Reads a block once the one before has left."""

    _log = Logger()

    def __init__(self, request: Any, read: Read, reactor: Any, choice: Choice) -> None:
        self._request, self._read, self._reactor = request, read, reactor
        self._at, self._left = choice.first, choice.length
        self._transport: Any = request.transport
        self._paused: Deferred[None] | None = None
        self._stuck: IDelayedCall | None = None
        self._over = False
        self._sending: Deferred[None] | None = None

    def start(self, block: bytes) -> None:
        self._request.registerProducer(self, True)
        self._request.notifyFinish().addErrback(lambda _: self.stopProducing())
        self._sending = sending = Deferred.fromCoroutine(self._send(block))
        sending.addErrback(self._failed)

    async def _send(self, block: bytes) -> None:
        while block:
            self._request.write(block)
            self._at += len(block)
            self._left -= len(block)
            if not self._left:
                self._end()
                self._request.unregisterProducer()
                self._request.finish()
                return
            if self._paused is not None:
                await self._paused
            block = await self._read(self._at, min(BLOCK, self._left))
        raise EOFError(f"it ends {self._left} bytes early")

    # -- the connection's side ------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The other end does not keep up."""
        if self._paused is None and not self._over:
            self._paused = Deferred()
            self._stuck = self._reactor.callLater(MOST_STUCK, self._hang_up)

    def resumeProducing(self) -> None:
        """It has read what there was."""
        paused, self._paused = self._paused, None
        self._stop_waiting()
        if paused is not None:
            paused.callback(None)

    def stopProducing(self) -> None:
        """It is gone."""
        if not self._over:
            self._end()
            if self._sending is not None:
                self._sending.cancel()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _failed(self, failure: Failure) -> None:
        if self._over and failure.check(CancelledError):
            return
        self._log.warn("a file could not be sent to its end: {error}", error=failure.getErrorMessage())
        self._end()
        # Less than the head has promised: whoever asked must not take it for the file.
        self._transport.abortConnection()

    def _hang_up(self) -> None:
        self._stuck = None
        self._transport.abortConnection()

    def _end(self) -> None:
        self._over = True
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        stuck, self._stuck = self._stuck, None
        if stuck is not None and stuck.active():
            stuck.cancel()
