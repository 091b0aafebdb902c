"""Files as answers: which bytes, under which conditions, under which name, and how fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.web.http import HTTPChannel, HTTPFactory, Request, datetimeToString

from jimigw.web.serving import BLOCK, MOST_STUCK, Choice, NotServed, choose, disposition, serve, type_of
from tests.web.api import Exchange, parsed
from tests.web.harness import ClockReactor, listening, reactor, until

STORED = 1_789_652_424
DATE, EARLIER, LATER = (datetimeToString(STORED + each).decode() for each in (0, -1, 1))
MD5 = "04880024a49203876dd3d8df40e001dc"


@attrs.frozen
class File:
    """What is said of a file."""

    size: int = 1000
    md5: str = MD5
    mime: str = "image/jpeg"
    stored: float = STORED + 0.5
    name: str | None = "EVENT_353376110008882_1.jpg"


def chosen(headers: Mapping[str, str] | None = None, size: int = 1000, method: str = "GET") -> Choice:
    return choose(method, (headers or {}).get, File(size))


# -- which bytes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size", "first", "length"),
    [
        ("bytes=0-0", 1000, 0, 1),
        ("bytes=0-499", 1000, 0, 500),
        ("bytes=500-", 1000, 500, 500),
        ("bytes=999-", 1000, 999, 1),
        ("bytes=-1", 1000, 999, 1),
        ("bytes=-5000", 1000, 0, 1000),
        ("bytes=0-5000", 1000, 0, 1000),
        ("bytes=0-99999999999999999999999999", 1000, 0, 1000),
        ("Bytes=1-2", 1000, 1, 2),
        (" bytes= 1-2 ", 1000, 1, 2),
    ],
)
def test_a_range(text: str, size: int, first: int, length: int) -> None:
    choice = chosen({"range": text}, size)
    assert (choice.status, choice.first, choice.length) == (206, first, length)
    assert choice.headers["Content-Range"] == f"bytes {first}-{first + length - 1}/{size}"


@pytest.mark.parametrize(
    "text",
    ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "lines=1-2", "bytes=5-4", "bytes=0-1,5-6", "bytes=--1"],
)
def test_what_is_no_single_range_gives_the_whole_file(text: str) -> None:
    assert chosen({"range": text}) == chosen()


@pytest.mark.parametrize(
    ("text", "size"),
    [("bytes=1000-", 1000), ("bytes=1000-2000", 1000), ("bytes=9999999999999999999999-", 1000), ("bytes=-0", 1000),
     ("bytes=0-", 0), ("bytes=-5", 0)],
)  # fmt: skip
def test_a_range_behind_the_end(text: str, size: int) -> None:
    with pytest.raises(NotServed) as caught:
        chosen({"range": text}, size)
    assert (caught.value.status, caught.value.headers["Content-Range"]) == (416, f"bytes */{size}")


@given(st.binary(max_size=50), st.text("0123456789-", max_size=6))
def test_a_range_is_that_of_a_slice(data: bytes, text: str) -> None:
    try:
        choice = chosen({"range": "bytes=" + text}, len(data))
    except NotServed:
        return
    piece = data[choice.first : choice.first + choice.length]
    assert len(piece) == choice.length
    assert choice.status == 206 or piece == data


def test_head_has_no_ranges() -> None:
    assert chosen({"range": "bytes=0-0"}, method="HEAD").status == 200


# -- under which conditions -------------------------------------------------------------------------------------------

TAG = f'"{MD5}"'


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"if-none-match": TAG}, 304),
        ({"if-none-match": f"W/{TAG}"}, 304),
        ({"if-none-match": f'"other", {TAG}'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"other"'}, 200),
        ({"if-none-match": MD5}, 200),
        ({"if-none-match": '"other"', "if-modified-since": LATER}, 200),
        ({"if-modified-since": DATE}, 304),
        ({"if-modified-since": LATER}, 304),
        ({"if-modified-since": EARLIER}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-match": TAG}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": '"other"'}, 412),
        ({"if-match": TAG, "if-unmodified-since": EARLIER}, 200),
        ({"if-unmodified-since": EARLIER}, 412),
        ({"if-unmodified-since": DATE}, 200),
        ({"if-unmodified-since": "never"}, 200),
        ({"range": "bytes=0-9", "if-none-match": TAG}, 304),
        ({"range": "bytes=0-9", "if-range": TAG}, 206),
        ({"range": "bytes=0-9", "if-range": '"other"'}, 200),
        ({"range": "bytes=0-9", "if-range": f"W/{TAG}"}, 200),
        ({"range": "bytes=0-9", "if-range": DATE}, 206),
        ({"range": "bytes=0-9", "if-range": LATER}, 200),
        ({"range": "bytes=0-9", "if-range": "what"}, 200),
    ],
)
def test_conditions(headers: dict[str, str], status: int) -> None:
    try:
        assert chosen(headers).status == status
    except NotServed as refused:
        assert refused.status == status
        assert refused.headers["ETag"] == TAG


@given(st.text(max_size=40))
def test_whatever_a_condition_says(text: str) -> None:
    for name in ("if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "if-match"):
        try:
            assert chosen({"range": "bytes=0-9", name: text}).status in (200, 206, 304)
        except NotServed as refused:
            assert refused.status == 412


# -- under which name -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("EVENT_353376110008882_1.jpg", 'inline; filename="EVENT_353376110008882_1.jpg"'),
        (None, 'inline; filename="file"'),
        ("", 'inline; filename="file"'),
        ("../../etc/passwd", 'inline; filename="_._.._etc_passwd"'),
        ("a\r\nSet-Cookie: b", 'inline; filename="a__Set-Cookie_ b"'),
        ('a".jpg', 'inline; filename="a_.jpg"'),
        ("..", 'inline; filename="_."'),
        ("\x00", 'inline; filename="_"'),
        ("50%.jpg", "inline; filename=\"50_.jpg\"; filename*=UTF-8''50%25.jpg"),
        ("前.jpg", "inline; filename=\"_.jpg\"; filename*=UTF-8''%E5%89%8D.jpg"),
        ("\ud800.jpg", 'inline; filename="_.jpg"'),
        ("x" * 300, 'inline; filename="' + "x" * 200 + '"'),
    ],
)
def test_names(name: str | None, told: str) -> None:
    assert disposition(File(name=name)) == told


@given(st.text())
def test_a_name_never_leaves_its_header(name: str) -> None:
    told = disposition(File(name=name))
    assert told.isascii()
    assert told.isprintable()
    assert "/" not in told and "\\" not in told and told.count('"') == 2


@pytest.mark.parametrize(
    ("mime", "type_", "shown"),
    [
        ("image/jpeg", "image/jpeg", True),
        ("video/mp2t", "video/mp2t", True),
        ("text/html", "text/html", False),
        ("image/svg+xml", "image/svg+xml", False),
        ("", "application/octet-stream", False),
        ("text/html\r\nx: y", "application/octet-stream", False),
    ],
)
def test_types(mime: str, type_: str, shown: bool) -> None:
    file = File(mime=mime)
    assert type_of(file) == type_
    assert disposition(file).startswith("inline") == shown


# -- over a socket ----------------------------------------------------------------------------------------------------


class Server:
    """Serves one file to whatever asks. ``read`` may be exchanged."""

    def __init__(self, data: bytes, clocked: Any = reactor) -> None:
        self.data, self.reactor = data, clocked
        self.file = File(len(data))
        self.reads: list[tuple[int, int]] = []
        self.failed: list[Any] = []
        server = self

        class Asked(Request):
            def process(self) -> None:
                def head(status: int, media: str, headers: Any) -> None:
                    self.setResponseCode(status)
                    for name, value in {"Content-Type": media, **headers}.items():
                        self.setHeader(name.encode(), value.encode())

                serve(self, server.file, server.read, server.reactor, head).addErrback(self.not_served)

            def not_served(self, failure: Any) -> None:
                server.failed.append(failure.value)
                self.setResponseCode(500)
                self.finish()

        class Channel(HTTPChannel):
            requestFactory = Asked

        self.factory = HTTPFactory()
        self.factory.protocol = Channel  # type: ignore[method-assign, assignment]
        self.factory.log = lambda request: None  # type: ignore[method-assign]
        self.factory.noisy = False

    def read(self, offset: int, length: int) -> Deferred[bytes]:
        self.reads.append((offset, length))
        return succeed(self.data[offset : offset + length])


async def connected(port: int, protocol: Exchange | None = None) -> Exchange:
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    connecting: Deferred[Exchange] = connectProtocol(endpoint, protocol or Exchange())
    return await connecting


async def asked(server: Server, *headers: str, method: str = "GET") -> bytes:
    with listening(server.factory) as port:
        exchange = await connected(port)
        lines = "".join(each + "\r\n" for each in (f"{method} / HTTP/1.1", "Connection: close", *headers))
        exchange.send(lines.encode() + b"\r\n")
        await exchange.gone
        return exchange.heard


DATA = bytes(range(256)) * 16_000


@pytest_twisted.ensureDeferred
async def test_a_long_file_comes_in_blocks() -> None:
    server = Server(DATA)
    answer = parsed(await asked(server))
    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["etag"] == TAG
    assert answer.headers["last-modified"] == DATE
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "image/jpeg"
    assert max(length for _, length in server.reads) == BLOCK


@pytest_twisted.ensureDeferred
async def test_a_piece_of_it() -> None:
    server = Server(DATA)
    answer = parsed(await asked(server, "Range: bytes=100-3000000"))
    assert (answer.status, answer.body) == (206, DATA[100:3_000_001])


@pytest_twisted.ensureDeferred
async def test_nothing_of_it() -> None:
    for method, header, status in (("HEAD", "X: y", 200), ("GET", f"If-None-Match: {TAG}", 304)):
        server = Server(DATA)
        answer = parsed(await asked(server, header, method=method))
        assert (answer.status, answer.body, server.reads) == (status, b"", [])
        assert answer.headers.get("content-length") == (str(len(DATA)) if status == 200 else None)


@pytest_twisted.ensureDeferred
async def test_an_empty_file() -> None:
    answer = parsed(await asked(Server(b"")))
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")


@pytest.mark.parametrize(
    "broken", [lambda offset, length: fail(OSError("no disk")), lambda offset, length: succeed(b"")]
)
@pytest_twisted.ensureDeferred
async def test_what_cannot_be_read_is_not_begun(broken: Any) -> None:
    server = Server(DATA)
    server.read = broken  # type: ignore[method-assign]
    assert parsed(await asked(server)).status == 500
    assert isinstance(server.failed[0], OSError | EOFError)


@pytest.mark.parametrize("broken", [lambda: fail(OSError("no disk")), lambda: succeed(b"")])
@pytest_twisted.ensureDeferred
async def test_what_breaks_off_is_hung_up_on(broken: Any) -> None:
    server = Server(DATA)
    whole = server.read
    server.read = lambda offset, length: broken() if offset > 1 << 20 else whole(offset, length)  # type: ignore[method-assign]
    answer = parsed(await asked(server))
    assert answer.status == 200
    assert len(answer.body) < len(DATA)


class SlowExchange(Exchange):
    """Reads nothing until it is told."""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.pauseProducing()


@pytest_twisted.ensureDeferred
async def test_who_does_not_read_is_waited_for_and_then_hung_up_on() -> None:
    clocked = ClockReactor()
    server = Server(DATA * 16, clocked)
    with listening(server.factory) as port:
        exchange = await connected(port, SlowExchange())
        exchange.send(b"GET / HTTP/1.1\r\n\r\n")
        await until(lambda: clocked.clock.getDelayedCalls())
        held = len(server.reads)
        assert held * BLOCK < len(DATA) * 16  # the kernel has a part, we one block
        clocked.clock.advance(MOST_STUCK - 1)
        transport: Any = exchange.transport
        transport.resumeProducing()
        await until(lambda: len(server.reads) > held + 4)
        transport.pauseProducing()
        await until(lambda: clocked.clock.getDelayedCalls())
        clocked.clock.advance(MOST_STUCK)
        transport.resumeProducing()
        await exchange.gone
        assert len(exchange.heard) < len(DATA) * 16
    assert not clocked.clock.getDelayedCalls()


@pytest_twisted.ensureDeferred
async def test_who_hangs_up_is_read_for_no_more() -> None:
    clocked = ClockReactor()
    server = Server(DATA * 16, clocked)
    with listening(server.factory) as port:
        exchange = await connected(port, SlowExchange())
        exchange.send(b"GET / HTTP/1.1\r\n\r\n")
        await until(lambda: clocked.clock.getDelayedCalls())
        exchange.close()
        await until(lambda: not clocked.clock.getDelayedCalls())
    assert len(server.reads) * BLOCK < len(DATA) * 16
