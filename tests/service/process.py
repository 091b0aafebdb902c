"""The whole service in a process of its own, which a test may end as an operator does, or as a power cut does."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import ProcessProtocol

from tests.service.harness import Client
from tests.support.servers import until

reactor: Any = the_reactor


class ServiceProcess(ProcessProtocol):
    """One start of the service in a folder, with settings laid over those that keep it to itself."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.said = ""
        self.ended: Deferred[None] = Deferred()
        own = [
            f'data_dir="{folder}"',
            'jimi.endpoints=["tcp:0:interface=127.0.0.1"]',
            "jt808.endpoints=[]",
            'jt808.udp=""',
            'manhole.endpoint=""',
            'hub.endpoint=""',
            'uploads.endpoint=""',
            'attachments.endpoint=""',
            'http.endpoint=""',
        ]
        twistd = str(Path(sys.executable).with_name("twistd"))
        arguments = [twistd, "-n", "--pidfile=", "jimigw"]
        for setting in [*own, *settings]:
            arguments += ["--set", setting]
        self._process = reactor.spawnProcess(self, twistd, arguments, env=None)

    def outReceived(self, data: bytes) -> None:
        self.said += data.decode()

    errReceived = outReceived

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(None)

    @property
    def port(self) -> int | None:
        """The port that awaits Jimi terminals, once it does."""
        found = re.search(r"Jimi terminals are awaited at .*port=(\d+)", self.said)
        return int(found[1]) if found else None

    async def ready(self, says: str = "Jimi terminals are awaited at") -> ServiceProcess:
        """It has said this, and so has come as far."""
        await until(lambda: says in self.said or self.ended.called, "the service")
        assert not self.ended.called, self.said
        return self

    async def terminal(self, imei: str) -> Client:
        """A Jimi terminal that is connected, and has said nothing yet."""
        port = (await self.ready()).port or 0
        client: Client = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Client(imei))
        return client

    async def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it so, if it still runs."""
        if not self.ended.called:
            self._process.signalProcess(how)
            await self.ended
