"""Long messages in parts: what is put together, and what is not."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jimigw.protocols.jt808.codec import decode_body
from jimigw.protocols.jt808.fragments import Assembled, Budget, Part, Serials
from jimigw.protocols.jt808.frame import Frame, build, build_all
from tests.protocols.jt808.parts import FINISHED, KEPT, REFUSED, REPEATED, TO, A, B, C, fresh, header, told
from tests.protocols.jt808.vectors import differences, frame_of, load

SETS: dict[str, list[dict[str, Any]]] = {}
for _vector in load("jt808"):
    if "set" in _vector["facts"]:
        SETS.setdefault(_vector["facts"]["set"], []).append(_vector)


@pytest.mark.parametrize("vectors", SETS.values(), ids=SETS)
def test_the_sets_of_the_vectors_in_every_order(vectors: list[dict[str, Any]]) -> None:
    frames = [frame_of(vector["hex"]) for vector in vectors]
    whole = b"".join(frame.body for frame in frames)
    facts = vectors[-1]["facts"]
    assert len(whole) == facts["reassembled_len"]
    for order in permutations(frames):
        reassembly = fresh()
        *first, last = [reassembly.add(frame.header, frame.body, 0.0) for frame in order]
        assert set(first) == {KEPT}
        assert isinstance(last, Assembled)
        assert last.body == whole
        assert last.header is frames[0].header
        assert last.serials == [frame.header.msg_sn for frame in frames]
        assert last.completed_by == order[-1].header.msg_sn
    if "reassembled" in facts:
        body = decode_body(frames[0].header, whole).to_json()["body"]
        assert differences(facts["reassembled"], body, vectors[0]["msg_id"]) == []


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        # index, total, serial number, body
        ([(1, 3, 7, A), (2, 3, 8, B), (3, 3, 9, C)], [KEPT, KEPT, A + B]),
        ([(3, 3, 9, C), (1, 3, 7, A), (2, 3, 8, B)], [KEPT, KEPT, A + B]),
        ([(1, 3, 65535, A), (2, 3, 0, B), (3, 3, 1, C)], [KEPT, KEPT, A + B]),
        ([(1, 2, 7, A), (1, 2, 7, A), (2, 2, 8, B)], [KEPT, REPEATED, A + B]),
        ([(1, 2, 7, A), (2, 2, 8, B), (2, 2, 8, B), (1, 2, 7, A)], [KEPT, A + B, FINISHED, FINISHED]),
        ([(1, 1, 7, A)], [A]),
        ([(0, 3, 7, A), (4, 3, 7, A), (1, 0, 7, A), (65535, 2, 7, A)], [REFUSED, REFUSED, REFUSED, REFUSED]),
        # two messages of the same id and total, one among the other
        ([(1, 2, 7, A), (1, 2, 9, B), (2, 2, 8, C), (2, 2, 10, A)], [KEPT, KEPT, A, B + A]),
        # begun anew with the same serial numbers: nothing of before is left in the body
        ([(1, 2, 7, A), (1, 2, 7, B), (2, 2, 8, C)], [KEPT, KEPT, B]),
        ([(2, 3, 8, A), (3, 3, 9, A), (2, 3, 8, B), (1, 3, 7, B), (3, 3, 9, B)], [KEPT, KEPT, KEPT, KEPT, B + B + B]),
        # the same message id, another total: another message
        ([(1, 2, 7, A), (1, 3, 7, B), (2, 2, 8, C), (2, 3, 8, A), (3, 3, 9, A)], [KEPT, KEPT, A, KEPT, B + A + A]),
        # a complete one, then another one with the same serial numbers
        ([(1, 2, 7, A), (2, 2, 8, B), (1, 2, 7, B), (2, 2, 8, C)], [KEPT, A + B, KEPT, B]),
        # serial numbers that are not consecutive: 1233 and 1250 came from a terminal
        ([(1, 2, 1233, A), (2, 2, 1250, B)], [KEPT, A + B]),
        ([(2, 2, 1250, B), (1, 2, 1233, A)], [KEPT, A + B]),
        ([(1, 2, 1233, A), (2, 2, 1250, B), (2, 2, 1250, B), (1, 2, 1233, A)], [KEPT, A + B, FINISHED, FINISHED]),
        ([(1, 3, 10, A), (2, 3, 20, B), (3, 3, 30, C)], [KEPT, KEPT, A + B]),
        ([(1, 3, 10, A), (2, 3, 20, B), (2, 3, 20, B), (3, 3, 30, C)], [KEPT, KEPT, REPEATED, A + B]),
        # other messages between the parts of one
        ([(1, 4, 10, A), (2, 4, 11, B), (3, 4, 13, C), (4, 4, 15, A)], [KEPT, KEPT, KEPT, A + B + A]),
        # repeated under new serial numbers
        (
            [(1, 3, 10, A), (1, 3, 11, A), (2, 3, 12, B), (2, 3, 13, B), (3, 3, 14, C)],
            [KEPT, REPEATED, KEPT, REPEATED, A + B],
        ),
        # the second message begins while the first is open, and no number fits
        ([(1, 2, 10, A), (1, 2, 20, B), (2, 2, 30, C)], [KEPT, KEPT, B]),
        # a number that fits supersedes one that did not
        ([(1, 2, 10, A), (1, 3, 40, A), (3, 3, 60, B), (3, 3, 42, C), (2, 3, 41, B)], [KEPT, KEPT, KEPT, KEPT, A + B]),
    ],
)
def test_parts(parts: list[tuple[int, int, int, bytes]], expected: list[bytes | Part]) -> None:
    reassembly = fresh()
    found = [told(reassembly.add(header(index, total, serial), body, 0.0)) for index, total, serial, body in parts]
    assert found == expected


def test_the_numbers_of_a_terminal_that_has_shown_consecutive_ones_are_believed() -> None:
    reassembly = fresh()
    assert told(reassembly.add(header(1, 2, 7), A, 0)) is KEPT
    assert told(reassembly.add(header(2, 2, 8), B, 0)) == A + B
    assert reassembly.serials is Serials.CONSECUTIVE
    assert told(reassembly.add(header(1, 2, 9), A, 0)) is KEPT  # 10 is lost, 11 too
    assert told(reassembly.add(header(2, 2, 12), B, 0)) is KEPT
    assert len(reassembly) == 2


def test_a_number_that_fits_supersedes_one_that_does_not() -> None:
    reassembly = fresh()
    for index, serial, body in ((1, 40, A), (3, 60, B), (3, 42, C)):
        assert told(reassembly.add(header(index, 3, serial), body, 0)) is KEPT
    assert reassembly.serials is Serials.CONSECUTIVE
    whole = reassembly.add(header(2, 3, 41), B, 0)
    assert isinstance(whole, Assembled)
    assert (whole.body, whole.serials) == (A + B + C, [40, 41, 42])


def test_numbers_that_overlap_make_a_terminal_loose_for_good() -> None:
    reassembly = fresh()
    for index, serial in ((1, 7), (2, 8), (3, 10)):
        reassembly.add(header(index, 4, serial), A, 0)
    assert reassembly.serials is Serials.LOOSE
    assert told(reassembly.add(header(4, 4, 300), B, 0)) == A + A + A + B
    assert told(reassembly.add(header(1, 2, 400), A, 0)) is KEPT
    assert told(reassembly.add(header(1, 2, 500), B, 0)) is KEPT  # contradicts: the other one is dropped
    assert len(reassembly) == 1
    assert told(reassembly.add(header(2, 2, 600), C, 0)) == B


def test_a_part_that_was_asked_for_and_comes_under_its_old_number_belongs_to_who_asked() -> None:
    reassembly = fresh()
    for index, serial in ((1, 1), (2, 2), (1, 10), (2, 30)):
        reassembly.add(header(index, 2, serial), A if index == 1 else B, 0)
    assert len(reassembly) == 2
    assert [(missing.first_sn, missing.indices) for missing in reassembly.requests(5)] == [(10, [2]), (29, [1])]
    assert told(reassembly.add(header(2, 2, 30), B, 6)) == A + B
    assert len(reassembly) == 0
    assert reassembly.serials is Serials.LOOSE


def test_a_message_of_a_whole_frame() -> None:
    frame = frame_of(build(TO, 0x0900, A, 3).hex())
    assert told(fresh().add(frame.header, frame.body, 0)) == A


HEAD = bytes.fromhex("0000002a00000101") + bytes(28)


@pytest.mark.parametrize(
    ("msg_id", "bodies", "expected"),
    [
        (0x0801, [HEAD + b"jp", b"eg!"], HEAD + b"jpeg!"),
        (0x0801, [HEAD + b"jp", HEAD + b"eg!", HEAD], HEAD + b"jpeg!"),
        # the location may have changed from part to part
        (0x0801, [HEAD + b"jp", HEAD[:8] + bytes(range(28)) + b"eg!"], HEAD + b"jpeg!"),
        (0x0801, [HEAD + b"jp", HEAD + b"eg!", b"short"], HEAD + b"jp" + HEAD + b"eg!short"),
        (0x0801, [HEAD + b"jp", b"\x01" + HEAD + b"eg!"], HEAD + b"jp\x01" + HEAD + b"eg!"),
        (0x0801, [b"ab", b"ab"], b"abab"),
        (0x0900, [HEAD + b"jp", HEAD + b"eg!"], HEAD + b"jp" + HEAD + b"eg!"),
    ],
)
def test_the_head_of_multimedia_data_stands_once(msg_id: int, bodies: list[bytes], expected: bytes) -> None:
    reassembly = fresh()
    for index, body in enumerate(bodies, 1):
        found = reassembly.add(header(index, len(bodies), index, msg_id), body, 0)
    assert told(found) == expected


def test_what_could_not_be_stored_is_put_together_again() -> None:
    reassembly = fresh()
    for _ in range(2):
        assert told(reassembly.add(header(1, 2, 7), A, 0)) is KEPT
        whole = reassembly.add(header(2, 2, 8), B, 0)
        assert isinstance(whole, Assembled)
        reassembly.lost(whole)
        reassembly.lost(whole)
        assert reassembly.held == 0


# -- any order, loss, repeats -------------------------------------------------------------------------------------


@st.composite
def transmissions(draw: st.DrawFn) -> tuple[list[bytes], list[Frame]]:
    """Messages of one terminal with consecutive numbers, and their frames with some lost, repeated, out of order."""
    serial = draw(st.sampled_from([0, 1000, 65530]))
    bodies, frames = [], []
    for number in range(draw(st.integers(1, 4))):
        body = bytes([number]) * draw(st.integers(2, 40))
        size = draw(st.integers(1, len(body) - 1))
        sent = build_all(TO, 0x0900, body, serial, size=size)
        serial = serial + len(sent) + draw(st.integers(0, 3)) & 0xFFFF
        bodies.append(body)
        frames += [frame_of(data.hex()) for data in sent]
    lost = draw(st.sets(st.sampled_from(range(len(frames))), max_size=3))
    arriving = [frame for at, frame in enumerate(frames) if at not in lost]
    arriving += draw(st.lists(st.sampled_from(frames), max_size=8))
    return bodies, draw(st.permutations(arriving))


@given(transmissions())
@settings(max_examples=150)
def test_any_order_loss_and_repeats_give_the_body_or_nothing(sent: tuple[list[bytes], list[Frame]]) -> None:
    bodies, arriving = sent
    budget = Budget()
    reassembly = fresh(None, budget)
    # As of a terminal that has sent a long message before; else the first part that does not fit could be anybody's.
    reassembly.serials = Serials.CONSECUTIVE
    results = [reassembly.add(frame.header, frame.body, float(at)) for at, frame in enumerate(arriving)]
    whole = [result for result in results if isinstance(result, Assembled)]
    assert all(each.body in bodies for each in whole)
    assert len({each.body for each in whole}) == len(whole)
    come = {(frame.body[:1], frame.header.frag_sn): frame.header.frag_total for frame in arriving}
    counts = Counter((first, total) for (first, _), total in come.items())
    complete = {body for body in bodies if any(counts[body[:1], total] == total for total in range(2, 41))}
    assert complete == {each.body for each in whole}
    reassembly.expire(1e9)
    assert (reassembly.held, budget.bytes, budget.sets) == (0, 0, 0)
