"""The journal's SQLite file: its tables, their versions, and how a file is opened and judged.

A row of the table ``batch`` is one commit, with all its records in one blob (see `jimigw.journal.records`): a row for
every record costs SQLite three times as much.

There is no index by device: records of many devices arrive interleaved, and such an index makes every commit write a
page for each. Instead, every block of `BLOCK` ids gets a row of marks in ``device_block`` once it is complete (see
`jimigw.journal.marks`); those rows are written in order, like a log.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from jimigw.journal.interface import JournalError

APPLICATION_ID = 0x4A474A4C  # "JGJL": tells the journal from every other SQLite file

BLOCK = 4096
"""Ids in one block of ``device_block``. A change of this number needs a new schema version."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # newest: the highest received_at, in microseconds; records last, so that the rest is read without them
        """CREATE TABLE batch (
            first_id INTEGER PRIMARY KEY,
            last_id INTEGER NOT NULL,
            newest INTEGER NOT NULL,
            records BLOB NOT NULL
        )""",
        # marks: BLOCK little-endian 32-bit numbers, the CRC-32 of each id's device; 0 where no record is
        "CREATE TABLE device_block (block INTEGER PRIMARY KEY, marks BLOB NOT NULL)",
        "CREATE TABLE cursor (reader TEXT NOT NULL PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID",
        # pruned_through: no id up to it is given again; marked_blocks: blocks below it are in device_block
        "INSERT INTO meta (name, value) VALUES ('pruned_through', 0), ('marked_blocks', 0)",
    ),
)
"""The statements that lead from schema version n (counted from 0) to n + 1."""

VERSION = len(MIGRATIONS)

_CREATE_META = "CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID"


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the journal at ``path`` for its one writer, make it if there is none, and bring it to this version.

    :raises JournalError: the file cannot be opened, is something else, or was made by a newer version.
    """
    try:
        # SQLite gives the -wal and -shm files the mode of the database. Where people drive is nobody else's business.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
    except OSError as error:
        raise JournalError(f"The journal {path} cannot be opened for writing: {error.strerror}.") from error
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise _explained(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open the journal at ``path`` for reading only; a service may write to it at the same time.

    :raises JournalError: there is no such file, it is not a journal, or it was made by a newer version.
    """
    if not path.is_file():
        raise JournalError(f"There is no journal at {path}.")
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)
    except sqlite3.Error as error:
        raise _explained(error, path) from error
    try:
        connection.execute("PRAGMA cache_size = -4096")
        _check(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise _explained(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -8192")
    # Some distributions build SQLite so that it overwrites what is deleted: here that only makes retention dearer.
    connection.execute("PRAGMA secure_delete = OFF")
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    version = 0 if empty else _check(connection, path, writing=True)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # the writer does it between batches
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    if empty:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(_CREATE_META)
        connection.execute("INSERT INTO meta (name, value) VALUES ('schema_version', 0)")
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", (VERSION,))
    connection.execute("COMMIT")


def _check(connection: sqlite3.Connection, path: Path, *, writing: bool = False) -> int:
    """Return the schema version of an existing journal, or raise when this program must not touch it."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    row = None
    if application == APPLICATION_ID:
        row = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
    if row is None:
        raise JournalError(f"The file {path} is not a jimigw journal.")
    version: int = row[0]
    if version > VERSION:
        raise JournalError(
            f"The journal {path} has schema version {version}, made by a newer jimigw; this one knows versions up to"
            f" {VERSION}. Use the newer program, or another file."
        )
    if version < VERSION and not writing:
        raise JournalError(
            f"The journal {path} has schema version {version}; this program reads version {VERSION}. Start the service"
            " once: it brings the journal up to date."
        )
    return version


def _explained(error: sqlite3.Error, path: Path) -> JournalError:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
        return JournalError(f"The file {path} is not a jimigw journal.")
    return JournalError(f"The journal {path} cannot be used: {error}.")
