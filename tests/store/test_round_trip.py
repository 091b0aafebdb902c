"""What goes into the store comes out of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jimigw.model.command import Command, Life
from jimigw.model.device import Card, State
from jimigw.model.report import Alarm, Position
from jimigw.store import Database
from jimigw.store.rows import CARD, COMMAND, STATE, row_of_card, row_of_command, row_of_state
from tests.store.harness import Bench

texts = st.text(st.characters(codec="utf-8"), max_size=20)
times = st.floats(0, 4e9)
words = st.none() | texts
flags = st.none() | st.booleans()
counts = st.integers(-(1 << 63), (1 << 63) - 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
jsons = st.recursive(
    st.none() | st.booleans() | counts | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)

cards = st.builds(
    Card, texts, words, words, words, words, st.none() | st.integers(-840, 840), st.booleans(), words
)  # fmt: skip
positions = st.builds(
    Position,
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),
    numbers,
    numbers,
    fix=flags,
    speed_kmh=st.none() | numbers,
    course=st.none() | counts,
    altitude_m=st.none() | counts,
    satellites=st.none() | counts,
    mileage_m=st.none() | numbers,
    ignition=flags,
    replayed=flags,
    time_source=st.sampled_from(["terminal", "server"]),
).filter(lambda position: abs(position.latitude + position.longitude) < 1e308)
states = st.builds(
    State, texts, times, times, counts, words, words, words, st.none() | counts, words, words, flags, words, words,
    times, flags, st.none() | positions, st.none() | st.builds(Alarm, counts, words), times,
)  # fmt: skip
commands = st.builds(
    Command, st.integers(1, (1 << 63) - 1), texts, times, times, words,
    st.none() | st.dictionaries(texts, jsons, max_size=3), texts, texts, st.booleans(), st.sampled_from(Life), texts,
    counts, times, times, jsons, jsons,
)  # fmt: skip


def fields(value: Any) -> dict[str, Any]:
    """The fields, not those of what is in them."""
    return attrs.asdict(value, recurse=False)


def test_every_field_has_its_column() -> None:
    for cls, columns in ((Card, (*CARD, "revision")), (State, STATE), (Command, COMMAND)):
        assert tuple(field.name for field in attrs.fields(cls)) == columns


def test_all_of_it(path: Path) -> None:
    with Database.for_changes(path) as database:

        @settings(suppress_health_check=[HealthCheck.too_slow])
        @given(cards, states, commands)
        def check(card: Card, state: State, command: Command) -> None:
            with database.transaction():
                [card.revision] = database.save_cards([row_of_card(card)])
                database.save_states([row_of_state(card.id, state)])
                database.save_commands([row_of_command(command)])
            [device] = database.devices(card.id)
            assert fields(device.card) == fields(card)
            assert fields(state) == {name: getattr(device, name) for name in STATE}
            stored = database.command(command.id)
            assert stored is not None
            assert fields(stored) == fields(command)
            with database.transaction():
                database.forget(card.id)

        check()


def test_a_place_that_is_no_number_is_no_place(bench: Bench) -> None:
    state = State(position=Position(datetime(2026, 1, 1, tzinfo=UTC), float("nan"), 1.0))
    bench.result(bench.store.save_states([("1", state)]))
    assert bench.rows("SELECT position FROM state") == [(None,)]
