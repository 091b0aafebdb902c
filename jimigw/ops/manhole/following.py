"""What comes later: the result of something that takes its time is shown when it is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from jimigw.journal.interface import JournalError
from jimigw.model.command import Command
from jimigw.ops.columns import printable
from jimigw.store.interface import StoreError

from .cards import command_begun, command_ended
from .house import House
from .interpreter import OperatorError
from .shell import Shell

MAX_WAITS = 200
"""Results that a session waits for at once."""

WAIT = 300.0
"""Seconds that one wait for the end of a command takes before it is asked for again."""

_PAUSE = 1.0


class Later:
    """Something that is under way. ``done`` says whether it has come, ``value`` what it is then.

    What it brings is shown anyway, so the prompt does not show it a second time.
    """

    silent = True

    def __init__(self, what: str) -> None:
        self._what = what
        self.done = False
        self.value: Any = None

    def __repr__(self) -> str:
        return f"({self._what} {'is done' if self.done else 'comes'})"

    def __dir__(self) -> list[str]:
        return ["done", "value"]


class Following:
    """One session's results that are still to come."""

    _log = Logger()

    def __init__(self, house: House, shell: Shell) -> None:
        self._house, self._shell = house, shell
        self._waiting: set[Deferred[Any]] = set()
        shell.endings.append(self.stop)

    def stop(self) -> None:
        """The session ends: nobody waits any more."""
        waiting, self._waiting = self._waiting, set()
        for each in waiting:
            each.cancel()

    def show(
        self,
        what: str,
        begin: Callable[[], Deferred[Any]],
        lines: Callable[[Any], Sequence[str]],
        insist: str = "",
    ) -> Later:
        """Begin something and show its result when it comes, or why it does not.

        ``insist`` is what to type to have a refused command all the same, with ``{}`` for the argument that says so.
        """
        later = Later(what)

        def shown(result: Any) -> None:
            later.done, later.value = True, result
            if told := lines(result):
                self._shell.say(told)

        self._wait(maybeDeferred(begin), shown, what, insist)
        return later

    def command(self, what: str, device: str, begin: Callable[[], Deferred[Command]], insist: str) -> Later:
        """Give a command, say that it is stored, and show its answer when it comes."""
        later = Later(what)

        def stored(command: Command) -> None:
            if command.state.ended:
                ended(command)
                return
            known = self._house.registry.find(device)
            self._shell.say([command_begun(command, known is not None and known.online)])
            follow(self._house.commands.wait(command.id, WAIT))

        def follow(waiting: Deferred[Any]) -> None:
            self._wait(waiting, ended, f"command {later.value.id}" if later.value else what, "")

        def ended(command: Command) -> None:
            later.value = command
            if command.state.ended:
                later.done = True
                self._shell.say(command_ended(command, self._shell.width))
            elif self._shell.alive:
                # Not in the same moment: waits that are over at once must not become a loop.
                again = deferLater(self._shell.reactor, _PAUSE, self._house.commands.wait, command.id, WAIT)
                follow(again)

        self._wait(maybeDeferred(begin), stored, what, insist)
        return later

    def _wait(self, waiting: Deferred[Any], then: Callable[[Any], None], what: str, insist: str) -> None:
        if len(self._waiting) >= MAX_WAITS:
            waiting.addErrback(lambda failure: None)
            raise OperatorError(
                f"{what} is under way, but this session waits for {MAX_WAITS} results already: "
                "look for it with commands()."
            )
        self._waiting.add(waiting)

        def over(result: Any) -> Any:
            self._waiting.discard(waiting)
            return result

        waiting.addBoth(over)
        waiting.addCallback(then)
        waiting.addErrback(self._failed, what, insist)

    def _failed(self, failure: Failure, what: str, insist: str) -> None:
        if failure.check(CancelledError) or not self._shell.alive:
            return
        error = failure.value
        lines = [f"{what}: {printable(str(error) or type(error).__name__)}"]
        code = getattr(error, "code", None)
        if insist and code in ("confirm", "unknown"):
            lines.append(f"If it is meant, repeat it so: {insist.format(f'{code}=True')}")
        elif not (
            isinstance(code, str)
            or isinstance(error, (OperatorError, JournalError, StoreError))
            or type(error) is LookupError
        ):
            # A fault of ours rather than a refusal: whoever mends it wants to know where.
            self._log.failure("manhole: {what} failed", failure, what=what)
            lines = [f"{what}: {type(error).__name__}: {printable(str(error))} (the log says where)"]
        self._shell.say(lines)
