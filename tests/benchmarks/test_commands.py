"""The part ``commands``: a short run keeps every promise, and a broken one is seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands import part_of, run
from benchmarks.figures import Broken, table
from benchmarks.soak.account import Course, Given, Plan, Times
from benchmarks.soak.diary import Answer, Receipt
from benchmarks.soak.verdict import Evidence, broken, key_of, said_in
from jimigw.model.command import Command, Life

CAMERA, TRACKER = "864908000000009", "13900000001"
SHORT = Plan(
    commands=300,
    terminals=40,
    kills=1,
    seconds=2.0,
    times=Times(ttl=4.0, brief=2.0, answer_timeout=1.0, doubt=2.0),
)


def test_a_short_run_over_one_kill_keeps_every_promise(tmp_path: Path) -> None:
    evidence = run(tmp_path, SHORT)
    course = evidence.course
    assert sum(given.id > 0 for given in course.given) == SHORT.commands
    assert (len(course.kills), len(course.diary.tricks) > 10) == (1, True)
    assert all(command.state.ended and command.told for command in evidence.commands)
    assert {command.device[:3] for command in evidence.commands} == {"864", "139"}
    shown = table(part_of(evidence))
    assert "sent after their end                                                   0" in shown


def test_a_run_that_cannot_be_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"this is no store" * 100)
    with pytest.raises(Broken, match="the service ended by itself"):
        run(tmp_path, SHORT)


# -- the judgement ------------------------------------------------------------------------------------------------


def command(id: int, device: str = CAMERA, **rest: Any) -> Command:
    """A command that was sent at 10 and answered at 11."""
    words: dict[str, Any] = (
        {"text": "Picture,in"} if device == CAMERA else {"text": f"LOG,ALL,http://soak.example.org/{id}"}
    )
    if "message" in rest:
        words = {}
    made = Command(id, device, 5.0, 99.0, purpose=str(id), **words, **{"reply": f"OK! ({name(id, device)})", **rest})
    made.state, made.sent, made.ended = Life.ANSWERED, 10.0, 11.0
    return made


def name(id: int, device: str) -> str:
    return f"flag {id}" if device == CAMERA else f"number {id}"


def evidence_of(*commands: Command) -> Evidence:
    """All as it should be: each command came at 10 and was answered at 10.5, and the journal has its end."""
    found = Evidence(Course(), list(commands), {}, {})
    for serial, each in enumerate(commands):
        key = key_of(each) or f"query {each.id}"
        said = said_in(each.reply)
        assert said is not None
        found.course.given.append(Given(each.id, each.device, 5.0, 1, each.id, 5.1))
        found.course.diary.receipts.append(Receipt(each.device, key, 10.0, 1, serial))
        found.course.diary.answers.append(Answer(each.device, key, 10.5, said, "done"))
        found.outcomes = {**found.outcomes, each.id: [("answered", each.ended)]}
        found.handed = {**found.handed, key: [10.0]}
    return found


def query(id: int) -> Command:
    """A query with nothing in it: the answer names the receipt."""
    reply = {"seq": 3, "params": [{"id": 0x83, "value": f"OK! (query {id})"}]}
    return command(id, TRACKER, message={"header": {"msg_id": 0x8104}, "body": {}}, reply=reply)


def general(id: int) -> Command:
    """A text for people, which a serial number answers."""
    message = {"header": {"msg_id": 0x8300}, "body": {"flag": 1, "text": f"soak {id}"}}
    return command(id, TRACKER, message=message, reply={"seq": 7, "id": 0x8300, "result": 0})


def test_a_run_as_it_should_be() -> None:
    assert broken(evidence_of(command(1), command(2, TRACKER), query(3), general(4))) == []


def _open(found: Evidence) -> None:
    found.commands[0].state = Life.SENT


def _lost(found: Evidence) -> None:
    found.course.given.append(Given(9, CAMERA, 5.0, 1, 9, 5.1))


def _untold(found: Evidence) -> None:
    found.outcomes = {}


def _two_ends(found: Evidence) -> None:
    found.outcomes = {1: [("answered", 11.0), ("failed", 12.0)]}


def _handed_late(found: Evidence) -> None:
    found.handed = {"flag 1": [10.0, 11.1]}


def _came_late(found: Evidence) -> None:
    found.course.diary.receipts[0].at = 11.5


def _not_its_words(found: Evidence) -> None:
    found.commands[0].reply = "OK! (flag 2)"


def _said_too_late(found: Evidence) -> None:
    found.course.diary.answers[0].at = 11.2


def _came_twice(found: Evidence) -> None:
    found.course.diary.receipts.append(Receipt(CAMERA, "flag 1", 10.4, 2, 1))


def _stuck(found: Evidence) -> None:
    found.course.stuck = "the service did not start"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_open, "command 1 is sent after the end of the run"),
        (_lost, "command 9 was reported as stored, and is not in the store"),
        (_untold, "command 1 is answered, the journal says nothing"),
        (_two_ends, "command 1 is answered, the journal says ['answered', 'failed']"),
        (_handed_late, "command 1 was handed to a connection after its end"),
        (_came_late, "command 1 came to its terminal after its end"),
        (_not_its_words, "command 1 (flag 1) is answered by 'OK! (flag 2)', which was not said to it before"),
        (_said_too_late, "command 1 (flag 1) is answered by 'OK! (flag 1)', which was not said to it before"),
        (_came_twice, "command 1 must not be done twice, and came 2 times"),
        (_stuck, "the service did not start"),
    ],
)
def test_a_broken_promise_is_named(spoil: Callable[[Evidence], None], sentence: str) -> None:
    found = evidence_of(command(1))
    spoil(found)
    assert broken(found) == [sentence]


def test_what_a_busy_terminal_did_not_do_it_may_get_again() -> None:
    found = evidence_of(command(1))
    _came_twice(found)
    found.course.diary.busy["flag 1"] = 1
    assert broken(found) == []


def test_the_order_is_that_of_giving() -> None:
    found = evidence_of(command(1), command(2), command(3, TRACKER))
    found.course.diary.receipts.reverse()
    assert broken(found) == [f"command 2 came to {CAMERA} before command 1, which was given before it"]


def test_one_answer_confirms_one_query() -> None:
    found = evidence_of(query(1), query(2))
    found.commands[1].reply = found.commands[0].reply
    (sentence,) = broken(found)
    assert sentence == "command 2, a query, is answered by 'OK! (query 1)', which was not said to it"


def test_a_serial_number_that_was_quoted_to_another_confirms_nothing() -> None:
    found = evidence_of(general(1), general(2))
    found.course.diary.answers[1].said = 8
    (sentence,) = broken(found)
    assert sentence == "command 2 (number 2) is answered by 7, which was not said to it before"
