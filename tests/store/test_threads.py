"""The store with the real reactor and its real thread."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from jimigw.model.command import Command, Life
from jimigw.model.device import Card, State
from jimigw.store import CardChanges, Database, SqliteStore

TOTAL = 2000


@pytest_twisted.inlineCallbacks
def test_group_commit_with_a_thread(path: Path) -> Generator[Deferred[Any], Any, None]:
    store = SqliteStore(path, reactor)  # type: ignore[arg-type]
    store.start()
    done: list[int] = []
    threads: set[int] = set()
    waiting: list[Deferred[Any]] = []

    def note(result: object, number: int) -> None:
        done.append(number)
        threads.add(threading.get_ident())

    for number in range(TOTAL):
        id = store.next_command_id()
        ended: Deferred[None] = store.save_command(Command(id, f"{number % 7}", 0.0, 0.0, text="VERSION#"))
        waiting.append(ended.addCallback(note, number))
        if number % 10 == 0:
            store.save_states([(f"{number % 7}", State("jimi", logins=number))])
        if number % 500 == 499:
            yield ended  # the next ones come while the thread is at work or idle
    yield gatherResults(waiting)
    assert done == list(range(TOTAL))
    assert threads == {threading.get_ident()}
    newest = yield store.commands(limit=3)
    assert [command.id for command in newest] == [TOTAL, TOTAL - 1, TOTAL - 2]
    last = store.save_command(Command(1, "0", 0.0, 0.0, text="VERSION#", state=Life.ANSWERED, told=True))
    yield store.close()
    assert last.called
    assert not [thread for thread in threading.enumerate() if "store" in thread.name]
    again = SqliteStore(path, reactor)  # type: ignore[arg-type]
    contents = again.start()
    assert [device.id for device in contents.devices] == [str(number) for number in range(7)]
    assert [command.id for command in contents.commands] == list(range(2, TOTAL + 1))
    assert again.next_command_id() == TOTAL + 1
    yield again.close()


@pytest_twisted.inlineCallbacks
def test_changes_of_others_are_heard(path: Path) -> Generator[Deferred[Any], Any, None]:
    store = SqliteStore(path, reactor, poll_interval=0.01)  # type: ignore[arg-type]
    store.start()
    heard: Deferred[CardChanges] = Deferred()
    store.on_cards_changed(heard.callback)
    with Database.for_changes(path) as database, database.transaction():
        database.exchange_cards([Card("1", listed=True)])
    changes = yield heard
    assert [card.listed for card in changes.cards] == [True]
    yield store.close()
