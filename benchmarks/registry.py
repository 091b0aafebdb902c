"""What a fleet costs that is known: the time to load it at the start of the service, and its memory.

Each load is a process of its own (``python -m benchmarks.registry FILE load|trace``), so that nothing is warm but the
disk's cache, and the memory that counts is that of the terminals.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import react

from jimigw.model.device import Card, State
from jimigw.model.report import Alarm, Position
from jimigw.store import Contents, Database, SqliteStore
from jimigw.store.rows import row_of_state

from .figures import Broken, Figure, Part, Unable
from .plan import Plan
from .programs import ROOT

LOAD_TARGET = 3.0
"""Seconds that loading 100,000 terminals may take."""

MEMORY_TARGET = 2.0
"""KiB that a terminal may cost."""

_AT_ONCE = 1000
"""States in one transaction."""

_NOW = 1_780_000_000.0


def measure(plan: Plan) -> Part:
    """Make a store of a fleet, and load it as a service does at its start."""
    folder = plan.scratch / "registry"
    folder.mkdir(parents=True, exist_ok=True)
    path, count = folder / "store.sqlite", plan.terminals
    started = time.perf_counter()
    make_store(path, count)
    entered = time.perf_counter() - started
    loads = [_in_process(path, "load") for _ in range(plan.rounds)]
    traced = _in_process(path, "trace")
    if any(each["terminals"] != count for each in (*loads, traced)):
        raise Broken(f"the store does not hold the {count} terminals that were entered: {loads}")
    fleet = f"{count:,} terminals"
    seconds = [each["seconds"] for each in loads]
    objects = traced["bytes"] / count / 1024
    resident = [each["bytes"] / count / 1024 for each in loads]
    figures = [
        Figure.of_rounds(f"start with {fleet}", seconds, "s", at_most=LOAD_TARGET * count / 100_000),
        Figure.of_rounds("resident memory of a terminal", resident, "KiB", at_most=MEMORY_TARGET),
        Figure("objects of a terminal, as tracemalloc counts", objects, "KiB", at_most=MEMORY_TARGET),
        Figure("a state, in the reactor thread", traced["given"] / count * 1e6, "us"),
        Figure(f"states of {fleet}, {_AT_ONCE:,} a transaction", traced["stored"], "s"),
        Figure("card, state and position of a terminal in the file", path.stat().st_size / count / 1024, "KiB"),
        Figure(f"cards and states of {fleet}, made and entered", entered, "s"),
    ]
    return Part("registry", f"a fleet of {fleet}, each with a position and an alarm", figures)


def make_store(path: Path, count: int) -> None:
    """A fleet as a year leaves it: IMEIs, plates, positions, half of it known by a phone number too."""
    with Database.for_service(path) as database, database.transaction():
        ids = [f"8630000{number:08d}" for number in range(count)]
        database.exchange_cards(
            Card(id, id, f"139{number:08d}" if number % 2 else None, f"B{number:06d}", f"Truck {number}", 480, True)
            for number, id in enumerate(ids)
        )
        database.save_states(row_of_state(id, _state(number)) for number, id in enumerate(ids))


def _state(number: int) -> State:
    seen = _NOW + number
    position = Position(
        time=datetime.fromtimestamp(seen, UTC),
        latitude=22.5 + number / 1e6,
        longitude=113.9 + number / 1e6,
        fix=True,
        speed_kmh=42.5,
        course=number % 360,
        altitude_m=number % 3000,
        satellites=12,
        mileage_m=1234567.0 + number,
        ignition=True,
        replayed=False,
    )
    return State(
        protocol="jimi",
        first_seen=seen - 3e7,
        last_seen=seen,
        logins=number % 1000 + 300,
        model="JC400P",
        firmware="C43_RELEASE_2.1.7",
        iccid=f"898600{number:014d}",
        cameras=2,
        address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}:{20000 + number % 40000}",
        left="Connection was closed cleanly.",
        left_at=seen + 1,
        ignition=True,
        position=position,
        alarm=Alarm(number % 64, "Vibration"),
        alarm_at=seen - 100,
    )


def _in_process(path: Path, how: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.registry", str(path), how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise Broken(f"the process with the store ended with status {done.returncode}:\n{done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        raise Unable("left out: resident memory is read from /proc/self/statm, which is not there.") from None
    return pages * os.sysconf("SC_PAGE_SIZE")


@inlineCallbacks
def _load(reactor: Any, path: Path, how: str) -> Any:
    store = SqliteStore(path, reactor)
    gc.collect()
    before = _resident()
    if how == "trace":
        tracemalloc.start()
    started = time.perf_counter()
    contents = store.start()
    found = {"seconds": time.perf_counter() - started, "terminals": len(contents.devices)}
    if how == "trace":
        gc.collect()
        found["bytes"] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        found |= yield from _save_all(store, contents)
    else:
        found["bytes"] = _resident() - before
    yield store.close()
    print(json.dumps(found))


def _save_all(store: SqliteStore, contents: Contents) -> Generator[Deferred[None], None, dict[str, float]]:
    given, started = 0.0, time.perf_counter()
    for first in range(0, len(contents.devices), _AT_ONCE):
        states = [(device.id, device) for device in contents.devices[first : first + _AT_ONCE]]
        before = time.perf_counter()
        ended = store.save_states(states)
        given += time.perf_counter() - before
        yield ended
    return {"given": given, "stored": time.perf_counter() - started}


if __name__ == "__main__":
    react(_load, (Path(sys.argv[1]), sys.argv[2]))
