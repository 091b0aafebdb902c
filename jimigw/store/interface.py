"""What a store is: it keeps terminals, commands and what readers could not hand on over restarts.

Everything is called in the reactor thread. Writes go to disk in the order in which they were given, many in one
transaction, and each ``Deferred`` fires after the commit: what a caller was told is stored survives a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import attrs
from twisted.internet.defer import Deferred
from zope.interface import Interface

from jimigw.model.command import Command
from jimigw.model.dead_letter import DeadLetter
from jimigw.model.device import Card, Device, State
from jimigw.model.media import Media, MediaAlarm, MediaQuery, MediaRule, Playlist, Usage


class StoreError(Exception):
    """The store cannot be opened, read or written; the message is a sentence for the operator."""


class DeadLettersFull(StoreError):
    """A reader has as many dead letters as are kept; none of the new ones was stored."""


class MediaClash(StoreError):
    """Another file of the terminal has this name and variant."""


class StoreClosed(StoreError):
    """The store was asked for something after it was closed, or before it was started."""


@attrs.frozen
class Contents:
    """What a store held when it was opened: all terminals, off line, and the commands that have not ended, or whose end
    has not been told, by id."""

    devices: Sequence[Device]
    commands: Sequence[Command]


@attrs.frozen
class CardChanges:
    """What another program changed: cards that are new or different, and the ids of those that are gone."""

    cards: Sequence[Card]
    removed: Sequence[str]


class IStore(Interface):
    """The store of one service."""

    def start() -> Contents:
        """Open the store, make it or bring it to this version where needed, and read what it holds.

        :raises StoreError: a sentence that says why it cannot be used.
        """

    def close() -> Deferred[None]:
        """Write all that waits, then close. Never fails; a second call waits for the first."""

    def save_card(card: Card) -> Deferred[None]:
        """Enter a card or replace the one with its id; ``card.revision`` is set to the new one.

        Fails with :class:`StoreError` where another card has its IMEI or phone number, and where another program has
        changed this card and the listeners were not told yet: they are, before it fails.
        """

    def save_cards(cards: Sequence[Card]) -> Deferred[None]:
        """Enter or replace many cards, all of them or none; they may exchange IMEIs and phone numbers among each other.

        Otherwise as :meth:`save_card`.
        """

    def save_states(states: Collection[tuple[str, State]]) -> Deferred[None]:
        """Replace the states of these terminals (by id). A terminal without a card gets one in the same transaction,
        unless another program has removed it and the listeners were not told yet: it stays removed.

        The states are read before this returns: they may be changed while they wait for the disk.
        """

    def forget(id: str) -> Deferred[None]:
        """Delete a terminal, card and state; its commands stay. One that is not known is no error."""

    def next_command_id() -> int:
        """Give an id for a new command: never given before and never again, over restarts too.

        :raises StoreError: the disk has failed for so many ids that none is left which is known to be unused.
        """

    def save_command(command: Command) -> Deferred[None]:
        """Store a command as it is now, new or known."""

    def command(id: int) -> Deferred[Command | None]:
        """Return a command, or None for an id that is not known (any more)."""

    def commands(
        device: str | None = None, open: bool | None = None, before: int | None = None, limit: int = 100
    ) -> Deferred[list[Command]]:
        """Return up to ``limit`` (1 to 10,000) commands, the newest first, with an id below ``before``.

        ``device`` and ``open`` (True: not ended, False: ended) narrow the choice.
        """

    def prune_commands(before: float) -> Deferred[int]:
        """Delete the commands that ended before this time, and return how many there were."""

    def save_dead_letters(letters: Collection[DeadLetter], most: int) -> Deferred[int]:
        """Store what a reader of the journal could not hand on (one reader, at least one letter), and return how many
        letters it has then. A letter takes the place of an older one of the same record, and its id.

        Fails with :class:`DeadLettersFull` where it would have more than ``most``.
        """

    def dead_letters(reader: str | None = None, after: int = 0, limit: int = 100) -> Deferred[list[DeadLetter]]:
        """Return up to ``limit`` (1 to 1,000) dead letters with an id above ``after``, in order of their ids; of one
        reader, or of all. Fewer come also where they are long: there are no more when none comes."""

    def delete_dead_letters(reader: str | None = None, ids: Collection[int] | None = None) -> Deferred[int]:
        """Delete dead letters of one reader or of all, those with these ids or all; and return how many
        there were."""

    def dead_letter_counts() -> Deferred[dict[str, int]]:
        """Return how many dead letters each reader has; those without any are not named."""

    def save_pause(reader: str, reason: str | None) -> Deferred[None]:
        """Note that a reader of the journal is paused, and why; or, with None, that it is not."""

    def pauses() -> Deferred[dict[str, str]]:
        """Return which readers are paused, and why."""

    def save_media(media: Media, usage: Usage | None = None) -> Deferred[None]:
        """Store a file as it is now, new (its ``id`` is set then) or known; ``usage`` is added to what its terminal
        sent in that month, in the same transaction. A new one may be changed and given again before it has its id.

        Fails with :class:`MediaClash` where another file of the terminal has its name and variant.
        """

    def media(id: int) -> Deferred[Media | None]:
        """Return a file, or None."""

    def find_media(query: MediaQuery) -> Deferred[list[Media]]:
        """Return the files that are wanted, the newest ids first."""

    def unfinished_media() -> Deferred[list[Media]]:
        """Return the files that are still expected, and those whose last end is not told, by id."""

    def forget_media(id: int) -> Deferred[None]:
        """Delete what is known of a file. One that is not known is no error."""

    def media_sizes() -> Deferred[dict[str, int]]:
        """Return the bytes that the vault has of each terminal."""

    def media_keys() -> Deferred[frozenset[str]]:
        """Return the keys of all files that the vault has to have."""

    def oldest_media(before: float, limit: int = 100, device: str | None = None) -> Deferred[list[Media]]:
        """Return stored files that are not protected and were stored before this time, the oldest first; up to
        ``limit`` (1 to 1,000), of one terminal or of all."""

    def prune_media(before: float) -> Deferred[int]:
        """Delete what is known of files without content that were given up or deleted, and were announced and stored
        before this time, of alarms without files that are older, and usage of months before it; and return how many
        files there were. What is not told stays. Each transaction deletes a part."""

    def save_media_alarm(alarm: MediaAlarm) -> Deferred[None]:
        """Store an alarm as it is now, new (its ``id`` is set then) or known. One of the same terminal, record, code
        and identity is not new: its id is taken. What is stored of it stays then, and what the new one knows beside
        that is added; the new one is brought to the same, but for what was changed in it since it was given."""

    def media_alarm(id: int | None = None, number: str | None = None) -> Deferred[MediaAlarm | None]:
        """Return an alarm by its id, or by the number under which its attachments were asked for."""

    def media_alarms(
        device: str | None = None,
        since: float | None = None,
        until: float | None = None,
        complete: bool | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Deferred[list[MediaAlarm]]:
        """Return alarms, the newest ids first: of a terminal, of a time (``until`` is exclusive), with all their files
        or not; up to ``limit`` (1 to 1,000) with an id below ``before``."""

    def untold_media_alarms() -> Deferred[list[MediaAlarm]]:
        """Return the complete alarms that are not told, by id."""

    def save_playlist(playlist: Playlist) -> Deferred[None]:
        """Keep the list of a terminal's recordings in the place of an older one."""

    def playlist(device: str) -> Deferred[Playlist | None]:
        """Return the list of a terminal's recordings, or None."""

    def usage(device: str, month: str) -> Deferred[Usage]:
        """Return what a terminal sent in a month; zeros where it sent nothing."""

    def usages(device: str, limit: int = 24) -> Deferred[list[Usage]]:
        """Return what a terminal sent, the newest months first."""

    def save_media_rule(rule: MediaRule) -> Deferred[None]:
        """Keep what holds for a terminal's files."""

    def media_rules() -> Deferred[list[MediaRule]]:
        """Return what holds for the files of all terminals for which something was said or learned."""

    def on_cards_changed(listener: Callable[[CardChanges], None]) -> None:
        """Call ``listener``, in the reactor thread, within two seconds after another program changed cards."""

    def last_error() -> str | None:
        """Return why the last transaction failed, None if it did not. A single write that was refused is none."""
