"""``jimigw journal``: the records of a service's journal as JSON lines, also while it runs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from jimigw.journal import JournalError, JournalReader, open_reader
from jimigw.model.report import KINDS
from jimigw.ops.config import ConfigError, load_config

from .check_config import add_set
from .console import Console

POLL_SECONDS = 0.25
_PAGE = 1000

EPILOG = """\
Reads the journal of the service with this config, also while the service runs. Times are UTC.

examples:
  jimigw journal --config conf/jimigw.toml --limit 10
  jimigw journal --follow --device 864908000000009 --kind alarm --kind position
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--config", metavar="FILE", help="the config file of the service; without one, all defaults")
    add_set(parser)
    parser.add_argument("--follow", action="store_true", help="go on with new records until interrupted")
    parser.add_argument("--device", metavar="ID", help="only records of this device")
    parser.add_argument("--kind", metavar="K", action="append", choices=KINDS,
                        help=f"only records of this kind, repeatable: {', '.join(KINDS)}")  # fmt: skip
    parser.add_argument("--from", metavar="ID", dest="first", type=_id, default=1, help="the first record to print")
    parser.add_argument("--limit", metavar="N", type=_id, help="end after so many records")


def _id(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return number


def run(options: argparse.Namespace, console: Console, sleep: Callable[[float], object] = time.sleep) -> int:
    """Print; the exit status."""
    try:
        config = load_config(options.config, options.set)
    except ConfigError as error:
        for problem in error.problems:
            console.complain(problem)
        return 1
    try:
        with open_reader(config.path(config.journal.file)) as reader:
            _print(reader, options, console, sleep)
    except JournalError as error:
        console.complain(str(error))
        return 1
    return 0


def _print(
    reader: JournalReader, options: argparse.Namespace, console: Console, sleep: Callable[[float], object]
) -> None:
    after, left = options.first - 1, options.limit
    while left is None or left > 0:
        wanted = _PAGE if left is None else min(_PAGE, left)
        records = reader.read(after, wanted, options.device, options.kind)
        for record in records:
            console.line(record.json())
        console.stdout.flush()
        after = records.through
        if left is not None:
            left -= len(records)
        if len(records) < wanted:
            if not options.follow:
                return
            sleep(POLL_SECONDS)
