"""The command API of the vendor's hub: ``POST /api/device/sendInstruct``, answered when the terminal has.

    request ──fields_of, read_instruct──▶ Instruct ──message_of──▶ Commands ──its end, or the time is up──▶ answer

Every answer about a terminal has HTTP status 200 and a ``_code`` (:class:`jimigw.gateway.hub.Code`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, cast

import attrs
import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from jimigw.gateway.catalogue import CommandRefused
from jimigw.gateway.commands import Commands
from jimigw.gateway.hub import (
    CODES,
    LONGEST_PURPOSE,
    OWNER,
    TEXT_COMMAND,
    Code,
    Mode,
    Wanted,
    answer_data,
    code_of,
    content_of,
)
from jimigw.gateway.registry import Registry, plain
from jimigw.model.command import Command, Life
from jimigw.store.interface import StoreError

from .hub_content import message_of
from .hub_request import BadInstruct, Instruct, fields_of, read_instruct

PATH = b"/api/device/sendInstruct"
MAX_BODY = 64 << 10
"""Bytes of the longest request that is read."""
_DRAINED = 4 << 20
"""Bytes of a longer one that are read and forgotten, so that its sender sees the answer."""
_MOST_WAITING = 1000
_KEPT = "it is kept as an offline command"
_REFUSALS = {"full": Code.BUSY, "device": Code.UNKNOWN}


@attrs.frozen
class HubApiSettings:
    """``token`` is compared with that of requests, empty for none; ``wait``: seconds that an answer may take at most;
    ``dangerous``: also commands that can cut a terminal off or destroy data."""

    token: str = attrs.field(default="", repr=False)
    wait: float = 30.0
    dangerous: bool = True


class HubApi:
    """Gives the commands of requests, and waits for their ends. ``settings`` are asked for at each request."""

    _log = Logger()

    def __init__(
        self, commands: Commands, registry: Registry, clock: IReactorTime, settings: Callable[[], HubApiSettings]
    ) -> None:
        self._commands, self._registry, self._clock, self.settings = commands, registry, clock, settings

    def allows(self, token: str) -> bool:
        """Whether this token is the right one."""
        wanted = self.settings().token
        return not wanted or hmac.compare_digest(token.encode("utf-8", "replace"), wanted.encode("utf-8"))

    async def answer(self, fields: dict[str, str]) -> dict[str, Any]:
        """The answer to a request with these fields. Never fails, but for cancelling."""
        imei = fields.get("imei", "")
        try:
            return await self._answer(read_instruct(fields))
        except BadInstruct as error:
            return _told(Code.WRONG, Wanted(), imei, str(error))
        except StoreError as error:
            return _told(Code.ERROR, Wanted(), imei, str(error))
        except CancelledError:
            raise
        except Exception:
            self._log.failure("a command for {imei} by the hub's API failed", imei=imei[:64])
            return _told(Code.ERROR, Wanted(), imei, None)

    async def _answer(self, instruct: Instruct) -> dict[str, Any]:
        settings, now = self.settings(), self._clock.seconds()
        wait = min(instruct.time_out or settings.wait, settings.wait)
        mode = Mode.ASYNC if not instruct.sync else Mode.KEPT if instruct.offline else Mode.SYNC
        wanted = Wanted(
            instruct.pro_no, instruct.server_flag, instruct.request_id, instruct.instruction_id, mode, now + wait
        )
        device = self._registry.get(instruct.imei) or self._registry.get(plain(instruct.imei))
        if device is None:
            return _told(Code.UNKNOWN, wanted, instruct.imei, None)
        online = self._commands.online(device.id)
        if not online:
            wanted = attrs.evolve(wanted, mode=Mode.KEPT, until=0.0)
            if not instruct.offline:
                return self._later(Code.OFFLINE, instruct, wanted, now, wait)
        try:
            command, wanted = await self._give(device.id, instruct, wanted, None if instruct.offline else wait)
        except CommandRefused as refusal:
            return _told(_REFUSALS.get(refusal.code, Code.WRONG), wanted, instruct.imei, refusal.message)
        if not online:
            return self._later(Code.OFFLINE, instruct, wanted, now, wait)
        if not instruct.sync:
            return _told(Code.DONE, wanted, instruct.imei, "its end comes by /pushInstructResponse")
        ended = await self._commands.wait(command.id, now + wait - self._clock.seconds())
        return self._end(ended, instruct, wanted, now, wait)

    async def _give(self, device: str, instruct: Instruct, wanted: Wanted, ttl: float | None) -> tuple[Command, Wanted]:
        confirm = self.settings().dangerous
        if instruct.pro_no == TEXT_COMMAND:
            giving = self._commands.give_text(
                device,
                instruct.content,
                owner=OWNER,
                purpose=_purpose(wanted),
                ttl=ttl,
                confirm=confirm,
                unknown=confirm,
            )
            return await giving, wanted
        message, instruction = message_of(instruct.pro_no, instruct.content)
        wanted = attrs.evolve(wanted, instruction_id=instruction or wanted.instruction_id)
        command = await self._commands.give_message(
            device, message, owner=OWNER, purpose=_purpose(wanted), ttl=ttl, confirm=confirm
        )
        return command, wanted

    def _end(self, command: Command, instruct: Instruct, wanted: Wanted, now: float, wait: float) -> dict[str, Any]:
        if command.state.ended:
            code = code_of(command.state, command.why, Mode.SYNC)
            if code is Code.TIMEOUT:
                return self._later(code, instruct, wanted, now, wait)
            text = None if code is Code.DONE and instruct.pro_no == TEXT_COMMAND else f"{CODES[code][0]}: {command.why}"
            return _told(code, wanted, instruct.imei, text, content_of(command.reply))
        if command.state is Life.QUEUED and not instruct.offline:
            return _told(Code.BUSY, wanted, instruct.imei, None)
        return self._later(Code.TIMEOUT, instruct, wanted, now, wait)

    def _later(self, code: Code, instruct: Instruct, wanted: Wanted, now: float, wait: float) -> dict[str, Any]:
        """The answer where there is no end yet, or none in time."""
        said = f"{CODES[code][0]}: {_KEPT}" if instruct.offline else CODES[code][0]
        answer = _told(code, wanted, instruct.imei, None)
        answer["msg"] = said
        answer["data"] |= _echo(instruct, now, wait)
        return answer


def _purpose(wanted: Wanted) -> str:
    purpose = wanted.purpose()
    if len(purpose) > LONGEST_PURPOSE:
        raise BadInstruct("serverFlagId, requestId and instructionID are too long together")
    return purpose


def _echo(instruct: Instruct, now: float, wait: float) -> dict[str, Any]:
    """What the hub gives back of a request where the terminal did not answer."""
    return {
        "_type": instruct.cmd_type or None,
        "_language": instruct.language or None,
        "_time_out": round(wait),
        "_route_client_time": round(now * 1000),
    }


def _told(code: Code, wanted: Wanted, imei: str, message: str | None, content: str = "") -> dict[str, Any]:
    said = message if message is not None or (code is Code.DONE and wanted.pro_no == TEXT_COMMAND) else CODES[code][0]
    return {"code": 0, "msg": "success", "data": answer_data(wanted, imei, code, said, content)}


# -- HTTP ---------------------------------------------------------------------------------------------------------


class BoundedRequest(Request):
    """A request whose body is kept up to :data:`MAX_BODY`, and read up to four megabytes."""

    received = 0

    def handleContentChunk(self, data: bytes) -> None:
        self.received += len(data)
        if self.received <= MAX_BODY:
            super().handleContentChunk(data)
        elif self.received > _DRAINED:
            cast(Any, self.transport).abortConnection()


class HubResource(Resource):
    """All paths of the port."""

    isLeaf = True
    _log = Logger()

    def __init__(self, api: HubApi) -> None:
        super().__init__()
        self._api = api
        self._waiting: set[Deferred[Any]] = set()

    def render(self, request: Request) -> Any:
        """Answer a request, now or when the terminal has."""
        refused = self._refusal(request)
        if refused is not None:
            return self._write(request, *refused)
        assert isinstance(request, BoundedRequest)
        kind = request.getHeader("content-type") or ""
        body = request.content.read() if request.content is not None else b""
        try:
            fields = fields_of(body, str(kind), request.uri.partition(b"?")[2])
        except BadInstruct as error:
            return self._write(request, 200, _told(Code.WRONG, Wanted(), "", str(error)))
        if not self._api.allows(fields.get("token", "")):
            return self._write(request, 401, {"code": 401, "msg": "the token is wrong"})
        if len(self._waiting) >= _MOST_WAITING:
            return self._write(request, 503, {"code": 503, "msg": "too many requests are waiting for their terminals"})
        self._ask(request, fields)
        return NOT_DONE_YET

    def _refusal(self, request: Request) -> tuple[int, dict[str, Any]] | None:
        if request.path.rstrip(b"/") != PATH:
            return 404, {"code": 404, "msg": f"there is only {PATH.decode()}"}
        if request.method != b"POST":
            request.setHeader("Allow", "POST")
            return 405, {"code": 405, "msg": "POST it"}
        if isinstance(request, BoundedRequest) and request.received > MAX_BODY:
            request.setHeader("Connection", "close")
            return 413, {"code": 413, "msg": f"the body is longer than {MAX_BODY} bytes"}
        # Without a token nothing tells a platform from a page in a browser on this machine.
        if not self._api.settings().token and request.getHeader("origin") is not None:
            return 403, {"code": 403, "msg": "browsers need a token, and hub.token_file names none"}
        return None

    def _ask(self, request: Request, fields: dict[str, str]) -> None:
        asking = Deferred.fromCoroutine(self._api.answer(fields))
        self._waiting.add(asking)
        gone = request.notifyFinish()
        # Who asked has hung up: nobody waits any more, the command itself goes on.
        gone.addErrback(lambda _: asking.cancel())

        def answered(told: Any) -> None:
            self._waiting.discard(asking)
            if isinstance(told, Failure):
                if told.check(CancelledError) is None:
                    self._log.failure("a request to the hub's API failed", failure=told)
                return
            request.write(self._write(request, 200, told))
            request.finish()

        asking.addBoth(answered)

    @staticmethod
    def _write(request: Request, status: int, answer: dict[str, Any]) -> bytes:
        request.setResponseCode(status)
        request.setHeader("Content-Type", "application/json; charset=utf-8")
        request.setHeader("Server", "jimigw")
        body: bytes = msgspec.json.encode(answer)
        request.setHeader("Content-Length", str(len(body)))
        return b"" if request.method == b"HEAD" else body


def hub_site(api: HubApi, reactor: Any) -> Site:
    """What listens on the port."""
    site = Site(HubResource(api), BoundedRequest, timeout=60, reactor=reactor, parsePOSTFormSubmission=False)
    site.noisy = False
    # A line of the log for each request would cost more than the request.
    site.log = lambda request: None  # type: ignore[method-assign]
    return site


__all__ = ["MAX_BODY", "PATH", "HubApi", "HubApiSettings", "HubResource", "hub_site"]
