"""What a run has to show: each record at each reader, in order for each terminal, and repeats only with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import attrs
import msgspec

from jimigw.journal import open_reader

from ..receiver import Row

GRACE = 30.0
"""Seconds behind a trouble in which what was tried meanwhile may still come again: waits double while it lasts."""

_PAGE = 5000


@attrs.frozen
class Stored:
    """A record of the journal; ``serial`` is that of a location, -1 of any other record."""

    id: int
    device: str
    serial: int = -1
    row: Row | None = None


class _Header(msgspec.Struct):
    serial: int = msgspec.field(name="msg_sn", default=-1)


class _Message(msgspec.Struct):
    header: _Header


class _Place(msgspec.Struct):
    mileage: float = msgspec.field(name="mileage_m", default=-1.0)


class _Told(msgspec.Struct):
    message: _Message
    received_at: str
    position: _Place | None = None


def records_of(journal: Path) -> list[Stored]:
    """All that a journal has, in order of id."""
    read = msgspec.json.Decoder(_Told).decode
    found = []
    with open_reader(journal) as reader:
        after = 0
        while records := reader.read(after, _PAGE):
            for record in records:
                told = read(record.data)
                if record.kind == "position" and told.position is not None:
                    received = f"{told.received_at[:10]} {told.received_at[11:19]}"
                    row = record.device, told.position.mileage, received
                    found.append(Stored(record.id, record.device, told.message.header.serial, row))
                else:
                    found.append(Stored(record.id, record.device))
            after = records.through
    return found


@attrs.frozen
class Trouble:
    """What was wrong, from when to when (`time.monotonic`), and for which readers that is a reason to repeat."""

    what: str
    begin: float
    end: float
    readers: frozenset[str]


@attrs.define
class Verdict:
    """``repeats`` are arrivals of what had arrived, ``returns`` the points at which a terminal's records went back."""

    faults: list[str] = attrs.Factory(list)
    arrivals: int = 0
    repeats: int = 0
    returns: int = 0


_TRIED_AGAIN = re.compile(r"(\S+) warn +\S+ +(\S+): (.*); it is tried again")


def told_troubles(log: Path, ahead: float) -> list[Trouble]:
    """What a service said that it tried again, by its log: on a busy machine an answer may be late without our doing.
    ``ahead``: seconds by which `time.monotonic` is ahead of the wall clock."""
    found = []
    for line in log.read_text(errors="replace").splitlines():
        if said := _TRIED_AGAIN.fullmatch(line):
            at = datetime.fromisoformat(said[1]).timestamp() + ahead
            found.append(Trouble(said[3], at, at, frozenset({said[2]})))
    return found


def judge(
    reader: str, expected: Sequence[Stored], arrivals: Iterable[tuple[float, int]], troubles: Sequence[Trouble]
) -> Verdict:
    """Compare what came to a reader, as times and ids, with what the journal has for it."""
    reasons = [(each.begin, each.end + GRACE) for each in troubles if reader in each.readers]
    verdict, places, of_device = Verdict(), dict[int, tuple[str, int]](), dict[str, list[int]]()
    for record in expected:
        ids = of_device.setdefault(record.device, [])
        places[record.id] = record.device, len(ids)
        ids.append(record.id)
    following = dict.fromkeys(of_device, 0)
    latest = dict.fromkeys(of_device, -1)
    for at, id in arrivals:
        verdict.arrivals += 1
        if id not in places:
            verdict.faults.append(f"{reader}: record {id} came, which the journal does not have for it")
            continue
        device, place = places[id]
        if place == following[device]:
            following[device] += 1
        elif place > following[device]:
            first = of_device[device][following[device]]
            verdict.faults.append(f"{reader}: record {id} of {device} came before record {first}")
            following[device] = place + 1
        else:
            verdict.repeats += 1
            if place != latest[device] + 1:
                verdict.returns += 1
                if not any(begin <= at <= end for begin, end in reasons):
                    verdict.faults.append(f"{reader}: record {id} of {device} came again, and nothing was wrong")
        latest[device] = place
    for device, ids in of_device.items():
        verdict.faults += [f"{reader}: record {id} of {device} did not come" for id in ids[following[device] :]]
    return verdict


def by_row(stored: Iterable[Stored]) -> tuple[list[Stored], Mapping[Row, int]]:
    """The positions that can be told from their row, and their ids by it.

    A terminal that sends a report again within the second makes two records of one row: then it may be either.
    """
    found: dict[Row, list[Stored]] = {}
    for record in stored:
        if record.row is not None:
            found.setdefault(record.row, []).append(record)
    single = {row: records[0] for row, records in found.items() if len(records) == 1}
    return sorted(single.values(), key=lambda record: record.id), {row: record.id for row, record in single.items()}


def not_stored(answered: Iterable[tuple[str, int]], stored: Iterable[Stored]) -> list[str]:
    """Reports, by terminal and serial number, that were answered and are not in the journal."""
    there = {(record.device, record.serial) for record in stored}
    return [
        f"the report {serial} of {device} was answered, and is not in the journal"
        for device, serial in answered
        if (device, serial) not in there
    ]


def out_of_order(stored: Iterable[Stored]) -> list[str]:
    """Reports that the journal has behind a later one of their terminal, and did not have before."""
    newest: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    faults = []
    for record in stored:
        key = record.device, record.serial
        if record.serial < 0 or key in seen:
            continue
        seen.add(key)
        if record.serial < newest.get(record.device, -1):
            faults.append(f"the journal has the report {record.serial} of {record.device} behind a later one")
        newest[record.device] = max(record.serial, newest.get(record.device, -1))
    return faults
