"""What the running EMQX gateway makes of frames and of JSON, both ways."""

from __future__ import annotations

from typing import Any

import pytest

from jimigw.protocols.jt808.codec import encode_json
from jimigw.protocols.jt808.dialect import DIALECTS
from tests.protocols.jt808.vectors import load, packet_of

VECTORS = load("exchange")
UP = [vector for vector in VECTORS if vector["direction"] == "up"]
DOWN = [vector for vector in VECTORS if vector["direction"] == "dn"]


def named(vectors: list[dict[str, Any]]) -> dict[str, Any]:
    return {"argvalues": vectors, "ids": [vector["id"].removeprefix("probe: ") for vector in vectors]}


def test_all_are_here() -> None:
    assert (len(UP), len(DOWN)) == (32, 41)
    assert {vector["dialect"] for vector in VECTORS} == {"emqx"}


@pytest.mark.parametrize("vector", **named(UP))
def test_frame_to_json(vector: dict[str, Any]) -> None:
    assert packet_of(vector["hex"]).to_json("emqx") == vector["json"]


@pytest.mark.parametrize("vector", **named(UP))
def test_json_to_frame_and_back(vector: dict[str, Any]) -> None:
    (sent,) = encode_json(vector["json"], "emqx")
    # JSON has its keys in any order, and a repeated id once.
    assert {**packet_of(sent.hex()).to_json("emqx")["body"]} == vector["json"]["body"]
    if "extra" not in vector["json"]["body"]:
        assert sent.hex() == vector["hex"]


@pytest.mark.parametrize("vector", **named(DOWN))
def test_json_to_frame(vector: dict[str, Any]) -> None:
    assert [sent.hex() for sent in encode_json(vector["json"], "emqx")] == [vector["hex"]]


@pytest.mark.parametrize("vector", **named(DOWN))
def test_downlink_is_read_again(vector: dict[str, Any]) -> None:
    packet = packet_of(vector["hex"])
    shown = packet.to_json("emqx")
    assert shown["header"]["msg_id"] == vector["json"]["header"]["msg_id"]
    if packet.body is not None and not packet.notes:
        assert encode_json(shown, "emqx") == [bytes.fromhex(vector["hex"])]


@pytest.mark.parametrize("vector", **named(DOWN))
def test_document_dialect_understands_the_keys(vector: dict[str, Any]) -> None:
    """All but the areas whose keys contradict their attribute bits, which only EMQX writes."""
    if vector["id"].startswith(("probe: 8600", "probe: 8602", "probe: 8604", "probe: 8606")):
        return
    assert [sent.hex() for sent in encode_json(vector["json"], "document")] == [vector["hex"]]


PHONE = {"phone": "000123456789", "msg_sn": 5}
BOTH_SPELLINGS: list[tuple[int, int, dict[str, Any], dict[str, Any]]] = [
    (0x0005, 2019, {"seq": 1, "length": 2, "ids": [1, 2]}, {"seq": 1, "count": 2, "ids": [1, 2]}),
    (
        0x0102,
        2019,
        {"code_len": 1, "code": "c", "imei": "8" * 15, "sw_version_len": 2, "sw_version": "V1"},
        {"code": "c", "imei": "8" * 15, "software_version": "V1"},
    ),
    (0x0608, 2019, {"type": 1, "length": 1, "items": "YWJj"}, {"type": 1, "count": 1, "data": "YWJj"}),
    (0x8608, 2019, {"type": 1, "length": 1, "ids": [9]}, {"type": 1, "count": 1, "ids": [9]}),
    (
        0x8004,
        2019,
        {"year": 2026, "month": 1, "day": 20, "hour": 10, "minute": 30, "second": 45},
        {"time": "260120103045"},
    ),
    (
        0x8500,
        2019,
        {"length": 1, "controls": [{"type_id": 1, "param": "AQ=="}]},
        {"count": 1, "controls": [{"id": 1, "param": "\x01"}]},
    ),
    (
        0x0704,
        2013,
        {"type": 0, "length": 0, "location": []},
        {"length": 0, "location": [], "type": 0},
    ),
]


@pytest.mark.parametrize(
    ("msg_id", "version", "document", "emqx"), BOTH_SPELLINGS, ids=[f"0x{row[0]:04x}" for row in BOTH_SPELLINGS]
)
def test_spellings(msg_id: int, version: int, document: dict[str, Any], emqx: dict[str, Any]) -> None:
    header = {"msg_id": msg_id, "version": version, **PHONE}
    frames = {
        encode_json({"header": header, "body": body}, dialect)[0].hex()
        for body in (document, emqx)
        for dialect in DIALECTS
    }
    assert len(frames) == 1
    packet = packet_of(frames.pop())
    assert packet.to_json("document")["body"] == document
    assert packet.to_json("emqx")["body"] == emqx


def test_flag_of_the_page_stands_beside_the_controls() -> None:
    header = {"msg_id": 0x8500, "version": 2019, **PHONE}
    with_flag = {"flag": 1, "length": 1, "controls": [{"type_id": 1, "param": 1}]}
    (sent,) = encode_json({"header": header, "body": with_flag})
    assert packet_of(sent.hex()).data.hex() == "0001" + "000101"


def test_contradiction_of_an_area_is_told_in_the_document_dialect() -> None:
    area = {"id": 1, "flag": 2, "center_latitude": 3, "center_longitude": 4, "radius": 5}
    document = {"header": {"msg_id": 0x8600, **PHONE}, "body": {"type": 0, "areas": [area]}}
    with pytest.raises(ValueError, match=r"max_speed: is missing: it has to be there if bit 1 of flag is set"):
        encode_json(document)
    assert len(encode_json(document, "emqx")) == 1
