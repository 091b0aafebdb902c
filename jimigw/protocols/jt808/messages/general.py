"""General answers, heartbeat, logout, time, requests for missing parts. JT/T 808-2019, 8.1 to 8.7, 8.10, 8.26."""

from __future__ import annotations

from jimigw.wire.kinds import U8, U16, Counted, Derived
from jimigw.wire.message import Message, message, row

from .. import names
from ..book import BOOK
from ..kinds import BcdNumber
from ..versions import UNTIL_2013, V2019


@message(BOOK, 0x0001, "Terminal general response", chapter="8.1")
class TerminalResponse(Message):
    seq: int = row(U16, "serial number of the message that is answered")
    id: int = row(U16, "id of the message that is answered")
    result: int = row(U8, "result", names=names.RESULTS)


@message(BOOK, 0x8001, "Platform general response", chapter="8.2", direction="down")
class PlatformResponse(Message):
    seq: int = row(U16, "serial number of the message that is answered")
    id: int = row(U16, "id of the message that is answered")
    result: int = row(U8, "result", names=names.RESULTS)


@message(BOOK, 0x0002, "Heartbeat", chapter="8.3")
class Heartbeat(Message):
    """Empty. Some vendors append battery level, signal and status: kept as surplus."""


@message(BOOK, 0x0003, "Terminal logout", chapter="8.10")
class Logout(Message):
    """Empty."""


@message(BOOK, 0x0101, "Terminal logout, by the message list of 2011", versions=UNTIL_2013)
class LogoutListed(Message):
    """Empty. The list of messages of 2011 has another id for the logout than its text."""


@message(BOOK, 0x0004, "Query server time", chapter="8.4")
class TimeQuery(Message):
    """Empty."""


@message(BOOK, 0x8004, "Server time", chapter="8.5", direction="down")
class ServerTime(Message):
    """The only time of the standard that is UTC."""

    year: int = row(BcdNumber(2000), "year, UTC", dialects={"emqx": ""})
    month: int = row(BcdNumber(), "month", dialects={"emqx": ""})
    day: int = row(BcdNumber(), "day", dialects={"emqx": ""})
    hour: int = row(BcdNumber(), "hour", dialects={"emqx": ""})
    minute: int = row(BcdNumber(), "minute", dialects={"emqx": ""})
    second: int = row(BcdNumber(), "second", dialects={"emqx": ""})
    time: str = row(
        Derived(lambda o: f"{o.year % 100:02d}{o.month:02d}{o.day:02d}{o.hour:02d}{o.minute:02d}{o.second:02d}"),
        "the six as one string YYMMDDhhmmss",
        key="time",
        dialects={"document": ""},
    )


@message(BOOK, 0x8003, "Request for missing parts", chapter="8.6", direction="down", versions=UNTIL_2013)
class PartsRequest(Message):
    seq: int = row(U16, "serial number of the first part of the message concerned")
    ids: list[int] = row(Counted(U8, U16, key="length"), "numbers of the parts that are missing, ascending, from 1")


@message(BOOK, 0x8003, "Request for missing parts", chapter="8.6", direction="down", versions=(V2019,))
class PartsRequest2019(Message):
    seq: int = row(U16, "serial number of the first part of the message concerned")
    ids: list[int] = row(Counted(U16, U16, key="length"), "numbers of the parts that are missing, ascending, from 1")


@message(BOOK, 0x0005, "Terminal's request for missing parts", chapter="8.7")
class TerminalPartsRequest(Message):
    seq: int = row(U16, "serial number of the first part of the message concerned")
    ids: list[int] = row(
        Counted(U16, U16, key="length", dialects={"emqx": "count"}), "numbers of the parts that are missing, from 1"
    )


@message(BOOK, 0x8204, "Link check", chapter="8.26", direction="down")
class LinkCheck(Message):
    """Empty; the terminal answers 0x0001."""
