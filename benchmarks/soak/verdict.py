"""Which promise was broken: the store, the journal and the driver's log against the diary of the terminals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import msgspec

from jimigw.journal import open_reader
from jimigw.model.command import Command
from jimigw.store.database import Database

from .account import COURSE, SENT, Course
from .diary import QUERY, Answer, Receipt, flag_key, number_key, sendings

STORE, JOURNAL = "store.sqlite", "journal.sqlite"
_PAGE = 10_000


@attrs.define
class Evidence:
    """What is judged. ``outcomes`` are the ends in the journal by command: state and time of each record; ``handed`` is
    when each was handed to a connection, by key."""

    course: Course
    commands: list[Command]
    outcomes: Mapping[int, list[tuple[str, float]]]
    handed: Mapping[str, list[float]]


def collect(folder: Path) -> Evidence:
    """Read what a run has left."""
    course = msgspec.json.decode((folder / COURSE).read_bytes(), type=Course)
    if course.stuck:
        return Evidence(course, [], {}, {})
    with Database.for_reading(folder / STORE) as database:
        commands = sorted(database.commands(), key=lambda command: command.id)
    handed: dict[str, list[float]] = defaultdict(list)
    for at, _, key in sendings(folder / SENT):
        handed[key].append(at)
    return Evidence(course, commands, _outcomes(folder / JOURNAL), handed)


def _outcomes(journal: Path) -> Mapping[int, list[tuple[str, float]]]:
    found: dict[int, list[tuple[str, float]]] = defaultdict(list)
    through = 0
    with open_reader(journal) as reader:
        while records := reader.read(through, _PAGE, kinds=["command_result"]):
            for record in records:
                body = msgspec.json.decode(record.data)["message"]["body"]
                if "command" in body:
                    found[body["command"]].append((body["outcome"], record.received_at / 1e6))
            through = records.through
    return found


def broken(evidence: Evidence) -> list[str]:
    """Every broken promise, a sentence each."""
    if evidence.course.stuck:
        return [evidence.course.stuck]
    return [
        *_without_one_end(evidence),
        *_sent_after_the_end(evidence),
        *_confirmed_by_another(evidence),
        *_done_twice(evidence),
        *_out_of_order(evidence),
    ]


def key_of(command: Command) -> str | None:
    """What its terminal knows a command by; None for a query with nothing in it."""
    if command.message is None and len(command.device) == 15:
        return flag_key(command.id & 0xFFFFFFFF)
    if command.message is not None and command.message["header"]["msg_id"] == QUERY:
        return None
    return number_key(command.purpose)


def _without_one_end(evidence: Evidence) -> Iterator[str]:
    known = {command.id for command in evidence.commands}
    for given in evidence.course.given:
        if given.id and given.id not in known:
            yield f"command {given.id} was reported as stored, and is not in the store"
    for command in evidence.commands:
        outcomes = {outcome for outcome, _ in evidence.outcomes.get(command.id, ())}
        if not command.state.ended:
            yield f"command {command.id} is {command.state} after the end of the run"
        elif outcomes != {str(command.state)}:
            yield f"command {command.id} is {command.state}, the journal says {sorted(outcomes) or 'nothing'}"


def _sent_after_the_end(evidence: Evidence) -> Iterator[str]:
    received: dict[str, list[float]] = defaultdict(list)
    for receipt in evidence.course.diary.receipts:
        received[receipt.key].append(receipt.at)
    # The terminals note a receipt when their reactor comes to it; the service's own log is exact.
    slack = evidence.course.lag + 0.1
    for command in evidence.commands:
        key = key_of(command)
        if key is None or not command.state.ended:
            continue
        ended = min([command.ended, *(at for _, at in evidence.outcomes.get(command.id, ()))]) + 1e-6
        if any(at > ended for at in evidence.handed.get(key, ())):
            yield f"command {command.id} was handed to a connection after its end"
        if any(at > ended + slack for at in received[key]):
            yield f"command {command.id} came to its terminal after its end"


def _confirmed_by_another(evidence: Evidence) -> Iterator[str]:
    answers: dict[str, list[Answer]] = defaultdict(list)
    spoken: dict[str, Answer] = {}
    for answer in evidence.course.diary.answers:
        answers[answer.key].append(answer)
        if isinstance(answer.said, str):
            spoken.setdefault(answer.said, answer)
    used: Counter[str] = Counter()
    for command in evidence.commands:
        if command.reply is None:
            continue
        said = said_in(command.reply)
        key = key_of(command)
        if key is None:
            # A query with nothing in it: the answer names a receipt, which confirms one command at most.
            named = spoken.get(said) if isinstance(said, str) else None
            if isinstance(said, int):
                continue  # a general answer that refuses or notes it; serial numbers are not unique to a query
            used[str(said)] += 1
            if named is None or named.device != command.device or used[str(said)] > 1:
                yield f"command {command.id}, a query, is {command.state} by {said!r}, which was not said to it"
            elif not command.created <= named.at <= command.ended:
                yield f"command {command.id}, a query, is {command.state} by what was said at another time"
        elif not any(
            answer.said == said and answer.device == command.device and answer.at <= command.ended
            for answer in answers[key]
        ):
            yield f"command {command.id} ({key}) is {command.state} by {said!r}, which was not said to it before"


def said_in(reply: Any) -> str | int | None:
    """The words in a stored reply, or the serial number that it quotes."""
    if isinstance(reply, str):
        return reply
    if isinstance(reply, Mapping):
        params = reply.get("params")
        if params:
            return str(params[0]["value"])
        seq = reply.get("seq")
        return seq if isinstance(seq, int) else None
    return None


def _done_twice(evidence: Evidence) -> Iterator[str]:
    diary = evidence.course.diary
    came: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for receipt in diary.receipts:
        # The protocol itself repeats a frame: the same serial number on the same connection is the same command.
        came[receipt.key].add((receipt.link, receipt.serial))
    for command in evidence.commands:
        key = key_of(command)
        if key is None or command.repeatable:
            continue
        # Who says to be busy has not done it, and wants to be asked again.
        if len(came[key]) > 1 + diary.busy.get(key, 0):
            yield f"command {command.id} must not be done twice, and came {len(came[key])} times"


def _out_of_order(evidence: Evidence) -> Iterator[str]:
    first: dict[str, Receipt] = {}
    place: dict[str, int] = {}
    for index, receipt in enumerate(evidence.course.diary.receipts):
        if receipt.key not in first:
            first[receipt.key], place[receipt.key] = receipt, index
    newest: dict[str, tuple[int, int]] = {}
    for command in evidence.commands:
        key = key_of(command)
        if key is None or key not in place:
            continue
        at, id = newest.get(command.device, (-1, 0))
        if place[key] < at:
            yield f"command {command.id} came to {command.device} before command {id}, which was given before it"
        else:
            newest[command.device] = place[key], command.id
