"""Neighbours that write down what they are asked, for tests of one room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from jimigw.gateway.command_queue import Unsendable
from jimigw.journal.interface import Entry, IJournal
from jimigw.model.command import Command
from jimigw.model.dead_letter import DeadLetter
from jimigw.model.device import Card, State
from jimigw.store.interface import CardChanges, Contents, DeadLettersFull, IStore, StoreError
from tests.support.media_recorder import RecordedMedia


@implementer(IJournal)
class RecordingJournal:
    """A journal that keeps entries until the test commits them, or refuses them."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.committed: list[Entry] = []
        self.listeners: list[Callable[[], None]] = []
        self.taking = True

    def append(self, entry: Entry) -> bool:
        if self.taking:
            self.entries.append(entry)
        return self.taking

    def commit(self) -> None:
        """All that waits is safe now."""
        entries, self.entries = self.entries, []
        for entry in entries:
            self.committed.append(entry)
            if entry.done is not None:
                entry.done(entry)
        for listener in self.listeners:
            listener()

    def add_listener(self, listener: Callable[[], None]) -> None:
        self.listeners.append(listener)

    def kinds(self) -> list[str]:
        """The kinds of all entries, committed or not, in order."""
        return [entry.kind for entry in [*self.committed, *self.entries]]

    def start(self) -> None: ...

    def close(self) -> Any: ...

    def remove_listener(self, listener: Callable[[], None]) -> None: ...

    def last_id(self) -> int:
        return len(self.committed)

    def read(self, after_id: int, limit: int, device: Any = None, kinds: Any = None) -> Any: ...

    def newest(self, limit: int, device: Any = None, kinds: Any = None, before_id: Any = None) -> Any: ...

    def id_at(self, microseconds: int) -> Any: ...

    def set_cursor(self, reader: str, id: int) -> None: ...

    def cursor(self, reader: str) -> Any: ...

    def drop_cursor(self, reader: str) -> None: ...

    def cursors(self) -> Any: ...

    def stats(self) -> Any: ...


class RecordingLink:
    """A connection that writes down what is sent and why it was closed."""

    def __init__(self, address: str = "192.0.2.1:4000", window: int = 1) -> None:
        self.window = window
        self.given: list[tuple[int, str | Mapping[str, Any]]] = []
        self.cancelled: list[int] = []
        self.unsendable: str | None = None
        self.device: Any = None
        self.answers = b""
        self.address = address
        self.sent: list[bytes] = []
        self.closed: list[str] = []

    @property
    def alive(self) -> bool:
        return not self.closed

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def disconnect(self, reason: str) -> None:
        self.closed.append(reason)

    def command(self, tag: int, content: str | Mapping[str, Any], ttl: float) -> None:
        if self.unsendable is not None:
            raise Unsendable(self.unsendable)
        self.given.append((tag, content))

    def cancel(self, tag: int) -> None:
        self.cancelled.append(tag)


@implementer(IStore)
class RecordingStore(RecordedMedia):
    """A store in memory that commits when the test says so. A crash loses what was not committed."""

    def __init__(self) -> None:
        super().__init__()
        self.commands_: dict[int, Command] = {}
        self.states: dict[str, State] = {}
        self.cards: dict[str, Card] = {}
        self.forgotten: list[str] = []
        self.waiting: list[tuple[Callable[[], Any], Deferred[Any]]] = []
        self.failing = False
        self.next_id = 0
        self.history: list[tuple[int, str]] = []
        self.letters: list[DeadLetter] = []
        self.letter_ids = 0
        self.paused: dict[str, str] = {}

    def _later(self, act: Callable[[], Any]) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.waiting.append((act, done))
        return done

    def commit(self) -> None:
        """Everything that was given is safe now, or has failed; also what follows from it."""
        while self.waiting:
            waiting, self.waiting = self.waiting, []
            for act, done in waiting:
                if self.failing:
                    done.errback(StoreError("The disk is full."))
                else:
                    done.callback(act())

    def crash(self) -> None:
        """Forget what was not committed."""
        self.waiting.clear()

    def save_command(self, command: Command) -> Deferred[None]:
        copy = attrs.evolve(command)

        def act() -> None:
            self.commands_[copy.id] = copy
            self.history.append((copy.id, str(copy.state)))

        return self._later(act)

    def command(self, id: int) -> Deferred[Command | None]:
        return self._later(lambda: self.commands_.get(id))

    def commands(
        self, device: str | None = None, open: bool | None = None, before: int | None = None, limit: int = 100
    ) -> Deferred[list[Command]]:
        def act() -> list[Command]:
            found = [
                command
                for command in self.commands_.values()
                if (device is None or command.device == device)
                and (open is None or command.state.ended is not open)
                and (before is None or command.id < before)
            ]
            return sorted(found, key=lambda command: -command.id)[:limit]

        return self._later(act)

    def next_command_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def open_commands(self) -> list[Command]:
        """What a service finds when it starts."""
        return [attrs.evolve(command) for command in self.commands_.values() if not command.told]

    def save_states(self, states: Collection[tuple[str, State]]) -> Deferred[None]:
        kept = [(id, attrs.evolve(state)) for id, state in states]
        return self._later(lambda: self.states.update(kept))

    def save_cards(self, cards: Sequence[Card]) -> Deferred[None]:
        return self._later(lambda: self.cards.update({card.id: card for card in cards}))

    def save_card(self, card: Card) -> Deferred[None]:
        copy = attrs.evolve(card)
        return self._later(lambda: self.cards.__setitem__(copy.id, copy))

    def forget(self, id: str) -> Deferred[None]:
        return self._later(lambda: self.forgotten.append(id))

    def start(self) -> Contents:
        return Contents([], self.open_commands())

    def close(self) -> Any: ...

    def save_dead_letters(self, letters: Collection[DeadLetter], most: int) -> Deferred[int]:
        return self._later(lambda: self._keep(list(letters), most))

    def _keep(self, letters: list[DeadLetter], most: int) -> Any:
        new = {each.record for each in letters}
        ids = {each.record: each.id for each in self.letters if each.reader == letters[0].reader}
        if len(new | set(ids)) > most:
            return Failure(DeadLettersFull(f"There is no room: {most} are kept."))
        for each in letters:
            if each.record not in ids:
                self.letter_ids += 1
            kept = attrs.evolve(each, id=ids.get(each.record, self.letter_ids))
            self.letters = sorted([old for old in self.letters if old.id != kept.id] + [kept], key=lambda old: old.id)
        return len(new | set(ids))

    def dead_letters(self, reader: str | None = None, after: int = 0, limit: int = 100) -> Deferred[list[DeadLetter]]:
        return self._later(
            lambda: [each for each in self.letters if reader in (None, each.reader) and each.id > after][:limit]
        )

    def delete_dead_letters(self, reader: str | None = None, ids: Collection[int] | None = None) -> Deferred[int]:
        def act() -> int:
            left = [
                each for each in self.letters if not (reader in (None, each.reader) and (ids is None or each.id in ids))
            ]
            self.letters, older = left, self.letters
            return len(older) - len(left)

        return self._later(act)

    def dead_letter_counts(self) -> Deferred[dict[str, int]]:
        return self._later(lambda: dict(Counter(each.reader for each in self.letters)))

    def save_pause(self, reader: str, reason: str | None) -> Deferred[None]:
        def act() -> None:
            self.paused.pop(reader, None)
            if reason is not None:
                self.paused[reader] = reason

        return self._later(act)

    def pauses(self) -> Deferred[dict[str, str]]:
        return self._later(lambda: dict(self.paused))

    def prune_commands(self, before: float) -> Any: ...

    def on_cards_changed(self, listener: Callable[[CardChanges], None]) -> None: ...

    def last_error(self) -> str | None: ...
