"""One reader and its target: what is delivered when, what the cursor does, and what becomes of failures."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from jimigw.delivery.target import Done, Later, Never, Stop
from jimigw.journal.interface import JournalError
from tests.delivery.harness import START, Desk, Told


def test_records_go_in_batches_and_the_cursor_follows() -> None:
    desk = Desk().start()
    desk.put("a", "a", "b", "a", "b")
    assert desk.under_way == [[1, 2, 3]]
    assert desk.cursor == 0
    desk.say(Done())
    assert desk.cursor == 3
    assert desk.under_way == [[4, 5]]
    desk.say(Done())
    assert (desk.cursor, desk.under_way) == (5, [])
    desk.put("a")
    assert desk.under_way == [[6]]


@pytest.mark.parametrize(
    ("start", "stored", "first"), [("beginning", None, 1), ("end", None, None), ("end", 1, 2), ("beginning", 99, None)]
)
def test_where_a_reader_begins(start: str, stored: int | None, first: int | None) -> None:
    desk = Desk(start=start)
    desk.put("a", "a")
    if stored is not None:
        desk.journal.places["a"] = stored
    desk.start()
    assert desk.under_way == ([] if first is None else [list(range(first, 3))])
    # It is known to the journal from now on: what it has not read stays.
    assert desk.cursor == (2 if first is None else first - 1)


def test_lanes_keep_devices_in_order() -> None:
    desk = Desk(Told(batch=2, lanes=4)).start()
    desk.put(*"abcdefgh", *"abcdefgh")
    lanes = desk.under_way
    assert len(lanes) > 1
    devices = [{desk.journal.records[id - 1].device for id in lane} for lane in lanes]
    assert not any(one & other for at, one in enumerate(devices) for other in devices[at + 1 :])
    oldest = min(range(len(lanes)), key=lambda at: lanes[at][0])
    assert lanes[oldest][0] == 1
    for at in reversed(range(len(lanes))):
        if at != oldest:
            desk.say(Done(), at)
    assert desk.cursor == 0  # the oldest is still under way
    desk.all_done()
    assert desk.cursor == 16
    for device in "abcdefgh":
        ids = [id for batch in desk.target.given for id in batch if desk.journal.records[id - 1].device == device]
        assert ids == sorted(ids)
        assert len(ids) == 2


def test_a_batch_is_bounded_in_bytes_and_never_empty() -> None:
    desk = Desk(Told(batch=10, batch_bytes=300)).start()
    desk.journal.put("a", "a", size=80)
    desk.journal.put("a", size=1000)
    desk.journal.put("a", "a", size=10)
    desk.all_done()
    assert desk.target.given == [[1, 2], [3], [4, 5]]


def test_what_is_not_wanted_is_passed() -> None:
    desk = Desk()
    desk.target.kinds = frozenset({"alarm"})
    desk.target.unwanted = {"b"}
    desk.start()
    desk.put("a", "a")
    assert (desk.under_way, desk.cursor) == ([], 2)
    desk.put("b", "a", kind="alarm")
    assert (desk.under_way, desk.cursor) == ([[4]], 3)


def test_a_lone_record_goes_at_once_and_busy_ones_go_by_rounds() -> None:
    desk = Desk(Told(batch=100), interval=0.1).start()
    desk.all_done()
    desk.put("a")
    assert desk.target.given == [[1]]
    for _ in range(10):
        desk.put("a")
        desk.pass_time(0.009)
    assert desk.target.given == [[1]]
    reads = desk.journal.reads
    desk.pass_time(0.011)
    assert desk.target.given == [[1], list(range(2, 12))]
    assert desk.journal.reads == reads + 1
    # A full batch waits for no round.
    desk.put(*"a" * 1050)
    assert [len(batch) for batch in desk.target.given[2:]] == [100] * 10
    desk.pass_time(0.1)
    assert desk.target.given[-1] == list(range(1012, 1062))


def test_it_reads_ahead_only_so_far() -> None:
    desk = Desk(Told(batch=5), window=20).start()
    desk.put(*"a" * 1000)
    assert desk.reader.status().in_hand <= 25
    desk.all_done()
    desk.pass_time(0)
    assert desk.cursor == 1000
    desk = Desk(Told(batch=5), window_bytes=5000).start()
    desk.put(*"a" * 3, size=3000)
    for _ in range(50):
        desk.put("a", size=3000)
    assert desk.reader.status().in_hand <= 5
    desk.all_done()
    assert desk.cursor == 53


def test_long_records_are_read_in_small_pages() -> None:
    desk = Desk(Told(batch=1)).start()
    desk.all_done()
    desk.put(*"a" * 4, size=400_000)
    asked: list[int] = []
    read = desk.journal.read

    def note(after_id: int, limit: int, device: Any = None, kinds: Any = None) -> Any:
        asked.append(limit)
        return read(after_id, limit, device, kinds)

    desk.journal.read = note  # type: ignore[method-assign]
    desk.put(*"a" * 4, size=400_000)
    assert set(asked) == {2}


# -- failures ---------------------------------------------------------------------------------------------------------


def test_later_is_tried_again_the_same_batch_each_time_later() -> None:
    desk = Desk().start()
    desk.put("a", "a")
    waits = []
    for _ in range(8):
        desk.say(Later("full"))
        desk.put("a")  # does not change the batch
        status = desk.reader.status()
        assert (status.state, status.why, status.under_way) == ("waiting", "full", 0)
        assert status.next_try is not None
        waits.append(status.next_try)
        desk.pass_time(status.next_try - 0.01)
        assert desk.under_way == []
        desk.pass_time(0.01)
        assert desk.under_way == [[1, 2]]
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])
    desk.say(Done())
    assert desk.cursor == 2
    assert desk.under_way == [[3, 4, 5]]
    assert desk.reader.status().state == "running"


@pytest.mark.parametrize(("after", "waited"), [(7, 7 * 1.125), (0, 1.0), (0.1, 1.0), (1e9, 600 * 1.125), (-5, 1.0)])
def test_a_target_that_says_how_long_is_left_alone_so_long(after: float, waited: float) -> None:
    desk = Desk(Told(batch=1, lanes=8)).start()
    desk.put("a")
    desk.say(Later("busy", after))
    assert desk.reader.status().next_try == pytest.approx(waited)
    if after > 0:
        desk.put(*"bcdefgh")  # nor in other lanes
        assert desk.under_way == []
        assert desk.reader.status().next_try == pytest.approx(waited)
    desk.pass_time(waited + 0.001)
    assert [1] in desk.under_way


def test_nan_is_no_time() -> None:
    desk = Desk().start()
    desk.put("a")
    desk.say(Later("odd", float("nan")))
    assert desk.reader.status().next_try == pytest.approx(1.0)


def test_one_lane_that_fails_does_not_hold_up_the_others() -> None:
    desk = Desk(Told(batch=1, lanes=8), window=16).start()
    desk.put(*"abcdefgh")
    first = desk.under_way.index([1])
    desk.say(Later("no", None), first)
    for _ in range(3):
        while desk.under_way:
            desk.say(Done())
        desk.put(*"bcdefgh")
    assert desk.cursor == 0
    assert desk.reader.status().breaker == "closed"
    desk.pass_time(1)
    assert desk.under_way[-1] == [1] or [1] in desk.under_way


def test_after_failures_in_a_row_one_batch_is_tried_at_a_time() -> None:
    desk = Desk(Told(batch=1, lanes=16), failures=3).start()
    desk.put(*"abcdefghijkl")
    count = len(desk.under_way)
    assert count >= 4
    for _ in range(count):
        desk.say(Later("down"))
    assert desk.reader.status().breaker == "open"
    desk.pass_time(1.5)
    assert len(desk.under_way) == 1
    assert desk.reader.status().breaker == "trying"
    desk.pass_time(5)
    assert len(desk.under_way) == 1
    desk.say(Later("down"))
    assert desk.under_way == []
    desk.pass_time(2.5)
    assert len(desk.under_way) == 1
    desk.say(Done())
    assert desk.reader.status().breaker == "closed"
    assert len(desk.under_way) == count - 1  # all the others, at once


@pytest.mark.parametrize("outcome", [ValueError("a bug"), None, "done", ValueError()])
def test_whatever_a_target_does_nothing_is_dropped(outcome: Any) -> None:
    desk = Desk().start()
    desk.put("a")
    desk.say(outcome)
    assert (desk.cursor, desk.reader.status().state) == (0, "waiting")
    desk.pass_time(1)
    assert desk.under_way == [[1]]


def test_a_target_that_raises() -> None:
    desk = Desk().start()
    deliver = desk.target.deliver
    desk.target.deliver = lambda records: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    desk.put("a")
    assert desk.reader.status().last_error == "the delivery failed: 'division by zero'"
    desk.target.deliver = deliver  # type: ignore[method-assign]
    desk.pass_time(1)
    assert desk.under_way == [[1]]


# -- dead letters -----------------------------------------------------------------------------------------------------


def test_what_is_never_taken_is_stored_before_the_cursor_passes_it() -> None:
    desk = Desk().start()
    desk.slow_store = True
    desk.put("a", "b", "a", "a")
    desk.say(Never({2: "it is blue", 77: "not mine"}))
    assert (desk.cursor, desk.under_way, desk.letters()) == (0, [], [])
    desk.store.commit()
    assert desk.letters() == [(2, "it is blue")]
    assert (desk.cursor, desk.under_way) == (3, [[4]])
    status = desk.reader.status()
    assert (status.delivered, status.set_aside, status.dead_letters) == (2, 1, 1)
    assert status.last_delivery == START
    letter = desk.store.letters[0]
    record = desk.journal.records[1]
    assert (letter.device, letter.kind, letter.raw, letter.data) == ("b", "position", record.raw, record.data)
    assert (letter.reader, letter.through, letter.at, letter.received_at) == ("a", 2, START, record.received_at)


def test_never_without_records_is_done() -> None:
    desk = Desk().start()
    desk.put("a")
    desk.say(Never({}))
    assert (desk.cursor, desk.letters()) == (1, [])


def test_a_store_that_fails_is_tried_again_and_the_target_is_not() -> None:
    desk = Desk().start()
    desk.store.failing = True
    desk.put("a")
    desk.say(Never({1: "no"}))
    assert (desk.cursor, desk.reader.status().state) == (0, "waiting")
    desk.store.failing = False
    desk.pass_time(1)
    assert (desk.cursor, desk.letters()) == (1, [(1, "no")])
    assert desk.target.given == [[1]]


def test_when_there_is_no_room_for_dead_letters_the_reader_pauses() -> None:
    desk = Desk(Told(batch=1), dead_letters=2).start()
    desk.target.at_once = lambda records: Never({records[0].id: "no"})
    desk.put("a", "a", "a", "a")
    assert [record for record, _ in desk.letters()] == [1, 2]
    assert desk.cursor == 2
    status = desk.reader.status()
    assert status.state == "paused"
    assert status.why == "There is no room: 2 are kept. Send them again or delete them, then resume the reader."
    desk.store.letters.clear()
    desk.reader.resume()
    desk.settle()
    assert desk.target.given == [[1], [2], [3], [4]]
    assert (desk.cursor, [record for record, _ in desk.letters()]) == (4, [3, 4])


def test_damaged_records_are_skipped_with_a_letter_that_says_so() -> None:
    desk = Desk(Told(batch=10))
    desk.journal.put(*"a" * 9)
    desk.journal.damaged = [(3, 5), (9, 9)]
    desk.all_done()
    desk.start().settle()
    assert desk.target.given in ([[1, 2], [6, 7, 8]], [[1, 2, 6, 7, 8]])
    assert desk.cursor == 9
    first, second = desk.store.letters
    assert (first.record, first.through, first.data, second.record) == (3, 5, b"", 9)
    assert first.reason == "The records 3 to 5 of the journal are damaged and cannot be read: a test says so."


def test_a_cursor_amid_damaged_records() -> None:
    desk = Desk(dead_letters=0)
    desk.journal.put(*"a" * 9)
    desk.journal.damaged = [(3, 5)]
    desk.journal.places["a"] = 4
    desk.start().settle()
    assert (desk.reader.status().state, desk.cursor) == ("paused", 4)
    desk.reader.settings = desk.settings
    object.__setattr__(desk.reader.settings, "dead_letters", 5)
    desk.reader.resume()
    desk.settle()
    assert [(letter.record, letter.through) for letter in desk.store.letters] == [(5, 5)]
    assert desk.under_way == [[6, 7, 8]]


def test_a_journal_that_cannot_be_read_is_asked_again() -> None:
    desk = Desk()
    desk.journal.by_hand = True
    desk.start()
    desk.put("a")
    for wait in (1, 2, 4):
        desk.journal.answer_read(JournalError("The disk is on fire."))
        status = desk.reader.status()
        assert (status.state, status.next_try) == ("waiting", wait)
        assert status.why == "the journal cannot be read: The disk is on fire."
        desk.pass_time(wait)
    desk.journal.answer_read()
    assert desk.under_way == [[1]]
    assert desk.reader.status().state == "running"


def test_a_cursor_that_cannot_be_read_is_asked_for_again() -> None:
    desk = Desk()
    desk.journal.put("a")
    cursor = desk.journal.cursor
    desk.journal.cursor = lambda reader: fail(JournalError("Not yet."))  # type: ignore[method-assign]
    desk.start()
    assert desk.reader.status().state == "starting"
    desk.journal.cursor = cursor  # type: ignore[method-assign]
    desk.pass_time(1)
    assert desk.under_way == [[1]]


# -- pause, resume, rewind, skip --------------------------------------------------------------------------------------


def test_stop_pauses_until_somebody_resumes() -> None:
    desk = Desk().start()
    desk.put("a", "a", "a", "a")
    desk.say(Stop("410 Gone"))
    assert (desk.pauses, desk.cursor, desk.under_way) == (["410 Gone"], 0, [])
    status = desk.reader.status()
    assert (status.state, status.why, status.next_try) == ("paused", "410 Gone", None)
    desk.put("a")
    desk.pass_time(10_000)
    assert desk.under_way == []
    assert desk.reader.status().behind_seconds == pytest.approx(10_000)
    desk.reader.resume()
    assert desk.under_way == [[1, 2, 3]]
    assert desk.pauses == ["410 Gone", None]


def test_a_reader_that_starts_paused() -> None:
    desk = Desk()
    desk.journal.put("a", "a")
    desk.start("410 Gone")
    desk.pass_time(50)
    status = desk.reader.status()
    assert (status.state, status.why, status.behind) == ("paused", "410 Gone", 2)
    assert status.behind_seconds == pytest.approx(50)
    desk.reader.resume()
    assert desk.under_way == [[1, 2]]


def test_pause_lets_come_through_what_is_under_way() -> None:
    desk = Desk().start()
    desk.put("a", "a", "a", "a")
    desk.reader.pause()
    desk.say(Done())
    assert (desk.cursor, desk.under_way) == (3, [])
    assert desk.pauses == ["an operator paused it"]
    desk.reader.resume()
    assert desk.under_way == [[4]]


def test_resume_ends_a_wait() -> None:
    desk = Desk().start()
    desk.put("a")
    for _ in range(6):
        desk.say(Later("down"))
        desk.reader.resume()
    assert desk.under_way == [[1]]
    assert desk.pauses == []


@pytest.mark.parametrize(
    ("id", "under_way", "cursor"), [(0, [1, 2, 3], 0), (2, [3, 4, 5], 2), (99, None, 7), (-3, [1, 2, 3], 0)]
)
def test_rewind(id: int, under_way: list[int] | None, cursor: int) -> None:
    desk = Desk().start()
    desk.put(*"a" * 7)
    desk.say(Done())
    assert desk.under_way == [[4, 5, 6]]
    desk.reader.rewind(id)
    desk.settle()
    assert desk.under_way == ([] if under_way is None else [under_way])
    assert desk.cursor == cursor
    assert desk.reader.status().in_hand == (0 if under_way is None else 7 - cursor)


def test_nothing_leaves_before_what_was_given_up_has_ended() -> None:
    class Stubborn(Told):
        """Does not end when it is cancelled."""

        def deliver(self, records: Any) -> Any:
            outer: Deferred[Any] = Deferred(lambda _: None)
            outer.errback = lambda *_: None  # type: ignore[method-assign]
            super().deliver(records).addCallback(outer.callback)
            return outer

    desk = Desk(Stubborn()).start()
    desk.put("a", "a")
    desk.reader.rewind(1)
    assert desk.under_way == [[1, 2]]
    desk.say(Done())
    assert desk.under_way == [[2]]
    assert desk.cursor == 1


def test_rewind_to_a_time() -> None:
    desk = Desk().start()
    desk.all_done()
    for _ in range(5):
        desk.put("a")
        desk.pass_time(10)
    desk.target.given.clear()
    ids: list[int] = []
    desk.reader.rewind_to_time(START + 25).addCallback(ids.append)
    assert ids == [3]
    assert desk.target.given == [[4, 5]]


def test_a_read_from_before_a_rewind_does_not_count() -> None:
    desk = Desk()
    desk.journal.by_hand = True
    desk.start()
    desk.put("a", "a")
    desk.reader.rewind(1)
    desk.journal.answer_read()
    assert desk.under_way == []
    desk.journal.answer_read()
    assert desk.under_way == [[2]]


def test_skip_sets_aside_what_fails() -> None:
    desk = Desk(Told(batch=2)).start()
    assert desk.reader.skip() == 0
    desk.put("a", "a", "a")
    assert desk.reader.skip() == 0  # nothing has failed yet
    desk.say(Later("500"))
    assert desk.reader.skip() == 2
    desk.settle()
    assert desk.letters() == [(1, "an operator skipped it: 500"), (2, "an operator skipped it: 500")]
    assert (desk.cursor, desk.under_way) == (2, [[3]])
    desk.say(Later("502"))
    desk.pass_time(1)
    assert desk.reader.skip("no use") == 1  # also while it is being tried
    desk.settle()
    assert (desk.letters()[-1], desk.cursor, desk.under_way) == ((3, "no use: 502"), 3, [])


# -- the end ----------------------------------------------------------------------------------------------------------


def test_stopping_lets_come_through_what_is_under_way() -> None:
    desk = Desk(grace=2.0).start()
    desk.put("a", "a", "a", "a")
    ended: list[None] = []
    desk.reader.stop().addCallback(ended.append)
    desk.reader.stop().addCallback(ended.append)
    assert ended == []
    desk.say(Done())
    assert ended == [None, None]
    assert desk.target.closed
    assert (desk.cursor, desk.under_way) == (3, [])
    desk.put("a")
    assert desk.under_way == []
    assert not desk.clock.getDelayedCalls()
    assert desk.reader.status().state == "stopped"


def test_stopping_waits_only_so_long() -> None:
    desk = Desk(grace=2.0).start()
    desk.put("a")
    ended: list[None] = []
    desk.reader.stop().addCallback(ended.append)
    desk.pass_time(1.9)
    assert ended == []
    desk.pass_time(0.2)
    assert (ended, desk.cursor, desk.under_way) == ([None], 0, [])
    assert not desk.clock.getDelayedCalls()


@pytest.mark.parametrize("started", [False, True])
def test_an_idle_reader_stops_at_once(started: bool) -> None:
    desk = Desk()
    if started:
        desk.start()
    desk.target.closing = Deferred()
    ended: list[None] = []
    desk.reader.stop().addCallback(ended.append)
    desk.reader.stop().addCallback(ended.append)
    assert ended == []
    desk.target.closing.callback(None)
    assert ended == [None, None]
    desk.reader.stop().addCallback(ended.append)
    assert ended == [None, None, None]


def test_a_reader_that_keeps_up_lets_no_time_pass_for_nothing() -> None:
    desk = Desk(Told(batch=100), interval=0.1).start()
    desk.all_done()
    desk.put("a")
    desk.pass_time(1)
    assert not desk.clock.getDelayedCalls()
    status = desk.reader.status()
    assert (status.behind, status.behind_seconds, status.in_hand, status.delivered) == (0, 0.0, 0, 1)
    assert 0.02 < status.rate < 0.07
