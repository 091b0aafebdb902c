"""What names of files say, what their first bytes say, and which zone lies between a name and a packet."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.model.file_names import (
    CABIN,
    EVENTS,
    MAX_NAME,
    PIP,
    RECORDINGS,
    ROAD,
    FileName,
    is_flag,
    kind_of_content,
    parse_name,
    recorded,
    zone_of,
)
from jimigw.model.media import KINDS
from jimigw.protocols.jimi.names import ALARMS

IMEI = "490154203237518"
LABEL = "4a4331383100002609170640080002ff"
TIME = datetime(2026, 9, 17, 6, 40, 8)


def said(parsed: FileName) -> dict[str, Any]:
    """What a name says, without what it does not."""
    nothing = attrs.asdict(FileName(parsed.name))
    return {key: value for key, value in attrs.asdict(parsed).items() if value != nothing[key]}


def event(form: str = "event", **more: Any) -> dict[str, Any]:
    """What most names of events say; ``more`` is what this one says otherwise, None for what it does not."""
    usual = {
        "form": form, "device": IMEI, "flag": 0, "flag_text": "00000000", "local": TIME, "camera": ROAD, "event": 23,
        "extension": "ts", "kind": "video",
    }  # fmt: skip
    return {key: value for key, value in {**usual, **more}.items() if value is not None}


NAMES: list[tuple[str, dict[str, Any]]] = [
    # -- events: field notes 3.4; the document's example with its six digits; one camera, no letter
    (f"EVENT_{IMEI}_00000000_2026_09_17_06_40_08_F_23.ts", event()),
    (f"EVENT_{IMEI}_00000000_2026_09_17_06_40_08_I_24.ts", event(camera=CABIN, event=24)),
    (f"EVENT_{IMEI}_00000000_2026_09_17_06_40_08_23.ts", event()),
    (
        "EVENT_353376110008882_000000_2020_08_11_14_17_36_24.mp4",
        event(device="353376110008882", flag_text="000000", local=datetime(2020, 8, 11, 14, 17, 36), camera=CABIN,
              event=24, extension="mp4"),
    ),
    # -- the document's example of 0xD4: seven digits, and a number that the sheet gives to commands
    (
        "EVENT_353376110007413_0000000_2020_10_20_06_17_34_07.mp4",
        event(device="353376110007413", flag_text="0000000", local=datetime(2020, 10, 20, 6, 17, 34), event=7,
              extension="mp4"),
    ),
    # -- what a firmware may name some day: an unknown number, an unknown extension
    (f"EVENT_{IMEI}_00000000_2026_09_17_06_40_08_199.ts", event(camera=None, event=199)),
    (f"EVENT_{IMEI}_00000000_2026_09_17_06_40_08_I_199.ts", event(camera=CABIN, event=199)),
    (f"EVENT_{IMEI}_00000000_2026_09_17_06_40_08_F_23.xyz", event(extension="xyz", kind=None)),
    (f"EVENT_{IMEI}_00000000_2026_09_17_06_40_08_F_23.JPG", event(extension="jpg", kind="picture")),
    # -- letter and number disagree: the letter is right
    (f"EVENT_{IMEI}_00000000_2026_09_17_06_40_08_I_23.ts", event(camera=CABIN)),
    # -- picture in picture
    (f"EVENT_{IMEI}_00000000_2026_09_17_06_40_08_223.ts", event(event=223)),
    # -- commands: by the beginning, by the flag, by the number
    (
        f"CMD_{IMEI}_00000000_2026_09_17_06_40_08_I_10.jpg",
        event("command", camera=CABIN, event=10, extension="jpg", kind="picture"),
    ),
    (f"EVENT_{IMEI}_00000001_2026_09_17_06_40_08_F_23.ts", event("command", flag=1, flag_text="00000001")),
    (f"EVENT_{IMEI}_0000002a_2026_09_17_06_40_08_F_20.ts", {
        key: value for key, value in event("command", flag_text="0000002a", event=20).items() if key != "flag"
    }),
    (f"EVENT_{IMEI}_00000000_2026_09_17_06_40_08_I_21.ts", event("command", camera=CABIN, event=21)),
    (f"HVIDEO_{IMEI}_00000042_2026_09_17_06_40_08_22.ts",
     event("command", flag=42, flag_text="00000042", event=22)),
    (f"EVENT_{IMEI}_4294967295_2026_09_17_06_40_08_25.ts",
     event("command", flag=0xFFFFFFFF, flag_text="4294967295", event=25, camera=CABIN)),
    # -- the names of parts
    ("2026_09_17_06_40_08_F_23.ts", event(device=None, flag=None, flag_text=None)),
    ("2026_09_17_06_40_08_I_10.jpg", event(device=None, flag=None, flag_text=None, camera=CABIN, event=10,
                                           extension="jpg", kind="picture")),
    ("2026_09_17_06_40_08_I_21.ts", event("command", device=None, flag=None, flag_text=None, camera=CABIN, event=21)),
    # -- recordings
    *((f"2026_09_17_06_40_08_0{number}.{extension}",
       event("recording", device=None, flag=None, flag_text=None, camera=camera, event=number, extension=extension))
      for number, camera in ((1, ROAD), (2, CABIN), (3, ROAD), (4, CABIN)) for extension in ("ts", "mp4")),
    ("2026_09_17_06_40_08_202.ts",
     event("recording", device=None, flag=None, flag_text=None, camera=CABIN, event=202)),
    ("2026_09_17_06_40_08_01.jpg",
     event(device=None, flag=None, flag_text=None, event=1, extension="jpg", kind="picture")),
    # -- JT/T models
    (f"865478070001047_{LABEL.upper()}_1_00.jpg",
     {"form": "label", "device": "865478070001047", "label": LABEL, "channel": 1, "extension": "jpg",
      "kind": "picture"}),
    (f"865478070001047_{LABEL}_2_01.mp4",
     {"form": "label", "device": "865478070001047", "label": LABEL, "channel": 2, "extension": "mp4", "kind": "video"}),
    # -- T/JSATL12
    ("00_64_6401_0_" + "a" * 32 + ".jpg",
     {"form": "attachment", "channel": 64, "alarm": 0x6401, "number": "a" * 32, "extension": "jpg",
      "kind": "picture"}),
    ("02_65_6502_01_1790000000123.h264",
     {"form": "attachment", "channel": 65, "alarm": 0x6502, "number": "1790000000123", "extension": "h264",
      "kind": "video"}),
    ("04_0_6401_3_A-7.bin",
     {"form": "attachment", "channel": 0, "alarm": 0x6401, "number": "A-7", "extension": "bin"}),
    ("01_0_64_3_A.wav",
     {"form": "attachment", "channel": 0, "alarm": 0x64, "number": "A", "extension": "wav", "kind": "audio"}),
    # -- by FTP
    ("CH1_20260805_234207_W0300_000030.ts",
     {"form": "recording", "local": datetime(2026, 8, 5, 23, 42, 7), "channel": 1, "zone": -180, "extension": "ts",
      "kind": "video"}),
    ("CH2_20260805_234207_E0545_000030.mp4",
     {"form": "recording", "local": datetime(2026, 8, 5, 23, 42, 7), "channel": 2, "zone": 345, "extension": "mp4",
      "kind": "video"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "wanted"), NAMES, ids=lambda value: value if isinstance(value, str) else "")
def test_what_a_name_says(name: str, wanted: dict[str, Any]) -> None:
    assert said(parse_name(name)) == wanted


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("", {}),
        ("img07-1588139792287.png", {"extension": "png", "kind": "picture"}),
        ("clip", {}),
        ("clip.", {}),
        (".ts", {"extension": "ts", "kind": "video"}),
        ("clip.tar.gz", {"extension": "gz"}),
        # -- no such time
        ("2026_02_29_06_40_08_01.ts", {"extension": "ts", "kind": "video"}),
        ("2026_09_17_24_00_00_01.ts", {"extension": "ts", "kind": "video"}),
        ("2026_09_17_06_60_08_01.ts", {"extension": "ts", "kind": "video"}),
        ("0000_01_01_00_00_00_01.ts", {"extension": "ts", "kind": "video"}),
        (f"EVENT_{IMEI}_00000000_2026_13_17_06_40_08_F_23.ts", {"extension": "ts", "kind": "video"}),
        ("CH1_20260805_250000_W0300_000030.ts", {"extension": "ts", "kind": "video"}),
        ("CH1_20260805_234207_W1300_000030.ts", {"extension": "ts", "kind": "video"}),
        # -- digits of other scripts, other letters, spaces, ends of lines, folders
        ("２０２６_09_17_06_40_08_01.ts", {"extension": "ts", "kind": "video"}),
        ("2026_09_17_06_40_0٨_01.ts", {"extension": "ts", "kind": "video"}),
        ("2026_09_17_06_40_08_01.tſ", {}),
        ("2026_09_17_06_40_08_01.ts\n", {}),
        ("2026_09_17_06_40_08_X_01.ts", {"extension": "ts", "kind": "video"}),
        ("2026_09_17_06_40_08_f_01.ts", {"extension": "ts", "kind": "video"}),
        ("2026_9_17_6_40_8_01.ts", {"extension": "ts", "kind": "video"}),
        ("../2026_09_17_06_40_08_01.ts", {"extension": "ts", "kind": "video"}),
        (f"/mnt/EVENT_{IMEI}_00000000_2026_09_17_06_40_08_F_23.ts", {"extension": "ts", "kind": "video"}),
        # -- not a device, not a flag, not a label
        (f"EVENT_{IMEI[:14]}_00000000_2026_09_17_06_40_08_F_23.ts", {"extension": "ts", "kind": "video"}),
        (f"EVENT_{IMEI}_00000_2026_09_17_06_40_08_F_23.ts", {"extension": "ts", "kind": "video"}),
        (f"EVENT_{IMEI}_0000000g_2026_09_17_06_40_08_F_23.ts", {"extension": "ts", "kind": "video"}),
        (f"865478070001047_{LABEL[:31]}_1_00.jpg", {"extension": "jpg", "kind": "picture"}),
        ("05_64_6401_0_A.jpg", {"extension": "jpg", "kind": "picture"}),
        ("00_64_6401_0_.jpg", {"extension": "jpg", "kind": "picture"}),
        ("00_64_6401_0_" + "a" * 33 + ".jpg", {"extension": "jpg", "kind": "picture"}),
        # -- what must not go far
        ("2026_09_17_06_40_08_01\0.ts", {}),
        ("2026_09_17_06_40_08_01.ts\0", {}),
        ("a" * (MAX_NAME - 2) + ".ts", {}),
        ("0" * MAX_NAME, {}),
        ("\ud800.ts", {"extension": "ts", "kind": "video"}),
    ],
    ids=ascii,
)
def test_what_is_no_name_of_a_terminal(name: str, wanted: dict[str, Any]) -> None:
    assert said(parse_name(name)) == wanted
    assert parse_name(name).form == "other"
    assert recorded(name) is None


@given(st.text() | st.from_regex(r"(EVENT_)?[0-9_FI.a-f]{0,80}", fullmatch=True))
def test_any_name_is_read(name: str) -> None:
    parsed = parse_name(name)
    assert parsed.name == name
    assert parsed.kind in KINDS
    assert (recorded(name) is not None) == (parsed.form == "recording" and parsed.camera is not None)
    for command in (-1, 0):
        assert not is_flag(parsed, command)


@pytest.mark.parametrize("name", [name for name, wanted in NAMES if wanted["form"] == "recording"])
def test_the_quick_reader_of_recordings_reads_the_same(name: str) -> None:
    parsed = parse_name(name)
    assert parsed.local is not None
    wanted = (parsed.local.replace(tzinfo=UTC).timestamp(), parsed.camera, parsed.event)
    assert recorded(name) == (wanted if parsed.camera else None)


def test_long_names_take_no_long_time() -> None:
    hostile = [
        ("EVENT_" + "0" * 1_000_000), "_" * 1_000_000, "2026" + "_09" * 400_000, "." * 1_000_000,
        "A" * 255, "0_" * 127, "." * 255, "2026_09_17_06_40_08_" + "0" * 235,
    ]  # fmt: skip
    begun = time.process_time()
    for name in hostile * 10:
        parse_name(name)
        recorded(name)
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    ("text", "command", "is_its"),
    [
        ("0000002a", 42, True),
        ("00000042", 42, True),
        ("00000042", 66, True),
        ("00000042", 43, False),
        ("0000002A", 42, True),
        ("00000000", 0, False),
        ("00000000", 1, False),
        ("ffffffff", 0xFFFFFFFF, True),
        ("4294967295", 4294967295, True),
        ("4294967295", 0x4294967295, False),
        ("000016", 16, True),
        ("000016", 22, True),
        ("00000001", -1, False),
    ],
)
def test_flags(text: str, command: int, is_its: bool) -> None:
    assert is_flag(parse_name(f"EVENT_{IMEI}_{text}_2026_09_17_06_40_08_F_20.ts"), command) is is_its


def test_a_name_without_a_flag_is_no_commands() -> None:
    assert not any(is_flag(parse_name("2026_09_17_06_40_08_F_20.ts"), command) for command in (0, 1, 20, 2026))


# -- the sheet --------------------------------------------------------------------------------------------------------


def test_the_sheet_has_each_number_once_and_again_as_picture_in_picture() -> None:
    plain = [number for number in EVENTS if number < PIP]
    assert len(plain) == 92
    assert (min(plain), max(plain)) == (1, 146)
    for number in plain:
        assert EVENTS[number + PIP] == attrs.evolve(EVENTS[number], pip=True)
    assert len(EVENTS) == 2 * len(plain)
    assert {*RECORDINGS} == {1, 2, 3, 4, 201, 202, 203, 204}


def test_alarms_are_named_as_elsewhere() -> None:
    for number, event in EVENTS.items():
        if event.codes and event.name != "Driver identification":
            assert {ALARMS[code] for code in event.codes} == {event.name}, number


@pytest.mark.parametrize(
    ("number", "name", "codes", "camera", "quality"),
    [
        (1, "Recording", (), ROAD, "low"),
        (4, "Recording", (), CABIN, "high"),
        (5, "Crash", (0x93,), ROAD, "high"),
        (10, "Remote photo", (), CABIN, "photo"),
        (11, "DMS - Calibration fail", (0xA2,), CABIN, "low"),
        (141, "DMS - Monitoring shelter", (0xA1,), ROAD, "high"),
        (20, "EVIDEO", (), ROAD, "high"),
        (25, "HVIDEO", (), CABIN, "low"),
        (56, "Harsh turning", (0x92,), CABIN, "high"),
        (84, "Driver identification", (0xD4, 0xD5), CABIN, "photo"),
        (115, "Lane departure warning", (0xE4, 0xCD), ROAD, "high"),
        (120, "Forward collision warning", (0xE5, 0xCC), CABIN, "high"),
        (145, "Illegal driver", (0x9B, 0x9F), ROAD, "photo"),
    ],
)
def test_rows_of_the_sheet(number: int, name: str, codes: tuple[int, ...], camera: int, quality: str) -> None:
    event = EVENTS[number]
    assert (event.name, event.codes, event.camera, event.quality, event.pip) == (name, codes, camera, quality, False)


# -- zones ------------------------------------------------------------------------------------------------------------

UTC_TIME = datetime(2024, 11, 13, 3, 20, 6, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("local", "zone"),
    [
        (datetime(2024, 11, 12, 22, 20, 6), -300),  # field notes 3.2, a JC400 at UTC-5
        (datetime(2024, 11, 13, 11, 20, 6), 480),
        (datetime(2024, 11, 13, 3, 20, 6), 0),
        (datetime(2024, 11, 13, 9, 5, 6), 345),
        (datetime(2024, 11, 13, 3, 21, 36), 0),
        (datetime(2024, 11, 13, 3, 18, 36), 0),
        (datetime(2024, 11, 13, 3, 21, 37), None),
        (datetime(2024, 11, 13, 3, 18, 35), None),
        (datetime(2024, 11, 13, 3, 33, 36), 15),
        (datetime(2024, 11, 13, 17, 20, 6), 840),
        (datetime(2024, 11, 13, 17, 35, 6), None),
        (datetime(2024, 11, 12, 15, 20, 6), -720),
        (datetime(2024, 11, 12, 15, 5, 6), None),
        (datetime(2007, 1, 1), None),
        (datetime.min, None),
        (datetime.max, None),
    ],
)
def test_zones(local: datetime, zone: int | None) -> None:
    assert zone_of(local, UTC_TIME) == zone


@pytest.mark.parametrize("utc", [float("nan"), float("inf"), float("-inf"), 1e300, -1e300])
def test_times_that_are_none(utc: float) -> None:
    assert zone_of(TIME, utc) is None


def test_the_documents_own_example() -> None:
    # 0x95 of 2020-08-11 06:17:36 UTC announces files of 14:17:36.
    local = parse_name("EVENT_353376110008882_000000_2020_08_11_14_17_36_24.mp4").local
    assert local is not None
    utc = datetime(2020, 8, 11, 6, 17, 36, tzinfo=UTC)
    assert zone_of(local, utc.timestamp()) == 480
    assert local - timedelta(minutes=480) == utc.replace(tzinfo=None)


# -- content ----------------------------------------------------------------------------------------------------------

TS_PACKET = bytes.fromhex("474000100000b00d0001c100000001e100e8f95e7d").ljust(188, b"\xff")


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("ffd8ffe000104a464946", ("picture", "image/jpeg")),
        ("89504e470d0a1a0a0000000d", ("picture", "image/png")),
        (b"GIF89a\x10\x00", ("picture", "image/gif")),
        (b"RIFF\x10\0\0\0WEBPVP8 ", ("picture", "image/webp")),
        (TS_PACKET + TS_PACKET[:1], ("video", "video/mp2t")),
        (TS_PACKET[:64], ("video", "video/mp2t")),
        (TS_PACKET + b"\x48", None),
        ("47c00010", None),  # a transport error
        ("47400000", None),  # neither payload nor adaptation
        ("000000186674797069736f6d", ("video", "video/mp4")),
        ("0000001c6674797071742020", ("video", "video/quicktime")),
        ("00000018667479704d344120", ("audio", "audio/mp4")),
        ("000000016742001e", ("video", "video/h264")),
        ("0000016742001e", ("video", "video/h264")),
        ("0000000109f0", ("video", "video/h264")),
        ("0000000140010c01", ("video", "video/h265")),
        ("00000001e742", None),  # a forbidden bit
        ("000001ba44000400", ("video", "video/mpeg")),
        (b"FLV\x01\x05", ("video", "video/x-flv")),
        (b"RIFF\x10\0\0\0AVI LIST", ("video", "video/x-msvideo")),
        (b"RIFF\x10\0\0\0WAVEfmt ", ("audio", "audio/wav")),
        (b"RIFF\x10\0\0\0\xffAVE", None),
        (b"ID3\x03\0", ("audio", "audio/mpeg")),
        ("fffb9064", ("audio", "audio/mpeg")),
        ("fff15080", ("audio", "audio/aac")),
        (b"#!AMR\n\x3c", ("audio", "audio/amr")),
        (b"OggS\0", ("audio", "audio/ogg")),
        (b"PK\x03\x04\x14\0", ("other", "application/zip")),
        ("1f8b0800", ("other", "application/gzip")),
        (b"GPS,22.5,113.9\r\n", ("text", "text/plain")),  # begins as MPEG-TS does
        (b"<html><body>504</body></html>", ("text", "text/plain")),
        ("caméra".encode()[:4], ("text", "text/plain")),  # cut in the middle of a letter
        (b"", None),
        (b"\xff", None),
        (b"\0" * 64, None),
        (bytes(range(128, 192)), None),
    ],
)
def test_contents(head: bytes | str, found: tuple[str, str] | None) -> None:
    assert kind_of_content(bytes.fromhex(head) if isinstance(head, str) else head) == found


@given(st.binary(max_size=256))
def test_any_content_is_looked_at(head: bytes) -> None:
    found = kind_of_content(head)
    assert found is None or found[0] in KINDS
