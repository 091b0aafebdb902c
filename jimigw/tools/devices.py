"""``jimigw devices``: the terminals that the store knows, to list, import, export and remove, also while the service
runs."""

from __future__ import annotations

import argparse
import fnmatch
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import msgspec

from jimigw.gateway.device_list import COLUMNS, MAX_BYTES, NoList, Problem, read_list, written
from jimigw.gateway.device_merge import Merger, merge
from jimigw.model.device import Card, Device, State
from jimigw.ops.columns import printable, width_of
from jimigw.ops.config import ConfigError, load_config
from jimigw.store import Database, StoreError

from .check_config import add_set
from .console import FAINT, Cell, Console, json_bytes, table

STORE = "store.sqlite"
"""The store of a service, in its ``data_dir``."""

MOST_DOUBTS = 20
"""Lines about what is strange and imported all the same."""

EPILOG = """\
Works on the store of the service with this config, also while the service runs: it hears of changes within two
seconds. What a command takes: jimigw devices COMMAND --help

examples:
  jimigw devices import --config conf/jimigw.toml fleet.csv
  jimigw devices list --config conf/jimigw.toml 'JC400*'
  jimigw devices export --config conf/jimigw.toml > fleet.csv
"""

IMPORT = f"""\
A CSV file with a header that names any of
  {", ".join(COLUMNS)}
separated by commas, semicolons or tabs; or one IMEI or phone number a line, without a header. UTF-8; lines that begin
with "#" are left out. A terminal is known by its id, else by its IMEI or phone number. A column of the file replaces
what is known, also where a field is empty; what the file has no column for stays. The terminals are listed, unless
the column "listed" says no. Nothing is imported while a line is wrong.

examples:
  jimigw devices import fleet.csv
  jimigw devices import --replace fleet.csv
"""


Work = Callable[[Path, argparse.Namespace, Console], int]
"""A command: with the store's file, its options and the streams, to the exit status."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, does: str, work: Work, epilog: str | None = None) -> argparse.ArgumentParser:
        each = commands.add_parser(
            name,
            help=does,
            description=does[0].upper() + does[1:] + ".",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        each.add_argument("--config", metavar="FILE", help="the config file of the service; without one, all defaults")
        add_set(each)
        each.set_defaults(work=work)
        return each

    each = add("import", "enter the terminals of a file, or change them", _import, IMPORT)
    each.add_argument("file", metavar="FILE", help='the list; "-" is standard input')
    each.add_argument("--replace", action="store_true", help="terminals that are not in the file are listed no more")
    each.add_argument("--skip-bad", action="store_true", help="import the good lines although others are wrong")
    each = add("list", "list the terminals", _list)
    each.add_argument(
        "pattern", metavar="PATTERN", nargs="?", help="id, IMEI, phone number, plate, name or model, with * and ?"
    )
    each.add_argument("--json", action="store_true", help="a JSON object a line, with all that is known")
    each = add("show", "show all that is known of a terminal", _show)
    each.add_argument("id", metavar="ID", help="its id, IMEI or phone number")
    each = add("remove", "delete terminals; their commands and records stay", _remove)
    each.add_argument("ids", metavar="ID", nargs="+", help="an id, IMEI or phone number")
    add("export", "print all terminals as CSV that import takes back", _export)


def run(options: argparse.Namespace, console: Console) -> int:
    """Do it; the exit status."""
    try:
        config = load_config(options.config, options.set)
    except ConfigError as error:
        for problem in error.problems:
            console.complain(problem)
        return 1
    try:
        status: int = options.work(config.path(STORE), options, console)
    except StoreError as error:
        console.complain(str(error))
        return 1
    return status


# -- import, export, remove -------------------------------------------------------------------------------------------


def _import(path: Path, options: argparse.Namespace, console: Console) -> int:
    if options.replace and options.skip_bad:
        console.complain("--replace with --skip-bad would shut out the terminals of wrong lines; correct these lines")
        return 1
    name = "standard input" if options.file == "-" else options.file
    try:
        listing = read_list(_read(options.file, console))
        path.parent.mkdir(parents=True, exist_ok=True)
    except NoList as error:
        console.complain(f"{name}: {error}")
        return 1
    except OSError as error:
        console.complain(f"{error.filename or name}: {error.strerror}")
        return 1
    with Database.for_changes(path) as database, database.transaction():
        merger = merge(listing.entries, database.cards(), options.replace)
        problems = sorted([*listing.problems, *merger.problems], key=lambda problem: problem.line)
        bad = len({problem.line for problem in problems})
        stopped = bool(problems) and not options.skip_bad
        if not stopped:
            database.exchange_cards(merger.cards)
    _complain(name, problems, console)
    if stopped:
        console.complain(f"nothing was imported: {_count(bad, 'line is', 'lines are')} wrong")
        return 1
    _complain(name, listing.doubts[:MOST_DOUBTS], console)
    if (more := len(listing.doubts) - MOST_DOUBTS) > 0:
        console.complain(f"{name}: and {_count(more, 'more IMEI', 'more IMEIs')} like that")
    console.line(_summary(merger, bad, options.replace))
    return 1 if problems else 0


def _read(name: str, console: Console) -> bytes:
    if name == "-":
        return console.stdin.read(MAX_BYTES + 1)
    with open(name, "rb") as file:
        return file.read(MAX_BYTES + 1)


def _complain(name: str, problems: list[Problem], console: Console) -> None:
    for problem in problems:
        console.complain(f"{name}, line {problem.line}: {printable(problem.sentence)}")


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _summary(merger: Merger, bad: int, replace: bool) -> str:
    parts = [f"{len(merger.new):,} new", f"{len(merger.changed):,} changed", f"{merger.same:,} as before"]
    if replace:
        parts.append(f"{len(merger.unlisted):,} listed no more")
    if bad:
        parts.append(_count(bad, "wrong line left out", "wrong lines left out"))
    return ", ".join(parts)


def _export(path: Path, options: argparse.Namespace, console: Console) -> int:
    with Database.for_reading(path) as database:
        console.stdout.write(written(database.cards()).encode())
    return 0


def _remove(path: Path, options: argparse.Namespace, console: Console) -> int:
    if not path.exists():
        console.complain(f"There is no store at {path}.")
        return 1
    with Database.for_changes(path) as database, database.transaction():
        cards = database.cards()
        found = {name: _found(name, cards) for name in options.ids}
        unknown = [name for name, card in found.items() if card is None]
        if not unknown:
            for card in found.values():
                assert card is not None
                database.forget(card.id)
    for name in unknown:
        console.complain(f"there is no terminal {name!r}")
    if unknown:
        console.complain("nothing was removed")
        return 1
    removed = {card.id for card in found.values() if card is not None}
    console.line(f"{len(removed):,} removed")
    return 0


def _found(name: str, cards: list[Card]) -> Card | None:
    """The terminal that goes by this name: an id first, then an IMEI or phone number."""
    number = name.lstrip("+").lstrip("0")
    tests: tuple[Callable[[Card], bool], ...] = (
        lambda card: card.id == name,
        lambda card: card.imei == name,
        lambda card: bool(number) and card.phone == number,
    )
    return next((card for test in tests for card in cards if test(card)), None)


# -- list and show ----------------------------------------------------------------------------------------------------

_HEADS = ("id", "IMEI", "phone", "plate", "name", "listed", "protocol", "model", "last seen")
_WIDEST = (32, 15, 20, 16, 30, 6, 8, 16, 17)

_SECRET = {"auth_code"}
"""Whoever has the code can log in as the terminal: it is not for lists that are passed around."""

_TIMES = {"first_seen", "last_seen", "left_at", "alarm_at"}


def _list(path: Path, options: argparse.Namespace, console: Console) -> int:
    with Database.for_reading(path) as database:
        devices = [device for device in database.devices() if _matches(device, options.pattern)]
    if options.json:
        for device in devices:
            console.line(json_bytes(_facts(device)))
    elif devices:
        for line in table(_HEADS, [_row(device) for device in devices], _WIDEST, console.terminal):
            console.line(line)
    return 0


def _matches(device: Device, pattern: str | None) -> bool:
    if pattern is None:
        return True
    match = re.compile(fnmatch.translate(pattern), re.IGNORECASE).match
    card = device.card
    texts = (card.id, card.imei, card.phone, device.plate, card.name, device.model)
    return any(text is not None and match(text) is not None for text in texts)


def _row(device: Device) -> list[Cell]:
    card = device.card
    texts = (
        card.id,
        card.imei if card.imei != card.id else "",
        card.phone if card.phone != card.id else "",
        device.plate,
        card.name,
        "yes" if card.listed else "no",
        device.protocol,
        device.model,
    )
    seen = Cell(_minute(device.last_seen)) if device.last_seen else Cell("never", FAINT)
    return [*(Cell(text or "") for text in texts), seen]


def _minute(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%MZ}"


def _show(path: Path, options: argparse.Namespace, console: Console) -> int:
    with Database.for_reading(path) as database:
        card = _found(options.id, database.cards())
        device = next(iter(database.devices(card.id)), None) if card is not None else None
    if device is None:
        console.complain(f"there is no terminal {options.id!r}")
        return 1
    lines = [(name.replace("_", " "), text) for name, text in _flat(_facts(device))]
    widest = max(width_of(name) for name, _ in lines)
    for name, text in lines:
        console.line(f"{name:<{widest}}  {text}")
    return 0


def _facts(device: Device) -> dict[str, Any]:
    """All that is known of a terminal, for JSON: what nobody knows is left out."""
    facts = {column: getattr(device.card, column) for column in COLUMNS}
    for field in attrs.fields(State):
        value = getattr(device, field.name)
        if field.name in _SECRET or value == field.default:
            continue
        facts[field.name] = datetime.fromtimestamp(value, UTC) if field.name in _TIMES else value
    known: dict[str, Any] = msgspec.to_builtins({name: value for name, value in facts.items() if value is not None})
    return known


def _flat(facts: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name} ")
        elif isinstance(value, bool):
            yield before + name, "yes" if value else "no"
        elif value is not None:
            yield before + name, printable(str(value))
