"""What holds for files of terminals, by the config; and how something is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jimigw.model.media import Source


@attrs.frozen
class UploadSettings:
    """Bytes, seconds and counts; 0 is no limit where :mod:`jimigw.ops.config_uploads` says so. ``budget`` bytes a month
    may be asked for. ``fetch``: whether what is missing is asked for by itself, of the alarms with these codes (none
    named: all), ``after`` seconds after it was announced; each try has ``wait`` seconds, each way ``attempts`` tries.
    ``attachment_host`` and ``attachment_port`` are where JT/T 808 terminals bring attachments; ``ask`` whether they are
    asked to at once. ``jt808_zone`` is that of the clocks of JT/T 808 terminals, hours east of UTC."""

    who: str = "known"
    public_url: str = ""
    max_bytes: int = 512 << 20
    max_transfers: int = 1000
    max_transfers_per_device: int = 4
    max_files_per_hour: int = 600
    max_device_bytes: int = 0
    max_total_bytes: int = 0
    min_free_bytes: int = 0
    retention_days: float = 30.0
    link_seconds: float = 604_800.0
    fetch: bool = False
    fetch_alarms: frozenset[int] = frozenset()
    fetch_after: float = 300.0
    fetch_wait: float = 180.0
    fetch_attempts: int = 2
    budget: int = 0
    attachment_host: str = ""
    attachment_port: int = 21_188
    ask: bool = True
    jt808_zone: float = 8.0


class UploadRefused(Exception):
    """A file is not taken, or something asked of files cannot be done; the message is a sentence without a full stop.

    ``code`` is ``unknown`` (no such terminal, or one that may not upload), ``wrong`` (what was sent or asked for),
    ``limit`` (too large, too many, a quota or a budget), ``room`` (no room where files are kept), ``failed`` (a fault
    of ours) or ``gone`` (there is no such file). ``retry_after``: seconds after which it may go well.
    """

    def __init__(self, message: str, code: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code, self.retry_after = code, retry_after


@attrs.frozen
class Told:
    """What was said of a file beside its bytes. What is not known is empty, or None.

    ``name`` is what the terminal calls it. ``mime`` is claimed, and not believed. ``instruction`` is what asked for it:
    the server flag (6.3), or the label of an alarm (JT/T). ``source``, ``alarm`` (the id of a
    :class:`~jimigw.model.media.MediaAlarm`), ``camera`` and ``taken`` are there where they are known for sure.
    ``details`` is what else came with it, kept as it is.
    """

    name: str
    mime: str = ""
    instruction: str = ""
    source: Source | None = None
    alarm: int | None = None
    camera: int | None = None
    taken: float = 0.0
    details: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.define
class UploadCounters:
    """What became of files since the start."""

    begun: int = 0
    stored: int = 0
    stored_bytes: int = 0
    repeated: int = 0
    aborted: int = 0
    refused: dict[str, int] = attrs.field(factory=dict)
    announced: int = 0
    asked: int = 0
    missing: int = 0
    failed: int = 0
    deleted: int = 0
    complete: int = 0
    playlists: int = 0
    untold: int = 0

    def refuse(self, code: str) -> None:
        """One more of this code."""
        self.refused[code] = self.refused.get(code, 0) + 1
