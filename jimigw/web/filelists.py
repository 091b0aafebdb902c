"""Lists of the recordings on a terminal's card (Jimi V1.3.5, 6.2), however they come: JSON, a form, or plain text.

Names are taken as they are, for they are handed back to the terminal (HVIDEO, REPLAYLIST). What cannot be one, as on a
damaged card, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qs

import attrs
import msgspec
from twisted.internet.defer import Deferred, DeferredLock, execute
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from jimigw.gateway.uploads import UploadRefused, Uploads
from jimigw.model.device import Device

from .taking import JSON, Answer, Refusal, Taker, UploadServerSettings, check_coding, encode, refusal_of

MOST_COMING = 64 << 20
"""Bytes of all lists that are on their way in."""
_AT_ONCE = 256 << 10
"""Bytes of the longest list that is read in the reactor thread; a longer one is read in another."""
_LONGEST_NAME, _LONGEST_IMEI = 255, 64
_OTHERS = 64
"""Commas that JSON or a form may have beside those between names."""
_BREAKS = re.compile(r"[,\r\n]+")
_FORM = re.compile(r"\s*(?:[A-Za-z]{1,32}=[^&=,]*&)*(?:fileNameList|imei)=")


class BadList(ValueError):
    """The list cannot be understood, or is too long; the message is a sentence."""


@attrs.frozen
class FileList:
    """A list as it came: the terminal that it names ("" for none), and the names."""

    imei: str
    names: Sequence[str]


class _Json(msgspec.Struct):
    imei: str | int | None = None
    fileNameList: str | list[str] | msgspec.UnsetType | None = msgspec.UNSET


_decode_object: Callable[[str], _Json] = msgspec.json.Decoder(_Json).decode
_decode_list: Callable[[str], list[str]] = msgspec.json.Decoder(list[str]).decode


def read_list(body: bytes | bytearray, max_names: int) -> FileList:
    """The list that this is. :class:`BadList` where it is none, or has more names than that.

    How long it takes is bounded by the names that are allowed, whatever the body is made of.
    """
    breaks = body.count(b",") + body.count(b"\n")
    if breaks > 2 * max_names + _OTHERS:
        raise BadList(f"the list has more than {max_names} names, which is uploads.max_names")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("utf-8", "replace")
    text = text.removeprefix("\ufeff").lstrip()
    imei, told = _parted(text, max_names)
    names = [name for each in told for name in map(str.strip, _BREAKS.split(each)) if _is_name(name)]
    if len(names) > max_names:
        raise BadList(f"the list has {len(names)} names; {max_names} is uploads.max_names")
    if len(imei) > _LONGEST_IMEI or not imei.isprintable():
        raise BadList("imei is no IMEI")
    return FileList(imei, names)


def _parted(text: str, max_names: int) -> tuple[str, Iterable[str]]:
    """The terminal and the names, still joined by commas or line breaks."""
    try:
        if text.startswith("{"):
            found = _decode_object(text)
            names = found.fileNameList
            if names is msgspec.UNSET:
                raise BadList("fileNameList is missing")
            imei = "" if found.imei is None else str(found.imei).strip()
            return imei, [names] if isinstance(names, str) else names or []
        if text.startswith("["):
            return "", _decode_list(text)
        if _FORM.match(text):
            if text.count("%") > 2 * max_names + _OTHERS:
                raise BadList(f"the list has more than {max_names} names, which is uploads.max_names")
            fields = parse_qs(text.strip(), keep_blank_values=True, max_num_fields=_OTHERS)
            if "fileNameList" not in fields:
                raise BadList("fileNameList is missing")
            return fields.get("imei", [""])[-1].strip(), fields["fileNameList"]
    except BadList:
        raise
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise BadList(f"the list cannot be read: {error}") from None
    return "", [text]


def _is_name(name: str) -> bool:
    return 0 < len(name) <= _LONGEST_NAME and name.isprintable()


class Lists:
    """Takes lists. ``coming`` is how many bytes of them are held until they are read."""

    def __init__(
        self,
        reactor: Any,
        uploads: Uploads,
        settings: Callable[[], UploadServerSettings],
        complain: Callable[..., object],
    ) -> None:
        self.uploads, self.settings, self.complain = uploads, settings, complain
        self.coming = 0
        self._reactor, self._reading = reactor, DeferredLock()

    def taker(self, request: Any) -> Taker:
        """Who takes this request."""
        return _ListTaker(request, self)

    def read(self, body: bytearray) -> Deferred[FileList]:
        """The list that a body is, soon."""
        most = self.settings().max_names
        if len(body) <= _AT_ONCE:
            return execute(read_list, body, most)
        pool = self._reactor.getThreadPool()
        return self._reading.run(deferToThreadPool, self._reactor, pool, read_list, body, most)


class _ListTaker(Taker):
    """Takes one list."""

    _log = Logger()

    def __init__(self, request: Any, lists: Lists) -> None:
        super().__init__(request)
        self._lists, self._uploads = lists, lists.uploads
        self._by_path: Device | None = None
        self._by_query = ""
        self._body = bytearray()

    def begin(self) -> None:
        """Refuse at once what can be refused."""
        request = self.request
        check_coding(request)
        if len(request.steps) > 1:
            self._by_path = self._uploads.whose(request.steps[1])
        try:
            fields = parse_qs(request.query.decode("latin-1"), max_num_fields=_OTHERS)
        except ValueError:
            raise BadList(f"the address has more than {_OTHERS} fields") from None
        self._by_query = fields.get("imei", [""])[-1].strip()
        if (request.getHeader("content-type") or "").strip().lower().startswith("multipart/"):
            raise Refusal(415, "a list is JSON or plain text, and no form of parts")
        self._check_length(request.length or 0)

    def _check_length(self, length: int) -> None:
        most = self._lists.settings().max_list_bytes
        if length > most:
            raise BadList(f"the list is longer than {most} bytes, which is uploads.max_list_bytes")

    def write(self, data: bytes) -> None:
        """The next bytes of the list."""
        self._check_length(len(self._body) + len(data))
        if self._lists.coming + len(data) > max(MOST_COMING, self._lists.settings().max_list_bytes):
            raise Refusal(500, "too many lists are on their way in", retry_after=10)
        self._body += data
        self._lists.coming += len(data)

    def done(self) -> None:
        """All of it is there: read it, keep it, then answer."""
        body = self._body
        reading = self._lists.read(body)
        reading.addCallback(self._found)
        reading.addCallbacks(lambda _: self.request.answer(_said(200, {"code": 0, "ok": True})), self.request.fail)
        reading.addBoth(lambda _: self.lost("it was read"))

    def _found(self, found: FileList) -> Deferred[bool]:
        return self._uploads.playlist_came(self._owner(found.imei), found.names)

    def _owner(self, by_body: str) -> Device:
        if self._by_path is not None:
            return self._by_path
        named = list(dict.fromkeys(each for each in (self._by_query, by_body) if each))
        found = [self._uploads.whose(each) for each in named]
        if len({device.id for device in found}) > 1:
            raise UploadRefused(f"these are two terminals: {', '.join(named)}", "wrong")
        return found[0] if found else self._uploads.whose()

    def lost(self, why: str) -> None:
        """Nothing of it is held any more."""
        self._lists.coming -= len(self._body)
        self._body = bytearray()

    def refusal(self, error: Exception) -> Answer | None:
        """What is answered in place of the list's success (6.2.2)."""
        found = refusal_of(error, BadList)
        if found is None:
            return None
        self._lists.complain(
            self._log.info,
            "a list of recordings from {peer} is refused: {why}",
            kind=("list refused", found.status, type(error)),
            peer=self.request.peer,
            why=str(found),
        )
        return _said(found.status, {"code": found.status, "ok": False, "msg": str(found)}, found)

    def fault(self) -> Answer:
        """A fault that nobody thought of."""
        return _said(500, {"code": 500, "ok": False, "msg": "something went wrong inside; the log says what"})


def _said(status: int, said: dict[str, Any], refusal: Refusal | None = None) -> Answer:
    return Answer(status, encode(said), JSON, {} if refusal is None else refusal.headers)
