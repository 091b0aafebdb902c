"""Telephony: call back and the phone book. JT/T 808-2019, 8.28 and 8.29."""

from __future__ import annotations

from jimigw.wire.kinds import U8, Counted, Nested, Optional, RestText
from jimigw.wire.message import Message, message, part, row

from .. import names
from ..book import BOOK
from ..kinds import GBK, CountedTwice, EndedText, SizedText
from ..versions import SINCE_2013, V2011


@message(BOOK, 0x8400, "Call back", chapter="8.28", direction="down", versions=SINCE_2013)
class CallBack(Message):
    type: int = row(U8, "kind of call", names=names.CALL_TYPES)
    phone: str = row(RestText(GBK, strip_nul=True), "number to call, at most 20 digits")


@message(BOOK, 0x8400, "Call back", chapter="8.28", direction="down", versions=(V2011,))
class CallBack2011(Message):
    type: int = row(U8, "kind of call", names=names.CALL_TYPES)
    phone: str = row(EndedText(), "number to call, at most 20 digits")


@part("Contact", chapter="8.29")
class Contact(Message):
    type: int = row(U8, "what the contact may do", names=names.CONTACT_TYPES)
    phone: str = row(SizedText(U8, key="phone_len"), "phone number")
    name: str = row(SizedText(U8, key="name_len"), "name")


@message(BOOK, 0x8401, "Set phone book", chapter="8.29", direction="down", versions=SINCE_2013)
class PhoneBook(Message):
    type: int = row(U8, "what to do", names=names.MENU_SETTINGS)
    contacts: list[Contact] | None = row(
        Optional(Counted(U8, Nested(Contact), key="length")), "the contacts; nothing follows type 0"
    )


@message(BOOK, 0x8401, "Set phone book", chapter="8.29", direction="down", versions=(V2011,))
class PhoneBook2011(Message):
    type: int = row(U8, "what to do", names=names.MENU_SETTINGS)
    contacts: list[Contact] | None = row(
        Optional(CountedTwice(U8, Nested(Contact), key="length")), "the contacts; nothing follows type 0"
    )
