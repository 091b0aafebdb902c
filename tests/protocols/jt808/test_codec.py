"""JSON to frames: what is understood, and what is said of what is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.protocols.jt808.codec import decode_body, decode_frame, encode_json
from jimigw.protocols.jt808.frame import Addressing, Frame, FrameDecoder, parse
from jimigw.wire.errors import EncodeError
from tests.protocols.jt808.vectors import header_of

PHONE = {"phone": "13912345678", "msg_sn": 7}


def sent(header: dict[str, Any], body: Any = None, **more: Any) -> Frame:
    (frame,) = encode_json({"header": {**PHONE, **header}, "body": body}, **more)
    found = parse(frame[1:-1])
    assert isinstance(found, Frame)
    return found


HEADERS: list[tuple[dict[str, Any], tuple[int, int | None, str, int]]] = [
    # header; edition, protocol version, phone, encryption of the frame
    ({"msg_id": 0x8104}, (2013, None, "013912345678", 0)),
    ({"msg_id": 0x8104, "version": 2011}, (2013, None, "013912345678", 0)),
    ({"msg_id": 0x8104, "version": 2019}, (2019, 1, "00000000013912345678", 0)),
    ({"msg_id": 0x8104, "proto_ver": 2}, (2019, 2, "00000000013912345678", 0)),
    ({"msg_id": 0x8104, "phone": 13900000000, "encrypt": 0, "len": 99}, (2013, None, "013900000000", 0)),
]


@pytest.mark.parametrize(("header", "expected"), HEADERS)
def test_header(header: dict[str, Any], expected: tuple[int, int | None, str, int]) -> None:
    found = sent(header).header
    assert (found.version, found.proto_ver, found.digits, found.encrypt) == expected
    assert (found.msg_id, found.msg_sn) == (0x8104, 7)


def test_a_terminal_gets_its_own_phone_and_edition() -> None:
    to = Addressing(2019, bytes.fromhex("0000000000" + "0a0b0c0d0e"), 3)
    found = sent({"msg_id": 0x8300}, {"flag": 1, "text": "x"}, to=to)
    assert (found.header.phone, found.header.proto_ver) == (to.phone, 3)
    assert found.body == b"\x01\x01x"


def test_long_bodies_become_parts() -> None:
    frames = encode_json({"header": {"msg_id": 0x8300, **PHONE}, "body": {"flag": 1, "text": "x" * 2500}}, size=1000)
    found = [frame for data in frames for frame in FrameDecoder().feed(data) if isinstance(frame, Frame)]
    assert [(f.header.frag_total, f.header.frag_sn, f.header.msg_sn) for f in found] == [
        (3, 1, 7),
        (3, 2, 8),
        (3, 3, 9),
    ]
    whole = decode_body(found[0].header, b"".join(frame.body for frame in found))
    assert whole.to_json()["body"]["text"] == "x" * 2500
    assert decode_frame(found[1]).to_json()["body"].keys() == {"part", "data"}


OPAQUE: list[tuple[dict[str, Any], dict[str, Any], bytes]] = [
    ({"msg_id": 0x8F00}, {"unknown_id": True, "data": "YWJj"}, b"abc"),
    ({"msg_id": 0x8F00}, {"data": "YWJj"}, b"abc"),
    ({"msg_id": 0x0200}, {"unknown_id": True, "data": "YWJj"}, b"abc"),
    ({"msg_id": 0x0200}, {"error": "broken", "data": "YWJj"}, b"abc"),
    ({"msg_id": 0x0200, "encrypt": 1}, {"encrypted": True, "data": "YWJj"}, b"abc"),
    ({"msg_id": 0x0801, "frag_total": 3, "frag_sn": 2}, {"part": True, "data": "YWJj"}, b"abc"),
]


@pytest.mark.parametrize(("header", "body", "data"), OPAQUE)
def test_bodies_as_bytes(header: dict[str, Any], body: dict[str, Any], data: bytes) -> None:
    found = sent(header, body)
    assert found.body == data
    packet = decode_frame(found)
    if packet.opaque:
        assert packet.to_json()["body"]["data"] == body["data"]
        assert packet.to_json("emqx")["body"] == {"unknown_id": True, "data": body["data"]}


def test_a_fragment_of_one_is_a_whole_message() -> None:
    found = sent({"msg_id": 0x8300, "frag_total": 1, "frag_sn": 1}, {"flag": 1, "text": "x"})
    assert found.header.fragmented
    assert decode_frame(found).to_json()["body"] == {"flag": 1, "text": "x"}


WRONG: list[tuple[Any, str]] = [
    (None, "None is not an object such as"),
    ({"body": {}}, "is not an object such as"),
    ({"header": [], "body": {}}, "is not an object such as"),
    ({"header": {"msg_id": 1, **PHONE}, "bodi": {}}, "bodi: is neither header nor body"),
    ({"header": PHONE}, "header.msg_id: is missing"),
    ({"header": {"msg_id": 0x8104}}, "header.phone: is missing"),
    ({"header": {"msg_id": 70000, **PHONE}}, "header.msg_id: 70000 is not a whole number from 0 to 65535"),
    ({"header": {"msg_id": "0x8104", **PHONE}}, "header.msg_id: '0x8104' is not a whole number"),
    ({"header": {"msg_id": 0x8104, "phone": "1" * 13}}, "header.phone: '1111111111111' is not a phone number"),
    ({"header": {"msg_id": 0x8104, **PHONE, "version": 2015}}, "header.version: 2015 is not one of 2011, 2013, 2019"),
    (
        {"header": {"msg_id": 0x8104, **PHONE, "version": 2013, "proto_ver": 1}},
        "header.proto_ver: is only there in 2019, the version is 2013",
    ),
    ({"header": {"msg_id": 0x8104, **PHONE, "sn": 1}}, "header.sn: is not a key of a header; known are encrypt, "),
    ({"header": {"msg_id": 0x8104, **PHONE, "encrypt": 1}, "body": {"x": 1}}, "header.encrypt: is 1"),
    ({"header": {"msg_id": 0x8104, **PHONE}, "body": []}, "body: [] is not an object"),
    ({"header": {"msg_id": 0x8104, **PHONE}, "body": {"x": 1}}, "body.x: is not a key of Query all parameters"),
    ({"header": {"msg_id": 0x8F00, **PHONE}, "body": {"x": 1}}, "body: message 0x8F00 is not known in 2013"),
    ({"header": {"msg_id": 0x8106, **PHONE, "version": 2011}, "body": {"ids": []}}, "is not known in 2011"),
    ({"header": {"msg_id": 0x8F00, **PHONE}, "body": {"data": "?"}}, "body: '?' is not base64"),
    ({"header": {"msg_id": 0x8202, **PHONE}, "body": {}}, "body.period: is missing"),
    ({"header": {"msg_id": 0x8202, **PHONE}, "body": {"period": -1}}, "body.period: -1 is not a whole number"),
    ({"header": {"msg_id": 0x8004, **PHONE}, "body": {"time": "now"}}, "body.time: 'now' is not twelve digits"),
    (
        {"header": {"msg_id": 0x8103, **PHONE}, "body": {"params": [{"id": 1, "value": "x"}]}},
        "body.params[0].value: 'x' is not a whole number",
    ),
    (
        {"header": {"msg_id": 0x8103, **PHONE}, "body": {"params": [{"id": 1}]}},
        "body.params[0]: {'id': 1} is not a parameter such as",
    ),
    (
        {"header": {"msg_id": 0x8601, **PHONE}, "body": {"ids": [1] * 300}},
        "body.ids: 300 items are too many, at most 255 fit",
    ),
    (
        {"header": {"msg_id": 0x8500, **PHONE, "version": 2019}, "body": {"controls": [{"type_id": 1, "param": ""}]}},
        "body.controls[0]: 0 bytes of parameter, 1 are needed",
    ),
    (
        {
            "header": {"msg_id": 0x8500, **PHONE, "version": 2019},
            "body": {"controls": [{"id": 2, "param": "x"}, {"id": 1, "param": "x"}]},
        },
        "body.controls[0]: a control without a known size can stand last only",
    ),
]


@pytest.mark.parametrize(("document", "complaint"), WRONG)
def test_complaints(document: Any, complaint: str) -> None:
    with pytest.raises(EncodeError) as raised:
        encode_json(document)
    assert complaint in str(raised.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=8,
)
HEADER_KEYS = ("msg_id", "encrypt", "len", "proto_ver", "version", "phone", "msg_sn", "frag_total", "frag_sn")


@given(JSON | st.fixed_dictionaries({"header": st.dictionaries(st.sampled_from(HEADER_KEYS), JSON), "body": JSON}))
def test_any_json_raises_one_error_only(document: Any) -> None:
    try:
        encode_json(document)
    except EncodeError:
        return


@given(st.binary(max_size=60), st.integers(0, 0xFFFF), st.sampled_from((None, 2011, 2013, 2019)))
def test_any_body_of_any_id_becomes_a_packet(body: bytes, msg_id: int, edition: int | None) -> None:
    packet = decode_body(header_of(msg_id, 2013), body, edition=edition)
    assert packet.data == body
    packet.to_json()
    packet.to_json("emqx")
