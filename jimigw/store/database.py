"""The store's file in plain calls, for the service's writer thread and for the command line: no reactor, one thread at
a time.

Every change of a card gets the next number of ``revision``, and a deleted card leaves its id with such a number. So a
program finds what others changed since it looked last: see :meth:`Database.changes`.
"""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from jimigw.model.command import OPEN, Command
from jimigw.model.device import Card, Device
from jimigw.store.interface import CardChanges, StoreError
from jimigw.store.letters import Letters
from jimigw.store.media import MediaTables
from jimigw.store.media_alarms import AlarmTable
from jimigw.store.rows import (
    AT_ONCE,
    CARD,
    COMMAND,
    STATE,
    Row,
    Unreadable,
    cards_of,
    columns,
    command_of,
    devices_of,
    inserted,
    row_of_card,
    storable,
)
from jimigw.store.schema import damaged, explained, open_for_reading, open_for_writing

NEVER = 1 << 62
"""A revision that no store reaches: whoever was told so much overwrites whatever there is."""

REFUSED = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
"""What SQLite says of one statement and its values; every other error is one of the file or the disk."""

_SAVE_CARDS = {count: inserted("card", (*CARD, "revision"), count) for count in AT_ONCE}
_ADD_CARDS = {count: inserted("card", ("id", "listed", "revision"), count, "DO NOTHING") for count in AT_ONCE}
_SAVE_STATES = {count: inserted("state", ("id", *STATE), count) for count in AT_ONCE}
_SAVE_COMMANDS = {count: inserted("command", COMMAND, count) for count in AT_ONCE}
_CARDS = f"SELECT {columns(CARD)}, revision FROM card"
_DEVICES = (
    "SELECT card." + columns(CARD).replace(", ", ", card.") + f", revision, {columns(STATE)}"
    " FROM card LEFT JOIN state ON state.id = card.id"
)
_COMMANDS = f"SELECT {columns(COMMAND)} FROM command"
_IS_OPEN = "state IN ({})".format(", ".join(f"'{life}'" for life in sorted(OPEN)))
_IS_ENDED = "state NOT IN ({})".format(", ".join(f"'{life}'" for life in sorted(OPEN)))


class Database:
    """An open store. Every method raises :class:`StoreError` where the file cannot be read or written.

    Writes stand in a :meth:`transaction`; there SQLite's own errors go through to its end.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        #: what readers of the journal leave here
        self.letters = Letters(connection, self._reading)
        #: files of terminals, and the alarms that have some
        self.media = MediaTables(connection, self._reading, self._enter_odd)
        self.media_alarms = AlarmTable(connection, self._reading)
        # 999 before SQLite 3.32
        self._most_values = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        self._data_version = -1
        # Up to here this program knows the cards, its own changes included; and with those that are not committed.
        self._revision = 0
        self._next_revision = 0
        # What others changed, until it is taken: a card, or the id of one that is gone.
        self._changed: dict[str, Card | str] = {}
        # The same until whoever writes was told: its revision, and whether it is gone.
        self._foreign: dict[str, tuple[int, bool]] = {}
        self._told = NEVER
        self._forgotten: list[str] = []
        with self._reading():
            self._revision = self._counter("revision")

    @classmethod
    def for_service(cls, path: Path) -> Database:
        """The store for a service: made, or brought to this version, where needed."""
        return cls(path, open_for_writing(path, upgrade=True))

    @classmethod
    def for_changes(cls, path: Path) -> Database:
        """The store for a program beside the service: made where there is none."""
        return cls(path, open_for_writing(path))

    @classmethod
    def for_reading(cls, path: Path) -> Database:
        """The store, only to be read."""
        return cls(path, open_for_reading(path))

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        try:
            self._connection.close()
        except sqlite3.Error as error:
            raise explained(error, self._path, "closed") from error

    def check(self) -> None:
        """Raise where the pages of the file do not fit together."""
        with self._reading():
            (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise damaged(self._path, found.replace("\n", " ").strip("* "))

    # Reading

    def cards(self) -> list[Card]:
        """All cards, by id."""
        with self._reading():
            return list(cards_of(self._connection.execute(f"{_CARDS} ORDER BY id")))

    def devices(self, id: str | None = None) -> list[Device]:
        """All terminals with what they showed, off line; or the one with this id."""
        where, values = ("WHERE card.id = ?", (id,)) if id is not None else ("ORDER BY card.id", ())
        with self._reading(), _without_collection():
            return list(devices_of(self._connection.execute(f"{_DEVICES} {where}", values)))

    def command(self, id: int) -> Command | None:
        """A command, or None."""
        with self._reading():
            row = self._connection.execute(f"{_COMMANDS} WHERE id = ?", (id,)).fetchone()
            return None if row is None else command_of(row)

    def commands(
        self, device: str | None = None, open: bool | None = None, before: int | None = None, limit: int = -1
    ) -> list[Command]:
        """Commands as of :meth:`IStore.commands`, the newest first; all of them with a ``limit`` of -1."""
        wanted: list[str] = []
        values: list[Any] = []
        for condition, value in (("device = ?", device), ("id < ?", before)):
            if value is not None:
                wanted.append(condition)
                values.append(value)
        if open is not None:
            wanted.append(_IS_OPEN if open else _IS_ENDED)
        where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
        with self._reading():
            rows = self._connection.execute(f"{_COMMANDS} {where} ORDER BY id DESC LIMIT ?", (*values, limit))
            return list(map(command_of, rows))

    def unfinished_commands(self) -> list[Command]:
        """The commands that have not ended, or whose end has not been told, by id."""
        with self._reading():
            return list(map(command_of, self._connection.execute(f"{_COMMANDS} WHERE told = 0 ORDER BY id")))

    # What others changed

    def changes(self) -> tuple[CardChanges | None, int]:
        """What other programs changed since this was last asked, and the revision up to which that is all."""
        with self._reading():
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            if version != self._data_version:
                self._connection.execute("BEGIN")
                try:
                    self._note_others()
                finally:
                    self._connection.execute("ROLLBACK")
                self._data_version = version
        changed = list(self._changed.values())
        self._changed.clear()
        if not changed:
            return None, self._revision
        cards = [card for card in changed if isinstance(card, Card)]
        return CardChanges(cards, [card for card in changed if isinstance(card, str)]), self._revision

    def _note_others(self) -> None:
        """Note what others changed, within a transaction."""
        revision = self._counter("revision")
        if revision == self._revision:
            return
        after = (self._revision,)
        for card in cards_of(self._connection.execute(f"{_CARDS} WHERE revision > ?", after)):
            self._changed[card.id] = card
            self._foreign[card.id] = card.revision, False
        gone = self._connection.execute("SELECT id, revision FROM removed_card WHERE revision > ?", after)
        for id, removed in gone:
            self._changed[id] = id
            self._foreign[id] = removed, True
        self._revision = revision

    def _is_foreign(self, id: str) -> bool:
        return self._foreign.get(id, (0, False))[0] > self._told

    # Writing

    @contextmanager
    def transaction(self, told: int = NEVER) -> Iterator[None]:
        """All that is written within is stored, safely, or nothing of it.

        ``told`` is the revision up to which whoever writes knows the cards (see :meth:`changes`): what others changed
        after that is not overwritten.
        """
        self._told = told
        self._foreign = {id: change for id, change in self._foreign.items() if change[0] > told}
        self._forgotten.clear()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._note_others()
            self._next_revision = self._revision
            yield
            if self._next_revision > self._revision:
                self._seal_revision()
            self._connection.execute("COMMIT")
        except BaseException as error:
            self.media.transaction_ended(stored=False)
            # Some errors have rolled back already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise explained(error, self._path, "written") from error
            raise
        self.media.transaction_ended(stored=True)
        self._revision = self._next_revision
        for id in self._forgotten:
            self._changed.pop(id, None)

    def _seal_revision(self) -> None:
        self._set_counter("revision", self._next_revision)
        # Whoever was entered again after it had been deleted is there.
        again = "SELECT id FROM card WHERE revision > ?"
        self._connection.execute(f"DELETE FROM removed_card WHERE id IN ({again})", (self._revision,))

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of a transaction: where it is refused, it is undone alone, with a :class:`StoreError`."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except REFUSED as error:
            self._undo_part()
            raise StoreError(f"It cannot be stored: {error}.") from error
        except sqlite3.Error:
            raise
        except Exception as error:
            self._undo_part()
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"It cannot be stored: {error}.") from error
        self._connection.execute("RELEASE part")

    def _undo_part(self) -> None:
        self._connection.execute("ROLLBACK TO part")
        self._connection.execute("RELEASE part")

    def save_cards(self, rows: Sequence[Row]) -> Sequence[int]:
        """Enter cards (rows of `CARD`) or replace those with their ids; their revisions.

        :raises StoreError: another card has an IMEI or phone number, or another program has just changed a card.
        """
        for id in (row[0] for row in rows):
            if self._is_foreign(id):
                raise StoreError(f"The terminal {id} was changed by another program just now; look at it again.")
        first = self._next_revision + 1
        numbered = [(*row, revision) for revision, row in enumerate(rows, first)]
        try:
            self._enter(_SAVE_CARDS, numbered)
        except sqlite3.IntegrityError as error:
            clash = next(filter(None, map(self._clash, rows)), None)
            raise StoreError(clash or f"It cannot be stored: {error}.") from error
        self._next_revision += len(rows)
        return range(first, first + len(rows))

    def exchange_cards(self, cards: Iterable[Card]) -> Sequence[int]:
        """Enter or replace cards, which may exchange their IMEIs and phone numbers among each other; their revisions.

        :raises StoreError: a card that is not among them has an IMEI or phone number.
        """
        rows = list(map(row_of_card, cards))
        ids = [(row[0],) for row in rows]
        self._connection.executemany("UPDATE card SET imei = NULL, phone = NULL WHERE id = ?", ids)
        return self.save_cards(rows)

    def save_states(self, rows: Iterable[Row]) -> None:
        """Replace states (the id and a row of `STATE`). A terminal without a card gets one.

        A terminal that another program has just removed is left out.
        """
        kept = [row for row in rows if not (self._is_foreign(row[0]) and self._foreign[row[0]][1])]
        self._enter_odd(_SAVE_STATES, kept)
        revision = self._next_revision + 1
        if self._enter(_ADD_CARDS, [(row[0], False, revision) for row in kept]):
            self._next_revision = revision

    def forget(self, id: str) -> bool:
        """Delete a terminal, card and state; whether there was one."""
        self._connection.execute("DELETE FROM state WHERE id = ?", (id,))
        if not self._connection.execute("DELETE FROM card WHERE id = ?", (id,)).rowcount:
            return False
        self._next_revision += 1
        removed = (id, self._next_revision)
        self._connection.execute("INSERT OR REPLACE INTO removed_card (id, revision) VALUES (?, ?)", removed)
        self._forgotten.append(id)
        return True

    def save_commands(self, rows: Sequence[Row]) -> Sequence[None]:
        """Enter commands (rows of `COMMAND`) or replace those with their ids."""
        self._enter_odd(_SAVE_COMMANDS, rows)
        return [None] * len(rows)

    def prune_commands(self, before: float) -> int:
        """Delete the commands that ended before this time; how many there were."""
        return self._connection.execute(f"DELETE FROM command WHERE {_IS_ENDED} AND ended < ?", (before,)).rowcount

    def reserve_commands(self, count: int) -> range:
        """Give so many ids for commands, which are never given again."""
        (newest,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM command").fetchone()
        first = max(newest, self._counter("command")) + 1
        self._set_counter("command", first + count - 1)
        return range(first, first + count)

    def return_commands(self, unused: range) -> None:
        """Take back ids that were reserved and not given, unless others were reserved after them."""
        if self._counter("command") == unused.stop - 1:
            self._set_counter("command", unused.start - 1)

    def _enter(self, statements: Mapping[int, str], rows: Sequence[Row]) -> int:
        """Enter rows, many at once; how many were."""
        at = entered = 0
        for count in AT_ONCE:
            while len(rows) - at >= count and count * len(rows[0]) <= self._most_values:
                values = list(chain.from_iterable(rows[at : at + count]))
                entered += self._connection.execute(statements[count], values).rowcount
                at += count
        return entered

    def _enter_odd(self, statements: Mapping[int, str], rows: Sequence[Row]) -> None:
        """Enter rows, and what no database takes as well as can be: that is seldom, and looking for it takes longer
        than entering."""
        try:
            self._enter(statements, rows)
        except (UnicodeEncodeError, OverflowError):
            self._enter(statements, list(map(storable, rows)))

    def _counter(self, name: str) -> int:
        return int(self._connection.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()[0])

    def _set_counter(self, name: str, value: int) -> None:
        self._connection.execute("UPDATE counter SET value = ? WHERE name = ?", (value, name))

    def _clash(self, row: Row) -> str | None:
        """Say which other card has the IMEI or phone number of this one."""
        id, imei, phone, *_ = row
        for column, value, what in (("imei", imei, "IMEI"), ("phone", phone, "phone number")):
            other = self._connection.execute(f"SELECT id FROM card WHERE {column} = ? AND id <> ?", (value, id))
            if found := other.fetchone():
                return f"The terminal {id} cannot have the {what} {value}: it is that of the terminal {found[0]}."
        return None

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explained(error, self._path, "read") from error
        except Unreadable as error:
            raise damaged(self._path, str(error)) from error


@contextmanager
def _without_collection() -> Iterator[None]:
    """Make many objects that stay: to look for garbage among them again and again takes a quarter of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
