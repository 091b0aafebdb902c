"""Files, lists of recordings, months, rules: the same of the service's store and of the one in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from jimigw.model.media import Media, MediaAlarm, MediaQuery, MediaRule, MediaState, Playlist, Source, Tie, Usage
from jimigw.store import MediaClash, StoreError
from tests.store.harness import Bench, MemoryBench, ended
from tests.store.media import alike, queries, stored_file
from tests.store.values import fields

Either = Bench | MemoryBench
S = MediaState


def save(bench: Either, *files: Media, usage: Usage | None = None) -> None:
    for file in files:
        bench.store.save_media(file, usage)
    bench.settle()


def found(bench: Either, **wanted: Any) -> list[int]:
    return [file.id for file in bench.result(bench.store.find_media(MediaQuery(**wanted)))]


class TestSaving:
    def test_a_new_file_gets_an_id_and_is_read_as_it_was_given(self, either: Either) -> None:
        file = Media(
            "1", "EVENT_1.mp4", alias="EVENT_2.mp4", kind="video", source=Source.EVENT, state=S.ASKED, why="not there",
            camera=2, event=101, flag=42, taken=5.5, seconds=10.0, alarm=3, command=4, tie=Tie.FLAG, announced=6.0,
            asked=7.0, attempts=2, step="EVIDEO", mime="video/mp4", place="ftp://x", told=False, details={"a": [None]},
        )  # fmt: skip
        waiting = either.store.save_media(file)
        assert file.id == 0
        assert either.result(waiting) is None
        assert file.id == 1
        stored = either.result(either.store.media(1))
        assert stored is not file
        assert fields(stored) == fields(file)
        assert (type(stored.state), type(stored.source), type(stored.tie)) == (S, Source, Tie)
        assert either.result(either.store.media(2)) is None

    def test_a_known_one_is_replaced(self, either: Either) -> None:
        file = Media("1")
        save(either, file)
        file.name, file.state, file.size, file.details = "a", S.STORED, 5, {"b": 1}
        save(either, file)
        assert file.id == 1
        assert fields(either.result(either.store.media(1))) == fields(file)
        assert found(either) == [1]

    def test_it_is_read_when_it_is_given(self, either: Either) -> None:
        file = Media("1", "a")
        either.store.save_media(file)
        file.state = S.ASKED
        either.settle()
        assert either.result(either.store.media(1)).state is S.ANNOUNCED
        assert (file.state, file.id) == (S.ASKED, 1)

    def test_a_new_one_that_is_given_again_before_it_has_an_id_is_the_same(self, either: Either) -> None:
        file, nameless = Media("1", "a"), Media("1")
        for each in (file, nameless):
            either.store.save_media(each)
            each.state = S.ASKED
            either.store.save_media(each)
            each.state = S.MISSING
        either.settle()
        assert (file.id, nameless.id) == (1, 2)
        assert [each.state for each in either.result(either.store.find_media(MediaQuery()))] == [S.ASKED, S.ASKED]

    def test_an_id_is_given_once(self, either: Either) -> None:
        first, second = Media("1", "a"), Media("1", "b")
        save(either, first, second)
        either.result(either.store.forget_media(2))
        either.result(either.store.forget_media(99))
        third = Media("1", "b")
        save(either, third)
        assert third.id == 3
        assert found(either) == [3, 1]

    @pytest.mark.parametrize(
        ("other", "clashes"),
        [
            ({}, True),
            ({"name": "b"}, False),
            ({"device": "2"}, False),
            ({"variant": 1}, False),
            ({"name": None}, False),
        ],
    )
    def test_which_files_are_the_same(self, either: Either, other: dict[str, Any], clashes: bool) -> None:
        save(either, Media("1", "a"))
        file = Media(**{"device": "1", "name": "a", **other})
        outcome = ended(either.store.save_media(file, Usage("1", "2026-10", 1, 7)))
        either.settle()
        assert file.id == (0 if clashes else 2)
        assert outcome[0].startswith("The terminal 1 has a file 'a'" if clashes else "None")
        # What was sent goes with the file.
        assert either.result(either.store.usage("1", "2026-10")).received == (0 if clashes else 7)

    def test_a_clash_is_its_own_error_and_costs_nobody_else(self, either: Either) -> None:
        save(either, Media("1", "a"))
        files = [Media("1", f"{n}") for n in range(6)]
        files[3].name = "a"
        outcomes = [ended(either.store.save_media(file, Usage("1", "m", 1))) for file in files]
        again = attrs.evolve(files[3])
        with pytest.raises(MediaClash):
            either.result(either.store.save_media(again))
        assert [outcome == ["None"] for outcome in outcomes] == [n != 3 for n in range(6)]
        ids = [file.id for file in files]
        assert ids[3] == again.id == 0
        assert sorted({*ids}) == [0, 2, 3, 4, 5, 6]
        assert either.result(either.store.usage("1", "m")).files == 5
        files[3].variant = 1
        save(either, files[3])
        assert either.result(either.store.media(files[3].id)).variant == 1

    def test_names_move_on_in_the_order_given(self, either: Either) -> None:
        first = Media("1", "a")
        save(either, first)
        first.name = "b"
        second = Media("1", "a")
        save(either, first, second)
        assert [file.name for file in either.result(either.store.find_media(MediaQuery()))] == ["a", "b"]

    def test_odd_text_and_numbers_are_stored_as_well_as_can_be(self, either: Either) -> None:
        file = Media("1", "a\udcff\x00é", flag=1 << 70, details={"\ud800": ["\udfff"]})
        save(either, file)
        stored = either.result(either.store.media(1))
        assert (stored.name, stored.flag, stored.details) == ("a?\x00é", None, {"?": ["?"]})

    def test_what_no_json_takes_is_refused(self, either: Either) -> None:
        with pytest.raises(StoreError, match=r"The file a of 1 cannot be stored: .*object"):
            either.result(either.store.save_media(Media("1", "a", details={"a": object()})))


#: id: a file. What is not said is as in `stored_file`.
FILES: dict[int, dict[str, Any]] = {
    1: {"taken": 10.0, "camera": 1, "flag": 7, "command": 3, "source": Source.COMMAND},
    2: {"taken": 0.0, "announced": 20.0, "camera": 2, "flag": 0, "alarm": 1, "source": Source.EVENT},
    3: {"taken": 0.0, "stored": 30.0, "device": "2", "kind": "picture", "protected": True},
    4: {"taken": 40.0, "state": S.MISSING, "key": "", "alarm": 1, "flag": 0, "source": Source.EVENT},
    5: {"taken": 5.0, "announced": 50.0, "state": S.ANNOUNCED, "key": "", "name": None, "camera": 1},
    6: {"taken": 60.0, "device": "2", "name": "EVENT_1.mp4", "alias": "a", "state": S.FAILED, "key": "", "told": False},
    7: {"taken": 0.0, "announced": 0.0, "stored": 0.0, "state": S.ARRIVING, "key": "", "camera": 0},
}


@pytest.fixture
def filled(either: Either) -> Either:
    save(either, *(stored_file(number, **facts) for number, facts in FILES.items()))
    return either


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, [7, 6, 5, 4, 3, 2, 1]),
        ({"limit": 2}, [7, 6]),
        ({"before": 3}, [2, 1]),
        ({"before": 1}, []),
        ({"before": -5}, []),
        ({"before": 1 << 70, "limit": 1}, [7]),
        ({"device": "2"}, [6, 3]),
        ({"device": "3"}, []),
        ({"device": "\ud800"}, []),
        ({"name": "EVENT_1.mp4"}, [6, 1]),
        ({"name": "EVENT_1.mp4", "device": "1"}, [1]),
        ({"name": "a"}, [6]),
        ({"name": "a", "device": "1"}, []),
        ({"name": ""}, [7, 6, 5, 4, 3, 2, 1]),
        ({"states": frozenset()}, []),
        ({"states": frozenset({S.STORED})}, [3, 2, 1]),
        ({"states": frozenset({S.MISSING, S.FAILED})}, [6, 4]),
        ({"states": frozenset({S.MISSING, S.STORED}), "limit": 3}, [4, 3, 2]),
        ({"states": frozenset({S.STORED}), "device": "1", "before": 2}, [1]),
        ({"kind": "picture"}, [3]),
        ({"kind": "text"}, []),
        ({"kind": ""}, [7, 6, 5, 4, 3, 2, 1]),
        ({"source": Source.EVENT}, [4, 2]),
        ({"camera": 1}, [5, 1]),
        ({"camera": 0}, [7]),
        ({"alarm": 1}, [4, 2]),
        ({"alarm": 1, "states": frozenset({S.MISSING})}, [4]),
        ({"command": 3}, [1]),
        ({"flag": 7}, [1]),
        ({"flag": 0}, [4, 2]),
        ({"flag": 1 << 70}, []),
        ({"flag": 0, "source": Source.EVENT, "since": 30.0}, [4]),
        ({"protected": True}, [3]),
        ({"protected": False}, [7, 6, 5, 4, 2, 1]),
        ({"since": 20.0}, [6, 4, 3, 2]),
        ({"until": 20.0}, [7, 5, 1]),
        ({"since": 20.0, "until": 40.0}, [3, 2]),
        ({"since": 20, "until": 10}, []),
        ({"since": 0.0, "limit": 2}, [7, 6]),
        ({"since": 20.0, "device": "1"}, [4, 2]),
        ({"since": 20.0, "until": 60.0, "kind": "video", "before": 4}, [2]),
    ],
)
def test_which_files(filled: Either, wanted: dict[str, Any], ids: list[int]) -> None:
    assert found(filled, **wanted) == ids


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_limits_that_make_no_sense(either: Either, limit: int) -> None:
    store = either.store
    for ask in (
        lambda: store.find_media(MediaQuery(limit=limit)),
        lambda: store.oldest_media(1.0, limit),
        lambda: store.media_alarms(limit=limit),
        lambda: store.usages("1", limit),
    ):
        with pytest.raises(ValueError, match=f"limit is {limit}; it can be 1 to 1000"):
            either.result(ask())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(alike, max_size=20), st.lists(queries, min_size=5, max_size=15), st.sampled_from([0, 20]))
def test_both_stores_find_the_same(bench: Bench, given: list[Media], asked: list[MediaQuery], window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jimigw.store.media_search.WINDOW", window)
        bench.connection.executescript("DELETE FROM media; DELETE FROM sqlite_sequence")
        memory = MemoryBench()
        for file in given:
            clashes = [ended(each.store.save_media(attrs.evolve(file))) for each in (bench, memory)]
            bench.settle()
            memory.settle()
            assert (clashes[0] == ["None"]) is (clashes[1] == ["None"])
        for query in asked:
            answers = [each.result(each.store.find_media(query)) for each in (bench, memory)]
            assert [*map(fields, answers[0])] == [*map(fields, answers[1])]
        whole: list[Callable[[Any], Deferred[Any]]] = [
            lambda store: store.unfinished_media(),
            lambda store: store.oldest_media(4.0),
            lambda store: store.oldest_media(9.0, 3, "a"),
        ]
        for ask in whole:
            answers = [each.result(ask(each.store)) for each in (bench, memory)]
            assert [*map(fields, answers[0])] == [*map(fields, answers[1])]
        for sums in ("media_sizes", "media_keys"):
            first, second = (each.result(getattr(each.store, sums)()) for each in (bench, memory))
            assert first == second
        assert bench.result(bench.store.prune_media(4.0)) == memory.result(memory.store.prune_media(4.0))
        assert found(bench) == found(memory)


def test_what_a_start_has_to_know(filled: Either) -> None:
    store = filled.store
    assert [file.id for file in filled.result(store.unfinished_media())] == [5, 6, 7]
    assert filled.result(store.media_sizes()) == {"1": 2000, "2": 1000}
    assert filled.result(store.media_keys()) == {"1/1.mp4", "1/2.mp4", "2/3.mp4"}


class TestRetention:
    def test_the_oldest_go_first_and_protected_ones_stay(self, either: Either) -> None:
        times = (40.0, 10.0, 30.0, 10.0, 20.0, 5.0, 1.0)
        files = [stored_file(n, "12"[n % 2], stored=time) for n, time in enumerate(times)]
        files[5].protected = True
        files[6].state, files[6].key = S.DELETED, ""
        save(either, *files)

        def oldest(*asked: Any) -> list[float]:
            return [file.stored for file in either.result(either.store.oldest_media(*asked))]

        assert [file.id for file in either.result(either.store.oldest_media(99.0))] == [2, 4, 5, 3, 1]
        assert oldest(30.0) == [10.0, 10.0, 20.0]
        assert oldest(99.0, 1) == [10.0]
        assert oldest(99.0, 100, "1") == [20.0, 30.0, 40.0]
        assert oldest(99.0, 100, "2") == [10.0, 10.0]
        assert oldest(5.0) == []

    @pytest.mark.parametrize(
        ("facts", "goes"),
        [
            ({"state": S.DELETED}, True),
            ({"state": S.MISSING, "stored": 0.0}, True),
            ({"state": S.FAILED, "stored": 0.0}, True),
            ({"state": S.DELETED, "announced": 100.0}, False),
            ({"state": S.DELETED, "stored": 100.0}, False),
            ({"state": S.DELETED, "key": "1/1.mp4"}, False),  # the vault has it still
            ({"state": S.MISSING, "told": False}, False),  # nobody has heard of it
            ({"state": S.STORED, "key": "1/1.mp4"}, False),
            ({"state": S.ANNOUNCED}, False),
        ],
    )
    def test_what_is_forgotten(self, either: Either, facts: dict[str, Any], goes: bool) -> None:
        save(either, stored_file(1, **{"announced": 50.0, "stored": 60.0, "key": "", **facts}))
        assert either.result(either.store.prune_media(100.0)) == goes
        assert found(either) == [1][goes:]

    @pytest.mark.parametrize(
        ("facts", "goes"),
        [
            ({}, True),
            ({"complete": 60.0}, True),
            ({"complete": 60.0, "told": False}, False),
            ({"time": 100.0}, False),
        ],
    )
    @pytest.mark.parametrize("file", [None, S.MISSING, S.STORED])
    def test_alarms_without_files(self, either: Either, facts: dict[str, Any], goes: bool, file: Any) -> None:
        alarm = MediaAlarm(**{"device": "1", "record": 5, "time": 50.0, **facts})
        either.result(either.store.save_media_alarm(alarm))
        if file is not None:
            save(either, stored_file(1, state=file, stored=60.0, alarm=alarm.id, key="k" * (file is S.STORED)))
        assert either.result(either.store.prune_media(100.0)) == (file is S.MISSING)
        left = either.result(either.store.media_alarms())
        assert [each.id for each in left] == [1][goes and file is not S.STORED :]

    def test_months(self, either: Either) -> None:
        november = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
        for month in ("2026-09", "2026-10", "2026-11"):
            save(either, Media("1", month), usage=Usage("1", month, 1))
        assert either.result(either.store.prune_media(november)) == 0
        assert [usage.month for usage in either.result(either.store.usages("1"))] == ["2026-11"]


class TestPlaylists:
    def test_the_last_one_is_kept(self, either: Either) -> None:
        names = ["2026_11_20_10_00_00_01.mp4", "a\nb", "c\0d", "", "é\ud800"]
        first = Playlist("1", 5.0, "d1", names)
        waiting = either.store.save_playlist(first)
        names.append("later")
        either.result(waiting)
        stored = either.result(either.store.playlist("1"))
        assert stored == Playlist("1", 5.0, "d1", (*names[:4], "é?"))
        assert either.result(either.store.playlist("2")) is None
        either.result(either.store.save_playlist(Playlist("1", 6.0, "d2", ())))
        assert either.result(either.store.playlist("1")) == Playlist("1", 6.0, "d2", ())

    def test_fifty_thousand_names(self, either: Either) -> None:
        names = tuple(
            f"2026_11_{n // 1440:02d}_{n // 60 % 24:02d}_{n % 60:02d}_00_0{n % 2 + 1}.mp4" for n in range(50_000)
        )
        either.result(either.store.save_playlist(Playlist("1", 5.0, "d", names)))
        assert either.result(either.store.playlist("1")).names == names

    def test_one_that_is_too_long(self, either: Either, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jimigw.store.media_rows.MOST_LIST_BYTES", 9)
        either.result(either.store.save_playlist(Playlist("1", 5.0, "d", ("abcde",))))  # 9 bytes of JSON
        with pytest.raises(StoreError, match="A list of 1 recordings is too long: 10 bytes; 9 are kept"):
            either.result(either.store.save_playlist(Playlist("1", 6.0, "e", ("abcdef",))))
        assert either.result(either.store.playlist("1")).names == ("abcde",)


class TestUsage:
    def test_it_adds_up(self, either: Either) -> None:
        months = ("2026-10", "2026-10", "2026-11", "2026-10")
        for n, month in enumerate(months):
            either.store.save_media(Media("1", f"{n}"), Usage("1", month, 1, 1000 + n, n))
        file = Media("2", "x")
        either.store.save_media(file)
        either.store.save_media(file, Usage("2", "2026-10", 1, 1 << 40, 0))
        either.settle()
        october, november = Usage("1", "2026-10", 3, 3004, 4), Usage("1", "2026-11", 1, 1002, 2)
        assert either.result(either.store.usage("1", "2026-10")) == october
        assert either.result(either.store.usages("1")) == [november, october]
        assert either.result(either.store.usages("1", 1)) == [november]
        assert either.result(either.store.usage("2", "2026-10")) == Usage("2", "2026-10", 1, 1 << 40)
        assert either.result(either.store.usage("2", "2026-12")) == Usage("2", "2026-12")
        assert either.result(either.store.usages("3")) == []


class TestRules:
    def test_the_last_one_holds(self, either: Either) -> None:
        assert either.result(either.store.media_rules()) == []
        rule = MediaRule("2", budget=0, fetch=False, zone=-480)
        waiting = either.store.save_media_rule(rule)
        rule.budget = 5
        either.result(waiting)
        for each in (MediaRule("1", fetch=True), MediaRule("3"), MediaRule("3", budget=1 << 40)):
            either.result(either.store.save_media_rule(each))
        rules = [MediaRule("1", fetch=True), MediaRule("2", 0, False, -480), MediaRule("3", 1 << 40)]
        stored = either.result(either.store.media_rules())
        assert [*map(fields, stored)] == [*map(fields, rules)]
        assert stored[1].fetch is False
