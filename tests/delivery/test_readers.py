"""All readers by name: pauses over restarts, replacing, removing, and dead letters that are sent again."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from jimigw.delivery.letters import SentAgain
from jimigw.delivery.readers import Readers, UnknownReader
from jimigw.delivery.status import ReaderSettings
from jimigw.delivery.target import Done, Later, Never, Stop
from jimigw.model.dead_letter import DeadLetter
from tests.delivery.harness import START, MemoryJournal, Told
from tests.support.recorder import RecordingStore

FROM_THE_BEGINNING = ReaderSettings(start="beginning", interval=0.0)


class Office:
    """Readers with everything that moves them, over restarts."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.journal, self.store = MemoryJournal(self.clock), RecordingStore()
        self.restart()

    def restart(self) -> None:
        self.readers = Readers(self.journal, self.store, self.clock)

    def start(self) -> None:
        self.result(self.readers.start())

    def add(self, name: str, target: Told | None = None) -> Told:
        target = target or Told()
        self.readers.add(name, target, FROM_THE_BEGINNING)
        return target

    def settle(self) -> None:
        self.clock.advance(0)
        self.store.commit()
        self.clock.advance(0)

    def result(self, deferred: Deferred[Any]) -> Any:
        results: list[Any] = []
        deferred.addBoth(results.append)
        self.settle()
        (result,) = results
        if hasattr(result, "raiseException"):
            result.raiseException()
        return result

    def state(self, name: str) -> tuple[str, str | None]:
        status = self.readers.status(name)
        return status.state, status.why


@pytest.fixture
def office() -> Office:
    return Office()


def test_readers_begin_with_the_start_or_at_once(office: Office) -> None:
    office.journal.put("a")
    early = office.add("early")
    assert early.given == []
    office.start()
    late = office.add("late")
    assert early.given == late.given == [[1]]
    assert list(office.readers) == ["early", "late"]
    assert ("late" in office.readers, len(office.readers)) == (True, 2)
    assert office.journal.places == {"early": 0, "late": 0}


def test_the_end_is_that_of_the_moment_in_which_a_reader_is_wanted(office: Office) -> None:
    """What terminals say while the store is asked about pauses is new to a reader that starts at the end."""
    office.journal.put("old")
    early, late = Told(), Told()
    office.readers.add("early", early, ReaderSettings(start="end", interval=0.0))
    starting = office.readers.start()
    office.journal.put("between")
    office.result(starting)
    assert early.given == [[2]]
    office.readers.add("late", late, ReaderSettings(start="end", interval=0.0))
    office.journal.put("new")
    office.settle()
    assert late.given == [[3]]
    told = Told()
    office.readers.add("told", told, ReaderSettings(start="end", interval=0.0), end=1)
    office.settle()
    assert told.given == [[2, 3]]


def test_pauses_are_kept_over_restarts(office: Office) -> None:
    office.start()
    for name in ("a", "b", "c"):
        office.add(name)
    office.readers.pause("a")
    office.journal.put("x")
    office.readers.pause("b", "b has to wait")
    office.readers.resume("b")
    office.settle()
    assert office.store.paused == {"a": "an operator paused it"}
    office.restart()
    targets = {name: office.add(name) for name in ("a", "b")}
    office.start()
    assert office.state("a") == ("paused", "an operator paused it")
    assert (targets["a"].given, targets["b"].given) == ([], [[1]])
    targets["b"].say(Stop("410"))
    office.readers.resume("a")
    office.settle()
    assert office.store.paused == {"b": "410"}
    assert targets["a"].given == [[1]]


def test_a_store_that_cannot_be_read_pauses_nobody(office: Office) -> None:
    office.journal.put("x")
    target = office.add("a")
    office.store.failing = True
    office.start()
    assert target.given == [[1]]


def test_a_reader_in_the_place_of_another_goes_on_where_that_one_stops(office: Office) -> None:
    office.start()
    first = office.add("a")
    office.journal.put(*"xxxxx")
    second = office.add("a")
    assert (first.given, second.given) == ([[1, 2, 3]], [])
    third = office.add("a")  # before the first one has ended
    assert second.closed
    first.say(Done())
    assert first.closed
    assert (second.given, third.given) == ([], [[4, 5]])
    office.clock.advance(10)
    assert office.readers.status("a").cursor == 3


def test_a_reader_that_is_removed_holds_up_nothing(office: Office) -> None:
    office.start()
    target = office.add("a")
    office.journal.put("x")
    office.readers.pause("a")
    gone = office.readers.remove("a")
    assert "a" not in office.readers
    assert not gone.called
    target.say(Done())
    office.result(gone)
    assert (office.journal.places, office.store.paused) == ({}, {})


def test_a_reader_that_is_added_again_at_once_keeps_its_cursor(office: Office) -> None:
    office.start()
    target = office.add("a")
    office.journal.put("x")
    gone = office.readers.remove("a")
    again = office.add("a")
    target.say(Done())
    office.result(gone)
    assert (office.journal.places, again.given) == ({"a": 1}, [])


def test_the_end(office: Office) -> None:
    office.start()
    target, idle = office.add("a"), office.add("b")
    office.journal.put("x")
    idle.say(Done())
    ended: list[None] = []
    office.readers.stop().addCallback(ended.append)
    assert (idle.closed, target.closed, ended) == (True, False, [])
    target.say(Done())
    assert ended == [None]
    assert not office.clock.getDelayedCalls()


def test_the_end_before_the_start(office: Office) -> None:
    target = office.add("a")
    starting = office.readers.start()
    office.result(office.readers.stop())
    office.result(starting)
    assert target.closed
    assert target.given == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda readers: readers.pause("b"),
        lambda readers: readers.resume("b"),
        lambda readers: readers.rewind("b", 1),
        lambda readers: readers.rewind_to_time("b", 1.0),
        lambda readers: readers.skip("b"),
        lambda readers: readers.status("b"),
        lambda readers: readers.send_again("b"),
        lambda readers: readers.remove("b"),
    ],
)
def test_a_reader_that_is_not_there(office: Office, ask: Any) -> None:
    office.add("a")
    office.add("c")
    with pytest.raises(UnknownReader, match=r"There is no reader 'b'; there are: a, c\."):
        ask(office.readers)


def test_rewind_and_skip_by_name(office: Office) -> None:
    office.start()
    target = office.add("a")
    office.journal.put("x", "x")
    office.readers.rewind("a", 1)
    assert target.given == [[1, 2], [2]]
    assert office.result(office.readers.rewind_to_time("a", START)) == 0
    assert target.given == [[1, 2], [2], [1, 2]]
    target.say(Later("no"))
    assert office.readers.skip("a") == 2


def test_figures(office: Office) -> None:
    office.start()
    office.add("a")
    office.journal.put("x")
    figures = office.readers.figures()
    assert list(figures) == ["reader a"]
    assert figures["reader a"]["under way"] == 1
    assert figures["reader a"]["last error"] is None


# -- dead letters that are sent again ---------------------------------------------------------------------------------


def filled(office: Office, *, batch: int = 3) -> Told:
    """Seven dead letters of records 1 to 7, and one of damaged records."""
    office.start()
    target = office.add("a", Told(batch))
    target.at_once = lambda records: Never({record.id: "no" for record in records})
    office.journal.put(*"xxxxxxx")
    office.settle()
    office.result(office.readers.dead_letters.add([DeadLetter("a", 20, 30, "damaged", 0.0)], 99))
    office.result(office.readers.dead_letters.add([DeadLetter("b", 1, 1, "no", 0.0, data=b"{}")], 99))
    target.given.clear()
    assert office.readers.status("a").dead_letters == 8
    return target


def test_all_are_sent_again(office: Office) -> None:
    target = filled(office)
    target.at_once = lambda records: Done()
    assert office.result(office.readers.send_again("a")) == SentAgain(sent=7, left=1)
    assert target.given == [[1, 2, 3], [4, 5, 6], [7]]
    assert [(letter.reader, letter.record) for letter in office.store.letters] == [("a", 20), ("b", 1)]
    assert office.readers.status("a").dead_letters == 1


def test_some_are_sent_again(office: Office) -> None:
    target = filled(office)
    target.at_once = lambda records: Done()
    assert office.result(office.readers.send_again("a", [2, 6, 7, 9, 99])) == SentAgain(sent=3)
    assert target.given == [[2, 6, 7]]
    assert office.result(office.readers.send_again("a", [])) == SentAgain()


def test_what_is_refused_again_stays_with_the_new_reason(office: Office) -> None:
    target = filled(office, batch=10)
    office.clock.advance(5)
    target.at_once = lambda records: Never({2: "still no"})
    assert office.result(office.readers.send_again("a")) == SentAgain(sent=6, refused=1, left=1)
    letter = next(letter for letter in office.store.letters if letter.record == 2)
    assert (letter.id, letter.reason, letter.at, letter.data) == (
        2,
        "still no",
        START + 5,
        office.journal.records[1].data,
    )


@pytest.mark.parametrize("outcome", [Later("busy"), Stop("busy")])
def test_a_target_that_takes_nothing_ends_it(office: Office, outcome: Any) -> None:
    target = filled(office)
    answers = [Done(), outcome]
    target.at_once = lambda records: answers.pop(0)
    assert office.result(office.readers.send_again("a")) == SentAgain(sent=3, left=3, why="busy")
    assert [letter.record for letter in office.store.letters if letter.reader == "a"] == [4, 5, 6, 7, 20]
    assert office.state("a")[0] == "running"


def test_it_is_done_once_at_a_time(office: Office) -> None:
    target = filled(office)
    target.at_once = None
    first = office.readers.send_again("a")
    office.settle()
    with pytest.raises(RuntimeError, match="are being sent again already"):
        office.result(office.readers.send_again("a"))
    while target.under_way:
        target.say(Done())
        office.settle()
    assert office.result(first) == SentAgain(sent=7, left=1)


def test_the_end_ends_it(office: Office) -> None:
    target = filled(office)
    target.at_once = None
    sending = office.readers.send_again("a")
    sending.addErrback(lambda failure: None)
    office.settle()
    office.result(office.readers.stop())
    assert sending.called
    assert target.under_way == []


def test_letters_are_looked_at_and_deleted(office: Office) -> None:
    filled(office)
    letters = office.readers.dead_letters
    assert [letter.record for letter in office.result(letters.page("a", 2, 3))] == [3, 4, 5]
    assert office.result(letters.delete("a", [1, 2])) == 2
    assert letters.counts == {"a": 6, "b": 1}
    assert office.result(letters.delete()) == 7
    assert office.readers.status("a").dead_letters == 0
