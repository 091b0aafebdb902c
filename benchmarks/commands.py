"""Each command ends once and truly: given to terminals that misbehave, while the service is killed now and then."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles

import msgspec

from jimigw.model.command import Command, Life

from . import soak
from .figures import Broken, Figure, Part
from .plan import Plan
from .programs import ROOT
from .soak.account import Plan as Course
from .soak.verdict import Evidence, broken, collect

_SHOWN = 12
"""Broken promises that are named."""

_MARGIN = 90.0
"""Seconds that a run may take beyond what its plan adds up to."""


def measure(plan: Plan) -> Part:
    """One run, and what its files and its terminals say of it."""
    folder = plan.scratch / "commands"
    folder.mkdir(parents=True, exist_ok=True)
    course = Course(
        commands=plan.orders, terminals=plan.commanded, kills=plan.restarts, seconds=plan.giving, times=plan.times
    )
    return part_of(run(folder, course))


def run(folder: Path, course: Course) -> Evidence:
    """Run, in a process of its own, with data in ``folder``; :class:`Broken` where a promise was, or it did not end."""
    command = [sys.executable, "-m", f"{soak.__name__}.course", str(folder), msgspec.json.encode(course).decode()]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=course.seconds + course.times.ttl + _MARGIN,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Broken(f"the run did not end within {error.timeout:g} s.") from None
    if done.returncode:
        raise Broken(f"the run ended with status {done.returncode}:\n{done.stderr.strip()[-2000:]}")
    evidence = collect(folder)
    if faults := broken(evidence):
        more = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise Broken(f"{len(faults)} broken promises:\n  " + "\n  ".join(faults[:_SHOWN]) + more)
    return evidence


def part_of(evidence: Evidence) -> Part:
    """The figures of a run that kept all promises."""
    course, commands = evidence.course, evidence.commands
    ends = Counter(command.state for command in commands)
    received = len(course.diary.receipts)
    figures = [
        Figure("commands reported as stored", sum(given.id > 0 for given in course.given), ""),
        Figure("times killed", len(course.kills), ""),
        Figure("given, and not yet reported as stored when it was killed", course.cut_off, ""),
        *(Figure(f"ended: {state}", ends[state], "") for state in Life if state.ended),
        Figure("without an end, or with two", 0, "", at_most=0),
        Figure("sent after their end", 0, "", at_most=0),
        Figure("confirmed by the answer to another", 0, "", at_most=0),
        Figure("done twice that must not be", 0, "", at_most=0),
        Figure("sent out of order", 0, "", at_most=0),
        Figure("sent again", sum(command.sendings > 1 for command in commands), ""),
        Figure("came to their terminals, repeats included", received, ""),
        Figure("answers that came after the end, kept beside it", sum(each.late is not None for each in commands), ""),
        Figure("ends told to the journal twice, after a kill", _told_twice(evidence), ""),
        Figure("connections of the terminals", course.diary.connections, ""),
        *_spread("given to stored", [given.told - given.at for given in course.given if given.id]),
        *_spread("sent to answered", _answered_after(commands)),
    ]
    ill = received - course.diary.tricks.get("answered at once", 0)
    notes = [f"{ill:,} of {received:,} times a terminal did something else than to answer once and at once:"]
    notes += [f"  {what}: {count:,}" for what, count in sorted(course.diary.tricks.items(), key=lambda each: -each[1])]
    title = (
        f"{len(commands):,} commands to {len({given.device for given in course.given}):,} terminals that misbehave, "
        f"kill -9 {len(course.kills)} times, {course.seconds:.0f} s"
    )
    return Part("commands", title, figures, notes)


def _told_twice(evidence: Evidence) -> int:
    return sum(len(outcomes) > 1 for outcomes in evidence.outcomes.values())


def _answered_after(commands: Sequence[Command]) -> list[float]:
    return [each.ended - each.sent for each in commands if each.state is Life.ANSWERED]


def _spread(what: str, seconds: list[float]) -> list[Figure]:
    """The median and the 99th of a hundred, in milliseconds."""
    if len(seconds) < 2:
        return []
    cuts = quantiles(seconds, n=100)
    return [
        Figure(f"{what}, p50", cuts[49] * 1000, "ms"),
        Figure(f"{what}, p99", cuts[98] * 1000, "ms"),
        Figure(f"{what}, max", max(seconds) * 1000, "ms"),
    ]
