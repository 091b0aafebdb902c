"""The service's log: one line an event, as text or as JSON, safe against what terminals send.

Text lines look so: ``2026-07-01T12:00:00.123+0200 warn  jimigw.net.tcp  message``. What a message quotes from outside
cannot break its line, play with the screen it is read on, or fill the disk: it is escaped and cut here, in one place.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from twisted.application.service import MultiService
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from zope.interface import implementer

from jimigw.ops.config_schema import Config
from jimigw.ops.throttle import Throttle

__all__ = ["LineObserver", "LoggedService", "Throttle", "cut", "escape", "json_line", "log_observer", "text_line"]

MAX_MESSAGE = 8192
"""Characters of a message, and of a traceback, that are written."""

MAX_FIELD = 512
"""Characters of one field of a JSON line."""

MAX_FIELDS = 32
"""Fields of one JSON line."""

# C0 and C1 controls, DEL, the separators that editors break lines at, and the marks that turn the direction of writing.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
#: a format whose fields are names and nothing else, so that Python's own formatting says the same as Twisted's
_PLAIN = re.compile(r"(?:[^{}]|\{[a-z_]+(?::[^{}]*)?\})*").fullmatch
_RANK: Mapping[Any, int] = {level: rank for rank, level in enumerate(LogLevel.iterconstants())}


def log_observer(config: Config) -> LineObserver:
    """Make the observer that the ``[log]`` section asks for. Standard output is the one of the time of this call.

    Raises `OSError` when the log file cannot be opened; its folder is made if it is not there.
    """
    log = config.log
    render = {"text": text_line, "json": json_line}[log.format]
    lines = _Stream(sys.stdout) if log.file == "-" else _File(config.path(log.file))
    return LineObserver(lines.write, render, log.level)


class LoggedService(MultiService):
    """The outermost service of a twistd plugin, which brings its own log.

    `twistd` asks the application it makes for its observer just after ``makeService``, before the service starts; this
    hands it over then. What was logged until then is written too. An explicit ``twistd --logger`` still wins.
    """

    def __init__(self, observer: ILogObserver) -> None:
        super().__init__()
        self.observer = observer

    def setServiceParent(self, parent: Any) -> None:
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.observer)
        super().setServiceParent(parent)


@implementer(ILogObserver)
class LineObserver:
    """Writes a line for every event of at least a level."""

    def __init__(self, write: Callable[[str], None], render: Callable[[LogEvent], str], level: str) -> None:
        self._write = write
        self._render = render
        self.set_level(level)

    def set_level(self, level: str) -> None:
        """Write events of this level, by its name, and of those above it, from now on."""
        self._least = _RANK[LogLevel.levelWithName(level)]

    def __call__(self, event: LogEvent) -> None:
        # An event without a level is as important as one that somebody thought about.
        if _RANK.get(event.get("log_level"), self._least) >= self._least:
            self._write(self._render(event) + "\n")


def text_line(event: LogEvent) -> str:
    """Write an event as one line for people: local time and zone, level, namespace, message, and where it failed."""
    second, microsecond = divmod(round(float(event.get("log_time", 0.0)) * 1e6), 1_000_000)
    date, zone = _local(second, time.tzname)
    level = getattr(event.get("log_level"), "name", "-")
    namespace = escape(str(event.get("log_namespace") or "-"), MAX_FIELD)
    line = f"{date}.{microsecond // 1000:03d}{zone} {level:<5} {namespace}  {_message(event)}"
    failure = event.get("log_failure")
    return f"{line} | {escape(_one_line(failure), MAX_MESSAGE)}" if isinstance(failure, Failure) else line


def json_line(event: LogEvent) -> str:
    """Write an event as one JSON object: ``time`` (RFC 3339, UTC), ``level``, ``namespace``, ``message``.

    Where there are any, ``fields`` holds the event's own plain values (bytes as hex) and ``failure`` the traceback.
    """
    line: dict[str, object] = {
        "time": _moment(event).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": getattr(event.get("log_level"), "name", None),
        "namespace": escape(str(event.get("log_namespace") or ""), MAX_FIELD),
        "message": _message(event),
    }
    if fields := _fields(event):
        line["fields"] = fields
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        line["failure"] = cut(failure.getTraceback(), MAX_MESSAGE)
    return json.dumps(line, allow_nan=False)


def escape(text: str, most: int) -> str:
    """Give text as it can stand on one line of a terminal: controls as ``\\x1b``, and cut to ``most`` characters."""
    return _UNSAFE.sub(_escaped, cut(text, most))


def cut(text: str, most: int) -> str:
    """Cut text to ``most`` characters and say how many are missing."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text) - most} characters more)"


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _moment(event: LogEvent) -> datetime:
    return datetime.fromtimestamp(float(event.get("log_time", 0.0)), UTC)


@lru_cache(maxsize=2)
def _local(second: int, zones: tuple[str, str]) -> tuple[str, str]:
    """Date and time of day, and the zone, of a second, while these are the local zones.

    A fleet that comes back writes thousands of lines in one second.
    """
    moment = datetime.fromtimestamp(second, UTC).astimezone()
    return f"{moment:%Y-%m-%dT%H:%M:%S}", f"{moment:%z}"


def _message(event: LogEvent) -> str:
    return escape(_formatted(event).strip(), MAX_MESSAGE)


def _formatted(event: LogEvent) -> str:
    form = event.get("log_format")
    if type(form) is str and _PLAIN(form) and "log_flattened" not in event:
        # Nearly every line: at a sixth of what it costs to look for calls in the names.
        with suppress(Exception):
            return form.format_map(event)
    # It answers with a complaint, not with an exception, when an event cannot be written.
    return formatEvent(event)


def _one_line(failure: Failure) -> str:
    """Write a failure on one line, innermost place first: ``ValueError: why (wire/a.py:12 in f < net/b.py:9 in g)``."""
    what = "".join(traceback.format_exception_only(failure.type, failure.value)).strip()
    frames = [f"{_short(name)}:{line} in {function}" for function, name, line, _, _ in failure.frames]
    if not frames and failure.value is not None:
        frames = [
            f"{_short(s.filename)}:{s.lineno} in {s.name}" for s in traceback.extract_tb(failure.value.__traceback__)
        ]
    return f"{what} ({' < '.join(reversed(frames))})" if frames else what


def _short(path: str) -> str:
    """Give the last folder and the file: enough to find the place, and the same on every machine."""
    return "/".join(Path(path).parts[-2:])


def _fields(event: LogEvent) -> dict[str, object]:
    """Give the event's own values that JSON can hold; long ones cut, other objects left to the message."""
    fields: dict[str, object] = {}
    for name, value in event.items():
        if name.startswith("log_") or len(fields) == MAX_FIELDS:
            continue
        if isinstance(value, bytes):
            fields[name] = cut(value[: MAX_FIELD + 1].hex(), MAX_FIELD)
        elif isinstance(value, str):
            fields[name] = cut(value, MAX_FIELD)
        elif isinstance(value, int) and value.bit_length() > 64:
            # More than programs read back, and past 4300 digits Python itself refuses to write it.
            fields[name] = cut(hex(value), MAX_FIELD)
        elif value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
            fields[name] = value
    return fields


class _Stream:
    """Lines to a stream that others own."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        # A service may be started in an ASCII locale: a Chinese address must not cost the line.
        self._stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()


class _File:
    """Lines to a file that is made again when somebody, such as logrotate, has moved it away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        status = os.fstat(self._fd)
        self._inode = (status.st_dev, status.st_ino)

    def write(self, line: str) -> None:
        try:
            status = os.stat(self._path)
            moved = (status.st_dev, status.st_ino) != self._inode
        except OSError:
            moved = True
        if moved:
            # The old file stays open until the new one is, so a folder that is gone costs no lines.
            old = self._fd
            self._open()
            os.close(old)
        # One write of the whole line: O_APPEND keeps lines of several processes apart.
        os.write(self._fd, line.encode("utf-8", "backslashreplace"))
