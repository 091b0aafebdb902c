"""Dead letters and pauses: stored whole, bounded for each reader, read in pages, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from jimigw.model.dead_letter import DeadLetter
from jimigw.store import DeadLettersFull, StoreError
from tests.store.harness import Bench

MakeBench = Callable[..., Bench]


def letter(record: int, reader: str = "a", **facts: Any) -> DeadLetter:
    whole: dict[str, Any] = {
        "device": "861",
        "protocol": "jimi",
        "kind": "position",
        "received_at": 5,
        "raw": b"\x00\xff",
    }
    return DeadLetter(reader, record, record, "no", 7.5, **({**whole, "data": b'{"n":1}'} | facts))


def records(bench: Bench, *args: Any) -> list[int]:
    return [each.record for each in bench.result(bench.store.dead_letters(*args))]


def test_what_is_stored_comes_back_also_after_a_restart(make_bench: MakeBench) -> None:
    bench = make_bench()
    damaged = DeadLetter("a", 10, 20, "damaged", 8.0)
    assert bench.result(bench.store.save_dead_letters([letter(5), damaged], 10)) == 2
    assert bench.result(bench.store.save_dead_letters([letter(5, "b")], 10)) == 1
    bench.close()
    bench = make_bench()
    found = bench.result(bench.store.dead_letters())
    assert found == [attrs.evolve(each, id=n + 1) for n, each in enumerate([letter(5), damaged, letter(5, "b")])]
    assert bench.result(bench.store.dead_letter_counts()) == {"a": 2, "b": 1}


def test_pages(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(1, 8):
        bench.result(bench.store.save_dead_letters([letter(n, "ab"[n % 2])], 10))
    assert records(bench) == [1, 2, 3, 4, 5, 6, 7]
    assert records(bench, None, 3, 2) == [4, 5]
    assert records(bench, "b", 0, 2) == [1, 3]
    assert records(bench, "b", 3) == [5, 7]
    assert records(bench, "c") == []
    monkeypatch.setattr("jimigw.store.letters.MOST_BYTES", 20)
    assert records(bench) == [1, 2, 3]  # nine bytes each
    for limit in (0, 1001):
        with pytest.raises(ValueError, match="1 to 1000"):
            bench.result(bench.store.dead_letters(limit=limit))


def test_there_are_never_more_than_may_be_and_none_goes_by_itself(bench: Bench) -> None:
    assert bench.result(bench.store.save_dead_letters([letter(1), letter(2)], 3)) == 2
    with pytest.raises(DeadLettersFull, match="no room for 2 more dead letters of a: 3 are kept"):
        bench.result(bench.store.save_dead_letters([letter(3), letter(4)], 3))
    assert records(bench) == [1, 2]
    # The same record again is the same letter; another reader has its own room.
    assert bench.result(bench.store.save_dead_letters([letter(2), letter(3)], 3)) == 3
    assert bench.result(bench.store.save_dead_letters([letter(3, "b")], 1)) == 1
    again = attrs.evolve(letter(1), reason="still no", at=9.0)
    assert bench.result(bench.store.save_dead_letters([again], 3)) == 3
    assert bench.result(bench.store.dead_letters(limit=1)) == [attrs.evolve(again, id=1)]


@pytest.mark.parametrize(
    ("reader", "ids", "deleted", "left"),
    [
        (None, None, 4, []),
        ("a", None, 3, [4]),
        (None, [1, 4, 99], 2, [2, 3]),
        ("a", [1, 4], 1, [2, 3, 4]),
        ("b", [], 0, [1, 2, 3, 4]),
    ],
)
def test_deleting(bench: Bench, reader: str | None, ids: list[int] | None, deleted: int, left: list[int]) -> None:
    bench.result(bench.store.save_dead_letters([letter(1), letter(2), letter(3)], 9))
    bench.result(bench.store.save_dead_letters([letter(4, "b")], 9))
    assert bench.result(bench.store.delete_dead_letters(reader, ids)) == deleted
    assert records(bench) == left


def test_an_id_is_never_given_again(bench: Bench) -> None:
    bench.result(bench.store.save_dead_letters([letter(1)], 9))
    bench.result(bench.store.delete_dead_letters())
    bench.result(bench.store.save_dead_letters([letter(2)], 9))
    assert [each.id for each in bench.result(bench.store.dead_letters())] == [2]


def test_letters_are_of_one_reader(bench: Bench) -> None:
    for letters in ([], [letter(1), letter(1, "b")]):
        with pytest.raises(ValueError, match="one reader at a time"):
            bench.result(bench.store.save_dead_letters(letters, 9))


def test_pauses(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.result(bench.store.save_pause("a", "410"))
    bench.result(bench.store.save_pause("b", "an operator"))
    bench.result(bench.store.save_pause("a", "gone \ud800"))
    bench.result(bench.store.save_pause("b", None))
    bench.close()
    bench = make_bench()
    assert bench.result(bench.store.pauses()) == {"a": "gone ?"}


def test_a_disk_that_fails_is_told(bench: Bench) -> None:
    bench.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="cannot be written"):
        bench.result(bench.store.save_dead_letters([letter(1)], 9))
    bench.connection.execute("PRAGMA query_only = OFF")
    bench.connection.execute("DROP TABLE dead_letter")
    with pytest.raises(StoreError, match="cannot be read"):
        bench.result(bench.store.dead_letters())
