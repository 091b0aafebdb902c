"""One run: terminals on line, commands given, the service killed and started again, until every command has its end.

``python -m benchmarks.soak.course FOLDER PLAN``, the plan as JSON, is a process of its own, as its reactor runs once.
It leaves ``course.json`` in the folder: what it gave, and the diary of its terminals.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from twisted.internet import reactor as the_reactor
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from jimigw.tools.simulator.terminal import imei_of

from .account import COURSE, Course, Given, Plan
from .cameras import Camera
from .orders import camera_order, cancelled_after, tracker_order, ttl_of
from .terminals import Terminal
from .trackers import Tracker

ROOT = Path(__file__).parents[2]

_TICK = 0.02
_AGAIN = 1.0
_START_SECONDS = 30.0
_STOP_SECONDS = 30.0
_KILLED_WITHIN = (0.25, 0.9)
"""Where in its share of the load a life of the service ends."""

_BURST, _BURST_SECONDS = 20, (0.0, 0.015)
"""Commands that are under way when the service is killed, and how long they have been."""

_text = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder().decode


class Driver(ProcessProtocol):
    """The service's process."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._rest = b""
        self.ports: list[int] = []
        self.transport: Any

    def tell(self, what: dict[str, Any]) -> None:
        """A line for it."""
        self.transport.write(_text(what) + b"\n")

    def kill(self) -> None:
        """kill -9."""
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            what = _read(line)
            if "ports" in what:
                self.ports = what["ports"]
                self._run.started()
            else:
                self._run.told(what)

    def errReceived(self, data: bytes) -> None:
        sys.stderr.buffer.write(data)

    def processEnded(self, reason: Failure) -> None:
        self._run.driver_ended()


class Run:
    """The terminals' surroundings, and who gives the commands."""

    def __init__(self, folder: Path, plan: Plan, reactor: Any) -> None:
        self.folder, self.plan, self.reactor = folder, plan, reactor
        self.course = Course()
        self.diary = self.course.diary
        self.answer_timeout, self.doubt = plan.times.answer_timeout, plan.times.doubt
        self._rng = Random(plan.seed)
        self._driver: Driver | None = None
        self._ready = self._killed = False
        self._life = 0
        self._number = 0
        #: how many of those were given because others were not taken, or cut off
        self._repeats = 0
        self._stored = 0
        self._waiting: dict[int, Given] = {}
        #: numbers of commands to be given (again) at a time
        self._again: deque[float] = deque()
        self._recent: deque[tuple[str, int]] = deque(maxlen=64)
        self._began: float | None = None
        self._given_until = 0.0
        self._asked = 0.0
        self._finishing = False
        self._ticked = 0.0
        self._terminals = self._make()
        self._kill_times: list[float] = []

    def _make(self) -> list[Terminal]:
        terminals: list[Terminal] = []
        for index in range(self.plan.terminals):
            rng = Random(self._rng.random())
            if index % 2:
                terminals.append(Tracker(self, f"139{index:08d}", rng))
            else:
                flagless = rng.random() < self.plan.flagless
                terminals.append(Camera(self, imei_of("86490800000000", index), rng, flagless))
        return terminals

    # -- what terminals share -----------------------------------------------------------------------------------------

    def port(self, protocol: str) -> int | None:
        """Where the service listens; None while it does not run."""
        if not self._ready or self._driver is None:
            return None
        return self._driver.ports[0 if protocol == "jimi" else 1]

    def foreign_flag(self, device: str, flag: int) -> int:
        """The flag of a command for another terminal."""
        self._recent.append((device, flag))
        others = [other for whose, other in self._recent if whose != device]
        return self._rng.choice(others) if others else 0xFFFF_FFFF

    # -- the service's lives ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it all."""
        self._start_driver()
        for terminal in self._terminals:
            self.reactor.callLater(self._rng.uniform(0.0, 1.0), terminal.connect)
        self._ticked = self.reactor.seconds()
        self._tick()

    def _start_driver(self) -> None:
        times = self.plan.times
        settings = [
            'jimi.endpoints=["tcp:0:interface=127.0.0.1"]',
            'jt808.endpoints=["tcp:0:interface=127.0.0.1"]',
            'jt808.udp=""',
            'manhole.endpoint=""',
            'hub.endpoint=""',
            'uploads.endpoint=""',
            'attachments.endpoint=""',
            'http.endpoint=""',
            f"commands.answer_timeout={times.answer_timeout}",
            f"commands.ttl={times.ttl}",
            "store.flush_interval=1.0",
        ]
        self._life += 1
        self._driver = Driver(self)
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        command = [sys.executable, "-m", "benchmarks.soak.driver", str(self.folder), str(times.doubt), *settings]
        self.reactor.spawnProcess(
            self._driver, sys.executable, command, env={**os.environ, "PYTHONPATH": path}, path=str(self.folder)
        )
        life = self._life
        self.reactor.callLater(_START_SECONDS, self._not_started, life)

    def _not_started(self, life: int) -> None:
        if life == self._life and not self._ready and not self._finishing:
            self._give_up("the service did not start")

    def started(self) -> None:
        """The service listens."""
        self._ready = True

    def driver_ended(self) -> None:
        """The service's process is gone: killed, or finished."""
        self._ready, killed, self._killed = False, self._killed, False
        if self._finishing:
            self._write_down()
        elif killed:
            self._start_driver()
        else:
            self._give_up("the service ended by itself")

    def _kill_soon(self, now: float) -> None:
        """Give some commands at once, and kill while they are being stored and sent."""
        for _ in range(min(_BURST, self.plan.commands - (self._number - self._repeats))):
            self._give(now)
        self.reactor.callLater(self._rng.uniform(*_BURST_SECONDS), self._kill)

    def _kill(self) -> None:
        if not self._ready or self._driver is None:
            return
        self._ready, self._killed = False, True
        self.course.kills.append(time.time())
        # What was not reported may be stored or not: whoever gave it gives it again.
        self.course.cut_off += len(self._waiting)
        self._again.extend([0.0] * len(self._waiting))
        self._waiting.clear()
        self._driver.kill()

    # -- giving -------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = self.reactor.seconds()
        self.course.lag = max(self.course.lag, now - self._ticked - _TICK)
        self._ticked = now
        if self._finishing:
            return
        self.reactor.callLater(_TICK, self._tick)
        if self._began is None:
            if all(terminal.logins for terminal in self._terminals):
                self._began = now
                self._kill_times = self._moments()
            return
        if not self._ready:
            return
        elapsed = now - self._began
        if self._kill_times and elapsed >= self._kill_times[0]:
            del self._kill_times[0]
            self._kill_soon(now)
            return
        self._give_due(now, elapsed)
        if not self._kill_times and self._stored >= self.plan.commands:
            self._await_ends(now)

    def _moments(self) -> list[float]:
        share = self.plan.seconds / max(1, self.plan.kills)
        return [(number + self._rng.uniform(*_KILLED_WITHIN)) * share for number in range(self.plan.kills)]

    def _give_due(self, now: float, elapsed: float) -> None:
        due = min(self.plan.commands, int(self.plan.commands * elapsed / self.plan.seconds))
        while self._number - self._repeats < due:
            self._give(now)
        while self._again and self._again[0] <= now:
            self._again.popleft()
            self._repeats += 1
            self._give(now)

    def _give(self, now: float) -> None:
        assert self._driver is not None
        self._number += 1
        number, rng, times = self._number, self._rng, self.plan.times
        terminal = rng.choice(self._terminals)
        given = Given(number, terminal.identity, now, self._life)
        self._waiting[number] = given
        self.course.given.append(given)
        order = (
            camera_order(rng, number, terminal.flagless) if terminal.protocol == "jimi" else tracker_order(rng, number)
        )
        self._driver.tell({**order, "number": number, "device": terminal.identity, "ttl": ttl_of(rng, times)})

    def told(self, what: dict[str, Any]) -> None:
        """The service's process says something."""
        if "open" in what:
            self._open(what["open"])
            return
        given = self._waiting.pop(what["number"], None)
        if given is None:
            return  # said before the kill, read after it
        now = self.reactor.seconds()
        if "id" in what:
            self._stored += 1
            given.id, given.told = what["id"], now
            seconds = cancelled_after(self._rng, self.plan.times)
            if seconds is not None:
                self.reactor.callLater(seconds, self._cancel, given)
        else:
            why = what["refused"]
            self.course.not_taken[why] = self.course.not_taken.get(why, 0) + 1
            self._again.append(now + _AGAIN)

    def _cancel(self, given: Given) -> None:
        if self._ready and self._driver is not None:
            self._driver.tell({"cancel": given.id})

    # -- the end ------------------------------------------------------------------------------------------------------

    def _await_ends(self, now: float) -> None:
        """Ask, once a second, how many commands are open: all have ended soon after the longest time to live."""
        if not self._given_until:
            self._given_until = now
        elif now > self._given_until + self.plan.times.ttl + 5 * self.plan.times.answer_timeout:
            self._finish()
        elif now >= self._asked + 1.0:
            self._asked = now
            assert self._driver is not None
            self._driver.tell({"open": True})

    def _open(self, count: int) -> None:
        if count == 0:
            self._finish()

    def _give_up(self, why: str) -> None:
        self.course.stuck = why
        self._finishing = True
        if self._driver is not None:
            self._driver.kill()
        self._write_down()

    def _finish(self) -> None:
        if self._finishing:
            return
        self._finishing = True
        for terminal in self._terminals:
            terminal.stop()
        assert self._driver is not None
        self._driver.transport.closeStdin()
        self.reactor.callLater(_STOP_SECONDS, self._give_up, f"the service runs on {_STOP_SECONDS:g} s after its end")

    def _write_down(self) -> None:
        self.course.seconds = self.reactor.seconds() - (self._began or self.reactor.seconds())
        (self.folder / COURSE).write_bytes(_text(self.course))
        if self.reactor.running:
            self.reactor.stop()


def main(folder: Path, plan: Plan) -> None:
    """Run, and leave what came of it in the folder."""
    run = Run(folder, plan, the_reactor)
    the_reactor.callWhenRunning(run.start)
    try:
        the_reactor.run()
    finally:
        if run._driver is not None:
            run._driver.kill()


if __name__ == "__main__":
    from benchmarks.programs import allow_many_files

    allow_many_files()
    main(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Plan))
