"""The open commands of one terminal, and the link that they go out on."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

import attrs

from jimigw.model.command import Command

_REMEMBERED = 8
"""Answers of a terminal that are known again."""


class CommandLink(Protocol):
    """A live connection, as far as commands go."""

    #: how many commands may be out at once
    window: int

    def command(self, tag: int, content: str | Mapping[str, Any], ttl: float) -> None:
        """Send a text command with this flag, or a message. :class:`Unsendable` if it cannot be written."""
        ...

    def cancel(self, tag: int) -> None:
        """Wait for the answer to it no more, and do not repeat it."""
        ...


class Unsendable(Exception):
    """A command cannot be written for this terminal; the message says why."""


@attrs.define(eq=False)
class Queue:
    """The open commands of one terminal, in the order in which they were given."""

    #: how many have not ended, those included that the store does not have yet
    open: int = 0
    waiting: deque[Command] = attrs.field(factory=deque)
    #: sent, or about to be, by id
    out: dict[int, Command] = attrs.field(factory=dict)
    #: of those, the ones that the store writes down as sent, and the link that they are for
    marking: dict[int, CommandLink] = attrs.field(factory=dict)
    #: the ones whose bytes are on their way on the present link
    under_way: set[int] = attrs.field(factory=set)
    #: the ones that a busy terminal did not take and is asked again
    resting: set[int] = attrs.field(factory=set)
    #: how often each was refused as busy
    busy: dict[int, int] = attrs.field(factory=dict)
    #: until when an answer without a flag may be that to an earlier command
    doubt_until: float = 0.0
    #: whether the terminal brings flags back, and whether it has answered without and never did
    echoes: bool = False
    flagless: bool = False
    #: the latest answers: until when they may come again, the command, the words
    heard: deque[tuple[float, str | None, str]] = attrs.field(factory=lambda: deque(maxlen=_REMEMBERED))

    def let_go(self, id: int) -> None:
        """A command is out no more."""
        self.out.pop(id, None)
        self.marking.pop(id, None)
        self.under_way.discard(id)
        self.resting.discard(id)
        self.busy.pop(id, None)

    def put_back(self, command: Command) -> None:
        """To the head of those that wait, in the order of giving: several may come back at once."""
        self.let_go(command.id)
        at = next((i for i, other in enumerate(self.waiting) if other.id > command.id), len(self.waiting))
        self.waiting.insert(at, command)

    def remember(self, command: Command, words: str, until: float) -> None:
        """The terminal said this to the command, and may say it once more until then."""
        self.heard.append((until, command.text, words))

    def only_one(self, words: str, now: float) -> Command | None:
        """The command that an answer without a flag is for: None where it may be that to another one."""
        if self.echoes or len(self.under_way) != 1:
            return None
        command = self.out.get(next(iter(self.under_way)))
        for until, asked, said in self.heard:
            same = command is not None and command.repeatable and command.text == asked
            if said == words and now < until and not same:
                return None  # the answer to an earlier command, for the second time
        return command
