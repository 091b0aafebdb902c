"""The figures of a run, and whether it kept every promise."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from .figures import Broken, Figure, Part
from .gateway import JOURNAL
from .plan import Plan
from .receiver import notes
from .trouble.account import Stored, Verdict, by_row, judge, not_stored, out_of_order, records_of, told_troubles
from .trouble.course import HUB, JSON, MQTT, Course, Phase, run
from .trouble.fleet import Answered, answers
from .trouble.subscriber import heard

GROWTH_AT_MOST = 32.0
"""MB that any trouble may add to the memory of the quiet service."""

LATENCY_AT_MOST = 100.0
"""Milliseconds for 99 of 100 answers, in every phase in which the service runs."""

_SHOWN = 12


def measure(plan: Plan) -> Part:
    """One run, and what its files say of it."""
    folder = plan.scratch / "outages"
    course = run(folder, plan.outages)
    stored = records_of(folder / JOURNAL_IN)
    answered = list(answers(folder, course.summary.identities))
    verdicts, faults = _verdicts(folder, course, stored)
    faults += not_stored([(each.device, each.serial) for each in answered], stored)
    faults += out_of_order(stored)
    if course.summary.unanswered or course.summary.unexpected:
        faults.append(
            f"{course.summary.unanswered} reports were not answered, {course.summary.unexpected} answers came that "
            "nobody waited for"
        )
    if faults:
        more = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise Broken(f"{len(faults)} broken promises:\n  " + "\n  ".join(faults[:_SHOWN]) + more)
    return _part(course, stored, answered, verdicts)


JOURNAL_IN = Path("data") / JOURNAL


def _verdicts(folder: Path, course: Course, stored: Sequence[Stored]) -> tuple[dict[str, Verdict], list[str]]:
    got = list(notes(folder / "receiver"))
    faults = [f"the receiver refused a request: {each.wrong}" for each in got if each.wrong]
    single, ids = by_row(stored)
    came = {row for each in got for row in each.rows}
    faults += [
        f"{HUB}: record {record.id} of {record.device} did not come"
        for record in stored
        if record.row is not None and record.row not in ids and record.row not in came
    ]
    arrivals = {
        MQTT: list(heard(folder)),
        JSON: [(each.at, id) for each in got for id in each.ids],
        HUB: [(each.at, ids[row]) for each in got for row in each.rows if row in ids],
    }
    expected = {MQTT: stored, JSON: stored, HUB: single}
    told = told_troubles(folder / "data" / "service.log", time.monotonic() - time.time())
    verdicts = {name: judge(name, expected[name], arrivals[name], [*course.troubles, *told]) for name in arrivals}
    return verdicts, [*faults, *(fault for verdict in verdicts.values() for fault in verdict.faults)]


def _part(course: Course, stored: Sequence[Stored], answered: Sequence[Answered], verdicts: dict[str, Verdict]) -> Part:
    summary = course.summary
    figures = [
        Figure("reports that were answered", len(answered), ""),
        Figure("records in the journal", len(stored), ""),
        Figure("times killed", len(course.kills), ""),
        Figure("answered, and not in the journal", 0, "", at_most=0),
        Figure("records that a reader did not get", 0, "", at_most=0),
        Figure("records out of the order of their terminal", 0, "", at_most=0),
        Figure("repeats without a reason", 0, "", at_most=0),
    ]
    for name, verdict in verdicts.items():
        figures.append(Figure(f"{name}: came again, after a trouble", verdict.repeats, ""))
    quiet, *others = course.phases
    for phase in course.phases:
        figures += _phase(phase, course, answered)
    first_life = [phase.memory - quiet.memory for phase in others if phase.life == quiet.life]
    figures += [
        Figure("memory: most that a trouble added", max(first_life) / 1024, "MB", at_most=GROWTH_AT_MOST),
        Figure("all delivered, behind the last report", course.caught_up, "s"),
        Figure("service: CPU per report", course.cpu / len(answered) * 1e6, "us"),
        Figure("fleet: latest report behind its moment", 1e3 * summary.late, "ms"),
    ]
    title = (
        f"{len(answered):,} reports of {len(summary.identities)} terminals of both protocols, to a broker, a callback "
        f"and a callback of the hub's form, in {course.seconds:.0f} s"
    )
    notes = [
        f"behind: records, of {', '.join(verdicts)}, at most; their cursors are saved once a second.",
        "Latencies count from the moment of a report, also where no service ran.",
    ]
    return Part("outages", title, figures, notes)


def _phase(phase: Phase, course: Course, answered: Sequence[Answered]) -> list[Figure]:
    took = sorted(each.at - each.due for each in answered if phase.begin <= _counts_at(each, course) < phase.end)
    figures = []
    if took:
        p50, p99 = took[len(took) // 2], took[min(len(took) * 99 // 100, len(took) - 1)]
        figures.append(
            Figure(
                f"{phase.name}: answers, p99 (p50 .. max)",
                1e3 * p99,
                "ms",
                low=1e3 * p50,
                high=1e3 * took[-1],
                at_most=None if phase.begin in course.kills else LATENCY_AT_MOST,
            )
        )
    behind = ", ".join(f"{count:,}" for count in phase.behind.values())
    return [*figures, Figure(f"{phase.name}: memory [behind {behind}]", phase.memory / 1024, "MB")]


def _counts_at(answered: Answered, course: Course) -> float:
    """The moment that a report counts at: its own, or that of a kill before which it was not answered."""
    return next((kill for kill in course.kills if answered.due < kill < answered.at), answered.due)
