"""Layouts that no public frame shows: the edition of 2011, forms of other editions, JT/T 1078 and T/JSATL12."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jimigw.protocols.jt808.codec import encode_body
from tests.protocols.jt808.vectors import PLACE, SHOWN_PLACE, decoded

CANONICAL: dict[str, tuple[int, int, str, dict[str, Any]]] = {
    # id, edition, bytes, JSON: both ways
    "registration 2011": (
        0x0100,
        2011,
        "001f 006e 6364313233 7777772e3830382e 37363534333231 01 b2e241313233 00",
        {
            "province": 31,
            "city": 110,
            "manufacturer": "cd123",
            "model": "www.808.",
            "dev_id": "7654321",
            "color": 1,
            "license_number": "测A123",
        },
    ),
    "registration answer 2011": (0x8100, 2011, "0001 00 616263 00", {"seq": 1, "result": 0, "auth_code": "abc"}),
    "registration refused": (0x8100, 2013, "0001 03", {"seq": 1, "result": 3}),
    "authentication 2011": (0x0102, 2011, "616263 00", {"code": "abc"}),
    "authentication, length before the version": (
        0x0102,
        2019,
        "03616263 383838383838383838383838383838 02 5631",
        {"code_len": 3, "code": "abc", "imei": "8" * 15, "sw_version_len": 2, "sw_version": "V1"},
    ),
    "authentication, version to the end": (
        0x0102,
        2019,
        "03616263 383838383838383838383838383838 56312e32",
        {"code_len": 3, "code": "abc", "imei": "8" * 15, "sw_version_len": 4, "sw_version": "V1.2"},
    ),
    "attributes with 11 bytes of manufacturer": (
        0x0107,
        2019,
        "0001" + "3132333435363738393031" + "6d" * 30 + "69" * 30 + "00" * 10 + "0168" + "0166" + "03 20",
        {
            "type": 1,
            "manufacturer": "12345678901",
            "model": "m" * 30,
            "id": "i" * 30,
            "iccid": "0" * 20,
            "hardware_version": "h",
            "firmware_version": "f",
            "gnss_prop": 3,
            "comm_prop": 32,
        },
    ),
    "parameters 2011": (
        0x8103,
        2011,
        "01 01 00000001 04 0000003c",
        {"length": 1, "params": [{"id": 1, "value": 60}]},
    ),
    "parameters answer 2011": (
        0x0104,
        2011,
        "0007 01 01 00000010 05 636d6e6574",
        {"seq": 7, "length": 1, "params": [{"id": 16, "value": "cmnet"}]},
    ),
    "a parameter twice": (
        0x8103,
        2013,
        "02 00000013 01 61 00000013 01 62",
        {"length": 2, "params": [{"id": 19, "value": "a"}, {"id": 19, "value": "b"}]},
    ),
    "a parameter not set": (0x8103, 2013, "01 00000001 00", {"length": 1, "params": [{"id": 1, "value": None}]}),
    "parameters since 2019": (
        0x8103,
        2019,
        "02 00000023 02 6362 00000032 04 16320a1e",
        {"length": 2, "params": [{"id": 0x23, "value": "cb"}, {"id": 0x32, "value": "FjIKHg=="}]},
    ),
    "control 2011": (0x8105, 2011, "02 313b 00", {"command": 2, "param": "1;"}),
    "location answer 2011": (0x0201, 2011, PLACE, {"params": SHOWN_PLACE}),
    "location answer": (0x0201, 2013, "0007" + PLACE, {"seq": 7, "params": SHOWN_PLACE}),
    "tracking stopped": (0x8202, 2013, "0000", {"period": 0}),
    "text 2011": (0x8300, 2011, "01 6869 00", {"flag": 1, "text": "hi"}),
    "events 2011": (
        0x8301,
        2011,
        "01 01 01 05 02 6869",
        {"type": 1, "length": 1, "events": [{"id": 5, "length": 2, "content": "hi"}]},
    ),
    "events, delete all": (0x8301, 2013, "00", {"type": 0}),
    "events, delete some": (
        0x8301,
        2013,
        "04 02 05 06",
        {"type": 4, "length": 2, "events": [{"id": 5}, {"id": 6}]},
    ),
    "events, delete some, with lengths": (
        0x8301,
        2013,
        "04 02 05 00 06 00",
        {
            "type": 4,
            "length": 2,
            "events": [{"id": 5, "length": 0, "content": ""}, {"id": 6, "length": 0, "content": ""}],
        },
    ),
    "menu 2011": (
        0x8303,
        2011,
        "01 01 01 05 0002 6869",
        {"type": 1, "length": 1, "menus": [{"type": 5, "length": 2, "info": "hi"}]},
    ),
    "information 2011": (0x8304, 2011, "05 0002 0002 6869", {"type": 5, "info": "hi"}),
    "call back 2011": (0x8400, 2011, "01 3130 00", {"type": 1, "phone": "10"}),
    "phone book 2011": (
        0x8401,
        2011,
        "01 01 01 03 01 31 01 61",
        {
            "type": 1,
            "length": 1,
            "contacts": [{"type": 3, "phone_len": 1, "phone": "1", "name_len": 1, "name": "a"}],
        },
    ),
    "circles 2011": (
        0x8600,
        2011,
        "01 01 01 00000001 0000 01dc9a07 0739e487 00000064",
        {
            "type": 1,
            "length": 1,
            "areas": [{"id": 1, "flag": 0, "center_latitude": 31234567, "center_longitude": 121234567, "radius": 100}],
        },
    ),
    "circle 2019 without a speed limit has a name": (
        0x8600,
        2019,
        "01 01 00000001 0000 01dc9a07 0739e487 00000064 0002 6162",
        {
            "type": 1,
            "length": 1,
            "areas": [
                {
                    "id": 1,
                    "flag": 0,
                    "center_latitude": 31234567,
                    "center_longitude": 121234567,
                    "radius": 100,
                    "name_len": 2,
                    "name": "ab",
                }
            ],
        },
    ),
    "polygon 2011": (
        0x8604,
        2011,
        "00000001 0000 0001 01 00000003 00000004",
        {"id": 1, "flag": 0, "length": 1, "points": [{"lat": 3, "lng": 4}]},
    ),
    "route 2011": (
        0x8606,
        2011,
        "00000001 0000 0001 01 00000002 00000003 00000004 05 03 0006 0007 08",
        {
            "id": 1,
            "flag": 0,
            "length": 1,
            "points": [
                {
                    "path_id": 2,
                    "point_lat": 3,
                    "point_lng": 4,
                    "width": 5,
                    "attrib": 3,
                    "passed": 6,
                    "max_speed": 7,
                    "overspeed_duration": 8,
                }
            ],
        },
    ),
    "records 2011": (0x0700, 2011, "08 0003 0003 010203", {"command": 8, "data": "AQID"}),
    "waybill": (0x0701, 2013, "00000003 616263", {"length": 3, "data": "YWJj"}),
    "driver 2011": (
        0x0702,
        2011,
        "0161" + "31" * 20 + "32" * 40 + "0162",
        {"driver_name": "a", "id_card": "1" * 20, "certificate": "2" * 40, "organization": "b"},
    ),
    "driver off duty": (0x0702, 2013, "02 260102030405", {"status": 2, "time": "260102030405"}),
    "satellites": (
        0x0205,
        2019,
        "01 05 1e 005a 28 00 00 00" + PLACE,
        {
            "beidou": [{"number": 5, "elevation": 30, "azimuth": 90, "snr": 40}],
            "gps": [],
            "glonass": [],
            "galileo": [],
            "location": SHOWN_PLACE,
        },
    ),
    "multimedia 2011": (
        0x0801,
        2011,
        "00000001 00 00 01 02 00000003 00000001 4a50",
        {
            "id": 1,
            "type": 0,
            "format": 0,
            "event": 1,
            "channel": 2,
            "packets": 3,
            "packet": 1,
            "multimedia": "SlA=",
        },
    ),
    "multimedia answer, complete": (0x8800, 2013, "00000001", {"mm_id": 1}),
    "multimedia answer 2011": (0x8800, 2011, "0007 00000001", {"seq": 7, "mm_id": 1}),
    "multimedia found 2011": (
        0x0802,
        2011,
        "0001 01 00 01 02" + PLACE,
        {"length": 1, "result": [{"type": 0, "channel": 1, "event": 2, "location": SHOWN_PLACE}]},
    ),
    "multimedia found 2019, with items": (
        0x0802,
        2019,
        "0007 0001 00000009 00 01 02" + PLACE + "3001 05",
        {
            "seq": 7,
            "length": 1,
            "result": [
                {"id": 9, "type": 0, "channel": 1, "event": 2, "location": {**SHOWN_PLACE, "extra": {"rssi": 5}}}
            ],
        },
    ),
    "transparent 2011": (0x0900, 2011, "41 00000003 0003 616263", {"type": 0x41, "data": "YWJj"}),
    "transparent down 2011": (0x8900, 2011, "41 00000003 0003 616263", {"type": 0x41, "data": "YWJj"}),
    "server time": (
        0x8004,
        2019,
        "170315170923",
        {"year": 2017, "month": 3, "day": 15, "hour": 17, "minute": 9, "second": 23},
    ),
    "attachments wanted, wide identity": (
        0x9208,
        2019,
        "01 31 0001 0002" + "61" * 30 + "260102030405 01 02 0000" + "62" * 32 + "00" * 16,
        {
            "ip": "1",
            "tcp_port": 1,
            "udp_port": 2,
            "ident": {"terminal_id": "a" * 30, "time": "260102030405", "seq": 1, "count": 2, "size": 40},
            "alarm_no": "b" * 32,
            "reserved": "A" * 21 + "A==",
        },
    ),
    "wiper": (0x9304, 2013, "01 01", {"channel": 1, "value": 1}),
    "upgrade progress": (
        0x1FC4,
        2019,
        "0007 64 01 32 00",
        {"seq": 7, "kind": 100, "state": 1, "percent": 50, "error": 0},
    ),
}


@pytest.mark.parametrize(("msg_id", "edition", "body", "shown"), CANONICAL.values(), ids=CANONICAL)
def test_both_ways(msg_id: int, edition: int, body: str, shown: dict[str, Any]) -> None:
    raw = bytes.fromhex(body)
    packet = decoded(msg_id, edition, raw)
    assert (packet.to_json()["body"], packet.notes) == (shown, [])
    assert packet.body.encode() == raw
    if packet.body.__class__.__name__ not in ("Authentication2019Prefixed", "Authentication2019Open"):
        assert encode_body(msg_id, json.loads(json.dumps(shown)), edition) == raw
