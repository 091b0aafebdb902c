"""Lists of terminals as people keep them, CSV files and plain lists: what their lines say, and how one is written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from jimigw.model.device import Card

COLUMNS = ("id", "imei", "phone", "plate", "name", "zone", "listed", "notes")
"""What a header may name."""

IDENTITIES = ("id", "imei", "phone")

MAX_BYTES = 64 << 20
"""Bytes of the longest list that is read: a million terminals and more."""

MAX_TEXT = {"plate": 40, "name": 200, "notes": 4000}
"""Characters of a text."""


class NoList(Exception):
    """The whole file cannot be read; the message is a sentence."""


@attrs.frozen
class Problem:
    """What is wrong with a line, or only strange, and what would be right."""

    line: int
    sentence: str


@attrs.frozen
class Entry:
    """What a line says of a terminal: checked values, by column. A column that the file does not have is not there."""

    line: int
    values: Mapping[str, Any]


@attrs.define
class Listing:
    """What a file says: its good lines, what is wrong with the others, and what is strange about the good ones."""

    entries: list[Entry] = attrs.field(factory=list)
    problems: list[Problem] = attrs.field(factory=list)
    doubts: list[Problem] = attrs.field(factory=list)

    def add(self, line: int, columns: Sequence[str], cells: Sequence[str]) -> None:
        """Check the cells of a line and take it."""
        values, wrong = {}, False
        for column, cell in zip(columns, cells, strict=True):
            try:
                values[column] = checked(column, cell)
            except ValueError as error:
                wrong = True
                self.problems.append(Problem(line, f"{column}: {error}"))
        if wrong:
            return
        if not any(values.get(each) for each in IDENTITIES):
            self.problems.append(Problem(line, "there is no id, IMEI or phone number: one of them has to be there"))
            return
        imei = values.get("imei")
        if imei is not None and (digit := check_digit(imei)) != imei[-1]:
            self.doubts.append(Problem(line, f"imei: {imei} should end with {digit} by its check digit; is it right?"))
        self.entries.append(Entry(line, values))


# -- reading ----------------------------------------------------------------------------------------------------------


def read_list(data: bytes) -> Listing:
    """Read a file: CSV where its first line is a header, otherwise one terminal a line."""
    lines = _Lines(_text(data))
    listing = Listing()
    first = lines.peek()
    separator = _separator(first)
    if _is_header(first, separator):
        _read_table(lines, separator, listing)
    else:
        _read_plain(lines, listing)
    return listing


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise NoList(f"it is longer than {MAX_BYTES >> 20} MiB: that is no list of terminals")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NoList(f"line {line}: it is not UTF-8; save the file as UTF-8") from None


class _Lines:
    """The lines of a text with their numbers. Comments and blank lines are left out, but for those within a field."""

    def __init__(self, text: str) -> None:
        self._lines = list(io.StringIO(text, newline=""))
        self._at = 0
        self.number = 0
        self.within = False

    def peek(self) -> str:
        """The first line that is neither blank nor a comment."""
        return next((line.strip() for line in self._lines if _counts(line)), "")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            if self.within:
                return line
            if _counts(line):
                self.number, self.within = self._at, True
                return line
        raise StopIteration


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _separator(line: str) -> str:
    return max(",;\t", key=line.count)


def _named(cell: str) -> str:
    return "".join(cell.split()).casefold()


def _is_header(line: str, separator: str) -> bool:
    return any(_named(cell) in COLUMNS for cell in next(csv.reader([line], delimiter=separator), ()))


def _read_table(lines: _Lines, separator: str, listing: Listing) -> None:
    rows = _rows(lines, separator, listing)
    number, header = next(rows, (1, []))
    columns = [_named(cell) for cell in header]
    while columns and not columns[-1]:
        columns.pop()
    for column in sorted(set(columns)):
        if column not in COLUMNS:
            raise NoList(f"line {number}: there is no column {column!r}; there are {', '.join(COLUMNS)}")
        if columns.count(column) > 1:
            raise NoList(f"line {number}: the column {column!r} is there twice")
    if not set(columns) & set(IDENTITIES):
        raise NoList(f"line {number}: there is no column that tells terminals apart: id, imei or phone")
    for number, cells in rows:
        while len(cells) > len(columns) and not cells[-1].strip():
            cells.pop()
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            problem = f"the header names {len(columns)} columns, the line has {len(cells)}"
            listing.problems.append(Problem(number, problem))
        else:
            listing.add(number, columns, cells)


def _rows(lines: _Lines, separator: str, listing: Listing) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    while True:
        lines.within = False
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            listing.problems.append(Problem(lines.number, f"the quotes are not right ({error})"))
            continue
        yield lines.number, row


def _read_plain(lines: _Lines, listing: Listing) -> None:
    for line in lines:
        lines.within = False
        found = re.match(r"[\s\"',;]*([^\s\"',;#]+)([^#]*)", line)
        identity, rest = (found[1], found[2].strip("\"',; \t\r\n")) if found else ("", "")
        if not re.search(r"\d", identity):
            problem = f"{_shown(identity)} is no IMEI or phone number; the columns of a header are {', '.join(COLUMNS)}"
            listing.problems.append(Problem(lines.number, problem))
            continue
        columns, cells = [_kind(identity)], [identity]
        if rest:
            columns, cells = [*columns, "notes"], [*cells, rest]
        listing.add(lines.number, columns, cells)


def _kind(identity: str) -> str:
    if not _only_digits(identity.lstrip("+")):
        return "id"
    return "imei" if len(identity) == 15 else "phone"


# -- the fields -------------------------------------------------------------------------------------------------------


def check_digit(imei: str) -> str:
    """The last digit of an IMEI, which follows from the others (Luhn, 3GPP TS 23.003 annex B)."""
    total = 0
    for place, digit in enumerate(imei[:14]):
        value = int(digit) * (1 + place % 2)
        total += value // 10 + value % 10
    return str(-total % 10)


def _only_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")


def _id(text: str) -> str:
    if not (text.isascii() and text.isalnum() and len(text) <= 32):
        raise ValueError(f"{_shown(text)} is no id: it has up to 32 letters and digits")
    return text


def _digits(text: str, what: str) -> str:
    digits = re.sub(r"[\s'()./-]", "", text) if not re.fullmatch(r"[\d.,]+[eE]\+?\d+", text) else text
    if not _only_digits(digits):
        hint = "; a spreadsheet has shortened it, format the column as text" if re.search(r"\d[eE]\+?\d", text) else ""
        raise ValueError(f"{_shown(text)} is no {what}{hint}")
    return digits


def _imei(text: str) -> str:
    digits = _digits(text, "IMEI: it has 15 digits")
    if len(digits) != 15:
        raise ValueError(f"{_shown(text)} has {len(digits)} digits; an IMEI has 15")
    return digits


def _phone(text: str) -> str:
    digits = _digits(text.removeprefix("+"), "phone number").lstrip("0")
    if not 1 <= len(digits) <= 20:
        raise ValueError(f"{_shown(text)} has {len(digits)} digits; a phone number has 1 to 20 behind leading zeros")
    return digits


_OFFSET = re.compile(r"(?:UTC|GMT)([+-])(\d{1,2})(?::([0-5]\d))?|([+-])(\d{1,2}):([0-5]\d)", re.IGNORECASE)


def _zone(text: str) -> int:
    minutes: int | None = None
    if found := _OFFSET.fullmatch(text):
        sign, hours, rest = found[1] or found[4], found[2] or found[5], found[3] or found[6] or "0"
        minutes = int(hours) * 60 + int(rest)
        minutes = -minutes if sign == "-" else minutes
    elif re.fullmatch(r"[+-]?\d{1,3}", text):
        minutes = int(text)
    # Every zone on Earth is whole quarters of an hour: "8" means hours, and is not taken for minutes.
    if minutes is None or minutes % 15 or not -12 * 60 <= minutes <= 14 * 60:
        raise ValueError(f"{_shown(text)} is no time zone: minutes east of UTC, as in 480, or +08:00")
    return minutes


_YES, _NO = {"yes", "y", "true", "1", "on"}, {"no", "n", "false", "0", "off"}


def _listed(text: str) -> bool:
    word = text.casefold()
    if word not in _YES | _NO:
        raise ValueError(f"{_shown(text)} is neither yes nor no")
    return word in _YES


def _line(column: str) -> Callable[[str], str]:
    most = MAX_TEXT[column]

    def check(text: str) -> str:
        if len(text) > most:
            raise ValueError(f"{_shown(text)} has {len(text)} characters; {most} is the most")
        odd = [each for each in text if not (each.isprintable() or (column == "notes" and each in "\r\n\t"))]
        if odd:
            raise ValueError(f"{_shown(text)} has a character that cannot be shown: {odd[0]!r}")
        return _with_line_ends(text)

    return check


def _with_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


_CHECKS: Mapping[str, Callable[[str], Any]] = {
    "id": _id,
    "imei": _imei,
    "phone": _phone,
    "plate": _line("plate"),
    "name": _line("name"),
    "zone": _zone,
    "listed": _listed,
    "notes": _line("notes"),
}


def checked(column: str, text: str) -> Any:
    """The value of a column that somebody wrote so; None for nothing. ``ValueError`` says what would be right."""
    return _CHECKS[column](text.strip()) if text.strip() else None


# -- writing -----------------------------------------------------------------------------------------------------------


def facts_of(card: Card) -> tuple[Any, ...]:
    """What a card says: the values of `COLUMNS`."""
    return tuple(getattr(card, column) for column in COLUMNS)


def written(cards: Iterable[Card]) -> str:
    """The cards as a CSV file that :func:`read_list` takes back."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for card in cards:
        fields = dict(zip(COLUMNS, facts_of(card), strict=True)) | {"listed": "yes" if card.listed else "no"}
        writer.writerow([_with_line_ends(value) if isinstance(value, str) else value for value in fields.values()])
    return text.getvalue()
