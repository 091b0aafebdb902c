"""Which bytes of a file have come, where pieces may come in any order, twice and overlapping."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class Coverage:
    """Stretches of a file that are there: ascending, apart from each other, and at most ``most`` of them.

    A piece that touches no stretch makes a new one. Where there are ``most`` already it is not taken, so that nobody
    fills memory with a file of which every second byte is missing.
    """

    __slots__ = ("_begins", "_ends", "most")

    def __init__(self, most: int = 4096) -> None:
        self.most = most
        self._begins: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        """How many stretches there are."""
        return len(self._begins)

    @property
    def end(self) -> int:
        """The offset behind the last byte that is there."""
        return self._ends[-1] if self._ends else 0

    def add(self, begin: int, end: int) -> int | None:
        """The bytes from ``begin`` to before ``end`` have come: how many of them are new. None where there is no room
        for another stretch; then they count as missing."""
        if begin >= end:
            return 0
        begins, ends = self._begins, self._ends
        if ends and ends[-1] == begin:  # nearly always: the next one
            ends[-1] = end
            return end - begin
        # Stretches first to last - 1 touch the new one, and become one with it.
        first, last = bisect_left(ends, begin), bisect_right(begins, end)
        if first == last:
            if len(begins) >= self.most:
                return None
            begins.insert(first, begin)
            ends.insert(first, end)
            return end - begin
        there = sum(ends[first:last]) - sum(begins[first:last])
        begin, end = min(begin, begins[first]), max(end, ends[last - 1])
        begins[first:last] = [begin]
        ends[first:last] = [end]
        return end - begin - there

    def missing(self, size: int, most: int) -> list[tuple[int, int]]:
        """The first gaps, at most ``most``, of a file of ``size`` bytes: offset and length of each."""
        found: list[tuple[int, int]] = []
        at = 0
        for begin, end in zip(self._begins, self._ends, strict=True):
            if len(found) >= most or begin >= size:
                break
            if begin > at:
                found.append((at, begin - at))
            at = end
        if at < size and len(found) < most:
            found.append((at, size - at))
        return found[:most]
