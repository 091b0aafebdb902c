"""What goes into the store comes out of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jimigw.model.command import Command, Life
from jimigw.model.device import Card, State
from jimigw.model.media import Media, MediaAlarm, MediaRule, Playlist, Usage
from jimigw.model.report import Alarm, Position
from jimigw.store import Database
from jimigw.store.media_rows import MEDIA, MEDIA_ALARM, row_of_alarm, row_of_media
from jimigw.store.rows import CARD, COMMAND, STATE, row_of_card, row_of_command, row_of_state
from tests.store.harness import Bench
from tests.store.media import alarms, files, playlists, rules, usages
from tests.store.values import counts, fields, flags, jsons, positions, texts, times, words

cards = st.builds(
    Card, texts, words, words, words, words, st.none() | st.integers(-840, 840), st.booleans(), words
)  # fmt: skip
states = st.builds(
    State, texts, times, times, counts, words, words, words, st.none() | counts, words, words, flags, words, words,
    times, flags, st.none() | positions, st.none() | st.builds(Alarm, counts, words), times,
)  # fmt: skip
commands = st.builds(
    Command, st.integers(1, (1 << 63) - 1), texts, times, times, words,
    st.none() | st.dictionaries(texts, jsons, max_size=3), texts, texts, st.booleans(), st.sampled_from(Life), texts,
    counts, times, times, jsons, jsons,
)  # fmt: skip


def test_every_field_has_its_column() -> None:
    for cls, columns in (
        (Card, (*CARD, "revision")),
        (State, STATE),
        (Command, COMMAND),
        (Media, MEDIA),
        (MediaAlarm, MEDIA_ALARM),
    ):
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


def test_all_of_files(path: Path) -> None:
    with Database.for_changes(path) as database:

        @settings(suppress_health_check=[HealthCheck.too_slow])
        @given(files, alarms, playlists, rules, usages)
        def check(file: Media, alarm: MediaAlarm, playlist: Playlist, rule: MediaRule, usage: Usage) -> None:
            with database.transaction():
                # An id that is 0 is given by the store: see test_media.py.
                file.id, alarm.id = file.id + 1, alarm.id + 1
                database.media.save([(None, row_of_media(file), usage)])
                database.media_alarms.save(row_of_alarm(alarm))
                database.media.save_playlist(playlist)
                database.media.save_rule(rule)
            stored = database.media.one(file.id), database.media_alarms.one(alarm.id, None)
            assert [fields(each) for each in stored if each is not None] == [fields(file), fields(alarm)]
            assert database.media.playlist(playlist.device) == playlist
            assert [fields(each) for each in database.media.rules()] == [fields(rule)]
            assert database.media.usage(usage.device, usage.month) == usage
            with database.transaction():
                for table in ("media", "media_alarm", "playlist", "media_rule", "media_usage"):
                    database._connection.execute(f"DELETE FROM {table}")

        check()


def test_a_place_that_is_no_number_is_no_place(bench: Bench) -> None:
    state = State(position=Position(datetime(2026, 1, 1, tzinfo=UTC), float("nan"), 1.0))
    bench.result(bench.store.save_states([("1", state)]))
    assert bench.rows("SELECT position FROM state") == [(None,)]
