"""Where terminals bring pictures, clips and lists of recordings by HTTP (Jimi V1.3.5, 6), and where files are fetched.

    POST /upload, /upload/IMEI         a form with a file: 6.1, 6.3, JT/T models        UploadTaker, here
    POST /filelist, /filelist/IMEI     the names of recordings on the card: 6.2          filelists.py
    GET  /download/ID/NAME             a file, by a link that was given                  downloads.py

Whose a file is: the IMEI in the path says it, whatever else is said. Without it everything that names a terminal (the
field ``imei``, the one in ``callbackBody``, the IMEI in the file's name) has to name the same one. The sign proves
nothing; see :mod:`.sign`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from jimigw.gateway.uploads import Arrival, Told, UploadRefused, Uploads
from jimigw.model.device import Device
from jimigw.model.file_names import parse_name
from jimigw.model.media import Media

from .callback_body import said_in
from .downloads import Downloads
from .filelists import Lists
from .sign import is_signed
from .streaming import StreamRequest, StreamServer
from .taking import JSON, Answer, Refusal, Taker, UploadServerSettings, check_coding, encode, refusal_of
from .upload_forms import MOST_BESIDE, BadForm, FilePart, Form, FormReader, plain_name, put_query


class UploadServer(StreamServer):
    """All of it, as the factory of its connections. ``complain`` says in the log what is said over and over."""

    settings: UploadServerSettings

    def __init__(
        self, reactor: Any, uploads: Uploads, settings: UploadServerSettings, complain: Callable[..., object]
    ) -> None:
        super().__init__(reactor, settings)
        self.uploads, self.complain = uploads, complain
        self.lists = Lists(reactor, uploads, lambda: self.settings, complain)
        self.downloads = Downloads(reactor, uploads, lambda: self.settings)

    def taker(self, request: StreamRequest) -> Taker:
        """Who takes this request."""
        method = request.method
        match request.steps:
            case []:
                return _Plain(request, _HELLO) if method in (b"GET", b"HEAD") else _NotSo(request, "GET, HEAD")
            case ["upload"] | ["upload", _]:
                return UploadTaker(request, self) if method == b"POST" else _NotSo(request, "POST")
            case ["filelist"] | ["filelist", _]:
                return self.lists.taker(request) if method == b"POST" else _NotSo(request, "POST")
            case ["download", _] | ["download", _, _]:
                return self.downloads.taker(request) if method in (b"GET", b"HEAD") else _NotSo(request, "GET, HEAD")
        return _Plain(request, Answer(404, b"there is /upload, /filelist and /download\n"))

    def stats(self) -> dict[str, Any]:
        """Counters and gauges."""
        counters = attrs.asdict(self.counters)
        statuses = counters.pop("statuses")
        counters |= {"open": len(self.channels), "downloads": self.downloads.open, "list_bytes": self.lists.coming}
        return counters | {f"status {status}": count for status, count in sorted(statuses.items())}


_HELLO = Answer(
    200, b"jimigw: terminals bring their pictures, clips and lists of recordings here, by POST to /upload\n"
)


class _Plain(Taker):
    """Answers what is known beforehand."""

    def __init__(self, request: StreamRequest, answer: Answer) -> None:
        super().__init__(request)
        self._answer = answer

    def begin(self) -> None:
        self.request.answer(self._answer)


class _NotSo(_Plain):
    """Answers that there are other methods."""

    def __init__(self, request: StreamRequest, allowed: str) -> None:
        super().__init__(request, Answer(405, f"only with {allowed}\n".encode(), headers={"Allow": allowed}))


class UploadTaker(Taker):
    """Takes one file."""

    _log = Logger()

    def __init__(self, request: StreamRequest, server: UploadServer) -> None:
        super().__init__(request)
        self._server, self._uploads = server, server.uploads
        self._form = Form()
        self._reader: FormReader | None = None
        self._arrival: Arrival | None = None
        self._by_path: Device | None = None
        self._finishing = False

    # -- as it comes in -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Refuse at once what can be refused: the sender pays for each byte."""
        request = self.request
        check_coding(request)
        if len(request.steps) > 1:
            self._by_path = self._uploads.whose(request.steps[1])
        put_query(request.query, self._form)
        types = request.requestHeaders.getRawHeaders("content-type") or [""]
        self._reader = FormReader("; ".join(types), self._form)
        most = self._uploads.settings.max_bytes
        if request.length is not None and request.length > most + MOST_BESIDE:
            raise UploadRefused(f"the file is longer than {most} bytes, which is uploads.max_bytes", "limit")

    def write(self, data: bytes) -> Deferred[None] | None:
        """The next bytes of the form."""
        wait = None
        assert self._reader is not None
        for event in self._reader.feed(data):
            if isinstance(event, bytes):
                assert self._arrival is not None
                wait = self._arrival.write(event)
            elif isinstance(event, FilePart):
                self._begin_file()
        return wait

    def _begin_file(self) -> None:
        """The file begins. What stood before it is judged now, or all of the file would have to come for it."""
        form, device = self._form, self._owner()
        if form.get("sign") and form.get("timestamp") and form.get("filename"):
            self._check_sign()
        self._arrival = arrival = self._uploads.begin(self.request.peer, device)
        if device is not None and form.get("filename"):
            arrival.named(plain_name(form.called))

    def done(self) -> None:
        """All of it is there: keep it, then answer."""
        form = self._form
        assert self._reader is not None
        self._reader.close()
        arrival, device = self._arrival, self._owner()
        if form.file is None or arrival is None:
            raise BadForm("there is no file: one part has to be called file, or to have a file name")
        self._check_sign(complain=True)
        if device is None:
            device = self._uploads.whose()
        arrival.belongs_to(device)
        self._finishing = True
        arrival.finish(self._told()).addCallbacks(self._kept, self.request.fail)

    def _kept(self, media: Media) -> None:
        said = {"code": 200, "data": self._form.called, "message": "success", "md5": media.md5}
        self.request.answer(Answer(200, encode(said), JSON))

    def lost(self, why: str) -> None:
        """Nothing is left of what came so far; unless all of it came: then it is kept, whoever still waits."""
        if self._arrival is not None and not self._finishing:
            self._arrival.abort(why)

    # -- what it says -------------------------------------------------------------------------------------------------

    def _owner(self) -> Device | None:
        """Whose it is, as far as it is said by now."""
        if self._by_path is not None:
            return self._by_path
        form = self._form
        by_name = parse_name(plain_name(form.called)).device
        named = {
            "the field imei": form.get("imei"),
            "callbackBody": said_in(form.details).imei,
            "the file's name": by_name or "",
        }
        found: dict[str, Device] = {}
        for what, name in named.items():
            if name:
                found[f"{what} says {name}"] = self._uploads.whose(name)
        if len({device.id for device in found.values()}) > 1:
            raise UploadRefused(f"these are two terminals: {', '.join(found)}", "wrong")
        return next(iter(found.values()), None)

    def _check_sign(self, complain: bool = False) -> None:
        how, form = self._server.settings.sign, self._form
        if how == "off" or (how == "log" and not complain):
            return
        sign, fields = form.get("sign"), (form.get("filename"), form.get("imei"), form.get("instructionId"))
        if sign and is_signed(sign, form.get("timestamp"), *fields):
            return
        if how == "require":
            raise Refusal(400, "Signature error")
        self._server.complain(
            self._log.warn,
            "an upload from {peer} is {what}; it is taken, as uploads.sign says",
            kind="sign",
            peer=self.request.peer,
            what="signed wrongly" if sign else "not signed",
        )

    def _told(self) -> Told:
        form = self._form
        said = said_in(form.details)
        return Told(
            plain_name(form.called),
            said.mime or (form.file.mime if form.file is not None else ""),
            form.get("instructionId") or said.label,
            camera=said.camera,
            taken=said.taken,
            details=form.details,
        )

    # -- what is answered ---------------------------------------------------------------------------------------------

    def refusal(self, error: Exception) -> Answer | None:
        """The answer of 6.1.2: 400 for what is wrong, 500 for limits and faults of ours."""
        found = refusal_of(error, BadForm)
        if found is None:
            return None
        self._server.complain(
            self._log.info,
            "an upload from {peer} is refused: {why}",
            kind=("refused", found.status, type(error)),
            peer=self.request.peer,
            why=str(found),
        )
        return self._said(found.status, str(found), found)

    def fault(self) -> Answer:
        """A fault that nobody thought of."""
        return self._said(500, "something went wrong inside; the log says what", Refusal(500, "", retry_after=60))

    @staticmethod
    def _said(status: int, message: str, refusal: Refusal) -> Answer:
        return Answer(status, encode({"code": status, "message": message}), JSON, refusal.headers)


__all__ = ["UploadServer", "UploadServerSettings", "UploadTaker"]
