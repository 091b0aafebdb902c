"""Every vector: whole, byte by byte, split at every point, with junk around it; decoded to its facts and back."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from jimigw.model.report import Report
from jimigw.protocols.events import LoggedIn, Send
from jimigw.protocols.jimi.codec import encode_message, one_frame, read_any, read_up
from jimigw.protocols.jimi.frame import Frame, FrameDecoder, encode_frame
from jimigw.protocols.jimi.session import Session
from jimigw.wire.errors import DecodeError
from tests.vectors.jimi import FALSE, TRUE, VECTORS, Vector, named

every_true = pytest.mark.parametrize("vector", TRUE, ids=str)
every_false = pytest.mark.parametrize("vector", FALSE, ids=str)

ANOTHER = named("heartbeat answer")
JUNK = b"\x00\r\n\x78\x0d\x79\xff\x78\x0a"
"""Single start bytes and stop bytes, but nothing that promises a frame."""


def plain(message: dict[str, Any]) -> Any:
    """A message as any JSON reader sees it."""
    return json.loads(msgspec.json.encode(message))


def fed(slices: Iterable[bytes]) -> list[Frame]:
    decoder = FrameDecoder()
    return [frame for each in slices for frame in decoder.feed(each, 0.0)]


def raws(frames: Iterable[Frame]) -> list[bytes]:
    return [frame.raw for frame in frames]


def test_names_are_unique() -> None:
    assert len({each.name for each in VECTORS}) == len(VECTORS)


@every_true
def test_facts(vector: Vector) -> None:
    packet = read_any(one_frame(vector.raw))
    message = plain(packet.message())
    assert message["body"] == vector.facts["body"]
    header = message["header"]
    assert (header["msg_id"], header["msg_sn"]) == (vector.facts["msg_id"], vector.facts["msg_sn"])
    assert header["mark"] == vector.raw[:2].hex()
    assert header["len"] == len(vector.raw) - (5 if vector.raw[0] == 0x78 else 6)
    assert packet.notes == []


@every_true
def test_a_terminals_frame_reads_the_same_where_only_terminals_speak(vector: Vector) -> None:
    if vector.direction == "up":
        assert plain(read_up(one_frame(vector.raw)).message())["body"] == vector.facts["body"]


@every_true
def test_the_message_encodes_to_the_same_bytes(vector: Vector) -> None:
    frame = one_frame(vector.raw)
    layout = read_any(frame).layout
    content = frame.content if layout is None else layout.decode(frame.content).encode()
    assert encode_frame(frame.protocol, content, frame.serial, frame.mark) == vector.raw


@every_true
def test_the_json_encodes_to_the_same_bytes(vector: Vector) -> None:
    assert encode_message(plain(read_any(one_frame(vector.raw)).message())) == vector.raw


@every_true
def test_byte_by_byte(vector: Vector) -> None:
    assert raws(fed(vector.raw[at : at + 1] for at in range(len(vector.raw)))) == [vector.raw]


@every_true
def test_split_at_every_point(vector: Vector) -> None:
    for at in range(len(vector.raw) + 1):
        assert raws(fed([vector.raw[:at], vector.raw[at:]])) == [vector.raw]


@every_true
def test_with_junk_between(vector: Vector) -> None:
    stream = JUNK + vector.raw + JUNK + ANOTHER + vector.raw + JUNK
    expected = [vector.raw, ANOTHER, vector.raw]
    assert raws(fed([stream])) == expected
    assert raws(fed(stream[at : at + 1] for at in range(len(stream)))) == expected


@every_true
def test_with_trailing_bytes(vector: Vector) -> None:
    for trailing in (b"\x78", b"\x78\x78", b"\r\n", ANOTHER[:-1]):
        decoder = FrameDecoder()
        assert raws(decoder.feed(vector.raw + trailing, 0.0)) == [vector.raw]
        assert decoder.waiting in (0, len(trailing))


@every_true
def test_one_frame_takes_nothing_but_the_frame(vector: Vector) -> None:
    for wrong in (vector.raw[:-1], vector.raw + b"\0", b"\0" + vector.raw, vector.raw[:-2] + b"\n\r"):
        with pytest.raises(DecodeError):
            one_frame(wrong)


@every_false
def test_a_false_check_code_is_dropped_and_costs_nothing_that_follows(vector: Vector) -> None:
    decoder = FrameDecoder()
    assert raws(decoder.feed(vector.raw + ANOTHER, 0.0)) == [ANOTHER]
    assert decoder.counters.bad_crc >= 1
    with pytest.raises(DecodeError, match="check code is"):
        one_frame(vector.raw)


@pytest.mark.parametrize("vector", [each for each in TRUE if each.answer], ids=str)
def test_the_session_answers_what_the_document_prints(vector: Vector) -> None:
    session = Session()
    if vector.facts["msg_id"] != 0x01:
        session.receive(named("login"), 1.0)
    events = session.receive(vector.raw, 2.0)
    sent = [event.data for event in events if isinstance(event, Send)]
    promised = [event.answer for event in events if isinstance(event, Report)]
    assert vector.answer in sent + promised
    assert any(isinstance(event, Report | LoggedIn) for event in events)
