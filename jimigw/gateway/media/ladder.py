"""Files that did not come are asked for: one way after the other, front before cabin, one at a time for each terminal.

    announced ──not here in time──▶ by rule? ──▶ queue of the terminal ──its turn──▶ rung: a command
        │                             └──no──▶ MISSING                                   │ answered, or no answer
        └──comes──▶ stored ◀──────────────────── comes ◀─── waits for it ◀───────────────┘
                                                              └──▶ again, next rung, at last MISSING or FAILED

The words of a terminal are no proof that a file comes, and silence is none that it does not: what counts is the file.
What is asked for is in the store before anything is sent, so a restart goes on where it was.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from jimigw.gateway.catalogue import CommandRefused
from jimigw.gateway.commands import Commands
from jimigw.gateway.timers import Deadlines
from jimigw.model.command import Command, Life
from jimigw.model.media import Media, MediaState, Source
from jimigw.store.interface import StoreError

from .asking import ATTACHMENTS, rungs_of, text_of
from .describing import month_of
from .library import Library
from .safety_alarms import attachment_request
from .settings import UploadCounters, UploadRefused, UploadSettings
from .zones import Rules

OWNER = "uploads"
"""Who gives the commands that ask for files."""

_FULL = 60.0
"""Seconds after which a command is given that found no place in its terminal's queue."""
_GATHER = 0.05
"""Seconds before the first file of a terminal has its turn: the others of its alarm are there by then."""
_LAST = 1 << 30


@attrs.define(eq=False)
class _Line:
    """The files that are asked of one terminal: those that wait, and the one whose turn it is."""

    #: alarm (0: people asked), time, camera, id
    waiting: list[tuple[int, float, int, int]] = attrs.field(factory=list)
    ids: set[int] = attrs.field(factory=set)
    current: int | None = None
    starting: bool = False
    climbing: Deferred[None] | None = None


class _Refused(Exception):
    """This rung is of no use for this terminal."""


class Ladder:
    """Asks for files. Everything is called in the reactor thread."""

    _log = Logger()

    def __init__(
        self,
        library: Library,
        commands: Commands,
        rules: Rules,
        reactor: Any,
        counters: UploadCounters,
        settings: Callable[[], UploadSettings],
    ) -> None:
        self._library, self._store, self._commands, self._rules = library, library.store, commands, rules
        self._reactor, self.counters, self._settings = reactor, counters, settings
        self._lines: dict[str, _Line] = {}
        self._waiters: dict[int, Deferred[bool]] = {}
        self._deadlines: Deadlines[int] = Deadlines(reactor, self._due)
        self._stopped = False

    # -- what is expected ---------------------------------------------------------------------------------------------

    def announced(self, media: Media) -> None:
        """A file is expected; it has some time to come by itself."""
        if media.state is MediaState.ANNOUNCED:
            self._deadlines.set(media.id, media.announced + self._settings().fetch_after)

    def arrived(self, media: Media) -> None:
        """A file is here: it is not asked for any more."""
        self._deadlines.drop(media.id)
        line = self._lines.get(media.device)
        if line is not None and media.id in line.ids and line.current != media.id:
            line.ids.discard(media.id)
            line.waiting = [each for each in line.waiting if each[3] != media.id]
            heapq.heapify(line.waiting)
        waiter = self._waiters.pop(media.id, None)
        if waiter is not None:
            waiter.callback(True)

    def restore(self, files: Iterable[Media]) -> None:
        """Take up what the store held; those that were arriving are put back before."""
        for media in files:
            self.announced(media)
            if media.state is MediaState.ASKED and media.source is not Source.FTP:
                self._enqueue(media)

    def stop(self) -> None:
        """The service ends: what is asked for stays so in the store."""
        self._stopped = True
        self._deadlines.stop()
        for line in list(self._lines.values()):
            if line.climbing is not None:
                line.climbing.cancel()
        self._lines.clear()

    def stats(self) -> dict[str, int]:
        """How many files are asked for."""
        waiting = sum(len(line.ids) for line in self._lines.values())
        return {"asked for": waiting, "terminals asked": len(self._lines)}

    def _due(self, id: int) -> None:
        """An announced file did not come in time."""
        Deferred.fromCoroutine(self._overdue(id)).addErrback(self._failed, id)

    async def _overdue(self, id: int) -> None:
        media = await self._library.get(id)
        if media.state is MediaState.ARRIVING:
            self._deadlines.set(id, self._reactor.seconds() + self._settings().fetch_wait)
            return
        if media.state is not MediaState.ANNOUNCED:
            return
        if await self._by_rule(media) and rungs_of(media):
            await self.want(media)
        else:
            await self._library.give_up(id, MediaState.MISSING, "it was announced and did not come")

    async def _by_rule(self, media: Media) -> bool:
        settings, rule = self._settings(), self._rules.of(media.device)
        if not (settings.fetch if rule.fetch is None else rule.fetch):
            return False
        if not settings.fetch_alarms or media.alarm is None:
            return True
        alarm = await self._store.media_alarm(media.alarm)
        return alarm is None or alarm.code in settings.fetch_alarms

    # -- asking -------------------------------------------------------------------------------------------------------

    async def want(self, media: Media) -> Media:
        """Ask for a file when its turn comes. Fires once the store knows.

        :raises UploadRefused: there is no way to ask for it, or no budget.
        """
        if not rungs_of(media):
            raise UploadRefused(
                f"there is no command by which the file {media.name or media.id} can be asked for", "wrong"
            )
        await self.check_budget(media.device)
        now = self._reactor.seconds()

        def wanted(fresh: Media) -> bool:
            if fresh.state in (MediaState.STORED, MediaState.ARRIVING, MediaState.ASKED):
                return False
            fresh.move(MediaState.ASKED, "it waits for its turn to be asked for")
            fresh.asked, fresh.step, fresh.command = now, "", None
            return True

        fresh = await self._library.change(media.id, wanted)
        if fresh.state is MediaState.ASKED:
            self._enqueue(fresh)
        return fresh

    async def check_budget(self, device: str) -> None:
        """Whether a terminal may be asked for more in this month.

        :raises UploadRefused: it may not.
        """
        rule = self._rules.of(device)
        limit = self._settings().budget if rule.budget is None else rule.budget
        if not limit and rule.budget is None:
            return
        month = month_of(self._reactor.seconds())
        usage = await self._store.usage(device, month)
        if usage.asked >= limit:
            raise UploadRefused(
                f"the budget of {device} for {month}, {limit} bytes, is used up: {usage.asked} bytes were asked for",
                "limit",
            )

    def _enqueue(self, media: Media) -> None:
        line = self._lines.setdefault(media.device, _Line())
        if media.id in line.ids or self._stopped:
            return
        self._deadlines.drop(media.id)
        # What people ask for goes first; the files of one alarm belong together, the road before the cabin.
        heapq.heappush(line.waiting, (media.alarm or 0, media.taken, media.camera or _LAST, media.id))
        line.ids.add(media.id)
        self._next(media.device, line)

    def _next(self, device: str, line: _Line) -> None:
        if self._stopped or line.current is not None or line.starting:
            return
        if line.waiting:
            line.starting = True
            self._reactor.callLater(_GATHER, self._start, device, line)
        elif self._lines.get(device) is line:
            del self._lines[device]

    def _start(self, device: str, line: _Line) -> None:
        line.starting = False
        if self._stopped or not line.waiting:
            self._next(device, line)
            return
        id = line.current = heapq.heappop(line.waiting)[3]

        def over(_: object) -> None:
            line.ids.discard(id)
            line.current = line.climbing = None
            self._next(device, line)

        line.climbing = Deferred.fromCoroutine(self._climb(id))
        line.climbing.addErrback(self._failed, id).addCallback(over)

    def _failed(self, failure: Failure, id: int) -> None:
        if failure.check(CancelledError):
            return
        if failure.check(StoreError, UploadRefused):
            self._log.error("the file {id} is not asked for: {error}", id=id, error=failure.getErrorMessage())
        else:
            self._log.failure("the file {id} is not asked for", failure, id=id)

    # -- the rungs ----------------------------------------------------------------------------------------------------

    async def _climb(self, id: int) -> None:
        """Ask for one file in every way that there is, until it comes."""
        media = await self._library.get(id)
        rungs = list(rungs_of(media))
        # What was asked before a restart is not asked again at once.
        asked = media.command if media.step in rungs else None
        begin = rungs.index(media.step) if asked is not None else 0
        refusals: list[str] = []
        for rung in rungs[begin:]:
            for _ in range(self._settings().fetch_attempts):
                try:
                    if await self._try(id, rung, asked):
                        return
                except _Refused as refusal:
                    refusals.append(f"{rung}: {refusal}")
                    break
                except UploadRefused as refusal:
                    await self._give_up(media, MediaState.FAILED, str(refusal))
                    return
                finally:
                    asked = None
        if len(refusals) == len(rungs[begin:]):
            await self._give_up(media, MediaState.FAILED, "; ".join(refusals) or "there is no command to ask for it")
        else:
            await self._give_up(media, MediaState.MISSING, "it was asked for and did not come")

    async def _give_up(self, media: Media, state: MediaState, why: str) -> None:
        await self._library.give_up(media.id, state, why)
        if media.source is Source.ATTACHMENT and media.alarm is not None:
            # They come together or not at all.
            for other in await self._library.files_of(media.alarm):
                if other.id != media.id and other.state is MediaState.ASKED:
                    await self._library.give_up(other.id, state, why)

    async def _try(self, id: int, rung: str, asked: int | None) -> bool:
        """Ask once; whether the file has come. With ``asked``, a command that was given before.

        :raises _Refused: the terminal does not do this.
        """
        media = await self._library.get(id)
        if media.state is not MediaState.ASKED:
            # It has come, or somebody gave it up. One that is arriving is waited for.
            return media.state is not MediaState.ARRIVING or await self._comes(id)
        number = asked if asked is not None else await self._ask(media, rung)
        command = await self._end_of(number)
        if command is not None:
            _judge(command)
        return await self._comes(id)

    async def _ask(self, media: Media, rung: str) -> int:
        """Give the command, and have the store know it before it is sent on."""
        await self.check_budget(media.device)
        while True:
            try:
                command = await self._give(media, rung)
                break
            except CommandRefused as refusal:
                if refusal.code == "full":
                    await self._sleep(_FULL)
                    continue
                raise _Refused(refusal.message) from None
        files = [media]
        if rung == ATTACHMENTS and media.alarm is not None:
            files += [
                each for each in await self._library.files_of(media.alarm) if each.waited_for and each.id != media.id
            ]
        now = self._reactor.seconds()

        def asked(fresh: Media) -> bool:
            if not fresh.waited_for:
                return False
            if fresh.state is not MediaState.ARRIVING:
                fresh.move(MediaState.ASKED, f"asked for with command {command.id}")
            fresh.asked, fresh.command, fresh.step, fresh.attempts = now, command.id, rung, fresh.attempts + 1
            return True

        for each in files:
            await self._library.change(each.id, asked)
        self.counters.asked += 1
        return command.id

    async def _give(self, media: Media, rung: str) -> Command:
        if rung != ATTACHMENTS:
            text = text_of(media, rung, self._rules)
            return await self._commands.give_text(media.device, text, owner=OWNER, purpose=f"file {media.id}")
        assert media.alarm is not None
        alarm = await self._store.media_alarm(media.alarm)
        settings = self._settings()
        if alarm is None or not alarm.request:
            raise _Refused("the alarm is not known any more")
        if not settings.attachment_host:
            raise _Refused("attachments.public_host does not say where terminals bring attachments")
        message = attachment_request(alarm.request, alarm.number, settings.attachment_host, settings.attachment_port)
        return await self._commands.give_message(
            media.device, message, owner=OWNER, purpose=f"alarm {alarm.id}", confirm=True
        )

    async def _end_of(self, number: int) -> Command | None:
        """The command when it has ended; None where that is not known."""
        settings = self._commands.settings
        try:
            return await self._commands.wait(number, settings.ttl + settings.answer_timeout + _FULL)
        except (LookupError, StoreError):
            return None

    async def _comes(self, id: int) -> bool:
        """Whether the file comes in time; one whose bytes are coming is waited for longer."""
        while True:
            media = await self._library.get(id)
            if not media.waited_for:
                return True
            waiter = self._waiters.setdefault(id, Deferred())
            late = self._reactor.callLater(self._settings().fetch_wait, self._too_late, id)
            try:
                if await waiter:
                    return True
            finally:
                self._waiters.pop(id, None)
                if late.active():
                    late.cancel()
            if (await self._library.get(id)).state is not MediaState.ARRIVING:
                return False

    def _too_late(self, id: int) -> None:
        waiter = self._waiters.pop(id, None)
        if waiter is not None:
            waiter.callback(False)

    def _sleep(self, seconds: float) -> Deferred[None]:
        return deferLater(self._reactor, seconds, lambda: None)


def _judge(command: Command) -> None:
    """What the end of a command says of the file: :class:`_Refused` where it will not come by this way."""
    if command.state is Life.REFUSED:
        raise _Refused(str(command.reply or command.why)[:120])
    if command.state is Life.CANCELLED:
        raise UploadRefused(f"command {command.id} was cancelled", "wrong")
    if command.state is Life.EXPIRED:
        raise UploadRefused("the terminal was not on line in time", "wrong")
