"""``/pushalarm``: alarms of both protocols, and the numbers of SIM cards."""

from __future__ import annotations

from . import special, views
from .conversions import always, joined, moment, number, text, whole
from .fields import ALSO_IMEI, GATE_TIME, IMEI, OPEN
from .rows import Field, Table

JIMI_ALARM = Table(
    "/pushalarm",
    "Alarm of a Jimi terminal",
    "0x95, notices such as 0x69 too",
    views.jimi_alarms,
    (
        ALSO_IMEI,
        IMEI,
        Field("type", "", always("DEVICE"), "`DEVICE`"),
        Field("msgClass", "", always(0), "0: Jimi"),
        GATE_TIME,
        Field("msg.deviceImei", "device", text, "the terminal"),
        Field("msg.alertType", "message.body.alarm_type", text, "the alarm type in decimal, as text: 0x8F is `143`"),
        Field("msg.alarmTime", "position.time | message.body.date_time", moment, "time of the alarm"),
        Field("msg.lat", "position.latitude", number, "degrees, south negative"),
        Field("msg.lng", "position.longitude", number, "degrees, west negative"),
        Field("msg.gpsSpeed", "position.speed_kmh", whole, "km/h"),
        Field("msg.alertValue", "message.body.alarm_value", text, "value of the alarm in decimal, as text"),
        Field("msg.file", "message.body.files", joined(","), "files that will be uploaded, with commas"),
        Field("msg.voltage", "message.body.voltage", number, "V"),
        Field("msg.satelliteNum", "position.satellites", whole, "satellites"),
        Field("msg.driverId", "message.body.driver_id", text, "driver recognised (0xD4)", OPEN),
    ),
)

JT808_ALARM = Table(
    "/pushalarm",
    "Alarm of a JT/T 808 terminal",
    "0x0200 and each location of 0x0704: one item for the alarm word, for each kind of video alarm, for each alarm of "
    "active safety (items 0x64, 0x65, 0x67), for each event in item 0xE8",
    views.jt808_alarms,
    (
        ALSO_IMEI,
        IMEI,
        Field("type", "", always("DEVICE"), "`DEVICE`"),
        Field("msgClass", "", always(1), "1: JT/T"),
        GATE_TIME,
        Field("msg.deviceImei", "device", text, "the terminal"),
        Field(
            "msg.alertType",
            "alert",
            text,
            "`256` alarm word; `257` video lost, `258` covered, `259` storage fault; `264` ADAS, `265` DMS, `266` BSD; "
            "an event of 0xE8 in decimal: 0x0403 is `1027`; `removeAlarmType` where an alarm of active safety has "
            "ended",
        ),
        Field("msg.removeAlarmType", "removed", text, "which one has ended"),
        Field("msg.alarmType", "item.type", number, "264 to 266: the type within the item"),
        Field("msg.standardAlarmValue", "word", number, "256: the alarm word"),
        Field("msg.signalDropChannel", "channels.video_signal_lost", number, "257: channels as bits"),
        Field("msg.signalCoverChannel", "channels.video_covered", number, "258: channels as bits"),
        Field("msg.storageFaultChannel", "channels.storage_fault", number, "259: stores as bits"),
        Field("msg.drivingAlarmFlag", "said.extra.abnormal_driving.type", number, "item 0x18, where it is there", OPEN),
        Field("msg.alarmSerialNo", "message.header.msg_sn", number, "serial number of the report, for 33283", OPEN),
        Field("msg.alarmId", "item.alarm_id", number, "number of the alarm"),
        Field("msg.alarmStatus", "item.flag", number, "0 a moment, 1 begin, 2 end"),
        Field("msg.alarmLevel", "item.level", number, "level"),
        Field("msg.fatigueLevel", "item.fatigue", number, "DMS: degree of fatigue"),
        Field(
            "msg.alarmLabel",
            "item.ident | event.content",
            special.label,
            "the 16 bytes of the alarm's identity as 32 hex digits: for 37384 and VIDEOUPLOAD",
        ),
        Field("msg.alarmTime", "item.time | at.time", moment, "time of the alarm"),
        Field("msg.lat", "at.latitude", number, "degrees, south negative"),
        Field("msg.lng", "at.longitude", number, "degrees, west negative"),
        Field("msg.gpsSpeed", "at.speed_kmh", whole, "km/h"),
        Field("msg.carSpeed", "item.speed", number, "km/h"),
        Field("msg.carStatus", "item.vehicle_status", number, "vehicle status, bits"),
        Field("msg.direction", "at.course", whole, "degrees"),
        Field("msg.altitude", "at.altitude_m", whole, "m"),
        Field("msg.satelliteNum", "at.satellites", whole, "satellites", OPEN),
    ),
    open="How the hub tells that an alarm is over is known in its form only; jimigw tells it where active safety says "
    "so. Abnormal driving (item 0x18), harsh driving (0x70) and tyre pressures (0x66) have no known alert type.",
)

CARD = Table(
    "/pushalarm",
    "SIM card",
    "0x94 with the SIM card's number; item 0xE8 with it",
    views.cards,
    (
        ALSO_IMEI,
        IMEI,
        Field("type", "", always("ICCID"), "`ICCID`"),
        Field("msgClass", "protocol", special.message_class, "0: Jimi, 1: JT/T"),
        GATE_TIME,
        Field("msg.deviceImei", "device", text, "the terminal"),
        Field("msg.iccid", "iccid", special.digits, "ICCID, without filling", OPEN),
    ),
    open="`type` `VIN` is not sent: no message of these terminals says it.",
)
