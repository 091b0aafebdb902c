"""A way to a server that can be cut, slowed down, or spoil what passes: real sockets on both sides, in threads."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

Spoil = Callable[[bytes, int], bytes | None]


def _pass(data: bytes, before: int) -> bytes | None:
    return data


class Gate:
    """Listens on ``port`` while it is open, and passes on to ``target``. What ``up`` and ``down`` say is done to each
    piece that passes, with the number of bytes that passed before on this connection: they give it back, changed or
    not, or None to cut the connection. ``pause``: seconds between two pieces on the way up."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.connections = 0
        self.up: Spoil = _pass
        self.down: Spoil = _pass
        self.pause = 0.0
        self._closed = threading.Event()
        self._listening: socket.socket | None = None
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """Where a store is that speaks HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Take connections, on the same port each time."""
        self._closed = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        self._start(self._accept, self._listening)

    def close(self) -> None:
        """Take no more, and cut those that are there."""
        self._closed.set()
        listening, self._listening = self._listening, None
        if listening is not None:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        for one in self._sockets:
            _cut(one)
        for thread in self._threads:
            thread.join(10)
        for one in self._sockets:
            one.close()
        self._sockets.clear()
        self._threads.clear()

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=run, args=arguments, name="gate", daemon=True))
        self._threads[-1].start()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                self.connections += 1
                server = socket.create_connection(("127.0.0.1", self.target))
                self._sockets += [client, server]
                self._start(self._carry, client, server, lambda *piece: self.up(*piece), True)
                self._start(self._carry, server, client, lambda *piece: self.down(*piece), False)

    def _carry(self, source: socket.socket, target: socket.socket, spoil: Spoil, upward: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(65_536):
                changed = spoil(data, passed)
                if changed is None:
                    break
                passed += len(data)
                target.sendall(changed)
                if upward and self.pause:
                    self._closed.wait(self.pause)
        _cut(source)
        _cut(target)


def _cut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
