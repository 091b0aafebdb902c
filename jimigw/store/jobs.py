"""What is done in the store's thread at a time: all that is written in one transaction, then what is read.

Whatever is refused or cannot be read costs only whoever asked for it. A disk that fails costs all writes of the group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from jimigw.store.database import Database
from jimigw.store.interface import CardChanges, StoreError
from jimigw.store.rows import Row

Together = Callable[[Database, Sequence[Row]], Sequence[Any]]
"""A write of many rows at once, all of them or none; it gives a result for each."""


@attrs.define(eq=False)
class Job:
    """Something to do in the writer thread, and who waits for it. Neighbours that are one row each, for the same
    ``together``, are written at once."""

    work: Callable[[Database], Any]
    writes: bool
    together: Together | None = None
    row: Row = ()
    ended: Deferred[Any] = attrs.field(factory=Deferred)
    result: Any = None
    error: StoreError | None = None

    def settle(self) -> None:
        """Tell who waits."""
        if self.error is not None:
            self.ended.errback(Failure(self.error))
        else:
            self.ended.callback(self.result)


def do(database: Database, jobs: Sequence[Job], told: int) -> tuple[StoreError | None, CardChanges | None, int]:
    """Do the jobs: what stops the store from being written, what others changed, and the revision up to which that is
    all. ``told`` is the one that whoever writes knows."""
    writes = [job for job in jobs if job.writes]
    trouble = _write_group(database, writes, told) if writes else None
    for job in jobs:
        if not job.writes:
            _read(database, job)
    try:
        return trouble, *database.changes()
    except StoreError as error:
        return trouble or error, None, told


def _read(database: Database, job: Job) -> None:
    try:
        job.result = job.work(database)
    except StoreError as error:
        job.error = error
    except Exception as error:  # a question that makes no sense to SQLite must not cost what was written with it
        job.error = StoreError(f"It cannot be read: {error}.")


def _write_group(database: Database, writes: list[Job], told: int) -> StoreError | None:
    """Write in one transaction; why it failed. What is refused is left out alone."""
    try:
        with database.transaction(told):
            for together, jobs in groupby(writes, lambda job: job.together):
                _write_run(database, together, list(jobs))
    except StoreError as error:
        for job in writes:
            job.error = job.error or error
        return error
    return None


def _write_run(database: Database, together: Together | None, jobs: list[Job]) -> None:
    """Write neighbours at once, or, where one of them is refused, one by one."""
    if together is not None and len(jobs) > 1:
        try:
            with database.part():
                results = together(database, [job.row for job in jobs])
        except StoreError:
            pass
        else:
            for job, result in zip(jobs, results, strict=True):
                job.result = result
            return
    for job in jobs:
        try:
            with database.part():
                job.result = job.work(database)
        except StoreError as error:
            job.error = error
