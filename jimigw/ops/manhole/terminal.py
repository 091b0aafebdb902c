"""What ``device('...')`` gives: one terminal, and what can be done to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jimigw.journal.interface import FARTHEST, Records
from jimigw.model.command import Command
from jimigw.model.device import Device

from .cards import commands_table, device_card, position_card, records_table
from .files import file_told, show_files
from .following import Following, Later
from .house import House
from .interpreter import OperatorError
from .live import Trace, Watch
from .recordings import day_of, day_picture, moment_of
from .shell import Shell
from .tables import Page
from .words import page_of_class

MAX_NOTE = 1000
"""Characters of a note."""

MAX_RECORDS = 1000
"""Records that are shown at once."""

_MEGABYTE = 1 << 20


class Terminal:
    """One terminal. Its name alone shows all that is known of it."""

    def __init__(self, house: House, shell: Shell, following: Following, id: str) -> None:
        self._house, self._shell, self._following, self._id = house, shell, following, id

    def __repr__(self) -> str:
        return repr(self.info)

    def __str__(self) -> str:
        return self._id

    def __dir__(self) -> list[str]:
        return [name for name in vars(type(self)) if not name.startswith("_")]

    @property
    def _device(self) -> Device:
        device = self._house.registry.find(self._id)
        if device is None:
            raise OperatorError(f"{self._id} is not known any more.")
        return device

    @property
    def id(self) -> str:
        """What it is called in records and commands."""
        return self._id

    @property
    def online(self) -> bool:
        """Whether it has a live connection."""
        return self._device.online

    @property
    def info(self) -> Page:
        """All that is known of it; info.value is the Device."""
        device = self._device
        return Page(device_card(device, self._shell.reactor.seconds(), self._shell.width), device)

    @property
    def position(self) -> Page:
        """Where it was last; position.value is the Position."""
        place = self._device.position
        return Page(position_card(place, self._shell.width) if place else ["No position is known yet."], place)

    def help(self) -> Page:
        """What can be asked of a terminal."""
        return page_of_class(Terminal, sorted(self.__dir__()), f"device({self._id!r}).", self._shell.width)

    def history(self, last: int = 10, kind: str | Sequence[str] | None = None) -> Later:
        """Its newest records in the journal."""
        return show_records(self._house, self._shell, self._following, last, self._id, kind)

    def command(
        self, text: str, confirm: bool = False, unknown: bool = False, ttl: float | None = None, purpose: str = ""
    ) -> Later:
        """Send a text command; its answer is shown when it comes.

        If the terminal is off line the command waits for its next login, ttl seconds at most. confirm=True insists on
        one that can cut the terminal off or destroy data, unknown=True on one that is not in the list of commands.
        """
        _held("A command is text in quotes: device('...').command('VERSION')", _is_text(text))
        return self._following.command(
            f"command {text} for {self._id}",
            self._device.id,
            lambda: self._house.commands.give_text(
                self._id, text, owner=self._shell.user, purpose=purpose, ttl=ttl, confirm=confirm, unknown=unknown
            ),
            f"device({self._id!r}).command({text!r}, {{}})",
        )

    def message(
        self, msg_id: int, body: dict[str, Any] | None = None, confirm: bool = False, ttl: float | None = None,
        purpose: str = "",
    ) -> Later:  # fmt: skip
        """Send a JT/T 808 message of the platform, its body as in the exchange format.

            device('...').message(0x8104)

        confirm=True insists on one that can cut the terminal off or destroy data.
        """
        number = _is_number(msg_id, 0, 0xFFFF)
        _held("A message has a number from 0 to 0xFFFF: device('...').message(0x8104, {...})", number)
        _held("The body of a message is a dict, as in the exchange format.", isinstance(body, dict | None))
        message = {"header": {"msg_id": msg_id}, "body": body or {}}
        return self._following.command(
            f"message 0x{msg_id:04X} for {self._id}",
            self._device.id,
            lambda: self._house.commands.give_message(
                self._id, message, owner=self._shell.user, purpose=purpose, ttl=ttl, confirm=confirm
            ),
            f"device({self._id!r}).message(0x{msg_id:04X}, ..., {{}})",
        )

    def commands(self, pending: bool | None = None, last: int = 20) -> Later:
        """Its commands, the newest first; pending=True: those that have not ended."""
        return show_commands(self._house, self._shell, self._following, self._id, pending, last)

    def media(self, last: int = 10, state: str | Sequence[str] | None = None) -> Later:
        """Its newest files, also those that have not come; state='missing': those in this state, or in one of a list.

        media(17) shows one of them.
        """
        return show_files(self._house, self._shell, self._following, self._id, last, state)

    def clip(self, time: object, camera: int | None = None, seconds: int | None = None) -> Later:
        """Ask for what it recorded at a time: clip('2026-05-29 04:26:40', camera=1).

        The time is local, or says its zone; '04:26' is today. camera is 1 (road) or 2 (cabin); without it both are
        asked for. What comes can be seen with media().
        """
        device = self._device
        at = moment_of(time, self._shell.reactor.seconds())
        _held("camera is 1 (road) or 2 (cabin).", camera is None or _is_number(camera, 1, 2))
        _held("seconds is a number from 10 to 60.", seconds is None or _is_number(seconds, 10, 60))
        cameras = (camera,) if camera is not None else (1,) if device.cameras == 1 else (1, 2)
        return self._following.show(
            f"clip of {self._id}",
            lambda: self._house.uploads.clip(device, at, cameras, self._shell.user, seconds),
            lambda files: list(map(file_told, files)),
        )

    def timeline(self, day: object = None, refresh: bool = False) -> Later:
        """What is on its card: a line for each hour and camera of a day, timeline('2026-05-29'), or of the last one.

        # is recorded, + in part, . is not. It is from the list that the terminal sent last; refresh=True asks it for a
        new one, which takes it some seconds.
        """
        device, chosen = self._device, day_of(day)
        if refresh:
            return self._following.command(
                f"the list of {self._id}",
                device.id,
                lambda: self._house.uploads.refresh_timeline(device, self._shell.user),
                "",
            )
        jimi, width = device.protocol == "jimi", self._shell.width
        return self._following.show(
            f"timeline of {self._id}",
            lambda: self._house.uploads.timeline(device),
            lambda timeline: day_picture(timeline, chosen, jimi, width),
        )

    def watch(self) -> Watch:
        """Show what it says and is told, until Ctrl-C or stop()."""
        return Watch(self._house, self._shell, self._device.id, None)

    def trace(self, file: str, megabytes: float = 16) -> Trace:
        """Write its frames to a new file in data_dir/traces, until stop(), the end of the session, or its size.

        A line has the time, up or down, the device, and the frame in hex:

            cut -d' ' -f4 var/traces/FILE | jimigw decode
        """
        _held("A trace has up to 1024 megabytes.", 0 < megabytes <= 1024)
        return Trace(self._house, self._shell, self._device.id, file, int(megabytes * _MEGABYTE))

    def disconnect(self) -> Page:
        """Close its connection; it will log in again."""
        device = self._device
        if not self._house.gateway.disconnect(device.id, f"{self._shell.user} asked for it"):
            return Page([f"{self._id} is off line."], False)
        return Page([f"The connection of {self._id} is closed."], True)

    def forget(self) -> Later:
        """Delete it from the registry, card and state. Its records and commands stay; it may come back as a new one."""
        return self._following.show(
            f"forgetting {self._id}",
            lambda: self._house.gateway.forget(self._device.id),
            lambda _: [f"{self._id} is forgotten."],
        )

    def note(self, text: str) -> Later:
        """Keep a note with it; an empty one takes the note away."""
        device = self._device
        short = _is_text(text) and len(text) <= MAX_NOTE and all(map(str.isprintable, text.split("\n")))
        _held(f"A note is text of up to {MAX_NOTE} characters.", short)
        before, device.card.notes = device.card.notes, text or None

        def put_back(failure: Any) -> Any:
            device.card.notes = before
            return failure

        return self._following.show(
            f"the note of {self._id}",
            lambda: self._house.save_card(device).addErrback(put_back),
            lambda _: [f"The note of {self._id} is kept." if text else f"{self._id} has no note any more."],
        )

    def onboard(self, confirm: bool = False, **settings: Any) -> Later:
        """Set it up for this service: the onboarding commands in their order, read back; says what differs."""
        return self._following.show(
            f"onboarding {self._id}",
            lambda: self._house.commands.onboard(self._device.id, self._shell.user, confirm, **settings),
            lambda lines: [f"onboarding {self._id}:", *(f"  {line}" for line in lines)],
            f"device({self._id!r}).onboard(..., {{}})",
        )


def _held(rule: str, kept: bool) -> None:
    """Refuse an operator's argument that cannot be used: nobody else checks what is typed at a prompt."""
    if not kept:
        raise OperatorError(rule)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and low <= value <= high


def show_records(
    house: House,
    shell: Shell,
    following: Following,
    last: int,
    device: str | None,
    kind: str | Sequence[str] | None,
) -> Later:
    """The newest records as a table, when they are read."""
    _held(f"last is a number from 1 to {MAX_RECORDS}.", _is_number(last, 1, MAX_RECORDS))
    kinds = None if kind is None else [kind] if isinstance(kind, str) else list(kind)

    def lines(found: Records) -> Sequence[str]:
        missing = ""
        if len(found) < last and found.through > 0:
            missing = f"(only the newest {FARTHEST:,} records of the journal were looked through)"
        if not found:
            return ["There are no such records.", *filter(None, [missing])]
        return [*records_table(found, shell.width), *filter(None, [missing])]

    return following.show("journal", lambda: house.journal.newest(last, device, kinds), lines)


def show_commands(
    house: House, shell: Shell, following: Following, device: str | None, pending: bool | None, last: int
) -> Later:
    """The newest commands as a table, when they are read."""
    _held(f"last is a number from 1 to {MAX_RECORDS}.", _is_number(last, 1, MAX_RECORDS))

    def lines(found: list[Command]) -> Sequence[str]:
        if not found:
            return ["There are no such commands."]
        more = [f"(the newest {last}; there may be more)"] if len(found) == last else []
        return [*commands_table(found, shell.width), *more]

    return following.show("commands", lambda: house.commands.list(device, pending, last), lines)
