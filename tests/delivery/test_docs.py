"""docs/delivery.md shows requests as they are sent, and code that works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest_twisted

from jimigw.delivery.callbacks import CallbackSettings, JsonCallback
from jimigw.delivery.posting import Poster
from jimigw.delivery.target import Done
from jimigw.journal.interface import Record
from tests.web.harness import RawServer, listening, reactor

PAGE = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text("utf-8")
SECRET = b"0123456789abcdef"
NOW = 1795000000.0


def code(begin: str) -> dict[str, Any]:
    """What a piece of Python of the page defines."""
    (source,) = [each for each in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if begin in each]
    names: dict[str, Any] = {"__name__": "page"}
    exec(source, names)
    return names


def shown() -> tuple[list[str], bytes]:
    """Head and body of the request of the page."""
    (request,) = re.findall(r"```http\n(POST .*?)\n```", PAGE, re.DOTALL)
    head, _, body = request.partition("\n\n")
    return head.split("\n"), body.encode()


@pytest_twisted.ensureDeferred
async def test_the_request_of_the_page() -> None:
    head, body = shown()
    records = [
        Record(id, "", "", "", 0, b"", b"{" + data)
        for id, data in zip((41, 42), re.findall(rb'"id":\d+,(.*?\}\}\})', body), strict=True)
    ]
    server = RawServer(lambda c: c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    with listening(server) as port:
        made = JsonCallback(reactor, CallbackSettings(f"http://127.0.0.1:{port}/records", secret=SECRET))
        made._poster = Poster(reactor, secret=SECRET, now=lambda: NOW)
        assert await made.deliver(records) == Done()
        await made._poster.close()
    sent, _, content = server.requests[0].partition(b"\r\n\r\n")
    assert content == body
    first, *lines = sent.decode().split("\r\n")
    variable = ("Host: ", "User-Agent: ", "Connection: ")
    assert first == head[0]
    assert sorted(each for each in lines if not each.startswith(variable)) == sorted(
        each for each in head[1:] if not each.startswith(variable)
    )


def test_the_signature_is_verified_as_the_page_says() -> None:
    head, body = shown()
    headers = dict(line.split(": ", 1) for line in head[1:])
    is_ours = code("def is_ours")["is_ours"]
    assert is_ours(SECRET, headers, body, NOW + 299)
    assert not is_ours(SECRET, headers, body, NOW + 301)
    assert not is_ours(SECRET, headers, body + b" ", NOW)
    assert not is_ours(b"another secret..", headers, body, NOW)
    assert not is_ours(SECRET, {}, body, NOW)


@pytest_twisted.ensureDeferred
async def test_the_receiver_of_the_page(capsys: Any) -> None:
    from http.server import ThreadingHTTPServer
    from threading import Thread

    server = ThreadingHTTPServer(("127.0.0.1", 0), code("class Receiver")["Receiver"])
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    made = JsonCallback(reactor, CallbackSettings(f"http://127.0.0.1:{server.server_port}/"))
    try:
        record = Record(1, "861", "jimi", "login", 0, b"", b'{"device":"861","kind":"login"}')
        for _ in range(2):
            assert await made.deliver([record]) == Done()
    finally:
        await made.close()
        server.shutdown()
        thread.join()
        server.server_close()
    assert capsys.readouterr().out == "1 861 login None\n"
