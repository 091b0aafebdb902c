"""What a terminal's answer to a text command says. There is no grammar: firmwares answer in words of their own."""

from __future__ import annotations

import re
from enum import StrEnum


class Verdict(StrEnum):
    """How an answer reads."""

    ANSWERED = "answered"
    REFUSED = "refused"
    BUSY = "busy"  # the same command may be taken in a moment


_LABEL = r"(?:[<\[]?[A-Za-z_][\w,]{0,40}#?[>\]]?\s*[:=,]?\s*)?"
_ENDED = r"\s*[!.]*\s*"

# Whole answers, or their beginning: a value that happens to have such a word in it is an answer.
_REFUSALS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"time ?out{_ENDED}\Z",  # JC371
        rf"{_LABEL}command was not recogni[sz]ed",  # JC371, other firmware
        rf"{_LABEL}not support(?:ed)?{_ENDED}\Z",  # JC181
        rf"{_LABEL}instruction error{_ENDED}\Z",  # JC182
        r"error\s*:",  # all: Error:Number of parameters errors!
        r"[A-Za-z_]\w{0,40},\s*(?:parameter \w+|command (?:header|length)) error",  # JC261
        rf"{_LABEL}fail(?:ed|ure)?{_ENDED}\Z",
        r"uploadfilefail\b",
        r"please open adas switch",  # JC261: ADASSW has to be on first
    )
)
_BUSY = re.compile(rf"(?:{_LABEL}|device (?:is )?)busy(?:\b[^:;=]{{0,60}})?\Z", re.IGNORECASE)

_VERSION = re.compile(
    r"(?:\[VERSION\]|(?<![A-Za-z0-9])VERSION\s*[:=,])\s*(?:\[VERSION\])?\s*([^\s,;#]+)", re.IGNORECASE
)
_FIRMWARE = re.compile(r"(?<![!-~])(\w+_V\d[\w.]*)")
_MODEL = re.compile(r"J?C(\d{3}[A-Z]{0,3})", re.IGNORECASE | re.ASCII)


def judge(reply: str) -> Verdict:
    """How an answer reads: ``answered`` unless it is one of the ways in which terminals refuse or put off."""
    said = reply.strip(" \t\r\n\0")
    if _BUSY.match(said):
        return Verdict.BUSY
    if any(pattern.match(said) for pattern in _REFUSALS):
        return Verdict.REFUSED
    return Verdict.ANSWERED


def firmware_of(reply: str) -> tuple[str | None, str | None]:
    """Model and firmware from the answer to VERSION or CHECK, each None where it does not say.

    ``[VERSION]JC400D_WAVA_DMS_V4.2.13_210716.2013`` is a JC400D with the firmware that follows ``]``; a part such as
    ``C261`` is the model JC261.
    """
    found = _VERSION.search(reply) or _FIRMWARE.search(reply)
    if not found:
        return None, None
    firmware = found[1].rstrip(".!")
    if not any(character.isdigit() for character in firmware):
        return None, None
    parts = [part for part in firmware.split("_") if _MODEL.fullmatch(part)]
    # A firmware may name its board as C371 and its model as JC371 or JC371P.
    parts.sort(key=lambda part: part[0] not in "Jj")
    matched = _MODEL.fullmatch(parts[0]) if parts else None
    return (f"JC{matched[1].upper()}" if matched else None), firmware
