"""What a session tells the edge to do. Sessions of all protocols speak these; a bare report says: store it, then send
its answer.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal

import attrs

from jimigw.model.report import Report


@attrs.define(eq=True)
class Send:
    """Send these bytes now; nothing has to be stored first."""

    data: bytes
    #: whose they are, where a connection may carry several terminals
    identity: str = ""


@attrs.define(eq=False)
class LoggedIn:
    """The terminal said who it is: ask whether it is known, bind the connection to it, store ``report``."""

    identity: str
    report: Report


#: what a terminal of JT/T 808 asks with 0x0100 and with 0x0102
QuestionKind = Literal["register", "authenticate"]


@attrs.define(eq=True)
class Ask:
    """Somebody else decides whether the terminal comes in: give the session's ``decided`` what they said.

    ``body`` is the terminal's message in the exchange format, ``phone`` the digits of its header, leading zeros
    included.
    """

    identity: str
    question: QuestionKind
    body: Mapping[str, Any]
    phone: str = ""


@attrs.define(eq=True)
class LoggedOut:
    """The terminal said good-bye; the connection may go on for others."""

    identity: str
    reason: str


@attrs.define(eq=True)
class CommandEnded:
    """A command of the platform has come to its end: ``outcome`` is answered, refused, failed, expired, lost (the link
    went before the answer came) or unsent (it went before the command was sent), ``reason`` a sentence for people,
    ``reply`` the body of the terminal's message that decided it, None if none did."""

    identity: str
    tag: Hashable
    outcome: str
    reason: str
    reply: Mapping[str, Any] | None = None


@attrs.define(eq=True)
class Close:
    """Close the connection, for this reason."""

    reason: str


Event = Send | LoggedIn | Ask | LoggedOut | CommandEnded | Report | Close
