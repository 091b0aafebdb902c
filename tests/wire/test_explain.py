"""What every byte says: all bytes once, the values that decode gives, and no bytes that raise."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jimigw.protocols.jimi.messages import Alarm, Command, DataTransfer, Location
from jimigw.protocols.jimi.modules import ExtensionData, Peripherals
from jimigw.wire.errors import DecodeError
from jimigw.wire.explain import Piece, explain, leaves
from jimigw.wire.kinds import Const
from jimigw.wire.message import Message
from tests.support.strategies import messages
from tests.wire.declared import Everything
from tests.wire.jimi_kinds import IDS, MESSAGES

EVERY = pytest.mark.parametrize("cls", [*MESSAGES, Everything], ids=[*IDS, "everything"])


def covered(pieces: list[Piece]) -> list[int]:
    """The bytes that the leaves cover, in order; those of a word's bits counted once."""
    ranges = [(piece.start, piece.end, bool(piece.bits)) for piece in leaves(pieces)]
    once = [key for key, group in itertools.groupby(ranges) for _ in (group if not key[2] else [0])]
    return [byte for start, end, _ in once for byte in range(start, end)]


def check(cls: type[Message], data: bytes, start: int, end: int) -> None:
    pieces = explain(cls, data, start, end)
    assert covered(pieces) == [*range(start, end)]
    open_pieces: list[Piece] = []
    for piece in pieces:
        open_pieces = open_pieces[: piece.depth]
        assert len(open_pieces) == piece.depth
        assert all(outer.start <= piece.start <= piece.end <= outer.end for outer in open_pieces)
        assert "\n" not in piece.shown
        open_pieces.append(piece)
    notes: list[str] = []
    try:
        read = cls.decode(data, start, end, notes)
    except DecodeError as error:
        assert pieces[-1].problem
        assert error.path.split(".")[0]
        return
    told = {piece.name: piece.value for piece in pieces if piece.depth == 0}
    constants = {row.name for row in cls.__wire__.rows if isinstance(row.kind, Const)}
    assert told == {name: told[name] if name in constants else getattr(read, name) for name in told}
    assert bool(notes) == any(piece.problem for piece in pieces)


@EVERY
@settings(max_examples=25)
@given(data=st.data())
def test_messages_are_covered(cls: type[Message], data: st.DataObject) -> None:
    sent = data.draw(messages(cls)).encode()
    check(cls, b"\x00\x00\x00" + sent + b"\x00", 3, 3 + len(sent))
    assert not any(piece.problem for piece in explain(cls, sent))
    cut = data.draw(st.integers(0, len(sent)))
    check(cls, sent, 0, cut)


@EVERY
@settings(max_examples=50)
@given(junk=st.binary(max_size=70))
def test_junk_is_covered(cls: type[Message], junk: bytes) -> None:
    check(cls, junk, 0, len(junk))


LOCATION = "160208092b1e cf 026c1593 0c398a10 00 1400 01cc0b 7706 0776a4 01 0e 00 00000000"


@pytest.mark.parametrize(
    ("cls", "data", "lines"),
    [
        (
            Location,
            LOCATION,
            [
                "0-6 date_time: 2022-02-08T09:43:30Z",
                "6-7 gps_length (bits 7-4): 12",
                "6-7 satellites (bits 3-0): 15",
                "7-11 latitude: 22.5765794 degree",
                "11-15 longitude: 113.9430489 degree",
                "15-16 speed: 0 km/h",
                "16-18 reserved (bits 15-14): 0",
                "16-18 differential (bit 13): no",
                "16-18 fixed (bit 12): yes",
                "16-18 west (bit 11): no",
                "16-18 north (bit 10): yes",
                "16-18 course (bits 9-0): 0 degree",
                "18-20 mnc_wide (bit 15): no",
                "18-20 mcc (bits 14-0): 460",
                "20-21 mnc: 11",
                "21-23 lac: 30470",
                "23-26 cell_id: 489124",
                "26-27 acc: 1: ACC on",
                "27-28 upload_mode: 14: GPSDUP (fixed interval while static or without fix)",
                "28-29 reupload: 0: Real-time",
                "29-33 mileage: 0 m",
            ],
        ),
        (
            Peripherals,
            "62000000 0002 06 010000640200 0001 02 0304 0506 07 00",
            [
                "0-4 date_time: 2022-02-06T17:06:08Z",
                "4-18 peripherals: 2 items ! item 0x0506 at byte 18 has length 7, 1 bytes are left",
                ". 4-13 [0]: item 2",
                ". . 4-6 id: 2: multi_fuel",
                ". . 6-7 length: 6",
                ". . 7-13 value: 01 00 00 64 02 00 ! kept raw: 1 of 6 bytes are too many (at byte 12)",
                ". 13-18 [1]: item 1",
                ". . 13-15 id: 1: capacitive_fuel",
                ". . 15-16 length: 2",
                ". . 16-18 value: 7.72 V",
                "18-22 surplus: 05 06 07 00",
            ],
        ),
        (
            ExtensionData,
            "0035 0001 04",
            [
                "0-5 modules: 1 item",
                ". 0-5 [0]: item 53",
                ". . 0-2 id: 53: upload",
                ". . 2-4 length: 1",
                ". . 4-5 value: Kind of upload",
                ". . . 4-5 mode: 4: Buffered",
            ],
        ),
        (
            DataTransfer,
            "0a 0102",
            [
                "0-1 file_type: 10: DVR IMEI, IMSI, ICCID",
                "1-3 content: 01 02 ! kept raw: imei: needs 8 bytes, 2 are left (at byte 1)",
            ],
        ),
        (
            Command,
            "09 00000001 41422c 00",
            [
                "0-1 length: 9",
                "1-5 server_flag: 1",
                '5-9 command: "AB,\\u0000"'
                " ! command length less 4 gives 5 bytes of text at byte 5, 4 are left, all taken",
            ],
        ),
        (Alarm, "ffee01", ["0-3 unread: FF EE 01 ! mark: 0xFFEE is not u16 = 0xFFFF (at byte 0)"]),
        (Location, "1602", ["0-2 unread: 16 02 ! date_time: needs 6 bytes, 2 are left (at byte 0)"]),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_pieces_as_people_see_them(cls: Any, data: str, lines: list[str]) -> None:
    def line(piece: Piece) -> str:
        bits = f" ({piece.bits})" if piece.bits else ""
        problem = f" ! {piece.problem}" if piece.problem else ""
        return f"{'. ' * piece.depth}{piece.start}-{piece.end} {piece.name}{bits}: {piece.shown}{problem}"

    assert [line(piece) for piece in explain(cls, bytes.fromhex(data))] == lines


def test_a_piece_says_all_that_the_row_says() -> None:
    speed = next(piece for piece in explain(Location, bytes.fromhex(LOCATION)) if piece.name == "speed")
    assert speed == Piece(15, 16, "speed", 0, "0 km/h", "km/h", "GPS speed", "5.3.1")


def test_long_values_are_shown_shortly() -> None:
    pieces = explain(DataTransfer, b"\x07" + b"\xff" * 5000)
    assert [len(piece.shown) for piece in pieces] == [len("7: DVR UUID"), 200]
    assert explain(DataTransfer, b"\x99" + b"\xff" * 5000)[1].shown == "5000 bytes"
