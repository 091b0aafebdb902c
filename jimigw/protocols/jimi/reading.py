"""What Jimi messages mean to a platform: kind of record, position, alarms.

One entry of :data:`READINGS` is one message: its kind, and how its position and its alarms are read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs

from jimigw.model.report import Alarm as NeutralAlarm
from jimigw.model.report import Position, trusted_time
from jimigw.wire.message import Message

from . import messages, modules, names

#: gets the JSON body of a message and the time of receipt
PositionOf = Callable[[dict[str, Any], datetime], Position | None]


def _of_location(body: dict[str, Any], received: datetime) -> Position:
    time, source = trusted_time(body["date_time"], received)
    return Position(
        time,
        body["latitude"],
        body["longitude"],
        body["fixed"],
        body["speed"],
        body["course"],
        None,
        body["satellites"],
        body.get("mileage"),
        body["acc"] == 1,
        body["reupload"] == 1,
        source,
    )


def _of_alarm(body: dict[str, Any], received: datetime) -> Position:
    time, source = trusted_time(body["date_time"], received)
    return Position(
        time,
        body["latitude"],
        body["longitude"],
        fix=body["fixed"],
        speed_kmh=body.get("speed"),
        course=body["course"],
        satellites=body.get("satellites"),
        time_source=source,
    )


def _of_extension(body: dict[str, Any], received: datetime) -> Position | None:
    values = {item["id"]: item.get("value") for item in body["modules"]}
    gnss, upload = values.get(0x33), values.get(0x35)
    if gnss is None:
        return None
    time, source = trusted_time(gnss["date_time"], received)
    return Position(
        time,
        gnss["latitude"],
        gnss["longitude"],
        fix=gnss["fixed"],
        speed_kmh=gnss["speed"],
        course=gnss["course"],
        altitude_m=gnss["altitude"],
        satellites=gnss["satellites"],
        ignition=gnss["acc"] if gnss["acc_valid"] else None,
        replayed=None if upload is None else upload["mode"] == 4,
        time_source=source,
    )


def _nowhere(body: dict[str, Any], received: datetime) -> None:
    return None


@attrs.frozen
class Reading:
    """How one message is read: its kind, its position, and whether it tells of an alarm."""

    kind: str
    position: PositionOf = _nowhere
    alarming: bool = False


READINGS: dict[type[Message], Reading] = {
    messages.Login: Reading("login"),
    messages.LoginShort: Reading("login"),
    messages.Heartbeat: Reading("heartbeat"),
    messages.Location: Reading("position", _of_location),
    messages.AdditionalLocation: Reading("position", _of_location),
    messages.Alarm: Reading("alarm", _of_alarm, alarming=True),
    messages.AlarmUnmarked: Reading("alarm", _of_alarm, alarming=True),
    messages.AlarmShort: Reading("alarm", alarming=True),
    messages.CommandReply: Reading("command_result"),
    messages.CommandReplyOld: Reading("command_result"),
    messages.DataTransfer: Reading("status"),
    messages.ExternalVoltage: Reading("status"),
    messages.TimeRequest: Reading("status"),
    modules.ExternalModule: Reading("status"),
    modules.QcvnModule: Reading("status"),
    modules.Cameras: Reading("status"),
    modules.Peripherals: Reading("status"),
    modules.ExtensionData: Reading("status", _of_extension),
}
_UNKNOWN = Reading("unknown")


def reading_of(layout: type[Message] | None) -> Reading:
    """The reading of a kind of message; that of an unknown one for None."""
    return _UNKNOWN if layout is None else READINGS.get(layout, _UNKNOWN)


def alarm_of(body: dict[str, Any]) -> tuple[str, list[NeutralAlarm] | None]:
    """The kind and the alarms of an alarm message.

    A notice (0x69: a file is uploading, and its like) is of kind "status": the document says of it that it is no alarm.
    """
    code = body["alarm_type"]
    if code in names.NOTICES:
        return "status", None
    return "alarm", [NeutralAlarm(code, names.ALARMS.get(code))]
