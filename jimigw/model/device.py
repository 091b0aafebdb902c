"""A terminal as the service knows it, whatever protocol it speaks."""

from __future__ import annotations

from typing import Any

import attrs

from .report import Alarm, Position


@attrs.define(eq=False)
class Card:
    """What people say of a terminal: who it is, and whether it is let in. It changes seldom, by import or by hand.

    ``id`` names the terminal in records, commands and the API, and never changes: its IMEI or phone number when it was
    entered. ``imei`` and ``phone`` (without leading zeros) are what it is recognised by beside its id; ``plate`` is the
    vehicle's registration number. ``zone`` is the time zone of the terminal's file names, minutes east of UTC.
    ``listed`` lets it in where only listed terminals are. ``revision`` grows with every change of any card.
    """

    id: str
    imei: str | None = None
    phone: str | None = None
    plate: str | None = None
    name: str | None = None
    zone: int | None = None
    listed: bool = False
    notes: str | None = None
    revision: int = 0


@attrs.define(eq=False)
class State:
    """What a terminal has shown of itself. Times are seconds since 1970, 0 for never.

    ``auth_code`` is the authentication code that the platform gave it, None where its code follows from the service's
    own secret. ``admitted`` is what the platform said of it last (True, False), None if it was never asked. ``left``
    says why it was last seen to go off line.
    """

    protocol: str = ""
    first_seen: float = 0.0
    last_seen: float = 0.0
    logins: int = 0
    model: str | None = None
    firmware: str | None = None
    iccid: str | None = None
    cameras: int | None = None
    told_plate: str | None = None
    auth_code: str | None = None
    admitted: bool | None = None
    address: str | None = None
    left: str | None = None
    left_at: float = 0.0
    ignition: bool | None = None
    position: Position | None = None
    alarm: Alarm | None = None
    alarm_at: float = 0.0


@attrs.define(eq=False)
class Device(State):
    """One terminal: its card, its state, and its live connection.

    ``link`` is None while it is off line; the counters beside it are of this connection, ``link_bytes`` of whole
    frames, ``link_errors`` of frames that could not be read. ``stale``: the store does not hold the state yet.
    """

    card: Card = attrs.field(kw_only=True)
    link: Any = None
    link_since: float = 0.0
    link_frames: int = 0
    link_bytes: int = 0
    link_errors: int = 0
    stale: bool = False

    @property
    def id(self) -> str:
        """What the terminal is called in records."""
        return self.card.id

    @property
    def online(self) -> bool:
        """Whether it has a live connection."""
        return self.link is not None

    @property
    def plate(self) -> str | None:
        """The vehicle's registration number: what people say, else what the terminal says."""
        return self.card.plate or self.told_plate
