"""Uploads as cameras send them: what is taken, whose it is, what is answered; and as nobody should send them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jimigw.gateway.uploads import Told, UploadRefused
from jimigw.web.sign import sign_of
from jimigw.web.upload_forms import MOST_BESIDE
from tests.web.forms import (
    BOUNDARY,
    CLIP,
    IMEI,
    LABEL,
    NAME,
    TIME,
    Part,
    captured,
    clip,
    field,
    form,
    form_type,
)
from tests.web.test_upload_forms import CALLBACK, HOSTILE
from tests.web.upload_door import OTHER, Door, Line, chunked, post, told, upload

SIGN = sign_of(NAME + TIME + "jimidvr@123!443")
MD5 = hashlib.md5(CLIP).hexdigest()
SUCCESS = {"code": 200, "data": NAME, "message": "success", "md5": MD5}
BODY = form(*captured(SIGN))
TYPE = f"Content-Type: {form_type()}"


# -- as they come -----------------------------------------------------------------------------------------------------


def test_the_captured_upload() -> None:
    door = Door()
    line = door.ask(post("/upload", BODY, TYPE))
    assert told(line) == (200, SUCCESS)
    assert bytes(door.arrival.data) == CLIP
    assert door.arrival.told == Told(NAME, "multipart/form-data")
    assert door.uploads.events == [f"begun for {IMEI}", f"named {NAME}", "finished"]
    assert not line.gone  # the next one may come
    assert door.said == []


def test_at_every_cut() -> None:
    request = post("/upload", form(*captured(SIGN, CLIP[:300])), TYPE)
    for place in range(1, len(request)):
        door = Door()
        line = door.line().send(request[:place], request[place:])
        assert told(line)[0] == 200
        assert bytes(door.arrival.data) == CLIP[:300]


def test_byte_by_byte() -> None:
    door = Door()
    request = chunked("/upload", form(*captured(SIGN, CLIP[:300])), TYPE, size=7)
    line = door.line().send(*(request[at : at + 1] for at in range(len(request))))
    assert told(line)[0] == 200
    assert bytes(door.arrival.data) == CLIP[:300]


@settings(max_examples=200, deadline=None)
@given(
    st.permutations(captured(SIGN)),
    st.integers(1, 5000),
    st.lists(st.integers(1, 5000), max_size=5),
    st.booleans(),
    st.booleans(),
)
def test_any_order_in_any_chunks(parts: list[Part], size: int, cuts: list[int], in_chunks: bool, slow: bool) -> None:
    door, body = Door(), form(*parts)
    door.uploads.slow = slow
    request = chunked("/upload", body, TYPE, size=size) if in_chunks else post("/upload", body, TYPE)
    line, at = door.line(), 0
    for cut in [*cuts, len(request)]:
        line.send(request[at : at + cut])
        at += cut
        hold, door.uploads.hold = door.uploads.hold, None
        if hold is not None:
            hold.callback(None)
    while door.uploads.hold is not None:
        hold, door.uploads.hold = door.uploads.hold, None
        hold.callback(None)
    assert told(line) == (200, SUCCESS)
    assert bytes(door.arrival.data) == CLIP


def test_one_after_the_other_on_one_connection() -> None:
    door = Door()
    door.uploads.late = True
    request = post("/upload", BODY, TYPE)
    line = door.line().send(request * 3)
    assert len(door.uploads.arrivals) == 1
    for number in range(3):
        door.uploads.arrivals[number].keep()
    assert line.heard.count(b"HTTP/1.1 200 OK") == 3
    assert [bytes(each.data) for each in door.uploads.arrivals] == [CLIP] * 3


@pytest.mark.parametrize(
    "path",
    [
        "/upload",
        "/upload/",
        "/upload?x=y",
        "//upload",
        "http://gateway/upload",
        "/upload/" + IMEI,
        f"/upload/{IMEI}/?a",
    ],
)
def test_paths(path: str) -> None:
    assert told(Door().ask(post(path, BODY, TYPE))) == (200, SUCCESS)


def test_who_asks_whether_to_go_on_is_told() -> None:
    line = Door().line().send(post("/upload", BODY, TYPE, "Expect: 100-continue"))
    assert line.heard.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert told(line)[0] == 200


def test_a_length_is_not_needed() -> None:
    assert told(Door().ask(chunked("/upload", BODY, TYPE)))[0] == 200


def test_fields_in_the_address() -> None:
    door = Door()
    line = door.ask(post(f"/upload?imei={IMEI}&filename={NAME}&timestamp={TIME}&sign={SIGN}", form(clip()), TYPE))
    assert told(line) == (200, SUCCESS)
    assert door.said == []


def test_what_an_answer_is_called() -> None:
    """``data`` is the name as it came; what is kept is called by its last step."""
    door = Door()
    line = door.ask(upload(field("imei", IMEI), field("filename", "../../etc/passwd"), clip()))
    assert told(line)[1]["data"] == "../../etc/passwd"
    assert door.arrival.told is not None and door.arrival.told.name == "passwd"


def test_it_is_answered_when_it_is_safe_and_not_before() -> None:
    door = Door()
    door.uploads.late = True
    line = door.ask(post("/upload", BODY, TYPE))
    door.clock.advance(3000)
    assert line.heard == b""
    door.arrival.keep()
    assert told(line) == (200, SUCCESS)


def test_who_does_not_wait_has_brought_it_all_the_same() -> None:
    door = Door()
    door.uploads.late = True
    line = door.ask(post("/upload", BODY, TYPE))
    line.lose()
    assert door.uploads.events[-1] == "finished"
    door.arrival.keep()
    door.quiet()


# -- 6.3 and JT/T models ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [IMEI + "12" + "jimidvr@123!443" + TIME, "12" + TIME + IMEI + "jimidvr@123!443"])
def test_chapter_6_3(text: str) -> None:
    door = Door(sign="require")
    fields = [field("imei", IMEI), field("instructionId", "12"), field("timestamp", TIME), field("sign", sign_of(text))]
    line = door.ask(upload(*fields, clip(own="log.zip")))
    assert told(line) == (200, {**SUCCESS, "data": "log.zip"})
    assert door.arrival.told == Told("log.zip", "multipart/form-data", "12")


def test_what_jtt_terminals_say() -> None:
    door = Door()
    line = door.ask(upload(clip(own="a.jpg"), field("callbackBody", json.dumps(CALLBACK))))
    name = f"{IMEI}_{LABEL}_1_00.jpg"
    assert told(line)[1]["data"] == name
    assert door.arrival.told == Told(
        name, "image/jpeg", LABEL, camera=1, taken=1789652408.0, details=CALLBACK
    )  # fmt: skip
    assert door.uploads.events == ["begun for nobody yet", "finished"]


# -- whose it is ------------------------------------------------------------------------------------------------------

NAMELESS = field("filename", "a.ts")
BY_NAME = field("filename", NAME)


def said_by_callback(imei: str) -> Part:
    return field("callbackBody", json.dumps({"imei": imei}))


@pytest.mark.parametrize(
    ("path", "parts", "owner"),
    [
        ("/upload", [BY_NAME], IMEI),
        ("/upload", [field("imei", OTHER), NAMELESS], OTHER),
        ("/upload", [said_by_callback(OTHER), NAMELESS], OTHER),
        ("/upload", [field("filename", f"{OTHER}_{LABEL}_1_00.jpg")], OTHER),
        ("/upload", [field("imei", IMEI), said_by_callback(IMEI), BY_NAME], IMEI),
        (f"/upload/{OTHER}", [NAMELESS], OTHER),
        # the path wins
        (f"/upload/{OTHER}", [field("imei", IMEI), said_by_callback("nobody"), BY_NAME], OTHER),
        (f"/upload?imei={IMEI}", [NAMELESS], IMEI),
    ],
)
@pytest.mark.parametrize("behind", [False, True])
def test_owners(path: str, parts: list[Part], owner: str, behind: bool) -> None:
    door = Door()
    line = door.ask(upload(*([clip(), *parts] if behind else [*parts, clip()]), path=path))
    assert told(line)[0] == 200
    assert door.arrival.device is door.uploads.devices[owner]
    early = not behind or "?" in path or path != "/upload"
    assert door.uploads.events[0] == f"begun for {owner if early else 'nobody yet'}"


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ([NAMELESS], "nothing says whose it is"),
        ([field("imei", "1"), BY_NAME], "there is no terminal '1'"),
        ([field("imei", OTHER), BY_NAME], f"two terminals: the field imei says {OTHER}, the file's name says {IMEI}"),
        (
            [field("imei", OTHER), said_by_callback(IMEI), NAMELESS],
            f"two terminals: the field imei says {OTHER}, callback",
        ),
        ([field("filename", NAME.replace(IMEI, "9" * 15))], "there is no terminal '999999999999999'"),
    ],
)
@pytest.mark.parametrize("behind", [False, True])
def test_owners_that_are_none(parts: list[Part], sentence: str, behind: bool) -> None:
    door = Door()
    line = door.ask(upload(*([clip(), *parts] if behind else [*parts, clip()])))
    status, said = told(line)
    assert status == 400
    assert sentence in said["message"]
    assert all(each.ended.startswith("aborted") for each in door.uploads.arrivals)
    assert len(door.uploads.arrivals) == (1 if behind or parts == [NAMELESS] else 0)


def test_an_unknown_terminal_is_refused_before_its_first_byte() -> None:
    door = Door()
    head = b"POST /upload/123 HTTP/1.1\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n"
    line = door.ask(head)
    assert told(line)[0] == 400
    assert line.answer.headers["connection"] == "close"
    assert b"100 Continue" not in line.heard
    assert door.uploads.arrivals == []


def test_an_owner_that_may_not_bring_more() -> None:
    for place in ("begin", "belongs_to", "write"):
        door = Door()
        door.uploads.refusals[place] = UploadRefused("too many", "limit", 29.5)
        line = door.ask(upload(*captured(SIGN)))
        assert told(line) == (500, {"code": 500, "message": "too many"})
        assert line.answer.headers["retry-after"] == "30"
        assert all(each.ended == "aborted: too many" for each in door.uploads.arrivals)


# -- signs ------------------------------------------------------------------------------------------------------------

WRONG = "MDQ4ODAwMjRhNDkyMDM4NzZkZDNkOGRmNDBlMDAxZGM="


@pytest.mark.parametrize(
    ("how", "sign", "status", "lines"),
    [
        ("off", WRONG, 200, 0),
        ("off", "", 200, 0),
        ("log", SIGN, 200, 0),
        ("log", WRONG, 200, 1),
        ("log", "", 200, 1),
        ("require", SIGN, 200, 0),
        ("require", WRONG, 400, 1),
        ("require", "", 400, 1),
    ],
)
@pytest.mark.parametrize("behind", [False, True])
def test_signs(how: str, sign: str, status: int, lines: int, behind: bool) -> None:
    door = Door(sign=how)
    parts = captured(sign)
    line = door.ask(upload(*(parts[::-1] if behind else parts)))
    assert told(line) == (status, SUCCESS if status == 200 else {"code": 400, "message": "Signature error"})
    assert len(door.said) == lines
    assert all("192.0.2.1" in each.text for each in door.said)


def test_a_wrong_sign_before_the_file_saves_its_sender_the_file() -> None:
    door = Door(sign="require")
    line = door.ask(post("/upload", BODY.replace(SIGN.encode(), WRONG.encode()), TYPE)[:1100])
    assert told(line) == (400, {"code": 400, "message": "Signature error"})
    assert door.uploads.arrivals == []


# -- what is answered where something is wrong ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([BY_NAME, clip(b"")], "The file content is empty"),
        ([field("imei", IMEI), clip(own="")], "The filename cannot be empty"),
        ([field("imei", IMEI), field("filename", "../.."), clip(own="")], "The filename cannot be empty"),
        ([BY_NAME], "there is no file: one part has to be called file, or to have a file name"),
    ],
)
def test_what_is_missing(parts: list[Part], message: str) -> None:
    assert told(Door().ask(upload(*parts))) == (400, {"code": 400, "message": message})


@pytest.mark.parametrize(("body", "sentence"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_hostile_forms(body: bytes, sentence: str) -> None:
    for request in (post("/upload/" + IMEI, body, TYPE), chunked("/upload/" + IMEI, body, TYPE)):
        door = Door()
        line = door.ask(request)
        status, said = told(line)
        assert status == 400
        assert sentence in said["message"]
        assert all(each.ended.startswith("aborted") for each in door.uploads.arrivals)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Content-Type: multipart/form-data"], 400),
        (["Content-Type: multipart/form-data; boundary=" + "x" * 201], 400),
        (["Content-Type: multipart/form-data; boundary=a; boundary=" + BOUNDARY], 400),
        (["Content-Type: multipart/form-data; boundary=a", TYPE], 400),
        (["Content-Type: application/json"], 400),
        ([], 400),
        ([TYPE, "Content-Encoding: gzip"], 415),
        ([TYPE, "Content-Encoding: identity"], 200),
    ],
)
def test_heads(headers: list[str], status: int) -> None:
    assert told(Door().ask(post("/upload", BODY, *headers)))[0] == status


def test_a_boundary_of_seventy_bytes_and_more() -> None:
    for size in (70, 71, 200):
        boundary = "b" * size
        line = Door().ask(
            post("/upload", form(*captured(SIGN), boundary=boundary), f"Content-Type: {form_type(boundary)}")
        )
        assert told(line)[0] == 200


def test_a_file_that_says_it_is_too_long() -> None:
    door = Door()
    most = door.uploads.settings.max_bytes
    line = door.ask(f"POST /upload HTTP/1.1\r\n{TYPE}\r\nContent-Length: {most + MOST_BESIDE + 1}\r\n\r\n".encode())
    assert told(line) == (
        500,
        {"code": 500, "message": f"the file is longer than {most} bytes, which is uploads.max_bytes"},
    )


@pytest.mark.parametrize(
    ("code", "status"), [("unknown", 400), ("wrong", 400), ("limit", 500), ("room", 500), ("failed", 500)]
)
def test_statuses(code: str, status: int) -> None:
    door = Door()
    door.uploads.late = True
    line = door.ask(upload(*captured(SIGN)))
    door.arrival.fail(UploadRefused("so it is", code, 60))
    assert told(line) == (status, {"code": status, "message": "so it is"})
    assert not line.gone


@pytest.mark.parametrize("place", ["whose", "begin", "write", "finish"])
def test_a_fault_of_ours(place: str, caplog: Any) -> None:
    door = Door()

    def broken(*_: object) -> Any:
        raise RuntimeError("so it is")

    door.uploads.late = True
    if place == "finish":
        line = door.ask(upload(*captured(SIGN)))
        door.arrival.fail(RuntimeError("so it is"))
    else:
        door.uploads.refusals[place] = RuntimeError("so it is")
        if place == "whose":
            door.uploads.whose = broken  # type: ignore[method-assign]
        line = door.ask(upload(*captured(SIGN)))
    assert told(line) == (500, {"code": 500, "message": "something went wrong inside; the log says what"})
    assert line.answer.headers["retry-after"] == "60"


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /upload HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /upload HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /upload HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /upload HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /upload HTTP/1.1\r\n" + b"X: " + b"y" * 17_000 + b"\r\n\r\n",
        b"POST /upload HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"POST /upload HTTP/1.1\r\nnonsense\r\n\r\n",
        b"POST /upload HTTP/1.1\r\n\x00: a\r\n\r\n",
        b"POST  /upload HTTP/1.1\r\n\r\n",
        b"POST /upload\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        f"POST /upload HTTP/1.1\r\n{TYPE}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),
        b"x" * 20_000,
    ],
)
def test_what_is_no_http(request_: bytes) -> None:
    door = Door()
    line = door.ask(request_)
    assert line.gone
    assert line.heard in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n")
    door.quiet()


def test_a_chunk_that_is_none_in_the_middle_of_a_file() -> None:
    door = Door()
    line = door.ask(chunked("/upload", BODY[:2000], TYPE).removesuffix(b"0\r\n\r\n") + b"zz\r\n")
    assert line.gone
    assert door.arrival.ended == "aborted: the connection was lost"
    door.quiet()


# -- a refusal while it still sends -----------------------------------------------------------------------------------


def refused_early(door: Door) -> Line:
    return door.ask(f"POST /upload/123 HTTP/1.1\r\n{TYPE}\r\nContent-Length: 50000000\r\n\r\n".encode())


def test_what_comes_behind_a_refusal_is_dropped_for_a_while() -> None:
    door = Door()
    line = refused_early(door)
    line.send(bytes(1 << 20))
    door.clock.advance(4.9)
    assert (told(line)[0], line.gone) == (400, False)
    door.clock.advance(0.2)
    assert line.gone
    door.quiet()


def test_it_is_not_dropped_for_ever() -> None:
    door = Door()
    line = refused_early(door)
    line.send(*[bytes(1 << 20)] * 17)
    assert line.gone
    door.quiet()


def test_who_has_sent_all_is_hung_up_on_at_once() -> None:
    door = Door()
    request = post("/upload/123", BODY, TYPE)
    line = door.ask(request[:500])
    assert (told(line)[0], line.gone) == (400, False)
    line.send(request[500:])
    assert line.gone
    door.quiet()


def test_a_refusal_that_has_no_body_to_wait_for_keeps_the_connection() -> None:
    door = Door()
    line = door.ask(b"POST /upload/123 HTTP/1.1\r\n\r\n" * 2)
    assert line.heard.count(b"HTTP/1.1 400") == 2
    assert not line.gone


# -- what else is asked -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "status", "header"),
    [
        ("GET /", 200, None),
        ("HEAD /", 200, None),
        ("GET /favicon.ico", 404, None),
        ("GET /upload/1/2", 404, None),
        ("GET /../upload", 404, None),
        ("GET /upload", 405, ("allow", "POST")),
        ("PUT /upload/1", 405, ("allow", "POST")),
        ("OPTIONS /upload", 405, ("allow", "POST")),
        ("POST /", 405, ("allow", "GET, HEAD")),
        ("GET /filelist", 405, ("allow", "POST")),
        ("DELETE /download/1/a", 405, ("allow", "GET, HEAD")),
    ],
)
def test_the_rest(head: str, status: int, header: tuple[str, str] | None) -> None:
    line = Door().ask(f"{head} HTTP/1.1\r\n\r\n".encode())
    assert line.answer.status == status
    assert line.answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert header is None or line.answer.headers[header[0]] == header[1]
    assert line.answer.body.endswith(b"\n") or head.startswith("HEAD")


def test_a_body_where_none_is_wanted() -> None:
    assert Door().ask(b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello").answer.status == 200
    line = Door().ask(b"GET /download/1/a HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n" + bytes(70_000))
    assert line.answer.status == 413


def test_counters() -> None:
    door = Door()
    door.ask(post("/upload", BODY, TYPE))
    door.ask(post("/upload/1", BODY, TYPE))
    door.ask(b"GET / HTTP/1.1\r\n\r\n")
    stats = door.server.stats()
    assert (stats["connections"], stats["requests"], stats["refused"], stats["failed"]) == (3, 3, 1, 0)
    assert (stats["status 200"], stats["status 400"]) == (2, 1)
