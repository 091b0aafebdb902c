"""Every path of the hub with a push as it goes over the wire, and the samples that are public beside ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote_plus

import pytest
import pytest_twisted
from twisted.internet import reactor as the_reactor
from twisted.web.resource import Resource
from twisted.web.server import Site

from jimigw.delivery.hub import HubSettings, hub_target, pushes_of
from jimigw.delivery.hub.tables import NEVER, PATHS
from jimigw.delivery.target import Done
from jimigw.gateway.hub import Mode, Wanted
from jimigw.model.command import Life
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
    stored,
)
from tests.delivery.hub.test_pushes import ASKED, CLIP, SAFETY
from tests.support.jt808 import LOCATION

reactor: Any = the_reactor
TOKEN = "t0 ken&=ü"

# -- what goes out ------------------------------------------------------------------------------------------------

_AT = '"gateTime":"2026-11-20 22:48:43"'
_CAMERA, _TERMINAL = f'"deviceImei":"{IMEI}"', f'"deviceImei":"{DEVICE}"'
_PLACE = '"lat":22.577,"lng":113.916,"gpsSpeed":60'
_EVENT = "EVENT_353376110008882_00000000_2020_08_11_14_17_36_2"


def _logout() -> dict[str, Any]:
    told = {"device": IMEI, "protocol": "jimi", "kind": "logout", "received_at": "2026-11-20T22:48:43.5Z"}
    return told | {"message": {"header": {"imei": IMEI}, "body": {"reason": "the service ends"}}}


def _without_a_fix() -> dict[str, Any]:
    body = dict(of_vector("location")["message"]["body"])
    body |= {"fixed": False, "mcc": 724, "mnc": 10, "lac": 32546, "cell_id": 29474}
    return of_content(0x22, Location.from_json(body).encode())


def _file() -> dict[str, Any]:
    told = of_vector("location") | {"kind": "upload"}
    told["message"]["body"] = {"filename": "EVENT_1.mp4", "mime_type": "video/mp4", "camera": 1}
    return told


def _recordings() -> dict[str, Any]:
    purpose = Wanted(37381, "0", "6", "res_1", Mode.SYNC, NOW + 5).purpose()
    reply = {"seq": 3, "count": 1, "items": [CLIP]}
    return of_end(ended(Life.ANSWERED, "0x1205", message=ASKED, reply=reply, purpose=purpose))


def _end(mode: Mode) -> dict[str, Any]:
    purpose = Wanted(128, "17", "6", "", mode, NOW - 1).purpose()
    values = {"text": "VERSION", "reply": "JC400 é", "purpose": purpose, "device": IMEI}
    return of_end(ended(Life.ANSWERED, "the terminal answered", **values), "jimi")


_END = (
    '{"code":0,"msg":"success","data":{"_code":"100",'
    f'"_imei":"{IMEI}","_content":"JC400 é","_msg":"the terminal answered","_serverFlagId":17,"_proNo":128}}}}'
)

#: path, record, fields of the form beside token and data_list, the item as it stands in data_list
PUSHES: list[tuple[str, dict[str, Any], dict[str, str], str]] = [
    ("/pushevent", of_jimi()[0], {}, f'{{{_CAMERA},"type":"LOGIN",{_AT},"timezone":"GMT+08:00"}}'),
    ("/pushevent", _logout(), {}, f'{{{_CAMERA},"type":"LOGOUT",{_AT},"timezone":"GMT+00:00"}}'),
    ("/pushhb", of_vector("heartbeat"), {},
     f'{{{_CAMERA},{_AT},"powerLevel":30,"gsmSign":100,"acc":0,"gpsPos":1,"powerStatus":0}}'),
    ("/pushhb", of_jt808(0x0002, {}), {}, f"{{{_TERMINAL},{_AT}}}"),
    ("/pushgps", of_vector("location"), {},
     f'{{{_CAMERA},"gpsTime":"2022-02-08 09:43:30",{_AT},"satelliteNum":15,"lng":113.9430489,"lat":22.5765794,'
     '"gpsMode":0,"gpsSpeed":0,"direction":0,"acc":1,"postType":1,"distance":0,"postMethod":14}'),
    ("/pushgps", of_jt808(0x0200, LOCATION), {},
     f'{{{_TERMINAL},"gpsTime":"2026-11-18 11:06:40",{_AT},"lng":113.916,"lat":22.577,"gpsMode":0,"gpsSpeed":60,'
     '"direction":90,"acc":1,"postType":1,"altitude":10,"status":3,"sosStatus":0,"doorStatus":0}'),
    ("/pushalarm", of_vector("alarm, SOS, two files"), {},
     f'{{"imei":"{IMEI}",{_CAMERA},"type":"DEVICE","msgClass":0,{_AT},"msg":{{{_CAMERA},"alertType":"1",'
     '"alarmTime":"2020-08-11 06:17:36","lat":22.5771156,"lng":113.9168506,"gpsSpeed":0,"alertValue":"0",'
     f'"file":"{_EVENT}4.mp4,{_EVENT}3.mp4","voltage":14.2,"satelliteNum":15}}}}'),
    ("/pushalarm", of_jt808(0x0200, LOCATION | {"alarm": 2048}), {},
     f'{{"imei":"{DEVICE}",{_TERMINAL},"type":"DEVICE","msgClass":1,{_AT},"msg":{{{_TERMINAL},"alertType":"256",'
     f'"standardAlarmValue":2048,"alarmSerialNo":9,"alarmTime":"2026-11-18 11:06:40",{_PLACE},"direction":90,'
     '"altitude":10}}'),
    ("/pushalarm", of_jt808(0x0200, LOCATION | {"extra": {"dsm": SAFETY | {"fatigue": 7}}}), {},
     f'{{"imei":"{DEVICE}",{_TERMINAL},"type":"DEVICE","msgClass":1,{_AT},"msg":{{{_TERMINAL},"alertType":"265",'
     '"alarmType":2,"alarmSerialNo":9,"alarmId":31,"alarmStatus":1,"alarmLevel":1,'
     '"fatigueLevel":7,"alarmLabel":"37363534333231261118190640010203","alarmTime":"2026-11-18 11:06:41",'
     f'{_PLACE},"carSpeed":53,"carStatus":1025,"direction":90,"altitude":10}}}}'),
    ("/pushalarm", of_vector("IMEI, IMSI, ICCID (1)"), {},
     f'{{"imei":"{IMEI}",{_CAMERA},"type":"ICCID","msgClass":0,{_AT},'
     f'"msg":{{{_CAMERA},"iccid":"8966051912408052452"}}}}'),
    ("/rfid", of_vector("peripheral 0005"), {}, f'{{{_CAMERA},{_AT},"rfid":"4277EFEF35"}}'),
    ("/wgtc", of_vector("unknown module"), {}, f'{{{_CAMERA},{_AT},"moduleType":128,"content":"0102ff"}}'),
    ("/pushoil", of_vector("fuel sensor"), {}, f'{{{_CAMERA},{_AT},"path":1,"value":0.01,"unit":2}}'),
    ("/pushfileupload", _file(), {}, f'{{{_CAMERA},"fileName":"EVENT_1.mp4",{_AT},"result":"SUCCESS"}}'),
    ("/pushtem", of_vector("temperature, framed, below zero"), {}, f'{{{_CAMERA},{_AT},"temperature":-10.5}}'),
    ("/pushlbs", _without_a_fix(), {},
     f'{{{_CAMERA},{_AT},"lbsJson":"{{\\"mcc\\":724,\\"mnc\\":10,\\"cellList\\":\\"32546,29474,0\\"}}",'
     '"postType":"LBS"}'),
    ("/pushresourcelist", _recordings(), {},
     f'{{"imei":"{DEVICE}",{_TERMINAL},"totalNum":1,"instructionID":"res_1","resourceList":[{{"channel":1,'
     '"alarmFlag":0,"resourceType":0,"codeType":1,"storageType":1,"fileSize":2028988,'
     '"beginTime":"2024-12-17 00:00:01","endTime":"2024-12-17 00:02:01"}]}'),
    ("/pushftpfileupload", of_jt808(0x1206, {"seq": 4, "result": 0}), {},
     f'{{{_TERMINAL},"imei":"{DEVICE}","result":0,{_AT}}}'),
    ("/pushIothubEvent", of_jt808(0x1212, {"name": "x.jpg", "file_type": 0, "size": 9}), {},
     f'{{{_TERMINAL},"gateTime":1795214923000,"eventType":"UploadAlarmFileEnd",'
     '"eventContent":"{\\"name\\":\\"x.jpg\\",\\"file_type\\":0,\\"file_type_name\\":\\"picture\\",\\"size\\":9}"}'),
    ("/pushPassThroughData", of_jt808(0x0900, {"type": 0x41, "data": "AQL/"}), {},
     f'{{{_TERMINAL},{_AT},"type":65,"content":"0102ff"}}'),
    ("/pushTerminalTransInfo", of_jt808(0x0200, LOCATION | {"extra": {"jimi": {"type": 0x2007, "content": "AQID"}}}),
     {}, f'{{{_TERMINAL},"postTime":"2026-11-20 22:48:43","extensionId":8199,"content":"010203"}}'),
    ("/pushInstructResponse", _end(Mode.ASYNC), {"msgType": "1"}, _END),
    ("/pushInstructResponse", _end(Mode.KEPT), {"msgType": "2"}, _END),
    ("/uploadCallback", _file(), {},
     f'{{"filename":"EVENT_1.mp4","imei":"{IMEI}","camera":1,"mimeType":"video/mp4","lat":22.5765794,'
     '"lng":113.9430489}'),
]  # fmt: skip


class Receiver(Resource):
    """Takes pushes as receivers of the hub's do: a form that the web server has read."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.got: list[tuple[str, dict[str, list[str]], bytes]] = []
        site = Site(self)
        site.noisy = False
        self._port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port.getHost().port}"

    def render_POST(self, request: Any) -> bytes:
        assert request.getHeader("content-type") == "application/x-www-form-urlencoded"
        fields = {name.decode(): [each.decode() for each in values] for name, values in request.args.items()}
        request.content.seek(0)
        self.got.append((request.path.decode(), fields, request.content.read()))
        return b'{"code":0,"msg":"success"}'

    async def stop(self) -> None:
        await self._port.stopListening()


@pytest_twisted.async_yield_fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    made = Receiver()
    yield made
    await made.stop()


@pytest.mark.parametrize(("path", "record", "form", "item"), PUSHES, ids=[row[0][1:] for row in PUSHES])
@pytest_twisted.ensureDeferred
async def test_pushes_to_the_letter(
    receiver: Receiver, path: str, record: dict[str, Any], form: dict[str, str], item: str
) -> None:
    target = hub_target(HubSettings(receiver.url, TOKEN, paths=(path,)), reactor)
    assert await target.deliver([stored(record, 1)]) == Done()
    await target.close()
    fields = {"token": TOKEN, **form, "data_list": f"[{item}]"}
    raw = "&".join(f"{name}={quote_plus(value)}" for name, value in fields.items())
    assert receiver.got == [(path, {name: [value] for name, value in fields.items()}, raw.encode())]


def test_every_path_is_here() -> None:
    assert {row[0] for row in PUSHES} == set(PATHS)
    assert (len(PATHS), len(NEVER), set(PATHS) & set(NEVER)) == (17, 6, set())


# -- samples that are public --------------------------------------------------------------------------------------

_GPS = {"latitude": 22576539, "longitude": 113942885, "speed": 0, "status": 3, "time": "260113102437"}
_ALARM = {"latitude": 22576697, "longitude": 113943261, "speed": 0, "status": 3, "alarm": 2048, "time": "260107190605"}


def _as(device: str, received_at: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record, of another terminal and another time."""
    return record | {"device": device, "received_at": received_at}


def _sos_at(latitude: float, longitude: float) -> dict[str, Any]:
    record = of_vector("alarm, SOS, two files")
    record["position"] |= {"latitude": latitude, "longitude": longitude}
    return record


#: path, sample, a record that says the same, keys that differ and why
SAMPLES: list[tuple[str, str, dict[str, Any], dict[str, str]]] = [
    (
        "/pushgps",
        '{"deviceImei":"868120246598152","gpsTime":"2026-01-13 02:24:37","lng":113.942885,"lat":22.576539,'
        '"gpsSpeed":0,"satelliteNum":7,"acc":1}',
        _as("868120246598152", "2026-01-13T02:24:37Z",
            of_jt808(0x0200, LOCATION | _GPS | {"extra": {"gnss_sat_num": 7}})),
        {},
    ),
    (
        "/pushhb",
        '{"deviceImei":"868120246598152","gateTime":"2026-01-13 02:24:37","powerLevel":90,"gsmSign":80}',
        _as("868120246598152", "2026-01-13T02:24:37Z", of_vector("heartbeat")),
        {"powerLevel": "cameras say one of seven levels", "gsmSign": "cameras say one of five levels"},
    ),
    (
        "/pushalarm",
        '{"type":"DEVICE","msgClass":0,"imei":"752533678900242","msg":{"alertType":1,"lng":113.943102,'
        '"lat":22.576649,"gpsSpeed":0},"gateTime":"2026-01-07 11:06:05"}',
        _as("752533678900242", "2026-01-07T11:06:05Z", _sos_at(22.576649, 113.943102)),
        {"msg.alertType": "text, as the hub's page and its receivers have it; in this sample alone it is a number"},
    ),
    (
        "/pushalarm",
        '{"type":"DEVICE","msgClass":1,"imei":"869247060081665","msg":{"alertType":"256","standardAlarmValue":2048,'
        '"lng":113.943261,"lat":22.576697,"alarmSerialNo":25075},"gateTime":"2026-01-07 11:06:05"}',
        _as("869247060081665", "2026-01-07T11:06:05Z", of_jt808(0x0200, LOCATION | _ALARM, serial=25075)),
        {},
    ),
    (
        "/pushevent",
        '{"deviceImei":"868120246598152","type":"LOGIN","gateTime":"2026-01-13 02:24:37","timezone":"GMT+08:00"}',
        _as("868120246598152", "2026-01-13T02:24:37Z", of_jimi()[0]),
        {},
    ),
    (
        "/pushevent",
        '{"deviceImei":"868120246598152","type":"LOGIN","gateTime":"2026-01-13 02:24:37","timezone":"GMT+08:00"}',
        _as("868120246598152", "2026-01-13T02:24:37Z", jt808_records()[0]),
        {},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("path", "sample", "record", "differs"), SAMPLES, ids=[row[0][1:] for row in SAMPLES])
def test_samples_are_said_the_same_way(path: str, sample: str, record: dict[str, Any], differs: dict[str, str]) -> None:
    """All that a sample says stands in our push under the same key, with the same type and value."""
    (item,) = [push.item for push in pushes_of(record) if push.path == path]
    wanted, found = _flat(json.loads(sample)), _flat(item)
    assert {key: found[key] for key in wanted if key not in differs} == {
        key: value for key, value in wanted.items() if key not in differs
    }
    assert set(differs) <= set(wanted)
    assert set(differs) <= set(found)
    assert all(found[key] != wanted[key] for key in differs), "it does not differ any more"


def _flat(item: dict[str, Any], prefix: str = "") -> dict[str, tuple[str, Any]]:
    """Type and value by path of the key."""
    found: dict[str, tuple[str, Any]] = {}
    for key, value in item.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = (type(value).__name__, value)
    return found
