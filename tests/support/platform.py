"""A platform: a real HTTP server that takes the callbacks of the service, and keeps what it was told."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.web.resource import Resource
from twisted.web.server import Site

reactor: Any = the_reactor


class Platform(Resource):
    """Takes callbacks; and what it took, by kind."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.records: list[dict[str, Any]] = []
        site = Site(self)
        site.noisy = False
        self._port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port.getHost().port}/take"

    def render_POST(self, request: Any) -> bytes:
        self.records += json.loads(request.content.read())
        return b""

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of the records of a kind."""
        return [record["message"]["body"] for record in self.records if record["kind"] == kind]

    @property
    def story(self) -> list[str]:
        """What it heard, in order, without what every terminal says all the time."""
        told = {"alarm", "upload", "alarm_complete", "file_missing", "playlist"}
        return [record["kind"] for record in self.records if record["kind"] in told]

    def close(self) -> Any:
        return self._port.stopListening()
