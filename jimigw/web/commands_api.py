"""Routes: commands."""

from __future__ import annotations

import msgspec

from jimigw.gateway.catalogue import TITLES, CommandRefused, entries, families
from jimigw.gateway.catalogue.rows import Entry
from jimigw.model.command import Command

from .kinds import Flag, Line, Number, Whole, Word
from .problems import CONFIRM, INVALID, NOT_FOUND, TOO_MANY, Fault, Problem, wrong_field
from .rooms import Rooms
from .routes import DEVICE, Answer, Body, Call, Parameter, Reply, Route
from .shapes import CommandIn, CommandOut, CommandPage, command_out
from .tokens import Scope

TAG = "Commands"

LONGEST_WAIT = 60.0
_LONGEST = 5 << 20
"""Bytes of a body: the longest message, and room to spare."""

_WAIT = Parameter("wait", Number(0, LONGEST_WAIT), "seconds to wait for its end; the answer is as it then is", 0.0)
_ID = Parameter("id", Whole(1), "its id")


class ArgumentOut(msgspec.Struct):
    """An argument, by its letter in the form."""

    name: str
    meaning: str
    wanted: str
    unit: str
    optional: bool
    up_to: int


class EntryOut(msgspec.Struct):
    """A command of a list."""

    number: str
    name: str
    form: str
    does: str
    risk: str
    repeatable: bool
    query: str
    private: bool
    example: str
    arguments: list[ArgumentOut]


class FamilyOut(msgspec.Struct):
    """The list of a family of terminals."""

    family: str
    title: str
    commands: list[EntryOut]


class FamilyName(msgspec.Struct):
    """A family of terminals."""

    family: str
    title: str
    commands: int


class Families(msgspec.Struct):
    """All families."""

    families: list[FamilyName]


class CommandsApi:
    """Commands: given, waited for, listed, cancelled."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def routes(self) -> list[Route]:
        """The rows."""
        patience = LONGEST_WAIT + 30.0
        one = {200: Answer(CommandOut, "the command as it is now")}
        return [
            Route(
                "POST",
                "/api/v1/devices/{device}/commands",
                Scope.COMMAND,
                "Give a terminal a command",
                self.give_command,
                {201: Answer(CommandOut, "the command, stored; the header Location has its address")},
                TAG,
                "It is stored before anything else, sent when the terminal is on line, and ends exactly once. What can "
                "cut a terminal off or destroy data wants `confirm`.",
                parameters=(DEVICE,),
                query=(_WAIT,),
                body=Body(CommandIn, "the command", longest=_LONGEST),
                problems=(NOT_FOUND, CONFIRM, INVALID, TOO_MANY),
                seconds=patience,
            ),
            Route(
                "GET",
                "/api/v1/commands",
                Scope.READ,
                "List commands, the newest first",
                self.list_commands,
                {200: Answer(CommandPage, "a page of commands")},
                TAG,
                query=(
                    Parameter("device", Line(64), "only commands of this terminal: its id, IMEI or phone number"),
                    Parameter("open", Flag(), "only those that have not ended, or only those that have"),
                    Parameter("before", Whole(1), "the `next` of the page before", None),
                    Parameter("limit", Whole(1, 1000), "commands of a page", 100),
                ),
            ),
            Route(
                "GET",
                "/api/v1/commands/{id}",
                Scope.READ,
                "Show a command, or wait for its end",
                self.show_command,
                one,
                TAG,
                parameters=(_ID,),
                query=(_WAIT,),
                problems=(NOT_FOUND,),
                seconds=patience,
            ),
            Route(
                "DELETE",
                "/api/v1/commands/{id}",
                Scope.COMMAND,
                "Cancel a command",
                self.cancel_command,
                one,
                TAG,
                "One that was sent already may still be carried out; one that has ended stays as it is.",
                parameters=(_ID,),
                problems=(NOT_FOUND,),
                seconds=patience,
            ),
            Route(
                "GET",
                "/api/v1/commands/catalogue",
                Scope.READ,
                "List the families of terminals that have a list of text commands",
                self.list_families,
                {200: Answer(Families, "the families")},
                TAG,
            ),
            Route(
                "GET",
                "/api/v1/commands/catalogue/{family}",
                Scope.READ,
                "Show the text commands of a family",
                self.show_catalogue,
                {200: Answer(FamilyOut, "its list")},
                TAG,
                parameters=(Parameter("family", Word(families()), "the family"),),
            ),
        ]

    async def give_command(self, call: Call) -> Reply:
        given: CommandIn = call.body
        device, commands = self._rooms.device(call.path["device"]), self._rooms.commands
        if (given.text is None) == (given.message is None):
            raise Problem(INVALID, "either text or message has to be there, and not both")
        try:
            if given.text is not None:
                giving = commands.give_text(
                    device.id,
                    given.text,
                    owner=call.owner,
                    purpose=given.purpose,
                    ttl=given.ttl,
                    confirm=given.confirm,
                    unknown=given.unknown,
                )
            else:
                giving = commands.give_message(
                    device.id,
                    given.message or {},
                    owner=call.owner,
                    purpose=given.purpose,
                    ttl=given.ttl,
                    confirm=given.confirm,
                )
            command = await giving
        except CommandRefused as refusal:
            raise _refused(refusal, "text" if given.text is not None else "message") from None
        if call.query["wait"]:
            command = await self._found(command.id, call.query["wait"])
        return Reply(command_out(command), 201, {"Location": f"/api/v1/commands/{command.id}"})

    async def list_commands(self, call: Call) -> CommandPage:
        query = call.query
        name, limit = query["device"], query["limit"]
        found = self._rooms.registry.get(name) if name is not None else None
        device = name if found is None else found.id
        commands = await self._rooms.store.commands(device, query["open"], query["before"], limit)
        next = commands[-1].id if len(commands) == limit else None
        return CommandPage(list(map(command_out, commands)), next)

    async def show_command(self, call: Call) -> CommandOut:
        return command_out(await self._found(call.path["id"], call.query["wait"]))

    async def cancel_command(self, call: Call) -> CommandOut:
        try:
            return command_out(await self._rooms.commands.cancel(call.path["id"], call.owner))
        except LookupError as error:
            raise Problem(NOT_FOUND, str(error.args[0])) from None

    async def _found(self, id: int, seconds: float) -> Command:
        try:
            return await self._rooms.commands.wait(id, seconds)
        except LookupError as error:
            raise Problem(NOT_FOUND, str(error.args[0])) from None

    def list_families(self, call: Call) -> Families:
        return Families([FamilyName(each, TITLES[each], len(entries(each))) for each in families()])

    def show_catalogue(self, call: Call) -> FamilyOut:
        family = call.path["family"]
        return FamilyOut(family, TITLES[family], list(map(_entry_out, entries(family))))


def _refused(refusal: CommandRefused, field: str) -> Problem:
    """Why a command is not taken, as a problem."""
    if refusal.code == "device":
        return Problem(NOT_FOUND, refusal.message)
    if refusal.code == "full":
        return Problem(TOO_MANY, refusal.message, headers={"Retry-After": "30"})
    if refusal.code == "confirm":
        return Problem(CONFIRM, refusal.message, [Fault(refusal.message, pointer="#/confirm")])
    return wrong_field("ttl" if refusal.code == "ttl" else field, refusal.message)


def _entry_out(entry: Entry) -> EntryOut:
    arguments = [
        ArgumentOut(each.name, each.meaning, each.kind.wanted, each.unit, each.optional, each.up_to)
        for each in entry.arguments
    ]
    return EntryOut(
        entry.number,
        entry.name,
        entry.form,
        entry.does,
        str(entry.risk),
        entry.repeatable,
        entry.query,
        entry.private,
        entry.example,
        arguments,
    )
