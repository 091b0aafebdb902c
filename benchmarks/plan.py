"""How much is measured: the numbers behind ``--quick``, ``--rounds`` and ``--kills``."""

from __future__ import annotations

from pathlib import Path

import attrs


@attrs.frozen
class Plan:
    """Counts and times of one run of the benchmarks. ``scratch`` is a folder that is there for this run only."""

    scratch: Path
    repeats: int = 15
    repeat_seconds: float = 0.01
    rounds: int = 5
    connections: int = 2000
    window: int = 1
    seconds: float = 5.0
    idle_connections: tuple[int, ...] = (2000, 10_000)
    idle_seconds: float = 2.0
    batches: tuple[int, ...] = (1, 10, 100, 1000)
    batch_seconds: float = 1.0
    kills: int = 20
    kill_connections: int = 500
    terminals: int = 100_000
    logins: int = 20_000
    login_seconds: float = 10.0


def quick(scratch: Path) -> Plan:
    """Everything once, briefly: to see that it runs, and the order of magnitude."""
    return Plan(
        scratch,
        repeats=4,
        repeat_seconds=0.002,
        rounds=2,
        seconds=1.0,
        idle_connections=(2000,),
        idle_seconds=1.0,
        batches=(10, 1000),
        batch_seconds=0.3,
        kills=3,
        terminals=10_000,
        logins=2000,
        login_seconds=1.0,
    )
