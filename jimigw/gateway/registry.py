"""The one registry of all terminals, shared by all protocols.

It lives in memory and is read back from the store at the start. Cards are stored before a change of them is told;
states follow within seconds (:meth:`Registry.flush`), since the journal has every report that they are made of.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from jimigw.model.device import Card, Device
from jimigw.store.interface import CardChanges, Contents, IStore

FLUSH_AT_ONCE = 2000
"""States that are handed to the store at once: making their rows takes the reactor a few milliseconds."""


def plain(name: str) -> str:
    """A name as people type it, as the registry keeps it: without spaces and hyphens, a plus, and leading zeros."""
    kept = name.strip().replace(" ", "").replace("-", "").removeprefix("+")
    return kept.lstrip("0") or kept[-1:]


class Registry:
    """All terminals that were ever let in or entered, by id, IMEI and phone number."""

    _log = Logger()

    def __init__(self, store: IStore | None = None) -> None:
        self._store = store
        self._devices: dict[str, Device] = {}
        #: IMEI or phone number -> terminal, where that is not its id
        self._aliases: dict[str, Device] = {}
        self._stale: dict[str, Device] = {}
        self._flushing: Deferred[None] | None = None
        #: called with a terminal that people took out of the registry
        self.on_removed: Callable[[Device], None] = lambda device: None
        #: called with a terminal whose card people changed
        self.on_changed: Callable[[Device], None] = lambda device: None

    # -- finding ------------------------------------------------------------------------------------------------------

    def get(self, identity: str) -> Device | None:
        """The terminal with this id, IMEI or phone number as its protocol has it, or None."""
        return self._devices.get(identity) or self._aliases.get(identity)

    def find(self, name: str) -> Device | None:
        """The terminal that people mean: its id, IMEI, phone number in any spelling, or plate. None if there is none,
        or if two vehicles have this plate."""
        kept = plain(name)
        found = self.get(name) or self.get(kept)
        if found is None and kept:
            plated = [device for device in self._devices.values() if device.plate and plain(device.plate) == kept]
            found = plated[0] if len(plated) == 1 else None
        return found

    def search(self, pattern: str | None = None, online: bool | None = None) -> list[Device]:
        """The terminals that match a pattern of ``*``, ``?`` and ``[]``, by id: tried on id, IMEI, phone number,
        plate, name and model, whatever the case. None and "" match all."""
        wanted = pattern.casefold() if pattern else None
        found = []
        for device in self._devices.values():
            if online is not None and device.online is not online:
                continue
            if wanted is None or any(
                text and fnmatch.fnmatchcase(text.casefold(), wanted) for text in _names_of(device)
            ):
                found.append(device)
        return sorted(found, key=lambda device: device.id)

    def online(self) -> int:
        """How many have a live connection."""
        return sum(device.link is not None for device in self._devices.values())

    def __len__(self) -> int:
        return len(self._devices)

    def __iter__(self) -> Iterator[Device]:
        return iter(self._devices.values())

    # -- entering and changing ----------------------------------------------------------------------------------------

    def restore(self, contents: Contents) -> None:
        """Take what the store held."""
        for device in contents.devices:
            self._devices[device.id] = device
            self._index(device)

    def enter(self, identity: str, protocol: str, now: float) -> Device:
        """The terminal with this identity; a new one if it was never heard of."""
        device = self.get(identity)
        if device is None:
            device = self._devices[identity] = Device(protocol, now, now, card=Card(identity))
        elif not device.first_seen:
            device.first_seen = now
        self.touch(device)
        return device

    def touch(self, device: Device) -> None:
        """Its state has changed and wants to be stored."""
        # One that was taken out must not come back through its last words.
        if not device.stale and self._devices.get(device.id) is device:
            device.stale = True
            self._stale[device.id] = device

    def save_card(self, device: Device) -> Deferred[None]:
        """Store what people changed on a card; fires after the commit."""
        return succeed(None) if self._store is None else self._store.save_card(device.card)

    def change_cards(self, cards: Sequence[Card]) -> Deferred[None]:
        """Store new cards and changed ones, all of them or none, and take them over; fires after the commit.

        Nothing here changes before the store has them, or where it does not take them.
        """
        cards = tuple(cards)
        saving = succeed(None) if self._store is None else self._store.save_cards(cards)
        return saving.addCallback(lambda _: self.cards_changed(CardChanges(cards, ())))

    def forget(self, device: Device) -> Deferred[None]:
        """Take a terminal out, here and in the store. If it is let in again it is a new one."""
        self._take_out(device)
        return succeed(None) if self._store is None else self._store.forget(device.id)

    def cards_changed(self, changes: CardChanges) -> None:
        """Take what is new in the store: another program changed it, or :meth:`change_cards`."""
        for id in changes.removed:
            device = self._devices.get(id)
            if device is not None:
                self._take_out(device)
                self.on_removed(device)
        # They may exchange names among each other: all old ones go before the first new one comes.
        for card in changes.cards:
            device = self._devices.get(card.id)
            if device is not None:
                self._unindex(device)
        for card in changes.cards:
            device = self._devices.get(card.id)
            if device is None:
                device = self._devices[card.id] = Device(card=card)
            else:
                device.card = card
            self._index(device)
            self.on_changed(device)

    def _take_out(self, device: Device) -> None:
        self._devices.pop(device.id, None)
        self._stale.pop(device.id, None)
        self._unindex(device)

    def _index(self, device: Device) -> None:
        for name in (device.card.imei, device.card.phone):
            if name is not None and name != device.id:
                self._aliases[name] = device

    def _unindex(self, device: Device) -> None:
        for name in (device.card.imei, device.card.phone):
            if name is not None and self._aliases.get(name) is device:
                del self._aliases[name]

    # -- storing ------------------------------------------------------------------------------------------------------

    def flush(self) -> Deferred[None]:
        """Store the states that changed, some thousands at most; fires after the commit, with or without success.

        What could not be stored is tried again the next time.
        """
        if self._store is None or not self._stale:
            return succeed(None)
        if self._flushing is not None:
            return self._flushing
        batch = list(islice(self._stale.values(), FLUSH_AT_ONCE))
        for device in batch:
            del self._stale[device.id]
            device.stale = False
        done: Deferred[None] = Deferred()
        self._flushing = done

        def settle(result: object) -> None:
            self._flushing = None
            if result is not None:
                self._log.error(
                    "the states of {count} terminals could not be stored: {error}", count=len(batch), error=result
                )
                self._touch_again(batch)
            done.callback(None)

        saving = self._store.save_states([(device.id, device) for device in batch])
        saving.addCallbacks(lambda _: settle(None), lambda failure: settle(failure.getErrorMessage()))
        return done

    def store_now(self, device: Device) -> None:
        """Store the state of this terminal at once; what fails is tried again with the others."""
        self.touch(device)
        if self._store is not None and self._stale.pop(device.id, None) is not None:
            device.stale = False
            saving = self._store.save_states([(device.id, device)])
            saving.addErrback(lambda _: self.touch(device))

    def flush_all(self) -> Deferred[None]:
        """Store all states that changed: at the end of the service. States that cannot be stored are given up."""
        if self._store is None:
            return succeed(None)
        waiting = self._flushing or succeed(None)

        def rest(_: object) -> Deferred[None]:
            batch, self._stale = list(self._stale.values()), {}
            assert self._store is not None
            saving = self._store.save_states([(device.id, device) for device in batch]) if batch else succeed(None)
            saving.addErrback(
                lambda failure: self._log.error(
                    "the states of {count} terminals are lost: {error}",
                    count=len(batch),
                    error=failure.getErrorMessage(),
                )
            )
            return saving

        after: Deferred[None] = Deferred()
        waiting.addBoth(rest).addBoth(lambda _: after.callback(None))
        return after

    def _touch_again(self, devices: Iterable[Device]) -> None:
        for device in devices:
            self.touch(device)

    @property
    def stale(self) -> int:
        """How many terminals have a state that is not stored yet."""
        return len(self._stale)


def _names_of(device: Device) -> Iterator[str | None]:
    card = device.card
    yield from (card.id, card.imei, card.phone, device.plate, card.name, device.model)
