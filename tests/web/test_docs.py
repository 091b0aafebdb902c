"""docs/admission.md shows the requests as they are sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest_twisted

from jimigw.gateway.signing import signature
from tests.web.harness import RawServer, hooks, listening

PAGE = (Path(__file__).parents[2] / "docs" / "admission.md").read_text("utf-8")
VARIABLE = ("Host: ", "User-Agent: ")
"""Headers that depend on the place and the version."""


def _parts(request: str) -> tuple[str, list[str], str]:
    head, _, body = request.partition("\n\n")
    path, *lines = head.splitlines()
    return path, sorted(line for line in lines if not line.startswith(VARIABLE)), body.strip()


@pytest_twisted.ensureDeferred
async def test_the_requests_of_the_page() -> None:
    shown = [_parts(block) for block in re.findall(r"```http\n(POST .*?)```", PAGE, re.DOTALL)]
    assert len(shown) == 2
    body = json.loads(shown[0][2])
    phone = body.pop("phone")
    server = RawServer(lambda c: c.send(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"))
    with listening(server) as port, hooks(f"http://127.0.0.1:{port}") as made:
        await made.register(phone, body)
        await made.authenticate(phone, "7f3a")
    sent = [_parts(request.decode().replace("\r\n", "\n")) for request in server.requests]
    assert [parts[1:] for parts in sent] == [parts[1:] for parts in shown]


def test_the_signature_of_the_page() -> None:
    (timestamp,) = re.findall(r"^X-Jimigw-Timestamp: (\d+)$", PAGE, re.MULTILINE)
    (shown,) = re.findall(r"^X-Jimigw-Signature: (\w+)$", PAGE, re.MULTILINE)
    assert shown == signature(b"0123456789abcdef", timestamp, b'{"code":"7f3a","phone":"013912345678"}')
