"""Store, journal, gateway, deliveries and ports: started and stopped in the order that keeps every promise."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta, timezone
from typing import Any

import attrs
from twisted.application.service import Service
from twisted.internet.defer import inlineCallbacks
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.logger import Logger

from jimigw.gateway.admission import Listed, Open
from jimigw.gateway.carrying import CommandSettings
from jimigw.gateway.commands import Commands
from jimigw.gateway.door import RSA_KEY_FILE, DoorError, load_rsa_key
from jimigw.gateway.gateway import Gateway
from jimigw.gateway.hub import HubError
from jimigw.gateway.media.links import LinkError
from jimigw.gateway.registry import FLUSH_AT_ONCE, Registry
from jimigw.gateway.signing import SigningError
from jimigw.journal.interface import JournalError
from jimigw.journal.sqlite import SqliteJournal
from jimigw.model.device import Device
from jimigw.net.carrier import Carrier
from jimigw.net.connections import Connections, Limits
from jimigw.net.tcp import TerminalFactory
from jimigw.net.udp import Datagrams
from jimigw.ops.config import Config, ConfigError
from jimigw.ops.config_changes import changes, taken_over
from jimigw.ops.config_schema import CommandsConfig, JimiConfig, Jt808Config
from jimigw.ops.logging import Throttle
from jimigw.ops.manhole.service import Manhole
from jimigw.protocols.jimi.session import Session as JimiSession
from jimigw.protocols.jimi.session import Settings as JimiSettings
from jimigw.protocols.jt808.fragments import Budget
from jimigw.protocols.jt808.rsa import PlatformKey
from jimigw.protocols.jt808.session import Session as Jt808Session
from jimigw.protocols.jt808.session import Settings as Jt808Settings
from jimigw.store.interface import StoreError
from jimigw.store.sqlite import SqliteStore
from jimigw.vault.interface import VaultError

from .brokers import BrokerError, mqtt_of
from .deliveries import Deliveries
from .doors import Doors
from .house import House
from .hub import HubPort
from .ports import Ports
from .readers_view import ReadersView
from .uploads import UploadsPart
from .webs import Webs

_END = "the service ends"

_LONGEST_RECORD = 32 << 20
"""Bytes of the longest record: the longest message that is put together from parts, in base64, and room to spare."""

STATUS_INTERVAL = 60.0
"""Seconds between two lines in the log that say how the service is doing."""

_UNUSABLE = (JournalError, StoreError, VaultError, DoorError, LinkError, SigningError, HubError, BrokerError)
"""What keeps the service from starting; each is a sentence."""

_PRUNE_INTERVAL = 3600.0
_FLUSH_PAUSE = 0.1
_DAY = 86_400.0


class Jimigw(Service):
    """The service. ``load`` reads the config again, for :meth:`reload`; ``set_level`` changes what is logged."""

    _log = Logger()
    name = "jimigw"

    def __init__(
        self,
        config: Config,
        reactor: Any,
        load: Callable[[], Config] | None = None,
        set_level: Callable[[str], None] = lambda level: None,
    ) -> None:
        self.config, self.reactor, self._load, self._set_level = config, reactor, load, set_level
        self.throttle = Throttle(reactor)
        journal = config.journal
        self.journal = SqliteJournal(
            config.path(journal.file),
            reactor,
            commit_interval=journal.commit_interval,
            retention_days=journal.retention_days,
            max_bytes=journal.max_bytes,
            max_waiting=journal.max_waiting,
            max_waiting_bytes=journal.max_waiting_bytes,
            max_entry_bytes=_LONGEST_RECORD,
        )
        self.store = SqliteStore(config.path(config.store.file), reactor)
        self.registry = Registry(self.store)
        self.registry.on_removed, self.registry.on_changed = self._removed, self._changed
        self.commands = Commands(self.registry, self.store, reactor, command_settings(config.commands))
        self.gateway = Gateway(self.registry, Open(), self.journal, self.commands)
        self.commands.on_ended = self.gateway.record_command
        self.doors = Doors(self.gateway, reactor)
        self.deliveries = Deliveries(self.journal, self.store, reactor)
        self.open_ports = Ports(reactor, self._fail)
        self.files = UploadsPart(
            reactor,
            lambda: self.config,
            self.registry,
            self.gateway,
            self.commands,
            self.journal,
            self.store,
            self.deliveries.readers,
            self._fail,
            self.throttle.complain,
        )
        house = House(
            self.registry,
            self.gateway,
            self.commands,
            self.journal,
            self.store,
            self.open_ports,
            self.doors,
            self.deliveries,
            config.data_path,
            lambda: self.config,
            self.reload,
            self.files.uploads,
            lambda: self.files.figures() | self.webs.stats(),
        )
        self.webs = Webs(reactor, house, self._fail)
        self.webs.set_readers(ReadersView(self.deliveries.readers))
        self.manhole = Manhole(reactor, config, house)
        self.hub = HubPort(reactor, lambda: self.config, self.commands, self.registry)
        #: what all 808 terminals together may keep of unfinished messages
        self.budget = Budget()
        self._failed = False
        self._timers: dict[str, IDelayedCall] = {}
        self._said: tuple[int, int] = (0, 0)
        self._older_handler: Any = None

    # -- the start ----------------------------------------------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """Nothing yet: the ports are opened once store and journal are."""

    def startService(self) -> None:
        """Open store and journal, then the ports. What cannot be used ends the service with a sentence."""
        super().startService()
        try:
            self.config.data_path.mkdir(parents=True, exist_ok=True)
            self.doors.open(self.config)
            self.deliveries.take(self.deliveries.read(self.config))
            key = PlatformKey(load_rsa_key(self.config.path(RSA_KEY_FILE)))
            # The journal has the lock that keeps a second service, perhaps a newer one, from the files of this one.
            self.journal.start()
            contents = self.store.start()
            self.files.open()
            self.deliveries.add_broker(
                mqtt_of(self.config, self.commands, self.registry, self.reactor, self.throttle.complain)
            )
        except _UNUSABLE as error:
            self._fail(str(error))
            return
        except OSError as error:
            self._fail(f"data_dir {self.config.data_path}: {error.strerror}")
            return
        self._key = key
        self._take_settings()
        self.registry.restore(contents)
        self.commands.restore(contents.commands)
        self.store.on_cards_changed(self.registry.cards_changed)
        self.deliveries.start()
        self.files.start()
        self._open_jimi()
        self._open_jt808()
        self.manhole.start().addErrback(lambda failure: self._fail(failure.getErrorMessage()))
        self.hub.start().addErrback(lambda failure: self._fail(failure.getErrorMessage()))
        self.webs.start()
        self._catch_hangups()
        _calm_collector()
        self._every("status", STATUS_INTERVAL, self._say_status)
        self._every("flush", self.config.store.flush_interval, self._flush)
        self._every("prune", _PRUNE_INTERVAL, self._prune)

    def _take_settings(self) -> None:
        """What new sessions are made with, by the config."""
        jimi, jt808 = self.config.jimi, self.config.jt808
        self._jimi = JimiSettings(
            max_frame=jimi.max_frame,
            frame_timeout=jimi.frame_timeout,
            max_junk=jimi.max_junk,
            acknowledge=frozenset(jimi.acknowledge),
            acknowledge_unknown=jimi.acknowledge_unknown,
        )
        self._jt808 = Jt808Settings(
            max_frame=jt808.max_frame,
            frame_timeout=jt808.frame_timeout,
            max_junk=jt808.max_junk,
            max_terminals=jt808.max_terminals,
            dialect=self.config.exchange.dialect,
            zone=timezone(timedelta(hours=jt808.time_zone)),
            key=self._key,
        )

    def _open_jimi(self) -> None:
        jimi = self.config.jimi
        factory = TerminalFactory(
            "jimi", self.reactor, self.gateway, lambda: JimiSession(self._jimi), _limits(jimi), self.throttle.complain
        )
        self.open_ports.listen("Jimi", jimi.endpoints, jimi.backlog, factory)

    def _open_jt808(self) -> None:
        jt808 = self.config.jt808

        def session() -> Jt808Session:
            return Jt808Session(self.doors, self._jt808, self.budget)

        around = (self.reactor, self.gateway, session, _limits(jt808))
        factory = TerminalFactory("jt808", *around, self.throttle.complain, Carrier)
        self.open_ports.listen("JT/T 808", jt808.endpoints, jt808.backlog, factory)
        if jt808.udp:
            datagrams = Datagrams("jt808/udp", *around, self.throttle.complain)
            self.open_ports.listen_udp("JT/T 808", jt808.udp, datagrams)

    @property
    def edges(self) -> list[Connections[Any] | Datagrams]:
        """The factories of all ports."""
        return self.open_ports.edges

    @property
    def ports(self) -> list[IListeningPort]:
        """The ports that are open."""
        return self.open_ports.listening

    def _fail(self, why: str) -> None:
        self._log.critical("the service cannot start: {why}", why=why)
        if not self._failed:
            self._failed = True
            self.reactor.callWhenRunning(self._give_up)

    def _give_up(self) -> None:
        # twistd ends with status 0 whatever stopped the reactor; who started the service has to know better.
        self.reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
        self.reactor.stop()

    # -- another config -----------------------------------------------------------------------------------------------

    def _catch_hangups(self) -> None:
        """SIGHUP reads the config again."""
        with suppress(ValueError):  # Only the main thread may ask for signals; elsewhere there are none to catch.
            self._older_handler = signal.signal(signal.SIGHUP, lambda *_: self.reactor.callFromThread(self.reload))

    def reload(self) -> list[str]:
        """Read the config again and take over what can be while the service runs; what came of it, in lines.

        A config that cannot be used changes nothing. Sessions that are open keep what they were made with, but for the
        limits of their ports. The keys of operators (SSH) are read at each login anyway, their password at the start.
        """
        done, lines = self._reloaded()
        for line in lines:
            (self._log.info if done else self._log.warn)("reload: {line}", line=line)
        return lines

    def _reloaded(self) -> tuple[bool, list[str]]:
        if self._load is None:
            return False, ["there is no file to read the config from"]
        try:
            # The folder that a relative data_dir begins in stays: a daemon may have changed its own since.
            new = attrs.evolve(self._load(), started_in=self.config.started_in)
        except ConfigError as error:
            return False, ["the config cannot be used, and nothing has changed:", *str(error).splitlines()]
        found = changes(self.config, new)
        config = taken_over(self.config, new)
        try:
            # Also where nothing differs: secrets lie in files of their own.
            deliveries = self.deliveries.read(config)
            self.doors.open(config)
        except (DoorError, SigningError, HubError) as error:
            return False, [f"nothing has changed: {error}"]
        self.deliveries.take(deliveries)
        self.config = config
        self._take_over()
        lines = [f"{change} (needs a restart)" if change.restart else str(change) for change in found]
        return True, lines or ["nothing has changed"]

    def _take_over(self) -> None:
        config = self.config
        self._take_settings()
        self._set_level(config.log.level)
        self.commands.settings = command_settings(config.commands)
        self.journal.keep(config.journal.retention_days, config.journal.max_bytes)
        for edge in self.edges:
            edge.limits = _limits(config.jimi if edge.name == "jimi" else config.jt808)
        self.files.take_over()
        self.webs.take_over()

    # -- while it runs ------------------------------------------------------------------------------------------------

    def _every(self, name: str, seconds: float, act: Callable[[], Any]) -> None:
        def again() -> None:
            self._timers[name] = self.reactor.callLater(seconds, again)
            act()

        self._timers[name] = self.reactor.callLater(seconds, again)

    def _flush(self) -> None:
        """Store the states that changed: a few thousand at a time, with pauses in which terminals get their answers."""
        self._flush_some(self.registry.stale)

    def _flush_some(self, left: int) -> None:
        def on(_: object) -> None:
            if left > FLUSH_AT_ONCE and self.running:
                pause = self.reactor.callLater(_FLUSH_PAUSE, self._flush_some, left - FLUSH_AT_ONCE)
                self._timers["rest of the flush"] = pause

        self.registry.flush().addCallback(on)

    def _removed(self, device: Device) -> None:
        """People took a terminal out of the registry with another program."""
        if device.link is not None:
            device.link.disconnect("the terminal is taken out of the registry")

    def _changed(self, device: Device) -> None:
        """People changed the card of a terminal with another program."""
        if device.link is not None and isinstance(self.gateway.admission, Listed) and not device.card.listed:
            device.link.disconnect("the terminal is listed no more")

    def _prune(self) -> None:
        before = self.reactor.seconds() - self.config.commands.retention_days * _DAY
        self.store.prune_commands(before).addErrback(
            lambda failure: self._log.error("old commands stay: {error}", error=failure.getErrorMessage())
        )

    def _say_status(self) -> None:
        counters, stats = self.gateway.counters, self.journal.stats()
        now = (counters.reports, counters.unanswered + stats.failed)
        if now != self._said:
            self._log.info(
                "{online} of {known} terminals on line, {reports} reports since the last line, {unanswered} of them "
                "not stored; journal: {state}, record {last_id}, {waiting} waiting; frames dropped so far: {dropped}",
                online=self.registry.online(),
                known=len(self.registry),
                reports=now[0] - self._said[0],
                unanswered=now[1] - self._said[1],
                state=stats.state,
                last_id=stats.last_id,
                waiting=stats.waiting,
                dropped=self.open_ports.dropped(),
            )
        self._said = now

    # -- the end ------------------------------------------------------------------------------------------------------

    @inlineCallbacks
    def stopService(self) -> Any:
        """Stop accepting, commit and answer what is in hand, close."""
        super().stopService()
        for timer in self._timers.values():
            if timer.active():
                timer.cancel()
        if self._older_handler is not None:
            signal.signal(signal.SIGHUP, self._older_handler)
        yield self.manhole.stop()
        yield self.hub.stop()
        yield self.webs.stop()
        yield self.files.hang_up()
        yield self.open_ports.hang_up(_END)
        yield self.doors.close()
        self.commands.stop()
        # Behind what the links left in the store: the ends of commands have their records then.
        yield self.registry.flush_all()
        yield self.deliveries.stop()
        yield self.journal.close()
        yield self.store.close()
        yield self.files.close()
        yield self.open_ports.close(_END)
        self.throttle.close()


def _calm_collector() -> None:
    """Look for reference cycles seldom, and never among what was there at the start.

    A report makes no cycles. With Python's own thresholds every seventy reports cost a search among those that wait for
    their commit, and now and then one through all connections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def command_settings(config: CommandsConfig) -> CommandSettings:
    """The settings of commands, by the config."""
    return CommandSettings(
        ttl=config.ttl,
        answer_timeout=config.answer_timeout,
        most_queued=config.max_queued,
        most_open=config.max_open,
    )


def _limits(config: JimiConfig | Jt808Config) -> Limits:
    return Limits(
        max_connections=config.max_connections,
        max_connections_per_address=config.max_connections_per_address,
        login_timeout=config.login_timeout,
        idle_timeout=config.idle_timeout,
        max_unread=config.max_unread,
    )


__all__ = ["STATUS_INTERVAL", "Jimigw", "command_settings"]
