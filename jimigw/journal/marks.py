"""How a device's batches are found: every id has a mark, 32 bits made of its device, every block of ids a row of marks.

To find a device is to search the rows for its mark. Another device with the same mark costs a look into its batch, no
more. A row a block is next to no work for the writer, where an index, or a list of batches for each device, costs as
much as the records themselves; and 16 KB of marks stand for some 3 MB of records.
"""

from __future__ import annotations

import sqlite3
import struct
from array import array
from collections.abc import Collection, Iterable, Iterator
from zlib import crc32

from jimigw.journal.interface import JournalDamaged
from jimigw.journal.pages import batch_of, batches_between
from jimigw.journal.records import devices_of
from jimigw.journal.schema import BLOCK

PIECE_BYTES = 1024 * 1024
"""Bytes of records that one piece looks through, where marks are made from the file."""

MAX_NEWEST = 64 * BLOCK
"""Marks that wait in memory for their row at most; others are made from the file again."""

_pack = struct.Struct(f"<{BLOCK}I").pack


class DeviceMarks:
    """The marks that have no row yet.

    Those of committed batches are noted as they pass; what an earlier process has left is made from the file, in
    pieces.
    """

    def __init__(self, next_id: int) -> None:
        # Marks of all ids from _newest_from on
        self._newest_from = next_id
        self._newest = array("I")
        # The block at hand, as far as it is made from the file
        self._block = -1
        self._position = 0
        self._marks = array("I")

    def add(self, devices: Collection[str]) -> None:
        """Note the devices of the next ids."""
        self._newest.extend(_marks_of(devices))
        if len(self._newest) > MAX_NEWEST:
            self._newest_from += len(self._newest)
            del self._newest[:]

    def look_through(self, connection: sqlite3.Connection, block: int) -> tuple[bool, JournalDamaged | None]:
        """Do a piece of a complete block; return whether it can be packed, and what could not be read.

        :raises sqlite3.Error: the piece was not done.
        """
        start, end = block * BLOCK, (block + 1) * BLOCK
        if block != self._block:
            self._block, self._position, self._marks = block, start, array("I", bytes(4 * BLOCK))
        until = min(end, max(start, self._newest_from))
        if self._position >= until:
            return True, None
        damage = None
        first_id = batch_of(connection, self._position)
        found = batches_between(connection, first_id, until - 1, PIECE_BYTES, BLOCK)
        for first, last, records in found:
            low, high = max(first, start), min(last + 1, until)
            try:
                devices = devices_of(first, last, records)
                self._marks[low - start : high - start] = array("I", _marks_of(devices[low - first : high - first]))
            except JournalDamaged as error:
                damage = error
            self._position = high
        if not found:
            self._position = until  # retention was faster
        return self._position >= until, damage

    def pack(self) -> bytes:
        """Return the marks of the block that was looked through."""
        start, end = self._block * BLOCK, (self._block + 1) * BLOCK
        low = max(start, self._newest_from)
        if low < end:
            self._marks[low - start :] = self._newest[low - self._newest_from : end - self._newest_from]
        return _pack(*self._marks)

    def forget(self) -> None:
        """Let go of the block: it has its row now."""
        passed = (self._block + 1) * BLOCK - self._newest_from
        if passed > 0:
            del self._newest[:passed]
            self._newest_from += passed
        self._block = -1


def _marks_of(devices: Iterable[str]) -> Iterator[int]:
    return map(crc32, map(str.encode, devices))
