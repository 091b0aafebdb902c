"""How much is measured: the numbers behind ``--quick`` and the options with a number."""

from __future__ import annotations

from pathlib import Path

import attrs

from .soak.account import Times
from .trouble.size import Size


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
    #: commands, the terminals that get them, kills meanwhile, seconds in which they are given
    orders: int = 10_000
    commanded: int = 1000
    restarts: int = 3
    giving: float = 90.0
    times: Times = attrs.field(factory=Times)
    logins: int = 20_000
    login_seconds: float = 10.0
    outages: Size = attrs.field(factory=Size)
    #: bytes of one long file; cameras that upload clips at once, for so many seconds
    long_file: int = 300 << 20
    uploaders: int = 200
    uploading: float = 20.0


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
        orders=300,
        commanded=60,
        restarts=1,
        giving=4.0,
        times=Times(ttl=6.0, brief=2.0, answer_timeout=1.0, doubt=2.0),
        logins=2000,
        login_seconds=1.0,
        outages=Size(reports=4000, rate=400.0, terminals=40, timeout=1.0),
        long_file=30 << 20,
        uploaders=40,
        uploading=1.0,
    )
