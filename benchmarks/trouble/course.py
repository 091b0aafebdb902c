"""One run: all processes started, the troubles one after the other, and what is measured meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
import msgspec

from ..cost import SECRET_FILE, cursors_of
from ..figures import Broken
from ..gateway import JOURNAL
from ..partners import SECRET, Mosquitto, Receiver
from ..programs import LOOPBACK, ROOT, Server, free_port, service
from . import fleet, subscriber
from .account import Trouble
from .size import Size

MQTT, JSON, HUB = "mqtt", "callback:json", "callback:hub"
READERS = (MQTT, JSON, HUB)

_LAST_SECONDS = 150.0
"""Time for fleet and readers to come to their end, behind the last phase."""

_SLOW_BROKER = 0.003, 0.3
"""Seconds for which a slow broker runs, and does not, in turn."""

_SLOW_ANSWER = 0.4
"""Of the time that an answer is waited for, what a slow receiver takes."""


@attrs.define
class Phase:
    """A part of the run, from when to when, and what was seen in it: resident memory in KB, and how many records each
    reader was behind at most, as its cursor is saved once a second. ``life``: which one of the service."""

    name: str
    begin: float
    end: float = 0.0
    memory: int = 0
    behind: dict[str, int] = attrs.Factory(dict)
    life: int = 0


@attrs.define
class Course:
    """What a run left behind, beside the files in its folder."""

    summary: fleet.Summary = attrs.Factory(fleet.Summary)
    phases: list[Phase] = attrs.Factory(list)
    troubles: list[Trouble] = attrs.Factory(list)
    kills: list[float] = attrs.Factory(list)
    cpu: float = 0.0
    #: seconds from the last report to the moment when every reader had all
    caught_up: float = 0.0
    seconds: float = 0.0


class Run:
    """See the module."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.folder, self.size, self.course = folder, size, Course()
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        (self.data / SECRET_FILE).write_text(SECRET)
        self.broker, self.receiver = Mosquitto(folder / "broker"), Receiver(folder / "receiver")
        self._ports = free_port(), free_port()
        self._server: Server | None = None
        self._life = 0

    # -- processes ----------------------------------------------------------------------------------------------------

    def run(self) -> Course:
        """All of it."""
        started = time.monotonic()
        with ExitStack() as running:
            running.enter_context(self.broker)
            running.enter_context(self.receiver)
            hearing = running.enter_context(self._subscriber())
            running.enter_context(self._watch())
            self._lives(running.enter_context(self._fleet()))
            hearing.send_signal(signal.SIGTERM)
            if hearing.wait(10.0):
                raise Broken(f"the subscriber ended with status {hearing.returncode}.")
        self.course.seconds = time.monotonic() - started
        return self.course

    def _lives(self, terminals: subprocess.Popen[bytes]) -> None:
        """The service's three lives; killing it ends the first two."""
        with self._service():
            self._begin(terminals)
            self._outages()
            self._kill()
        with self._service():
            self._over("service killed")
            self._everything_at_once()
        with self._service():
            self._over("service killed, broker stopped, receiver slow")
            self._end(terminals)

    @contextmanager
    def _service(self) -> Iterator[None]:
        jimi, jt808 = self._ports
        timeout = self.size.timeout
        json = f'{{name="json", url="{self.receiver.url("/json")}", secret_file="{SECRET_FILE}", timeout={timeout}}}'
        hub = f'{{name="hub", url="{self.receiver.url("/hub")}", format="hub", paths=["/pushgps"], timeout={timeout}}}'
        settings = [
            f'jt808.endpoints=["tcp:{jt808}:interface={LOOPBACK}"]',
            f'mqtt.url="mqtt://{LOOPBACK}:{self.broker.port}"',
            'mqtt.format="record"',
            f"mqtt.timeout={timeout}",
            f"callbacks=[{json}, {hub}]",
        ]
        with service(self.data, *settings, port=jimi) as server:
            self._life += 1
            self._server = server
            try:
                yield
            finally:
                if server.process.poll() is None:
                    self.course.cpu += server.cpu()
                self._server = None

    @contextmanager
    def _subscriber(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", subscriber.__name__, str(self.folder), str(self.broker.port)]
        with _process(command) as process:
            assert process.stdout is not None
            if process.stdout.readline() != b"subscribed\n":
                raise Broken("the subscriber could not subscribe.")
            # Whatever becomes of the broker, it knows of this session then.
            self.broker.remember()
            yield process

    @contextmanager
    def _fleet(self) -> Iterator[subprocess.Popen[bytes]]:
        size = self.size
        orders = fleet.Orders(str(self.folder), self._ports, size.terminals, size.reports, size.rate)
        with _process([sys.executable, "-m", fleet.__name__]) as process:
            assert process.stdin is not None
            process.stdin.write(msgspec.json.encode(orders))
            process.stdin.close()
            yield process

    @contextmanager
    def _watch(self) -> Iterator[None]:
        """Look at memory and cursors, again and again."""
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(0.2):
                server, phases = self._server, self.course.phases
                if server is None or not phases:
                    continue
                phase = phases[-1]
                phase.memory = max(phase.memory, server.memory())
                cursors, last = cursors_of(self.data / JOURNAL)
                for reader in READERS:
                    behind = last - cursors.get(reader, 0)
                    phase.behind[reader] = max(phase.behind.get(reader, 0), behind)

        thread = threading.Thread(target=look, name="watch")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    # -- what happens -------------------------------------------------------------------------------------------------

    def _begin(self, terminals: subprocess.Popen[bytes]) -> None:
        assert terminals.stdout is not None
        if terminals.stdout.readline() != b"ready\n":
            raise Broken("the fleet could not log in.")
        self._pass("quiet", 4)

    def _outages(self) -> None:
        broker, receiver, slow = self.broker, self.receiver, self.size.timeout * _SLOW_ANSWER
        at_broker, at_receiver = frozenset({MQTT}), frozenset({JSON, HUB})
        self._trouble("broker stopped", at_broker, broker.stop, broker.go_on)
        self._trouble("broker slow", at_broker, lambda: broker.slow(*_SLOW_BROKER), broker.fast)
        self._trouble("broker killed", at_broker, broker.kill, broker.start)
        self._trouble("receiver stopped", at_receiver, receiver.stop, receiver.go_on)
        # Slow is no reason to send anything twice.
        self._trouble("receiver slow", frozenset(), lambda: receiver.slow(slow), lambda: receiver.slow(0))
        self._trouble("receiver killed", at_receiver, receiver.kill, receiver.start)

    def _everything_at_once(self) -> None:
        """The service is killed while its broker is stopped and its receiver slow."""
        self._pass("quiet again", 3)
        self.broker.stop()
        self.receiver.slow(self.size.timeout * _SLOW_ANSWER)
        self._pass("broker stopped, receiver slow", 2)
        self._kill()

    def _trouble(self, what: str, readers: frozenset[str], begin: Callable[[], None], end: Callable[[], None]) -> None:
        begun = time.monotonic()
        begin()
        self._pass(what, 5)
        end()
        self.course.troubles.append(Trouble(what, begun, time.monotonic(), readers))
        self._pass(f"{what}: over", 3)

    def _kill(self) -> None:
        """kill -9, under load."""
        assert self._server is not None
        self.course.kills.append(time.monotonic())
        self.course.cpu += self._server.cpu()
        self._server.process.kill()
        self._server.process.wait()

    def _over(self, what: str) -> None:
        """It runs again, as does all else."""
        killed = self.course.kills[-1]
        self.course.phases.append(Phase(what, killed, life=self._life))
        self._pass("", 3)
        self.broker.go_on()
        self.receiver.slow(0)
        self.course.troubles.append(Trouble(what, killed, time.monotonic(), frozenset(READERS)))

    def _pass(self, name: str, share: float) -> None:
        """Let a phase of so many shares go by; without a name the one at hand goes on."""
        phases, now = self.course.phases, time.monotonic()
        if name:
            phases.append(Phase(name, now, life=self._life))
        time.sleep(share * (self.size.reports / self.size.rate - _RESTARTS) / _SHARES)
        phases[-1].end = time.monotonic()

    def _end(self, terminals: subprocess.Popen[bytes]) -> None:
        """The last reports are answered, and every reader gets all."""
        phase = Phase("the last ones", time.monotonic())
        self.course.phases.append(phase)
        assert terminals.stdout is not None
        said = terminals.stdout.read()
        if terminals.wait() or not said:
            raise Broken(f"the fleet ended with status {terminals.returncode}.")
        summary = self.course.summary = msgspec.json.decode(said, type=fleet.Summary)
        # What is said of the readers is saved once a second, and the last connections close meanwhile.
        settled, last, limit = 0, -1, time.monotonic() + _LAST_SECONDS
        while settled < 20:
            cursors, newest = cursors_of(self.data / JOURNAL)
            all_there = newest == last and all(cursors.get(reader, 0) >= newest for reader in READERS)
            settled, last = settled + 1 if all_there else 0, newest
            if settled == 1:
                self.course.caught_up = time.monotonic() - summary.last
            if time.monotonic() > limit:
                raise Broken(f"{_LAST_SECONDS:g} s behind the last report the journal is at {newest}, {cursors}.")
            time.sleep(0.05)
        phase.end = time.monotonic()


_SHARES = 4 + 6 * 8 + 3 + 3 + 2 + 3
"""What all phases add up to, in the time that the reports take."""

_RESTARTS = 2.5
"""Seconds of it in which the service starts again."""


@contextmanager
def _process(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours, spoken with by its standard input and output, until the block ends."""
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def run(folder: Path, size: Size) -> Course:
    """Run, with all files in ``folder``; :class:`Broken` where something does not come to its end."""
    return Run(folder, size).run()


__all__ = ["HUB", "JSON", "MQTT", "READERS", "Course", "Phase", "run"]
