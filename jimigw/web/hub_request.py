"""The request of the hub's command API: its fields in all their spellings, as a form or as JSON; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import attrs
import msgspec

from jimigw.gateway.hub import TEXT_COMMAND


class BadInstruct(ValueError):
    """The request cannot be understood. The message says in a sentence what is wrong, and what would be right."""


@attrs.frozen
class FieldRow:
    """A field of the request: our name, the spellings of integrators (whatever the case), and what it is for."""

    name: str
    spellings: Sequence[str]
    meaning: str


FIELDS: Sequence[FieldRow] = (
    FieldRow("imei", ("imei", "deviceImei"), "the terminal: IMEI, phone number, or the id it has in records"),
    FieldRow("content", ("cmdContent",), "the text (`proNo` 128), or JSON"),
    FieldRow("pro_no", ("proNo",), "128, or the message id in decimal; 128 where it is missing"),
    FieldRow("server_flag", ("serverFlagId",), "given back as `_serverFlagId`; it does not choose a gateway here"),
    FieldRow("request_id", ("requestId",), "kept beside the command"),
    FieldRow(
        "instruction_id",
        ("instructionID",),
        "given back by `/pushresourcelist` and `/pushftpfileupload`; usually it is in `cmdContent`",
    ),
    FieldRow("sync", ("sync",), "`false`: answered at once, the end comes by `/pushInstructResponse`"),
    FieldRow(
        "offline",
        ("offlineFlag", "offLineFlag"),
        "`true`: kept where the terminal is off line or does not answer in time",
    ),
    FieldRow("time_out", ("timeOut",), "seconds that the HTTP answer may take, `hub.wait` at most"),
    FieldRow("cmd_type", ("cmdType",), "given back as `_type`"),
    FieldRow("language", ("language",), "given back as `_language`"),
    FieldRow("platform", ("platform",), "not looked at"),
    FieldRow("token", ("token",), "compared with the token of `hub.token_file`, where there is one"),
)
"""All fields that are known; others are passed over."""

_BY_SPELLING = {spelling.lower(): row.name for row in FIELDS for spelling in row.spellings}
_YES, _NO = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off", ""})
_LONGEST_ID, _MOST_FIELDS = 64, 100


@attrs.frozen
class Instruct:
    """A request, understood as far as it does not depend on the terminal. ``time_out``: None where it says none."""

    imei: str
    content: str = ""
    pro_no: int = TEXT_COMMAND
    server_flag: str = ""
    request_id: str = ""
    instruction_id: str = ""
    sync: bool = True
    offline: bool = False
    time_out: float | None = None
    cmd_type: str = ""
    language: str = ""


def fields_of(body: bytes, content_type: str, query: bytes = b"") -> dict[str, str]:
    """The fields of a request, under our names. :class:`BadInstruct` for a body that is neither form nor JSON.

    A body is JSON where its type says so or it begins with a brace: some clients send forms as plain text.
    """
    try:
        told = body.decode("utf-8")
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        if "json" in content_type.lower() or told.lstrip().startswith("{"):
            pairs += _of_json(told)
        else:
            pairs += parse_qsl(told, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError:
        raise BadInstruct("the body is not UTF-8") from None
    except ValueError as error:
        raise BadInstruct(str(error)) from None
    return {_BY_SPELLING[name.lower()]: value for name, value in pairs if name.lower() in _BY_SPELLING}


def _of_json(told: str) -> list[tuple[str, str]]:
    try:
        found = msgspec.json.decode(told)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInstruct(f"the body is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadInstruct("the body is JSON and no object")
    return [(name, _as_text(value)) for name, value in found.items() if value is not None]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8")


def read_instruct(fields: Mapping[str, str]) -> Instruct:
    """The request that these fields are. :class:`BadInstruct` for what is missing or wrong."""
    imei = fields.get("imei", "").strip()
    if not imei or len(imei) > _LONGEST_ID:
        raise BadInstruct("imei is missing; imei or deviceImei names the terminal")
    return Instruct(
        imei,
        fields.get("content", ""),
        _pro_no(fields.get("pro_no", "").strip()),
        _short(fields, "server_flag"),
        _short(fields, "request_id"),
        _short(fields, "instruction_id"),
        _flag(fields, "sync", True),
        _flag(fields, "offline", False),
        _seconds(fields.get("time_out", "").strip()),
        _short(fields, "cmd_type"),
        _short(fields, "language"),
    )


def _pro_no(text: str) -> int:
    if not text:
        return TEXT_COMMAND
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else -1
    if number != TEXT_COMMAND and not 0x8000 <= number <= 0xFFFF:
        raise BadInstruct(f"proNo is {text[:20]!r}; right is 128, or a message id in decimal from 32768 to 65535")
    return number


def _short(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "").strip()
    if len(value) > _LONGEST_ID or not value.isprintable():
        raise BadInstruct(f"{_spelling(name)} is longer than {_LONGEST_ID} characters, or not printable")
    return value


def _flag(fields: Mapping[str, str], name: str, default: bool) -> bool:
    if name not in fields:
        return default
    value = fields[name].strip().lower()
    if value in _YES or value in _NO:
        return value in _YES
    raise BadInstruct(f"{_spelling(name)} is {value[:20]!r}; right is true or false")


def _seconds(text: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise BadInstruct(f"timeOut is {text[:20]!r}; right is a number of seconds")
    return seconds or None


def _spelling(name: str) -> str:
    return next(row.spellings[0] for row in FIELDS if row.name == name)


__all__ = ["FIELDS", "BadInstruct", "FieldRow", "Instruct", "fields_of", "read_instruct"]
