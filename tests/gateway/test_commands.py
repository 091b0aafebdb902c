"""Commands: stored first, sent in turn, answered by their own answer, ended once."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from twisted.python.failure import Failure

from jimigw.gateway.carrying import BUSY_WAITS, TELL_AGAIN, CommandSettings
from jimigw.gateway.catalogue import CommandRefused
from jimigw.gateway.vendor_text import text_of
from jimigw.model.command import MOVES, OPEN, Command, Life, WrongMove
from jimigw.store.interface import StoreError
from tests.support.recorder import RecordingLink

from .world import IMEI, PHONE, CommandWorld

OTHER = "863000000000002"


def text_message(text: bytes) -> dict[str, Any]:
    """A text command as the message that it goes as."""
    data = base64.b64encode(text).decode()
    return {"header": {"msg_id": 0x8900}, "body": {"type": 0xF0, "data": data}}


def refusal(result: Any) -> CommandRefused:
    assert isinstance(result, Failure), result
    error = result.value
    assert isinstance(error, CommandRefused), error
    return error


# -- the life of a command ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(Life))
@pytest.mark.parametrize("then", list(Life))
def test_a_command_moves_only_as_the_table_says(state: Life, then: Life) -> None:
    command = Command(1, IMEI, 0.0, 10.0, "VERSION", state=state)
    if then in MOVES[state]:
        command.move(then, "why", 5.0)
        assert (command.state, command.why, command.ended) == (then, "why", 5.0 if then.ended else 0.0)
    else:
        with pytest.raises(WrongMove, match=f"command 1 is {state} and cannot become {then}"):
            command.move(then, "why", 5.0)
        assert command.state is state


def test_an_end_is_an_end() -> None:
    assert {state for state in Life if not MOVES[state]} == set(Life) - OPEN


# -- giving ---------------------------------------------------------------------------------------------------------


def test_a_command_is_stored_before_it_is_told_and_before_it_is_sent() -> None:
    world = CommandWorld()
    link = world.login()
    given = world.commands.give_text(IMEI, "VERSION", owner="anna", purpose="look")
    assert (given.called, link.given, world.store.commands_) == (False, [], {})
    world.store.waiting[0][1].callback(world.store.waiting[0][0]())
    del world.store.waiting[0]
    assert given.called
    assert link.given == []  # that it is being sent is stored first
    world.store.commit()
    assert link.given == [(1, "VERSION")]
    stored = world.store.commands_[1]
    assert (stored.owner, stored.purpose, stored.state, stored.sendings) == ("anna", "look", Life.SENT, 1)


def test_a_command_that_cannot_be_stored_is_not_sent() -> None:
    world = CommandWorld()
    link = world.login()
    world.store.failing = True
    result = world.result(world.commands.give_text(IMEI, "VERSION", owner="anna"))
    assert isinstance(result.value, StoreError)
    world.store.failing = False
    world.store.commit()
    assert (link.given, len(world.commands), world.commands.open_of(IMEI)) == ([], 0, 0)


@pytest.mark.parametrize(
    ("give", "code"),
    [
        (lambda c: c.give_text("nobody", "VERSION", owner="x"), "device"),
        (lambda c: c.give_message("nobody", {"header": {"msg_id": 0x8104}}, owner="x"), "device"),
        (lambda c: c.give_text(IMEI, "VERSION#RELAY,1", owner="x"), "syntax"),
        (lambda c: c.give_text(IMEI, "VERSION\nRELAY,1", owner="x"), "syntax"),
        (lambda c: c.give_text(IMEI, "NOSUCHTHING", owner="x"), "unknown"),
        (lambda c: c.give_text(IMEI, "FORMAT", owner="x"), "confirm"),
        (lambda c: c.give_text(IMEI, "VERSION", owner="x", ttl=0.0), "ttl"),
        (lambda c: c.give_text(IMEI, "VERSION", owner="x", ttl=float("nan")), "ttl"),
        (lambda c: c.give_text(IMEI, "VERSION", owner="x", ttl=1e12), "ttl"),
        (lambda c: c.give_message(IMEI, {"header": {"msg_id": 0x8104}}, owner="x"), "syntax"),
        (lambda c: c.give_message(PHONE, {"header": {"msg_id": 0x0200}}, owner="x"), "syntax"),
        (lambda c: c.give_message(PHONE, {}, owner="x"), "syntax"),
        (lambda c: c.give_message(PHONE, {"header": {"msg_id": 0x8105}, "body": {"command": 5}}, owner="x"), "confirm"),
        (lambda c: c.give_message(PHONE, {"header": {"msg_id": 0x8104}, "body": {"x": object()}}, owner="x"), "syntax"),
        (lambda c: c.give_message(PHONE, {"header": {"msg_id": 0x8104}, "body": []}, owner="x"), "syntax"),
        (lambda c: c.give_message(PHONE, {"header": {"msg_id": 0x8001}, "body": {"seq": 1}}, owner="x"), "confirm"),
        (lambda c: c.give_message(PHONE, text_message(b"RELAY,1"), owner="x"), "confirm"),
        (lambda c: c.give_message(PHONE, text_message(b"VERSION#RELAY,1"), owner="x"), "syntax"),
    ],
)
def test_what_cannot_be_given_is_refused_and_not_stored(give: Any, code: str) -> None:
    world = CommandWorld()
    world.device()
    world.device(PHONE)
    assert refusal(world.result(give(world.commands))).code == code
    assert (world.store.commands_, len(world.commands)) == ({}, 0)


def test_a_terminal_takes_so_many_commands_and_no_more() -> None:
    world = CommandWorld(CommandSettings(most_queued=3, most_open=4))
    world.device(OTHER)
    givings = [world.commands.give_text(world.device().id, "VERSION", owner="x") for _ in range(4)]
    assert refusal(world.result(givings[3])).code == "full"
    world.give(id=OTHER)
    assert refusal(world.result(world.commands.give_text(OTHER, "VERSION", owner="x"))).code == "full"
    assert len(world.commands) == 4


# -- in turn --------------------------------------------------------------------------------------------------------


def test_one_command_is_in_flight_at_a_time_and_the_order_is_that_of_giving() -> None:
    world = CommandWorld()
    link = world.login()
    first, second, third = world.give("VERSION"), world.give("STATUS"), world.give("PARAM")
    assert link.given == [(first.id, "VERSION")]
    world.commands.heard(IMEI, first.id, "[VERSION]JC400")
    assert world.state(first) == "answered"
    assert link.given[1:] == [(second.id, "STATUS")]
    world.commands.heard(IMEI, second.id, "fine")
    world.store.commit()
    assert link.given[2:] == [(third.id, "PARAM")]
    assert world.ended == [(first.id, "answered"), (second.id, "answered")]
    assert world.store.commands_[first.id].reply == "[VERSION]JC400"


def test_commands_for_a_terminal_off_line_are_sent_when_it_comes() -> None:
    world = CommandWorld()
    first, second = world.give("VERSION"), world.give("STATUS")
    assert world.state(first) == "queued"
    link = world.login()
    world.store.commit()
    assert link.given == [(first.id, "VERSION")]
    world.commands.heard(IMEI, first.id, "ok")
    world.store.commit()
    assert link.given[1:] == [(second.id, "STATUS")]


def test_a_command_expires_while_its_terminal_is_off_line() -> None:
    world = CommandWorld()
    command = world.give(ttl=100.0)
    world.clock.advance(101.0)
    assert world.state(command) == "expired"
    link = world.login()
    world.store.commit()
    assert (link.given, world.ended) == ([], [(command.id, "expired")])


def test_the_link_that_goes_while_the_store_writes_costs_nothing() -> None:
    world = CommandWorld()
    first = world.login()
    given = world.commands.give_text(IMEI, "RELAY,1", owner="x", confirm=True)
    act, done = world.store.waiting.pop()
    done.callback(act())
    world.lose()
    world.store.commit()
    assert (first.given, given.called) == ([], True)
    assert world.state(world.store.commands_[1]) in ("queued", "sent")  # it was marked, and not sent
    second = world.login()
    world.store.commit()
    assert second.given == [(1, "RELAY,1")]


# -- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("RTMP:OK!", "answered"),
        ("[VERSION]JC400D_V4.2", "answered"),
        ("", "answered"),
        ("RTMP,parameter B error. options:[IN,OUT,INOUT,PIP]", "refused"),
        ("EVIDEO,command length error. support length [3, 4]", "refused"),
        ("DISK,command header error", "refused"),
        ("Not support!", "refused"),
    ],
)
def test_the_words_of_the_terminal_end_its_command(text: str, state: str) -> None:
    world = CommandWorld()
    world.login()
    command = world.give()
    world.commands.heard(IMEI, command.id, text)
    assert world.state(command) == state
    assert world.store.commands_[command.id].reply == text


def test_no_answer_is_a_failure_and_the_late_one_is_kept_beside_it() -> None:
    world = CommandWorld()
    world.login()
    command = world.give("RELAY,1", confirm=True)
    world.clock.advance(61.0)
    assert world.state(command) == "failed"
    world.commands.heard(IMEI, command.id, "RELAY:OK!")
    world.store.commit()
    stored = world.store.commands_[command.id]
    assert (stored.state, stored.reply, stored.late) == (Life.FAILED, None, "RELAY:OK!")
    world.commands.heard(IMEI, command.id, "again")
    world.store.commit()
    assert world.store.commands_[command.id].late == "RELAY:OK!"
    assert world.ended == [(command.id, "failed")]


def test_a_late_answer_never_confirms_another_command() -> None:
    world = CommandWorld()
    link = world.login()
    stop, resume = world.give("RELAY,1", confirm=True), world.give("RELAY,0", confirm=True)
    world.clock.advance(61.0)
    world.store.commit()
    assert link.given == [(stop.id, "RELAY,1"), (resume.id, "RELAY,0")]
    world.commands.heard(IMEI, stop.id, "RELAY:OK!")
    assert world.state(resume) == "sent"
    world.commands.heard(IMEI, resume.id, "RELAY:OK!")
    assert world.state(resume) == "answered"


def test_another_terminals_flag_confirms_nothing() -> None:
    world = CommandWorld()
    world.login()
    world.login(OTHER)
    mine, theirs = world.give(), world.give(id=OTHER)
    world.commands.heard(OTHER, mine.id, "it was me")
    world.commands.heard(IMEI, 4_000_000_000, "who?")
    world.store.commit()
    assert (world.state(mine), world.state(theirs)) == ("sent", "sent")
    assert world.store.commands_[mine.id].late is None


def test_a_terminal_that_answers_without_flags_is_matched_by_order() -> None:
    world = CommandWorld()
    link = world.login()
    first, second = world.give("VERSION"), world.give("STATUS")
    world.commands.heard(IMEI, 0, "[VERSION]JC400")
    assert world.state(first) == "answered"
    world.commands.heard(IMEI, 0, "[VERSION]JC400")  # twice
    assert world.state(second) == "sent"
    world.commands.heard(IMEI, 0, "Battery:12.4V")
    assert world.state(second) == "answered"
    assert [text for _, text in link.given] == ["VERSION", "STATUS"]


def test_an_answer_without_a_flag_confirms_nothing_while_an_earlier_one_may_come() -> None:
    world = CommandWorld()
    world.login()
    stop, resume = world.give("RELAY,1", confirm=True), world.give("RELAY,0", confirm=True)
    world.clock.advance(61.0)
    assert (world.state(stop), world.state(resume)) == ("failed", "sent")
    world.commands.heard(IMEI, 0, "RELAY:OK!")
    assert world.state(resume) == "sent"
    world.clock.advance(61.0)
    assert world.state(resume) == "failed"


def test_who_brings_flags_back_is_not_matched_without() -> None:
    world = CommandWorld()
    world.login()
    first = world.give()
    world.commands.heard(IMEI, first.id, "ok")
    second = world.give("STATUS")
    world.commands.heard(IMEI, 0, "something that it says on its own")
    assert world.state(second) == "sent"


def test_an_answer_without_a_flag_that_comes_again_confirms_no_later_command() -> None:
    world = CommandWorld()
    world.login()
    for words in ("VERSION", "STATUS"):
        command = world.give(words)
        world.commands.heard(IMEI, 0, f"answer to {words}")
        assert world.state(command) == "answered"
    # Nothing is open any more, and the terminal still has not forgotten.
    later = world.give("RELAY,0", confirm=True)
    world.commands.heard(IMEI, 0, "answer to VERSION")
    assert world.state(later) == "sent"
    world.commands.heard(IMEI, 0, "RELAY:OK!")
    assert world.state(later) == "answered"


@pytest.mark.parametrize(("text", "state"), [("VERSION", "answered"), ("Picture,in", "sent")])
def test_the_same_words_without_a_flag_answer_the_same_question_but_confirm_no_act(text: str, state: str) -> None:
    world = CommandWorld()
    world.login()
    first, second = world.give(text), world.give(text)
    world.commands.heard(IMEI, 0, "OK!")
    assert world.state(first) == "answered"
    world.commands.heard(IMEI, 0, "OK!")
    assert world.state(second) == state


def test_a_terminal_without_flags_gets_its_next_command_when_its_answer_can_be_believed() -> None:
    world = CommandWorld()
    link = world.login()
    first = world.give("VERSION")
    world.commands.heard(IMEI, 0, "JC400")
    silent, next = world.give("RELAY,1", confirm=True), world.give("STATUS")
    world.clock.advance(60.0)
    assert (world.state(first), world.state(silent)) == ("answered", "failed")
    world.clock.advance(119.0)
    assert [tag for tag, _ in link.given] == [first.id, silent.id]
    world.clock.advance(1.0)
    world.store.commit()
    world.commands.heard(IMEI, 0, "fine")
    assert world.state(next) == "answered"


def test_an_answer_without_a_flag_confirms_nothing_just_after_a_restart() -> None:
    world = CommandWorld()
    world.login()
    stop = world.give("RELAY,1", confirm=True)
    world.clock.advance(61.0)
    assert world.state(stop) == "failed"
    world.crash()
    world.login()
    resume = world.give("RELAY,0", confirm=True)
    world.commands.heard(IMEI, 0, "RELAY:OK!")
    assert world.state(resume) == "sent"


def test_a_busy_terminal_is_asked_again_and_again_and_no_more() -> None:
    world = CommandWorld()
    link = world.login()
    command = world.give("Picture,in")
    for number, wait in enumerate(BUSY_WAITS, 1):
        world.commands.heard(IMEI, command.id, "busy")
        assert world.state(command) == "sent"
        world.clock.advance(wait - 0.1)
        assert len(link.given) == number
        world.clock.advance(0.2)
        assert len(link.given) == number + 1
    world.commands.heard(IMEI, command.id, "busy")
    assert world.state(command) == "refused"
    assert world.ended == [(command.id, "refused")]


def test_a_command_that_was_refused_as_busy_waits_for_the_next_link() -> None:
    world = CommandWorld()
    world.login()
    command = world.give("RELAY,1", confirm=True)
    world.commands.heard(IMEI, command.id, "busy")
    world.lose()
    assert world.commands._open[command.id].state is Life.QUEUED
    link = world.login()
    world.store.commit()
    assert link.given == [(command.id, "RELAY,1")]


def test_a_busy_terminal_that_was_asked_again_and_left_is_not_asked_a_third_time() -> None:
    world = CommandWorld()
    link = world.login()
    command = world.give("Picture,in")
    world.commands.heard(IMEI, command.id, "busy")
    world.clock.advance(BUSY_WAITS[0])
    assert len(link.given) == 2
    world.lose()  # it may be taking the picture
    again = world.login()
    world.clock.advance(61.0)
    assert (again.given, world.state(command)) == ([], "failed")


# -- lost links -----------------------------------------------------------------------------------------------------


def test_a_lost_link_sends_a_harmless_command_again() -> None:
    world = CommandWorld()
    world.login()
    command = world.give("VERSION")
    world.lose()
    link = world.login()
    world.store.commit()
    assert link.given == [(command.id, "VERSION")]
    world.commands.heard(IMEI, command.id, "ok")
    assert world.state(command) == "answered"
    assert world.store.commands_[command.id].sendings == 2


def test_a_lost_link_never_does_a_thing_twice_but_the_answer_still_counts() -> None:
    world = CommandWorld()
    world.login()
    command = world.give("Picture,in")
    world.lose()
    link = world.login()
    world.store.commit()
    assert link.given == []
    world.commands.heard(IMEI, command.id, "PICTURE:OK!")
    assert world.state(command) == "answered"


def test_the_newer_connection_takes_over_the_commands() -> None:
    world = CommandWorld()
    older = world.login()
    command = world.give("VERSION")
    newer = world.login()
    world.store.commit()
    assert (older.given, newer.given) == ([(command.id, "VERSION")], [(command.id, "VERSION")])


def test_a_takeover_keeps_the_order_of_what_comes_back_from_the_older_link() -> None:
    world = CommandWorld()
    older = world.login(PHONE)
    orders = [message(world, msg_id) for msg_id in (0x8300, 0x8104, 0x8300, 0x8104, 0x8300, 0x8300)]
    ids = [order.id for order in orders]
    assert [tag for tag, _ in older.given] == ids[:4]
    newer = RecordingLink(window=4)
    world.device(PHONE).link = newer
    # The older session says how its commands ended while the newer link is there already.
    for order, outcome in zip(orders, ("lost", "lost", "unsent", "unsent"), strict=False):
        world.commands.ended(PHONE, order.id, outcome, "the link was lost", None)
    world.commands.link_lost(PHONE)
    world.commands.logged_in(PHONE)
    world.store.commit()
    assert world.state(orders[0]) == "failed"
    assert [tag for tag, _ in newer.given] == ids[1:5]


def test_what_the_store_marks_as_sent_when_the_link_goes_keeps_its_place_and_was_not_sent() -> None:
    world = CommandWorld()
    world.login(PHONE)
    orders = [message(world) for _ in range(2)]
    world.lose(PHONE)
    more = [message(world) for _ in range(4)]
    world.device(PHONE).link = lost = RecordingLink(window=4)
    world.commands.logged_in(PHONE)  # the first four are being marked
    world.lose(PHONE)
    world.device(PHONE).link = link = RecordingLink(window=4)
    world.commands.logged_in(PHONE)
    world.store.commit()
    assert (lost.given, [tag for tag, _ in link.given]) == ([], [order.id for order in [*orders, *more[:2]]])
    assert [world.store.commands_[order.id].sendings for order in [*orders, *more[:2]]] == [2, 2, 1, 1]


# -- restarts -------------------------------------------------------------------------------------------------------


def test_commands_outlive_the_service() -> None:
    world = CommandWorld()
    first, second = world.give("VERSION"), world.give("STATUS")
    world.crash()
    link = world.login()
    world.store.commit()
    world.commands.heard(IMEI, first.id, "ok")
    world.store.commit()
    assert link.given == [(first.id, "VERSION"), (second.id, "STATUS")]


def test_what_was_out_when_the_service_was_killed() -> None:
    world = CommandWorld()
    world.login()
    asked = world.give("VERSION")
    world.login(OTHER)
    done = world.give("Picture,in", OTHER)
    world.crash()
    again, not_again = world.login(), world.login(OTHER)
    world.store.commit()
    assert (again.given, not_again.given) == ([(asked.id, "VERSION")], [])
    world.commands.heard(OTHER, done.id, "PICTURE:OK!")
    assert world.state(done) == "answered"


def test_what_was_out_is_given_up_after_its_time() -> None:
    world = CommandWorld()
    world.login()
    done = world.give("Picture,in")
    world.crash()
    world.clock.advance(61.0)
    assert world.state(done) == "failed"


def test_an_end_that_was_stored_is_an_end_after_the_restart() -> None:
    world = CommandWorld()
    world.login()
    command = world.give("VERSION")
    world.commands.heard(IMEI, command.id, "ok")
    world.store.commit()
    world.crash()
    link = world.login()
    world.store.commit()
    assert link.given == []


def test_an_end_that_the_store_does_not_take_is_tried_again_and_told_then() -> None:
    world = CommandWorld()
    world.login()
    command = world.give("VERSION")
    world.store.failing = True
    world.commands.heard(IMEI, command.id, "ok")
    world.store.commit()
    assert world.ended == []
    world.store.failing = False
    world.clock.advance(BUSY_WAITS[-1])
    world.store.commit()
    assert world.ended == [(command.id, "answered")]


def test_an_end_that_the_journal_does_not_take_is_told_again_until_it_does() -> None:
    world = CommandWorld()
    world.login()
    command = world.give("VERSION")
    world.safe = False
    world.commands.heard(IMEI, command.id, "ok")
    world.store.commit()
    assert (world.ended, world.store.commands_[command.id].told) == ([(command.id, "answered")], False)
    world.safe = True
    world.clock.advance(TELL_AGAIN)
    world.store.commit()
    assert (world.ended, world.store.commands_[command.id].told) == ([(command.id, "answered")] * 2, True)
    world.clock.advance(10 * TELL_AGAIN)
    assert len(world.ended) == 2


def test_a_late_answer_and_the_word_that_the_end_is_told_are_both_kept() -> None:
    world = CommandWorld()
    world.login()
    command = world.give("VERSION")
    world.safe = False
    world.clock.advance(61.0)
    assert world.state(command) == "failed"
    world.commands.heard(IMEI, command.id, "late")
    look, looked = world.store.waiting.pop()
    found = look()
    world.safe = True
    world.clock.advance(TELL_AGAIN)
    looked.callback(found)
    world.store.commit()
    stored = world.store.commands_[command.id]
    assert (stored.late, stored.told) == ("late", True)


# -- waiting and cancelling -----------------------------------------------------------------------------------------


def test_a_caller_can_wait_for_the_end() -> None:
    world = CommandWorld()
    world.login()
    command = world.give()
    waiting = world.commands.wait(command.id, 30.0)
    assert not waiting.called
    world.commands.heard(IMEI, command.id, "ok")
    assert not waiting.called  # not before it is stored
    ended = world.result(waiting)
    assert (ended.state, ended.reply) == (Life.ANSWERED, "ok")
    assert world.result(world.commands.wait(command.id, 30.0)).reply == "ok"


def test_a_caller_waits_so_long_and_can_come_back() -> None:
    world = CommandWorld()
    command = world.give()
    waiting = world.commands.wait(command.id, 5.0)
    world.clock.advance(5.1)
    assert world.result(waiting).state is Life.QUEUED
    assert not world.commands._waiters
    gone = world.commands.wait(command.id, 5.0)
    gone.addErrback(lambda _: None)
    gone.cancel()
    assert not world.commands._waiters


def test_nobody_can_wait_for_what_is_not_known() -> None:
    world = CommandWorld()
    assert isinstance(world.result(world.commands.wait(77, 1.0)).value, LookupError)
    assert isinstance(world.result(world.commands.cancel(77, "me")).value, LookupError)


def test_a_command_can_be_cancelled_before_and_after_it_was_sent() -> None:
    world = CommandWorld()
    first, second = world.give("VERSION"), world.give("STATUS")
    cancelled = world.result(world.commands.cancel(second.id, "anna"))
    assert (cancelled.state, cancelled.why) == (Life.CANCELLED, "cancelled by anna")
    link = world.login()
    world.store.commit()
    late = world.result(world.commands.cancel(first.id, "anna"))
    assert (late.state, "may carry it out" in late.why) == (Life.CANCELLED, True)
    assert (link.given, link.cancelled) == ([(first.id, "VERSION")], [first.id])
    assert world.result(world.commands.cancel(first.id, "anna")).why == late.why


def test_a_command_can_be_cancelled_before_it_is_stored() -> None:
    world = CommandWorld()
    link = world.login()
    given = world.commands.give_text(IMEI, "VERSION", owner="x")
    cancelled = world.commands.cancel(1, "x")
    assert world.result(given).state is Life.CANCELLED
    assert world.result(cancelled).state is Life.CANCELLED
    assert (link.given, len(world.commands)) == ([], 0)


def test_the_end_of_the_service_lets_those_who_wait_go() -> None:
    world = CommandWorld()
    command = world.give()
    waiting = world.commands.wait(command.id, 30.0)
    world.commands.stop()
    assert isinstance(world.result(waiting).value, StoreError)
    assert world.clock.getDelayedCalls() == []


# -- JT/T 808 -------------------------------------------------------------------------------------------------------


def message(world: CommandWorld, msg_id: int = 0x8104, **rest: Any) -> Command:
    world.device(PHONE)
    given = world.result(world.commands.give_message(PHONE, {"header": {"msg_id": msg_id}}, owner="x", **rest))
    assert isinstance(given, Command)
    return given


def test_messages_go_out_several_at_a_time_and_end_as_their_session_says() -> None:
    world = CommandWorld()
    link = world.login(PHONE)
    orders = [message(world) for _ in range(6)]
    assert [tag for tag, _ in link.given] == [1, 2, 3, 4]
    for order, outcome in zip(orders, ("answered", "refused", "failed", "expired"), strict=False):
        world.commands.ended(PHONE, order.id, outcome, "why", {"result": 0})
        assert world.state(order) == outcome
    assert [tag for tag, _ in link.given] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("msg_id", "outcome", "state"),
    [
        (0x8104, "lost", "queued"),
        (0x8104, "unsent", "queued"),
        (0x8300, "lost", "failed"),
        (0x8300, "unsent", "queued"),
        (0x8104, "failed", "failed"),
    ],
)
def test_a_lost_link_sends_messages_again_that_do_nothing_twice(msg_id: int, outcome: str, state: str) -> None:
    world = CommandWorld()
    world.login(PHONE)
    order = message(world, msg_id)
    world.commands.ended(PHONE, order.id, outcome, "why", None)
    world.lose(PHONE)
    world.store.commit()
    found = world.commands._open.get(order.id) or world.store.commands_[order.id]
    assert str(found.state) == state


def test_what_the_session_does_not_know_of_any_more_ends_with_the_link() -> None:
    world = CommandWorld()
    world.login(PHONE)
    order = message(world, 0x8300)
    world.lose(PHONE)
    assert world.state(order) == "failed"
    world.commands.ended(PHONE, order.id, "answered", "late", None)
    assert world.state(order) == "failed"


def test_messages_that_were_out_when_the_service_was_killed() -> None:
    world = CommandWorld()
    world.login(PHONE)
    asked, done = message(world, 0x8104), message(world, 0x8300)
    world.crash()
    assert world.state(done) == "failed"
    link = world.login(PHONE)
    world.store.commit()
    assert [tag for tag, _ in link.given] == [asked.id]


def test_a_message_that_cannot_be_written_fails_with_the_reason() -> None:
    world = CommandWorld()
    link = world.login(PHONE)
    link.unsendable = "body.params: it is missing"
    order = message(world, 0x8103)
    assert world.state(order) == "failed"
    assert world.store.commands_[order.id].why == "body.params: it is missing"


@pytest.mark.parametrize(
    ("words", "state"),
    [(b"VERSION:JC371", "answered"), (b"Not support!", "refused"), ("好".encode("gb18030"), "answered")],
)
def test_a_text_command_over_jt808_ends_by_the_words_of_the_terminal(words: bytes, state: str) -> None:
    world = CommandWorld()
    world.login(PHONE)
    command = world.give("VERSION", PHONE)
    reply = {"type": 0xF0, "data": base64.b64encode(words).decode()}
    world.commands.ended(PHONE, command.id, "answered", "0x0900", reply)
    assert world.state(command) == state
    assert world.store.commands_[command.id].reply == words.decode("gb18030")


@pytest.mark.parametrize("reply", [None, {}, {"data": 5}, {"data": "***"}, [], "x"])
def test_a_reply_without_words_has_no_text(reply: Any) -> None:
    assert text_of(reply) is None


def test_a_text_command_over_jt808_that_finds_its_terminal_busy_is_given_again_and_expires() -> None:
    world = CommandWorld()
    link = world.login(PHONE)
    command = world.give("STATUS", PHONE, ttl=20.0)
    busy = {"type": 0xF0, "data": base64.b64encode(b"busy").decode()}
    world.commands.ended(PHONE, command.id, "answered", "0x0900", busy)
    world.clock.advance(BUSY_WAITS[0])
    assert [tag for tag, _ in link.given] == [command.id] * 2
    world.clock.advance(20.0)
    assert world.state(command) == "expired"
    assert link.cancelled == [command.id]


def test_a_text_command_that_comes_as_a_message_is_one() -> None:
    world = CommandWorld()
    world.device(PHONE)
    given = world.result(world.commands.give_message(PHONE, text_message(b"VERSION#"), owner="x"))
    assert (given.text, given.message, given.repeatable) == ("VERSION", None, True)
    ours = world.result(world.commands.give_message(PHONE, text_message(b"SOMETHING,1"), owner="x", confirm=True))
    assert (ours.text, ours.repeatable) == ("SOMETHING,1", False)


def test_those_who_look_see_that_a_command_waits_again() -> None:
    world = CommandWorld()
    world.login()
    command = world.give("VERSION")
    world.lose()
    assert world.state(command) == "queued"
