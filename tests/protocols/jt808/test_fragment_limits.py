"""Long messages in parts: what is asked for, what they may take, what is sent again."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jimigw.protocols.jt808.fragment_sets import ENDED_COST, PART_COST, SET_COST
from jimigw.protocols.jt808.fragments import Budget, Limits, Missing, Reassembly, Sent, Serials
from jimigw.protocols.jt808.header import Addressing
from tests.protocols.jt808.parts import FINISHED, KEPT, REFUSED, REPEATED, TO, TO_2019, A, B, fresh, header


def dropped(budget: Budget) -> dict[str, int]:
    """What was dropped, without the reasons that did not occur."""
    return {reason: count for reason, count in budget.dropped.items() if count}


# -- what is asked for --------------------------------------------------------------------------------------------


def asked(found: list[Missing]) -> list[tuple[int, list[int]]]:
    return [(missing.first_sn, missing.indices) for missing in found]


def test_requests_come_5_seconds_after_the_last_new_part_and_then_ever_later() -> None:
    reassembly = fresh()
    reassembly.add(header(4, 5, 10), A, 100.0)
    reassembly.add(header(2, 5, 8), A, 101.0)
    reassembly.add(header(2, 5, 8), A, 103.0)  # a repeat is not new
    times: list[float] = []
    while len(reassembly):
        deadline = reassembly.deadline
        assert deadline is not None
        assert reassembly.requests(deadline - 0.001) == []
        if found := reassembly.requests(deadline):
            assert asked(found) == [(7, [1, 3, 5])]
            times.append(deadline)
            continue
        (dead,) = reassembly.expire(deadline)
        assert asked([dead]) == [(7, [1, 3, 5])]
        assert (dead.msg_id, dead.total, dead.received) == (0x0900, 5, 2)
        assert deadline == 163.0
    assert times == [106.0, 113.5, 123.5, 136.0, 151.0]
    assert reassembly.held == 0


def test_without_anything_pending_there_is_no_deadline() -> None:
    assert fresh().deadline is None
    assert Sent().deadline is None


def test_a_new_part_begins_the_waiting_anew() -> None:
    reassembly = fresh()
    reassembly.add(header(1, 3, 7), A, 0)
    assert asked(reassembly.requests(5)) == [(7, [2, 3])]
    reassembly.add(header(2, 3, 8), A, 6)
    assert reassembly.requests(10) == []
    assert asked(reassembly.requests(11)) == [(7, [3])]


@pytest.mark.parametrize(
    ("to", "msg_id", "most"), [(TO, 0x0900, 125), (TO_2019, 0x0900, 509), (TO, 0x0801, 125), (TO_2019, 0x0801, 125)]
)
def test_a_request_asks_for_no_more_than_fits(to: Addressing, msg_id: int, most: int) -> None:
    reassembly = fresh()
    reassembly.add(header(2, 65535, 1, msg_id, to), A, 0)
    (missing,) = reassembly.requests(5)
    assert missing.indices == [1, *range(3, most + 2)]


def test_the_first_serial_number_is_the_first_parts_own() -> None:
    reassembly = fresh()
    reassembly.add(header(2, 3, 1250), B, 0)
    assert asked(reassembly.requests(5)) == [(1249, [1, 3])]
    reassembly.add(header(1, 3, 1233), A, 6)
    (missing,) = reassembly.requests(11)
    assert (missing.first_sn, missing.indices, missing.header.frag_sn) == (1233, [3], 1)


def test_repeats_keep_a_message_alive() -> None:
    reassembly = fresh()
    reassembly.add(header(1, 2, 7), A, 0)
    reassembly.add(header(1, 2, 7), A, 50)
    assert reassembly.expire(109.9) == []
    assert len(reassembly.expire(110)) == 1


def test_the_end_of_a_message_is_remembered_as_long_as_an_open_one_lives() -> None:
    reassembly = fresh()
    reassembly.add(header(1, 2, 7), A, 0)
    reassembly.add(header(2, 2, 8), B, 10)
    assert reassembly.held == ENDED_COST + 2 * 4
    assert reassembly.deadline == 70
    assert reassembly.add(header(2, 2, 8), B, 69.9) is FINISHED
    assert reassembly.add(header(2, 2, 8), B, 70) is KEPT


# -- what is dropped ----------------------------------------------------------------------------------------------

ROOM = SET_COST + 100 + PART_COST
"""What a set with one part of 100 bytes takes."""


def fill(reassembly: Reassembly, count: int, first: int = 0) -> None:
    """Open that many sets of one part of 100 bytes."""
    reassembly.serials = Serials.CONSECUTIVE
    for number in range(first, first + count):
        assert reassembly.add(header(1, 2, 10 * number), bytes(100), float(number)) is KEPT


def first_numbers(reassembly: Reassembly) -> list[int]:
    return [missing.first_sn for missing in reassembly.requests(1e9)]


def test_the_oldest_set_goes_first_when_there_are_too_many() -> None:
    reassembly = fresh(Limits(sets=3), budget := Budget())
    fill(reassembly, 5)
    assert first_numbers(reassembly) == [20, 30, 40]
    assert dropped(budget) == {"sets": 2}
    assert (budget.sets, budget.bytes, reassembly.held) == (3, 3 * ROOM, 3 * ROOM)


def test_the_oldest_set_goes_first_when_a_terminal_keeps_too_much() -> None:
    reassembly = fresh(Limits(terminal_bytes=3 * ROOM + 10), budget := Budget())
    fill(reassembly, 4)
    assert first_numbers(reassembly) == [10, 20, 30]
    assert dropped(budget) == {"bytes": 1}


def test_a_message_that_is_too_big_is_dropped_and_the_rest_of_it_refused() -> None:
    reassembly = fresh(Limits(set_bytes=ROOM + 10), budget := Budget())
    assert reassembly.add(header(1, 9, 7), bytes(100), 0) is KEPT
    assert reassembly.add(header(2, 9, 8), bytes(100), 0) is REFUSED
    assert reassembly.add(header(3, 9, 9), bytes(100), 1) is REFUSED
    assert reassembly.add(header(1, 9, 7), bytes(100), 2) is REFUSED
    assert (len(reassembly), budget.sets, budget.bytes) == (0, 0, ENDED_COST)
    assert dropped(budget) == {"too_big": 1, "late": 2}


def test_a_part_for_which_there_is_no_room_at_all_is_refused() -> None:
    reassembly = fresh(Limits(terminal_bytes=ROOM - 1), budget := Budget())
    assert reassembly.add(header(1, 9, 7), bytes(100), 0) is REFUSED
    assert dropped(budget) == {"bytes": 1}
    reassembly = fresh(None, budget := Budget(max_bytes=ROOM + 10))
    assert reassembly.add(header(1, 9, 7), bytes(100), 0) is KEPT
    assert reassembly.add(header(2, 9, 8), bytes(100), 0) is REFUSED
    assert (dropped(budget), budget.bytes, budget.sets) == ({"budget": 1}, 0, 0)


@pytest.mark.parametrize("budget", [Budget(max_bytes=5 * ROOM), Budget(max_sets=5)], ids=["bytes", "sets"])
def test_whoever_holds_the_most_gives_way_when_the_budget_is_used_up(budget: Budget) -> None:
    greedy, modest, late = (fresh(None, budget) for _ in range(3))
    fill(greedy, 3)
    fill(modest, 2)
    fill(late, 1)
    assert first_numbers(greedy) == [10, 20]
    fill(late, 1, 10)
    assert [len(each) for each in (greedy, modest, late)] in ([1, 2, 2], [2, 1, 2])
    assert (dropped(budget), budget.sets, budget.bytes) == ({"budget": 2}, 5, 5 * ROOM)


def test_a_terminal_that_leaves_gives_everything_back() -> None:
    budget = Budget()
    reassembly = fresh(None, budget)
    fill(reassembly, 3)
    reassembly.add(header(2, 2, 1), A, 9)
    assert len(reassembly) == 2
    reassembly.clear()
    assert (len(reassembly), reassembly.held, budget.bytes, budget.sets) == (0, 0, 0, 0)
    assert budget.greediest() is None
    assert dropped(budget) == {"left": 2}


def test_no_more_ends_are_remembered_than_allowed() -> None:
    reassembly = fresh(Limits(remembered=2))
    for number in range(4):
        reassembly.add(header(1, 2, 10 * number), A, 0)
        reassembly.add(header(2, 2, 10 * number + 1), B, 0)
    assert reassembly.held == 2 * (ENDED_COST + 8)
    assert [reassembly.add(header(2, 2, 10 * number + 1), B, 1) for number in range(4)] == [KEPT] * 2 + [FINISHED] * 2


def test_a_hostile_total_takes_no_memory() -> None:
    budget = Budget()
    headers = [header(65535, 65535, 100 * number) for number in range(8)]
    reassembly = fresh(None, budget)
    reassembly.serials = Serials.CONSECUTIVE
    tracemalloc.start()
    for each in headers:
        assert reassembly.add(each, b"x", 0) in (KEPT, REPEATED)
    reassembly.requests(5)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 32_000


def test_what_is_charged_is_about_what_it_takes() -> None:
    headers = [header(number, 65535, number) for number in range(1, 4001)]
    reassembly = fresh()
    tracemalloc.start()
    for each in headers:
        reassembly.add(each, bytes(bytearray(20)), 0)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.5 < used / reassembly.held < 1.5


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 40), st.binary(max_size=30), st.floats(0, 20)),
        max_size=60,
    )
)
@settings(max_examples=150)
def test_any_parts_whatever_stay_within_the_limits(parts: list[tuple[int, int, int, bytes, float]]) -> None:
    limits = Limits(set_bytes=SET_COST + 3 * PART_COST, sets=3, terminal_bytes=3 * SET_COST, remembered=2)
    budget = Budget(5 * SET_COST, 4)
    terminals = [Reassembly(budget, limits), Reassembly(budget, limits)]
    now = 0.0
    for at, (index, total, serial, body, pause) in enumerate(parts):
        now += pause
        reassembly = terminals[at % 2]
        reassembly.add(header(index, total, serial), body, now)
        reassembly.requests(now)
        reassembly.expire(now)
        assert len(reassembly) <= limits.sets
        assert all(0 <= each.held <= limits.terminal_bytes for each in terminals)
        assert budget.bytes == sum(each.held for each in terminals) <= budget.max_bytes
        assert budget.sets == sum(map(len, terminals)) <= budget.max_sets
        assert reassembly.deadline is None or reassembly.deadline > now
    for reassembly in terminals:
        reassembly.clear()
    assert (budget.bytes, budget.sets) == (0, 0)


# -- what is sent again -------------------------------------------------------------------------------------------

FRAMES = [b"frame 1", b"frame 2", b"frame 3"]


@pytest.mark.parametrize(
    ("seq", "indices", "expected"),
    [
        (65534, [2], [b"frame 2"]),
        (65534, [3, 1], [b"frame 3", b"frame 1"]),
        (65535, [1], [b"frame 1"]),  # any serial number of it
        (0, [1], [b"frame 1"]),
        (1, [1], []),
        (65534, [0, 4, 65535], []),
        (65534, [2, 2, 2], [b"frame 2"]),
        (65534, [], []),
    ],
)
def test_frames_that_are_asked_for(seq: int, indices: list[int], expected: list[bytes]) -> None:
    sent = Sent()
    assert sent.keep(65534, FRAMES, 0)
    assert sent.again(seq, indices) == expected


def test_frames_are_not_sent_again_without_end() -> None:
    sent = Sent(rounds=2)
    sent.keep(7, FRAMES, 0)
    assert [len(sent.again(7, [1, 2, 3])) for _ in range(4)] == [3, 3, 0, 0]


def test_what_was_sent_is_forgotten_when_answered_or_old_or_too_much() -> None:
    sent = Sent(max_messages=2, max_bytes=50, keep_for=100)
    assert [sent.keep(number, FRAMES, float(number)) for number in (10, 20, 30)] == [True] * 3
    assert (len(sent), sent.again(10, [1]), sent.deadline) == (2, [], 120)
    sent.drop(30)
    sent.drop(30)
    assert (len(sent), sent.again(30, [1])) == (1, [])
    assert not sent.keep(40, [bytes(51)], 40)
    assert sent.keep(50, [bytes(40)], 50)  # 21 bytes more do not fit beside it
    assert (len(sent), sent.deadline) == (1, 150)
    sent.expire(149.9)
    assert len(sent) == 1
    sent.expire(150)
    assert len(sent) == 0


def test_a_message_with_the_same_number_takes_the_place_of_the_other() -> None:
    sent = Sent()
    sent.keep(7, FRAMES, 0)
    sent.keep(7, [b"other"], 1)
    assert (len(sent), sent.again(7, [1, 2])) == (1, [b"other"])
