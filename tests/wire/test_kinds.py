"""Every kind as a table: bytes, value, JSON; and the sentence for what does not fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from jimigw.wire.errors import DecodeError, EncodeError
from jimigw.wire.kinds import (
    I8,
    I16,
    I32,
    U8,
    U16,
    U24,
    U32,
    U64,
    Bcd,
    Bit,
    Bits,
    Chain,
    Coordinate,
    Counted,
    Int,
    Item,
    ItemKind,
    Kind,
    LengthOf,
    Nested,
    Optional,
    PaddedDigits,
    PrefixedBytes,
    PrefixedText,
    Raw,
    Repeated,
    Rest,
    RestText,
    Scaled,
    SignMagnitude,
    Switch,
    Terminated,
    Text,
    TextOf,
    UnixTime,
    UtcTime,
    When,
    shown,
    text_from_json,
    text_to_json,
)
from tests.wire.declared import Pair

LATITUDE = Coordinate("north", negative=False, most=90)
I64 = Int("q", "i64")
NOON = datetime(2025, 11, 28, 9, 30, tzinfo=UTC)
CHAIN = Chain(
    U8,
    U8,
    {
        1: ItemKind("one", U16, "one"),
        3: ItemKind("raw", Rest(), "raw"),
        4: ItemKind("blob", PrefixedBytes(U8), "blob"),
    },
)
WIDE = Chain(U16, U8, {7: ItemKind("long", Rest(), "length in two bytes", length=U16)})
BY = Switch("kind", {1: U8, 2: RestText("utf-8"), 3: Nested(Pair)})
#: the message that kinds look at which depend on an earlier field
OWNER = SimpleNamespace(kind=1, there=True, size=2)


def owner(**changes: Any) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(OWNER), **changes})


def read(kind: Kind, data: bytes, of: Any = OWNER) -> tuple[Any, int, list[str]]:
    notes: list[str] = []
    value, after = kind.read(b"\xee" + data, 1, 1 + len(data), of, notes)
    return value, after - 1, notes


def write(kind: Kind, value: Any, of: Any = OWNER) -> bytes:
    out = bytearray()
    kind.write(value, out, of)
    return bytes(out)


THERE_AND_BACK: list[tuple[Kind, str, Any, Any]] = [
    # kind, bytes, value, JSON
    (U8, "ff", 255, 255),
    (U16, "0102", 258, 258),
    (U24, "010203", 66051, 66051),
    (U32, "ffffffff", 4294967295, 4294967295),
    (U64, "ffffffffffffffff", 2**64 - 1, 2**64 - 1),
    (I8, "80", -128, -128),
    (I16, "fffe", -2, -2),
    (I32, "80000000", -(2**31), -(2**31)),
    (I64, "8000000000000000", -(2**63), -(2**63)),
    (Scaled(U16, 10), "007b", 12.3, 12.3),
    (Scaled(I16, 10), "ff85", -12.3, -12.3),
    (Scaled(U16, 100), "ffff", 655.35, 655.35),
    (SignMagnitude(U16), "8005", -5, -5),
    (SignMagnitude(U16), "7fff", 32767, 32767),
    (SignMagnitude(U8, 10), "8f", -1.5, -1.5),
    (Bcd(3), "12345f", "12345f", "12345f"),
    (PaddedDigits(8, 15), "0861234567890123", "861234567890123", "861234567890123"),
    (PaddedDigits(8, 15), "1861234567890123", "1861234567890123", "1861234567890123"),
    (LATITUDE, "026c1593", 22.5765794, 22.5765794),
    (LATITUDE, "00000000", 0.0, 0.0),
    (UtcTime(), "190b1c091e00", NOON, "2025-11-28T09:30:00+00:00"),
    (UtcTime(), "ff0c1f173b3b", datetime(2255, 12, 31, 23, 59, 59, tzinfo=UTC), "2255-12-31T23:59:59+00:00"),
    (UtcTime(), "190d1c091e00", "190d1c091e00", "190d1c091e00"),
    (UnixTime(), "ffffffff", datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC), "2106-02-07T06:28:15+00:00"),
    (Raw(3), "010203", b"\1\2\3", "AQID"),
    (Rest(), "", b"", ""),
    (Rest(), "00ff", b"\0\xff", "AP8="),
    (PrefixedBytes(U16), "0002aabb", b"\xaa\xbb", "qrs="),
    (Text(4), "41420000", "AB", "AB"),
    (Text(6, "gbk"), "bea900000000", "京", "京"),
    (Text(2), "ff41", "\udcffA", "\\xffA"),
    (RestText("utf-8"), "e4baacff", "京\udcff", "京\\xff"),
    (RestText("utf-16-be"), "4eac0041", "京A", "京A"),
    (RestText(), "5c786666", "\\xff", "\\x5cxff"),
    (Terminated("gbk"), "bea900", "京", "京"),
    (Terminated(terminator=b"\r\n"), "41420d0a", "AB", "AB"),
    (PrefixedText(U8, "utf-8"), "03e4baac", "京", "京"),
    (PrefixedText(U8, extra=1), "034142", "AB", "AB"),
    (LengthOf(U16, lambda o: o.size, "text"), "0002", 2, 2),
    (TextOf(lambda o: o.size, "size"), "4142", "AB", "AB"),
    (Optional(U16), "", None, None),
    (Optional(U16), "0007", 7, 7),
    (Optional(U16, left=2), "0007", 7, 7),
    (When(lambda o: o.there, "there", U8), "07", 7, 7),
    (When(lambda o: not o.there, "not there", U8), "", None, None),
    (Nested(Pair), "05ff", Pair(left=5, right=-1), {"left": 5, "right": -1}),
    (Counted(U8, U16), "0200010002", [1, 2], [1, 2]),
    (Counted(U8, Raw(1)), "0141", [b"A"], ["QQ=="]),
    (Repeated(U8), "010203", [1, 2, 3], [1, 2, 3]),
    (Repeated(U8), "", [], []),
    (CHAIN, "01020007", [Item(1, 7)], [{"id": 1, "name": "one", "value": 7}]),
    (CHAIN, "0203010203", [Item(2, b"\1\2\3")], [{"id": 2, "data": "AQID"}]),
    (CHAIN, "030100", [Item(3, b"\0")], [{"id": 3, "name": "raw", "value": "AA=="}]),
    (CHAIN, "04020100", [Item(4, b"\0")], [{"id": 4, "name": "blob", "value": "AA=="}]),
    (WIDE, "0007000100000801ff", [Item(7, b"\0"), Item(8, b"\xff")],
     [{"id": 7, "name": "long", "value": "AA=="}, {"id": 8, "data": "/w=="}]),
]  # fmt: skip


def ids(value: Any) -> str:
    return f"{type(value).__name__} {value.wire_type}" if isinstance(value, Kind) else ""


@pytest.mark.parametrize(("kind", "data", "value", "plain"), THERE_AND_BACK, ids=ids)
def test_there_and_back(kind: Kind, data: str, value: Any, plain: Any) -> None:
    body = bytes.fromhex(data)
    assert read(kind, body) == (value, len(body), [])
    assert write(kind, value) == body
    json = kind.to_json(value, "document")
    assert (json.isoformat() if isinstance(json, datetime) else json) == plain
    if not isinstance(kind, LengthOf):
        assert kind.from_json(plain) == value


@pytest.mark.parametrize(
    ("kind", "data", "value", "after", "notes"),
    [
        (U8, "0102", 1, 1, []),
        (SignMagnitude(U16), "8000", 0, 2, []),  # minus zero
        (Text(5), "0020412000", "A", 5, []),
        (RestText(strip_nul=True), "410000", "A", 3, []),
        (RestText("utf-16-be"), "00414e", "A\ufffd", 3, []),
        (Terminated(), "4142", "AB", 2, ["text at byte 1 has no terminator 0x00, read to the end"]),
        (PrefixedText(U8), "054142", "AB", 3, ["length 5 at byte 1 runs 3 bytes over the end, cut"]),
        (PrefixedBytes(U8), "ff", b"", 1, ["length 255 at byte 1 runs 255 bytes over the end, cut"]),
        (TextOf(lambda o: 9, "size"), "41", "A", 1, ["size gives 9 bytes of text at byte 1, 1 are left, all taken"]),
        (TextOf(lambda o: -3, "size"), "41", "A", 1, ["size gives -3 bytes of text at byte 1, 1 are left, all taken"]),
        (Optional(U16), "07", None, 0, []),
        (Optional(U16, left=2), "000708", None, 0, []),
        (Counted(U16, U8), "ffff01", [1], 3,
         ["[1]: needs 1 bytes, 0 are left (at byte 4)", "count says 65535, 1 could be read"]),
        (Counted(U32, U8), "ffffffff", [], 4,
         ["[0]: needs 1 bytes, 0 are left (at byte 5)", "count says 4294967295, 0 could be read"]),
        (Counted(U16, Optional(U8)), "ffff", [], 2, ["count says 65535, 0 could be read"]),
        (Repeated(U16), "000102", [1], 2, ["[1]: needs 2 bytes, 1 are left (at byte 3)"]),
        (CHAIN, "0101ff", [Item(1, b"\xff")], 3, ["item one: needs 2 bytes, 1 are left (at byte 3); kept raw"]),
        (CHAIN, "0103000102", [Item(1, b"\0\1\2")], 5, ["item one: 1 of 3 bytes too many; kept raw"]),
        (CHAIN, "0105000102", [], 0, ["item 0x01 at byte 1 has length 5, 3 bytes are left"]),
        (CHAIN, "01", [], 0, ["item cut short: needs 1 bytes, 0 are left (at byte 2)"]),
        (Chain(U8, U8, {}, most=1), "05000600", [Item(5, b"")], 2, []),
    ],
    ids=ids,
)  # fmt: skip
def test_reading_what_is_not_quite_right(kind: Kind, data: str, value: Any, after: int, notes: list[str]) -> None:
    assert read(kind, bytes.fromhex(data)) == (value, after, notes)


@pytest.mark.parametrize(
    ("kind", "data", "sentence"),
    [
        (U32, "010203", "needs 4 bytes, 3 are left (at byte 1)"),
        (UtcTime(), "", "needs 6 bytes, 0 are left (at byte 1)"),
        (PrefixedText(U8, extra=2), "01", "length 1 is smaller than the 2 bytes it includes (at byte 1)"),
        (Nested(Pair), "01", "right: Pair ends here: its fixed part needs 2 bytes, 1 are there (at byte 2)"),
        (Counted(U16, U8), "00", "needs 2 bytes, 1 are left (at byte 1)"),
    ],
    ids=ids,
)
def test_what_cannot_be_read(kind: Kind, data: str, sentence: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read(kind, bytes.fromhex(data))
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (U8, 256, "256 is not a whole number from 0 to 255"),
        (U8, -1, "-1 is not a whole number from 0 to 255"),
        (U8, None, "None is not a whole number from 0 to 255"),
        (U24, 1 << 24, "16777216 is not a whole number from 0 to 16777215"),
        (I8, 128, "128 is not a whole number from -128 to 127"),
        (U8, 10**5000, "<a whole number of 16610 bits> is not a whole number from 0 to 255"),
        (Scaled(U16, 10), 6553.6, "6553.6 is not a number from 0.0 to 6553.5"),
        (Scaled(U16, 10), float("nan"), "nan is not a number from 0.0 to 6553.5"),
        (Scaled(U16, 10), float("inf"), "inf is not a number from 0.0 to 6553.5"),
        (SignMagnitude(U8, 10), 12.8, "12.8 is not a number from -12.7 to 12.7"),
        (Bcd(2), "123", "'123' is not a string of 4 digits"),
        (Bcd(2), "12 4", "'12 4' is not a string of 4 digits"),
        (Bcd(2), "12x4", "'12x4' is not a string of 4 digits"),
        (Bcd(2), 1234, "1234 is not a string of 4 digits"),
        (PaddedDigits(8, 15), "1", "'1' is not a string of 15 digits"),
        (LATITUDE, 3000, "3000 is not a number of degrees from -90 to 90"),
        (LATITUDE, "1", "'1' is not a number of degrees from -90 to 90"),
        (UtcTime(), datetime(1999, 1, 1, tzinfo=UTC), "is not a time such as 2025-11-28T09:30:00Z, from 2000 to 2255"),
        (UtcTime(), datetime(2256, 1, 1, tzinfo=UTC), "is not a time such as 2025-11-28T09:30:00Z, from 2000 to 2255"),
        (UtcTime(), datetime(2025, 1, 1), "is not a time such as 2025-11-28T09:30:00Z, from 2000 to 2255"),
        (UtcTime(), "xx", "'xx' is not a time such as 2025-11-28T09:30:00Z, from 2000 to 2255, or twelve hex digits"),
        (UtcTime(), "00 00 00 00 ", "'00 00 00 00 ' is not a time such as"),
        (UnixTime(), datetime(1969, 1, 1, tzinfo=UTC), "is not a time such as 2025-11-28T09:30:00Z, from 1970 to 2106"),
        (UnixTime(), datetime(2025, 1, 1), "is not a time such as 2025-11-28T09:30:00Z, from 1970 to 2106"),
        (Raw(3), b"12", "2 bytes are not exactly 3 bytes"),
        (Raw(3), "abc", "'abc' is not exactly 3 bytes"),
        (Rest(), "abc", "'abc' is not bytes"),
        (PrefixedBytes(U8), bytes(256), "256 bytes are too long, at most 255 fit"),
        (PrefixedBytes(U32), 10**12, "1000000000000 is not bytes"),
        (Text(2), "ABC", "'ABC' takes 3 bytes, 2 are there"),
        (Text(4), "京", "'京' is not text that ascii can write"),
        (RestText("gbk"), "\U0001f600", "'😀' is not text that gbk can write"),
        (RestText("utf-8"), "\ud800", "'\\ud800' is not text that utf-8 can write"),
        (RestText(), 5, "5 is not text that ascii can write"),
        (Terminated(), "A\0B", "'A\\x00B' holds the byte 0x00 that ends the text"),
        (PrefixedText(U8, extra=2), "A" * 254, "254 bytes are too long, at most 253 fit"),
        (LengthOf(U8, lambda o: 300, "server flag and command"), None,
         "server flag and command take 300 bytes, at most 255 fit"),
        (When(lambda o: o.there, "bit 3 is set", U8), None, "is missing: it has to be there if bit 3 is set"),
        (When(lambda o: False, "bit 3 is set", U8), 5, "5 cannot be written: it is only there if bit 3 is set"),
        (Nested(Pair), {"left": 1}, "{'left': 1} is not a Pair"),
        (Nested(Pair), Pair(left=1, right=500), "right: 500 is not a whole number from -128 to 127"),
        (Counted(U8, U8), [0] * 256, "256 items are too many, at most 255 fit"),
        (Counted(U8, U8), [1, 256], "[1]: 256 is not a whole number from 0 to 255"),
        (CHAIN, [Item(1, 70000)], "[0].value: 70000 is not a whole number from 0 to 65535"),
        (CHAIN, [Item(9, 7)], "[0].value: 7 is not bytes"),
        (CHAIN, [Item(3, bytes(256))], "[0].value: 256 bytes are too long, at most 255 fit"),
        (CHAIN, [Item(300, b"")], "[0]: 300 is not a whole number from 0 to 255"),
        (Chain(U8, U8, {}, unique=True), [Item(3, b"")] * 2, "[1]: id 3 stands twice, each may stand once only"),
        (Chain(U8, U8, {}, most=1), [Item(3, b""), Item(4, b"")], "2 items are too many, at most 1 fit"),
    ],
    ids=ids,
)  # fmt: skip
def test_what_cannot_be_written(kind: Kind, value: Any, sentence: str) -> None:
    with pytest.raises(EncodeError) as caught:
        write(kind, value)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "json", "sentence"),
    [
        (U8, True, "True is not a whole number from 0 to 255"),
        (U8, 1.0, "1.0 is not a whole number from 0 to 255"),
        (U24, "7", "'7' is not a whole number from 0 to 16777215"),
        (Bits(3), 8, "8 is not a whole number from 0 to 7"),
        (Bit(), 1, "1 is not true or false"),
        (Scaled(U16, 10), "1", "'1' is not a number"),
        (Scaled(U16, 10), float("nan"), "nan is not a number"),
        (SignMagnitude(U16), None, "None is not a number"),
        (LATITUDE, 90.5, "90.5 is not a number of degrees from -90 to 90"),
        (LATITUDE, 10**400, "<a whole number of 1329 bits> is not a number of degrees from -90 to 90"),
        (Bcd(2), 1234, "1234 is not a string of 4 digits"),
        (UtcTime(), "yesterday", "'yesterday' is not a time such as 2025-11-28T09:30:00Z, from 2000 to 2255"),
        (UtcTime(), "2025-11-28T09:30:00", "'2025-11-28T09:30:00' needs whole seconds and a zone, such as"),
        (UtcTime(), "2025-11-28T09:30:00.5Z", "'2025-11-28T09:30:00.5Z' needs whole seconds and a zone, such as"),
        (UtcTime(), "0001-01-01T00:00:00+23:59", "'0001-01-01T00:00:00+23:59' is not a time such as"),
        (UtcTime(), "00 00 00 00 ", "'00 00 00 00 ' is not a time such as"),
        (UnixTime(), 1700000000, "1700000000 is not a time such as 2025-11-28T09:30:00Z, from 1970 to 2106"),
        (Raw(2), "A", "'A' is not base64"),
        (Rest(), "é", "'é' is not base64"),
        (PrefixedBytes(U8), 5, "5 is not base64"),
        (Text(3), 5, "5 is not a string"),
        (Terminated(), None, "None is not a string"),
        (PrefixedText(U8), ["A"], "['A'] is not a string"),
        (Nested(Pair), [], "[] is not an object"),
        (Nested(Pair), {"left": 1}, "right: is missing"),
        (Nested(Pair), {"left": 1, "right": 2, "up": 3}, "up: is not a key of Pair; known are left, right"),
        (Counted(U8, U8), {}, "{} is not a list"),
        (Repeated(Nested(Pair)), [{"left": 1, "right": "x"}], "[0].right: 'x' is not a whole number from -128 to 127"),
        (CHAIN, {}, "{} is not a list of items"),
        (CHAIN, [5], '[0]: 5 is not an item such as {"id": 1, "value": ...}'),
        (CHAIN, [{"id": 1}], '[0]: item 1 (one) has no "value"'),
        (CHAIN, [{"id": 9, "value": 1}], '[0]: id 9 is not known here: give its bytes as base64 in "data"'),
        (CHAIN, [{"id": -1, "data": ""}], "[0].id: -1 is not a whole number from 0 to 255"),
        (CHAIN, [{"id": 9, "data": "!"}], "[0].data: '!' is not base64"),
        (CHAIN, [{"id": 1, "value": "x"}], "[0].value: 'x' is not a whole number from 0 to 65535"),
    ],
    ids=ids,
)
def test_what_json_cannot_mean(kind: Kind, json: Any, sentence: str) -> None:
    with pytest.raises(EncodeError) as caught:
        kind.from_json(json)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("chosen", "data", "value", "json", "notes"),
    [
        (1, "07", 7, 7, []),
        (2, "4142", "AB", "AB", []),
        (3, "05ff", Pair(left=5, right=-1), {"left": 5, "right": -1}, []),
        (9, "0102", b"\1\2", "AQI=", []),
        (3, "05", b"\5", "BQ==",
         ["kind 3: right: Pair ends here: its fixed part needs 2 bytes, 1 are there (at byte 2); kept raw"]),
    ],
)  # fmt: skip
def test_switch(chosen: int, data: str, value: Any, json: Any, notes: list[str]) -> None:
    of, body = owner(kind=chosen), bytes.fromhex(data)
    assert read(BY, body, of) == (value, len(body), notes)
    assert write(BY, value, of) == body
    assert BY.to_json_of(value, of, "document") == json
    assert BY.from_json_of(json, of) == value


def test_switch_complains_about_the_value_not_about_base64() -> None:
    with pytest.raises(EncodeError, match=r"^'n' is not an object$"):
        BY.from_json_of("n", owner(kind=3))


def test_a_time_in_another_zone_is_written_in_utc() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=8)))
    assert write(UtcTime(), there) == bytes.fromhex("190b1c091e00")
    assert UtcTime().from_json("2025-11-28T17:30:00+08:00") == NOON


@pytest.mark.parametrize(
    "text", ["", "plain", "\\x41", "\\x5cx41", "京\\", "\udcff\udc80", "\\\udcff", "\\x", "\\xZZ", "a\\xffb"]
)
def test_text_through_json(text: str) -> None:
    json = text_to_json(text)
    assert json.encode().decode() == json  # no lone surrogate is left
    assert text_from_json(json) == text


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, [0] * 10**6, nested(5000), 10**5000, {"k": "v" * 999}, object(), b"x" * 9999],
    ids=lambda value: type(value).__name__,
)
def test_any_value_is_shown_shortly(value: Any) -> None:
    assert 0 < len(shown(value)) <= 60
