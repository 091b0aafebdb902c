"""A whole service, a broker, a platform at the broker, terminals; and a small reader that carries records between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from twisted.internet import protocol, reactor, task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

from jimigw.delivery.mqtt import MqttTarget
from jimigw.delivery.target import Done, Later, Never, Outcome
from jimigw.journal.interface import IJournal
from jimigw.protocols.jt808.codec import decode_frame, encode_json
from jimigw.protocols.jt808.frame import Frame, FrameDecoder
from jimigw.service.brokers import mqtt_of
from tests.service.harness import Running
from tests.support.jt808 import REGISTRATION
from tests.support.servers import Mosquitto, until

_clock: Any = reactor
PHONE = "000123456789"


class Terminal808(protocol.Protocol):
    """A terminal of JT/T 808. ``frames`` are those it got."""

    def __init__(self, phone: str = PHONE, version: int = 2013) -> None:
        self.phone, self.version, self.serial = phone, version, 0
        self.decoder = FrameDecoder(1 << 16)
        self.frames: list[Frame] = []

    def dataReceived(self, data: bytes) -> None:
        self.frames += [each for each in self.decoder.feed(data) if isinstance(each, Frame)]

    def send(self, raw: bytes) -> None:
        assert self.transport is not None
        self.transport.write(raw)

    def say(self, msg_id: int, body: dict[str, Any]) -> None:
        header = {"msg_id": msg_id, "phone": self.phone, "msg_sn": self.serial, "version": self.version}
        frames = encode_json({"header": header, "body": body})
        self.serial = (self.serial + len(frames)) & 0xFFFF
        self.send(b"".join(frames))

    def got(self, msg_id: int) -> list[Frame]:
        return [each for each in self.frames if each.header.msg_id == msg_id]

    async def enter(self) -> None:
        self.say(0x0100, REGISTRATION if self.version == 2013 else REGISTRATION | {"manufacturer": "70111000000"})
        registered = await until(lambda: self.got(0x8100), "the answer to the registration")
        code = decode_frame(registered[0]).to_json()["body"]["auth_code"]
        body = {"code": code}
        if self.version == 2019:
            body |= {"imei": "888888888888888", "sw_version": "V1"}
        self.say(0x0102, body)
        await until(lambda: self.got(0x8001), "the answer to the authentication")

    def leave(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


class Reader:
    """Reads a journal, calls ``deliver``, moves the cursor: what the reader loop does, and nothing more."""

    def __init__(self, journal: IJournal, target: MqttTarget, name: str = "mqtt") -> None:
        self.journal, self.target, self.name = journal, target, name
        self.cursor = 0
        self.never: dict[int, str] = {}
        self.later: list[Later] = []
        self.done = 0
        self._broken: list[Any] = []
        self._running: Deferred[None] | None = None
        self._wake: Deferred[None] | None = None
        self._stopping = self._news = False
        self._delivering: Deferred[Outcome] | None = None

    def start(self) -> None:
        self.journal.add_listener(self._woken)
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(self._broken.append)

    def _woken(self) -> None:
        self._news = True
        wake, self._wake = self._wake, None
        if wake is not None:
            wake.callback(None)

    async def _run(self) -> None:
        self.cursor = await self.journal.cursor(self.name) or 0
        self.journal.set_cursor(self.name, self.cursor)
        while not self._stopping:
            self._news = False  # what is committed while the journal reads comes with the next read
            kinds = self.target.kinds
            records = await self.journal.read(self.cursor, self.target.batch, kinds=kinds)
            if not records:
                if not self._news:
                    self._wake = Deferred()
                    await self._wake
                continue
            self._delivering = self.target.deliver(records)
            outcome = await self._delivering
            self._delivering = None
            if isinstance(outcome, Done | Never):
                self.never |= outcome.reasons if isinstance(outcome, Never) else {}
                self.done += len(records)
                self.cursor = records[-1].id
                self.journal.set_cursor(self.name, self.cursor)
            else:
                assert isinstance(outcome, Later)
                self.later.append(outcome)
                if not self._stopping:
                    await task.deferLater(_clock, min(0.3 if outcome.after is None else outcome.after, 0.3))

    async def stop(self) -> None:
        self._stopping = True
        self.journal.remove_listener(self._woken)
        if self._delivering is not None:
            self._delivering.cancel()
        self._woken()
        if self._running is not None:
            await self._running
        assert not self._broken, self._broken

    async def caught_up(self) -> None:
        """All that is in the journal now is delivered."""
        last = self.journal.last_id()
        await until(lambda: self.cursor >= last, f"record {last}; the reader is at {self.cursor}, {self.later[-2:]}")


class World:
    """A service that has no broker, and a target for one beside it, which the test can look into."""

    def __init__(self, folder: Path, broker: Mosquitto | int, *settings: str) -> None:
        port = broker if isinstance(broker, int) else broker.port
        urls = [text.partition("=")[2].strip('"') for text in settings if text.startswith("mqtt.url=")]
        others = [text for text in settings if not text.startswith("mqtt.url=")]
        self.running = Running(folder, 'exchange.dialect="emqx"', "journal.commit_interval=0.0", *others)
        service = self.running.service
        self.service, self.commands, self.journal = service, service.commands, service.journal
        self.complaints: list[tuple[str, dict[str, Any]]] = []
        place = attrs.evolve(service.config.mqtt, url=[f"mqtt://127.0.0.1:{port}", *urls][-1])
        target = mqtt_of(
            attrs.evolve(service.config, mqtt=place), service.commands, service.registry, reactor, self._complain
        )
        assert target is not None
        self.target = target
        self.reader = Reader(service.journal, target)

    def _complain(self, say: Any, text: str, *, kind: Any = None, **fields: Any) -> None:
        self.complaints.append((text, fields))

    async def start(self) -> World:
        self.target.start()
        self.reader.start()
        return self

    async def connected(self) -> World:
        await until(lambda: self.target.broker.state == "ready", f"a connection ({self.target.broker.reason})")
        return self

    async def terminal(self, phone: str = PHONE, version: int = 2013, enters: bool = True) -> Terminal808:
        host: Any = self.service.ports[1].getHost()
        endpoint = TCP4ClientEndpoint(_clock, "127.0.0.1", host.port)
        terminal: Terminal808 = await connectProtocol(endpoint, Terminal808(phone, version))
        if enters:
            await terminal.enter()
        return terminal

    async def stop(self) -> None:
        await self.reader.stop()
        await self.target.close()
        if self.service.running:
            await self.running.stop()
