"""`jimigw decode` and `jimigw encode` for JT/T 808."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.protocols.jt808.frame import build, escape, unescape
from jimigw.protocols.jt808.header import Addressing, phone_bytes
from jimigw.tools.codec808 import cut
from tests.protocols.jt808.test_vectors import NOT_CANONICAL_JSON
from tests.protocols.jt808.vectors import differences, load, numbered
from tests.tools.running import Ran, run

VECTORS = [*load("jt808"), *load("jt808-layout")]
EXCHANGE = load("exchange")
TO = Addressing(2013, phone_bytes("13800138000", 2013))
HEARTBEAT = build(TO, 0x0002, b"", 1)
LOGOUT = build(TO, 0x0003, b"", 0x7E7D)
_PLAIN = bytearray(unescape(HEARTBEAT[1:-1]) or b"")
_PLAIN[-1] ^= 1
FALSE = b"~" + escape(bytes(_PLAIN)) + b"~"


def results(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.lines]


def said(raw: bytes) -> list[str]:
    """Results in one word each: the message id, or the error."""
    return [
        f"{each['header']['msg_id']:04x}" if each["ok"] else each["error"] for each in results(run("decode", raw.hex()))
    ]


@pytest.mark.parametrize("vector", **numbered(VECTORS))
def test_every_vector(vector: dict[str, Any]) -> None:
    edition = vector["facts"].get("edition")
    dialect = "emqx" if vector["msg_id"] == "0x8004" else "document"
    words = ("--edition", str(edition)) if edition else ()
    ran = run("decode", "--dialect", dialect, *words, vector["hex"])
    (found,) = results(ran)
    assert (ran.status, found["ok"], found["protocol"]) == (0, True, "jt808")
    assert found["header"] == vector["facts"]["header"]
    if "body" in vector["facts"]:
        assert differences(vector["facts"]["body"], found["body"], vector["msg_id"]) == []


@pytest.mark.parametrize(
    "vector", [vector for vector in EXCHANGE if vector["direction"] == "up"], ids=lambda v: v["id"]
)
def test_the_running_gateways_json(vector: dict[str, Any]) -> None:
    (found,) = results(run("decode", "--dialect", "emqx", vector["hex"]))
    assert {"header": found["header"], "body": found["body"]} == vector["json"]


@pytest.mark.parametrize("vector", **numbered(VECTORS))
def test_decode_and_encode_is_the_identity(vector: dict[str, Any]) -> None:
    edition = vector["facts"].get("edition")
    words = ("--edition", str(edition)) if edition else ()
    ran = run("encode", stdin=run("decode", *words, vector["hex"]).out)
    assert (ran.status, ran.err) == (0, "")
    if (vector["msg_id"], edition) not in NOT_CANONICAL_JSON:
        assert ran.out == vector["hex"] + "\n"


@pytest.mark.parametrize(
    "vector", [vector for vector in EXCHANGE if vector["direction"] == "dn"], ids=lambda v: v["id"]
)
def test_what_the_running_gateway_takes(vector: dict[str, Any]) -> None:
    ran = run("encode", "--protocol", "jt808", "--dialect", "emqx", stdin=json.dumps(vector["json"]))
    assert ran.lines == [vector["hex"]]


def test_the_edition_of_2011_is_said_beside_the_message() -> None:
    """Its header is that of 2013, and the exchange format has no key for it."""
    raw = build(TO, 0x0100, bytes(4) + b"70999" + b"MODEL-T8" + b"T000001" + b"\2" + b"A1\0", 1)
    (found,) = results(run("decode", raw.hex()))
    assert found["edition"] == 2011
    assert "version" not in found["header"]
    assert run("encode", stdin=json.dumps(found)).lines == [raw.hex()]


@pytest.mark.parametrize(
    ("what", "raw", "expected"),
    [
        ("two glued together", HEARTBEAT + LOGOUT, ["0002", "0003"]),
        ("one delimiter for both", HEARTBEAT[:-1] + LOGOUT, ["0002", "0003"]),
        ("doubled delimiters", b"~~" + HEARTBEAT + b"~" + LOGOUT + b"~~", ["0002", "0003"]),
        ("no closing delimiter", HEARTBEAT[:-1], ["0002"]),
        ("junk in front", b"abc" + HEARTBEAT, ["stands outside of delimiters 7e", "0002"]),
        ("junk behind", HEARTBEAT + b"abc", ["0002", "the closing delimiter 7e is missing, and 3 bytes between"]),
        ("a false check code between", HEARTBEAT + FALSE + LOGOUT, ["0002", "check code is ", "0003"]),
        ("a wrong escape", b"~" + HEARTBEAT[1:-2] + b"}\x05~", ["7d05 at byte 13 is no escape: 01 or 02 follows 7d"]),
        ("too short", b"~abc~", ["3 bytes between delimiters are too few for a frame, the smallest has 13"]),
        ("a header that is not all there", b"~" + bytes((0, 2, 0x60, 5, 1, 2, 3, 4, 5, 6, 7, 8, 0x6F)) + b"~",
         ["13 bytes between delimiters are too few for the header"]),
        ("nothing between delimiters", b"~~", ["there is nothing between the delimiters"]),
        ("a body without a layout", build(TO, 0x0200, b"abc", 1),
         ["the body of 0x0200 cannot be read: alarm: Location report ends here"]),
        ("an unknown id", build(TO, 0x0F01, b"abc", 1), ["0f01"]),
        ("cut off", build(TO, 0x0200, bytes(28), 1)[:30], ["the closing delimiter 7e is missing, and check code is"]),
    ],
)  # fmt: skip
def test_a_line(what: str, raw: bytes, expected: list[str]) -> None:
    found = said(raw)
    assert len(found) == len(expected), found
    for one, start in zip(found, expected, strict=True):
        assert one.startswith(start), one


def test_a_frame_whose_length_is_wrong_has_a_note() -> None:
    plain = bytearray(unescape(build(TO, 0x0002, b"", 1)[1:-1]) or b"")
    plain[3] ^= 3
    plain[-1] ^= 3
    (found,) = results(run("decode", (b"~" + bytes(plain) + b"~").hex()))
    assert (found["ok"], found["notes"]) == (True, ["the header says 3 bytes of body, 0 are there"])


@given(st.lists(st.sampled_from([HEARTBEAT, LOGOUT, FALSE]) | st.binary(max_size=20), max_size=6))
def test_no_byte_is_passed_over(parts: list[bytes]) -> None:
    """Delimiters are shared, doubled and lost; all that stands between them is shown once."""
    raw = b"".join(parts)
    assert b"".join(each.raw for each in cut(raw)).replace(b"~", b"") == raw.replace(b"~", b"")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"header": {"msg_id": 2}, "body": {}}', "header.phone: is missing"),
        ('{"header": {"msg_id": 2, "phone": "1", "version": 2000}, "body": {}}', "header.version: 2000 is not one of"),
        (
            '{"header": {"msg_id": 2, "phone": "1"}, "body": {}, "edition": 7}',
            "edition: 7 is not one of 2011, 2013, 2019",
        ),
        ('{"header": {"msg_id": 33284, "phone": "x"}, "body": {}}', "header.phone: 'x' is not a phone number"),
        ('{"header": {"msg_id": 33280, "phone": "1"}, "body": {"a": 1}}', "body: message 0x8200 is not known in 2013"),
        ('{"header": {"msg_id": 33282, "phone": "1"}, "body": {"period": -1}}', "body.period: -1 is not"),
    ],
)
def test_what_is_wrong_is_named(line: str, complaint: str) -> None:
    ran = run("encode", "--protocol", "jt808", stdin=line)
    assert (ran.status, ran.out) == (1, "\n")
    assert f"line 1: {complaint}" in ran.err


def test_a_long_message_makes_several_frames() -> None:
    body = {"type": 0, "manufacturer": "70111", "version": "1", "firmware": "AAAA" * 500}
    line = {"protocol": "jt808", "header": {"msg_id": 0x8108, "phone": "13800138000", "msg_sn": 9}, "body": body}
    (out,) = run("encode", stdin=json.dumps(line)).lines
    assert [each["header"]["frag_sn"] for each in results(run("decode", *out.split(" ")))] == [1, 2]


class TestExplain:
    """The table for people."""

    def test_a_heartbeat(self) -> None:
        ran = run("decode", "--explain", LOGOUT.hex())
        assert ran.status == 0
        assert ran.lines[:4] == [
            "jt808, 17 bytes",
            "bytes  hex                field       value                    meaning",
            "0      7e                 start       7e                       delimiter (4.4.2)",
            "1-2    00 03              msg_id      0x0003: Terminal logout  message id (4.4.3)",
        ]
        assert "11-14  7d 02 7d 01        msg_sn      32381" in ran.out
        assert "7d 02 stands for 7e, 7d 01 stands for 7d" in " ".join(ran.out.split())

    def test_a_false_check_code_is_explained_all_the_same(self) -> None:
        ran = run("decode", "--explain", FALSE.hex())
        assert ran.status == 1
        assert "is right" in ran.out and "0x0002: Heartbeat" in ran.out

    def test_the_edition(self) -> None:
        raw = build(TO, 0x0700, bytes.fromhex("01 0003 0003 616263"), 1).hex()
        assert "serial number of the query" in run("decode", "--explain", raw).out
        assert "serial number of the query" not in run("decode", "--explain", "--edition", "2011", raw).out

    @pytest.mark.parametrize("vector", **numbered(VECTORS))
    def test_every_vector(self, vector: dict[str, Any]) -> None:
        ran = run("decode", "--explain", vector["hex"])
        assert ran.status == 0
        assert all(line == line.rstrip() for line in ran.lines)
