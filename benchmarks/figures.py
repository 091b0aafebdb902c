"""Figures and how they are shown: as a table for people, as JSON for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import attrs


class Unable(Exception):
    """A part cannot be measured here; the message says what is missing. The other parts go on."""


class Broken(Exception):
    """A promise of the service was broken, or it did not run; the message says how."""


@attrs.frozen
class Figure:
    """One line of the table.

    ``low`` and ``high`` are the extremes of the rounds of which ``value`` is the median. ``ratio`` is the value as a
    multiple of the yardstick of the same run. ``at_most`` is the target for the value, and ``aim`` the one after that.
    """

    what: str
    value: float
    unit: str
    ratio: float | None = None
    at_most: float | None = None
    aim: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.at_most is None else self.value <= self.at_most

    @classmethod
    def of_rounds(cls, what: str, values: Sequence[float], unit: str, **more: Any) -> Figure:
        """The median of the rounds, with their extremes."""
        return cls(what, median(values), unit, low=min(values), high=max(values), **more)


@attrs.frozen
class Part:
    """What one part of the benchmarks found; ``notes`` are sentences that stand below its figures."""

    name: str
    title: str
    figures: Sequence[Figure]
    notes: Sequence[str] = ()


_COLUMNS = "  {:<62}{:>10} {:<9}{:>15}{:>9}  {}"
_HEADER = _COLUMNS.format("", "figure", "unit", "from .. to", "ratio", "target")


def table(part: Part) -> str:
    """The figures of a part for people, without a line end behind the last line."""
    lines = [f"{part.name}: {part.title}"]
    if part.figures:
        lines.append(_HEADER)
    lines += [_line(figure) for figure in part.figures]
    lines += [f"  {note}" for note in part.notes]
    return "\n".join(line.rstrip() for line in lines)


def _line(figure: Figure) -> str:
    span = ""
    if figure.low is not None and figure.high is not None:
        span = f"{_number(figure.low)} .. {_number(figure.high)}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.1f} x"
    return _COLUMNS.format(figure.what, _number(figure.value), figure.unit, span, ratio, _target(figure))


def _target(figure: Figure) -> str:
    if figure.at_most is None:
        return ""
    text = f"<= {figure.at_most:g} {'met' if figure.met else 'MISSED'}"
    if figure.aim is not None:
        text += f", aim {figure.aim:g}"
    return text


def _number(value: float) -> str:
    """Three digits that count, and all of those before the point."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3}f}"


def as_json(parts: Iterable[Part]) -> dict[str, Any]:
    """All parts as one object for a JSON encoder, with the machine they were measured on."""
    return {
        "machine": machine(),
        "parts": [
            {
                "name": part.name,
                "title": part.title,
                "figures": [
                    {
                        **attrs.asdict(figure, filter=lambda field, value: value is not None),
                        **({} if figure.met is None else {"met": figure.met}),
                    }
                    for figure in part.figures
                ],
                "notes": list(part.notes),
            }
            for part in parts
        ],
    }


def machine() -> dict[str, Any]:
    """What the figures depend on beside the code."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": usable,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
