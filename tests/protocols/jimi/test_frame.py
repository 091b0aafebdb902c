"""The frame decoder against a plain one, and its promises: no true frame is lost, memory is bounded, nothing raises."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jimigw.protocols.jimi.frame import LONG, SHORT, Frame, FrameDecoder, answer_frame, encode_frame
from jimigw.wire.checks import crc_itu_table
from tests.vectors.jimi import TRUE, named

MAX = 8192
HEARTBEAT = named("heartbeat")
ANSWER = named("heartbeat answer")


def plainly_read(stream: bytes, max_frame: int = MAX) -> tuple[list[bytes], int]:
    """The true frames of a stream as the rules give them, and where reading has to wait. Slow and simple."""
    found, at = [], 0
    while at < len(stream):
        rest = stream[at:]
        if rest[:2] not in (b"xx", b"yy"):
            if len(rest) == 1 and rest in (b"x", b"y"):
                break
            at += 1
            continue
        head = 3 if rest[0] == SHORT else 4
        if len(rest) < 4:
            break
        length = int.from_bytes(rest[2:head], "big")
        size = head + length + 2
        if length < 5 or size > max_frame:
            at += 1
        elif size > len(rest):
            break
        elif rest[size - 2 : size] == b"\r\n" and crc_itu_table(rest[2 : size - 4]) == int.from_bytes(
            rest[size - 4 : size - 2], "big"
        ):
            found.append(rest[:size])
            at += size
        else:
            at += 1
    return found, at


def cut(stream: bytes, points: Iterable[int]) -> list[bytes]:
    at = [0, *sorted(point % (len(stream) + 1) for point in points), len(stream)]
    return [stream[a:b] for a, b in pairwise(at)]


def is_subsequence(wanted: Sequence[bytes], found: Iterable[bytes]) -> bool:
    rest = iter(found)
    return all(any(each == other for other in rest) for each in wanted)


frames = st.sampled_from([each.raw for each in TRUE]) | st.builds(
    encode_frame,
    st.integers(0, 255),
    st.binary(max_size=300) | st.lists(st.sampled_from([b"x", b"y", b"\r\n", b"\0\5"]), max_size=40).map(b"".join),
    st.integers(0, 0xFFFF),
    st.sampled_from([0, LONG]),
)


@st.composite
def half_frames(draw: st.DrawFn) -> bytes:
    raw = draw(frames)
    return raw[: draw(st.integers(0, len(raw) - 1))]


@st.composite
def wrong_frames(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(frames))
    raw[draw(st.integers(2, len(raw) - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(raw)


junk = (
    st.binary(max_size=40)
    | half_frames()
    | wrong_frames()
    | st.builds(lambda byte, count: byte * count, st.sampled_from([b"x", b"y"]), st.integers(1, 300))
)
streams = st.lists(st.tuples(st.booleans(), frames, junk), max_size=8)
points = st.lists(st.integers(0, 1 << 14), max_size=12)


@settings(max_examples=200)
@given(streams, points)
def test_any_stream_in_any_slices_reads_as_plainly(parts: list[tuple[bool, bytes, bytes]], points: list[int]) -> None:
    stream = b"".join(frame if is_frame else noise for is_frame, frame, noise in parts)
    decoder = FrameDecoder(MAX)
    found = [frame.raw for each in cut(stream, points) for frame in decoder.feed(each, 0.0)]
    expected, waits_at = plainly_read(stream)
    assert found == expected
    assert decoder.waiting == len(stream) - waits_at
    assert decoder.counters.frames == len(expected)
    assert decoder.counters.junk_bytes + sum(map(len, expected)) + decoder.waiting == len(stream)


@settings(max_examples=200)
@given(streams, points)
def test_no_true_frame_is_lost(parts: list[tuple[bool, bytes, bytes]], points: list[int]) -> None:
    """At once, where no false header promises more than has come; after the deadline, every one."""
    stream, starts = b"", []
    for is_frame, frame, noise in parts:
        if is_frame:
            starts.append((len(stream), frame))
        stream += frame if is_frame else noise
    decoder = FrameDecoder(MAX, frame_timeout=10.0)
    found = [frame.raw for each in cut(stream, points) for frame in decoder.feed(each, 100.0)]
    behind = len(stream) - decoder.waiting
    assert is_subsequence([frame for at, frame in starts if at < behind], found)
    assert decoder.give_up(109.9) == []
    found += [frame.raw for frame in decoder.give_up(110.0)]
    assert is_subsequence([frame for _at, frame in starts], found)
    assert decoder.waiting < 2
    assert decoder.deadline is None


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=200) | junk, max_size=30), st.integers(64, 300))
def test_memory_is_bounded_and_nothing_raises(slices: list[bytes], max_frame: int) -> None:
    decoder = FrameDecoder(max_frame)
    for at, each in enumerate(slices):
        for frame in decoder.feed(each, float(at)):
            assert len(frame.raw) <= max_frame
        # What waits is less than the frame it waits for.
        assert decoder.waiting < max_frame
        decoder.give_up(float(at))


@given(st.integers(0, 255), st.binary(max_size=400), st.integers(0, 0xFFFF), st.sampled_from([0, SHORT, LONG]))
def test_what_is_encoded_is_read(protocol: int, content: bytes, serial: int, mark: int) -> None:
    if mark == SHORT and len(content) > 250:
        with pytest.raises(ValueError, match="at most 250 do"):
            encode_frame(protocol, content, serial, mark)
        return
    raw = encode_frame(protocol, content, serial, mark)
    (frame,) = FrameDecoder().feed(raw, 0.0)
    assert (frame.protocol, frame.content, frame.serial, frame.raw) == (protocol, content, serial, raw)
    assert frame.mark == (mark or (SHORT if len(content) <= 250 else LONG))
    assert frame.length == len(content) + 5


@pytest.mark.parametrize(("size", "mark"), [(0, SHORT), (250, SHORT), (251, LONG), (65530, LONG)])
def test_sizes_at_the_edge(size: int, mark: int) -> None:
    raw = encode_frame(0x22, bytes(size), 1)
    (frame,) = FrameDecoder(len(raw)).feed(raw, 0.0)
    assert (frame.mark, len(frame.content)) == (mark, size)
    # One byte less of allowance, and it is junk.
    assert FrameDecoder(len(raw) - 1).feed(raw, 0.0) == []


def test_a_frame_that_fits_no_length_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 65530 do"):
        encode_frame(0x22, bytes(65531), 1)


def test_the_answer_is_the_frame_without_content() -> None:
    assert answer_frame(0x13, 0x0F) == encode_frame(0x13, b"", 0x0F) == ANSWER


def counted(stream: bytes, max_frame: int = MAX) -> dict[str, int]:
    decoder = FrameDecoder(max_frame)
    decoder.feed(stream, 0.0)
    counters = decoder.counters
    return {
        name: getattr(counters, name)
        for name in ("frames", "bad_crc", "bad_stop", "bad_length", "junk_bytes")
        if getattr(counters, name)
    }


@pytest.mark.parametrize(
    ("what", "stream", "counters"),
    [
        ("one frame", HEARTBEAT, {"frames": 1}),
        ("two glued together", HEARTBEAT * 2, {"frames": 2}),
        ("junk before", b"abc" + HEARTBEAT, {"frames": 1, "junk_bytes": 3}),
        ("a start mark too many", b"xx" + HEARTBEAT + bytes(200), {"frames": 1, "bad_stop": 2, "junk_bytes": 202}),
        ("wrong check code", named("heartbeat, one bit turned"), {"bad_crc": 1, "junk_bytes": 15}),
        ("wrong stop bytes", HEARTBEAT[:-1] + b"\0" + ANSWER, {"frames": 1, "bad_stop": 1, "junk_bytes": 15}),
        ("length below the least", b"xx\x04" + HEARTBEAT, {"frames": 1, "bad_length": 1, "junk_bytes": 3}),
        ("length over the limit", b"yy\x7f\xff" + HEARTBEAT, {"frames": 1, "bad_length": 1, "junk_bytes": 4}),
        ("a frame inside a frame stays inside", encode_frame(0xE1, HEARTBEAT, 1), {"frames": 1}),
        ("a frame inside a false frame comes out", encode_frame(0xE1, HEARTBEAT, 1)[:-1] + b"\0",
         {"frames": 1, "bad_stop": 1, "junk_bytes": 10}),
        ("an incomplete frame is not junk yet", HEARTBEAT[:-1], {}),
        ("a lone start byte is not junk yet", b"abcx", {"junk_bytes": 3}),
        ("a newline behind a start byte", b"x\n", {"junk_bytes": 2}),
    ],
)  # fmt: skip
def test_what_is_counted(what: str, stream: bytes, counters: dict[str, int]) -> None:
    assert counted(stream) == counters


class TestDeadline:
    """A header that promises more than comes."""

    PROMISE = b"xx\xf0\x22"

    def test_none_without_a_frame_begun(self) -> None:
        decoder = FrameDecoder()
        assert decoder.deadline is None
        decoder.feed(HEARTBEAT + b"abc", 1.0)
        assert decoder.deadline is None

    def test_runs_from_the_first_byte_of_the_frame(self) -> None:
        decoder = FrameDecoder(frame_timeout=10.0)
        decoder.feed(HEARTBEAT[:3], 1.0)
        assert decoder.deadline == 11.0
        decoder.feed(HEARTBEAT[3:5], 9.0)
        assert decoder.deadline == 11.0, "a byte now and then does not buy time"

    def test_begins_again_with_the_next_frame(self) -> None:
        decoder = FrameDecoder(frame_timeout=10.0)
        decoder.feed(HEARTBEAT[:3], 1.0)
        decoder.feed(HEARTBEAT[3:] + HEARTBEAT[:3], 9.0)
        assert decoder.deadline == 19.0

    def test_gives_up_the_promise_and_reads_what_stands_behind(self) -> None:
        decoder = FrameDecoder(frame_timeout=10.0)
        assert decoder.feed(self.PROMISE + HEARTBEAT + ANSWER, 1.0) == []
        assert decoder.give_up(10.9) == []
        assert [frame.raw for frame in decoder.give_up(11.0)] == [HEARTBEAT, ANSWER]
        assert (decoder.deadline, decoder.counters.given_up, decoder.waiting) == (None, 1, 0)

    def test_gives_up_promise_after_promise(self) -> None:
        decoder = FrameDecoder(frame_timeout=10.0)
        decoder.feed(self.PROMISE * 5 + HEARTBEAT, 1.0)
        assert [frame.raw for frame in decoder.give_up(11.0)] == [HEARTBEAT]
        assert decoder.counters.given_up == 5

    def test_what_stands_behind_keeps_the_time_it_came(self) -> None:
        decoder = FrameDecoder(frame_timeout=10.0)
        decoder.feed(self.PROMISE, 1.0)
        decoder.feed(HEARTBEAT[:8], 8.0)
        assert decoder.give_up(11.0) == []
        assert decoder.deadline == 18.0, "the heartbeat came at 8 and is not finished yet"
        assert [frame.raw for frame in decoder.feed(HEARTBEAT[8:], 12.0)] == [HEARTBEAT]

    def test_nothing_pending_gives_nothing(self) -> None:
        assert FrameDecoder().give_up(1e9) == []


def test_junk_counts_from_the_last_true_frame() -> None:
    decoder = FrameDecoder()
    decoder.feed(bytes(100), 0.0)
    assert decoder.junk == 100
    decoder.feed(HEARTBEAT + bytes(7), 0.0)
    assert (decoder.junk, decoder.counters.junk_bytes) == (7, 107)


def test_frame_is_a_view_of_its_slice() -> None:
    (first, second) = FrameDecoder().feed(HEARTBEAT + ANSWER, 0.0)
    assert isinstance(first, Frame)
    assert (first.head, second.head) == (0, len(HEARTBEAT))
    assert second.content == b""
