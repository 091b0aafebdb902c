"""A file of 300 MB through a service of its own: what it adds to memory, and that all of it is there."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
from pathlib import Path

import pytest

from benchmarks.uploads import MOST_GROWTH, forget_peak, peak, resident, uploading
from tests.service.test_uploads_kill import LOOPBACK, log_in
from tests.web.forms import BOUNDARY, clip, field, form, form_type

IMEI = "863000000000001"
PIECE = bytes(range(256)) * 4096
PIECES = 300


def send(port: int, name: str, pieces: int) -> tuple[str, str]:
    """The MD5 of what was sent, and the one that was answered."""
    empty = form(field("filename", name), clip(b""))
    before, tail = empty[: -len(BOUNDARY) - 8], empty[-len(BOUNDARY) - 8 :]
    length = len(empty) + pieces * len(PIECE)
    head = (
        f"POST /upload HTTP/1.1\r\nContent-Type: {form_type()}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    digest = hashlib.md5()
    with socket.create_connection((LOOPBACK, port), 60.0) as connection:
        connection.sendall(head.encode() + before)
        for _ in range(pieces):
            connection.sendall(PIECE)
            digest.update(PIECE)
        connection.sendall(tail)
        heard = b""
        while more := connection.recv(4096):
            heard += more
    return digest.hexdigest(), json.loads(heard.partition(b"\r\n\r\n")[2])["md5"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process has in memory")
def test_a_long_file_is_never_in_memory(tmp_path: Path) -> None:
    with uploading(tmp_path) as site:
        log_in(site.server.port, [IMEI])
        send(site.port, f"EVENT_{IMEI}_00000000_2026_11_20_17_29_00_F_55.ts", 1)
        before = resident(site.server.pid)
        forget_peak(site.server.pid)
        sent, answered = send(site.port, f"EVENT_{IMEI}_00000000_2026_11_20_17_30_00_F_55.ts", PIECES)
        grown = (peak(site.server.pid) - before) / 1024
    assert sent == answered
    assert grown <= MOST_GROWTH
    kept = [each.stat().st_size for each in (tmp_path / "uploads" / "files").rglob("*") if each.is_file()]
    assert sorted(kept) == [len(PIECE), PIECES * len(PIECE)]
