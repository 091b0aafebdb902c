"""Alarms with attachments in records of both dialects, and what asks for them, checked with the codec."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.gateway.media.safety_alarms import (
    AttachmentAlarm,
    attachment_alarms,
    attachment_request,
    identity_bytes,
    identity_of,
    label_request,
)
from jimigw.protocols.jt808.codec import decode_body, decode_frame, encode_json
from jimigw.protocols.jt808.dialect import Dialect
from jimigw.protocols.jt808.frame import Frame, parse
from jimigw.protocols.jt808.header import Header2019
from tests.support.jt808 import LOCATION

NUMBER = "0123456789abcdef0123456789abcdef"
#: type checkers do not see the rows that a message includes
_header: Callable[..., Any] = Header2019
DIALECTS: tuple[Dialect, ...] = ("document", "emqx")

ABOUT = bytes.fromhex("0000000701")  # id 7, it begins
PLACE = bytes.fromhex("3d 0014 0158a3e8 06ca2c60 261118190640 0401")
SHORT = b"T000001" + bytes.fromhex("261118190640 07 02 00")
WIDE = b"T0000010000000000001".ljust(30, b"\0") + bytes.fromhex("261118190640 07 02")
TYRES = bytes.fromhex("02" + "00 0001 00fa 0019 0064" * 2)

#: item, identity, code, name in the document's dialect
ITEMS: dict[str, tuple[int, bytes, bytes, int, str]] = {
    "adas": (0x64, ABOUT + bytes.fromhex("01 02 28 0a 00 00 00") + PLACE + SHORT, SHORT, 0x6401, "forward collision"),
    "dsm": (0x65, ABOUT + bytes.fromhex("02 01 00 00000000") + PLACE + SHORT, SHORT, 0x6502, "phone"),
    "tyres": (0x66, ABOUT + PLACE + SHORT + TYRES, SHORT, 0x6600, "tyre pressure"),
    "wide tyres": (0x66, ABOUT + PLACE + WIDE + b"\0\0" + TYRES, WIDE + b"\0\0", 0x6600, "tyre pressure"),
    "bsd": (0x67, ABOUT + b"\x03" + PLACE + SHORT, SHORT, 0x6703, "right rear approach"),
    "driving": (0x70, ABOUT + bytes.fromhex("02 0005 005a 0000") + PLACE + SHORT, SHORT, 0x7002, "harsh braking"),
    "Guangdong": (0x65, ABOUT + b"\x01\x01\x05" + bytes(4) + PLACE + WIDE + b"\0\0", WIDE + b"\0\0", 0x6501, "fatigue"),
    "Heilongjiang": (0x65, ABOUT + b"\x01\x01\x05" + bytes(4) + PLACE + WIDE, WIDE, 0x6501, "fatigue"),
    "Sichuan": (0x65, ABOUT + b"\x01\x01\x05" + bytes(4) + PLACE + WIDE + b"\x09", WIDE + b"\x09", 0x6501, "fatigue"),
    "Hunan": (
        0x65,
        ABOUT + b"\x01\x01\x05" + bytes(4) + PLACE + SHORT + bytes(16),
        SHORT + bytes(16),
        0x6501,
        "fatigue",
    ),
}


def basic() -> bytes:
    """The 28 bytes of a location."""
    (frame,) = encode_json({"header": {"msg_id": 0x0200, "phone": "1", "version": 2019}, "body": LOCATION})
    found = parse(frame[1:-1])
    assert isinstance(found, Frame)
    return found.body


def item(number: int, data: bytes) -> bytes:
    return bytes((number, len(data))) + data


def record(dialect: Dialect, *items: bytes, msg_id: int = 0x0200) -> dict[str, Any]:
    """A message as records have it: one location with these items, or a batch of two that have one each."""
    if msg_id == 0x0200:
        body = basic() + b"".join(items)
    else:
        each = [basic() + one for one in items]
        body = len(each).to_bytes(2, "big") + b"\x01" + b"".join(len(one).to_bytes(2, "big") + one for one in each)
    header = _header(msg_id=msg_id, phone=bytes(10))
    packet = decode_body(header, body)
    assert packet.body is not None, packet.notes
    return packet.to_json(dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ITEMS)
def test_an_alarm_is_found_and_asked_for_by_its_own_bytes(name: str, dialect: Dialect) -> None:
    number, data, identity, code, said = ITEMS[name]
    (found,) = attachment_alarms(record(dialect, item(number, data)))
    assert (found.identity_hex, found.count, found.code, found.kind) == (identity.hex(), 2, code, "safety")
    assert found.time == "261118190640"
    assert found.name == (said if dialect == "document" or name.endswith("tyres") else None)
    message = attachment_request(found.identity, NUMBER, "gateway.example.org", 21188)
    message["header"] |= {"phone": "13912345678", "version": 2019}
    (frame,) = encode_json(message)
    parsed = parse(frame[1:-1])
    assert isinstance(parsed, Frame)
    host = b"gateway.example.org"
    assert parsed.body == bytes((len(host),)) + host + (21188).to_bytes(2, "big") + bytes(2) + identity + (
        NUMBER.encode() + bytes(16)
    )
    again = decode_frame(parsed)
    assert again.body is not None and not again.notes
    assert again.to_json()["body"]["ident"] == dict(found.identity)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_in_a_batch(dialect: Dialect) -> None:
    items = [item(ITEMS[name][0], ITEMS[name][1]) for name in ("adas", "dsm", "adas")]
    found = attachment_alarms(record(dialect, *items, msg_id=0x0704))
    assert [each.code for each in found] == [0x6401, 0x6502]


def test_two_of_a_kind_in_one_location() -> None:
    one = ITEMS["adas"][1]
    other = one[:5] + b"\x02" + one[6:-3] + b"\x08\x01\x00"
    found = attachment_alarms(record("document", item(0x64, one), item(0x64, other)))
    assert [(each.code, each.count) for each in found] == [(0x6401, 2), (0x6402, 1)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_alarm_without_attachments_is_none(dialect: Dialect) -> None:
    data = ITEMS["adas"][1][:-2] + b"\0\0"
    assert attachment_alarms(record(dialect, item(0x64, data))) == []


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("prefix", [b"", b"\x10"])
def test_labels_of_events(dialect: Dialect, prefix: bytes) -> None:
    found = attachment_alarms(record(dialect, item(0xE8, b"\x04\x03" + prefix + SHORT)))
    name = "overspeed" if dialect == "document" else None
    expected = AttachmentAlarm(SHORT.hex(), {"label": SHORT.hex()}, 0, 0x0403, name, "261118190640", "label")
    assert found == [expected]
    assert label_request(found[0].identity_hex, "gateway.example.org", 23010) == (
        f"VIDEOUPLOAD,gateway.example.org,23010,{SHORT.hex()},1-2-3,2"
    )
    assert label_request("00" * 16, "h", 1, (1,), 0) == f"VIDEOUPLOAD,h,1,{'00' * 16},1,0"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "data", ["2003" + "08" + "01060190500901", "2002" + "020100", "0403", "0403" + "00" * 16, "0403" + "ab" * 15]
)
def test_states_and_events_without_a_label(dialect: Dialect, data: str) -> None:
    assert attachment_alarms(record(dialect, item(0xE8, bytes.fromhex(data)))) == []


@pytest.mark.parametrize(
    "name", [b"T000001", b"", b"\0\0T1", b" T 1 ", b"\xb2\xe2\xca\xd4", b"\xff\xff", rb"\x41", b"7\0\0\0\0\0\1"]
)
@pytest.mark.parametrize("size", [16, 40, 38, 39, 32])
def test_an_identity_comes_back_byte_for_byte(name: bytes, size: int) -> None:
    """Through records of both dialects, and by hand."""
    width = 30 if size in (40, 38, 39) else 7
    tail = {16: b"\x05", 40: b"\x01\x02", 38: b"", 39: b"\x07", 32: bytes(range(17))}[size]
    identity = name.ljust(width, b"\0") + bytes.fromhex("26111819064f") + b"\xff\x03" + tail
    assert len(identity) == size
    assert identity_bytes(identity_of(identity)) == identity
    data = ABOUT + b"\x01\x01\x05" + bytes(4) + PLACE + identity
    alarms = [attachment_alarms(record(dialect, item(0x65, data)))[0] for dialect in DIALECTS]
    assert [each.identity_hex for each in alarms] == [identity.hex()] * 2
    assert [each.time for each in alarms] == ["261118190640"] * 2  # that of the identity is none
    for alarm in alarms:
        message = attachment_request(alarm.identity, NUMBER, "h", 1)
        message["header"] |= {"phone": "1"}
        (frame,) = encode_json(message)
        parsed = parse(frame[1:-1])
        assert isinstance(parsed, Frame) and parsed.body[6:-48] == identity


IDENTITY = {"terminal_id": "T000001", "time": "261118190640", "seq": 7, "count": 2}


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"header": {"msg_id": 0x0200}},
        {"header": {"msg_id": 0x0200}, "body": {"extra": None}},
        {"header": {"msg_id": 0x0704}, "body": {"location": [1, {"data": "aa"}, {"extra": []}]}},
        {"header": {"msg_id": 0x0900}, "body": {"extra": {"adas": {"type": 1, "ident": IDENTITY}}}},
        *(
            {"header": {"msg_id": 0x0200}, "body": {"extra": extra}}
            for extra in (
                {"adas": 5},
                {"adas": {"type": 1}},
                {"adas": {"type": 1, "ident": 5}},
                {"adas": {"type": "x", "ident": IDENTITY}},
                {"adas": {"type": 256, "ident": IDENTITY}},
                *(
                    {"adas": {"type": 1, "ident": {**IDENTITY, key: value}}}
                    for key, value in (
                        ("size", 17),
                        ("size", [1]),
                        ("terminal_id", "T0000001"),
                        ("terminal_id", 5),
                        ("terminal_id", "\ud800"),
                        ("time", "2611181906"),
                        ("time", "26111819064x"),
                        ("seq", 256),
                        ("count", True),
                        ("count", -1),
                        ("reserved", 256),
                        ("reserved", "x"),
                    )
                ),
                {"100": "AA"},
                {"100": "?"},
                {"100": 5},
                {"102": ""},
                {"102": base64.b64encode(bytes(41)).decode()},
                {"jimi": {"type": "1", "content": base64.b64encode(SHORT).decode()}},
                {"jimi": {"type": 1, "content": 5}},
                {"custome": "AAAA"},
                {"custome": {"232": 5}},
                {"custome": {"232": ""}},
            )
        ),
    ],
)
def test_what_is_not_as_it_should_be_has_none(message: dict[str, Any]) -> None:
    assert attachment_alarms(message) == []


def test_there_are_never_too_many() -> None:
    each = [{"type": 1, "ident": {**IDENTITY, "seq": seq}} for seq in range(200)]
    assert len(attachment_alarms({"header": {"msg_id": 0x0200}, "body": {"extra": {"adas": each}}})) == 64


@given(st.binary(min_size=16, max_size=120), st.sampled_from([0x64, 0x65, 0x66, 0x67, 0x70, 0xE8]))
def test_both_dialects_say_the_same_of_any_bytes(data: bytes, number: int) -> None:
    document, emqx = (attachment_alarms(record(dialect, item(number, data))) for dialect in DIALECTS)
    assert [(each.code, each.identity_hex, each.count) for each in document] == [
        (each.code, each.identity_hex, each.count) for each in emqx
    ]
