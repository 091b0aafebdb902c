"""The service in a process of its own, told by lines of JSON what commands to give.

    in    {"number": 5, "device": "863...", "text": "VERSION", "ttl": 20}      or "message", and "confirm", "unknown"
          {"cancel": 17}    {"open": true}                                    the end of the input ends the service
    out   {"ports": [21100, 21122]}                                           once, when it listens
          {"number": 5, "id": 17}    once it is stored    {"number": 5, "refused": "full"}    {"open": 12}

What goes to terminals is written to ``sent.log`` as it is handed to their connections: time, terminal, bytes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import attrs
import msgspec
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogPublisher,
    textFileLogObserver,
)
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from jimigw.gateway.catalogue import CommandRefused
from jimigw.gateway.taps import Traffic
from jimigw.model.command import Command
from jimigw.ops.config import load_config
from jimigw.service import Jimigw

from .account import SENT

LOG = "driver.log"

_text = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder().decode


class Orders(LineOnlyReceiver):
    """Takes the lines and answers them."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 16

    def __init__(self, service: Jimigw, reactor: Any) -> None:
        self.service, self._reactor = service, reactor

    def connectionMade(self) -> None:
        self.tell({"ports": [port.getHost().port for port in self.service.ports]})  # type: ignore[attr-defined]

    def tell(self, what: dict[str, Any]) -> None:
        self.sendLine(_text(what))

    def lineReceived(self, line: bytes) -> None:
        order = _read(line)
        commands = self.service.commands
        if "cancel" in order:
            commands.cancel(order["cancel"], "the benchmark").addErrback(lambda _: None)
        elif "open" in order:
            self.tell({"open": len(commands)})
        else:
            self._give(order)

    def _give(self, order: dict[str, Any]) -> None:
        commands, device, number = self.service.commands, order["device"], order["number"]
        confirm = order.get("confirm", False)
        known = {"owner": "benchmark", "purpose": str(number), "ttl": order["ttl"], "confirm": confirm}
        given: Deferred[Command]
        if "text" in order:
            given = commands.give_text(device, order["text"], unknown=order.get("unknown", False), **known)
        else:
            given = commands.give_message(device, order["message"], **known)

        def refused(failure: Failure) -> None:
            error = failure.value
            why = error.code if isinstance(error, CommandRefused) else str(error)
            self.tell({"number": number, "refused": why})

        given.addCallbacks(lambda command: self.tell({"number": number, "id": command.id}), refused)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._reactor.stop()


def main(folder: Path, doubt: float, settings: list[str]) -> None:
    """Run the service with its data in ``folder`` until the input ends."""
    _log_to(folder / LOG)
    service = Jimigw(load_config(None, [f'data_dir="{folder}"', *settings]), the_reactor)
    service.startService()
    # Not in the config: an operator has no reason to change it.
    service.commands.settings = attrs.evolve(service.commands.settings, doubt=doubt)
    sent = os.open(folder / SENT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(traffic: Traffic) -> None:
        if traffic.direction == "down":
            # Straight to the kernel: a line is not lost with the process.
            os.write(sent, f"{traffic.at!r} {traffic.device} {traffic.raw.hex()}\n".encode())

    service.gateway.taps.add(None, note)
    the_reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    StandardIO(Orders(service, the_reactor))
    the_reactor.run()


def _log_to(path: Path) -> None:
    output = textFileLogObserver(path.open("a"))
    only_warnings = FilteringLogObserver(output, [LogLevelFilterPredicate(LogLevel.warn)])
    globalLogPublisher.addObserver(only_warnings)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
