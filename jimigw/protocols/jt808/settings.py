"""What a session is told, and what it counts."""

from __future__ import annotations

from datetime import timezone

import attrs

from .dialect import Dialect
from .messages.location import CHINA
from .rsa import PlatformKey


@attrs.frozen
class Settings:
    """What an operator decides about sessions. ``zone`` is that of the terminals' clocks, GMT+8 by the standard;
    ``key`` the platform's for encrypted bodies."""

    max_frame: int = 4096
    frame_timeout: float = 10.0
    max_junk: int = 1 << 16
    max_terminals: int = 1000
    dialect: Dialect = "document"
    zone: timezone = CHINA
    key: PlatformKey | None = None


@attrs.define
class SessionCounters:
    """What became of the frames of a session; ``held`` are those that came while an authentication was undecided."""

    reports: int = 0
    unreadable: int = 0
    unknown: int = 0
    before_login: int = 0
    held: int = 0
    bad_logins: int = 0
    parts: int = 0
    too_many_terminals: int = 0
