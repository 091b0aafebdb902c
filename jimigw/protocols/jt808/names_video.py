"""Names of the codes of JT/T 1078-2016 and T/JSATL12-2017. The exchange format's page does not have these messages, so
JSON shows the names beside the codes."""

from __future__ import annotations

CODECS = {
    1: "G.721",
    2: "G.722",
    3: "G.723",
    4: "G.728",
    5: "G.729",
    6: "G.711A",
    7: "G.711U",
    8: "G.726",
    9: "G.729A",
    10: "DVI4_3",
    11: "DVI4_4",
    12: "DVI4_8K",
    13: "DVI4_16K",
    14: "LPC",
    15: "S16BE stereo",
    16: "S16BE mono",
    17: "MPEG audio",
    18: "LPCM",
    19: "AAC",
    20: "WMA9STD",
    21: "HE-AAC",
    22: "PCM voice",
    23: "PCM audio",
    24: "AAC-LC",
    25: "MP3",
    26: "ADPCMA",
    27: "MP4 audio",
    28: "AMR",
    91: "transparent",
    98: "H.264",
    99: "H.265",
    100: "AVS",
    101: "SVAC",
}
AUDIO_RATES = {0: "8 kHz", 1: "22.05 kHz", 2: "44.1 kHz", 3: "48 kHz"}
AUDIO_BITS = {0: "8 bits", 1: "16 bits", 2: "32 bits"}
LIVE_TYPES = {
    0: "audio and video",
    1: "video",
    2: "two-way talk",
    3: "listen-in",
    4: "broadcast",
    5: "transparent",
}
STREAMS = {0: "main", 1: "sub"}
LIVE_COMMANDS = {0: "close", 1: "switch stream", 2: "pause all", 3: "resume", 4: "end talk"}
CLOSE_TYPES = {0: "audio and video", 1: "audio", 2: "video"}
MEDIA = {0: "audio and video", 1: "audio", 2: "video", 3: "audio or video"}
ANY_STREAM = {0: "any", 1: "main", 2: "sub"}
STORAGES = {0: "any", 1: "main", 2: "backup"}
PLAYBACK_MODES = {0: "normal", 1: "fast", 2: "key-frame rewind", 3: "key frames", 4: "single frame"}
FACTORS = {0: "none", 1: "1x", 2: "2x", 3: "4x", 4: "8x", 5: "16x"}
PLAYBACK_CONTROLS = {
    0: "start",
    1: "pause",
    2: "stop",
    3: "fast",
    4: "key-frame rewind",
    5: "seek",
    6: "key frames",
}
UPLOAD_CONTROLS = {0: "pause", 1: "go on", 2: "cancel"}
UPLOAD_RESULTS = {0: "success", 1: "failure"}
TURNS = {0: "stop", 1: "up", 2: "down", 3: "left", 4: "right"}
BITRATE_MODES = {0: "CBR", 1: "VBR", 2: "ABR"}
RESOLUTIONS = {0: "QCIF", 1: "CIF", 2: "WCIF", 3: "D1", 4: "WD1", 5: "720P", 6: "1080P"}
CHANNEL_TYPES = {0: "audio and video", 1: "audio", 2: "video"}

#: bits of item 0x14
VIDEO_ALARMS = {
    0: "video signal lost",
    1: "camera covered",
    2: "storage fault",
    3: "other video fault",
    4: "overcrowded",
    5: "abnormal driving",
    6: "storage for special recordings full",
}

# -- T/JSATL12-2017, and the kindred standards of Guangdong and Sichuan ----------------------------------------------

ALARM_FLAGS = {0: "none", 1: "start", 2: "end"}
ADAS_ALARMS = {
    0x01: "forward collision",
    0x02: "lane departure",
    0x03: "vehicle ahead too close",
    0x04: "pedestrian collision",
    0x05: "frequent lane change",
    0x06: "road sign exceeded",
    0x07: "obstacle",
    0x10: "road sign recognised",
    0x11: "active snapshot",
    0x12: "solid line crossed (Guangdong)",
    0x13: "pedestrian in the aisle (Guangdong)",
}
DSM_ALARMS = {
    0x01: "fatigue",
    0x02: "phone",
    0x03: "smoking",
    0x04: "distraction",
    0x05: "driver abnormal",
    0x06: "camera covered (Guangdong)",
    0x08: "over-time driving (Guangdong)",
    0x0A: "no seat belt (Guangdong)",
    0x0B: "sunglasses (Guangdong)",
    0x0C: "both hands off (Guangdong)",
    0x0D: "playing with phone (Guangdong)",
    0x10: "automatic snapshot",
    0x11: "driver changed",
}
BSD_ALARMS = {1: "rear approach", 2: "left rear approach", 3: "right rear approach"}
DRIVING_ALARMS = {
    1: "harsh acceleration",
    2: "harsh braking",
    3: "harsh turn",
    4: "idling",
    5: "abnormal engine stop",
    6: "neutral coasting",
    7: "engine over-rev",
    0x16: "accident (vendor)",
}
LEVELS = {1: "first", 2: "second"}
DEVIATIONS = {1: "left", 2: "right"}
SIGNS = {1: "speed", 2: "height", 3: "weight", 4: "no entry (Guangdong)", 5: "no parking (Guangdong)"}
INFO_TYPES = {0: "normal", 1: "refill"}
FILE_TYPES = {0: "picture", 1: "audio", 2: "video", 3: "text", 4: "other"}
FILE_RESULTS = {0: "complete", 1: "refill"}

#: events of item 0xE8 of Jimi dash cameras
JIMI_EVENTS = {
    0x0001: "camera fault",
    0x0400: "harsh acceleration",
    0x0401: "harsh braking",
    0x0402: "harsh cornering",
    0x0403: "overspeed",
    0x0405: "accident",
    0x0406: "vibration",
    0x0407: "tow",
    0x0408: "fence entered",
    0x0409: "fence left",
    0x040C: "door",
    0x0412: "harsh acceleration",
    0x0413: "harsh braking",
    0x0414: "harsh cornering",
    0x0415: "lane change",
    0x0416: "accident",
    0x0417: "accident",
    0x0C01: "SOS",
    0x0C02: "low power",
    0x0C03: "ACC on",
    0x0C04: "ACC off",
    0x0C0E: "power cut",
    0x0C0F: "low battery",
    0x0C10: "power off",
    0x0C12: "tamper",
}
