"""The other side of deliveries, as processes on loopback that can be stopped, slowed and killed: a broker, a receiver.

Each keeps its port over a restart. ``with`` ends it, whatever happens inside.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from . import receiver
from .figures import Broken, Unable
from .programs import LOOPBACK, ROOT, free_port

SECRET = "0123456789abcdef0123456789abcdef"
"""What callbacks are signed with here."""

_START_SECONDS = 15.0
_ELSEWHERE = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")

P = TypeVar("P", bound="Partner")


class Partner:
    """A server that is one process, on one port."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder, self.port = name, folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[Any] | None = None

    def command(self) -> Sequence[str]:
        """What is run."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it; it takes connections then."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self.command(), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        limit = time.monotonic() + _START_SECONDS
        while time.monotonic() < limit:
            if self._process.poll() is not None:
                break
            with socket.socket() as trying:
                if trying.connect_ex((LOOPBACK, self.port)) == 0:
                    return
            time.sleep(0.02)
        said = (self.folder / "log").read_text(errors="replace")[-1000:]
        raise Broken(f"the {self.name} does not listen on port {self.port}:\n{said}")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """It is there, and does nothing: it does not even read."""
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It does again what it does."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self: P) -> P:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.kill()


class Mosquitto(Partner):
    """The real broker. What it holds for others is unbounded, so that it drops nothing that it acknowledged."""

    def __init__(self, folder: Path) -> None:
        super().__init__("broker", folder)
        program = shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), *_ELSEWHERE]))
        if program is None:
            raise Unable("left out: there is no mosquitto here.")
        lines = [
            f"listener {self.port} {LOOPBACK}",
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {folder}/",
            "max_inflight_messages 0",
            "max_queued_messages 0",
            "queue_qos0_messages true",
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # it would give up its rights, and with them this folder
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self._program = program
        self._slowing: threading.Event | None = None

    def command(self) -> Sequence[str]:
        return [self._program, "-c", str(self._config)]

    def remember(self) -> None:
        """Have it write down the sessions that it has, which it also has after a kill then."""
        before = self._kept()
        self.signal(signal.SIGUSR1)
        limit = time.monotonic() + _START_SECONDS
        while self._kept() == before:
            if time.monotonic() > limit:
                raise Broken("the broker does not write down its sessions.")
            time.sleep(0.02)

    def _kept(self) -> int:
        path = self.folder / "mosquitto.db"
        return path.stat().st_mtime_ns if path.exists() else 0

    def slow(self, on: float, off: float) -> None:
        """Let it run for ``on`` seconds and stop it for ``off``, in turn, until :meth:`fast`."""
        self._slowing = ended = threading.Event()

        def turns() -> None:
            while not ended.is_set():
                self.stop()
                ended.wait(off)
                self.go_on()
                ended.wait(on)

        self._thread = threading.Thread(target=turns, name="slow broker")
        self._thread.start()

    def fast(self) -> None:
        """Let it run."""
        if self._slowing is not None:
            self._slowing.set()
            self._thread.join()
            self._slowing = None

    def __exit__(self, *raised: object) -> None:
        self.fast()
        super().__exit__(*raised)


class Receiver(Partner):
    """See :mod:`.receiver`."""

    def __init__(self, folder: Path) -> None:
        super().__init__("receiver", folder)

    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", receiver.__name__, str(self.folder), str(self.port), SECRET]

    def slow(self, seconds: float) -> None:
        """Have it take so long for each answer; 0: none."""
        (self.folder / receiver.SLOW).write_text(f"{seconds}")

    def url(self, path: str) -> str:
        """Where it takes what is posted to this path."""
        return f"http://{LOOPBACK}:{self.port}{path}"


__all__ = ["SECRET", "Mosquitto", "Partner", "Receiver"]
