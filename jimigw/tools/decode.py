"""``jimigw decode``: frames in hex to JSON, or, for people, to a table of every byte."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from jimigw.wire.explain import Piece

from . import codecs
from .console import BOLD, FAINT, GREEN, RED, Cell, Console, Line, NotHex, bytes_of_hex, json_bytes, lines, table
from .cuts import Cut, Unreadable

_SHOWN_OF_A_WRONG_LINE = 200

EPILOG = """\
Frames come as arguments, or, without any, one line after the other from standard input. Spaces, colons, 0x, quotes and
upper case do not matter. Every frame makes one line of JSON, in order:
  {"ok": true, "protocol": "jimi", "header": {...}, "body": {...}}
  {"ok": false, "error": "...", "hex": "..."}
The exit status is 0 if all frames were ok, 1 if not.

examples:
  jimigw decode 78781101075253367890024270003201000512790d0a
  jimigw decode --explain '78 78 0A 13 40 04 04 00 01 00 0F DC EE 0D 0A'
  jimigw decode --explain 7e0002000001380013800000017e
  tail -f frames.hex | jimigw decode
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("hex", nargs="*", metavar="HEX", help="a frame, or several glued together")
    parser.add_argument(
        "--dialect", choices=codecs.DIALECTS, default="document", help="keys of the JSON, where protocols have dialects"
    )
    parser.add_argument(
        "--edition",
        type=int,
        choices=codecs.EDITIONS,
        help="of JT/T 808, where it is known: frames of 2011 and 2013 have the same header (default: what fits)",
    )
    parser.add_argument("--explain", action="store_true", help="a table of every byte, for people")


def run(options: argparse.Namespace, console: Console) -> int:
    """Decode; the exit status."""
    source = _arguments(options.hex) if options.hex else lines(console.stdin)
    ok = True
    for line in source:
        for codec, each in _frames(line):
            if options.explain:
                ok = explain(codec, each, options, console) and ok
            else:
                result = decoded(codec, each, options.dialect, options.edition)
                ok = ok and result["ok"]
                console.line(json_bytes(result))
        # Whoever reads an endless pipe wants each line as it comes.
        console.stdout.flush()
    return 0 if ok else 1


def _arguments(words: list[str]) -> Iterator[Line]:
    """The arguments as lines; a frame that was pasted without quotes comes as many words, and is one line again."""
    if len(words) > 1 and all(len(word) <= 2 or word.lower().startswith("0x") for word in words):
        words = [" ".join(words)]
    yield from (Line(at, word) for at, word in enumerate(words, 1))


def _frames(line: Line) -> Iterator[tuple[codecs.Codec | None, Cut]]:
    if line.text is None:
        yield None, Cut(b"", f"line {line.number} is longer than a MiB")
        return
    try:
        codec, cuts = codecs.cut(bytes_of_hex(line.text))
    except NotHex as error:
        shown = line.text[:_SHOWN_OF_A_WRONG_LINE]
        yield None, Cut(shown.encode("utf-8", "replace"), f"not hex: {error}")
        return
    yield from ((codec, each) for each in cuts)


def decoded(codec: codecs.Codec | None, each: Cut, dialect: str, edition: int | None = None) -> dict[str, Any]:
    """What one frame, or what is none, says: an object for JSON that always has ``ok``."""
    error = each.error
    if codec is not None and not error:
        try:
            return {"ok": True, "protocol": codec.name, **codec.decode(each.raw, dialect, edition)}
        except Unreadable as found:
            error = str(found)
    text = each.raw.hex()
    if error.startswith("not hex"):
        text = each.raw.decode("utf-8", "replace")
    return {"ok": False, "error": error, "hex": text}


def explain(codec: codecs.Codec | None, each: Cut, options: argparse.Namespace, console: Console) -> bool:
    """Print the table of one frame, or why there is none; whether all was well."""
    result = decoded(codec, each, options.dialect, options.edition)
    if codec is None:
        console.line(f"{result['hex']}\n  {result['error']}\n")
        return False
    pieces = codec.explain(each.raw, options.edition)
    head = f"{codec.name}, {len(each.raw)} bytes"
    console.line(f"\x1b[{BOLD}m{head}\x1b[0m" if console.terminal else head)
    room = max(20, min(60, (console.width - 70) // 2 + 10))
    rows = [_row(piece, each.raw) for piece in pieces]
    for text in table(("bytes", "hex", "field", "value", "meaning", ""), rows, (11, 23, 32, room, room, 40),
                      console.terminal):  # fmt: skip
        console.line(text)
    for note in result.get("notes", ()):
        console.line(f"note: {note}")
    if not result["ok"]:
        console.line(f"error: {result['error']}")
    console.line("")
    return bool(result["ok"])


def _row(piece: Piece, data: bytes) -> list[Cell]:
    size = piece.end - piece.start
    at = f"{piece.start}" if size == 1 else f"{piece.start}-{piece.end - 1}" if size else ""
    held = data[piece.start : min(piece.end, piece.start + 7)].hex(" ") + (" …" if size > 7 else "")
    if piece.bits:
        held = piece.bits
    colour = RED if piece.problem else GREEN if piece.shown.endswith(", true") else ""
    chapter = f" ({piece.chapter})" if piece.chapter else ""
    return [
        Cell(at, FAINT),
        Cell(held, FAINT),
        Cell("  " * piece.depth + piece.name),
        Cell(piece.shown, colour),
        Cell(piece.meaning + chapter if piece.meaning else "", FAINT),
        Cell(piece.problem, RED),
    ]
