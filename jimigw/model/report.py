"""What a terminal reports: the neutral reading of any protocol's messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import msgspec

#: The kinds of journal records. ``upload``: a file is stored, or 0x0801 brought one; ``alarm_complete``: all files of
#: an alarm are stored; ``file_missing``: one was given up; ``playlist``: the list of recordings on a terminal's card.
KINDS = (
    "position",
    "alarm",
    "heartbeat",
    "login",
    "logout",
    "command_result",
    "upload",
    "alarm_complete",
    "file_missing",
    "playlist",
    "status",
    "unknown",
)

#: A clock before this is unset or broken: no terminal that speaks these protocols' versions reported earlier.
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
#: How far ahead of the server a terminal's clock may run.
AHEAD = timedelta(hours=24)


class Position(msgspec.Struct, gc=False):  # made and written once a report: a third of what attrs and a dict cost
    """Where a vehicle was. What the message does not say is None.

    ``time`` is the terminal's own time of the fix, UTC, or, where the terminal's clock is plainly wrong, the time of
    receipt; ``time_source`` tells which. Degrees are negative in the south and the west, the course runs clockwise
    from north. ``replayed``: kept by the terminal while there was no link, and sent later.
    """

    time: datetime
    latitude: float
    longitude: float
    fix: bool | None = None
    speed_kmh: float | None = None
    course: int | None = None
    altitude_m: int | None = None
    satellites: int | None = None
    mileage_m: float | None = None
    ignition: bool | None = None
    replayed: bool | None = None
    time_source: str = "terminal"


def trusted_time(told: datetime | str | None, received: datetime) -> tuple[datetime, str]:
    """The time to believe and its source, "terminal" or "server".

    A terminal's time outside 2020 to a day from now, or none at all, is not believed.
    """
    # Nearly every time is before that of the receipt: no sum then.
    if isinstance(told, datetime) and told >= EARLIEST and (told <= received or told <= received + AHEAD):
        return told, "terminal"
    return received, "server"


@attrs.define
class Alarm:
    """An alarm as the protocol codes it, with its name where the document gives one."""

    code: int
    name: str | None


@attrs.define(eq=False)
class Ticket:
    """Tells whether a report is safe in the journal, without holding the report."""

    stored: bool = False

    def settle(self) -> None:
        """The report is safe now."""
        self.stored = True


@attrs.define(eq=False)
class Report:
    """One message of a terminal, read, ready for the journal.

    ``message`` is the exchange format (``header``, ``body``), ``raw`` the frame as it came, ``answer`` the bytes that
    the terminal gets once the report is stored, None if it gets none or had them already. ``device`` is filled in
    by the gateway, which alone knows whom a connection belongs to.
    """

    protocol: str
    kind: str
    message: dict[str, Any]
    raw: bytes
    received: datetime
    answer: bytes | None = None
    position: Position | None = None
    alarms: list[Alarm] | None = None
    identity: str = ""
    #: for who made the report and has to know whether it is safe in the journal
    ticket: Ticket | None = None
