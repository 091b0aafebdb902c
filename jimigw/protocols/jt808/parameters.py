"""The parameters of a terminal: what each id means. JT/T 808-2019, 8.12; JT/T 1078-2016, 5.5; T/JSATL12-2017, 4.4."""

from __future__ import annotations

from typing import Any

from jimigw.wire.kinds import U8, U16, U32, Bcd, Counted, ItemKind, Kind, Nested, Raw, Rest, RestText
from jimigw.wire.message import Message, fragment, include, part, row

from . import names_video as names
from .kinds import GBK, ListOf

_CHAPTER = "8.12"
_VIDEO = "JT/T 1078-2016, 5.5"
_SAFETY = "T/JSATL12-2017, 4.4"
TEXT = RestText(GBK, strip_nul=True)

# -- JT/T 1078 ----------------------------------------------------------------------------------------------------


@fragment
class _Coding:
    live_mode: int = row(U8, "bit rate mode of live video", names=names.BITRATE_MODES)
    live_resolution: int = row(U8, "resolution of live video", names=names.RESOLUTIONS)
    live_interval: int = row(U16, "key frame interval of live video", "frame")
    live_rate: int = row(U8, "frame rate of live video", "frame/s")
    live_bitrate: int = row(U32, "bit rate of live video", "kbit/s")
    stored_mode: int = row(U8, "bit rate mode of stored video", names=names.BITRATE_MODES)
    stored_resolution: int = row(U8, "resolution of stored video", names=names.RESOLUTIONS)
    stored_interval: int = row(U16, "key frame interval of stored video", "frame")
    stored_rate: int = row(U8, "frame rate of stored video", "frame/s")
    stored_bitrate: int = row(U32, "bit rate of stored video", "kbit/s")
    osd: int = row(
        U16, "bits 0 time, 1 plate, 2 channel, 3 position, 4 recorder speed, 5 GNSS speed, 6 continuous driving"
    )


@part("Audio and video parameters", chapter=_VIDEO)
class VideoParameters(Message):
    _coding = include(_Coding)
    audio_out: int = row(U8, "audio output: 0 off, 1 on")


@part("Channel", chapter=_VIDEO)
class Channel(Message):
    physical: int = row(U8, "physical channel, from 1")
    logical: int = row(U8, "logical channel by JT/T 1076-2016")
    type: int = row(U8, "what it carries", names=names.CHANNEL_TYPES)
    ptz: int = row(U8, "1: with pan and tilt")


def _channel_total(owner: Any) -> int:
    return int(owner.av + owner.audio + owner.video)


@part("Channel list", chapter=_VIDEO)
class Channels(Message):
    av: int = row(U8, "channels with audio and video")
    audio: int = row(U8, "channels with audio")
    video: int = row(U8, "channels with video")
    channels: list[Channel] = row(ListOf(_channel_total, Nested(Channel)), "the channels")


@part("Video parameters of a channel", chapter=_VIDEO)
class ChannelParameters(Message):
    channel: int = row(U8, "logical channel")
    _coding = include(_Coding)


@part("Video parameters of single channels", chapter=_VIDEO)
class ChannelsParameters(Message):
    channels: list[ChannelParameters] = row(Counted(U8, Nested(ChannelParameters)), "the channels")


@part("Recording of alarms", chapter=_VIDEO)
class AlarmRecording(Message):
    share: int = row(U8, "share of the storage", "%")
    minutes: int = row(U8, "longest recording", "min")
    before: int = row(U8, "time before the alarm that is recorded", "min")


@part("Image analysis alarms", chapter=_VIDEO)
class ImageAnalysis(Message):
    seats: int = row(U8, "seats of the vehicle; more people are too many")
    fatigue: int = row(U8, "degree of fatigue that is an alarm")


@fragment
class _Wake:
    wake_1: str = row(Bcd(2), "period 1: wake hhmm")
    sleep_1: str = row(Bcd(2), "period 1: sleep hhmm")
    wake_2: str = row(Bcd(2), "period 2: wake hhmm")
    sleep_2: str = row(Bcd(2), "period 2: sleep hhmm")
    wake_3: str = row(Bcd(2), "period 3: wake hhmm")
    sleep_3: str = row(Bcd(2), "period 3: sleep hhmm")
    wake_4: str = row(Bcd(2), "period 4: wake hhmm")
    sleep_4: str = row(Bcd(2), "period 4: sleep hhmm")


@part("Waking up", chapter=_VIDEO)
class Waking(Message):
    mode: int = row(U8, "bits 0 by condition, 1 timed, 2 by hand")
    condition: int = row(U8, "bits 0 emergency alarm, 1 collision or rollover, 2 door opened")
    weekdays: int = row(U8, "bits 0 Monday to 6 Sunday")
    periods: int = row(U8, "bits 0 to 3: periods 1 to 4 in force")
    _times = include(_Wake)


# -- T/JSATL12 ----------------------------------------------------------------------------------------------------


@part("Active safety parameters", chapter=_SAFETY)
class SafetyParameters(Message):
    """What driver assistance (0xF364) and driver monitoring (0xF365) begin with; all ones leave a value unchanged."""

    enable_speed: int = row(U8, "speed from which alarms are given", "km/h")
    volume: int = row(U8, "volume, 0 to 8")
    snapshots: int = row(U8, "active snapshots: 0 off, 1 timed, 2 by distance, 3 on inserting a card")
    interval: int = row(U16, "interval of timed snapshots", "s")
    distance: int = row(U16, "interval of snapshots by distance", "m")
    shots: int = row(U8, "pictures at a time")
    shot_interval: int = row(U8, "interval of these pictures", "100 ms")
    photo_resolution: int = row(U8, "resolution of pictures, 1 352x288 to 6 1920x1080")
    video_resolution: int = row(U8, "resolution of videos, 1 CIF to 7 1080P")
    alarms: int = row(U32, "alarms that are enabled")
    events: int = row(U32, "events that are enabled")
    details: bytes = row(Rest(), "thresholds, speeds and pictures of each alarm")


@part("Tyre pressure parameters", chapter=_SAFETY)
class TyreParameters(Message):
    tyre: bytes = row(Raw(12), "type of the tyres")
    pressure_unit: int = row(U16, "0 kg/cm2, 1 bar, 2 kPa, 3 PSI")
    normal: int = row(U16, "normal pressure")
    imbalance: int = row(U16, "threshold of imbalance", "%")
    slow_leak: int = row(U16, "threshold of slow leaks", "%")
    low: int = row(U16, "threshold of low pressure")
    high: int = row(U16, "threshold of high pressure")
    hot: int = row(U16, "threshold of high temperature", "degree Celsius")
    voltage: int = row(U16, "threshold of the battery", "%")
    interval: int = row(U16, "interval of reports", "s")
    reserved: bytes = row(Raw(6), "reserved", default=bytes(6))


@part("Blind spot parameters", chapter=_SAFETY)
class BlindSpotParameters(Message):
    rear: int = row(U8, "threshold to the rear", "s")
    side: int = row(U8, "threshold to the sides", "s")


# -- the tables ---------------------------------------------------------------------------------------------------


def _table(rows: str, chapter: str = _CHAPTER) -> dict[int, ItemKind]:
    """Parameters of numbers and text, a line each: id, type, unit or "-", name, meaning."""
    kinds: dict[str, Kind] = {"B": U8, "W": U16, "D": U32, "S": TEXT, "R": Rest()}
    found = {}
    for line in rows.strip().splitlines():
        identity, kind, unit, key, *meaning = line.split()
        found[int(identity, 16)] = ItemKind(
            key, kinds[kind], " ".join(meaning), chapter, "" if unit == "-" else unit.replace("_", " ")
        )
    return found


_COMMON = _table("""
0001 D s heartbeat_interval interval of heartbeats
0002 D s tcp_timeout time to wait for an answer over TCP
0003 D - tcp_repeats repeats over TCP
0004 D s udp_timeout time to wait for an answer over UDP
0005 D - udp_repeats repeats over UDP
0006 D s sms_timeout time to wait for an answer by SMS
0007 D - sms_repeats repeats by SMS
0010 S - main_apn APN of the main server, or number to dial
0011 S - main_user user name for the main server's network
0012 S - main_password password for the main server's network
0013 S - main_address address of the main server; since 2019 host:port, several with semicolons
0014 S - backup_apn APN of the backup server
0015 S - backup_user user name for the backup server's network
0016 S - backup_password password for the backup server's network
0017 S - backup_address address of the backup server; since 2019 host:port, several with semicolons
0018 D - tcp_port TCP port of the servers (2019: reserved)
0019 D - udp_port UDP port of the servers (2019: reserved)
001A S - card_main_address main server of the IC card authentication
001B D - card_tcp_port its TCP port
001C D - card_udp_port its UDP port
001D S - card_backup_address backup server of the IC card authentication
0020 D - report_strategy 0 by time, 1 by distance, 2 by both
0021 D - report_scheme 0 by ACC, 1 by login and ACC
0022 D s interval_no_driver interval of reports without a driver
0027 D s interval_asleep interval of reports asleep
0028 D s interval_emergency interval of reports in an emergency
0029 D s interval interval of reports
002C D m distance distance of reports
002D D m distance_no_driver distance of reports without a driver
002E D m distance_asleep distance of reports asleep
002F D m distance_emergency distance of reports in an emergency
0030 D degree corner_angle angle of a corner from which there is a report, below 180
0031 W m fence_radius radius from which a displacement is illegal
0040 S - platform_phone platform's phone number
0041 S - reset_phone number that resets the terminal
0042 S - factory_phone number that restores factory settings
0043 S - sms_phone platform's SMS number
0044 S - sms_alarm_phone number for alarms by SMS
0045 D - answering 0 automatic, 1 automatic with ACC on and by hand with ACC off
0046 D s longest_call longest call, 0 none, 0xFFFFFFFF without limit
0047 D s longest_month longest calls of a month, 0 none, 0xFFFFFFFF without limit
0048 S - listen_phone number that listens in
0049 S - privileged_phone privileged SMS number of the authority
0050 D - alarm_mask alarms that are suppressed, bits as in the alarm word
0051 D - alarm_sms alarms that are sent by SMS
0052 D - alarm_picture alarms that take a picture
0053 D - alarm_store pictures of alarms: bit 1 stored, 0 uploaded
0054 D - alarm_key alarms that are key alarms
0055 D km/h top_speed top speed
0056 D s overspeed_duration how long it has to be exceeded
0057 D s driving_limit limit of driving without a break
0058 D s day_limit limit of driving in a day
0059 D s rest least rest
005A D s parking longest parking
005B W 0.1_km/h overspeed_margin margin of the overspeed warning
005C W s fatigue_margin margin of the fatigue warning
005D W - collision bits 7-0 time (4 ms; 1 ms since 2019), 15-8 acceleration in 0.1 g
005E W degree rollover_angle angle of a rollover
0064 D - timed_photos bits 0-4 channels, 8-12 upload, 16 minutes, 17-31 interval
0065 D - distance_photos bits 0-4 channels, 8-12 upload, 16 kilometres, 17-31 interval
0070 D - quality quality of pictures, 1 best to 10
0071 D - brightness brightness 0 to 255
0072 D - contrast contrast 0 to 127
0073 D - saturation saturation 0 to 127
0074 D - chroma chroma 0 to 255
0080 D 0.1_km odometer odometer
0081 W - province province
0082 W - city city
0083 S - plate plate
0084 B - plate_colour plate colour
0090 B - gnss_mode bits 0 GPS, 1 BeiDou, 2 GLONASS, 3 Galileo
0091 B - gnss_baud 0 4800, 1 9600, 2 19200, 3 38400, 4 57600, 5 115200
0092 B - gnss_rate 0 500 ms, 1 1 s, 2 2 s, 3 3 s, 4 4 s
0093 D s gnss_sampling sampling of detailed GNSS data
0094 B - gnss_upload 0 store, 1 by time, 2 by distance, 11 by sum of time, 12 of distance, 13 of items
0095 D - gnss_upload_setting seconds, metres or items, by gnss_upload
0100 D ms can1_sampling sampling of CAN 1, 0 off
0101 W s can1_upload upload of CAN 1, 0 off
0102 D ms can2_sampling sampling of CAN 2, 0 off
0103 W s can2_upload upload of CAN 2, 0 off
""")
_SLAVE = _table("""
0023 S - slave_apn APN of the slave server
0024 S - slave_user user name for the slave server's network
0025 S - slave_password password for the slave server's network
0026 S - slave_address backup address of the slave server, host:port with semicolons
0032 R - forbidden_period start hour and minute, end hour and minute, a byte each
""")
_VIDEO_ITEMS = {
    0x0075: ItemKind("video", Nested(VideoParameters), "audio and video", _VIDEO),
    0x0076: ItemKind("channels", Nested(Channels), "channel list", _VIDEO),
    0x0077: ItemKind("channel_video", Nested(ChannelsParameters), "video of single channels", _VIDEO),
    0x0079: ItemKind("alarm_recording", Nested(AlarmRecording), "recording of alarms", _VIDEO),
    0x007A: ItemKind("video_alarm_mask", U32, "video alarms that are suppressed, bits as in item 0x14", _VIDEO),
    0x007B: ItemKind("image_analysis", Nested(ImageAnalysis), "image analysis alarms", _VIDEO),
    0x007C: ItemKind("waking", Nested(Waking), "waking up", _VIDEO),
    0xF364: ItemKind("adas", Nested(SafetyParameters), "driver assistance", _SAFETY),
    0xF365: ItemKind("dsm", Nested(SafetyParameters), "driver monitoring", _SAFETY),
    0xF366: ItemKind("tpms", Nested(TyreParameters), "tyre pressure", _SAFETY),
    0xF367: ItemKind("bsd", Nested(BlindSpotParameters), "blind spots", _SAFETY),
}
_CAN_IDS = {
    identity: ItemKind(
        f"can_{identity:04x}",
        Rest(),
        "one CAN id: bits 63-32 interval in ms, 31 channel, 30 frame type, 29 method, 28-0 id",
        _CHAPTER,
    )
    for identity in range(0x0110, 0x0200)
}

#: the parameters that the exchange format gives a type, but for the bytes: what the EMQX dialect shows as values
PLAIN_PARAMETERS = _COMMON
#: all parameters of 2011 and 2013
PARAMETERS_2013 = _COMMON | _VIDEO_ITEMS | _CAN_IDS
#: all parameters of 2019
PARAMETERS_2019 = PARAMETERS_2013 | _SLAVE
