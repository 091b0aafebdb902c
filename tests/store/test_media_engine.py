"""How SQLite keeps files: every question has its index, a group is one transaction, and what fails is undone."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jimigw.model.media import Media, MediaAlarm, MediaQuery, MediaRule, MediaState, Playlist, Source, Usage
from jimigw.store import MediaClash, SqliteStore, StoreClosed, StoreError
from jimigw.store.media_part import PRUNED
from tests.store.harness import Bench
from tests.store.media import stored_file
from tests.store.test_opening import older
from tests.store.values import fields

MakeBench = Callable[..., Bench]
S = MediaState


def plans(bench: Bench, ask: Callable[[SqliteStore], Any]) -> list[str]:
    """How SQLite goes about what is asked: a line for each table that it looks into."""
    statements: list[str] = []
    bench.connection.set_trace_callback(statements.append)
    bench.result(ask(bench.store))
    bench.connection.set_trace_callback(None)
    return [
        step
        for statement in statements
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
        and "counter" not in statement
        and "sqlite_sequence" not in statement  # a row for each table
        for *_, step in bench.connection.execute("EXPLAIN QUERY PLAN " + statement)
    ]


def query(**wanted: Any) -> Callable[[SqliteStore], Any]:
    return lambda store: store.find_media(MediaQuery(**wanted))


#: what is asked, and what it has to be answered by
INDEXES: list[tuple[Callable[[SqliteStore], Any], str]] = [
    (query(), "media USING INTEGER PRIMARY KEY (rowid<?)"),
    (query(device="1"), "media_device (device=? AND id<?)"),
    (query(device="1", states=frozenset({S.STORED}), kind="video"), "media_device (device=? AND id<?)"),
    (query(device="1", since=1.0), "media_device_at (device=? AND at>?)"),
    (query(device="1", until=1.0, flag=3), "media_device_at (device=? AND at<?)"),
    (query(since=1.0, until=2.0), "media_at (at>? AND at<?)"),
    (query(since=1.0, until=2.0, flag=0, kind="video"), "media_at (at>? AND at<?)"),
    (query(name="a"), "media_named (name=?)"),
    (query(name="a", device="1", since=1.0), "media_named (name=? AND device=?)"),
    (query(name="a", device="1", since=1.0), "media_alias (alias=? AND device=?)"),
    (query(name="a", states=frozenset({S.STORED})), "media_alias (alias=?)"),
    (query(alarm=1, device="1"), "media_of_alarm (alarm=? AND id<?)"),
    (query(command=1, device="1"), "media_of_command (command=? AND id<?)"),
    (query(flag=1, since=1.0), "media_flag (flag=? AND id<?)"),
    (query(flag=0), "media_flag (flag=? AND id<?)"),
    (query(camera=1), "media_camera (camera=? AND id<?)"),
    (query(source=Source.FTP, states=frozenset({S.STORED})), "media_source (source=? AND id<?)"),
    (query(kind="text"), "media_kind (kind=? AND id<?)"),
    (query(states=frozenset({S.STORED})), "media_state (state=? AND id<?)"),
    (query(states=frozenset({S.FAILED, S.MISSING}), kind="video"), "media_state (state=? AND id<?)"),
    (query(states=frozenset(S)), "media_state (state=? AND id<?)"),
    (query(protected=True), "media_protected (id<?)"),
    (query(protected=False), "media USING INTEGER PRIMARY KEY (rowid<?)"),
    (lambda store: store.media(1), "media USING INTEGER PRIMARY KEY (rowid=?)"),
    (lambda store: store.forget_media(1), "media USING INTEGER PRIMARY KEY (rowid=?)"),
    (lambda store: store.unfinished_media(), "SCAN media USING INDEX media_unfinished"),
    (lambda store: store.media_sizes(), "SCAN media USING COVERING INDEX media_kept"),
    (lambda store: store.media_keys(), "SCAN media USING COVERING INDEX media_kept"),
    (lambda store: store.oldest_media(1.0), "media_old (stored<?)"),
    (lambda store: store.oldest_media(1.0, 5, "1"), "media_old_device (device=? AND stored<?)"),
    (lambda store: store.prune_media(1.0), "media_gone (<expr><?)"),
    (lambda store: store.prune_media(1.0), "media_of_alarm (alarm=?)"),
    (lambda store: store.prune_media(1.0), "media_alarm_time (time<?)"),
    (lambda store: store.prune_media(1.0), "media_usage_month (month<?)"),
    (lambda store: store.save_media_alarm(MediaAlarm("1", 1, 1.0)), "media_alarm_same (device=? AND record=?"),
    (lambda store: store.media_alarm(1), "media_alarm USING INTEGER PRIMARY KEY (rowid=?)"),
    (lambda store: store.media_alarm(number="a"), "media_alarm_number (number=?)"),
    (lambda store: store.media_alarms(), "media_alarm USING INTEGER PRIMARY KEY (rowid<?)"),
    (lambda store: store.media_alarms("1", 1.0, 2.0, True), "media_alarm_device (device=? AND id<?)"),
    (lambda store: store.media_alarms(None, 1.0, 2.0, True), "media_alarm_time (time>? AND time<?)"),
    (lambda store: store.media_alarms(complete=True), "media_alarm_complete (id<?)"),
    (lambda store: store.media_alarms(complete=False), "media_alarm_incomplete (id<?)"),
    (lambda store: store.untold_media_alarms(), "SCAN media_alarm USING INDEX media_alarm_untold"),
    (lambda store: store.playlist("1"), "playlist USING INDEX sqlite_autoindex_playlist_1 (device=?)"),
    (lambda store: store.usage("1", "2026-10"), "media_usage USING PRIMARY KEY (device=? AND month=?)"),
    (lambda store: store.usages("1"), "media_usage USING PRIMARY KEY (device=?)"),
]

#: what may be gone through from its beginning to its end: it holds only what is asked for
WHOLE = ("media_unfinished", "media_kept", "media_alarm_untold")


@pytest.mark.parametrize(("ask", "index"), INDEXES)
def test_every_question_has_its_index(bench: Bench, ask: Callable[[SqliteStore], Any], index: str) -> None:
    found = plans(bench, ask)
    assert any(index in step for step in found), found
    assert not [step for step in found if step.startswith("SCAN media") and not step.endswith(WHOLE)]
    # Whatever has to be sorted lies in a time, or under a name.
    sorted_by = [found[n - 1] for n, step in enumerate(found) if "TEMP B-TREE" in step]
    assert all(any(few in step for few in ("_at (", "_time (", "_named (")) for step in sorted_by), found


@pytest.mark.parametrize(
    ("since", "searches"),
    [(1000.0, 2), (0.0, 1)],  # few of the newest, or all of them
)
def test_what_is_recent_is_found_without_sorting_a_time(bench: Bench, since: float, searches: int) -> None:
    for number in range(100):
        bench.store.save_media(stored_file(number, taken=float(number + 1)))
    bench.settle()
    statements: list[str] = []
    bench.connection.set_trace_callback(statements.append)
    bench.result(bench.store.find_media(MediaQuery(since=since, limit=3)))
    assert len([each for each in statements if "ORDER BY id DESC" in each]) == searches


class TestGroups:
    @pytest.mark.parametrize("most_values", [999, 32_766])
    def test_many_files_are_few_statements_in_one_transaction(self, bench: Bench, most_values: int) -> None:
        assert bench.store._database is not None
        bench.store._database._most_values = most_values
        written: list[str] = []
        bench.connection.set_trace_callback(lambda text: written.append(text.split("(")[0]))
        files = [stored_file(number) for number in range(1400)]
        for file in files:
            bench.store.save_media(file, Usage("1", "2026-10", 1, 1000))
        bench.settle()
        assert [file.id for file in files] == list(range(1, 1401))
        assert bench.rows("SELECT id, name FROM media") == [(file.id, file.name) for file in files]
        assert bench.rows("SELECT files, received FROM media_usage") == [(1400, 1_400_000)]
        assert written.count("COMMIT") == 1
        assert written.count("INSERT INTO media ") < (200 if most_values == 999 else 20)

    def test_nothing_is_told_before_the_commit(self, bench: Bench) -> None:
        file, alarm = Media("1", "a"), MediaAlarm("1", 1, 1.0)
        bench.store.save_media(file)
        bench.store.save_media_alarm(alarm)
        bench.clock.advance(0)
        assert (file.id, alarm.id) == (0, 0)
        bench.pool.run()
        assert (file.id, alarm.id) == (1, 1)

    def test_one_that_is_given_again_while_the_thread_has_it(self, bench: Bench) -> None:
        file = Media("1")
        bench.store.save_media(file)
        bench.clock.advance(0)
        file.name = "a"
        bench.store.save_media(file)
        bench.settle()
        assert bench.rows("SELECT id, name FROM media") == [(1, "a")]

    @pytest.mark.parametrize("neighbours", [0, 5])
    def test_both_savings_of_a_file_whose_first_clashes(self, bench: Bench, neighbours: int) -> None:
        bench.result(bench.store.save_media(Media("1", "a")))
        file = Media("1", "a")
        failed: list[Any] = []
        bench.store.save_media(file).addErrback(lambda failure: failed.append(failure.value))
        others = [Media("1", f"{n}") for n in range(neighbours)]
        for other in others:
            bench.store.save_media(other)
        file.variant = 1
        bench.store.save_media(file)
        bench.settle()
        assert [type(each) for each in failed] == [MediaClash]
        assert sorted([file.id, *(other.id for other in others)]) == list(range(2, 3 + neighbours))
        assert bench.rows("SELECT variant FROM media WHERE id = ?", file.id) == [(1,)]


class TestTrouble:
    def test_an_id_that_was_not_stored_is_not_given(self, bench: Bench) -> None:
        """The disk fills up in the middle of a transaction: the file that is given again is a new one."""
        (pages,) = bench.connection.execute("PRAGMA page_count").fetchone()
        bench.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        files = [Media("1", f"{n}", details={"x": "y" * 2000}) for n in range(20)]
        failed: list[str] = []
        for file in files:
            bench.store.save_media(file).addErrback(lambda failure: failed.append(failure.getErrorMessage()))
        bench.settle()
        assert len(failed) == 20
        assert "database or disk is full" in failed[0]
        assert {file.id for file in files} == {0}
        bench.connection.execute("PRAGMA max_page_count = 1000000")
        bench.result(bench.store.save_media(files[7]))
        bench.result(bench.store.save_media(files[3]))
        assert (files[7].id, files[3].id) == (1, 2)
        assert bench.rows("SELECT id, name FROM media") == [(1, "7"), (2, "3")]

    def test_an_id_of_a_failed_transaction_does_not_reach_the_next(self, bench: Bench) -> None:
        """The second saving waits already when the first one fails."""
        file = Media("1", "a")
        failed: list[str] = []
        bench.connection.execute("PRAGMA query_only = ON")
        bench.store.save_media(file).addErrback(lambda failure: failed.append(failure.getErrorMessage()))
        bench.clock.advance(0)
        other = Media("1", "b")
        bench.store.save_media(other)
        bench.store.save_media(file)
        bench.pool.run()
        bench.connection.execute("PRAGMA query_only = OFF")
        bench.settle()
        assert len(failed) == 1
        assert bench.rows("SELECT id, name FROM media") == [(1, "b"), (2, "a")]
        assert (other.id, file.id) == (1, 2)

    def test_a_commit_that_fails(self, bench: Bench) -> None:
        file = Media("1", "a")
        bench.connection.executescript(
            "CREATE TABLE parent (id INTEGER PRIMARY KEY);"
            "CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED);"
            "CREATE TRIGGER late AFTER INSERT ON media WHEN new.name = 'a' BEGIN INSERT INTO child VALUES (1); END;"
            "PRAGMA foreign_keys = ON;"
        )
        with pytest.raises(StoreError, match="cannot be written: FOREIGN KEY constraint failed"):
            bench.result(bench.store.save_media(file))
        bench.result(bench.store.save_media(Media("1", "b")))
        bench.connection.execute("DROP TRIGGER late")
        bench.result(bench.store.save_media(file))
        assert bench.rows("SELECT id, name FROM media") == [(1, "b"), (2, "a")]

    def test_what_cannot_be_read_costs_only_who_asked(self, bench: Bench) -> None:
        saved: list[Any] = []
        bench.store.save_media(Media("1", "a")).addCallback(saved.append)
        for strange in (bench.store.media(object()), bench.store.find_media(MediaQuery(since=10**400))):  # type: ignore[arg-type]
            with pytest.raises(StoreError, match="cannot be read: "):
                bench.result(strange)
        assert saved == [None]
        assert bench.store.last_error() is None

    @pytest.mark.parametrize(
        ("change", "ask", "what"),
        [
            ("media SET state = 'x'", lambda store: store.media(1), "the file 1 cannot be read"),
            ("media SET tie = 'x'", lambda store: store.find_media(MediaQuery()), "the file 1 cannot be read"),
            ("media SET details = '[]'", lambda store: store.unfinished_media(), "the file 1 cannot be read"),
            ("media_alarm SET position = '{'", lambda store: store.media_alarms(), "the alarm 1 cannot be read"),
            ("playlist SET names = 'x'", lambda store: store.playlist("1"), "the list of recordings of 1 cannot"),
        ],
    )
    def test_a_damaged_row(self, bench: Bench, change: str, ask: Callable[[SqliteStore], Any], what: str) -> None:
        bench.store.save_media(Media("1", "a"))
        bench.store.save_media_alarm(MediaAlarm("1", 1, 1.0))
        bench.store.save_playlist(Playlist("1", 1.0, "d", ["a"]))
        bench.settle()
        bench.connection.execute(f"UPDATE {change}")
        with pytest.raises(StoreError, match=rf"is damaged: {what}.*\. Put a backup in its place"):
            bench.result(ask(bench.store))

    @pytest.mark.parametrize(
        "names", [zlib.compress(b'["' + b"a" * 100 + b'"]'), zlib.compress(b'["a"]')[:-3], zlib.compress(b'{"a":1}')]
    )
    def test_a_list_that_is_not_ours(self, bench: Bench, names: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jimigw.store.media_rows.MOST_LIST_BYTES", 50)
        bench.connection.execute("INSERT INTO playlist VALUES ('1', 1.0, 'd', ?)", (names,))
        with pytest.raises(StoreError, match="the list of recordings of 1 cannot be read"):
            bench.result(bench.store.playlist("1"))

    def test_after_the_end(self, bench: Bench) -> None:
        bench.close()
        store = bench.store
        for ended in (
            store.save_media(Media("1")),
            store.find_media(MediaQuery()),
            store.prune_media(1.0),
            store.save_media_alarm(MediaAlarm("1", 1, 1.0)),
            store.save_playlist(Playlist("1", 1.0, "d", [])),
            store.save_media_rule(MediaRule("1")),
        ):
            with pytest.raises(StoreClosed, match="is not open"):
                bench.result(ended)


def test_what_is_deleted_is_deleted_in_parts(bench: Bench) -> None:
    count = 2 * PRUNED + 7
    bench.connection.execute(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)"
        " INSERT INTO media_usage SELECT n, '2026-01', 1, 1, 1 FROM n",
        (count,),
    )
    bench.connection.execute("INSERT INTO media_usage SELECT device, '2026-02', 1, 1, 1 FROM media_usage LIMIT 5")
    for number in range(PRUNED + 1):
        bench.store.save_media(Media("1", f"{number}", state=S.DELETED, announced=1.0))
        bench.store.save_media_alarm(MediaAlarm("1", number, 1.0))
    bench.settle()
    bench.transactions = 0
    bench.connection.set_trace_callback(bench._count)
    assert bench.result(bench.store.prune_media(1_769_904_000.0)) == PRUNED + 1
    assert bench.transactions == 3
    counts = "SELECT (SELECT count(*) FROM media), (SELECT count(*) FROM media_alarm), count(*) FROM media_usage"
    assert bench.rows(counts) == [(0, 0, 5)]


def test_a_store_of_version_3_is_brought_up_to_date(path: Path, make_bench: MakeBench) -> None:
    older(3)(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO paused_reader VALUES ('callback', '410')")
        connection.commit()
    bench = make_bench()
    assert bench.result(bench.store.pauses()) == {"callback": "410"}
    assert [device.card.imei for device in bench.contents.devices] == ["11"]
    file, alarm = stored_file(1), MediaAlarm("1", 1, 1.0)
    bench.result(bench.store.save_media_alarm(alarm))
    file.alarm = alarm.id
    bench.result(bench.store.save_media(file, Usage("1", "2026-10", 1, 1000)))
    bench.close()
    again = make_bench()
    assert [fields(each) for each in again.result(again.store.find_media(MediaQuery(alarm=1)))] == [fields(file)]
    new = Media("1")
    again.result(again.store.save_media(new))
    assert new.id == 2
