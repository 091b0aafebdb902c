"""A little server of uploads, real as to HTTP: it takes forms and lists, and answers as the test says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import attrs
from multipart import MultipartSegment, PushMultipartParser, parse_options_header
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

the_reactor: Any = reactor


@attrs.define
class Came:
    """A request that came whole."""

    path: str
    length: str | None
    fields: dict[str, str]
    part: str = ""
    part_type: str = ""
    file: bytes = b""
    body: bytes = b""

    @property
    def md5(self) -> str:
        return hashlib.md5(self.file, usedforsecurity=False).hexdigest()


@attrs.define
class Answer:
    """What is answered; ``silent``: nothing at all."""

    status: int = 200
    body: bytes = b""
    silent: bool = False


def usual(came: Came) -> Answer:
    """The gateway's answer."""
    if not came.fields:
        return Answer(200, b'{"code":0,"ok":true}')
    said = {"code": 200, "data": came.fields["filename"], "message": "stored", "md5": came.md5}
    return Answer(200, json.dumps(said).encode())


class _Anywhere(Resource):
    isLeaf = True

    def __init__(self, server: UploadServer) -> None:
        super().__init__()
        self._server = server

    def render_POST(self, request: Request) -> Any:
        came = _read(request)
        self._server.came.append(came)
        answer = self._server.answer(came)
        self._server.changed()
        if answer.silent:
            return NOT_DONE_YET
        request.setResponseCode(answer.status)
        return answer.body


def _read(request: Request) -> Came:
    assert request.content is not None
    body = request.content.read()
    length = request.getHeader("content-length")
    came = Came(request.path.decode(), length, {}, body=body)
    kind, options = parse_options_header(request.getHeader("content-type") or "")
    if kind != "multipart/form-data":
        return came
    segment: MultipartSegment | None = None
    data = b""
    with PushMultipartParser(options["boundary"]) as parser:
        for piece in parser.parse(body):
            if isinstance(piece, MultipartSegment):
                segment, data = piece, b""
            elif piece:
                data += piece
            elif segment is not None:
                if segment.filename is None:
                    came.fields[segment.name] = data.decode()
                else:
                    came.part, came.part_type, came.file = segment.filename, segment.content_type or "", data
    return came


class UploadServer:
    """Listens until :meth:`close`. ``answer`` may be exchanged."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self.answer: Callable[[Came], Answer] = usual
        self._waiting: list[tuple[int, Deferred[None]]] = []
        site = Site(_Anywhere(self), parsePOSTFormSubmission=False)
        site.noisy = False
        self._listening = the_reactor.listenTCP(0, site, interface="127.0.0.1")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getHost().port}"

    def number(self, wanted: int) -> Deferred[None]:
        """Fires once so many requests came."""
        done: Deferred[None] = Deferred()
        self._waiting.append((wanted, done))
        self.changed()
        return done

    def changed(self) -> None:
        """Look who waits for what came."""
        due = [each for each in self._waiting if each[0] <= len(self.came)]
        self._waiting = [each for each in self._waiting if each not in due]
        for _wanted, done in due:
            done.callback(None)

    def close(self) -> Any:
        return self._listening.stopListening()
