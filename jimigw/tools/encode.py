"""``jimigw encode``: JSON, one message a line, to frames in hex."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from jimigw.wire.errors import EncodeError

from . import codecs
from .console import Console, Line, lines

EPILOG = """\
Reads one {"header": {...}, "body": {...}} a line from standard input, as jimigw decode prints it, and writes its frame
as a line of hex. A message that makes several frames makes one line with a space between them. A line that cannot be
encoded makes an empty line, and a sentence with its number on standard error, so that nothing shifts; the exit status
is then 1. Blank lines are passed over.

examples:
  jimigw decode 78780a134004040001000fdcee0d0a | jimigw encode
  echo '{"header":{"msg_id":128},"body":{"server_flag":7,"command":"STATUS"}}' | jimigw encode --protocol jimi
  echo '{"header":{"msg_id":33284,"phone":"13800138000"},"body":{}}' | jimigw encode --protocol jt808
"""

_EXTRA = {"ok", "protocol", "notes"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--protocol", help='jimi or jt808; may be left out where every line says its "protocol"')
    parser.add_argument("--dialect", choices=codecs.DIALECTS, default="document", help="keys of the JSON")


def run(options: argparse.Namespace, console: Console) -> int:
    """Encode; the exit status."""
    if options.protocol is not None:
        try:
            codecs.by_name(options.protocol)
        except codecs.UnknownProtocol as error:
            console.complain(f"{error}.")
            return 2
    status = 0
    for line in lines(console.stdin):
        try:
            console.line(b" ".join(frame.hex().encode() for frame in encoded(line, options)))
        except (EncodeError, codecs.UnknownProtocol) as error:
            console.line(b"")
            console.complain(f"line {line.number}: {error}.")
            status = 1
        console.stdout.flush()
    return status


def encoded(line: Line, options: argparse.Namespace) -> list[bytes]:
    """The frames of one line; `EncodeError` or `codecs.UnknownProtocol` where there are none."""
    if line.text is None:
        raise EncodeError("is longer than a MiB")
    try:
        message: Any = msgspec.json.decode(line.text.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, RecursionError) as error:
        raise EncodeError(f"is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise EncodeError('is not an object with "header" and "body"')
    if message.get("ok") is False:
        raise EncodeError('says "ok": false, so there is no message in it')
    named = message.get("protocol")
    if named is not None and options.protocol is not None and named != options.protocol:
        raise EncodeError(f'says "protocol": {named!r}, --protocol says {options.protocol}')
    name = options.protocol if named is None else named
    if not isinstance(name, str):
        raise EncodeError('does not say its protocol: give --protocol, or "protocol": "jimi" in the line')
    codec = codecs.by_name(name)
    if unknown := sorted(message.keys() - _EXTRA - codec.beside - {"header", "body"}):
        raise EncodeError(f'{", ".join(unknown)}: unknown beside "header" and "body"')
    rest = {key: held for key, held in message.items() if key not in _EXTRA}
    return codec.encode(rest, options.dialect)
