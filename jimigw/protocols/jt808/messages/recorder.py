"""The driving recorder and the waybill. JT/T 808-2019, 8.42 to 8.45; the packets inside are of GB/T 19056-2012."""

from __future__ import annotations

from typing import Any

from jimigw.wire.checks import xor8
from jimigw.wire.kinds import U8, U16, U32, Derived, LengthOf, Rest, to_base64
from jimigw.wire.message import Message, message, row

from .. import names
from ..book import BOOK
from ..kinds import SizedTwice
from ..versions import SINCE_2013, V2011

_STARTS = (b"\x55\x7a", b"\xaa\x75")


def recorder_packet(data: bytes) -> dict[str, Any] | None:
    """A packet of GB/T 19056: ``command`` and ``name``, ``block`` in base64, and ``check_ok``; None if it is none.

    Start word (2 bytes), command, length of the block (2), a reserved byte, block, and the exclusive or of all before.
    A failure (0xFA, 0xFB) has neither length nor block.
    """
    if data[:2] not in _STARTS or len(data) < 5:
        return None
    command = data[2]
    if command in (0xFA, 0xFB):
        start, stop = 4, 4
    else:
        start, stop = 6, 6 + int.from_bytes(data[3:5], "big")
    if stop + 1 != len(data):
        return None
    return {
        "command": command,
        "name": names.RECORDER_COMMANDS.get(command, f"command 0x{command:02X}"),
        "block": to_base64(data[start:stop]),
        "check_ok": xor8(data) == 0,
    }


def _packet(attribute: str) -> Any:
    return row(
        Derived(lambda o: recorder_packet(getattr(o, attribute))),
        "the packet of GB/T 19056, read",
        dialects={"emqx": ""},
    )


@message(BOOK, 0x8700, "Collect driving records", chapter="8.42", direction="down")
class RecordQuery(Message):
    command: int = row(U8, "command of GB/T 19056", names=names.RECORDER_COMMANDS)
    param: bytes = row(Rest(), "data block: a packet of GB/T 19056, or nothing", default=b"")
    packet: dict[str, Any] | None = _packet("param")


@message(BOOK, 0x0700, "Driving records", chapter="8.43", versions=SINCE_2013)
class Records(Message):
    seq: int = row(U16, "serial number of the query")
    command: int = row(U8, "command of GB/T 19056", names=names.RECORDER_COMMANDS)
    data: bytes = row(Rest(), "data block: a packet of GB/T 19056", default=b"")
    packet: dict[str, Any] | None = _packet("data")


@message(BOOK, 0x0700, "Driving records", chapter="8.43", versions=(V2011,))
class Records2011(Message):
    command: int = row(U8, "command of GB/T 19056", names=names.RECORDER_COMMANDS)
    data: bytes = row(SizedTwice(U16, U16, Rest()), "data block: a packet of GB/T 19056")
    packet: dict[str, Any] | None = _packet("data")


@message(BOOK, 0x8701, "Set driving recorder", chapter="8.44", direction="down")
class RecorderSetting(Message):
    command: int = row(U8, "command of GB/T 19056", names=names.RECORDER_COMMANDS)
    param: bytes = row(Rest(), "data block: a packet of GB/T 19056", default=b"")
    packet: dict[str, Any] | None = _packet("param")


@message(BOOK, 0x0701, "Waybill", chapter="8.45")
class Waybill(Message):
    """Cheap trackers use it as a text channel for replies to commands, so the length is only as good as they are."""

    length: int | None = row(
        LengthOf(U32, lambda o: len(o.data), "the waybill"), "length as sent", "byte", default=None
    )
    data: bytes = row(Rest(), "the waybill")
