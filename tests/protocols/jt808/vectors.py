"""The vectors of JT/T 808, and how the facts of an independent decoder are compared with the JSON of a packet."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from jimigw.protocols.jt808.codec import Packet, decode_body, decode_frame
from jimigw.protocols.jt808.frame import Frame, FrameDecoder
from jimigw.protocols.jt808.header import HEADERS, Header

_FOLDER = Path(__file__).parents[2] / "vectors"


def load(name: str) -> list[dict[str, Any]]:
    """The vectors of one file."""
    found: list[dict[str, Any]] = json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))
    return found


def name_of(vector: dict[str, Any], index: int) -> str:
    """A name for a test: message id, edition, number."""
    return f"{vector['msg_id']}-{vector.get('version') or vector.get('proto')}-{index}"


def numbered(vectors: list[dict[str, Any]]) -> dict[str, Any]:
    """The arguments of a parametrisation over these vectors."""
    return {"argvalues": vectors, "ids": [name_of(vector, index) for index, vector in enumerate(vectors)]}


def frame_of(hexed: str) -> Frame:
    """The one frame in these bytes."""
    found = FrameDecoder().feed(bytes.fromhex(hexed))
    assert len(found) == 1
    assert isinstance(found[0], Frame), found[0]
    return found[0]


def packet_of(hexed: str, edition: int | None = None) -> Packet:
    """The packet of the one frame in these bytes."""
    return decode_frame(frame_of(hexed), edition=edition)


def header_of(msg_id: int, edition: int) -> Header:
    """A header of a message without a frame."""
    form: Any = HEADERS[2019 if edition == 2019 else 2013, False]
    header: Header = form(msg_id=msg_id, phone=bytes(10 if edition == 2019 else 6))
    return header


def decoded(msg_id: int, edition: int, body: bytes) -> Any:
    """The packet of a body without a frame."""
    return decode_body(header_of(msg_id, edition), body, edition=edition)


#: a basic location, and how it is shown
PLACE = "00000001 00000003 01dc9a07 0739e487 0014 0087 005a 260102030405"
SHOWN_PLACE = {
    "alarm": 1,
    "status": 3,
    "latitude": 31234567,
    "longitude": 121234567,
    "altitude": 20,
    "speed": 135,
    "direction": 90,
    "time": "260102030405",
}

#: what the decoder of the facts noted beside the message
_BESIDE = {"manufacturer_width", "layout", "multimedia_len", "multimedia_head_hex", "trailing", "recorder_packet"}
#: keys that the facts have otherwise than the exchange format
_RENAMED = {"0x0201 location": "params", "0x0608 count": "length", "0x0608 items": "parsed"}


def differences(facts: Any, shown: Any, msg_id: str = "", path: str = "") -> list[str]:
    """Where the facts are not in the JSON ``shown``, a line each."""
    if isinstance(facts, dict):
        found: list[str] = []
        for key, fact in facts.items():
            if key not in _BESIDE:
                found += _entry(_RENAMED.get(f"{msg_id} {key}", str(key)), fact, shown, path)
        return found
    if isinstance(facts, list):
        if len(facts) != len(shown):
            return [f"{path}: {len(facts)} expected, {len(shown)} found"]
        return [
            line
            for index, (fact, each) in enumerate(zip(facts, shown, strict=True))
            for line in differences(fact, each, "", f"{path}[{index}]")
        ]
    # The padding of strings is cut on reading.
    same = facts.strip("\0 ") == shown.strip("\0 ") if isinstance(facts, str) else facts == shown
    return [] if same else [f"{path}: {facts!r} expected, {shown!r} found"]


def _entry(key: str, fact: Any, shown: Any, path: str) -> list[str]:
    at = f"{path}.{key}"
    if key == "extra":
        return [line for item in fact for line in _item(item, shown.get("extra", {}), at)]
    if key == "params" and isinstance(fact, list):
        return [line for item, each in zip(fact, shown["params"], strict=True) for line in _parameter(item, each, at)]
    if key.endswith("_hex"):
        key, fact = key.removesuffix("_hex"), _base64(fact)
    elif key == "reserved":
        fact = _base64(fact)
    if key not in shown:
        return [f"{at}: missing"]
    return differences(fact, shown[key], "", at)


def _item(item: dict[str, Any], shown: dict[str, Any], at: str) -> list[str]:
    named = {key: fact for key, fact in item.items() if key not in ("id", "hex", "bits")}
    found = []
    for key, fact in named.items():
        if isinstance(fact, dict) and isinstance(fact.get("ident"), str):
            fact = {each: value for each, value in fact.items() if each != "ident"}
        found += differences({key: fact}, shown, "", f"{at}.{item['id']}")
    raw = shown.get(str(int(item["id"], 16)))
    if raw is not None and raw != _base64(item["hex"]):
        found.append(f"{at}.{item['id']}: {item['hex']} expected, {raw} found")
    return found


def _parameter(item: dict[str, Any], shown: dict[str, Any], at: str) -> list[str]:
    value = shown["value"]
    if shown["id"] != item["id"]:
        return [f"{at}: {item['id']} expected, {shown['id']} found"]
    if isinstance(value, dict) or value == _base64(item["hex"]):
        return []  # of some the facts have the bytes only
    return differences(item["value"], value, "", f"{at}.{item['id']}")


def _base64(hexed: str) -> str:
    return base64.b64encode(bytes.fromhex(hexed)).decode("ascii")
