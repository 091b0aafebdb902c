"""The manhole as operators reach it: real sockets, real telnet, real SSH, before a fake house."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.conch.ssh.keys import Key
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.logger import LogEvent, formatEvent

from jimigw.model.command import Life
from jimigw.ops.config import ConfigError, load_config
from jimigw.ops.manhole.access import ManholeError
from jimigw.ops.manhole.service import Manhole
from jimigw.ops.manhole.ssh import _make_host_key
from tests.ops.manhole.conftest import CAMERA, SLEEPER, furnish
from tests.support.house import FakeHouse, FakeTraffic
from tests.support.ssh_client import SshClient
from tests.support.telnet_client import DO, ECHO, NAWS, SGA, WILL, WONT, TelnetClient

PROMPT = ">>> $"
Open = Callable[..., Any]


class Site:
    """A manhole that runs, and ways to it."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.house = FakeHouse(folder)
        furnish(self.house)
        first = [f'data_dir="{folder}"', 'manhole.endpoint="tcp:0:interface=127.0.0.1"']
        self.manhole = Manhole(reactor, load_config(None, [*first, *settings]), self.house)
        self.folder = folder

    def port(self) -> int:
        """The port of the last way in."""
        address: Any = self.manhole.ports[-1].getHost()
        return int(address.port)

    @property
    def password(self) -> str:
        return (self.folder / "manhole.password").read_text().partition("password: ")[2].strip()

    async def telnet(self, **named: Any) -> TelnetClient:
        client = TelnetClient(**named)
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", self.port()), client)
        return client

    async def inside(self, **named: Any) -> TelnetClient:
        client = await self.telnet(**named)
        await client.expect("Username: $")
        client.line("admin")
        await client.expect("Password: $")
        client.line(self.password)
        await client.expect(PROMPT)
        return client

    async def ssh(self, user: str, *keys: Key) -> SshClient:
        client = SshClient(user, list(keys))
        await TCP4ClientEndpoint(reactor, "127.0.0.1", self.port()).connect(client.factory())
        return client


@pytest_twisted.async_yield_fixture
async def open_site(tmp_path: Path) -> AsyncIterator[Open]:
    sites: list[Site] = []

    async def _open(*settings: str) -> Site:
        sites.append(Site(tmp_path, *settings))
        await sites[-1].manhole.start()
        return sites[-1]

    yield _open
    for site in sites:
        await site.manhole.stop()


def quick(site: Site) -> None:
    """Passwords are waited for by the clock of the world here, so the waits are made short."""
    site.manhole.entrance.brakes._first = 0.05


@pytest_twisted.ensureDeferred
async def test_a_session(open_site: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jimigw.ops.manhole.telnet.PENALTY", 0.05)
    site = await open_site()
    quick(site)
    client = await site.telnet(width=100)
    await client.expect("Username: $")
    assert client.local_echo
    client.line("admin")
    await client.expect("Password: $")
    assert not client.local_echo
    client.line("wrong")
    assert await client.expect("Username: $") == "\nLogin incorrect.\nUsername: "
    assert client.local_echo
    client.line("admin")
    await client.expect("Password: $")
    client.line(site.password)
    assert "help() lists the words" in await client.expect(PROMPT)
    assert client.character_mode and not client.local_echo
    assert [each for each in client.asked if each[1] == NAWS] == [(DO, NAWS)]
    assert [each for each in client.asked if each[1] == ECHO] == [(WILL, ECHO), (WONT, ECHO), (WILL, ECHO)]
    assert (WILL, SGA) in client.asked
    assert site.password not in client.text

    client.line("devices('JC400*', online=True)")
    shown = await client.expect(PROMPT)
    assert CAMERA in shown and SLEEPER not in shown
    client.line("device('0001').command('VERSION')")
    await client.expect(f"VERSION for {CAMERA}, is queued.*>>> ")
    client.type("dev")
    site.house.commands.end(1, Life.ANSWERED, reply="C400_V1.1.4")
    assert "  C400_V1.1.4\n" in await client.expect(">>> dev$")
    client.type("\x15device('8642000500\t")
    await client.expect(r"device\('86420005000000$")
    client.type("2\t).wa\t()\r\0")
    await client.expect(f"device\\('{SLEEPER}'\\).watch\\(\\)\nthe watch of {SLEEPER} begins.*>>> $")
    for _ in range(3):
        site.house.gateway.taps.flow(FakeTraffic(SLEEPER))
    assert (await client.expect("(position 7878.*){3}>>> $")).count(SLEEPER) == 3
    client.type("\x03")
    await client.expect("is stopped\n>>> $")
    client.type("\x1b[A")
    await client.expect(r"watch\(\)$")
    client.resize(40, 10)
    client.line("\x15devices()")
    assert "(no room for:" in await client.expect(PROMPT)
    client.line("device('0001').disconnect()")
    await client.expect(f"The connection of {CAMERA} is closed.*{PROMPT}")
    client.type("\x04")
    await client.gone
    assert site.manhole.entrance.shells == []


@pytest_twisted.ensureDeferred
async def test_a_wrong_password_ends_the_connection_at_last(open_site: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jimigw.ops.manhole.telnet.PENALTY", 0.01)
    site = await open_site()
    quick(site)
    client = await site.telnet()
    for _ in range(3):
        await client.expect("Username: $")
        client.line("admin")
        await client.expect("Password: $")
        client.line("wrong")
    await client.gone
    assert client.text.endswith("Login incorrect.\r\n")


@pytest_twisted.ensureDeferred
async def test_a_reader_that_stops_loses_live_lines_and_then_the_connection(open_site: Open) -> None:
    site = await open_site()
    client = await site.inside()
    client.line("watch()")
    await client.expect(PROMPT)
    shell = site.manhole.entrance.shells[0]
    transport: Any = client.transport
    transport.pauseProducing()
    while not shell.outlet._paused:
        client.line("print('y' * 250_000)")
        await _turn()
    for _ in range(50):
        site.house.gateway.taps.flow(FakeTraffic(CAMERA))
    transport.resumeProducing()
    await client.expect("… 50 frames are not shown: they came faster than this connection takes them")
    transport.pauseProducing()
    while shell.alive:
        client.line("print('y' * 250_000)")
        await _turn()
    assert shell.outlet.closed == "it does not read what is sent to it"
    while site.manhole.entrance.shells:
        await _turn()


def _turn() -> Deferred[None]:
    """The reactor goes round."""
    done: Deferred[None] = Deferred()
    real: Any = reactor
    real.callLater(0, done.callback, None)
    return done


@pytest_twisted.ensureDeferred
async def test_a_trace_is_written_in_a_thread(open_site: Open, tmp_path: Path) -> None:
    site = await open_site()
    client = await site.inside()
    client.line("device('0001').trace('t')")
    await client.expect(PROMPT)
    site.house.gateway.taps.flow(FakeTraffic(CAMERA))
    client.line("t = _; stop()")
    await client.expect(PROMPT)
    trace = site.manhole.entrance.shells[0].interpreter.namespace["t"]
    while trace._pending_bytes:
        await _turn()
    assert (tmp_path / "traces" / "t").read_text().endswith(f" up {CAMERA} 7878\n")


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_is_for_its_owner(tmp_path: Path) -> None:
    site = Site(tmp_path, f'manhole.endpoint="unix:{tmp_path}/manhole"')
    await site.manhole.start()
    assert (tmp_path / "manhole").stat().st_mode & 0o777 == 0o600
    client = TelnetClient()
    await connectProtocol(UNIXClientEndpoint(reactor, str(tmp_path / "manhole")), client)
    client.line("admin")
    client.line(site.password)
    await client.expect(PROMPT)
    assert str(site.manhole.entrance.shells[0].visitor) == "admin from a unix socket by telnet"
    await site.manhole.stop()
    await client.gone
    assert "The service ends." in client.text
    assert not (tmp_path / "manhole").exists()


def test_an_endpoint_beyond_this_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"manhole.allow_remote = true if that is meant"):
        Site(tmp_path, 'manhole.endpoint="tcp:0"')
    Site(tmp_path, 'manhole.endpoint="tcp:0"', "manhole.allow_remote=true")


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_used_is_said_and_nothing_listens(open_site: Open, tmp_path: Path) -> None:
    site = await open_site()
    taken = site.port()
    second = Site(tmp_path, f'manhole.ssh_endpoint="tcp:{taken}:interface=127.0.0.1"')
    with pytest.raises(ManholeError, match=f"manhole, ssh at tcp:{taken}.*Address already in use"):
        await second.manhole.start()
    assert second.manhole.ports == []
    (tmp_path / "manhole.password").write_text("")
    with pytest.raises(ManholeError, match="there is no line 'password: "):
        await Site(tmp_path).manhole.start()


@pytest_twisted.ensureDeferred
async def test_switched_off_nothing_is_made(tmp_path: Path) -> None:
    site = Site(tmp_path, 'manhole.endpoint=""')
    assert await site.manhole.start() == []
    await site.manhole.stop()
    assert list(tmp_path.iterdir()) == []


@pytest_twisted.ensureDeferred
async def test_ssh(tmp_path: Path, events: list[LogEvent]) -> None:
    key, other = Key.fromString(_make_host_key()), Key.fromString(_make_host_key())
    (tmp_path / "manhole.authorized_keys").write_bytes(key.public().toString("openssh") + b" anna\n")
    (tmp_path / "manhole.authorized_keys").chmod(0o600)
    site = Site(tmp_path, 'manhole.endpoint=""', 'manhole.ssh_endpoint="tcp:0:interface=127.0.0.1"')
    try:
        await site.manhole.start()
        assert not (tmp_path / "manhole.password").exists()
        client = await site.ssh("admin", other, key)
        await client.opened
        await client.expect(PROMPT)
        client.line("device('粤B12345').id")
        assert repr(CAMERA) in await client.expect(PROMPT)
        client.resize(30, 10)
        client.line("devices()")
        assert "(no room for:" in await client.expect(PROMPT)
        client.resize(100, 30)
        client.line("watch()")
        await client.expect(PROMPT)
        site.house.gateway.taps.flow(FakeTraffic(CAMERA))
        await client.expect(f"up   {CAMERA}.*{PROMPT}")
        client.type("\x03")
        await client.expect("is stopped.*>>> $")
        client.type("\x04")
        await client.gone
        assert client.status == 0
        for user, keys in (("admin", [other]), ("root", [key]), ("admin", [])):
            stranger = await site.ssh(user, *keys)
            with pytest.raises(ConnectionError):
                await stranger.opened
            await stranger.gone
        worker = SshClient("admin", [key])
        worker.instead = [(b"exec", b"date"), (b"subsystem", b"sftp")]
        await TCP4ClientEndpoint(reactor, "127.0.0.1", site.port()).connect(worker.factory())
        await worker.opened
        assert worker.refusals == ["refused", "refused"]
        worker.channel.loseConnection()
        await worker.gone
    finally:
        await site.manhole.stop()
    logged = list(map(formatEvent, events))
    assert any(
        line.startswith("manhole: a session of admin with the key anna from 127.0.0.1:") and line.endswith("begins")
        for line in logged
    )
    assert any("typed: device('粤B12345').id" in line for line in logged)
    assert any("by ssh is refused, none of its keys is authorised" in line for line in logged)
    assert site.manhole.entrance.shells == [] and site.manhole.entrance.waiting == set()


@pytest_twisted.ensureDeferred
async def test_ssh_to_a_reader_that_stops(tmp_path: Path) -> None:
    key = Key.fromString(_make_host_key())
    (tmp_path / "manhole.authorized_keys").write_bytes(key.public().toString("openssh"))
    (tmp_path / "manhole.authorized_keys").chmod(0o600)
    site = Site(tmp_path, 'manhole.endpoint=""', 'manhole.ssh_endpoint="tcp:0:interface=127.0.0.1"')
    await site.manhole.start()
    client = await site.ssh("admin", key)
    await client.opened
    await client.expect(PROMPT)
    shell = site.manhole.entrance.shells[0]
    # A client that grants no more window: what it does not take stops at its last word.
    client.channel.conn.adjustWindow = lambda channel, by: None
    for _ in range(8):
        client.line("print('y' * 250_000)")
    await client.gone
    assert shell.outlet.closed == "it does not read what is sent to it"
    await site.manhole.stop()
