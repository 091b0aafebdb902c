"""Whatever a target, the disk and operators do, and however often the service crashes: every record arrives at least
once or is a dead letter, the records of a device arrive in order, and the cursor passes nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jimigw.delivery.target import Done, Later, Never, Stop
from jimigw.journal.interface import JournalError, Record
from tests.delivery.harness import Desk, Told

DEVICES = "abcde"
UNWANTED = "x"


class AnyReader(RuleBasedStateMachine):
    """A reader, and what is known of each record: at the target, set aside, or given up by a rewind forwards."""

    @initialize(
        batch=st.integers(1, 4),
        batch_bytes=st.sampled_from([1, 110, 1 << 20]),
        lanes=st.integers(1, 4),
        window=st.integers(1, 12),
        by_hand=st.booleans(),
        interval=st.sampled_from([0.0, 0.1]),
    )
    def begin(self, batch: int, batch_bytes: int, lanes: int, window: int, by_hand: bool, interval: float) -> None:
        target = Told(batch, lanes, batch_bytes)
        target.unwanted = {UNWANTED}
        self.desk = Desk(target, window=window, interval=interval, dead_letters=6)
        self.desk.slow_store = True
        self.desk.journal.by_hand = by_hand
        self.safe: set[int] = set()
        self.passed: set[int] = set()
        self.checked = 0
        self.lowest = 0  # the lowest cursor since the cursors were last saved
        self.desk.start()

    # -- what is known ------------------------------------------------------------------------------------------------

    def over(self, record: Record) -> bool:
        """Whether the cursor may pass a record."""
        return record.device == UNWANTED or record.id in self.safe | self.passed | self.set_aside

    @property
    def set_aside(self) -> set[int]:
        return {id for letter in self.desk.store.letters for id in range(letter.record, letter.through + 1)}

    def take_letters(self) -> None:
        """People delete the dead letters; what became of the records is remembered."""
        self.passed |= self.set_aside
        self.desk.store.letters.clear()

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(devices=st.lists(st.sampled_from(DEVICES + UNWANTED), min_size=1, max_size=6))
    def records_come(self, devices: list[str]) -> None:
        self.desk.journal.put(*devices)

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.1, 1.0, 5.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.desk.clock.advance(seconds)

    @precondition(lambda self: self.desk.target.under_way)
    @rule(data=st.data())
    def the_target_says(self, data: Any) -> None:
        at = data.draw(st.integers(0, len(self.desk.target.under_way) - 1))
        records, _ = self.desk.target.under_way[at]
        ids = [record.id for record in records]
        what = data.draw(st.sampled_from(["done", "done", "done", "later", "after", "never", "stop", "fails", "odd"]))
        outcome: Any = None
        if what == "done":
            self.safe |= set(ids)
            outcome = Done()
        elif what == "later":
            outcome = Later("later")
        elif what == "after":
            outcome = Later("busy", data.draw(st.sampled_from([0.0, 3.0, 1e6])))
        elif what == "never":
            bad = data.draw(st.sets(st.sampled_from(ids)))
            self.safe |= set(ids) - bad
            outcome = Never(dict.fromkeys(bad, "never"))
        elif what == "stop":
            outcome = Stop("gone")
        elif what == "fails":
            outcome = ValueError("a bug")
        self.desk.target.say(outcome, at)

    @precondition(lambda self: self.desk.store.waiting)
    @rule(fails=st.booleans())
    def the_store_commits(self, fails: bool) -> None:
        self.desk.store.failing = fails
        self.desk.store.commit()
        self.desk.store.failing = False

    @precondition(lambda self: self.desk.journal.asked)
    @rule(fails=st.booleans())
    def a_read_ends(self, fails: bool) -> None:
        self.desk.journal.answer_read(JournalError("no") if fails else None)

    @precondition(lambda self: self.desk.journal.records)
    @rule(data=st.data())
    def the_disk_damages_records(self, data: Any) -> None:
        last = len(self.desk.journal.records)
        first = data.draw(st.integers(max(1, last - 3), last))
        if all(first > end for _, end in self.desk.journal.damaged):
            self.desk.journal.damaged.append((first, last))

    @rule()
    def operators_pause(self) -> None:
        self.desk.reader.pause()

    @rule()
    def operators_resume(self) -> None:
        self.desk.reader.resume()

    @rule()
    def operators_empty_the_dead_letters(self) -> None:
        self.take_letters()

    @rule()
    def operators_skip(self) -> None:
        self.desk.reader.skip()

    @rule(data=st.data())
    def operators_rewind(self, data: Any) -> None:
        id = data.draw(st.integers(0, len(self.desk.journal.records)))
        self.passed |= set(range(1, id + 1))
        self.desk.reader.rewind(id)
        self.lowest = min(self.lowest, self.desk.cursor or 0)

    @rule()
    def the_journal_saves_cursors(self) -> None:
        self.desk.journal.saved = dict(self.desk.journal.places)
        self.lowest = self.desk.cursor or 0

    @rule(data=st.data())
    def the_service_crashes(self, data: Any) -> None:
        desk = self.desk
        older = desk.journal.saved.get(desk.name)
        if older is not None:
            desk.journal.places[desk.name] = older
        else:
            desk.journal.places.pop(desk.name, None)
        desk.journal.listeners.clear()
        desk.journal.asked.clear()
        desk.target.under_way.clear()
        desk.store.crash()
        for call in desk.clock.getDelayedCalls():
            call.cancel()
        desk.reader = desk.new_reader()
        paused = desk.pauses[-1] if desk.pauses else None
        desk.start(paused if data.draw(st.booleans()) else None)

    # -- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def the_cursor_passes_only_what_is_over(self) -> None:
        cursor = self.desk.cursor or 0
        assert cursor <= len(self.desk.journal.records)
        assert all(self.over(record) for record in self.desk.journal.records[:cursor])

    @invariant()
    def devices_are_in_one_batch_at_a_time_and_in_order(self) -> None:
        seen: set[str] = set()
        for records, _ in self.desk.target.under_way:
            devices = {record.device for record in records}
            assert not devices & seen
            seen |= devices
            ids = [record.id for record in records]
            assert ids == sorted(set(ids))
            for device in devices:
                own = [record.id for record in records if record.device == device]
                # Whatever the device said before is over: none of it is still to come.
                before = [each for each in self.desk.journal.records[: own[-1]] if each.device == device]
                assert all(self.over(each) or each.id in own for each in before)

    @invariant()
    def what_is_in_hand_is_bounded(self) -> None:
        target = self.desk.target
        assert self.desk.reader.status().in_hand <= max(12, 2 * target.batch * target.lanes)

    def teardown(self) -> None:
        """In the end, with a target and a disk that work, everything is over."""
        if not hasattr(self, "desk"):
            return
        desk = self.desk
        desk.journal.by_hand = False

        def take(records: Any) -> Done:
            self.safe |= {record.id for record in records}
            return Done()

        desk.target.at_once = take
        for _ in range(60):
            while desk.journal.asked:
                desk.journal.answer_read()
            while desk.target.under_way:
                self.safe |= {record.id for record in desk.target.under_way[0][0]}
                desk.target.say(Done())
            desk.store.commit()
            self.take_letters()
            desk.reader.resume()
            desk.clock.advance(1.0)
        assert desk.cursor == len(desk.journal.records)
        self.the_cursor_passes_only_what_is_over()
        status = desk.reader.status()
        assert (status.state, status.in_hand, status.behind) == ("running", 0, 0)
        desk.reader.stop()
        assert not desk.clock.getDelayedCalls()


TestAnyReader = AnyReader.TestCase
TestAnyReader.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
