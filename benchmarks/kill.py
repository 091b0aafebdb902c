"""An answer is a promise: the service is killed in the middle of load, again and again, over the same journal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from struct import iter_unpack
from time import sleep

import attrs

from .figures import Broken, Figure, Part
from .gateway import JOURNAL, Receipt, receipts
from .plan import Plan
from .programs import Fleet, Tools, compiled, service

_LOAD_SECONDS = 30
"""Longer than any service here lives."""

_EARLIEST, _LATEST = 0.02, 0.6
"""Seconds under load after which it is killed: from its first commits to its upkeep."""


@attrs.define
class Verdict:
    """What became of reports: ``lost`` were answered and not stored, ``doubled`` were sent once and stored twice."""

    answered: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0

    @classmethod
    def of(cls, answered: set[Receipt], stored: Counter[Receipt]) -> Verdict:
        lost = sum(each not in stored for each in answered)
        return cls(len(answered), stored.total(), lost, stored.total() - len(stored))

    def add(self, other: Verdict) -> None:
        self.answered += other.answered
        self.stored += other.stored
        self.lost += other.lost
        self.doubled += other.doubled


def measure(plan: Plan) -> Part:
    """Kill and start again; what was answered has to be there after each kill, and still at the end."""
    tools, folder = compiled(), plan.scratch / "kill"
    answered: set[Receipt] = set()
    found, through, unloaded = Verdict(), 0, 0
    for number in range(plan.kills):
        mine = _one_kill(tools, folder, number, plan.kill_connections)
        # Read as the killed service left it, before another opens it again.
        stored, through = receipts(folder / JOURNAL, through)
        found.add(Verdict.of(mine, stored))
        answered |= mine
        unloaded += not mine
    with service(folder):
        pass
    stored, _ = receipts(folder / JOURNAL)
    at_end = Verdict.of(answered, stored)
    lost, doubled = max(found.lost, at_end.lost), max(found.doubled, at_end.doubled)
    if lost or doubled:
        raise Broken(f"of {found.answered} answered reports {lost} were lost; {doubled} were stored twice.")
    if unloaded == plan.kills:
        raise Broken("no report was answered before any of the kills, so that they say nothing.")
    figures = [
        Figure("times killed", plan.kills, ""),
        Figure("reports answered before the kill", found.answered, ""),
        Figure("reports in the journal", at_end.stored, ""),
        Figure("answered, and lost", lost, "", at_most=0),
        Figure("sent once, and stored twice", doubled, "", at_most=0),
    ]
    notes = []
    if at_end.stored > found.answered:
        notes.append("More are stored than answered: some commits were safe when the kill took their answers.")
    return Part(
        "kill", f"kill -9 under the load of {plan.kill_connections} connections, the same journal", figures, notes
    )


def _one_kill(tools: Tools, folder: Path, number: int, connections: int) -> set[Receipt]:
    """One life of the service; the reports that were answered in it."""
    log = folder / "answered.bin"
    # Terminals of their own each time, so that no serial number comes again.
    options = {"connections": connections, "window": 4, "seconds": _LOAD_SECONDS, "answered": log}
    with (
        service(folder) as server,
        Fleet(tools, server.port, first=number * connections + 1, **options) as fleet,
    ):
        fleet.wait_until_loaded()
        # Spread evenly over the whole span, and the same in every run.
        sleep(_EARLIEST + (_LATEST - _EARLIEST) * Random(number).random())
        server.process.kill()
        server.process.wait()
        result = fleet.result()
    if result["unexpected"]:
        raise Broken(f"{result['unexpected']} answers came that nobody waited for.")
    return {(f"863{terminal:012d}", serial) for terminal, serial in iter_unpack("=II", log.read_bytes())}
