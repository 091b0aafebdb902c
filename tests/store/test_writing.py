"""What is given is stored in order, in groups, and told only after the commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from jimigw.model.command import Command, Life
from jimigw.model.device import Card, State
from jimigw.store import IStore, SqliteStore, StoreClosed, StoreError
from jimigw.store.sqlite import RESERVED
from tests.store.harness import Bench, HandReactor

MakeBench = Callable[..., Bench]


def command(id: int, device: str = "1", **facts: Any) -> Command:
    return Command(id, device, 100.0, 200.0, **({"text": "VERSION#"} | facts))


def outcomes(deferreds: dict[str, Deferred[Any]]) -> list[tuple[str, str]]:
    """A list that fills with the names of the Deferreds as they fire, and what came of them."""
    fired: list[tuple[str, str]] = []
    for name, each in deferreds.items():
        each.addCallbacks(
            lambda result, name=name: fired.append((name, "stored")),
            lambda failure, name=name: fired.append((name, failure.getErrorMessage())),
        )
    return fired


def test_the_interface_is_provided(bench: Bench) -> None:
    assert IStore.providedBy(bench.store)


def test_nothing_is_told_before_the_commit(bench: Bench) -> None:
    fired = outcomes({"card": bench.store.save_card(Card("1"))})
    bench.clock.advance(0)
    assert fired == []
    assert bench.rows("SELECT id FROM card") == []
    bench.pool.run()
    assert fired == [("card", "stored")]
    assert bench.rows("SELECT id FROM card") == [("1",)]


def test_a_turn_of_writes_is_one_transaction_and_told_in_order(bench: Bench) -> None:
    bench.transactions = 0
    store = bench.store
    fired = outcomes(
        {
            "card": store.save_card(Card("1")),
            "states": store.save_states([("1", State("jimi")), ("2", State("jt808"))]),
            "read": store.commands(),
            "command": store.save_command(command(1)),
            "forget": store.forget("2"),
            "prune": store.prune_commands(1.0),
        }
    )
    bench.settle()
    assert [name for name, _ in fired] == ["card", "states", "read", "command", "forget", "prune"]
    assert {what for _, what in fired} == {"stored"}
    assert bench.transactions == 1
    assert bench.rows("SELECT id FROM card") == [("1",)] == bench.rows("SELECT id FROM state")


def test_what_is_given_meanwhile_goes_into_the_next_transaction(bench: Bench) -> None:
    first = outcomes({"1": bench.store.save_card(Card("1"))})
    bench.clock.advance(0)
    bench.transactions = 0
    later = outcomes({str(n): bench.store.save_card(Card(str(n))) for n in range(2, 40)})
    bench.pool.run()
    assert (first, later) == ([("1", "stored")], [])
    bench.settle()
    assert later == [(str(n), "stored") for n in range(2, 40)]
    assert bench.transactions == 2


@pytest.mark.parametrize("most_values", [999, 32_766])
def test_many_rows_are_few_statements(bench: Bench, most_values: int) -> None:
    assert bench.store._database is not None
    bench.store._database._most_values = most_values
    written: list[str] = []
    bench.connection.set_trace_callback(lambda text: written.append(text) if text.startswith("INSERT") else None)
    fired = outcomes({str(n): bench.store.save_command(command(n // 2 + 1, text=f"{n}")) for n in range(1400)})
    bench.store.save_states([(f"{n}", State(logins=n)) for n in range(700)])
    bench.settle()
    assert fired == [(str(n), "stored") for n in range(1400)]
    assert bench.rows("SELECT text FROM command ORDER BY id") == [(f"{n}",) for n in range(1, 1400, 2)]
    assert bench.rows("SELECT logins FROM state ORDER BY logins") == [(n,) for n in range(700)]
    assert bench.rows("SELECT count(*), max(revision) FROM card") == [(700, 1)]
    assert len(written) < (300 if most_values == 999 else 50)


@pytest.mark.parametrize("refused", [0, 7, 99])
def test_one_of_many_is_refused_alone(bench: Bench, refused: int) -> None:
    cards = [Card(f"{n}", imei=f"{n}") for n in range(100)]
    cards[refused].imei = "1000"
    bench.result(bench.store.save_card(Card("x", imei="1000")))
    fired = outcomes({card.id: bench.store.save_card(card) for card in cards})
    bench.settle()
    sentence = f"The terminal {refused} cannot have the IMEI 1000: it is that of the terminal x."
    assert fired == [(f"{n}", sentence if n == refused else "stored") for n in range(100)]
    stored = dict(bench.rows("SELECT id, revision FROM card WHERE id <> 'x'"))
    assert stored == {card.id: card.revision for card in cards if card.revision}
    assert sorted(stored.values()) == list(range(2, 101))


def test_a_write_from_a_callback_goes_on(bench: Bench) -> None:
    done: list[int] = []

    def again(result: object) -> None:
        done.append(len(done))
        if len(done) < 5:
            bench.store.save_card(Card(f"{len(done)}")).addCallback(again)

    again(None)
    bench.settle()
    assert done == [0, 1, 2, 3, 4]


class TestCards:
    def test_every_change_raises_the_revision(self, bench: Bench) -> None:
        cards = [Card("1"), Card("2"), Card("1", plate="B 1")]
        for card in cards:
            bench.result(bench.store.save_card(card))
        assert [card.revision for card in cards] == [1, 2, 3]
        assert bench.rows("SELECT id, plate, revision FROM card ORDER BY id") == [("1", "B 1", 3), ("2", None, 2)]

    def test_the_card_may_change_while_it_waits(self, bench: Bench) -> None:
        card = Card("1", plate="old")
        bench.store.save_card(card)
        card.plate = "new"
        bench.settle()
        assert bench.rows("SELECT plate FROM card") == [("old",)]

    @pytest.mark.parametrize(
        ("card", "sentence"),
        [
            (Card("2", imei="11"), "The terminal 2 cannot have the IMEI 11: it is that of the terminal 1."),
            (Card("2", phone="22"), "The terminal 2 cannot have the phone number 22: it is that of the terminal 1."),
            (Card("2", zone="x" * 3, imei="11"), "The terminal 2 cannot have the IMEI 11"),  # type: ignore[arg-type]
            (Card("2", name="\ud800"), "It cannot be stored: 'utf-8' codec can't encode"),
            (Card("2", zone=1 << 64), "It cannot be stored: Python int too large"),
            (Card("2", zone=[]), "It cannot be stored: "),  # type: ignore[arg-type]
        ],
    )
    def test_what_is_refused_is_refused_alone(self, bench: Bench, card: Card, sentence: str) -> None:
        store = bench.store
        fired = outcomes(
            {
                "1": store.save_card(Card("1", imei="11", phone="22")),
                "2": store.save_card(card),
                "3": store.save_card(Card("3")),
            }
        )
        bench.settle()
        assert [fired[0], fired[2]] == [("1", "stored"), ("3", "stored")]
        assert fired[1][1].startswith(sentence)
        assert bench.rows("SELECT id, revision FROM card ORDER BY id") == [("1", 1), ("3", 2)]
        assert card.revision == 0
        assert store.last_error() is None

    def test_a_terminal_keeps_its_own_numbers(self, bench: Bench) -> None:
        bench.result(bench.store.save_card(Card("1", imei="11")))
        bench.result(bench.store.save_card(Card("1", imei="11", plate="B 1")))
        bench.result(bench.store.save_card(Card("1", imei="12")))
        bench.result(bench.store.save_card(Card("2", imei="11")))


class TestStates:
    def test_a_state_without_a_card_gets_one(self, bench: Bench) -> None:
        bench.result(bench.store.save_states([("1", State("jimi")), ("2", State("jimi"))]))
        assert bench.rows("SELECT id, imei, listed, revision FROM card ORDER BY id") == [
            ("1", None, 0, 1),
            ("2", None, 0, 1),
        ]
        bench.result(bench.store.save_states([("1", State("jt808"))]))
        assert bench.rows("SELECT max(revision) FROM card") == [(1,)]

    def test_a_state_leaves_the_card_alone(self, bench: Bench) -> None:
        bench.result(bench.store.save_card(Card("1", imei="11", plate="B 1", listed=True)))
        bench.result(bench.store.save_states([("1", State("jimi"))]))
        assert bench.rows("SELECT imei, plate, listed, revision FROM card") == [("11", "B 1", 1, 1)]

    def test_states_are_read_when_they_are_given(self, bench: Bench) -> None:
        state = State("jimi", logins=1)
        bench.store.save_states([("1", state)])
        state.logins = 2
        bench.settle()
        assert bench.rows("SELECT logins FROM state") == [(1,)]

    def test_what_is_superseded_while_it_waits_is_not_written(self, bench: Bench) -> None:
        written: list[str] = []
        bench.connection.set_trace_callback(
            lambda text: written.append(text.split()[2]) if "INTO state" in text else ()
        )
        fired = outcomes(
            {
                str(n): bench.store.save_states([(id, State(logins=n)) for id in ids])
                for n, ids in enumerate([("1", "2"), ("1",), ("1", "3"), ("1",)])
            }
        )
        bench.settle()
        assert fired == [(str(n), "stored") for n in range(4)]
        assert len(written) == 3
        assert bench.rows("SELECT id, logins FROM state ORDER BY id") == [("1", 3), ("2", 0), ("3", 2)]

    def test_a_state_in_the_thread_is_not_touched_by_a_newer_one(self, bench: Bench) -> None:
        bench.store.save_states([("1", State(logins=1))])
        bench.clock.advance(0)
        bench.store.save_states([("1", State(logins=2))])
        bench.pool.run()
        assert bench.rows("SELECT logins FROM state") == [(1,)]
        bench.settle()
        assert bench.rows("SELECT logins FROM state") == [(2,)]

    @pytest.mark.parametrize(
        ("steps", "kept"),
        [("sf", False), ("fs", True), ("sfs", True), ("sfsf", False), ("cf", False), ("fc", True), ("f", False)],
    )
    @pytest.mark.parametrize("together", [True, False])
    def test_forgotten_and_entered_in_the_order_given(
        self, bench: Bench, steps: str, kept: bool, together: bool
    ) -> None:
        for step in steps:
            if step == "s":
                ended = bench.store.save_states([("1", State())])
            else:
                ended = bench.store.save_card(Card("1")) if step == "c" else bench.store.forget("1")
            if not together:
                bench.result(ended)
        bench.settle()
        assert bool(bench.rows("SELECT id FROM card")) is kept
        assert bool(bench.rows("SELECT id FROM state")) is (kept and "s" in steps)
        assert bool(bench.rows("SELECT id FROM removed_card")) is (not kept and len(steps) > 1)

    def test_an_odd_state_is_stored_as_well_as_can_be(self, bench: Bench) -> None:
        odd = State("jimi", firmware="V\udce9\u00e9", cameras=1 << 70)
        bench.result(bench.store.save_states([("1", odd)]))
        assert bench.rows("SELECT firmware, cameras FROM state") == [("V?\u00e9", None)]


class TestCommands:
    def test_ids_are_never_given_again(self, make_bench: MakeBench) -> None:
        bench = make_bench()
        assert [bench.store.next_command_id() for _ in range(3)] == [1, 2, 3]
        bench.result(bench.store.save_command(command(1, state=Life.ANSWERED, ended=5.0)))
        assert bench.result(bench.store.prune_commands(6.0)) == 1
        bench.close()
        again = make_bench()
        assert again.store.next_command_id() == 4

    def test_a_crash_leaves_out_some(self, make_bench: MakeBench, path: Any) -> None:
        given = [make_bench().store.next_command_id(), make_bench().store.next_command_id()]
        assert given == [1, RESERVED + 1]  # the first is still open, as if it had never ended

    def test_ids_are_reserved_in_time(self, bench: Bench) -> None:
        given = []
        for _ in range(5):
            given += [bench.store.next_command_id() for _ in range(RESERVED // 2)]
            bench.settle()
        assert given == list(range(1, len(given) + 1))
        (reserved,) = bench.rows("SELECT value FROM counter WHERE name = 'command'")[0]
        assert reserved > max(given)

    def test_without_a_disk_ids_run_out(self, bench: Bench) -> None:
        bench.connection.execute("PRAGMA query_only = ON")
        given = []
        with pytest.raises(StoreError, match="There is no id for a new command"):
            for _ in range(3 * RESERVED):
                given.append(bench.store.next_command_id())
                if len(given) % 1000 == 0:
                    bench.settle()
        assert given == list(range(1, RESERVED + 1))
        bench.connection.execute("PRAGMA query_only = OFF")
        with pytest.raises(StoreError, match="There is no id"):
            bench.store.next_command_id()
        bench.settle()
        assert bench.store.next_command_id() == RESERVED + 1

    def test_what_is_read_is_what_was_given_before(self, bench: Bench) -> None:
        store = bench.store
        store.save_command(command(1))
        before = store.command(1)
        store.save_command(command(1, state=Life.SENT))
        found = bench.result(before)
        assert found is not None and found.state in (Life.QUEUED, Life.SENT)
        assert bench.result(store.command(1)).state is Life.SENT
        assert bench.result(store.command(2)) is None

    def test_which_commands(self, bench: Bench) -> None:
        lives = list(Life)
        for id in range(1, 29):
            state = lives[id % 7]
            each = command(id, "ab"[id % 2], state=state, ended=float(id) if state.ended else 0.0)
            bench.store.save_command(each)

        def ids(**choice: Any) -> list[int]:
            return [each.id for each in bench.result(bench.store.commands(**choice))]

        every = list(range(28, 0, -1))
        open = [id for id in every if not lives[id % 7].ended]
        assert ids() == every
        assert ids(limit=3) == [28, 27, 26]
        assert ids(before=4) == [3, 2, 1]
        assert ids(device="a") == every[::2]
        assert ids(open=True) == open
        assert ids(open=False) == [id for id in every if id not in open]
        assert ids(device="b", open=True, before=20, limit=2) == [id for id in open if id % 2 and id < 20][:2]
        assert bench.result(bench.store.prune_commands(10.0)) == len([i for i in range(1, 10) if lives[i % 7].ended])
        assert [id for id in ids() if id < 10] == [id for id in open if id < 10]

    @pytest.mark.parametrize(
        ("choice", "index"),
        [
            ({"open": True}, "command_open"),
            ({"device": "1"}, "command_device"),
            ({"device": "1", "open": False}, "command_device"),
        ],
    )
    def test_indexes_serve(self, bench: Bench, choice: dict[str, Any], index: str) -> None:
        queries: list[str] = []
        bench.connection.set_trace_callback(queries.append)
        bench.result(bench.store.commands(**choice))
        bench.connection.set_trace_callback(None)
        (query,) = [each for each in queries if "FROM command" in each]
        assert any(index in row[3] for row in bench.connection.execute("EXPLAIN QUERY PLAN " + query))

    def test_an_index_serves_pruning(self, bench: Bench) -> None:
        queries: list[str] = []
        bench.connection.set_trace_callback(queries.append)
        bench.result(bench.store.prune_commands(1.0))
        bench.connection.set_trace_callback(None)
        (query,) = [each for each in queries if "FROM command" in each]
        assert any("command_ended" in row[3] for row in bench.connection.execute("EXPLAIN QUERY PLAN " + query))

    @pytest.mark.parametrize("limit", [0, -1, 10_001])
    def test_a_limit_that_makes_no_sense(self, bench: Bench, limit: int) -> None:
        with pytest.raises(ValueError, match="it can be 1 to 10000"):
            bench.result(bench.store.commands(limit=limit))

    def test_what_no_json_takes_is_refused(self, bench: Bench) -> None:
        with pytest.raises(StoreError, match="The command 1 cannot be stored"):
            bench.result(bench.store.save_command(command(1, reply=object())))

    def test_odd_text_is_stored_as_well_as_can_be(self, bench: Bench) -> None:
        bench.result(bench.store.save_command(command(1, reply={"text": ["a\udcff", 1]}, why="\udcff")))
        found = bench.result(bench.store.command(1))
        assert (found.reply, found.why) == ({"text": ["a?", 1]}, "?")


class TestTheEnd:
    def test_what_waits_is_written(self, bench: Bench) -> None:
        fired = outcomes({"1": bench.store.save_card(Card("1"))})
        bench.clock.advance(0)
        fired2 = outcomes({"2": bench.store.save_card(Card("2")), "read": bench.store.command(1)})
        bench.close()
        assert fired + fired2 == [("1", "stored"), ("2", "stored"), ("read", "stored")]
        assert bench.rows("SELECT id FROM card") == [("1",), ("2",)]

    def test_twice(self, bench: Bench) -> None:
        fired = outcomes({"first": bench.store.close(), "second": bench.store.close()})
        bench.settle()
        assert fired == [("first", "stored"), ("second", "stored")]
        bench.close()

    def test_one_file_is_left(self, bench: Bench) -> None:
        bench.result(bench.store.save_card(Card("1")))
        bench.close()
        assert [file.name for file in bench.path.parent.iterdir()] == ["store.sqlite"]

    def test_of_one_that_never_started(self, path: Any) -> None:
        store = SqliteStore(path, HandReactor())
        ended: list[Any] = []
        store.close().addCallback(ended.append)
        assert ended == [None]
        with pytest.raises(StoreError, match="was started before"):
            store.start()
        assert not path.exists()

    def test_nothing_is_taken_after_it(self, bench: Bench) -> None:
        bench.close()
        store = bench.store
        for ended in (
            store.save_card(Card("1")),
            store.save_states([("1", State())]),
            store.forget("1"),
            store.save_command(command(1)),
            store.command(1),
            store.commands(),
            store.prune_commands(1.0),
        ):
            with pytest.raises(StoreClosed, match="is not open"):
                bench.result(ended)
        with pytest.raises(StoreClosed):
            store.next_command_id()
        with pytest.raises(StoreError, match="was started before"):
            store.start()


class TestTrouble:
    def fill(self, bench: Bench) -> None:
        """Let the database grow by a few pages only: a real SQLITE_FULL."""
        (pages,) = bench.connection.execute("PRAGMA page_count").fetchone()
        bench.connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    def free(self, bench: Bench) -> None:
        bench.connection.execute("PRAGMA max_page_count = 1000000")

    def test_a_full_disk_and_its_end(self, bench: Bench) -> None:
        store = bench.store
        bench.result(store.save_card(Card("0")))
        self.fill(bench)
        big = {str(n): store.save_card(Card(str(n), notes="x" * 1000)) for n in range(1, 20)}
        fired = outcomes({**big, "read": store.commands()})
        bench.settle()
        sentence = f"The store {bench.path} cannot be written: database or disk is full."
        assert fired == [*((str(n), sentence) for n in range(1, 20)), ("read", "stored")]
        assert store.last_error() == sentence
        assert bench.rows("SELECT id FROM card") == [("0",)]
        # A small one may still fit.
        small = Card("20")
        bench.result(store.save_card(small))
        assert (store.last_error(), small.revision) == (None, 2)
        self.free(bench)
        bench.result(store.save_card(Card("1", notes="x" * 10_000)))

    def test_a_write_that_waited_behind_a_failed_one_is_tried(self, bench: Bench) -> None:
        bench.connection.execute("PRAGMA query_only = ON")
        fired = outcomes({"1": bench.store.save_card(Card("1"))})
        bench.clock.advance(0)
        fired2 = outcomes({"2": bench.store.save_card(Card("2"))})
        bench.pool.run()
        bench.connection.execute("PRAGMA query_only = OFF")
        bench.settle()
        assert "attempt to write a readonly database" in fired[0][1]
        assert fired2 == [("2", "stored")]

    def test_close_ends_also_while_writes_fail(self, bench: Bench) -> None:
        bench.connection.execute("PRAGMA query_only = ON")
        fired = outcomes({"1": bench.store.save_card(Card("1"))})
        bench.close()
        assert "cannot be written" in fired[0][1]

    def test_a_fault_of_ours_keeps_the_store_alive(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        assert bench.store._database is not None
        monkeypatch.setattr(bench.store._database, "changes", lambda: 1 / 0)
        fired = outcomes({"1": bench.store.save_card(Card("1"))})
        bench.settle()
        assert "division by zero" in fired[0][1]
        monkeypatch.undo()
        bench.result(bench.store.save_card(Card("2")))

    def test_another_program_keeps_the_lock(self, bench: Bench) -> None:
        bench.connection.execute("PRAGMA busy_timeout = 0")
        other = sqlite3.connect(bench.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program has kept it locked"):
            bench.result(bench.store.save_card(Card("1")))
        assert bench.result(bench.store.commands()) == []
        other.execute("ROLLBACK")
        other.close()
        bench.result(bench.store.save_card(Card("1")))
