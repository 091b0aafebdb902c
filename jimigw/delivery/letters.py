"""Dead letters: what readers could not hand on, kept in the store until people send it again or delete it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import attrs
from twisted.internet.defer import Deferred, succeed

from jimigw.journal.interface import Record
from jimigw.model.dead_letter import DeadLetter
from jimigw.store.interface import IStore

from .target import Done, Never, Target

_PAGE = 500


@attrs.frozen
class SentAgain:
    """What became of dead letters that were sent again: ``sent`` arrived and are deleted, ``refused`` were refused
    again, ``left`` could not be tried. ``why`` they could not, if any."""

    sent: int = 0
    refused: int = 0
    left: int = 0
    why: str | None = None


def letter_of(reader: str, record: Record, reason: str, at: float) -> DeadLetter:
    """The letter for a record."""
    return DeadLetter(
        reader,
        record.id,
        record.id,
        reason,
        at,
        record.device,
        record.protocol,
        record.kind,
        record.received_at,
        record.raw,
        record.data,
    )


def record_of(letter: DeadLetter) -> Record:
    """The record of a letter that has one."""
    return Record(
        letter.record,
        letter.device,
        letter.protocol,
        letter.kind,
        letter.received_at,
        letter.raw,
        letter.data,
    )


class DeadLetters:
    """The dead letters of all readers. ``counts`` says how many each one has, once :meth:`load` is over."""

    def __init__(self, store: IStore) -> None:
        self._store = store
        self.counts: dict[str, int] = {}

    def load(self) -> Deferred[None]:
        """Count what the store has."""
        return self._store.dead_letter_counts().addCallback(self._counted)

    def _counted(self, counts: dict[str, int]) -> None:
        self.counts = counts

    def add(self, letters: Sequence[DeadLetter], most: int) -> Deferred[None]:
        """Store letters of one reader; fails as :meth:`IStore.save_dead_letters` does."""
        reader = letters[0].reader

        def stored(count: int) -> None:
            self.counts[reader] = count

        return self._store.save_dead_letters(letters, most).addCallback(stored)

    def page(self, reader: str | None = None, after: int = 0, limit: int = 100) -> Deferred[list[DeadLetter]]:
        """Letters with an id above ``after``, in order of their ids; see :meth:`IStore.dead_letters`."""
        return self._store.dead_letters(reader, after, limit)

    def delete(self, reader: str | None = None, ids: Collection[int] | None = None) -> Deferred[int]:
        """Delete letters, and return how many there were; see :meth:`IStore.delete_dead_letters`."""

        def recount(deleted: int) -> Deferred[int]:
            return self.load().addCallback(lambda _: deleted)

        return self._store.delete_dead_letters(reader, ids).addCallback(recount)

    def send_again(self, reader: str, target: Target, at: float, ids: Collection[int] | None) -> Deferred[SentAgain]:
        """Give letters of this reader to its target once more, those with these ids or all, the oldest first.

        What arrives is deleted. The first failure that is no refusal ends it. Fails with :class:`StoreError`.
        """
        return Deferred.fromCoroutine(self._send_again(reader, target, at, ids))

    async def _send_again(self, reader: str, target: Target, at: float, ids: Collection[int] | None) -> SentAgain:
        total = SentAgain()
        after = 0
        wanted = None if ids is None else frozenset(ids)
        while letters := await self._chosen(reader, after, wanted):
            after = letters[-1].id
            for batch in _batches(letters, target):
                step = await self._send_batch(reader, target, at, batch)
                total = SentAgain(
                    total.sent + step.sent, total.refused + step.refused, total.left + step.left, step.why or total.why
                )
                if step.why is not None:
                    return total
            total = attrs.evolve(total, left=total.left + sum(not letter.data for letter in letters))
        return total

    def _chosen(self, reader: str, after: int, wanted: frozenset[int] | None) -> Deferred[list[DeadLetter]]:
        if wanted is None:
            return self._store.dead_letters(reader, after, _PAGE)
        following = min((id for id in wanted if id > after), default=None)
        if following is None:
            return succeed([])

        def chosen(found: list[DeadLetter]) -> list[DeadLetter] | Deferred[list[DeadLetter]]:
            letters = [letter for letter in found if letter.id in wanted]
            # None of the page is meant, or it is empty: on behind it.
            return letters if letters or not found else self._chosen(reader, found[-1].id, wanted)

        return self._store.dead_letters(reader, following - 1, _PAGE).addCallback(chosen)

    async def _send_batch(self, reader: str, target: Target, at: float, batch: list[DeadLetter]) -> SentAgain:
        outcome = await target.deliver([record_of(letter) for letter in batch])
        refused: list[DeadLetter] = []
        if isinstance(outcome, Never):
            refused = [
                attrs.evolve(letter, reason=outcome.reasons[letter.record], at=at)
                for letter in batch
                if letter.record in outcome.reasons
            ]
        elif not isinstance(outcome, Done):
            return SentAgain(left=len(batch), why=outcome.reason)
        again = {letter.id for letter in refused}
        await self.delete(reader, [letter.id for letter in batch if letter.id not in again])
        if refused:
            await self.add(refused, 1 << 62)
        return SentAgain(len(batch) - len(refused), len(refused))


def _batches(letters: Sequence[DeadLetter], target: Target) -> Iterator[list[DeadLetter]]:
    """What can be sent of these letters, in batches as the target takes them."""
    batch: list[DeadLetter] = []
    size = 0
    for letter in letters:
        if not letter.data:
            continue
        if batch and (len(batch) == target.batch or size + len(letter.data) > target.batch_bytes):
            yield batch
            batch, size = [], 0
        batch.append(letter)
        size += len(letter.data)
    if batch:
        yield batch
