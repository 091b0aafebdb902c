"""What delivery costs: CPU of the whole service for a report that is answered and delivered to a broker and a callback.

The service is a process with its real journal, the broker is Mosquitto, the receiver another process. Rounds with the
journal alone and with both readers take turns. CPU counts all threads, from the first report until the readers have
the last one: what they are behind at the end of the load is paid for too.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from .figures import Broken, Figure, Part
from .gateway import JOURNAL
from .partners import SECRET, Mosquitto, Receiver
from .plan import Plan
from .programs import Fleet, Tools, compiled, service
from .receiver import notes

AT_MOST = 2.5
"""What a report may cost with both readers, as a multiple of what it costs without."""

RATE = 5000
"""Reports a second that are offered where the latency of answers counts."""

LATENCY_AT_MOST = 100.0
"""Milliseconds within which 99 of 100 answers have to come at this rate."""

SECRET_FILE = "receiver.secret"

_WINDOW = 32
_CATCH_UP = 90.0

ALONE, BOTH = "the journal alone", "with MQTT and a callback"
PACED, FULL = f"{RATE:,} reports/s", "as many as it takes"


def measure(plan: Plan) -> Part:
    """Both loads, each with and without the readers, in turns."""
    tools = compiled()
    loads: dict[str, dict[str, Any]] = {
        PACED: {"window": _WINDOW, "rate": RATE},
        FULL: {"window": plan.window},
    }
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for number in range(plan.rounds):
        for load, options in loads.items():
            for readers in (ALONE, BOTH):
                folder = plan.scratch / f"cost-{number}-{len(found)}-{load[0]}-{readers[0]}"
                wanted = {"connections": plan.connections, "seconds": plan.seconds, **options}
                found.setdefault((load, readers), []).append(_one_round(tools, folder, readers == BOTH, wanted))
    figures = [figure for load in loads for figure in _figures(load, found)]
    title = (
        f"{plan.connections} connections, {plan.seconds:g} s, {plan.rounds} rounds of each in turn; CPU of all "
        "threads, until everything is delivered"
    )
    return Part("cost", title, figures, ["Each record was delivered, to both, and came to the receiver."])


def _figures(load: str, found: Mapping[tuple[str, str], list[dict[str, float]]]) -> list[Figure]:
    alone, both = ([each["cpu_us"] for each in found[load, readers]] for readers in (ALONE, BOTH))
    figures = [
        Figure.of_rounds(f"{load}: CPU per report, {ALONE}", alone, "us", ratio=1.0),
        Figure.of_rounds(f"{load}: CPU per report, {BOTH}", both, "us", ratio=median(both) / median(alone)),
        Figure(f"{load}: ratio of the medians", median(both) / median(alone), "x", at_most=AT_MOST),
        Figure(f"{load}: ratio of the least", min(both) / min(alone), "x", at_most=AT_MOST),
    ]
    for readers in (ALONE, BOTH):
        rounds = found[load, readers]
        target = LATENCY_AT_MOST if (load, readers) == (PACED, BOTH) else None
        figures += [
            Figure.of_rounds(f"{load}: answered, {readers}", [each["per_second"] for each in rounds], "/s"),
            Figure.of_rounds(f"{load}: answers, p50, {readers}", [each["p50"] for each in rounds], "ms"),
            Figure.of_rounds(
                f"{load}: answers, p99, {readers}", [each["p99"] for each in rounds], "ms", at_most=target
            ),
        ]
    behind = [each["behind"] for each in found[load, BOTH]]
    return [*figures, Figure.of_rounds(f"{load}: delivered so long behind the last answer", behind, "s")]


def _one_round(tools: Tools, folder: Path, readers: bool, load: Mapping[str, Any]) -> dict[str, float]:
    folder.mkdir(parents=True)
    data = folder / "data"
    with ExitStack() as running:
        settings: list[str] = []
        if readers:
            broker = running.enter_context(Mosquitto(folder / "broker"))
            receiver = running.enter_context(Receiver(folder / "receiver"))
            data.mkdir()
            (data / SECRET_FILE).write_text(SECRET)
            settings = [
                f'mqtt.url="mqtt://127.0.0.1:{broker.port}"',
                f'callbacks=[{{url="{receiver.url("/")}", name="json", secret_file="{SECRET_FILE}"}}]',
            ]
        server = running.enter_context(service(data, *settings))
        with Fleet(tools, server.port, **load) as fleet:
            fleet.wait_until_loaded()
            before = server.cpu()
            result = fleet.result()
            answered = time.monotonic()
        last = _delivered(data / JOURNAL, ["mqtt", "callback:json"] if readers else [])
        cpu, behind = server.cpu() - before, time.monotonic() - answered
    if readers:
        came = {id for got in notes(folder / "receiver") for id in got.ids}
        if not came >= set(range(1, last + 1)):
            raise Broken(f"the journal has {last} records, {len(came)} of them came to the receiver.")
    reports = result["answered_in_all"]
    if not reports or result["unexpected"] or result["lost"] or result["sent_in_all"] != reports:
        raise Broken(f"the fleet was not served: {result}.")
    return {
        "cpu_us": cpu / reports * 1e6,
        "per_second": result["per_second"],
        "p50": result["latency_us"]["p50"] / 1000,
        "p99": result["latency_us"]["p99"] / 1000,
        "behind": behind,
    }


def _delivered(journal: Path, readers: list[str]) -> int:
    """Wait until these readers have all that the journal has; the id of its last record."""
    limit = time.monotonic() + _CATCH_UP
    while True:
        cursors, last = cursors_of(journal)
        if all(cursors.get(reader, 0) >= last for reader in readers):
            return last
        if time.monotonic() > limit:
            raise Broken(f"{_CATCH_UP:g} s behind the last answer the journal is at {last}, its readers at {cursors}.")
        time.sleep(0.05)


def cursors_of(journal: Path) -> tuple[dict[str, int], int]:
    """The cursors of a journal, as they are saved once a second, and the id of its newest record."""
    connection = sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)
    try:
        last = connection.execute("SELECT coalesce(max(last_id), 0) FROM batch").fetchone()[0]
        return dict(connection.execute("SELECT reader, id FROM cursor")), last
    finally:
        connection.close()
