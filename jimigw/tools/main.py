"""``jimigw``: the commands beside the service."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Collection, Sequence

import jimigw

from .console import Console

INTERRUPTED, BROKEN_PIPE = 130, 141
"""Exit statuses, as a shell shows them for the signals."""


COMMANDS = {
    "decode": ("jimigw.tools.decode", "decode frames from hex to JSON, or explain them byte by byte"),
    "encode": ("jimigw.tools.encode", "encode messages from JSON to frames in hex"),
    "simulate": ("jimigw.tools.simulate", "simulate a fleet of terminals, or play captured frames"),
    "check-config": ("jimigw.tools.check_config", "check a config file"),
    "devices": ("jimigw.tools.devices", "list, import, export and remove the terminals that the service knows"),
    "token": ("jimigw.tools.token", "make, list and revoke the bearer tokens of the API"),
    "journal": ("jimigw.tools.journal", "print the records of the journal as JSON lines"),
}
"""Every command: its module and what it does. A module has ``EPILOG``, ``add_arguments(parser)`` and
``run(options, console)``, which returns the exit status."""

_EPILOG = """\
The service itself is run by twistd:  twistd -n jimigw --config conf/jimigw.toml
What a command takes:                 jimigw COMMAND --help
"""


def parser(chosen: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """The parser. Only commands among ``chosen`` are loaded: most need little of what the others do."""
    whole = argparse.ArgumentParser(
        prog="jimigw",
        description="Tools of jimigw, an open gateway for dashcam and tracker fleets.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"jimigw {jimigw.__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", required=True)
    for name, (path, does) in COMMANDS.items():
        each = commands.add_parser(
            name,
            help=does,
            description=does[0].upper() + does[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in chosen:
            module = importlib.import_module(path)
            each.epilog = module.EPILOG
            module.add_arguments(each)
            each.set_defaults(run=module.run)
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status. A reader that goes away and Ctrl-C end it without a traceback."""
    words = sys.argv[1:] if argv is None else list(argv)
    options = parser(words).parse_args(words)
    console = Console.of_process()
    try:
        status: int = options.run(options, console)
        console.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at its end: there has to be somebody to take it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


if __name__ == "__main__":
    sys.exit(main())
