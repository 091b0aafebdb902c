"""The arguments of ``jimigw simulate`` that say how Jimi cameras upload."""

from __future__ import annotations

import argparse
from urllib.parse import urlsplit

from .plan import MEDIA_COMMANDS, Uploads

_PORT = 23010
_AUTO = "auto"
_MOST_BYTES = 4 << 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of uploads."""
    group = parser.add_argument_group("uploads of Jimi cameras")
    group.add_argument(
        "--uploads",
        type=_address,
        metavar="URL",
        help="upload the files of alarms and of commands to this address (http://127.0.0.1:23010), or auto: to the "
        f"host of the gateway, port {_PORT}. The commands UPLOAD and FILELIST change it (default: upload nothing)",
    )
    group.add_argument(
        "--lost", type=_share, default=0.0, metavar="SHARE",
        help="of the files that alarms announce never come by themselves, 0 to 1 (default: 0; in one fleet 0.76)",
    )  # fmt: skip
    group.add_argument(
        "--only", type=int, choices=(1, 2), metavar="CAMERA",
        help="only files of the road camera (1) or the cabin camera (2) come by themselves (default: of both)",
    )  # fmt: skip
    group.add_argument(
        "--busy", type=_share, default=0.05, metavar="SHARE",
        help="of the commands of media are answered busy (default: 0.05)",
    )  # fmt: skip
    group.add_argument(
        "--ready", type=_seconds, default=5.0, metavar="SECONDS",
        help="about how long a clip takes until it is uploaded (default: 5)",
    )  # fmt: skip
    group.add_argument(
        "--again", type=_pauses, default=(60.0, 180.0), metavar="LIST",
        help="seconds before an upload that was not answered is made again, with commas; the last for all further "
        "ones (default: 60,180)",
    )  # fmt: skip
    group.add_argument(
        "--clip-bytes", type=_bytes, default=200_000, metavar="N", help="the length of a clip (default: 200000)"
    )
    group.add_argument(
        "--refuse", type=_commands, default=frozenset(), metavar="LIST",
        help="commands of media that this firmware does not know: " + ",".join(MEDIA_COMMANDS),
    )  # fmt: skip
    group.add_argument(
        "--silent", type=_commands, default=frozenset(), metavar="LIST",
        help="commands of media that are obeyed without a reply; one firmware does so with HVIDEO",
    )  # fmt: skip
    group.add_argument(
        "--hex-flags", action="store_true", help="server flags are in file names as hex, not as decimal digits"
    )


def uploads_of(options: argparse.Namespace, host: str) -> Uploads | None:
    """What the arguments say; ``host`` is the gateway's address. None: nothing is uploaded."""
    if options.uploads is None:
        return None
    address = options.uploads
    if address == _AUTO:
        address = f"http://{f'[{host}]' if ':' in host else host}:{_PORT}"
    base = address.rstrip("/")
    return Uploads(
        url=f"{base}/upload",
        list_url=f"{base}/filelist",
        cameras=frozenset({1, 2} if options.only is None else {options.only}),
        lost=options.lost,
        busy=options.busy,
        ready=options.ready,
        again=options.again,
        clip_bytes=options.clip_bytes,
        refuses=options.refuse,
        silent=options.silent,
        hex_flags=options.hex_flags,
    )


def _address(text: str) -> str:
    if text == _AUTO:
        return text
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good = None
    if not good or not text.isascii() or not text.isprintable() or " " in text or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text} is neither {_AUTO} nor an address as http://127.0.0.1:{_PORT}")
    return text


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0.01 <= number <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not from 0.01 to 86400 seconds")
    return number


def _pauses(text: str) -> tuple[float, ...]:
    return tuple(_seconds(each) for each in text.split(","))


def _bytes(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MOST_BYTES:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {_MOST_BYTES} bytes")
    return number


def _commands(text: str) -> frozenset[str]:
    wanted = frozenset(filter(None, (part.strip() for part in text.split(","))))
    if unknown := sorted(wanted.difference(MEDIA_COMMANDS)):
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown)}: no such command; there are {', '.join(MEDIA_COMMANDS)}"
        )
    return wanted
