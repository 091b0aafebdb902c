"""Bodies that are not as their edition has them, what is wrong in them, and what lies within others."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from jimigw.protocols.jt808.messages.recorder import recorder_packet
from jimigw.protocols.jt808.messages.routes import stored_areas
from jimigw.protocols.jt808.messages.transparent import MOST_INFLATED, inflate
from tests.protocols.jt808.vectors import PLACE, SHOWN_PLACE, decoded


def test_every_layout_of_another_edition_is_named() -> None:
    assert decoded(0x0102, 2019, b"only a code").to_json()["body"]["code"] == "only a code"


READ_ONLY: dict[str, tuple[int, int, str, str, Any]] = {
    # id, edition of the header, bytes, key, its value
    "registration 2013, smallest (traccar 833)": (0x0100, 2013, "00" * 37, "dev_id", ""),
    "registration 2011 under a header of 2013": (
        0x0100,
        2013,
        "001f006e" + "6364313233" + "7777772e3830382e" + "37363534333231" + "01" + "41313233",
        "license_number",
        "A123",
    ),
    "registration 2011 with a VIN": (
        0x0100,
        2013,
        "001f006e" + "6364313233" + "7777772e3830382e" + "37363534333231" + "00" + "41" * 17,
        "license_number",
        "A" * 17,
    ),
    "registration 2013 with a long model and a short plate": (
        0x0100,
        2013,
        "001f006e" + "6364313233" + "6d" * 20 + "37363534333231" + "02" + "41313233",
        "license_number",
        "A123",
    ),
    "registration 2013 with the colour of a farm plate": (
        0x0100,
        2013,
        "001f006e" + "6364313233" + "6d6d" + "00" * 18 + "37363534333231" + "5b" + "41313233",
        "color",
        91,
    ),
    "registration 2013 under a header of 2019": (
        0x0100,
        2019,
        "001f006e" + "6364313233" + "6d" * 20 + "37363534333231" + "02" + "41313233",
        "model",
        "m" * 20,
    ),
    "padding on the left": (
        0x0100,
        2013,
        "001f006e" + "0000006364" + "20" * 10 + "6d" * 10 + "00000000000041" + "0100",
        "model",
        "m" * 10,
    ),
    "attributes 2013 under a header of 2019": (
        0x0107,
        2019,
        "0001" + "3132333435" + "6d" * 20 + "69" * 7 + "00" * 10 + "0168" + "0166" + "0320",
        "id",
        "i" * 7,
    ),
    "driver 2011 under a header of 2013": (
        0x0702,
        2013,
        "0361616131" + "31" * 19 + "32" * 40 + "0162",
        "driver_name",
        "aaa",
    ),
    "driver 2019 under a header of 2013": (
        0x0702,
        2013,
        "01 260102030405 00 0161" + "31" * 20 + "0162" + "20300101" + "33" * 20,
        "id_card",
        "3" * 20,
    ),
    "location answer without a serial number": (0x0201, 2013, PLACE, "params", SHOWN_PLACE),
    "a message of 2019 under a header of 2013": (
        0x0205,
        2013,
        "00 00 00 00" + PLACE,
        "location",
        SHOWN_PLACE,
    ),
    "strings with NULs behind": (0x8300, 2013, "01 686900", "text", "hi"),
    "strings that are no GBK": (0x8300, 2013, "01 ff6869", "text", "\\xffhi"),
}


@pytest.mark.parametrize(("msg_id", "edition", "body", "key", "value"), READ_ONLY.values(), ids=READ_ONLY)
def test_is_read(msg_id: int, edition: int, body: str, key: str, value: Any) -> None:
    assert decoded(msg_id, edition, bytes.fromhex(body)).to_json()["body"][key] == value


NOTED: dict[str, tuple[int, str, dict[str, Any], list[str]]] = {
    "count over the end": (
        0x8106,
        "05 00000001 00000002",
        {"length": 2, "ids": [1, 2]},
        ["ids[2]: needs 4 bytes, 0 are left (at byte 9)", "count says 5, 2 could be read"],
    ),
    "largest count": (
        0x0704,
        "ffff 00",
        {"type": 0, "length": 0, "location": []},
        ["[0]: needs 2 bytes, 0 are left (at byte 3)", "count says 65535, 0 could be read"],
    ),
    "one broken location": (
        0x0704,
        "0002 00 0003 010203 001c" + PLACE,
        {"type": 0, "length": 2, "location": [{"data": "AQID"}, SHOWN_PLACE]},
        ["alarm: Location ends here: its fixed part needs 28 bytes, 3 are there (at byte 5); kept raw"],
    ),
    "string over the end": (
        0x8302,
        "01 09 6869",
        {"flag": 1, "length": 2, "question": "hi", "answers": []},
        ["length 9 at byte 1 runs 7 bytes over the end, cut"],
    ),
    "parameter over the end": (
        0x8103,
        "02 00000001 04 0000003c 00000002 04 00",
        {"length": 1, "params": [{"id": 1, "value": 60}], "surplus": "AAAAAgQA"},
        [
            "item 0x00000002 at byte 10 has length 4, 1 bytes are left",
            "count says 2, 1 parameters could be read",
            "6 bytes behind the last field",
        ],
    ),
    "heartbeat with vendor's bytes": (
        0x0002,
        "641f00",
        {"surplus": "ZB8A"},
        ["3 bytes behind the last field"],
    ),
}


@pytest.mark.parametrize(("msg_id", "body", "shown", "notes"), NOTED.values(), ids=NOTED)
def test_what_is_wrong_costs_itself(msg_id: int, body: str, shown: dict[str, Any], notes: list[str]) -> None:
    packet = decoded(msg_id, 2013, bytes.fromhex(body))
    assert packet.to_json()["body"] == shown
    assert [note.removeprefix("ids") for note in packet.notes] == [note.removeprefix("ids") for note in notes]


# -- what lies within ---------------------------------------------------------------------------------------------


def test_inflated_within_bounds() -> None:
    assert inflate(gzip.compress(b"body")) == b"body"
    assert inflate(zlib.compress(b"body")) == b"body"
    assert inflate(b"no gzip") is None
    assert inflate(gzip.compress(b"body")[:-9]) is None
    bomb = gzip.compress(bytes(64 * MOST_INFLATED))
    assert len(bomb) < MOST_INFLATED
    assert inflate(bomb) is None
    assert inflate(gzip.compress(bytes(MOST_INFLATED))) == bytes(MOST_INFLATED)


def test_compressed_data_show_what_is_in_them() -> None:
    data = gzip.compress(b"abc")
    shown = decoded(0x0901, 2013, len(data).to_bytes(4, "big") + data)
    assert shown.to_json()["body"]["inflated"] == "YWJj"
    assert shown.to_json("emqx")["body"].keys() == {"length", "data"}


@pytest.mark.parametrize(
    ("packet", "shown"),
    [
        ("557a00000200190135", {"command": 0, "name": "standard edition", "block": "GQE=", "check_ok": True}),
        ("aa7500000200190136", {"command": 0, "name": "standard edition", "block": "GQE=", "check_ok": False}),
        ("557afa00d5", {"command": 0xFA, "name": "collection failed", "block": "", "check_ok": True}),
        ("557a770000002f", {"command": 0x77, "name": "command 0x77", "block": "", "check_ok": False}),
        ("557a0000ff00190135", None),
        ("0102030405060708", None),
        ("", None),
    ],
)
def test_recorder_packet(packet: str, shown: dict[str, Any] | None) -> None:
    assert recorder_packet(bytes.fromhex(packet)) == shown


CIRCLE = "00000001 0000 01dc9a07 0739e487 00000064 0000"


@pytest.mark.parametrize(
    ("type_", "count", "data", "found"),
    [
        (1, 1, "01 01" + CIRCLE, 1),
        (1, 2, CIRCLE + CIRCLE, 2),
        (1, 1, CIRCLE + "00", None),
        (1, 0, "", 0),
        (3, 1, "00000001 0000 0001 00000003 00000004 0000", 1),
        (5, 1, CIRCLE, None),
        (1, 0xFFFFFFFF, CIRCLE, None),
    ],
)
def test_stored_areas(type_: int, count: int, data: str, found: int | None) -> None:
    areas = stored_areas(type_, count, bytes.fromhex(data))
    assert (None if areas is None else len(areas)) == found
