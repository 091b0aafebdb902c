"""Text as it stands in the columns of a terminal: how wide it is, where to break it, how to cut it."""

from __future__ import annotations

import unicodedata


def width_of(text: str) -> int:
    """Columns that a terminal takes for the text: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    total = 0
    for each in text:
        if unicodedata.combining(each) or unicodedata.category(each) in ("Mn", "Me", "Cf"):
            continue
        total += 2 if unicodedata.east_asian_width(each) in "WF" else 1
    return total


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` columns, cut at spaces where there are any."""
    found: list[str] = []
    rest = printable(text)
    while width_of(rest) > width:
        columns = at = 0
        while at < len(rest) and columns + width_of(rest[at]) <= width:
            columns += width_of(rest[at])
            at += 1
        space = rest.rfind(" ", 1, at + 1)
        at = space if space > at // 2 else max(at, 1)
        found.append(rest[:at].rstrip())
        rest = rest[at:].lstrip(" ")
    return [*found, rest]


def printable(text: str) -> str:
    """The text without what could steer a terminal: control characters as ``\\xNN``."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "backslashreplace").decode() for each in text
    )


def fitted(text: str, width: int) -> str:
    """The text in at most ``width`` columns (at least one); what is cut ends in ``…``."""
    if width_of(text) <= width:
        return text
    kept, columns = [], 0
    for each in text:
        columns += width_of(each)
        if columns > width - 1:
            break
        kept.append(each)
    return "".join(kept) + "…"
