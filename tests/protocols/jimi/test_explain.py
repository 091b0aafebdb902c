"""Frames explained byte by byte: every byte once, whatever the bytes are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.protocols.jimi.explain import explain_frame
from jimigw.wire.explain import Piece, leaves
from tests.vectors.jimi import FALSE, TRUE, VECTORS, Vector, named


def covered(pieces: list[Piece]) -> list[tuple[int, int]]:
    """The byte ranges of the leaves, those of bits once, empty ones left out."""
    return list(dict.fromkeys((piece.start, piece.end) for piece in leaves(pieces) if piece.start < piece.end))


def is_whole(raw: bytes) -> bool:
    at = 0
    for start, end in covered(explain_frame(raw)):
        if start != at:
            return False
        at = end
    return at == len(raw)


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_every_byte_of_a_vector_once(vector: Vector) -> None:
    assert is_whole(vector.raw)


@pytest.mark.parametrize("vector", TRUE, ids=str)
def test_a_true_frame_has_no_problem(vector: Vector) -> None:
    assert [piece for piece in explain_frame(vector.raw) if piece.problem] == []


@pytest.mark.parametrize("vector", FALSE, ids=str)
def test_a_false_check_code_says_what_is_right(vector: Vector) -> None:
    (problem,) = [piece for piece in explain_frame(vector.raw) if piece.problem]
    assert problem.name == "check"
    assert problem.problem.endswith(" is right")


@given(
    st.binary(max_size=60) | st.sampled_from([b"xx", b"yy"]).flatmap(lambda m: st.binary(max_size=60).map(m.__add__))
)
def test_any_bytes(raw: bytes) -> None:
    assert is_whole(raw)


def test_parts_of_the_frame() -> None:
    pieces = {piece.name: piece for piece in explain_frame(named("heartbeat"))}
    assert [(name, pieces[name].start, pieces[name].shown) for name in ("start", "len", "msg_sn", "check", "stop")] == [
        ("start", 0, "7878"), ("len", 2, "10, true"), ("msg_sn", 9, "15"), ("check", 11, "dcee, true"),
        ("stop", 13, "0d0a, true"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "name", "problem"),
    [
        (named("heartbeat")[:-1] + b"\0", "stop", "false: 0d0a is right"),
        (named("heartbeat") + b"\r\n", "len", "false: 12 bytes lie between the length and the stop bytes"),
        (b"xx\5\1\0", "unread", "5 bytes are too few for a frame, the smallest has 10"),
        (b"yy\0\5\1\0\5\0\0\r", "unread", "10 bytes are too few for a frame, the smallest has 11"),
        (b"abc", "unread", "starts with neither 7878 nor 7979: no frame"),
        (b"", "unread", "starts with neither 7878 nor 7979: no frame"),
    ],
)
def test_what_is_wrong(raw: bytes, name: str, problem: str) -> None:
    assert (name, problem) in [(piece.name, piece.problem) for piece in explain_frame(raw)]
