"""What the API takes and gives, as types: JSON schema and the checks of what comes in are made from them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jimigw.model.command import Command
from jimigw.model.device import Device
from jimigw.model.report import Alarm, Position

Id = Annotated[str, Meta(pattern="^[A-Za-z0-9]{1,32}$", description="its name in records and commands; never changes")]
Imei = Annotated[str, Meta(pattern="^[0-9]{15}$", description="15 digits")]
Phone = Annotated[str, Meta(pattern="^0{0,9}[1-9][0-9]{0,19}$", description="leading zeros do not count")]
Plate = Annotated[str, Meta(max_length=40, description="the vehicle's registration number")]
Name = Annotated[str, Meta(max_length=200, description="what people call it")]
Zone = Annotated[
    int, Meta(ge=-720, le=840, multiple_of=15, description="time zone of its file names, minutes east of UTC")
]
Notes = Annotated[str, Meta(max_length=4000, description="for people")]
Time = Annotated[datetime, Meta(tz=True)]
Listed = Annotated[bool, Meta(description="it is let in where only listed terminals are")]


def moment(seconds: float) -> datetime | None:
    """A time of the model: seconds since 1970, 0 for never."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


# -- terminals --------------------------------------------------------------------------------------------------------


class DeviceIn(msgspec.Struct, forbid_unknown_fields=True):
    """A new terminal. One of `id`, `imei` and `phone` has to be there; the id is otherwise the IMEI, else the phone
    number."""

    id: Id | None = None
    imei: Imei | None = None
    phone: Phone | None = None
    plate: Plate | None = None
    name: Name | None = None
    zone: Zone | None = None
    listed: Listed = True
    notes: Notes | None = None


class DevicePatch(msgspec.Struct, forbid_unknown_fields=True):
    """What changes; keys that are not there stay as they are, null takes a value away."""

    imei: Imei | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    plate: Plate | UnsetType | None = UNSET
    name: Name | UnsetType | None = UNSET
    zone: Zone | UnsetType | None = UNSET
    listed: Listed | UnsetType = UNSET
    notes: Notes | UnsetType | None = UNSET


class DeviceOut(msgspec.Struct):
    """A terminal: what people say of it, and what it has shown of itself. What nobody knows is null."""

    id: str
    imei: str | None
    phone: str | None
    plate: str | None
    name: str | None
    zone: int | None
    listed: bool
    notes: str | None
    revision: Annotated[int, Meta(description="grows with every change of any terminal by people")]
    online: Annotated[bool, Meta(description="it has a live connection")]
    protocol: Annotated[str | None, Meta(description='"jimi" or "jt808", as it spoke last')]
    model: str | None
    firmware: str | None
    iccid: str | None
    cameras: int | None
    told_plate: Annotated[str | None, Meta(description="the registration number as the terminal says it")]
    admitted: Annotated[bool | None, Meta(description="what the platform said of it last; null if it was never asked")]
    address: Annotated[str | None, Meta(description="where its last connection came from")]
    first_seen: Time | None
    last_seen: Time | None
    logins: int
    left: Annotated[str | None, Meta(description="why it was last seen to go off line")]
    left_at: Time | None
    ignition: bool | None
    position: Annotated[Position | None, Meta(description="the last one that was not sent later")]
    alarm: Annotated[Alarm | None, Meta(description="the last one")]
    alarm_at: Time | None


def device_out(device: Device) -> DeviceOut:
    """A terminal for JSON. The authentication code is left out: whoever has it can log in as the terminal."""
    card = device.card
    return DeviceOut(
        card.id,
        card.imei,
        card.phone,
        card.plate,
        card.name,
        card.zone,
        card.listed,
        card.notes,
        card.revision,
        device.online,
        device.protocol or None,
        device.model,
        device.firmware,
        device.iccid,
        device.cameras,
        device.told_plate,
        device.admitted,
        device.address,
        moment(device.first_seen),
        moment(device.last_seen),
        device.logins,
        device.left,
        moment(device.left_at),
        device.ignition,
        device.position,
        device.alarm,
        moment(device.alarm_at),
    )


class DevicePage(msgspec.Struct):
    """Terminals by id. `next`, where it is not null, is the `after` of the next page."""

    devices: list[DeviceOut]
    next: str | None


class Disconnected(msgspec.Struct):
    """The connection is being closed."""

    device: str
    disconnected: bool


class Doubt(msgspec.Struct):
    """A line that was imported and is strange."""

    line: int
    detail: str


class ImportOut(msgspec.Struct):
    """What a list of terminals has changed."""

    new: int
    changed: int
    same: int
    unlisted: Annotated[int, Meta(description="that are listed no more, with `replace`")]
    wrong: Annotated[int, Meta(description="lines that were left out, with `skip_bad`")]
    problems: Annotated[list[Doubt], Meta(description="what is wrong with those lines, the first 100")]
    doubts: Annotated[list[Doubt], Meta(description="what is strange and was imported all the same, the first 100")]


# -- commands ---------------------------------------------------------------------------------------------------------


Ttl = Annotated[
    float, Meta(gt=0, le=2_592_000, description="seconds that it waits for its terminal; commands.ttl if not given")
]


class CommandIn(msgspec.Struct, forbid_unknown_fields=True):
    """A command: `text` of the terminal's list, or a JT/T 808 `message` in the exchange format; one of them."""

    text: Annotated[str | None, Meta(description="such as `VERSION`; up to 251 printable ASCII characters")] = None
    message: Annotated[
        dict[str, Any] | None, Meta(description='such as `{"header": {"msg_id": 33028}, "body": {}}`')
    ] = None
    ttl: (
        Annotated[float, Meta(gt=0, le=2_592_000, description="seconds that it waits for its terminal (commands.ttl)")]
        | None
    ) = None
    confirm: Annotated[bool, Meta(description="send it although it can cut the terminal off or destroy data")] = False
    unknown: Annotated[bool, Meta(description="send a text that is not in the list of the terminal's family")] = False
    purpose: Annotated[str, Meta(max_length=200, description="what for, for people")] = ""


class CommandOut(msgspec.Struct):
    """A command of the platform, and what came of it."""

    id: int
    device: str
    state: Annotated[str, Meta(description="queued, sent; ended as answered, refused, failed, expired or cancelled")]
    why: Annotated[str, Meta(description="how it came to its state")]
    text: str | None
    message: dict[str, Any] | None
    owner: str
    purpose: str
    repeatable: Annotated[bool, Meta(description="nothing happens twice if the terminal gets it twice")]
    sendings: int
    created: Time
    expires: Time
    sent: Time | None
    ended: Time | None
    reply: Annotated[Any, Meta(description="what the terminal answered: text, or a message of JT/T 808")]
    late: Annotated[Any, Meta(description="what it said after the end")]


def command_out(command: Command) -> CommandOut:
    """A command for JSON."""
    return CommandOut(
        command.id,
        command.device,
        str(command.state),
        command.why,
        command.text,
        command.message,
        command.owner,
        command.purpose,
        command.repeatable,
        command.sendings,
        datetime.fromtimestamp(command.created, UTC),
        datetime.fromtimestamp(command.expires, UTC),
        moment(command.sent),
        moment(command.ended),
        command.reply,
        command.late,
    )


class CommandPage(msgspec.Struct):
    """Commands, the newest first. `next`, where it is not null, is the `before` of the next page."""

    commands: list[CommandOut]
    next: int | None


# -- records ----------------------------------------------------------------------------------------------------------


class RecordOut(msgspec.Struct, omit_defaults=True):
    """A record of the journal, as on docs/records.md."""

    id: int
    device: str
    protocol: str
    kind: str
    received_at: Time
    message: dict[str, Any]
    position: Position | None = None
    alarms: list[Alarm] | None = None


class RecordPage(msgspec.Struct):
    """Records in order of id. `next` is the `after` of the next page; `more`: there are more by now."""

    records: list[RecordOut]
    next: int
    more: bool


class AlarmPage(msgspec.Struct):
    """Records of kind alarm, the newest first. `next`, where it is not null, is the `before` of the next page."""

    records: list[RecordOut]
    next: int | None
