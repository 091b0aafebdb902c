"""Commands and their replies: what ends which command, and what is sent when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jimigw.protocols.jt808.downlinks import Done, Downlinks, Outcome, QueueFull, Settings, growing
from jimigw.protocols.jt808.replies import REPLIES, RULES, UNQUOTED, General, rule_of

ANSWERED, REFUSED, FAILED, EXPIRED = Outcome.ANSWERED, Outcome.REFUSED, Outcome.FAILED, Outcome.EXPIRED
HOUR = 3600.0


def general(seq: int, msg_id: int, result: int = 0) -> Mapping[str, Any]:
    return {"seq": seq, "id": msg_id, "result": result}


def told(done: list[Done]) -> list[tuple[Any, str, str]]:
    return [(each.tag, each.outcome.value, each.reason) for each in done]


def run(downlinks: Downlinks, until: float) -> list[tuple[float, list[bytes], list[tuple[Any, str, str]]]]:
    """Call tick at every deadline up to a time; what came of it."""
    events = []
    while (deadline := downlinks.deadline) is not None and deadline <= until:
        data, done = downlinks.tick(deadline)
        events.append((deadline, data, told(done)))
        assert downlinks.deadline is None or downlinks.deadline > deadline
    return events


# -- the table of replies -----------------------------------------------------------------------------------------

ENDS_BY_GENERAL = [
    *(0x8103, 0x8105, 0x8108, 0x8202, 0x8203, 0x8204, 0x8300, 0x8301, 0x8302, 0x8303, 0x8304, 0x8400, 0x8401),
    *(0x8600, 0x8601, 0x8602, 0x8603, 0x8604, 0x8605, 0x8606, 0x8607, 0x8701, 0x8803, 0x8804, 0x8805, 0x8900),
    *(0x9101, 0x9102, 0x9201, 0x9202, 0x9206, 0x9207, 0x9208, 0x9301, 0x9306, 0x8F00, 0xF001),
]
OWN_REPLY = [
    # command, reply, whether it quotes the serial number, whether 0x0001 alone is enough in the end
    (0x8104, 0x0104, True, False),
    (0x8106, 0x0104, True, False),
    (0x8107, 0x0107, False, False),
    (0x8201, 0x0201, True, False),
    (0x8302, 0x0302, True, True),
    (0x8500, 0x0500, True, True),
    (0x8608, 0x0608, False, False),
    (0x8700, 0x0700, True, False),
    (0x8701, 0x0700, True, True),
    (0x8702, 0x0702, False, False),
    (0x8801, 0x0805, True, True),
    (0x8802, 0x0802, True, False),
    (0x8A00, 0x0A00, False, False),
    (0x9003, 0x1003, False, False),
    (0x9201, 0x1205, True, True),
    (0x9205, 0x1205, True, False),
    (0x9206, 0x1206, True, True),
]
NO_REPLY = [0x8001, 0x8003, 0x8004, 0x8100, 0x8800, 0x9105, 0x9212]


def opened(msg_id: int, edition: int | None = None) -> Downlinks:
    downlinks = Downlinks(edition=edition)
    assert downlinks.send("x", [b"frame"], msg_id, 7, 0.0, HOUR) == [b"frame"]
    return downlinks


@pytest.mark.parametrize("msg_id", ENDS_BY_GENERAL, ids=hex)
def test_ended_by_the_general_answer(msg_id: int) -> None:
    for result, expected in (
        (0, ("x", "answered", "0x0001: success")),
        (1, ("x", "refused", "0x0001: failure")),
        (2, ("x", "refused", "0x0001: message wrong")),
        (3, ("x", "refused", "0x0001: not supported")),
        (9, ("x", "refused", "0x0001: result 9")),
    ):
        assert told(opened(msg_id).heard(0x0001, 1, general(7, msg_id, result), 1.0)) == [expected]


@pytest.mark.parametrize(("msg_id", "reply", "quotes", "enough"), OWN_REPLY, ids=lambda value: f"{value:x}")
def test_ended_by_its_own_reply(msg_id: int, reply: int, quotes: bool, enough: bool) -> None:
    body = {"result": 0, **({"seq": 7} if quotes else {})}
    why = f"0x{reply:04X}: success" if reply in (0x0805, 0x1206) else f"0x{reply:04X}"
    downlinks = opened(msg_id)
    assert downlinks.heard(reply, 99, body, 1.0) == [Done("x", ANSWERED, why, body, reply, 99)]
    assert downlinks.heard(reply, 99, body, 1.0) == []
    if quotes:
        assert opened(msg_id).heard(reply, 99, {**body, "seq": 8}, 1.0) == []
        assert opened(msg_id).heard(reply, 99, {"error": "broken"}, 1.0) == []
    # a refusal ends it
    assert told(opened(msg_id).heard(0x0001, 1, general(7, msg_id, 3), 1.0)) == [
        ("x", "refused", "0x0001: not supported")
    ]
    # success does not, where its own reply has to follow
    downlinks = opened(msg_id)
    assert bool(downlinks.heard(0x0001, 1, general(7, msg_id), 1.0)) is (rule_of(msg_id).general is General.ENDS)
    if downlinks:
        patience = rule_of(msg_id).patience
        end = ("x", "answered", "0x0001: success") if enough else None
        failed = ("x", "failed", f"acknowledged by 0x0001, but 0x{reply:04X} did not follow")
        assert run(downlinks, HOUR) == [(1 + patience, [], [end or failed])]


@pytest.mark.parametrize("msg_id", NO_REPLY, ids=hex)
def test_messages_that_want_no_answer_end_when_they_are_sent(msg_id: int) -> None:
    downlinks = opened(msg_id)
    assert downlinks.heard(0x0001, 1, general(7, msg_id, 1), 0.0) == []
    assert run(downlinks, 0) == [(0.0, [], [("x", "answered", "sent; it wants no answer")])]


def test_the_table_is_whole() -> None:
    assert {msg_id for msg_id, *_ in OWN_REPLY} | set(NO_REPLY) == set(RULES)
    assert {reply for _, reply, *_ in OWN_REPLY} | {0x0001, 0x0900} == REPLIES
    assert {reply for _, reply, quotes, _ in OWN_REPLY if not quotes} == UNQUOTED


@pytest.mark.parametrize(("msg_id", "reply"), [(0x8201, 0x0201), (0x8700, 0x0700), (0x8802, 0x0802)])
def test_terminals_of_2011_quote_less(msg_id: int, reply: int) -> None:
    assert told(opened(msg_id, 2011).heard(reply, 1, {}, 1.0)) == [("x", "answered", f"0x{reply:04X}")]
    assert opened(msg_id, 2013).heard(reply, 1, {}, 1.0) == []


@pytest.mark.parametrize(
    ("reply", "body", "reason"),
    [
        (0x0805, {"seq": 7, "result": 1}, "0x0805: failure"),
        (0x0805, {"seq": 7, "result": 2}, "0x0805: channel not supported"),
        (0x0805, {"seq": 7, "result": 7}, "0x0805: result 7"),
    ],
)
def test_its_own_reply_may_refuse(reply: int, body: dict[str, Any], reason: str) -> None:
    downlinks = opened(0x8801)
    assert downlinks.heard(0x0001, 1, general(7, 0x8801), 1.0) == []
    assert downlinks.heard(reply, 5, body, 2.0) == [Done("x", REFUSED, reason, body, reply, 5)]


@pytest.mark.parametrize(
    ("msg_id", "body"),
    [
        (0x0001, general(8, 0x8103)),  # of another serial number
        (0x0001, general(6, 0x8103)),
        (0x0001, general(7, 0x8104)),  # of another message
        (0x0001, {"seq": 7, "id": 0x8103}),
        (0x0001, {"seq": 7, "id": 0x8103, "result": "0"}),
        (0x0001, {"seq": "7", "id": 0x8103, "result": 0}),
        (0x0001, {"error": "broken", "data": ""}),
        (0x0001, {}),
        (0x0104, {"seq": 7}),
        (0x0200, {"seq": 7}),
        (0xFFFF, {}),
    ],
)
def test_what_ends_nothing(msg_id: int, body: dict[str, Any]) -> None:
    downlinks = opened(0x8103)
    assert downlinks.heard(msg_id, 1, body, 1.0) == []
    assert len(downlinks) == 1


# -- repeats ------------------------------------------------------------------------------------------------------


def test_waits_grow_by_the_formula() -> None:
    assert growing(10.0, 3) == (10, 20, 60, 240)
    assert growing(5.0, 0) == (5,)


def test_no_answer() -> None:
    assert run(opened(0x8103), HOUR) == [
        (10.0, [b"frame"], []),
        (30.0, [b"frame"], []),
        (90.0, [b"frame"], []),
        (330.0, [], [("x", "failed", "no answer, sent 4 times")]),
    ]


def test_an_answer_to_a_repeat_ends_it_and_the_next_ones_are_ignored() -> None:
    downlinks = opened(0x8105)
    assert [data for _, data, _ in run(downlinks, 30)] == [[b"frame"], [b"frame"]]
    assert len(downlinks.heard(0x0001, 1, general(7, 0x8105), 31.0)) == 1
    assert downlinks.heard(0x0001, 1, general(7, 0x8105), 31.0) == []
    assert downlinks.heard(0x0001, 2, general(7, 0x8105, 3), 31.0) == []
    assert downlinks.deadline is None


def test_what_the_terminal_has_acknowledged_is_not_repeated() -> None:
    downlinks = opened(0x8104)
    assert downlinks.heard(0x0001, 1, general(7, 0x8104), 5.0) == []
    assert downlinks.heard(0x0001, 2, general(7, 0x8104), 50.0) == []
    assert run(downlinks, HOUR) == [(65.0, [], [("x", "failed", "acknowledged by 0x0001, but 0x0104 did not follow")])]


@pytest.mark.parametrize(
    ("ttl", "expected"),
    [
        (0.0, [(0.0, [], [("x", "expired", "its time was over before it could be sent")])]),
        (5.0, [(5.0, [], [("x", "expired", "its time was over before the terminal answered")])]),
        (10.0, [(10.0, [], [("x", "expired", "its time was over before the terminal answered")])]),
        (15.0, [(10.0, [b"f"], []), (15.0, [], [("x", "expired", "its time was over before the terminal answered")])]),
    ],
)
def test_time_is_over(ttl: float, expected: list[Any]) -> None:
    downlinks = Downlinks()
    assert downlinks.send("x", [b"f"], 0x8103, 7, 0.0, ttl) == ([b"f"] if ttl else [])
    assert run(downlinks, HOUR) == expected


def test_a_general_answer_that_is_enough_counts_when_the_time_is_over() -> None:
    downlinks = Downlinks()
    downlinks.send("x", [b"f"], 0x8801, 7, 0.0, 20.0)
    downlinks.heard(0x0001, 1, general(7, 0x8801), 5.0)
    assert run(downlinks, HOUR) == [(20.0, [], [("x", "answered", "0x0001: success")])]


# -- long commands ------------------------------------------------------------------------------------------------

LONG = [b"1", b"2", b"3"]


@pytest.mark.parametrize(
    ("acks", "expected"),
    [
        ([(1, 0)], [("x", "answered", "0x0001: success")]),
        ([(65535, 0), (0, 0), (1, 0)], [("x", "answered", "0x0001: success")]),
        ([(65535, 0), (0, 0)], []),
        ([(65535, 2)], [("x", "refused", "0x0001: message wrong")]),
        ([(2, 0)], []),
        ([(65534, 0)], []),
    ],
)
def test_the_last_serial_number_counts(acks: list[tuple[int, int]], expected: list[Any]) -> None:
    downlinks = Downlinks()
    assert downlinks.send("x", LONG, 0x8108, 65535, 0.0, HOUR) == LONG
    done = [each for seq, result in acks for each in downlinks.heard(0x0001, 1, general(seq, 0x8108, result), 1.0)]
    assert told(done) == expected


def test_acknowledged_parts_put_the_repeat_off_and_do_not_make_success() -> None:
    downlinks = Downlinks()
    downlinks.send("x", LONG, 0x8108, 0, 0.0, HOUR)
    downlinks.heard(0x0001, 1, general(0, 0x8108), 4.0)
    assert run(downlinks, 100) == [(14.0, LONG, []), (34.0, LONG, []), (94.0, LONG, [])]
    (done,) = downlinks.tick(334.0)[1]
    assert (done.outcome, done.reason) == (FAILED, "only a part of it was acknowledged, sent 4 times")
    assert done.reply == general(0, 0x8108)


# -- turns --------------------------------------------------------------------------------------------------------


def test_a_window_of_commands_is_out_at_once() -> None:
    downlinks = Downlinks(Settings(window=2))
    assert [downlinks.send(tag, [b"%d" % tag], 0x8103, tag, 0.0, HOUR) for tag in range(4)] == [[b"0"], [b"1"], [], []]
    assert downlinks.unsent == [2, 3]
    assert told(downlinks.heard(0x0001, 9, general(1, 0x8103), 3.0)) == [(1, "answered", "0x0001: success")]
    assert downlinks.deadline == 3.0
    assert downlinks.tick(3.0) == ([b"2"], [])
    # one that the terminal has acknowledged does not count
    downlinks.send("shoot", [b"shoot"], 0x8801, 50, 3.0, HOUR)
    downlinks.heard(0x0001, 9, general(0, 0x8103), 4.0)
    assert downlinks.tick(4.0)[0] == [b"3"]
    downlinks.heard(0x0001, 9, general(2, 0x8103), 4.0)
    assert downlinks.tick(4.0)[0] == [b"shoot"]
    assert downlinks.send("next", [b"next"], 0x8103, 51, 4.0, HOUR) == []
    downlinks.heard(0x0001, 9, general(50, 0x8801), 5.0)
    assert downlinks.deadline == 5.0
    assert downlinks.tick(5.0)[0] == [b"next"]


def test_what_waits_too_long_for_its_turn_expires() -> None:
    downlinks = Downlinks(Settings(window=1))
    downlinks.send(1, [b"1"], 0x8103, 1, 0.0, HOUR)
    downlinks.send(2, [b"2"], 0x8103, 2, 0.0, 5.0)
    assert run(downlinks, 9) == [(5.0, [], [(2, "expired", "its time was over before it could be sent")])]


def test_one_at_a_time_where_the_reply_quotes_nothing() -> None:
    downlinks = Downlinks()
    assert downlinks.send(1, [b"1"], 0x8608, 1, 0.0, HOUR) == [b"1"]
    assert downlinks.send(2, [b"2"], 0x8608, 2, 0.0, HOUR) == []
    assert downlinks.send(3, [b"3"], 0x8107, 3, 0.0, HOUR) == [b"3"]  # another reply
    assert told(downlinks.heard(0x0608, 1, {"type": 1}, 1.0)) == [(1, "answered", "0x0608")]
    assert downlinks.heard(0x0608, 2, {"type": 1}, 1.0) == []  # the second is not out yet
    assert downlinks.tick(1.0) == ([b"2"], [])
    assert told(downlinks.heard(0x0608, 3, {"type": 2}, 2.0)) == [(2, "answered", "0x0608")]


@pytest.mark.parametrize("ending", ["answer to a repeat", "cancel", "expiry", "lost link"])
def test_late_replies_that_quote_nothing_are_waited_for(ending: str) -> None:
    downlinks = Downlinks(Settings(settle=10.0))
    downlinks.send(1, [b"1"], 0x8608, 1, 0.0, 15.0 if ending == "expiry" else HOUR)
    assert downlinks.tick(10.0) == ([b"1"], [])
    if ending == "answer to a repeat":
        assert len(downlinks.heard(0x0608, 1, {}, 15.0)) == 1
    elif ending == "cancel":
        assert downlinks.cancel(1, 15.0)
    elif ending == "expiry":
        assert len(downlinks.tick(15.0)[1]) == 1
    else:
        assert len(downlinks.drop_all(15.0)[0]) == 1
    assert downlinks.send(2, [b"2"], 0x8608, 2, 15.0, HOUR) == []
    assert downlinks.heard(0x0608, 2, {}, 16.0) == []
    assert downlinks.deadline == 25.0
    assert downlinks.tick(25.0) == ([b"2"], [])
    assert told(downlinks.heard(0x0608, 3, {}, 26.0)) == [(2, "answered", "0x0608")]


def test_a_refusal_leaves_nothing_to_wait_for() -> None:
    downlinks = opened(0x8107)
    downlinks.heard(0x0001, 1, general(7, 0x8107, 3), 1.0)
    assert downlinks.send("y", [b"y"], 0x8107, 8, 1.0, HOUR) == [b"y"]


def test_serial_numbers_are_never_out_twice() -> None:
    downlinks = Downlinks()
    assert downlinks.send(1, LONG, 0x8103, 65535, 0.0, HOUR) == LONG
    assert downlinks.send(2, [b"x"], 0x8104, 1, 0.0, HOUR) == []
    downlinks.heard(0x0001, 1, general(1, 0x8103), 1.0)
    assert downlinks.tick(1.0)[0] == [b"x"]


def test_bounds() -> None:
    downlinks = Downlinks(Settings(most=2, most_bytes=10))
    downlinks.send(1, [b"12345"], 0x8103, 1, 0.0, HOUR)
    with pytest.raises(QueueFull, match="5 bytes of commands are waiting for this terminal, 6 more are over the 10"):
        downlinks.send(2, [b"123", b"456"], 0x8103, 2, 0.0, HOUR)
    downlinks.send(2, [b"12345"], 0x8103, 2, 0.0, HOUR)
    with pytest.raises(QueueFull, match="2 commands are waiting for this terminal, at most 2 may"):
        downlinks.send(3, [b""], 0x8103, 3, 0.0, HOUR)
    with pytest.raises(ValueError, match="command 1 is open already"):
        downlinks.send(1, [b""], 0x8103, 3, 0.0, HOUR)
    downlinks.heard(0x0001, 1, general(1, 0x8103), 1.0)
    with pytest.raises(ValueError, match="command 3 has 0 frames"):
        downlinks.send(3, [], 0x8103, 3, 0.0, HOUR)
    assert downlinks.send(3, [b"12345"], 0x8103, 3, 1.0, HOUR) == [b"12345"]


# -- the end of the link ------------------------------------------------------------------------------------------


def test_cancel() -> None:
    downlinks = Downlinks(Settings(window=1))
    downlinks.send(1, [b"1"], 0x8103, 1, 0.0, HOUR)
    downlinks.send(2, [b"2"], 0x8103, 2, 0.0, HOUR)
    downlinks.send(3, [b"3"], 0x8103, 3, 0.0, HOUR)
    assert downlinks.cancel(2, 1.0)
    assert not downlinks.cancel(2, 1.0)
    assert downlinks.cancel(1, 2.0)
    assert 1 not in downlinks
    assert (downlinks.deadline, downlinks.tick(2.0)) == (2.0, ([b"3"], []))
    assert downlinks.heard(0x0001, 1, general(1, 0x8103), 3.0) == []


TEXT_BODY = {"type": 0xF0, "data": "VkVSU0lPTg=="}


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ([(0x0900, 7, TEXT_BODY)], [("x", "answered", "0x0900")]),
        ([(0x0001, 1, general(7, 0x8900)), (0x0900, 7, TEXT_BODY)], [("x", "answered", "0x0900")]),
        ([(0x0001, 1, general(7, 0x8900, 3))], [("x", "refused", "0x0001: not supported")]),
        ([(0x0900, 8, TEXT_BODY)], []),  # something that it says on its own, under a number of its own
        ([(0x0900, 7, {"type": 0xF1, "data": ""})], []),
        ([(0x0001, 1, general(7, 0x8900))], []),
    ],
)
def test_a_text_command_is_answered_under_its_own_serial_number(
    replies: list[tuple[int, int, dict[str, Any]]], expected: list[tuple[str, str, str]]
) -> None:
    downlinks = Downlinks()
    downlinks.send("x", [b"frame"], 0x8900, 7, 0.0, HOUR, rule_of(0x8900, TEXT_BODY))
    assert told([done for reply in replies for done in downlinks.heard(*reply, 1.0)]) == expected


def test_a_text_command_that_is_only_acknowledged_is_answered_after_a_while() -> None:
    downlinks = Downlinks()
    downlinks.send("x", [b"frame"], 0x8900, 7, 0.0, HOUR, rule_of(0x8900, TEXT_BODY))
    downlinks.heard(0x0001, 1, general(7, 0x8900), 1.0)
    assert run(downlinks, HOUR) == [(61.0, [], [("x", "answered", "0x0001: success")])]


def test_the_link_is_lost() -> None:
    downlinks = Downlinks(Settings(window=3))
    downlinks.send("text", [b"1"], 0x8300, 1, 0.0, HOUR)
    downlinks.send("shoot", [b"2"], 0x8801, 2, 0.0, HOUR)
    downlinks.send("query", [b"3"], 0x8104, 3, 0.0, HOUR)
    downlinks.heard(0x0001, 1, general(2, 0x8801), 1.0)
    downlinks.heard(0x0001, 1, general(3, 0x8104), 1.0)
    downlinks.send("answer", [b"4"], 0x8001, 4, 1.0, HOUR)
    for tag, ttl in (("late", 5.0), ("a", HOUR), ("b", HOUR)):
        downlinks.send(tag, [b"x"], 0x8107, 5, 0.0, ttl)
    downlinks.send("c", [b"x"], 0x8107, 6, 0.0, HOUR)
    assert downlinks.unsent == ["a", "b", "c"]
    done, unsent = downlinks.drop_all(6.0)
    assert told(done) == [
        ("text", "lost", "the link was lost before the terminal answered"),
        ("shoot", "answered", "0x0001: success"),
        ("query", "lost", "the link was lost before the terminal answered"),
        ("answer", "answered", "sent; it wants no answer"),
        ("late", "expired", "its time was over before the terminal answered"),
    ]
    assert unsent == ["a", "b", "c"]
    assert len(downlinks) == 0
    assert downlinks.deadline is None
    assert downlinks.heard(0x0001, 1, general(1, 0x8300), 7.0) == []
    assert downlinks.send("text", [b"1"], 0x8300, 1, 7.0, HOUR) == [b"1"]
