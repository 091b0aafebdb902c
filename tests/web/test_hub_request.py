"""Requests of the hub's command API as tables: spellings, forms, JSON, every JT/T command as it goes to a terminal."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.protocols.jt808.codec import decode_frame, encode_json
from jimigw.protocols.jt808.frame import Frame, frames_of
from jimigw.protocols.jt808.parameters import PARAMETERS_2013, PARAMETERS_2019
from jimigw.web.hub_content import CONTENTS, TEXT_PARAMETERS, message_of
from jimigw.web.hub_request import FIELDS, BadInstruct, Instruct, fields_of, read_instruct
from jimigw.wire.kinds import RestText

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("fields", "instruct"),
    [
        ({"imei": "1"}, Instruct("1")),
        ({"deviceImei": " 1 "}, Instruct("1")),
        ({"DEVICEIMEI": "1", "CMDCONTENT": "VERSION"}, Instruct("1", "VERSION")),
        ({"imei": "1", "proNo": "128"}, Instruct("1")),
        ({"imei": "1", "proNo": ""}, Instruct("1")),
        ({"imei": "1", "proNo": "37121"}, Instruct("1", pro_no=37121)),
        ({"imei": "1", "offlineFlag": "true"}, Instruct("1", offline=True)),
        ({"imei": "1", "offLineFlag": "1"}, Instruct("1", offline=True)),
        ({"imei": "1", "offlineFlag": "False"}, Instruct("1")),
        ({"imei": "1", "offlineFlag": ""}, Instruct("1")),
        ({"imei": "1", "sync": "false"}, Instruct("1", sync=False)),
        ({"imei": "1", "timeOut": "20"}, Instruct("1", time_out=20.0)),
        ({"imei": "1", "timeOut": "0"}, Instruct("1")),
        ({"imei": "1", "serverFlagId": "17", "requestId": "a"}, Instruct("1", server_flag="17", request_id="a")),
        ({"imei": "1", "instructionID": "a"}, Instruct("1", instruction_id="a")),
        ({"imei": "1", "cmdType": "normallns", "language": "en"}, Instruct("1", cmd_type="normallns", language="en")),
        ({"imei": "1", "platform": "web", "token": "123", "whatever": "x"}, Instruct("1")),
    ],
)  # fmt: skip
def test_a_form_and_its_json_are_the_same_request(fields: dict[str, str], instruct: Instruct) -> None:
    as_form, as_json = urlencode(fields).encode(), json.dumps(fields).encode()
    assert read_instruct(fields_of(as_form, FORM)) == instruct
    assert read_instruct(fields_of(as_form, "")) == instruct
    assert read_instruct(fields_of(as_json, "application/json; charset=utf-8")) == instruct
    assert read_instruct(fields_of(as_json, FORM)) == instruct, "a body that begins with a brace"
    assert read_instruct(fields_of(b"", FORM, urlencode(fields).encode())) == instruct, "in the address"


def test_json_may_have_its_own_types() -> None:
    told = {"imei": 863000000000001, "proNo": 37121, "sync": False, "offlineFlag": None, "timeOut": 5}
    told["cmdContent"] = {"channel": 1}  # type: ignore[assignment]
    expected = Instruct("863000000000001", '{"channel":1}', 37121, sync=False, time_out=5.0)
    assert read_instruct(fields_of(json.dumps(told).encode(), "application/json")) == expected


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "imei is missing"),
        ({"imei": " "}, "imei is missing"),
        ({"imei": "1" * 65}, "imei is missing"),
        ({"imei": "1", "proNo": "0x80"}, "proNo is '0x80'; right is 128, or"),
        ({"imei": "1", "proNo": "129"}, "proNo is '129'"),
        ({"imei": "1", "proNo": "32767"}, "proNo is '32767'"),
        ({"imei": "1", "proNo": "65536"}, "proNo is '65536'"),
        ({"imei": "1", "proNo": "٣٧١٢١"}, "proNo is "),
        ({"imei": "1", "sync": "maybe"}, "sync is 'maybe'; right is true or false"),
        ({"imei": "1", "offLineFlag": "2"}, "offlineFlag is '2'"),
        ({"imei": "1", "timeOut": "-1"}, "timeOut is '-1'"),
        ({"imei": "1", "timeOut": "nan"}, "timeOut is 'nan'"),
        ({"imei": "1", "timeOut": "1e9"}, "timeOut is '1e9'"),
        ({"imei": "1", "serverFlagId": "1" * 65}, "serverFlagId is longer than 64 characters"),
        ({"imei": "1", "requestId": "a\nb"}, "requestId is longer than 64 characters, or not printable"),
    ],
)
def test_requests_that_are_wrong(fields: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadInstruct) as caught:
        read_instruct(fields_of(urlencode(fields).encode(), FORM))
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xfe", FORM),
        (b"{", FORM),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b"[" * 50_000, "application/json"),
        (b"&".join(b"a=%d" % n for n in range(101)), FORM),
    ],
)
def test_bodies_that_are_neither_form_nor_json(body: bytes, kind: str) -> None:
    with pytest.raises(BadInstruct):
        fields_of(body, kind)


@given(st.binary(max_size=200), st.sampled_from([FORM, "application/json", ""]), st.binary(max_size=50))
def test_any_bytes_are_a_request_or_a_sentence(body: bytes, kind: str, query: bytes) -> None:
    try:
        instruct = read_instruct(fields_of(body, kind, query))
        message_of(0x9101, instruct.content)
    except BadInstruct as error:
        assert str(error)


def test_every_spelling_means_one_thing() -> None:
    meant: dict[str, str] = {}
    for row in FIELDS:
        for spelling in row.spellings:
            assert meant.setdefault(spelling.lower(), row.name) == row.name


# -- content ------------------------------------------------------------------------------------------------------

NOON, NIGHT = "261120120000", "261120235959"
PLACE = {"serverAddress": "192.0.2.1", "tcpPort": "10003", "udpPort": "0"}
WHERE = {"ip": "192.0.2.1", "tcp_port": 10003, "udp_port": 0}
KINDS = {"resourceType": 0, "codeType": "1", "storageType": 2}
ARE = {"av_type": 0, "stream": 1, "storage": 2}
PERIOD = {"beginTime": NOON, "endTime": NIGHT}
BETWEEN = {"start_time": NOON, "end_time": NIGHT}
LABEL = b"7654321".hex() + "261120120000" + "010203"
IDENT = {"terminal_id": "7654321", "time": NOON, "seq": 1, "count": 2, "reserved": 3}


@pytest.mark.parametrize(
    ("pro_no", "content", "body"),
    [
        (37121, {"dataType": "0", "codeStreamType": "1", "channel": "2", "videoIP": "192.0.2.1",
                 "videoTCPPort": "10002", "videoUDPPort": "0"},
         {"ip": "192.0.2.1", "tcp_port": 10002, "udp_port": 0, "channel": 2, "data_type": 0, "stream": 1}),
        (37122, {"channel": 1, "cmd": "0", "dataType": "0", "codeStreamType": 0},
         {"channel": 1, "command": 0, "close_type": 0, "stream": 0}),
        (37377, {**PLACE, **KINDS, **PERIOD, "channel": "1", "playMethod": "0", "forwardRewind": "0", "serverLen": 9,
                 "instructionID": "a"},
         {**WHERE, **ARE, **BETWEEN, "channel": 1, "mode": 0, "speed": 0}),
        (37378, {"channel": 1, "playCtrl": "5", "forwardRewind": 0, "beginTime": "2026-11-20 12:00:00"},
         {"channel": 1, "control": 5, "speed": 0, "time": NOON}),
        (37381, {**KINDS, "channel": 0, "beginTime": "20261120120000", "endTime": NIGHT, "alarmFlag": 0},
         {**ARE, **BETWEEN, "channel": 0, "alarm": 0}),
        (37381, {}, {"channel": 0, "start_time": "0" * 12, "end_time": "0" * 12, "alarm": 0, "av_type": 0, "stream": 0,
                     "storage": 0}),
        (37381, {"channelId": 2, "mediaType": 2}, {
            "channel": 2, "start_time": "0" * 12, "end_time": "0" * 12, "alarm": 0, "av_type": 2, "stream": 0,
            "storage": 0}),
        (37382, {**KINDS, **PERIOD, "serverAddress": "192.0.2.1", "ftpPort": "2121", "userName": "u", "password": "p",
                 "fileUploadPath": "/x", "channel": 1, "alarmFlag": 0, "condition": "7", "instructionID": "a"},
         {**ARE, **BETWEEN, "ip": "192.0.2.1", "port": 2121, "username": "u", "password": "p", "path": "/x",
          "channel": 1, "alarm": 0, "condition": 7}),
        (37383, {"msgSn": 4, "uploadCtrl": 2}, {"seq": 4, "control": 2}),
        (37384, {**PLACE, "serverLen": 9, "alarmLabel": LABEL, "alarmNumber": "a" * 32},
         {**WHERE, "ident": IDENT, "alarm_no": "a" * 32}),
        (33027, {"1": "180", "19": "gw.example.org", "24": 21122},
         {"params": [{"id": 1, "value": 180}, {"id": 19, "value": "gw.example.org"}, {"id": 24, "value": 21122}]}),
        (33028, "", {}),
        (33028, '""', {}),
        (33029, {"cmd": 4, "params": ""}, {"command": 4, "param": ""}),
        (33030, {"44": "", "45": ""}, {"ids": [44, 45]}),
        (33031, {}, {}),
        (33283, {"alarmSerialNo": 9, "type": 1}, {"seq": 9, "type": 1}),
        (33536, {"flag": 8, "text": "hello"}, {"flag": 8, "text": "hello"}),
        (34817, {"channel": 1, "photoCmd": 1, "timeInterval": 0, "saveFlag": 0, "resolution": 4, "quality": 5,
                 "light": 128, "contrast": 60, "saturability": 60, "chroma": 128},
         {"channel_id": 1, "command": 1, "period": 0, "save": 0, "resolution": 4, "quality": 5, "bright": 128,
          "contrast": 60, "saturate": 60, "chromaticity": 128}),
        (34818, {"mediaType": 2, "channel": 1, "eventCode": 0, **PERIOD},
         {"type": 2, "channel": 1, "event": 0, **BETWEEN}),
        (34819, {"mediaType": 2, "channel": 1, "eventCode": 0, "deleteFlag": 1, **PERIOD},
         {"type": 2, "channel": 1, "event": 0, "delete": 1, **BETWEEN}),
        (34821, {"mediaId": "7", "deleteFlag": 0}, {"id": 7, "flag": 0}),
        # No spelling of the hub's is known: the exchange format.
        (0x8202, {"period": 5, "expiry": 60, "instructionID": "a"}, {"period": 5, "expiry": 60}),
    ],
)  # fmt: skip
def test_content_of_jt808_commands(pro_no: int, content: Any, body: dict[str, Any]) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    message, instruction = message_of(pro_no, text)
    assert message == {"header": {"msg_id": pro_no}, "body": body}
    assert instruction == ("a" if "instructionID" in text else "")
    # It can be written, and says to the terminal what it was to say.
    header = {"msg_id": pro_no, "phone": "013912345678", "msg_sn": 1, "version": 2013}
    (frame,) = encode_json({"header": header, "body": body})
    (piece,) = frames_of(frame, 1 << 16)
    assert isinstance(piece, Frame)
    read = decode_frame(piece).to_json()["body"]
    assert {key: read[key] for key in body} == body


@pytest.mark.parametrize(
    ("pro_no", "content", "sentence"),
    [
        (37121, "[]", "cmdContent is JSON and no object"),
        (37121, "{'a':1}", "cmdContent is not JSON"),
        (37121, '{"videoIP":7}', "cmdContent.videoTCPPort is missing"),
        (37121, '{"videoIP":[],"videoTCPPort":1,"channel":1}', "cmdContent.videoIP is '[]'; right is text"),
        (37121, '{"videoIP":"a","videoTCPPort":1,"channel":"1-2"}', "cmdContent.channel is '1-2'; right is a whole"),
        (37121, '{"videoIP":"a","videoTCPPort":true,"channel":1}', "cmdContent.videoTCPPort is 'True'"),
        (37381, '{"beginTime":"yesterday"}', "cmdContent.beginTime is 'yesterday'; right is a time as yyMMddHHmmss"),
        (37384, '{"serverAddress":"a","tcpPort":1,"alarmLabel":"00"}', "cmdContent.alarmLabel is '00'; right is an"),
        (33027, '{"speed":"1"}', "cmdContent: 'speed' is not the number of a parameter in decimal"),
        (33030, '{"0x44":""}', "cmdContent: '0x44'"),
        (33536, "{}", "cmdContent.content is missing"),
    ],
)
def test_content_that_is_wrong(pro_no: int, content: str, sentence: str) -> None:
    with pytest.raises(BadInstruct) as caught:
        message_of(pro_no, content)
    assert str(caught.value).startswith(sentence)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*CONTENTS, 0x8103, 0x8106, 0x8202]), st.data())
def test_any_content_is_a_message_or_a_sentence(pro_no: int, data: st.DataObject) -> None:
    names = [spelling for key in CONTENTS.get(pro_no, ()) for spelling in key.spellings] + ["1", "19", "x"]
    content = data.draw(st.dictionaries(st.sampled_from(names), JSON))
    try:
        message, _ = message_of(pro_no, json.dumps(content))
    except BadInstruct as error:
        assert str(error)
    else:
        json.dumps(message)


def test_the_parameters_that_are_text_are_those_of_the_standard() -> None:
    declared = {
        id for table in (PARAMETERS_2013, PARAMETERS_2019) for id, item in table.items() if type(item.kind) is RestText
    }
    assert declared == TEXT_PARAMETERS
