"""A session of the manhole without a network: what its terminal was sent, and keys for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from jimigw.ops.manhole.completion import complete
from jimigw.ops.manhole.files import file_words
from jimigw.ops.manhole.screen import Visitor
from jimigw.ops.manhole.shell import Shell
from jimigw.ops.manhole.vocabulary import Vocabulary, device_words
from tests.support.house import NOW, FakeHouse

STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class RecordingPipe:
    """Where a session's output goes."""

    def __init__(self) -> None:
        self.data = b""
        self.ended: list[str] = []

    def write(self, data: bytes) -> None:
        self.data += data

    def loseConnection(self) -> None:
        self.ended.append("lost")

    def abortConnection(self) -> None:
        self.ended.append("aborted")

    def take(self) -> str:
        """What came since the last time, as it stands on the screen: without what steers it, with plain line ends."""
        data, self.data = self.data, b""
        return STEERING.sub("", data.decode()).replace("\r\n", "\n").replace("\r", "")


class Desk:
    """A session of a fake house, and the keys of it."""

    def __init__(self, folder: Path, width: int = 100, idle_timeout: float = 0.0) -> None:
        self.clock = Clock()
        self.clock.advance(NOW + 100)
        self.house = FakeHouse(folder)
        self.pipe = RecordingPipe()
        self.gone: list[Shell] = []
        self.shell = Shell(
            self.clock,
            Visitor("admin", "192.0.2.1:5000", "telnet"),
            lambda shell: Vocabulary(self.house, shell).words(),
            lambda before, namespace: complete(before, namespace, device_words(), file_words=file_words()),
            self.gone.append,
            idle_timeout=idle_timeout,
        )
        self.shell.in_thread = self._in_thread
        self.threads: list[Callable[[], object]] = []
        self.keys = self.shell.attach(self.pipe)
        self.shell.terminalSize(width, 24)
        self.pipe.take()

    def _in_thread(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Keep it until the test lets the thread run."""
        done: Deferred[Any] = Deferred()
        self.threads.append(lambda: maybeDeferred(function, *args).chainDeferred(done))
        return done

    def run_threads(self) -> None:
        threads, self.threads = self.threads, []
        for each in threads:
            each()

    def type(self, keys: str) -> str:
        """Press keys; what is seen of it."""
        self.keys.dataReceived(keys.encode())
        return self.pipe.take()

    def run(self, line: str) -> str:
        """Type a line; what is seen after it, without the prompt."""
        return self.type(line + "\r").partition("\n")[2].removesuffix(">>> ").rstrip("\n")
