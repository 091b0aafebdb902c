"""Alarms that have files: the same of the service's store and of the one in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jimigw.model.media import MediaAlarm
from jimigw.model.report import Position
from tests.store.harness import Bench, MemoryBench, ended
from tests.store.values import fields

Either = Bench | MemoryBench
PLACE = Position(datetime(2026, 1, 1, tzinfo=UTC), 1.0, 2.0)
FIRST: dict[str, Any] = {"device": "1", "record": 5, "time": 50.0}


def kept(either: Either, **facts: Any) -> MediaAlarm:
    """An alarm that was saved."""
    alarm = MediaAlarm(**{**FIRST, **facts})
    either.result(either.store.save_media_alarm(alarm))
    return alarm


class TestAlarms:
    def test_a_new_one_gets_an_id_and_is_read_as_it_was_given(self, either: Either) -> None:
        alarm = MediaAlarm(
            "1", 5, 50.0, 0, "jt808", 0x64, "ADAS", "ab" * 16, "n" * 32, {"level": 1}, 3, 60.0, False, PLACE
        )
        waiting = either.store.save_media_alarm(alarm)
        assert alarm.id == 0
        either.result(waiting)
        assert alarm.id == 1
        stored = either.result(either.store.media_alarm(1))
        assert stored is not alarm
        assert fields(stored) == fields(alarm)
        assert either.result(either.store.media_alarm(2)) is None

    def test_a_known_one_is_replaced(self, either: Either) -> None:
        alarm = kept(either, name="ADAS", number="n", complete=60.0, told=False)
        alarm.name, alarm.number, alarm.complete, alarm.told, alarm.record = None, "", 0.0, True, 6
        either.result(either.store.save_media_alarm(alarm))
        assert fields(either.result(either.store.media_alarm(1))) == fields(alarm)

    @pytest.mark.parametrize(
        ("other", "same"),
        [
            ({}, True),
            ({"device": "2"}, False),
            ({"record": 6}, False),
            ({"code": 1}, False),
            ({"identity": "ab"}, False),
            ({"time": 51.0, "protocol": "jt808"}, True),
        ],
    )
    @pytest.mark.parametrize("together", [True, False])
    def test_which_are_the_same(self, either: Either, other: dict[str, Any], same: bool, together: bool) -> None:
        alarms = [MediaAlarm(**{**FIRST, **each}) for each in ({}, other, {})]
        for alarm in alarms:
            either.store.save_media_alarm(alarm)
            if not together:
                either.settle()
        either.settle()
        assert [alarm.id for alarm in alarms] == [1, 1 if same else 2, 1]
        assert len(either.result(either.store.media_alarms())) == (1 if same else 2)
        assert alarms[2].time == 50.0

    @pytest.mark.parametrize(
        ("there", "again", "merged"),
        [
            # A record that is read again, by a program that knows nothing of what came of it.
            (
                {"name": "ADAS", "number": "n", "expected": 3, "complete": 60.0, "position": PLACE},
                {"expected": 2},
                {"name": "ADAS", "number": "n", "expected": 3, "complete": 60.0, "position": PLACE},
            ),
            ({"number": "n"}, {"number": "m", "name": "x"}, {"number": "n", "name": "x"}),
            ({"request": {"a": 1}}, {"request": {"b": 2}}, {"request": {"a": 1}}),
            ({}, {"request": {"b": 2}}, {"request": {"b": 2}}),
            ({}, {"number": "m", "position": PLACE, "expected": 1}, {"number": "m", "position": PLACE, "expected": 1}),
            ({"name": "x", "time": 1.0}, {"name": "y", "time": 2.0}, {"name": "x", "time": 1.0}),
            # Complete, and told
            ({"complete": 60.0, "told": False}, {}, {"complete": 60.0, "told": False}),
            ({"complete": 60.0, "told": False}, {"complete": 70.0}, {"complete": 60.0, "told": True}),
            ({"complete": 60.0, "told": True}, {"complete": 70.0, "told": False}, {"complete": 60.0, "told": True}),
            ({}, {"complete": 70.0, "told": False}, {"complete": 70.0, "told": False}),
        ],
    )
    def test_what_is_known_stays(
        self, either: Either, there: dict[str, Any], again: dict[str, Any], merged: dict[str, Any]
    ) -> None:
        kept(either, **there)
        alarm = kept(either, **again)
        wanted = MediaAlarm(**{**FIRST, "id": 1, **merged})
        assert fields(alarm) == fields(wanted)
        assert fields(either.result(either.store.media_alarm(1))) == fields(wanted)

    def test_what_changes_while_it_waits_is_left_alone(self, either: Either) -> None:
        kept(either, expected=2, number="n")
        alarm = MediaAlarm(**FIRST)
        waiting = either.store.save_media_alarm(alarm)
        alarm.expected, alarm.complete = 5, 70.0
        either.result(waiting)
        assert fields(alarm) == fields(MediaAlarm(**FIRST, id=1, expected=5, complete=70.0, number="n"))
        stored = either.result(either.store.media_alarm(1))
        assert (stored.expected, stored.complete) == (2, 0.0)

    def test_it_does_not_become_another(self, either: Either) -> None:
        kept(either)
        other = kept(either, record=6)
        other.record = 5
        outcome = ended(either.store.save_media_alarm(other))
        fine = ended(either.store.save_media_alarm(MediaAlarm("1", 7, 0.0)))
        either.settle()
        assert outcome[0].startswith("The alarm 2 ")
        assert outcome[0].endswith("is the alarm 1 already.")
        assert fine == ["None"]

    def test_by_number(self, either: Either) -> None:
        kept(either, number="a")
        kept(either, number="b", record=6)
        kept(either, record=7)

        def by(*asked: Any) -> Any:
            alarm = either.result(either.store.media_alarm(*asked))
            return alarm and alarm.id

        assert [by(None, "a"), by(None, "b"), by(None, "c"), by(None, "\ud800")] == [1, 2, None, None]
        assert [by(None, ""), by(), by(1 << 70)] == [None, None, None]

    @pytest.mark.parametrize(
        ("asked", "ids"),
        [
            ({}, [4, 3, 2, 1]),
            ({"limit": 2}, [4, 3]),
            ({"before": 3}, [2, 1]),
            ({"device": "1"}, [4, 2, 1]),
            ({"device": "1", "complete": False}, [4, 1]),
            ({"complete": True}, [3, 2]),
            ({"complete": False}, [4, 1]),
            ({"complete": False, "before": 4}, [1]),
            ({"since": 20.0}, [3, 2]),
            ({"until": 20.0}, [4, 1]),
            ({"since": 10.0, "until": 30.0}, [2, 1]),
            ({"since": 10.0, "until": 31.0, "device": "2"}, [3]),
        ],
    )
    @pytest.mark.parametrize("window", [0, 20])
    def test_which_alarms(
        self, either: Either, asked: dict[str, Any], ids: list[int], window: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("jimigw.store.media_search.WINDOW", window)
        kept(either, time=10.0)
        kept(either, time=20.0, record=2, complete=1.0, told=False)
        kept(either, time=30.0, device="2", complete=2.0)
        kept(either, time=5.0, record=4)
        assert [alarm.id for alarm in either.result(either.store.media_alarms(**asked))] == ids
        assert [alarm.id for alarm in either.result(either.store.untold_media_alarms())] == [2]
