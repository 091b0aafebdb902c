"""The lists that find a device's batches: written block by block, once all ids of a block are given.

They are made from the file, not from what passes through memory: it costs the process as much, but most of it without
Python's lock, and a restart is no other case.
"""

from __future__ import annotations

import sqlite3

from jimigw.journal.interface import JournalDamaged
from jimigw.journal.pages import batches_between
from jimigw.journal.records import devices_of
from jimigw.journal.schema import BLOCK

PIECE_BYTES = 4 * 1024 * 1024
"""Bytes of records that one piece looks through: a whole block, as a rule, in a few milliseconds."""

MAX_ROWS = 1024
"""Rows that one statement inserts at most, far below SQLite's 32,766 values."""


class BlockLists:
    """Which batches of one block hold records of a device, found a piece at a time."""

    def __init__(self, block: int) -> None:
        self.block = block
        self._start, self._end = block * BLOCK, (block + 1) * BLOCK
        self._position = self._start
        self._batches: dict[str, str] = {}

    def look_through(self, connection: sqlite3.Connection) -> tuple[bool, JournalDamaged | None]:
        """Take the next piece; return whether the block is at its end, and what could not be read.

        :raises sqlite3.Error: nothing was taken.
        """
        damage = None
        found = batches_between(connection, self._position, self._end - 1, PIECE_BYTES, BLOCK)
        for first, last, records in found:
            self._position = first + 1
            try:
                devices = devices_of(first, last, records)
            except JournalDamaged as error:
                damage = error
                continue
            batches, offset = self._batches, str(first - self._start)
            for device in devices:
                batches[device] = f"{batches[device]},{offset}" if device in batches else offset
        return not found or found[-1][1] >= self._end - 1, damage

    def write(self, connection: sqlite3.Connection) -> None:
        """Insert the lists, in the order of the table.

        :raises sqlite3.Error: not all are written.
        """
        rows = sorted(self._batches.items())
        # Powers of two, so that few statements serve all blocks, and each is one hand-over of Python's lock.
        done = 0
        while left := len(rows) - done:
            count = min(MAX_ROWS, 1 << (left.bit_length() - 1))
            values: list[int | str] = [self.block]
            for row in rows[done : done + count]:
                values += row
            connection.execute(_STATEMENTS[count], values)
            done += count


_STATEMENTS = {
    1 << power: "INSERT INTO device_block (block, device, batches)"
    f" SELECT ?, column1, column2 FROM (VALUES {','.join(['(?, ?)'] * (1 << power))})"
    for power in range(MAX_ROWS.bit_length())
}
