"""What the tests of delivery share: a journal in memory, a target that does what a test says, and a clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from zope.interface import implementer

from jimigw.delivery.letters import DeadLetters
from jimigw.delivery.reader import Reader
from jimigw.delivery.status import ReaderSettings
from jimigw.delivery.target import Done, Outcome
from jimigw.journal.interface import IJournal, JournalDamaged, Record, Records
from tests.support.recorder import RecordingJournal, RecordingStore

START = 1_780_000_000.0


@implementer(IJournal)
class MemoryJournal(RecordingJournal):
    """Records in memory. Reads are answered at once, or, with ``by_hand``, when the test says so.

    ``saved`` are the cursors that a crash leaves, ``damaged`` ranges that cannot be read.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.records: list[Record] = []
        self.places: dict[str, int] = {}
        self.saved: dict[str, int] = {}
        self.damaged: list[tuple[int, int]] = []
        self.by_hand = False
        self.asked: list[tuple[int, int, Collection[str] | None, Deferred[Records]]] = []
        self.reads = 0

    def put(self, *devices: str, kind: str = "position", size: int = 0) -> None:
        """Records of these devices are committed, together."""
        for device in devices:
            id = len(self.records) + 1
            data = b'{"device":"%s","n":%d%s}' % (device.encode(), id, b" " * size)
            at = int(self.clock.seconds() * 1e6)
            self.records.append(Record(id, device, "jimi", kind, at, b"raw", data))
        for listener in list(self.listeners):
            listener()

    def last_id(self) -> int:
        return len(self.records)

    def remove_listener(self, listener: Callable[[], None]) -> None:
        if listener in self.listeners:
            self.listeners.remove(listener)

    def read(self, after_id: int, limit: int, device: Any = None, kinds: Any = None) -> Deferred[Records]:
        self.reads += 1
        if not self.by_hand:
            return self._answer(after_id, limit, kinds)
        asked: Deferred[Records] = Deferred()
        self.asked.append((after_id, limit, kinds, asked))
        return asked

    def _answer(self, after_id: int, limit: int, kinds: Any) -> Deferred[Records]:
        end = len(self.records)
        for first, last in self.damaged:
            if first <= after_id + 1 <= last:
                return fail(JournalDamaged(first, last, "a test says so"))
            if first > after_id:
                end = min(end, first - 1)
        found = [each for each in self.records[after_id:end] if kinds is None or each.kind in kinds][:limit]
        return succeed(Records(found, found[-1].id if len(found) == limit else end))

    def answer_read(self, error: Exception | None = None) -> None:
        """The oldest read comes to its end."""
        after_id, limit, kinds, asked = self.asked.pop(0)
        if error is not None:
            asked.errback(error)
        else:
            self._answer(after_id, limit, kinds).chainDeferred(asked)

    def id_at(self, microseconds: int) -> Deferred[int]:
        return succeed(sum(record.received_at < microseconds for record in self.records))

    def set_cursor(self, reader: str, id: int) -> None:
        self.places[reader] = id

    def cursor(self, reader: str) -> Deferred[int | None]:
        return succeed(self.places.get(reader))

    def drop_cursor(self, reader: str) -> None:
        self.places.pop(reader, None)

    def cursors(self) -> Deferred[dict[str, int]]:
        return succeed(dict(self.places))


class Told:
    """A target that keeps what it is given until the test says what came of it; ``at_once`` says it by itself."""

    def __init__(self, batch: int = 3, lanes: int = 1, batch_bytes: int = 1 << 20) -> None:
        self.batch, self.lanes, self.batch_bytes = batch, lanes, batch_bytes
        self.kinds: frozenset[str] | None = None
        self.unwanted: set[str] = set()
        self.under_way: list[tuple[list[Record], Deferred[Any]]] = []
        self.given: list[list[int]] = []
        self.at_once: Callable[[Sequence[Record]], Any] | None = None
        self.closed = False
        self.closing: Deferred[None] | None = None

    def wants(self, record: Record) -> bool:
        return record.device not in self.unwanted

    def deliver(self, records: Sequence[Record]) -> Deferred[Outcome]:
        self.given.append([record.id for record in records])
        if self.at_once is not None:
            return succeed(self.at_once(records))
        delivering: Deferred[Any] = Deferred()
        entry = (list(records), delivering)
        self.under_way.append(entry)

        def over(result: Any) -> Any:
            self.under_way.remove(entry)
            return result

        return delivering.addBoth(over)

    def say(self, outcome: Any, at: int = 0) -> None:
        """This comes of a delivery, the oldest by default."""
        _, delivering = self.under_way[at]
        if isinstance(outcome, Exception):
            delivering.errback(outcome)
        else:
            delivering.callback(outcome)

    def close(self) -> Deferred[None]:
        self.closed = True
        return self.closing or succeed(None)


class Desk:
    """A reader with everything that moves it. What goes to the store is committed at once unless ``slow_store``."""

    def __init__(self, target: Told | None = None, name: str = "a", **settings: Any) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.journal, self.store = MemoryJournal(self.clock), RecordingStore()
        self.target = target or Told()
        self.name = name
        chosen: dict[str, Any] = {"start": "beginning", "interval": 0.0} | settings
        self.settings = ReaderSettings(**chosen)
        self.slow_store = False
        self.pauses: list[str | None] = []
        self.reader = self.new_reader()

    def new_reader(self) -> Reader:
        self.dead_letters = DeadLetters(self.store)
        return Reader(
            self.name,
            self.journal,
            self.dead_letters,
            self.target,
            self.clock,
            self.settings,
            on_paused=self.pauses.append,
            chance=lambda: 0.5,  # neither more nor less
        )

    def start(self, paused: str | None = None) -> Desk:
        self.reader.start(paused)
        return self

    def put(self, *devices: str, **facts: Any) -> None:
        self.journal.put(*devices, **facts)
        self.settle()

    def say(self, outcome: Any, at: int = 0) -> None:
        self.target.say(outcome, at)
        self.settle()

    def settle(self) -> None:
        """Let everything happen that needs no time to pass."""
        self.clock.advance(0)
        if not self.slow_store:
            self.store.commit()
        self.clock.advance(0)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.settle()

    @property
    def under_way(self) -> list[list[int]]:
        """The ids of the batches that are at the target now."""
        return [[record.id for record in records] for records, _ in self.target.under_way]

    @property
    def cursor(self) -> int | None:
        return self.journal.places.get(self.name)

    def letters(self) -> list[tuple[int, str]]:
        """The stored dead letters: record and reason."""
        return [(letter.record, letter.reason) for letter in self.store.letters]

    def all_done(self) -> None:
        """The target takes everything from now on."""
        self.target.at_once = lambda records: Done()
        while self.target.under_way:
            self.say(Done())
