"""The store's SQLite file: its versions, and how a file is opened and judged.

The numbered files in ``deltas/`` lead from one version to the next, ``001_...`` from an empty file to version 1. The
version is the file's ``user_version``. A delta that was released is never changed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from jimigw.store.interface import StoreError

APPLICATION_ID = 0x4A475354  # "JGST": tells the store from every other SQLite file

BUSY_SECONDS = 15.0
"""How long a program waits for the transaction of another."""


def _deltas() -> Sequence[str]:
    found = sorted(file.name for file in (files("jimigw.store") / "deltas").iterdir() if file.name.endswith(".sql"))
    assert [int(name.partition("_")[0]) for name in found] == list(range(1, len(found) + 1)), found
    return [(files("jimigw.store") / "deltas" / name).read_text("utf-8") for name in found]


DELTAS = _deltas()
"""The SQL that leads from version n (counted from 0) to n + 1."""

VERSION = len(DELTAS)


def open_for_writing(path: Path, *, upgrade: bool = False) -> sqlite3.Connection:
    """Open the store at ``path`` and make it if there is none. Only with ``upgrade`` an older one is brought to this
    version: a service may be running on it.

    :raises StoreError: the file cannot be opened, is something else, or has another version.
    """
    try:
        # SQLite gives the -wal and -shm files the mode of the database. Where people drive is nobody else's business.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
    except OSError as error:
        raise StoreError(f"The store {path} cannot be opened for writing: {error.strerror}.") from error
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
    try:
        _prepare(connection, path, upgrade)
    except sqlite3.Error as error:
        connection.close()
        raise explained(error, path, "opened") from error
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open the store at ``path`` for reading only; others may write to it at the same time.

    :raises StoreError: there is no such file, it is not a store, or it has another version.
    """
    if not path.is_file():
        raise StoreError(f"There is no store at {path}.")
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    except sqlite3.Error as error:
        raise explained(error, path, "opened") from error
    try:
        _check(connection, path, upgrade=False)
    except sqlite3.Error as error:
        connection.close()
        raise explained(error, path, "opened") from error
    except BaseException:
        connection.close()
        raise
    return connection


def explained(error: sqlite3.Error, path: Path, what: str) -> StoreError:
    """The sentence for an error of SQLite; ``what`` could not be done: "opened", "read", "written"."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return StoreError(f"The file {path} is not a jimigw store.")
    if code == sqlite3.SQLITE_CORRUPT:
        return damaged(path, str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(f"The store {path} cannot be {what}: another program has kept it locked ({error}).")
    return StoreError(f"The store {path} cannot be {what}: {error}.")


def damaged(path: Path, how: str) -> StoreError:
    """The sentence for a store that cannot be trusted any more."""
    return StoreError(f"The store {path} is damaged: {how}. Put a backup in its place.")


def statements(script: str) -> Iterator[str]:
    """The statements of a delta, one after another."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    assert not statement.strip(), f"a statement without an end: {statement}"


def _prepare(connection: sqlite3.Connection, path: Path, upgrade: bool) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = OFF")
    if _is_empty(connection):
        upgrade = True
    else:
        _check(connection, path, upgrade)  # before anything is changed
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if upgrade:
        _upgrade(connection, path)


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the store to this version, all the way or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another program may have done it while this one waited for the lock.
        version = 0 if _is_empty(connection) else _check(connection, path, upgrade=True)
        for delta in DELTAS[version:]:
            for statement in statements(delta):
                connection.execute(statement)
        if version < VERSION:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _is_empty(connection: sqlite3.Connection) -> bool:
    count: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return count == 0 and _pragma(connection, "application_id") == 0


def _check(connection: sqlite3.Connection, path: Path, upgrade: bool) -> int:
    """Return the version of an existing store, or raise when this program must not touch it."""
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreError(f"The file {path} is not a jimigw store.")
    version = _pragma(connection, "user_version")
    if version > VERSION:
        raise StoreError(
            f"The store {path} has schema version {version}, made by a newer jimigw; this one knows versions up to"
            f" {VERSION}. Use the newer program, or another file."
        )
    if version < VERSION and not upgrade:
        raise StoreError(
            f"The store {path} has schema version {version}; this program works with version {VERSION}. Start the"
            " service once: it brings the store up to date."
        )
    return version


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
