"""The hub's pushes as tables: chapter 1 of its integration page, as far as public receivers show it.

What is marked as open is not known for certain; ``docs/hub.md`` lists it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import special, views
from .alarms import CARD, JIMI_ALARM, JT808_ALARM
from .conversions import (
    always,
    bits,
    by,
    document,
    flag,
    hex_of_text,
    hexadecimal,
    milliseconds,
    moment,
    number,
    text,
    whole,
    zone_name,
)
from .fields import ALSO_IMEI, GATE_TIME, IMEI, OPEN
from .rows import Field, Table

_POWER = {0: 0, 1: 4, 2: 8, 3: 12, 4: 30, 5: 60, 6: 100}
_SIGNAL = {0: 0, 1: 25, 2: 50, 3: 75, 4: 100}
_DOORS = 0b11111 << 13
_RESULTS = {"upload": "SUCCESS", "file_missing": "FAILURE"}

EVENT = Table(
    "/pushevent",
    "Login and logout",
    "`login` (0x01, 0x0102), `logout`",
    views.sessions,
    (
        IMEI,
        Field("type", "type", text, "`LOGIN` or `LOGOUT`"),
        GATE_TIME,
        Field(
            "timezone",
            "zone",
            zone_name,
            "Jimi: as the login says it, of a logout `GMT+00:00`; JT/T 808: the config's zone of terminals",
            OPEN,
        ),
    ),
)

HEARTBEAT = Table(
    "/pushhb",
    "Heartbeat",
    "`heartbeat` (0x13, 0x0002)",
    views.heartbeats,
    (
        IMEI,
        GATE_TIME,
        Field(
            "powerLevel",
            "message.body.voltage_level",
            by(_POWER),
            "percent, within the range that the level 0 to 6 stands for",
            OPEN,
        ),
        Field("gsmSign", "message.body.gsm_signal", by(_SIGNAL), "0 to 100, a quarter for each level 0 to 4", OPEN),
        Field("acc", "message.body.acc", flag, "1: ignition on"),
        Field("gpsPos", "message.body.gps_fixed", flag, "1: positioned"),
        Field("powerStatus", "message.body.charging", flag, "1: charging"),
    ),
    open="`oilEle`, `remoteLock` and `fortify` are not sent: the documents of these terminals do not say them. "
    "A heartbeat of JT/T 808 says nothing but that it came.",
)

GPS = Table(
    "/pushgps",
    "Position",
    "`position` (0x22, 0x37, 0x70); 0x0200, each location of 0x0704, 0x0201",
    views.places,
    (
        IMEI,
        Field("gpsTime", "at.time", moment, "time of the fix"),
        GATE_TIME,
        Field("satelliteNum", "at.satellites", whole, "satellites"),
        Field("lng", "at.longitude", number, "degrees, west negative"),
        Field("lat", "at.latitude", number, "degrees, south negative"),
        Field("gpsMode", "at.replayed", flag, "0 live, 1 sent later"),
        Field("gpsSpeed", "at.speed_kmh", whole, "km/h"),
        Field("direction", "at.course", whole, "degrees, clockwise from north"),
        Field("acc", "at.ignition", flag, "1: ignition on"),
        Field("postType", "said.upload_mode | device", special.post_type, "1 GPS; 3 Wi-Fi of upload mode 11"),
        Field("altitude", "at.altitude_m", whole, "m"),
        Field("status", "said.status", number, "JT/T 808: the status word"),
        Field("distance", "at.mileage_m", whole, "m"),
        Field("postMethod", "said.upload_mode", number, "Jimi: the upload mode of 5.3.1"),
        Field("sosStatus", "said.alarm", bits(1), "JT/T 808: bit 0 of the alarm word", OPEN),
        Field("doorStatus", "said.status", bits(_DOORS), "JT/T 808: bits 13 to 17 of the status word, any door", OPEN),
        Field("temperature", "said.extra.temperatures.celsius", special.first, "item 0x51, the first sensor", OPEN),
    ),
    open="Not sent: `driverLicenseStatus`, `driverLicense`, `transparentData`, `undecodedGpsAddInfo`, "
    "`buzzerAlarmStatus`, `creditCardStatus`, `driverId`, `driverName`: no message of these terminals is known to be "
    "their source. Whether the hub tells a location with alarms here too, beside `/pushalarm`, is not known; jimigw "
    "does.",
)

RFID = Table(
    "/rfid",
    "RFID",
    "0xF2 with peripheral 5",
    views.tags,
    (IMEI, GATE_TIME, Field("rfid", "item.value", text, "what was read", OPEN)),
    open="The hub's own field names are not public.",
)

MODULE = Table(
    "/wgtc",
    "Data of plugged-in modules",
    "0x9B but temperatures, 0x9C",
    views.modules,
    (
        IMEI,
        GATE_TIME,
        Field("moduleType", "message.body.module_type", number, "module", OPEN),
        Field("content", "raw", hexadecimal, "what it says, hex", OPEN),
        Field("content", "text", hex_of_text, "what it says, where that is text: hex of UTF-8", OPEN),
    ),
    open="The hub's own field names are not public.",
)

OIL = Table(
    "/pushoil",
    "Fuel",
    "0x94 of type 0x0E; 0xF2 with peripherals 1, 2 and 6",
    views.fuels,
    (
        IMEI,
        GATE_TIME,
        Field("path", "item.path", number, "number of the sensor or tank, from 0", OPEN),
        Field("value", "item.value", number, "value in its unit", OPEN),
        Field("unit", "item.unit", number, "1 cm, 2 %, 3 V, 4 L", OPEN),
    ),
    open="The hub's own field names are not public.",
)

FILE_UPLOAD = Table(
    "/pushfileupload",
    "Files received",
    "`upload` with `filename`: files that are stored; `file_missing` with `filename`: files that were given up",
    views.files,
    (
        IMEI,
        Field("fileName", "message.body.filename", text, "the file; the hub may name several with semicolons"),
        GATE_TIME,
        Field(
            "result",
            "kind",
            by(_RESULTS),
            "`SUCCESS`: it is stored; `FAILURE`: it was announced or asked for, and did not come. It may still come: "
            "then `SUCCESS` follows",
        ),
    ),
    open="When the hub says `FAILURE`. The upload of 0x0801 has a push once its picture is stored under a name.",
)

TEMPERATURE = Table(
    "/pushtem",
    "Temperature and humidity",
    "0x9B with a temperature; 0xF2 with peripherals 4 and 7",
    views.temperatures,
    (
        IMEI,
        GATE_TIME,
        Field(
            "temTime", "item.date_time | message.body.date_time", moment, "time of the sample, where it says one", OPEN
        ),
        Field("temperature", "item.temperature", number, "degrees Celsius", OPEN),
        Field("humidity", "item.humidity", number, "%", OPEN),
    ),
    open="The hub's own field names are not public.",
)

LBS = Table(
    "/pushlbs",
    "Radio cell",
    "0x22 and 0x37 without a fix",
    views.cells,
    (
        IMEI,
        GATE_TIME,
        Field("lbsJson", "lbs", document, "JSON text: `mcc`, `mnc`, `cellList` of `LAC,CI,RSSI`; the RSSI is 0", OPEN),
        Field("postType", "", always("LBS"), "`LBS`"),
    ),
    open="Wi-Fi networks (`postType` `WIFI`) and further cells are not sent: no message that is decoded says them.",
)

RESOURCES = Table(
    "/pushresourcelist",
    "Recordings",
    "the end of a command 0x9205 or 0x9201 that was answered by 0x1205",
    views.recordings,
    (
        ALSO_IMEI,
        IMEI,
        Field("totalNum", "total", number, "how many"),
        Field("instructionID", "instruction", text, "as the command had it"),
        Field(
            "resourceList",
            "items",
            special.resources,
            "`channel`, `beginTime`, `endTime` (the terminal's own zone), `alarmFlag`, `resourceType` (0 audio and "
            "video, 1 audio, 2 video), `codeType`, `storageType`, `fileSize`",
        ),
    ),
    open="The hub may send this push without `data_list`; jimigw sends it like the others. The form of the times, and "
    "the names `codeType`, `storageType` and `fileSize`.",
)

FTP = Table(
    "/pushftpfileupload",
    "Upload by FTP",
    "0x1206",
    views.ftp_results,
    (
        IMEI,
        ALSO_IMEI,
        Field("result", "message.body.result", number, "0 success, 1 failure"),
        Field(
            "instructionID", "instruction", text, "as the command 37382 had it, if the service was not restarted since"
        ),
        GATE_TIME,
    ),
)

HUB_EVENT = Table(
    "/pushIothubEvent",
    "Uploads begin and end",
    "0x1210, 0x1211, 0x1212, 0x0800, 0x0801",
    views.hub_events,
    (
        IMEI,
        Field("gateTime", "received_at", milliseconds, "milliseconds since 1970", OPEN),
        Field(
            "eventType",
            "type",
            text,
            "`UploadAlarmFileList`, `UploadAlarmFileBegin`, `UploadAlarmFileEnd`, `UploadMediaFileBegin`, "
            "`UploadMediaFileEnd`",
        ),
        Field("eventContent", "content", document, "JSON as text: the message's body without the data", OPEN),
    ),
)

THROUGH = Table(
    "/pushPassThroughData",
    "Transparent data",
    "0x0900, but answers to text commands",
    views.through,
    (
        IMEI,
        GATE_TIME,
        Field("type", "message.body.type", number, "type of the data", OPEN),
        Field("content", "message.body.data", hexadecimal, "the data, hex", OPEN),
    ),
    open="The hub's own field names are not public.",
)

EXTENSION = Table(
    "/pushTerminalTransInfo",
    "Extension data",
    "0x0200 and each location of 0x0704 with item 0xE8",
    views.extensions,
    (
        IMEI,
        Field("postTime", "received_at", moment, "when the gateway read it", OPEN),
        Field("extensionId", "item.type", number, "8197 states (0x2005), 8199 serial data (0x2007)"),
        Field("content", "item.content", special.extension, "hex", OPEN),
    ),
    open="Whether the length byte in front of the states belongs to `content`; jimigw leaves it out.",
)

END = Table(
    "/pushInstructResponse",
    "End of a command",
    "the end of a command that came through the hub's API and was not told in the HTTP answer",
    views.ends,
    (
        Field("code", "", always(0), "0"),
        Field("msg", "", always("success"), "`success`"),
        Field("data._code", "told.code", text, "[code](#_code)"),
        Field("data._imei", "device", text, "the terminal"),
        Field("data._content", "told.content", text, "what the terminal said; empty if it did not"),
        Field("data._msg", "told.msg", text, "the code in words"),
        Field("data._serverFlagId", "told.flag", special.as_given, "as the request had it"),
        Field("data._proNo", "told.pro_no", number, "as the request had it"),
    ),
    form=views.form_of_end,
    open="`msgType` stands beside `token`: 1 for `sync=false`, 2 for a command that was kept. The hub's "
    "`offlineCmdPushURL`, a single object at a URL of its own, is not sent.",
)

UPLOAD_CALLBACK = Table(
    "/uploadCallback",
    "Upload of a DVR",
    "`upload` with `filename`: files that are stored",
    views.uploads,
    (
        Field("filename", "message.body.filename", text, "the file"),
        ALSO_IMEI,
        Field(
            "businessType",
            "message.body.business_type",
            text,
            "as the terminal says it; else `eventAttachment` of an alarm, `remotePictureOrVideo` of a command or "
            "0x0801, `historyVideo` of the continuous recording, `regularPicture` or `videoClip`",
            OPEN,
        ),
        Field("camera", "message.body.camera", number, "camera: of Jimi 1 road, 2 cabin", OPEN),
        Field("mimeType", "message.body.mime_type", text, "type of the content", OPEN),
        Field("lat", "position.latitude", number, "degrees, where its alarm was", OPEN),
        Field("lng", "position.longitude", number, "degrees, where its alarm was", OPEN),
        Field("alarmTime", "message.body.alarm_time", moment, "time of the alarm it belongs to", OPEN),
        Field(
            "instructionId",
            "message.body.instruction_id",
            text,
            "the request it belongs to: as the upload said it, of an alarm of JT/T 808 its label; else the id of the "
            "command that asked for it, which is its server flag",
            OPEN,
        ),
    ),
)

TABLES: Sequence[Table] = (
    EVENT,
    HEARTBEAT,
    GPS,
    JIMI_ALARM,
    JT808_ALARM,
    CARD,
    RFID,
    MODULE,
    OIL,
    FILE_UPLOAD,
    TEMPERATURE,
    LBS,
    RESOURCES,
    FTP,
    HUB_EVENT,
    THROUGH,
    EXTENSION,
    END,
    UPLOAD_CALLBACK,
)
"""All pushes, in the order of the hub's page; a record's pushes go out in this order."""

_JT808_PLACES = (GPS, JT808_ALARM, CARD, EXTENSION)

BY_KIND: Mapping[str, Mapping[str, Sequence[Table]]] = {
    "login": {"jimi": (EVENT,), "jt808": (EVENT,)},
    "logout": {"jimi": (EVENT,), "jt808": (EVENT,)},
    "heartbeat": {"jimi": (HEARTBEAT,), "jt808": (HEARTBEAT,)},
    "position": {"jimi": (GPS, LBS), "jt808": _JT808_PLACES},
    "alarm": {"jimi": (JIMI_ALARM,), "jt808": _JT808_PLACES},
    "status": {"jimi": (JIMI_ALARM, CARD, RFID, MODULE, OIL, TEMPERATURE), "jt808": (HUB_EVENT, THROUGH)},
    "upload": {"jimi": (FILE_UPLOAD, UPLOAD_CALLBACK), "jt808": (FILE_UPLOAD, HUB_EVENT, UPLOAD_CALLBACK)},
    "file_missing": {"jimi": (FILE_UPLOAD,), "jt808": (FILE_UPLOAD,)},
    "command_result": {"jimi": (RESOURCES, END), "jt808": (GPS, RESOURCES, FTP, END)},
}
"""Which tables look at the records of a kind and a protocol; those of ``unknown`` make none."""

PATHS: Sequence[str] = tuple(dict.fromkeys(table.path for table in TABLES))
"""The paths that jimigw pushes to."""

NEVER: Mapping[str, str] = {
    "/pushFileContent": "ids of faces: of terminals that jimigw does not speak to",
    "/pushextendedkks": "number 0x07 of other Jimi products",
    "/generalBusiness": "Bluetooth addresses of another product",
    "/pushobd": "the layouts of OBD data are not known",
    "/pushfaultinfo": "the layouts of fault codes are not known",
    "/pushtripreport": "the layouts of trip reports are not known",
}
"""Paths of the hub that jimigw has nothing for, and why."""
