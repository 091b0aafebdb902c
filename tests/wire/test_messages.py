"""Declared messages: what stands in JSON under which key, what is understood, and the sentences for what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jimigw.protocols.jimi.messages import BOOK as JIMI
from jimigw.protocols.jimi.messages import Alarm, Location
from jimigw.protocols.jimi.modules import AdcVoltage, ClimateBatch, ClimateSample, Peripherals
from jimigw.wire.book import Book
from jimigw.wire.errors import DecodeError, EncodeError
from jimigw.wire.kinds import U8, Bits, Chain, Const, Coordinate, Hemisphere, Item, Optional, Scaled
from jimigw.wire.message import Message, fragment, include, message, part, row
from tests.wire.declared import BOOK, Counts, Everything, Open, Pair, Widths, everything

NOW = datetime(2025, 11, 28, 9, 30, tzinfo=UTC)

# -- bytes --------------------------------------------------------------------------------------------------------


def test_all_the_kinds_in_one_message() -> None:
    made = everything(
        flags=0x123, plate="京A", bonus=7, name="张", note="n", blob=b"\xff", pairs=[Pair(left=1, right=-1)], kind=2,
        size=b"xy", items=[Item(1, 5), Item(2, b"z")],
    )  # fmt: skip
    assert made.encode().hex(" ") == (
        "12 39 00 29 32 e0 be a9 41 00 00 00 00 00 01 02 03 80 19 00 07 d5 c5 00 01 6e 02 77 00 01 ff 01 01 ff 02"
        " 02 78 79 01 04 00 00 00 05 02 02 01 7a"
    )
    read = Everything.decode(made.encode())
    assert (read.south, read.latitude, read.length) == (True, -1.5, 1)
    assert read.twice == 4


@pytest.mark.parametrize(("width", "data"), [(0, "0007"), (1, "010007"), (2, "020007"), (255, "ff")])
def test_cases_that_are_numbers_are_no_flag(width: int, data: str) -> None:
    read = Widths.decode(bytes.fromhex(data))
    assert read.value == (7 if width < 2 else bytes.fromhex(data)[1:])
    assert read.encode().hex() == data


@pytest.mark.parametrize("data", ["ffff01", "00", "", "000301"])
def test_a_count_bomb_takes_no_memory(data: str) -> None:
    notes: list[str] = []
    try:
        read = Counts.decode(bytes.fromhex(data), notes=notes)
    except DecodeError as error:
        assert error.path == "counts"
    else:
        assert read.counts == [1]
        assert len(notes) == 2


def test_bytes_behind_the_last_field_are_kept() -> None:
    read: Any = Counts.decode(bytes.fromhex("000105dead"))
    assert (read.counts, read.surplus) == ([5], b"\xde\xad")
    assert read.to_json() == {"counts": [5], "surplus": "3q0="}
    assert read.encode().hex() == "000105dead"


@pytest.mark.parametrize(
    ("cls", "data", "sentence"),
    [
        (Location, "", "date_time: Location ends here: its fixed part needs 20 bytes, 0 are there (at byte 0)"),
        (Location, "16" * 15, "speed: Location ends here: its fixed part needs 20 bytes, 15 are there (at byte 15)"),
        (Location, "16" * 17, "reserved: Location ends here: its fixed part needs 20 bytes, 17 are there (at byte 16)"),
        (Location, "00" * 20, "mnc: needs 1 bytes, 0 are left (at byte 20)"),
        (Location, "00" * 24, "cell_id: Location ends here: its fixed part needs 8 bytes, 3 are there (at byte 23)"),
        (Alarm, "fffe" + "00" * 25, "mark: 0xFFFE is not u16 = 0xFFFF (at byte 0)"),
        (Everything, "00" * 19, "length: needs 1 bytes, 0 are left (at byte 19)"),
        (Everything, "00" * 21 + "00", "word: length 0 is smaller than the 1 bytes it includes (at byte 21)"),
    ],
)
def test_what_cannot_be_decoded(cls: type[Message], data: str, sentence: str) -> None:
    with pytest.raises(DecodeError) as caught:
        cls.decode(bytes.fromhex(data))
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (everything(flags=4096), "flags: 4096 is not a whole number from 0 to 4095"),
        (everything(low="x"), "low: 'x' is not a whole number from 0 to 7"),
        (everything(south=2), "south: 2 is not true or false"),
        (everything(latitude=1.0, south=True), "latitude: 1.0 contradicts south = true; leave south out"),
        (everything(latitude=-1.0, south=0), "latitude: -1.0 contradicts south = 0; leave south out and it follows"),
        (everything(latitude="x"), "latitude: 'x' is not a number of degrees from -90 to 90"),
        (everything(latitude=None), "latitude: None is not a number of degrees from -90 to 90"),
        (everything(plate="A" * 9), "plate: 'AAAAAAAAA' takes 9 bytes, 8 are there"),
        (everything(depth=4000), "depth: 4000 is not a number from -3276.7 to 3276.7"),
        (everything(bonus=1), "bonus: 1 cannot be written: it is only there if bit 0 of flags is set"),
        (everything(flags=1), "bonus: is missing: it has to be there if bit 0 of flags is set"),
        (everything(note="n" * 256), "length: note take 256 bytes, at most 255 fit"),
        (everything(note=5), "note: 5 is not text that gbk can write"),
        (everything(note="\ud800"), "note: '\\ud800' is not text that gbk can write"),
        (everything(pairs=[Pair(left=1, right=2), Pair(left=1, right=999)]), "pairs[1].right: 999 is not a whole"),
        (everything(pairs=[Pair(left=1, right=2), 5]), "pairs[1]: 5 is not a Pair"),
        (everything(pairs=7), "pairs: 7 is not right for u8 count, list of Pair"),
        (everything(items=[Item(1, 5), "x"]), "items: [Item(id=1, value=5), 'x'] is not right for chain of u8 id"),
        (everything(kind=0, size=300), "size: 300 is not a whole number from 0 to 255"),
        (everything(surplus=5), "surplus: 5 is not bytes"),
        (
            Peripherals(
                date_time=NOW,
                peripherals=[
                    Item(3, AdcVoltage(adc_id=1, voltage=1.0)),
                    Item(4, 1.5),
                    Item(7, ClimateBatch(batch=1, samples=[
                        ClimateSample(date_time=NOW, temperature=9999.0, humidity=1),
                    ])),
                ],
            ),
            "peripherals[2].value.samples[0].temperature: 9999.0 is not a number from -3276.8 to 3276.7",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_encoded(made: Message, sentence: str) -> None:
    with pytest.raises(EncodeError) as caught:
        made.encode()
    assert str(caught.value).startswith(sentence)


def test_a_failed_write_leaves_nothing_behind() -> None:
    out = bytearray(b"before")
    with pytest.raises(EncodeError):
        Pair.__wire__.write(Pair(left=1, right=999), out)
    assert out == b"before"


# -- JSON ---------------------------------------------------------------------------------------------------------

PLAIN: dict[str, Any] = {
    "flags": 0, "south": None, "low": 1, "low_name": "one", "latitude": -1.5, "plate": "A1", "token": "AQID",
    "depth": -2.5, "name": "n", "word_length": 2, "word": "w", "blob": "", "pair_count": 0, "pairs": [],
    "kind": 0, "how_big": 7, "twice": 0,
}  # fmt: skip


def test_json_keys() -> None:
    assert everything().to_json() == PLAIN
    full = everything(low=5, note="x", flags=1, bonus=3, items=[Item(2, b"z")]).to_json()
    assert full["low_name"] is None
    assert (full["note"], full["bonus"]) == ("x", 3)
    assert full["items"] == [{"id": 2, "name": "blob", "value": "eg=="}]


def test_json_keys_of_another_dialect() -> None:
    body = everything(pairs=[Pair(left=1, right=2)]).to_json("other")
    assert body["couples"] == [{"left": 1, "right": 2}]
    assert "pairs" not in body
    assert Everything.from_json(body).pairs == [Pair(left=1, right=2)]


def without(*keys: str, **more: Any) -> dict[str, Any]:
    return {**{key: value for key, value in PLAIN.items() if key not in keys}, **more}


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (without(), {"south": None}),
        (without("token"), {"token": b"\1\2\3"}),
        (without("kind", type=1), {"kind": 1}),
        (without("kind", sort=1), {"kind": 1}),
        (without("pairs", couples=[{"left": 1, "right": 2}]), {"pairs": [Pair(left=1, right=2)]}),
        (without(pair_count=99, word_length="x", low_name=5, twice="y"), {"pairs": [], "word": "w"}),
        (without(bonus=None, items=None), {"bonus": None, "items": None}),
        (without("kind", "how_big", kind=2, how_big="AQ=="), {"size": b"\1"}),
        (without("kind", "how_big", kind=9, how_big="AQ=="), {"size": b"\1"}),
        (without(surplus="AQ=="), {"surplus": b"\1"}),
    ],
)
def test_what_is_understood(body: dict[str, Any], changed: dict[str, Any]) -> None:
    read = Everything.from_json({"note": "", **body})
    assert {name: getattr(read, name) for name in changed} == changed


@pytest.mark.parametrize(
    ("cls", "body", "sentence"),
    [
        (Pair, [], "[] is not an object"),
        (Pair, None, "None is not an object"),
        (Pair, {}, "left: is missing"),
        (Pair, {"left": 1, "rihgt": 2}, "rihgt: is not a key of Pair; known are left, right"),
        (Pair, {"left": 1, "x" * 999: 2}, f"{'x' * 60}: is not a key of Pair; known are left, right"),
        (Pair, {5: 1}, "5: is not a key of Pair; known are left, right"),
        (Counts, {"counts": [1, "2"]}, "counts[1]: '2' is not a whole number from 0 to 255"),
        (Counts, {"counts": [], "surplus": 5}, "surplus: 5 is not base64"),
        (Everything, {**PLAIN, "note": "", "couples": [{"left": 1}]}, "couples[0].right: is missing"),
        (Everything, {**PLAIN, "note": "", "how_big": 300}, "how_big: 300 is not a whole number from 0 to 255"),
        (Everything, {**PLAIN, "note": "", "bonus": "x"}, "bonus: 'x' is not a whole number from 0 to 65535"),
        (
            Peripherals,
            {"date_time": "2025-11-28T09:30:00Z", "peripherals": [{"id": 3, "value": {"adc_id": 1, "voltage": "x"}}]},
            "peripherals[0].value.voltage: 'x' is not a number",
        ),
        (
            Peripherals,
            {"date_time": "2025-11-28T09:30:00Z", "peripherals": [{"id": 4, "data": ""}, {"id": 5}]},
            'peripherals[1]: item 5 (rfid) has no "value"',
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_understood(cls: type[Message], body: Any, sentence: str) -> None:
    with pytest.raises(EncodeError) as caught:
        cls.from_json(body)
    assert str(caught.value) == sentence


def test_a_switch_goes_by_the_default_of_a_field_that_json_leaves_out() -> None:
    assert Widths.from_json({"value": 300}).encode() == b"\x01\x01\x2c"


def test_defaults_are_not_shared() -> None:
    Open().values.append(1)
    Open.from_json({}).values.append(1)
    assert (Open().values, Open.from_json({}).values) == ([], [])


# -- declarations -------------------------------------------------------------------------------------------------


def test_bits_have_to_fill_a_word() -> None:
    with pytest.raises(TypeError, match="the bits at the end do not fill a word of 8, 16, 32 or 64"):

        @part("Bad")
        class Bad(Message):
            some: int = row(Bits(3), "three bits")

    with pytest.raises(TypeError, match="Worse: the bits before number do not fill"):

        @part("Worse")
        class Worse(Message):
            some: int = row(Bits(3), "three bits")
            number: int = row(U8, "number")


def test_rows_of_another_layout() -> None:
    @fragment
    class Ends:
        last: int = row(U8, "last")
        very_last: int = row(U8, "very last")

    @part("Whole")
    class Whole(Message):
        _everything = include(Pair, until="right")
        _ends = include(Ends, since="very_last")

    assert [each.name for each in Whole.__wire__.rows] == ["left", "very_last"]
    assert Whole.decode(b"\1\2").to_json() == {"left": 1, "very_last": 2}


def test_optional_fields_follow_one_another() -> None:
    @part("Tail")
    class Tail(Message):
        first: float | None = row(Optional(Scaled(U8, 10)), "first")
        second: list[Item] | None = row(Optional(Chain(U8, U8, {}), least=2), "second")

    assert [Tail.decode(bytes.fromhex(data)).to_json() for data in ("", "0f", "0f0100")] == [
        {},
        {"first": 1.5},
        {"first": 1.5, "second": [{"id": 1, "data": ""}]},
    ]


def test_the_hemisphere_may_stand_before_or_behind() -> None:
    @part("Place")
    class Place(Message):
        west: bool | None = row(Hemisphere("longitude"), "west")
        rest: int = row(Bits(7), "rest", default=0)
        longitude: float = row(Coordinate("west", negative=True, most=180), "longitude")
        mark: int = row(Const(U8, 5), "mark")

    place: Any = Place
    made = place(longitude=-0.5)
    assert made.encode().hex() == "80000dbba005"
    assert place.decode(made.encode()) == place(longitude=-0.5, west=True)
    assert place(longitude=0.0, west=True).encode()[0] == 0x80


# -- the book -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "direction", "version", "data", "found"),
    [
        (0x0101, "up", 2013, b"", Everything),
        (0x0101, "up", 2011, b"", None),
        (0x0101, "down", 2013, b"", None),
        (0x0102, "up", None, b"", Counts),
        (0x0102, "down", 2011, b"", Counts),
        (0x0103, "down", None, b"", Widths),
        (0x0104, "up", None, b"", None),
    ],
)
def test_finding_a_layout(identity: int, direction: str, version: Any, data: bytes, found: Any) -> None:
    assert BOOK.find(identity, direction, data, 0, len(data), version) is found


def test_the_first_layout_that_fits_is_taken() -> None:
    book = Book("two", digits=2)

    @message(book, 1, "Long", fits=lambda data, start, end: end - start > 3)
    class Long(Message):
        pass

    @message(book, 1, "Short")
    class Short(Message):
        pass

    assert [book.find(1, "up", bytes(9), 2, end) for end in (4, 6)] == [Short, Long]
    assert book.name(1) == "0x01"
    assert [entry.cls for entry in book] == [Long, Short]


def test_ids_from_outside_do_not_fill_the_memory() -> None:
    book = Book("none", digits=2)
    for identity in range(10_000):
        assert book.find(identity, "up", b"", 0, 0) is None
    assert len(book._found) <= 4096


def test_the_jimi_book_knows_its_alarm_layouts() -> None:
    bodies = [b"\xff\xff" + bytes(30), bytes(30), bytes(9)]
    found = [JIMI.find(0x95, "up", body, 0, len(body)) for body in bodies]
    assert [each and each.__name__ for each in found] == ["Alarm", "AlarmUnmarked", "AlarmShort"]
