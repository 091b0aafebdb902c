"""Each push of the hub, from a record of a real frame: the path, the names, the types."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.delivery.hub import pushes_of
from jimigw.delivery.hub.conversions import Zones
from jimigw.delivery.hub.mapping import kinds_of
from jimigw.delivery.hub.tables import BY_KIND, PATHS, TABLES
from jimigw.gateway.hub import Mode, Wanted
from jimigw.model.command import Life
from jimigw.model.report import KINDS
from jimigw.protocols.jimi.messages import Location
from tests.delivery.hub.records import (
    DEVICE,
    IMEI,
    NOW,
    ended,
    jt808_records,
    of_content,
    of_end,
    of_jimi,
    of_jt808,
    of_vector,
)
from tests.support.jt808 import LOCATION
from tests.vectors.jimi import TRUE

GATE = "2026-11-20 22:48:43"
JIMI: dict[str, Any] = {"deviceImei": IMEI, "gateTime": GATE}
TERMINAL: dict[str, Any] = {"deviceImei": DEVICE, "gateTime": GATE}
IDENT = {"terminal_id": "7654321", "time": "261118190640", "seq": 1, "count": 2, "reserved": 3}
LABEL = b"7654321".hex() + "261118190640" + "010203"
SAFETY = {
    "alarm_id": 31, "flag": 1, "type": 2, "level": 1, "speed": 53, "altitude": 100, "latitude": 1, "longitude": 2,
    "time": "261118190641", "vehicle_status": 1025, "ident": IDENT,
}  # fmt: skip
ADAS = SAFETY | {"front_speed": 50, "front_dist": 50, "deviation": 1, "sign_type": 0, "sign_data": 0}
DSM = SAFETY | {"fatigue": 7, "flag": 2}
PLACE = {"lat": 22.577, "lng": 113.916, "gpsSpeed": 60, "direction": 90, "altitude": 10}
ALARM = {"imei": DEVICE, "deviceImei": DEVICE, "type": "DEVICE", "msgClass": 1, "gateTime": GATE}
AT = {"deviceImei": DEVICE, "alarmTime": "2026-11-18 11:06:40", "alarmSerialNo": 9, **PLACE}


def told(record: dict[str, Any], **more: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(push.path, push.item) for push in pushes_of(record, **more)]


def only(record: dict[str, Any], path: str) -> list[dict[str, Any]]:
    return [item for found, item in told(record) if found == path]


def alarms(**changes: Any) -> list[dict[str, Any]]:
    return only(of_jt808(0x0200, LOCATION | changes), "/pushalarm")


def test_login_and_logout() -> None:
    assert told(of_jimi()[0]) == [("/pushevent", {**JIMI, "type": "LOGIN", "timezone": "GMT+08:00"})]
    events = [told(record) for record in jt808_records()]
    assert events == [[("/pushevent", {**TERMINAL, "type": "LOGIN", "timezone": "GMT+08:00"})], []], "registration"
    out = {"device": IMEI, "protocol": "jimi", "kind": "logout", "received_at": "2026-11-20T22:48:43.5Z"}
    out["message"] = {"header": {"imei": IMEI}, "body": {"reason": "the service ends"}}  # type: ignore[assignment]
    assert told(out) == [("/pushevent", {**JIMI, "type": "LOGOUT", "timezone": "GMT+00:00"})]
    zones = Zones(terminals=timezone(-timedelta(hours=3, minutes=30)))
    logged_in = jt808_records()[0]
    assert told(logged_in, zones=zones)[0][1]["timezone"] == "GMT-03:30"


def test_heartbeats() -> None:
    first = {"powerLevel": 30, "gsmSign": 100, "acc": 0, "gpsPos": 1, "powerStatus": 0}
    assert told(of_vector("heartbeat")) == [("/pushhb", JIMI | first)]
    assert told(of_jt808(0x0002, {})) == [("/pushhb", TERMINAL)]


def test_positions() -> None:
    assert told(of_vector("location")) == [
        (
            "/pushgps",
            JIMI
            | {
                "gpsTime": "2022-02-08 09:43:30", "satelliteNum": 15, "lng": 113.9430489, "lat": 22.5765794,
                "gpsMode": 0, "gpsSpeed": 0, "direction": 0, "acc": 1, "postType": 1, "distance": 0, "postMethod": 14,
            },
        )
    ]  # fmt: skip
    extra = {"mileage": 452, "gnss_sat_num": 25}
    (gps,) = only(of_jt808(0x0200, LOCATION | {"extra": extra, "status": 3 | 1 << 14, "alarm": 1}), "/pushgps")
    assert gps == TERMINAL | {
        "gpsTime": "2026-11-18 11:06:40", "satelliteNum": 25, "lng": 113.916, "lat": 22.577, "gpsMode": 0,
        "gpsSpeed": 60, "direction": 90, "acc": 1, "postType": 1, "altitude": 10, "status": 3 | 1 << 14,
        "distance": 45200, "sosStatus": 1, "doorStatus": 1,
    }  # fmt: skip


def test_a_batch_is_a_position_for_each_location() -> None:
    west = LOCATION | {"status": 12, "time": "261118190641", "altitude": 0x800A}
    batch = of_jt808(0x0704, {"type": 1, "location": [LOCATION, west]})
    first, second = only(batch, "/pushgps")
    assert (first["gpsTime"], first["gpsMode"], first["acc"]) == ("2026-11-18 11:06:40", 1, 1)
    assert (second["gpsTime"], second["lat"], second["lng"]) == ("2026-11-18 11:06:41", -22.577, -113.916)
    assert (second["altitude"], second["acc"]) == (-10, 0)


def test_the_answer_to_a_question_for_the_place_is_a_position() -> None:
    record = of_jt808(0x0201, {"seq": 1, "params": LOCATION})
    assert [path for path, _ in told(record)] == ["/pushgps"]


def test_times_are_in_the_zone_that_is_wanted() -> None:
    brazil = Zones(timezone(-timedelta(hours=3)))
    ((_, item),) = told(of_vector("location"), zones=brazil)
    assert (item["gpsTime"], item["gateTime"]) == ("2022-02-08 06:43:30", "2026-11-20 19:48:43")


def test_an_alarm_of_a_camera() -> None:
    names = "EVENT_353376110008882_00000000_2020_08_11_14_17_36_2"
    message = {
        "deviceImei": IMEI, "alertType": "1", "alarmTime": "2020-08-11 06:17:36", "lat": 22.5771156, "lng": 113.9168506,
        "gpsSpeed": 0, "alertValue": "0", "file": f"{names}4.mp4,{names}3.mp4", "voltage": 14.2, "satelliteNum": 15,
    }  # fmt: skip
    item = {"imei": IMEI, **JIMI, "type": "DEVICE", "msgClass": 0, "msg": message}
    assert told(of_vector("alarm, SOS, two files")) == [("/pushalarm", item)]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("notice that a file is uploading", "105"),
        ("alarm, driver recognised", "212"),
        ("alarm, eyes closed, level 2", "140"),
        ("alarm of an unknown type, long mark", "238"),
        ("short alarm", "144"),
    ],
)
def test_alarm_types_are_decimal_text(name: str, number: str) -> None:
    assert [item["msg"]["alertType"] for item in only(of_vector(name), "/pushalarm")] == [number]


def test_the_alarm_word() -> None:
    assert alarms(alarm=2048) == [ALARM | {"msg": AT | {"alertType": "256", "standardAlarmValue": 2048}}]


def test_video_alarms() -> None:
    found = alarms(extra={"video_alarm": 7, "video_signal_lost": 12, "video_covered": 1, "storage_fault": 2})
    assert [item["msg"] for item in found] == [
        AT | {"alertType": "257", "signalDropChannel": 12},
        AT | {"alertType": "258", "signalCoverChannel": 1},
        AT | {"alertType": "259", "storageFaultChannel": 2},
    ]


def test_active_safety() -> None:
    begun, over = alarms(extra={"adas": ADAS, "dsm": DSM})
    own: dict[str, Any] = {
        "alarmTime": "2026-11-18 11:06:41",
        "alarmId": 31,
        "alarmLevel": 1,
        "alarmLabel": LABEL,
        "alarmType": 2,
    }
    own |= {"carSpeed": 53, "carStatus": 1025}
    assert begun == ALARM | {"msg": AT | own | {"alertType": "264", "alarmStatus": 1}}
    end = {"alertType": "removeAlarmType", "removeAlarmType": "265", "alarmStatus": 2, "fatigueLevel": 7}
    assert over == ALARM | {"msg": AT | own | end}


def test_events_of_jimi_terminals() -> None:
    label = "CwsLCwsLCwsLCwsLCwsLCw=="
    (item,) = alarms(extra={"jimi": {"type": 0x0403, "content": label}})
    assert item == ALARM | {"msg": AT | {"alertType": "1027", "alarmLabel": "0b" * 16}}
    assert [each["msg"]["alertType"] for each in alarms(extra={"jimi": {"type": 0x0C01}})] == ["3073"]


def test_sim_cards() -> None:
    (item,) = only(of_vector("IMEI, IMSI, ICCID (1)"), "/pushalarm")
    message = {"deviceImei": IMEI, "iccid": "8966051912408052452"}
    assert item == {"imei": IMEI, **JIMI, "type": "ICCID", "msgClass": 0, "msg": message}
    states = {"type": 0x2005, "content": {"states": [{"id": 5, "value": "8986032044204730123f"}]}}
    (item,) = alarms(extra={"jimi": states})
    assert item == ALARM | {"type": "ICCID", "msg": {"deviceImei": DEVICE, "iccid": "8986032044204730123"}}


@pytest.mark.parametrize(
    ("name", "path", "items"),
    [
        ("peripheral 0005", "/rfid", [{"rfid": "4277EFEF35"}]),
        ("unknown module", "/wgtc", [{"moduleType": 128, "content": "0102ff"}]),
        (
            "module 03, text without a temperature",
            "/wgtc",
            [{"moduleType": 3, "content": b"D7520A62\r\n".hex()}],
        ),
        ("fuel sensor", "/pushoil", [{"path": 1, "value": 0.01, "unit": 2}]),
        (
            "peripherals 0002, both kinds",
            "/pushoil",
            [{"path": 0, "value": 0.6, "unit": 1}, {"path": 1, "value": 0.06, "unit": 4}],
        ),
        ("temperature, framed, below zero", "/pushtem", [{"temperature": -10.5}]),
        (
            "peripheral 0007, two samples, two bytes of length",
            "/pushtem",
            [
                {"temTime": "2023-10-12 08:14:56", "temperature": 28.7, "humidity": 85.9},
                {"temTime": "2023-10-12 08:15:56", "temperature": -10.5, "humidity": 100.0},
            ],
        ),
    ],
)
def test_sensors_and_modules(name: str, path: str, items: list[dict[str, Any]]) -> None:
    assert told(of_vector(name)) == [(path, JIMI | item) for item in items]


def test_sentences_of_qcvn31() -> None:
    ((path, item),) = told(of_vector("QCVN31, stop"))
    assert (path, item["moduleType"]) == ("/wgtc", 50)
    assert bytes.fromhex(item["content"]).startswith(b"$GSHT,3,30,")


def test_a_radio_cell_where_there_is_no_fix() -> None:
    body = dict(of_vector("location")["message"]["body"])
    body |= {"fixed": False, "mcc": 724, "mnc": 10, "lac": 32546, "cell_id": 29474}
    record = of_content(0x22, Location.from_json(body).encode())
    (item,) = only(record, "/pushlbs")
    cells = {"mcc": 724, "mnc": 10, "cellList": "32546,29474,0"}
    assert item == JIMI | {"lbsJson": item["lbsJson"], "postType": "LBS"}
    assert json.loads(item["lbsJson"]) == cells
    assert only(of_vector("location"), "/pushlbs") == []


def test_transparent_data() -> None:
    record = of_jt808(0x0900, {"type": 0x41, "data": "AQL/"})
    assert told(record) == [("/pushPassThroughData", TERMINAL | {"type": 0x41, "content": "0102ff"})]
    assert told(of_jt808(0x0900, {"type": 0xF0, "data": "T0s="})) == [], "the answer to a text command"


def test_extension_data() -> None:
    states = [
        {"id": 1, "value": 4.12},
        {"id": 5, "value": "89860320442047301234"},
        {"id": 0x2001, "value": 12.5},
        {"id": 9, "data": "q80="},
    ]
    record = of_jt808(0x0200, LOCATION | {"extra": {"jimi": {"type": 0x2005, "content": {"states": states}}}})
    (item,) = only(record, "/pushTerminalTransInfo")
    content = "0001 02 019c 0005 0a 89860320442047301234 2001 02 007d 0009 02 abcd".replace(" ", "")
    assert item == {"deviceImei": DEVICE, "postTime": GATE, "extensionId": 8197, "content": content}
    record = of_jt808(0x0200, LOCATION | {"extra": {"jimi": {"type": 0x2007, "content": "AQID"}}})
    assert only(record, "/pushTerminalTransInfo")[0] | {"postTime": ""} == {
        "deviceImei": DEVICE, "postTime": "", "extensionId": 8199, "content": "010203",
    }  # fmt: skip


FILES: dict[str, Any] = {"terminal_id": "7654321", "ident": IDENT, "alarm_no": "a" * 32, "info_type": 0}
FILES |= {"files": [{"name": "x.jpg", "size": 9}]}
MEDIA: dict[str, Any] = {"id": 7, "type": 0, "format": 0, "event": 0, "channel": 1}


@pytest.mark.parametrize(
    ("msg_id", "body", "event", "key"),
    [
        (0x1210, FILES, "UploadAlarmFileList", "files"),
        (0x1211, {"name": "x.jpg", "file_type": 0, "size": 9}, "UploadAlarmFileBegin", "name"),
        (0x1212, {"name": "x.jpg", "file_type": 0, "size": 9}, "UploadAlarmFileEnd", "name"),
        (0x0800, MEDIA, "UploadMediaFileBegin", "id"),
        (0x0801, MEDIA | {"location": LOCATION, "multimedia": "/9j/"}, "UploadMediaFileEnd", "id"),
    ],
)
def test_uploads_begin_and_end(msg_id: int, body: dict[str, Any], event: str, key: str) -> None:
    ((path, item),) = told(of_jt808(msg_id, body))
    content = json.loads(item.pop("eventContent"))
    assert (path, content[key]) == ("/pushIothubEvent", body[key])
    assert "multimedia" not in content
    assert item == {"deviceImei": DEVICE, "gateTime": int(NOW * 1000), "eventType": event}


STORED: dict[str, Any] = {
    "media": 5, "filename": "EVENT_1.mp4", "source": "event", "business_type": "eventAttachment", "kind": "video",
    "camera": 2, "camera_name": "cabin", "event": 56, "taken": "2026-11-20T22:40:00Z", "size": 9, "md5": "0" * 32,
    "mime_type": "video/mp4", "alarm": {"id": 1, "record": 7, "code": 146, "name": "Harsh cornering"},
    "alarm_time": "2026-11-20T22:40:05Z", "instruction_id": "17", "tie": "name", "url": "http://192.0.2.1/download/5",
}  # fmt: skip


def of_file(kind: str, body: dict[str, Any], protocol: str = "jimi") -> dict[str, Any]:
    """A record that the service itself makes of a file."""
    message = {"header": {"imei": IMEI}, "body": body}
    return {"id": 1, "device": IMEI, "protocol": protocol, "kind": kind, "received_at": "2026-11-20T22:48:43Z",
            "message": message}  # fmt: skip


def test_a_stored_file() -> None:
    place = of_vector("location")["position"]
    assert told(of_file("upload", STORED) | {"position": place}) == [
        ("/pushfileupload", JIMI | {"fileName": "EVENT_1.mp4", "result": "SUCCESS"}),
        (
            "/uploadCallback",
            {"filename": "EVENT_1.mp4", "imei": IMEI, "businessType": "eventAttachment", "camera": 2,
             "mimeType": "video/mp4", "lat": place["latitude"], "lng": place["longitude"],
             "alarmTime": "2026-11-20 22:40:05", "instructionId": "17"},
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("protocol", ["jimi", "jt808"])
def test_a_file_that_nobody_knows_more_of(protocol: str) -> None:
    assert told(of_file("upload", {"filename": "x.ts", "source": "unasked"}, protocol)) == [
        ("/pushfileupload", JIMI | {"fileName": "x.ts", "result": "SUCCESS"}),
        ("/uploadCallback", {"filename": "x.ts", "imei": IMEI}),
    ]


@pytest.mark.parametrize("protocol", ["jimi", "jt808"])
def test_a_file_that_was_given_up(protocol: str) -> None:
    body = {"media": 5, "filename": "EVENT_1.mp4", "state": "missing", "reason": "it never came", "attempts": 4}
    failure = ("/pushfileupload", JIMI | {"fileName": "EVENT_1.mp4", "result": "FAILURE"})
    assert told(of_file("file_missing", body, protocol)) == [failure]
    nameless = {key: value for key, value in body.items() if key != "filename"}
    assert told(of_file("file_missing", nameless, protocol)) == []


def test_other_records_of_files_make_no_push() -> None:
    assert told(of_file("alarm_complete", {"alarm": {"id": 1}, "files": [STORED]})) == []
    assert told(of_file("playlist", {"names": 3021, "recordings": 3019})) == []


# -- commands -----------------------------------------------------------------------------------------------------

CLIP: dict[str, Any] = {
    "channel": 1,
    "start_time": "241217000001",
    "end_time": "241217000201",
    "alarm": 0,
    "av_type": 0,
}
CLIP |= {"stream": 1, "storage": 1, "size": 2028988}
ASKED = {"header": {"msg_id": 0x9205}, "body": {}}


def test_a_list_of_recordings() -> None:
    wanted = Wanted(37381, "0", "6", "res_1", Mode.SYNC, NOW + 5).purpose()
    reply = {"seq": 3, "count": 1, "items": [CLIP]}
    command = ended(Life.ANSWERED, "0x1205", message=ASKED, reply=reply, purpose=wanted)
    resource = {
        "channel": 1, "beginTime": "2024-12-17 00:00:01", "endTime": "2024-12-17 00:02:01", "alarmFlag": 0,
        "resourceType": 0, "codeType": 1, "storageType": 1, "fileSize": 2028988,
    }  # fmt: skip
    item = {"imei": DEVICE, "deviceImei": DEVICE, "totalNum": 1, "instructionID": "res_1", "resourceList": [resource]}
    assert told(of_end(command)) == [("/pushresourcelist", item)], "told in the HTTP answer: no second time"
    assert told(of_jt808(0x1205, reply)) == [], "the terminal's own message does not know whose command it answers"


def test_the_end_of_an_upload_by_ftp() -> None:
    record = of_jt808(0x1206, {"seq": 4, "result": 0})
    item = {"deviceImei": DEVICE, "imei": DEVICE, "result": 0, "gateTime": GATE}
    assert told(record) == [("/pushftpfileupload", item)]
    known = {(DEVICE, 4): "ftp_1"}
    assert told(record, instructions=known) == [("/pushftpfileupload", item | {"instructionID": "ftp_1"})]


@pytest.mark.parametrize(
    ("mode", "until", "form"),
    [
        (Mode.ASYNC, NOW + 30, "1"),
        (Mode.KEPT, NOW - 1, "2"),
        (Mode.KEPT, NOW + 30, None),
        (Mode.SYNC, NOW - 1, None),
    ],
)
def test_the_end_of_a_command_is_pushed_where_nobody_heard_it(mode: Mode, until: float, form: str | None) -> None:
    purpose = Wanted(128, "17", "6", "", mode, until).purpose()
    command = ended(Life.ANSWERED, "the terminal answered", text="VERSION", reply="JC400", purpose=purpose, device=IMEI)
    pushes = pushes_of(of_end(command, "jimi"))
    data: dict[str, Any] = {"_code": "100", "_imei": IMEI, "_content": "JC400", "_msg": "the terminal answered"}
    data |= {"_serverFlagId": 17, "_proNo": 128}
    expected = [] if form is None else [{"code": 0, "msg": "success", "data": data}]
    assert [push.item for push in pushes] == expected
    assert [push.form for push in pushes] == [(("msgType", form),)] * len(expected)


def test_ends_of_others_commands_are_not_pushed() -> None:
    command = ended(Life.ANSWERED, "the terminal answered", text="VERSION", reply="JC400")
    command.owner, command.purpose = "admin", Wanted(mode=Mode.ASYNC).purpose()
    assert told(of_end(command)) == []


# -- all records --------------------------------------------------------------------------------------------------


def test_every_path_has_a_table_and_every_kind_is_known() -> None:
    assert set(BY_KIND) <= set(KINDS)
    used = [table for protocols in BY_KIND.values() for found in protocols.values() for table in found]
    assert {table.path for table in used} == set(PATHS)
    assert {id(table) for table in used} == {id(table) for table in TABLES}
    assert kinds_of({"/pushhb"}) == {"heartbeat"}
    assert kinds_of({"/pushgps"}) == {"position", "alarm", "command_result"}


@pytest.mark.parametrize("vector", [each for each in TRUE if each.direction == "up"], ids=str)
def test_every_vector_gives_json(vector: Any) -> None:
    for record in of_jimi(vector.raw):
        for push in pushes_of(record):
            assert push.path in PATHS
            assert msgspec.json.decode(msgspec.json.encode(push.item)) == push.item


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_REAL = [
    of_vector("location"), of_vector("alarm, SOS, two files"), of_vector("heartbeat"), of_vector("fuel sensor"),
    of_vector("peripheral 0007, two samples, two bytes of length"), of_vector("IMEI, IMSI, ICCID (1)"),
    of_vector("licence card, login"), of_jt808(0x0900, {"type": 1, "data": "AA=="}),
    of_jt808(0x1206, {"seq": 1, "result": 0}),
    of_jt808(0x0200, LOCATION | {"alarm": 1, "extra": {"adas": ADAS, "dsm": DSM, "video_signal_lost": 1,
             "jimi": {"type": 0x2005, "content": {"states": [{"id": 1, "value": 1.0}]}}}}),
    of_jt808(0x0704, {"type": 0, "location": [LOCATION]}), of_jt808(0x1210, FILES),
    of_end(ended(Life.ANSWERED, "x", message=ASKED, reply={"seq": 1, "items": [CLIP]},
                 purpose=Wanted(mode=Mode.ASYNC).purpose())),
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A real record with something else in one place, or one key less."""
    record: Any = json.loads(json.dumps(draw(st.sampled_from(_REAL))))
    at = record
    while True:
        keys: list[Any] = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return dict(record)
        key = draw(st.sampled_from(keys))
        inner = at[key]
        if isinstance(inner, dict | list) and inner and draw(st.booleans()):
            at = inner
            continue
        if isinstance(at, dict) and draw(st.booleans()):
            del at[key]
        else:
            at[key] = draw(ANYTHING)
        return dict(record)


@given(damaged() | st.dictionaries(st.text(), ANYTHING))
def test_no_record_makes_it_raise(record: dict[str, Any]) -> None:
    for push in pushes_of(record):
        assert isinstance(push.item, dict)
        msgspec.json.encode(push.item)
