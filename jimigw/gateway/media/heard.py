"""What the journal says of files: alarms that announce some, pictures of JT/T 808, results of uploads by FTP.

A reader of the journal like any other: what it has not understood is a dead letter, what the store cannot take is tried
again, and after a restart it goes on where it stopped. Everything it does may be done twice.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, succeed

from jimigw.gateway.registry import Registry
from jimigw.journal.interface import IJournal, JournalError, Record
from jimigw.model.device import Device
from jimigw.model.file_names import parse_name, zone_of
from jimigw.model.media import Media, MediaAlarm, MediaQuery, MediaState, Source, Tie
from jimigw.model.report import Position
from jimigw.store.interface import StoreError

from .arrival import Arrival
from .attachments import Attachments
from .describing import LONGEST_NAME
from .ladder import Ladder
from .library import Library
from .pictures import Picture, pieces_of, seconds_of
from .safety_alarms import attachment_alarms
from .settings import UploadRefused, UploadSettings

READER = "media"
"""The name of the reader, and of its cursor."""

_MOST_FILES = 64
"""Files that one alarm announces at most."""
_PICTURE, _FTP, _FTP_RESULT = 0x0801, 0x9206, 0x1206
_parsed = msgspec.json.Decoder().decode
_position = msgspec.json.Decoder(Position).decode


class Heard:
    """A target of the journal's readers; see :class:`jimigw.delivery.target.Target`.

    ``outcomes`` are that room's words for what came of a delivery: all is done; later, and why; never, by record.
    """

    batch, batch_bytes, lanes = 500, 8 << 20, 1
    kinds = frozenset({"alarm", "upload", "command_result"})

    def __init__(
        self,
        library: Library,
        ladder: Ladder,
        attachments: Attachments,
        registry: Registry,
        journal: IJournal,
        begin: Callable[[str, Device], Arrival],
        outcomes: Any,
        reactor: Any,
        settings: Callable[[], UploadSettings],
    ) -> None:
        self._library, self._ladder, self._attachments = library, ladder, attachments
        self._registry, self._journal = registry, journal
        self._store, self._rules, self._settings = library.store, library.rules, settings
        self._begin, self._outcomes, self._reactor = begin, outcomes, reactor

    def _zone(self) -> float:
        return self._settings().jt808_zone

    def wants(self, record: Record) -> bool:
        """Everything of these kinds."""
        return True

    def close(self) -> Deferred[None]:
        """Nothing is under way by itself."""
        return succeed(None)

    def deliver(self, records: Sequence[Record]) -> Deferred[Any]:
        """Take over what these records say."""
        return Deferred.fromCoroutine(self._deliver(records))

    async def _deliver(self, records: Sequence[Record]) -> Any:
        never: dict[int, str] = {}
        for record in records:
            try:
                await self._hear(record)
            except (StoreError, JournalError) as error:
                return self._outcomes.Later(str(error))
            except UploadRefused as refusal:
                if refusal.code in ("room", "failed"):
                    return self._outcomes.Later(str(refusal), refusal.retry_after)
                never[record.id] = str(refusal)
            except Exception as error:
                never[record.id] = f"{type(error).__name__}: {error}"[:200]
        return self._outcomes.Never(never) if never else self._outcomes.Done()

    async def _hear(self, record: Record) -> None:
        told = _parsed(record.data)
        message = told.get("message") or {}
        header, body = message.get("header") or {}, message.get("body")
        if not isinstance(body, dict):
            return
        if record.kind == "alarm":
            if record.protocol == "jimi":
                await self._jimi_alarm(record, told, body)
            else:
                await self._jt808_alarm(record, told, message)
        elif record.kind == "upload":
            if header.get("msg_id") == _PICTURE and "multimedia" in body:
                await self._picture(record, body)
        elif header.get("msg_id") == _FTP_RESULT:
            await self._ftp_result(record, body)
        elif "outcome" in body:
            await self._ftp_asked(record, body)

    # -- alarms -------------------------------------------------------------------------------------------------------

    async def _jimi_alarm(self, record: Record, told: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        """0x95: the names of its files are announced."""
        names = [name for name in body.get("files") or () if isinstance(name, str) and 0 < len(name) <= LONGEST_NAME]
        names = list(dict.fromkeys(names))[:_MOST_FILES]
        if not names:
            return
        alarm = self._alarm(record, told)
        await self._learn_zone(record.device, names, told)
        await self._library.locks.run(record.device, lambda: self._announce(alarm, names))

    def _alarm(self, record: Record, told: Mapping[str, Any], **more: Any) -> MediaAlarm:
        first = (told.get("alarms") or [{}])[0]
        position = told.get("position")
        return MediaAlarm(
            record.device,
            record.id,
            _seconds((position or {}).get("time")) or record.received_at / 1e6,
            protocol=record.protocol,
            code=more.get("code", first.get("code")),
            name=more.get("name", first.get("name")),
            identity=more.get("identity", ""),
            expected=more.get("expected", 0),
            position=None if position is None else _position(msgspec.json.encode(position)),
        )

    async def _learn_zone(self, device: str, names: Sequence[str], told: Mapping[str, Any]) -> None:
        """Names are local, the packet is UTC: what lies between is the zone of the names."""
        time = _seconds((told.get("position") or {}).get("time"))
        if (told.get("position") or {}).get("time_source") != "terminal":
            return  # the terminal's clock is wrong, or said nothing
        zones = set()
        for name in names:
            parsed = parse_name(name)
            # A name with a flag is that of an older event, which a command asked for.
            if parsed.local is not None and not parsed.flag:
                zones.add(zone_of(parsed.local, time))
        if len(zones) == 1 and (zone := zones.pop()) is not None:
            await self._rules.learn(device, zone)

    async def _announce(self, alarm: MediaAlarm, names: Sequence[str]) -> None:
        """Write down the files of an alarm. An alarm that is told again, under another record, announces nothing."""
        device, now = alarm.device, self._reactor.seconds()
        known: dict[str, Media | None] = {}
        for name in names:
            found = await self._store.find_media(MediaQuery(device, name=name, limit=100))
            known[name] = found[-1] if found else None
        if all(media is not None and media.alarm is not None for media in known.values()):
            await self._again(alarm, [media for media in known.values() if media is not None])
            return
        alarm.expected = len(names)
        await self._store.save_media_alarm(alarm)
        for name, media in known.items():
            if media is None:
                parsed = parse_name(name)
                media = Media(
                    device, name, kind=parsed.kind, camera=parsed.camera, event=parsed.event, flag=parsed.flag,
                    taken=self._rules.utc(device, parsed.local),
                )  # fmt: skip
                self._library.counters.announced += 1
            if media.alarm is None:
                media.alarm, media.tie, media.announced = alarm.id, Tie.NAME, media.announced or now
                media.source = Source.EVENT
                await self._store.save_media(media)
            if media.waited_for:
                self._ladder.announced(media)
        self._library.check_alarm(alarm.id)

    async def _again(self, alarm: MediaAlarm, files: Sequence[Media]) -> None:
        """All files are known. If this very record had told of them, a crash may have cut off what follows."""
        for media in files:
            if media.waited_for and media.alarm is not None:
                first = await self._store.media_alarm(media.alarm)
                if first is not None and first.record == alarm.record:
                    self._ladder.announced(media)

    async def _jt808_alarm(self, record: Record, told: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        """Active safety: attachments, by an identity; they are asked for."""
        for found in attachment_alarms(message):
            alarm = self._alarm(
                record,
                told,
                code=found.code,
                name=found.name or _name_of(told, found.code),
                identity=found.identity_hex,
                expected=found.count,
            )
            alarm.time = seconds_of(found.time, self._zone()) or alarm.time
            if not found.count and found.kind != "label":
                continue
            await self._attachments.expect(alarm, found)

    # -- pictures of JT/T 808 -----------------------------------------------------------------------------------------

    async def _picture(self, record: Record, body: Mapping[str, Any]) -> None:
        """0x0801: its data becomes a file. The edition of 2011 sends it in packets, each a message of its own."""
        picture = Picture.of(record.device, body)
        data = base64.b64decode(body.get("multimedia") or "", validate=True)
        if picture.packets > 1:
            found = await pieces_of(self._journal, record, picture, data)
            if found is None:
                return
            data = found
        if not data:
            return
        device = self._registry.get(record.device)
        if device is None:
            raise UploadRefused(f"{record.device} is not known any more", "unknown")
        arrival = self._begin("its own report", device)
        waiting = arrival.write(data)
        if waiting is not None:
            await waiting
        await arrival.finish(picture.told(self._zone()))

    # -- uploads by FTP -----------------------------------------------------------------------------------------------

    async def _ftp_asked(self, record: Record, body: Mapping[str, Any]) -> None:
        """The end of a command 0x9206: what the terminal is to upload, to the server that the command names."""
        message = body.get("message") or {}
        if (message.get("header") or {}).get("msg_id") != _FTP or body.get("outcome") != "answered":
            return
        asked, reply, command = message.get("body") or {}, body.get("reply"), body.get("command")
        if not isinstance(reply, dict) or not isinstance(command, int):
            return
        path = str(asked.get("path") or "/")
        place = f"ftp://{asked.get('ip')}:{asked.get('port')}/{path.lstrip('/')}"[:LONGEST_NAME]
        now = self._reactor.seconds()

        async def alone() -> None:
            if await self._store.find_media(MediaQuery(record.device, command=command, source=Source.FTP, limit=1)):
                return
            media = Media(
                record.device,
                kind="video",
                source=Source.FTP,
                state=MediaState.ASKED,
                why="the terminal took the command",
                camera=asked.get("channel") or None,
                taken=seconds_of(asked.get("start_time"), self._zone()),
                command=command,
                asked=now,
                place=place,
                details={
                    "seq": reply.get("seq"),
                    "start_time": asked.get("start_time"),
                    "end_time": asked.get("end_time"),
                },
            )
            await self._store.save_media(media)

        await self._library.locks.run(record.device, alone)

    async def _ftp_result(self, record: Record, body: Mapping[str, Any]) -> None:
        """0x1206: the upload of this serial number has ended. The file lies where the command said."""

        async def alone() -> None:
            asked = await self._store.find_media(
                MediaQuery(record.device, source=Source.FTP, states=frozenset({MediaState.ASKED}), limit=1000)
            )
            media = next((each for each in asked if each.details.get("seq") == body.get("seq")), None)
            if media is not None:
                await self._library.elsewhere(media, stored=body.get("result") == 0)

        await self._library.locks.run(record.device, alone)


def _name_of(told: Mapping[str, Any], code: int | None) -> str | None:
    """What the record calls the alarm of this code."""
    return next((each.get("name") for each in told.get("alarms") or () if each.get("code") == code), None)


def _seconds(told: object) -> float:
    """A time as records have it, in seconds since 1970; 0 for none."""
    if not isinstance(told, str):
        return 0.0
    try:
        return datetime.fromisoformat(told).timestamp()
    except ValueError:
        return 0.0
