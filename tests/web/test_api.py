"""Requests and answers, over real sockets, against the whole service."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_twisted

from tests.web.api import IMEI, ApiClient, camera, located, parsed, reactor

DEVICE = {"imei": "863000000000017", "plate": "B 1234", "name": "van", "zone": 480, "notes": "blue"}

REFUSED: list[tuple[str, str, Any, str | None, int, str]] = [
    # method, path, body, token, status, words of the detail
    ("GET", "/nothing", None, "admin", 404, "this address means nothing"),
    ("GET", "/api/v1/devices/", None, "admin", 404, "this address means nothing"),
    ("GET", "/api/v1/devices", None, None, 401, "this wants a token"),
    ("GET", "/api/v1/devices", None, "jgw_00000000_" + "A" * 43, 401, "good for nothing"),
    ("GET", "/ready", None, "nonsense", 401, "good for nothing"),
    ("GET", "/api/v1/devices", None, "nonsense", 401, "good for nothing"),
    ("POST", "/api/v1/devices", DEVICE, "read", 403, "wants a token of the scope admin"),
    ("POST", "/api/v1/devices", DEVICE, "command", 403, "'command' is for command"),
    ("PUT", "/api/v1/devices", DEVICE, "admin", 405, "there are GET, HEAD, OPTIONS, POST"),
    ("TRACE", "/api/v1/devices", None, "admin", 405, "TRACE is not for this address"),
    ("GET", "/api/v1/devices?colour=red", None, "admin", 400, "colour: this address has no such parameter; there are"),
    ("GET", "/api/v1/devices?access_token=x", None, "admin", 400, "tokens are taken in the header Authorization only"),
    (
        "GET",
        "/api/v1/devices?limit=0",
        None,
        "admin",
        400,
        "limit: '0' is not right; expected a whole number from 1",
    ),
    ("GET", "/api/v1/devices?limit=1&limit=2", None, "admin", 400, "limit: it is there twice"),
    ("GET", "/api/v1/devices?online=yes", None, "admin", 400, "expected true or false"),
    ("GET", "/api/v1/devices?search=%ff", None, "admin", 400, "the query is not UTF-8"),
    ("GET", "/api/v1/devices/%ff", None, "admin", 400, "the path is not UTF-8"),
    ("GET", "/api/v1/devices/%0a", None, "admin", 400, "on one line"),
    ("GET", "/api/v1/devices?" + "&".join(f"a{n}=1" for n in range(40)), None, "admin", 400, "more than 32 parameters"),
    ("GET", "/api/v1/records/x", None, "admin", 400, "id: 'x' is not right"),
    ("GET", "/api/v1/records/9999", None, "admin", 404, "there is no record 9999"),
    ("GET", "/api/v1/records?kinds=position,love", None, "admin", 400, "kinds: 'love' is not right; expected some of"),
    ("GET", "/api/v1/positions?bbox=1,2,3", None, "admin", 400, "west,south,east,north"),
    ("GET", "/api/v1/commands/77", None, "admin", 404, "there is no command 77"),
    ("GET", "/api/v1/commands/catalogue/x", None, "admin", 400, "jc400 or jc371 or jc181"),
    ("GET", "/api/v1/commands/1?wait=61", None, "admin", 400, "a number from 0 to 60"),
    ("GET", "/api/v1/commands/1?wait=nan", None, "admin", 400, "a number from 0 to 60"),
    ("POST", "/api/v1/devices", None, "admin", 415, "the header Content-Type is missing"),
    ("POST", "/api/v1/devices", b"{", "admin", 400, "the body is not JSON"),
    ("POST", "/api/v1/devices", b"\xff", "admin", 400, "the body is not JSON"),
    ("POST", "/api/v1/devices", b'{"name":"\xff"}', "admin", 400, "the body is not JSON"),
    ("POST", "/api/v1/devices", b"[" * 100, "admin", 400, "more than 32 levels"),
    ("POST", "/api/v1/devices", b'{"notes":' + b"[" * 40 + b"]" * 40 + b"}", "admin", 400, "more than 32 levels"),
    ("POST", "/api/v1/devices", {"imei": 5}, "admin", 422, "#/imei: Expected `str | null`, got `int`"),
    ("POST", "/api/v1/devices", {"colour": "red"}, "admin", 422, "#/colour: there is no key 'colour' here"),
    ("POST", "/api/v1/devices", {"imei": "1"}, "admin", 422, "#/imei: Expected `str` matching regex"),
    ("POST", "/api/v1/devices", {"name": "x"}, "admin", 422, "one of id, imei and phone has to be there"),
    ("POST", "/api/v1/devices", {"id": "a", "name": "\x07"}, "admin", 422, "name: '\\x07' has a character that cannot"),
    ("DELETE", "/api/v1/devices/5", b"{}", "admin", 400, "this request takes no body"),
    ("POST", "/api/v1/devices/5/disconnect", None, "admin", 404, "there is no terminal '5'"),
    ("GET", "/api/v1/readers/x", None, "admin", 404, "there is no reader 'x'; there are none"),
    ("GET", "/api/v1/devices/5/track?from=now", None, "admin", 400, "a time such as"),
]


@pytest_twisted.ensureDeferred
async def test_what_is_refused(api: ApiClient) -> None:
    api.api.entrance._brakes._first = 0.0
    for method, path, body, token, status, words in REFUSED:
        answer = await api.ask(method, path, body, token=token)
        about = f"{method} {path}: {answer.body[:300]!r}"
        assert answer.status == status, about
        problem = answer.json
        assert (problem["status"], answer.headers["content-type"]) == (status, "application/problem+json"), about
        assert words in problem["detail"], about
        assert problem["type"].startswith("/docs#problem-")
        assert ("www-authenticate" in answer.headers) == (status in (401, 403)), about
        assert ("allow" in answer.headers) == (status == 405), about


@pytest_twisted.ensureDeferred
async def test_the_life_of_a_terminal(api: ApiClient) -> None:
    made = await api.ask("POST", "/api/v1/devices", DEVICE)
    assert (made.status, made.headers["location"]) == (201, "/api/v1/devices/863000000000017")
    told = {"id": "863000000000017", "phone": None, "listed": True, "online": False, "first_seen": None, "logins": 0}
    assert {name: made.json[name] for name in [*DEVICE, *told]} == DEVICE | told
    again = await api.ask("POST", "/api/v1/devices", DEVICE)
    assert (again.status, again.json["errors"][0]["pointer"]) == (409, "#/imei")

    path = made.headers["location"]
    changed = await api.ask("PATCH", path, {"phone": "+0139 1234 5678".replace(" ", "").lstrip("+"), "notes": None})
    assert (changed.status, changed.json["phone"], changed.json["notes"]) == (200, "13912345678", None)
    assert (changed.json["name"], changed.json["zone"]) == ("van", 480)
    assert changed.json["revision"] > made.json["revision"]
    by_phone = await api.ask("GET", "/api/v1/devices/13912345678", token="read")
    assert by_phone.json["id"] == "863000000000017"
    same = await api.ask("PATCH", path, {"name": "van"})
    assert same.json["revision"] == changed.json["revision"]

    await api.ask("POST", "/api/v1/devices", {"id": "other"})
    clash = await api.ask("PATCH", "/api/v1/devices/other", {"phone": "13912345678"})
    assert (clash.status, clash.json["detail"]) == (409, "phone: 13912345678 is the terminal 863000000000017 already")
    assert (await api.ask("GET", "/api/v1/devices/other")).json["phone"] is None

    gone = await api.ask("DELETE", path)
    assert (gone.status, gone.body) == (204, b"")
    assert (await api.ask("GET", path)).status == 404
    assert [card.id for card in api.running.service.store._database.cards()] == ["other"]  # type: ignore[union-attr]


@pytest_twisted.ensureDeferred
async def test_terminals_come_in_pages(api: ApiClient) -> None:
    for number in range(7):
        await api.ask("POST", "/api/v1/devices", {"id": f"t{number}", "name": "Bus" if number % 2 else "Car"})
    after, seen = "", []
    while True:
        page = (await api.ask("GET", f"/api/v1/devices?limit=3{after}", token="read")).json
        seen.append([device["id"] for device in page["devices"]])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [["t0", "t1", "t2"], ["t3", "t4", "t5"], ["t6"]]
    found = (await api.ask("GET", "/api/v1/devices?search=bus&online=false")).json
    assert [device["id"] for device in found["devices"]] == ["t1", "t3", "t5"]
    assert (await api.ask("GET", "/api/v1/devices?online=true")).json == {"devices": [], "next": None}


CSV = {"Content-Type": "text/csv; charset=utf-8"}


@pytest_twisted.ensureDeferred
async def test_a_list_is_imported_whole_or_not_at_all(api: ApiClient) -> None:
    lines = b"imei,name\n863000000000017,one\n863000000000025,two\n"
    done = await api.ask("POST", "/api/v1/import/devices", lines, headers=CSV)
    assert (done.status, done.json["new"], done.json["changed"], done.json["wrong"]) == (200, 2, 0, 0)
    bad = lines.replace(b"one", b"ONE") + b"12,three\n"
    refused = await api.ask("POST", "/api/v1/import/devices", bad, headers=CSV)
    assert (refused.status, [fault["line"] for fault in refused.json["errors"]]) == (422, [4])
    assert (await api.ask("GET", "/api/v1/devices/863000000000017")).json["name"] == "one"
    some = await api.ask("POST", "/api/v1/import/devices?skip_bad=true", bad, headers=CSV)
    assert (some.json["changed"], some.json["same"], some.json["wrong"]) == (1, 1, 1)
    assert (await api.ask("GET", "/api/v1/devices/863000000000017")).json["name"] == "ONE"
    for first, second in [(b"111", b"222"), (b"222", b"111")]:  # the second time they exchange their numbers
        phones = b"imei,phone\n863000000000017,%b\n863000000000025,%b\n" % (first, second)
        given = await api.ask("POST", "/api/v1/import/devices", phones, headers=CSV)
        if first == b"222":
            assert (given.status, "name the id" in given.json["detail"]) == (422, True)
            given = await api.ask("POST", "/api/v1/import/devices", phones.replace(b"imei", b"id"), headers=CSV)
        assert (given.status, given.json["changed"]) == (200, 2)
        assert (await api.ask("GET", f"/api/v1/devices/{first.decode()}")).json["id"] == "863000000000017"
    fewer = await api.ask("POST", "/api/v1/import/devices?replace=true", b"863000000000025\n", headers=CSV)
    assert (fewer.json["unlisted"], fewer.json["same"]) == (1, 1)
    both = await api.ask("POST", "/api/v1/import/devices?replace=true&skip_bad=true", b"863000000000025\n", headers=CSV)
    assert both.status == 400
    wrong = await api.ask("POST", "/api/v1/import/devices", lines)
    assert (wrong.status, wrong.json["detail"]) == (415, "the body has to be text/csv; it is 'application/json'")


@pytest_twisted.ensureDeferred
async def test_where_a_camera_is_and_was(api: ApiClient) -> None:
    now = int(reactor.seconds())
    client = await camera(api)
    for serial in range(2, 5):
        client.send(0x22, located(now - serial), serial)
    await client.got(4)
    places = await api.ask("GET", "/api/v1/positions", token="read")
    assert places.headers["content-type"] == "application/geo+json"
    (feature,) = places.json["features"]
    assert (feature["id"], feature["properties"]["online"]) == (IMEI, True)
    longitude, latitude = feature["geometry"]["coordinates"]
    assert (round(longitude, 3), round(latitude, 3)) == (113.943, 22.577)
    for box, count in [("113,22,114,23", 1), ("114,22,115,23", 0), ("113.9,22,-170,23", 1), ("114,22,-170,23", 0)]:
        assert len((await api.ask("GET", f"/api/v1/positions?bbox={box}")).json["features"]) == count, box
    time = feature["properties"]["time"]
    end = datetime.fromtimestamp(now - 2, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    track = f"/api/v1/devices/{IMEI}/track?from={time}&to={end}"
    points = (await api.ask("GET", track)).json
    assert [point["record"] for point in points["points"]] == [4, 3, 2]
    assert (points["points"][0]["time"], points["next"]) == (time, None)
    line = await api.ask("GET", track + "&format=geojson&limit=2")
    assert line.json["geometry"]["type"] == "LineString"
    assert (line.json["properties"]["records"], line.json["properties"]["next"]) == ([3, 2], 3)
    point = (await api.ask("GET", track + "&format=geojson&limit=2&after=3")).json
    assert (point["geometry"]["type"], point["properties"]["records"]) == ("Point", [4])
    empty = (await api.ask("GET", f"/api/v1/devices/{IMEI}/track?format=geojson&to=2020-01-01T00:00:00%2B08:00")).json
    assert (empty["geometry"], empty["properties"]["records"]) == (None, [])
    for query, words in [
        ("from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", "more than 31 days before"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "after the end, 2026-01-01T00:00:00Z"),
        ("from=2026-01-02", "a time such as"),
        ("from=2026-01-02T00:00:00", "a time such as"),
    ]:
        refused = await api.ask("GET", f"/api/v1/devices/{IMEI}/track?{query}")
        assert (refused.status, words in refused.json["detail"]) == (400, True), refused.body
    assert client.transport is not None
    closed = await api.ask("POST", f"/api/v1/devices/{IMEI}/disconnect", token="command")
    assert closed.json == {"device": IMEI, "disconnected": True}
    await client.gone
    again = await api.ask("POST", f"/api/v1/devices/{IMEI}/disconnect", token="command")
    assert (again.status, again.json["detail"]) == (409, f"the terminal {IMEI} is not on line")


@pytest_twisted.ensureDeferred
async def test_records(api: ApiClient) -> None:
    await camera(api, reports=3)
    whole = (await api.ask("GET", "/api/v1/records", token="read")).json
    assert [record["kind"] for record in whole["records"]] == ["login", "position", "position", "position"]
    assert (whole["next"], whole["more"]) == (4, False)
    first = (await api.ask("GET", "/api/v1/records?limit=2")).json
    assert ([record["id"] for record in first["records"]], first["next"], first["more"]) == ([1, 2], 2, True)
    some = (await api.ask("GET", f"/api/v1/records?after=1&kinds=position,alarm&device={IMEI}&limit=2")).json
    assert ([record["id"] for record in some["records"]], some["next"]) == ([2, 3], 3)
    none = (await api.ask("GET", "/api/v1/records?kinds=alarm")).json
    assert none == {"records": [], "next": 4, "more": False}
    one = await api.ask("GET", "/api/v1/records/2")
    assert one.json == whole["records"][1]
    assert (await api.ask("GET", "/api/v1/alarms")).json == {"records": [], "next": None}


@pytest_twisted.ensureDeferred
async def test_head_options_and_connections(api: ApiClient) -> None:
    get = await api.ask("GET", "/health", token=None)
    head = await api.ask("HEAD", "/health", token=None)
    assert (get.json, head.body) == ({"status": "ok"}, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    options = await api.ask("OPTIONS", "/api/v1/devices/5", token=None)
    assert (options.status, options.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PATCH")
    assert (await api.ask("OPTIONS", "*", token=None)).status == 204
    assert (await api.ask("GET", "http://localhost/health", token=None)).status == 200
    one = b"GET /health HTTP/1.1\r\nHost: x\r\n"
    two = await api.raw(one + b"\r\n" + one + b"Connection: close\r\n\r\n")
    assert two.count(b"HTTP/1.1 200") == 2
    assert (await api.raw(b"GET /health HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.0 200")


@pytest_twisted.ensureDeferred
async def test_the_service_says_how_it_is(api: ApiClient) -> None:
    assert (await api.ask("GET", "/ready", token=None)).json == {"ready": True}
    ready = await api.ask("GET", "/ready", token="read")
    assert ready.json == {"ready": True, "checks": {"journal": "ok", "store": "ok", "ports": "ok", "uploads": "ok"}}
    api.running.service.open_ports.listening.pop()
    broken = await api.ask("GET", "/ready", token="read")
    assert (broken.status, broken.json["checks"]["ports"]) == (503, "not all of them are open")
    assert (await api.ask("GET", "/ready", token=None)).body == b'{"ready":false}'
    version = (await api.ask("GET", "/api/v1/version", token="read")).json
    assert version["name"] == "jimigw"
    stats = (await api.ask("GET", "/api/v1/stats", token="read")).json["sections"]
    assert stats["journal"]["state"] == "ok"
    assert stats["http"]["status 503"] == 2
    page = await api.ask("GET", "/docs", token=None)
    assert b"http" not in page.body.replace(b'"http', b"").split(b"<style>")[0]
    assert b"<script" not in page.body
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest_twisted.ensureDeferred
async def test_pages_of_other_origins(api: ApiClient) -> None:
    asked = {"Origin": "https://map.example.org", "Access-Control-Request-Method": "GET"}
    before = await api.ask("OPTIONS", "/api/v1/devices", token=None, headers=asked)
    assert "access-control-allow-origin" not in before.headers
    api.running.settings.append('http.cors_origins=["https://map.example.org"]')
    api.running.service.reload()
    flight = await api.ask("OPTIONS", "/api/v1/devices", token=None, headers=asked)
    assert flight.headers["access-control-allow-origin"] == "https://map.example.org"
    assert (
        flight.headers["access-control-allow-headers"]
        == "Authorization, Content-Type, If-None-Match, Last-Event-ID, Range"
    )
    assert (flight.headers["access-control-allow-methods"], flight.headers["vary"]) == (
        "GET, HEAD, OPTIONS, POST",
        "Origin",
    )
    other = await api.ask("GET", "/health", token=None, headers={"Origin": "https://evil.example.org"})
    assert ("access-control-allow-origin" in other.headers, other.headers["vary"]) == (False, "Origin")


@pytest_twisted.ensureDeferred
async def test_a_fault_inside_is_in_the_log_and_not_in_the_answer(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def broken(*arguments: Any) -> None:
        raise RuntimeError("the secret of the house")

    from tests.support.logs import heard

    monkeypatch.setattr(api.running.service.registry, "get", broken)
    with heard() as events:
        answer = await api.ask("GET", "/api/v1/devices/5")
    assert (answer.status, b"secret" in answer.body) == (500, False)
    (event,) = [event for event in events if "log_failure" in event]
    assert event["id"] == answer.json["id"]


@pytest.mark.parametrize("token", [True, False], ids=["a token", "no token"])
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "with length"])
@pytest_twisted.ensureDeferred
async def test_a_body_that_is_too_long_is_refused_while_it_comes_in(api: ApiClient, token: bool, chunked: bool) -> None:
    api.api.server.max_body = 100_000
    head = b"POST /api/v1/devices HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
    if token:
        head += b"Authorization: Bearer %b\r\n" % api.tokens["admin"].encode()
    exchange = await api.connect()
    if chunked:
        exchange.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(30):
            exchange.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        exchange.send(b"0\r\n\r\n")
    else:
        exchange.send(head + b"Content-Length: 120000\r\n\r\n" + b"x" * 120_000)
    await exchange.gone.addTimeout(10, reactor)
    last = exchange.heard.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    answer = parsed(last)
    assert answer.status == (413 if token else 401), exchange.heard[:300]
    assert json.loads(answer.body)["status"] == answer.status
    assert exchange.heard.count(b"HTTP/1.1 100") == (1 if chunked else 0)
