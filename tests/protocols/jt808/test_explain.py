"""Frames explained to people: every byte of a body is in one piece."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jimigw.protocols.jt808.book import BOOK
from jimigw.protocols.jt808.header import HEADERS
from jimigw.wire.book import Entry
from jimigw.wire.document import page
from jimigw.wire.explain import explain, leaves
from tests.protocols.jt808.strategies import KINDS
from tests.protocols.jt808.vectors import frame_of, load, packet_of
from tests.support.strategies import messages

assert KINDS

ENTRIES = list(BOOK)


def covered(cls: type, data: bytes) -> None:
    at, word = 0, (0, 0)
    for piece in leaves(explain(cls, data)):
        if piece.bits and (piece.start, piece.end) == word:
            continue
        assert piece.start == at, piece
        at, word = piece.end, (piece.start, piece.end)
    assert at == len(data)


def test_vectors() -> None:
    for vector in load("jt808"):
        packet = packet_of(vector["hex"], vector["facts"].get("edition"))
        if packet.body is not None:
            covered(type(packet.body), packet.data)


def test_headers() -> None:
    for vector in load("jt808"):
        header = frame_of(vector["hex"]).header
        form = HEADERS[header.version, header.fragmented]
        content = bytearray()
        form.__wire__.write(header, content)
        covered(form, bytes(content))


@pytest.mark.parametrize("entry", ENTRIES, ids=[f"{e.identity:04x}-{e.cls.__name__}" for e in ENTRIES])
@settings(max_examples=5)
@given(data=st.data())
def test_any_bytes(entry: Entry, data: st.DataObject) -> None:
    covered(entry.cls, data.draw(messages(entry.cls)).encode())
    covered(entry.cls, data.draw(st.binary(max_size=80)))


def shown(cls: type, hexed: str) -> list[tuple[str, str]]:
    return [(piece.name, piece.shown) for piece in leaves(explain(cls, bytes.fromhex(hexed)))]


def test_a_batch_descends_into_its_locations() -> None:
    (batch,) = (entry.cls for entry in BOOK.candidates(0x0704, "up", 2013))
    place = "00000001 00000003 01dc9a07 0739e487 0014 0087 005a 260102030405 3001 05"
    pieces = shown(batch, "0001 00 001f" + place)
    assert pieces[:3] == [("count", "1"), ("type", "0: normal batch"), ("length", "31")]
    assert pieces[-3:] == [("id", "48: rssi"), ("length", "1"), ("value", "5")]


def test_the_page_of_all_messages_is_made() -> None:
    text = page(BOOK, "Messages of JT/T 808", "Introduction.")
    assert all(BOOK.name(entry.identity) in text for entry in ENTRIES)
    assert text == page(BOOK, "Messages of JT/T 808", "Introduction.")
