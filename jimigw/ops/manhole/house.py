"""The service as operators see it: all that the manhole asks of the rest. Called in the reactor thread only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from jimigw.gateway.media.timeline import Timeline
from jimigw.journal.interface import IJournal
from jimigw.model.command import Command
from jimigw.model.device import Device
from jimigw.model.media import Media, MediaQuery


class Fleet(Protocol):
    """All terminals."""

    def search(self, pattern: str | None, online: bool | None) -> Sequence[Device]:
        """Those whose id, IMEI, phone, plate, name or model fits the pattern (``*``, ``?``); None takes all."""
        ...

    def find(self, name: str) -> Device | None:
        """The one with this id, IMEI, phone (in any spelling) or plate."""
        ...

    def __iter__(self) -> Iterator[Device]: ...

    def __len__(self) -> int: ...

    def online(self) -> int:
        """How many are on line."""
        ...


class Traffic(Protocol):
    """One frame on its way from ("up") or to ("down") a terminal. ``at`` is in seconds since 1970."""

    @property
    def at(self) -> float: ...

    @property
    def device(self) -> str: ...

    @property
    def direction(self) -> str: ...

    @property
    def raw(self) -> bytes: ...

    @property
    def kind(self) -> str | None: ...

    @property
    def message(self) -> dict[str, Any] | None: ...


class Tap(Protocol):
    """Somebody listens to traffic."""

    def close(self) -> None:
        """Listen no more."""
        ...


class Taps(Protocol):
    """Where traffic can be listened to."""

    def add(self, device_id: str | None, listener: Callable[[Any], None]) -> Tap:
        """Hear the traffic of one terminal, or of all."""
        ...


class Doings(Protocol):
    """What can be done to a terminal's connection and entry."""

    @property
    def taps(self) -> Taps: ...

    def disconnect(self, device_id: str, reason: str) -> bool:
        """Close its connection; False if it has none."""
        ...

    def forget(self, device_id: str) -> Deferred[None]:
        """Delete card and state."""
        ...


class Commands(Protocol):
    """The commands of the platform. A refusal has a ``code``; "confirm" and "unknown" are those to insist on."""

    def give_text(
        self,
        device_id: str,
        text: str,
        *,
        owner: str,
        purpose: str = "",
        ttl: float | None = None,
        confirm: bool = False,
        unknown: bool = False,
    ) -> Deferred[Command]: ...

    def give_message(
        self,
        device_id: str,
        message: dict[str, Any],
        *,
        owner: str,
        purpose: str = "",
        ttl: float | None = None,
        confirm: bool = False,
    ) -> Deferred[Command]: ...

    def wait(self, id: int, seconds: float) -> Deferred[Command]:
        """Fires when the command has ended or the time is up, with the command as it then is."""
        ...

    def cancel(self, id: int, who: str) -> Deferred[Command]: ...

    def onboard(self, device_id: str, owner: str, confirm: bool, **settings: Any) -> Deferred[list[str]]: ...

    def list(
        self, device: str | None = None, open: bool | None = None, limit: int = 100
    ) -> Deferred[list[Command]]: ...


class Files(Protocol):
    """Files of terminals, and what is recorded on their cards. A refusal has a ``code``."""

    def media(self, id: int) -> Deferred[Media]: ...

    def find(self, query: MediaQuery) -> Deferred[list[Media]]: ...

    def fetch(self, id: int, owner: str) -> Deferred[Media]:
        """Ask again for what is missing, failed or announced."""
        ...

    def protect(self, id: int, protected: bool) -> Deferred[Media]: ...

    def delete(self, id: int, who: str) -> Deferred[Media]: ...

    def clip(
        self, device: Device, time: float, cameras: Sequence[int], owner: str, seconds: int | None = None
    ) -> Deferred[list[Media]]:
        """Ask for what was recorded at this time, seconds since 1970."""
        ...

    def timeline(
        self, device: Device, since: float | None = None, until: float | None = None, camera: int | None = None
    ) -> Deferred[Timeline | None]:
        """None where it has sent no list."""
        ...

    def refresh_timeline(self, device: Device, owner: str) -> Deferred[Command]:
        """Ask for the list of recordings."""
        ...


class House(Protocol):
    """All of it."""

    @property
    def registry(self) -> Fleet: ...

    @property
    def gateway(self) -> Doings: ...

    @property
    def commands(self) -> Commands: ...

    @property
    def journal(self) -> IJournal: ...

    @property
    def uploads(self) -> Files: ...

    @property
    def data_path(self) -> Path: ...

    def describe(self, device: Device | None, traffic: Any) -> Sequence[str]:
        """A frame in lines for people."""
        ...

    def stats(self) -> Mapping[str, Mapping[str, Any]]:
        """Counters and gauges: section, name, value."""
        ...

    def limits(self) -> Mapping[str, Mapping[str, Any]]:
        """Limits: section, name, value."""
        ...

    def reload(self) -> Sequence[str]:
        """Read the config again: lines that say what changed, and what needs a restart."""
        ...

    def save_card(self, device: Device) -> Deferred[None]:
        """Store a terminal's card as it is now."""
        ...
