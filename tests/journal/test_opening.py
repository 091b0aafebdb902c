"""Which files are opened, and what is said about the others."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from jimigw.journal import IJournal, JournalError, SqliteJournal, open_reader
from jimigw.journal.schema import VERSION
from tests.journal.harness import Bench, HandReactor

MakeBench = Callable[..., Bench]


def start(path: Path) -> None:
    SqliteJournal(path, HandReactor()).start()


def nothing(path: Path) -> None:
    pass


def text(path: Path) -> None:
    path.write_text("these are not the bytes of a database, however long one reads" * 100)


def empty_file(path: Path) -> None:
    path.touch()


def folder(path: Path) -> None:
    path.mkdir()


def other_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE meta (name, value); INSERT INTO meta VALUES ('schema_version', 1)")
    connection.close()


def newer(path: Path) -> None:
    Bench(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", (VERSION + 1,))
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("opener", "make", "sentence"),
    [
        (open_reader, nothing, r"There is no journal at .*journal\.sqlite\."),
        (open_reader, folder, r"There is no journal at .*journal\.sqlite\."),
        (open_reader, empty_file, r"The file .*journal\.sqlite is not a jimigw journal\."),
        (open_reader, text, r"The file .*journal\.sqlite is not a jimigw journal\."),
        (open_reader, other_database, r"The file .*journal\.sqlite is not a jimigw journal\."),
        (open_reader, newer, rf"schema version {VERSION + 1}, made by a newer jimigw; .* up to {VERSION}\."),
        (start, folder, r"cannot be opened for writing: Is a directory\."),
        (start, text, r"The file .*journal\.sqlite is not a jimigw journal\."),
        (start, other_database, r"The file .*journal\.sqlite is not a jimigw journal\."),
        (start, newer, rf"schema version {VERSION + 1}, made by a newer jimigw; .* up to {VERSION}\."),
    ],
)
def test_refusals(path: Path, opener: Callable[[Path], object], make: Callable[[Path], None], sentence: str) -> None:
    make(path)
    with pytest.raises(JournalError, match=sentence):
        opener(path)


def test_a_folder_that_is_not_there(path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be opened for writing: No such file or directory"):
        start(path / "deeper")


def test_a_refused_file_is_not_touched(path: Path) -> None:
    newer(path)
    before = path.read_bytes()
    with pytest.raises(JournalError):
        start(path)
    assert path.read_bytes() == before


def test_one_writer_at_a_time(bench: Bench) -> None:
    with pytest.raises(JournalError, match="is in use by another process; two may not write to it"):
        start(bench.path)
    with pytest.raises(JournalError, match="was started before"):
        bench.journal.start()
    bench.close()
    Bench(bench.path).close()


def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    path.touch()
    bench = Bench(path)
    bench.append([1])
    bench.close()
    with open_reader(path) as reader:
        assert len(reader.read()) == 1


def test_others_may_not_read_where_people_drive(path: Path) -> None:
    mask = os.umask(0)
    try:
        bench = Bench(path)
        bench.append([1])
        bench.settle()
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        bench.close()
    finally:
        os.umask(mask)
    assert modes == {0o640}


def test_the_promise_is_a_full_sync(bench: Bench) -> None:
    assert bench.connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert bench.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_batch_is_one_step_of_sqlite(bench: Bench) -> None:
    statements: list[str] = []
    bench.connection.set_trace_callback(statements.append)
    bench.append(range(1000))
    bench.clock.advance(0)
    bench.writer.run()
    assert [statement.partition(" ")[0] for statement in statements] == ["INSERT"]


def test_the_interface_is_provided(bench: Bench) -> None:
    assert IJournal.providedBy(bench.journal)
