"""Runs a command of the tools in this process, with streams of its own."""

import io

import attrs

from jimigw.tools.console import Console
from jimigw.tools.main import parser


@attrs.frozen
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def run(*words: str, stdin: bytes | str = b"", terminal: bool = False) -> Ran:
    """Run ``jimigw WORDS`` with this standard input."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    console = Console(io.BytesIO(given), io.BytesIO(), io.StringIO(), terminal)
    options = parser(words[:1]).parse_args(words)
    status = options.run(options, console)
    assert isinstance(console.stdout, io.BytesIO)
    assert isinstance(console.stderr, io.StringIO)
    return Ran(status, console.stdout.getvalue().decode(), console.stderr.getvalue())
