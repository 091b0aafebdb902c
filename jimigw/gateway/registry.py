"""The one registry of all terminals, shared by all protocols."""

from __future__ import annotations

from collections.abc import Iterator

from jimigw.model.device import Card, Device


class Registry:
    """All terminals that were let in, by id."""

    def __init__(self) -> None:
        self._devices: dict[str, Device] = {}

    def enter(self, identity: str, protocol: str, now: float) -> Device:
        """The device with this identity; a new one if it was never heard of."""
        device = self._devices.get(identity)
        if device is None:
            device = self._devices[identity] = Device(protocol, now, now, card=Card(identity))
        return device

    def get(self, identity: str) -> Device | None:
        """The device with this id, or None."""
        return self._devices.get(identity)

    def online(self) -> int:
        """How many have a live connection."""
        return sum(device.link is not None for device in self._devices.values())

    def __len__(self) -> int:
        return len(self._devices)

    def __iter__(self) -> Iterator[Device]:
        return iter(self._devices.values())
