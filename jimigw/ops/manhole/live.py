"""What runs until it is stopped: a watch shows traffic, a trace writes it to a file."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from jimigw.model.device import Device
from jimigw.ops.columns import fitted, printable

from .house import House, Tap, Traffic
from .interpreter import OperatorError
from .shell import Shell
from .tables import clock_time

TRACES = "traces"
"""The folder in data_dir."""

MAX_RUNNING = 16
"""Watches and traces of one session."""

MAX_TRACES = 1 << 30
"""Bytes that all traces together may take."""

MAX_PENDING = 4 << 20
"""Bytes of a trace that may wait for the disk."""

FLUSH_INTERVAL = 0.5

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def fits(device: Device | None, pattern: str) -> bool:
    """Whether a device's id, IMEI, phone, plate, name or model fits a pattern, as in ``devices()``."""
    if device is None:
        return False
    told = device.card
    names = (told.id, told.imei, told.phone, device.plate, told.name, device.model)
    return any(name is not None and fnmatchcase(name.lower(), pattern.lower()) for name in names)


class Watch:
    """Shows the traffic of one device, of those that fit a pattern, or of all."""

    live = True

    def __init__(self, house: House, shell: Shell, device: str | None, pattern: str | None) -> None:
        self._house, self._shell, self._device, self._pattern = house, shell, device, pattern
        shell.keep(self, MAX_RUNNING)
        self._tap: Tap | None = house.gateway.taps.add(device, self._heard)

    def __str__(self) -> str:
        return f"the watch of {self._device or self._pattern or 'all terminals'}"

    def __repr__(self) -> str:
        if self._tap is None:
            return f"{self}, which is stopped"
        return f"{self} begins; Ctrl-C stops it"

    def _heard(self, traffic: Traffic) -> None:
        # Called by who carries the traffic: it must not fail, and must cost little when nobody reads.
        try:
            if self._pattern is None or fits(self._house.registry.find(traffic.device), self._pattern):
                self._shell.live(lambda: self._lines(traffic))
        except Exception as error:
            self._shell.drop(self)
            self.stop()
            self._shell.say([f"{self} ends: {type(error).__name__}: {error}"])

    def _lines(self, traffic: Traffic) -> list[str]:
        head = f"{clock_time(traffic.at)} {traffic.direction:<4} {traffic.device}"
        try:
            told = self._house.describe(self._house.registry.find(traffic.device), traffic)
        except Exception as error:
            told = [f"it cannot be described ({type(error).__name__}: {error}): {traffic.raw[:100].hex()}"]
        told = [printable(line) for line in told]
        if len(told) == 1:
            lines = [f"{head}  {told[0]}"]
        else:
            lines = [f"{head}  {traffic.kind or ''}".rstrip(), *(f"  {line}" for line in told)]
        return [fitted(line, self._shell.width - 1) for line in lines]

    def stop(self) -> None:
        """Listen no more."""
        tap, self._tap = self._tap, None
        if tap is not None:
            tap.close()


class Trace:
    """Writes the traffic of a device to a new file in ``data_dir/traces``: time, direction, device and frame in hex.

    The file is written in a thread; what waits for the disk is bounded, and so is the file.
    """

    _log = Logger()

    def __init__(self, house: House, shell: Shell, device: str, name: str, most: int) -> None:
        self._shell, self._device, self._most = shell, device, most
        self._name = name
        self._path = trace_path(house.data_path, name)
        shell.keep(self, MAX_RUNNING)
        try:
            self._file = _new_file(self._path)
        except OperatorError:
            shell.drop(self)
            raise
        self.frames = self.bytes = self.missed = 0
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._writing = False
        self._timer: IDelayedCall | None = None
        self._trouble = ""
        self._tap: Tap | None = house.gateway.taps.add(device, self._heard)

    def __str__(self) -> str:
        return f"the trace {self._name!r} of {self._device}"

    def __repr__(self) -> str:
        state = "runs until stop()" if self._tap is not None else "is stopped"
        return f"{self} {state}: {self.frames} frames, {self.bytes:,} of {self._most:,} bytes in {self._path}"

    def _heard(self, traffic: Traffic) -> None:
        try:
            line = _trace_line(traffic)
            if self.bytes + len(line) > self._most:
                self._end(f"{self} is full")
                return
            if self._pending_bytes + len(line) > MAX_PENDING:
                self.missed += 1
                return
            self._pending.append(line)
            self._pending_bytes += len(line)
            self.frames += 1
            self.bytes += len(line)
            if self._timer is None and not self._writing:
                self._timer = self._shell.reactor.callLater(FLUSH_INTERVAL, self._flush)
        except Exception as error:
            self._end(f"{self} ends: {type(error).__name__}: {error}")

    def _flush(self) -> None:
        self._timer = None
        if self._writing:
            return
        data, self._pending = b"".join(self._pending), []
        ending = self._tap is None
        if not data and not ending:
            return
        self._writing = True
        done: Deferred[Any] = self._shell.in_thread(_write, self._file, data, ending)
        done.addBoth(self._flushed, len(data), ending)

    def _flushed(self, result: Any, size: int, ended: bool) -> None:
        self._writing = False
        self._pending_bytes -= size
        trouble = getattr(result, "value", None)
        if isinstance(trouble, Exception) and not self._trouble:
            self._trouble = str(trouble)
            if not ended:
                self._end(f"{self} cannot be written: {trouble}")
                return
        if ended:
            return
        if self._tap is None or self._pending:
            self._flush()

    def _end(self, why: str) -> None:
        self._shell.drop(self)
        self.stop()
        self._shell.say([why])

    def stop(self) -> None:
        """Write what waits, and close the file."""
        tap, self._tap = self._tap, None
        if tap is None:
            return
        tap.close()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        missed = f", {self.missed} more were missed because the disk is slow" if self.missed else ""
        self._shell.say([f"{self}: {self.frames} frames{missed}, {self.bytes:,} bytes in {self._path}"])
        self._flush()


def trace_path(data_path: Path, name: object) -> Path:
    """The file of a trace. A name is letters, digits, ``.``, ``_`` and ``-``, so that it cannot lead elsewhere."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise OperatorError(
            "The name of a trace is up to 100 letters, digits, '.', '_' and '-', and begins with a letter or digit."
        )
    return data_path / TRACES / name


def _new_file(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        total = sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(path.parent))
        if total > MAX_TRACES:
            raise OperatorError(f"The traces in {path.parent} take {total:,} bytes; delete some first.")
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise OperatorError(f"There is a trace {path.name!r} already; take another name.") from None
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}") from None


def _trace_line(traffic: Traffic) -> bytes:
    moment = datetime.fromtimestamp(traffic.at, UTC).astimezone().isoformat("T", "milliseconds")
    return f"{moment} {traffic.direction} {traffic.device} {traffic.raw.hex()}\n".encode()


def _write(file: int, data: bytes, close: bool) -> None:
    """Called in a thread."""
    try:
        while data:
            data = data[os.write(file, data) :]
    finally:
        if close:
            os.close(file)
