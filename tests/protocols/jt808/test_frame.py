"""Frames out of any slices of a stream, and what is no frame."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.protocols.jt808.frame import (
    LONGEST_FRAME,
    MAX_BODY,
    REASONS,
    Frame,
    FrameDecoder,
    Junk,
    build,
    build_all,
    escape,
    frames_of,
    parse,
    unescape,
)
from jimigw.protocols.jt808.header import Addressing
from jimigw.wire.errors import EncodeError
from tests.protocols.jt808.vectors import load

VECTORS = [bytes.fromhex(vector["hex"]) for vector in load("jt808")]
TO = Addressing(2013, bytes.fromhex("013912345678"))
A = build(TO, 0x0002, b"", 1)
B = build(TO, 0x0200, bytes(28), 2)
ESCAPED = build(TO, 0x0900, b"\x00\x7e\x7d\x01\x7d\x02\x7e", 0x7E7D)


def told(found: list[Frame | Junk]) -> list[str]:
    """Frames as their bytes, junk as its reason."""
    return [piece.data.hex() if isinstance(piece, Frame) else piece.reason for piece in found]


def fed(*slices: bytes, max_frame: int = 4096) -> list[str]:
    decoder = FrameDecoder(max_frame)
    return [each for data in slices for each in told(decoder.feed(data))]


CASES: dict[str, tuple[bytes, list[str]]] = {
    "one": (A, [A.hex()]),
    "two": (A + B, [A.hex(), B.hex()]),
    "delimiter shared": (A + B[1:], [A.hex(), B.hex()]),
    "delimiter shared by three": (A + B[1:] + ESCAPED[1:], [A.hex(), B.hex(), ESCAPED.hex()]),
    "run of delimiters": (b"~~~~" + A + b"~~~" + B + b"~~", [A.hex(), B.hex()]),
    "junk before": (b"GET / HTTP/1.1\r\n" + A, ["noise", A.hex()]),
    "junk between": (A + b"junk" + B, [A.hex(), "short", B.hex()]),
    "long junk between": (A + b"some junk that goes on" + B, [A.hex(), "check", B.hex()]),
    "closing delimiter lost": (A[:-1] + B, [A.hex(), B.hex()]),
    "opening delimiter lost": (A + B[1:], [A.hex(), B.hex()]),
    # The check of two frames in one comes out, their length does not: see the test of what does not fit.
    "both lost between two": (A[:-1] + B[1:] + A, [(A[:-1] + B[1:]).hex(), A.hex()]),
    "stray delimiter within": (A[:5] + b"~" + A[5:] + B, ["short", "short", B.hex()]),
    "bad escape": (A[:3] + b"}\x03" + A[3:] + B, ["escape", B.hex()]),
    "escape at the end": (A[:-1] + b"}~" + B, ["escape", B.hex()]),
    "bad check": (A[:-2] + bytes((A[-2] ^ 1,)) + b"~" + B, ["check", B.hex()]),
    "a bit flipped": (A[:6] + bytes((A[6] ^ 0x10,)) + A[7:] + B, ["check", B.hex()]),
    "no room for a header": (b"~" + bytes(12) + b"~" + B, ["short", B.hex()]),
    "other framing": (b"(123456789012BP05)" + A, ["noise", A.hex()]),
    "escaped": (ESCAPED, [ESCAPED.hex()]),
}


@pytest.mark.parametrize(("stream", "expected"), CASES.values(), ids=CASES)
def test_cases_whole(stream: bytes, expected: list[str]) -> None:
    assert fed(stream) == expected


def _merged(found: list[str]) -> list[str]:
    """Noise comes in as many pieces as the stream."""
    return [each for at, each in enumerate(found) if each != "noise" or found[at - 1 : at] != ["noise"]]


@pytest.mark.parametrize(("stream", "expected"), CASES.values(), ids=CASES)
def test_cases_byte_by_byte_and_split_at_every_point(stream: bytes, expected: list[str]) -> None:
    assert _merged(fed(*(stream[at : at + 1] for at in range(len(stream))))) == expected
    for cut in range(1, len(stream)):
        assert _merged(fed(stream[:cut], stream[cut:])) == expected, cut


def test_vectors_in_any_slices() -> None:
    for vector in VECTORS:
        expected = [vector.hex()]
        assert fed(vector) == expected
        assert fed(*(vector[at : at + 1] for at in range(len(vector)))) == expected
        for cut in range(1, len(vector), 1 if len(vector) < 120 else 7):
            assert fed(vector[:cut], vector[cut:]) == expected


def test_vectors_in_one_segment_with_and_without_junk() -> None:
    expected = [vector.hex() for vector in VECTORS]
    assert fed(b"".join(VECTORS)) == expected
    assert fed(b"~" + b"".join(vector[1:] for vector in VECTORS)) == expected
    assert [each for each in fed(b"junk".join(VECTORS)) if each != "short"] == expected


def test_escape_is_the_published_example() -> None:
    assert escape(bytes.fromhex("307e087d55")) == bytes.fromhex("307d02087d0155")
    assert unescape(bytes.fromhex("307d02087d0155")) == bytes.fromhex("307e087d55")


@given(st.binary(max_size=40) | st.text("~}\x01\x02", max_size=20).map(str.encode))
def test_escape_and_back(content: bytes) -> None:
    escaped = escape(content)
    assert b"~" not in escaped
    assert unescape(escaped) == content


@pytest.mark.parametrize("content", [b"}", b"}}\x01", b"\x01}", b"}\x00", b"a}\x03b", b"}\x01}"])
def test_no_escape(content: bytes) -> None:
    assert unescape(content) is None


@given(st.lists(st.binary(max_size=60) | st.text("~}\x01\x02\x00", max_size=30).map(str.encode), max_size=8))
def test_random_bytes_cost_no_frame_behind_them(slices: list[bytes]) -> None:
    decoder = FrameDecoder()
    for data in slices:
        decoder.feed(data)
    # The delimiter that opens the frame ends whatever stood before it.
    assert told(decoder.feed(B))[-1:] == [B.hex()]
    assert not decoder.unfinished


@pytest.mark.parametrize(("stream", "expected"), CASES.values(), ids=CASES)
def test_junk_is_counted_by_reason(stream: bytes, expected: list[str]) -> None:
    decoder = FrameDecoder()
    decoder.feed(stream)
    assert decoder.counts == {reason: expected.count(reason) for reason in REASONS}


def test_two_frames_in_one_do_not_fit() -> None:
    glued = parse(A[1:-1] + B[1:-1])
    assert isinstance(glued, Frame)
    assert (glued.header.msg_id, glued.header.length, len(glued.body), glued.fits) == (2, 0, len(B) - 2, False)


def test_endless_frame_is_dropped_without_growing() -> None:
    decoder = FrameDecoder(max_frame=1000)
    found = told(decoder.feed(b"~"))
    for _ in range(5000):
        found += told(decoder.feed(b"x" * 100))
        assert len(decoder._tail) <= 1000
    assert found.count("long") == 1
    assert told(decoder.feed(b"rest" + A)) == ["noise", A.hex()]
    assert decoder.counts["long"] == 1


def test_long_frame_in_one_slice_is_dropped() -> None:
    assert fed(b"~" + b"x" * 200 + b"~" + A, max_frame=100) == ["long", A.hex()]
    assert fed(b"~" + b"x" * 200 + A, max_frame=100) == ["long", A.hex()]


def test_longest_frame_passes_the_default_limits() -> None:
    (longest,) = build_all(Addressing(2019, bytes(10)), 0x0801, b"~" * MAX_BODY, 0)
    assert len(longest) < LONGEST_FRAME
    assert fed(longest) == [longest.hex()]
    assert told(frames_of(longest)) == [longest.hex()]


def test_unfinished_is_what_a_deadline_looks_at() -> None:
    decoder = FrameDecoder()
    states = [decoder.unfinished]
    for data in (b"", b"~", A[1:5], A[5:], b"~", b"x"):
        decoder.feed(data)
        states.append(decoder.unfinished)
    assert states == [False, False, False, True, False, False, True]


DATAGRAMS: dict[str, tuple[bytes, list[str]]] = {
    "one": (A, [A.hex()]),
    "two": (A + B, [A.hex(), B.hex()]),
    "closing delimiter missing": (A + B[:-1], [A.hex(), B.hex()]),
    "cut": (A + B[:-5], [A.hex(), "unfinished"]),
    "empty": (b"", []),
}


@pytest.mark.parametrize(("datagram", "expected"), DATAGRAMS.values(), ids=DATAGRAMS)
def test_datagrams(datagram: bytes, expected: list[str]) -> None:
    assert told(frames_of(datagram)) == expected


HEADERS: dict[str, tuple[str, tuple[int, bool, str, int]]] = {
    # edition, whether the length fits, phone, serial number
    "2013": ("0200 0001 013912345678 0007 aa", (2013, True, "013912345678", 7)),
    "2013, part": ("0200 2001 013912345678 0007 0003 0001 aa", (2013, True, "013912345678", 7)),
    "2019": ("0200 4001 01 00000000013912345678 0007 aa", (2019, True, "00000000013912345678", 7)),
    "2019, part": ("0200 6001 01 00000000013912345678 0007 0003 0002 aa", (2019, True, "00000000013912345678", 7)),
    "2013 with bit 14 set by mistake": ("0200 4005 013912345678 0007 aabbccddee", (2013, True, "013912345678", 7)),
    "2013 with bit 14 set, too short for 2019": ("0200 4001 013912345678 0007", (2013, False, "013912345678", 7)),
    "2013, too long": ("0200 0001 013912345678 0007 aabb", (2013, False, "013912345678", 7)),
    "2019, too long": ("0200 4001 01 00000000013912345678 0007 aabb", (2019, False, "00000000013912345678", 7)),
    "bit 15 set": ("0200 8001 013912345678 0007 aa", (2013, True, "013912345678", 7)),
}


@pytest.mark.parametrize(("content", "expected"), HEADERS.values(), ids=HEADERS)
def test_header_forms(content: str, expected: tuple[int, bool, str, int]) -> None:
    plain = bytes.fromhex(content)
    check = 0
    for byte in plain:
        check ^= byte
    frame = parse(escape(plain + bytes((check,))))
    assert isinstance(frame, Frame)
    header = frame.header
    assert (header.version, frame.fits, header.digits, header.msg_sn) == expected


def test_long_bodies_are_split_with_consecutive_serial_numbers() -> None:
    body = bytes(range(256)) * 9
    frames = [parse(frame[1:-1]) for frame in build_all(TO, 0x8108, body, 0xFFFF)]
    assert [frame.header.msg_sn for frame in frames if isinstance(frame, Frame)] == [0xFFFF, 0, 1]
    assert [frame.header.frag_sn for frame in frames if isinstance(frame, Frame)] == [1, 2, 3]
    assert {frame.header.frag_total for frame in frames if isinstance(frame, Frame)} == {3}
    assert b"".join(frame.body for frame in frames if isinstance(frame, Frame)) == body


def test_a_body_of_the_largest_size_is_one_frame() -> None:
    assert len(build_all(TO, 0x8108, bytes(MAX_BODY), 0)) == 1
    assert len(build_all(TO, 0x8108, bytes(MAX_BODY + 1), 0)) == 2
    assert len(build_all(TO, 0x8108, b"", 0)) == 1


@pytest.mark.parametrize(
    ("arguments", "part", "complaint"),
    [
        ((TO, 0x10000, b"", 0), None, "msg_id: 65536 is not a whole number from 0 to 65535"),
        ((TO, 1, b"", -1), None, "msg_sn: -1 is not a whole number from 0 to 65535"),
        ((TO, 1, bytes(1024), 0), None, "1024 bytes of body are too long for one frame, at most 1023 fit"),
        ((Addressing(2019, bytes(6)), 1, b"", 0), None, "phone: 6 bytes are not the phone field of a header of 2019"),
        ((TO, 1, b"", 0), (70000, 1), "header cannot be written"),
    ],
)
def test_what_cannot_be_built(
    arguments: tuple[Addressing, int, bytes, int], part: tuple[int, int] | None, complaint: str
) -> None:
    with pytest.raises(EncodeError, match=complaint):
        build(*arguments, part=part)
