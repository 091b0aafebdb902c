"""The target that publishes to a broker of MQTT, and takes commands from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

import attrs
import msgspec
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from jimigw.delivery.target import Done, Later, Never, Outcome
from jimigw.gateway.commands import Commands
from jimigw.gateway.registry import Registry
from jimigw.journal.interface import Record
from jimigw.model.topics import Template

from .broker import Broker, Complain, Place, Unreachable
from .connection import Arrival, Settings, packed_properties, reason_text
from .downlinks import Downlinks, NotStored
from .packets import Publication
from .request import Request
from .uplinks import Published, Unreadable, Uplinks

_NOT_NOW = frozenset({0x80, 0x83, 0x91, 0x97})
"""Reasons of a broker that may be other ones later: unspecified, its own, packet id in use, quota exceeded. All others
are about the publication: not authorised, topic name invalid, packet too large, payload format invalid."""

_LONGEST_TOPIC = 65_535

_MOST_TAKEN, _MOST_TAKEN_BYTES = 256, 8 << 20
"""Messages, and bytes of them, that may be on their way to commands before nothing more is read from the broker."""


@attrs.frozen
class MqttSettings:
    """All that a target is made with. ``awaited`` has the templates of the down topics by protocol."""

    place: Place
    client: Settings
    published: Published
    awaited: Mapping[str, Template]
    inflight: int = 100
    timeout: float = 20.0


class MqttTarget:
    """See :class:`jimigw.delivery.target.Target`. A batch is published in its order, many at once, and done when the
    broker has acknowledged all of it."""

    _log = Logger()

    batch = 500
    batch_bytes = 1 << 20
    lanes = 1

    def __init__(
        self,
        settings: MqttSettings,
        commands: Commands,
        registry: Registry,
        reactor: Any,
        complain: Complain | None = None,
        random: Random | None = None,
    ) -> None:
        self._settings = settings
        self._complain: Complain = complain or _say
        self.uplinks = Uplinks(settings.published, registry.get)
        self.broker = Broker(
            settings.place,
            settings.client,
            [each.filter for each in settings.awaited.values()],
            reactor,
            self._arrived,
            inflight=settings.inflight,
            timeout=settings.timeout,
            complain=self._complain,
            random=random,
        )
        self.downlinks = Downlinks(
            commands,
            registry,
            reactor,
            settings.awaited,
            self._tell,
            [*settings.published.up.values(), *settings.awaited.values()],
            self._complain,
            self.uplinks.device_of,
            settings.client.longest,
        )
        self._taken = self._taken_bytes = 0
        self._paused = False

    @property
    def kinds(self) -> frozenset[str] | None:
        """The kinds of records of which anything is published; None for all."""
        return self.uplinks.kinds

    def wants(self, record: Record) -> bool:
        """All of them: what is published of a record is seen when it is read."""
        return True

    def start(self) -> None:
        """Connect to the broker, and take commands from it."""
        self.broker.start()

    def stop(self) -> Deferred[None]:
        """The same as :meth:`close`."""
        return self.close()

    def close(self) -> Deferred[None]:
        """Give up what is under way, and leave the broker; it keeps the session."""
        return self.broker.stop()

    def figures(self) -> dict[str, Any]:
        """Counters and gauges of now, by name."""
        return {
            "state": self.broker.state,
            "reason": self.broker.reason,
            **attrs.asdict(self.broker.counters),
            "in flight": self.broker.inflight,
            **{f"downlinks, {name}": count for name, count in attrs.asdict(self.downlinks.counters).items()},
        }

    # -- up -----------------------------------------------------------------------------------------------------------

    def deliver(self, records: Sequence[Record]) -> Deferred[Outcome]:
        """Publish what these records have; fires when the broker has it."""
        unreadable: dict[int, str] = {}
        made: list[tuple[int, Publication]] = []
        longest = self._settings.client.longest
        for record in records:
            try:
                found = self.uplinks.of(record)
            except Unreadable as error:
                unreadable[record.id] = str(error)
                continue
            for publication in found:
                if len(publication.payload) > longest:
                    size = len(publication.payload)
                    unreadable[record.id] = f"it has {size} bytes; mqtt.max_payload lets {longest} pass"
                else:
                    made.append((record.id, publication))
        made = list(_latest(made))
        sending = self.broker.send([publication for _, publication in made])
        outcome: Deferred[Outcome] = Deferred(lambda _: sending.cancel())

        def sent(reasons: list[int]) -> None:
            outcome.callback(_outcome(made, reasons, unreadable))

        def failed(failure: Failure) -> None:
            error = failure.value
            if isinstance(error, Unreachable):
                outcome.callback(Later(error.reason, error.after))
            elif failure.check(CancelledError):
                outcome.callback(Later("nobody waited for it any more"))
            else:
                self._log.failure("publishing failed", failure)
                outcome.callback(Later(failure.getErrorMessage()))

        sending.addCallbacks(sent, failed)
        return outcome

    # -- down ---------------------------------------------------------------------------------------------------------

    def _arrived(self, arrival: Arrival) -> None:
        connection = self.broker.connection
        if connection is None:
            return
        size = len(arrival.payload)
        self._taken += 1
        self._taken_bytes += size
        taking = self.downlinks.take(arrival)
        if not taking.called:
            self._look()

        def over(result: Any) -> None:
            self._taken -= 1
            self._taken_bytes -= size
            if not isinstance(result, Failure):
                if arrival.packet_id:
                    connection.acknowledge(arrival.packet_id)
            else:
                if not result.check(NotStored):
                    self._log.failure("a message of the broker could not be taken", result)
                # The one way to have a message again: a new connection.
                connection.abort(f"a command could not be stored: {result.getErrorMessage()}")
            self._look()

        taking.addBoth(over)

    def _look(self) -> None:
        """Read from the broker only as fast as commands are stored."""
        full = self._taken >= _MOST_TAKEN or self._taken_bytes >= _MOST_TAKEN_BYTES
        if full is self._paused or (self._paused and self._taken > _MOST_TAKEN // 2):
            return
        self._paused = full
        if self.broker.connection is not None:
            self.broker.connection.pause(full)

    def _tell(self, arrival: Arrival, request: Request, told: dict[str, Any]) -> Deferred[object]:
        """Publish why a message became no command of its own."""
        published = self._settings.published
        topic = (request.response or f"{arrival.topic}/{published.results}").encode()
        if not published.results or not arrival.topic or len(topic) > _LONGEST_TOPIC:
            return succeed(None)
        properties = packed_properties(request.correlation_data)
        telling: Deferred[Any] = self.broker.send(
            [Publication(topic, msgspec.json.encode(told), properties=properties)]
        )
        return telling


def _say(say: Any, text: str, *, kind: object = None, **fields: Any) -> None:
    say(text, **fields)


def _latest(made: Sequence[tuple[int, Publication]]) -> Iterable[tuple[int, Publication]]:
    """Without what is retained and followed by another of its topic: the broker would keep only that."""
    last = {publication.topic: at for at, (_, publication) in enumerate(made) if publication.retain}
    if not last:
        return made
    return (
        (id, publication)
        for at, (id, publication) in enumerate(made)
        if not publication.retain or last[publication.topic] == at
    )


def _outcome(made: Sequence[tuple[int, Publication]], reasons: Sequence[int], unreadable: Mapping[int, str]) -> Outcome:
    """What the reader is told."""
    if not any(reasons):
        return Never(unreadable) if unreadable else Done()
    never = dict(unreadable)
    for (id, publication), reason in zip(made, reasons, strict=True):
        if reason in _NOT_NOW:
            return Later(f"the broker does not take it now: {reason_text(reason)}")
        if reason:
            topic = publication.topic.decode("utf-8", "replace")
            never.setdefault(id, f"the broker does not take it on {topic}: {reason_text(reason)}")
    return Never(never)


__all__ = ["MqttSettings", "MqttTarget"]
