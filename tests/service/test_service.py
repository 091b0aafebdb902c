"""The service as a whole: real sockets, a real journal, in this process."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor, task
from twisted.python import usage

from jimigw.protocols.jimi.frame import encode_frame
from jimigw.service import Jimigw, Options, makeService
from tests.service.harness import Client, Running, Start

IMEI = "863000000000001"


async def _logged_in(running: Running, imei: str = IMEI) -> Client:
    client = await running.connect(imei)
    client.login()
    await client.got(1)
    return client


@pytest_twisted.ensureDeferred
async def test_what_a_terminal_sends_is_answered_and_stored(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    client = await _logged_in(running)
    client.heartbeat(2)
    for serial in range(3, 103):
        client.location(serial)
    await client.got(102)
    assert client.answered == [(0x01, 1), (0x13, 2), *((0x22, serial) for serial in range(3, 103))]
    await running.stop()
    await client.gone
    records = running.records()
    assert [record.kind for record in records] == ["login", "heartbeat", *["position"] * 100, "logout"]
    assert [record.id for record in records] == sorted({record.id for record in records})
    shown = json.loads(records[2].json())
    assert (shown["id"], shown["device"], shown["kind"]) == (records[2].id, IMEI, "position")
    assert shown["message"]["header"] == {"msg_id": 34, "imei": IMEI, "msg_sn": 3, "len": 38, "mark": "7878"}
    assert shown["message"]["body"]["cell_id"] == 489124
    assert records[2].raw.hex().startswith("78782622160208")


@pytest_twisted.ensureDeferred
async def test_the_end_of_the_service_answers_what_is_in_hand(start: Start, tmp_path: Path) -> None:
    # A commit interval that no test waits for: what is answered, the end of the service has committed.
    running = start(tmp_path, "journal.commit_interval=1.0")
    client = await _logged_in(running)
    client.location(2)
    await client.got(2)
    for serial in range(3, 53):
        client.location(serial)
    device = running.service.registry.get(IMEI)
    assert device is not None
    while running.service.gateway.counters.reports < 52:
        await task.deferLater(reactor, 0)
    assert len(client.frames) == 2
    await running.stop()
    await client.gone
    assert [serial for _, serial in client.answered] == list(range(1, 53))
    assert sum(record.kind == "position" for record in running.records()) == 51


@pytest_twisted.ensureDeferred
async def test_a_full_journal_answers_login_and_heartbeat_only(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path, "journal.max_bytes=1048576")
    running.service.journal.set_cursor("a reader that is stuck", 0)
    client = await _logged_in(running)
    serial, before = 1, -1
    while running.service.journal.stats().state == "ok":
        assert serial < 20_000
        for _ in range(500):
            serial += 1
            client.location(serial)
        client.heartbeat(serial)
        while not any(frame.serial == serial and frame.protocol == 0x13 for frame in client.frames):
            await task.deferLater(reactor, 0.001)
        before = len(client.frames)
    assert running.service.journal.stats().state == "full"
    client.location(0xFFF0)
    client.heartbeat(0xFFF1)
    other = await _logged_in(running, "863000000000002")
    while (0x13, 0xFFF1) not in client.answered:
        await task.deferLater(reactor, 0.001)
    assert len(client.frames) > before
    assert (0x22, 0xFFF0) not in client.answered
    # The reader catches up, room is made, and the terminal's next try is answered.
    running.service.journal.set_cursor("a reader that is stuck", running.service.journal.last_id())
    while running.service.journal.stats().state != "ok":
        await task.deferLater(reactor, 0.01)
    client.location(0xFFF2)
    while (0x22, 0xFFF2) not in client.answered:
        await task.deferLater(reactor, 0.001)
    await running.stop()
    await client.gone
    await other.gone


@pytest_twisted.ensureDeferred
async def test_a_terminal_that_never_reads_is_cut_and_costs_the_others_nothing(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path, "jimi.max_unread=4096")
    good = await _logged_in(running, "863000000000002")
    deaf = socket.create_connection(("127.0.0.1", running.port))
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.setblocking(False)
    burst = encode_frame(0x13, bytes.fromhex("4004040001"), 7) * 400
    serial = 1
    try:
        while not running.service.edges[0].counters.unread:
            try:
                deaf.send(burst)
            except BlockingIOError:
                pass
            except OSError:
                break
            serial += 1
            assert serial < 20_000
            if serial % 10 == 0:
                good.heartbeat(serial)
                await good.got(1 + serial // 10)
            await task.deferLater(reactor, 0)
        assert running.service.edges[0].counters.unread == 1
    finally:
        deaf.close()
    good.location(9)
    await good.got(len(good.frames) + 1)
    await running.stop()
    await good.gone


@pytest_twisted.ensureDeferred
async def test_a_second_start_goes_on_where_the_first_ended(start: Start, tmp_path: Path) -> None:
    for _ in range(2):
        running = start(tmp_path)
        client = await _logged_in(running)
        client.location(2)
        await client.got(2)
        await running.stop()
        await client.gone
    ids = [record.id for record in running.records()]
    assert len(ids) == 6
    assert ids == sorted(set(ids))


class _Stopped:
    """A reactor that writes down that it was to stop, and is otherwise the real one."""

    def __init__(self) -> None:
        self.stops = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)

    def callWhenRunning(self, function: Any) -> None:
        self.stops += 1


@pytest_twisted.ensureDeferred
async def test_a_port_in_use_ends_the_service_with_a_sentence(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path / "a")
    stopped = _Stopped()
    config = running.config.__class__(**{**_fields(running), "data_dir": str(tmp_path / "b")})
    second = Jimigw(config, stopped)
    second.startService()
    while not stopped.stops:
        await task.deferLater(reactor, 0.001)
    await second.stopService()
    await running.stop()


def _fields(running: Running) -> dict[str, Any]:
    config = running.config
    jimi = attrs.evolve(config.jimi, endpoints=(f"tcp:{running.port}:interface=127.0.0.1",))
    shut = {name: getattr(config, name) for name in ("manhole", "hub", "http")}
    return {"jimi": jimi, "admission": config.admission, "journal": config.journal, "log": config.log, **shut}


@pytest.mark.parametrize(
    ("settings", "complaints"),
    [
        (["jimi.max_frame=1", "nonsense=2"], ["jimi.max_frame", "nonsense"]),
        (['admission.mode="nobody"'], ["admission.mode", '"open"', '"listed"']),
    ],
)
def test_the_options_name_everything_that_is_wrong(settings: list[str], complaints: list[str], tmp_path: Path) -> None:
    arguments = ["--set", f'data_dir="{tmp_path}"']
    for setting in settings:
        arguments += ["--set", setting]
    with pytest.raises(usage.UsageError) as found:
        Options().parseOptions(arguments)
    for complaint in complaints:
        assert complaint in str(found.value)


def test_the_service_is_made_of_the_options(tmp_path: Path) -> None:
    options = Options()
    options.parseOptions(["--set", f'data_dir="{tmp_path}"'])
    top: Any = makeService(options)
    (jimigw,) = top
    assert jimigw.config.data_path == tmp_path


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (['data_dir="/dev/null/x"'], "data_dir /dev/null/x: Not a directory"),
        (['jimi.endpoints=["tcp:{taken}:interface=127.0.0.1"]'], "Address already in use"),
    ],
)
def test_a_service_that_cannot_start_says_why_and_ends_with_status_1(
    settings: list[str], complaint: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = ["--set", f'data_dir="{tmp_path}"', "--set", "jt808.endpoints=[]", "--set", 'jt808.udp=""']
        for shell in ("manhole", "hub", "http"):
            arguments += ["--set", f'{shell}.endpoint=""']
        for setting in settings:
            arguments += ["--set", setting.replace("{taken}", str(taken.getsockname()[1]))]
        twistd = Path(sys.executable).with_name("twistd")
        done = subprocess.run(
            [twistd, "-n", "--pidfile=", "jimigw", *arguments], capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 1
    assert complaint in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
