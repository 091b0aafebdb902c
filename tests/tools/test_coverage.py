"""The page docs/coverage-jt808.md: what it claims is so."""

import pytest

from jimigw.protocols.jt808.book import BOOK, direction_of
from jimigw.tools.coverage import FILES, IDS, RANGES, rows, vectors
from tests.protocols.jt808.vectors import load, packet_of

ROWS = list(rows())


def test_all_ids_of_the_exchange_format() -> None:
    assert (len(IDS), len(set(IDS)), list(IDS)) == (70, 70, sorted(IDS))
    assert {identity for identity in IDS if direction_of(identity) == "up"} == set(IDS[:29])
    assert len(ROWS) == len(IDS) + len(RANGES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_no_cell_is_empty(row: tuple[str, ...]) -> None:
    assert len(row) == 6 and all(row)


@pytest.mark.parametrize("identity", IDS, ids=BOOK.name)
def test_every_message_has_a_vector_and_a_layout_in_every_edition(identity: int) -> None:
    assert vectors()[identity] > 0
    # What the edition of 2011 does not have, and nothing older defines.
    editions = (2013, 2019) if identity in (0x8106, 0x8805) else (2011, 2013, 2019)
    assert [each for each in (2011, 2013, 2019) if BOOK.candidates(identity, direction_of(identity), each)] == [
        *editions
    ]


def test_every_frame_of_these_ids_is_read() -> None:
    for name in FILES:
        for vector in load(name.removesuffix(".json")):
            if "hex" in vector and int(vector["msg_id"], 16) in IDS and "body" in vector.get("facts", {"body": 0}):
                packet = packet_of(vector["hex"], vector.get("facts", {}).get("edition"))
                assert packet.opaque == ("part" if packet.header.is_part else ""), vector["hex"]
