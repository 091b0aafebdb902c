"""The service as ``twistd`` starts it: the one place that knows every room."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any, cast

from twisted.application.service import IService, Service
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python import usage

from jimigw.gateway.admission import Admission, AdmissionError, Listed, Open
from jimigw.gateway.gateway import Gateway
from jimigw.gateway.registry import Registry
from jimigw.journal.interface import JournalError
from jimigw.journal.sqlite import SqliteJournal
from jimigw.net.tcp import Limits, TerminalFactory
from jimigw.ops.config import Config, ConfigError, load_config
from jimigw.ops.endpoints import endpoint_with_backlog
from jimigw.ops.logging import LoggedService, Throttle, log_observer
from jimigw.protocols.jimi.session import Session, Settings

GOODBYE = 5.0
"""Seconds that terminals get, at the end of the service, to take their last answers."""

_END = "the service ends"

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


def makeService(options: usage.Options) -> IService:
    """The whole service, not yet started. Raises :class:`usage.UsageError` that names everything wrong."""
    try:
        config = load_config(options["config"], options["set"])
        top = LoggedService(log_observer(config))
        jimigw = Jimigw(config, the_reactor)
    except ConfigError as error:
        raise usage.UsageError("the config cannot be used:\n" + str(error)) from None
    except (AdmissionError, OSError) as error:
        raise usage.UsageError(str(error)) from None
    jimigw.setServiceParent(top)
    return cast(IService, top)


class Jimigw(Service):
    """Journal, gateway and ports, started and stopped in the order that keeps every promise."""

    _log = Logger()
    name = "jimigw"

    def __init__(self, config: Config, reactor: Any) -> None:
        self.config, self.reactor = config, reactor
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
        )
        self.registry = Registry()
        self.gateway = Gateway(self.registry, _admission(config), self.journal)
        self.factories = [_jimi(config, reactor, self.gateway, self.throttle)]
        self.ports: list[IListeningPort] = []

    def privilegedStartService(self) -> None:
        """Nothing yet: the ports are opened once the journal is."""

    def startService(self) -> None:
        """Open the journal, then the ports. What cannot be used ends the service with a sentence that says why."""
        super().startService()
        self.config.data_path.mkdir(parents=True, exist_ok=True)
        try:
            self.journal.start()
        except JournalError as error:
            self._fail(str(error))
            return
        self._listen("Jimi", self.config.jimi.endpoints, self.config.jimi.backlog, self.factories[0])
        _calm_collector()
        self._status = self.reactor.callLater(STATUS_INTERVAL, self._say_status)
        self._said: tuple[int, int] = (0, 0)

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
        self.reactor.callWhenRunning(self.reactor.stop)

    def _say_status(self) -> None:
        self._status = self.reactor.callLater(STATUS_INTERVAL, self._say_status)
        counters, stats = self.gateway.counters, self.journal.stats()
        now = (counters.reports, counters.unanswered)
        if now != self._said:
            self._log.info(
                "{online} of {known} terminals on line, {reports} reports since the last line, {unanswered} of them "
                "not taken; journal: {state}, record {last_id}, {waiting} waiting",
                online=self.registry.online(),
                known=len(self.registry),
                reports=now[0] - self._said[0],
                unanswered=now[1] - self._said[1],
                state=stats.state,
                last_id=stats.last_id,
                waiting=stats.waiting,
            )
        self._said = now

    @inlineCallbacks
    def stopService(self) -> Any:
        """Stop accepting, commit and answer what is in hand, close."""
        super().stopService()
        status = getattr(self, "_status", None)
        if status is not None and status.active():
            status.cancel()
        yield gatherResults([_stopped(port) for port in self.ports])
        for factory in self.factories:
            factory.hang_up(_END)
        yield self.journal.close()
        for factory in self.factories:
            factory.close_all(_END)
        yield self._all_gone()
        self.throttle.close()

    def _all_gone(self) -> Deferred[None]:
        """Fires when no connection is left, or after :data:`GOODBYE` seconds."""
        done: Deferred[None] = Deferred()
        until = self.reactor.seconds() + GOODBYE

        def look() -> None:
            left = [terminal for factory in self.factories for terminal in factory.connections]
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


def _admission(config: Config) -> Admission:
    if config.admission.mode == "open":
        return Open()
    return Listed.from_file(config.path(config.admission.file))


def _jimi(config: Config, reactor: Any, gateway: Gateway, throttle: Throttle) -> TerminalFactory:
    jimi = config.jimi
    settings = Settings(
        max_frame=jimi.max_frame,
        frame_timeout=jimi.frame_timeout,
        max_junk=jimi.max_junk,
        acknowledge=frozenset(jimi.acknowledge),
        acknowledge_unknown=jimi.acknowledge_unknown,
    )
    limits = Limits(
        max_connections=jimi.max_connections,
        max_connections_per_address=jimi.max_connections_per_address,
        login_timeout=jimi.login_timeout,
        idle_timeout=jimi.idle_timeout,
        max_unread=jimi.max_unread,
    )
    return TerminalFactory("jimi", reactor, gateway, lambda: Session(settings), limits, throttle.complain)
