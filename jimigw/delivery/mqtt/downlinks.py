"""What comes on the down topics becomes commands: stored first, then acknowledged to the broker.

    Arrival ──whose?──▶ read ──▶ Commands.give_message · give_text ──stored──▶ acknowledged
                │          │            └──the store fails──▶ not acknowledged: the broker keeps it
                └──────────┴──what is no command──▶ told on the result topic and in the log, acknowledged

A message is ``{"header": {"msg_id": ...}, "body": {...}}`` of JT/T 808, or a text command: ``{"header": {"msg_id":
128}, "body": {"command": "VERSION"}}``, the envelope of the Jimi protocol, or on a Jimi topic the bare text. ``"id"``
beside header and body is given back with the result.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from jimigw.gateway.catalogue import CommandRefused
from jimigw.gateway.commands import Commands
from jimigw.gateway.registry import Registry, plain
from jimigw.model.command import Command
from jimigw.model.device import Device
from jimigw.model.topics import NAMES, Template, TopicError, check_plain
from jimigw.store.interface import StoreError

from .broker import Complain
from .connection import Arrival
from .request import OWNER, Request, request_id, request_of

TEXT_COMMAND = 0x80
"""The message id of a text command (JC261/JC400 V1.3.5, 5.5.1)."""

_MOST_SEEN = 50
"""Commands of a terminal among which a repeat is looked for."""
_REPEAT_WITHIN = 3600.0
_LONGEST_TEXT = 4096
_LONGEST_RESPONSE_TOPIC = 500


class Refused(Exception):
    """A message that becomes no command: a word for programs, and a sentence."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


class NotStored(Exception):
    """A command could not be stored; the broker shall keep the message."""


@attrs.define
class DownlinkCounters:
    """What became of the messages on the down topics."""

    commands: int = 0
    refused: int = 0
    repeats: int = 0
    not_stored: int = 0


@attrs.frozen
class _Order:
    """What a message says: a message of JT/T 808 or a text, and what it says of itself."""

    message: Mapping[str, Any] | None
    text: str
    id: str | int | None = None
    msg_sn: int | None = None


class Downlinks:
    """See the module. ``awaited`` has the templates of the down topics by protocol; ``tell`` publishes a refusal for a
    message; ``odd`` finds a terminal by a phone field that is not its number."""

    _log = Logger()

    def __init__(
        self,
        commands: Commands,
        registry: Registry,
        reactor: IReactorTime,
        awaited: Mapping[str, Template],
        tell: Callable[[Arrival, Request, dict[str, Any]], Deferred[object]],
        own: Sequence[Template],
        complain: Complain,
        odd: Callable[[str], str | None],
        longest: int = 1 << 20,
    ) -> None:
        self._commands, self._registry, self._reactor = commands, registry, reactor
        self._awaited, self._tell, self._own, self._complain, self._odd = awaited, tell, own, complain, odd
        self._longest = longest
        self.counters = DownlinkCounters()
        #: what ends with the latest message of each topic, as long as that is under way
        self._turns: dict[str, Deferred[None]] = {}

    def take(self, arrival: Arrival) -> Deferred[None]:
        """Make a command of a message; fires when it may be acknowledged, and fails with :class:`NotStored` if not."""
        return Deferred.fromCoroutine(self._in_turn(arrival))

    async def _in_turn(self, arrival: Arrival) -> None:
        """After those before it on the same topic: commands keep their order, and a repeat finds what it repeats."""
        mine: Deferred[None] = Deferred()
        before, self._turns[arrival.topic] = self._turns.get(arrival.topic), mine
        try:
            if before is not None:
                await before
            await self._take(arrival, hashlib.blake2b(arrival.payload, digest_size=8).hexdigest())
        finally:
            if self._turns[arrival.topic] is mine:
                del self._turns[arrival.topic]
            mine.callback(None)

    async def _take(self, arrival: Arrival, digest: str) -> None:
        request = Request(
            arrival.topic,
            arrival.packet_id,
            digest,
            response=arrival.response_topic,
            correlation=None if arrival.correlation is None else base64.b64encode(arrival.correlation).decode(),
        )
        try:
            self._check(arrival)
            protocol, device = self._whose(arrival)
            order = self._read(arrival, protocol)
            request = msgspec.structs.replace(request, id=order.id, msg_sn=order.msg_sn)
            purpose = self._purpose(request)
            if arrival.duplicate and await self._is_known(arrival, request, device):
                return
            await self._give(device, order, purpose, arrival.expiry)
        except (Refused, CommandRefused) as refusal:
            await self._refuse(arrival, request, refusal.code, str(refusal))
        except StoreError as error:
            self.counters.not_stored += 1
            raise NotStored(str(error)) from None

    async def _give(self, device: Device, order: _Order, purpose: str, expiry: int | None) -> Command:
        ttl = None if expiry is None else min(max(1.0, float(expiry)), self._commands.settings.longest_ttl)
        # Whoever may publish here means what it says: the broker's rules decide who that is.
        if order.message is not None:
            giving = self._commands.give_message(
                device.id, order.message, owner=OWNER, purpose=purpose, ttl=ttl, confirm=True
            )
        else:
            giving = self._commands.give_text(
                device.id, order.text, owner=OWNER, purpose=purpose, ttl=ttl, confirm=True, unknown=True
            )
        command = await giving
        self.counters.commands += 1
        return command

    # -- whose --------------------------------------------------------------------------------------------------------

    def _whose(self, arrival: Arrival) -> tuple[str, Device]:
        """The protocol of the topic, and the terminal that it names."""
        for protocol, template in self._awaited.items():
            values = template.match(arrival.topic)
            if values is None:
                continue
            named = {value for name, value in values.items() if name in NAMES}
            found = {device.id: device for value in named if (device := self._find(value)) is not None}
            if len(found) == 1 and all(self._find(value) is not None for value in named):
                (device,) = found.values()
                return device.protocol or protocol, device
            if len(found) > 1:
                raise Refused("device", f"the topic names {len(found)} terminals: {', '.join(sorted(found))}")
            raise Refused("device", f"no terminal is known as {' or '.join(sorted(map(repr, named)))[:100]}")
        raise Refused("topic", "the topic is none of those where commands are awaited")

    def _find(self, name: str) -> Device | None:
        registry, odd = self._registry, self._odd(name)
        return registry.get(name) or registry.get(plain(name)) or (None if odd is None else registry.get(odd))

    # -- what ---------------------------------------------------------------------------------------------------------

    def _check(self, arrival: Arrival) -> None:
        if arrival.retained:
            raise Refused("retained", "a retained message is no command of now: publish it without retain")
        if arrival.size:
            raise Refused("size", f"the message has {arrival.size} bytes; at most {self._longest} are taken")
        if not arrival.payload.strip():
            raise Refused("syntax", "the message is empty")

    def _read(self, arrival: Arrival, protocol: str) -> _Order:
        payload = arrival.payload
        if protocol == "jimi" and not payload.lstrip().startswith(b"{"):
            return _Order(None, _text(payload))
        try:
            told = msgspec.json.decode(payload)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise Refused("syntax", f"the message is not JSON: {error}") from None
        header = told.get("header") if isinstance(told, dict) else None
        if not isinstance(told, dict) or not isinstance(header, dict):
            raise Refused("syntax", 'the message is not an object such as {"header": {...}, "body": {...}}')
        serial = header.get("msg_sn")
        about = request_id(told.get("id")), serial if isinstance(serial, int) and 0 <= serial <= 0xFFFF else None
        if header.get("msg_id") != TEXT_COMMAND:
            return _Order({key: told[key] for key in ("header", "body") if key in told}, "", *about)
        body = told.get("body")
        text = body.get("command") if isinstance(body, dict) else None
        if not isinstance(text, str):
            raise Refused("syntax", 'body.command is not text; right is for example {"command": "VERSION"}')
        return _Order(None, text[: _LONGEST_TEXT + 1], *about)

    def _purpose(self, request: Request) -> str:
        """What is kept with the command."""
        if request.response is not None:
            try:
                if len(request.response) > _LONGEST_RESPONSE_TOPIC:
                    raise TopicError(f"it is longer than {_LONGEST_RESPONSE_TOPIC} characters")
                check_plain(request.response)
            except TopicError as error:
                raise Refused("response", f"the response topic cannot be published to: {error}") from None
            if any(template.match(request.response) is not None for template in self._own):
                raise Refused("response", "the response topic is one of the gateway's own")
        purpose = request.purpose()
        if purpose is None:
            raise Refused("size", "topic, id, response topic and correlation data are too long to be kept")
        return purpose

    # -- what becomes no command --------------------------------------------------------------------------------------

    async def _is_known(self, arrival: Arrival, request: Request, device: Device) -> bool:
        """Whether a message that the broker repeats is a command already."""
        since = self._reactor.seconds() - _REPEAT_WITHIN
        for command in await self._commands.list(device.id, limit=_MOST_SEEN):
            if command.owner == OWNER and command.created >= since and request.repeats(request_of(command.purpose)):
                self.counters.repeats += 1
                why = f"the broker repeats what is command {command.id}"
                await self._told(arrival, request, {"command": command.id, "outcome": "repeated", "reason": why})
                return True
        return False

    async def _refuse(self, arrival: Arrival, request: Request, code: str, why: str) -> None:
        self.counters.refused += 1
        if code == "response":
            request = msgspec.structs.replace(request, response=None)
        self._complain(
            self._log.warn,
            "MQTT: a message on {topic} is no command: {why}",
            kind=("mqtt", "refused", code),
            topic=arrival.topic[:200],
            why=why,
        )
        await self._told(arrival, request, {"outcome": "rejected", "code": code, "reason": why})

    async def _told(self, arrival: Arrival, request: Request, told: dict[str, Any]) -> None:
        # Whether it could be told or not, the broker need not keep the message.
        telling = self._tell(arrival, request, told | {"request": request.told()})
        await telling.addErrback(lambda failure: self._log.info("MQTT: {why}", why=failure.getErrorMessage()))


def _text(payload: bytes) -> str:
    try:
        return payload[: _LONGEST_TEXT + 4].decode().strip()
    except UnicodeDecodeError:
        raise Refused("syntax", "the message is neither JSON nor text in UTF-8") from None


__all__ = ["TEXT_COMMAND", "DownlinkCounters", "Downlinks", "NotStored", "Refused"]
