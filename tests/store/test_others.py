"""Another program changes cards beside the service: neither overwrites the other, and the service hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from jimigw.model.device import Card, State
from jimigw.store import CardChanges, Database, StoreError
from jimigw.store.rows import row_of_card, row_of_state
from tests.store.harness import Bench


@pytest.fixture
def tool(path: Path, bench: Bench) -> Iterator[Database]:
    """The store as the command line has it."""
    with Database.for_changes(path) as database:
        yield database


def enter(tool: Database, *cards: Card) -> None:
    with tool.transaction():
        tool.exchange_cards(cards)


def remove(tool: Database, id: str) -> None:
    with tool.transaction():
        assert tool.forget(id)


def heard(bench: Bench) -> list[tuple[list[str], list[str]]]:
    """What the listeners were told since this was asked last: ids of cards, and of those that are gone."""
    changes, bench.changes[:] = [*bench.changes], []
    return [(sorted(card.id for card in each.cards), sorted(each.removed)) for each in changes]


def test_only_what_changed_is_told_within_two_seconds(bench: Bench, tool: Database) -> None:
    bench.seconds(3)
    assert heard(bench) == []
    enter(tool, Card("1", imei="11", plate="B 1"), Card("2"))
    bench.seconds()
    assert bench.changes[0].cards[0].plate == "B 1"
    assert heard(bench) == [(["1", "2"], [])]
    enter(tool, Card("2", listed=True))
    enter(tool, Card("3"))
    remove(tool, "1")
    bench.seconds()
    assert heard(bench) == [(["2", "3"], ["1"])]
    remove(tool, "2")
    enter(tool, Card("2"))
    bench.seconds()
    assert heard(bench) == [(["2"], [])]
    enter(tool, Card("4"))
    remove(tool, "4")
    bench.seconds()
    assert heard(bench) == [([], ["4"])]
    bench.seconds(3)
    assert heard(bench) == []


def test_the_services_own_changes_are_not_told(bench: Bench, tool: Database) -> None:
    bench.result(bench.store.save_card(Card("1")))
    bench.result(bench.store.save_states([("2", State())]))
    bench.result(bench.store.forget("1"))
    bench.seconds(3)
    assert heard(bench) == []
    with tool.transaction():
        tool.save_states([row_of_state("2", State())])
    bench.seconds(3)
    assert heard(bench) == []


def test_what_was_changed_before_the_start_is_not_told(bench: Bench, tool: Database, path: Path) -> None:
    enter(tool, Card("1"))
    again = Bench(path)
    again.seconds(3)
    assert heard(again) == []
    again.close()


def test_a_write_of_the_service_brings_the_news_at_once(bench: Bench, tool: Database) -> None:
    enter(tool, Card("1"))
    bench.result(bench.store.save_card(Card("2")))
    assert heard(bench) == [(["1"], [])]


def test_a_card_that_was_just_changed_is_not_overwritten(bench: Bench, tool: Database) -> None:
    bench.result(bench.store.save_card(Card("1", plate="old")))
    enter(tool, Card("1", plate="theirs"))
    with pytest.raises(StoreError, match="The terminal 1 was changed by another program just now"):
        bench.result(bench.store.save_card(Card("1", plate="ours")))
    assert heard(bench) == [(["1"], [])]
    bench.result(bench.store.save_card(Card("1", plate="ours, knowing theirs")))
    assert bench.rows("SELECT plate FROM card") == [("ours, knowing theirs",)]
    bench.seconds(3)
    assert heard(bench) == []


def test_a_write_that_waited_while_the_news_came_does_not_know_them(bench: Bench, tool: Database) -> None:
    bench.store.save_states([("1", State())])
    bench.clock.advance(0)
    first = bench.store.save_card(Card("1", plate="ours"))  # waits behind the states
    enter(tool, Card("1", plate="theirs"))
    with pytest.raises(StoreError, match="changed by another program"):
        bench.result(first)
    assert heard(bench) == [(["1"], [])]
    assert bench.rows("SELECT plate FROM card") == [("theirs",)]


def test_a_terminal_that_was_just_removed_stays_removed(bench: Bench, tool: Database) -> None:
    bench.result(bench.store.save_states([("1", State()), ("2", State())]))
    remove(tool, "1")
    bench.result(bench.store.save_states([("1", State()), ("2", State(logins=1))]))
    assert heard(bench) == [([], ["1"])]
    assert bench.rows("SELECT id FROM card") == [("2",)] == bench.rows("SELECT id FROM state")
    # The service knows now, and enters it anew if it comes again.
    bench.result(bench.store.save_states([("1", State())]))
    assert bench.rows("SELECT id FROM card ORDER BY id") == [("1",), ("2",)]
    assert bench.rows("SELECT id FROM removed_card") == []


def test_what_the_service_forgot_is_not_told_as_changed(bench: Bench, tool: Database) -> None:
    bench.result(bench.store.save_card(Card("1")))
    enter(tool, Card("1", plate="B 1"), Card("2"))
    bench.result(bench.store.forget("1"))
    assert heard(bench) == [(["2"], [])]


def test_news_survive_a_transaction_that_fails(bench: Bench, tool: Database) -> None:
    enter(tool, Card("1"))
    bench.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="cannot be written"):
        bench.result(bench.store.forget("1"))
    bench.connection.execute("PRAGMA query_only = OFF")
    bench.seconds(2)
    assert heard(bench) == [(["1"], [])]


def test_the_tool_sees_what_the_service_wrote(bench: Bench, tool: Database) -> None:
    bench.result(bench.store.save_states([("1", State("jimi", logins=7))]))
    [device] = tool.devices()
    assert (device.id, device.protocol, device.logins) == ("1", "jimi", 7)
    assert tool.devices("2") == []
    # Whoever reads and writes in one transaction overwrites whatever there is.
    bench.result(bench.store.save_card(Card("1", plate="B 1")))
    with tool.transaction():
        assert [card.plate for card in tool.cards()] == ["B 1"]
        tool.save_cards([row_of_card(Card("1", plate="B 2"))])
    assert bench.rows("SELECT plate FROM card") == [("B 2",)]


def test_cards_exchange_their_numbers(bench: Bench, tool: Database) -> None:
    enter(tool, Card("1", imei="11", phone="1"), Card("2", imei="22", phone="2"))
    enter(tool, Card("1", imei="22", phone="2"), Card("2", imei="11", phone="1"))
    assert bench.rows("SELECT id, imei, phone FROM card ORDER BY id") == [("1", "22", "2"), ("2", "11", "1")]
    with pytest.raises(StoreError, match="cannot have the IMEI 11: it is that of the terminal 2"):
        enter(tool, Card("4"), Card("3", imei="11"))
    assert bench.rows("SELECT count(*) FROM card") == [(2,)]


def test_a_listener_that_fails_holds_up_nobody(bench: Bench, tool: Database) -> None:
    said: list[LogEvent] = []

    @implementer(ILogObserver)
    def observer(event: LogEvent) -> None:
        said.append(event)

    def fails(changes: CardChanges) -> None:
        raise ValueError("a fault of the listener")

    bench.store._listeners.insert(0, fails)
    enter(tool, Card("1"))
    globalLogPublisher.addObserver(observer)
    try:
        bench.result(bench.store.save_card(Card("2")))
    finally:
        globalLogPublisher.removeObserver(observer)
    assert heard(bench) == [(["1"], [])]
    assert "a fault of the listener" in [event["log_failure"].getErrorMessage() for event in said]


def test_ids_that_another_service_took_are_not_given(bench: Bench, path: Path) -> None:
    other = Bench(path)
    ours = {bench.store.next_command_id() for _ in range(40_000)}
    theirs = {other.store.next_command_id() for _ in range(40_000)}
    bench.settle()
    other.settle()
    ours |= {bench.store.next_command_id() for _ in range(20_000)}
    assert len(ours | theirs) == 100_000
    other.close()
    ours |= {bench.store.next_command_id() for _ in range(20_000)}
    assert len(ours | theirs) == 120_000
