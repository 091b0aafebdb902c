"""Callbacks: records are posted to a URL, as JSON, with a delivery id and a signature."""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Sequence
from fnmatch import translate
from typing import Any
from zlib import crc32

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.iweb import IPolicyForHTTPS

from jimigw.client.words import bare_url
from jimigw.journal.interface import Record

from .posting import MISTAKEN, Answer, Poster, Refused, Unanswered, judged
from .target import Done, Later, Never, Outcome

DELIVERY_HEADER = "X-Jimigw-Delivery"
"""The id of a delivery: the same when the same records are sent again."""

_MOST_BEGUN = 64


@attrs.frozen
class CallbackSettings:
    """Where to, what, and how. Of ``kinds`` and ``devices`` (patterns with ``*`` and ``?``) none means all."""

    url: str
    kinds: Collection[str] = ()
    devices: Sequence[str] = ()
    batch: int = attrs.field(default=500, validator=attrs.validators.ge(1))
    batch_bytes: int = attrs.field(default=1 << 20, validator=attrs.validators.ge(1))
    concurrency: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    timeout: float = attrs.field(default=10.0, validator=attrs.validators.gt(0))
    secret: bytes | None = attrs.field(default=None, repr=False)


def delivery_id(records: Sequence[Record]) -> str:
    """A name for these records, first and last id and a check of all: nothing needs to be kept for it."""
    ids = array("q", [record.id for record in records])
    return f"{ids[0]}-{ids[-1]}-{crc32(ids.tobytes()):08x}"


class Filter:
    """Which records a callback wants: a part of every target that posts."""

    def __init__(self, settings: CallbackSettings) -> None:
        self.kinds = frozenset(settings.kinds) or None
        self._devices = re.compile("|".join(map(translate, settings.devices))).match if settings.devices else None

    def wants(self, record: Record) -> bool:
        """Whether its device is wanted; the journal has looked at the kind."""
        return self._devices is None or self._devices(record.device) is not None


@attrs.define
class _Begun:
    """What is known of the records of a batch that is not over."""

    safe: set[int] = attrs.Factory(set)
    reasons: dict[int, str] = attrs.Factory(dict)

    def open(self, records: Sequence[Record]) -> list[Record]:
        """Those of which nothing is known."""
        return [record for record in records if record.id not in self.safe and record.id not in self.reasons]


class JsonCallback:
    """Posts an array of records, exactly as the journal has them. A batch that is refused is halved until the records
    are found that are the cause; the others arrive."""

    _log = Logger()

    def __init__(self, reactor: Any, settings: CallbackSettings, policy: IPolicyForHTTPS | None = None) -> None:
        self.batch, self.batch_bytes, self.lanes = settings.batch, settings.batch_bytes, settings.concurrency
        self._url = settings.url
        self._filter = Filter(settings)
        self.wants = self._filter.wants
        self._poster = Poster(
            reactor, timeout=settings.timeout, kept=min(settings.concurrency, 8), secret=settings.secret, policy=policy
        )
        self._begun: dict[str, _Begun] = {}
        self._mistaken: int | None = None

    @property
    def kinds(self) -> frozenset[str] | None:
        """The kinds that it wants, None for all."""
        return self._filter.kinds

    def close(self) -> Deferred[None]:
        """Close connections; the reader has given up what was under way."""
        return self._poster.close()

    def deliver(self, records: Sequence[Record]) -> Deferred[Outcome]:
        """Post them. Never fails."""
        return Deferred.fromCoroutine(self._deliver(records))

    async def _deliver(self, records: Sequence[Record]) -> Outcome:
        name = delivery_id(records)
        begun = self._begun.pop(name, None) or _Begun()
        outcome = await self._carry(begun.open(records), begun)
        if outcome is not None:
            if (begun.safe or begun.reasons) and len(self._begun) < _MOST_BEGUN:
                self._begun[name] = begun  # the next try goes on where this one ended
            return outcome
        return Never(begun.reasons) if begun.reasons else Done()

    async def _carry(self, records: Sequence[Record], begun: _Begun) -> Outcome | None:
        """Post records in order, in parts where they are refused; None when all are over."""
        parts = [records] if records else []
        while parts:
            part = parts.pop(0)
            try:
                answer = await self._post(part)
            except Unanswered as error:
                return Later(str(error))
            outcome = judged(answer)
            if isinstance(outcome, Done):
                begun.safe.update(record.id for record in part)
            elif not isinstance(outcome, Refused):
                return outcome
            elif len(part) == 1:
                begun.reasons[part[0].id] = outcome.reason
            else:
                parts[:0] = part[: len(part) // 2], part[len(part) // 2 :]
        return None

    async def _post(self, records: Sequence[Record]) -> Answer:
        body = b"[%b]" % b",".join([record.json() for record in records])
        headers = {"Content-Type": "application/json", DELIVERY_HEADER: delivery_id(records)}
        answer = await self._poster.post(self._url, body, headers)
        self._tell_mistake(answer)
        return answer

    def _tell_mistake(self, answer: Answer) -> None:
        """Say once, loudly, what only people can mend."""
        mistaken = answer.status if answer.status in MISTAKEN else None
        if mistaken is not None and mistaken != self._mistaken:
            self._log.error(
                "the callback {url} is not set up rightly: {answer}", url=bare_url(self._url), answer=answer
            )
        self._mistaken = mistaken
