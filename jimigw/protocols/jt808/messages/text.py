"""Text, events, questions and information menus. JT/T 808-2019, 8.27; JT/T 808-2013 for the rest, whose ids the edition
of 2019 keeps without giving their bodies."""

from __future__ import annotations

from typing import Any

from jimigw.wire.kinds import U8, U16, Counted, Nested, Notes, Optional, Repeated, RestText
from jimigw.wire.message import Message, include, message, part, row

from .. import names
from ..book import BOOK
from ..kinds import GBK, CountedTwice, EndedText, SizedText, SizedTwice
from ..versions import SINCE_2013, V2011, V2013, V2019

_TEXT_FLAG = "bits 0 urgent, 2 terminal display, 3 TTS, 4 advertising screen, 5 CAN fault codes (0: navigation)"
_TEXT_FLAG_2019 = (
    "bits 1-0: 01 service, 10 urgent, 11 notice; 2 terminal display, 3 TTS, 5 CAN fault codes (0: navigation)"
)


@message(BOOK, 0x8300, "Text", chapter="8.27", direction="down", versions=(V2013,))
class Text(Message):
    flag: int = row(U8, _TEXT_FLAG)
    text: str = row(RestText(GBK, strip_nul=True), "text, at most 1024 bytes")


@message(BOOK, 0x8300, "Text", chapter="8.27", direction="down", versions=(V2011,))
class Text2011(Message):
    flag: int = row(U8, _TEXT_FLAG)
    text: str = row(EndedText(), "text, at most 499 bytes")


@message(BOOK, 0x8300, "Text", chapter="8.27", direction="down", versions=(V2019,))
class Text2019(Message):
    flag: int = row(U8, _TEXT_FLAG_2019)
    text_type: int = row(U8, "type", names=names.TEXT_TYPES, default=1)
    text: str = row(RestText(GBK, strip_nul=True), "text, at most 1024 bytes")


# -- events -------------------------------------------------------------------------------------------------------


@part("Event")
class Event(Message):
    id: int = row(U8, "id of the event; the same id replaces")
    content: str | None = row(
        Optional(SizedText(U8, key="length")), "text of the event; none where it is to be deleted"
    )


class EventList(Counted):
    """The counted events of 0x8301: to delete some (type 4), their ids alone stand there; some senders put a length of
    zero behind each."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.needs_owner = True

    def read(self, data: bytes, pos: int, end: int, owner: Any, notes: Notes) -> tuple[list[Any], int]:
        if owner.type == 4 and end - pos == 1 + data[pos]:
            return [Event(id=each, content=None) for each in data[pos + 1 : end]], end
        return super().read(data, pos, end, owner, notes)


@message(BOOK, 0x8301, "Set events", direction="down", versions=SINCE_2013)
class Events(Message):
    type: int = row(U8, "what to do", names=names.EVENT_SETTINGS)
    events: list[Event] | None = row(
        Optional(EventList(U8, Nested(Event), key="length")), "the events; nothing follows type 0"
    )


@message(BOOK, 0x8301, "Set events", direction="down", versions=(V2011,))
class Events2011(Message):
    type: int = row(U8, "what to do", names=names.EVENT_SETTINGS)
    events: list[Event] | None = row(
        Optional(CountedTwice(U8, Nested(Event), key="length")), "the events; nothing follows type 0"
    )


@message(BOOK, 0x0301, "Event report")
class EventReport(Message):
    id: int = row(U8, "id of the event")


# -- questions ----------------------------------------------------------------------------------------------------


@part("Answer to choose")
class Choice(Message):
    id: int = row(U8, "id of the answer")
    answer: str = row(SizedText(U16, key="len"), "text of the answer")


@message(BOOK, 0x8302, "Question", direction="down")
class Question(Message):
    flag: int = row(U8, "bits 0 urgent, 3 TTS, 4 advertising screen")
    question: str = row(SizedText(U8, key="length"), "text of the question")
    answers: list[Choice] = row(Repeated(Nested(Choice)), "answers to choose from", default=[])


@message(BOOK, 0x0302, "Question answer")
class QuestionAnswer(Message):
    seq: int = row(U16, "serial number of the question")
    id: int = row(U8, "id of the answer chosen")


# -- information on demand ----------------------------------------------------------------------------------------


@part("Menu entry")
class MenuEntry(Message):
    type: int = row(U8, "type of information; the same type replaces")
    info: str = row(SizedText(U16, key="length"), "its name")


@message(BOOK, 0x8303, "Set information menu", direction="down", versions=SINCE_2013)
class Menu(Message):
    type: int = row(U8, "what to do", names=names.MENU_SETTINGS)
    menus: list[MenuEntry] | None = row(
        Optional(Counted(U8, Nested(MenuEntry), key="length")), "the entries; nothing follows type 0"
    )


@message(BOOK, 0x8303, "Set information menu", direction="down", versions=(V2011,))
class Menu2011(Message):
    type: int = row(U8, "what to do", names=names.MENU_SETTINGS)
    menus: list[MenuEntry] | None = row(
        Optional(CountedTwice(U8, Nested(MenuEntry), key="length")), "the entries; nothing follows type 0"
    )


@message(BOOK, 0x0303, "Order or cancel information")
class InformationOrder(Message):
    id: int = row(U8, "type of information")
    flag: int = row(U8, "order or cancel", names=names.ORDERS)


@message(BOOK, 0x8304, "Information", direction="down", versions=SINCE_2013)
class Information(Message):
    type: int = row(U8, "type of information")
    info: str = row(SizedText(U16, key="length"), "the information")


@message(BOOK, 0x8304, "Information", direction="down", versions=(V2011,))
class Information2011(Message):
    _head = include(Information, until="info")
    info: str = row(SizedTwice(U16, U16, RestText(GBK, strip_nul=True)), "the information")
