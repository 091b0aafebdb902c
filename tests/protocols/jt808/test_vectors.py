"""Every published frame: its facts, and its bytes again. `vectors/` says where each comes from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jimigw.protocols.jt808.codec import decode_body, encode_json
from jimigw.protocols.jt808.dialect import DIALECTS, Dialect
from jimigw.protocols.jt808.frame import build
from tests.protocols.jt808.vectors import differences, frame_of, header_of, load, numbered, packet_of

FRAMES = load("jt808")
WHOLE = [vector for vector in FRAMES if "body" in vector["facts"]]
PARTS = [vector for vector in FRAMES if "body" not in vector["facts"]]
BODIES = load("jt808-bodies")
TOLERANCE = load("jt808-tolerance")

NOT_CANONICAL = {
    ("0x0100", 2011): "the plate of 2011 has no NUL behind it, which the standard wants",
    ("0x8400", None): "the phone number is filled with NULs, which are padding",
}
"""Messages that are not written as they were read: (id, edition of the facts), why."""

NOT_CANONICAL_JSON = {
    **NOT_CANONICAL,
    ("0x0104", None): "a number has three bytes; written, it has the one of its table",
    ("0x0107", None): "a manufacturer of 11 bytes is read where the lengths say so; written, it has 5",
    ("0x0704", None): "a byte behind the items of a location belongs to none",
    ("0x0200", None): "an id stands twice",
}
"""As above, by way of JSON."""


def _excused(vector: dict[str, Any], table: dict[tuple[str, int | None], str]) -> bool:
    return (vector["msg_id"], vector["facts"].get("edition")) in table


def test_all_are_here() -> None:
    assert (len(FRAMES), len({vector["msg_id"] for vector in FRAMES})) == (280, 77)
    assert (len(WHOLE), len(PARTS), len(BODIES), len(TOLERANCE)) == (262, 18, 27, 61)


@pytest.mark.parametrize("vector", **numbered(FRAMES))
def test_header(vector: dict[str, Any]) -> None:
    frame = frame_of(vector["hex"])
    assert frame.fits
    assert frame.header.to_json() == vector["facts"]["header"]
    assert frame.header.version == vector["version"]
    assert frame.data.hex() == vector["hex"]


@pytest.mark.parametrize("vector", **numbered(FRAMES))
def test_frame_is_built_again(vector: dict[str, Any]) -> None:
    frame = frame_of(vector["hex"])
    header = frame.header
    part = (header.frag_total, header.frag_sn) if header.fragmented else None
    built = build(header.addressing, header.msg_id, frame.body, header.msg_sn, encrypt=header.encrypt, part=part)
    assert built.hex() == vector["hex"]


@pytest.mark.parametrize("vector", **numbered(WHOLE))
def test_facts(vector: dict[str, Any]) -> None:
    packet = packet_of(vector["hex"], vector["facts"].get("edition"))
    assert packet.opaque == ""
    # The facts have the server time in one string, as EMQX has it.
    dialect: Dialect = "emqx" if vector["msg_id"] == "0x8004" else "document"
    assert differences(vector["facts"]["body"], packet.to_json(dialect)["body"], vector["msg_id"]) == []


@pytest.mark.parametrize("vector", **numbered(WHOLE))
def test_body_is_encoded_again(vector: dict[str, Any]) -> None:
    packet = packet_of(vector["hex"], vector["facts"].get("edition"))
    assert packet.body is not None
    assert (packet.body.encode() == packet.data) is not _excused(vector, NOT_CANONICAL)


@pytest.mark.parametrize("vector", **numbered(WHOLE))
def test_json_is_encoded_again(vector: dict[str, Any]) -> None:
    edition = vector["facts"].get("edition")
    document = json.loads(json.dumps(packet_of(vector["hex"], edition).to_json()))
    if edition:
        document["header"]["version"] = edition
    (sent,) = encode_json(document)
    if not _excused(vector, NOT_CANONICAL_JSON):
        assert sent.hex() == vector["hex"]
    again = packet_of(sent.hex(), edition)
    if vector["msg_id"] not in ("0x0107", "0x0704"):
        assert again.to_json()["body"] == document["body"]


@pytest.mark.parametrize("vector", **numbered(PARTS))
def test_part_is_not_read_alone(vector: dict[str, Any]) -> None:
    packet = packet_of(vector["hex"])
    assert (packet.body, packet.opaque) == (None, "part")
    assert len(packet.data) == vector["facts"]["body_slice_len"]
    assert packet.to_json()["body"].keys() == {"part", "data"}
    assert encode_json(packet.to_json()) == [bytes.fromhex(vector["hex"])]


def test_parts_make_whole_messages() -> None:
    for last in (vector for vector in PARTS if "reassembled" in vector["facts"]):
        name = last["facts"]["set"]
        parts = [packet_of(vector["hex"]) for vector in PARTS if vector["facts"]["set"] == name]
        body = b"".join(part.data for part in sorted(parts, key=lambda part: part.header.frag_sn))
        assert len(body) == last["facts"]["reassembled_len"]
        packet = decode_body(parts[0].header, body)
        assert differences(last["facts"]["reassembled"], packet.to_json()["body"], last["msg_id"]) == [], name


@pytest.mark.parametrize("vector", **numbered(BODIES))
def test_bodies(vector: dict[str, Any]) -> None:
    body = bytes.fromhex(vector["body_hex"])
    packet = decode_body(header_of(int(vector["msg_id"], 16), vector["version"]), body)
    assert packet.body is not None
    shown = packet.to_json()["body"]
    if vector["msg_id"] == "0x8500":
        assert shown["controls"] == [{"type_id": 1, "param": "AA=="}, {"type_id": 0xF001, "param": "AQ=="}]
    else:
        assert differences(vector["facts"], shown, vector["msg_id"]) == []
    if "recorder_packet" in vector["facts"]:
        assert shown["packet"]["command"] == int(vector["facts"]["recorder_packet"]["cmd"], 16)
        assert shown["packet"]["check_ok"] is vector["facts"]["recorder_packet"]["xor_ok"]
    assert packet.notes == []
    assert packet.body.encode() == body


@pytest.mark.parametrize("vector", **numbered(TOLERANCE))
def test_broken_layouts_keep_their_header(vector: dict[str, Any]) -> None:
    packet = packet_of(vector["hex"])
    shown = packet.to_json()
    json.dumps(packet.to_json("emqx"))
    if packet.header.versioned and packet.header.version == 2013:
        # The vector reads a header of 2019 by bit 14; the length says 2013.
        assert shown["header"]["msg_id"] == vector["header"]["msg_id"]
    else:
        assert shown["header"] == vector["header"]
    assert packet.data in bytes.fromhex(vector["hex"].replace("7d01", "7d").replace("7d02", "7e"))


@pytest.mark.parametrize(
    ("why", "opaque", "notes"),
    [
        ("declared body length 47 but 53", "", ["the header says 47 bytes of body, 53 are there"]),
        ("declared body length 12 but 7", "", ["bit 14 of the properties is set over a header of 2013"]),
        ("declared body length 108 but 103", "", ["bit 14 of the properties is set over a header of 2013"]),
        ("bytes left over after the standard layout: 00a8", "", ["2 bytes behind the last field"]),
        ("encryption bits set", "encrypted", []),
        ("message ID outside the reference", "unknown", []),
    ],
)
def test_what_is_said_of_them(why: str, opaque: str, notes: list[str]) -> None:
    packet = packet_of(next(vector["hex"] for vector in TOLERANCE if why in vector["why"]))
    assert (packet.opaque, packet.notes) == (opaque, notes)


def test_every_message_has_its_json_in_both_dialects() -> None:
    for vector in WHOLE:
        packet = packet_of(vector["hex"])
        assert packet.body is not None
        cls = type(packet.body)
        for dialect in DIALECTS:
            json.dumps(packet.to_json(dialect))
            straight = cls.__wire__.json_decoder(dialect)(packet.data, 0, len(packet.data), [])
            assert straight == packet.body.to_json(dialect)
