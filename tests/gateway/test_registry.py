"""The registry: found by any name, read back after a restart, stored behind the reports."""

from __future__ import annotations

import pytest

from jimigw.gateway.registry import Registry, plain
from jimigw.model.device import Card, Device
from jimigw.store.interface import CardChanges, Contents
from tests.support.recorder import RecordingLink, RecordingStore

IMEI = "863000000000001"


def device(id: str, **card: str) -> Device:
    return Device("jimi", card=Card(id, **card))  # type: ignore[arg-type]


FLEET = [
    device("cab-1", imei=IMEI, phone="13912345678", plate="HH-AB 123", name="Cab 1"),
    device("14012345678", plate="京A12345"),
    Device("jimi", card=Card("863000000000003", plate="X 1"), model="JC400P"),
    Device("jimi", card=Card("863000000000004", plate="X-1"), model="JC261"),
]


def filled() -> Registry:
    registry = Registry()
    registry.restore(Contents(FLEET, ()))
    return registry


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("cab-1", "cab-1"),
        (IMEI, "cab-1"),
        ("13912345678", "cab-1"),
        ("013912345678", "cab-1"),
        ("+13912345678", "cab-1"),
        ("139 1234-5678", "cab-1"),
        ("hh-ab 123", None),  # plates are written as they are
        ("HH-AB 123", "cab-1"),
        ("HHAB123", "cab-1"),
        ("京A12345", "14012345678"),
        ("14012345678", "14012345678"),
        ("X1", None),  # two vehicles have it
        ("1401234567", None),
        ("", None),
        ("0", None),
    ],
)
def test_a_terminal_is_found_by_every_name_that_is_its_own(name: str, id: str | None) -> None:
    found = filled().find(name)
    assert (None if found is None else found.id) == id


@pytest.mark.parametrize(
    ("pattern", "ids"),
    [
        (None, ["14012345678", "863000000000003", "863000000000004", "cab-1"]),
        ("", ["14012345678", "863000000000003", "863000000000004", "cab-1"]),
        ("JC400*", ["863000000000003"]),
        ("jc*", ["863000000000003", "863000000000004"]),
        ("cab*", ["cab-1"]),
        ("863*1", ["cab-1"]),
        ("139*", ["cab-1"]),
        ("*a1*", ["14012345678"]),
        ("nobody", []),
        ("[", []),
    ],
)
def test_terminals_are_searched_by_pattern(pattern: str | None, ids: list[str]) -> None:
    assert [device.id for device in filled().search(pattern)] == ids


def test_the_search_can_ask_for_those_on_line() -> None:
    registry = filled()
    found = registry.find("X1") or registry.find("863000000000003")
    assert found is not None
    found.link = RecordingLink()
    assert [device.id for device in registry.search(None, online=True)] == ["863000000000003"]
    assert len(registry.search(None, online=False)) == 3
    assert registry.online() == 1


@pytest.mark.parametrize(
    ("name", "kept"),
    [("0139", "139"), ("+49 151", "49151"), ("000", "0"), ("", ""), (" a-b ", "ab")],
)
def test_names_are_read_as_people_write_them(name: str, kept: str) -> None:
    assert plain(name) == kept


def test_a_terminal_that_comes_is_entered_under_its_identity() -> None:
    registry = Registry()
    camera, tracker = registry.enter(IMEI, "jimi", 5.0), registry.enter("13912345678", "jt808", 6.0)
    assert (camera.id, camera.protocol, camera.first_seen) == (IMEI, "jimi", 5.0)
    assert (tracker.id, tracker.protocol, tracker.first_seen) == ("13912345678", "jt808", 6.0)
    assert registry.enter(IMEI, "jimi", 9.0) is camera
    assert camera.first_seen == 5.0


def test_one_device_is_heard_by_imei_and_by_phone() -> None:
    registry = filled()
    cab = registry.enter(IMEI, "jimi", 1.0)
    assert cab is registry.enter("13912345678", "jt808", 2.0)
    assert (cab.id, cab.first_seen) == ("cab-1", 1.0)


def test_states_are_stored_behind_and_once() -> None:
    store = RecordingStore()
    registry = Registry(store)
    camera = registry.enter(IMEI, "jimi", 1.0)
    camera.last_seen = 2.0
    done = registry.flush()
    assert not done.called
    again = registry.flush()
    store.commit()
    assert (done.called, again.called, store.states[IMEI].last_seen, registry.stale) == (True, True, 2.0, 0)
    assert registry.flush().called
    assert not store.waiting


def test_a_change_while_the_store_writes_is_written_next() -> None:
    store = RecordingStore()
    registry = Registry(store)
    camera = registry.enter(IMEI, "jimi", 1.0)
    registry.flush()
    camera.last_seen = 7.0
    registry.touch(camera)
    store.commit()
    assert (store.states[IMEI].last_seen, registry.stale) == (1.0, 1)
    registry.flush()
    store.commit()
    assert store.states[IMEI].last_seen == 7.0


def test_what_could_not_be_stored_is_stored_later() -> None:
    store = RecordingStore()
    registry = Registry(store)
    registry.enter(IMEI, "jimi", 1.0)
    store.failing = True
    done = registry.flush()
    store.commit()
    assert (done.called, registry.stale, store.states) == (True, 1, {})
    store.failing = False
    registry.flush()
    store.commit()
    assert IMEI in store.states


def test_the_end_of_the_service_stores_everything() -> None:
    store = RecordingStore()
    registry = Registry(store)
    first = registry.enter(IMEI, "jimi", 1.0)
    registry.flush()
    first.last_seen = 3.0
    registry.touch(first)
    registry.enter("13912345678", "jt808", 2.0)
    done = registry.flush_all()
    store.commit()
    assert done.called
    assert store.states[IMEI].last_seen == 3.0
    assert "13912345678" in store.states


def test_a_forgotten_terminal_does_not_come_back_by_its_last_words() -> None:
    store = RecordingStore()
    registry = Registry(store)
    camera = registry.enter(IMEI, "jimi", 1.0)
    registry.forget(camera)
    registry.touch(camera)
    registry.flush_all()
    store.commit()
    assert (store.forgotten, store.states, len(registry), registry.find(IMEI)) == ([IMEI], {}, 0, None)
    assert registry.enter(IMEI, "jimi", 2.0) is not camera


def test_cards_that_another_program_changed_are_taken_over() -> None:
    registry = filled()
    removed: list[str] = []
    registry.on_removed = lambda device: removed.append(device.id)
    new = Card("new", phone="15000000000")
    moved = Card("cab-1", imei=IMEI, phone="13900000000", plate="Y 9", listed=True)
    registry.cards_changed(CardChanges([new, moved], ["863000000000003", "never heard of"]))
    assert removed == ["863000000000003"]
    assert registry.get("13912345678") is None
    cab = registry.find("Y9")
    assert cab is not None
    assert (cab.id, cab.card.listed) == ("cab-1", True)
    assert registry.get("13900000000") is cab
    assert registry.enter("15000000000", "jt808", 1.0).id == "new"
    # the restored fleet is shared by tests of this file
    FLEET[0].card = Card("cab-1", imei=IMEI, phone="13912345678", plate="HH-AB 123", name="Cab 1")
