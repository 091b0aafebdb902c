"""The store with the real reactor and its real thread."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from jimigw.model.command import Command, Life
from jimigw.model.device import Card, State
from jimigw.model.media import Media, MediaQuery, MediaRule, MediaState, Usage
from jimigw.store import CardChanges, Database, MediaClash, SqliteStore

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
def test_files_change_while_a_thread_writes_them(path: Path) -> Generator[Deferred[Any], Any, None]:
    """Each file is saved, changed and saved again, mostly before it has its id; every tenth name is taken."""
    store = SqliteStore(path, reactor)  # type: ignore[arg-type]
    store.start()
    files = [Media(f"{number % 7}", f"{number - number % 10 // 9 * 7}") for number in range(TOTAL)]
    refused: list[int] = []

    def clashed(failure: Failure, where: list[int], number: int) -> None:
        failure.trap(MediaClash)
        where.append(number)

    waiting: list[Deferred[Any]] = []
    for number, file in enumerate(files):
        store.save_media(file).addErrback(clashed, [], number)
        if number % 3 == 0:
            yield store.save_media_rule(MediaRule(file.device, budget=number))  # the thread works meanwhile
        file.state = MediaState.MISSING
        ended = store.save_media(file, Usage(file.device, "2026-10", 1))
        waiting.append(ended.addErrback(clashed, refused, number))
    yield gatherResults(waiting)
    assert refused == [number for number in range(TOTAL) if number % 10 == 9]
    stored = [file for number, file in enumerate(files) if number % 10 != 9]
    assert sorted(file.id for file in stored) == list(range(1, len(stored) + 1))
    newest = yield store.find_media(MediaQuery(limit=1000))
    by_id = {file.id: file for file in stored}
    assert [(file.name, file.state) for file in newest] == [
        (by_id[id].name, MediaState.MISSING) for id in range(len(stored), len(stored) - 1000, -1)
    ]
    sent = yield store.usage("3", "2026-10")
    assert sent.files == len([file for file in stored if file.device == "3"])
    yield store.close()


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
