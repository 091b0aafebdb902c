"""``jimigw decode``: one line of JSON a frame, always and in order."""

import json
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jimigw.ops.columns import width_of
from jimigw.protocols.jimi.frame import encode_frame
from tests.tools.running import Ran, run
from tests.vectors.jimi import FALSE, TRUE, VECTORS, Vector, named

HEARTBEAT = named("heartbeat")
ACK = named("heartbeat answer")
FALSE_LOCATION = named("location, one bit turned")


def results(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.lines]


def said(ran: Ran) -> list[str]:
    """Results in one word each: the message id, or the error."""
    return [f"{each['header']['msg_id']:02x}" if each["ok"] else each["error"] for each in results(ran)]


@pytest.mark.parametrize("vector", TRUE, ids=str)
def test_every_vector(vector: Vector) -> None:
    ran = run("decode", vector.raw.hex())
    (found,) = results(ran)
    assert (ran.status, found["ok"], found["protocol"]) == (0, True, "jimi")
    assert found["body"] == vector.facts["body"]


@pytest.mark.parametrize("vector", FALSE, ids=str)
def test_a_false_check_code_says_what_is_right(vector: Vector) -> None:
    ran = run("decode", vector.raw.hex())
    (found,) = results(ran)
    assert (ran.status, found["ok"], found["hex"]) == (1, False, vector.raw.hex())
    assert re.search("check code is [0-9a-f]{4}, CRC-ITU of the bytes before it is [0-9a-f]{4}", found["error"])


def test_all_vectors_by_lines() -> None:
    ran = run("decode", stdin="\n".join(vector.raw.hex() for vector in VECTORS))
    assert [each["ok"] for each in results(ran)] == [vector.true for vector in VECTORS]
    assert ran.status == 1


TOO_FEW = "bytes are too few for a frame, the smallest has 10"


@pytest.mark.parametrize(
    ("what", "raw", "expected"),
    [
        ("two glued together", HEARTBEAT + ACK, ["13", "13"]),
        ("trailing junk", HEARTBEAT + b"\x00\x01", ["13", f"2 {TOO_FEW}"]),
        ("half a frame behind", HEARTBEAT + ACK[:7], ["13", f"7 {TOO_FEW}"]),
        ("junk in front", b"\x00\x01\x02" + HEARTBEAT, [f"3 {TOO_FEW}", "13"]),
        ("a false check code between", HEARTBEAT + FALSE_LOCATION + ACK, ["13", "check code is 6d40", "13"]),
        ("two false ones", FALSE_LOCATION * 2, ["check code is 6d40"] * 2),
        ("a false one, then junk", FALSE_LOCATION + b"\0", ["check code is 6d40", f"1 {TOO_FEW}"]),
        ("a promise, then a frame", b"xx\xf0\x22" + HEARTBEAT, [f"4 {TOO_FEW}", "13"]),
        ("a frame of the longest kind", encode_frame(0xE1, bytes(65530), 1), ["e1"]),
        ("cut short", HEARTBEAT[:-1], ["packet length 10 makes a frame of 15 bytes, 14 are there"]),
        ("wrong stop bytes", HEARTBEAT[:-1] + b"\0", ["ends with 0d00, not with 0d0a"]),
        ("no frame at all", b"\x01\x02\x03", ["starts with 0102, which is no start of a frame: 7878 (jimi)"]),
        ("a true frame that cannot be read", encode_frame(0x22, b"\1\2", 1), ["0x22 cannot be read: date_time: "]),
        ("an unknown type", named("unknown type, short mark"), ["12"]),
    ],
)
def test_a_line(what: str, raw: bytes, expected: list[str]) -> None:
    found = said(run("decode", raw.hex()))
    assert len(found) == len(expected)
    for one, start in zip(found, expected, strict=True):
        assert one.startswith(start)


@given(st.lists(st.sampled_from([HEARTBEAT, ACK, FALSE_LOCATION]) | st.binary(max_size=20), max_size=6))
def test_no_byte_is_passed_over(parts: list[bytes]) -> None:
    raw = b"".join(parts)
    # What begins with 7e is JT/T 808, whose frames share their delimiters.
    assume(raw and not raw.startswith(b"~"))
    found = results(run("decode", raw.hex()))
    assert "".join(each["hex"] for each in found if not each["ok"]) in raw.hex() or any(each["ok"] for each in found)
    size = sum(len(each["hex"]) // 2 if not each["ok"] else each["header"]["len"] + 5 for each in found)
    assert size == len(raw)


@pytest.mark.parametrize(
    ("stdin", "expected"),
    [
        ("\n\n  \n", []),
        (f'"{HEARTBEAT.hex(":").upper()}"\n\n{ACK.hex(" ")}\n', ["13", "13"]),
        ("hello\n" + ACK.hex(), ["not hex: 'h' is not a hex digit", "13"]),
        ("787", ["not hex: 3 hex digits are not whole bytes"]),
        ("78" * 600_000 + "\n" + ACK.hex(), ["line 1 is longer than a MiB", "13"]),
    ],
    ids=["blank", "as pasted", "not hex", "odd", "too long"],
)
def test_standard_input(stdin: str, expected: list[str]) -> None:
    assert said(run("decode", stdin=stdin)) == expected


def test_a_frame_pasted_without_quotes() -> None:
    assert said(run("decode", *HEARTBEAT.hex(" ").split())) == ["13"]
    assert said(run("decode", HEARTBEAT.hex(), ACK.hex())) == ["13", "13"]


def test_a_wrong_line_is_shown_in_part() -> None:
    (found,) = results(run("decode", stdin="x" * 10_000))
    assert found["hex"] == "x" * 200


class TestExplain:
    """The table for people."""

    def test_a_heartbeat(self) -> None:
        ran = run("decode", "--explain", ACK.hex())
        assert ran.status == 0
        assert ran.out == (
            "jimi, 10 bytes\n"
            "bytes  hex    field   value                 meaning\n"
            "0-1    78 78  start   7878                  one byte of length (4.1)\n"
            "2      05     len     5, true               packet length, protocol number to check code (4.2)\n"
            "3      13     msg_id  0x13: Answer to 0x13  protocol number (4.3)\n"
            "4-5    00 0f  msg_sn  15                    serial number (4.5)\n"
            "6-7    00 8f  check   008f, true            CRC-ITU of length to serial number (4.6)\n"
            "8-9    0d 0a  stop    0d0a, true            stop bytes (4.7)\n"
            "\n"
        )

    def test_a_false_check_code_is_explained_all_the_same(self) -> None:
        ran = run("decode", "--explain", FALSE_LOCATION.hex())
        assert ran.status == 1
        assert re.search(r"check +6d40, false .* false: [0-9a-f]{4} is right", ran.out)
        assert "22.5765794 degree" in ran.out

    @pytest.mark.parametrize("vector", VECTORS, ids=str)
    def test_every_vector(self, vector: Vector) -> None:
        ran = run("decode", "--explain", vector.raw.hex())
        assert ran.status == (0 if vector.true else 1)
        assert all(line == line.rstrip() and width_of(line) <= 200 for line in ran.lines)
        assert "\x1b" not in ran.out

    def test_colours_only_for_somebody_who_looks(self) -> None:
        assert "\x1b[32m008f, true" in run("decode", "--explain", ACK.hex(), terminal=True).out

    def test_what_a_terminal_wrote_does_not_steer_ours(self) -> None:
        raw = encode_frame(0x21, b"\0\0\0\1\1\x1b[2J\x1b]0;x\x07", 1)
        assert "\x1b" not in run("decode", "--explain", raw.hex()).out

    def test_junk(self) -> None:
        ran = run("decode", "--explain", "010203")
        assert ran.status == 1
        assert "starts with 0102, which is no start of a frame" in ran.out
