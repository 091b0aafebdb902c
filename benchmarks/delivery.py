"""CPU time of a callback for one record: while a fleet reports, and while a backlog is caught up with.

The receiver is a process of its own, and so is the measuring (``python -m benchmarks.delivery FOLDER SECONDS``).
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall, deferLater, react

from jimigw.delivery.callbacks import CallbackSettings, JsonCallback
from jimigw.delivery.readers import Readers
from jimigw.delivery.status import ReaderSettings
from jimigw.journal import Entry, SqliteJournal
from jimigw.model.record import record_json
from jimigw.store import SqliteStore

from .figures import Broken, Figure, Part
from .plan import Plan
from .programs import ROOT
from .samples import location

RATE = 5000
"""Records a second of the fleet that reports."""
_TURNS = 100
BACKLOG = 40_000
ROUNDS = 3


def measure(plan: Plan) -> Part:
    """The service's thread with a callback and without one; what differs is the callback's."""
    folder = plan.scratch / "delivery"
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.delivery", str(folder), str(min(plan.seconds, 3.0))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise Broken(f"the process of the delivery ended with status {done.returncode}:\n{done.stderr.strip()}")
    found = json.loads(done.stdout)
    figures = [
        Figure(f"{RATE:,} records/s", found["live"], "us"),
        Figure(f"{RATE:,} records/s, signed", found["signed"], "us"),
        Figure("a backlog of full batches", found["backlog"], "us"),
        Figure("a backlog of full batches", found["per_second"], "/s"),
    ]
    return Part("delivery", "CPU of a callback for one record of 700 bytes, beside what the journal takes", figures)


class _Receiver(Protocol):
    """Takes whatever comes, as cheaply as can be."""

    _left = 0
    _head = b""

    def dataReceived(self, data: bytes) -> None:
        while data:
            if self._left:
                taken = min(self._left, len(data))
                self._left -= taken
                data = data[taken:]
            else:
                head, end, data = (self._head + data).partition(b"\r\n\r\n")
                self._head = b"" if end else head
                if end:
                    self._left = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            if not self._left and not self._head and self.transport is not None:
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def _receive() -> None:
    reactor: Any = the_reactor
    port = reactor.listenTCP(0, Factory.forProtocol(_Receiver), interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    reactor.run()


class _Bench:
    """A journal, and readers that may be there."""

    def __init__(self, reactor: Any, folder: Path, port: int) -> None:
        self.reactor, self.port = reactor, port
        self.journal = SqliteJournal(folder / "journal.sqlite", reactor)
        self.store = SqliteStore(folder / "store.sqlite", reactor)
        self.journal.start()
        self.store.start()
        self.readers = Readers(self.journal, self.store, reactor)
        sample = location()
        self.raw, self.data = sample.frame.raw, record_json(sample.imei, sample.report)
        self.count = 0

    async def start(self) -> None:
        await self.readers.start()

    def put(self, count: int) -> None:
        for _ in range(count):
            self.count += 1
            at = int(time.time() * 1e6)
            self.journal.append(Entry(f"8630000{self.count % 2000:08d}", "jimi", "position", at, self.raw, self.data))

    def callback(self, name: str, start: Any, **settings: Any) -> None:
        url = f"http://127.0.0.1:{self.port}/"
        target = JsonCallback(self.reactor, CallbackSettings(url, **settings))
        self.readers.add(name, target, ReaderSettings(start=start))

    async def fleet(self, seconds: float) -> float:
        """CPU seconds of this thread while a fleet reports."""
        gc.collect()
        feeding = LoopingCall(lambda: self.put(RATE // _TURNS))
        feeding.clock = self.reactor
        started = time.thread_time()
        feeding.start(1 / _TURNS)
        await deferLater(self.reactor, seconds)
        feeding.stop()
        return time.thread_time() - started

    async def settled(self) -> None:
        """Everything is stored and delivered."""
        while self.journal.last_id() < self.count or any(status.behind for status in self.readers.statuses()):
            await deferLater(self.reactor, 0.005)


async def _measure(reactor: Any, folder: Path, seconds: float, port: int) -> dict[str, float]:
    bench = _Bench(reactor, folder, port)
    await bench.start()
    await bench.fleet(0.5)
    found: dict[str, float] = {}
    for name, settings in (("live", {}), ("signed", {"secret": b"0" * 32})):
        # In turns: the machine may be busier at one time than at another.
        spent = {True: 0.0, False: 0.0}
        count = {True: 0, False: 0}
        for _ in range(ROUNDS):
            for there in (False, True):
                if there:
                    bench.callback(name, "end", **settings)
                before = bench.count
                spent[there] += await bench.fleet(seconds / ROUNDS)
                count[there] += bench.count - before
                await bench.settled()
                if there:
                    await bench.readers.remove(name)
        found[name] = (spent[True] / count[True] - spent[False] / count[False]) * 1e6
    while bench.count < BACKLOG:
        bench.put(1000)
        await bench.settled()
    bench.callback("backlog", "beginning")
    started, wall = time.thread_time(), time.monotonic()
    await bench.settled()
    found["backlog"] = (time.thread_time() - started) / bench.count * 1e6
    found["per_second"] = bench.count / (time.monotonic() - wall)
    await bench.readers.stop()
    await bench.journal.close()
    await bench.store.close()
    return found


def main(arguments: list[str]) -> None:
    """Measure, print the results as JSON; or receive."""
    if arguments == ["receive"]:
        _receive()
        return
    folder, seconds = Path(arguments[0]), float(arguments[1])
    command = [sys.executable, "-m", "benchmarks.delivery", "receive"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
        try:
            assert receiver.stdout is not None
            port = int(receiver.stdout.readline())

            def measured(reactor: Any) -> Deferred[None]:
                return Deferred.fromCoroutine(_measure(reactor, folder, seconds, port)).addCallback(
                    lambda found: print(json.dumps(found))
                )

            react(measured, ())
        finally:
            receiver.terminate()


if __name__ == "__main__":
    main(sys.argv[1:])
