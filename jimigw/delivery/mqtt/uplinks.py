"""What is published of a record: the message, the end of a command, who is on line, where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import msgspec

from jimigw.journal.interface import Record
from jimigw.model.device import Device
from jimigw.model.topics import Template

from .connection import packed_properties
from .packets import Publication
from .request import OWNER, request_of

UNPUBLISHED = frozenset({0x0001, 0x0002, 0x0003, 0x0004, 0x0100, 0x0102, 0x0801, 0x0A00})
"""The messages of JT/T 808 that EMQX's gateway does not publish."""

_SILENT = frozenset({"login", "heartbeat"})
"""The kinds of Jimi records that are not published unless somebody asks for them."""

_MOST_PHONES = 500_000
_SHORT = 12


@attrs.frozen
class Published:
    """What is published where. ``up`` has the templates by protocol; ``results`` are the levels behind the topic of a
    command, "" for no results; ``kinds`` is empty where nobody chose."""

    up: Mapping[str, Template]
    results: str = "result"
    presence: Template | None = None
    position: Template | None = None
    whole: bool = False
    kinds: frozenset[str] = frozenset()
    strict: bool = False


_NOTHING = msgspec.Raw(b"")
"""The value of a key that is not there: a union with None would take nothing but null."""


class _Message(msgspec.Struct):
    header: msgspec.Raw
    body: msgspec.Raw


class _Envelope(msgspec.Struct):
    message: _Message
    received_at: msgspec.Raw
    position: msgspec.Raw = _NOTHING


class _Header(msgspec.Struct):
    msg_id: int = -1
    phone: str = ""
    imei: str = ""


class _Fix(msgspec.Struct):
    replayed: bool | None = None


class _Logout(msgspec.Struct):
    reason: str = ""


class _Ending(msgspec.Struct):
    command: int = 0
    outcome: str = ""
    owner: str = ""
    purpose: str = ""
    reason: str = ""
    reply: msgspec.Raw = _NOTHING
    text: msgspec.Raw = _NOTHING
    message: msgspec.Raw = _NOTHING


_envelope = msgspec.json.Decoder(_Envelope).decode
_header = msgspec.json.Decoder(_Header).decode
_fix = msgspec.json.Decoder(_Fix).decode
_ending = msgspec.json.Decoder(_Ending).decode
_logout = msgspec.json.Decoder(_Logout).decode
_json: Callable[[Any], bytes] = msgspec.json.Encoder().encode


class Unreadable(ValueError):
    """A record is not what the journal's records are; the message is a sentence."""


class Uplinks:
    """Makes publications of records. ``find`` gives a terminal of the registry."""

    def __init__(self, published: Published, find: Callable[[str], Device | None]) -> None:
        self._published, self._find = published, find
        #: the phone field of each terminal of JT/T 808, all digits, as its latest message had it
        self._phones: dict[str, str] = {}
        #: the terminals whose phone field is not their id with zeros in front, by phone field
        self._odd: dict[str, str] = {}

    @property
    def kinds(self) -> frozenset[str] | None:
        """The kinds of records of which anything is published; None for all."""
        published = self._published
        if not published.kinds:
            return None
        found = set(published.kinds)
        if published.results:
            found.add("command_result")
        if published.presence is not None:
            found |= {"login", "logout"}
        if published.position is not None:
            found |= {"position", "alarm"}
        return frozenset(found)

    def of(self, record: Record) -> list[Publication]:
        """What is published of this record, in order. :class:`Unreadable` for what is no record."""
        published = self._published
        try:
            envelope = _envelope(record.data)
            message = envelope.message
            header = _header(message.header)
            if record.protocol == "jt808" and header.msg_id >= 0:
                self._learn(record.device, header.phone)
            found: list[Publication] = []
            if self._is_up(record, header.msg_id):
                if published.whole:
                    payload = record.json()
                else:
                    payload = b'{"header":%b,"body":%b}' % (message.header, message.body)
                found.append(Publication(self._topic(published.up[record.protocol], record, header), payload))
            if header.msg_id < 0 and record.kind == "command_result" and published.results:
                found += self._ended(record, message.body)
            if published.presence is not None and record.kind in ("login", "logout"):
                found.append(self._presence(published.presence, record, header, envelope))
            if published.position is not None and envelope.position:
                found += self._position(published.position, record, header, envelope.position)
        except (msgspec.MsgspecError, RecursionError, KeyError) as error:
            raise Unreadable(f"record {record.id} cannot be read: {error}") from None
        return found

    def phone_of(self, device: str) -> str:
        """The phone field of a terminal, all digits: of 12 digits where it has not been heard of since the start."""
        return self._phones.get(device) or device.rjust(_SHORT, "0")

    def device_of(self, phone: str) -> str | None:
        """The terminal with this phone field, where its id is another number; None if none was heard."""
        return self._odd.get(phone)

    def _learn(self, device: str, phone: str) -> None:
        if self._phones.get(device) != phone:
            if len(self._phones) >= _MOST_PHONES:
                self._phones.clear()
                self._odd.clear()
            self._phones[device] = phone
            if phone.lstrip("0") != device:
                self._odd[phone] = device

    def _is_up(self, record: Record, msg_id: int) -> bool:
        """Whether the message itself is published."""
        published = self._published
        if published.kinds and record.kind not in published.kinds:
            return False
        if published.whole:
            return True
        if msg_id < 0:
            return False  # the service made it
        if published.strict or not published.kinds:
            return msg_id not in UNPUBLISHED if record.protocol == "jt808" else record.kind not in _SILENT
        return True

    def _topic(self, template: Template, record: Record, header: _Header) -> bytes:
        if record.protocol == "jt808":
            phone = header.phone if header.msg_id >= 0 else self.phone_of(record.device)
            values = {"clientid": phone, "phone": phone, "device": record.device, "kind": record.kind}
            if "imei" in template.names:
                values["imei"] = self._other_name(record.device, "imei")
        else:
            imei = record.device
            values = {"clientid": imei, "imei": header.imei or imei, "device": imei, "kind": record.kind}
            if "phone" in template.names:
                values["phone"] = self._other_name(record.device, "phone")
        return template.topic(values).encode()

    def _other_name(self, device: str, name: str) -> str:
        """What the registry knows of a terminal that its own protocol does not say; else its id."""
        found = self._find(device)
        return (None if found is None else getattr(found.card, name)) or device

    def _ended(self, record: Record, body: msgspec.Raw) -> Iterator[Publication]:
        """The end of a command that came by MQTT, told where it came from."""
        ending = _ending(body)
        request = request_of(ending.purpose) if ending.owner == OWNER else None
        if request is None or not ending.command:
            return
        told: dict[str, Any] = {
            "command": ending.command,
            "device": record.device,
            "outcome": ending.outcome,
            "reason": ending.reason,
        }
        for name, value in (("reply", ending.reply), ("text", ending.text), ("message", ending.message)):
            if value:
                told[name] = value
        told["request"] = request.told()
        topic = request.response or f"{request.topic}/{self._published.results}"
        yield Publication(
            topic.encode("utf-8", "replace"),
            _json(told),
            properties=packed_properties(request.correlation_data),
        )

    def _presence(self, template: Template, record: Record, header: _Header, envelope: _Envelope) -> Publication:
        online = record.kind == "login"
        told: dict[str, Any] = {"device": record.device, "online": online, "time": envelope.received_at}
        if not online:
            told["reason"] = _logout(envelope.message.body).reason
        return Publication(self._topic(template, record, header), _json(told), retain=True)

    def _position(
        self, template: Template, record: Record, header: _Header, position: msgspec.Raw
    ) -> Iterator[Publication]:
        if not _fix(position).replayed:
            told = {"id": record.id, "device": record.device, "protocol": record.protocol, "position": position}
            yield Publication(self._topic(template, record, header), _json(told), retain=True)
