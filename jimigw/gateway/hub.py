"""What the vendor's hub calls things, where two rooms have to agree: who takes a command, and who tells its end.

A command that came through the hub's API has the owner :data:`OWNER`, and in its ``purpose`` what its caller wants
back: :class:`Wanted`. :func:`code_of` and :func:`content_of` say an end in the hub's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import attrs
import msgspec

OWNER = "hub"
"""The owner of commands that came through the hub's API."""

LONGEST_PURPOSE = 200
"""Characters that a purpose has room for."""

TEXT_COMMAND = 128
"""The protocol number of a text command; all others are message ids of JT/T 808."""


_LONGEST_TOKEN = 1024


class HubError(Exception):
    """The token cannot be used; the message is a sentence for the operator."""


def load_token(path: Path) -> str:
    """The token in this file, without white space around it. :class:`HubError` where it is none."""
    try:
        with path.open("rb") as file:
            token = file.read(_LONGEST_TOKEN + 1).strip()
    except OSError as error:
        raise HubError(f"{path}: the hub's token cannot be read: {error.strerror}") from None
    if not 0 < len(token) <= _LONGEST_TOKEN or not token.isascii() or not token.decode("ascii").isprintable():
        raise HubError(f"{path}: a token of the hub is one line of up to {_LONGEST_TOKEN} printable ASCII characters")
    return token.decode("ascii")


class Code(StrEnum):
    """``_code``: what became of a command."""

    DONE = "100"
    WRONG = "200"
    OFFLINE = "300"
    UNKNOWN = "301"
    BUSY = "302"
    SMS_SENT = "303"
    SMS_FAILED = "304"
    NETWORK = "400"
    ERROR = "500"
    TIMEOUT = "600"


CODES: Mapping[Code, tuple[str, str]] = {
    Code.DONE: ("the terminal answered", "its words are in `_content`, also where it says that it will not"),
    Code.WRONG: ("bad parameter", "a field is missing or wrong, or the terminal cannot be told this"),
    Code.OFFLINE: ("device not online", "kept for its next login where the request says `offlineFlag=true`"),
    Code.UNKNOWN: ("device not registered", "it never logged in, and was not entered"),
    Code.BUSY: ("device busy", "so many commands wait for it that this one did not get its turn, or no place"),
    Code.SMS_SENT: ("SMS sent", "never: jimigw sends no SMS"),
    Code.SMS_FAILED: ("SMS failed", "never: jimigw sends no SMS"),
    Code.NETWORK: ("network error", "the connection was lost before the answer came"),
    Code.ERROR: ("internal error", "the store cannot be written, or the service ends"),
    Code.TIMEOUT: ("request timeout", "no answer in time; goes on where the request says `offlineFlag=true`"),
}
"""What each code says in ``_msg``, and when it is given."""


class Mode(StrEnum):
    """How the caller gets the end of its command: ``sync``: with the HTTP answer or not at all; ``kept``: by a push, if
    it came after the HTTP answer (``offlineFlag``); ``async``: by a push."""

    SYNC = "sync"
    KEPT = "kept"
    ASYNC = "async"


@attrs.frozen
class Wanted:
    """What the caller of the hub's API wants back with the end of its command.

    ``until``: the time (seconds since 1970) to which the HTTP answer was held back.
    """

    pro_no: int = TEXT_COMMAND
    server_flag: str = ""
    request_id: str = ""
    instruction_id: str = ""
    mode: Mode = Mode.SYNC
    until: float = 0.0

    def purpose(self) -> str:
        """As it is kept beside the command."""
        pairs = {
            "proNo": str(self.pro_no),
            "serverFlagId": self.server_flag,
            "requestId": self.request_id,
            "instructionID": self.instruction_id,
            "mode": self.mode.value,
            "until": f"{self.until:.3f}",
        }
        return urlencode({key: value for key, value in pairs.items() if value})

    @classmethod
    def of(cls, purpose: Any) -> Wanted:
        """Read it back; what cannot be read has its default."""
        pairs = dict(parse_qsl(purpose)) if isinstance(purpose, str) else {}
        read = cls(
            server_flag=pairs.get("serverFlagId", ""),
            request_id=pairs.get("requestId", ""),
            instruction_id=pairs.get("instructionID", ""),
        )
        with suppress(ValueError):
            read = attrs.evolve(read, pro_no=int(pairs.get("proNo", TEXT_COMMAND)))
        with suppress(ValueError):
            read = attrs.evolve(read, mode=Mode(pairs.get("mode", "sync")))
        with suppress(ValueError):
            read = attrs.evolve(read, until=float(pairs.get("until", 0.0)))
        return read

    def wants_push(self, ended: float) -> bool:
        """Whether the end of the command, at this time, is told by a push."""
        return self.mode is Mode.ASYNC or (self.mode is Mode.KEPT and ended > self.until)

    @property
    def flag(self) -> int | str | None:
        """The server flag as the hub gives it back: a number where it is one."""
        if self.server_flag.isascii() and self.server_flag.isdecimal():
            return int(self.server_flag)
        return self.server_flag or None


_ENDINGS: Sequence[tuple[str, str, Code]] = (
    ("answered", "", Code.DONE),
    ("refused", "", Code.DONE),
    ("expired", "before it could be sent", Code.BUSY),
    ("expired", "", Code.TIMEOUT),
    ("failed", "link was lost", Code.NETWORK),
    ("failed", "no answer", Code.TIMEOUT),
    ("failed", "acknowledged", Code.TIMEOUT),
    ("failed", "restarted", Code.ERROR),
    ("failed", "", Code.WRONG),  # it cannot be written for this terminal
)
"""Outcome, words of the reason, code: the first that fits."""


def code_of(outcome: str, reason: str, mode: Mode) -> Code:
    """The code of a command that ended so."""
    for state, words, code in _ENDINGS:
        if state == outcome and words in reason:
            # A command that was kept for a terminal which never came did not wait behind others.
            return Code.OFFLINE if code is Code.BUSY and mode is not Mode.SYNC else code
    return Code.ERROR


def content_of(reply: Any) -> str:
    """``_content``: what the terminal answered, as text; empty where it did not.

    Parameters are an object of decimal ids and text, a list of recordings is how many there are, any other message its
    JSON.
    """
    if reply is None:
        return ""
    if isinstance(reply, str):
        return reply
    if not isinstance(reply, Mapping):
        return _text(reply)
    params, items = reply.get("params"), reply.get("items")
    if isinstance(params, list):
        pairs = {
            str(each["id"]): each["value"] if isinstance(each.get("value"), str) else _text(each.get("value"))
            for each in params
            if isinstance(each, Mapping) and "id" in each
        }
        return _text({"paramCount": str(len(pairs)), **pairs})
    if isinstance(items, list):
        return str(len(items))
    return _text({key: value for key, value in reply.items() if key != "seq"})


def answer_data(wanted: Wanted, imei: str, code: Code, message: str | None, content: str) -> dict[str, Any]:
    """``data`` of an answer, and of an item of ``/pushInstructResponse``."""
    return {
        "_code": code.value,
        "_imei": imei,
        "_content": content,
        "_msg": message,
        "_proNo": wanted.pro_no,
        "_serverFlagId": wanted.flag,
    }


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode("utf-8")


__all__ = [
    "CODES",
    "LONGEST_PURPOSE",
    "OWNER",
    "TEXT_COMMAND",
    "Code",
    "HubError",
    "Mode",
    "Wanted",
    "answer_data",
    "code_of",
    "content_of",
    "load_token",
]
