"""The newest records, found backwards with a bounded number of reads."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from jimigw.ops.manhole.records import FIRST_WINDOW, Newest, newest
from tests.support.house import FakeJournal


def journal_of(*devices: str) -> FakeJournal:
    journal = FakeJournal()
    for device in devices:
        journal.put(device, "position" if device == "a" else "alarm", b"{}")
    return journal


def result(waiting: Deferred[Newest]) -> Newest:
    found: list[Newest] = []
    waiting.addCallback(found.append)
    return found[0]


@pytest.mark.parametrize(
    ("devices", "count", "device", "kinds", "ids", "back_to"),
    [
        ("", 3, None, None, [], 0),
        ("ab", 3, None, None, [1, 2], 0),
        ("ababab", 3, None, None, [4, 5, 6], 3),
        ("ababab", 2, "a", None, [3, 5], 0),
        ("ababab", 9, "a", None, [1, 3, 5], 0),
        ("ababab", 2, None, ["alarm"], [4, 6], 0),
        ("ababab", 2, "a", ["alarm"], [], 0),
        ("a" + "b" * 5000, 1, "a", None, [1], 0),
        ("aa" + "b" * 20_000 + "a", 2, "a", None, [2, 20_003], 0),
        ("ab" * 3000, 700, "a", None, list(range(4601, 6000, 2)), 0),
        ("a" * 3000, 5, "a", None, list(range(2996, 3001)), 3000 - FIRST_WINDOW),
    ],
)
def test_the_newest(
    devices: str, count: int, device: str | None, kinds: list[str] | None, ids: list[int], back_to: int
) -> None:
    journal = journal_of(*devices)
    found = result(newest(journal, count, device, kinds))
    assert [each.id for each in found.records] == ids
    assert found.back_to == back_to


def test_what_is_near_the_end_costs_one_read() -> None:
    journal = journal_of(*"b" * 5000, "a")
    result(newest(journal, 1, "a"))
    assert journal.reads == [(4001, 500)]
    journal.reads.clear()
    result(newest(journal, 20))
    assert journal.reads == [(4981, 500)]


def test_it_looks_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jimigw.ops.manhole.records.FARTHEST", 3000)
    journal = journal_of("a", *"b" * 9999)
    found = result(newest(journal, 1, "a"))
    assert (found.records, found.back_to) == ([], 7000)


@pytest.mark.parametrize(("damaged", "ids"), [((3, 4), [2, 5, 6]), ((5, 6), [2, 3, 4]), ((1, 6), []), ((1, 4), [5, 6])])
def test_damaged_records_are_passed_over(damaged: tuple[int, int], ids: list[int]) -> None:
    journal = journal_of(*"aaaaaa")
    journal.damaged = damaged
    assert [each.id for each in result(newest(journal, 3, "a")).records] == ids
