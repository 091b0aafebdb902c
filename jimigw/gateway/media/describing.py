"""What is written down of a file that has come: by its name, its first bytes, and what was told with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jimigw.model.file_names import FileName, kind_of_content
from jimigw.model.media import Media, Tie
from jimigw.vault.interface import Whole

from .settings import Told, UploadRefused

LONGEST_NAME = 255
"""Characters of a file's name."""


def check(told: Told, incoming: Any) -> None:
    """Whether it is a file at all; in the vendor's words, where it has some."""
    if not told.name:
        raise UploadRefused("The filename cannot be empty", "wrong")
    if len(told.name) > LONGEST_NAME:
        raise UploadRefused(f"The filename has {len(told.name)} characters; right is up to {LONGEST_NAME}", "wrong")
    if not incoming.size:
        raise UploadRefused("The file content is empty", "wrong")


def describe(media: Media, told: Told, parsed: FileName, whole: Whole, taken: float, tie: Tie) -> None:
    """Write down what is known of a file that has come."""
    if media.name is None:
        media.name = told.name
    elif media.name != told.name:
        media.alias = told.name
    by_content = kind_of_content(whole.head)
    media.kind, media.mime = by_content or (parsed.kind, _MIME.get(parsed.extension, "application/octet-stream"))
    if by_content is None and parsed.kind == "other" and told.mime in _TRUSTED:
        media.mime = told.mime
    media.camera = next((each for each in (told.camera, parsed.camera, media.camera) if each is not None), None)
    media.event = parsed.event if parsed.event is not None else media.event
    media.flag = parsed.flag if parsed.flag is not None else media.flag
    # A clip that was cut for a moment begins when its own name says.
    media.taken = taken or media.taken
    media.size, media.md5, media.tie = whole.size, whole.md5, tie
    if told.source is not None:
        media.source = told.source
    details = dict(told.details)
    if told.instruction:
        details["instruction"] = told.instruction
    media.details = {**media.details, **details}


_TRUSTED = frozenset({"text/plain", "application/zip", "application/gzip"})
_MIME = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "mp4": "video/mp4", "ts": "video/mp2t",
    "h264": "video/h264", "h265": "video/h265", "wav": "audio/wav", "mp3": "audio/mpeg", "amr": "audio/amr",
    "txt": "text/plain", "log": "text/plain", "zip": "application/zip", "gz": "application/gzip",
}  # fmt: skip


def month_of(seconds: float) -> str:
    """The month, UTC, that usage is counted by."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m")
