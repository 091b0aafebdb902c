"""What terminals say of themselves."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from jimigw.gateway.facts import learn
from jimigw.model.device import Card, Device
from jimigw.model.report import Report


def _b64(text: str) -> str:
    return base64.b64encode(text.encode("gb18030")).decode()


@pytest.mark.parametrize(
    ("protocol", "msg_id", "body", "facts"),
    [
        (
            "jt808",
            0x0100,
            {"model": "JC450 ", "color": 1, "license_number": "B 1"},
            {"model": "JC450", "told_plate": "B 1"},
        ),
        ("jt808", 0x0100, {"model": "", "color": 0, "license_number": "LVSHCAMB1CE054249"}, {}),
        (
            "jt808",
            0x0107,
            {"model": "M", "firmware_version": "V1", "iccid": "89860000000000000001"},
            {"model": "M", "firmware": "V1", "iccid": "89860000000000000001"},
        ),
        ("jt808", 0x0107, {"iccid": "0" * 20}, {}),
        (
            "jt808",
            0x0900,
            {"type": 0xF0, "data": _b64("VERSION:C371_0_0_STD_JM_JC371_V1.9.0.2b")},
            {"model": "JC371", "firmware": "C371_0_0_STD_JM_JC371_V1.9.0.2b"},
        ),
        ("jt808", 0x0900, {"type": 0xF1, "data": _b64("VERSION:C371_JC371_V1.9")}, {}),
        ("jt808", 0x0900, {"type": 0xF0, "data": "***"}, {}),
        (
            "jimi",
            0x94,
            {"file_type": 0x0A, "content": {"iccid": "8986000000000000000f"}},
            {"iccid": "8986000000000000000"},
        ),
        ("jimi", 0x94, {"file_type": 0x0A, "content": "broken"}, {}),
        (
            "jimi",
            0x94,
            {"file_type": 0x08, "content": "[VERSION]JC400D_WAVA_DMS_V4.2.13_210716.2013"},
            {"model": "JC400D", "firmware": "JC400D_WAVA_DMS_V4.2.13_210716.2013"},
        ),
        ("jimi", 0x94, {"file_type": 0x08, "content": "JC400"}, {}),
        ("jimi", 0x94, {"file_type": 0x07, "content": "[VERSION]JC400D_V4.2.13"}, {}),
        ("jimi", 0xE0, {"built_in": [{}, {}], "peripheral": [{}]}, {"cameras": 3}),
        ("jimi", 0xE0, {"built_in": [], "peripheral": None}, {"cameras": 0}),
        (
            "jimi",
            0x21,
            {"content": "[VERSION]JC400D_WAVA_V4.2.13"},
            {"model": "JC400D", "firmware": "JC400D_WAVA_V4.2.13"},
        ),
        ("jimi", 0x21, {"content": "RTMP:OK!"}, {}),
        (
            "jimi",
            0x21,
            {"content": "[VERSION]" + "JC400_" * 50 + "V1"},
            {"model": "JC400", "firmware": ("JC400_" * 50)[:64]},
        ),
        ("jimi", 0x22, {"content": "VERSION:JC400_V1"}, {}),
        ("jimi", 0x21, None, {}),
    ],
)
def test_a_message_tells(protocol: str, msg_id: int, body: Any, facts: dict[str, Any]) -> None:
    device = Device(protocol, card=Card("x"))
    message = {"header": {"msg_id": msg_id}, "body": body}
    learn(device, Report(protocol, "status", message, b"", datetime(2026, 1, 1, tzinfo=UTC)))
    names = ("model", "firmware", "iccid", "cameras", "told_plate")
    assert {name: getattr(device, name) for name in names if getattr(device, name) is not None} == facts
