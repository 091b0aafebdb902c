"""Real servers that a test starts, stops, kills and stops for a while, each in a folder and on a port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from twisted.internet import reactor, task

_ELSEWHERE = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


def found(program: str, require_server: Callable[[str, str], NoReturn]) -> str:
    """Where a program is, also in the folders of servers; the test ends without it."""
    path = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *_ELSEWHERE]))
    return path or require_server(program, "there is no such program here")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def until(condition: Callable[[], Any], what: str = "it", seconds: float = 20.0) -> Any:
    """The first result of ``condition`` that is true, looked at while the reactor runs."""
    clock: Any = reactor
    ends = clock.seconds() + seconds
    while not (result := condition()):
        if clock.seconds() > ends:
            raise AssertionError(f"{what} did not come to pass within {seconds:g} s")
        await task.deferLater(clock, 0.002)
    return result


class Mosquitto:
    """A broker. ``lines`` are added to its config; sessions and messages are kept while it is down."""

    def __init__(self, program: str, folder: Path, lines: Sequence[str] = ()) -> None:
        self.program, self.folder, self.port = program, folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        own = [f"listener {self.port} 127.0.0.1", f"persistence_location {folder}/", "persistence true"]
        own.append("set_tcp_nodelay true")  # Small answers are not held back.
        if os.geteuid() == 0:
            own.append("user root")  # It would give up its rights, and with them this folder.
        if not any(line.startswith("allow_anonymous") for line in lines):
            own.append("allow_anonymous true")
        self.config = folder / "mosquitto.conf"
        self.config.write_text("\n".join([*own, *lines]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it said."""
        return (self.folder / "log").read_text()

    async def start(self) -> None:
        """Start it; it takes connections then."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.program, "-c", str(self.config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        await until(self._listens, f"mosquitto on port {self.port} ({self.log[-500:]!r})")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        with socket.socket() as trying:
            return trying.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """End it as its operator does; it stores what it keeps."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
            process.wait(10)

    def freeze(self) -> None:
        """It is there, and does nothing: it does not even read."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
