"""Who is let in, through the whole service: lists, platforms that answer, and platforms that do anything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol

from jimigw import __version__
from jimigw.gateway.door import Door
from jimigw.gateway.hooked import Hooked
from jimigw.model.device import Device
from jimigw.protocols.jimi.frame import encode_frame
from jimigw.protocols.jt808.codec import encode_json
from jimigw.store import Database
from tests.service.harness import LOCATION as JIMI_LOCATION
from tests.service.harness import Client, Running, Start, until
from tests.service.jt808 import Terminal
from tests.support.jt808 import LOCATION, REGISTRATION
from tests.tools.running import Ran, run
from tests.web.harness import Behaviour, Conversation, Platform, RawServer, Request, listening

IMEI, OTHER = "863000000000014", "863000000000022"
PHONE = "13912345678"
LISTED = 'admission.mode="listed"'
DEAD = "http://127.0.0.1:1"
"""Nobody listens there."""


def devices(running: Running, *words: str, stdin: str = "") -> Ran:
    """``jimigw devices`` on the store of a service."""
    command, *others = words
    return run("devices", command, "--set", f'data_dir="{running.config.data_path}"', *others, stdin=stdin)


def known(running: Running, id: str) -> Callable[[], Device | None]:
    return lambda: running.service.registry.get(id)


def online(running: Running, id: str) -> bool:
    device = running.service.registry.get(id)
    return device is not None and device.online


def kinds(running: Running) -> list[tuple[str, str]]:
    """Device and kind of each record."""
    return [(record.device, record.kind) for record in running.records()]


def stored(running: Running) -> list[str]:
    """The terminals in the store's file, of a service that has ended."""
    with Database.for_reading(running.config.path(running.config.store.file)) as database:
        return [device.id for device in database.devices()]


async def camera(running: Running, imei: str = IMEI) -> Client:
    """A Jimi terminal whose login is answered."""
    client = await running.connect(imei)
    client.login()
    await client.got(1)
    return client


async def refused(terminal: Terminal, code: str) -> None:
    """A terminal that authenticates and reports, and hears no."""
    before = len(terminal.heard)
    await terminal.say(0x0102, {"code": code})
    await terminal.hear(0x8001, sum(heard == 0x8001 for heard, _ in terminal.heard) + 1)
    await terminal.say(0x0200, LOCATION)
    await terminal.hear(0x8001, sum(heard == 0x8001 for heard, _ in terminal.heard) + 1)
    assert [(heard, body["id"], body["result"]) for heard, body in terminal.heard[before:]] == [
        (0x8001, 0x0102, 1),
        (0x8001, 0x0200, 1),
    ]


async def registered(terminal: Terminal) -> dict[str, Any]:
    """The answer to another registration."""
    await terminal.say(0x0100, REGISTRATION)
    return await terminal.hear(0x8100, sum(heard == 0x8100 for heard, _ in terminal.heard) + 1)


async def authenticated(terminal: Terminal, code: str) -> int:
    """The result of another authentication."""
    before = sum(heard == 0x8001 for heard, _ in terminal.heard)
    await terminal.say(0x0102, {"code": code})
    answer = await terminal.hear(0x8001, before + 1)
    assert answer["id"] == 0x0102
    return int(answer["result"])


async def reported(terminal: Terminal) -> int:
    """The result of another location report."""
    before = sum(heard == 0x8001 for heard, _ in terminal.heard)
    await terminal.say(0x0200, LOCATION)
    answer = await terminal.hear(0x8001, before + 1)
    assert answer["id"] == 0x0200
    return int(answer["result"])


# -- a list -------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_camera_that_is_not_listed_is_answered_and_nothing_is_kept_of_it(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path, LISTED)
    client = await camera(running)
    client.heartbeat(2)
    for serial in range(3, 6):
        client.location(serial)
    client.heartbeat(6)
    client.login(7)
    await client.got(4)
    assert client.answered == [(0x01, 1), (0x13, 2), (0x13, 6), (0x01, 7)]
    counters = running.service.gateway.counters
    assert (counters.logins, counters.reports, counters.refused_reports) == (0, 0, 5)
    assert len(running.service.registry) == 0
    await running.stop()
    assert (kinds(running), stored(running)) == ([], [])


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
@pytest_twisted.ensureDeferred
async def test_a_tracker_that_is_not_listed_hears_no_and_nothing_is_kept_of_it(
    start: Start, tmp_path: Path, udp: bool
) -> None:
    running = start(tmp_path, LISTED)
    terminal = Terminal(running, udp=udp)
    assert (await registered(terminal))["result"] == 4
    for code in ("", "guessed", running.service.doors.door.code(PHONE)):  # type: ignore[union-attr]
        await refused(terminal, code)
    assert len(running.service.registry) == 0
    terminal.socket.close()
    await running.stop()
    assert (kinds(running), stored(running)) == ([], [])


@pytest_twisted.ensureDeferred
async def test_a_camera_is_listed_and_removed_while_the_service_runs(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path, LISTED)
    early, stranger = await camera(running), await camera(running, OTHER)
    assert devices(running, "import", "-", stdin=f"{IMEI}\n").status == 0
    await until(known(running, IMEI))
    # One that had logged in before it was listed is in within seconds: it would not log in again for days.
    early.location(2)
    await until(lambda: online(running, IMEI))
    early.heartbeat(3)
    early.location(4)
    await early.got(3)
    assert early.answered == [(0x01, 1), (0x13, 3), (0x22, 4)]
    late = await camera(running)
    await until(lambda: early.gone.called)
    late.location(2)
    await late.got(2)
    assert devices(running, "remove", IMEI).status == 0
    await until(lambda: late.gone.called)
    assert running.service.registry.get(IMEI) is None
    again = await camera(running)
    again.location(2)
    stranger.location(2)
    again.heartbeat(3)
    await again.got(2)
    assert again.answered == [(0x01, 1), (0x13, 3)]
    await running.stop()
    assert kinds(running) == [
        (IMEI, kind) for kind in ("login", "heartbeat", "position", "login", "position", "logout")
    ]
    assert stored(running) == []


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
@pytest_twisted.ensureDeferred
async def test_a_tracker_is_listed_and_removed_while_the_service_runs(start: Start, tmp_path: Path, udp: bool) -> None:
    running = start(tmp_path, LISTED)
    terminal = Terminal(running, udp=udp)
    assert (await registered(terminal))["result"] == 4
    assert devices(running, "import", "-", stdin=f"{PHONE}\n").status == 0
    await until(known(running, PHONE))
    code = (await registered(terminal))["auth_code"]
    assert await authenticated(terminal, code) == 0
    assert await reported(terminal) == 0
    assert devices(running, "remove", PHONE).status == 0
    await until(lambda: not online(running, PHONE) and running.service.registry.get(PHONE) is None)
    if udp:
        assert await reported(terminal) == 1
    else:
        await terminal.hung_up_on()
        terminal = Terminal(running)
    assert await authenticated(terminal, code) == 1
    terminal.socket.close()
    await running.stop()
    assert [kind for _, kind in kinds(running)] == ["login", "login", "position", "logout"]
    assert stored(running) == []


@pytest_twisted.ensureDeferred
async def test_who_is_listed_no_more_is_taken_off(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path, LISTED)
    assert devices(running, "import", "-", stdin=f"{IMEI}\n{PHONE}\n{OTHER}\n").status == 0
    await until(known(running, OTHER))
    client, stays = await camera(running), await camera(running, OTHER)
    terminal = Terminal(running)
    await terminal.enter()
    assert devices(running, "import", "--replace", "-", stdin=f"{OTHER}\n").status == 0
    await until(lambda: client.gone.called)
    await terminal.hung_up_on()
    assert [online(running, id) for id in (IMEI, PHONE, OTHER)] == [False, False, True]
    stays.location(2)
    await stays.got(2)
    await running.stop()


@pytest_twisted.ensureDeferred
async def test_a_listed_terminal_is_one_device_on_both_ports(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path, LISTED)
    assert devices(running, "import", "-", stdin=f"imei,phone\n{IMEI},{PHONE}\n").status == 0
    await until(known(running, PHONE))
    client = await camera(running)
    client.location(2)
    await client.got(2)
    terminal = Terminal(running)
    await terminal.enter()
    assert await reported(terminal) == 0
    await until(lambda: client.gone.called)
    device = running.service.registry.get(PHONE)
    assert device is running.service.registry.get(IMEI)
    terminal.socket.close()
    await until(lambda: not online(running, IMEI))
    await running.stop()
    shown = [json.loads(record.json()) for record in running.records()]
    assert [(record["protocol"], record["kind"]) for record in shown] == [
        *(("jimi", kind) for kind in ("login", "position")),
        *(("jt808", kind) for kind in ("login", "login", "position", "logout")),
    ]
    assert {record["device"] for record in shown} == {IMEI}
    assert stored(running) == [IMEI]


# -- a platform ---------------------------------------------------------------------------------------------------


def hooked(url: str, *settings: str) -> tuple[str, ...]:
    """Settings: this platform is asked."""
    return (
        'admission.mode="hooks"',
        f'admission.registry_url="{url}/register"',
        f'admission.authentication_url="{url}/authenticate"',
        *settings,
    )


@contextmanager
def asking(server: Any, *settings: str) -> Any:
    """A platform that listens, and the settings to ask it."""
    with listening(server) as port:
        yield hooked(f"http://127.0.0.1:{port}", *settings)


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def admission(running: Running) -> Hooked:
    found = running.service.gateway.admission
    assert isinstance(found, Hooked)
    return found


def yes(request: Request) -> tuple[int, Any]:
    return 200, {"code": 0, "authcode": "7f3a"}


ASKED = b"""POST %s HTTP/1.1
Content-Length: %d
Content-Type: application/json
Accept: application/json
User-Agent: jimigw/%s
Host: 127.0.0.1:%d

%s"""


@pytest_twisted.ensureDeferred
async def test_registration_and_authentication_as_the_platform_gets_them(start: Start, tmp_path: Path) -> None:
    server = RawServer(lambda c: c.send(http("200 OK", b'{"code": 0, "authcode": "7f3a"}')))
    body = {
        "province": 44,
        "city": 300,
        "manufacturer": "JIMI",
        "model": "JC400",
        "dev_id": "0012345",
        "color": 1,
        "license_number": "粤B12345",
    }
    with listening(server) as port:
        running = start(tmp_path, *hooked(f"http://127.0.0.1:{port}"))
        stranger, terminal = Terminal(running, phone="013912345679"), Terminal(running)
        assert await authenticated(stranger, "7f3a") == 0
        await terminal.say(0x0100, body)
        assert await terminal.hear(0x8100) == {"seq": 0, "result": 0, "auth_code": "7f3a"}
        assert await authenticated(terminal, "7f3a") == 0
        assert await reported(terminal) == 0
        registration = (
            '{"province":44,"city":300,"manufacturer":"JIMI","model":"JC400","dev_id":"0012345","color":1,'
            '"license_number":"粤B12345","phone":"013912345678"}'
        ).encode()
        authentication = b'{"code":"7f3a","phone":"013912345679"}'
        # A terminal that shows the code which the platform gave it is not asked about.
        asked = [(b"/authenticate", authentication), (b"/register", registration)]
        assert server.requests == [
            ASKED.replace(b"\n", b"\r\n") % (path, len(body), __version__.encode(), port, body) for path, body in asked
        ]
    for each in (stranger, terminal):
        each.socket.close()
    await running.stop()
    assert [kind for device, kind in kinds(running) if device == PHONE] == ["login", "login", "position", "logout"]


@pytest.mark.parametrize(
    ("status", "answer", "result"),
    [(200, {"code": n}, n) for n in (1, 2, 3, 4, 255)] + [(status, {"code": 0}, 1) for status in (401, 403, 404)],
)
@pytest_twisted.ensureDeferred
async def test_a_platform_that_says_no(start: Start, tmp_path: Path, status: int, answer: Any, result: int) -> None:
    platform = Platform(lambda r: (status, answer) if r.path == "/register" else (401, b""))
    with asking(platform.site) as settings:
        running = start(tmp_path, *settings)
        terminal = Terminal(running)
        assert await registered(terminal) == {"seq": 0, "result": result}
        await refused(terminal, "7f3a")
        client = await camera(running)
        await until(lambda: running.service.gateway.counters.refused_logins)
        client.location(2)
        client.heartbeat(3)
        await client.got(2)
        assert client.answered == [(0x01, 1), (0x13, 3)]
        assert len(running.service.registry) == 0
        terminal.socket.close()
        await running.stop()
    assert (kinds(running), stored(running)) == ([], [])


def says(data: bytes) -> Behaviour:
    return lambda c: c.send(data)


LIES: list[tuple[str, Behaviour, int]] = [
    ("nothing", lambda c: None, 1),
    ("it closes", lambda c: c.close(), 1),
    ("garbage", lambda c: c.send(b"\x00\xff" * 500 + b"\r\n\r\n").close(), 1),
    ("an empty body", says(http("200 OK")), 0),
    ("no JSON", says(http("200 OK", b"<html>welcome</html>")), 0),
    ("text for a code", says(http("200 OK", b'{"code":"0","authcode":"7f3a"}')), 0),
    ("true for a code", says(http("200 OK", b'{"code":true,"authcode":"7f3a"}')), 0),
    ("a number for an authcode", says(http("200 OK", b'{"code":0,"authcode":7}')), 0),
    ("no authcode", says(http("200 OK", b'{"code":0}')), 0),
    ("an authcode with a line end", says(http("200 OK", b'{"code":0,"authcode":"a\\n"}')), 0),
    ("a code that is no byte", says(http("200 OK", b'{"code":256}')), 0),
    ("a list", says(http("200 OK", b'[0,"7f3a"]')), 0),
    ("created", says(http("201 Created", b'{"code":0,"authcode":"7f3a"}')), 1),
    ("a redirect", says(http("307 Temporary", b"", "Location: http://127.0.0.1:1/")), 1),
    ("a fault", says(http("500 Oh", b'{"code":0,"authcode":"7f3a"}')), 1),
    ("an endless body", lambda c: c.send(b"HTTP/1.1 200 OK\r\n\r\n").endless(b" " * 65536), 0),
    ("an endless head", lambda c: c.send(b"HTTP/1.1 200 OK\r\n").endless(b"X-A: b\r\n" * 1000), 1),
]
"""What a platform does, and what then comes of an authentication. No registration passes."""


@pytest.mark.parametrize("row", LIES, ids=lambda row: row[0])
@pytest_twisted.ensureDeferred
async def test_a_platform_that_lies(start: Start, tmp_path: Path, row: tuple[str, Behaviour, int]) -> None:
    _, behaviour, result = row
    truthful = says(http("200 OK", b'{"code":0,"authcode":"7f3a"}'))
    server = RawServer(truthful)
    with asking(server, "admission.hook_timeout=0.3", "admission.hook_cache=0.0") as settings:
        running = start(tmp_path, *settings)
        inside = Terminal(running)
        await inside.enter()
        insider = await camera(running)
        await until(lambda: online(running, IMEI))
        server.behaviour = behaviour
        stranger = Terminal(running, phone="013912345679")
        assert await registered(stranger) == {"seq": 0, "result": 1}
        assert await authenticated(stranger, "7f3a") == result
        # Who is known is asked about in the background, and stays in whatever comes of it.
        again = Terminal(running)
        assert await authenticated(again, "7f3a") == 0
        assert await reported(again) == 0
        insider.login(2)
        insider.location(3)
        await insider.got(3)
        await until(lambda: admission(running).counters.rechecks >= 2 and not admission(running)._rechecking)
        assert await reported(again) == 0
        insider.location(4)
        await insider.got(4)
        assert admission(running).counters.denied == 0
        for each in (inside, stranger, again):
            each.socket.close()
        await running.stop()


@pytest_twisted.ensureDeferred
async def test_a_stranger_hears_no_within_four_seconds_of_a_platform_that_hangs(start: Start, tmp_path: Path) -> None:
    with asking(RawServer(lambda c: None)) as settings:
        running = start(tmp_path, *settings)
        terminal = Terminal(running)
        asked = reactor.seconds()
        assert (await registered(terminal))["result"] == 1
        assert reactor.seconds() - asked <= 4.0
        terminal.socket.close()
        await running.stop()


@pytest_twisted.ensureDeferred
async def test_who_was_let_in_before_a_restart_needs_no_platform(start: Start, tmp_path: Path) -> None:
    platform = Platform(yes)
    with asking(platform.site) as settings:
        running = start(tmp_path, *settings)
        terminal, client = Terminal(running), await camera(running)
        await terminal.enter()
        await until(lambda: online(running, IMEI))
        terminal.socket.close()
        await running.stop()
        await until(lambda: client.gone.called)
    running = start(tmp_path, *hooked(DEAD))
    terminal, client = Terminal(running), await camera(running)
    # Registered anew it gets the code that it has.
    assert (await registered(terminal))["auth_code"] == "7f3a"
    assert await authenticated(terminal, "7f3a") == 0
    assert await reported(terminal) == 0
    client.location(2)
    await client.got(2)
    counters = admission(running).counters
    assert (counters.asked, counters.known) == (0, 2)
    # Its number is not enough, also while nobody can be asked.
    thief = Terminal(running)
    assert await authenticated(thief, "guessed") == 1
    assert await reported(terminal) == 0
    for each in (terminal, thief):
        each.socket.close()
    await running.stop()


@pytest_twisted.ensureDeferred
async def test_a_certain_no_takes_off_who_is_in(start: Start, tmp_path: Path) -> None:
    platform = Platform(yes)
    with asking(platform.site, "admission.hook_cache=0.0") as settings:
        running = start(tmp_path, *settings)
        terminal, client = Terminal(running), await camera(running)
        await terminal.enter()
        await until(lambda: online(running, IMEI) and not admission(running)._rechecking)
        platform.answers = lambda _: (401, b"")
        again = Terminal(running)
        await again.say(0x0102, {"code": "7f3a"})
        client.login(2)
        await until(lambda: client.gone.called)
        await again.hung_up_on()
        await until(lambda: not online(running, IMEI) and not online(running, PHONE))
        assert [body["result"] for _, body in again.heard] == [0]
        assert admission(running).counters.denied == 2
        last = Terminal(running)
        assert await authenticated(last, "7f3a") == 1
        for each in (terminal, again, last):
            each.socket.close()
        await running.stop()
    # Whoever reads the records sees it go.
    for device in (IMEI, PHONE):
        assert [kind for id, kind in kinds(running) if id == device][-1] == "logout"


@pytest_twisted.ensureDeferred
async def test_what_a_camera_reports_before_the_verdict_is_not_stored(start: Start, tmp_path: Path) -> None:
    platform = Platform()
    with asking(platform.site) as settings:
        running = start(tmp_path, *settings)
        client = await camera(running)
        client.location(2)
        client.heartbeat(3)
        await client.got(2)
        await until(lambda: platform.requests)
        assert client.answered == [(0x01, 1), (0x13, 3)]
        assert len(running.service.registry) == 0
        platform.requests[0].answer(200)
        await until(lambda: online(running, IMEI))
        client.location(4)
        await client.got(3)
        assert client.answered[2:] == [(0x22, 4)]
        await running.stop()
    assert [request.raw for request in platform.requests] == [b'{"code":"","phone":"%s"}' % IMEI.encode()]
    assert kinds(running) == [(IMEI, kind) for kind in ("login", "position", "logout")]


@pytest_twisted.ensureDeferred
async def test_a_camera_that_came_while_the_platform_was_gone_is_in_once_it_is_back(
    start: Start, tmp_path: Path
) -> None:
    platform = Platform(lambda _: (503, b""))
    with asking(platform.site) as settings:
        running = start(tmp_path, *settings)
        client = await camera(running)
        await until(lambda: running.service.gateway.counters.refused_logins)
        platform.answers = yes
        client.heartbeat(2)
        await until(lambda: online(running, IMEI))
        client.location(3)
        await client.got(3)
        assert client.answered == [(0x01, 1), (0x13, 2), (0x22, 3)]
        await running.stop()
    assert kinds(running) == [(IMEI, kind) for kind in ("login", "position", "logout")]


# -- a flood ------------------------------------------------------------------------------------------------------

TRACKERS, CAMERAS, ROUNDS = 300, 100, 40


class Crowd(Protocol):
    """A stranger that says all it has to say at once, and counts what it hears."""

    heard = 0

    def __init__(self, data: bytes) -> None:
        self.data = data

    def connectionMade(self) -> None:
        self.transport.write(self.data)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.heard += len(data)


def tracker_says(phone: str) -> bytes:
    messages = [(0x0100, REGISTRATION), (0x0102, {"code": "guessed"}), *[(0x0200, LOCATION)] * 3]
    return b"".join(
        frame
        for serial, (msg_id, body) in enumerate(messages)
        for frame in encode_json({"header": {"msg_id": msg_id, "phone": phone, "msg_sn": serial}, "body": body})
    )


def camera_says(imei: str) -> bytes:
    login = encode_frame(0x01, bytes.fromhex(f"0{imei}42703200"), 1)
    return login + b"".join(encode_frame(0x22, JIMI_LOCATION, serial) for serial in range(2, 5))


async def crowd(running: Running) -> list[Crowd]:
    """Hundreds of strangers on both ports."""
    places: list[Any] = [port.getHost() for port in running.service.ports]
    jimi, jt808 = (place.port for place in places if place.type == "TCP")
    connecting = [
        connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Crowd(data))
        for port, data in (
            *((jt808, tracker_says(f"0139990{number:05d}")) for number in range(TRACKERS)),
            *((jimi, camera_says(f"8639990{number:08d}")) for number in range(CAMERAS)),
        )
    ]
    return [await each for each in connecting]


async def _flood(start: Start, tmp_path: Path, settings: tuple[str, ...], listing: str = "") -> None:
    """Strangers come, and who is known reports one after the other meanwhile."""
    running = start(tmp_path, *settings)
    if listing:
        assert devices(running, "import", "-", stdin=listing).status == 0
        await until(known(running, PHONE))
    terminal, client = Terminal(running), await camera(running)
    await terminal.enter()
    await until(lambda: online(running, IMEI))
    strangers = await crowd(running)
    longest = 0.0
    for serial in range(2, ROUNDS):
        asked = reactor.seconds()
        client.location(serial)
        assert await reported(terminal) == 0
        await client.got(serial)
        longest = max(longest, reactor.seconds() - asked)
        again = Terminal(running)
        assert await authenticated(again, terminal_code(running)) == 0
        terminal.socket.close()
        terminal = again
    # All of the strangers share this process and its core with the service.
    assert longest < 4.0
    await until(lambda: all(stranger.heard for stranger in strangers))
    counters = running.service.gateway.counters
    # It is asked again about those that stay.
    await until(lambda: counters.refused_logins >= CAMERAS)
    assert counters.refused_reports == 3 * CAMERAS
    assert (len(running.service.registry), counters.unanswered) == (2, 0)
    for stranger in strangers:
        stranger.transport.loseConnection()  # type: ignore[union-attr]
    terminal.socket.close()
    await running.stop()
    assert {device for device, _ in kinds(running)} == {IMEI, PHONE}
    assert sorted(stored(running)) == sorted([IMEI, PHONE])
    positions = [device for device, kind in kinds(running) if kind == "position"]
    assert (positions.count(IMEI), positions.count(PHONE)) == (ROUNDS - 2, ROUNDS - 2)


def terminal_code(running: Running) -> str:
    device = running.service.registry.get(PHONE)
    door = running.service.doors.door
    assert device is not None
    return door.code(PHONE) if isinstance(door, Door) else str(device.auth_code)


@pytest_twisted.ensureDeferred
async def test_strangers_that_are_not_listed_keep_nobody_waiting(start: Start, tmp_path: Path) -> None:
    await _flood(start, tmp_path, (LISTED,), f"{IMEI}\n{PHONE}\n")


@pytest.mark.parametrize("behaviour", [lambda c: None, lambda c: c.close()], ids=["slow", "dead"])
@pytest_twisted.ensureDeferred
async def test_strangers_and_a_platform_that_does_not_answer_keep_nobody_waiting(
    start: Start, tmp_path: Path, behaviour: Behaviour
) -> None:
    def first(conversation: Conversation) -> None:
        asked = server.requests[-1]
        if PHONE.encode() in asked or IMEI.encode() in asked:
            conversation.send(http("200 OK", b'{"code":0,"authcode":"7f3a"}'))
        else:
            behaviour(conversation)

    server = RawServer(first)
    with asking(server, "admission.hook_timeout=1.0") as settings:
        await _flood(start, tmp_path, settings)
