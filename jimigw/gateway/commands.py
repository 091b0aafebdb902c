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

import base64
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from jimigw.model.command import Command, Life
from jimigw.model.device import Device
from jimigw.store.interface import IStore, StoreError

from .catalogue import CommandRefused, check, family_of, judge
from .onboard import onboard
from .registry import Registry
from .risks import check_message
from .timers import Deadlines

BUSY_WAITS = (1.5, 3.0, 5.0, 8.0)
"""Seconds after which a terminal that is busy is asked again."""

TELL_AGAIN = 30.0
"""Seconds after which an end is told once more, if it is not known to be safely told."""

_Commands = list[Command]
_Lines = list[str]

_LONGEST_WORDS = 200
"""Characters of an owner."""

LONGEST_PURPOSE = 1000
"""Characters of a purpose: room for what a program wants back with the end of its command."""

_REMEMBERED = 8
"""Answers of a terminal that are known again."""


@attrs.frozen
class CommandSettings:
    """Seconds and counts. ``ttl``: how long a command waits where its giver says nothing, ``longest_ttl`` at most;
    ``answer_timeout``: for the answer to a text command; ``doubt``: see the module; ``most_queued`` commands of one
    terminal and ``most_open`` of all may be open."""

    ttl: float = 86_400.0
    longest_ttl: float = 30 * 86_400.0
    answer_timeout: float = 60.0
    doubt: float = 120.0
    most_queued: int = 64
    most_open: int = 100_000


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


@attrs.define
class CommandCounters:
    """What became of commands since the start."""

    given: int = 0
    refused: int = 0
    sent: int = 0
    ended: dict[str, int] = attrs.field(factory=dict)
    late: int = 0
    unmatched: int = 0


@attrs.define(eq=False)
class _Queue:
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


@attrs.frozen
class _Telling:
    """The deadline for telling of the end of a command, beside that of the command itself."""

    id: int


class Commands:
    """All commands. Everything is called in the reactor thread."""

    _log = Logger()

    def __init__(
        self,
        registry: Registry,
        store: IStore,
        reactor: IReactorTime,
        settings: CommandSettings | None = None,
        on_ended: Callable[[Command, Callable[[], None]], None] = lambda command, told: told(),
    ) -> None:
        self._registry, self._store, self._reactor = registry, store, reactor
        self.settings = settings or CommandSettings()
        #: called with a command that has ended, and what to call when that is safely told
        self.on_ended = on_ended
        self.counters = CommandCounters()
        self._open: dict[int, Command] = {}
        self._queues: dict[str, _Queue] = {}
        self._waiters: dict[int, list[Deferred[Command]]] = {}
        #: those that have ended, and the journal does not have their end yet
        self._untold: dict[int, Command] = {}
        #: terminals for which the store is asked about a late answer
        self._asking: set[str] = set()
        #: until when any terminal may answer what an earlier run of the service sent
        self._restart_doubt = 0.0
        self._deadlines = Deadlines(reactor, self._due)

    # -- givers' side -------------------------------------------------------------------------------------------------

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

    def open_of(self, device: str) -> int:
        """How many commands of this terminal have not ended."""
        queue = self._queues.get(device)
        return 0 if queue is None else queue.open

    def __len__(self) -> int:
        """How many commands have not ended."""
        return len(self._open)

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

    # -- the service's side -------------------------------------------------------------------------------------------

    def restore(self, commands: Sequence[Command]) -> None:
        """Take the open commands that the store held. Those that were out when the service ended go back to the queue
        if they may be repeated; a Jimi terminal may still answer the others, by their flag."""
        now = self._reactor.seconds()
        # Those that ended without an answer just before are not among them.
        self._restart_doubt = now + self.settings.doubt
        for command in sorted(commands, key=lambda command: command.id):
            if command.state.ended:
                self._report(command)
                continue
            queue = self._opened(command)
            if command.state is Life.SENT:
                if command.repeatable:
                    command.move(Life.QUEUED, "the service was restarted before the answer came", now)
                    queue.waiting.append(command)
                    self._deadlines.set(command.id, command.expires)
                elif command.text is not None and self._protocol_of(command.device) == "jimi":
                    queue.out[command.id] = command
                    self._deadlines.set(command.id, min(command.expires, now + self.settings.answer_timeout))
                else:
                    queue.out[command.id] = command
                    self._end(command, Life.FAILED, "the service was restarted before the answer came")
            else:
                queue.waiting.append(command)
                self._deadlines.set(command.id, command.expires)

    def stop(self) -> None:
        """No deadline is looked at any more: the end of the service. What is open stays open in the store."""
        self._deadlines.stop()
        for waiters in list(self._waiters.values()):
            for waiter in list(waiters):
                waiter.errback(StoreError("the service ends"))
        self._waiters.clear()

    # -- the terminals' side ------------------------------------------------------------------------------------------

    def logged_in(self, device: str) -> None:
        """A terminal has a new link: what waits for it is sent, in order."""
        if device in self._queues:
            self._next(device)

    def link_lost(self, device: str) -> None:
        """A terminal's link is gone, or another has taken its place: how that ends what was out on it."""
        queue = self._queues.get(device)
        if queue is None:
            return
        now = self._reactor.seconds()
        for id, command in sorted(queue.out.items(), reverse=True):
            if id in queue.marking:
                command.sendings -= 1
                self._back(queue, command, "the link was lost before it was sent")
            elif id in queue.resting:
                self._back(queue, command, "the link was lost while the terminal was busy")
            elif id in queue.under_way:
                queue.doubt_until = max(queue.doubt_until, now + self.settings.doubt)
                if command.repeatable:
                    self._back(queue, command, "the link was lost before the answer came")
                elif self._protocol_of(device) != "jimi":
                    self._end(command, Life.FAILED, "the link was lost before the answer came", go_on=False)
        queue.under_way.clear()

    def heard(self, device: str, flag: int, text: str) -> None:
        """A Jimi terminal answered a command: the one with this flag, or, for 0, the only one that it can be."""
        queue = self._queues.get(device)
        command = None
        if flag:
            if queue is not None:
                queue.echoes, queue.flagless = True, False
                command = next((order for id, order in queue.out.items() if id & 0xFFFFFFFF == flag), None)
            if command is None:
                self._late(device, flag, text)
                return
        elif queue is not None:
            queue.flagless = not queue.echoes
            command = self._only_one(queue, text)
        if queue is None or command is None:
            self.counters.unmatched += 1
            return
        self._judge(queue, command, text)

    def _judge(self, queue: _Queue, command: Command, text: str) -> None:
        """What the words of the terminal mean for its command."""
        verdict = judge(text)
        if verdict == "busy":
            self._busy(queue, command, text)
        elif verdict == "refused":
            self._end(command, Life.REFUSED, "the terminal refused it", text)
        else:
            self._end(command, Life.ANSWERED, "the terminal answered", text)

    def ended(self, device: str, tag: Hashable, outcome: str, reason: str, reply: Any) -> None:
        """The session of a JT/T 808 terminal says how a command ended."""
        queue = self._queues.get(device)
        command = None if queue is None or not isinstance(tag, int) else queue.out.get(tag)
        if queue is None or command is None:
            return
        text = text_of(reply) if command.text is not None else None
        if outcome == "unsent" or (outcome == "lost" and command.repeatable):
            self._back(queue, command, reason)
        elif outcome == "lost":
            self._end(command, Life.FAILED, reason, reply, go_on=False)
        elif outcome == "answered" and text is not None:
            self._judge(queue, command, text)
        else:
            self._end(command, Life(outcome), reason, reply)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _protocol_of(self, device: str) -> str:
        found = self._registry.get(device)
        return "" if found is None else found.protocol

    def _link_of(self, device: str) -> CommandLink | None:
        found = self._registry.get(device)
        return None if found is None else found.link

    def _only_one(self, queue: _Queue, text: str) -> Command | None:
        """The command that an answer without a flag is for: None where it may be that to another one."""
        now = self._reactor.seconds()
        if queue.echoes or len(queue.under_way) != 1 or now < self._doubt(queue):
            return None
        command = queue.out.get(next(iter(queue.under_way)))
        for until, asked, words in queue.heard:
            same = command is not None and command.repeatable and command.text == asked
            if words == text and now < until and not same:
                return None  # the answer to an earlier command, for the second time
        return command

    def _doubt(self, queue: _Queue) -> float:
        """Until when an answer without a flag may be that to an earlier command."""
        return max(queue.doubt_until, self._restart_doubt)

    def _next(self, device: str) -> None:
        """Send what has its turn now."""
        queue, link = self._queues.get(device), self._link_of(device)
        if queue is None or link is None:
            return
        if queue.flagless and queue.waiting and self._reactor.seconds() < self._doubt(queue):
            # Its answer could not be believed, and no answer would prolong the doubt.
            head = queue.waiting[0]
            self._deadlines.set(head.id, min(head.expires, self._doubt(queue)))
            return
        while queue.waiting and len(queue.out) < link.window:
            command = queue.waiting.popleft()
            command.move(Life.SENT, "sent", self._reactor.seconds())
            queue.out[command.id] = command
            queue.marking[command.id] = link
            saving = self._store.save_command(command)
            saving.addCallbacks(
                lambda _, command=command, link=link: self._send(command, link),
                lambda failure, command=command: self._not_marked(command, failure),
            )

    def _send(self, command: Command, link: CommandLink) -> None:
        """It is stored that it is being sent."""
        queue = self._queues.get(command.device)
        if queue is None or queue.marking.get(command.id) is not link:
            return  # while the store wrote it was cancelled, its time was over, or the link was lost
        del queue.marking[command.id]
        now = self._reactor.seconds()
        if now >= command.expires:
            self._end(command, Life.EXPIRED, "its time was over before it could be sent")
            return
        queue.under_way.add(command.id)
        self.counters.sent += 1
        # Sessions of JT/T 808 look after their answers themselves.
        patience = now + self.settings.answer_timeout if link.window == 1 else command.expires
        self._deadlines.set(command.id, min(command.expires, patience))
        content = command.message if command.text is None else command.text
        assert content is not None
        try:
            link.command(command.id, content, command.expires - now)
        except Unsendable as error:
            doubt = queue.doubt_until
            self._end(command, Life.FAILED, str(error))
            queue.doubt_until = doubt  # nothing was sent that could be answered

    def _not_marked(self, command: Command, failure: Failure) -> None:
        """It could not be stored that it is being sent, so it is not: later, when something else calls for it."""
        self._log.error("command {id} could not be stored: {error}", id=command.id, error=failure.getErrorMessage())
        queue = self._queues.get(command.device)
        if queue is not None and command.id in queue.marking:
            self._back(queue, command, "the store could not be written")
            self._deadlines.set(command.id, min(command.expires, self._reactor.seconds() + BUSY_WAITS[-1]))

    def _back(self, queue: _Queue, command: Command, why: str) -> None:
        """To the head of the queue again."""
        command.move(Life.QUEUED, why, self._reactor.seconds())
        queue.let_go(command.id)
        # In the order of giving: several may come back at once.
        at = next((i for i, other in enumerate(queue.waiting) if other.id > command.id), len(queue.waiting))
        queue.waiting.insert(at, command)
        self._deadlines.set(command.id, command.expires)
        self._note(command)

    def _note(self, command: Command) -> None:
        """Store where a command is, for those who look: nothing waits for it."""
        self._store.save_command(command).addErrback(
            lambda failure: self._log.error(
                "command {id} could not be stored: {error}", id=command.id, error=failure.getErrorMessage()
            )
        )

    def _busy(self, queue: _Queue, command: Command, text: str) -> None:
        tries = queue.busy.get(command.id, 0)
        if tries >= len(BUSY_WAITS):
            self._end(command, Life.REFUSED, f"the terminal was busy {tries + 1} times", text)
            return
        queue.busy[command.id] = tries + 1
        queue.heard.append((self._reactor.seconds() + self.settings.doubt, command.text, text))
        queue.under_way.discard(command.id)
        queue.resting.add(command.id)
        self._deadlines.set(command.id, min(command.expires, self._reactor.seconds() + BUSY_WAITS[tries]))

    def _due(self, key: Hashable) -> None:
        """A deadline of a command has come: its time is over, its answer has not come, or it is asked again; or its end
        is told again."""
        if isinstance(key, _Telling):
            if key.id in self._untold:
                self._report(self._untold[key.id])
            return
        command = self._open.get(key)  # type: ignore[call-overload]
        if command is None:
            return
        now = self._reactor.seconds()
        queue = self._queue(command.device)
        if now >= command.expires:
            when = "the terminal answered" if command.state is Life.SENT else "it could be sent"
            if command.state is Life.SENT:
                link = self._link_of(command.device)
                if link is not None:
                    link.cancel(command.id)
            self._end(command, Life.EXPIRED, f"its time was over before {when}")
        elif command.state is Life.QUEUED:
            self._deadlines.set(command.id, command.expires)
            self._next(command.device)
        elif command.id in queue.resting:
            self._ask_again(queue, command)
        elif command.id in queue.under_way or self._protocol_of(command.device) == "jimi":
            self._end(command, Life.FAILED, f"no answer within {self.settings.answer_timeout:g} s")

    def _ask_again(self, queue: _Queue, command: Command) -> None:
        link = self._link_of(command.device)
        if link is None:
            self._back(queue, command, "the link was lost while the terminal was busy")
            return
        command.sendings += 1
        self._note(command)
        queue.resting.discard(command.id)
        queue.marking[command.id] = link
        self._send(command, link)

    def _late(self, device: str, flag: int, text: str) -> None:
        """An answer to a command that is not out: kept beside it if it has ended and is this terminal's own."""
        self.counters.late += 1
        if device in self._asking:
            return  # Whoever makes up flags by the thousand gets one look for each answer of the store.
        self._asking.add(device)

        def found(command: Command | None) -> None:
            if command is None or command.device != device or not command.state.ended:
                return
            # As the store had it, its end may not have been told; what is known here is newer.
            command.told = command.id not in self._untold
            command = self._untold.get(command.id, command)
            if command.late is None and command.reply is None:
                command.late = text
                self._store.save_command(command).addErrback(lambda _: None)

        looking = self._store.command(flag).addCallback(found)
        looking.addBoth(lambda _: self._asking.discard(device))

    def _end(self, command: Command, state: Life, why: str, reply: Any = None, *, go_on: bool = True) -> None:
        """The one way to an end. It is told when the store has it.

        ``go_on`` is False while a link is taken down: the commands that come back from it go before the next one."""
        queue, now = self._queue(command.device), self._reactor.seconds()
        if isinstance(reply, str):
            queue.heard.append((now + self.settings.doubt, command.text, reply))
        if command.state is Life.SENT and reply is None:
            queue.doubt_until = now + self.settings.doubt
        command.move(state, why, now)
        command.reply = reply
        queue.let_go(command.id)
        if command in queue.waiting:
            queue.waiting.remove(command)
        self._deadlines.drop(command.id)
        self.counters.ended[state] = self.counters.ended.get(state, 0) + 1
        self._store_end(command)
        if go_on:
            self._next(command.device)

    def _store_end(self, command: Command) -> None:
        def not_stored(failure: Failure) -> None:
            self._log.error(
                "the end of command {id} could not be stored, and is tried again: {error}",
                id=command.id,
                error=failure.getErrorMessage(),
            )
            self._reactor.callLater(BUSY_WAITS[-1], self._store_end, command)

        self._store.save_command(command).addCallbacks(lambda _: self._tell(command), not_stored)

    def _tell(self, command: Command) -> None:
        self._closed(command)
        self._report(command)
        for waiter in self._waiters.pop(command.id, []):
            waiter.callback(command)

    def _report(self, command: Command) -> None:
        """Tell of an end; again and again while the journal does not take it, or loses it with a failed commit."""
        self._untold[command.id] = command
        self._deadlines.set(_Telling(command.id), self._reactor.seconds() + TELL_AGAIN)

        def told() -> None:
            if self._untold.pop(command.id, None) is None:
                return
            self._deadlines.drop(_Telling(command.id))
            command.told = True
            # If this is lost in a crash the end is told once more, as everything is.
            self._store.save_command(command).addErrback(lambda _: None)

        self.on_ended(command, told)

    # -- queues -------------------------------------------------------------------------------------------------------

    def _queue(self, device: str) -> _Queue:
        return self._queues.setdefault(device, _Queue())

    def _opened(self, command: Command) -> _Queue:
        self._open[command.id] = command
        queue = self._queue(command.device)
        queue.open += 1
        return queue

    def _closed(self, command: Command) -> None:
        """A command is done with. The queue of a terminal is forgotten with its last one, unless what it learnt of the
        terminal still matters."""
        if self._open.pop(command.id, None) is None:
            return
        queue = self._queue(command.device)
        queue.open -= 1
        learnt = queue.echoes or queue.flagless or self._reactor.seconds() < queue.doubt_until
        if not queue.open and not learnt:
            del self._queues[command.device]


def text_of(reply: Any) -> str | None:
    """The text in a reply to a text command over JT/T 808, whose data is base64; None if it is none."""
    data = reply.get("data") if isinstance(reply, Mapping) else None
    if not isinstance(data, str):
        return None
    try:
        return base64.b64decode(data, validate=True).decode("gb18030", "replace")
    except ValueError:
        return None


def text_in(message: Mapping[str, Any]) -> str | None:
    """The text command in a message: transparent data of the type for it; None for any other message."""
    header, body = message.get("header"), message.get("body")
    if not isinstance(header, Mapping) or not isinstance(body, Mapping):
        return None
    return text_of(body) if (header.get("msg_id"), body.get("type")) == (0x8900, 0xF0) else None


__all__ = ["LONGEST_PURPOSE", "CommandCounters", "CommandLink", "CommandSettings", "Commands", "Unsendable", "text_of"]
