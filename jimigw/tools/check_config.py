"""``jimigw check-config``: names every wrong or unknown key of a config file."""

from __future__ import annotations

import argparse

from jimigw.ops.config import ConfigError, load_config

from .console import Console

EPILOG = """\
Prints "ok", or a sentence for every key that is wrong or unknown; the exit status is then 1.

examples:
  jimigw check-config conf/jimigw.toml
  jimigw check-config conf/jimigw.toml --set 'jimi.endpoints=["tcp:0"]'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("file", metavar="FILE", help="the config file")
    add_set(parser)


def add_set(parser: argparse.ArgumentParser) -> None:
    """The argument ``--set``, which every command that reads the config has."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="set a key over the file; VALUE is TOML"
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Check; the exit status."""
    try:
        load_config(options.file, options.set)
    except ConfigError as error:
        for problem in error.problems:
            console.line(problem)
        return 1
    console.line("ok")
    return 0
