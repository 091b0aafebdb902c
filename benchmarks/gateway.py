"""CPU time of the whole service for one answered report, as a multiple of the floor's on the same machine."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from jimigw.journal import open_reader

from .figures import Broken, Figure, Part
from .plan import Plan
from .programs import Tools, compiled, floor_server, run_fleet, service

AT_MOST, AIM = 6.0, 4.0
"""What the service may cost, in multiples of the floor."""

JOURNAL = "journal.sqlite"
_PAGE = 10_000

Receipt = tuple[str, int]
"""A report as its terminal knows it: the IMEI, and the serial number of the frame."""


def measure(plan: Plan) -> Part:
    """Rounds of floor and service in turn, so that what the machine does besides meets both."""
    tools = compiled()
    load = {"connections": plan.connections, "window": plan.window, "seconds": plan.seconds}
    floors, services, stored = [], [], 0
    for number in range(plan.rounds):
        with floor_server(tools) as server:
            floors.append(run_fleet(tools, server, **load))
        result, count = _one_round(tools, plan.scratch / f"gateway-{number}", load)
        services.append(result)
        stored += count
    ratios = [
        ours["cpu_us_per_report"] / least["cpu_us_per_report"] for ours, least in zip(services, floors, strict=True)
    ]

    def rounds(what: str, results: list[dict[str, Any]], key: str, unit: str, scale: float = 1.0) -> Figure:
        return Figure.of_rounds(what, [scale * each[key] for each in results], unit)

    def latency(point: str) -> Figure:
        return Figure.of_rounds(f"service: latency, {point}", [s["latency_us"][point] / 1000 for s in services], "ms")

    figures = [
        Figure.of_rounds("service / floor, CPU per report", ratios, "x", at_most=AT_MOST, aim=AIM),
        rounds("floor: CPU per report", floors, "cpu_us_per_report", "us"),
        rounds("service: CPU per report", services, "cpu_us_per_report", "us"),
        rounds("floor: answered", floors, "per_second", "/s"),
        rounds("service: answered", services, "per_second", "/s"),
        latency("p50"),
        latency("p99"),
        latency("max"),
        rounds("service: all logged in after", services, "login_seconds", "ms", 1000),
    ]
    title = (
        f"{plan.connections} connections, {plan.window} report in flight on each, {plan.seconds:g} s; "
        f"the median of {plan.rounds} rounds"
    )
    return Part("gateway", title, figures, [f"All {stored:,} answered reports are in the journal, each once."])


def _one_round(tools: Tools, folder: Path, load: dict[str, Any]) -> tuple[dict[str, Any], int]:
    with service(folder) as server:
        result = run_fleet(tools, server, **load)
    stored, _ = receipts(folder / JOURNAL)
    count = stored.total()
    if count != result["answered_in_all"] or len(stored) != count:
        raise Broken(
            f"{result['answered_in_all']} reports were answered, {count} are in the journal, {len(stored)} of them "
            "different."
        )
    return result, count


def receipts(journal: Path, after_id: int = 0) -> tuple[Counter[Receipt], int]:
    """How often each location report lies in the journal above an id, and the id up to which that is said."""
    found: Counter[Receipt] = Counter()
    with open_reader(journal) as reader:
        while records := reader.read(after_id, _PAGE, kinds=["position"]):
            found.update((record.device, int.from_bytes(record.raw[-6:-4], "big")) for record in records)
            after_id = records.through
    return found, after_id
