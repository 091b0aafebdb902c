"""Forms of uploads: as they were captured, in every order and cut, and as nobody should send them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.web.callback_body import Said, details_of, said_in
from jimigw.web.upload_forms import (
    MOST_BESIDE,
    MOST_PARTS,
    BadForm,
    FilePart,
    Form,
    FormReader,
    boundary_of,
    plain_name,
    put_query,
)
from tests.web.forms import (
    BOUNDARY,
    CLIP,
    IMEI,
    LABEL,
    NAME,
    OWN_NAME,
    TIME,
    Part,
    captured,
    clip,
    field,
    form,
    form_type,
)


def read(*pieces: bytes, content_type: str = form_type()) -> tuple[Form, bytes]:
    """What a form says, and its file; events have to come in their order."""
    found = Form()
    reader, data, state = FormReader(content_type, found), b"", "before"
    for piece in pieces:
        for event in reader.feed(piece):
            if isinstance(event, FilePart):
                assert (state, found.file) == ("before", event)
                state = "inside"
            elif event is None:
                assert state == "inside"
                state = "behind"
            else:
                assert state == "inside"
                data += event
    reader.close()
    assert state != "inside"
    return found, data


def cut(data: bytes, *places: int) -> list[bytes]:
    edges = [0, *sorted(places), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if b > a]


# -- as they come -----------------------------------------------------------------------------------------------------


def test_the_captured_form() -> None:
    found, data = read(form(*captured()))
    assert found.fields == {
        "filename": NAME, "timestamp": TIME, "sign": "MDQ4ODAwMjRhNDkyMDM4NzZkZDNkOGRmNDBlMDAxZGM=",
    }  # fmt: skip
    assert found.file == FilePart(OWN_NAME, "multipart/form-data")
    assert found.called == NAME
    assert data == CLIP


def test_the_captured_form_at_every_cut() -> None:
    body = form(*captured())
    whole = read(body)
    for place in range(1, len(body)):
        assert read(*cut(body, place)) == whole
    assert read(*(body[i : i + 1] for i in range(len(body)))) == whole


#: bytes that look like the end of the part, and are not
_TRICKY = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"--", b"\r\n--", b"\r\n--" + BOUNDARY[:9].encode(), b"x", b"\x00"]),
    max_size=12,
).map(b"".join)


@given(st.permutations(captured()), _TRICKY, st.lists(st.integers(0, 900), max_size=6))
def test_any_order_any_bytes_any_cuts(parts: list[Part], data: bytes, places: list[int]) -> None:
    parts = [clip(data) if each.name == "file" else each for each in parts]
    body = form(*parts)
    found, read_data = read(*cut(body, *(min(each, len(body)) for each in places)))
    assert read_data == data
    assert found == read(form(*captured()))[0]


@pytest.mark.parametrize(
    "part",
    [
        Part("file", CLIP, OWN_NAME, "multipart/form-data"),
        Part("file", CLIP, OWN_NAME),
        Part("file", CLIP),
        Part("FILE", CLIP, OWN_NAME, "video/mp2t"),
        Part("upload", CLIP, OWN_NAME, "application/octet-stream"),
        Part("", CLIP, OWN_NAME),
        Part("file", CLIP, OWN_NAME, "video/mp2t", ["Content-Transfer-Encoding: binary"]),
        Part("file", CLIP, OWN_NAME, None, [f"Content-Length: {len(CLIP)}"]),
        Part("file", CLIP, "\u524d.ts", "video/mp2t"),
        Part("file", CLIP, "\u524d.ts".encode("gbk"), "video/mp2t"),
    ],
)
def test_what_is_a_file(part: Part) -> None:
    found, data = read(form(field("filename", NAME), part))
    assert (found.called, data) == (NAME, CLIP)
    assert found.file is not None


def test_a_field_that_is_sent_as_a_file_is_a_field() -> None:
    found, data = read(form(Part("callbackBody", b'{"imei": "1"}', "blob", "application/json"), clip()))
    assert (found.details, data) == ({"imei": "1"}, CLIP)


@pytest.mark.parametrize(
    ("own", "name"),
    [
        (OWN_NAME, OWN_NAME),
        ("\u524d.ts", "\u524d.ts"),
        ("a" * 256, ""),
        ("", ""),
        ("..", ""),
        ("C:\\DVR\\a.ts", "a.ts"),
        ("a%0Db.ts", ""),
        (b"a\x00b.ts", ""),
    ],
)
def test_without_the_field_it_is_called_as_its_part(own: str | bytes, name: str) -> None:
    assert read(form(clip(own=own)))[0].called == name


def test_the_address_may_have_fields() -> None:
    found = Form()
    put_query(b"imei=490154203237518&FileName=a%E5%89%8D.jpg&what=ever&sign=&timestamp=1%202", found)
    assert found.fields == {"imei": IMEI, "filename": "a\u524d.jpg", "timestamp": "1 2"}


@pytest.mark.parametrize(
    "query", [b"filename=%ff", b"filename=a%00b", b"filename=a&filename=b", b"a=b&" * 65, b"imei=%0a1%0a2"]
)
def test_what_an_address_may_not_say(query: bytes) -> None:
    with pytest.raises(BadForm):
        put_query(query, Form())


@pytest.mark.parametrize(
    ("name", "last"),
    [
        (NAME, NAME),
        ("/sdcard/DVR/a.mp4", "a.mp4"),
        ("..\\..\\a.mp4", "a.mp4"),
        ("../..", ""),
        ("a/", ""),
        ("", ""),
        (".", ""),
        (".a", ".a"),
        ("a..", "a.."),
    ],
)
def test_plain_names(name: str, last: str) -> None:
    assert plain_name(name) == last


# -- as nobody should send them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data;BOUNDARY="a b"', b"a b"),
        ("multipart/form-data; charset=utf-8; boundary=abc; boundary=abc", b"abc"),
        ("multipart/form-data; boundary=" + "x" * 200, b"x" * 200),
    ],
)
def test_boundaries(content_type: str, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        "", "text/plain", "multipart/mixed; boundary=a", "multipart/form-data", "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=b", "multipart/form-data; boundary=" + "x" * 201,
        'multipart/form-data; boundary="a\tb"', "multipart/form-data; boundary=\x80",
    ],
)  # fmt: skip
def test_no_boundaries(content_type: str) -> None:
    with pytest.raises(BadForm):
        boundary_of(content_type)


#: what is wrong, the body, what the sentence says
HOSTILE: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "ends before its last boundary"),
    ("no end", form(*captured(), end=False), "ends before its last boundary"),
    ("half a boundary", form(*captured())[:-10], "ends before its last boundary"),
    ("another boundary", form(*captured(), boundary="other"), "ends before its last boundary"),
    (
        "a head without an end",
        f"--{BOUNDARY}\r\nContent-Disposition: ".encode() + b"x" * 5000,
        "header length exceeded",
    ),
    ("too many heads", form(Part("a", b"", more=["X: y"] * 20)), "header count exceeded"),
    ("no disposition", f"--{BOUNDARY}\r\nX: y\r\n\r\n\r\n--{BOUNDARY}--".encode(), "Content-Disposition"),
    ("another disposition", form(*captured()).replace(b"form-data; n", b"attachment; n"), "Wrong type"),
    ("line ends of Unix", form(*captured()).replace(b"\r\n", b"\n"), "Invalid line break"),
    ("too many fields", form(*[field("a", "b")] * (MOST_PARTS + 1)), "segment count exceeded"),
    ("a thousand fields", form(*[field(f"a{i}", "b") for i in range(1000)]), "segment count exceeded"),
    ("a long unknown field", form(field("a", b"x" * MOST_BESIDE)), "more than 131072 bytes"),
    ("a long preamble", b"x" * (MOST_BESIDE + 1), "more than 131072 bytes"),
    ("a long epilogue", form(*captured()) + b"x" * MOST_BESIDE, "more than 131072 bytes"),
    ("a long name", form(field("filename", "x" * 10_000), clip()), "filename is longer than 255 bytes"),
    ("a name with NUL", form(field("filename", "a\x00b.ts"), clip()), "filename holds what cannot be printed"),
    ("a name with a line", form(field("filename", "a\r\nb.ts"), clip()), "filename holds what cannot be printed"),
    ("a name that turns round", form(field("filename", "a\u202egpj.exe"), clip()), "filename holds what cannot be"),
    ("a name with a surrogate", form(field("filename", b"a\xed\xa0\x80.ts"), clip()), "filename is not UTF-8"),
    ("a name in GBK", form(field("filename", b"\xb3\xb5.ts"), clip()), "filename is not UTF-8"),
    ("a long callbackBody", form(field("callbackBody", "x" * 16_385)), "callbackBody is longer than 16384 bytes"),
    ("a field twice", form(field("filename", "a"), field("filename", "b")), "filename is there twice"),
    ("a file twice", form(clip(), clip()), "there is a second file"),
    ("a file by another name twice", form(clip(), Part("b", b"", "b.ts")), "there is a second file"),
    ("a file in base64", form(Part("file", b"", "a", more=["Content-Transfer-Encoding: base64"])), "as they are"),
    ("a part that lies", form(Part("file", CLIP, "a", more=["Content-Length: 1"])), "Content-Length exceeded"),
    ("a part that lies otherwise", form(Part("file", CLIP, "a", more=["Content-Length: 9999"])), "does not match"),
]


@pytest.mark.parametrize(("body", "sentence"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_hostile_forms(body: bytes, sentence: str) -> None:
    with pytest.raises(BadForm, match=sentence) as whole:
        read(body)
    with pytest.raises(BadForm) as in_pieces:
        read(*(body[at : at + 100] for at in range(0, len(body), 100)))
    assert (str(whole.value).isprintable(), str(in_pieces.value).isprintable()) == (True, True)


@given(st.binary(max_size=400), st.lists(st.integers(0, 1500), max_size=4))
def test_whatever_bytes_come(junk: bytes, places: list[int]) -> None:
    body = form(*captured(data=b"x" * 50))
    for text in (junk, body[: len(body) // 2] + junk, body + junk):
        try:
            read(*cut(text, *(min(each, len(text)) for each in places)))
        except BadForm as error:
            assert str(error)


def test_the_same_field_twice_with_one_value_is_no_harm() -> None:
    assert read(form(field("imei", IMEI), field("IMEI", f" {IMEI}\r\n"), clip()))[0].get("imei") == IMEI


# -- what JT/T terminals say ------------------------------------------------------------------------------------------

CALLBACK = {
    "businessType": "eventAttachment", "imei": IMEI, "camera": 1, "alarmTime": 1789652408, "lat": "22.5",
    "lng": "114.1", "localFileName": f"{IMEI}_{LABEL}_1_00.jpg", "mimeType": "image/jpeg",
    "eventType": None, "videoBeginTime": None, "videoEndTime": None, "timezone": "GMT+10:00", "instructionId": LABEL,
}  # fmt: skip


def test_callback_body() -> None:
    found, _ = read(form(clip(own="x.jpg"), field("callbackBody", json.dumps(CALLBACK))))
    assert found.details == CALLBACK
    assert found.called == f"{IMEI}_{LABEL}_1_00.jpg"
    assert said_in(found.details) == Said(
        IMEI, f"{IMEI}_{LABEL}_1_00.jpg", LABEL, "image/jpeg", 1, 1789652408.0
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "details"),
    [
        ("", {}),
        ("{}", {}),
        ("{", {"callbackBody": "{"}),
        ("[1]", {"callbackBody": "[1]"}),
        ("null", {"callbackBody": "null"}),
        ('{"a": %s}' % ("[" * 40 + "]" * 40), None),
        ('{"a": %s}' % ("[" * 8000 + "]" * 8000), None),
        ('{"a": 1e999}', None),
        ('{"a": %s}' % ("9" * 30), {"a": 10**30 - 1}),
        ('{"a": %s}' % ("9" * 9999), None),
        ('{"a": "\\ud800"}', None),
    ],
)
def test_details(text: str, details: dict[str, Any] | None) -> None:
    assert details_of(text) == ({"callbackBody": text} if details is None else details)


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({}, Said()),
        ({"imei": 490154203237518}, Said(imei=IMEI)),
        ({"imei": True, "camera": True, "mimeType": None, "localFileName": ["a"]}, Said()),
        ({"camera": "2"}, Said(camera=2)),
        ({"camera": -1}, Said()),
        ({"camera": 1e300}, Said()),
        ({"camera": "nan"}, Said()),
        ({"alarmTime": "1789652408"}, Said(taken=1789652408.0)),
        ({"alarmTime": 1789652408500}, Said(taken=1789652408.5)),
        ({"alarmTime": 1789652408, "videoBeginTime": 1789652400}, Said(taken=1789652400.0)),
        ({"alarmTime": 0}, Said()),
        ({"alarmTime": "2026-09-17"}, Said()),
        ({"localFileName": "x" * 256, "imei": "a\nb"}, Said()),
    ],
)
def test_said(details: dict[str, Any], said: Said) -> None:
    assert said_in(details) == said


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(list(CALLBACK)), _JSON, max_size=9))
def test_whatever_is_said(details: dict[str, Any]) -> None:
    assert isinstance(said_in(details_of(json.dumps(details))), Said)
