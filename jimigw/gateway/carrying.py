"""Commands on their way: queued, sent in turn, matched with their answers, ended exactly once.

See :mod:`.commands` for the whole of it; who gives commands, and who waits for them, is there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from jimigw.model.command import Command, Life
from jimigw.store.interface import IStore

from .catalogue import judge
from .command_queue import CommandLink, Queue, Unsendable
from .registry import Registry
from .timers import Deadlines
from .vendor_text import text_of

BUSY_WAITS = (1.5, 3.0, 5.0, 8.0)
"""Seconds after which a terminal that is busy is asked again."""

TELL_AGAIN = 30.0
"""Seconds after which an end is told once more, if it is not known to be safely told."""

OnEnded = Callable[[Command, Callable[[], None]], None]
"""Called with a command that has ended, and what to call when that is safely told."""


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


@attrs.define
class CommandCounters:
    """What became of commands since the start."""

    given: int = 0
    refused: int = 0
    sent: int = 0
    ended: dict[str, int] = attrs.field(factory=dict)
    late: int = 0
    unmatched: int = 0


class Carrying:
    """All open commands. Everything is called in the reactor thread."""

    _log = Logger()

    def __init__(
        self,
        registry: Registry,
        store: IStore,
        reactor: IReactorTime,
        settings: CommandSettings | None = None,
        on_ended: OnEnded = lambda command, told: told(),
    ) -> None:
        self._registry, self._store, self._reactor = registry, store, reactor
        self.settings = settings or CommandSettings()
        self.on_ended = on_ended
        self.counters = CommandCounters()
        self._open: dict[int, Command] = {}
        self._queues: dict[str, Queue] = {}
        #: those that have ended, and the journal does not have their end yet
        self._untold: dict[int, Command] = {}
        #: terminals for which the store is asked about a late answer
        self._asking: set[str] = set()
        #: until when any terminal may answer what an earlier run of the service sent
        self._restart_doubt = 0.0
        #: by the id of a command, which has one thing to wait for at a time
        self._deadlines: Deadlines[int] = Deadlines(reactor, self._due)

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
            now = self._reactor.seconds()
            command = queue.only_one(text, now) if now >= self._doubt(queue) else None
        if queue is None or command is None:
            self.counters.unmatched += 1
            return
        self._judge(queue, command, text)

    def _judge(self, queue: Queue, command: Command, text: str) -> None:
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

    def _doubt(self, queue: Queue) -> float:
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

    def _back(self, queue: Queue, command: Command, why: str) -> None:
        """To the head of the queue again."""
        command.move(Life.QUEUED, why, self._reactor.seconds())
        queue.put_back(command)
        self._deadlines.set(command.id, command.expires)
        self._note(command)

    def _note(self, command: Command) -> None:
        """Store where a command is, for those who look: nothing waits for it."""
        self._store.save_command(command).addErrback(
            lambda failure: self._log.error(
                "command {id} could not be stored: {error}", id=command.id, error=failure.getErrorMessage()
            )
        )

    def _busy(self, queue: Queue, command: Command, text: str) -> None:
        tries = queue.busy.get(command.id, 0)
        if tries >= len(BUSY_WAITS):
            self._end(command, Life.REFUSED, f"the terminal was busy {tries + 1} times", text)
            return
        queue.busy[command.id] = tries + 1
        queue.remember(command, text, self._reactor.seconds() + self.settings.doubt)
        queue.under_way.discard(command.id)
        queue.resting.add(command.id)
        self._deadlines.set(command.id, min(command.expires, self._reactor.seconds() + BUSY_WAITS[tries]))

    def _due(self, id: int) -> None:
        """A deadline of a command has come: its time is over, its answer has not come, it is asked again, or its end is
        stored or told again."""
        if id in self._untold:
            self._report(self._untold[id])
            return
        command = self._open.get(id)
        if command is None:
            return
        if command.state.ended:
            self._store_end(command)
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

    def _ask_again(self, queue: Queue, command: Command) -> None:
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
            queue.remember(command, reply, now + self.settings.doubt)
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
            self._deadlines.set(command.id, self._reactor.seconds() + BUSY_WAITS[-1])

        self._store.save_command(command).addCallbacks(lambda _: self._tell(command), not_stored)

    def _tell(self, command: Command) -> None:
        """The store has its end."""
        self._closed(command)
        self._report(command)

    def _report(self, command: Command) -> None:
        """Tell of an end; again and again while the journal does not take it, or loses it with a failed commit."""
        self._untold[command.id] = command
        self._deadlines.set(command.id, self._reactor.seconds() + TELL_AGAIN)

        def told() -> None:
            if self._untold.pop(command.id, None) is None:
                return
            self._deadlines.drop(command.id)
            command.told = True
            # If this is lost in a crash the end is told once more, as everything is.
            self._store.save_command(command).addErrback(lambda _: None)

        self.on_ended(command, told)

    # -- queues -------------------------------------------------------------------------------------------------------

    def open_of(self, device: str) -> int:
        """How many commands of this terminal have not ended."""
        queue = self._queues.get(device)
        return 0 if queue is None else queue.open

    def __len__(self) -> int:
        """How many commands have not ended."""
        return len(self._open)

    def _queue(self, device: str) -> Queue:
        return self._queues.setdefault(device, Queue())

    def _opened(self, command: Command) -> Queue:
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
