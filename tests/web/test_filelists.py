"""Lists of recordings: as the field notes have them, in every dress, and as nobody should send them."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

from jimigw.gateway.uploads import UploadRefused
from jimigw.web.filelists import MOST_COMING, BadList, FileList, read_list
from jimigw.web.uploads import UploadServer, UploadServerSettings
from tests.support.recordings import BODY_BYTES, NAMES, field_list, field_names
from tests.web.api import Exchange
from tests.web.forms import IMEI
from tests.web.harness import listening, reactor, until
from tests.web.upload_door import OTHER, Door, Recorder, chunked, post, told

A, B = "2026_08_16_05_33_58_01.ts", "2026_08_16_05_34_58_02.ts"
TWO = [A, B]
MOST = 50_000


# -- what a list is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "imei", "names"),
    [
        (f'{{"imei":"{IMEI}","fileNameList":"{A},{B}"}}', IMEI, TWO),
        (f'{{"imei":"{IMEI}","fileNameList":"{A},{B},"}}', IMEI, TWO),
        (f'{{"imei":{IMEI},"fileNameList":["{A}","{B}"]}}', IMEI, TWO),
        (f' \ufeff{{"fileNameList":" {A} ,,\\n{B}","more":[1,{{}}]}}'.lstrip(" "), "", TWO),
        (f'{{"imei":null,"fileNameList":["{A},{B}"]}}', "", TWO),
        (f'{{"imei":"{IMEI}","fileNameList":""}}', IMEI, []),
        (f'{{"imei":"{IMEI}","fileNameList":null}}', IMEI, []),
        (f'["{A}", "{B}"]', "", TWO),
        (f"{A},{B}", "", TWO),
        (f"{A},{B},\r\n", "", TWO),
        (f"{A}\n{B}\n", "", TWO),
        (f"{A}\r\n\r\n{B}", "", TWO),
        (f"imei={IMEI}&fileNameList={A},{B},", IMEI, TWO),
        (f"fileNameList={A}%2C{B}&imei={IMEI}", IMEI, TWO),
        ("", "", []),
        # what cannot be a name is left out
        (f"{A},a\x00b,{'x' * 256},{B}", "", TWO),
        (f'{{"fileNameList":"{A},\\u0000,{B}"}}', "", TWO),
        ("\u524d.ts", "", ["\u524d.ts"]),
    ],
)
def test_lists(body: str, imei: str, names: list[str]) -> None:
    assert read_list(body.encode(), MOST) == FileList(imei, names)


def test_a_damaged_card() -> None:
    body = b'{"fileNameList":"%s,\xff\xfe.ts,%s"}' % (A.encode(), B.encode())
    assert read_list(body, 9).names == [A, "\ufffd\ufffd.ts", B]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "cannot be read"),
        ('{"imei":"1"}', "fileNameList is missing"),
        ('{"imei":"1","fileNameList":7}', "cannot be read"),
        ('{"imei":[],"fileNameList":""}', "cannot be read"),
        ('{"fileNameList":[1]}', "cannot be read"),
        ('{"fileNameList":"\\ud800"}', "cannot be read"),
        ('{"imei":"%s","fileNameList":""}' % ("1" * 65), "imei is no IMEI"),
        ('{"imei":"a\\nb","fileNameList":""}', "imei is no IMEI"),
        ("imei=1&x=2", "fileNameList is missing"),
        ("imei=1&" * 70, "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"a":' * 100_000, "cannot be read"),
        ("a," * 101, "the list has 101 names; 100 is uploads.max_names"),
        ("a," * 1000, "more than 100 names, which is uploads.max_names"),
        (json.dumps({"fileNameList": ["a"] * 101}), "the list has 101 names"),
        ("fileNameList=" + "a%2c" * 300, "more than 100 names"),
    ],
)
def test_what_is_no_list(body: str, sentence: str) -> None:
    with pytest.raises(BadList, match=sentence):
        read_list(body.encode(), 100)


@given(st.binary(max_size=200), st.sampled_from([b"", b"{", b"[", b'{"fileNameList":', b"imei=1&fileNameList="]))
def test_whatever_bytes_come(junk: bytes, begin: bytes) -> None:
    try:
        found = read_list(begin + junk, 100)
    except BadList:
        return
    assert all(name and name.isprintable() and len(name) <= 255 for name in found.names)


@pytest.mark.parametrize(
    "body",
    [
        b"a" * (8 << 20),
        b"," * (8 << 20),
        b"[" + b"[]," * (8 << 18),
        b'{"x":' + b"[" * (8 << 20),
        b'{"x":"' + b"\\u0041" * (8 << 17) + b'","fileNameList":""}',
        b"fileNameList=" + b"%41" * (8 << 18),
        b'{"fileNameList":"' + b",".join([b"x" * 160] * 50_000) + b'"}',
        b'{"fileNameList":[' + b",".join([b'"' + b"x" * 150 + b'"'] * 50_000) + b"]}",
        (b"x" * 160 + b"\r\n") * 50_000,
    ],
)
def test_eight_megabytes_of_anything_are_soon_read(body: bytes) -> None:
    began = time.process_time()
    with suppress(BadList):
        read_list(body, MOST)
    assert time.process_time() - began < 2.0  # 0.1 s at most, on a machine that does nothing else


# -- over a connection ------------------------------------------------------------------------------------------------

LIST = f'{{"imei":"{IMEI}","fileNameList":"{A},{B},"}}'.encode()
OK = {"code": 0, "ok": True}


def said(line: Any) -> tuple[int, Any]:
    answer = line.answer
    return answer.status, json.loads(answer.body)


def test_the_list_of_the_field_notes() -> None:
    """3,021 names, 78,590 bytes, chunked, sent twice."""
    body = field_list(IMEI)
    assert len(body) == BODY_BYTES
    door = Door()
    line = door.line().send(*[chunked("/filelist", body, "Content-Type: application/json")] * 2)
    assert line.heard.count(b'{"code":0,"ok":true}') == 2
    assert door.uploads.lists == [(IMEI, field_names())] * 2
    assert len(door.uploads.lists[0][1]) == NAMES
    assert door.server.stats()["list_bytes"] == 0


def test_at_every_cut() -> None:
    request = chunked("/filelist", LIST, size=20)
    for place in range(1, len(request)):
        door = Door()
        assert said(door.line().send(request[:place], request[place:])) == (200, OK)
        assert door.uploads.lists == [(IMEI, TWO)]


@pytest.mark.parametrize(
    ("path", "body", "owner"),
    [
        ("/filelist", LIST, IMEI),
        ("/filelist/", LIST, IMEI),
        (f"/filelist/{OTHER}", LIST, OTHER),
        (f"/filelist/{IMEI}?x=y", f"{A},{B}".encode(), IMEI),
        (f"/filelist?imei={IMEI}", f"{A},{B}".encode(), IMEI),
        (f"/filelist?imei={IMEI}", LIST, IMEI),
    ],
)
def test_owners(path: str, body: bytes, owner: str) -> None:
    door = Door()
    line = door.ask(post(path, body))
    assert said(line) == (200, OK)
    assert line.answer.headers["content-type"] == "application/json; charset=utf-8"
    assert door.uploads.lists == [(owner, TWO)]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "msg"),
    [
        ("/filelist", b"a.ts,b.ts", [], 400, "nothing says whose it is"),
        ("/filelist", LIST.replace(IMEI.encode(), b"1"), [], 400, "there is no terminal '1'"),
        (f"/filelist?imei={OTHER}", LIST, [], 400, f"these are two terminals: {OTHER}, {IMEI}"),
        ("/filelist", b"{", [], 400, "the list cannot be read"),
        ("/filelist?" + "a=b&" * 65, LIST, [], 400, "the address has more than 64 fields"),
        ("/filelist", LIST, ["Content-Encoding: gzip"], 415, "without a Content-Encoding"),
        ("/filelist", LIST, ["Content-Type: multipart/form-data; boundary=a"], 415, "no form of parts"),
        ("/filelist", b"x" * 9000, [], 400, "the list is longer than 8000 bytes, which is uploads.max_list_bytes"),
    ],
)  # fmt: skip
def test_refusals(path: str, body: bytes, headers: list[str], status: int, msg: str) -> None:
    door = Door(max_list_bytes=8000)
    line = door.ask(post(path, body, *headers))
    found, answer = said(line)
    assert (found, answer["code"], answer["ok"]) == (status, status, False)
    assert msg in answer["msg"]
    assert door.uploads.lists == []
    assert [each.text for each in door.said] == [f"a list of recordings from 192.0.2.1 is refused: {answer['msg']}"]


def test_an_unknown_terminal_is_refused_before_its_first_byte() -> None:
    line = Door().ask(b"POST /filelist/1 HTTP/1.1\r\nContent-Length: 8000000\r\n\r\n")
    assert said(line)[0] == 400
    assert line.answer.headers["connection"] == "close"


def test_a_list_without_a_length_is_refused_where_it_gets_too_long() -> None:
    door = Door(max_list_bytes=8000)
    line = door.ask(chunked("/filelist", b"x" * 20_000)[:10_000])
    assert said(line)[0] == 400
    assert door.server.stats()["list_bytes"] == 0


def test_all_lists_together_are_bounded() -> None:
    door = Door()
    head = b"POST /filelist HTTP/1.1\r\nContent-Length: 8000000\r\n\r\n"
    lines = [door.line().send(head, b"x" * 7_000_000) for _ in range(MOST_COMING // 7_000_000 + 1)]
    assert said(lines[-1])[0] == 500
    assert lines[-1].answer.headers["retry-after"] == "10"
    assert [line.heard for line in lines[:-1]] == [b""] * (len(lines) - 1)
    assert 0 < door.server.stats()["list_bytes"] <= MOST_COMING
    for line in lines:
        line.lose()
    assert door.server.stats()["list_bytes"] == 0


@pytest.mark.parametrize(
    ("error", "status"), [(UploadRefused("no store", "failed", 60), 500), (RuntimeError("x"), 500)]
)
def test_what_cannot_be_kept(error: Exception, status: int) -> None:
    door = Door()
    door.uploads.refusals["playlist_came"] = error
    found, answer = said(door.ask(post("/filelist", LIST)))
    assert (found, answer["ok"]) == (status, False)
    assert door.server.stats()["list_bytes"] == 0


def test_told_is_the_same_as_said() -> None:
    assert told(Door().ask(post("/filelist", LIST))) == (200, OK)


@pytest_twisted.ensureDeferred
async def test_a_long_list_is_read_beside_the_reactor() -> None:
    recorder: Any = Recorder(reactor)
    server = UploadServer(reactor, recorder, UploadServerSettings(), lambda *args, **kwargs: None)
    names = [f"2026_08_16_05_33_58_{number:05}.ts" for number in range(MOST)]
    body = json.dumps({"imei": IMEI, "fileNameList": ",".join(names)}).encode()
    with listening(server) as port:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        connecting: Deferred[Exchange] = connectProtocol(endpoint, Exchange())
        exchange = await connecting
        exchange.send(chunked("/filelist", body, size=40_000))
        await until(lambda: exchange.heard)
        assert exchange.heard.endswith(b'{"code":0,"ok":true}')
        assert recorder.lists == [(IMEI, names)]
        exchange.close()
        await until(lambda: not server.channels)
    assert server.stats()["list_bytes"] == 0
