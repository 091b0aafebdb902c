"""Commands and readers through the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest_twisted
from twisted.internet.defer import Deferred, succeed

from jimigw.protocols.jimi.codec import read_any
from jimigw.protocols.jimi.messages import CommandReply
from jimigw.web.readers_api import DeadLetter, ReaderStatus
from tests.service.harness import Client
from tests.web.api import IMEI, ApiClient, camera
from tests.web.harness import until

GIVE = f"/api/v1/devices/{IMEI}/commands"

REFUSED: list[tuple[Any, int, str, str | None]] = [
    ({}, 422, "either text or message has to be there", None),
    ({"text": "VERSION", "message": {}}, 422, "either text or message", None),
    ({"text": "DANCE"}, 422, "'DANCE' is no command in the list of jc400", "#/text"),
    ({"text": "VERSION\nRESET"}, 422, "character 8 is a line break", "#/text"),
    ({"text": "SERVER,1,gateway.example.org,21100"}, 409, "send it with a confirmation", "#/confirm"),
    ({"text": "VERSION", "ttl": 0}, 422, "Expected `float` > 0", "#/ttl"),
    ({"message": {"header": {"msg_id": 33028}}}, 422, "speaks the Jimi protocol", "#/message"),
    ({"text": 5}, 422, "Expected `str | null`", "#/text"),
]


@pytest_twisted.ensureDeferred
async def test_what_is_no_command(api: ApiClient) -> None:
    await camera(api)
    for body, status, words, pointer in REFUSED:
        answer = await api.ask("POST", GIVE, body, token="command")
        assert (answer.status, words in answer.json["detail"]) == (status, True), answer.body
        pointers = [fault["pointer"] for fault in answer.json.get("errors", [])]
        assert pointers == ([pointer] if pointer else []), answer.body
    assert (await api.ask("POST", GIVE, {"text": "VERSION"}, token="read")).status == 403
    assert (await api.ask("POST", "/api/v1/devices/5/commands", {"text": "VERSION"})).status == 404


def _answers(client: Client, text: str) -> None:
    """Answer the last command."""
    (*_, frame) = [frame for frame in client.frames if frame.protocol == 0x80]
    flag = read_any(frame).body["server_flag"]
    client.send(0x21, CommandReply(server_flag=flag, content_code=1, content=text).encode(), 99)


@pytest_twisted.ensureDeferred
async def test_a_command_is_given_waited_for_and_listed(api: ApiClient) -> None:
    client = await camera(api)
    asking = Deferred.fromCoroutine(
        api.ask("POST", f"{GIVE}?wait=30", {"text": "version", "purpose": "a test"}, token="command")
    )
    await until(lambda: any(frame.protocol == 0x80 for frame in client.frames))
    _answers(client, "[VERSION]JC400P_V1.2.3_210716")
    answer = await asking
    assert (answer.status, answer.json["state"], answer.json["text"]) == (201, "answered", "VERSION")
    assert (answer.json["reply"], answer.json["owner"]) == ("[VERSION]JC400P_V1.2.3_210716", "api:command")
    path = answer.headers["location"]
    assert (await api.ask("GET", path, token="read")).json == answer.json
    assert (await api.ask("GET", f"{path}?wait=1", token="read")).json == answer.json

    client.transport.loseConnection()  # type: ignore[union-attr]
    await client.gone
    await until(lambda: api.running.service.registry.online() == 0)
    sleeping = [(await api.ask("POST", GIVE, {"text": "STATUS"}, token="command")).json for _ in range(2)]
    assert [command["state"] for command in sleeping] == ["queued", "queued"]
    waited = await api.ask("GET", f"/api/v1/commands/{sleeping[0]['id']}?wait=0.05", token="read")
    assert (waited.status, waited.json["state"]) == (200, "queued")
    cancelled = await api.ask("DELETE", f"/api/v1/commands/{sleeping[0]['id']}", token="command")
    assert (cancelled.json["state"], cancelled.json["why"]) == ("cancelled", "cancelled by api:command")
    again = await api.ask("DELETE", f"/api/v1/commands/{sleeping[0]['id']}", token="command")
    assert (again.status, again.json["state"]) == (200, "cancelled")
    listed = (await api.ask("GET", f"/api/v1/commands?device={IMEI}&limit=2", token="read")).json
    assert [command["id"] for command in listed["commands"]] == [sleeping[1]["id"], sleeping[0]["id"]]
    rest = (await api.ask("GET", f"/api/v1/commands?before={listed['next']}", token="read")).json
    assert [command["id"] for command in rest["commands"]] == [answer.json["id"]]
    still = (await api.ask("GET", "/api/v1/commands?open=true", token="read")).json
    assert [command["id"] for command in still["commands"]] == [sleeping[1]["id"]]
    families = (await api.ask("GET", "/api/v1/commands/catalogue", token="read")).json["families"]
    for family in families:
        whole = (await api.ask("GET", f"/api/v1/commands/catalogue/{family['family']}", token="read")).json
        assert len(whole["commands"]) == family["commands"]


@pytest_twisted.ensureDeferred
async def test_who_waits_and_leaves_is_forgotten(api: ApiClient) -> None:
    await camera(api)
    exchange = await api.connect()
    head = f"POST {GIVE}?wait=60 HTTP/1.1\r\nAuthorization: Bearer {api.tokens['command']}\r\n"
    exchange.send(f'{head}Content-Type: application/json\r\nContent-Length: 18\r\n\r\n{{"text":"VERSION"}}'.encode())
    waiters = api.running.service.commands._waiters
    await until(lambda: waiters)
    exchange.close()
    await until(lambda: not waiters)


# -- readers ----------------------------------------------------------------------------------------------------------

AT = datetime(2026, 11, 20, tzinfo=UTC)


class RecordingReaders:
    """Readers that keep what they were told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def names(self) -> Sequence[str]:
        return ["map", "crm"]

    def status(self, name: str) -> ReaderStatus | Deferred[ReaderStatus]:
        if name not in self.names():
            raise LookupError(name)
        status = ReaderStatus(name, "running", cursor=5, lag=2)
        return status if name == "map" else succeed(status)

    def pause(self, name: str, reason: str) -> None:
        self.told.append(("pause", name, reason))

    def resume(self, name: str) -> None:
        self.told.append(("resume", name))

    def rewind(self, name: str, to: int | datetime) -> None:
        self.told.append(("rewind", name, to))

    def dead_letters(self, name: str, after: int, limit: int) -> list[DeadLetter]:
        self.told.append(("dead", name, after, limit))
        return [DeadLetter(id, IMEI, "alarm", "410 Gone", AT) for id in range(after + 1, after + 3)][:limit]

    def resend(self, name: str, ids: Sequence[int]) -> Deferred[int]:
        self.told.append(("resend", name, list(ids)))
        return succeed(len(ids))

    def discard(self, name: str, ids: Sequence[int]) -> int:
        self.told.append(("discard", name, list(ids)))
        return len(ids)


@pytest_twisted.ensureDeferred
async def test_readers_are_asked_and_told(api: ApiClient) -> None:
    assert (await api.ask("GET", "/api/v1/readers", token="read")).json == {"readers": []}
    readers = RecordingReaders()
    api.running.service.webs.set_readers(readers)
    listed = (await api.ask("GET", "/api/v1/readers", token="read")).json["readers"]
    assert [(each["name"], each["lag"]) for each in listed] == [("map", 2), ("crm", 2)]
    missing = await api.ask("GET", "/api/v1/readers/x", token="read")
    assert (missing.status, missing.json["detail"]) == (404, "there is no reader 'x'; there are map, crm")
    page = (await api.ask("GET", "/api/v1/readers/crm/dead?after=3&limit=2", token="read")).json
    assert ([letter["id"] for letter in page["letters"]], page["next"]) == ([4, 5], 5)
    steps: list[tuple[str, Any, int]] = [
        ("pause", None, 200),
        ("pause", {"reason": "moving"}, 200),
        ("resume", None, 200),
        ("rewind", {"id": 0}, 200),
        ("rewind", {"time": "2026-11-20T08:00:00+08:00"}, 200),
        ("rewind", {}, 422),
        ("rewind", {"id": 1, "time": "2026-11-20T00:00:00Z"}, 422),
        ("rewind", {"time": "2026-11-20T00:00:00"}, 422),
        ("dead/resend", {"ids": [4, 5]}, 200),
        ("dead/discard", {"ids": [4]}, 200),
        ("dead/discard", {"ids": []}, 422),
    ]
    for path, body, status in steps:
        answer = await api.ask("POST", f"/api/v1/readers/crm/{path}", body)
        assert answer.status == status, answer.body
    assert readers.told == [
        ("dead", "crm", 3, 2),
        ("pause", "crm", "api:admin"),
        ("pause", "crm", "api:admin: moving"),
        ("resume", "crm"),
        ("rewind", "crm", 0),
        ("rewind", "crm", AT),
        ("resend", "crm", [4, 5]),
        ("discard", "crm", [4]),
    ]
