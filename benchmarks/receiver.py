"""A receiver of callbacks, a process of its own: ``python -m benchmarks.receiver FOLDER PORT SECRET``.

It takes arrays of records at any path, and the hub's pushes at those that begin with ``/hub``. What it takes it notes
in :data:`NOTES` before it answers, so that killing it makes it forget nothing that it acknowledged. The file
:data:`SLOW` says how many seconds it takes for each answer.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
from twisted.internet import reactor as the_reactor
from twisted.internet.protocol import Factory, Protocol

from jimigw.gateway.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature

NOTES, SLOW = "got.jsonl", "slow"
HUB = "/hub"
_JSON = b"Content-Type: application/json\r\n"

Row = tuple[str, float, str]
"""A position of the hub, as it can be found in the journal: terminal, mileage in metres, time of receipt."""


class Got(msgspec.Struct):
    """A request: when it came (`time.monotonic`), the ids of its records or its rows, and what was wrong with it."""

    at: float
    ids: Sequence[int] = ()
    rows: Sequence[Row] = ()
    wrong: str = ""


class _Record(msgspec.Struct):
    id: int


class _Position(msgspec.Struct):
    device: str = msgspec.field(name="deviceImei")
    received: str = msgspec.field(name="gateTime")
    distance: float = -1.0


_records = msgspec.json.Decoder(list[_Record]).decode
_positions = msgspec.json.Decoder(list[_Position]).decode
_note = msgspec.json.Encoder().encode


def notes(folder: Path) -> Iterator[Got]:
    """What a receiver got, in order. A line that a kill cut off was not acknowledged."""
    read = msgspec.json.Decoder(Got).decode
    with (folder / NOTES).open("rb") as file:
        for line in file:
            if line.endswith(b"}\n"):
                yield read(line)


class _Notes:
    """Goes straight to the kernel: a note is not lost with the process."""

    def __init__(self, folder: Path) -> None:
        path = folder / NOTES
        cut_off = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if cut_off:
            os.write(self._file, b"\n")

    def add(self, got: Got) -> None:
        line = _note(got) + b"\n"
        while line:
            line = line[os.write(self._file, line) :]


class _Connection(Protocol):
    """One request after the other."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._data = bytearray()
        self._head: tuple[str, dict[str, str]] | None = None
        self._answering = False

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if not self._answering:
            self._look()

    def _look(self) -> None:
        if self._head is None:
            head, end, rest = bytes(self._data).partition(b"\r\n\r\n")
            if not end:
                return
            first, *lines = head.decode("latin-1").split("\r\n")
            fields = (line.partition(":") for line in lines)
            self._head = first.split(" ")[1], {name.lower(): value.strip() for name, _, value in fields}
            self._data = bytearray(rest)
        path, headers = self._head
        size = int(headers["content-length"])
        if len(self._data) < size:
            return
        body = bytes(self._data[:size])
        del self._data[:size]
        self._head = None
        status = self._receiver.take(path, headers, body)
        slow = self._receiver.slow()
        if slow:
            self._answering = True
            self._receiver.reactor.callLater(slow, self._answer, status)
        else:
            self._answer(status)

    def _answer(self, status: bytes) -> None:
        self._answering = False
        if self.transport is not None:
            body = b'{"code":0}'
            self.transport.write(b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, _JSON, len(body), body))
        if self._data:
            self._look()


class Receiver(Factory):
    """See the module."""

    noisy = False

    def __init__(self, folder: Path, secret: bytes, reactor: Any) -> None:
        self._folder, self._secret, self.reactor = folder, secret, reactor
        self._notes = _Notes(folder)

    def buildProtocol(self, addr: object) -> _Connection:
        return _Connection(self)

    def slow(self) -> float:
        """Seconds that an answer takes now."""
        try:
            return float((self._folder / SLOW).read_text() or 0)
        except OSError:
            return 0.0

    def take(self, path: str, headers: dict[str, str], body: bytes) -> bytes:
        """Note what came; the status of the answer."""
        now = time.monotonic()
        try:
            if path.startswith(HUB):
                (listed,) = parse_qs(body.decode())["data_list"]
                self._notes.add(Got(now, rows=[(row.device, row.distance, row.received) for row in _positions(listed)]))
                return b"200 OK"
            signed = signature(self._secret, headers[TIMESTAMP_HEADER.lower()], body)
            if signed != headers[SIGNATURE_HEADER.lower()]:
                raise ValueError("the signature is wrong")
            self._notes.add(Got(now, ids=[record.id for record in _records(body)]))
            return b"200 OK"
        except (ValueError, KeyError) as error:
            self._notes.add(Got(now, wrong=f"{path}: {error!r}"))
            return b"503 Service Unavailable"


def main(folder: Path, port: int, secret: bytes) -> None:
    """Receive until a signal."""
    reactor: Any = the_reactor
    reactor.listenTCP(port, Receiver(folder, secret, reactor), interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode())
