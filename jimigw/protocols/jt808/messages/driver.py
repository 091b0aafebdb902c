"""Who is driving. JT/T 808-2019, 8.46 and 8.47."""

from __future__ import annotations

from jimigw.wire.kinds import U8, Bcd, Optional, Text
from jimigw.wire.message import Message, message, row

from .. import names
from ..book import BOOK, SIBLINGS
from ..kinds import GBK, SizedText
from ..versions import SINCE_2013, V2011


@message(BOOK, 0x8702, "Ask for the driver's identity", chapter="8.46", direction="down")
class DriverQuery(Message):
    """Empty; the answer 0x0702 does not quote a serial number."""


def _begins_with_state(data: bytes, start: int, end: int) -> bool:
    return end - start >= 7 and data[start] in (1, 2)


@message(BOOK, 0x0702, "Driver's identity", chapter="8.47", versions=SINCE_2013, fits=_begins_with_state)
class DriverIdentity(Message):
    """Every field behind the time is there or not: off duty some terminals end there, others send all of them."""

    status: int = row(U8, "state of the card", names=names.CARD_STATES)
    time: str = row(Bcd(6), "time YYMMDDhhmmss the card was inserted or removed")
    ic_result: int | None = row(Optional(U8), "result of reading the card", names=names.CARD_RESULTS)
    driver_name: str | None = row(Optional(SizedText(U8)), "driver's name")
    certificate: str | None = row(Optional(Text(20, GBK)), "number of the qualification certificate")
    organization: str | None = row(Optional(SizedText(U8)), "who issued the certificate")
    cert_expiry: str | None = row(Optional(Bcd(4)), "validity of the certificate YYYYMMDD")
    id_card: str | None = row(Optional(Text(20, GBK)), "number of the identity card, since 2019")


@message(BOOK, 0x0702, "Driver's identity", chapter="JT/T 808-2011", versions=(V2011,))
class DriverIdentity2011(Message):
    driver_name: str = row(SizedText(U8), "driver's name")
    id_card: str = row(Text(20, GBK), "number of the identity card")
    certificate: str = row(Text(40, GBK), "number of the qualification certificate")
    organization: str = row(SizedText(U8), "who issued the certificate")


def _strings_end(data: bytes, start: int, end: int) -> bool:
    """Whether the two strings of 2011, with what is between them, end with the body."""
    at = start + 1 + data[start] + 20 + 40 if end > start else end
    return at < end and at + 1 + data[at] == end


SIBLINGS.enter(0x0702, DriverIdentity, fits=_begins_with_state)
SIBLINGS.enter(0x0702, DriverIdentity2011, fits=_strings_end)
SIBLINGS.enter(0x0702, DriverIdentity)
