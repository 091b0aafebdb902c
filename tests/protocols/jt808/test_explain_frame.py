"""Whole frames explained: every byte once, escapes where they stand, and what would have been right."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.protocols.jt808.explain import explain_frame
from jimigw.protocols.jt808.frame import build, escape, unescape
from jimigw.protocols.jt808.header import Addressing, phone_bytes
from jimigw.wire.explain import Piece, leaves
from tests.protocols.jt808.vectors import load, numbered

TRUE = [*load("jt808"), *load("jt808-layout"), *load("exchange")]
TO = Addressing(2013, phone_bytes("13800138000", 2013))
HEARTBEAT = build(TO, 0x0002, b"", 0x7D7E)


def covered(pieces: list[Piece]) -> list[tuple[int, int]]:
    """The byte ranges of the leaves, those of bits once, empty ones left out."""
    return list(dict.fromkeys((piece.start, piece.end) for piece in leaves(pieces) if piece.start < piece.end))


def is_whole(raw: bytes, edition: int | None = None) -> bool:
    at = 0
    for start, end in covered(explain_frame(raw, edition)):
        if start != at:
            return False
        at = end
    return at == len(raw)


def problems(raw: bytes) -> list[tuple[str, str]]:
    return [(piece.name, piece.problem) for piece in explain_frame(raw) if piece.problem]


def shown(raw: bytes) -> dict[str, str]:
    return {piece.name: piece.shown for piece in explain_frame(raw)}


@pytest.mark.parametrize("vector", **numbered([*TRUE, *load("jt808-tolerance")]))
def test_every_byte_of_a_vector_once(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    assert is_whole(raw) and is_whole(raw, 2011)


@pytest.mark.parametrize("vector", **numbered(TRUE))
def test_delimiters_length_and_check_code_of_a_true_frame(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    found = shown(raw)
    assert found["start"] == found["end"] == "7e"
    assert found["check"].endswith(", true")
    assert [piece for piece in explain_frame(raw) if piece.problem and piece.name in ("check", "end", "unread")] == []


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda data: b"~" + data + b"~"))
def test_any_bytes(raw: bytes) -> None:
    assert is_whole(raw)


@given(st.binary(min_size=13, max_size=60))
def test_any_content_between_delimiters(content: bytes) -> None:
    assert is_whole(b"~" + escape(content) + b"~")


def test_the_properties_are_shown_bit_by_bit() -> None:
    raw = build(Addressing(2019, phone_bytes("13800138000", 2019)), 0x0801, bytes(100), 9, encrypt=1, part=(3, 2))
    found = shown(raw)
    assert {name: found[name] for name in ("msg_id", "versioned", "fragmented", "encrypt", "length", "phone")} == {
        "msg_id": "0x0801: Multimedia data",
        "versioned": "yes",
        "fragmented": "yes",
        "encrypt": "1",
        "length": "100 byte, true",
        "phone": "00000000013800138000",
    }
    assert (found["proto_ver"], found["frag_total"], found["frag_sn"]) == ("1", "3", "2")
    bits = {piece.name: piece.bits for piece in explain_frame(raw) if piece.bits}
    assert bits == {"reserved": "bit 15", "versioned": "bit 14", "fragmented": "bit 13", "encrypt": "bits 12-10",
                    "length": "bits 9-0"}  # fmt: skip


def test_escapes_are_shown_where_they_stand() -> None:
    (serial,) = [piece for piece in explain_frame(HEARTBEAT) if piece.name == "msg_sn"]
    assert (serial.value, HEARTBEAT[serial.start : serial.end].hex()) == (0x7D7E, "7d017d02")
    assert serial.meaning.endswith("; 7d 01 stands for 7d, 7d 02 stands for 7e")


def test_the_identity_behind_a_phone_field_that_is_no_number() -> None:
    raw = build(Addressing(2013, bytes.fromhex("4eb6fb4ad628")), 0x0002, b"", 1)
    (phone,) = [piece for piece in explain_frame(raw) if piece.name == "phone"]
    assert (phone.shown, phone.meaning) == ("4eb6fb4ad628", "terminal phone number: terminal 865478070001047")


def test_the_edition_decides_where_the_header_does_not() -> None:
    raw = build(TO, 0x0700, bytes.fromhex("01 0003 0003 616263"), 1)
    assert "seq" in shown(raw)
    assert "seq" not in {piece.name for piece in explain_frame(raw, 2011)}


PLAIN = unescape(HEARTBEAT[1:-1]) or b""


@pytest.mark.parametrize(
    ("raw", "name", "problem"),
    [
        (b"~" + escape(PLAIN[:-1] + bytes((PLAIN[-1] ^ 1,))) + b"~", "check", f"false: {PLAIN[-1]:02x} is right"),
        (HEARTBEAT[:-1], "end", "missing: 7e ends a frame"),
        (b"~" + bytes(13) + b"}\x03~", "unread", "7d03 at byte 14 is no escape: 01 or 02 follows 7d"),
        (b"~" + bytes(13) + b"}~", "unread", "7d at byte 14 is no escape: 01 or 02 follows 7d"),
        (b"~123~45~", "unread", "delimiter 7e within the frame, at byte 4"),
        (b"~123~", "unread", "3 bytes are too few for a frame, the smallest has 13 between its delimiters"),
        (b"~~", "unread", "0 bytes are too few for a frame, the smallest has 13 between its delimiters"),
        (b"~", "end", "missing: 7e ends a frame"),
        (b"", "unread", "starts with no delimiter 7e: no frame"),
        (b"abc", "unread", "starts with no delimiter 7e: no frame"),
        (bytes.fromhex("7e0002400001380013800000023b7e"), "versioned",
         "set over a header of 2013: the length comes out for no other"),
    ],
)  # fmt: skip
def test_what_is_wrong(raw: bytes, name: str, problem: str) -> None:
    assert (name, problem) in problems(raw)


def test_a_length_that_is_not_the_bodys() -> None:
    raw = bytearray(unescape(build(TO, 0x0001, bytes(5), 1)[1:-1]) or b"")
    raw[3], raw[-1] = 9, raw[-1] ^ 5 ^ 9
    assert problems(b"~" + bytes(raw) + b"~") == [("length", "false: 5 bytes of body are there")]


def test_a_body_without_a_layout_says_how_far_it_goes() -> None:
    found = problems(build(TO, 0x0200, bytes(10), 1))
    assert [name for name, _ in found] == ["unread"]
    assert "needs 4 bytes, 2 are left" in found[0][1]


@pytest.mark.parametrize(
    ("msg_id", "encrypt", "part", "meaning"),
    [
        (0x0F01, 0, None, "body of an id that is not known, kept raw"),
        (0x0200, 1, None, "encrypted body, kept raw"),
        (0x0200, 0, (2, 1), "a piece of a long message, to be read when all of them are there"),
    ],
)
def test_a_body_that_is_kept_raw(msg_id: int, encrypt: int, part: tuple[int, int] | None, meaning: str) -> None:
    raw = build(TO, msg_id, b"abc", 1, encrypt=encrypt, part=part)
    assert [(piece.shown, piece.meaning) for piece in explain_frame(raw) if piece.name == "data"] == [
        ("61 62 63", meaning)
    ]
