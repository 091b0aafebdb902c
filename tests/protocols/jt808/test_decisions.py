"""Registration and authentication that somebody else decides, later."""

from __future__ import annotations

from typing import Any

import pytest

from jimigw.protocols.events import Ask, Event, LoggedIn
from jimigw.protocols.jt808.session import AUTHENTICATE, REGISTER, Session
from tests.support.jt808 import LOCATION, REGISTRATION

from .test_session import ALL, IDENTITY, NOW, Line, OpenDoor, said

CODE = f"code of {IDENTITY}"


class UndecidedDoor(OpenDoor):
    """Leaves everything to others, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def register(self, identity: str, body: dict[str, Any], phone: str) -> None:  # type: ignore[override]
        self.asked.append((identity, body["dev_id"]))

    def authenticate(self, identity: str, code: str, phone: str) -> None:  # type: ignore[override]
        self.asked.append((identity, code))


class Undecided(Line):
    """A terminal at a session whose door decides nothing."""

    def __init__(self, edition: int = 2013) -> None:
        self.door = UndecidedDoor()
        super().__init__(edition, Session(self.door))

    def credentials(self, code: str = CODE) -> dict[str, Any]:
        return {"code": code} | ({"imei": "863000000000001", "sw_version": "V1"} if self.edition == 2019 else {})

    def decide(self, question: str, result: int, code: str = "") -> list[Event]:
        return self.session.decided(IDENTITY, question, result, code, NOW + 1)

    def enter(self) -> None:
        self.send(0x0102, self.credentials())
        assert any(isinstance(event, LoggedIn) for event in self.decide(AUTHENTICATE, 0))


def plain(events: list[Event]) -> list[Any]:
    """Events as values that compare, reports without the time of receipt."""
    return [
        (said([event]), event.report.message, event.report.raw, event.report.received)
        if isinstance(event, LoggedIn)
        else (said([event]), getattr(event, "message", None), getattr(event, "received", None))
        for event in events
    ]


@pytest.mark.parametrize("edition", ALL)
@pytest.mark.parametrize("result", [0, 1, 4])
def test_a_registration_gives_later_what_it_would_have_given_at_once(edition: int, result: int) -> None:
    class Decided(OpenDoor):
        def register(self, identity: str, body: dict[str, Any], phone: str) -> tuple[int, str]:
            return result, CODE

    at_once, later = Line(edition, Session(Decided())), Undecided(edition)
    follows = at_once.send(0x0100, REGISTRATION)
    (ask,) = later.send(0x0100, REGISTRATION)
    assert isinstance(ask, Ask)
    assert (ask.identity, ask.question, ask.body["dev_id"]) == (IDENTITY, REGISTER, "T0001")
    assert later.decide(REGISTER, result, CODE) == follows
    assert later.session.counters == at_once.session.counters


@pytest.mark.parametrize("edition", ALL)
@pytest.mark.parametrize("result", [0, 1, 2])
def test_an_authentication_gives_later_what_it_would_have_given_at_once(edition: int, result: int) -> None:
    at_once, later = Line(edition), Undecided(edition)
    for line in (at_once, later):
        line.send(0x0100, REGISTRATION)
    later.decide(REGISTER, 0, CODE)
    code = "wrong" if result else CODE
    follows = at_once.send(0x0102, later.credentials(code))
    (ask,) = later.send(0x0102, later.credentials(code))
    assert isinstance(ask, Ask)
    assert (ask.identity, ask.question) == (IDENTITY, AUTHENTICATE)
    assert later.credentials(code).items() <= ask.body.items()
    decided = later.decide(AUTHENTICATE, result)
    assert plain(decided) == plain(follows)
    assert later.session.identity == at_once.session.identity == (None if result else IDENTITY)
    assert later.session.counters == at_once.session.counters


def test_the_code_of_a_terminal_of_2011_is_asked_for_without_its_mark() -> None:
    line = Undecided(2011)
    (ask,) = line.send(0x0102, {"code": CODE + "-2011"})
    assert ask == Ask(IDENTITY, "authenticate", {"code": CODE}, line.phone)


@pytest.mark.parametrize(
    ("msg_id", "question", "answer"),
    [
        (0x0100, REGISTER, f"send 8100 {{'seq': 2, 'result': 0, 'auth_code': '{CODE}'}}"),
        (0x0102, AUTHENTICATE, "send 8001 0102/2=0"),
    ],
)
def test_a_repeat_is_answered_instead_and_asks_nothing(msg_id: int, question: str, answer: str) -> None:
    line = Undecided()
    body = REGISTRATION if msg_id == 0x0100 else line.credentials()
    line.send(msg_id, body)
    assert line.send(msg_id, body) == []
    assert len(line.door.asked) == 1
    assert said(line.decide(question, 0, CODE))[0] == answer
    assert line.decide(question, 0, CODE) == []


def test_both_may_be_open_at_a_time() -> None:
    line = Undecided()
    line.send(0x0100, REGISTRATION)
    line.send(0x0102, line.credentials())
    assert said(line.decide(AUTHENTICATE, 1)) == ["send 8001 0102/2=1"]
    assert said(line.decide(REGISTER, 4)) == ["send 8100 {'seq': 1, 'result': 4}"]


def test_while_a_registration_is_undecided_all_else_is_refused() -> None:
    line = Undecided()
    line.send(0x0100, REGISTRATION)
    assert said(line.send(0x0200, LOCATION)) == ["send 8001 0200/2=1"]


def test_while_an_authentication_is_undecided_nothing_else_is_answered_nor_refused() -> None:
    line = Undecided()
    line.send(0x0102, line.credentials())
    assert line.send(0x0200, LOCATION) == []
    assert line.send(0x0002) == []
    assert line.send(0x0900, {"type": 0xF0, "data": "AAAA" * 700}) == []
    assert (line.session.counters.held, line.session.counters.parts) == (5, 0)
    line.decide(AUTHENTICATE, 0)
    assert said(line.send(0x0200, LOCATION)) == ["position 8001 0200/5=0"]


def test_a_terminal_that_is_in_is_out_when_its_new_authentication_is_refused() -> None:
    line = Undecided()
    line.enter()
    line.send(0x0102, line.credentials("wrong"))
    assert line.send(0x0200, LOCATION) == []
    assert said(line.decide(AUTHENTICATE, 1)) == ["send 8001 0102/2=1", f"out {IDENTITY}"]


def test_a_registration_that_cannot_be_read_needs_no_decision() -> None:
    line = Undecided()
    assert said(line.send(0x0100, {"error": "x", "data": "AA=="})) == ["send 8100 {'seq': 1, 'result': 4}"]
    assert line.door.asked == []


@pytest.mark.parametrize("leave", ["forget", "close"])
def test_a_decision_for_who_is_gone_gives_nothing(leave: str) -> None:
    line = Undecided()
    line.send(0x0102, line.credentials())
    if leave == "forget":
        line.session.forget(IDENTITY, NOW)
    else:
        line.session.close(NOW)
    assert line.decide(AUTHENTICATE, 0) == []


def test_a_decision_for_nothing_gives_nothing() -> None:
    line = Undecided()
    assert line.decide(REGISTER, 0, CODE) == []
    line.send(0x0100, REGISTRATION)
    assert line.decide(AUTHENTICATE, 0) == []
    assert line.session.decided("13900000000", REGISTER, 0, CODE, NOW) == []
