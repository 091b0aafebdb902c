"""Files that come in: what a long one costs in memory and time, and what many cost the terminals that report."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from jimigw.journal import open_reader

from .figures import Broken, Figure, Part, Unable
from .gateway import JOURNAL
from .plan import Plan
from .programs import LOOPBACK, START_SECONDS, Fleet, Server, Tools, compiled, free_port, run_fleet, service

MOST_GROWTH = 60.0
"""Megabytes that a long file may add to the resident memory."""
LEAST_SPEED = 0.6
"""Of the speed at which dd writes the same to the same disk, with an fsync at its end."""
MOST_LATENCY = 200.0
"""Milliseconds in which 99 of 100 reports are answered while cameras upload."""
CLIP = 2 << 20
WARM = 1 << 20
EVERY = 1.0
"""Seconds between two reports of a terminal: ten times as often as terminals do."""
_ROUNDS = 3
_PAGE = 10_000


def measure(plan: Plan) -> Part:
    """The long file in turn with dd, then the many."""
    tools = compiled()
    if shutil.which("dd") is None:
        raise Unable("left out: there is no dd to compare with.")
    rounds = min(plan.rounds, _ROUNDS)
    figures = [*_long_file(tools, plan.scratch / "uploads-long", plan.long_file, rounds)]
    figures += _many(tools, plan.scratch / "uploads-many", plan)
    title = (
        f"{rounds} files of {plan.long_file >> 20} MiB, in turn with dd; then {plan.uploaders} cameras with clips of "
        f"{CLIP >> 20} MiB for {plan.uploading:g} s, while {plan.connections} terminals report every {EVERY:g} s"
    )
    notes = [
        "No upload is faster than the MD5 that its answer has: on a disk that is faster than that, dd is too.",
        "Every file that was answered is in the vault and in the journal, once; nothing else is.",
    ]
    return Part("uploads", title, figures, notes)


@attrs.frozen
class Uploading:
    """A service that takes uploads, at this port."""

    server: Server
    port: int
    folder: Path

    def send(self, tools: Tools, **options: object) -> subprocess.Popen[str]:
        """Let cameras upload; see upload.c."""
        command = [str(tools.upload), f"--port={self.port}"]
        command += [f"--{name}={value}" for name, value in options.items()]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@contextmanager
def uploading(folder: Path, *settings: str) -> Iterator[Uploading]:
    """The service, with its port for uploads and without limits of number."""
    port = free_port()
    wanted = (f'uploads.endpoint="tcp:{port}:interface={LOOPBACK}"', "uploads.max_files_per_hour=0")
    with service(folder, *wanted, "uploads.min_free_bytes=0", *settings) as server:
        limit = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection((LOOPBACK, port), 1.0).close()
                break
            except OSError:
                if time.monotonic() > limit:
                    raise Broken("the service does not take uploads.") from None
                time.sleep(0.02)
        yield Uploading(server, port, folder)


def result_of(process: subprocess.Popen[str], seconds: float) -> dict[str, Any]:
    """What the cameras tell at their end; :class:`Broken` where not every file was taken."""
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Broken(f"the cameras did not end within {seconds:g} s.") from None
    if process.returncode or not output:
        raise Broken(f"the cameras ended with status {process.returncode}.")
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    if found["refused"] or found["lost"] or found["unfinished"] or not found["answered"]:
        raise Broken(f"of the cameras' files not all were taken: {output.strip()}")
    return found


# -- one long file ----------------------------------------------------------------------------------------------------


def _long_file(tools: Tools, folder: Path, size: int, rounds: int) -> Iterator[Figure]:
    ours, theirs, growth = [], [], []
    with uploading(folder) as site:

        def send(number: int, size: int) -> float:
            sending = site.send(tools, cameras=1, files=1, size=size, first=number)
            return float(result_of(sending, 600)["megabytes_per_second"])

        run_fleet(tools, site.server, connections=rounds + 1, window=0, seconds=0.05)
        send(rounds + 1, WARM)  # threads and pages that are there from now on
        source = folder / "source"
        source.write_bytes(os.urandom(1 << 20) * (size >> 20))  # and in memory, from now on
        for number in range(1, rounds + 1):
            theirs.append(size / 1e6 / _dd(source, folder / "dd"))
            before = resident(site.server.pid)
            forget_peak(site.server.pid)
            ours.append(send(number, size))
            growth.append((peak(site.server.pid) - before) / 1024)
    _compare(folder, [WARM] + [size] * rounds)
    ratios = [dd / mine for mine, dd in zip(ours, theirs, strict=True)]
    yield Figure.of_rounds("one file: memory that it adds", growth, "MB", at_most=MOST_GROWTH)
    yield Figure.of_rounds("one file: time, as a multiple of dd's", ratios, "x", at_most=round(1 / LEAST_SPEED, 2))
    yield Figure.of_rounds("one file: speed", ours, "MB/s")
    yield Figure.of_rounds("dd and fsync: speed", theirs, "MB/s")
    yield Figure.of_rounds("its MD5 alone: speed", [size / 1e6 / _md5(size) for _ in range(rounds)], "MB/s")


def _dd(source: Path, target: Path) -> float:
    """Seconds that dd takes to write this file once more and have it on the disk."""
    command = ["dd", f"if={source}", f"of={target}", "bs=1M", "conv=fsync"]
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    took = time.monotonic() - began
    target.unlink()
    return took


def _md5(size: int) -> float:
    """Seconds that the MD5 of so many bytes takes: no upload is faster, for its answer has it."""
    piece, digest = os.urandom(1 << 20), hashlib.md5(usedforsecurity=False)
    began = time.monotonic()
    for _ in range(size >> 20):
        digest.update(piece)
    return time.monotonic() - began


def resident(pid: int) -> int:
    """Kilobytes of a process that are in memory."""
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most that it ever was, since :func:`forget_peak`."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    """Kilobytes, as /proc tells."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise Broken(f"/proc tells no {name} of the service.")


def forget_peak(pid: int) -> None:
    """From now on the peak is that of what comes."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError as error:
        raise Unable(f"left out: the peak of the memory cannot be measured anew: {error}") from None


# -- many at once -----------------------------------------------------------------------------------------------------


def _many(tools: Tools, folder: Path, plan: Plan) -> Iterator[Figure]:
    fleet = {"connections": plan.connections, "window": 4, "rate": round(plan.connections / EVERY)}
    with uploading(folder) as site:
        alone = run_fleet(tools, site.server, **fleet, seconds=min(plan.uploading, 5.0))
        with Fleet(tools, site.server.port, pid=site.server.pid, **fleet, seconds=plan.uploading) as terminals:
            terminals.wait_until_loaded()
            cameras = site.send(tools, cameras=plan.uploaders, size=CLIP, seconds=plan.uploading)
            try:
                beside = terminals.result()
                files = result_of(cameras, plan.uploading + 120)
            finally:
                if cameras.poll() is None:
                    cameras.kill()
                    cameras.wait()
    if beside["lost"] or beside["unexpected"] or beside["sent_in_all"] != beside["answered_in_all"]:
        raise Broken(
            f"of {beside['sent_in_all']} reports {beside['answered_in_all']} were answered while cameras uploaded."
        )
    _compare(folder, [CLIP] * files["answered"])

    def latency(found: dict[str, Any], point: str) -> float:
        return float(found["latency_us"][point]) / 1000

    yield Figure("reports, nobody uploads: latency, p99", latency(alone, "p99"), "ms")
    yield Figure("reports, while cameras upload: latency, p99", latency(beside, "p99"), "ms", at_most=MOST_LATENCY)
    for point in ("p50", "max"):
        yield Figure(f"reports, while cameras upload: latency, {point}", latency(beside, point), "ms")
    yield Figure("reports, while cameras upload: answered", beside["per_second"], "/s")
    yield Figure("clips: speed of all", files["megabytes_per_second"], "MB/s")
    yield Figure("clips: stored", files["answered"] / files["seconds"], "/s")
    for point in ("p50", "p99"):
        yield Figure(f"clips: from connect to answer, {point}", files["took_ms"][point], "ms")


def _compare(folder: Path, sizes: list[int]) -> None:
    """What was answered has to be in the vault and in the journal, and nothing else may be."""
    kept = sorted(path.stat().st_size for path in (folder / "uploads" / "files").rglob("*") if path.is_file())
    coming = list((folder / "uploads" / "incoming").iterdir())
    told, after = 0, 0
    with open_reader(folder / JOURNAL) as reader:
        while records := reader.read(after, _PAGE, kinds=["upload"]):
            told, after = told + len(records), records.through
    if (len(kept), told, len(coming)) != (len(sizes), len(sizes), 0):
        raise Broken(
            f"{len(sizes)} files were answered; {len(kept)} are in the vault, {told} in the journal, and {len(coming)} "
            "are half there."
        )
    if kept != sorted(sizes):
        raise Broken("not every file in the vault is as long as it was sent.")
