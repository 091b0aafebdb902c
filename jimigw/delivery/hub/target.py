"""The hub's push API as a target of the journal's readers.

    records ──pushes_of──▶ pushes ──requests_of──▶ requests ──one after the other──▶ POST
         code 0: the next one, after the last one Done
         refused: Later; after some tries Never, and the next one
         not now, or no answer: Later, and the next time on from there
         410: Stop

The hub tries three times and drops; here the reader tries until the receiver has it, and what is refused again and
again is kept in the dead letters.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import attrs
import msgspec
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from jimigw import __version__
from jimigw.client.words import reasons, said
from jimigw.journal.interface import Record

from ..target import Done, Later, Never, Outcome, Stop
from .mapping import instruction_of, kinds_of, pushes_of
from .posts import BoundedPosts, Posts
from .requests import Gone, NotNow, Refused, Request, Taken, meaning_of, requests_of
from .rows import Push
from .settings import HubSettings

_HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": f"jimigw/{__version__}"}
_MOST_INSTRUCTIONS = 10_000
_BATCH_BYTES = 4 << 20
_AT_ONCE = 50
"""Records of which pushes are made in one go, some milliseconds: terminals get their answers in between."""


@attrs.define
class _Progress:
    """How far a batch has come that could not be finished: requests that are done, refusals of the next one in a row,
    and what was given up."""

    done: int = 0
    refused: int = 0
    never: dict[int, str] = attrs.Factory(dict)


class HubTarget:
    """Carries records to a receiver of the hub's pushes. See the module."""

    _log = Logger()

    def __init__(self, settings: HubSettings, clock: IReactorTime, posts: Posts) -> None:
        self.settings, self._clock, self._posts = settings, clock, posts
        self.batch, self.batch_bytes, self.lanes = settings.batch, _BATCH_BYTES, settings.concurrency
        self._kinds = kinds_of(settings.chosen)
        self._zones = settings.zones
        #: batches that are to be tried again, by their first and last id
        self._halfway: OrderedDict[tuple[int, int], _Progress] = OrderedDict()
        #: what callers of the command API called their uploads by FTP, by terminal and serial number
        self._instructions: OrderedDict[tuple[str, int], str] = OrderedDict()
        self._under_way: set[Deferred[Any]] = set()

    @property
    def kinds(self) -> frozenset[str] | None:
        """See :class:`jimigw.delivery.target.Target`."""
        return self._kinds

    def wants(self, record: Record) -> bool:
        """All of its kinds: what they have no push for costs nothing."""
        return True

    def deliver(self, records: Sequence[Record]) -> Deferred[Outcome]:
        """See :class:`jimigw.delivery.target.Target`."""
        if not records:
            delivering: Deferred[Outcome] = Deferred()
            delivering.callback(Done())
            return delivering
        delivering = Deferred.fromCoroutine(self._deliver(records))
        self._under_way.add(delivering)

        def over(outcome: Any) -> Any:
            self._under_way.discard(delivering)
            return outcome

        return delivering.addBoth(over)

    def close(self) -> Deferred[None]:
        """See :class:`jimigw.delivery.target.Target`."""
        for delivering in list(self._under_way):
            delivering.cancel()
        return self._posts.close()

    # -- inside -------------------------------------------------------------------------------------------------------

    async def _deliver(self, records: Sequence[Record]) -> Outcome:
        key = records[0].id, records[-1].id
        progress = self._halfway.pop(key, _Progress())
        pushes: list[tuple[int, Push]] = []
        for begin in range(0, len(records), _AT_ONCE):
            if begin:
                try:
                    await deferLater(self._clock, 0.0)
                except CancelledError as error:
                    return self._again(key, progress, _why(error))
            pushes += self._pushes(records[begin : begin + _AT_ONCE])
        requests = requests_of(pushes)
        while progress.done < len(requests):
            request = requests[progress.done]
            said = await self._send(request)
            if isinstance(said, Refused):
                progress.refused += 1
                if progress.refused < self.settings.tries:
                    return self._again(key, progress, f"{request.path}: {said.reason}")
                progress.never |= dict.fromkeys(request.ids, f"{request.path}: {said.reason}")
            elif isinstance(said, NotNow):
                return self._again(key, progress, f"{request.path}: {said.reason}", said.after)
            elif isinstance(said, Gone):
                self._keep(key, progress)
                return Stop(f"{request.path}: {said.reason}")
            progress.done, progress.refused = progress.done + 1, 0
        return Never(progress.never) if progress.never else Done()

    def _pushes(self, records: Sequence[Record]) -> list[tuple[int, Push]]:
        chosen = self.settings.chosen
        found = []
        for record in records:
            told = self._read(record)
            if told is None:
                continue
            known = instruction_of(told)
            if known is not None:
                self._remember(*known)
            for push in pushes_of(told, self._zones, self._instructions):
                if push.path in chosen:
                    found.append((record.id, push))
        return found

    def _read(self, record: Record) -> dict[str, Any] | None:
        try:
            told = msgspec.json.decode(record.json())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            told = None
        if not isinstance(told, dict):
            self._log.error("record {id} is no JSON object and makes no push", id=record.id)
            return None
        return told

    async def _send(self, request: Request) -> Taken | Refused | NotNow | Gone:
        settings, late = self.settings, False
        url, body = settings.address(request.path), request.body(settings.token)
        asking = maybeDeferred(self._posts.post, url, body, _HEADERS)

        def give_up() -> None:
            nonlocal late
            late = True
            asking.cancel()

        timer = self._clock.callLater(settings.timeout, give_up)
        try:
            return meaning_of(await asking)
        except Exception as error:
            return NotNow(f"no answer within {settings.timeout:g} s" if late else _why(error))
        finally:
            if timer.active():
                timer.cancel()

    def _again(self, key: tuple[int, int], progress: _Progress, reason: str, after: float | None = None) -> Later:
        self._keep(key, progress)
        return Later(reason, after)

    def _keep(self, key: tuple[int, int], progress: _Progress) -> None:
        self._halfway[key] = progress
        while len(self._halfway) > self.lanes:
            self._halfway.popitem(last=False)

    def _remember(self, command: tuple[str, int], instruction: str) -> None:
        self._instructions[command] = instruction
        self._instructions.move_to_end(command)
        while len(self._instructions) > _MOST_INSTRUCTIONS:
            self._instructions.popitem(last=False)


def _why(error: Exception) -> str:
    """A sentence for people: why there is no answer."""
    if any(isinstance(each, CancelledError) for each in (error, *reasons(error))):
        return "it was given up"
    return f"it cannot be asked: {said(error)}"[:200]


def hub_target(settings: HubSettings, reactor: Any) -> HubTarget:
    """A target that posts by the bounded client."""
    return HubTarget(settings, reactor, BoundedPosts(reactor, settings.concurrency))


__all__ = ["HubTarget", "hub_target"]
