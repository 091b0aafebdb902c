"""A whole fleet that comes back: 20,000 terminals of both protocols log in within ten seconds, each on a connection of
its own, to a service that knows 100,000.

The clients are two processes (``python -m benchmarks.logins``), one a protocol. A login has its moment, whether or not
those before it were answered, and its answer's latency counts from that moment: a service that stalls cannot make the
clients ask less. Every answer is compared byte for byte, but for the serial numbers of JT/T 808, which are its own.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from jimigw.gateway.admission import Open
from jimigw.gateway.door import SECRET_FILE, Door, load_secret
from jimigw.journal import open_reader
from jimigw.protocols.jimi.frame import answer_frame, encode_frame
from jimigw.protocols.jt808.codec import encode_json
from jimigw.store import Database

from .figures import Broken, Figure, Part, Unable
from .gateway import JOURNAL
from .plan import Plan
from .programs import LOOPBACK, ROOT, free_port, service
from .registry import make_store

AT_MOST = 2.0
"""Seconds that the answer to a login may take."""

HOLD = 5.0
"""Seconds that a connection stays open behind its last answer."""

GIVEN_UP = 30.0
"""Seconds after the last login that answers are still waited for."""

_LOGIN = 0x01
_CONTENT = "42703200"
"""What stands behind the IMEI of a login: type and branch; +08:00, English."""
_PER_ADDRESS = 2000
"""Connections from one source address: closed ones keep their port for a minute."""

_REGISTRATION = {
    "province": 44,
    "city": 300,
    "manufacturer": "70111",
    "model": "JC450",
    "dev_id": "T0001",
    "color": 1,
    "license_number": "B00001",
}

Step = tuple[str, str, str]
"""One message of a terminal: what it is, its frame in hex, and the answer in hex."""
Script = list[Step]
"""All that one terminal says to log in."""


def measure(plan: Plan) -> Part:
    """Fill a store, start a service on it, let the fleet come, and look for it in journal and store."""
    if not hasattr(select, "epoll"):
        raise Unable("left out: the clients need Linux (epoll, /proc).")
    folder = plan.scratch / "logins"
    folder.mkdir(parents=True, exist_ok=True)
    make_store(folder / "store.sqlite", plan.terminals)
    door = Door(Open(), load_secret(folder / SECRET_FILE))
    half = plan.logins // 2
    cameras = [_camera(imei) for imei in _alternating(half, plan.terminals, "8631111{:08d}", "8630000{:08d}", 0)]
    trackers = [
        _tracker(door, phone, known=bool(number % 2))
        for number, phone in enumerate(_alternating(half, plan.terminals, "137{:08d}", "139{:08d}", 1))
    ]
    port = free_port()
    with service(folder, f'jt808.endpoints=["tcp:{port}:interface={LOOPBACK}"]') as server:
        before = server.cpu()
        heard = _clients(plan, [(server.port, cameras), (port, trackers)])
        cpu = server.cpu() - before
    logins = len(cameras) + len(trackers)
    _compare(folder, heard, logins, plan.terminals)
    return Part("logins", _title(plan, logins), _figures(heard, logins, cpu), [_note(plan, heard)])


def _alternating(count: int, terminals: int, new: str, known: str, offset: int) -> Iterator[str]:
    """Identities, every second one known, from all over the fleet. Odd terminals have a phone number too."""
    stride = 2 * max(1, terminals // count)
    for number in range(count):
        yield known.format((number // 2 * stride + offset) % terminals) if number % 2 else new.format(number)


def _camera(imei: str) -> Script:
    login = encode_frame(_LOGIN, bytes.fromhex(f"0{imei}{_CONTENT}"), 1)
    return [("Jimi, login", login.hex(), answer_frame(_LOGIN, 1).hex())]


def _tracker(door: Door, phone: str, known: bool) -> Script:
    """A known one shows its code at once; a new one registers before."""
    code = door.code(phone)
    script: Script = []

    def step(what: str, msg_id: int, body: dict[str, Any], answer_id: int, answer: dict[str, Any]) -> None:
        serial = len(script)
        here = {"phone": f"0{phone}", "msg_sn": serial}
        (said,) = encode_json({"header": here | {"msg_id": msg_id}, "body": body})
        (heard,) = encode_json({"header": here | {"msg_id": answer_id}, "body": {"seq": serial, "result": 0} | answer})
        script.append((f"JT/T 808, {what}", said.hex(), heard.hex()))

    if not known:
        step("registration", 0x0100, _REGISTRATION, 0x8100, {"auth_code": code})
    step("authentication", 0x0102, {"code": code}, 0x8001, {"id": 0x0102})
    return script


_TILDE = b"~"


def _whole(got: bytes, answer: bytes) -> bool:
    """Whether all of an answer is there. One of JT/T 808 may be longer: its serial number may have to be escaped."""
    if answer[:1] == _TILDE:
        return len(got) > 1 and got[-1:] == _TILDE
    return len(got) >= len(answer)


def _without_serial(frame: bytes) -> bytes:
    """A frame of JT/T 808 (2013) without its serial number and the check code over it; any other as it is."""
    if frame[:1] != _TILDE:
        return frame
    content = frame[1:-1].replace(b"}\x02", b"~").replace(b"}\x01", b"}")
    return content[:10] + content[12:-1]


# -- what came of it ----------------------------------------------------------------------------------------------


@attrs.define
class Heard:
    """What clients heard: seconds to each answer, by what was said; answers that were wrong or did not come; how late
    the client itself was at most, the CPU seconds it took, and the most connections it had."""

    latencies: dict[str, list[float]] = attrs.Factory(dict)
    wrong: int = 0
    missing: int = 0
    late: float = 0.0
    cpu: float = 0.0
    open: int = 0


def _clients(plan: Plan, scripts: Sequence[tuple[int, list[Script]]]) -> list[Heard]:
    command = [sys.executable, "-m", "benchmarks.logins"]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in scripts
    ]
    try:
        for process, (port, script) in zip(running, scripts, strict=True):
            assert process.stdin is not None
            json.dump({"port": port, "seconds": plan.login_seconds, "hold": HOLD, "scripts": script}, process.stdin)
            process.stdin.close()
        heard = []
        for process in running:
            assert process.stdout is not None
            output = process.stdout.read()
            if process.wait() or not output:
                raise Broken(f"a client ended with status {process.returncode}.")
            heard.append(Heard(**json.loads(output)))
        return heard
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _compare(folder: Path, heard: list[Heard], logins: int, terminals: int) -> None:
    """Every terminal got its answers; journal and store have every one of them."""
    wrong, missing = sum(each.wrong for each in heard), sum(each.missing for each in heard)
    if wrong or missing:
        raise Broken(f"of {logins} logins {missing} were not answered, and {wrong} were answered wrongly.")
    with open_reader(folder / JOURNAL) as reader:
        after_id = 0
        seen: set[str] = set()
        while records := reader.read(after_id, 10_000, kinds=["login"]):
            seen.update(record.device for record in records)
            after_id = records.through
    with Database.for_reading(folder / "store.sqlite") as database:
        stored = len(database.cards())
    new = logins // 2
    if (len(seen), stored) != (logins, terminals + new):
        raise Broken(
            f"{logins} terminals logged in, the journal has the logins of {len(seen)}; the store has {stored} "
            f"terminals instead of {terminals + new}."
        )


def _figures(heard: list[Heard], logins: int, cpu: float) -> list[Figure]:
    by_what = {what: sorted(found) for each in heard for what, found in each.latencies.items()}
    everything = sorted(latency for found in by_what.values() for latency in found)
    figures = [
        _latency("all answers", everything, 0.5),
        _latency("all answers", everything, 0.99),
        _latency("all answers", everything, 1.0, AT_MOST),
    ]
    for what, found in by_what.items():
        figures += [_latency(what, found, 0.99), _latency(what, found, 1.0)]
    figures.append(Figure("service: CPU per login, its end included", cpu / logins * 1e6, "us"))
    figures.append(Figure("clients: latest login behind its moment", 1e3 * max(each.late for each in heard), "ms"))
    return figures


def _latency(what: str, found: list[float], part: float, at_most: float | None = None) -> Figure:
    name = "max" if part == 1.0 else f"p{part * 100:g}"
    value = found[min(int(part * len(found)), len(found) - 1)]
    return Figure(f"{what}: {name}", 1e3 * value, "ms", at_most=None if at_most is None else 1e3 * at_most)


def _title(plan: Plan, logins: int) -> str:
    return (
        f"{logins:,} logins in {plan.login_seconds:g} s, half of them of new terminals, half of JT/T 808; "
        f"{plan.terminals:,} terminals are known before"
    )


def _note(plan: Plan, heard: list[Heard]) -> str:
    most = " and ".join(f"{each.open:,}" for each in heard)
    return (
        f"A connection each, closed {HOLD:g} s after its login to stay below the 20,000 files of many a process: two "
        f"clients had {most} open at most. All logins are in the journal, all terminals in the store."
    )


# -- the client ---------------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class _Terminal:
    """One connection: what is still to be said, and since when the answer to the last is waited for."""

    socket: socket.socket
    steps: list[tuple[str, bytes, bytes]]
    since: float
    at: int = 0
    got: bytes = b""
    connected: bool = False


class _Client:
    """Logs terminals in, each at its moment."""

    def __init__(self, port: int, seconds: float, hold: float, scripts: list[Script]) -> None:
        self._port, self._hold = port, hold
        self._interval = seconds / len(scripts)
        self._scripts = [
            [(what, bytes.fromhex(said), bytes.fromhex(answer)) for what, said, answer in script] for script in scripts
        ]
        self._poller = select.epoll()
        self._open: dict[int, _Terminal] = {}
        self._to_close: deque[tuple[float, _Terminal]] = deque()
        self._waiting = 0
        self.heard = Heard()

    def run(self) -> None:
        """Until all are answered and their connections closed, or it is given up."""
        clock, started = time.perf_counter, time.perf_counter()
        begun, count = 0, len(self._scripts)
        end = started + count * self._interval + GIVEN_UP
        while (begun < count or self._open) and clock() < end:
            while begun < count and (due := started + begun * self._interval) <= clock():
                self._begin(begun, due)
                begun += 1
            while self._to_close and self._to_close[0][0] <= clock():
                self._close(self._to_close.popleft()[1])
            for descriptor, _ in self._poller.poll(0.002, 256):
                self._turn(self._open[descriptor])
        self.heard.missing = count - begun + self._waiting
        self.heard.cpu = time.process_time()

    def _begin(self, number: int, due: float) -> None:
        heard = self.heard
        heard.late = max(heard.late, time.perf_counter() - due)
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: connect() chooses the port
        connection.bind((f"127.0.1.{1 + number // _PER_ADDRESS}", 0))
        connection.connect_ex((LOOPBACK, self._port))
        self._open[connection.fileno()] = _Terminal(connection, self._scripts[number], due)
        self._poller.register(connection, select.EPOLLOUT)
        self._waiting += 1
        heard.open = max(heard.open, len(self._open))

    def _turn(self, terminal: _Terminal) -> None:
        try:
            if not terminal.connected:
                self._connected(terminal)
                return
            data = terminal.socket.recv(4096)
        except OSError:
            data = b""
        if not data:
            self._lost(terminal)
            return
        terminal.got += data
        what, _, answer = terminal.steps[terminal.at]
        if not _whole(terminal.got, answer):
            return
        now = time.perf_counter()
        self.heard.latencies.setdefault(what, []).append(now - terminal.since)
        self.heard.wrong += _without_serial(terminal.got) != _without_serial(answer)
        terminal.at, terminal.got, terminal.since = terminal.at + 1, b"", now
        if terminal.at < len(terminal.steps):
            terminal.socket.send(terminal.steps[terminal.at][1])
        else:
            self._waiting -= 1
            self._to_close.append((now + self._hold, terminal))

    def _connected(self, terminal: _Terminal) -> None:
        """The connection is there, or it is known that it cannot be made."""
        terminal.socket.send(terminal.steps[0][1])
        terminal.connected = True
        self._poller.modify(terminal.socket, select.EPOLLIN)

    def _lost(self, terminal: _Terminal) -> None:
        """The service closed the connection: with its login answered or not, that is not what it should do."""
        self.heard.wrong += 1
        if terminal.at < len(terminal.steps):
            self._waiting -= 1
        else:
            self._to_close = deque(each for each in self._to_close if each[1] is not terminal)
        self._close(terminal)

    def _close(self, terminal: _Terminal) -> None:
        del self._open[terminal.socket.fileno()]
        terminal.socket.close()


def main() -> None:
    """A client: what it has to do comes as JSON on standard input, what it heard goes to standard output."""
    client = _Client(**json.load(sys.stdin))
    client.run()
    json.dump(attrs.asdict(client.heard), sys.stdout)


if __name__ == "__main__":
    main()
