"""Turning a JC400 or JC261 to this gateway: :func:`plan` gives the commands in the vendor's order.

The work mode comes first, the addresses after it, and SERVER last: it restarts the terminal, which then reports to the
server that it names. So the other steps are read back before SERVER is sent, and SERVER need not be sent at all to a
terminal that already has it right. :func:`differs` reads what the terminal answers to the queries.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from .checking import CommandRefused, check
from .families import JC400
from .kinds import SplitUrl, is_host, is_ip, split_url
from .replies import Verdict, judge

ONBOARDING = ("COREKITSW", "UPLOAD", "RSERVICE", "FILELIST", "SERVER")
"""The commands that turn a terminal to a server, in the order in which it wants them."""

_PORTS = {"http": 80, "https": 443, "rtmp": 1935}
_TAKEN = re.compile(r"(?:ok|success)\s*!?", re.IGNORECASE)
_PORT = re.compile(r"\d{1,5}", re.ASCII)
_SHOWN = 80


@attrs.frozen
class Step:
    """One command to send, what asks for its value (None if nothing does), and what it is for."""

    name: str
    text: str
    query: str | None
    does: str


class Unclear(str):
    """A sentence of :func:`differs` that says why nothing can be said."""

    __slots__ = ()


def plan(
    host: str,
    *,
    upload: str | None = None,
    rtmp: str | None = None,
    filelist: str | None = None,
    server_mode: int | None = None,
    server_host: str | None = None,
    server_port: int = 21100,
    extras: Sequence[str] = (),
) -> list[Step]:
    """The steps that turn a terminal to the gateway at ``host``, an IP address or a domain name that terminals reach.

    URLs and server follow from it with the usual ports where they are not given; "" leaves that step out.
    ``server_mode`` is 0 for an IP address and 1 for a domain name, as ``server_host`` is one. ``extras`` are further
    commands (``TIMER,ON,60``), sent before SERVER. :class:`CommandRefused` if one of all these is wrong.
    """
    server = host if server_host is None else server_host
    mode = (0 if is_ip(server) else 1) if server_mode is None else server_mode
    texts = [
        "COREKITSW,0",
        _with(upload, "UPLOAD", f"http://{host}:23010/upload"),
        _with(rtmp, "RSERVICE", f"rtmp://{host}:1936/live"),
        _with(filelist, "FILELIST", f"http://{host}:23010/filelist"),
        *extras,
        f"SERVER,{mode},{server},{server_port}" if server else "",
    ]
    steps = [_step(text) for text in texts if text]
    names = [step.name for step in steps]
    for name in ONBOARDING:
        if names.count(name) > 1:
            raise CommandRefused(f"{name} has a place of its own in the sequence and is none of the extras")
    return steps


def _with(given: str | None, name: str, usual: str) -> str:
    address = usual if given is None else given
    return f"{name},{address}" if address else ""


def _step(text: str) -> Step:
    command = check(text, JC400, confirm=True)
    entry = command.entry
    if entry is None:  # pragma: no cover - check gives only what the list has, unless told otherwise
        raise TypeError(text)
    return Step(entry.name, command.text, entry.query or None, entry.does)


def differs(step: Step, reply: str) -> str | None:
    """What the answer to ``step.query`` says otherwise than ``step.text``: None if it says the same.

    :class:`Unclear`, a sentence too, if the answer does not tell. Terminals answer freely: with the name in front or
    not, ``:``, ``,`` or ``]`` after it, URLs with and without scheme and final slash, servers with and without mode.
    """
    if judge(reply) is not Verdict.ANSWERED:
        return _unclear(step, reply)
    said = _value(step.name, reply)
    wanted = step.text.partition(",")[2]
    if not said or _TAKEN.fullmatch(said):
        return _unclear(step, reply)
    if step.name in ("UPLOAD", "RSERVICE", "FILELIST"):
        same = _same_url(wanted, said)
    elif step.name == "SERVER":
        same = _same_server(wanted, said)
    else:
        same = _same_values(wanted, said)
    if same is None:
        return _unclear(step, reply)
    return None if same else f"{step.name} is {_cut(said)} on the terminal and should be {wanted}"


def _unclear(step: Step, reply: str) -> Unclear:
    said = _cut(reply.strip())
    if step.query is None:
        return Unclear(f"nothing asks a terminal for {step.name}, so it could not be told whether it is right")
    return Unclear(f"the terminal answered {step.query} with {said!r}, so it could not be told whether it is right")


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _value(name: str, reply: str) -> str:
    """What stands behind the name in an answer, which may have other values beside it; without the name, all of it."""
    label = re.compile(rf"(?<![A-Za-z0-9_]){name}(?![A-Za-z0-9_])[\s:,=\]>#]+(.*)", re.IGNORECASE)
    pieces = [piece for piece in re.split(r"[;\r\n\0]+", reply) if piece.strip()]
    for piece in pieces:
        found = label.search(piece)
        if found:
            return found[1].strip(" #")
    return pieces[0].strip(" #") if len(pieces) == 1 else ""


def _same_url(wanted: str, said: str) -> bool | None:
    right, found = split_url(wanted), split_url(said.rstrip(" ,"))
    if right is None or found is None:
        return None
    if right.scheme and found.scheme and right.scheme != found.scheme:
        return False
    scheme = right.scheme or found.scheme
    return _place(right, scheme) == _place(found, scheme)


def _place(url: SplitUrl, scheme: str) -> tuple[str, int | None, str]:
    return url.host, url.port or _PORTS.get(scheme), url.rest.rstrip("/")


def _same_server(wanted: str, said: str) -> bool | None:
    """``[mode,]host,port`` and whatever follows. The mode counts for a domain name, where it is said."""
    mode, server, port = wanted.split(",")
    values = [value.strip() for value in said.split(",")]
    said_mode = values.pop(0) if values[0] in ("0", "1") else None
    if len(values) < 2 or not is_host(values[0]) or not _PORT.fullmatch(values[1]):
        return None
    same = values[0].lower() == server.lower() and int(values[1]) == int(port)
    return same and (is_ip(server) or said_mode in (None, mode))


def _same_values(wanted: str, said: str) -> bool | None:
    """Values one by one; where an answer lists events, the one behind this event's name."""
    right = [_plain(value) for value in wanted.rstrip(",").split(",")]
    found = [_plain(value) for value in said.rstrip(",").split(",")]
    if right == found[: len(right)]:
        return True
    if len(right) > 1 and right[0].isalpha() and right[0] not in ("ON", "OFF"):
        listed = re.search(rf"(?<![A-Z0-9_]){re.escape(right[0])}\W{{1,2}}(\w+)", said.upper())
        return _plain(listed[1]) == right[1] if listed else None
    # Fewer values than were set, or words where there should be numbers: an answer of another kind.
    if len(found) < len(right) and found[0] != "OFF":
        return None
    return None if any(" " in value for value in found) else False


def _plain(value: str) -> str:
    """A value as it compares: numbers and distances to UTC without zeros in front, words in capitals."""
    value = value.strip().upper()
    zone = re.fullmatch(r"([+-]?)0*(\d+):(\d\d)", value)
    if zone:
        return f"{zone[1] or '+'}{zone[2]}:{zone[3]}"
    return str(int(value)) if re.fullmatch(r"\d{1,12}", value) else value
