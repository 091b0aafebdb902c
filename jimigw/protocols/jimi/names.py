"""Names of codes, as JC261/JC400 V1.3.5 prints them."""

from __future__ import annotations

#: 5.2.1, "Voltage Level"
VOLTAGE_LEVELS = {
    0: "No power (shutdown)",
    1: "Extremely low battery",
    2: "Very low battery",
    3: "Low battery",
    4: "Medium",
    5: "High",
    6: "Very high",
}

#: 5.2.1, "GSM Signal Strength Levels"
GSM_LEVELS = {
    0: "No signal",
    1: "Extremely weak signal",
    2: "Very weak signal",
    3: "Good signal",
    4: "Strong signal",
}

#: 5.2.1 and 5.5.1, "Language"
LANGUAGES = {1: "Chinese", 2: "English"}

#: 5.3.1, "ACC"
ACC_STATES = {0: "ACC off", 1: "ACC on"}

#: 5.3.1 (to 0x09, and 0x0E) and 5.9, "GPS Data Upload Mode"
UPLOAD_MODES = {
    0x00: "By time interval",
    0x01: "By distance",
    0x02: "Corner correction",
    0x03: "ACC status change",
    0x04: "Last valid point after moving to standstill",
    0x05: "Last valid point after network reconnected",
    0x06: "Ephemeris update",
    0x07: "Key press",
    0x08: "Power on",
    0x09: "Power on, point corrected by base station",
    0x0A: "Last point after standstill, time updated",
    0x0B: "Wi-Fi position",
    0x0C: "LJDW (locate now) command",
    0x0D: "Last point after standstill",
    0x0E: "GPSDUP (fixed interval while static or without fix)",
    0x0F: "Tracking mode left",
    0x10: "Door opened (container)",
    0x11: "Door closed (container)",
    0x12: "Removed (container)",
    0x13: "Installed (container)",
    0x14: "Fence entered (container)",
    0x15: "Fence left (container)",
    0x16: "Environment abnormal (container)",
    0x17: "Shipping mode (container)",
    0x18: "Land transport mode (container)",
    0x19: "Static mode (container)",
    0x1A: "Low battery (container)",
    0x1B: "Event (DVR)",
}

#: 5.3.1, "GPS real-time upload"
REUPLOADS = {0x00: "Real-time", 0x01: "Re-upload"}

#: 5.13.1, module 0x35
BUFFERINGS = {0x00: "Real-time", 0x04: "Buffered"}

#: 5.4.1, "Alarm Type". The last five are not in the document: vendor's event list, see :data:`ALARM_VARIANTS`.
ALARMS = {
    0x01: "SOS",
    0x0E: "External battery low",
    0x47: "Fatigue driving",
    0x50: "Door closed",
    0x51: "Door opened",
    0x53: "Fuel stolen",
    0x69: "File uploading",
    0x6B: "DMS camera communication abnormality",
    0x6C: "Voice file download completed",
    0x6D: "Voice file download failed",
    0x6F: "SD card fault",
    0x70: "SD card mount",
    0x73: "Fuel data timeout",
    0x76: "Temperature data timeout",
    0x80: "Vibration",
    0x83: "Seat belt plugged (algorithm)",
    0x84: "Seat belt unplugged (algorithm)",
    0x86: "SD card unmount",
    0x87: "Over speed",
    0x88: "Power removal",
    0x8A: "Oil or electronics connected",
    0x8B: "Oil or electronics disconnected",
    0x8C: "DMS - Eye closed",
    0x8F: "DMS - Distraction",
    0x90: "Harsh acceleration",
    0x91: "Harsh deceleration",
    0x92: "Harsh turning",
    0x93: "Crash",
    0x94: "DMS - Missing face",
    0x97: "DMS - Phone calling",
    0x9A: "DMS - Smoking",
    0x9E: "Network status change notification",
    0x9F: "Illegal driver",
    0xA0: "DMS - Yawn",
    0xA1: "DMS - Monitoring shelter",
    0xA2: "DMS - Calibration fail",
    0xA3: "DMS - Look down",
    0xA4: "SD card capacity is not enough",
    0xA5: "RFID reading",
    0xA6: "Seat belt plugged",
    0xA7: "Seat belt unplugged",
    0xCC: "Forward collision warning",
    0xCD: "Lane departure warning",
    0xCE: "Headway monitoring warning",
    0xD4: "Driver identification successful",
    0xD5: "Driver identification failed",
    0x52: "Door closed",
    0x5D: "RFID error",
    0x9B: "Illegal driver",
    0xE4: "Lane departure warning",
    0xE5: "Forward collision warning",
}

#: Alarm types that tell of something other than a danger: the progress of a file (the document says of 0x69 that it is
#: "not for alarm"), a card read, a network change, a door or belt closed, a voice file.
NOTICES = frozenset({0x69, 0x6C, 0x6D, 0x9E, 0xA5, 0xD4, 0x50, 0x52, 0x83, 0xA6, 0x70, 0x8A})

#: 5.4.1, "Alert value": what the value of these alarm types says
ALARM_VALUES = {
    0x8C: {0: "Level 1", 2: "Level 2"},
    0x6B: {0: "Disconnected", 2: "Connected, communication abnormal"},
}

#: 5.5.2, "Content Code"
CONTENT_CODES = {1: "ASCII", 2: "UTF-16BE"}

#: 5.6, "File Type"
FILE_TYPES = {
    0x07: "DVR UUID",
    0x08: "DVR version",
    0x0A: "DVR IMEI, IMSI, ICCID",
    0x0E: "Fuel sensor",
}

#: 5.6, type 0E, "Unit"
FUEL_UNITS = {1: "Height", 2: "Percentage", 3: "Voltage"}

#: 5.6, type 0E, "type"
FUEL_TYPES = {0: "Fuel data"}

#: 5.7, "Module type coding"
MODULE_TYPES_9B = {0x03: "Temperature sensor", 0x05: "DLT card reader"}

#: 5.10, "Module type coding"
MODULE_TYPES_9C = {0x32: "QCVN31 real-time data", 0x33: "QCVN31 re-upload data"}

#: 5.7, module 0x05, and 5.12.3, peripheral 0x0008, "Status"
CARD_STATES = {0: "Logout", 1: "Login", 2: "Illegal card"}

#: 5.11.1, "Status"
CAMERA_STATES = {0: "Unavailable", 1: "Available"}

#: 5.12.3, peripheral 0x0002, "Type" and "Unit"
FUEL_SENSOR_TYPES = {0: "Ultrasonic", 1: "Capacitive"}
FUEL_SENSOR_UNITS = {1: "Height, cm", 2: "Percentage, %", 3: "Voltage, V", 4: "Volume, L"}
