"""Everything that a platform gets, at once, from one service: records, the hub's pushes, a broker, and the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest_twisted
import treq
from twisted.internet import reactor as the_reactor
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.delivery.conftest import MakePeer
from tests.service.harness import Client, Running, until
from tests.support.servers import Mosquitto

reactor: Any = the_reactor
IMEI = "863000000000001"


class Receiver(Resource):
    """Takes anything, and keeps it by path."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.bodies: dict[str, list[bytes]] = {}
        site = Site(self)
        site.noisy = False
        self.port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port.getHost().port}"

    def render_POST(self, request: Any) -> bytes:
        self.bodies.setdefault(request.path.decode(), []).append(request.content.read())
        request.setHeader(b"Content-Type", b"application/json")
        return b'{"code":0,"msg":"success"}'


@pytest_twisted.ensureDeferred
async def test_one_report_reaches_everyone(tmp_path: Path, broker: Mosquitto, peer: MakePeer) -> None:
    receiver = Receiver()
    platform = await peer(broker, "jimi/+/up")
    callbacks = [
        f'{{url="{receiver.url}/records", name="json"}}',
        f'{{url="{receiver.url}/hub", name="hub", format="hub"}}',
        f'{{url="{receiver.url}/nobody", name="none", devices=["864*"]}}',
        f'{{url="{receiver.url}/hub2", name="hub2", format="hub", devices=["863*"], kinds=["position"]}}',
    ]
    running = Running(
        tmp_path,
        f"callbacks=[{', '.join(callbacks)}]",
        f'mqtt.url="mqtt://127.0.0.1:{broker.port}"',
        'mqtt.kinds=["position"]',
        'http.endpoint="tcp:0:interface=127.0.0.1"',
    )
    try:
        client: Client = await running.connect(IMEI)
        client.login()
        await client.got(1)
        client.location(2)
        await client.got(2)
        await until(lambda: "/hub/pushgps" in receiver.bodies and "/records" in receiver.bodies and platform.heard)
        await until(lambda: "/hub2/pushgps" in receiver.bodies)
        records = [record for body in receiver.bodies["/records"] for record in json.loads(body)]
        assert [record["kind"] for record in records[:2]] == ["login", "position"]
        pushed = parse_qs(receiver.bodies["/hub/pushgps"][0].decode())
        assert json.loads(pushed["data_list"][0])[0]["deviceImei"] == IMEI
        assert not [path for path in receiver.bodies if path.startswith("/nobody")]
        assert [path for path in receiver.bodies if path.startswith("/hub2")] == ["/hub2/pushgps"]

        # A receiver has a record before its reader has the answer.
        delivered = running.service.deliveries.readers.status
        await until(lambda: all(delivered(f"callback:{name}").delivered for name in ("json", "hub", "hub2")))
        token = (tmp_path / "admin.token").read_text("utf-8").strip().splitlines()[-1]
        place: Any = running.service.webs.ports[0].getHost()
        headers: Any = {"Authorization": f"Bearer {token}"}
        answer = await treq.get(f"http://127.0.0.1:{place.port}/api/v1/readers", headers=headers, persistent=False)
        found = await treq.json_content(answer)
        names = [reader["name"] for reader in found["readers"]]
        when = {reader["name"]: reader["last_delivery"] for reader in found["readers"]}
        assert (when["callback:json"] is not None, when["callback:none"]) == (True, None)
        assert sorted(names) == ["callback:hub", "callback:hub2", "callback:json", "callback:none", "mqtt"]
    finally:
        await running.stop()
        await receiver.port.stopListening()
