"""Lines for a terminal: tables and cards that fit its width, and times as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from jimigw.ops.columns import fitted, printable, width_of, wrapped

_GAP = 2


class Page:
    """Lines that show themselves at the prompt, and the ``value`` they were made from, for those who calculate."""

    def __init__(self, lines: Iterable[str], value: Any = None) -> None:
        self.lines, self.value = list(lines), value

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def __dir__(self) -> list[str]:
        return ["lines", "value"]


@attrs.frozen
class Column:
    """A column: its head, whether numbers stand in it, and down to how many columns its text may be cut.

    ``least`` 0: it is never cut. What does not fit then is left out, the column with the highest ``spare`` first; 0
    stays.
    """

    head: str
    right: bool = False
    least: int = 0
    spare: int = 0


def table(columns: Sequence[Column], rows: Sequence[Sequence[object]], width: int) -> list[str]:
    """An aligned table of at most ``width`` columns; its last line says what is not seen of it.

    A column in which nothing stands is left out without a word.
    """
    cells = [[printable(said(value)) for value in row] for row in rows]
    used = [at for at in range(len(columns)) if any(row[at] for row in cells)]
    left_out: list[str] = []
    while True:
        wide = {at: max([width_of(columns[at].head), *(width_of(row[at]) for row in cells)]) for at in used}
        fits = _squeeze(columns, wide, width)
        spare = max(used, key=lambda at: (columns[at].spare, at), default=None)
        if fits or spare is None or not columns[spare].spare:
            break
        used.remove(spare)
        left_out.append(columns[spare].head)
    cut = sum(width_of(row[at]) > wide[at] for row in cells for at in used)
    lines = [_row([columns[at].head for at in used], used, columns, wide, width)]
    lines += [_row([row[at] for at in used], used, columns, wide, width) for row in cells]
    notes = []
    if left_out:
        notes.append(f"no room for: {', '.join(reversed(left_out))}")
    if cut:
        notes.append(f"{cut} {'text is' if cut == 1 else 'texts are'} cut (…)")
    return [*lines, fitted(f"({'; '.join(notes)})", width)] if notes else lines


def _squeeze(columns: Sequence[Column], wide: dict[int, int], width: int) -> bool:
    """Narrow the columns that may be, the widest first; whether the table fits then."""
    over = sum(wide.values()) + _GAP * (len(wide) - 1) - width
    while over > 0:
        soft = [
            at for at in wide if columns[at].least and wide[at] > max(columns[at].least, width_of(columns[at].head))
        ]
        if not soft:
            return False
        widest = max(soft, key=lambda at: wide[at])
        wide[widest] -= 1
        over -= 1
    return True


def _row(cells: Sequence[str], used: Sequence[int], columns: Sequence[Column], wide: dict[int, int], width: int) -> str:
    parts = []
    for cell, at in zip(cells, used, strict=True):
        text = fitted(cell, wide[at])
        padding = " " * (wide[at] - width_of(text))
        parts.append(padding + text if columns[at].right else text + padding)
    return fitted((" " * _GAP).join(parts).rstrip(), width)


def card(pairs: Iterable[tuple[str, object]], width: int) -> list[str]:
    """Names and values below each other; what has no value is left out, long values go on below."""
    told = [(name, said(value)) for name, value in pairs]
    told = [(name, value) for name, value in told if value]
    indent = max((width_of(name) for name, _ in told), default=0) + _GAP
    lines = []
    for name, value in told:
        for number, line in enumerate(wrapped(value, max(width - indent, 10))):
            lines.append(f"{'' if number else name}".ljust(indent) + line)
    return lines


def said(value: object) -> str:
    """A value in a few words; nothing for None."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
        case int() if abs(value) >= 10_000:
            return f"{value:,}"
        case datetime():
            return local_time(value)
        case _:
            return str(value)


def local_time(moment: datetime | float | None) -> str:
    """A time as it is here, with the zone; seconds since 1970 or a datetime, nothing for 0 and None."""
    if not moment:
        return ""
    try:
        when = moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
        return when.astimezone().isoformat(" ", "seconds")
    except (OverflowError, ValueError, OSError):
        # A terminal's clock may say the year 1.
        return str(moment)


def clock_time(moment: float) -> str:
    """The time of day here, with milliseconds."""
    return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]


def ago(moment: float, now: float) -> str:
    """How long ago, in one unit; nothing for 0."""
    return f"{duration(now - moment)} ago" if moment else ""


def duration(seconds: float) -> str:
    """A time span in the unit that fits it."""
    seconds = max(seconds, 0.0)
    for most, unit, size in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < most:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"
