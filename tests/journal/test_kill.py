"""A journal that is killed at any moment has lost nothing that was done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from jimigw.journal import open_reader
from tests.journal.harness import Bench

ROUNDS = 4
ROOT = Path(__file__).parents[2]

SERVICE = """
import sys
from twisted.internet import reactor
from jimigw.journal import Entry, SqliteJournal

journal = SqliteJournal(sys.argv[1], reactor, commit_interval=0.001)
journal.start()
done = []
count = 0

def say():
    # One write, so that a line is there whole or not at all.
    sys.stdout.write("".join(f"{entry.id} {entry.device}\\n" for entry in done))
    sys.stdout.flush()
    done.clear()

def feed():
    global count
    for _ in range(37):
        count += 1
        data = b'{"n":%d}' % count
        journal.append(Entry(f"{sys.argv[2]}-{count}", "jimi", "position", 0, b"x" * (count % 97), data, done.append))
    journal.set_cursor("reader", journal.last_id())
    reactor.callLater(0.0005, feed)

journal.add_listener(say)
reactor.callWhenRunning(feed)
reactor.run()
"""


def run_and_kill(path: Path, round: int) -> dict[int, str]:
    """Kill a service in the middle of its work; return the ids that it has done, with their devices."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", SERVICE, str(path), str(round)]
    done: dict[int, str] = {}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, text=True) as service:
        assert service.stdout is not None
        try:
            for line in service.stdout:
                if len(done) == 700 + round * 991:  # killed in the middle of whatever it does then
                    service.send_signal(signal.SIGKILL)
                if line.endswith("\n"):
                    id, device = line.split()
                    done[int(id)] = device
        finally:
            service.kill()
    assert service.returncode == -signal.SIGKILL
    return done


def test_kill(path: Path) -> None:
    done: dict[int, str] = {}
    for round in range(ROUNDS):
        mine = run_and_kill(path, round)
        assert len(mine) > 700
        assert min(mine) > max(done, default=0)
        done |= mine
        stored: dict[int, str] = {}
        with open_reader(path) as reader:  # the log of a killed service, before any writer has opened it again
            while records := reader.read(max(stored, default=0), 5000):
                stored |= {record.id: record.device for record in records}
        assert {id: stored.get(id) for id in done} == done
        assert len(set(stored.values())) == len(stored)
    bench = Bench(path)
    assert bench.journal.last_id() >= max(done)
    assert bench.result(bench.journal.cursor("reader")) in range(0, max(stored) + 1)
    bench.close()
