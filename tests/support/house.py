"""A house for the manhole that writes down what it is asked: real devices and commands, no service behind them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, succeed

from jimigw.journal.interface import Record, Records
from jimigw.model.command import Command, Life
from jimigw.model.device import Card, Device
from tests.support.recorder import RecordingJournal, RecordingLink
from tests.support.uploads import RecordingUploads

NOW = 1_780_000_000.0


class CommandRefused(Exception):
    """As the commands refuse: a sentence and a code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@attrs.frozen
class FakeTraffic:
    """A frame on its way."""

    device: str
    direction: str = "up"
    raw: bytes = b"\x78\x78"
    kind: str | None = "position"
    message: dict[str, Any] | None = None
    at: float = NOW


class FakeTap:
    def __init__(self, taps: FakeTaps, device: str | None, listener: Callable[[Any], None]) -> None:
        self.taps, self.device, self.listener = taps, device, listener

    def close(self) -> None:
        self.taps.open.remove(self)


class FakeTaps:
    def __init__(self) -> None:
        self.open: list[FakeTap] = []

    def add(self, device_id: str | None, listener: Callable[[Any], None]) -> FakeTap:
        self.open.append(FakeTap(self, device_id, listener))
        return self.open[-1]

    def flow(self, traffic: FakeTraffic) -> None:
        """A frame passes."""
        for tap in list(self.open):
            if tap.device in (None, traffic.device):
                tap.listener(traffic)


class FakeRegistry:
    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}

    def add(self, id: str, *, online: bool = False, card: Mapping[str, Any] | None = None, **state: Any) -> Device:
        device = Device(card=Card(id, **(card or {})), **state)
        if online:
            device.link = RecordingLink()
        self.devices[id] = device
        return device

    def search(self, pattern: str | None, online: bool | None) -> list[Device]:
        return [
            each
            for each in self
            if (pattern is None or any(fnmatchcase(name, pattern) for name in _names(each)))
            and (online is None or each.online is online)
        ]

    def find(self, name: str) -> Device | None:
        return next((each for each in self if name in _names(each, last=4)), None)

    def __iter__(self) -> Iterator[Device]:
        return iter(self.devices.values())

    def __len__(self) -> int:
        return len(self.devices)

    def online(self) -> int:
        return sum(each.online for each in self)


def _names(device: Device, last: int = 6) -> list[str]:
    told = device.card
    return [name for name in (told.id, told.imei, told.phone, device.plate, told.name, device.model)[:last] if name]


class FakeGateway:
    def __init__(self, house: FakeHouse) -> None:
        self.house, self.taps = house, FakeTaps()

    def disconnect(self, device_id: str, reason: str) -> bool:
        self.house.asked.append(("disconnect", device_id, reason))
        device = self.house.registry.devices[device_id]
        was, device.link = device.online, None
        return was

    def forget(self, device_id: str) -> Deferred[None]:
        self.house.asked.append(("forget", device_id))
        del self.house.registry.devices[device_id]
        return succeed(None)


class FakeCommands:
    """Commands are stored at once; a test ends them. ``refusal`` is raised for the next ones."""

    def __init__(self, house: FakeHouse) -> None:
        self.house = house
        self.given: list[Command] = []
        self.waits: list[tuple[int, Deferred[Command]]] = []

    def _give(self, device: str, named: dict[str, Any], **what: Any) -> Deferred[Command]:
        self.house.asked.append(("give", device, *what.values(), named))
        if what.get("text") == "FORMAT" and not named["confirm"]:
            return fail(CommandRefused("FORMAT deletes everything on the card.", "confirm"))
        if what.get("text") == "DANCE" and not named["unknown"]:
            return fail(CommandRefused("DANCE is not in the list of commands.", "unknown"))
        command = Command(
            len(self.given) + 1, device, NOW, NOW + 3600, owner=named["owner"], purpose=named["purpose"], **what
        )
        self.given.append(command)
        return succeed(command)

    def give_text(self, device_id: str, text: str, **named: Any) -> Deferred[Command]:
        return self._give(device_id, named, text=text)

    def give_message(self, device_id: str, message: dict[str, Any], **named: Any) -> Deferred[Command]:
        return self._give(device_id, named, message=message)

    def wait(self, id: int, seconds: float) -> Deferred[Command]:
        waiting: Deferred[Command] = Deferred()
        self.waits.append((id, waiting))
        return waiting

    def end(self, id: int, state: Life = Life.ANSWERED, reply: Any = None, why: str = "") -> None:
        """A command ends, and whoever waits for it hears that."""
        command = self.given[id - 1]
        if command.state is Life.QUEUED and state not in (Life.EXPIRED, Life.CANCELLED, Life.FAILED):
            command.move(Life.SENT, "", NOW + 1)
        command.reply = reply
        command.move(state, why, NOW + 1.5)
        waits, self.waits = self.waits, [each for each in self.waits if each[0] != id]
        for waited, waiting in waits:
            if waited == id:
                waiting.callback(command)

    def cancel(self, id: int, who: str) -> Deferred[Command]:
        self.house.asked.append(("cancel", id, who))
        self.given[id - 1].move(Life.CANCELLED, f"{who} cancelled it", NOW)
        return succeed(self.given[id - 1])

    def onboard(self, device_id: str, owner: str, confirm: bool, **settings: Any) -> Deferred[list[str]]:
        self.house.asked.append(("onboard", device_id, owner, confirm, settings))
        return succeed(["1. SERVER: answered", "2. TIMER: answered", "differs: TIMER is 30, asked for 10"])

    def list(
        self, device: str | None = None, open: bool | None = None, limit: int = 100
    ) -> Deferred[list[Command]]:  # fmt: skip
        found = [
            each
            for each in reversed(self.given)
            if (device is None or each.device == device) and (open is None or each.state.ended is not open)
        ]
        return succeed(found[:limit])


class FakeJournal(RecordingJournal):
    """A journal of records that a test wrote, of which only the newest are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []
        self.farthest = 1_000_000

    def put(self, device: str, kind: str, data: bytes) -> None:
        id = len(self.records) + 1
        self.records.append(Record(id, device, "jimi", kind, int((NOW + id) * 1e6), b"", data))

    def last_id(self) -> int:
        return len(self.records)

    def newest(
        self, limit: int, device: str | None = None, kinds: Collection[str] | None = None, before_id: int | None = None
    ) -> Deferred[Records]:
        through = max(0, len(self.records) - self.farthest)
        found = [
            each
            for each in self.records[through:]
            if (device is None or each.device == device) and (kinds is None or each.kind in kinds)
        ][-limit:]
        return succeed(Records(found, found[0].id - 1 if len(found) == limit else through))


class FakeHouse:
    """All of it. ``asked`` is what was asked for, in order."""

    def __init__(self, data_path: Path) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.data_path = data_path
        self.registry = FakeRegistry()
        self.gateway = FakeGateway(self)
        self.commands = FakeCommands(self)
        self.journal = FakeJournal()
        self.uploads = RecordingUploads()
        self.saved: list[str | None] = []

    def describe(self, device: Device | None, traffic: Any) -> list[str]:
        return [f"{traffic.kind} {traffic.raw.hex()}"]

    def stats(self) -> Mapping[str, Mapping[str, Any]]:
        return {"gateway": {"logins": 12345, "by reason": {"lost": 3}}, "journal": {"state": "ok", "empty": None}}

    def limits(self) -> Mapping[str, Mapping[str, Any]]:
        return {"jimi": {"max_frame": 8192}}

    def reload(self) -> list[str]:
        self.asked.append(("reload",))
        return ["admission.file: 3 terminals more", "jimi.endpoints: needs a restart"]

    def save_card(self, device: Device) -> Deferred[None]:
        self.saved.append(device.card.notes)
        return succeed(None)
