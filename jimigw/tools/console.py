"""What the commands read and write: streams, lines of hex, tables, colours."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, TextIO

import attrs
import msgspec

from jimigw.ops.columns import width_of, wrapped

LONGEST_LINE = 1 << 20
"""Bytes of the longest line that is read."""

json_bytes = msgspec.json.Encoder().encode
"""JSON as all commands print it: one line, UTF-8."""


@attrs.define
class Console:
    """The standard streams. ``terminal``: somebody is looking, so colours are welcome."""

    stdin: BinaryIO
    stdout: BinaryIO
    stderr: TextIO
    terminal: bool = False
    encoding: str = "utf-8"

    @classmethod
    def of_process(cls) -> Console:
        """The console of this process."""
        out = sys.stdout
        return cls(sys.stdin.buffer, out.buffer, sys.stderr, out.isatty(), out.encoding or "utf-8")

    def line(self, text: bytes | str) -> None:
        """Write a line to standard output."""
        if isinstance(text, str):
            text = text.encode(self.encoding, "replace")
        self.stdout.write(text + b"\n")

    def complain(self, sentence: str) -> None:
        """Write a line to standard error."""
        self.stdout.flush()
        print(f"jimigw: {sentence}", file=self.stderr, flush=True)

    @property
    def width(self) -> int:
        """Columns that a line may take."""
        return shutil.get_terminal_size((160, 24)).columns if self.terminal else 160


@attrs.frozen
class Line:
    """A line of input without its end; ``text`` is None for one longer than `LONGEST_LINE`."""

    number: int
    text: str | None


def lines(stream: BinaryIO) -> Iterator[Line]:
    """The lines of a stream as they come, blank ones left out; a longer one than `LONGEST_LINE` is passed over."""
    number = 0
    while data := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(data) > LONGEST_LINE and not data.endswith(b"\n"):
            while (data := stream.readline(LONGEST_LINE)) and not data.endswith(b"\n"):
                pass
            yield Line(number, None)
        elif data.strip():
            yield Line(number, data.decode("utf-8", "replace").strip())


class NotHex(ValueError):
    """Text that is not a string of bytes in hex."""


_BETWEEN = re.compile(r"0[xX]|\\x|[\s:,;_.\"'`{}\[\]()-]")
_ODD_ONE = re.compile(r"[^0-9a-fA-F]")


def bytes_of_hex(text: str) -> bytes:
    """The bytes of hex as people paste it: any case, with spaces, colons, commas, ``0x`` or quotes around it."""
    digits = _BETWEEN.sub("", text)
    if odd := _ODD_ONE.search(digits):
        raise NotHex(f"{odd[0]!r} is not a hex digit")
    if len(digits) % 2:
        raise NotHex(f"{len(digits)} hex digits are not whole bytes")
    if not digits:
        raise NotHex("there are no hex digits")
    return bytes.fromhex(digits)


# -- tables -----------------------------------------------------------------------------------------------------------


BOLD, RED, GREEN, FAINT = "1", "31", "32", "2"


@attrs.frozen
class Cell:
    """A field of a table: its text, and perhaps the colour of it (an SGR code)."""

    text: str
    colour: str = ""


def table(heads: Sequence[str], rows: Sequence[Sequence[Cell]], widest: Sequence[int], colours: bool) -> Iterator[str]:
    """The lines of a table. A column is as wide as what stands in it, at most ``widest``; longer text goes on below."""
    folded = [[wrapped(cell.text, most) for cell, most in zip(row, widest, strict=True)] for row in rows]
    widths = [
        max([width_of(head), *(width_of(line) for row in folded for line in row[at])]) for at, head in enumerate(heads)
    ]
    # A column in which nothing stands is left out.
    used = [at for at in range(len(heads)) if any(any(row[at]) for row in folded)]

    def joined(cells: Sequence[tuple[str, str]]) -> str:
        parts = []
        for place, at in enumerate(used):
            text, colour = cells[at]
            last = all(not cells[other][0] for other in used[place + 1 :])
            padding = "" if last else " " * (widths[at] - width_of(text))
            parts.append((f"\x1b[{colour}m{text}\x1b[0m" if colours and colour and text else text) + padding)
            if last:
                break
        return "  ".join(parts)

    yield joined([(head, BOLD) for head in heads])
    for row, cells in zip(folded, rows, strict=True):
        for line in range(max(map(len, row))):
            yield joined(
                [(part[line] if line < len(part) else "", cell.colour) for part, cell in zip(row, cells, strict=True)]
            )
