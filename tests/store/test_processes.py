"""What was told as stored survives `kill -9`, and two processes share one store."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from jimigw.model.device import Card
from jimigw.store import Database
from tests.store.harness import Bench

ROOT = Path(__file__).parents[2]
ROUNDS = 4

SERVICE = """
import sys
from twisted.internet import reactor
from jimigw.model.command import Command
from jimigw.model.device import State
from jimigw.store import SqliteStore

store = SqliteStore(sys.argv[1], reactor, poll_interval=0.005)
store.start()
store.on_cards_changed(lambda changes: say("heard", *sorted(card.id for card in changes.cards)))

def say(*words):
    # One write, so that a line is there whole or not at all.
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()

def feed():
    for _ in range(7):
        id = store.next_command_id()
        store.save_command(Command(id, "1", 0.0, 0.0, text="VERSION#")).addCallback(lambda _, id=id: say("command", id))
        store.save_states([(f"{id % 5}", State(logins=id))]).addCallback(lambda _, id=id: say("state", id))
    reactor.callLater(0.0005, feed)

feed()
reactor.run()
"""


#: Files come, and the same ones again: each of them has an alarm and adds to what was sent.
MEDIA_SERVICE = """
import itertools
import sys
from twisted.internet import reactor
from jimigw.model.media import Media, MediaAlarm, MediaState, Usage
from jimigw.store import SqliteStore

store = SqliteStore(sys.argv[1], reactor)
store.start()
numbers = itertools.count(int(sys.argv[2]))

def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()

def feed():
    for _ in range(7):
        number = next(numbers)
        device = f"{number % 5}"
        file = Media(device, f"{number}", key=f"{number}", size=number)
        store.save_media(file)  # announced
        alarm = MediaAlarm(device, number, 1.0, expected=1)
        store.save_media_alarm(alarm).addCallback(lambda _, file=file, alarm=alarm: stored(file, alarm))
        # One that is there already: it is refused alone, and adds nothing.
        store.save_media(Media(device, f"{number}"), Usage(device, "2026-10", 1, 1 << 40)).addErrback(lambda _: None)
    reactor.callLater(0.0005, feed)

def stored(file, alarm):
    file.state, file.alarm = MediaState.STORED, alarm.id
    usage = Usage(file.device, "2026-10", 1, file.size)
    store.save_media(file, usage).addCallback(lambda _: say(file.id, file.name))

feed()
reactor.run()
"""


def service(path: Path, program: str = SERVICE, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path), *arguments], stdout=subprocess.PIPE, env=environment, text=True
    )


def run_and_kill(path: Path, lines: int, *how: str) -> list[tuple[str, int]]:
    """Run a service until it is killed after so many lines; what it said."""
    said: list[tuple[str, int]] = []
    with service(path, *how) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.endswith("\n"):
                    what, id = line.split()
                    said.append((what, int(id)))
                if len(said) == lines:  # in the middle of whatever it does then
                    process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    return said


def test_kill(path: Path) -> None:
    stored: set[int] = set()
    for round in range(ROUNDS):
        said = run_and_kill(path, 300 + round * 371)
        told = {id for what, id in said if what == "command"}
        assert min(told) > max(stored, default=0)
        with Database.for_reading(path) as database:  # before any writer has opened it again
            stored = {command.id for command in database.commands()}
            logins = {device.id: device.logins for device in database.devices()}
        assert told <= stored
        for what, id in said:
            assert what == "command" or logins[f"{id % 5}"] >= id
    bench = Bench(path)
    assert bench.store.next_command_id() > max(stored)
    assert len(bench.contents.commands) == len(stored)
    bench.close()


def test_kill_while_files_are_stored(path: Path) -> None:
    given: dict[int, str] = {}
    for round in range(ROUNDS):
        # Names go on where no round before came to.
        said = run_and_kill(path, 200 + round * 171, MEDIA_SERVICE, str(1_000_000 * (round + 1)))
        told = {int(id): str(name) for id, name in said}
        assert not told.keys() & given.keys()
        given |= told
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:  # before any writer opens it
            rows = connection.execute("SELECT id, name, state, size, device, alarm FROM media").fetchall()
            sums = connection.execute("SELECT device, files, received FROM media_usage ORDER BY device").fetchall()
            alarms = dict(connection.execute("SELECT id, record FROM media_alarm"))
        stored = {id: name for id, name, state, *_ in rows if state == "stored"}
        assert given.items() <= stored.items()
        # What was sent is there with the file, or neither is.
        sent: dict[str, list[int]] = {}
        for _, _, state, size, device, alarm in rows:
            if state == "stored":
                sent.setdefault(device, []).append(size)
                assert alarms[alarm] == size
        assert sums == [(device, len(sizes), sum(sizes)) for device, sizes in sorted(sent.items())]


def test_two_processes_at_once(path: Path) -> None:
    """This one changes cards, one a transaction, while the service writes all the time; nobody loses anything."""
    wanted = {f"c{number}" for number in range(200)}
    heard: set[str] = set()
    with service(path) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()  # it is at work
            with Database.for_changes(path) as database:
                for id in sorted(wanted):
                    with database.transaction():
                        database.exchange_cards([Card(id, listed=True)])
            for line in process.stdout:
                if line.startswith("heard"):
                    heard.update(line.split()[1:])
                if heard >= wanted:
                    break
        finally:
            process.kill()
    assert heard == wanted
    with Database.for_reading(path) as database:
        cards = {card.id: card for card in database.cards()}
    assert all(cards[id].listed for id in wanted)
    assert set(cards) == wanted | {str(number) for number in range(5)}
    revisions = [card.revision for card in cards.values()]
    assert len(set(revisions)) >= len(wanted)
