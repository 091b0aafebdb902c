"""``jimigw token``: the bearer tokens of the API, made, listed and revoked, also while the service runs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime

from jimigw.ops.config import ConfigError, load_config
from jimigw.web.tokens import SCOPES, TokenFile, TokensError

from .check_config import add_set
from .console import FAINT, RED, Cell, Console, table

EPILOG = """\
A token is shown once, when it is made; data_dir/tokens.json holds its SHA-256 only. A running service knows new and
revoked tokens within two seconds. Its first start makes the token "admin", in data_dir/admin.token.

scopes: read < command (commands too) < admin (terminals and readers are changed too)

examples:
  jimigw token create dashboard --config conf/jimigw.toml
  jimigw token create dispatch --scope command --expires 90 --config conf/jimigw.toml
  jimigw token revoke dashboard --config conf/jimigw.toml
"""

Work = Callable[[TokenFile, argparse.Namespace, Console], int]

_HEADS = ("name", "id", "scope", "made", "expires", "last used")
_WIDEST = (40, 8, 8, 17, 17, 17)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, does: str, work: Work) -> argparse.ArgumentParser:
        each = commands.add_parser(name, help=does, description=does[0].upper() + does[1:] + ".")
        each.add_argument("--config", metavar="FILE", help="the config file of the service; without one, all defaults")
        add_set(each)
        each.set_defaults(work=work)
        return each

    each = add("create", "make a token, and print it", _create)
    each.add_argument("name", metavar="NAME", help="what it is called in lists, and in the commands that it gives")
    each.add_argument("--scope", choices=SCOPES, default="read", help="what it is good for (default: read)")
    each.add_argument("--expires", metavar="DAYS", type=float, help="it is good for so many days (default: for ever)")
    add("list", "list the tokens", _list)
    each = add("revoke", "take a token away", _revoke)
    each.add_argument("name", metavar="NAME", help="its name or id")


def run(options: argparse.Namespace, console: Console) -> int:
    """Do it; the exit status."""
    try:
        config = load_config(options.config, options.set)
        status: int = options.work(TokenFile(config.data_path), options, console)
    except ConfigError as error:
        for problem in error.problems:
            console.complain(problem)
        return 1
    except TokensError as error:
        console.complain(str(error))
        return 1
    return status


def _create(file: TokenFile, options: argparse.Namespace, console: Console) -> int:
    console.line(file.create(options.name, SCOPES[options.scope], time.time(), options.expires))
    return 0


def _list(file: TokenFile, options: argparse.Namespace, console: Console) -> int:
    tokens, used, now = file.load(), file.used(), time.time()
    rows = [
        [
            Cell(token.name),
            Cell(token.id),
            Cell(token.scope),
            Cell(_minute(token.created)),
            Cell(_minute(token.expires) if token.expires else "never", "" if token.good(now) else RED),
            Cell(_minute(used[token.id])) if token.id in used else Cell("never", FAINT),
        ]
        for token in sorted(tokens, key=lambda token: token.name)
    ]
    if rows:
        for line in table(_HEADS, rows, _WIDEST, console.terminal):
            console.line(line)
    return 0


def _revoke(file: TokenFile, options: argparse.Namespace, console: Console) -> int:
    token = file.revoke(options.name)
    console.line(f"{token.name} ({token.id}) is good for nothing any more")
    return 0


def _minute(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%MZ}"
