"""What a location says: degrees, times, alarms, states, additional items."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jimigw.protocols.jt808.dialect import DIALECTS, Dialect
from jimigw.protocols.jt808.extras import MOST_SHAPES, Extra, Extras
from jimigw.protocols.jt808.messages.items import EXTRAS_2013, EXTRAS_2019, ITEMS_2013
from jimigw.protocols.jt808.messages.location import LocationReport, LocationReport2019
from jimigw.wire.errors import EncodeError
from jimigw.wire.kinds import Item

BASIC: dict[str, Any] = {
    "alarm": 0,
    "status": 3,
    "latitude": 31234567,
    "longitude": 121234567,
    "altitude": 20,
    "speed": 135,
    "direction": 90,
    "time": "260102030405",
}


def location(items: str = "", edition: int = 2013, **changes: Any) -> Any:
    cls: Any = LocationReport2019 if edition == 2019 else LocationReport
    table = EXTRAS_2019 if edition == 2019 else EXTRAS_2013
    return cls(**(BASIC | changes), extra=Extra(bytes.fromhex(items), table))


@pytest.mark.parametrize(
    ("status", "degrees"),
    [
        (0, (31.234567, 121.234567)),
        (4, (-31.234567, 121.234567)),
        (8, (31.234567, -121.234567)),
        (12, (-31.234567, -121.234567)),
    ],
)
def test_degrees(status: int, degrees: tuple[float, float]) -> None:
    assert location(status=status).degrees == degrees


@pytest.mark.parametrize(("altitude", "metres"), [(0, 0), (20, 20), (0x7FFF, 32767), (0xFFFF, -1), (0xFE00, -512)])
def test_altitude(altitude: int, metres: int) -> None:
    assert location(altitude=altitude).altitude_m == metres


@pytest.mark.parametrize(
    ("digits", "hours", "moment"),
    [
        ("260102030405", 8, datetime(2026, 1, 1, 19, 4, 5, tzinfo=UTC)),
        ("260102030405", 0, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("260102030405", -5, datetime(2026, 1, 2, 8, 4, 5, tzinfo=UTC)),
        ("000000000000", 8, None),
        ("700101000000", 8, datetime(2069, 12, 31, 16, tzinfo=UTC)),
        ("261302030405", 8, None),
        ("26010203040a", 8, None),
    ],
)
def test_moment(digits: str, hours: int, moment: datetime | None) -> None:
    assert location(time=digits).moment(timezone(timedelta(hours=hours))) == moment


def test_moment_is_of_china_by_the_standard() -> None:
    assert location().moment() == datetime(2026, 1, 1, 19, 4, 5, tzinfo=UTC)


def test_plain_facts() -> None:
    found = location()
    assert (found.speed_kmh, found.positioned, found.ignition) == (13.5, True, True)
    assert (location(status=0).positioned, location(status=1).ignition) == (False, True)


ALARMS: list[tuple[int, int, list[tuple[int, str]]]] = [
    (0, 2013, []),
    (1, 2013, [(0, "emergency button")]),
    (1 << 3 | 1 << 29, 2013, [(3, "danger warning"), (29, "collision warning")]),
    (1 << 3 | 1 << 29, 2019, [(3, "dangerous driving behaviour"), (29, "collision or rollover")]),
    (1 << 31, 2013, [(31, "illegal door opening")]),
    (1 << 31, 2019, [(31, "bit 31")]),
    (1 << 15 | 1 << 17, 2019, [(15, "driving in a forbidden period"), (17, "right-turn blind zone abnormal")]),
]


@pytest.mark.parametrize(("word", "edition", "alarms"), ALARMS)
def test_alarms(word: int, edition: int, alarms: list[tuple[int, str]]) -> None:
    assert location(edition=edition, alarm=word).alarms() == alarms


def test_alarms_of_2011() -> None:
    assert location(alarm=1 << 13).alarms(2011) == [(13, "bit 13")]


def test_states() -> None:
    states = location(status=1 | 1 << 4 | 3 << 8 | 1 << 12).states()
    assert {name for name, on in states.items() if on is True} == {"acc", "out_of_service", "doors_locked"}
    assert states["load"] == "full"
    assert "moving" not in states
    assert location(edition=2019, status=1 << 22).states()["moving"] is True


# -- additional items ---------------------------------------------------------------------------------------------

SIGNALS = {
    "right_turn": 0,
    "left_turn": 0,
    "brake": 0,
    "reverse": 0,
    "fog": 0,
    "side_marker": 0,
    "horn": 0,
    "air_conditioner": 0,
    "neutral": 0,
    "retarder": 0,
    "abs": 0,
    "heater": 0,
    "cluth": 0,
}
IDENTITY = "31323334353637 260102030405 01 02 00"
SHOWN_IDENTITY = {"terminal_id": "1234567", "time": "260102030405", "seq": 1, "count": 2}
PLACE = "32 0014 01dc9a07 0739e487 260102030405 0401"
SHOWN_PLACE = {
    "speed": 50,
    "altitude": 20,
    "latitude": 31234567,
    "longitude": 121234567,
    "time": "260102030405",
    "vehicle_status": 0x0401,
}

ITEMS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    # bytes, extra in the document's dialect, extra in that of EMQX
    "mileage": ("0104 00000064", {"mileage": 100}, {"mileage": 100}),
    "fuel": ("0202 0037", {"fuel_meter": 55}, {"fuel_meter": 55}),
    "speed": ("0302 0087", {"speed": 135}, {"speed": 135}),
    "alarm to confirm": ("0402 0009", {"alarm_id": 9}, {"alarm_id": 9}),
    "wrong length": ("0103 000064", {"1": "AABk"}, {"1": "AABk"}),
    "overspeed, no place": ("1101 00", {"overspeed_alarm": {"type": 0}}, {"overspeed_alarm": {"type": 0}}),
    "overspeed": (
        "1105 01 00000005",
        {"overspeed_alarm": {"type": 1, "id": 5}},
        {"overspeed_alarm": {"type": 1, "id": 5}},
    ),
    "overspeed, wrong length": ("1103 010000", {"17": "AQAA"}, {"17": "AQAA"}),
    "in or out": (
        "1206 04 00000005 01",
        {"in_out_alarm": {"type": 4, "id": 5, "direction": 1}},
        {"in_out_alarm": {"type": 4, "id": 5, "direction": 1}},
    ),
    "segment": (
        "1307 00000005 0020 01",
        {"path_time_alarm": {"id": 5, "time": 32, "result": 1}},
        {"path_time_alarm": {"id": 5, "time": 32, "result": 1}},
    ),
    "signals": (
        "2504 00004005",
        {"signal": {"low_beam": 1, "high_beam": 0}, **SIGNALS, "right_turn": 1, "cluth": 1},
        {"signal": {"low_beam": 1, "high_beam": 0, **SIGNALS, "right_turn": 1, "cluth": 1}},
    ),
    "io": ("2a02 0002", {"io_status": {"sleep": 1, "deep_sleep": 0}}, {"io_status": {"sleep": 1, "deep_sleep": 0}}),
    "analog": ("2b04 00010002", {"analog": {"ad0": 2, "ad1": 1}}, {"analog": {"ad0": 2, "ad1": 1}}),
    "radio": ("3001 05 3101 0c", {"rssi": 5, "gnss_sat_num": 12}, {"rssi": 5, "gnss_sat_num": 12}),
    "unknown": ("2102 0102", {"33": "AQI="}, {"33": "AQI="}),
    "empty": ("2100", {"33": ""}, {"33": ""}),
    "vendor's own": ("e002 0102", {"custome": "AQI="}, {"custome": "AQI="}),
    "vendor's, by number": ("e102 0102", {"225": "AQI="}, {"custome": {"225": "AQI="}}),
    "vendor's, both": (
        "e001 01 e102 0102 e203 010203",
        {"custome": "AQ==", "225": "AQI=", "226": "AQID"},
        {"custome": {"224": "AQ==", "225": "AQI=", "226": "AQID"}},
    ),
    "unknown, twice": ("2101 01 2101 02", {"33": ["AQ==", "Ag=="]}, {"33": "Ag=="}),
    "mileage, twice": ("0104 00000001 0104 00000002", {"mileage": 2}, {"mileage": 2}),
    "video": (
        "1404 00000003 1504 00000001 1604 00000002 1702 0001",
        {"video_alarm": 3, "video_signal_lost": 1, "video_covered": 2, "storage_fault": 1},
        {"20": "AAAAAw==", "21": "AAAAAQ==", "22": "AAAAAg==", "23": "AAE="},
    ),
    "abnormal driving, two bytes": ("1802 0001", {"abnormal_driving": {"type": 1}}, {"24": "AAE="}),
    "abnormal driving": ("1803 0001 32", {"abnormal_driving": {"type": 1, "fatigue": 50}}, {"24": "AAEy"}),
    "temperatures": ("5104 00fa 8032", {"temperatures": {"celsius": [25.0, -5.0]}}, {"81": "APqAMg=="}),
    "Jimi, event": ("e802 0c01", {"jimi": {"type": 0x0C01, "type_name": "SOS"}}, {"custome": {"232": "DAE="}}),
    "Jimi, power": (
        "e80a 2003 07 01 06 0190 1f 04b0",
        {
            "jimi": {
                "type": 0x2003,
                "type_name": "power and signal",
                "content": {"charging": 1, "battery_grade": 6, "battery": 4.0, "rssi": 31, "external": 12.0},
            }
        },
        {"custome": {"232": "IAMHAQYBkB8EsA=="}},
    ),
    "time zone": ("eb05 2b30393030", {"extended": {"time_zone": "+0900"}}, {"custome": {"235": "KzA5MDA="}}),
    "nested items": (
        "eb06 0004 002d 0fa0",
        {"extended": {"items": [{"type": 0x2D, "data": "D6A="}]}},
        {"custome": {"235": "AAQALQ+g"}},
    ),
    "DSM": (
        "652f 00000010 00 01 02 05 00000000" + PLACE + IDENTITY,
        {
            "dsm": {
                "alarm_id": 16,
                "flag": 0,
                "flag_name": "none",
                "type": 1,
                "type_name": "fatigue",
                "level": 2,
                "level_name": "second",
                "fatigue": 5,
                "reserved": "AAAAAA==",
                **SHOWN_PLACE,
                "ident": SHOWN_IDENTITY,
            }
        },
        {"101": "AAAAEAABAgUAAAAAMgAUAdyaBwc55IcmAQIDBAUEATEyMzQ1NjcmAQIDBAUBAgA="},
    ),
    "harsh driving (SmallChi issue 48)": (
        "702f 00000010 00 02 0005 005a 0000 31 0000 00c54d34 049fc2b5 250311170633 0401"
        "00000000000000 250311170633 00 06 00",
        {
            "harsh_driving": {
                "alarm_id": 16,
                "flag": 0,
                "flag_name": "none",
                "type": 2,
                "type_name": "harsh braking",
                "time_threshold": 5,
                "threshold_1": 90,
                "threshold_2": 0,
                "speed": 49,
                "altitude": 0,
                "latitude": 12930356,
                "longitude": 77578933,
                "time": "250311170633",
                "vehicle_status": 0x0401,
                "ident": {"terminal_id": "", "time": "250311170633", "seq": 0, "count": 6},
            }
        },
        {"112": "AAAAEAACAAUAWgAAMQAAAMVNNASfwrUlAxEXBjMEAQAAAAAAAAAlAxEXBjMABgA="},
    ),
}


@pytest.mark.parametrize(("items", "document", "emqx"), ITEMS.values(), ids=ITEMS)
def test_items(items: str, document: dict[str, Any], emqx: dict[str, Any]) -> None:
    raw = bytes.fromhex(items)
    found = LocationReport.decode(location().encode() + raw)
    assert found.to_json()["extra"] == document
    assert found.to_json("emqx")["extra"] == emqx
    assert found.extra == Extra(raw, EXTRAS_2013)
    again = LocationReport.from_json(json.loads(json.dumps(found.to_json())))
    if "twice" not in str(items) and document != {"mileage": 2}:
        assert again.to_json() == found.to_json()


ITEMS_OF_2019: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("0502 ffd7", {"tire_pressure": "/9c="}, {"tire_pressure": "/9c="}),
    ("0602 001e", {"carriage_temp": 30}, {"carriage_temp": 30}),
    ("0602 ffec", {"carriage_temp": -20}, {"carriage_temp": -20}),
    ("0602 8005", {"carriage_temp": -5}, {"carriage_temp": -32763}),
    ("0601 1e", {"6": "Hg=="}, {"6": "Hg=="}),
]


@pytest.mark.parametrize(("items", "document", "emqx"), ITEMS_OF_2019)
def test_items_of_2019(items: str, document: dict[str, Any], emqx: dict[str, Any]) -> None:
    found = LocationReport2019.decode(location().encode() + bytes.fromhex(items))
    assert (found.to_json()["extra"], found.to_json("emqx")["extra"]) == (document, emqx)
    older = LocationReport.decode(location().encode() + bytes.fromhex(items))
    assert list(older.to_json()["extra"]) == [str(int(items[:2], 16))]


@pytest.mark.parametrize(
    ("items", "shown", "note"),
    [
        ("0104 00000064 30", {"mileage": 100}, "item cut short"),
        ("0104 00000064 3005 01", {"mileage": 100}, "item 0x30 at byte 6 has length 5, 1 bytes are left"),
        ("00", {}, "item cut short"),
    ],
)
def test_an_item_over_the_end_costs_itself(items: str, shown: dict[str, Any], note: str) -> None:
    notes: list[str] = []
    raw = location().encode() + bytes.fromhex(items)
    found = LocationReport.decode(raw, notes=notes)
    assert found.to_json()["extra"] == shown
    assert len(notes) == 1
    assert note in notes[0]
    assert found.encode() == raw


def test_items_are_read_when_asked_for() -> None:
    extra = location("0104 00000064 3001 05 2101 07").extra
    assert extra.items == [Item(1, 100), Item(0x30, 5), Item(0x21, b"\x07")]
    assert (extra.get(0x30), extra.get(0x31)) == (5, None)
    assert EXTRAS_2013.of(extra.items) == extra
    assert not EXTRAS_2013.of()


def test_safety_alarms_have_the_codes_of_file_names() -> None:
    found = location(ITEMS["DSM"][0] + ITEMS["harsh driving (SmallChi issue 48)"][0] + "6401 00")
    assert found.safety_alarms() == [(0x6501, "fatigue"), (0x7002, "harsh braking")]


def test_video_alarms() -> None:
    assert location("1404 80000003").video_alarms() == [(0, "video signal lost"), (1, "camera covered"), (31, "bit 31")]
    assert location("1402 0003").video_alarms() == location().video_alarms() == []


def test_ids_and_values_with_and_without_a_shape() -> None:
    table = EXTRAS_2013
    for raw in (bytes.fromhex("0104 00000064 3001 05 2101 07"), bytes.fromhex("0104 00000001 0104 00000064 3001 05")):
        for extra in (Extra(raw, table), table.read(raw, 0, len(raw), None, [])[0]):
            assert set(extra.ids) >= {0x01, 0x30}
            assert (extra.get(0x01), extra.get(0x30), extra.get(0x99)) == (100, 5, None)


WRONG_EXTRA: list[tuple[Any, str]] = [
    (5, "5 is not an object of additional items"),
    ({"milage": 1}, "extra.milage: is not an additional item; known are "),
    ({"256": "AA=="}, "extra.256: is not the number of an item"),
    ({"33": "no base64!"}, "extra.33: 'no base64!' is not base64"),
    ({"mileage": -1}, "extra.mileage: -1 is not a whole number"),
    ({"signal": 1}, "extra.signal: 1 is not an object of vehicle signals"),
    ({"signal": {"lamp": 1}}, "extra.signal: 'lamp' is no vehicle signal"),
    ({"33": "A" * 400}, "300 bytes are too long, at most 255 fit"),
]


@pytest.mark.parametrize(("extra", "complaint"), WRONG_EXTRA)
def test_wrong_extra(extra: Any, complaint: str) -> None:
    with pytest.raises(EncodeError) as raised:
        LocationReport.from_json(BASIC | {"extra": extra})
    assert complaint in str(raised.value)


def test_old_spelling_of_the_fuel_is_understood() -> None:
    assert LocationReport.from_json(BASIC | {"extra": {"fuel_unit": 55}}).to_json()["extra"] == {"fuel_meter": 55}


# -- shapes -------------------------------------------------------------------------------------------------------


def _walked(extra: Extra, dialect: Dialect) -> dict[str, Any]:
    """The JSON without what is remembered of shapes."""
    return EXTRAS_2019.to_json(Extra(extra.raw, EXTRAS_2019), dialect)


@example([(0xE0, b""), (0xE8, b"")], b"")
@given(
    st.lists(st.tuples(st.sampled_from(sorted(ITEMS_2013)) | st.integers(0, 255), st.binary(max_size=8)), max_size=6),
    st.binary(max_size=2),
)
def test_shapes_give_what_walking_gives(items: list[tuple[int, bytes]], tail: bytes) -> None:
    raw = b"".join(bytes((identity, len(value))) + value for identity, value in items) + tail
    found = EXTRAS_2019.read(raw, 0, len(raw), None, [])[0]
    again = EXTRAS_2019.read(raw, 0, len(raw), None, [])[0]
    for dialect in DIALECTS:
        expected = _walked(found, dialect)
        assert EXTRAS_2019.to_json(found, dialect) == EXTRAS_2019.to_json(again, dialect) == expected
        assert list(EXTRAS_2019.to_json(found, dialect)) == list(expected)


def test_shapes_are_bounded() -> None:
    table = Extras(ITEMS_2013, emqx=frozenset(), shows={}, aliases={})
    for number in range(2 * MOST_SHAPES):
        raw = bytes((number & 0xFF, 1 + (number >> 8), 0, *[0] * (number >> 8)))
        extra = table.read(raw, 0, len(raw), None, [])[0]
        assert (extra.shape is None) is (number >= MOST_SHAPES)
        assert len(table.to_json(extra, "document")) == 1


def test_objects_of_two_locations_are_their_own() -> None:
    raw = location("2504 00000001 1101 00").encode()
    one, other = (LocationReport.decode(raw).to_json()["extra"] for _ in range(2))
    one["signal"]["low_beam"] = 9
    one["overspeed_alarm"]["type"] = 9
    assert (other["signal"]["low_beam"], other["overspeed_alarm"]["type"]) == (1, 0)
