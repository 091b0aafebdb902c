"""What the JT/T 808 messages of a platform can do: which may be given twice, and which want a confirmation.

JT/T 808-2019, chapter 8; JT/T 1078-2016, chapter 5. What is not in the tables changes a setting or does something once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .catalogue import CommandRefused

_LONGEST = 4 << 20

#: asks only, or says the same again: nothing happens twice
REPEATABLE = frozenset(
    {
        0x8104,  # query parameters
        0x8106,  # query some parameters
        0x8107,  # query attributes
        0x8201,  # query the position
        0x8202,  # follow the position for a while: the same while again
        0x8204,  # link check
        0x8608,  # query areas and routes
        0x8702,  # report the driver's identity
        0x8802,  # search stored media
        0x9003,  # query audio and video properties
        0x9205,  # list recordings
    }
)

_CONTROLS = {
    1: "it fetches a firmware and restarts",
    2: "it leaves for another server",
    3: "it switches itself off",
    4: "it restarts",
    5: "it goes back to its factory settings",
    6: "it gives up its data link",
    7: "it gives up all radio links",
}
#: parameters without which a terminal does not find its server: APN, addresses, ports; the last ones since 2019
_LIFELINES = frozenset({*range(0x0010, 0x001A), *range(0x0023, 0x0027)})


def _control(body: Mapping[str, Any]) -> str | None:
    return _CONTROLS.get(_whole(body.get("command")))


def _parameters(body: Mapping[str, Any]) -> str | None:
    params = body.get("params")
    ids = (
        {_whole(entry.get("id")) for entry in params if isinstance(entry, Mapping)}
        if isinstance(params, list)
        else set()
    )
    found = sorted(ids & _LIFELINES)
    return f"parameter 0x{found[0]:04X} says how it finds its server" if found else None


def _vehicle(body: Mapping[str, Any]) -> str:
    return "it acts on the vehicle"


def _firmware(body: Mapping[str, Any]) -> str:
    return "it replaces the firmware"


def _answer(body: Mapping[str, Any]) -> str:
    return "it is an answer, which the gateway gives itself once a report is stored"


_DANGERS = {
    **dict.fromkeys((0x8001, 0x8004, 0x8100, 0x8800, 0x9212), _answer),
    0x8103: _parameters,
    0x8105: _control,
    0x8108: _firmware,
    0x8500: _vehicle,
}


def check_message(message: Mapping[str, Any], *, confirm: bool = False) -> tuple[dict[str, Any], bool]:
    """The message as it is stored, and whether it may be repeated.

    :class:`CommandRefused` for what is no message to a terminal, is too long, or wants a confirmation. Whether its body
    can be written is seen when it is sent: that depends on the edition that the terminal speaks.
    """
    header = message.get("header")
    msg_id = header.get("msg_id") if isinstance(header, Mapping) else None
    if isinstance(msg_id, bool) or not isinstance(msg_id, int) or not 0x8000 <= msg_id <= 0xFFFF:
        raise CommandRefused(f"header.msg_id is {msg_id!r}; a message to a terminal has 32768 to 65535", code="syntax")
    body = message.get("body")
    if body is not None and not isinstance(body, Mapping):
        raise CommandRefused(f"body is a {type(body).__name__}; right is an object", code="syntax")
    checked = {"header": {"msg_id": msg_id}, "body": dict(body or {})}
    try:
        size = len(msgspec.json.encode(checked))
    except (TypeError, ValueError) as error:
        raise CommandRefused(f"the message cannot be written as JSON: {error}", code="syntax") from None
    if size > _LONGEST:
        raise CommandRefused(f"the message has {size} bytes as JSON; at most {_LONGEST} are taken", code="syntax")
    danger = _DANGERS.get(msg_id)
    why = danger(checked["body"]) if danger is not None else None
    if why is not None and not confirm:
        raise CommandRefused(f"0x{msg_id:04X} can do harm ({why}): confirm it", code="confirm")
    return checked, msg_id in REPEATABLE


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
