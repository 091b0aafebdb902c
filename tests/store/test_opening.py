"""Which files are opened, what they held, and what is said about the others."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from jimigw.model.command import Command, Life
from jimigw.model.device import Card, State
from jimigw.store import Database, SqliteStore, StoreError
from jimigw.store.schema import APPLICATION_ID, DELTAS, VERSION, statements
from tests.store.harness import Bench, HandReactor

MakeBench = Callable[..., Bench]


def start(path: Path) -> None:
    SqliteStore(path, HandReactor()).start()


def nothing(path: Path) -> None:
    pass


def text(path: Path) -> None:
    path.write_text("these are not the bytes of a database, however long one reads" * 100)


def empty_file(path: Path) -> None:
    path.touch()


def folder(path: Path) -> None:
    path.mkdir()


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE card (id); PRAGMA user_version = 1")


def other_application(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA application_id = 1; PRAGMA user_version = 1; VACUUM")


def newer(path: Path) -> None:
    Bench(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")


def filled(path: Path) -> Bench:
    bench = Bench(path)
    for number in range(500):
        bench.store.save_card(Card(f"{number:04d}", name="x" * 200))
    bench.store.save_states([(f"{number:04d}", State(model="y" * 100)) for number in range(500)])
    bench.settle()
    return bench


def torn_page(path: Path) -> None:
    """A page in the middle of the file is lost."""
    filled(path).close()
    data = bytearray(path.read_bytes())
    data[4096 * 10 : 4096 * 11] = b"\xa5" * 4096
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    filled(path).close()
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)


def without_table(path: Path) -> None:
    filled(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE command")


def strange_state(path: Path) -> None:
    filled(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE state SET position = '{\"latitude\": 1' WHERE id = '0003'")
        connection.commit()


def strange_command(path: Path) -> None:
    bench = Bench(path)
    bench.result(bench.store.save_command(Command(7, "1", 0.0, 0.0, text="x", reply="x")))
    bench.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE command SET reply = 'x'")
        connection.commit()


def older(version: int) -> Callable[[Path], None]:
    """A store as the program of an older version left it, with a row where there were tables."""

    def make(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            for delta in DELTAS[:version]:
                for statement in statements(delta):
                    connection.execute(statement)
            if version >= 1:
                connection.execute("INSERT INTO card (id, imei, listed, revision) VALUES ('1', '11', 1, 1)")
                connection.execute("UPDATE counter SET value = 1 WHERE name = 'revision'")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")

    return make


FOREIGN = r"The file .*store\.sqlite is not a jimigw store\."
NEWER = rf"schema version {VERSION + 1}, made by a newer jimigw; .* up to {VERSION}\. Use the newer program"
DAMAGED = r"The store .*store\.sqlite is damaged: .*\. Put a backup in its place\."


@pytest.mark.parametrize(
    ("opener", "make", "sentence"),
    [
        (Database.for_reading, nothing, r"There is no store at .*store\.sqlite\."),
        (Database.for_reading, folder, r"There is no store at .*store\.sqlite\."),
        (Database.for_reading, empty_file, FOREIGN),
        *(
            (opener, make, FOREIGN)
            for opener in (start, Database.for_changes, Database.for_reading)
            for make in (text, other_database, other_application)
        ),
        *((opener, newer, NEWER) for opener in (start, Database.for_changes, Database.for_reading)),
        (Database.for_reading, older(1), r"has schema version 1; .* works with version \d+\. Start the service once"),
        (Database.for_changes, older(1), r"has schema version 1; .* works with version \d+\. Start the service once"),
        (start, folder, r"cannot be opened for writing: Is a directory\."),
        (start, torn_page, DAMAGED),
        (start, cut_short, DAMAGED),
        (start, strange_state, r"is damaged: the state of the terminal '0003' cannot be read \(.*\)\. Put a backup"),
        (start, strange_command, r"is damaged: the command 7 cannot be read \(.*\)\. Put a backup in its place"),
        (start, without_table, r"The store .* cannot be .*: no such table: command"),
    ],
)
def test_refusals(path: Path, opener: Callable[[Path], object], make: Callable[[Path], None], sentence: str) -> None:
    make(path)
    with pytest.raises(StoreError, match=sentence):
        opener(path)


def test_a_folder_that_is_not_there(path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened for writing: No such file or directory"):
        start(path / "deeper")


@pytest.mark.parametrize("make", [newer, other_database, torn_page])
def test_a_refused_file_is_not_touched(path: Path, make: Callable[[Path], None]) -> None:
    make(path)
    before = path.read_bytes()
    with pytest.raises(StoreError):
        start(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", range(VERSION))
def test_every_older_version_is_brought_up_to_date(path: Path, version: int, make_bench: MakeBench) -> None:
    older(version)(path)
    bench = make_bench()
    assert bench.rows("PRAGMA user_version") == [(VERSION,)]
    assert [(device.id, device.card.imei) for device in bench.contents.devices] == [("1", "11")][: version or 0]
    bench.result(bench.store.save_states([("1", State("jimi")), ("2", State("jimi"))]))
    bench.result(bench.store.save_command(Command(bench.store.next_command_id(), "1", 0.0, 0.0, text="VERSION#")))
    fresh = path.with_name("fresh.sqlite")
    Bench(fresh).close()
    with closing(sqlite3.connect(fresh)) as connection:
        made = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
    assert bench.rows("SELECT type, name, sql FROM sqlite_master ORDER BY name") == made


def test_a_delta_that_fails_leaves_the_older_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older(1)(path)
    monkeypatch.setattr("jimigw.store.schema.DELTAS", [DELTAS[0], DELTAS[1] + "SELECT * FROM nowhere;\n"])
    with pytest.raises(StoreError, match="cannot be opened: no such table: nowhere"):
        start(path)
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'command'").fetchone() == (0,)
    Bench(path).close()


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    bench = Bench(path)
    assert (bench.contents.devices, bench.contents.commands) == ([], [])
    bench.result(bench.store.save_card(Card("1")))
    bench.close()
    with Database.for_reading(path) as database:
        assert [card.id for card in database.cards()] == ["1"]


def test_what_was_kept_is_there_again(path: Path, make_bench: MakeBench) -> None:
    bench = make_bench()
    ids = [bench.store.next_command_id() for _ in range(5)]
    lives = (Life.SENT, Life.ANSWERED, Life.QUEUED, Life.EXPIRED, Life.FAILED)
    for id, life in zip(ids, lives, strict=True):
        told = life in (Life.ANSWERED, Life.EXPIRED)
        bench.store.save_command(Command(id, "1", 0.0, 0.0, text="x", state=life, told=told))
    bench.store.save_card(Card("1", imei="1", plate="B 1"))
    bench.store.save_states([("1", State("jimi", told_plate="told")), ("2", State("jimi", told_plate="told"))])
    bench.store.save_card(Card("3"))
    bench.close()
    devices, commands = make_bench().contents.devices, make_bench().contents.commands
    assert [(device.id, device.plate, device.protocol) for device in devices] == [
        ("1", "B 1", "jimi"),
        ("2", "told", "jimi"),
        ("3", None, ""),
    ]
    assert not any(device.online or device.stale for device in devices)
    assert devices[0].protocol is devices[1].protocol
    assert devices[0].card.imei is devices[0].id
    assert [(command.id, command.state) for command in commands] == [
        (1, Life.SENT),
        (3, Life.QUEUED),
        (5, Life.FAILED),
    ]


def test_one_start_only(bench: Bench) -> None:
    with pytest.raises(StoreError, match="was started before"):
        bench.store.start()


def test_others_may_not_read_where_people_drive(path: Path) -> None:
    mask = os.umask(0)
    try:
        bench = filled(path)
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        bench.close()
    finally:
        os.umask(mask)
    assert modes == {0o640}


def test_the_promise_is_a_full_sync(bench: Bench) -> None:
    assert bench.connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert bench.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("", 0),
        ("-- a word; and more\nSELECT 1;\n", 1),
        ("SELECT\n    ';', 1;\nSELECT 2;\n\n", 2),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN\n SELECT 1;\n SELECT 2;\nEND;\nSELECT 3;", 2),
    ],
)
def test_the_statements_of_a_delta(script: str, count: int) -> None:
    assert len([*statements(script)]) == count
