"""A store by hand, closed after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.harness import Bench, MemoryBench


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def make_bench(path: Path) -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def make(**options: Any) -> Bench:
        benches.append(Bench(path, **options))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture(params=["sqlite", "memory"])
def either(request: pytest.FixtureRequest) -> Bench | MemoryBench:
    """The store of the service, and the one that tests of other rooms have in its place: what is said of one holds for
    both."""
    if request.param == "memory":
        return MemoryBench()
    bench: Bench = request.getfixturevalue("bench")
    return bench
