"""The service as ``twistd`` starts it: the one place that knows every room."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from datetime import timedelta, timezone
from typing import Any, cast

from twisted.application.service import IService, Service
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.udp import Port as UDPPort
from twisted.logger import Logger
from twisted.python import usage

from jimigw.gateway.admission import Admission, AdmissionError, Listed, Open
from jimigw.gateway.door import RSA_KEY_FILE, SECRET_FILE, Door, DoorError, load_rsa_key, load_secret
from jimigw.gateway.gateway import Gateway
from jimigw.gateway.registry import Registry
from jimigw.journal.interface import JournalError
from jimigw.journal.sqlite import SqliteJournal
from jimigw.net.carrier import Carrier
from jimigw.net.tcp import Limits, TerminalFactory
from jimigw.net.udp import MAX_DATAGRAM, Datagrams
from jimigw.ops.config import Config, ConfigError, JimiConfig, Jt808Config, load_config
from jimigw.ops.endpoints import endpoint_with_backlog
from jimigw.ops.logging import LoggedService, Throttle, log_observer
from jimigw.protocols.jimi.session import Session as JimiSession
from jimigw.protocols.jimi.session import Settings as JimiSettings
from jimigw.protocols.jt808.fragments import Budget
from jimigw.protocols.jt808.rsa import PlatformKey
from jimigw.protocols.jt808.session import Session as Jt808Session
from jimigw.protocols.jt808.session import Settings as Jt808Settings

GOODBYE = 5.0
"""Seconds that terminals get, at the end of the service, to take their last answers."""

_END = "the service ends"

_LONGEST_RECORD = 32 << 20
"""Bytes of the longest record: the longest message that is put together from parts, in base64, and room to spare."""

STATUS_INTERVAL = 60.0
"""Seconds between two lines in the log that say how the service is doing."""


class Options(usage.Options):
    """The options of ``twistd jimigw``."""

    synopsis = "[options]"
    longdesc = (
        "An open gateway for dashcam and tracker fleets. All settings are in the config file; "
        "every key has a default, and without --config all of them are used."
    )
    optParameters = [["config", "c", None, "the config file (TOML)"]]

    def __init__(self) -> None:
        super().__init__()
        self["set"] = []

    def opt_set(self, setting: str) -> None:
        """KEY=VALUE: lay a value over the config file; the value is TOML. May be given many times."""
        self["set"].append(setting)

    opt_s = opt_set

    def postOptions(self) -> None:
        """Reads the config, so that what is wrong with it is said in a sentence and not in a traceback."""
        try:
            self.config = load_config(self["config"], self["set"])
            self.admission = admission_of(self.config)
        except ConfigError as error:
            raise usage.UsageError("the config cannot be used:\n" + str(error)) from None
        except AdmissionError as error:
            raise usage.UsageError(str(error)) from None


def makeService(options: Options) -> IService:
    """The whole service, not yet started."""
    top = LoggedService(log_observer(options.config))
    Jimigw(options.config, options.admission, the_reactor).setServiceParent(top)
    return cast(IService, top)


class Jimigw(Service):
    """Journal, gateway and ports, started and stopped in the order that keeps every promise."""

    _log = Logger()
    name = "jimigw"

    def __init__(self, config: Config, admission: Admission, reactor: Any) -> None:
        self.config, self.admission, self.reactor = config, admission, reactor
        journal = config.journal
        self.throttle = Throttle(reactor)
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
        self.registry = Registry()
        self.gateway = Gateway(self.registry, admission, self.journal)
        self.edges: list[TerminalFactory | Datagrams] = []
        #: what all 808 terminals together may keep of unfinished messages
        self.budget = Budget()
        self._failed = False
        self.ports: list[IListeningPort] = []

    def privilegedStartService(self) -> None:
        """Nothing yet: the ports are opened once the journal is."""

    def startService(self) -> None:
        """Open the journal, then the ports. What cannot be used ends the service with a sentence that says why."""
        super().startService()
        try:
            self.config.data_path.mkdir(parents=True, exist_ok=True)
            door = Door(self.admission, load_secret(self.config.path(SECRET_FILE)))
            key = PlatformKey(load_rsa_key(self.config.path(RSA_KEY_FILE)))
            self.journal.start()
        except (JournalError, DoorError) as error:
            self._fail(str(error))
            return
        except OSError as error:
            self._fail(f"data_dir {self.config.data_path}: {error.strerror}")
            return
        self._open_jimi()
        self._open_jt808(door, key)
        _calm_collector()
        self._status = self.reactor.callLater(STATUS_INTERVAL, self._say_status)
        self._said: tuple[int, int] = (0, 0)

    def _open_jimi(self) -> None:
        jimi = self.config.jimi
        settings = JimiSettings(
            max_frame=jimi.max_frame,
            frame_timeout=jimi.frame_timeout,
            max_junk=jimi.max_junk,
            acknowledge=frozenset(jimi.acknowledge),
            acknowledge_unknown=jimi.acknowledge_unknown,
        )
        factory = TerminalFactory(
            "jimi", self.reactor, self.gateway, lambda: JimiSession(settings), _limits(jimi), self.throttle.complain
        )
        self.edges.append(factory)
        self._listen("Jimi", jimi.endpoints, jimi.backlog, factory)

    def _open_jt808(self, door: Door, key: PlatformKey) -> None:
        jt808 = self.config.jt808
        settings = Jt808Settings(
            max_frame=jt808.max_frame,
            frame_timeout=jt808.frame_timeout,
            max_junk=jt808.max_junk,
            max_terminals=jt808.max_terminals,
            dialect=self.config.exchange.dialect,
            zone=timezone(timedelta(hours=jt808.time_zone)),
            key=key,
        )
        around = (self.reactor, self.gateway, lambda: Jt808Session(door, settings, self.budget), _limits(jt808))
        factory = TerminalFactory("jt808", *around, self.throttle.complain, Carrier)
        self.edges.append(factory)
        self._listen("JT/T 808", jt808.endpoints, jt808.backlog, factory)
        if jt808.udp:
            datagrams = Datagrams("jt808/udp", *around, self.throttle.complain)
            self.edges.append(datagrams)
            self._listen_udp(jt808.udp, datagrams)

    def _listen_udp(self, place: str, datagrams: Datagrams) -> None:
        host, _, port = place.rpartition(":")
        try:
            listening = self.reactor.listenUDP(int(port), datagrams, host.strip("[]"), MAX_DATAGRAM + 1)
        except (CannotListenError, ValueError) as error:
            self._fail(f"jt808.udp {place}: {error}")
            return
        self._listening(listening, "JT/T 808")

    def _listen(self, name: str, endpoints: Sequence[str], backlog: int, factory: TerminalFactory) -> None:
        for text in endpoints:
            endpoint = serverFromString(self.reactor, endpoint_with_backlog(text, backlog))
            listening = endpoint.listen(factory)
            listening.addCallback(self._listening, name)
            listening.addErrback(lambda failure, text=text: self._fail(f"{text}: {failure.getErrorMessage()}"))

    def _listening(self, port: IListeningPort, name: str) -> None:
        self.ports.append(port)
        self._log.info("{name} terminals are awaited at {address}", name=name, address=port.getHost())

    def _fail(self, why: str) -> None:
        self._log.critical("the service cannot start: {why}", why=why)
        if not self._failed:
            self._failed = True
            self.reactor.callWhenRunning(self._give_up)

    def _give_up(self) -> None:
        # twistd ends with status 0 whatever stopped the reactor; who started the service has to know better.
        self.reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
        self.reactor.stop()

    def _say_status(self) -> None:
        self._status = self.reactor.callLater(STATUS_INTERVAL, self._say_status)
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
                dropped=sum(edge.dropped() for edge in self.edges),
            )
        self._said = now

    @inlineCallbacks
    def stopService(self) -> Any:
        """Stop accepting, commit and answer what is in hand, close."""
        super().stopService()
        status = getattr(self, "_status", None)
        if status is not None and status.active():
            status.cancel()
        streams = [port for port in self.ports if not isinstance(port, UDPPort)]
        yield gatherResults([_stopped(port) for port in streams])
        for edge in self.edges:
            edge.hang_up(_END)
        yield self.journal.close()
        # A UDP port is also the way out, and stays open until the last answer has left.
        yield gatherResults([_stopped(port) for port in self.ports if isinstance(port, UDPPort)])
        for edge in self.edges:
            edge.close_all(_END)
        yield self._all_gone()
        self.throttle.close()

    def _all_gone(self) -> Deferred[None]:
        """Fires when no connection is left, or after :data:`GOODBYE` seconds."""
        done: Deferred[None] = Deferred()
        until = self.reactor.seconds() + GOODBYE

        def look() -> None:
            left = [terminal for edge in self.edges for terminal in edge.connections]
            if not left or self.reactor.seconds() >= until:
                for terminal in left:
                    cast(Any, terminal.transport).abortConnection()
                done.callback(None)
                return
            self.reactor.callLater(0.05, look)

        look()
        return done


def _calm_collector() -> None:
    """Look for reference cycles seldom, and never among what was there at the start.

    A report makes no cycles. With Python's own thresholds every seventy reports cost a search among those that wait for
    their commit, and now and then one through all connections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _stopped(port: IListeningPort) -> Deferred[Any]:
    stopping = port.stopListening()
    return stopping if isinstance(stopping, Deferred) else succeed(None)


def admission_of(config: Config) -> Admission:
    """Who is let in, by the config. :class:`AdmissionError` where the list cannot be used."""
    if config.admission.mode == "open":
        return Open()
    return Listed.from_file(config.path(config.admission.file))


def _limits(config: JimiConfig | Jt808Config) -> Limits:
    return Limits(
        max_connections=config.max_connections,
        max_connections_per_address=config.max_connections_per_address,
        login_timeout=config.login_timeout,
        idle_timeout=config.idle_timeout,
        max_unread=config.max_unread,
    )
