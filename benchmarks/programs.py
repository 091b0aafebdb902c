"""The programs that the benchmarks start on loopback: the service itself, the floor, the fleet.

Each is ended by the ``with`` block that started it, whatever happens inside.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from jimigw.ops.config_kinds import ListOf
from jimigw.ops.config_rows import Row, SectionRow, rows
from jimigw.ops.config_schema import Config
from jimigw.ops.endpoints import Endpoint

from .figures import Broken, Unable

ROOT = Path(__file__).parents[1]
LOOPBACK = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 30.0
_RUN_TWISTD = "from twisted.scripts.twistd import run; run()"


@attrs.frozen
class Tools:
    """The compiled programs."""

    floor: Path
    load: Path
    upload: Path


def compiled() -> Tools:
    """The programs in C, compiled unless they were before. Raises :class:`Unable` where that cannot be."""
    if sys.platform != "linux":
        raise Unable("left out: the load generator needs Linux (epoll, /proc).")
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise Unable("left out: there is no C compiler (cc, gcc, clang or $CC) for the load generator.")
    folder = _private_folder()
    return Tools(*(_compile(compiler, folder, name) for name in ("floor", "load", "upload")))


def _private_folder() -> Path:
    """A folder of our own in the temporary one: nobody else may put a program there that we then run."""
    folder = Path(tempfile.gettempdir()) / f"jimigw-benchmarks-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise Unable(f"left out: {folder} is no folder of ours alone, and programs are not run from such.")
    return folder


def _compile(compiler: str, folder: Path, name: str) -> Path:
    here = Path(__file__).parent
    sources = [here / f"{name}.c", here / "jimi.h"]
    command = [*shlex.split(compiler), "-std=gnu11", "-O2", "-Wall", "-Wextra"]
    known_by = hashlib.sha256(shlex.join(command).encode() + b"".join(each.read_bytes() for each in sources))
    program = folder / f"{name}-{known_by.hexdigest()[:16]}"
    if program.exists():
        return program
    unfinished = folder / f"{program.name}.{os.getpid()}"
    done = subprocess.run(
        [*command, "-o", str(unfinished), str(sources[0])], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise Unable(f"left out: {name}.c cannot be compiled:\n{done.stderr.strip()}")
    unfinished.replace(program)
    return program


def allow_many_files() -> int:
    """Raise the limit of open files as far as it goes, for us and the programs we start; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 1 << 20 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


@attrs.frozen
class Server:
    """A running server: the port it listens on, and its process."""

    port: int
    process: subprocess.Popen[Any]

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu(self) -> float:
        """CPU seconds of all its threads, user and system. Linux only, as the next one."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Resident memory in KB; 0 for a process that is gone."""
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


@contextmanager
def floor_server(tools: Tools) -> Iterator[Server]:
    """The floor, listening."""
    with subprocess.Popen([tools.floor], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(int(process.stdout.readline()), process)
        finally:
            process.kill()


@contextmanager
def service(folder: Path, *settings: str, port: int | None = None) -> Iterator[Server]:
    """The service as ``twistd`` runs it, with its data in ``folder`` and defaults for all else, until the block ends.
    Without ``port`` it listens for Jimi terminals where nobody else does.

    It is then asked to end; :class:`Broken` where it does not start, or does not end well. A block that has killed it
    has said so by waiting for the process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    arguments = [f"data_dir={json.dumps(str(folder))}", f'jimi.endpoints=["tcp:{port}:interface={LOOPBACK}"]']
    command = [sys.executable, "-c", _RUN_TWISTD, "-n", "--pidfile=", "jimigw"]
    command += [f"--set={each}" for each in (*arguments, *_other_ports_closed(), *settings)]
    log = folder / "service.log"
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    with (
        log.open("ab") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": path},
            cwd=folder,
        ) as process,
    ):
        try:
            _wait_for(port, process, log)
            yield Server(port, process)
            if process.returncode is None:
                process.terminate()
                _ended_well(process, log)
        finally:
            if process.poll() is None:
                process.kill()


def _other_ports_closed() -> Iterator[str]:
    """Settings that keep the service off every port but ours: another one may be running, and loopback is enough."""
    for section, found in rows(Config):
        if not isinstance(found, SectionRow) or section == "jimi":
            continue
        for name, key in rows(found.cls):
            if not isinstance(key, Row) or name not in ("endpoints", "endpoint", "udp"):
                continue
            if isinstance(key.kind, ListOf):
                yield f"{section}.{name}=[]"
            elif isinstance(key.kind, Endpoint) and not key.kind.empty:
                yield f'{section}.{name}="tcp:0:interface={LOOPBACK}"'
            else:
                yield f'{section}.{name}=""'


def free_port() -> int:
    """A port on loopback that nobody has just now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[Any], log: Path) -> None:
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise Broken(f"the service ended with status {process.returncode} at its start:\n{_end_of(log)}")
        try:
            socket.create_connection((LOOPBACK, port), 1.0).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Broken(f"the service does not listen after {START_SECONDS:g} s:\n{_end_of(log)}")


def _ended_well(process: subprocess.Popen[Any], log: Path) -> None:
    try:
        status = process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        raise Broken(f"the service runs on {STOP_SECONDS:g} s after SIGTERM:\n{_end_of(log)}") from None
    if status not in (0, -signal.SIGTERM):  # twistd lets the signal end it, once all is done
        raise Broken(f"the service ended with status {status} after SIGTERM:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-12:])


class Fleet:
    """The load generator at work; see load.c for what it does and tells."""

    def __init__(self, tools: Tools, port: int, **options: object) -> None:
        command = [str(tools.load), f"--port={port}"]
        command += [f"--{name}={value}" for name, value in options.items() if value is not None]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def wait_until_loaded(self) -> None:
        """Wait until all terminals are logged in, or none will be any more."""
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise Broken("the load generator ended before its terminals were logged in.")

    def result(self) -> dict[str, Any]:
        """Wait for its end, which it sets itself; what it tells."""
        assert self._process.stdout is not None
        output = self._process.stdout.read()
        if self._process.wait() or not output:
            raise Broken(f"the load generator ended with status {self._process.returncode}.")
        found: dict[str, Any] = json.loads(output.splitlines()[-1])
        return found

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def run_fleet(tools: Tools, server: Server, **options: object) -> dict[str, Any]:
    """Load a server to the end, and measure it. Raises :class:`Broken` where a terminal was not served as it should."""
    with Fleet(tools, server.port, pid=server.pid, **options) as fleet:
        result = fleet.result()
    wrong = [
        f"{result[key]} {what}"
        for key, what in (("unexpected", "answers that nobody waited for"), ("lost", "connections lost"))
        if result[key]
    ]
    if result["logged_in"] != result["connections"]:
        wrong.append(f"{result['logged_in']} of {result['connections']} terminals logged in")
    if unanswered := result["sent_in_all"] - result["answered_in_all"]:
        wrong.append(f"{unanswered} reports without an answer")
    if wrong:
        raise Broken(f"under load: {', '.join(wrong)}.")
    return result
