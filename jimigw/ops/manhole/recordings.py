"""What a terminal has recorded: a day as a picture, and the times that an operator types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from jimigw.gateway.media.telling import CAMERAS
from jimigw.gateway.media.timeline import Span, Timeline, Track
from jimigw.ops.columns import wrapped

from .interpreter import OperatorError
from .tables import local_time

MAX_GAPS = 20
"""Gaps of a camera that are named."""

_MINUTES = 60
_FULL = 0.9
"""A cell with so much of its time recorded counts as full: blocks of a recording are a second or two apart."""
_SHORT = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


def moment_of(told: object, now: float) -> float:
    """A time that an operator typed, as seconds since 1970: local where it says no zone, of today where it says no day.

    :raises OperatorError: it is none, or still to come.
    """
    found: float | None = None
    if isinstance(told, datetime):
        found = told.timestamp()
    elif isinstance(told, int | float) and not isinstance(told, bool):
        found = float(told)
    elif isinstance(told, str):
        text = told.strip()
        if _SHORT.fullmatch(text):
            text = f"{_local(now):%Y-%m-%d} {text if text[1] != ':' else '0' + text}"
        try:
            found = datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError, OSError):
            found = None
    if found is None or not 0 < found < 1e11:
        raise OperatorError(
            f"{str(told)[:40]!r} is no time; '2026-05-29 04:26:40' and '04:26' are local, "
            "'2026-05-28T20:26:40Z' says its zone."
        )
    if found > now:
        raise OperatorError(f"{local_time(found)} is still to come.")
    return found


def day_of(told: object) -> date | None:
    """A day that an operator typed; None for none.

    :raises OperatorError: it is none.
    """
    if told is None:
        return None
    if isinstance(told, datetime):
        return told.date()
    if isinstance(told, date):
        return told
    try:
        return date.fromisoformat(str(told))
    except ValueError:
        raise OperatorError(f"{str(told)[:40]!r} is no day; one is '2026-05-29'.") from None


def day_picture(timeline: Timeline | None, day: date | None, jimi: bool, width: int) -> list[str]:
    """A day, of local time, as one line an hour and camera: ``#`` recorded, ``+`` in part, ``.`` nothing. Without a day
    it is the last one of the list."""
    if timeline is None:
        return ["It has sent no list of its recordings; timeline(refresh=True) asks for one."]
    begins = [each.begins for track in timeline.tracks for each in track.recordings]
    came = f"the list of {timeline.device} that came {local_time(timeline.received)}"
    if not begins:
        return wrapped(f"{came[0].upper()}{came[1:]} names no recordings{_unread(timeline)}.", width)
    first, last = _local(min(begins)).date(), _local(max(begins)).date()
    if day is None:
        day = last
    start, end = _midnight(day), _midnight(day + timedelta(days=1))
    below = [_of_track(track, start, end, jimi) for track in timeline.tracks if _within(track.spans, start, end)]
    if first != last:
        below.append(f"(it reaches from {first} to {last}: timeline('{last}') shows a day)")
    return [
        *wrapped(f"{day}, from {came}{_unread(timeline)}", width),
        *(_hours(timeline.tracks, start, end, jimi, width) or ["nothing recorded"]),
        *(line for each in below for line in wrapped(each, width)),
    ]


def _unread(timeline: Timeline) -> str:
    if timeline.unread == 1:
        return " (one of its names is no recording)"
    return f" ({timeline.unread} of its names are no recordings)" if timeline.unread else ""


def _hours(tracks: Sequence[Track], start: float, end: float, jimi: bool, width: int) -> list[str]:
    """The hours from the first to the last in which something was recorded."""
    names = [_named(track.camera, jimi) for track in tracks]
    indent = max(map(len, names)) + 6
    step = next((each for each in (1, 2, 5) if indent + _MINUTES // each < width), 10)
    pictures: list[tuple[float, list[str]]] = []
    for hour in _steps(start, end):
        cells = [_cells(track.spans, hour, step) for track in tracks]
        pictures.append((hour, cells if any(set(each) - {"."} for each in cells) else []))
    while pictures and not pictures[-1][1]:
        pictures.pop()
    while pictures and not pictures[0][1]:
        pictures.pop(0)
    if not pictures:
        return []
    ruler = "".join(f"{minute:02d}".ljust(10 // step) for minute in range(0, _MINUTES, 10)) if step < 10 else ""
    lines = [f"{'':{indent}}{ruler}".rstrip()] if ruler else []
    empty: list[float] = []
    for hour, cells in pictures:
        if not cells:
            empty.append(hour)
            continue
        if empty:
            lines.append(f"{_local(empty[0]):%H:%M} to {_local(hour):%H:%M} nothing")
            empty = []
        for at, (name, each) in enumerate(zip(names, cells, strict=True)):
            lines.append(f"{'' if at else f'{_local(hour):%H}':4}{name:<{indent - 4}}{each}")
    return lines


def _steps(start: float, end: float) -> Iterator[float]:
    while start < end:
        yield start
        start += 3600


def _cells(spans: Sequence[Span], hour: float, step: int) -> str:
    """An hour of a camera, a character for so many minutes."""
    size = step * 60.0
    recorded = [0.0] * (_MINUTES // step)
    for begins, ends in _within(spans, hour, hour + 3600):
        at = int((begins - hour) // size)
        while at < len(recorded) and hour + at * size < ends:
            cell = hour + at * size
            recorded[at] += min(ends, cell + size) - max(begins, cell)
            at += 1
    return "".join("#" if each >= _FULL * size else "+" if each > 0 else "." for each in recorded)


def _of_track(track: Track, start: float, end: float, jimi: bool) -> str:
    """What a camera recorded in this time, in a sentence."""
    count = sum(start <= each.begins < end for each in track.recordings)
    recorded = sum(ends - begins for begins, ends in _within(track.spans, start, end))
    gaps = list(_within(track.gaps, start, end))
    told = f"camera {_named(track.camera, jimi)}: {count} recordings, {_length(recorded)}"
    if not gaps:
        return f"{told}, without a gap"
    named = ", ".join(f"{_local(begins):%H:%M:%S} for {_length(ends - begins)}" for begins, ends in gaps[:MAX_GAPS])
    more = f" and {len(gaps) - MAX_GAPS} more" if len(gaps) > MAX_GAPS else ""
    return f"{told}; {len(gaps)} {'gap' if len(gaps) == 1 else 'gaps'}: {named}{more}"


def _within(spans: Iterable[Span], start: float, end: float) -> list[tuple[float, float]]:
    """What of these stretches lies in this time."""
    cut = ((max(each.begins, start), min(each.ends, end)) for each in spans)
    return [(begins, ends) for begins, ends in cut if begins < ends]


def _named(camera: int, jimi: bool) -> str:
    name = CAMERAS.get(camera) if jimi else None
    return f"{camera} {name}" if name else str(camera)


def _length(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _local(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC).astimezone()


def _midnight(day: date) -> float:
    return datetime.combine(day, time()).astimezone().timestamp()
