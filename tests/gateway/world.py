"""A gateway's commands with neighbours that write down: a clock, a store that commits when told, links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from jimigw.gateway.carrying import CommandSettings
from jimigw.gateway.commands import Commands
from jimigw.gateway.registry import Registry
from jimigw.model.command import Command
from jimigw.model.device import Device
from tests.support.recorder import RecordingLink, RecordingStore

IMEI = "863000000000001"
PHONE = "13912345678"


class CommandWorld:
    """Commands, and everything around them."""

    def __init__(self, settings: CommandSettings | None = None) -> None:
        self.clock, self.store, self.registry = Clock(), RecordingStore(), Registry()
        self.settings = settings or CommandSettings()
        self.ended: list[tuple[int, str]] = []
        #: who is told of ends, and whether that is as good as in the journal
        self.safe = True
        self._start()

    def _start(self) -> None:
        self.commands = Commands(self.registry, self.store, self.clock, self.settings, self._on_ended)

    def _on_ended(self, command: Command, told: Callable[[], None]) -> None:
        self.ended.append((command.id, str(command.state)))
        if self.safe:
            told()

    def device(self, id: str = IMEI) -> Device:
        return self.registry.enter(id, "jimi" if len(id) == 15 else "jt808", self.clock.seconds())

    def login(self, id: str = IMEI) -> RecordingLink:
        """The terminal is on line, on a new connection."""
        device = self.device(id)
        link = RecordingLink(window=1 if device.protocol == "jimi" else 4)
        had_one, device.link = device.link is not None, link
        if had_one:
            self.commands.link_lost(id)
        self.commands.logged_in(id)
        return link

    def lose(self, id: str = IMEI) -> None:
        """The connection is gone."""
        self.device(id).link = None
        self.commands.link_lost(id)

    def give(self, text: str = "VERSION", id: str = IMEI, **rest: Any) -> Command:
        """A command that is stored, and whatever that brings."""
        self.device(id)
        given = self.result(self.commands.give_text(id, text, owner="test", **rest))
        assert isinstance(given, Command)
        return given

    def result(self, deferred: Deferred[Any]) -> Any:
        """What this gives when the store has written, or the error."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        self.store.commit()
        assert results, "it gives nothing yet"
        return results[0]

    def crash(self) -> None:
        """The service is killed and started again; all connections are gone."""
        self.store.crash()
        self.commands._deadlines.stop()
        for device in self.registry:
            device.link = None
        self._start()
        self.commands.restore(self.store.open_commands())
        self.store.commit()

    def state(self, command: Command) -> str:
        """The state of a command as the store has it."""
        self.store.commit()
        return str(self.store.commands_[command.id].state)
