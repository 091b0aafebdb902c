"""Files of terminals with everything around them: a real store and a real vault whose threads are moved by hand, a
clock, a journal that commits at once, cameras that are told things and say what the test says."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from jimigw.delivery import target as outcomes
from jimigw.gateway.admission import Admission, Open
from jimigw.gateway.carrying import CommandSettings
from jimigw.gateway.commands import Commands
from jimigw.gateway.registry import Registry
from jimigw.gateway.uploads import Told, UploadRefused, Uploads, UploadSettings
from jimigw.journal.interface import Entry, Record, Records
from jimigw.model.device import Device
from jimigw.model.media import Media, MediaQuery
from jimigw.store import SqliteStore
from jimigw.vault.folder import FolderVault
from tests.store.harness import HandPool, HandReactor
from tests.support.recorder import RecordingJournal, RecordingLink

IMEI = "863000000000014"
PHONE = "13912345678"
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC).timestamp()
#: minutes east of UTC of the camera's file names
ZONE = 480
ROAD = f"EVENT_{IMEI}_00000000_2026_11_20_17_30_00_F_55.mp4"
CABIN = f"EVENT_{IMEI}_00000000_2026_11_20_17_30_00_I_56.mp4"
TURN = 0x92
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40


class Journal(RecordingJournal):
    """Commits at once, unless it does not take anything; reads back what it has."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []

    def append(self, entry: Entry) -> bool:
        if self.taking:
            entry.id = len(self.records) + 1
            self.records.append(
                Record(
                    entry.id, entry.device, entry.protocol, entry.kind, entry.received_at, bytes(entry.raw), entry.data
                )
            )
            if entry.done is not None:
                entry.done(entry)
        return self.taking

    def newest(
        self, limit: int, device: Any = None, kinds: Collection[str] | None = None, before_id: Any = None
    ) -> Deferred[Records]:
        found = [
            each
            for each in self.records
            if device in (None, each.device)
            and (kinds is None or each.kind in kinds)
            and (before_id is None or each.id < before_id)
        ][-limit:]
        return succeed(Records(found, found[0].id - 1 if len(found) == limit else 0))


class MediaWorld:
    """All of it, over restarts. ``settings`` are those of :class:`UploadSettings`."""

    def __init__(self, folder: Path, admission: Admission | None = None, **settings: Any) -> None:
        self.folder, self.clock, self.journal = folder, HandReactor(), Journal()
        self.clock.advance(NOW)
        self.settings = UploadSettings(**settings)
        self._admission = admission or Open()
        self.links: dict[str, RecordingLink] = {}
        self._begin()

    def _begin(self) -> None:
        self.pools = [HandPool()]
        self.store = SqliteStore(self.folder / "store.sqlite", self.clock, make_pool=lambda: self.pools[0])
        contents = self.store.start()
        self.registry = Registry(self.store)
        self.registry.restore(contents)
        self.commands = Commands(self.registry, self.store, self.clock, CommandSettings(), lambda command, told: told())
        self.commands.restore(contents.commands)
        self.vault = FolderVault(self.folder / "uploads", self.clock, make_pool=self._pool)
        self.vault.start()
        self.uploads = Uploads(
            self.registry, self.journal, self.store, self.vault, self.commands, self.clock, self.settings,
            lambda: self._admission, outcomes, b"s" * 32,
        )  # fmt: skip
        self.result(self.uploads.start())

    def _pool(self, most: int) -> HandPool:
        self.pools.append(HandPool())
        return self.pools[-1]

    # -- time ---------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything happen that needs no time to pass."""
        busy = True
        while busy:
            self.clock.advance(0)
            busy = sum(pool.run() for pool in self.pools) > 0

    def wait(self, seconds: float) -> None:
        """Let time pass, a little at a time."""
        left = seconds
        while left > 0:
            step = min(left, 5.0)
            self.clock.advance(step)
            self.settle()
            left -= step

    def result(self, deferred: Deferred[Any]) -> Any:
        """What comes of it; its error is raised."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        self.settle()
        assert results, "nothing has come of it yet"
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]

    def restart(self, kill: bool = False) -> None:
        """The service ends and begins again; with ``kill``, in the middle of everything."""
        if kill:
            for call in self.clock.getDelayedCalls():
                call.cancel()
            for pool in self.pools:
                pool.jobs.clear()
            database: Any = self.store._database
            lock: Any = self.vault._lock
            database.close()
            lock.close()
        else:
            self.end()
        self.links.clear()
        known = [(device.id, device.protocol) for device in self.registry]
        self._begin()
        for id, protocol in known:
            self.registry.enter(id, protocol, self.clock.seconds())

    def end(self) -> None:
        """The service ends."""
        self.result(self.uploads.stop())
        self.commands.stop()
        self.result(self.store.close())
        self.result(self.vault.close())

    # -- cameras ------------------------------------------------------------------------------------------------------

    def camera(self, id: str = IMEI, protocol: str = "jimi", online: bool = True, zone: int | None = ZONE) -> Device:
        """A terminal that is known, and on line if that is wanted."""
        device = self.registry.enter(id, protocol, self.clock.seconds())
        if zone is not None:
            self.result(self.uploads.set_rule(device, zone=zone))
        if online:
            self.login(id)
        return device

    def login(self, id: str = IMEI) -> RecordingLink:
        device = self.registry.get(id)
        assert device is not None
        link = self.links[id] = RecordingLink(window=1 if device.protocol == "jimi" else 4)
        device.link = link
        self.commands.logged_in(id)
        self.settle()
        return link

    def asked(self, id: str = IMEI) -> list[Any]:
        """What the terminal was told, in order."""
        return [content for _, content in self.links[id].given]

    def says(self, text: str, id: str = IMEI) -> None:
        """The terminal answers the last text command."""
        self.commands.heard(id, self.links[id].given[-1][0], text)
        self.settle()

    # -- what terminals send ------------------------------------------------------------------------------------------

    def upload(self, name: str, data: bytes = CLIP, id: str = IMEI, **told: Any) -> Media:
        """A file that comes in all."""
        device = self.registry.get(id)
        assert device is not None
        arrival = self.uploads.begin("192.0.2.1", device)
        try:
            arrival.write(data)
        except UploadRefused as refusal:
            arrival.abort(str(refusal))
            raise
        finally:
            self.settle()
        media = self.result(arrival.finish(Told(name, **told)))
        assert isinstance(media, Media)
        self.settle()
        return media

    def alarm(
        self, names: Collection[str] = (CABIN, ROAD), code: int = TURN, at: float | None = None, id: str = IMEI
    ) -> Record:
        """An alarm of the Jimi protocol that announces files, as its record; the reader hears of it."""
        at = self.clock.seconds() if at is None else at
        time = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
        position = {"time": time, "latitude": 22.5, "longitude": 113.9, "time_source": "terminal"}
        body = {"alarm_type": code, "date_time": time, "files": list(names)}
        return self.record(
            "alarm", {"msg_id": 0x95}, body, id, position=position, alarms=[{"code": code, "name": "Turn"}]
        )

    def record(
        self, kind: str, header: Mapping[str, Any], body: Mapping[str, Any], id: str = IMEI, **more: Any
    ) -> Record:
        """A record in the journal, of which the reader hears."""
        device = self.registry.get(id)
        protocol = "jimi" if device is None else device.protocol
        message = {"header": dict(header), "body": dict(body)}
        data = msgspec.json.encode({"device": id, "protocol": protocol, "kind": kind, "message": message, **more})
        entry = Entry(id, protocol, kind, int(self.clock.seconds() * 1e6), b"", data)
        self.journal.append(entry)
        record = self.journal.records[-1]
        self.hear(record)
        return record

    def hear(self, record: Record) -> Any:
        """The reader is given a record, perhaps once more."""
        return self.result(self.uploads.heard.deliver([record]))

    # -- what has come of it ------------------------------------------------------------------------------------------

    def files(self, **query: Any) -> list[Media]:
        """Files, the oldest first."""
        found = self.result(self.uploads.find(MediaQuery(**query)))
        return list(reversed(found))

    def states(self, **query: Any) -> dict[str | None, str]:
        """The state of each file by its name."""
        return {each.name: str(each.state) for each in self.files(**query)}

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of the records of this kind, in order."""
        found = [msgspec.json.decode(each.data) for each in self.journal.records if each.kind == kind]
        return [each["message"]["body"] for each in found]

    def content(self, media: Media) -> bytes:
        """What the vault has of it."""
        data = self.result(self.uploads.read(media, 0, 1 << 30))
        assert isinstance(data, bytes)
        return data


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()
