"""Commands of the platform: stored before anything else, sent when their terminal is there, ended exactly once.

    give ──stored──▶ queue of the terminal ──its turn──▶ SENT is stored ──▶ link.command ──▶ terminal
                                                                                               │
    wait, record ◀──stored── end ◀──heard (Jimi, by flag) · ended (JT/T 808, by its session) ◀─┘

The states are those of :mod:`jimigw.model.command`. Nobody is told of an end before the store has it, and nothing is
sent before the store knows that it is being sent: whatever a crash cuts off, a command that has ended is never sent.

A Jimi terminal has one command in flight. The number of a command is its server flag, which no other command ever had,
so a late answer finds its own command over connections and restarts. A terminal that answers with flag 0 is matched by
order, as long as no earlier command can still be answered: ``doubt`` seconds after one went without an answer, and
after a restart. It gets no command meanwhile. Words that it said within ``doubt`` seconds before are the old answer
again, and confirm nothing but the same question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from jimigw.model.command import Command, Life
from jimigw.model.device import Device
from jimigw.store.interface import IStore, StoreError

from .carrying import Carrying, CommandSettings, OnEnded
from .catalogue import CommandRefused, check, family_of
from .onboard import onboard
from .registry import Registry
from .risks import check_message
from .vendor_text import text_in

_Commands = list[Command]
_Lines = list[str]

_LONGEST_WORDS = 200
"""Characters of an owner."""

LONGEST_PURPOSE = 1000
"""Characters of a purpose: room for what a program wants back with the end of its command."""


class Commands(Carrying):
    """All commands: what can be done with them. Everything is called in the reactor thread."""

    def __init__(
        self,
        registry: Registry,
        store: IStore,
        reactor: IReactorTime,
        settings: CommandSettings | None = None,
        on_ended: OnEnded = lambda command, told: told(),
    ) -> None:
        super().__init__(registry, store, reactor, settings, on_ended)
        self._waiters: dict[int, list[Deferred[Command]]] = {}

    def give_text(
        self,
        device_id: str,
        text: str,
        *,
        owner: str,
        purpose: str = "",
        ttl: float | None = None,
        confirm: bool = False,
        unknown: bool = False,
    ) -> Deferred[Command]:
        """Give a terminal a text command of its list; fires once it is stored, with the command.

        ``confirm`` is wanted for those that can cut a terminal off or destroy data, ``unknown`` for those that are not
        in the list. Fails with :class:`CommandRefused` or :class:`StoreError`.
        """
        found = self._registry.get(device_id)
        if found is None:
            return fail(self._refusal(f"{device_id} is not known", "device"))
        try:
            checked = check(text, family_of(found.model, found.protocol), confirm=confirm, unknown=unknown)
        except CommandRefused as refusal:
            self.counters.refused += 1
            return fail(refusal)
        return self._give(found, checked.text, None, checked.repeatable, owner, purpose, ttl)

    def give_message(
        self,
        device_id: str,
        message: Mapping[str, Any],
        *,
        owner: str,
        purpose: str = "",
        ttl: float | None = None,
        confirm: bool = False,
    ) -> Deferred[Command]:
        """Give a JT/T 808 terminal a message in the exchange format; otherwise as :meth:`give_text`."""
        found = self._registry.get(device_id)
        if found is None:
            return fail(self._refusal(f"{device_id} is not known", "device"))
        text = text_in(message)
        if text is not None:
            # It is a text command, however it comes: the same gate for it.
            return self.give_text(device_id, text, owner=owner, purpose=purpose, ttl=ttl, confirm=confirm, unknown=True)
        if found.protocol == "jimi":
            return fail(self._refusal(f"{device_id} speaks the Jimi protocol: it takes text commands", "syntax"))
        try:
            checked, repeatable = check_message(message, confirm=confirm)
        except CommandRefused as refusal:
            self.counters.refused += 1
            return fail(refusal)
        return self._give(found, None, checked, repeatable, owner, purpose, ttl)

    def wait(self, id: int, seconds: float) -> Deferred[Command]:
        """Fires with the command when it has ended, or as it is when the time is up. LookupError if it is not known."""
        command = self._open.get(id)
        if command is None:
            return self._stored(id)
        done: Deferred[Command] = Deferred(lambda d: self._give_up_waiting(id, d))
        self._waiters.setdefault(id, []).append(done)

        def late() -> None:
            self._give_up_waiting(id, done)
            done.callback(command)

        timer = self._reactor.callLater(max(0.0, seconds), late)

        def over(result: Any) -> Any:
            if timer.active():
                timer.cancel()
            return result

        return done.addBoth(over)

    def cancel(self, id: int, who: str) -> Deferred[Command]:
        """End a command that has not ended; fires, once that is stored, with the command as it then is.

        One that was sent already may still be carried out. LookupError if it is not known.
        """
        command = self._open.get(id)
        if command is None:
            return self._stored(id)
        if command.state.ended:
            return self.wait(id, self.settings.answer_timeout)  # the store is writing its end
        if command.state is Life.SENT:
            link = self._link_of(command.device)
            if link is not None:
                link.cancel(id)
            why = f"cancelled by {who}; it was sent before, the terminal may carry it out"
        else:
            why = f"cancelled by {who}"
        ended = self.wait(id, self.settings.answer_timeout)
        self._end(command, Life.CANCELLED, why)
        return ended

    def list(self, device: str | None = None, open: bool | None = None, limit: int = 100) -> Deferred[_Commands]:
        """The newest commands first; ``device`` and ``open`` narrow the choice."""
        return self._store.commands(device, open, None, limit)

    def onboard(self, device_id: str, owner: str, confirm: bool, **settings: Any) -> Deferred[_Lines]:
        """Turn a camera to this gateway; see :func:`.onboard.onboard`."""
        return onboard(self, device_id, owner, confirm, **settings)

    @property
    def answer_timeout(self) -> float:
        """Seconds that the answer to a text command is waited for."""
        return self.settings.answer_timeout

    def family(self, device: str) -> str:
        """Which list of text commands is this terminal's."""
        found = self._registry.get(device)
        return family_of(None, "") if found is None else family_of(found.model, found.protocol)

    def online(self, device: str) -> bool:
        """Whether a command could be sent to this terminal now."""
        return self._link_of(device) is not None

    def _refusal(self, why: str, code: str) -> CommandRefused:
        self.counters.refused += 1
        return CommandRefused(why, code=code)

    def _give(
        self,
        device: Device,
        text: str | None,
        message: dict[str, Any] | None,
        repeatable: bool,
        owner: str,
        purpose: str,
        ttl: float | None,
    ) -> Deferred[Command]:
        settings, now = self.settings, self._reactor.seconds()
        lasts = settings.ttl if ttl is None else ttl
        if not 0 < lasts <= settings.longest_ttl:
            return fail(
                self._refusal(f"a time to live of {lasts} s; right is up to {settings.longest_ttl:.0f} s", "ttl")
            )
        if self.open_of(device.id) >= settings.most_queued:
            why = f"{device.id} has {settings.most_queued} commands that have not ended, more are not taken"
            return fail(self._refusal(why, "full"))
        if len(self._open) >= settings.most_open:
            return fail(self._refusal(f"{len(self._open)} commands have not ended, more are not taken", "full"))
        try:
            id = self._store.next_command_id()
        except StoreError as error:
            return fail(error)
        command = Command(
            id,
            device.id,
            now,
            now + lasts,
            text,
            message,
            owner[:_LONGEST_WORDS],
            purpose[:LONGEST_PURPOSE],
            repeatable,
        )
        self.counters.given += 1
        # It takes its place now, so that the order is that of giving, and its turn when it is stored.
        queue = self._opened(command)
        saving = self._store.save_command(command)

        def stored(_: None) -> Command:
            if not command.state.ended:
                queue.waiting.append(command)
                self._deadlines.set(command.id, command.expires)
                self._next(device.id)
            return command

        def not_stored(failure: Failure) -> Failure:
            self._closed(command)
            return failure

        return saving.addCallbacks(stored, not_stored)

    def _stored(self, id: int) -> Deferred[Command]:
        def found(command: Command | None) -> Command:
            if command is None:
                raise LookupError(f"there is no command {id}")
            return command

        return self._store.command(id).addCallback(found)

    def _give_up_waiting(self, id: int, waiter: Deferred[Command]) -> None:
        waiters = self._waiters.get(id, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            self._waiters.pop(id, None)

    def _tell(self, command: Command) -> None:
        super()._tell(command)
        for waiter in self._waiters.pop(command.id, []):
            waiter.callback(command)

    def stop(self) -> None:
        """The end of the service: nobody waits any more. What is open stays open in the store."""
        super().stop()
        for waiters in list(self._waiters.values()):
            for waiter in list(waiters):
                waiter.errback(StoreError("the service ends"))
        self._waiters.clear()


__all__ = ["LONGEST_PURPOSE", "Commands"]
