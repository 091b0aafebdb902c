"""Looking through a journal by time and from the newest back, within a budget."""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, fail, succeed

from jimigw.journal.interface import JournalDamaged, Record, Records
from jimigw.web.scanning import Scanner


class Journal:
    """Records 1 to ``count``, a second apart, of four terminals; each tenth is an alarm. ``gone`` are deleted."""

    def __init__(self, count: int, gone: int = 0, damaged: range = range(0)) -> None:
        self.count, self.gone, self.damaged, self.reads = count, gone, damaged, 0

    def last_id(self) -> int:
        return self.count

    def read(self, after: int, limit: int, device: str | None = None, kinds: object = None) -> Deferred[Records]:
        assert kinds is None
        self.reads += 1
        found: list[Record] = []
        for id in range(max(after, self.gone) + 1, self.count + 1):
            if id in self.damaged:
                if not found:
                    return fail(JournalDamaged(self.damaged[0], self.damaged[-1], "a test says so"))
                return succeed(Records(found, id - 1))
            record = Record(
                id, f"d{id % 4}", "jimi", "alarm" if id % 10 == 0 else "position", id * 1_000_000, b"", b"{}"
            )
            if device in (None, record.device):
                found.append(record)
                if len(found) == limit:
                    return succeed(Records(found, id))
        return succeed(Records(found, max(after, self.count)))


def scanner(journal: Journal, step: int = 50, budget: int = 1000) -> Scanner:
    return Scanner(journal, step, budget)  # type: ignore[arg-type]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("device", [None, "d0", "d2"])
@pytest.mark.parametrize("journal", [Journal(5000), Journal(5000, gone=1234), Journal(7), Journal(0)], ids=str)
async def test_back_from_the_newest(journal: Journal, device: str | None) -> None:
    wanted = [id for id in range(journal.count, journal.gone, -1) if id % 10 == 0 and device in (None, f"d{id % 4}")]
    seen: list[int] = []
    before = None
    for _ in range(200):
        found, following = await scanner(journal).backward(before, 7, device, "alarm")
        seen += [record.id for record in found]
        if not following:
            break
        assert before is None or following < before
        before = following
    assert seen == wanted


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("kinds", [None, {"alarm"}])
@pytest.mark.parametrize("device", [None, "d0"])
async def test_pages(kinds: set[str] | None, device: str | None) -> None:
    journal = Journal(3000, gone=100, damaged=range(500, 600))
    wanted = [
        id
        for id in range(101, 3001)
        if id not in journal.damaged and device in (None, f"d{id % 4}") and (kinds is None or id % 10 == 0)
    ]
    seen: list[int] = []
    after, more = 0, True
    while more:
        found, after, more = await scanner(journal).page(after, 33, device, kinds)
        assert len(found) <= 33
        seen += [record.id for record in found]
    assert (seen, after) == (wanted, 3000)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("second", [0, 1, 2, 99, 100, 101, 2500, 2999, 3000, 4000])
async def test_where_a_time_begins(second: int) -> None:
    journal = Journal(3000, gone=100)
    found = await scanner(journal).before(second * 1_000_000)
    assert found < max(second, 1)
    assert found >= min(second, 3000) - 110
    assert journal.reads <= 12


@pytest_twisted.ensureDeferred
async def test_forward_within_a_budget() -> None:
    seen: list[int] = []

    def take(record: Record) -> bool:
        seen.append(record.id)
        return True

    journal = Journal(10_000)
    after: int | None = 0
    steps = 0
    while after is not None:
        after = await scanner(journal).forward(after, "d1", take, 9_000_000_000)
        steps += 1
    assert seen == list(range(1, 9001, 4))
    assert steps == 3
