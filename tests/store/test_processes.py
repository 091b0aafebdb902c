"""What was told as stored survives `kill -9`, and two processes share one store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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


def service(path: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(path)], stdout=subprocess.PIPE, env=environment, text=True
    )


def run_and_kill(path: Path, lines: int) -> list[tuple[str, int]]:
    """Run a service until it is killed after so many lines; what it said."""
    said: list[tuple[str, int]] = []
    with service(path) as process:
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
