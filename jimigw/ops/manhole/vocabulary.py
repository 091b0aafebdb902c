"""The words of the manhole: what an operator can ask of the service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from jimigw.model.command import Command
from jimigw.model.device import Device
from jimigw.model.report import KINDS
from jimigw.ops.columns import wrapped

from .cards import fleet_table, sections
from .files import File, file_words
from .following import Following, Later
from .house import House
from .interpreter import Leave, OperatorError
from .live import Watch
from .shell import Shell
from .tables import Page
from .terminal import Terminal, show_commands, show_records
from .words import Word, listing, page, page_of_class

MAX_MATCHES = 10
"""Terminals that are named where a name fits several."""


def device_words() -> list[str]:
    """What ``device(...)`` gives has these attributes."""
    return [name for name in vars(Terminal) if not name.startswith("_")]


class Fleet(Sequence[Terminal]):
    """Terminals that were looked for: a table at the prompt, a list in a loop."""

    def __init__(self, vocabulary: Vocabulary, devices: Sequence[Device], limit: int, width: int) -> None:
        self._vocabulary, self._devices, self._limit, self._width = vocabulary, devices, limit, width

    def __len__(self) -> int:
        return len(self._devices)

    @overload
    def __getitem__(self, at: int) -> Terminal: ...

    @overload
    def __getitem__(self, at: slice) -> list[Terminal]: ...

    def __getitem__(self, at: int | slice) -> Terminal | list[Terminal]:
        if isinstance(at, slice):
            return [self._vocabulary._terminal(device) for device in self._devices[at]]
        return self._vocabulary._terminal(self._devices[at])

    def __iter__(self) -> Iterator[Terminal]:
        return map(self._vocabulary._terminal, self._devices)

    def __dir__(self) -> list[str]:
        return []

    def __repr__(self) -> str:
        count = len(self._devices)
        if not count:
            return "There are no such terminals."
        shown = self._devices[: self._limit]
        lines = fleet_table(shown, self._vocabulary._shell.reactor.seconds(), self._width)
        online = sum(device.online for device in self._devices)
        more = f"; {count - len(shown)} more are not shown, limit={count} shows all" if count > len(shown) else ""
        total = f"{count} {'terminal' if count == 1 else 'terminals'}, {online} on line{more}"
        return "\n".join([*lines, *wrapped(total, self._width)])


class Vocabulary:
    """The words of one session. Each public method is one."""

    def __init__(self, house: House, shell: Shell) -> None:
        self._house, self._shell = house, shell
        self._following = Following(house, shell)

    def words(self) -> dict[str, Word]:
        """The words by name."""
        names = [name for name in vars(Vocabulary) if not name.startswith("_") and name != "words"]
        self._words = {name: Word(name, getattr(self, name)) for name in names}
        return self._words

    def _terminal(self, device: Device) -> Terminal:
        return Terminal(self._house, self._shell, self._following, device.id)

    def help(self, word: Any = None) -> Page:
        """This list; help(word) says more of a word, help(device) of what a terminal can be asked."""
        width = self._shell.width
        if isinstance(word, str):
            word = self._words.get(word) or word
        if word is None:
            lines = listing([(str(each), repr(each).partition(": ")[2]) for each in self._words.values()], width)
            return Page([*lines, "", "It is a Python shell: a line may be any Python, and _ is the last value."])
        if isinstance(word, Terminal | File):
            return word.help()
        if isinstance(word, Word):
            about = page(word, width)
            if word is self._words["device"]:
                more = page_of_class(Terminal, sorted(device_words()), "device('...').", width)
                return Page([*about.lines, "", *more.lines])
            if word is self._words["media"]:
                return Page([*about.lines, "", *page_of_class(File, sorted(file_words()), "media(...).", width).lines])
            return about
        raise OperatorError("There is no help for that; help() lists the words.")

    def devices(self, pattern: str | None = None, online: bool | None = None, limit: int = 40) -> Fleet:
        """The terminals that fit: devices('JC400*', online=True).

        The pattern, with * and ?, is held against id, IMEI, phone, plate, name and model. limit is how many lines are
        shown; the list itself has all:

            for each in devices('JC400*'): each.command('VERSION')
        """
        return Fleet(self, self._house.registry.search(pattern, online), limit, self._shell.width)

    def device(self, name: str) -> Terminal:
        """One terminal, by its id, IMEI, phone or plate, or by their last characters if no other ends so."""
        return self._terminal(self._find(name))

    def _find(self, name: str) -> Device:
        name = str(name).strip()
        if not name:
            raise OperatorError("Which one? device('864200050000001'), or the last characters of its name.")
        if (exact := self._house.registry.find(name)) is not None:
            return exact
        matches: list[Device] = []
        for device in self._house.registry:
            told = device.card
            if any(each is not None and each.endswith(name) for each in (told.id, told.imei, told.phone, device.plate)):
                matches.append(device)
                if len(matches) > MAX_MATCHES:
                    break
        if len(matches) == 1:
            return matches[0]
        if not matches:
            raise OperatorError(f"No terminal is called {name!r} or ends so; devices('*{name}*') looks anywhere.")
        many = "at least " if len(matches) > MAX_MATCHES else ""
        lines = fleet_table(matches[:MAX_MATCHES], self._shell.reactor.seconds(), self._shell.width)
        raise OperatorError("\n".join([f"{many}{len(matches)} terminals end in {name!r}:", *lines]))

    def watch(self, pattern: str | None = None) -> Watch:
        """Show the traffic of all terminals, or of those that fit a pattern, until Ctrl-C or stop().

        What comes faster than it can be read is left out, and counted. device('...').watch() shows one.
        """
        known = None if pattern is None else self._house.registry.find(pattern)
        if known is not None:
            return Watch(self._house, self._shell, known.id, None)
        return Watch(self._house, self._shell, None, pattern)

    def stop(self, what: Any = None) -> Page:
        """Stop all watches and traces of this session, or one: stop(_)."""
        running = [each for each in self._shell.things if what is None or each is what]
        for each in running:
            self._shell.drop(each)
            each.stop()
        return Page([f"{each} is stopped" for each in running] or ["Nothing runs."])

    def journal(self, last: int = 20, device: str | None = None, kind: str | Sequence[str] | None = None) -> Later:
        """The newest records: journal(50, device='8632...', kind='alarm').

        kind is one of those that records have, or a list of them.
        """
        for each in [kind] if isinstance(kind, str) else kind or ():
            if each not in KINDS:
                raise OperatorError(f"{each!r} is no kind of record; there are {', '.join(KINDS)}.")
        id = None if device is None else self._id_of(device)
        return show_records(self._house, self._shell, self._following, last, id, kind)

    def commands(self, pending: bool | None = None, device: str | None = None, last: int = 50) -> Later:
        """The newest commands; pending=True: those that have not ended, False: those that have."""
        id = None if device is None else self._id_of(device)
        return show_commands(self._house, self._shell, self._following, id, pending, last)

    def _id_of(self, name: str) -> str:
        try:
            return self._find(name).id
        except OperatorError as error:
            # One that was forgotten still has records, under its whole id.
            if len(name) >= 10 and "\n" not in str(error):
                return name
            raise

    def cancel(self, id: int) -> Later:
        """Take back a command that has not ended: cancel(17)."""

        def lines(command: Command) -> Sequence[str]:
            return [f"command {command.id}, {command.title} for {command.device}, is {command.state}."]

        return self._following.show(f"cancel({id})", lambda: self._house.commands.cancel(id, self._shell.user), lines)

    def media(self, id: object) -> File:
        """One file of a terminal, by its number: media(17). device('...').media() lists them."""
        if not isinstance(id, int) or isinstance(id, bool) or id < 1:
            raise OperatorError("A file has a number: media(17). device('...').media() lists the files of a terminal.")
        return File(self._house, self._shell, self._following, id)

    def stats(self) -> Page:
        """Counters and gauges of the service."""
        found = self._house.stats()
        return Page(sections(found, self._shell.width), found)

    def limits(self) -> Page:
        """The limits in force."""
        found = self._house.limits()
        return Page(sections(found, self._shell.width), found)

    def reload(self) -> Page:
        """Read the config again; says what has changed, and what needs a restart."""
        found = list(self._house.reload())
        return Page(found or ["Nothing has changed."], found)

    def exit(self) -> None:
        """Leave, as Ctrl-D does."""
        raise Leave
