"""A record that a reader of the journal could not hand on."""

from __future__ import annotations

import attrs


@attrs.frozen
class DeadLetter:
    """What a reader set aside, and why; it is kept until people send it again or delete it.

    ``record`` is the id of a record of the journal, whose fields follow. Where records were damaged it is the first of
    them, ``through`` the last, and there is no ``data``. ``at`` is in seconds since 1970, ``received_at`` in
    microseconds. ``id`` is the letter's own, 0 until it is stored.
    """

    reader: str
    record: int
    through: int
    reason: str
    at: float
    device: str = ""
    protocol: str = ""
    kind: str = ""
    received_at: int = 0
    raw: bytes = b""
    data: bytes = b""
    id: int = 0
