"""Looking through the journal by what it has no index for: time, kind, from the newest back. Always within bounds.

A request reads so many records and no more; where that was not enough it says from where to go on. Kinds are chosen
here and not in the journal, which would look for a rare one through all that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from jimigw.journal.interface import IJournal, JournalDamaged, Record, Records

STEP = 500
"""Records of one read."""
BUDGET = 20_000
"""Records that one request reads."""
MOST_BYTES = 8 << 20
"""Bytes of records in one answer, or in one step of a search; one record is always taken."""
_WINDOW = 2048
"""Ids that a search back begins with, where it looks for one terminal; each step back is twice as long."""
_PROBE = 8


class Scanner:
    """Bounded reads of one journal."""

    def __init__(self, journal: IJournal, step: int = STEP, budget: int = BUDGET) -> None:
        self._journal, self._step, self._budget = journal, step, budget

    async def page(
        self, after: int, limit: int, device: str | None, kinds: Collection[str] | None
    ) -> tuple[list[Record], int, bool]:
        """Up to ``limit`` records behind ``after``, the id to go on from, and whether there are more by now."""
        found: list[Record] = []
        size, read = 0, 0
        while True:
            count = self._step if kinds is not None else min(self._step, limit - len(found))
            records = await self._read(after, count, device)
            for record in records:
                if kinds is None or record.kind in kinds:
                    size += len(record.data)
                    if found and size > MOST_BYTES:
                        return found, after, True
                    found.append(record)
                after = record.id
                if len(found) == limit:
                    return found, after, after < self._journal.last_id()
            read += len(records)
            after = max(after, records.through)
            if after >= self._journal.last_id():
                return found, after, False
            if read >= self._budget:
                return found, after, True

    async def before(self, moment: int) -> int:
        """An id behind which all records lie that were received at this time (microseconds since 1970) or later.

        Ids grow with the time of receipt, but for single records that were late for their commit. So it is found by
        halving, by the newest of some neighbours each time, and a little is left in front.
        """
        low, high = 0, self._journal.last_id()
        while high - low > _PROBE:
            middle = (low + high) // 2
            records = await self._read(middle, _PROBE, None)
            if records and max(record.received_at for record in records) < moment:
                low = middle
            else:
                high = middle
        return max(0, low - 8 * _PROBE)

    async def forward(self, after: int, device: str, take: Callable[[Record], bool], last: int) -> int | None:
        """Give the records of a terminal behind ``after`` to ``take`` until that says False, or one was received after
        ``last``. The id to go on from; None where nothing is left."""
        read = 0
        while True:
            records = await self._read(after, self._step, device)
            for record in records:
                if record.received_at > last:
                    return None
                after = record.id
                if not take(record):
                    return after
            after = max(after, records.through)
            if after >= self._journal.last_id() or len(records) == 0:
                return None
            read += len(records)
            if read >= self._budget:
                return after

    async def backward(self, before: int | None, limit: int, device: str | None, kind: str) -> tuple[list[Record], int]:
        """Up to ``limit`` records of a kind below ``before``, the newest first, and the id below which to go on; 0
        where nothing is left."""
        high = self._journal.last_id() if before is None else min(before - 1, self._journal.last_id())
        window, read = (_WINDOW, 0)
        found: list[Record] = []
        while high > 0 and read < self._budget:
            low = max(0, high - window)
            records, count, gone = await self._between(low, high, device)
            read += max(count, self._step // 4)
            for record in reversed(records):
                if record.kind == kind:
                    found.append(record)
                    if len(found) == limit:
                        return found, record.id
            if gone:
                return found, 0
            high = low
            if device is not None:
                window *= 2
        return found, high + 1 if high > 0 else 0

    async def _between(self, low: int, high: int, device: str | None) -> tuple[list[Record], int, bool]:
        """Records above ``low`` up to ``high``, how many were read for that, and whether older ones are gone."""
        found: list[Record] = []
        after, read, gone = low, 0, False
        while after < high:
            records = await self._read(after, min(self._step, high - after), device)
            read += len(records)
            if device is None and records and after == low and records[0].id > low + 1:
                gone = True  # deleted by retention: nothing is further back
            found += [record for record in records if record.id <= high]
            after = max(records.through, records[-1].id if records else 0)
            if not records and after < high:
                break
        return found, read, gone or (device is None and not found)

    async def _read(self, after: int, limit: int, device: str | None) -> Records:
        """Read; what is damaged is passed over, as every reader does."""
        while True:
            try:
                return await self._journal.read(after, limit, device)
            except JournalDamaged as damage:
                after = damage.last_id
