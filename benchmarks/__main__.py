"""``python -m benchmarks [part ...]``: what jimigw costs, measured on the machine at hand.

Nothing goes beyond loopback, every part is bounded in time, and what is started is ended. The exit status is 1 where a
part did not run to its end or a promise was broken; a target of speed that is missed is marked, and costs nothing: the
machine may be busy. Figures of two machines, or of two moments, compare by their ratios.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import attrs

from . import (
    codec,
    codec808,
    commands,
    cost,
    delivery,
    gateway,
    idle,
    journal,
    kill,
    logins,
    outages,
    registry,
    uploads,
)
from .figures import Broken, Part, Unable, as_json, machine, table
from .plan import Plan, quick
from .programs import allow_many_files

PARTS: dict[str, Callable[[Plan], Part]] = {
    "codec": codec.measure,
    "codec808": codec808.measure,
    "commands": commands.measure,
    "cost": cost.measure,
    "delivery": delivery.measure,
    "gateway": gateway.measure,
    "idle": idle.measure,
    "journal": journal.measure,
    "kill": kill.measure,
    "logins": logins.measure,
    "outages": outages.measure,
    "registry": registry.measure,
    "uploads": uploads.measure,
}


def main(arguments: list[str] | None = None) -> int:
    """Measure the parts that are asked for; the exit status."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _end)
    allow_many_files()
    say = (lambda text: None) if options.json else (lambda text: print(text, flush=True))
    about = machine()
    say(f"Python {about['python']}, {about['system']}, {about['cores']} cores, {about['processor']}")
    parts, failed = [], False
    with tempfile.TemporaryDirectory(prefix="jimigw-benchmarks-", dir=options.scratch) as scratch:
        if _kept_in_memory(Path(scratch)):
            say(f"{scratch} is kept in memory: commits are cheaper than on a disk. --scratch names another folder.")
        plan = _plan(options, Path(scratch))
        for name in options.parts or PARTS:
            try:
                part = PARTS[name](plan)
            except Unable as error:
                part = Part(name, str(error), [])
            except Broken as error:
                failed = True
                part = Part(name, f"FAILED: {error}", [])
            parts.append(part)
            say("\n" + table(part))
    if options.json:
        print(json.dumps({**as_json(parts), "failed": failed}, indent=2))
    return int(failed)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n\n")[0] if __doc__ else ""
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all of them by default")
    parser.add_argument("--quick", action="store_true", help="everything once, briefly; some two minutes")
    parser.add_argument("--json", action="store_true", help="one JSON object, at the end")
    parser.add_argument("--rounds", type=_count, metavar="N", help="rounds of floor and service in turn (5)")
    parser.add_argument("--kills", type=_count, metavar="N", help="how often the service is killed (20)")
    parser.add_argument("--commands", type=_many, metavar="N", help="commands that are given (10,000)")
    parser.add_argument("--commanded", type=_many, metavar="N", help="terminals that get them (1,000)")
    parser.add_argument("--restarts", type=_count, metavar="N", help="kills while they are given (3)")
    parser.add_argument("--giving", type=_count, metavar="SECONDS", help="how long they are given (90)")
    parser.add_argument("--scratch", metavar="FOLDER", help="where data is kept meanwhile (the temporary folder)")
    options = parser.parse_args(arguments)
    if unknown := [each for each in options.parts if each not in PARTS]:
        parser.error(f"{unknown[0]!r} is no part; the parts are {', '.join(PARTS)}")
    if options.scratch is not None and not Path(options.scratch).is_dir():
        parser.error(f"--scratch {options.scratch}: there is no such folder")
    return options


def _count(text: str) -> int:
    return _between(text, 1000)


def _many(text: str) -> int:
    return _between(text, 100_000)


def _between(text: str, most: int) -> int:
    number = int(text)
    if not 1 <= number <= most:
        raise argparse.ArgumentTypeError(f"{text} is not 1 to {most}")
    return number


def _plan(options: argparse.Namespace, scratch: Path) -> Plan:
    plan = quick(scratch) if options.quick else Plan(scratch)
    return attrs.evolve(
        plan,
        rounds=options.rounds or plan.rounds,
        kills=options.kills or plan.kills,
        orders=options.commands or plan.orders,
        commanded=options.commanded or plan.commanded,
        restarts=options.restarts or plan.restarts,
        giving=options.giving or plan.giving,
    )


def _kept_in_memory(folder: Path) -> bool:
    """Whether a folder lies on a tmpfs, where an fsync costs nothing; False where that cannot be told."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return False
    around = [(len(mount[1]), mount[2]) for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    return max(around, default=(0, ""))[1] in ("tmpfs", "ramfs")


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
