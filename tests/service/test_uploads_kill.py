"""kill -9 while cameras upload, again and again: what was answered is there and whole, and nothing that can be seen is
half there."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import attrs

from benchmarks.programs import service
from benchmarks.uploads import Uploading, uploading
from jimigw.journal import open_reader
from jimigw.protocols.jimi.frame import encode_frame
from tests.web.forms import clip, field
from tests.web.upload_door import upload

KILLS = 3
CAMERAS = 8
EARLIEST, LATEST = 0.15, 0.9
LOOPBACK = "127.0.0.1"


@attrs.define
class Ledger:
    """What cameras sent, by (IMEI, name), and which of it was answered with 200; by the MD5 of their content."""

    sent: dict[tuple[str, str], str] = attrs.field(factory=dict)
    answered: dict[tuple[str, str], str] = attrs.field(factory=dict)
    broken_off: int = 0
    wrong: list[str] = attrs.field(factory=list)


class Camera(threading.Thread):
    """Uploads one file after the other, each again and again until it is answered: as a real one does."""

    def __init__(self, number: int, ledger: Ledger) -> None:
        super().__init__(name=f"camera {number}", daemon=True)
        self.imei = f"863{number:012}"
        self.ledger = ledger
        self.port: int | None = None
        self.over = threading.Event()
        self._random = random.Random(number)
        self._count = 0

    def run(self) -> None:
        while not self.over.is_set():
            self._count += 1
            name = f"EVENT_{self.imei}_00000000_2026_11_20_17_{self._count // 60:02}_{self._count % 60:02}_F_55.mp4"
            data = b"\x00\x00\x00\x18ftypmp42" + self._random.randbytes(self._random.choice([5_000, 60_000, 900_000]))
            digest = hashlib.md5(data).hexdigest()
            self.ledger.sent[self.imei, name] = digest
            while not self.over.is_set():
                if self._sent(name, data, digest):
                    break
                self.over.wait(0.02)

    def _sent(self, name: str, data: bytes, digest: str) -> bool:
        port = self.port
        if port is None:
            return False
        request = upload(field("filename", name), clip(data), headers=["Connection: close"])
        try:
            with socket.create_connection((LOOPBACK, port), 5.0) as connection:
                for at in range(0, len(request), 40_000):
                    connection.sendall(request[at : at + 40_000])
                heard = b""
                while more := connection.recv(4096):
                    heard += more
        except OSError:
            self.ledger.broken_off += 1
            return False
        head, _, body = heard.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 ") or not body:
            return False
        with suppress(ValueError):
            if json.loads(body)["md5"] != digest:
                self.ledger.wrong.append(name)
            self.ledger.answered[self.imei, name] = digest
            return True
        return False


def log_in(port: int, imeis: list[str]) -> None:
    """Have the gateway know these cameras."""
    for imei in imeis:
        with socket.create_connection((LOOPBACK, port), 5.0) as connection:
            connection.sendall(encode_frame(0x01, bytes.fromhex("0" + imei + "42703200"), 1))
            assert connection.recv(100)


@contextmanager
def cameras(ledger: Ledger) -> Iterator[list[Camera]]:
    """Cameras that upload until the block ends."""
    found = [Camera(number, ledger) for number in range(1, CAMERAS + 1)]
    for each in found:
        each.start()
    try:
        yield found
    finally:
        for each in found:
            each.over.set()
        for each in found:
            each.join(20)


def one_life(folder: Path, fleet: list[Camera], seconds: float) -> None:
    """The service starts, takes files for so long, and is killed."""
    with uploading(folder) as site:
        let_in(site, fleet)
        time.sleep(seconds)
        site.server.process.send_signal(signal.SIGKILL)
        site.server.process.wait()
        for each in fleet:
            each.port = None


def let_in(site: Uploading, fleet: list[Camera]) -> None:
    log_in(site.server.port, [each.imei for each in fleet])
    for each in fleet:
        each.port = site.port


def check(folder: Path, ledger: Ledger) -> int:
    """Everything that the store shows is whole, and what was answered is among it; how many files that are."""
    answered = dict(ledger.answered)
    shown: dict[tuple[str, str], str] = {}
    with closing(sqlite3.connect(folder / "store.sqlite")) as store:
        rows = store.execute("SELECT device, name, variant, size, md5, key, state FROM media").fetchall()
    for device, name, variant, size, digest, key, state in rows:
        assert (state, variant) == ("stored", 0), (device, name)
        data = (folder / "uploads" / "files" / key).read_bytes()
        assert (len(data), hashlib.md5(data).hexdigest()) == (size, digest)
        shown[device, name] = digest
    assert {key: ledger.sent[key] for key in shown} == shown
    assert {key: shown.get(key) for key in answered} == answered
    return len(shown)


def test_kill_while_cameras_upload(tmp_path: Path) -> None:
    ledger, lives = Ledger(), random.Random(7)
    stored = []
    with cameras(ledger) as fleet:
        for _ in range(KILLS):
            one_life(tmp_path, fleet, lives.uniform(EARLIEST, LATEST))
            stored.append(check(tmp_path, ledger))
        with uploading(tmp_path) as site:
            let_in(site, fleet)
            time.sleep(0.5)
            for each in fleet:
                each.over.set()
            for each in fleet:
                each.join(20)
    assert ledger.wrong == []
    assert ledger.broken_off > 0, "no transfer was under way at any of the kills, so that they say nothing"
    assert stored == sorted(stored)
    # After an orderly end nothing lies about, and the journal has told of each file once.
    with service(tmp_path):
        pass
    count = check(tmp_path, ledger)
    assert count >= len(ledger.answered) >= KILLS
    assert list((tmp_path / "uploads" / "incoming").iterdir()) == []
    assert sum(path.is_file() for path in (tmp_path / "uploads" / "files").rglob("*")) == count
    told: set[tuple[str, str]] = set()
    with open_reader(tmp_path / "journal.sqlite") as reader:
        for record in reader.read(0, 10_000, kinds=["upload"]):
            told.add((record.device, json.loads(record.data)["message"]["body"]["filename"]))
    assert len(told) == count
