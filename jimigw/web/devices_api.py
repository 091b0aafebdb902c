"""Routes: terminals."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import msgspec
from msgspec import UNSET
from twisted.internet.threads import deferToThreadPool

from jimigw.gateway.device_list import COLUMNS, Listing, NoList, checked, read_list
from jimigw.gateway.device_list import Problem as ListProblem
from jimigw.gateway.device_merge import Merger, merge
from jimigw.model.device import Card, Device

from .kinds import Flag, Line, Whole
from .problems import CONFLICT, INVALID, NOT_FOUND, Fault, Problem, wrong_field, wrong_parameter
from .rooms import Rooms
from .routes import CSV, DEVICE, Answer, Body, Call, Parameter, Reply, Route
from .shapes import DeviceIn, DeviceOut, DevicePage, DevicePatch, Disconnected, Doubt, ImportOut, device_out
from .tokens import Scope

TAG = "Terminals"
MOST_FAULTS = 100

SEARCH = Parameter(
    "search",
    Line(100),
    "a pattern with `*`, `?` and `[]`, tried on id, IMEI, phone number, plate, name and model, whatever the case",
)
ONLINE = Parameter("online", Flag(), "only those that have a live connection, or only those that have none")
_IDENTITIES = ("id", "imei", "phone")


def matching(search: str | None, online: bool | None) -> Callable[[Device], bool]:
    """Whether a terminal is meant."""
    match = re.compile(fnmatch.translate(search.casefold())).match if search else None

    def wanted(device: Device) -> bool:
        if online is not None and device.online is not online:
            return False
        if match is None:
            return True
        card = device.card
        texts = (card.id, card.imei, card.phone, device.plate, card.name, device.model)
        return any(text and match(text.casefold()) for text in texts)

    return wanted


class DevicesApi:
    """What may be asked of terminals, and done with them."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms, self._registry = rooms, rooms.registry

    def routes(self) -> list[Route]:
        """The rows."""
        one = {200: Answer(DeviceOut, "the terminal")}
        return [
            Route(
                "GET",
                "/api/v1/devices",
                Scope.READ,
                "List terminals, or find some",
                self.list_devices,
                {200: Answer(DevicePage, "a page of terminals, by id")},
                TAG,
                query=(
                    SEARCH,
                    ONLINE,
                    Parameter("after", Line(64), "the `next` of the page before", ""),
                    Parameter("limit", Whole(1, 1000), "terminals of a page", 100),
                ),
            ),
            Route(
                "POST",
                "/api/v1/devices",
                Scope.ADMIN,
                "Enter a terminal",
                self.create_device,
                {201: Answer(DeviceOut, "the terminal; the header Location has its address")},
                TAG,
                body=Body(DeviceIn, "the terminal"),
                problems=(CONFLICT, INVALID),
            ),
            Route(
                "GET",
                "/api/v1/devices/{device}",
                Scope.READ,
                "Show a terminal",
                self.show_device,
                one,
                TAG,
                parameters=(DEVICE,),
                problems=(NOT_FOUND,),
            ),
            Route(
                "PATCH",
                "/api/v1/devices/{device}",
                Scope.ADMIN,
                "Change what is said of a terminal",
                self.change_device,
                one,
                TAG,
                "Keys that are not in the body stay as they are; null takes a value away.",
                parameters=(DEVICE,),
                body=Body(DevicePatch, "what changes"),
                problems=(NOT_FOUND, CONFLICT, INVALID),
            ),
            Route(
                "DELETE",
                "/api/v1/devices/{device}",
                Scope.ADMIN,
                "Take a terminal out",
                self.delete_device,
                {204: Answer(None, "it is gone")},
                TAG,
                "Its connection is closed. Its records and commands stay; if it is let in again it is a new one.",
                parameters=(DEVICE,),
                problems=(NOT_FOUND,),
            ),
            Route(
                "POST",
                "/api/v1/devices/{device}/disconnect",
                Scope.COMMAND,
                "Close the connection of a terminal",
                self.disconnect_device,
                {200: Answer(Disconnected, "it is being closed")},
                TAG,
                "It may come again.",
                parameters=(DEVICE,),
                problems=(NOT_FOUND, CONFLICT),
            ),
            Route(
                "POST",
                "/api/v1/import/devices",
                Scope.ADMIN,
                "Enter many terminals, or change them, by a list",
                self.import_devices,
                {200: Answer(ImportOut, "what it has changed")},
                TAG,
                "The list is what `jimigw devices import` takes: CSV with a header that names any of "
                f"{', '.join(f'`{column}`' for column in COLUMNS)}, or one IMEI or phone number a line. All of it is "
                "entered, or nothing while a line is wrong.",
                query=(
                    Parameter("replace", Flag(), "terminals that are not in the list are listed no more", False),
                    Parameter("skip_bad", Flag(), "enter the good lines although others are wrong", False),
                ),
                body=Body(bytes, "the list, in UTF-8", CSV, 64 << 20),
                problems=(INVALID,),
                seconds=300.0,
            ),
        ]

    # -- one terminal -------------------------------------------------------------------------------------------------

    async def list_devices(self, call: Call) -> DevicePage:
        wanted = matching(call.query["search"], call.query["online"])
        devices, next = await self._rooms.page(call.query["after"], call.query["limit"], wanted)
        return DevicePage(list(map(device_out, devices)), next)

    def show_device(self, call: Call) -> DeviceOut:
        return device_out(self._rooms.device(call.path["device"]))

    async def create_device(self, call: Call) -> Reply:
        values = _checked(msgspec.structs.asdict(call.body))
        named = [values[each] for each in _IDENTITIES if values[each] is not None]
        if not named:
            raise Problem(INVALID, "one of id, imei and phone has to be there")
        card = Card(**values | {"id": named[0]})
        async with _Turn(self._rooms):
            if self._registry.get(card.id) is not None:
                raise wrong_field(_whose(card, card.id), f"there is a terminal {card.id!r} already", CONFLICT)
            device = await self._saved(card)
        return Reply(device_out(device), 201, {"Location": f"/api/v1/devices/{card.id}"})

    async def change_device(self, call: Call) -> DeviceOut:
        given = {name: value for name, value in msgspec.structs.asdict(call.body).items() if value is not UNSET}
        values = _checked(given)
        async with _Turn(self._rooms):
            device = self._rooms.device(call.path["device"])
            card = attrs.evolve(device.card, **values)
            if any(getattr(device.card, name) != value for name, value in values.items()):
                device = await self._saved(card)
        return device_out(device)

    async def _saved(self, card: Card) -> Device:
        """Store a card, unless another terminal has what it says."""
        for name in ("imei", "phone"):
            value = getattr(card, name)
            other = self._registry.get(value) if value is not None else None
            if other is not None and other.id != card.id:
                raise wrong_field(name, f"{value} is the terminal {other.id} already", CONFLICT)
        await self._registry.change_cards([card])
        return self._rooms.device(card.id)

    async def delete_device(self, call: Call) -> Reply:
        async with _Turn(self._rooms):
            await self._rooms.gateway.forget(self._rooms.device(call.path["device"]).id)
        return Reply(None, 204)

    def disconnect_device(self, call: Call) -> Disconnected:
        device = self._rooms.device(call.path["device"])
        if not self._rooms.gateway.disconnect(device.id, f"{call.owner} has it closed"):
            raise Problem(CONFLICT, f"the terminal {device.id} is not on line")
        return Disconnected(device.id, True)

    # -- many ---------------------------------------------------------------------------------------------------------

    async def import_devices(self, call: Call) -> ImportOut:
        replace, skip_bad = call.query["replace"], call.query["skip_bad"]
        if replace and skip_bad:
            raise wrong_parameter(
                "skip_bad", "with replace it would shut out the terminals of wrong lines; correct these lines"
            )
        async with _Turn(self._rooms):
            try:
                listing, merger = await self._in_thread(call.body, replace)
            except NoList as error:
                raise Problem(INVALID, str(error)) from None
            problems = sorted([*listing.problems, *merger.problems], key=lambda problem: problem.line)
            wrong = len({problem.line for problem in problems})
            if problems and not skip_bad:
                faults = [Fault(problem.sentence, line=problem.line) for problem in problems[:MOST_FAULTS]]
                first = f"line {problems[0].line}: {problems[0].sentence}"
                raise Problem(INVALID, f"nothing was entered, lines that are wrong: {wrong}. {first}", faults)
            if merger.cards:
                await self._registry.change_cards(merger.cards)
        return ImportOut(
            len(merger.new),
            len(merger.changed),
            merger.same,
            len(merger.unlisted),
            wrong,
            _doubts(problems),
            _doubts(listing.doubts),
        )

    def _in_thread(self, data: bytes, replace: bool) -> Any:
        """Read the list and find out what it changes: a long one takes a second, in which others have their turn."""
        cards = [device.card for device in self._registry]

        def work() -> tuple[Listing, Merger]:
            listing = read_list(data)
            return listing, merge(listing.entries, cards, replace)

        reactor = self._rooms.reactor
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)


class _Turn:
    """The time in which nobody else changes cards through the API."""

    def __init__(self, rooms: Rooms) -> None:
        self._lock = rooms.changing

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(self, *raised: object) -> None:
        self._lock.release()


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The values as `jimigw devices import` would take them."""
    found = {}
    for name, value in values.items():
        try:
            found[name] = checked(name, str(value)) if value is not None and name != "listed" else value
        except ValueError as error:
            raise wrong_field(name, str(error)) from None
    return found


def _whose(card: Card, value: str) -> str:
    return next(name for name in ("imei", "phone", "id") if getattr(card, name) == value)


def _doubts(problems: Sequence[ListProblem]) -> list[Doubt]:
    return [Doubt(problem.line, problem.sentence) for problem in problems[:MOST_FAULTS]]


__all__ = ["DevicesApi", "matching"]
