"""Names of the codes and bits of JT/T 808. In JSON the exchange format has the codes only, so these are legends."""

from __future__ import annotations

from collections.abc import Mapping

from jimigw.wire.kinds import Legend

from .versions import V2011, V2013, V2019

# -- general ------------------------------------------------------------------------------------------------------

RESULTS = Legend({0: "success", 1: "failure", 2: "message wrong", 3: "not supported", 4: "alarm handled"})
REGISTER_RESULTS = Legend(
    {
        0: "success",
        1: "vehicle already registered",
        2: "vehicle unknown",
        3: "terminal already registered",
        4: "terminal unknown",
    }
)
PLATE_COLOURS = Legend({0: "no plate", 1: "blue", 2: "yellow", 3: "black", 4: "white", 5: "green", 9: "other"})
CONTROL_COMMANDS = Legend(
    {
        1: "wireless upgrade",
        2: "connect to the given server",
        3: "switch off",
        4: "reset",
        5: "factory settings",
        6: "close data communication",
        7: "close all wireless communication",
        0x64: "engine stop (vendor)",
        0x65: "engine resume (vendor)",
        0xF0: "engine stop (vendor)",
        0xF1: "engine resume (vendor)",
    }
)
UPGRADE_TYPES = Legend(
    {
        0: "terminal",
        12: "IC card reader",
        52: "satellite positioning module",
        0x64: "ADAS",
        0x65: "DSM",
        0x66: "TPMS",
        0x67: "BSD",
    }
)
UPGRADE_RESULTS = Legend(
    {
        0: "success",
        1: "failure",
        2: "cancelled",
        0x10: "target not found",
        0x11: "hardware not supported",
        0x12: "same version",
        0x13: "version not supported",
    }
)

# -- location -----------------------------------------------------------------------------------------------------

#: bits of the alarm word, edition of 2011: 13, 14 and 31 have no meaning yet
_ALARMS_2011 = {
    0: "emergency button",
    1: "overspeed",
    2: "fatigue driving",
    3: "danger warning",
    4: "GNSS module fault",
    5: "GNSS antenna missing or cut",
    6: "GNSS antenna short circuit",
    7: "main power undervoltage",
    8: "main power lost",
    9: "display fault",
    10: "TTS module fault",
    11: "camera fault",
    12: "IC card module fault",
    18: "daily driving time exceeded",
    19: "parking too long",
    20: "area entered or left",
    21: "route entered or left",
    22: "segment driven too fast or too slowly",
    23: "off route",
    24: "speed sensor fault",
    25: "fuel abnormal",
    26: "vehicle stolen",
    27: "illegal ignition",
    28: "illegal displacement",
    29: "collision warning",
    30: "rollover warning",
}
_ALARMS_2013 = _ALARMS_2011 | {13: "overspeed warning", 14: "fatigue driving warning", 31: "illegal door opening"}
_ALARMS_2019 = {code: name for code, name in _ALARMS_2013.items() if code != 31} | {
    3: "dangerous driving behaviour",
    15: "driving in a forbidden period",
    16: "tyre pressure warning",
    17: "right-turn blind zone abnormal",
    29: "collision or rollover",
}
#: bits of the alarm word by edition
ALARMS: Mapping[int, Legend] = {
    V2011: Legend(_ALARMS_2011),
    V2013: Legend(_ALARMS_2013),
    V2019: Legend(_ALARMS_2019),
}
#: alarm bits that the terminal clears when the platform's answer arrives; all others hold until the condition ends
ACKNOWLEDGED_ALARMS: Mapping[int, frozenset[int]] = {
    V2011: frozenset({0, 3, 20, 21, 22, 27, 28}),
    V2013: frozenset({0, 3, 20, 21, 22, 27, 28, 31}),
    V2019: frozenset({0, 20, 21, 22, 27, 28}),
}

_STATUS_2013 = {
    0: "acc",
    1: "positioned",
    2: "south",
    3: "west",
    4: "out_of_service",
    5: "coordinates_encrypted",
    10: "fuel_cut",
    11: "circuit_cut",
    12: "doors_locked",
    13: "door_1_open",
    14: "door_2_open",
    15: "door_3_open",
    16: "door_4_open",
    17: "door_5_open",
    18: "gps_used",
    19: "beidou_used",
    20: "glonass_used",
    21: "galileo_used",
}
_STATUS_2019 = _STATUS_2013 | {6: "forward_collision_warning", 7: "lane_departure_warning", 22: "moving"}
#: bits of the status word by edition, under the names :meth:`LocationFacts.states` uses
STATUS: Mapping[int, Legend] = {
    V2011: Legend(_STATUS_2013),
    V2013: Legend(_STATUS_2013),
    V2019: Legend(_STATUS_2019),
}
#: bits 8 and 9 of the status word
LOADS = Legend({0: "empty", 1: "half", 2: "reserved", 3: "full"})

BATCH_TYPES = Legend({0: "normal batch", 1: "from a blind zone"})
PLACE_TYPES = Legend({0: "no place", 1: "circle", 2: "rectangle", 3: "polygon", 4: "route or segment"})
IN_OUT = Legend({0: "in", 1: "out"})
DRIVING_TIMES = Legend({0: "too short", 1: "too long"})

#: bits of item 0x25, lowest first; the exchange format's own spelling of "clutch" included
SIGNALS = (
    "low_beam",
    "high_beam",
    "right_turn",
    "left_turn",
    "brake",
    "reverse",
    "fog",
    "side_marker",
    "horn",
    "air_conditioner",
    "neutral",
    "retarder",
    "abs",
    "heater",
    "cluth",
)

# -- text, events, questions, phone, areas --------------------------------------------------------------------------

TEXT_TYPES = Legend({1: "notice", 2: "service"})
EVENT_SETTINGS = Legend(
    {0: "delete all", 1: "replace", 2: "append", 3: "modify", 4: "delete the listed"},
)
MENU_SETTINGS = Legend({0: "delete all", 1: "replace", 2: "append", 3: "modify"})
ORDERS = Legend({0: "cancel", 1: "order"})
CALL_TYPES = Legend({0: "normal call", 1: "listen-in"})
CONTACT_TYPES = Legend({1: "calls in", 2: "calls out", 3: "calls in and out"})
AREA_SETTINGS = Legend({0: "update", 1: "append", 2: "modify"})
AREA_TYPES = Legend({1: "circle", 2: "rectangle", 3: "polygon", 4: "route"})

# -- recorder, driver -----------------------------------------------------------------------------------------------

#: commands of GB/T 19056
RECORDER_COMMANDS = Legend(
    {
        0x00: "standard edition",
        0x01: "current driver",
        0x02: "clock",
        0x03: "mileage",
        0x04: "pulse coefficient",
        0x05: "vehicle",
        0x06: "status signal configuration",
        0x07: "serial number",
        0x08: "speed records",
        0x09: "position records",
        0x10: "accident suspicions",
        0x11: "over-time driving",
        0x12: "driver log",
        0x13: "power log",
        0x14: "parameter changes",
        0x15: "speed status log",
        0x82: "set vehicle",
        0x83: "set first installation date",
        0x84: "set status signal configuration",
        0xC2: "set clock",
        0xC3: "set pulse coefficient",
        0xC4: "set initial mileage",
        0xE0: "keep or enter the check state",
        0xE1: "check pulse coefficient error",
        0xE2: "check clock error",
        0xE3: "check mileage error",
        0xE4: "leave the check state",
        0xFA: "collection failed",
        0xFB: "setting failed",
    }
)
CARD_STATES = Legend({1: "card inserted, on duty", 2: "card removed, off duty"})
CARD_RESULTS = Legend(
    {
        0: "success",
        1: "card key authentication failed",
        2: "card locked",
        3: "card pulled out",
        4: "data check failed",
    }
)

# -- multimedia, transparent data -------------------------------------------------------------------------------------

MEDIA_TYPES = Legend({0: "image", 1: "audio", 2: "video"})
MEDIA_FORMATS = Legend({0: "JPEG", 1: "TIF", 2: "MP3", 3: "WAV", 4: "WMV"})
MEDIA_EVENTS = Legend(
    {
        0: "platform command",
        1: "timed",
        2: "robbery alarm",
        3: "collision or rollover",
        4: "door opened",
        5: "door closed",
        6: "door closed, speed passed 20 km/h",
        7: "by distance",
    }
)
RESOLUTIONS = Legend(
    {
        0: "lowest",
        1: "320x240",
        2: "640x480",
        3: "800x600",
        4: "1024x768",
        5: "176x144",
        6: "352x288",
        7: "704x288",
        8: "704x576",
        0xFF: "highest",
    }
)
SHOOT_RESULTS = Legend({0: "success", 1: "failure", 2: "channel not supported"})
SAMPLING_RATES = Legend({0: "8K", 1: "11K", 2: "23K", 3: "32K"})
TRANSPARENT_TYPES = Legend(
    {
        0x00: "detailed GNSS data",
        0x0B: "IC card authentication",
        0x41: "serial port 1",
        0x42: "serial port 2",
        0xF0: "text command (Jimi)",
        0xF7: "peripheral states (T/JSATL12)",
        0xF8: "peripheral information (T/JSATL12)",
    }
)
