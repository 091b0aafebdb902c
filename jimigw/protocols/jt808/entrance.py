"""How terminals come in: registration (0x0100) and authentication (0x0102). JT/T 808-2019, 6.1, 8.8 to 8.12.

Both are a question to the :class:`Door`. It answers at once, or leaves the question open: then it is kept with the
terminal, at most one of each kind, an :class:`Ask` goes out, and :meth:`Entrance.decided` goes on where it was left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from jimigw.model.report import Report

from ..events import Ask, Event, LoggedIn, LoggedOut, QuestionKind, Send
from .answers import FAILURE, SUCCESS
from .messages.registration import Registration2011
from .reports import report_of
from .settings import SessionCounters, Settings
from .talk import Question, Talk
from .versions import V2011

_REGISTRATION, _AUTHENTICATION = 0x0100, 0x0102
#: what a terminal may say before it is in
ENTRANCE = frozenset({_REGISTRATION, _AUTHENTICATION})

#: the questions of :class:`Ask`
REGISTER: Final = "register"
AUTHENTICATE: Final = "authenticate"

#: the result of a registration that cannot be read: terminal unknown
_UNKNOWN = 4
#: what the authentication code of a terminal of 2011 ends with
_CODE_OF_2011 = "-2011"


class Door(Protocol):
    """Who may come in. Asked before a registration or an authentication is answered.

    None is "not decided yet": :meth:`Session.decided` is told later.
    """

    def register(self, identity: str, body: dict[str, Any], phone: str) -> tuple[int, str] | None:
        """The result of a registration (0 is success; see 0x8100) and the authentication code.

        ``phone`` are the digits of the header, leading zeros included.
        """
        ...

    def authenticate(self, identity: str, code: str, phone: str) -> bool | None:
        """Whether this is the code that the terminal was given."""
        ...


class Entrance:
    """The entrance of one connection."""

    __slots__ = ("_counters", "_door", "_settings")

    def __init__(self, door: Door, settings: Settings, counters: SessionCounters) -> None:
        self._door, self._settings, self._counters = door, settings, counters

    def hear(self, talk: Talk, question: Question, events: list[Event]) -> None:
        """A registration or an authentication has come."""
        if question.packet.header.msg_id == _REGISTRATION:
            self._register(talk, question, events)
        else:
            self._authenticate(talk, question, events)

    def decided(self, talk: Talk, name: str, result: int, code: str, events: list[Event]) -> None:
        """The open question of this name is decided."""
        question = talk.questions.pop(name)
        if name == REGISTER:
            self._registered(talk, question, result, code, events)
        else:
            self._authenticated(talk, question, result == SUCCESS, events)

    def _register(self, talk: Talk, question: Question, events: list[Event]) -> None:
        body = question.packet.body
        if body is None:
            self._counters.bad_logins += 1
            self._registered(talk, question, _UNKNOWN, "", events)
            return
        if isinstance(body, Registration2011):
            talk.edition = V2011
        if _asked(talk, REGISTER, question):
            return
        told = body.to_json()
        decision = self._door.register(talk.identity, told, talk.phone)
        if decision is None:
            _ask(talk, REGISTER, question, told, events)
        else:
            self._registered(talk, question, *decision, events)

    def _registered(self, talk: Talk, question: Question, result: int, code: str, events: list[Event]) -> None:
        """What follows from a registration that is decided."""
        answer: dict[str, Any] = {"seq": question.serial, "result": result}
        if result == SUCCESS:
            # The header of 2011 is that of 2013: the code brings the edition back when the terminal does.
            answer["auth_code"] = code + _CODE_OF_2011 if talk.edition == V2011 else code
            talk.registration = self._report(talk, question)
        events.append(Send(b"".join(talk.say(0x8100, answer)), talk.identity))

    def _report(self, talk: Talk, question: Question) -> Report:
        return report_of(talk, question.packet, question.raw, question.received, self._settings, self._counters)

    def _authenticate(self, talk: Talk, question: Question, events: list[Event]) -> None:
        body: Any = question.packet.body
        if body is None:
            self._authenticated(talk, question, False, events)
            return
        code = body.code
        if code.endswith(_CODE_OF_2011):
            code, talk.edition = code.removesuffix(_CODE_OF_2011), V2011
        if _asked(talk, AUTHENTICATE, question):
            return
        right = self._door.authenticate(talk.identity, code, talk.phone)
        if right is None:
            _ask(talk, AUTHENTICATE, question, body.to_json() | {"code": code}, events)
        else:
            self._authenticated(talk, question, right, events)

    def _authenticated(self, talk: Talk, question: Question, right: bool, events: list[Event]) -> None:
        """What follows from an authentication that is decided."""
        answer = talk.general(_AUTHENTICATION, question.serial, SUCCESS if right else FAILURE)
        events.append(Send(answer, talk.identity))
        if not right:
            self._counters.bad_logins += 1
            if talk.inside:
                talk.inside = False
                events.append(LoggedOut(talk.identity, "the terminal did not know its authentication code"))
            return
        talk.inside = True
        report = self._report(talk, question)
        # Whoever reads records must not be able to log in with what it read.
        report.message["body"].pop("code", None)
        report.raw = b""
        events.append(LoggedIn(talk.identity, report))
        if talk.registration is not None:
            events.append(talk.registration)
            talk.registration = None


def _ask(talk: Talk, name: QuestionKind, question: Question, body: Mapping[str, Any], events: list[Event]) -> None:
    talk.questions[name] = question
    events.append(Ask(talk.identity, name, body, talk.phone))


def _asked(talk: Talk, name: str, again: Question) -> bool:
    """Whether this question is open already: then the terminal, which repeats itself, is answered this time."""
    question = talk.questions.get(name)
    if question is not None:
        question.serial = again.serial
    return question is not None
