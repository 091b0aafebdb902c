"""Neighbours of the edge for attachments that write down what they are asked, and do it when the test says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, succeed

from jimigw.gateway.uploads import Told, UploadRefused, UploadSettings
from jimigw.model.device import Card, Device
from jimigw.model.media import Media, MediaAlarm

TAKEN = 1_794_999_000.0


class RecordingArrival:
    """A file on its way in, in memory. ``refusing``: what the next piece is refused with; ``waiting``: what the next
    pieces wait for."""

    def __init__(self, uploads: RecordingUploads, device: str | None) -> None:
        self.uploads, self.device = uploads, device
        self.content = bytearray()
        self.name = ""
        self.aborted = ""
        self.told: Told | None = None
        self.pieces: list[tuple[int, int]] = []

    def named(self, name: str) -> None:
        self.name = name

    def write_at(self, offset: int, data: bytes) -> Deferred[None] | None:
        assert not self.aborted and self.told is None
        if self.uploads.refusing is not None:
            raise self.uploads.refusing
        self.pieces.append((offset, len(data)))
        end = offset + len(data)
        self.content.extend(bytes(max(0, end - len(self.content))))
        self.content[offset:end] = data
        if self.uploads.slow:
            self.uploads.drain = Deferred()
            return self.uploads.drain
        return None

    def abort(self, why: str) -> None:
        if self.told is None and not self.aborted:
            self.aborted = why
            self.uploads.open.discard(self)

    def finish(self, told: Told) -> Deferred[Media]:
        assert not self.aborted
        self.told = told
        self.uploads.open.discard(self)
        media = Media(self.device or "", told.name, size=len(self.content), alarm=told.alarm)

        def stored(_: object) -> Media:
            self.uploads.stored[told.name] = bytes(self.content)
            self.uploads.told.append(told)
            return media

        return self.uploads.later().addCallback(stored)


@attrs.define(eq=False)
class RecordingUploads:
    """``alarms``: the numbers that were given out, and to which phone. ``now``: lists and files are done at once;
    otherwise :meth:`go` does the next one. ``refusing``: with what files and pieces are refused."""

    alarms: dict[str, str] = attrs.Factory(dict)
    settings: Any = attrs.Factory(UploadSettings)
    now: bool = True
    slow: bool = False
    refusing: UploadRefused | None = None
    full: UploadRefused | None = None
    lists: list[tuple[str, str, list[tuple[str, int]]]] = attrs.Factory(list)
    arrivals: list[RecordingArrival] = attrs.Factory(list)
    open: set[RecordingArrival] = attrs.Factory(set)
    stored: dict[str, bytes] = attrs.Factory(dict)
    told: list[Told] = attrs.Factory(list)
    waiting: list[Deferred[None]] = attrs.Factory(list)
    drain: Deferred[None] | None = None

    def later(self) -> Deferred[None]:
        if self.now:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self.waiting.append(done)
        return done

    def go(self) -> None:
        """Do the next thing that waits."""
        self.waiting.pop(0).callback(None)

    def fail(self, error: Exception) -> None:
        """Let the next thing that waits fail."""
        self.waiting.pop(0).errback(error)

    def attachment_list(self, phone: str, number: str, files: Sequence[tuple[str, int]]) -> Deferred[MediaAlarm]:
        self.lists.append((phone, number, list(files)))
        if self.alarms.get(number) != phone:
            return fail(UploadRefused("nobody asked this terminal for attachments under this number", "unknown"))
        id = 1 + list(self.alarms).index(number)
        return self.later().addCallback(lambda _: MediaAlarm(phone, 1, TAKEN, id=id, number=number))

    def whose(self, *names: str | None) -> Device:
        return Device(card=Card(str(names[0])))

    def begin(self, peer: str, device: Device | None = None) -> RecordingArrival:
        if self.full is not None:
            raise self.full
        arrival = RecordingArrival(self, None if device is None else device.id)
        self.arrivals.append(arrival)
        self.open.add(arrival)
        return arrival
