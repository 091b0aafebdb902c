"""Another config while the service runs."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor, task

from tests.service.harness import Client, Running, Start

IMEI = "863000000000001"


async def _logged_in(running: Running, imei: str = IMEI) -> Client:
    client = await running.connect(imei)
    client.login()
    await client.got(1)
    return client


@pytest_twisted.ensureDeferred
async def test_what_needs_no_restart_is_taken_over_and_the_rest_is_named(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    running.settings += [
        "jimi.max_connections=1",
        "jimi.idle_timeout=7.0",
        "commands.answer_timeout=5.0",
        "journal.retention_days=3.0",
        "journal.max_waiting=5",
        'log.format="json"',
    ]
    lines = running.service.reload()
    assert lines == [
        "jimi.max_connections: 0 -> 1",
        "jimi.idle_timeout: 600.0 -> 7.0",
        "journal.retention_days: 30.0 -> 3.0",
        "journal.max_waiting: 100000 -> 5 (needs a restart)",
        "commands.answer_timeout: 60.0 -> 5.0",
        "log.format: 'text' -> 'json' (needs a restart)",
    ]
    service = running.service
    assert (service.edges[0].limits.max_connections, service.edges[0].limits.idle_timeout) == (1, 7.0)
    assert service.edges[1].limits.max_connections == 0
    assert service.commands.settings.answer_timeout == 5.0
    assert (service.config.journal.retention_days, service.config.journal.max_waiting) == (3.0, 100_000)
    client = await _logged_in(running)
    refused = await running.connect("863000000000002")
    await refused.gone
    # What needs a restart is named each time, until there is one.
    assert running.service.reload() == [line for line in lines if "restart" in line]
    await running.stop()
    await client.gone


@pytest_twisted.ensureDeferred
async def test_a_config_that_cannot_be_used_changes_nothing(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    running.settings += ["jimi.max_connections=1", "nonsense=5"]
    lines = running.service.reload()
    assert lines[0] == "the config cannot be used, and nothing has changed:"
    assert "nonsense" in lines[1]
    running.settings[-1] = 'admission.hook_secret_file="none"'
    running.settings += [
        'admission.mode="hooks"',
        'admission.registry_url="http://127.0.0.1:1/r"',
        'admission.authentication_url="http://127.0.0.1:1/a"',
    ]
    (line,) = running.service.reload()
    assert line.startswith("nothing has changed: ")
    assert "cannot be read" in line
    assert running.service.edges[0].limits.max_connections == 0
    await running.stop()


@pytest_twisted.ensureDeferred
async def test_who_is_let_in_can_change(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    client = await _logged_in(running)
    running.settings.append('admission.mode="listed"')
    assert running.service.reload() == ["admission.mode: 'open' -> 'listed'"]
    client.location(2)
    await client.got(2)  # who is in stays in
    stranger = await _logged_in(running, "863000000000002")
    assert running.service.registry.get("863000000000002") is None
    running.settings.append('admission.mode="open"')
    running.service.reload()
    stranger.login(2)
    await stranger.got(2)
    assert running.service.registry.get("863000000000002") is not None
    await running.stop()


@pytest_twisted.ensureDeferred
async def test_sighup_reloads(start: Start, tmp_path: Path) -> None:
    older: Any = signal.getsignal(signal.SIGHUP)
    running = start(tmp_path)
    running.settings.append("jimi.max_connections=5")
    os.kill(os.getpid(), signal.SIGHUP)
    while running.service.edges[0].limits.max_connections != 5:
        await task.deferLater(reactor, 0.001)
    await running.stop()
    assert signal.getsignal(signal.SIGHUP) is older


@pytest_twisted.ensureDeferred
async def test_without_a_file_there_is_nothing_to_read(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    assert running.service.reload() == ["nothing has changed"]
    running.service._load = None
    assert running.service.reload() == ["there is no file to read the config from"]
    await running.stop()
